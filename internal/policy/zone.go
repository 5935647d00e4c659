package policy

import (
	"strings"
	"time"
	_ "time/tzdata" // every zone must be known on every machine

	"holdfast/internal/errs"
)

const (
	daySeconds = 24 * 60 * 60
	// No zone is further from UTC than this, so that the due instant of a slot
	// is at most this far from the slot read as UTC.
	widest = 16 * time.Hour
	// A change of offset that matters to a wall time is less than this away
	// from it.
	reach = 36 * time.Hour
	// The widest step that is taken on trust while looking for changes of
	// offset. No zone has ever kept an offset for a shorter time.
	stride = 6 * time.Hour
)

// LoadZone finds an IANA time zone. The error is an errs.Field about field.
// "Local" and the raw and leap-second trees are no zones of a site.
func LoadZone(field, name string) (*time.Location, error) {
	odd := name == "" || name == "Local" || name == "localtime" || name == "posixrules" || name == "Factory" || name == "leapseconds" ||
		strings.HasPrefix(name, "posix/") || strings.HasPrefix(name, "right/")
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("/_+-", c) {
			odd = true
		}
	}
	if !odd {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone, nil
		}
	}
	return nil, errs.Field(field, "%q is not an IANA time zone, like Europe/Berlin", name)
}

// Due gives the instant of a slot in a zone, in UTC: the earlier one where the
// wall time occurs twice, and the first instant after the gap where it does
// not occur. It does not ask time.Date, which promises neither.
func Due(s Slot, zone *time.Location) time.Time {
	c := calendar{zone: zone}
	return c.due(s)
}

// calendar gives due instants and remembers the stretch of one offset that it
// read last, for most slots lie in the same one as the slot before.
type calendar struct {
	zone     *time.Location
	known    bool
	offset   time.Duration
	from, to time.Time // safely within the stretch; zero: without end
}

func (c *calendar) due(s Slot) time.Time {
	wall := s.wall()
	if c.known {
		if at := wall.Add(-c.offset); c.holds(at) {
			return at
		}
	}
	guess := wall.Add(-offsetAt(wall, c.zone)).In(c.zone)
	c.known, c.offset = true, offsetAt(guess, c.zone)
	c.from, c.to = guess.ZoneBounds()
	if !c.from.IsZero() {
		c.from = c.from.Add(reach)
	}
	if !c.to.IsZero() {
		c.to = c.to.Add(-reach)
	}
	if at := wall.Add(-c.offset); c.holds(at) {
		return at
	}
	c.known = false
	return dueNearChange(wall, c.zone)
}

func (c *calendar) holds(at time.Time) bool {
	return (c.from.IsZero() || at.After(c.from)) && (c.to.IsZero() || at.Before(c.to))
}

// dueNearChange walks the offsets around wall: the earliest reading of it, or
// the change that skips it.
func dueNearChange(wall time.Time, zone *time.Location) time.Time {
	var first, gap time.Time
	last := wall.Add(reach)
	at := wall.Add(-reach)
	before := offsetAt(at, zone)
	for {
		if reading := wall.Add(-before); offsetAt(reading, zone) == before && (first.IsZero() || reading.Before(first)) {
			first = reading
		}
		next := at.Add(stride)
		if next.After(last) {
			break
		}
		// A bound of the zone is only a hint where to look: what ZoneBounds
		// says of years that a rule extends need not reach the change.
		if _, end := at.In(zone).ZoneBounds(); end.After(at) && end.Before(next) {
			next = end.UTC()
		}
		after := offsetAt(next, zone)
		if after != before && gap.IsZero() {
			change := firstWith(at, next, after, zone)
			if !wall.Before(change.Add(before)) && wall.Before(change.Add(after)) {
				gap = change
			}
		}
		at, before = next, after
	}
	if first.IsZero() {
		return gap
	}
	return first
}

// firstWith gives the first second in (from, to] whose offset is that of to.
func firstWith(from, to time.Time, offset time.Duration, zone *time.Location) time.Time {
	low, high := from.Unix(), to.Unix()
	for high-low > 1 {
		middle := low + (high-low)/2
		if offsetAt(time.Unix(middle, 0), zone) == offset {
			high = middle
		} else {
			low = middle
		}
	}
	return time.Unix(high, 0).UTC()
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// OffsetChange is an instant at which the wall clock of a zone jumps.
type OffsetChange struct {
	At            time.Time     // UTC
	Before, After time.Duration // offsets from UTC, east positive
}

// OffsetChanges gives the changes of a zone's offset in (from, to], oldest
// first.
func OffsetChanges(zone *time.Location, from, to time.Time) []OffsetChange {
	var out []OffsetChange
	before := offsetAt(from, zone)
	for at := from; at.Before(to); {
		next := at.Add(stride)
		if next.After(to) {
			next = to
		}
		// A bound is only a hint: see dueNearChange.
		if _, end := at.In(zone).ZoneBounds(); end.After(at) && end.Before(next) {
			next = end
		}
		if after := offsetAt(next, zone); after != before {
			out = append(out, OffsetChange{firstWith(at, next, after, zone), before, after})
			before = after
		}
		at = next
	}
	return out
}
