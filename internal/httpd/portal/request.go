package portal

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const sitesToChoose = 500 // that are offered by name; any other is chosen on its own page

// wish is one request that is being written.
type wish struct {
	door    *Door
	person  app.Person
	now     time.Time
	tenant  id.Tenant
	org     string
	sites   []ui.Choice
	site    *app.SiteView // nil while none is chosen
	zone    *time.Location
	draft   app.Draft
	typed   typed
	wrong   map[string]string // problems, by the id of the field
	offer   restore.Offer
	offered error
	whole   map[string]app.Completeness // of database copies, by their id
	set     app.Settings
	money   money
	noSite  bool
}

// wish begins with the sites, and the one that is asked about.
func (d *Door) wish(ctx context.Context, p app.Person, site string) (*wish, error) {
	w := &wish{door: d, person: p, now: d.clock.Now(), wrong: map[string]string{}, zone: zoneFor(p, "")}
	var of []id.Tenant
	for _, t := range p.Tenants {
		if may(p, authz.OpenTickets, t.TenantID) {
			of = append(of, t.TenantID)
		}
	}
	if len(of) == 0 {
		return nil, errs.New(errs.Forbidden, "Your role may look, but not ask. An administrator of your organisation can change that.")
	}
	rows, total, err := d.rows(ctx, p, of, "")
	if err != nil {
		return nil, err
	}
	w.noSite = total == 0
	if site == "" && len(rows) == 1 {
		site = rows[0].ID.String()
	}
	w.tenant, w.org = of[0], orgOf(p, of[0])
	if site != "" {
		v, err := d.app.ViewSite(ctx, p.Actor, site)
		if err != nil {
			return nil, err
		}
		if !may(p, authz.OpenTickets, v.Site.TenantID) {
			return nil, errs.New(errs.Forbidden, "Your role may look, but not ask. An administrator of your organisation can change that.")
		}
		w.site, w.tenant, w.org, w.zone = &v, v.Site.TenantID, orgOf(p, v.Site.TenantID), zoneFor(p, v.Site.TimeZone)
	}
	there := false
	for _, s := range rows[:min(len(rows), sitesToChoose)] {
		mine := w.site != nil && s.ID == w.site.Site.ID
		there = there || mine
		w.sites = append(w.sites, ui.Choice{Value: s.ID.String(), Label: s.Name, Selected: mine})
	}
	if w.site != nil && !there {
		w.sites = slices.Insert(w.sites, 0, ui.Choice{Value: w.site.Site.ID.String(), Label: w.site.Site.Name, Selected: true})
	}
	if w.site == nil {
		w.sites = slices.Insert(w.sites, 0, ui.Choice{Value: "", Label: "Choose a site", Selected: true})
	}
	if w.set, err = d.app.Settings(ctx); err != nil {
		return nil, err
	}
	w.money = d.moneyOf()
	return w, nil
}

func orgOf(p app.Person, of id.Tenant) string {
	for _, t := range p.Tenants {
		if t.TenantID == of {
			return t.Name
		}
	}
	return ""
}

func (w *wish) siteID() id.Site {
	if w.site == nil {
		return id.Site{}
	}
	return w.site.Site.ID
}

// open loads the draft of the site.
func (w *wish) open(ctx context.Context) error {
	d, err := w.door.app.DraftTicket(ctx, w.person.Actor, w.tenant, ticket.Restore, w.siteID())
	if err != nil {
		return err
	}
	w.draft = d
	return nil
}

// look finds which copies there are for what was typed. The one that was
// proposed before is no choice of the person's: the best for the new moment
// takes its place.
func (w *wish) look(ctx context.Context) {
	q := &w.draft.Request
	if w.site == nil || q.At.IsZero() {
		return
	}
	w.offer, w.offered = w.door.app.RestoreOffer(ctx, w.person.Actor, w.site.Site.ID, restore.Ask{What: asks(q.What), At: q.At})
	if w.offered == nil {
		w.whole, w.offered = w.door.completeness(ctx, w.person, w.site.Site.ID)
	}
	if w.offered != nil || len(w.offer.Choices) == 0 {
		q.Point = ticket.Point{}
		return
	}
	chosen := w.offer.Choices[w.offer.Best]
	if asked := pointValue(q.Point.Database, q.Point.Data); asked != "" && asked != w.typed.best {
		for _, c := range w.offer.Choices {
			if reads(c, q.Point) {
				chosen = c
			}
		}
	}
	w.typed.point = choiceValue(chosen)
	q.Point = ticket.Point{}
	q.Point.Database, q.Point.Data = readPoint(w.typed.point)
}

// reads tells whether a choice is the one that was chosen, though perhaps less
// or more of it is wanted now.
func reads(c restore.Choice, of ticket.Point) bool {
	if c.Database != nil && !of.Database.IsZero() {
		return c.Database.ID == of.Database
	}
	return c.Data != nil && c.Data.ID == of.Data
}

// asks is what of a site such a request reads.
func asks(w ticket.What) restore.What {
	switch w {
	case ticket.Database:
		return restore.Database
	case ticket.Data:
		return restore.Data
	case ticket.Files:
		return restore.Files
	case ticket.Everything, ticket.Courses:
	}
	return restore.Everything
}

func choiceValue(c restore.Choice) string {
	var database, data id.Copy
	if c.Database != nil {
		database = c.Database.ID
	}
	if c.Data != nil {
		data = c.Data.ID
	}
	return pointValue(database, data)
}

// request is the page.
func (d *Door) request(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	site := r.URL.Query().Get(portal.FieldSite)
	if site == "" {
		site = d.wroteLast(ctx, p)
	}
	w, err := d.wish(ctx, p, site)
	if err != nil {
		return nil, err
	}
	if !w.noSite {
		if err := w.open(ctx); err != nil {
			return nil, err
		}
		w.typed = fromDraft(w.draft, w.zone)
		w.look(ctx)
	}
	props := w.props()
	props.Page = d.page(ctx, p, portal.Asking)
	return portal.Request(props), nil
}

// wroteLast is the site of the draft that the person left last; none where
// there is none.
func (d *Door) wroteLast(ctx context.Context, p app.Person) string {
	var newest app.Draft
	for _, t := range p.Tenants {
		if !may(p, authz.OpenTickets, t.TenantID) {
			continue
		}
		all, err := d.app.Drafts(ctx, p.Actor, t.TenantID)
		if err != nil {
			return "" // the page itself will say what is wrong
		}
		for _, x := range all {
			if x.Kind == ticket.Restore && x.SavedAt.After(newest.SavedAt) {
				newest = x
			}
		}
	}
	if newest.Site.IsZero() {
		return ""
	}
	return newest.Site.String()
}
