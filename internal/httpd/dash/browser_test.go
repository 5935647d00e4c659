package dash_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"
)

// browser is somebody's browser. It does not follow redirects by itself.
type browser struct {
	h   *house
	web *http.Client
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	h.must(err)
	return &browser{h, &http.Client{
		Jar: jar, Transport: h.web.Client().Transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// signIn adds the person and gives their browser, signed in; nobody's is not.
func (h *house) signIn(name string) *browser {
	h.t.Helper()
	if name == nobody {
		return h.browser()
	}
	h.addPerson(name)
	return h.signInAgain(name)
}

func (h *house) signInAgain(name string) *browser {
	h.t.Helper()
	b := h.browser()
	if got := b.post("/sign-in", "email", name+"@school.example", "password", password); got.status != http.StatusSeeOther {
		h.t.Fatalf("%s cannot sign in: %d %s", name, got.status, got.body)
	}
	return b
}

// answer is what a browser got.
type answer struct {
	status int
	body   string
	header http.Header
}

func (b *browser) get(path string) answer {
	b.h.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form ...string) answer {
	b.h.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	return b.do(http.MethodPost, path, v)
}

func (b *browser) do(method, path string, form url.Values, header ...string) answer {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), method, b.h.web.URL+path, strings.NewReader(form.Encode()))
	b.h.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.web.Do(r)
	b.h.must(err)
	defer res.Body.Close() //nolint:errcheck // read whole
	var body []byte
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") && method == http.MethodGet {
		body = []byte(newEvents(res.Body).next(b.h.t))
	} else {
		body, err = io.ReadAll(res.Body)
		b.h.must(err)
	}
	return answer{res.StatusCode, string(body), res.Header}
}

// cookie is the session's token as the browser holds it.
func (b *browser) cookie() *http.Cookie {
	b.h.t.Helper()
	u, err := url.Parse(b.h.web.URL)
	b.h.must(err)
	for _, c := range b.web.Jar.Cookies(u) {
		if c.Name == "holdfast" {
			return c
		}
	}
	return nil
}

func (b *browser) setCookie(c *http.Cookie) {
	b.h.t.Helper()
	u, err := url.Parse(b.h.web.URL)
	b.h.must(err)
	b.web.Jar.SetCookies(u, []*http.Cookie{c})
}

// bell is what wakes streams in tests.
type bell struct {
	mu    sync.Mutex
	ears  map[chan struct{}]bool
	heard chan struct{} // told of each subscription
}

func newBell() *bell { return &bell{ears: map[chan struct{}]bool{}, heard: make(chan struct{}, 1000)} }

func (b *bell) Subscribe() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ears[ch] = true
	b.heard <- struct{}{}
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ch)
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.ears {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// close closes every channel, as a hub that wakes once does.
func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.ears {
		close(ch)
		delete(b.ears, ch)
	}
}

func (b *bell) listeners() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ears)
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
