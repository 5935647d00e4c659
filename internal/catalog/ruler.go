package catalog

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

const (
	day = 24 * time.Hour
	// A rule that leaves more than this between two copies has a month's end
	// that is far from both.
	monthly = 28 * day
	// Data further than this from the database copy is not of the same day.
	cliff = day
	// Clocks that change make a night up to this much longer.
	clockSlack = time.Hour
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

// MarkKinds are all kinds of marks.
func MarkKinds() []MarkKind { return []MarkKind{MarkMonthEnd, MarkHole, MarkCliff, MarkClock} }

// Mark is a place on the ruler that a person should know about.
type Mark struct {
	Kind     MarkKind
	From, To time.Time     // the same instant for what has no length
	Lost     time.Duration // the most that a moment between From and To loses; 0 where it is not about loss
	// The offsets from UTC on both sides of a clock change; 0 for other marks.
	Before, After time.Duration
}

// gap is the time between two neighbouring database copies, or from the newest
// one to now.
type gap struct {
	from, to time.Time
	class    int // the densest grain that allows it
}

func (g gap) length() time.Duration { return g.to.Sub(g.from) }

// grain is how fine a rule is.
type grain struct {
	tier    policy.Tier
	words   string
	spacing time.Duration
	allows  time.Duration
}

// Ruler describes the past from now back to the oldest good database copy, as
// contiguous stretches, the newest first. It goes by the copies that are
// there, not by what the policy promises; the policy only names what the
// distances look like. A stretch is as fine as most of it; where copies are
// further apart than that a mark says so. Clock changes before the site was
// registered are left out. Empty: there is no such copy.
func Ruler(items []Item, p policy.Policy, zone *time.Location, registered, now time.Time) []Stretch {
	grains := grainsOf(p)
	gaps := gapsOf(items, grains, now)
	classes := settle(gaps, len(grains))
	var out []Stretch
	for i, g := range gaps {
		if i == 0 || classes[i] != classes[i-1] {
			s := Stretch{To: g.to}
			if c := classes[i]; c < len(grains) {
				s.Tier, s.Words = grains[c].tier, grains[c].words
			}
			out = append(out, s)
		}
		s := &out[len(out)-1]
		s.From = g.from
		s.Copies++
		s.Largest = max(s.Largest, g.length())
		if c := classes[i]; c < g.class && c < len(grains) {
			s.Marks = append(s.Marks, Mark{Kind: MarkHole, From: g.from, To: g.to, Lost: g.length()})
		}
	}
	for i := range out {
		out[i].finish(grains, zone, registered)
	}
	markCliff(out, items, now)
	for i := range out {
		slices.SortStableFunc(out[i].Marks, func(a, b Mark) int { return a.From.Compare(b.From) })
	}
	return out
}

// grainsOf gives the grains of the database's rules, the finest first.
func grainsOf(p policy.Policy) []grain {
	var out []grain
	for _, r := range p.Of(backup.Database) {
		spacing := r.Spacing()
		out = append(out, grain{r.Tier, r.Schedule.Any(), spacing, spacing + p.Window + p.Grace + clockSlack})
	}
	slices.SortStableFunc(out, func(a, b grain) int { return cmp.Compare(a.spacing, b.spacing) })
	return out
}

// gapsOf gives the gaps between good database copies, the newest first.
func gapsOf(items []Item, grains []grain, now time.Time) []gap {
	ends := []time.Time{now}
	for _, c := range items {
		if c.Kind == backup.Database && c.Good && !c.At.After(now) {
			ends = append(ends, c.At)
		}
	}
	slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
	var out []gap
	for i := 1; i < len(ends); i++ {
		g := gap{from: ends[i], to: ends[i-1]}
		for g.class < len(grains) && g.length() > grains[g.class].allows {
			g.class++
		}
		out = append(out, g)
	}
	return out
}

// settle gives each gap the class of its stretch: never finer than that of a
// newer one, for rules that reach further back are coarser, and otherwise in
// keeping with as many gaps as can be. One missed night does not end the
// stretch of days, nor do two copies a day apart make one.
func settle(gaps []gap, coarsest int) []int {
	type choice struct{ cost, from int }
	table := make([][]choice, len(gaps))
	for i, g := range gaps {
		table[i] = make([]choice, coarsest+1)
		best := choice{}
		for c := range table[i] {
			if i > 0 {
				if prev := table[i-1][c].cost; c == 0 || prev < best.cost {
					best = choice{prev, c}
				}
			}
			table[i][c] = best
			if c != g.class {
				table[i][c].cost++
			}
		}
	}
	out := make([]int, len(gaps))
	for i := len(gaps) - 1; i >= 0; i-- {
		if i == len(gaps)-1 {
			for c := range table[i] {
				if table[i][c].cost < table[i][out[i]].cost {
					out[i] = c
				}
			}
			continue
		}
		out[i] = table[i+1][out[i+1]].from
	}
	return out
}

// finish adds what a stretch is marked with by itself.
func (s *Stretch) finish(grains []grain, zone *time.Location, registered time.Time) {
	if s.Words == "" {
		s.Words = "one moment in " + strconv.Itoa(int((s.Largest+day-1)/day)) + " days"
	}
	i := slices.IndexFunc(grains, func(g grain) bool { return g.tier == s.Tier })
	if s.Largest >= monthly && (i < 0 || grains[i].spacing >= monthly) {
		s.Marks = append(s.Marks, Mark{Kind: MarkMonthEnd, From: s.From, To: s.To, Lost: s.Largest})
	}
	from := s.From
	if registered.After(from) {
		from = registered
	}
	if !from.Before(s.To) {
		return
	}
	for _, c := range policy.OffsetChanges(zone, from, s.To) {
		s.Marks = append(s.Marks, Mark{Kind: MarkClock, From: c.At, To: c.At, Before: c.Before, After: c.After})
	}
}

// markCliff marks the oldest database copy that has data of about its time, if
// there are older ones; or now, if none has.
func markCliff(out []Stretch, items []Item, now time.Time) {
	at, any := now, false
	var oldest time.Time
	for i := range items {
		c := &items[i]
		if c.Kind != backup.Database || !c.Good || c.At.After(now) {
			continue
		}
		if oldest.IsZero() || c.At.Before(oldest) {
			oldest = c.At
		}
		p := Point{Database: c}
		if p.fit(items); p.Data != nil && p.Skew.Abs() <= cliff && (!any || c.At.Before(at)) {
			at, any = c.At, true
		}
	}
	if any && at.Equal(oldest) {
		return
	}
	for i := range out {
		if s := &out[i]; !at.Before(s.From) && !at.After(s.To) {
			s.Marks = append(s.Marks, Mark{Kind: MarkCliff, From: at, To: at})
			return
		}
	}
}
