package policy

import (
	"slices"
	"strings"
	"time"

	"holdfast/internal/backup"
)

// Copy is what retention must know of one copy. All copies given to one call
// are of the same site and the same kind.
type Copy struct {
	ID        string
	TakenAt   time.Time
	StartedAt time.Time // when its run started; zero: when it was taken
	Tiers     Tiers     // what it served; empty for none
	Good      bool      // complete and not known to be damaged
	Initial   bool      // taken because the site had none

	ProtectedUntil time.Time // zero: not protected
	Pinned         bool
	LegalHold      bool
	InUse          bool // by a restore, a drill or a mirror
}

// Start gives when the copy's run started, which decides what it served.
func (c Copy) Start() time.Time {
	if c.StartedAt.IsZero() {
		return c.TakenAt
	}
	return c.StartedAt
}

// Reason says why a copy is not deleted.
type Reason string

// The reasons.
const (
	ByRule       Reason = "rule"          // a rule keeps it; see Verdict.Tiers
	ByProtection Reason = "protected"     // taken by hand or before a change, not yet out of date
	ByInitial    Reason = "initial"       // no daily copy exists yet
	ByPin        Reason = "pinned"        // staff pinned it
	ByHold       Reason = "legal_hold"    // the law wants it
	ByUse        Reason = "in_use"        // a restore, drill or mirror reads it
	ByFuture     Reason = "future_dated"  // its date lies in the future
	ByClock      Reason = "clock_jumped"  // the clock cannot be trusted
	ByTamper     Reason = "tamper_alarm"  // the site is under a tamper alarm
	ByDamage     Reason = "damage_found"  // copies that lie beside it are damaged, and nobody has dealt with it
	ByLast       Reason = "no_newer_good" // no newer good copy of a plausible time exists
)

// Reasons are all reasons.
func Reasons() []Reason {
	return []Reason{ByRule, ByProtection, ByInitial, ByPin, ByHold, ByUse, ByFuture, ByClock, ByTamper, ByDamage, ByLast}
}

// Alarms are the facts about a site that stop every deletion.
type Alarms struct {
	Tamper      bool
	ClockJumped bool
	LegalHold   bool
	Damage      bool // of the kind's storage
}

// Verdict is what retention says of one copy.
type Verdict struct {
	Copy    Copy
	Tiers   []Tier   // the rules that keep it, in the order of the policy
	Reasons []Reason // why it stays; empty: it may go to the bin
}

// Expired tells whether no rule, protection or first-copy rule keeps the copy.
// It may still have to stay: see Reasons.
func (v Verdict) Expired() bool {
	return !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r == ByRule || r == ByProtection || r == ByInitial })
}

// Retain judges the copies of one site and kind at now, oldest first. Only
// good copies of a plausible time count for a rule, so that nothing else can
// push a good copy out. A protected copy takes no place in a rule's count
// while it is protected.
//
// A few allocations are made, however many copies there are, and the slices of
// all verdicts share them.
func Retain(p Policy, kind backup.Kind, copies []Copy, now time.Time, alarms Alarms) []Verdict {
	return new(Judge).Retain(p, kind, copies, now, alarms)
}

// Judge is Retain for one site after another in the same memory: its verdicts
// hold until the next call. The zero Judge is ready; it is not for two
// goroutines at once.
type Judge struct {
	verdicts []Verdict
	tiers    []Tier
	reasons  []Reason
	order    []int
}

// Retain is the function Retain.
func (j *Judge) Retain(p Policy, kind backup.Kind, copies []Copy, now time.Time, alarms Alarms) []Verdict {
	out := j.byAge(copies)
	j.tiers = slices.Grow(j.tiers[:0], j.serving())
	at := j.tiers[:cap(j.tiers)]
	for i := range out {
		n := len(out[i].Copy.Tiers)
		out[i].Tiers, at = at[:0:n], at[n:]
	}
	daily := false
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Kind != kind {
			continue
		}
		daily = daily || r.Tier == Daily
		left := r.Keep
		for i := len(out) - 1; i >= 0 && left > 0; i-- {
			c := &out[i].Copy
			if _, serves := c.Tiers.Get(r.Tier); serves && c.counts(now) && !c.ProtectedUntil.After(now) {
				out[i].Tiers = append(out[i].Tiers, r.Tier)
				left--
			}
		}
	}
	site := brake{now: now, alarms: alarms, established: established(daily, out, now)}
	all := slices.Grow(j.reasons[:0], len(out)+len(out)/4)
	for i := len(out) - 1; i >= 0; i-- {
		from := len(all)
		if all = site.reasons(all, &out[i]); len(all) > from {
			out[i].Reasons = all[from:len(all):len(all)]
		}
		site.newerGood = site.newerGood || out[i].Copy.counts(now)
	}
	j.reasons = all
	return out
}

// serving is how many tiers all copies serve.
func (j *Judge) serving() int {
	n := 0
	for i := range j.verdicts {
		n += len(j.verdicts[i].Copy.Tiers)
	}
	return n
}

// byAge gives the copies in empty verdicts, oldest first.
func (j *Judge) byAge(copies []Copy) []Verdict {
	sorted := true
	for i := 1; i < len(copies) && sorted; i++ {
		sorted = older(&copies[i-1], &copies[i]) < 0
	}
	out := slices.Grow(j.verdicts[:0], len(copies))[:len(copies)]
	j.verdicts = out
	if sorted {
		for i := range copies {
			out[i] = Verdict{Copy: copies[i]}
		}
		return out
	}
	j.order = j.order[:0]
	for i := range copies {
		j.order = append(j.order, i)
	}
	slices.SortFunc(j.order, func(a, b int) int { return older(&copies[a], &copies[b]) })
	for i, from := range j.order {
		out[i] = Verdict{Copy: copies[from]}
	}
	return out
}

func older(a, b *Copy) int {
	if c := a.TakenAt.Compare(b.TakenAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// counts tells whether a copy is good and of a plausible time.
func (c *Copy) counts(now time.Time) bool { return c.Good && !c.TakenAt.After(now) }

// established tells whether a copy exists that ends the wait of the initial
// one: a daily one, or of any tier where the policy has no daily rule.
func established(daily bool, all []Verdict, now time.Time) bool {
	for i := range all {
		c := &all[i].Copy
		_, serves := c.Tiers.Get(Daily)
		if c.counts(now) && (serves || !daily && len(c.Tiers) > 0) {
			return true
		}
	}
	return false
}

// brake is what the reasons of all copies of a site depend on.
type brake struct {
	now         time.Time
	alarms      Alarms
	established bool
	newerGood   bool // a newer good copy of a plausible time exists
}

func (s *brake) reasons(out []Reason, v *Verdict) []Reason {
	add := func(yes bool, r Reason) {
		if yes {
			out = append(out, r)
		}
	}
	c := &v.Copy
	add(len(v.Tiers) > 0, ByRule)
	add(c.ProtectedUntil.After(s.now), ByProtection)
	add(c.Initial && !s.established, ByInitial)
	add(c.Pinned, ByPin)
	add(c.LegalHold || s.alarms.LegalHold, ByHold)
	add(c.InUse, ByUse)
	add(c.TakenAt.After(s.now), ByFuture)
	add(s.alarms.ClockJumped, ByClock)
	add(s.alarms.Tamper, ByTamper)
	add(s.alarms.Damage, ByDamage)
	add(!s.newerGood, ByLast)
	return out
}

// Words says a reason in a short phrase, for a person.
func (r Reason) Words() string {
	switch r {
	case ByRule:
		return "a rule keeps it"
	case ByProtection:
		return "protected until its date"
	case ByInitial:
		return "the first copy, until a daily one exists"
	case ByPin:
		return "pinned by staff"
	case ByHold:
		return "under a legal hold"
	case ByUse:
		return "in use by a restore, a drill or a mirror"
	case ByFuture:
		return "dated in the future"
	case ByClock:
		return "a clock jumped, so that dates cannot be trusted"
	case ByTamper:
		return "the site is under a tamper alarm"
	case ByDamage:
		return "the storage beside it is damaged, until that is repaired or acknowledged"
	case ByLast:
		return "no newer good copy exists"
	}
	return string(r)
}
