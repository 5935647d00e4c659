package policy

import (
	"slices"
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
	ByLast       Reason = "no_newer_good" // no newer good copy of a plausible time exists
)

// Alarms are the facts about a site that stop every deletion.
type Alarms struct {
	Tamper      bool
	ClockJumped bool
	LegalHold   bool
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
// push a good copy out.
func Retain(p Policy, kind backup.Kind, copies []Copy, now time.Time, alarms Alarms) []Verdict {
	sorted := slices.SortedFunc(slices.Values(copies), func(a, b Copy) int {
		if c := a.TakenAt.Compare(b.TakenAt); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	out := make([]Verdict, len(sorted))
	for i, c := range sorted {
		out[i].Copy = c
	}
	rules := p.Of(kind)
	for _, r := range rules {
		left := r.Keep
		for i := len(out) - 1; i >= 0 && left > 0; i-- {
			c := out[i].Copy
			if _, serves := c.Tiers.Get(r.Tier); serves && counts(c, now) {
				out[i].Tiers = append(out[i].Tiers, r.Tier)
				left--
			}
		}
	}
	established := firstDaily(rules, sorted, now)
	newerGood := false
	for i := len(out) - 1; i >= 0; i-- {
		out[i].Reasons = reasons(out[i], now, alarms, established, newerGood)
		newerGood = newerGood || counts(out[i].Copy, now)
	}
	return out
}

// counts tells whether a copy is good and of a plausible time.
func counts(c Copy, now time.Time) bool { return c.Good && !c.TakenAt.After(now) }

// firstDaily tells whether a copy exists that ends the wait of the initial one:
// a daily one, or of any tier where the policy has no daily rule.
func firstDaily(rules []Rule, copies []Copy, now time.Time) bool {
	daily := slices.ContainsFunc(rules, func(r Rule) bool { return r.Tier == Daily })
	return slices.ContainsFunc(copies, func(c Copy) bool {
		_, serves := c.Tiers.Get(Daily)
		return counts(c, now) && (serves || !daily && len(c.Tiers) > 0)
	})
}

func reasons(v Verdict, now time.Time, alarms Alarms, established, newerGood bool) []Reason {
	var out []Reason
	add := func(yes bool, r Reason) {
		if yes {
			out = append(out, r)
		}
	}
	c := v.Copy
	add(len(v.Tiers) > 0, ByRule)
	add(c.ProtectedUntil.After(now), ByProtection)
	add(c.Initial && !established, ByInitial)
	add(c.Pinned, ByPin)
	add(c.LegalHold || alarms.LegalHold, ByHold)
	add(c.InUse, ByUse)
	add(c.TakenAt.After(now), ByFuture)
	add(alarms.ClockJumped, ByClock)
	add(alarms.Tamper, ByTamper)
	add(!newerGood, ByLast)
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
	case ByLast:
		return "no newer good copy exists"
	}
	return string(r)
}
