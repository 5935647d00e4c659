package dash

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// askedTicket is the ticket that an address names.
func askedTicket(r *http.Request) (id.Ticket, error) {
	t, err := id.Parse[id.Ticket](chi.URLParam(r, "id"))
	if err != nil {
		return t, errs.Wrap(errs.NotFound, err, "There is no ticket of this name, or none that you may see.")
	}
	return t, nil
}

func (d *Door) ticket(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := askedTicket(r)
	if err != nil {
		return nil, err
	}
	typed := typedTicket{}
	if canned := r.URL.Query().Get("reply"); canned != "" {
		ref, err := id.Parse[id.Reply](canned)
		if err != nil {
			return nil, errs.Field("reply", "there is no canned reply of this name; choose one of the list")
		}
		if typed.body, err = d.app.FillReply(r.Context(), p.Actor, of, ref); err != nil {
			return nil, err
		}
		typed.canned = ref
	}
	props, err := d.ticketProps(r.Context(), p, of, typed)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.TicketsSection)
	return dash.Ticket(props), nil
}

func (d *Door) ticketLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return nil, notHere()
	}
	of, err := askedTicket(r)
	if err != nil {
		return nil, err
	}
	props, err := d.ticketProps(ctx, p, of, typedTicket{})
	if err != nil {
		return nil, err
	}
	return dash.TicketLive(props), nil
}

// typedTicket is what was typed into one of the page's forms, and what is wrong
// with it.
type typedTicket struct {
	form    string // its DeskForm's id, or "write"
	body    string
	as      string
	problem string
	canned  id.Reply
}

// ticketPage words one ticket.
type ticketPage struct {
	app.TicketView
	person app.Person
	now    time.Time
	zone   *time.Location
	test   string
	typed  typedTicket
	live   *app.RestoreView
}

func (d *Door) ticketProps(ctx context.Context, p app.Person, of id.Ticket, typed typedTicket) (dash.TicketProps, error) {
	v, err := d.app.Ticket(ctx, p.Actor, of)
	if err != nil {
		return dash.TicketProps{}, err
	}
	s := ticketPage{TicketView: v, person: p, now: later(d.clock.Now(), v.Now), zone: zoneOf(p.TimeZone), test: d.testPayments(), typed: typed}
	if v.Restore != nil {
		live, err := d.app.Restore(ctx, p.Actor, v.Restore.ID)
		if err != nil {
			return dash.TicketProps{}, err
		}
		s.live = &live
	}
	props := s.props()
	props.Page = d.frame(p, dash.TicketsSection)
	if v.May.Assign {
		staff, err := d.app.TicketStaff(ctx, p.Actor)
		if err != nil {
			return dash.TicketProps{}, err
		}
		props.Assign = s.assign(staff)
	}
	if props.Write != nil && may(p, authz.WorkTickets, id.Tenant{}) {
		replies, err := d.app.ListReplies(ctx, p.Actor)
		if err != nil {
			return dash.TicketProps{}, err
		}
		props.Macro = s.macros(replies)
		for _, c := range replies {
			props.Write.Replies = append(props.Write.Replies, ui.Choice{Label: c.Name, Href: ticketPath(of) + "?reply=" + c.ID.String() + "#write", Selected: c.ID == typed.canned})
		}
	}
	return props, nil
}

func (s ticketPage) version() string { return strconv.Itoa(int(s.Ticket.Version)) }

func (s ticketPage) props() dash.TicketProps {
	self := ticketPath(s.Ticket.ID)
	p := dash.TicketProps{
		Title: "#" + strconv.FormatInt(s.Ticket.Number, 10) + " " + s.Ticket.Subject, Crumbs: []ui.Crumb{{Label: "Tickets", Href: dash.TicketsPath}},
		About: s.TenantName, Refresh: self, StreamPath: self + "/stream", Test: s.test, Happened: s.Request.Happened, Asked: s.asked(), Facts: s.facts(),
		Forms: s.forms(self), Write: s.write(self),
	}
	if s.SiteName != "" {
		p.About += " · " + s.SiteName
	}
	if s.OpenedBy != "" {
		p.About += " · asked by " + s.OpenedBy
	}
	if s.typed.form != "" {
		p.StreamPath = "" // what was typed stays as it is
	}
	p.Live.State, p.Live.Sentence = s.sentence()
	p.Live.Figures, p.Live.Stands, p.Live.Book, p.Live.Thread = s.figures(), s.MayStill, s.book(self), s.thread()
	if s.Ticket.Frozen != "" && p.Live.Stands == "" {
		p.Live.Stands = words.Stop(words.Capital(s.Ticket.Frozen))
	}
	if s.Earlier > 0 {
		p.Live.Earlier = words.Many(int64(s.Earlier), "earlier message is left out", "earlier messages are left out")
	}
	if s.live != nil && s.live.StepsAll > 0 && s.live.Step > 0 && s.Restore.EndedAt == nil && s.live.Percent >= 0 {
		p.Live.Doing = &ui.Progress{Label: "Restore of " + s.SiteName, Percent: s.live.Percent, Known: true, Words: s.live.Detail}
		if n := s.live.SecondsLeft; n > 0 {
			p.Live.Doing.Left = words.Span(time.Duration(n)*time.Second) + " left"
		}
	}
	if s.May.Prioritise {
		p.Priority = &dash.PickForm{Action: self + "/priority", Version: s.version(), ID: "priority", Name: "priority", Label: "Priority", Button: "Set"}
		for _, x := range ticket.Priorities() {
			p.Priority.Choices = append(p.Priority.Choices, ui.Choice{Value: string(x), Label: string(x), Selected: x == s.Ticket.Priority})
		}
	}
	if s.May.Watch {
		p.Watch = &dash.Act{Action: self + "/watch", Label: "Watch this ticket", Do: "on"}
		if s.Watching {
			p.Watch.Label, p.Watch.Do = "Watch it no longer", "off"
		}
	}
	for _, a := range s.Accesses {
		row := dash.DeskRow{State: ui.None, Word: "over", Title: "Leave to look into the site", Text: "until " + words.Exact(a.ExpiresAt, s.zone)}
		if a.Open {
			row.State, row.Word = ui.Good, "open"
		}
		if a.By != "" {
			row.Text += ", given by " + a.By
		}
		p.Accesses = append(p.Accesses, row)
	}
	return p
}

func (s ticketPage) when(t time.Time) ui.When { return when(s.now, t, s.zone) }

// sentence says where the ticket stands and who must do what next.
func (s ticketPage) sentence() (ui.State, []ui.Phrase) {
	customer := ui.Strong("the customer")
	switch s.Ticket.State {
	case ticket.Submitted, ticket.Reopened:
		if s.Ticket.RepliedAt == nil {
			return ui.Waiting, ui.Say(ui.Text("It waits for "), ui.Strong("our first answer"), ui.Text("."))
		}
		return ui.Waiting, ui.Say(ui.Text("It is with "), ui.Strong("us"), ui.Text("."))
	case ticket.AwaitingPayment:
		return ui.None, ui.Say(ui.Text("It waits for "), ui.Strong("the fee"), ui.Text("; nothing is ours to do."))
	case ticket.Queued:
		return ui.Waiting, ui.Say(ui.Text("Its fee is settled; it waits for "), ui.Strong(s.wanted()), ui.Text("."))
	case ticket.Approved:
		return ui.Running, ui.Say(ui.Text("Everything is agreed; "), ui.Strong("the restore is about to begin"), ui.Text("."))
	case ticket.Running, ticket.Verifying:
		return ui.Running, s.running()
	case ticket.AwaitingAcceptance:
		return ui.None, ui.Say(ui.Text("The site is back and verified; "), customer, ui.Text(" looks whether it is what was needed."))
	case ticket.NeedsInformation:
		return ui.None, ui.Say(ui.Text("It waits for "), customer, ui.Text("’s answer; the clocks stand."))
	case ticket.Failed:
		if s.live != nil && s.live.Between {
			return ui.Failed, ui.Say(ui.Text("The restore failed, and "), ui.Strong("the site is not as it was"), ui.Text(": look at its host at once."))
		}
		return ui.Failed, ui.Say(ui.Text("The restore failed and "), ui.Strong("the site is as it was"), ui.Text(". Try again, or decline with words for the customer."))
	case ticket.Closed:
		return ui.Good, ui.Say(ui.Text("It is closed."))
	case ticket.Declined:
		return ui.Cancelled, ui.Say(ui.Text("It was declined."))
	case ticket.Withdrawn:
		return ui.Cancelled, ui.Say(ui.Text("The customer withdrew it."))
	case ticket.Draft:
	}
	return ui.None, ui.Say(ui.Text("It is " + s.Ticket.State.Says() + "."))
}

func (s ticketPage) running() []ui.Phrase {
	if s.live == nil {
		return ui.Say(ui.Text("The restore runs."))
	}
	if s.live.Waits != "" {
		return ui.Say(ui.Text("The restore does not move: "), ui.Strong(s.live.Waits))
	}
	say := ui.Say(ui.Text("The restore runs"))
	if s.live.Step > 0 {
		say = append(say, ui.Text(": "), ui.Strong("step "+strconv.Itoa(s.live.Step)+" of "+strconv.Itoa(s.live.StepsAll)))
	}
	if n := s.live.SecondsLeft; n > 0 {
		say = append(say, ui.Text(", about "), ui.Strong(words.Span(time.Duration(n)*time.Second)), ui.Text(" left"))
	}
	return append(say, ui.Text("."))
}

// wanted says which approvals are missing.
func (s ticketPage) wanted() string {
	a := s.Approvals
	var missing []string
	if !a.Confirmed {
		missing = append(missing, "the customer’s confirmation")
	}
	switch {
	case !a.First && a.Approvals > 1:
		missing = append(missing, "two of our approvals")
	case !a.First:
		missing = append(missing, "our approval")
	case a.Approvals > 1 && !a.Second:
		missing = append(missing, "a second person’s approval")
	}
	if len(missing) == 0 {
		return "nothing more"
	}
	return words.List(missing...)
}

func (s ticketPage) figures() []ui.Figure {
	var out []ui.Figure
	due := func(label string, at time.Time, late bool) {
		if at.IsZero() {
			return
		}
		f := ui.Figure{Label: label, Value: dueWords(s.now, at), Note: words.Exact(at, s.zone)}
		if late {
			f.Note = "late"
		}
		out = append(out, f)
	}
	due("Answer due", s.Clocks.ReplyDue, s.Clocks.ReplyLate)
	due("Done by", s.Clocks.ResolveDue, s.Clocks.Late)
	if s.Charge != nil {
		_, word := chargeWords(s.Charge.State)
		out = append(out, ui.Figure{Label: "Fee", Value: s.Charge.AmountCents.String(), Note: word})
	}
	return out
}

func (s ticketPage) asked() []ui.Fact {
	q := s.Request
	if s.Ticket.Kind != ticket.Restore {
		return nil
	}
	var out []ui.Fact
	add := func(label, value, note string) {
		if value != "" {
			out = append(out, ui.Fact{Label: label, Value: value, Note: note})
		}
	}
	add("Bring back", map[ticket.What]string{
		ticket.Everything: "everything: the database and the files", ticket.Database: "the database, whole", ticket.Data: "all files", ticket.Files: "files or folders", ticket.Courses: "single courses",
	}[q.What], "")
	add("Paths", strings.Join(q.Paths, ", "), q.Root)
	add("Courses", strings.Join(q.Courses, ", "), "done by us, by hand")
	if !q.At.IsZero() {
		add("It happened", words.Exact(q.At, cmp.Or(zoneOf(q.Zone), s.zone)), "")
	}
	if !q.Point.DatabaseAt.IsZero() {
		add("Database of", words.Exact(q.Point.DatabaseAt, s.zone), "")
	}
	if !q.Point.DataAt.IsZero() {
		add("Files of", words.Exact(q.Point.DataAt, s.zone), "")
	}
	if q.Promise.HighSeconds > 0 {
		add("Promised to take", words.Span(time.Duration(q.Promise.LowSeconds)*time.Second)+" to "+words.Span(time.Duration(q.Promise.HighSeconds)*time.Second), q.Promise.Basis)
	}
	if !q.Promise.LostFrom.IsZero() {
		add("Told to be lost", words.Exact(q.Promise.LostFrom, s.zone)+" to "+words.Exact(q.Promise.LostTo, s.zone), "")
	}
	if q.Urgent {
		add("Urgent, because", q.Why, "")
	}
	return out
}

func (s ticketPage) facts() []ui.Fact {
	t := s.Ticket
	out := []ui.Fact{{Label: "Opened", Value: words.Exact(t.CreatedAt, s.zone)}}
	if s.Assignee != "" && !s.May.Assign {
		out = append(out, ui.Fact{Label: "Assigned to", Value: s.Assignee})
	}
	if s.MergedInto > 0 {
		out = append(out, ui.Fact{Label: "Merged into", Value: "#" + strconv.FormatInt(s.MergedInto, 10)})
	}
	var merged []string
	for _, m := range s.Merged {
		merged = append(merged, "#"+strconv.FormatInt(m.Number, 10))
	}
	if len(merged) > 0 {
		out = append(out, ui.Fact{Label: "Merged here", Value: strings.Join(merged, ", ")})
	}
	var watchers []string
	for _, w := range s.Watchers {
		watchers = append(watchers, w.Name)
	}
	if len(watchers) > 0 {
		out = append(out, ui.Fact{Label: "Told of what happens", Value: words.List(watchers...)})
	}
	if !s.Clocks.Reminder.IsZero() {
		out = append(out, ui.Fact{Label: "Reminder", Value: words.Exact(s.Clocks.Reminder, s.zone)})
	}
	if !s.Clocks.AutoClose.IsZero() {
		out = append(out, ui.Fact{Label: "Counts as accepted", Value: words.Exact(s.Clocks.AutoClose, s.zone)})
	}
	return out
}

func (s ticketPage) assign(staff []app.TicketPerson) *dash.PickForm {
	f := &dash.PickForm{Action: ticketPath(s.Ticket.ID) + "/assignee", Version: s.version(), ID: "assignee", Name: "assignee", Label: "Assigned to", Button: "Assign"}
	f.Choices = append(f.Choices, ui.Choice{Value: "", Label: "nobody", Selected: s.Ticket.Assignee.IsZero()})
	for _, p := range staff {
		label := p.Name
		if p.Account == s.person.Actor.Account {
			label += " (you)"
		}
		f.Choices = append(f.Choices, ui.Choice{Value: p.Account.String(), Label: label, Selected: p.Account == s.Ticket.Assignee})
	}
	return f
}

// macros are the canned replies that also act; nil where there is none.
func (s ticketPage) macros(all []app.Reply) *dash.PickForm {
	f := &dash.PickForm{Action: ticketPath(s.Ticket.ID) + "/macro", Version: s.version(), ID: "macro", Name: "macro", Label: "Macro: a reply that also acts", Button: "Run it"}
	for _, c := range all {
		if len(c.Acts) > 0 {
			f.Choices = append(f.Choices, ui.Choice{Value: c.ID.String(), Label: c.Name + ": " + actsWords(c.Acts)})
		}
	}
	if len(f.Choices) == 0 {
		return nil
	}
	return f
}

func (s ticketPage) write(self string) *dash.WriteForm {
	if !s.May.Reply && !s.May.Note {
		return nil
	}
	f := &dash.WriteForm{
		Action: self + "/messages", Version: s.version(), Body: s.typed.body,
		Rule:   "Up to " + strconv.Itoa(ticket.MaxFiles) + " files of " + strconv.Itoa(ticket.MaxFileBytes>>20) + " MB each: pictures, PDF, text, office documents, archives.",
		Accept: strings.Join(ticket.FileTypes(), ","),
	}
	if s.typed.form == "write" {
		f.Problem = s.typed.problem
	}
	as := cmp.Or(s.typed.as, "reply")
	for _, c := range []struct {
		value, label string
		may          bool
	}{{"reply", "The customer and us", s.May.Reply}, {"note", "Staff only (a note)", s.May.Note}, {"ask", "The customer: we wait for the answer", s.May.Ask}} {
		if c.may {
			f.As = append(f.As, ui.Choice{Value: c.value, Label: c.label, Selected: c.value == as})
		}
	}
	return f
}

// chargeWords are a charge's mark and word for staff.
func chargeWords(s billing.ChargeState) (ui.State, string) {
	switch s {
	case billing.Due:
		return ui.Waiting, "due"
	case billing.Pending:
		return ui.Running, "on its way"
	case billing.Paid:
		return ui.Good, "paid"
	case billing.Waived:
		return ui.None, "waived"
	case billing.Offline:
		return ui.Good, "paid offline"
	case billing.Refunding:
		return ui.Running, "going back"
	case billing.Refunded:
		return ui.None, "refunded"
	case billing.Disputed:
		return ui.Failed, "disputed"
	case billing.Lost:
		return ui.Failed, "lost to a dispute"
	case billing.Void:
		return ui.Cancelled, "void"
	}
	return ui.None, string(s)
}
