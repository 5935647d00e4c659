package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/errs"
)

// Hours are the hours of the day in which a site's scheduled runs may start,
// by the site's wall clock: its backup window. The zero value is always open.
// Hours that end at or before their beginning end on the next day.
type Hours struct {
	From, To TimeOfDay
	Days     []time.Weekday // on which they begin, in order; none means every day
}

// dayMinutes is how many minutes a wall clock's day has.
const dayMinutes = 24 * 60

// leastHours is how long a window must be, so that a site's stable offset and
// a queue of an hour fit in.
const leastHours = 60

// dayNames are how days are written, Sunday first, as time.Weekday counts.
var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Always tells whether the hours restrict nothing.
func (h Hours) Always() bool { return h.From == 0 && h.To == 0 && len(h.Days) == 0 }

// minutes is how long the hours are on the wall.
func (h Hours) minutes() int {
	n := int(h.To - h.From)
	if n <= 0 {
		n += dayMinutes
	}
	return n
}

// ParseHours reads "22:00-06:00", or "22:00-06:00 mon,tue,wed,thu,fri" where
// the hours begin on some days only; "" is always. The error names the field.
func ParseHours(field, s string) (Hours, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return Hours{}, nil
	}
	span, days, _ := strings.Cut(s, " ")
	from, to, ok := strings.Cut(strings.ReplaceAll(span, "–", "-"), "-")
	if !ok {
		return Hours{}, errs.Field(field, "%q is no window; write it like 22:00-06:00, or 22:00-06:00 mon,tue,wed,thu,fri", s)
	}
	var h Hours
	var err error
	if h.From, err = hourOfDay(field, from, false); err != nil {
		return Hours{}, err
	}
	if h.To, err = hourOfDay(field, to, true); err != nil {
		return Hours{}, err
	}
	if h.Days, err = parseDays(field, days); err != nil {
		return Hours{}, err
	}
	if h.From == h.To {
		if h.From == 0 && len(h.Days) == 0 {
			return Hours{}, nil // 00:00-24:00 on every day
		}
		if h.From != 0 {
			return Hours{}, errs.Field(field, "the window begins and ends at %s; leave it empty for backups at any hour", clock24(h.From))
		}
	}
	if h.minutes() < leastHours {
		return Hours{}, errs.Field(field, "the window %s is shorter than an hour; give backups more room", span)
	}
	return h, nil
}

// hourOfDay reads HH:MM; 24:00 ends a day.
func hourOfDay(field, s string, end bool) (TimeOfDay, error) {
	s = strings.TrimSpace(s)
	if end && s == "24:00" {
		return 0, nil
	}
	hour, minute, ok := strings.Cut(s, ":")
	h, err := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	if !ok || err != nil || err2 != nil || len(hour) > 2 || len(minute) != 2 || h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, errs.Field(field, "%q is no time of day; write it like 22:00", s)
	}
	return TimeOfDay(h*60 + m), nil
}

func parseDays(field, s string) ([]time.Weekday, error) {
	var out []time.Weekday
	for _, name := range strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' }) {
		i := slices.Index(dayNames, name[:min(3, len(name))])
		if i < 0 || len(name) > 3 && strings.ToLower(time.Weekday(i).String()) != name {
			return nil, errs.Field(field, "%q is no day; write mon, tue, wed, thu, fri, sat or sun, with commas between", name)
		}
		if !slices.Contains(out, time.Weekday(i)) {
			out = append(out, time.Weekday(i))
		}
	}
	slices.Sort(out)
	if len(out) == len(dayNames) {
		return nil, nil
	}
	return out, nil
}

func clock24(t TimeOfDay) string { return fmt.Sprintf("%02d:%02d", t/60, t%60) }

// String writes the form that ParseHours reads; "" for always.
func (h Hours) String() string {
	if h.Always() {
		return ""
	}
	to := clock24(h.To)
	if h.To == 0 {
		to = "24:00"
	}
	s := clock24(h.From) + "-" + to
	if len(h.Days) == 0 {
		return s
	}
	names := make([]string, len(h.Days))
	for i, d := range h.Days {
		names[i] = dayNames[d]
	}
	return s + " " + strings.Join(names, ",")
}

// Words says the hours to a person, like "between 22:00 and 06:00"; "at any
// hour" for always.
func (h Hours) Words() string {
	if h.Always() {
		return "at any hour"
	}
	to := clock24(h.To)
	if h.To == 0 {
		to = "24:00"
	}
	s := "between " + clock24(h.From) + " and " + to
	if len(h.Days) == 0 {
		return s
	}
	names := make([]string, len(h.Days))
	for i, d := range h.Days {
		names[i] = d.String()
	}
	last := len(names) - 1
	if last == 0 {
		return s + ", beginning on " + names[0] + "s"
	}
	return s + ", beginning on " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// Opening is a stretch of time in which runs may start: From ≤ t < To.
type Opening struct{ From, To time.Time }

// Opening gives the stretch that holds t, or else the first after it. Both ends
// follow the rules of slots: a wall time that occurs twice is the earlier, one
// that the clocks skip is the first instant after the gap, so that hours that
// lie wholly in a gap do not open on that day. It is false for hours that are
// always open.
func (h Hours) Opening(zone *time.Location, t time.Time) (Opening, bool) {
	if h.Always() {
		return Opening{}, false
	}
	c := calendar{zone: zone}
	first := dayOf(t.Add(-widest)) - 1
	var best Opening
	found := false
	for day := first; day <= first+17; day++ { // a week, the widest zone on both sides, and a day that a zone skips
		if w := time.Weekday(((day+4)%7 + 7) % 7); len(h.Days) > 0 && !slices.Contains(h.Days, w) {
			continue
		}
		end := day
		if h.To <= h.From {
			end++
		}
		o := Opening{c.due(slotOn(day, h.From)), c.due(slotOn(end, h.To))}
		if !o.From.Before(o.To) || !o.To.After(t) {
			continue
		}
		if !found || o.From.Before(best.From) {
			best, found = o, true
		}
	}
	return best, found
}

// Open tells whether runs may start at t.
func (h Hours) Open(zone *time.Location, t time.Time) bool {
	o, ok := h.Opening(zone, t)
	return !ok || !t.Before(o.From)
}

// Next gives the first instant from t on at which runs may start: t itself
// where that is open.
func (h Hours) Next(zone *time.Location, t time.Time) time.Time {
	if o, ok := h.Opening(zone, t); ok && o.From.After(t) {
		return o.From
	}
	return t
}
