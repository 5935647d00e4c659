package policy

import (
	"time"

	"holdfast/internal/backup"
)

// Standing says at one instant how well a site's copies of one kind keep the
// policy: how old the newest good one is, what is owed, and whether that is
// late. The age is the RPO that a restore at this instant would meet.
type Standing struct {
	Kind       backup.Kind
	NewestGood time.Time     // zero: there is no good copy
	Age        time.Duration // of the newest good copy; 0 without one
	Owed       []Ruling      // by tier in the order of the policy, oldest first
	DueSince   time.Time     // due instant of the oldest owed slot; zero: nothing is owed
	LateAt     time.Time     // from then on what is owed is late; zero: nothing is owed
	Late       bool
}

// LateAt gives the instant from which a slot with this due instant is late: a
// run may start anywhere in the window, and then has the grace. Where the site
// has hours of its own, both count from when these are open: what the hours
// put off is not late.
func (p Policy) LateAt(zone *time.Location, due time.Time) time.Time {
	return p.Hours.Next(zone, due).Add(p.Window + p.Grace)
}

// OverdueAt is LateAt of what NextDue gives. A first copy waits for no hours.
func (p Policy) OverdueAt(zone *time.Location, due, newestGood time.Time) time.Time {
	if newestGood.IsZero() {
		p.Hours = Hours{}
	}
	return p.LateAt(zone, due)
}

// Stand gives the standing of a site's kind at now. A site without a good copy
// is owed one since it was registered, whatever its slots. NewestGood is when
// the newest good copy was taken, zero if there is none.
func Stand(p Policy, kind backup.Kind, zone *time.Location, s State, registered, newestGood, now time.Time) Standing {
	out := Standing{Kind: kind, NewestGood: newestGood, Owed: s.Owed(p, kind, zone, now)}
	if !newestGood.IsZero() {
		out.Age = max(0, now.Sub(newestGood))
	}
	if due, ok := NextDue(p, kind, zone, s, registered, newestGood); ok && !due.After(now) {
		out.DueSince, out.LateAt = due, p.OverdueAt(zone, due, newestGood)
		out.Late = !now.Before(out.LateAt)
	}
	return out
}

// NextDue gives the first instant at which a run of the kind is owed, before
// any spread: the registration of a site without a good copy, else the due
// instant of the first open slot. It is false when none ever is. A planner
// stores it; it lies in the past while something is owed.
func NextDue(p Policy, kind backup.Kind, zone *time.Location, s State, registered, newestGood time.Time) (time.Time, bool) {
	if newestGood.IsZero() {
		return registered.UTC(), true
	}
	return s.NextRun(p, kind, zone)
}
