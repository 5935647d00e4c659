// Package portal is the door for a hoster's customers: their sites, what each
// can go back to, a copy before an upgrade, and what they prefer. It decides
// which words and figures a customer is given, and that no host, queue or other
// customer is among them. It never decides who may do what, never sees the
// database, and signs nobody in: it stands inside the door that does.
package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// Inside is what the door that signs people in gives to this one.
type Inside interface {
	// Signed adapts a page for people who are signed in; others are led to
	// sign in. An error decides the status, and is shown on a page of its own
	// unless there is a component too.
	Signed(h func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error)) http.HandlerFunc
	// Stream serves a part of a page as server-sent events.
	Stream(part func(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error)) http.HandlerFunc
	// Form reads a form, and tells what is wrong with the whole of it.
	Form(r *http.Request) error
	// Upload reads a form with files; the function is called once they are read.
	Upload(r *http.Request, field string) (files []app.Upload, done func(), err error)
	// Say leaves a sentence for the next page, which takes it by Said.
	Say(ctx context.Context, state ui.State, text string)
	Said(ctx context.Context) *ui.Notice
}

// Config is what the door needs.
type Config struct {
	App   *app.App
	Clock clock.Clock
	Mark  *Mark // of the hoster; nil for ours
}

// Door serves the portal.
type Door struct {
	app    *app.App
	clock  clock.Clock
	mark   *Mark
	inside Inside
}

// New makes the portal's door, inside another.
func New(c Config, in Inside) *Door {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return &Door{app: c.App, clock: c.Clock, mark: c.Mark, inside: in}
}

const ticketPattern = portal.TicketsPath + "/{number:[0-9]{1,18}}"

const sitePattern = portal.SitesPath + "{id:[0-9a-f-]{36}}"

// Streams are the routes without a deadline.
func (d *Door) Streams(r chi.Router) {
	r.Get(sitePattern+"/stream", d.inside.Stream(d.siteLive))
	r.Get(ticketPattern+"/stream", d.inside.Stream(d.ticketLive))
}

// Uploads are the routes of forms with files, which are larger and take longer
// than others.
func (d *Door) Uploads(r chi.Router) {
	r.Post(portal.TicketsPath, d.customer(d.inquire, ""))
	r.Post(ticketPattern+"/messages", d.customer(d.acting(d.message()), ""))
	r.Get(ticketPattern+"/attachments/{file:[0-9a-f-]{36}}", d.customer(d.attachment, ""))
}

// Pages are the other routes.
func (d *Door) Pages(r chi.Router) {
	if d.mark != nil {
		r.Get(portal.MarkPath, d.mark.ServeHTTP)
	}
	r.Get(portal.Path, d.customer(d.sites, "/"))
	r.Get(sitePattern, d.customer(d.site, ""))
	r.Post(sitePattern+"/protection", d.customer(d.keep, ""))
	r.Get(portal.PreferencesPath, d.customer(d.preferences, "/account"))
	r.Post(portal.PreferencesPath, d.customer(d.savePreferences, ""))
	r.Post(portal.LettersPath, d.customer(d.saveLetters, ""))
	r.Get(portal.RequestPath, d.customer(d.request, "/tickets"))
	r.Post(portal.RequestPath, d.customer(d.ask, ""))
	r.Post(portal.DraftPath, d.customer(d.draftKept, ""))
	r.Get(portal.QuestionPath, d.customer(d.question, "/tickets"))
	r.Get(portal.TicketsPath, d.customer(d.tickets, "/tickets"))
	r.Get(portal.ReceiptsPath, d.customer(d.receipts, "/money"))
	r.Get(ticketPattern, d.customer(d.ticket, "/tickets"))
	r.Post(ticketPattern+"/payment", d.customer(d.payment, ""))
	for name, x := range map[string]act{
		"confirmation": d.confirmation(), "acceptance": d.acceptance(), "reopening": d.reopening(), "withdrawal": d.withdrawal(), "watching": d.watching(), "access": d.accessGrant(),
		"access/{access:[0-9a-f-]{36}}/revocation": d.accessRevocation(),
	} {
		r.Post(ticketPattern+"/"+name, d.customer(d.acting(x), ""))
	}
}

type page = func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error)

// customer adapts a page for customers. Staff have pages of their own: they are
// led to those where there is one, and find nothing otherwise.
func (d *Door) customer(h page, staff string) http.HandlerFunc {
	return d.inside.Signed(func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if p.Actor.Staff == "" {
			return h(w, r, p)
		}
		to := staff
		if site := chi.URLParam(r, "id"); site != "" && r.Method == http.MethodGet {
			to = "/sites/" + site
		}
		if to == "" {
			return nil, none()
		}
		see(w, r, to)
		return nil, nil //nolint:nilnil // it has answered by itself
	})
}

// none is the answer about whatever is not there, or somebody else's.
func none() error {
	return errs.New(errs.NotFound, "There is no such page, or it belongs to somebody else.")
}

// see leads the browser on to a path of this site.
func see(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// may tells whether to offer something; the use case itself decides.
func may(p app.Person, action authz.Action, of id.Tenant) bool {
	_, err := authz.Check(p.Actor, action, of)
	return err == nil
}

// frame is what surrounds a page of the person.
func (d *Door) frame(p app.Person, section portal.Section) portal.Page {
	places := portal.May{}
	for _, t := range p.Tenants {
		places.People = places.People || may(p, authz.ViewPeople, t.TenantID)
		places.Activity = places.Activity || may(p, authz.ViewAudit, t.TenantID)
		places.Ask = places.Ask || may(p, authz.OpenTickets, t.TenantID)
		places.Receipts = places.Receipts || may(p, authz.ViewBilling, t.TenantID)
	}
	f := portal.Page{Nav: portal.Nav(section, places), Who: p.Name, Org: "No organisation"}
	if len(p.Tenants) > 0 {
		f.Org = p.Tenants[0].Name
	}
	if len(p.Tenants) > 1 {
		f.Org += " and more"
	}
	return f
}

// page is frame with the answer to what was just done.
func (d *Door) page(ctx context.Context, p app.Person, section portal.Section) portal.Page {
	f := d.frame(p, section)
	f.Notice = d.inside.Said(ctx)
	return f
}

// zoneFor is the zone whose clock a person is shown for a site.
func zoneFor(p app.Person, site string) *time.Location {
	if p.TimeZone != "" {
		return figure.Zone(p.TimeZone)
	}
	return figure.Zone(site)
}
