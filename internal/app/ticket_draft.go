package app

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// Draft is a ticket that somebody still writes. Nobody else sees it. A person
// has one of each kind and site at most.
type Draft struct {
	ID      id.Ticket // none: never saved
	Version int
	Tenant  id.Tenant
	Site    id.Site // none: about no site, or not chosen yet
	Kind    ticket.Kind
	Subject string // of a restore: made from the site where it is empty
	Body    string // of a support ticket: the first message
	Request ticket.Request
	SavedAt time.Time
}

// draftDays is for how many days a draft that nobody touches is kept, and
// discardedFor for how long the row of one that was thrown away is.
const (
	draftDays    = 90
	discardedFor = time.Hour
)

func draftOf(t dbq.Ticket) (Draft, error) {
	d := Draft{ID: t.ID, Version: int(t.Version), Tenant: t.TenantID, Site: t.SiteID, Kind: t.Kind, Subject: t.Subject, SavedAt: t.UpdatedAt}
	if err := json.Unmarshal(t.Request, &d.Request); err != nil {
		return d, errs.Wrap(errs.Other, err, "The stored draft cannot be read.")
	}
	if d.Kind == ticket.Support {
		d.Body, d.Request.Happened = d.Request.Happened, ""
	}
	return d, nil
}

// kept gives the request of a draft as it is stored: the body of a support
// ticket is what happened.
func (d Draft) kept() (subject string, r ticket.Request, err error) {
	r = d.Request
	if d.Kind == ticket.Support {
		r = ticket.Request{Happened: d.Body, Urgent: r.Urgent, Why: r.Why}
	}
	r.Again, r.Promise, r.Point.DatabaseAt, r.Point.DataAt = false, ticket.Promise{}, time.Time{}, time.Time{}
	r.What, r.Root = ticket.What(ticket.CleanLine(string(r.What))), ticket.CleanLine(r.Root)
	r = r.Tidy()
	subject = ticket.CleanLine(d.Subject)
	switch {
	case utf8.RuneCountInString(subject) > ticket.MaxSubject:
		return "", r, errs.Field("subject", "has more than %d characters", ticket.MaxSubject)
	case utf8.RuneCountInString(r.Happened) > ticket.MaxMessage:
		return "", r, errs.Field(d.bodyField(), "has more than %d characters", ticket.MaxMessage)
	}
	if b, err := json.Marshal(r); err != nil || len(b) > maxDraft {
		return "", r, errs.Field(d.bodyField(), "is too long, with all that is named beside it")
	}
	return subject, r, nil
}

// maxDraft is how large a request may be as it is stored, in bytes.
const maxDraft = 256 << 10

func (d Draft) bodyField() string {
	if d.Kind == ticket.Support {
		return "body"
	}
	return "happened"
}

// checkPlace tells whether the draft is about something that there is, and that
// its writer may open tickets about. It gives the site's name.
func (a *App) checkPlace(ctx context.Context, who authz.Actor, d *Draft) (siteName string, err error) {
	if d.Kind != ticket.Support && d.Kind != ticket.Restore {
		return "", errs.Field("kind", "must be support or restore")
	}
	if !d.Site.IsZero() {
		of, _, _, err := a.findSite(ctx, d.Site.String())
		if err == nil && !d.Tenant.IsZero() && of != d.Tenant {
			err = errs.New(errs.NotFound, "another tenant's")
		}
		if err == nil {
			_, err = authz.Check(who, authz.ViewSite, of)
		}
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
			return "", errs.Field("site", "there is no such site, or none that you may see")
		}
		if err != nil {
			return "", err
		}
		d.Tenant = of
	}
	if d.Tenant.IsZero() {
		return "", errs.Field("site", "choose a site")
	}
	err = a.do(ctx, who, authz.OpenTickets, d.Tenant, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.TicketPlace(ctx, dbq.TicketPlaceParams{TenantID: d.Tenant, SiteID: d.Site})
		siteName = p.SiteName
		return err
	})
	return siteName, err
}

// DraftTicket gives the person's draft for a site (or for none), or an empty
// one that was never saved.
func (a *App) DraftTicket(ctx context.Context, who authz.Actor, of id.Tenant, kind ticket.Kind, site id.Site) (Draft, error) {
	d := Draft{Tenant: of, Site: site, Kind: kind}
	if _, err := a.checkPlace(ctx, who, &d); err != nil {
		return d, err
	}
	err := a.do(ctx, who, authz.OpenTickets, d.Tenant, func(ctx context.Context, tx *store.Tx) error {
		t, err := findDraft(ctx, tx, who, d)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		d, err = draftOf(t)
		return err
	})
	return d, err
}

func findDraft(ctx context.Context, tx *store.Tx, who authz.Actor, d Draft) (dbq.Ticket, error) {
	return tx.FindDraft(ctx, dbq.FindDraftParams{TenantID: d.Tenant, Kind: d.Kind, AccountID: store.Optional(who.Account.UUID()), SiteID: store.Optional(d.Site.UUID())})
}

// Drafts gives the person's drafts in a tenant, the newest first.
func (a *App) Drafts(ctx context.Context, who authz.Actor, of id.Tenant) (out []Draft, err error) {
	err = hideTicket(a.do(ctx, who, authz.ViewTickets, of, func(ctx context.Context, tx *store.Tx) error {
		out = nil
		rows, err := tx.DraftsOf(ctx, dbq.DraftsOfParams{TenantID: of, AccountID: store.Optional(who.Account.UUID())})
		if err != nil {
			return err
		}
		for _, r := range rows {
			d, err := draftOf(r)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		return nil
	}))
	return out, err
}

var errDraftElsewhere = errs.New(errs.Conflict, "This request was changed in another window since you opened it here. Open it anew to see that; what you typed here is not saved.")

// SaveDraft stores a draft as it stands, complete or not, and gives its id and
// version. Another window that saved since is errs.Conflict.
func (a *App) SaveDraft(ctx context.Context, who authz.Actor, d Draft) (Draft, error) {
	if _, err := a.checkPlace(ctx, who, &d); err != nil {
		return d, err
	}
	subject, r, err := d.kept()
	if err != nil {
		return d, err
	}
	var out Draft
	err = a.do(ctx, who, authz.OpenTickets, d.Tenant, func(ctx context.Context, tx *store.Tx) error {
		w, err := a.openDraft(ctx, tx, who, d, false)
		if err != nil {
			return err
		}
		if err := w.saveDraft(ctx, d, subject, r); err != nil {
			return err
		}
		out, err = draftOf(w.t)
		return err
	})
	return out, err
}

// openDraft locks the draft that d is of, or makes one. Adopt takes over one
// that is there for the same person, kind and site.
func (a *App) openDraft(ctx context.Context, tx *store.Tx, who authz.Actor, d Draft, adopt bool) (*work, error) {
	of := d.ID
	if of.IsZero() {
		t, err := findDraft(ctx, tx, who, d)
		switch {
		case err == nil && !adopt:
			return nil, errDraftElsewhere
		case err == nil:
			of, d.Version = t.ID, int(t.Version)
		case !isNoRows(err):
			return nil, err
		default:
			if err := limitDrafts(ctx, tx, d.Tenant); err != nil {
				return nil, err
			}
			t, err = tx.InsertTicket(ctx, dbq.InsertTicketParams{
				TenantID: d.Tenant, ID: id.New[id.Ticket](), Kind: d.Kind, SiteID: d.Site, AccountID: who.Account, Request: []byte("{}"), Now: tx.Now,
			})
			if store.Constraint(err) == "ticket_draft_once" {
				return nil, errDraftElsewhere
			}
			if err != nil {
				return nil, err
			}
			of, d.Version = t.ID, int(t.Version)
		}
	}
	w, err := a.openWork(ctx, tx, d.Tenant, of)
	if err != nil {
		return nil, err
	}
	switch {
	case w.t.AccountID != who.Account || w.t.Kind != d.Kind:
		return nil, hideTicket(errs.New(errs.NotFound, "another person's draft"))
	case w.t.State != ticket.Draft:
		return nil, errs.New(errs.Conflict, "This request was handed in already; it is ticket #%d.", w.t.Number)
	case int(w.t.Version) != d.Version:
		return nil, errDraftElsewhere
	}
	w.by = who
	return w, nil
}

func (w *work) saveDraft(ctx context.Context, d Draft, subject string, r ticket.Request) error {
	w.t.SiteID, w.t.Subject = d.Site, subject
	if err := w.storeRequest(r); err != nil {
		return err
	}
	err := w.save(ctx, ticket.Draft)
	if store.Constraint(err) == "ticket_draft_once" {
		return errs.Wrap(errs.Conflict, err, "You are writing another request for this site already; open that one, or hand it in first.")
	}
	return err
}

// sweepDrafts removes drafts that nobody touched for long.
func (a *App) sweepDrafts(ctx context.Context) error {
	return a.system(ctx, "tickets", func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteOldDrafts(ctx, dbq.DeleteOldDraftsParams{Before: tx.Now.AddDate(0, 0, -draftDays), DiscardedBefore: tx.Now.Add(-discardedFor)})
		if err == nil && n > 0 {
			a.log.InfoContext(ctx, "old drafts of tickets were removed", "count", n)
		}
		return err
	})
}
