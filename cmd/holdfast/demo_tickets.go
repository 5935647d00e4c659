package main

import (
	"context"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// seedTickets opens three tickets of the demo's customer, in different states,
// once: a question, a restore whose fee is due, and one that waits for the
// staff's approval. Nothing of it changes a site by itself.
func (d *demo) seedTickets(ctx context.Context) error {
	a, console := d.srv.App, authz.Console()
	page, err := a.ListTickets(ctx, console, app.TicketQuery{Size: 1})
	if err != nil || len(page.Tickets) > 0 {
		return err
	}
	acc, err := a.AccountByEmail(ctx, console, demoCustomer)
	if err != nil {
		return err
	}
	p, err := a.PersonByID(ctx, acc.ID)
	if err != nil {
		return err
	}
	of, err := a.TenantID(ctx, console, "riverside")
	if err != nil {
		return err
	}
	question, err := a.SubmitTicket(ctx, p.Actor, app.Draft{
		Tenant: of, Kind: ticket.Support, Subject: "How far back do our copies reach?",
		Body: "Our school asks us to keep a year of courses. Where do I see how far back we could go?",
	}, "", nil)
	if err != nil {
		return err
	}
	if _, err := d.answerAsStaff(ctx, question, "On your site's page, below \"How far back\": the ruler shows every copy that is kept."); err != nil {
		return err
	}
	if _, err := d.askRestore(ctx, p.Actor, "learn.riverside.example", ticket.Everything, "A plug-in was removed by mistake this morning, and many courses show errors since."); err != nil {
		return err
	}
	waits, err := d.askRestore(ctx, p.Actor, "campus.riverside.example", ticket.Database, "A teacher reset the course Biology with all its grades.")
	if err != nil {
		return err
	}
	if err := a.WaiveFee(ctx, console, waits, "the demo's own"); err != nil {
		return err
	}
	v, err := a.Ticket(ctx, p.Actor, waits)
	if err != nil {
		return err
	}
	return a.ConfirmTicket(ctx, p.Actor, app.TicketSeen{ID: waits, Version: int(v.Ticket.Version)}, v.SiteName)
}

// answerAsStaff answers a ticket as the staff.
func (d *demo) answerAsStaff(ctx context.Context, of id.Ticket, words string) (id.Message, error) {
	a := d.srv.App
	acc, err := a.AccountByEmail(ctx, authz.Console(), demoStaff)
	if err != nil {
		return id.Message{}, err
	}
	p, err := a.PersonByID(ctx, acc.ID)
	if err != nil {
		return id.Message{}, err
	}
	v, err := a.Ticket(ctx, p.Actor, of)
	if err != nil {
		return id.Message{}, err
	}
	return a.ReplyTicket(ctx, p.Actor, app.TicketSeen{ID: of, Version: int(v.Ticket.Version)}, app.Said{Body: words})
}

// askRestore hands in a request to go back to the newest copies of a site.
func (d *demo) askRestore(ctx context.Context, who authz.Actor, name string, what ticket.What, happened string) (id.Ticket, error) {
	a := d.srv.App
	s, err := a.ViewSite(ctx, who, name)
	if err != nil {
		return id.Ticket{}, err
	}
	now := clock.System{}.Now()
	ask := restore.Everything
	if what == ticket.Database {
		ask = restore.Database
	}
	o, err := a.RestoreOffer(ctx, who, s.Site.ID, restore.Ask{What: ask, At: now})
	if err != nil {
		return id.Ticket{}, err
	}
	if len(o.Choices) == 0 {
		return id.Ticket{}, errs.New(errs.Unavailable, "%s has no copy yet that could be restored", name)
	}
	r := ticket.Request{Happened: happened, At: now, Zone: s.Site.TimeZone, What: what}
	if c := o.Choices[o.Best]; c.Database != nil {
		r.Point.Database = c.Database.ID
	}
	if c := o.Choices[o.Best]; c.Data != nil {
		r.Point.Data = c.Data.ID
	}
	return a.SubmitTicket(ctx, who, app.Draft{Site: s.Site.ID, Kind: ticket.Restore, Request: r}, ticket.TermsVersion, nil)
}
