// Package clock is where the time comes from, so that tests can set it. It is
// the only package outside cmd that asks the system for the time.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// System is the machine's clock, in UTC.
type System struct{}

// Now gives the present instant in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Fixed is a clock that a test sets by hand. It is safe for several goroutines.
type Fixed struct {
	mu sync.Mutex
	t  time.Time
}

// NewFixed makes a clock that stands at t.
func NewFixed(t time.Time) *Fixed { return &Fixed{t: t} }

// Now gives the instant the clock was set to.
func (f *Fixed) Now() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.t }

// Add moves the clock by d, backwards if d is negative.
func (f *Fixed) Add(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.t = f.t.Add(d) }

// Set puts the clock to t.
func (f *Fixed) Set(t time.Time) { f.mu.Lock(); defer f.mu.Unlock(); f.t = t }
