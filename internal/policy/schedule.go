package policy

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// Occurrence is a slot and its due instant.
type Occurrence struct {
	Slot Slot
	Due  time.Time // UTC
}

// horizonYears is how far ahead a slot is looked for: 29 February on a given
// weekday may be 40 years away.
const horizonYears = 41

// on tells whether the schedule names the day, given in days since 1970-01-01.
func (s Schedule) on(day int64) bool {
	if len(s.Weekdays) > 0 {
		// 1970-01-01 was a Thursday.
		if w := time.Weekday(((day+4)%7 + 7) % 7); !slices.Contains(s.Weekdays, w) {
			return false
		}
	}
	if len(s.Days) == 0 && len(s.Months) == 0 {
		return true
	}
	_, month, date := time.Unix(day*daySeconds, 0).UTC().Date()
	return (len(s.Days) == 0 || slices.Contains(s.Days, date)) && (len(s.Months) == 0 || slices.Contains(s.Months, month))
}

// same tells whether two schedules name the same moments by the same lists.
func (s Schedule) same(o Schedule) bool {
	return sameSet(s.Months, o.Months) && sameSet(s.Days, o.Days) && sameSet(s.Weekdays, o.Weekdays) && sameSet(s.At, o.At)
}

func sameSet[T cmp.Ordered](a, b []T) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// dayOf is the calendar day of t, read as UTC.
func dayOf(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / daySeconds)) }

// slots gives the schedule's slots by wall clock, all those that can be due in
// first to last and perhaps some around them.
func (s Schedule) slots(first, last time.Time) iter.Seq[Slot] {
	at := slices.Sorted(slices.Values(s.At))
	from, to := first.Add(-widest), last.Add(widest)
	return func(yield func(Slot) bool) {
		for day := dayOf(from); day <= dayOf(to); day++ {
			if !s.on(day) {
				continue
			}
			for _, a := range at {
				slot := slotOn(day, a)
				if wall := slot.wall(); wall.Before(from) || wall.After(to) {
					continue
				}
				if !yield(slot) {
					return
				}
			}
		}
	}
}

// Between gives the rule's slots with after < due ≤ through, ordered by due
// and then by wall clock. The rule must come from Policy.Of.
func (r Rule) Between(zone *time.Location, after, through time.Time) []Occurrence {
	var out []Occurrence
	if !through.After(after) {
		return nil
	}
	c := calendar{zone: zone}
	for slot := range r.Schedule.slots(after, through) {
		if due := c.due(slot); due.After(after) && !due.After(through) {
			out = append(out, Occurrence{slot, due})
		}
	}
	slices.SortStableFunc(out, func(a, b Occurrence) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return a.Slot.Compare(b.Slot)
	})
	return out
}

// Next gives the rule's first slot with due > after, the earliest on the wall
// if several are due at once; false when none comes. The rule must come from
// Policy.Of.
func (r Rule) Next(zone *time.Location, after time.Time) (Occurrence, bool) {
	var best Occurrence
	found := false
	c := calendar{zone: zone}
	for slot := range r.Schedule.slots(after, after.AddDate(horizonYears, 0, 0)) {
		if found && slot.wall().Add(-widest).After(best.Due) {
			break // no later wall time can be due earlier
		}
		if due := c.due(slot); due.After(after) && (!found || due.Before(best.Due)) {
			best, found = Occurrence{slot, due}, true
		}
	}
	return best, found
}

// Spacing gives the longest time on the wall between two neighbouring slots of
// the rule. The rule must come from Policy.Of.
func (r Rule) Spacing() time.Duration {
	years := 41 // until the rarest day has come twice
	switch s := r.Schedule; {
	case len(s.Months) == 0 && (len(s.Days) == 0 || len(s.Weekdays) == 0):
		years = 1
	case len(s.Months) == 0:
		years = 28 // dates fall on the same weekdays again
	}
	first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var last time.Time
	longest := time.Duration(0)
	for slot := range r.Schedule.slots(first, first.AddDate(years, 3, 0)) {
		if !last.IsZero() {
			longest = max(longest, slot.wall().Sub(last))
		}
		last = slot.wall()
	}
	return longest
}
