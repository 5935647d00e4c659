package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// NewSite is a site to register.
type NewSite struct {
	Tenant, Host, Destination string // slug, name, name ("" for "default")
	site.Entry
}

// AddSite registers a site and plans its first two copies at once.
func (a *App) AddSite(ctx context.Context, who authz.Actor, n NewSite) (id.Site, error) {
	entry, err := n.Validate()
	if err != nil {
		return id.Site{}, err
	}
	if n.Destination == "" {
		n.Destination = DefaultDestination
	}
	var made id.Site
	err = a.do(ctx, who, authz.ManageSites, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TenantBySlug(ctx, n.Tenant)
		if err != nil {
			return noSuch(err, "tenant", n.Tenant, "holdfast tenant list")
		}
		h, err := tx.HostByName(ctx, n.Host)
		if err != nil {
			return noSuch(err, "host", n.Host, "holdfast host list")
		}
		d, err := tx.DestinationByName(ctx, n.Destination)
		if err != nil {
			return noSuch(err, "destination", n.Destination, "holdfast destination list")
		}
		made, err = insertSite(ctx, tx, siteRow{tenant: t.ID, host: h, destination: d.ID, entry: entry})
		return err
	})
	return made, err
}

// SiteView is everything of one site's page.
type SiteView struct {
	Site     dbq.SiteForTenantRow
	HostName string
	Now      time.Time // at which all of it stood so
	Policy   SitePolicy
	Keeping  []Keeping // by kind
	Copies   []dbq.CopiesOfSiteRow
	Complete []Completeness // of the database copies that are not being deleted, the newest first
	Runs     []dbq.Run
	Events   []dbq.Event
}

// ViewSite gives a site by its name or id.
func (a *App) ViewSite(ctx context.Context, who authz.Actor, ref string) (SiteView, error) {
	of, sid, host, err := a.findSite(ctx, ref)
	if err != nil {
		return SiteView{}, err
	}
	v := SiteView{HostName: host}
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if v.Site, err = tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid}); err != nil {
			return err
		}
		if v.Copies, err = tx.CopiesOfSite(ctx, dbq.CopiesOfSiteParams{TenantID: of, SiteID: sid, Limit: 500, Now: tx.Now}); err != nil {
			return err
		}
		if v.Complete, err = completenessOf(ctx, tx, of, sid); err != nil {
			return err
		}
		if v.Runs, err = tx.RunsOfSite(ctx, dbq.RunsOfSiteParams{TenantID: of, SiteID: sid, Limit: 50}); err != nil {
			return err
		}
		v.Now = tx.Now
		if v.Policy, v.Keeping, err = keepingOf(ctx, tx, v.Site); err != nil {
			return err
		}
		v.Events, err = tx.EventsOfSite(ctx, dbq.EventsOfSiteParams{TenantID: of, SiteID: sid, Limit: 50})
		return err
	})
	return v, hide(err, "site")
}

// findSite tells which tenant a site belongs to, before any right is known;
// its answer is never shown, only checked against the actor's rights.
func (a *App) findSite(ctx context.Context, ref string) (of id.Tenant, sid id.Site, host string, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		if parsed, perr := id.Parse[id.Site](ref); perr == nil {
			of, err = tx.TenantOfSite(ctx, parsed)
			if err != nil {
				return err
			}
			sid = parsed
			s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
			if err != nil {
				return err
			}
			h, err := tx.HostByID(ctx, s.HostID)
			host = h.Name
			return err
		}
		s, err := tx.SiteByName(ctx, ref)
		of, sid, host = s.TenantID, s.ID, s.HostName
		return err
	})
	return of, sid, host, hide(err, "site")
}
