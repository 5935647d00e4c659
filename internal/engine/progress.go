package engine

import (
	"time"

	"holdfast/internal/clock"
)

// progressEvery is how often a caller hears of progress.
const progressEvery = 200 * time.Millisecond

// progressClock tells when the caller should hear again. It is not safe for
// several goroutines.
type progressClock struct {
	now  clock.Clock
	told time.Time
}

func (p *progressClock) due() bool {
	t := p.now.Now()
	if t.Sub(p.told) < progressEvery {
		return false
	}
	p.told = t
	return true
}
