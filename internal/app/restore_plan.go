package app

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// planRestore plans a restore within a transaction of staff or of the system:
// its row, the holds on its copies and the job that begins it. What cannot be
// restored is refused by errs.Invalid (which names the field) or errs.Conflict.
func (a *App) planRestore(ctx context.Context, tx *store.Tx, p restorePlan) (id.Restore, error) {
	var err error
	if p.Input, err = p.Input.Check(p.What); err != nil {
		return id.Restore{}, err
	}
	if p.WithoutSafety, err = restore.CheckWithoutSafety(p.WithoutSafety); err != nil {
		return id.Restore{}, err
	}
	if p.Why, err = reasonText("why", p.Why, false); err != nil {
		return id.Restore{}, err
	}
	if err := mayRestoreThere(ctx, tx, p); err != nil {
		return id.Restore{}, err
	}
	if err := lockRestoreCopies(ctx, tx, p); err != nil {
		return id.Restore{}, err
	}
	return insertRestore(ctx, tx, p)
}

// mayRestoreThere refuses what could not begin: its site, customer or host
// stands in the way, or another restore of the site is open.
func mayRestoreThere(ctx context.Context, tx *store.Tx, p restorePlan) error {
	at, err := tx.PlaceOfRestore(ctx, dbq.PlaceOfRestoreParams{TenantID: p.Tenant, ID: p.Site})
	if err != nil {
		return hide(err, "site")
	}
	switch {
	case at.TenantState != dbq.TenantStateActive:
		return errs.New(errs.Conflict, "%s is suspended; its sites are restored once it is active again.", at.TenantName)
	case at.SiteState != dbq.SiteStateActive:
		return errs.New(errs.Conflict, "%s is %s; it can be restored once it is active again.", at.SiteName, at.SiteState)
	case at.HostState == dbq.HostStatePending || at.HostState == dbq.HostStateRevoked:
		return errs.New(errs.Conflict, "The host of %s is %s, so that nothing could be restored there. Enrol its agent first: holdfast host enrol %s.", at.SiteName, host.Word(host.State(at.HostState)), at.HostName)
	}
	open, err := tx.OpenRestoreOfSite(ctx, dbq.OpenRestoreOfSiteParams{TenantID: p.Tenant, SiteID: p.Site})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return openRestore(at.SiteName, open)
}

// openRestore says which restore stands in the way of another, and what ends it.
func openRestore(site string, r dbq.Restore) error {
	if r.State == restore.Restored {
		return errs.New(errs.Conflict, "%s was restored already, and that waits to be accepted. Accept restore %s or have it undone first.", site, r.ID)
	}
	return errs.New(errs.Conflict, "A restore of %s is open already (%s, %s). Wait for its end, or cancel it.", site, r.ID, r.State)
}

// lockRestoreCopies checks the copies that are to come back, and locks them so
// that nothing deletes them before they are held.
func lockRestoreCopies(ctx context.Context, tx *store.Tx, p restorePlan) error {
	reads := p.What.Reads()
	for _, kind := range backup.Kinds() {
		given := p.copyOf(kind)
		if !slices.Contains(reads, kind) {
			if !given.IsZero() {
				return errs.Field(string(kind), "restoring %s takes no %s copy; leave it away", p.What, kind)
			}
			continue
		}
		if given.IsZero() {
			return errs.Field(string(kind), "restoring %s needs a %s copy; name one of: holdfast copies list", p.What, kind)
		}
		if err := lockRestoreCopy(ctx, tx, p, kind, given); err != nil {
			return err
		}
	}
	return nil
}

func (p restorePlan) copyOf(kind backup.Kind) id.Copy {
	if kind == backup.Database {
		return p.Database
	}
	return p.Data
}

func lockRestoreCopy(ctx context.Context, tx *store.Tx, p restorePlan, kind backup.Kind, of id.Copy) error {
	field := string(kind)
	c, err := tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: p.Tenant, ID: of})
	if isNoRows(err) || err == nil && c.SiteID != p.Site {
		return errs.Field(field, "%s is no copy of this site; name one of: holdfast copies list", of)
	}
	if err != nil {
		return err
	}
	if c.Kind != kind {
		return errs.Field(field, "%s is a %s copy; name a %s copy of: holdfast copies list", of, c.Kind, kind)
	}
	if said := unfit(c.State, c.BinnedAt != nil); said != "" {
		return errs.Field(field, "%s %s", of, said)
	}
	return nil
}

// unfit tells why a restore may not read a copy, and the remedy; "" where it may.
func unfit(s catalog.State, binned bool) string {
	switch {
	case s == catalog.Damaged:
		return "is damaged, so that nothing could come back from it whole; choose another"
	case s == catalog.Incomplete:
		return "is incomplete: it lacks what its page names; choose a whole one"
	case s == catalog.Deleting || s == catalog.Gone:
		return "was deleted; choose another"
	case s != catalog.Good:
		return "cannot be restored; choose another"
	case binned:
		return "is in the bin, to be deleted; take it back first, on its page or by: holdfast copies take-back"
	}
	return ""
}

func insertRestore(ctx context.Context, tx *store.Tx, p restorePlan) (id.Restore, error) {
	made := id.New[id.Restore]()
	input, err := json.Marshal(p.Input)
	if err != nil {
		return made, err
	}
	by := p.AskedBy
	if by == "" {
		by = tx.Actor()
	}
	row := dbq.InsertRestoreParams{
		TenantID: p.Tenant, ID: made, SiteID: p.Site, TicketID: p.Ticket, What: p.What, DatabaseCopyID: p.Database, DataCopyID: p.Data,
		Input: input, WithoutSafety: p.WithoutSafety, AskedBy: by, Why: p.Why, CreatedAt: tx.Now,
	}
	if p.WithoutSafety != "" {
		row.WithoutBy = cmp.Or(p.WithoutBy, by)
	}
	err = tx.InsertRestore(ctx, row)
	if store.Constraint(err) == "restore_open_once" {
		return made, errs.Wrap(errs.Conflict, err, "Another restore of this site was asked for in the same moment. Look at it first.")
	}
	if err != nil {
		return made, err
	}
	r := dbq.Restore{TenantID: p.Tenant, ID: made, SiteID: p.Site}
	for _, c := range []id.Copy{p.Database, p.Data} {
		if c.IsZero() {
			continue
		}
		if err := holdFor(ctx, tx, r, c); err != nil {
			return made, err
		}
	}
	err = restoreEvent(ctx, tx, r, "restore.planned", map[string]any{
		"what": p.What, "database": p.Database, "data": p.Data, "why": p.Why, "without_safety": p.WithoutSafety, "ticket": p.Ticket,
	})
	if err != nil {
		return made, err
	}
	return made, enqueueRestore(ctx, tx, made)
}

// StartRestore plans a restore without a ticket.
func (a *App) StartRestore(ctx context.Context, who authz.Actor, n NewRestore) (id.Restore, error) {
	var made id.Restore
	of, sid, _, err := a.findSite(ctx, n.Site)
	if err != nil {
		return made, err
	}
	if _, err := authz.Check(who, authz.ViewSite, of); err != nil {
		return made, hide(err, "site")
	}
	if _, err := authz.Check(who, authz.StartRestore, of); err != nil {
		return made, err
	}
	if n.Input, err = n.Input.Check(n.What); err != nil {
		return made, err
	}
	err = a.do(ctx, who, authz.StartRestore, of, func(ctx context.Context, tx *store.Tx) error {
		p := restorePlan{Tenant: of, Site: sid, What: n.What, Database: n.Database, Data: n.Data, Input: n.Input, WithoutSafety: n.WithoutSafety, Why: n.Why}
		if p.Database.IsZero() && p.Data.IsZero() {
			if err := bestCopies(ctx, tx, &p, n); err != nil {
				return err
			}
		}
		made, err = a.planRestore(ctx, tx, p)
		return err
	})
	return made, err
}

// bestCopies chooses the copies: the point's, or those that the offer for the
// moment holds to be the best.
func bestCopies(ctx context.Context, tx *store.Tx, p *restorePlan, n NewRestore) error {
	copies, err := copiesToOffer(ctx, tx, p.Tenant, p.Site)
	if err != nil {
		return err
	}
	if !n.Point.IsZero() {
		return pointCopies(ctx, tx, p, n, copies)
	}
	o := restore.MakeOffer(restore.Ask{What: n.What, At: n.At}, copies, tx.Now)
	if len(o.Choices) == 0 {
		return errs.Field("point", "there is no whole copy of this site that could be restored")
	}
	best := o.Choices[o.Best]
	if best.Database != nil {
		p.Database = best.Database.ID
	}
	if best.Data != nil {
		p.Data = best.Data.ID
	}
	return nil
}

// pointCopies gives a restore the copy that was named, and its partner.
func pointCopies(ctx context.Context, tx *store.Tx, p *restorePlan, n NewRestore, copies []restore.Copy) error {
	c, err := tx.CopyToOffer(ctx, dbq.CopyToOfferParams{TenantID: p.Tenant, ID: n.Point})
	if isNoRows(err) || err == nil && c.SiteID != p.Site {
		return errs.Field("point", "%s is no copy of this site; name one of: holdfast copies list, or a time", n.Point)
	}
	if err != nil {
		return err
	}
	given := map[backup.Kind]id.Copy{c.Kind: n.Point}
	if !slices.Contains(n.What.Reads(), c.Kind) {
		return errs.Field("point", "%s is a %s copy, and restoring %s does not read one; name another, or a time", n.Point, c.Kind, n.What)
	}
	if n.What == restore.Everything {
		if said := unfit(c.State, c.BinnedAt != nil); said != "" {
			return errs.Field("point", "%s %s", n.Point, said)
		}
		other := restore.Partner(copies, n.Point)
		if other == nil {
			return errs.Field("point", "there is no whole copy that goes with %s; restore the %s alone", n.Point, c.Kind)
		}
		given[other.Kind] = other.ID
	}
	p.Database, p.Data = given[backup.Database], given[backup.Data]
	return nil
}
