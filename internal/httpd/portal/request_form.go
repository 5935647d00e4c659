package portal

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
)

// Limits of what may be typed, in characters; the ticket's own rules decide.
const (
	courseMost  = 5000
	pathsAtOnce = 2 // empty lines that are offered at first
)

const (
	dayForm   = "2006-01-02"
	clockForm = "15:04"
)

// typed is the form of a request as it was sent, or as a draft fills it in.
type typed struct {
	draft, site, do   string
	story, day, clock string
	point, best, want string
	paths             []string
	root, where       string
	courses, why      string
	urgent, terms     bool
	name              string // the site's, to confirm at once
}

func readTyped(r *http.Request) typed {
	v := r.PostForm
	t := typed{
		draft: v.Get(portal.FieldTicket), site: v.Get(portal.FieldSite), do: v.Get(portal.FieldDo),
		story: lines(v.Get(portal.FieldStory)), day: strings.TrimSpace(v.Get(portal.FieldDay)), clock: strings.TrimSpace(v.Get(portal.FieldClock)),
		point: v.Get(portal.FieldPoint), best: v.Get(portal.FieldBest), want: v.Get(portal.FieldWant),
		root: v.Get(portal.FieldRoot), where: v.Get(portal.FieldWhere), courses: lines(v.Get(portal.FieldCourses)), why: strings.TrimSpace(v.Get(portal.FieldWhy)),
		urgent: v.Get(portal.FieldUrgent) != "", terms: v.Get(portal.FieldTerms) != "", name: strings.TrimSpace(v.Get(portal.FieldTyped)),
	}
	for _, p := range v[portal.FieldPath] {
		t.paths = append(t.paths, strings.TrimSpace(p))
	}
	return t
}

// lines has the ends of lines as we keep them.
func lines(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n") }

// fromDraft fills the form in.
func fromDraft(d app.Draft, zone *time.Location) typed {
	q := d.Request
	t := typed{
		story: q.Happened, want: string(q.What), paths: slices.Clone(q.Paths), root: q.Root, where: "beside",
		courses: strings.Join(q.Courses, "\n"), urgent: q.Urgent, why: q.Why, point: pointValue(q.Point.Database, q.Point.Data),
	}
	if q.InPlace {
		t.where = "in-place"
	}
	if !q.At.IsZero() {
		t.day, t.clock = q.At.In(zone).Format(dayForm), q.At.In(zone).Format(clockForm)
	}
	if !d.ID.IsZero() {
		t.draft = d.ID.String()
	}
	if !d.Site.IsZero() {
		t.site = d.Site.String()
	}
	return t
}

// The ids of the fields that a problem may stand beside, in the order of the
// page, by the names that the ticket's rules use.
var fieldOrder = []string{portal.FieldSite, portal.FieldStory, portal.FieldDay, portal.FieldClock, portal.FieldPoint, portal.FieldWant, portal.FieldCourses, portal.FieldRoot, portal.FieldPath, portal.FieldWhy, portal.FieldTyped, portal.FieldTerms}

var fieldOf = map[string]string{
	"site": portal.FieldSite, "happened": portal.FieldStory, "at": portal.FieldDay, "zone": portal.FieldDay, "what": portal.FieldWant, "root": portal.FieldPath, "paths": portal.FieldPath,
	"courses": portal.FieldCourses, "point": portal.FieldPoint, "why": portal.FieldWhy, "terms": portal.FieldTerms, "subject": portal.FieldStory,
}

// moment reads the day and the time. A rough answer is enough: a day alone is
// its noon, a time alone is of the last day that had it.
func (t *typed) moment(zone *time.Location, now time.Time, wrong map[string]string) time.Time {
	if t.day == "" && t.clock == "" {
		return time.Time{}
	}
	clock, err := time.Parse(clockForm, t.clock[:min(len(t.clock), len(clockForm))])
	if t.clock == "" {
		clock, err = time.Parse(clockForm, "12:00")
	}
	if err != nil {
		wrong[portal.FieldClock] = "Type a time of day, like 12:00."
		return time.Time{}
	}
	today := now.In(zone)
	day, err := time.Parse(dayForm, t.day)
	if t.day == "" {
		day, err = today, nil
	}
	if err != nil {
		wrong[portal.FieldDay] = "Type a day, like 2026-10-17."
		return time.Time{}
	}
	at := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, zone)
	if t.day == "" && at.After(now) {
		at = at.AddDate(0, 0, -1)
	}
	switch {
	case at.After(now.Add(24 * time.Hour)):
		wrong[portal.FieldDay] = "This lies in the future; choose when it was still right."
		return time.Time{}
	case at.Year() < 1990:
		wrong[portal.FieldDay] = "This is longer ago than any copy; choose a later day."
		return time.Time{}
	case at.After(now):
		at = now.In(zone).Truncate(time.Minute)
	}
	t.day, t.clock = at.Format(dayForm), at.Format(clockForm)
	return at
}

// picked is the moment of a quick pick.
func picked(do string, zone *time.Location, now time.Time) (time.Time, bool) {
	name, ok := strings.CutPrefix(do, portal.PickPrefix)
	if !ok {
		return time.Time{}, false
	}
	for _, p := range picks(zone, now) {
		if p.value == name {
			return p.at, true
		}
	}
	return time.Time{}, false
}

type pick struct {
	value, label string
	at           time.Time
}

// picks are the moments that people mean most often.
func picks(zone *time.Location, now time.Time) []pick {
	n := now.In(zone).Truncate(time.Minute)
	on := func(days, hour int) time.Time {
		return time.Date(n.Year(), n.Month(), n.Day()-days, hour, 0, 0, 0, zone)
	}
	out := []pick{{"hour", "About an hour ago", n.Add(-time.Hour)}}
	if morning := on(0, 8); n.Sub(morning) > 2*time.Hour {
		out = append(out, pick{"morning", "This morning", morning})
	}
	return append(out, pick{"night", "Last night", on(1, 22)}, pick{"yesterday", "Yesterday at noon", on(1, 12)}, pick{"week", "A week ago", on(7, 12)})
}

// request is what was typed as a request; wrong gets what cannot be read.
func (t *typed) request(zone *time.Location, now time.Time, wrong map[string]string) ticket.Request {
	q := ticket.Request{
		Happened: t.story, At: t.moment(zone, now, wrong), Zone: zone.String(), What: ticket.What(t.want), Urgent: t.urgent, Why: t.why,
	}
	if q.What != "" && !slices.Contains(ticket.Whats(), q.What) {
		q.What = ""
	}
	if q.What == ticket.Files {
		q.Root, q.InPlace = ticket.RootData, t.where == "in-place"
		if t.root == ticket.RootCode {
			q.Root = ticket.RootCode
		}
	}
	for _, p := range t.paths[:min(len(t.paths), ticket.MaxPaths)] {
		if p != "" {
			q.Paths = append(q.Paths, p)
		}
	}
	for c := range strings.SplitSeq(t.courses, "\n") {
		if c = strings.TrimSpace(c); c != "" {
			q.Courses = append(q.Courses, c)
		}
	}
	if !t.urgent {
		q.Why = ""
	}
	q.Point.Database, q.Point.Data = readPoint(t.point)
	return q
}

// pointValue names a restore point in the form.
func pointValue(database, data id.Copy) string {
	a, b := "", ""
	if !database.IsZero() {
		a = database.String()
	}
	if !data.IsZero() {
		b = data.String()
	}
	if a == "" && b == "" {
		return ""
	}
	return a + "_" + b
}

func readPoint(value string) (database, data id.Copy) {
	a, b, _ := strings.Cut(value, "_")
	database, _ = id.Parse[id.Copy](a) // none where it is none; the offer decides
	data, _ = id.Parse[id.Copy](b)
	return database, data
}
