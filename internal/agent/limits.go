package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// lookEvery is how often the agent looks how busy its host is.
const lookEvery = 5 * time.Second

// limitsName is the file of the state directory that says what holds.
const limitsName = "limits.json"

// Limits is what holds of the restraint on this host, and how backups go now.
// The agent writes it for the doctor to read.
type Limits struct {
	Instance    string    `json:"instance"`
	Since       time.Time `json:"since"` // when this life of the agent began
	Priority    string    `json:"priority,omitempty"`
	Controllers []string  `json:"controllers,omitempty"` // of each working process's own control group
	NoGroups    string    `json:"no_groups,omitempty"`   // why there are none
	Mode        string    `json:"mode"`                  // "free", "paused" or "slow"
	Why         string    `json:"why,omitempty"`
	NoGauge     string    `json:"no_gauge,omitempty"` // why the host's load cannot be read
}

// limiter is the agent's hold over its working processes.
type limiter struct {
	restraint Restraint
	gauge     throttle.Gauge
	groups    *throttle.Groups
	weights   throttle.Weights
	path      string // of limits.json

	mu       sync.Mutex
	governor *throttle.Governor
	verdict  throttle.Verdict
	limits   Limits
}

// newLimiter finds out what holds on this host. It moves the agent into a
// control group of its own, where it may.
func newLimiter(o Options, instance string) *limiter {
	r := o.Config.Restraint
	l := &limiter{
		restraint: r, gauge: o.Gauge, weights: r.weights(o.Config.Memory()), path: filepath.Join(o.StateDir, limitsName),
		governor: throttle.NewGovernor(r.Ceiling()), limits: Limits{Instance: instance, Since: o.Clock.Now(), Mode: modeName(throttle.Free)},
	}
	if l.gauge == nil {
		l.gauge = throttle.Proc{}
	}
	groups, err := throttle.OpenGroups(o.CgroupDir, "")
	if err != nil {
		l.limits.NoGroups = err.Error()
	}
	l.groups, l.limits.Controllers = groups, groups.Controllers()
	return l
}

func modeName(m throttle.Mode) string {
	switch m {
	case throttle.Paused:
		return "paused"
	case throttle.Slow:
		return "slow"
	case throttle.Free:
	}
	return "free"
}

// look reads the gauge once and tells whether the verdict is another now.
func (l *limiter) look(now time.Time) (throttle.Verdict, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.verdict
	if !l.restraint.Ceiling().Any() {
		return was, false
	}
	reading, err := l.gauge.Read()
	l.limits.NoGauge = ""
	if err != nil { // what cannot be measured stops nothing
		l.limits.NoGauge = err.Error()
		reading = throttle.Reading{}
	}
	l.verdict = l.governor.See(now, reading)
	return l.verdict, l.verdict.Mode != was.Mode
}

// standing is how backups go now.
func (l *limiter) standing() throttle.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verdict
}

// busy says why no backup begins now, "" if backups may.
func (l *limiter) busy() string {
	if v := l.standing(); v.Mode == throttle.Paused {
		return v.Why
	}
	return ""
}

// note writes what holds and how backups go. A disk that is full costs the
// doctor its answer, and nothing else.
func (l *limiter) note() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits.Mode, l.limits.Why = modeName(l.verdict.Mode), l.verdict.Why
	b, err := json.Marshal(l.limits)
	if err != nil {
		return err
	}
	return writeWhole(l.path, b)
}

// held notes what came of lowering a working process.
func (l *limiter) held(priority error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits.Priority = "ok"
	if priority != nil {
		l.limits.Priority = priority.Error()
	}
}

// readLimits gives what the agent last wrote, false if it never has.
func readLimits(stateDir string) (Limits, bool, error) {
	var l Limits
	b, err := os.ReadFile(filepath.Join(stateDir, limitsName)) //nolint:gosec // our own state directory
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		return l, false, errs.Wrap(errs.Invalid, err, "%s cannot be read.", filepath.Join(stateDir, limitsName))
	}
	return l, true, nil
}

// limitLoop looks how busy the host is, and has the working processes heed it.
func (a *Agent) limitLoop(ctx context.Context) error {
	a.heedHost()
	a.noteLimits()
	for pause(ctx, lookEvery) == nil {
		a.heedHost()
	}
	return nil
}

// heedHost looks once.
func (a *Agent) heedHost() {
	v, changed := a.limits.look(a.opt.Clock.Now())
	if changed {
		switch v.Mode {
		case throttle.Paused:
			a.log.Warn("the host is busy; no backup begins, and those at work pause", "why", v.Why)
		case throttle.Slow:
			a.log.Warn("the host stays busy; backups go on slowly", "why", v.Why)
		case throttle.Free:
			a.log.Info("the host is busy no more; backups go on")
		}
		a.noteLimits()
	}
	a.share()
}

func (a *Agent) noteLimits() {
	if err := a.limits.note(); err != nil {
		a.log.Warn("what holds on this host could not be written", "error", err)
	}
}

// share tells every working process its orders, where they are others now.
func (a *Agent) share() {
	a.mu.Lock()
	all := make([]*child, 0, len(a.working))
	for _, c := range a.working {
		all = append(all, c)
	}
	a.mu.Unlock()
	lowered, restores := a.limits.restraint.orders(a.limits.standing(), len(all))
	for _, c := range all {
		o := lowered
		if c.restore != "" {
			o = restores
		}
		c.obey(o)
	}
}

// spared are the orders of one more working process, from its beginning.
func (a *Agent) spared(restore bool) throttle.Orders {
	a.mu.Lock()
	n := len(a.working) + 1
	a.mu.Unlock()
	lowered, restores := a.limits.restraint.orders(a.limits.standing(), n)
	if restore {
		return restores
	}
	return lowered
}
