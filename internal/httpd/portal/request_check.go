package portal

import (
	"strconv"

	"holdfast/internal/authz"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
)

// check finds all that is missing at once, so that nobody is sent back twice.
// What only the ticket's own rules know they say themselves.
func (w *wish) check() {
	q := w.draft.Request.Tidy()
	miss := func(field, text string) {
		if w.wrong[field] == "" {
			w.wrong[field] = text
		}
	}
	if w.site == nil {
		miss(portal.FieldSite, "Choose one of your sites.")
	}
	for _, x := range []struct {
		missing     bool
		field, text string
	}{
		{q.Happened == "", portal.FieldStory, "Say in a few words what happened, so that we bring back the right thing."},
		{q.At.IsZero() && w.wrong[portal.FieldClock] == "", portal.FieldDay, "Choose the day on which it was still right. A rough time is enough."},
		{q.What == "", portal.FieldWant, "Choose what should come back."},
		{q.What == ticket.Courses && len(q.Courses) == 0, portal.FieldCourses, "Name the course, or give the address of its page."},
		{q.What == ticket.Files && len(q.Paths) == 0, portal.FieldPath, "Name a file or folder, like lang/de. If you do not know the path, choose “All files”, or ask us."},
		{q.Urgent && q.Why == "", portal.FieldWhy, "Say why it is urgent, like: students hand in on Monday at 8."},
	} {
		if x.missing {
			miss(x.field, x.text)
		}
	}
	for _, e := range q.Problems(w.now) {
		if field, ok := fieldOf[e.Field]; ok && (e.Field != "point" || w.wrong[portal.FieldDay] == "" && q.What != "") {
			miss(field, figure.Problem(e))
		}
	}
	if name := w.typed.name; name != "" && w.site != nil && name != w.site.Site.Name {
		miss(portal.FieldTyped, "This is not the site’s name; type "+w.site.Site.Name+", or leave it empty for now.")
	}
	if !w.typed.terms {
		miss(portal.FieldTerms, "Read what you agree to, and tick the box.")
	}
}

// missing says how much is wrong.
func (w *wish) missing() string {
	if len(w.wrong) == 1 {
		return "One thing needs another look. It stands beside its field; nothing you wrote is lost."
	}
	return strconv.Itoa(len(w.wrong)) + " things need another look. Each stands beside its field; nothing you wrote is lost."
}

// first is the control to begin at: the first that is wrong.
func (w *wish) first() string {
	for _, f := range fieldOrder {
		if w.wrong[f] == "" {
			continue
		}
		switch f {
		case portal.FieldWant:
			return "want-" + portal.WantCourses
		case portal.FieldPath, portal.FieldRoot:
			return "path-0"
		case portal.FieldPoint:
			return portal.FieldDay
		}
		return f
	}
	return ""
}

// mayConfirm tells whether the person is one who confirms.
func (w *wish) mayConfirm() bool { return may(w.person, authz.ConfirmRestore, w.tenant) }
