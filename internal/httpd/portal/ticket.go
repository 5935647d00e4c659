package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// affair words one ticket for a customer.
type affair struct {
	app.TicketView
	person  app.Person
	now     time.Time
	zone    *time.Location
	hoster  string
	money   money
	charge  *app.ChargeView  // nil: none, or not for this person
	restore *app.RestoreView // nil: none
	self    string
	said    affairForm
}

// affairForm is a form of the page that was refused, with what was typed.
type affairForm struct {
	name, nameProblem     string // to confirm
	reason, reasonProblem string // why it is not what was needed
	body, bodyProblem     string
	filesProblem          string
	hoursProblem          string
}

// affair loads a ticket with its money and its restore.
func (d *Door) affair(ctx context.Context, p app.Person, of id.Ticket) (*affair, error) {
	v, err := d.app.Ticket(ctx, p.Actor, of)
	if err != nil {
		return nil, err
	}
	a := &affair{TicketView: v, person: p, now: d.clock.Now(), zone: zoneFor(p, ""), money: d.moneyOf(), self: ticketPath(v.Ticket.Number)}
	if v.Request.Zone != "" && p.TimeZone == "" {
		a.zone = figure.Zone(v.Request.Zone)
	}
	set, err := d.app.Settings(ctx)
	if err != nil {
		return nil, err
	}
	a.hoster = set.HosterName
	if v.Charge != nil && may(p, authz.ViewBilling, v.Ticket.TenantID) {
		c, err := d.app.Charge(ctx, p.Actor, of)
		if err != nil {
			return nil, err
		}
		a.charge = &c
	}
	if !v.Ticket.RestoreID.IsZero() {
		r, err := d.app.Restore(ctx, p.Actor, v.Ticket.RestoreID)
		if err != nil {
			return nil, err
		}
		a.restore = &r
	}
	return a, nil
}

// ticket is the page of one ticket. Whoever comes back from the page of
// payment is told at once how that stands.
func (d *Door) ticket(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	of, err := d.asked(r, p)
	if err != nil {
		return nil, err
	}
	if back := r.URL.Query().Get("payment"); back != "" {
		return d.cameBack(w, r, p, of, back)
	}
	a, err := d.affair(ctx, p, of)
	if err != nil {
		return nil, err
	}
	if a.Ticket.State == ticket.Draft {
		see(w, r, draftRow(a.now, a.zone, app.Draft{Kind: a.Ticket.Kind, Site: a.Ticket.SiteID}).Href)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	if a.MergedInto != 0 && a.Ticket.State == ticket.Closed && len(a.Messages) == 0 {
		see(w, r, ticketPath(a.MergedInto))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	props := a.props()
	props.Page = d.page(ctx, p, portal.Tickets)
	return portal.Ticket(props), nil
}

// cameBack leads from the return of the page of payment to the ticket.
func (d *Door) cameBack(w http.ResponseWriter, r *http.Request, p app.Person, of id.Ticket, back string) (templ.Component, error) {
	ctx := r.Context()
	v, err := d.app.Ticket(ctx, p.Actor, of)
	if err != nil {
		return nil, err
	}
	if back == "done" {
		c, err := d.app.CheckPayment(ctx, p.Actor, of)
		if err != nil && !errs.Is(err, errs.Forbidden) && !errs.Is(err, errs.NotFound) {
			return nil, err
		}
		state, text := paidWords(c)
		d.inside.Say(ctx, state, text)
	} else {
		d.inside.Say(ctx, ui.Late, "Nothing was paid. Your request stays as it is; you can pay whenever you like.")
	}
	see(w, r, ticketPath(v.Ticket.Number))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// ticketLive is the part of the page that its stream sends.
func (d *Door) ticketLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	if p.Actor.Staff != "" {
		return nil, none()
	}
	of, err := d.asked(r.WithContext(ctx), p)
	if err != nil {
		return nil, err
	}
	a, err := d.affair(ctx, p, of)
	if err != nil {
		return nil, err
	}
	return portal.TicketLive(a.news()), nil
}

// props words the whole page.
func (a *affair) props() portal.TicketProps {
	p := portal.TicketProps{
		Title: a.Ticket.Subject, Crumbs: []ui.Crumb{{Label: "Tickets", Href: portal.TicketsPath}}, StreamPath: a.self + "/stream",
		Live: a.news(), Version: a.version(), Asked: a.asked(), Receipts: a.papers(),
	}
	if p.Title == "" {
		p.Title = "Ticket " + a.number()
	}
	p.About = "No. " + a.number()
	if a.Ticket.SubmittedAt != nil {
		p.About += " · handed in " + a.day(*a.Ticket.SubmittedAt)
	}
	if a.OpenedBy != "" {
		p.About += " by " + a.OpenedBy
	}
	p.About += " · times of " + a.zone.String()
	if a.Ticket.Kind == ticket.Restore {
		p.Test = a.money.test
	}
	if !a.Ticket.State.Open() {
		p.StreamPath = ""
	}
	switch {
	case a.May.Reply:
		p.Reply = &portal.ReplyForm{Action: a.self + "/messages", Version: p.Version, Label: "Your words", Body: a.said.body, Problem: a.said.bodyProblem, FilesProblem: a.said.filesProblem, Rule: filesRule(), Accept: filesAccept(), Most: ticket.MaxMessage}
	case !a.Ticket.State.Open() && may(a.person, authz.OpenTickets, a.Ticket.TenantID):
		p.ReplyOff = "This ticket has ended. If something is still on your mind, ask us something new."
	}
	if a.May.Watch {
		p.Watch = &portal.WatchForm{Action: a.self + "/watching", Watching: a.Watching}
	}
	if a.May.Withdraw {
		p.Withdraw = &portal.WithdrawForm{Action: a.self + "/withdrawal", Version: p.Version, Text: a.withdrawWords()}
	}
	p.Access = a.access()
	return p
}

// The helpers of words.

func (a *affair) day(t time.Time) string {
	return t.In(a.zone).Format("Mon ") + dayWords(a.now, t, a.zone)
}
