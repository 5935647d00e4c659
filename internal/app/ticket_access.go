package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// The hours for which leave to look into a site is given.
const (
	MinAccessHours = 3
	MaxAccessHours = 168
)

// GrantAccess gives the staff leave to look into the ticket's site for some
// hours, from 3 to 168. Only the tenant's admin may.
func (a *App) GrantAccess(ctx context.Context, who authz.Actor, seen TicketSeen, hours int) (made id.Access, err error) {
	if _, err := a.findTicket(ctx, who, seen.ID); err != nil {
		return made, err
	}
	if who.Staff != "" || who.Account.IsZero() {
		return made, errs.New(errs.Forbidden, "Only the customer's own admin gives leave to look into their site.")
	}
	if hours < MinAccessHours || hours > MaxAccessHours {
		return made, errs.Field("hours", "%d must be from %d to %d hours (a week)", hours, MinAccessHours, MaxAccessHours)
	}
	err = a.onSeen(ctx, who, authz.GrantAccess, seen, func(ctx context.Context, w *work) error {
		switch {
		case w.t.SiteID.IsZero():
			return errs.New(errs.Conflict, "This ticket is about no site; open one about the site.")
		case w.t.EndedAt != nil || w.t.State == ticket.Draft:
			return errs.New(errs.Conflict, "This ticket is %s; leave is given in one that is open.", w.t.State.Says())
		}
		made = id.New[id.Access]()
		until := w.tx.Now.Add(time.Duration(hours) * time.Hour)
		err := w.tx.InsertStaffAccess(ctx, dbq.InsertStaffAccessParams{
			TenantID: w.t.TenantID, ID: made, TicketID: w.t.ID, SiteID: w.t.SiteID, GrantedBy: who.Account, GrantedAt: w.tx.Now, ExpiresAt: until,
		})
		if err != nil {
			return err
		}
		return w.change(ctx, "ticket.access_granted", map[string]any{"access": made.String(), "hours": hours, "until": until}, func(*dbq.Ticket) {})
	})
	return made, err
}

// RevokeAccess takes the leave back at once.
func (a *App) RevokeAccess(ctx context.Context, who authz.Actor, seen TicketSeen, access id.Access) error {
	return a.onTicket(ctx, who, authz.GrantAccess, seen.ID, func(ctx context.Context, w *work) error {
		n, err := w.tx.RevokeStaffAccess(ctx, dbq.RevokeStaffAccessParams{TenantID: w.t.TenantID, TicketID: w.t.ID, ID: access, Now: w.tx.Now})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "This leave has ended already.")
		}
		return w.change(ctx, "ticket.access_revoked", map[string]any{"access": access.String()}, func(*dbq.Ticket) {})
	})
}

// StaffAccessFor gives the leave that stands for a site now, the longest one;
// errs.NotFound where there is none.
func (a *App) StaffAccessFor(ctx context.Context, site id.Site) (out TicketAccess, err error) {
	err = a.system(ctx, "access", func(ctx context.Context, tx *store.Tx) error {
		of, err := tx.TenantOfSite(ctx, site)
		if err != nil {
			return err
		}
		row, err := tx.StaffAccessOfSite(ctx, dbq.StaffAccessOfSiteParams{TenantID: of, SiteID: site, Now: tx.Now})
		out = TicketAccess{StaffAccess: row, Open: err == nil}
		return err
	})
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(errs.NotFound, err, "The customer has given no leave to look into this site. Ask for it in a ticket.")
	}
	return out, err
}
