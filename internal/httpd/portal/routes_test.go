package portal_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/agentproto"
)

// row is one route and what everybody gets of it, in the order of everybody().
type row struct {
	route string
	path  func(h *house) string
	form  []string
	want  []int
}

// Order of the columns: nobody, stranger, viewer, member, admin; owner,
// operator, support, billing, auditor.
func routeTable() []row {
	at := func(p string) func(*house) string { return func(*house) string { return p } }
	site := func(more string) func(*house) string {
		return func(h *house) string { return "/portal/sites/" + h.site.String() + more }
	}
	const pattern = "/portal/sites/{id:[0-9a-f-]{36}}"
	return append(ticketTable(), []row{
		{"GET /portal/mark", at("/portal/mark"), nil, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET /portal", at("/portal?q=school"), nil, []int{303, 200, 200, 200, 200, 303, 303, 303, 303, 303}},
		{"GET " + pattern, site(""), nil, []int{303, 404, 200, 200, 200, 303, 303, 303, 303, 303}},
		{"GET " + pattern + "/stream", site("/stream"), nil, []int{401, 404, 200, 200, 200, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/protection", site("/protection"), []string{"reason", ""}, []int{303, 404, 403, 303, 303, 404, 404, 404, 404, 404}},
		{"GET /portal/preferences", at("/portal/preferences"), nil, []int{303, 200, 200, 200, 200, 303, 303, 303, 303, 303}},
		{"POST /portal/preferences", at("/portal/preferences"), []string{"zone", "Asia/Tokyo"}, []int{303, 303, 303, 303, 303, 404, 404, 404, 404, 404}},
		{"POST /portal/preferences/letters", at("/portal/preferences/letters"), []string{"do", "off"}, []int{303, 303, 303, 303, 303, 404, 404, 404, 404, 404}},
	}...)
}

// Every route of the portal stands in the table, with what everybody gets.
func TestRoutes_EachHasATenantTestAndARoleTest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	h.openTicket()
	table := map[string]bool{}
	for _, r := range routeTable() {
		table[r.route] = true
	}
	routes, ok := h.handler.(chi.Routes)
	if !ok {
		t.Fatal("the door's routes cannot be walked")
	}
	h.must(chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if strings.HasPrefix(route, "/portal") && !table[method+" "+route] {
			t.Errorf("%s %s has no row in the table of who gets what", method, route)
		}
		delete(table, method+" "+route)
		return nil
	}))
	for r := range table {
		t.Errorf("%s is in the table and not in the router", r)
	}
	people := map[string]*browser{}
	for _, name := range everybody() {
		people[name] = h.signIn(name)
	}
	for _, r := range routeTable() {
		for i, name := range everybody() {
			b, got := people[name], answer{}
			if strings.HasPrefix(r.route, "POST") {
				form := slices.Clone(r.form)
				for i := range form {
					form[i] = strings.ReplaceAll(form[i], "SITE", h.site.String())
				}
				got = b.post(r.path(h), form...)
			} else {
				got = b.get(r.path(h))
			}
			if got.status != r.want[i] {
				t.Errorf("%s for %s: %d, want %d\n%s", r.route, name, got.status, r.want[i], got.body)
			}
			if (name == stranger || name == nobody) && strings.Contains(got.body, "own.school") {
				t.Errorf("%s shows %s another tenant's site:\n%s", r.route, name, got.body)
			}
			if name == nobody && got.status == 303 && !strings.HasPrefix(got.to(), "/sign-in") {
				t.Errorf("%s leads nobody to %q", r.route, got.to())
			}
			if strings.Contains(got.body, host) {
				t.Errorf("%s tells %s of a host", r.route, name)
			}
		}
	}
}

func TestSite_OfAnotherTenantIsAsIfThereWereNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn(stranger)
	plain := func(a answer) string { return strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "") }
	const absent = "/portal/sites/0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	own := "/portal/sites/" + h.site.String()
	if got := b.get(own); got.status != http.StatusNotFound || plain(got) != plain(b.get(absent)) {
		t.Errorf("another's site is told apart from none: %d", got.status)
	}
	for _, form := range [][]string{{}, {"days", "rubbish"}, {"reason", strings.Repeat("x", 400)}} {
		if got := b.post(own+"/protection", form...); got.status != http.StatusNotFound || plain(got) != plain(b.post(absent+"/protection", form...)) {
			t.Errorf("a form of another's site, %v: %d", form, got.status)
		}
	}
}

// Customers have no page of the staff's; what they may know from before leads
// them on. Staff have no page of the customers'.
func TestPages_AreApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	customer, staff := h.signIn("admin"), h.signIn("support")
	for _, path := range []string{"/runs", "/hosts", "/queue", "/policies", "/today", "/destinations", "/settings", "/find?q=own", "/gallery", "/runs/stream", "/sites/" + h.site.String() + "/stream", "/sites/own.school.example"} {
		if got := customer.get(path); got.status != http.StatusNotFound || !strings.Contains(got.body, hoster) {
			t.Errorf("GET %s for a customer: %d", path, got.status)
		}
	}
	if got := customer.post("/sites/"+h.site.String()+"/backups", "kind", "all"); got.status != http.StatusNotFound {
		t.Errorf("the staff's form for a customer: %d", got.status)
	}
	for from, to := range map[string]string{"/": "/portal", "/sites": "/portal", "/sites/" + h.site.String(): "/portal/sites/" + h.site.String()} {
		if got := customer.get(from); got.status != http.StatusSeeOther || got.to() != to {
			t.Errorf("%s leads a customer to %d %q", from, got.status, got.to())
		}
	}
	for from, to := range map[string]string{"/portal": "/", "/portal/preferences": "/account", "/portal/sites/" + h.site.String(): "/sites/" + h.site.String()} {
		if got := staff.get(from); got.status != http.StatusSeeOther || got.to() != to {
			t.Errorf("%s leads staff to %d %q", from, got.status, got.to())
		}
	}
	for _, path := range []string{"/account", "/people"} {
		got := customer.get(path)
		if got.status != http.StatusOK || !strings.Contains(got.body, `href="/portal/preferences"`) || !strings.Contains(got.body, hoster) || strings.Contains(got.body, `href="/runs"`) {
			t.Errorf("%s is not a page of the portal: %d\n%s", path, got.status, got.body)
		}
	}
}

func TestSignIn_LeadsEachToTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, to := range map[string]string{"viewer": "/portal", "billing": "/sites"} {
		h.addPerson(name)
		got := h.signIn(nobody).post("/sign-in", "email", name+"@school.example", "password", password)
		if got.status != http.StatusSeeOther || got.to() != to {
			t.Errorf("%s is led to %d %q", name, got.status, got.to())
		}
	}
	page := h.signIn(nobody).get("/sign-in")
	if !strings.Contains(page.body, hoster) || !strings.Contains(page.body, `<img class="mark" src="/portal/mark?v=`) || strings.Contains(page.body, "Holdfast") {
		t.Errorf("the page to sign in is not the hoster's:\n%s", page.body)
	}
	deep := "/portal/sites/" + h.site.String() + "?noticed=4"
	if got := h.signIn(nobody).get(deep); got.to() != "/sign-in?next="+url.QueryEscape(deep) {
		t.Errorf("the way back is %q", got.to())
	}
}
