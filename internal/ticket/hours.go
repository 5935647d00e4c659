package ticket

import (
	"fmt"
	"strings"
	"time"
)

// Hours are the business hours of a week in a zone. Business time passes in
// them alone, by the zone's own wall clock: on the night when clocks go back an
// hour that is open twice counts twice, and one that is skipped does not count.
type Hours struct {
	zone *time.Location
	days [7][]span // from Sunday, as time.Weekday counts
}

// span is a stretch of a day, in minutes since midnight.
type span struct{ from, to int }

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

// NewHours reads business hours as the settings hold them: by weekday, mon to
// sun, stretches like 09:00-17:00 in their order. A week without any is an error.
func NewHours(week map[string][]string, zone string) (Hours, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Hours{}, fmt.Errorf("business zone: %w", err)
	}
	h := Hours{zone: loc}
	open := false
	for day, spans := range week {
		d, ok := weekdays[day]
		if !ok {
			return Hours{}, fmt.Errorf("business hours: %q is no day", day)
		}
		last := -1
		for _, text := range spans {
			var s span
			a, b, ok := strings.Cut(text, "-")
			if s.from, ok = minuteOf(a, ok); ok {
				s.to, ok = minuteOf(b, ok)
			}
			if !ok || s.to <= s.from || s.from < last {
				return Hours{}, fmt.Errorf("business hours: %q of %s is no stretch after the one before", text, day)
			}
			last, open = s.to, true
			h.days[d] = append(h.days[d], s)
		}
	}
	if !open {
		return Hours{}, fmt.Errorf("business hours: there are none")
	}
	return h, nil
}

func minuteOf(clock string, ok bool) (int, bool) {
	var hour, minute int
	if !ok || len(clock) != 5 || clock[2] != ':' {
		return 0, false
	}
	if _, err := fmt.Sscanf(clock, "%02d:%02d", &hour, &minute); err != nil || hour > 24 || minute > 59 || hour == 24 && minute > 0 {
		return 0, false
	}
	return hour*60 + minute, true
}

// opens gives the stretches of the day, as instants: dates in the zone, whose
// wall clock may skip or repeat an hour.
func (h Hours) opens(year int, month time.Month, day int) (out [][2]time.Time) {
	noon := time.Date(year, month, day, 12, 0, 0, 0, h.zone)
	for _, s := range h.days[noon.Weekday()] {
		from := time.Date(year, month, day, 0, s.from, 0, 0, h.zone)
		to := time.Date(year, month, day, 0, s.to, 0, 0, h.zone)
		if n := len(out); n > 0 && from.Before(out[n-1][1]) { // both ends of a skipped hour fall together
			from = out[n-1][1]
		}
		if to.After(from) {
			out = append(out, [2]time.Time{from, to})
		}
	}
	return out
}

// maxDays is how far Add looks: what is promised is due within a few years.
const maxDays = 3660

// Add gives the instant at which d of business time has passed since from.
func (h Hours) Add(from time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return from
	}
	y, m, day := from.In(h.zone).Date()
	for i := range maxDays {
		for _, s := range h.opens(y, m, day+i) {
			begin := s[0]
			if begin.Before(from) {
				begin = from
			}
			if left := s[1].Sub(begin); left >= d {
				return begin.Add(d).UTC()
			} else if left > 0 {
				d -= left
			}
		}
	}
	return from.AddDate(0, 0, maxDays).UTC()
}

// Between gives the business time from a to b; negative where b is before a.
func (h Hours) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -h.Between(b, a)
	}
	var sum time.Duration
	y, m, day := a.In(h.zone).Date()
	for i := range maxDays {
		if time.Date(y, m, day+i, 0, 0, 0, 0, h.zone).After(b) {
			break
		}
		for _, s := range h.opens(y, m, day+i) {
			begin, end := s[0], s[1]
			if begin.Before(a) {
				begin = a
			}
			if end.After(b) {
				end = b
			}
			if end.After(begin) {
				sum += end.Sub(begin)
			}
		}
	}
	return sum
}
