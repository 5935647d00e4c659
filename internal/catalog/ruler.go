package catalog

import (
	"time"

	"holdfast/internal/policy"
)

// Stretch is a part of the past in which one can go back about equally finely.
type Stretch struct {
	From    time.Time     // the older end, a database copy
	To      time.Time     // the newer end, a database copy or now
	Copies  int           // good database copies from From to just before To
	Largest time.Duration // between neighbouring database copies: the most that a moment in it loses
	Tier    policy.Tier   // the rule that it looks like; empty: sparser than any rule
	Words   string        // "any day", "any Friday", "any 1st of a month"
	Marks   []Mark        // oldest first
}

// MarkKind is what is marked on the ruler.
type MarkKind string

// The kinds of marks.
const (
	MarkMonthEnd MarkKind = "month_end" // only monthly copies are left: a moment late in a month loses most of it
	MarkHole     MarkKind = "hole"      // copies are further apart here than the stretch's rule would have them
	MarkCliff    MarkKind = "cliff"     // before it, no data copy is within a day of the database copy
	MarkClock    MarkKind = "clock"     // the zone's offset changes: wall times occur twice or not at all
)

// Mark is a place on the ruler that a person should know about.
type Mark struct {
	Kind     MarkKind
	From, To time.Time     // the same instant for what has no length
	Lost     time.Duration // the most that a moment between From and To loses; 0 where it is not about loss
	// The offsets from UTC on both sides of a clock change; 0 for other marks.
	Before, After time.Duration
}

// Ruler describes the past from now back to the oldest good database copy, as
// contiguous stretches, the newest first. Empty: there is no such copy.
func Ruler(items []Item, p policy.Policy, zone *time.Location, registered, now time.Time) []Stretch {
	return nil
}
