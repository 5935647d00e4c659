package policy

import (
	"slices"
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
			return Hours{}, errs.Field(field, "the window begins and ends at %s; leave it empty for backups at any hour", h.From.String())
		}
	}
	if h.minutes() < leastHours {
		return Hours{}, errs.Field(field, "the window %s is shorter than an hour; give backups more room", span)
	}
	return h, nil
}

// hourOfDay reads HH:MM, and H:MM too; 24:00 ends a day.
func hourOfDay(field, s string, end bool) (TimeOfDay, error) {
	s = strings.TrimSpace(s)
	if end && s == "24:00" {
		return 0, nil
	}
	if len(s) == len("6:00") {
		s = "0" + s
	}
	return ParseTimeOfDay(field, s)
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

// String writes the form that ParseHours reads; "" for always.
func (h Hours) String() string {
	if h.Always() {
		return ""
	}
	to := h.To.String()
	if h.To == 0 {
		to = "24:00"
	}
	s := h.From.String() + "-" + to
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
	to := h.To.String()
	if h.To == 0 {
		to = "24:00"
	}
	s := "between " + h.From.String() + " and " + to
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
	for day := first; day <= first+17; day++ { // a week, the widest zone on both sides, and a day that a zone skips
		if w := time.Weekday(((day+4)%7 + 7) % 7); len(h.Days) > 0 && !slices.Contains(h.Days, w) {
			continue
		}
		end := day
		if h.To <= h.From {
			end++
		}
		o := Opening{To: c.due(slotOn(end, h.To))}
		if !o.To.After(t) {
			continue
		}
		// A later wall time is never due earlier: the first day is the first.
		if o.From = c.due(slotOn(day, h.From)); o.From.Before(o.To) {
			return o, true
		}
	}
	return Opening{}, false
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

// StartIn gives when a site starts what is due at the instant at, seen from
// now, and when the hours that the start lies in end: zero for hours that are
// always open. The site's own offset counts from the opening, or from the due
// instant within one, and leaves at least half of the rest of the hours. Where
// the opening of the due instant is over, it is the one of now, or the next.
func (p Policy) StartIn(zone *time.Location, site [16]byte, at, now time.Time) (start, closes time.Time) {
	o, ok := p.Hours.Opening(zone, at)
	if !ok {
		return at.Add(Spread(site, p.Window)), time.Time{}
	}
	if !o.To.After(now) {
		o, _ = p.Hours.Opening(zone, now)
		at = o.From
	}
	if at.Before(o.From) {
		at = o.From
	}
	return at.Add(Spread(site, min(p.Window, o.To.Sub(at)/2))), o.To
}
