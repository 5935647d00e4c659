package throttle

import (
	"context"
	"sync"
	"time"
)

// slack is how far behind its rate a flow may be before it waits: timers are
// no finer, and a flow that stood still gets no more than this at once.
const slack = 10 * time.Millisecond

// Rate is a flow of bytes. It hands out time: each amount is due when all
// amounts before it have had theirs, so that over any stretch no more than
// rate times its length goes through, and one amount and the slack beside it.
type Rate struct {
	timer Timer

	mu    sync.Mutex
	rate  int64 // bytes per second; 0 is no limit
	next  time.Time
	total int64
}

// NewRate makes a flow without a limit.
func NewRate(t Timer) *Rate { return &Rate{timer: t} }

// Set changes the rate for what comes from now on; 0 is no limit.
func (r *Rate) Set(bytesPerSec int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate = max(bytesPerSec, 0)
}

// Limited tells whether there is a limit.
func (r *Rate) Limited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rate > 0
}

// Total is how many bytes have gone through.
func (r *Rate) Total() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// Wait lets n bytes through: it returns when they are due. The error is the
// context's.
func (r *Rate) Wait(ctx context.Context, n int) error {
	if n <= 0 {
		return nil
	}
	at, wait := r.book(int64(n))
	if !wait {
		return ctx.Err()
	}
	return r.timer.Until(ctx, at)
}

// book takes the time of n bytes, and tells when that has passed.
func (r *Rate) book(n int64) (at time.Time, wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += n
	if r.rate == 0 {
		return time.Time{}, false
	}
	now := r.timer.Now()
	if r.next.Before(now) {
		r.next = now // what was not used is not saved up
	}
	r.next = r.next.Add(time.Duration(float64(n) / float64(r.rate) * float64(time.Second)))
	return r.next, r.next.Sub(now) > slack
}
