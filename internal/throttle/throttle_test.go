package throttle_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"holdfast/internal/throttle"
)

// timer is a clock that stands still but where somebody waits for it.
type timer struct {
	mu  sync.Mutex
	now time.Time
}

func newTimer() *timer { return &timer{now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)} }

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

func (c *timer) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRate_SavesNothingUpAndChangesAtOnce(t *testing.T) {
	t.Parallel()
	c := newTimer()
	r := throttle.NewRate(c)
	r.Set(1000)
	begin := c.Now()
	send := func(n int, want time.Duration) {
		t.Helper()
		from := c.Now()
		must(t, r.Wait(t.Context(), n))
		if took := c.Now().Sub(from); took != want {
			t.Errorf("%d bytes took %s, want %s", n, took, want)
		}
	}
	send(500, 500*time.Millisecond)
	c.add(time.Hour) // nobody sends
	send(2000, 2*time.Second)
	r.Set(4000)
	send(2000, 500*time.Millisecond)
	r.Set(0)
	send(1<<30, 0)
	if took := c.Now().Sub(begin); took != time.Hour+3*time.Second || r.Total() != 1<<30+4500 {
		t.Errorf("%d bytes in %s", r.Total(), took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r.Wait(ctx, 1) == nil {
		t.Error("a context that has ended lets bytes through")
	}
}

// However many processes there are, together they keep to the host's limit, as
// long as that leaves each the least that a vault puts up with.
func TestShare_IsOfTheHostsLimit(t *testing.T) {
	t.Parallel()
	for limit := int64(throttle.MinBytesPerSec); limit < 1<<34; limit *= 3 {
		for n := 1; n <= 64; n++ {
			one := throttle.Share(limit, n)
			if one < throttle.LeastBytesPerSec || one*int64(n) > max(limit, int64(n)*throttle.LeastBytesPerSec) {
				t.Fatalf("%d processes get %d each of %d", n, one, limit)
			}
		}
	}
	if throttle.Share(0, 3) != 0 {
		t.Error("no limit is shared")
	}
}

func TestGate_PausesAllButWhatIsExempt(t *testing.T) {
	t.Parallel()
	g := throttle.NewGate(newTimer())
	var said []string
	g.Obey(throttle.Orders{Pause: "busy"})
	g.OnPause(func(why string) { said = append(said, why) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if g.Hold(ctx) == nil {
		t.Error("it is open")
	}
	g.Exempt(true)
	must(t, g.Hold(t.Context()))
	g.Obey(throttle.Orders{Pause: "busier"})
	must(t, g.Hold(t.Context()))
	g.Exempt(false)
	done := make(chan error)
	for range 3 {
		go func() { done <- g.Hold(t.Context()) }()
	}
	g.Obey(throttle.Orders{Pause: "busier still"})
	g.Obey(throttle.Orders{UpBytesPerSec: 5})
	for range 3 {
		must(t, <-done)
	}
	if want := []string{"busy", "", "busier", "busier still", ""}; len(said) != len(want) || said[2] != want[2] || said[4] != "" {
		t.Errorf("told %q, want %q", said, want)
	}
}

// Where there is a limit, requests of one direction go one after the other.
func TestGate_LimitedRequestsTakeTurns(t *testing.T) {
	t.Parallel()
	g := throttle.NewGate(newTimer())
	g.Obey(throttle.Orders{UpBytesPerSec: 1000})
	leave, err := g.Enter(t.Context(), true)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Enter(ctx, true); err == nil {
		t.Error("two are sent at once")
	}
	down, err := g.Enter(t.Context(), false)
	must(t, err)
	down()
	leave()
	leave, err = g.Enter(t.Context(), true)
	must(t, err)
	leave()
}
