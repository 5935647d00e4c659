package policy

import (
	"cmp"
	"slices"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

// Outage is a time [From, To) in which no run can start.
type Outage struct{ From, To time.Time }

// KeptCopy is a copy that a simulation still keeps.
type KeptCopy struct {
	Kind  backup.Kind `json:"kind"`
	At    time.Time   `json:"at"`
	Tiers Tiers       `json:"tiers"` // the rules that keep it, with the slot it served
}

// Result is what a simulation prints.
type Result struct {
	Copies  []KeptCopy          `json:"copies"` // database first, oldest first
	Missed  []Ruling            `json:"missed"` // by kind, tier, slot
	Runs    map[backup.Kind]int `json:"runs"`
	Expired map[backup.Kind]int `json:"expired"`
}

// Simulation is a simulation under way. It may be written as JSON and go on
// after a restart; splitting a time anywhere gives what one go gives.
type Simulation struct {
	State  State               `json:"state"`
	Kept   []KeptCopy          `json:"kept"` // oldest first within each kind
	Missed []Ruling            `json:"missed"`
	Runs   map[backup.Kind]int `json:"runs"`
}

// NewSimulation begins with no copies at the instant from.
func NewSimulation(p Policy, from time.Time) *Simulation {
	return &Simulation{State: Begin(p, from), Runs: map[backup.Kind]int{}}
}

// Simulate runs a policy from an instant to another, both included, with no
// copies at first, no spread, and runs that take no time and succeed.
func Simulate(zone *time.Location, from, to time.Time, down []Outage, p Policy) (Result, error) {
	if to.Before(from) {
		return Result{}, errs.Field("to", "%s is before from, %s", stamp(to), stamp(from))
	}
	for _, d := range down {
		if d.To.Before(d.From) {
			return Result{}, errs.Field("down", "%s is before %s, where the outage begins", stamp(d.To), stamp(d.From))
		}
	}
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	s := NewSimulation(p, from)
	s.Advance(p, zone, to, down)
	return s.Result(), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Advance goes on through the instant to.
func (s *Simulation) Advance(p Policy, zone *time.Location, to time.Time, down []Outage) {
	down = slices.SortedFunc(slices.Values(down), func(a, b Outage) int { return a.From.Compare(b.From) })
	for _, kind := range backup.Kinds() {
		next := make(map[Tier]time.Time, len(p.Rules)) // due instants that are not yet settled
		rules := p.Of(kind)
		for {
			due, ok := s.nextRun(rules, zone, next)
			if !ok {
				break
			}
			start := p.whenOpen(zone, due, down)
			if start.After(to) {
				break
			}
			s.run(p, kind, zone, start.UTC())
		}
	}
}

// nextRun is State.NextRun with a memory.
func (s *Simulation) nextRun(rules []Rule, zone *time.Location, next map[Tier]time.Time) (best time.Time, found bool) {
	for _, r := range rules {
		settled, ok := s.State.Settled(r.Key())
		if !ok {
			continue
		}
		due, known := next[r.Tier]
		if !known || !due.After(settled) {
			o, any := r.Next(zone, settled)
			if !any {
				continue
			}
			due = o.Due
			next[r.Tier] = due
		}
		if !found || due.Before(best) {
			best, found = due, true
		}
	}
	return best, found
}

// whenUp gives the first instant from t on that lies in no outage, which must
// be sorted by their beginning.
func whenUp(t time.Time, down []Outage) time.Time {
	for _, d := range down {
		if !t.Before(d.From) && t.Before(d.To) {
			t = d.To
		}
	}
	return t
}

// whenOpen gives the first instant from t on that lies in no outage and in the
// site's hours.
func (p Policy) whenOpen(zone *time.Location, t time.Time, down []Outage) time.Time {
	for {
		up := whenUp(t, down)
		open := p.Hours.Next(zone, up)
		if open.Equal(up) {
			return up
		}
		t = open
	}
}

func (s *Simulation) run(p Policy, kind backup.Kind, zone *time.Location, start time.Time) {
	served, state := s.State.Serve(p, kind, zone, start)
	s.State = state
	s.Runs[kind]++
	s.Missed = append(s.Missed, served.Missed...)
	s.Kept = append(s.Kept, KeptCopy{Kind: kind, At: start, Tiers: served.Tiers})
	for _, r := range p.Of(kind) {
		if _, ok := served.Tiers.Get(r.Tier); !ok {
			continue
		}
		left := r.Keep
		for i := len(s.Kept) - 1; i >= 0; i-- {
			c := &s.Kept[i]
			if _, ok := c.Tiers.Get(r.Tier); !ok || c.Kind != kind {
				continue
			}
			if left--; left < 0 {
				c.Tiers = c.Tiers.Without(r.Tier)
			}
		}
	}
	s.Kept = slices.DeleteFunc(s.Kept, func(c KeptCopy) bool { return len(c.Tiers) == 0 })
}

// Result gives what has come of it so far.
func (s *Simulation) Result() Result {
	out := Result{Copies: []KeptCopy{}, Missed: []Ruling{}, Runs: map[backup.Kind]int{}, Expired: map[backup.Kind]int{}}
	for _, kind := range backup.Kinds() {
		kept := 0
		for _, c := range s.Kept {
			if c.Kind == kind {
				out.Copies = append(out.Copies, c)
				kept++
			}
		}
		out.Runs[kind] = s.Runs[kind]
		out.Expired[kind] = s.Runs[kind] - kept
	}
	out.Missed = append(out.Missed, s.Missed...)
	slices.SortFunc(out.Missed, func(a, b Ruling) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Tier, b.Tier), a.Slot.Compare(b.Slot))
	})
	return out
}

// ParseOutage reads the form FROM/TO, two RFC 3339 instants. The error is an
// errs.Field about field.
func ParseOutage(field, s string) (Outage, error) {
	for i := range len(s) {
		if s[i] != '/' {
			continue
		}
		from, err := ParseInstant(field, s[:i])
		if err != nil {
			return Outage{}, err
		}
		to, err := ParseInstant(field, s[i+1:])
		if err != nil {
			return Outage{}, err
		}
		if to.Before(from) {
			return Outage{}, errs.Field(field, "%q ends before it begins", s)
		}
		return Outage{from, to}, nil
	}
	return Outage{}, errs.Field(field, "%q is not FROM/TO, like 2026-04-30T22:00:00Z/2026-05-02T09:30:00Z", s)
}

// ParseInstant reads an RFC 3339 instant, strictly, and gives it in UTC. The
// error is an errs.Field about field.
func ParseInstant(field, s string) (time.Time, error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return t, errs.Field(field, "%q is not an RFC 3339 instant, like 2026-04-20T00:00:00Z", s)
	}
	if u := t.UTC(); u.Year() >= 1 && u.Year() <= 9999 {
		return u, nil
	}
	return t, errs.Field(field, "%q is outside the years 1 to 9999", s)
}
