package portal

import (
	"slices"
	"time"

	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const offersShown = 3 // the others are folded

// props words the whole page.
func (w *wish) props() portal.RequestProps {
	if w.noSite {
		return portal.RequestProps{NoSite: "No site of yours is backed up here yet, so there is nothing to bring back. Ask us if one is missing."}
	}
	t := w.typed
	p := portal.RequestProps{
		Ticket: t.draft, Device: w.person.Actor.Account.String(), Test: w.money.test,
		Sites: w.sites, SiteProblem: w.wrong[portal.FieldSite], Story: t.story, StoryProblem: w.wrong[portal.FieldStory], StoryMost: ticket.MaxHappened, CourseMax: courseMost,
		Day: t.day, Clock: t.clock, LastDay: w.now.In(w.zone).Format(dayForm), DayProblem: w.wrong[portal.FieldDay], ClockProblem: w.wrong[portal.FieldClock],
		Zone: "Times by the clock of " + w.zone.String() + ", where it is " + w.now.In(w.zone).Format("15:04") + " now.", Picks: w.picks(),
		When: w.reach(), Want: t.want, WantProblem: w.wrong[portal.FieldWant], Where: t.where, Courses: t.courses, CoursesProblem: w.wrong[portal.FieldCourses],
		Urgent: t.urgent, Why: t.why, WhyProblem: w.wrong[portal.FieldWhy], Terms: t.terms, TermsProblem: w.wrong[portal.FieldTerms], TermsText: w.terms(),
		PathsProblem: w.wrong[portal.FieldPath], Summary: w.summary(), SendLabel: w.money.sendLabel(), MaySend: true,
	}
	if p.DayProblem == "" {
		p.DayProblem = w.wrong[portal.FieldPoint]
	}
	if p.Where == "" {
		p.Where = "beside"
	}
	for _, r := range []struct{ value, label string }{{ticket.RootData, "In Moodle’s data: uploads, language packs"}, {ticket.RootCode, "In its code: themes, plug-ins"}} {
		p.Roots = append(p.Roots, ui.Choice{Value: r.value, Label: r.label, Selected: t.root == r.value})
	}
	paths := t.paths
	for len(paths) < pathsAtOnce || t.do == portal.DoRow && len(paths) < ticket.MaxPaths && paths[len(paths)-1] != "" {
		paths = append(slices.Clone(paths), "")
	}
	for _, x := range paths[:min(len(paths), ticket.MaxPaths)] {
		p.Paths = append(p.Paths, portal.PathField{Value: x})
	}
	if p.PathsProblem != "" {
		p.Paths[0].Problem, p.PathsProblem = p.PathsProblem, ""
	}
	if !w.draft.ID.IsZero() {
		p.Kept = "Kept at " + w.draft.SavedAt.In(w.zone).Format("15:04") + ". You can close this page and go on later."
		if w.now.Sub(w.draft.SavedAt) > 20*time.Hour || w.draft.SavedAt.In(w.zone).Day() != w.now.In(w.zone).Day() {
			p.Kept = "We kept what you wrote on " + words.Day(w.now, w.draft.SavedAt, w.zone) + ". Go on where you left off."
		}
	}
	if w.mayConfirm() && w.site != nil {
		p.Confirm = &portal.ConfirmField{Name: w.site.Site.Name, Typed: t.name, Problem: w.wrong[portal.FieldTyped]}
	}
	return p
}

func (w *wish) picks() []ui.Choice {
	var out []ui.Choice
	for _, x := range picks(w.zone, w.now) {
		out = append(out, ui.Choice{Value: x.value, Label: x.label})
	}
	return out
}

// terms are what one agrees to, TermsVersion of the ticket's.
func (w *wish) terms() []string {
	return []string{
		"The flat fee is " + w.money.price + " for one request, whatever its size.",
		"If what comes back does not pass our checks, or we decline, you get the fee back without asking.",
		"You can withdraw, and get the fee back, until the restore begins.",
		"Before anything changes we take a copy of how your site is now, and keep it until you say that all is well, or " + words.Many(int64(w.set.AutoCloseDays), "day", "days") + " have passed.",
	}
}

// reach is the ruler, and the copies to choose from.
func (w *wish) reach() portal.Reach {
	q := w.draft.Request
	var r portal.Reach
	if w.site == nil {
		r.Ask = "Choose a site first: then its copies appear here."
		return r
	}
	past := figure.Past{SiteView: *w.site, At: w.now, Zone: w.zone, Self: w.self("")}
	if !q.At.IsZero() {
		r.Moment = q.At.In(w.zone).Format("Monday 2 January 2006, 15:04")
		past.Asked = figure.Noticed{Typed: r.Moment, Moment: q.At}
	}
	drawn := past.Ruler()
	drawn.Form, drawn.Answer = nil, nil
	if drawn.Cursor != nil {
		drawn.Cursor.Label = q.At.In(w.zone).Format("Mon 2 Jan 15:04")
	}
	r.Ruler = drawn
	switch {
	case drawn.Empty != "":
		r.Empty = drawn.Empty + " Ask us: perhaps there is another way."
		return r
	case q.At.IsZero():
		r.Ask = "Choose a day and a time: the copies that are nearest to it appear here."
		return r
	case w.offered != nil:
		r.Empty = figure.Sentence(w.offered)
		return r
	case len(w.offer.Choices) == 0:
		r.Empty = "There is no copy that this could be brought back from. Ask us: perhaps there is another way."
		return r
	}
	w.offers(&r)
	return r
}

func (w *wish) offers(r *portal.Reach) {
	all := slices.Clone(w.offer.Choices)
	best := w.offer.Choices[w.offer.Best]
	r.Best = choiceValue(best)
	slices.SortStableFunc(all, func(a, b restore.Choice) int {
		if x, y := choiceValue(a) == r.Best, choiceValue(b) == r.Best; x != y {
			if x {
				return -1
			}
			return 1
		}
		return int((a.Off.Abs() - b.Off.Abs()) / time.Second)
	})
	for i, c := range all {
		o := w.offerOf(c)
		if o.Value == r.Best {
			o.Best = w.offer.Reason.Words()
		}
		o.Selected = o.Value == w.typed.point
		if i < offersShown || o.Selected {
			r.Offers = append(r.Offers, o)
		} else {
			r.More = append(r.More, o)
		}
	}
	r.Note = "A copy is read back and checked before it takes the place of anything."
}

// offerOf words one restore point.
func (w *wish) offerOf(c restore.Choice) portal.Offer {
	first, lost := c.Database, c.LostDatabase
	if first == nil {
		first, lost = c.Data, c.LostData
	}
	o := portal.Offer{Value: choiceValue(c), State: ui.Good}
	if first == nil {
		return o
	}
	o.At = figure.Dated(w.now, first.TakenAt, w.zone)
	o.At.Words = first.TakenAt.In(w.zone).Format("Mon ") + o.At.Words
	switch {
	case c.Off.Abs() < time.Minute:
		o.Before = "at that moment"
	case c.Off < 0:
		o.Before = words.Span(-c.Off) + " after that moment: what went wrong may be in it"
	default:
		o.Before = words.Span(c.Off) + " before that moment"
	}
	switch {
	case c.Database == nil:
		o.Fit = "files alone"
	case c.Data == nil && w.draft.Request.What != ticket.Database:
		o.State, o.Fit = ui.Incomplete, "no copy of files is left from about then"
	case c.Data == nil:
		o.Fit = "database alone"
	case c.Skew.Abs() < 10*time.Minute:
		o.Fit = "with its files of the same time"
	default:
		o.Fit = "with its files, " + figure.Apart(c.Skew)
		if slices.Contains(c.Notes, restore.NoteSkewed) {
			o.State = ui.Incomplete
		}
	}
	o.Files = w.filesOf(c)
	if o.Files == nil && slices.Contains(c.Notes, restore.NoteFilesShort) {
		o.State, o.Fit = ui.Incomplete, o.Fit+"; some files that it needs are in no copy"
	}
	o.Lost = "Not in it: what was done on the site in the " + words.AtMost(lost) + " since then."
	if lost < 2*time.Minute {
		o.Lost = "Hardly anything was done since then."
	}
	return o
}

// chosen is the restore point that is in force; nil for none.
func (w *wish) chosen() *restore.Choice {
	for i := range w.offer.Choices {
		if c := &w.offer.Choices[i]; w.offered == nil && choiceValue(*c) == w.typed.point {
			return c
		}
	}
	return nil
}

// summary is what it comes to.
func (w *wish) summary() portal.Summary {
	q := w.draft.Request
	s := portal.Summary{Price: w.money.price, Pays: w.money.pays, Safe: "If what comes back does not pass our checks, you get the money back without asking.", Approves: w.agree()}
	if w.site == nil {
		s.FirstStep = "It fills while you answer."
		return s
	}
	s.Facts = append(s.Facts, ui.Fact{Label: "Site", Value: w.site.Site.Name})
	if q.What != "" {
		s.Facts = append(s.Facts, ui.Fact{Label: "What", Value: whatWords(q)})
	}
	c := w.chosen()
	if c == nil {
		s.FirstStep = "Choose when it was still right, and all of this fills."
		return s
	}
	o := w.offerOf(*c)
	s.Facts = append(s.Facts, ui.Fact{Label: "As it was", Value: o.At.Words})
	if q.What == "" {
		s.FirstStep = "Choose what should come back, and all of this fills."
		return s
	}
	if q.What == ticket.Courses {
		s.Time, s.Closed = "by hand, see below", "not at all"
		s.Basis = "Our staff do it on working days; the ticket says by when."
	} else {
		s.Time, s.Basis = between(c.Estimate.Low, c.Estimate.High), basis(c.Estimate)
		s.Closed = "for a part of that time"
		if q.What == ticket.Files {
			s.Closed = "not at all"
		}
	}
	s.Lost = lostWords(q, *c, o)
	return s
}

// basis is what an estimate rests on.
func basis(e restore.Estimate) string {
	if e.Basis == restore.BasisSite && e.Samples > 0 {
		return "From " + words.Many(int64(e.Samples), "earlier restore", "earlier restores") + " of this site; counted from the moment at which all have agreed."
	}
	return e.Basis.Words() + " Counted from the moment at which all have agreed."
}

// between writes a spread.
func between(low, high time.Duration) string {
	a, b := words.Span(low), words.AtMost(high)
	if low <= 0 || a == b {
		return b
	}
	return a + " to " + b
}

// whatWords is what is wanted, in a few words.
func whatWords(q ticket.Request) string {
	switch q.What {
	case ticket.Everything:
		return "the whole site"
	case ticket.Database:
		return "the database, whole"
	case ticket.Data:
		return "all files"
	case ticket.Files:
		if len(q.Paths) == 0 {
			return "some files or folders"
		}
		return words.Many(int64(len(q.Paths)), "file or folder", "files or folders")
	case ticket.Courses:
		if len(q.Courses) == 0 {
			return "one or more courses"
		}
		return words.Many(int64(len(q.Courses)), "course", "courses")
	}
	return ""
}

// lostWords says what will be gone.
func lostWords(q ticket.Request, c restore.Choice, o portal.Offer) string {
	since := "since " + o.At.Words
	switch q.What {
	case ticket.Courses:
		return "Nothing. What comes back is put beside what you have now."
	case ticket.Files:
		if q.InPlace {
			return "Those files as they are now make room; they are kept until you say that all is well."
		}
		return "Nothing. The files are put beside the present ones."
	case ticket.Data:
		return "Files that were added " + since + ", " + words.AtMost(c.LostData) + ". Courses and grades stay."
	case ticket.Database:
		return "Everything done in courses " + since + ": " + words.AtMost(c.LostDatabase) + " of submissions, grades and messages."
	case ticket.Everything:
		return "Everything done on the site " + since + ": " + words.AtMost(c.LostDatabase) + " of submissions, grades, messages and files."
	}
	return ""
}

// agree says who must agree before it begins.
func (w *wish) agree() string {
	staff := "then one of our staff."
	if ticket.Wanted(w.draft.Request, w.set.SecondApproval) > 1 {
		staff = "then two of our staff."
	}
	who := "An administrator of " + w.org
	if w.mayConfirm() {
		who = "You or another administrator of " + w.org
	}
	return who + ", by typing the site’s name; " + staff
}
