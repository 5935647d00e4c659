package dash

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/web/dash"
	"holdfast/web/portal"
	"holdfast/web/static"
	"holdfast/web/ui"
)

// Beside is a door for customers that stands inside this one.
type Beside interface {
	Pages(chi.Router)
	Streams(chi.Router)
}

// Inside is what such a door is given: who is signed in, and how pages are
// answered here.
type Inside struct{ d *Door }

// Signed adapts a page for people who are signed in; others are led to sign in.
func (i Inside) Signed(h func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error)) http.HandlerFunc {
	return i.d.signed(h)
}

// Stream serves a part of a page as server-sent events.
func (i Inside) Stream(part func(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error)) http.HandlerFunc {
	return i.d.stream(part)
}

// Form reads a form, and tells what is wrong with the whole of it.
func (i Inside) Form(r *http.Request) error { return readForm(r) }

// Say leaves a sentence for the next page.
func (i Inside) Say(ctx context.Context, state ui.State, text string) { i.d.say(ctx, state, text) }

// Said takes the sentence that was left for this page, if there is one.
func (i Inside) Said(ctx context.Context) *ui.Notice {
	text := i.d.sessions.PopString(ctx, keyNotice)
	if text == "" {
		return nil
	}
	return &ui.Notice{State: ui.State(i.d.sessions.PopString(ctx, keyNoticeState)), Text: text}
}

// branded makes pages that customers see carry the hoster's name and mark.
// What was set on the page of settings goes before what the door was given.
func (d *Door) branded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || strings.HasPrefix(r.URL.Path, static.Prefix) {
			next.ServeHTTP(w, r)
			return
		}
		b := d.brand
		if s := d.app.Known(r.Context()); s.Version > 0 {
			b.Name, b.Support = s.HosterName, s.SupportEmail
		}
		if b.Name != "" {
			r = r.WithContext(ui.WithBrand(r.Context(), b))
		}
		next.ServeHTTP(w, r)
	})
}

// theirs are the addresses below which customers have pages, besides their own
// door's.
var theirs = []string{portal.Path, dash.SignInPath, dash.SignOutPath, dash.AccountPath, dash.PeoplePath, dash.AuditPath, dash.AuditFilePath, strings.TrimSuffix(dash.InvitationPath, "/")}

// oldSite is where customers had a page of a site before they had a door.
var oldSite = regexp.MustCompile(`^/sites/([0-9a-f-]{36})$`)

// keepApart keeps customers to their own pages: every other is, to them, as if
// it were not there. The start leads them to their sites, and so do addresses
// that they may know from before.
func (d *Door) keepApart(next http.Handler) http.Handler {
	if d.customers == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, in := visitor(r.Context())
		if !in || isStaff(p) || isTheirs(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if r.URL.Path == "/" || r.URL.Path == dash.SitesPath {
				see(w, r, portal.Path)
				return
			}
			if m := oldSite.FindStringSubmatch(r.URL.Path); m != nil {
				see(w, r, portal.SitesPath+m[1])
				return
			}
		}
		_, err := d.noPage(w, r)
		d.answer(w, r, nil, err)
	})
}

func isTheirs(path string) bool {
	for _, t := range theirs {
		if path == t || strings.HasPrefix(path, t+"/") {
			return true
		}
	}
	return false
}

// landing is where a person is led who asked for nothing in particular.
func (d *Door) landing(p app.Person) string {
	if d.customers != nil && !isStaff(p) {
		return portal.Path
	}
	return dash.SitesPath
}

// places are those that a customer is offered.
func places(p app.Person) portal.May {
	out := portal.May{People: seesPeople(p), Activity: len(auditors(p)) > 0}
	for _, t := range p.Tenants {
		out.Ask = out.Ask || may(p, authz.OpenTickets, t.TenantID)
		out.Receipts = out.Receipts || may(p, authz.ViewBilling, t.TenantID)
	}
	return out
}

// customerFrame is what surrounds the pages that customers share with staff:
// their account, and their people.
func (d *Door) customerFrame(p app.Person, section dash.Section) dash.Page {
	f := dash.Page{Who: p.Name, Top: true, Home: portal.Path, Nav: dash.CustomerNav(section)}
	if d.customers == nil {
		f.Home, f.Nav = "", withActivity(p, section, withPeople(p, section, f.Nav))
		return f
	}
	at := map[dash.Section]portal.Section{dash.PeopleSection: portal.People, dash.AuditSection: portal.Activity}[section]
	f.Nav = portal.Nav(at, places(p))
	return f
}

// Upload reads a form with files, in a route of Uploads; done is called once
// the files are read.
func (i Inside) Upload(r *http.Request, field string) (files []app.Upload, done func(), err error) {
	return readUpload(r, field)
}
