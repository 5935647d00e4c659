package policy

import (
	"time"

	"holdfast/internal/backup"
)

// SlotState is what has become of a slot.
type SlotState string

// The states of a slot.
const (
	SlotKept     SlotState = "kept"     // a good copy that served it in time is there
	SlotLate     SlotState = "late"     // the same, but its run started late
	SlotFlawed   SlotState = "flawed"   // the copy that served it is incomplete or damaged
	SlotMissed   SlotState = "missed"   // a later slot of the rule was served in its stead
	SlotExpired  SlotState = "expired"  // it was served, and the copy is gone again
	SlotOwed     SlotState = "owed"     // due, and not served yet
	SlotUpcoming SlotState = "upcoming" // not due yet
)

// SlotStates are all states of a slot.
func SlotStates() []SlotState {
	return []SlotState{SlotKept, SlotLate, SlotFlawed, SlotMissed, SlotExpired, SlotOwed, SlotUpcoming}
}

// SlotMark is a slot and what has become of it.
type SlotMark struct {
	Ruling
	Due      time.Time
	State    SlotState
	Copy     string    // id of the copy that served it, if that is there
	ServedAt time.Time // when that copy's run started; zero without one
}

// Calendar gives every slot of each rule of the kind with from ≤ due ≤ to, by
// rule in the order of the policy, then by due. Copies are those that are
// there, with all that they served, whichever rule still keeps them. Begun
// says from which instant on a tier's rule has been in force: slots due
// earlier do not exist; a tier without an entry is bounded by nothing. Missed
// are the slots that runs left behind. All of it is of one site and kind.
func Calendar(p Policy, kind backup.Kind, zone *time.Location, s State, begun map[Tier]time.Time,
	copies []Copy, missed []Ruling, from, to, now time.Time,
) []SlotMark {
	var out []SlotMark
	left := make(map[Ruling]bool, len(missed))
	for _, m := range missed {
		left[m] = true
	}
	for _, r := range p.Of(kind) {
		first := from
		if at := begun[r.Tier]; at.After(first) {
			first = at
		}
		settled, known := s.Settled(r.Key())
		held := holders(r.Tier, copies)
		for _, o := range r.Between(zone, first.Add(-time.Nanosecond), to) {
			m := SlotMark{Ruling: Ruling{kind, r.Tier, o.Slot}, Due: o.Due}
			c, holds := held[o.Slot]
			switch {
			case holds:
				m.Copy, m.ServedAt = c.ID, c.Start()
				m.State = holding(c, p.LateAt(zone, o.Due))
				if known && !c.Good && o.Due.After(settled) {
					m.State = SlotOwed // again
				}
			case left[m.Ruling]:
				m.State = SlotMissed
			case o.Due.After(now):
				m.State = SlotUpcoming
			case !known:
				continue // the rule is not in force yet
			case o.Due.After(settled):
				m.State = SlotOwed
			default:
				m.State = SlotExpired
			}
			out = append(out, m)
		}
	}
	return out
}

// holders gives for each slot of a tier the copy that stands for it: the first
// good one, or the first.
func holders(tier Tier, copies []Copy) map[Slot]*Copy {
	out := map[Slot]*Copy{}
	for i := range copies {
		c := &copies[i]
		slot, ok := c.Tiers.Get(tier)
		if !ok {
			continue
		}
		was, taken := out[slot]
		if !taken || c.Good && !was.Good || c.Good == was.Good && c.Start().Before(was.Start()) {
			out[slot] = c
		}
	}
	return out
}

func holding(c *Copy, lateAt time.Time) SlotState {
	switch {
	case !c.Good:
		return SlotFlawed
	case c.Start().After(lateAt):
		return SlotLate
	}
	return SlotKept
}
