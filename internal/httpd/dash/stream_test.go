package dash_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
)

// openStream opens a stream and takes its first message.
func (b *browser) openStream(path string) *events {
	b.h.t.Helper()
	ctx, cancel := context.WithCancel(b.h.t.Context())
	b.h.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.h.web.URL+path, nil)
	b.h.must(err)
	res, err := b.web.Do(r)
	b.h.must(err)
	b.h.t.Cleanup(func() { res.Body.Close() }) //nolint:errcheck // it ends with the test
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		b.h.t.Fatalf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
	}
	<-b.h.wake.heard
	e := newEvents(res.Body)
	if e.next(b.h.t) == "" {
		b.h.t.Fatal("the stream began with nothing")
	}
	return e
}

func TestStream_DeliversARowThatChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	l := h.lease()
	b := h.signIn("owner")
	for _, path := range []string{"/runs/stream", "/sites/" + l[0].Site.ID + "/stream"} {
		s := b.openStream(path)
		want := "42 of 100 files"
		if path != "/runs/stream" {
			want = "43 of 100 files"
		}
		h.beat(l[0], agentproto.Progress{Phase: "storing", DoneFiles: map[bool]int64{true: 42, false: 43}[path == "/runs/stream"], TotalFiles: 100})
		h.wake.ring()
		got := s.next(t)
		if !strings.Contains(got, want) || strings.Contains(got, "<html") {
			t.Errorf("%s: the change did not come:\n%s", path, got)
		}
		h.wake.close() // a hub that closes its channels wakes too, and is asked again
		if got := s.next(t); !strings.Contains(got, want) {
			t.Errorf("%s: nothing came after the channel closed", path)
		}
		<-h.wake.heard
	}
}

func TestStream_EndsWithItsBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.web.URL+"/runs/stream", nil)
	h.must(err)
	res, err := b.web.Do(r)
	h.must(err)
	newEvents(res.Body).next(t)
	cancel()
	res.Body.Close() //nolint:errcheck // cut on purpose
	h.web.Close()    // waits for every request to end
	if n := h.wake.listeners(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestStream_OnePersonCannotHoldThemAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("viewer")
	for range 12 {
		b.openStream("/runs/stream")
	}
	if got := b.get("/runs/stream"); got.status != http.StatusTooManyRequests {
		t.Errorf("the 13th stream: %d", got.status)
	}
	if got := h.signIn("owner").get("/runs/stream"); got.status != http.StatusOK {
		t.Errorf("somebody else's first: %d", got.status)
	}
}
