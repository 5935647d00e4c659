package dash

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const ticketPattern = dash.TicketsPath + "/{id:[0-9a-f-]{36}}"

// testPayments stands on every page about money where none moves.
const testPayments = "Test payments: no card is charged here."

func ticketPath(t id.Ticket) string { return dash.TicketsPath + "/" + t.String() }

// ticketPages are the desk's routes. Customers have their own.
func (d *Door) ticketPages(r chi.Router) {
	r.Get(dash.TicketsPath, d.desk(d.tickets))
	r.Get(ticketPattern, d.desk(d.ticket))
	for verb, act := range ticketActs {
		r.Post(ticketPattern+"/"+verb, d.desk(d.ticketAct(act)))
	}
	for verb, act := range ticketFreshActs {
		r.Post(ticketPattern+"/"+verb, d.freshHere("/"+verb, d.staffOnly(d.ticketAct(act))))
	}
	r.Get("/attachments/{id:[0-9a-f-]{36}}", d.desk(d.attachment))
	r.Get(dash.RepliesPath, d.desk(d.replies))
	r.Post(dash.RepliesPath, d.desk(d.saveReply))
	r.Post(dash.RepliesPath+"/{id:[0-9a-f-]{36}}/deletion", d.desk(d.deleteReply))
}

// ticketUploads are the routes whose forms bring files.
func (d *Door) ticketUploads(r chi.Router) {
	r.Post(ticketPattern+"/messages", d.desk(d.writeTicket))
}

// desk adapts a page for staff; customers find nothing here.
func (d *Door) desk(h signedPage) http.HandlerFunc { return d.signed(d.staffOnly(h)) }

func (d *Door) staffOnly(h signedPage) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if !isStaff(p) {
			return nil, notHere()
		}
		return h(w, r, p)
	}
}

// look is one way to look at the list.
type look struct {
	name, label, calm string
	query             app.TicketQuery
	count             func(app.TicketCounts) int
}

var looks = []look{
	{"", "Waiting for us", "No ticket waits for us.", app.TicketQuery{Open: true, WaitsForUs: true, Sort: app.TicketsUrgent}, func(c app.TicketCounts) int { return c.WaitsForUs }},
	{"mine", "Mine", "No open ticket is assigned to you.", app.TicketQuery{Open: true, Mine: true, Sort: app.TicketsUrgent}, func(c app.TicketCounts) int { return c.Mine }},
	{"unassigned", "Unassigned", "Every open ticket is somebody’s.", app.TicketQuery{Open: true, Unassigned: true, Sort: app.TicketsUrgent}, func(c app.TicketCounts) int { return c.Unassigned }},
	{"late", "Late", "No ticket is late.", app.TicketQuery{Open: true, Overdue: true, Sort: app.TicketsUrgent}, func(c app.TicketCounts) int { return c.Overdue }},
	{"open", "All open", "No ticket is open.", app.TicketQuery{Open: true, Sort: app.TicketsUrgent}, func(c app.TicketCounts) int { return c.Open }},
	{"ended", "Ended", "No ticket has ended yet.", app.TicketQuery{Ended: true}, func(app.TicketCounts) int { return 0 }},
	{"all", "All", "There is no ticket yet.", app.TicketQuery{}, func(app.TicketCounts) int { return 0 }},
}

func askedLook(name string) (look, error) {
	for _, l := range looks {
		if l.name == name {
			return l, nil
		}
	}
	return look{}, errs.Field("look", "%q is none of the looks at the list; choose one above it", clipped(name, 40))
}

func (d *Door) tickets(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.ticketsProps(r.Context(), r, p)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.TicketsSection)
	return dash.Tickets(props), nil
}

func (d *Door) ticketsLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return nil, notHere()
	}
	props, err := d.ticketsProps(ctx, r, p)
	if err != nil {
		return nil, err
	}
	return dash.TicketsLive(props), nil
}

func (d *Door) ticketsProps(ctx context.Context, r *http.Request, p app.Person) (dash.TicketsProps, error) {
	v := r.URL.Query()
	at, err := askedLook(v.Get("look"))
	if err != nil {
		return dash.TicketsProps{}, err
	}
	q := at.query
	q.Text, q.TenantSlug, q.Site = strings.TrimSpace(v.Get("text")), v.Get("tenant"), v.Get("site")
	if q.Text != "" && at.name == "" { // who searches looks everywhere
		at, q.Open, q.WaitsForUs, q.Sort = looks[len(looks)-1], false, false, app.TicketsNewest
	}
	if after := v.Get("after"); after != "" {
		if q.After, err = app.ParseTicketCursor(after); err != nil {
			return dash.TicketsProps{}, err
		}
	}
	page, err := d.app.ListTickets(ctx, p.Actor, q)
	if err != nil {
		return dash.TicketsProps{}, err
	}
	counts, err := d.app.CountTickets(ctx, p.Actor, id.Tenant{})
	if err != nil {
		return dash.TicketsProps{}, err
	}
	props := dash.TicketsProps{
		Page: d.frame(p, dash.TicketsSection), Text: q.Text, Calm: at.calm, Refresh: r.URL.RequestURI(), Replies: may(p, authz.WorkTickets, id.Tenant{}),
		Test: d.testPayments(),
	}
	props.State, props.Sentence = ticketsSentence(counts)
	props.Figures = []ui.Figure{{Label: "Late", Value: strconv.Itoa(counts.Overdue)}, {Label: "Urgent", Value: strconv.Itoa(counts.Urgent)}, {Label: "Unassigned", Value: strconv.Itoa(counts.Unassigned)}}
	for _, l := range looks {
		c := ui.Choice{Label: l.label, Href: dash.TicketsPath + "?look=" + l.name, Selected: l.name == at.name}
		if l.name == "" {
			c.Href = dash.TicketsPath
		}
		if n := l.count(counts); n > 0 {
			c.Count = words.Count(int64(n))
		}
		props.Looks = append(props.Looks, c)
	}
	if q.Text != "" {
		props.Calm = "No ticket has these words."
	}
	for _, t := range page.Tickets {
		props.Rows = append(props.Rows, ticketLine(t, page.Now, zoneOf(p.TimeZone)))
	}
	if next := page.Next.String(); next != "" {
		onward := url.Values{}
		for _, name := range []string{"look", "text", "tenant", "site"} {
			if x := v.Get(name); x != "" {
				onward.Set(name, x)
			}
		}
		onward.Set("after", next)
		props.Pager = ui.Pager{NextHref: dash.TicketsPath + "?" + onward.Encode(), What: "tickets"}
	}
	if v.Get("after") != "" {
		props.Pager.PrevHref, props.Pager.What = dash.TicketsPath+"?look="+url.QueryEscape(at.name), "tickets"
		props.Pager.Words = "Previous leads to the first page"
	} else {
		props.StreamPath = dash.TicketsStreamPath + "?" + v.Encode()
	}
	return props, nil
}

func (d *Door) testPayments() string {
	if d.app.Payments().Test {
		return testPayments
	}
	return ""
}

func ticketsSentence(c app.TicketCounts) (ui.State, []ui.Phrase) {
	switch {
	case c.WaitsForUs == 0 && c.Open == 0:
		return ui.Good, ui.Say(ui.Text("No ticket is open."))
	case c.WaitsForUs == 0:
		return ui.Good, ui.Say(ui.Text("No ticket waits for us; "), ui.Strong(words.Count(int64(c.Open))), ui.Text(" are open."))
	case c.Overdue > 0:
		return ui.Late, ui.Say(ui.Strong(words.Many(int64(c.WaitsForUs), "ticket waits", "tickets wait")), ui.Text(" for us; "), ui.Strong(words.Count(int64(c.Overdue))), ui.Text(" late."))
	}
	return ui.Waiting, ui.Say(ui.Strong(words.Many(int64(c.WaitsForUs), "ticket waits", "tickets wait")), ui.Text(" for us; none is late."))
}

func ticketLine(t app.TicketRow, now time.Time, zone *time.Location) dash.TicketLine {
	state, word := ticketWords(t.State)
	l := dash.TicketLine{
		Href: ticketPath(t.ID), Number: "#" + strconv.FormatInt(t.Number, 10), Subject: t.Subject, State: state, Word: word,
		Who: t.TenantName, Assignee: t.AssignedTo, Updated: when(now, t.UpdatedAt, zone), DueLate: t.Late,
	}
	if t.SiteName != "" {
		l.Who += " · " + t.SiteName
	}
	if t.Waits {
		l.Waits = "for the customer"
	}
	if t.Frozen {
		l.State, l.Word = ui.Failed, "frozen: disputed"
	}
	switch t.Priority {
	case ticket.Urgent:
		l.Priority, l.PriorityState = "urgent", ui.Failed
	case ticket.High:
		l.Priority, l.PriorityState = "high", ui.Late
	case ticket.Low:
		l.Priority, l.PriorityState = "low", ui.None
	case ticket.Normal:
	}
	if !t.Due.IsZero() {
		l.Due = ui.When{Words: dueWords(now, t.Due), Exact: words.Exact(t.Due, zone), Machine: t.Due.UTC().Format(time.RFC3339)}
	}
	return l
}

// dueWords says how far away a promise is, or how long it is over.
func dueWords(now, due time.Time) string {
	if due.Before(now) {
		return words.Ago(now, due)
	}
	return "in " + words.Span(due.Sub(now))
}

// ticketWords are a state's mark and word for staff.
func ticketWords(s ticket.State) (ui.State, string) {
	switch s {
	case ticket.Submitted, ticket.Reopened:
		return ui.Waiting, s.Says()
	case ticket.AwaitingPayment:
		return ui.None, "awaiting payment"
	case ticket.Queued:
		return ui.Waiting, "approvals wanted"
	case ticket.Approved:
		return ui.Waiting, "about to start"
	case ticket.Running:
		return ui.Running, "restoring"
	case ticket.Verifying:
		return ui.Running, "verifying"
	case ticket.AwaitingAcceptance:
		return ui.None, "awaiting acceptance"
	case ticket.NeedsInformation:
		return ui.None, "waiting for information"
	case ticket.Failed:
		return ui.Failed, "failed"
	case ticket.Closed:
		return ui.Good, "closed"
	case ticket.Declined, ticket.Withdrawn:
		return ui.Cancelled, string(s)
	case ticket.Draft:
	}
	return ui.None, s.Says()
}
