// Package throttle is how a working process holds back for the sake of its
// host: its place in the line for processor and disk, how many bytes a second
// it may move, and when it pauses because the host is busy. It decides nothing
// about backups: it never drops work, and what it pauses goes on again, within
// a bounded time even where the host stays busy.
package throttle

import (
	"context"
	"time"

	"holdfast/internal/clock"
)

// Orders are what one working process is told by the agent, again whenever
// something of it changes.
type Orders struct {
	UpBytesPerSec   int64 `json:"up,omitempty"`   // to the storage; 0 is no limit
	DownBytesPerSec int64 `json:"down,omitempty"` // from it; 0 is no limit
	// Pause says why the process stands still, in words for a person; "" lets
	// it go on.
	Pause string `json:"pause,omitempty"`
}

// Timer tells the time and waits for an instant. It is injected, so that a
// test needs no real time.
type Timer interface {
	Now() time.Time
	// Until returns at the instant, at once if it has passed, or with the
	// context's error.
	Until(ctx context.Context, at time.Time) error
}

// SystemTimer is the machine's.
type SystemTimer struct{}

// Now gives the present instant.
func (SystemTimer) Now() time.Time { return clock.System{}.Now() }

// Until waits for an instant.
func (s SystemTimer) Until(ctx context.Context, at time.Time) error {
	t := time.NewTimer(at.Sub(s.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// The bounds of a host's limit, and the least that one process is given of it:
// below that a vault gives up waiting for the rest of a blob.
const (
	MinBytesPerSec   = 256 << 10
	LeastBytesPerSec = 64 << 10
)

// Share gives the part of a host's limit that each of n processes gets; 0 is
// no limit.
func Share(limit int64, n int) int64 {
	if limit <= 0 {
		return 0
	}
	return max(limit/int64(max(n, 1)), LeastBytesPerSec)
}
