package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/throttle"
	"holdfast/internal/vault"
)

// timer is a clock that stands still but where somebody waits for it.
type timer struct {
	mu  sync.Mutex
	now time.Time
}

func (c *timer) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *timer) Until(ctx context.Context, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.now) {
		c.now = at
	}
	return ctx.Err()
}

// gated is storage behind a vault and a gate.
func (r *rig) gated(t *testing.T, g *throttle.Gate) blob.Storage {
	t.Helper()
	st, err := vault.Door{URL: r.URL, Name: "site1/data", Token: r.token(nil), RetryFor: time.Second, Gate: g}.Dial(t.Context())
	must(t, err)
	return st
}

// What goes through a door takes the time that its limit gives it, whoever
// sends it: by the bytes that the gate let through and its own clock.
func TestDoor_MovesNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	const rate, blobs, each = 1 << 20, 12, 700 << 10
	c := &timer{now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}
	g := throttle.NewGate(c)
	g.Obey(throttle.Orders{UpBytesPerSec: rate, DownBytesPerSec: 2 * rate})
	st := start(t, nil).gated(t, g)
	body := bytes.Repeat([]byte("holdfast"), each/8)
	begin := c.Now()
	var wg sync.WaitGroup
	for i := range blobs {
		wg.Go(func() {
			if err := st.PutBlob(t.Context(), blob.ID(fmt.Sprintf("p%d", i)), content(body), blob.PutOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if g.Sent() != blobs*each {
		t.Fatalf("%d bytes went through, want %d", g.Sent(), blobs*each)
	}
	took, want := c.Now().Sub(begin), time.Duration(blobs*each*int64(time.Second)/rate)
	if slack := 100 * time.Millisecond; took < want-slack || took > want+slack {
		t.Errorf("%d bytes at %d a second took %s, want %s", blobs*each, rate, took, want)
	}
	begin = c.Now()
	before := g.Received()
	for i := range blobs {
		if got := get(t, st, fmt.Sprintf("p%d", i)); got != string(body) {
			t.Fatalf("blob %d came back with %d bytes", i, len(got))
		}
	}
	took, want = c.Now().Sub(begin), time.Duration((g.Received()-before)*int64(time.Second)/(2*rate))
	if slack := 100 * time.Millisecond; g.Received()-before < blobs*each || took < want-slack || took > want+slack {
		t.Errorf("%d bytes at %d a second took %s, want %s", g.Received()-before, 2*rate, took, want)
	}
}

// Without a limit nothing is counted as time, and a pause lets nothing begin.
func TestDoor_BeginsNothingWhileItsGateIsShut(t *testing.T) {
	t.Parallel()
	c := &timer{}
	g := throttle.NewGate(c)
	r := start(t, nil)
	st := r.gated(t, g)
	put(t, st, "p1", "x")
	if !c.Now().IsZero() {
		t.Errorf("no limit took %s", c.Now())
	}
	g.Obey(throttle.Orders{Pause: "busy"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- st.PutBlob(ctx, "p2", content("y"), blob.PutOptions{}) }()
	if _, err := r.dial(t, r.token(nil)).GetMetadata(t.Context(), "p2"); err == nil {
		t.Error("it was written")
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("a context that ended did not end it")
	}
	go func() { done <- st.PutBlob(t.Context(), "p2", content("y"), blob.PutOptions{}) }()
	g.Obey(throttle.Orders{})
	must(t, <-done)
}
