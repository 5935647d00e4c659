package mw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/clock"
	"holdfast/internal/httpd/mw"
)

func serve(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(t *testing.T, path string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
}

func TestRequestID_IsFreshAndNeverTheCallers(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	h := mw.RequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, mw.ID(r.Context()))
	}))
	for range 100 {
		r := get(t, "/")
		r.Header.Set("X-Request-Id", "forged\ninto the log")
		w := serve(t, h, r)
		if id := w.Body.String(); len(id) < 20 || seen[id] || id != w.Header().Get("X-Request-Id") {
			t.Fatalf("the id is %q, the header %q", id, w.Header().Get("X-Request-Id"))
		}
		seen[w.Body.String()] = true
	}
	if mw.ID(t.Context()) != "" {
		t.Error("there is an id outside a request")
	}
}

func TestAccessLog_WritesTheRouteAndNotTheAddress(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := mw.Logger(slog.New(slog.NewTextHandler(&b, nil)))
	r := chi.NewRouter()
	r.Use(mw.RequestID, mw.AccessLog(log, clock.System{}))
	r.Get("/people/{name}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	w := serve(t, r, get(t, "/people/anna@school.example?token=abc"))
	line := b.String()
	if !strings.Contains(line, "route=/people/{name} status=418") || !strings.Contains(line, "request="+w.Header().Get("X-Request-Id")) {
		t.Errorf("the line is %q", line)
	}
	if strings.Contains(line, "anna") || strings.Contains(line, "abc") {
		t.Errorf("the line holds the address: %q", line)
	}
}

func TestRecover_AnswersAPanicOnceAndCutsAHalfAnswer(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	calm := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "calm")
	}
	wrap := mw.Recover(slog.New(slog.NewTextHandler(&b, nil)), calm)
	web := httptest.NewServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic(errors.New("broken part"))
	})))
	defer web.Close()
	fetch := func(path string) (int, string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
		if err != nil {
			return 0, "", err
		}
		res, err := web.Client().Do(r)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close() //nolint:errcheck // read whole
		body, err := io.ReadAll(res.Body)
		return res.StatusCode, string(body), err
	}
	if code, body, err := fetch("/"); err != nil || code != http.StatusInternalServerError || body != "calm" {
		t.Errorf("%d %q %v", code, body, err)
	}
	if !strings.Contains(b.String(), "broken part") || !strings.Contains(b.String(), "mw_test.go") {
		t.Errorf("the log lacks the panic or its place: %s", b.String())
	}
	for _, path := range []string{"/half", "/abort"} {
		if _, body, err := fetch(path); err == nil {
			t.Errorf("%s looks whole: %d bytes", path, len(body))
		}
	}
}

func TestBody_RefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	h := mw.Body(10)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		_, _ = fmt.Fprint(w, errors.As(err, &tooLarge))
	}))
	for body, want := range map[string]string{"0123456789": "false", "0123456789a": "true"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		if got := serve(t, h, r).Body.String(); got != want {
			t.Errorf("%d bytes: too large is %s, want %s", len(body), got, want)
		}
	}
}

func TestTimeout_EndsTheContext(t *testing.T) {
	t.Parallel()
	h := mw.Timeout(time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, _ = fmt.Fprint(w, errors.Is(r.Context().Err(), context.DeadlineExceeded))
	}))
	if got := serve(t, h, get(t, "/")).Body.String(); got != "true" {
		t.Errorf("got %q", got)
	}
}

func TestLimiter_CountsWithinItsWindow(t *testing.T) {
	t.Parallel()
	c := clock.NewFixed(clock.System{}.Now())
	l := mw.NewLimiter(c, 2, time.Minute, 10)
	for range 2 {
		if l.Take("a") != 0 {
			t.Fatal("one of the first two tries was refused")
		}
	}
	c.Add(10 * time.Second)
	if wait := l.Take("a"); wait != 50*time.Second {
		t.Errorf("the third waits %s, want 50s", wait)
	}
	if l.Take("b") != 0 {
		t.Error("another key was refused")
	}
	l.GiveBack("a")
	if l.Take("a") != 0 {
		t.Error("a try that was given back counts")
	}
	c.Add(50 * time.Second)
	if l.Take("a") != 0 {
		t.Error("the next window was refused")
	}
	l.GiveBack("unknown")
}

func TestLimiter_HoldsABoundedNumberOfKeys(t *testing.T) {
	t.Parallel()
	c := clock.NewFixed(clock.System{}.Now())
	l := mw.NewLimiter(c, 1, time.Minute, 100)
	for i := range 1000 {
		c.Add(time.Millisecond)
		l.Take(fmt.Sprint(i))
		if l.Held() > 100 {
			t.Fatalf("%d keys are held", l.Held())
		}
	}
	if l.Take("999") == 0 {
		t.Error("the newest was forgotten before the oldest")
	}
	c.Add(2 * time.Minute)
	l.Take("fresh")
	if n := l.Held(); n != 1 {
		t.Errorf("%d keys are held after all windows but one ended", n)
	}
}

func TestAddress_IsOneCustomers(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:1234": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:1": "2001:db8:1:2::/64", "@": "@",
	} {
		r := get(t, "/")
		r.RemoteAddr = remote
		if got := mw.Address(r, nil); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}

func TestAddress_BelievesOurOwnProxiesOnly(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		remote string
		said   []string
		want   string
	}{
		{"192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1"},                            // no proxy of ours: it may say what it likes
		{"10.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},                          // the proxy's word
		{"[::1]:1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},                // what the client itself claimed stands left
		{"10.0.0.1:1", []string{"203.0.113.9", "198.51.100.7, 10.2.3.4"}, "198.51.100.7"}, // through two proxies
		{"10.0.0.1:1", []string{"rubbish"}, "10.0.0.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
	} {
		r := get(t, "/")
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.said
		if got := mw.Address(r, proxies); got != c.want {
			t.Errorf("%s saying %q: %q, want %q", c.remote, c.said, got, c.want)
		}
	}
}
