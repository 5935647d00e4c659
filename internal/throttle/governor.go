package throttle

import (
	"fmt"
	"time"
)

// Ceiling is how busy a host may be before backups give way. A measure that is
// 0 is not looked at.
type Ceiling struct {
	LoadPerCPU  float64       // load average of one minute, per processor
	CPUPressure float64       // share of time in percent that something waited for a processor (PSI, some, 60 s)
	IOPressure  float64       // the same for the disks
	Patience    time.Duration // for how long backups give way before they go on slowly
}

// Any tells whether there is a ceiling at all.
func (c Ceiling) Any() bool { return c.LoadPerCPU > 0 || c.CPUPressure > 0 || c.IOPressure > 0 }

// Reading is how busy a host is.
type Reading struct {
	LoadPerCPU  float64
	CPUPressure float64 // percent
	IOPressure  float64 // percent
	HasPressure bool    // the kernel tells pressures
}

// Verdict is what a governor decides.
type Verdict struct {
	Mode Mode
	Why  string // words for a person; "" when Free
}

// Mode is how backups go.
type Mode int

// The modes.
const (
	Free   Mode = iota // as they like
	Paused             // none begins, and those at work stand still
	Slow               // they give way no longer, but go slowly
)

// calm is the part of a ceiling below which a host is no longer busy: were it
// the ceiling itself, backups would begin and stop all the time.
const calm = 0.8

// Governor decides from readings whether backups give way. Whatever the host
// does, they stand still for no more than the ceiling's patience at a stretch,
// and over any long time for no more than half of it: a pause that is granted
// is a debt, which time spent at work pays back.
type Governor struct {
	ceiling Ceiling

	mode Mode
	debt time.Duration
	last time.Time
}

// NewGovernor makes a governor of a host that is not busy.
func NewGovernor(c Ceiling) *Governor { return &Governor{ceiling: c} }

// See takes a reading and decides.
func (g *Governor) See(now time.Time, r Reading) Verdict {
	passed := now.Sub(g.last)
	if g.last.IsZero() || passed < 0 {
		passed = 0 // a clock that was set back
	}
	g.last = now
	if g.mode == Paused {
		g.debt += passed
	} else {
		g.debt = max(0, g.debt-passed)
	}
	why := g.ceiling.above(r, 1)
	if g.mode != Free {
		why = g.ceiling.above(r, calm)
	}
	switch {
	case why == "":
		g.mode = Free
	case g.mode == Slow && g.debt > 0:
	case g.debt >= g.ceiling.Patience:
		g.mode = Slow
	case g.mode == Free && g.debt > 0 && g.debt >= g.ceiling.Patience/2:
		g.mode = Slow // it was busy a moment ago, and long
	default:
		g.mode = Paused
	}
	if g.mode == Free {
		return Verdict{}
	}
	return Verdict{Mode: g.mode, Why: why}
}

// above names the measure that is above its ceiling times part, "" if none is.
func (c Ceiling) above(r Reading, part float64) string {
	switch {
	case c.LoadPerCPU > 0 && r.LoadPerCPU > c.LoadPerCPU*part:
		return fmt.Sprintf("its load is %.1f per processor, and backups give way above %.1f", r.LoadPerCPU, c.LoadPerCPU)
	case c.IOPressure > 0 && r.HasPressure && r.IOPressure > c.IOPressure*part:
		return fmt.Sprintf("something waits for its disks %.0f %% of the time, and backups give way above %.0f %%", r.IOPressure, c.IOPressure)
	case c.CPUPressure > 0 && r.HasPressure && r.CPUPressure > c.CPUPressure*part:
		return fmt.Sprintf("something waits for its processors %.0f %% of the time, and backups give way above %.0f %%", r.CPUPressure, c.CPUPressure)
	}
	return ""
}
