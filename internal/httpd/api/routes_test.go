package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/httpd/api"
)

// row is what everybody gets from one route, in the order of everybody.
type row struct {
	route string // as the router has it
	path  func(h *house) string
	body  string
	want  []int
}

func at(path string) func(*house) string { return func(*house) string { return path } }

func onSite(rest string) func(*house) string {
	return func(h *house) string { return "/sites/" + h.site.String() + rest }
}

func onCopy(rest string) func(*house) string {
	return func(h *house) string { return "/copies/" + h.aCopy() + rest }
}

func routeTable() []row {
	all := []int{401, 200, 200, 200, 200, 200, 200, 200}
	own := []int{401, 404, 200, 200, 200, 200, 200, 200}
	staff := []int{401, 404, 404, 404, 404, 200, 200, 200}
	keep := []int{401, 404, 403, 403, 403, 204, 204, 403}
	operate := []int{401, 404, 403, 403, 403, 202, 403, 403}
	return []row{
		{"GET /openapi.json", at("/openapi.json"), "", []int{200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET /sites", at("/sites"), "", all},
		{"GET /sites/{site}", onSite(""), "", own},
		{"GET /sites/{site}/copies", onSite("/copies"), "", own},
		{"GET /sites/{site}/standing", onSite("/standing"), "", own},
		{"GET /sites/{site}/verification", onSite("/verification"), "", own},
		{"POST /sites/{site}/verification", onSite("/verification"), `{"whole":true}`, operate},
		{"POST /sites/{site}/repair", onSite("/repair"), "", operate},
		{"POST /sites/{site}/damage/acknowledgement", onSite("/damage/acknowledgement"), `{"reason":"it is gone"}`, []int{401, 404, 403, 403, 403, 409, 403, 403}}, // there is none
		{"GET /sites/{site}/tamper", onSite("/tamper"), "", own},
		{"POST /sites/{site}/tamper/clearance", onSite("/tamper/clearance"), `{"reason":"it was us"}`, []int{401, 404, 403, 403, 403, 409, 403, 403}}, // none is on
		{"GET /overdue", at("/overdue"), "", all},
		{"GET /runs", at("/runs"), "", all},
		{"GET /policies", at("/policies"), "", staff},
		{"GET /policies/{name}", at("/policies/published"), "", staff},
		{"GET /tenants/{tenant}/window", at("/tenants/other/window"), "", staff},
		{"PUT /tenants/{tenant}/window", at("/tenants/other/window"), `{"window":"22:00-06:00","accept":true}`, []int{401, 403, 403, 403, 403, 200, 403, 403}},
		{"PUT /sites/{site}/window", onSite("/window"), `{"window":"always"}`, []int{401, 404, 403, 403, 403, 200, 403, 403}},
		{"GET /hosts/{host}/discovery", at("/hosts/host-a/discovery"), "", staff},
		{"POST /hosts/{host}/discovery", at("/hosts/host-a/discovery"), "", []int{401, 403, 403, 403, 403, 202, 403, 403}},
		{"POST /hosts/{host}/discovery/sites", at("/hosts/host-a/discovery/sites"), `{"sites":[{"code_dir":"/srv/none","tenant":"own","name":"none.example"}]}`, []int{401, 403, 403, 403, 403, 422, 403, 403}},
		{"POST /policies/preview", at("/policies/preview"), "{}", []int{401, 403, 403, 403, 403, 200, 200, 200}},
		{"POST /copies/{copy}/protection", onCopy("/protection"), `{"days":30,"reason":"before the upgrade"}`, []int{401, 404, 403, 204, 204, 204, 204, 403}},
		{"DELETE /copies/{copy}/protection", onCopy("/protection"), "", keep},
		{"PUT /copies/{copy}/pin", onCopy("/pin"), `{"reason":"evidence"}`, keep},
		{"DELETE /copies/{copy}/pin", onCopy("/pin"), "", keep},
		{"POST /copies/{copy}/recovery", onCopy("/recovery"), "{}", []int{401, 404, 403, 403, 403, 409, 409, 403}}, // it is not in the bin
		{"POST /runs/{run}/cancellation", func(h *house) string { return "/runs/" + h.openRun() + "/cancellation" }, `{"reason":"disk work"}`, []int{401, 403, 403, 403, 403, 204, 204, 403}},
		{"POST /sites/{site}/backups", onSite("/backups"), `{"kinds":["data"],"protect_days":30,"reason":"before the upgrade"}`, []int{401, 404, 403, 202, 202, 202, 202, 403}},
	}
}

// Everybody at every route. A route that the table does not name fails.
func TestRoutes_EveryRouteForEverybody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	table := map[string]bool{}
	for _, r := range routeTable() {
		method, path, _ := strings.Cut(r.route, " ")
		table[method+" "+api.Prefix+path] = true
		if len(r.want) != len(everybody()) {
			t.Fatalf("%s: %d answers for %d people", r.route, len(r.want), len(everybody()))
		}
	}
	found := map[string]bool{}
	routes, _ := api.Router(api.Config{App: h.App.App})
	h.Must(chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		found[method+" "+route] = true
		if !table[method+" "+route] {
			t.Errorf("%s %s has no row in the table of who gets what", method, route)
		}
		return nil
	}))
	for r := range table {
		if !found[r] {
			t.Errorf("%s is in the table and not in the router", r)
		}
	}
	for _, r := range routeTable() {
		method, _, _ := strings.Cut(r.route, " ")
		for i, name := range everybody() {
			a := h.ask(name, method, api.Prefix+r.path(h), r.body)
			if a.status != r.want[i] {
				t.Errorf("%s for %s: %d, want %d: %s", r.route, name, a.status, r.want[i], a.body)
			}
			if (name == stranger || name == nobody) && strings.Contains(a.body, "own.school") {
				t.Errorf("%s shows %s another tenant's site: %s", r.route, name, a.body)
			}
			if a.status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s for %s: refused as %q", r.route, name, a.header.Get("Content-Type"))
			}
			if len(a.header.Values("Set-Cookie"))+len(a.header.Values("Access-Control-Allow-Origin")) > 0 {
				t.Errorf("%s sets a cookie, or opens itself to other sites' pages: %v", r.route, a.header)
			}
		}
	}
}

// What belongs to another tenant reads to the letter like what is not there.
func TestForeign_IsAsIfThereWereNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	const none = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	theirs, run := h.aCopy(), h.openRun()
	for _, c := range []struct{ method, foreign, missing, body string }{
		{"GET", "/sites/" + h.site.String(), "/sites/" + none, ""},
		{"GET", "/sites/own.school.example", "/sites/no.such.example", ""},
		{"GET", "/sites/own.school.example/copies", "/sites/no.such.example/copies", ""},
		{"GET", "/sites/own.school.example/standing", "/sites/no.such.example/standing", ""},
		{"GET", "/runs?site=own.school.example", "/runs?site=no.such.example", ""},
		{"GET", "/policies/published", "/policies/none", ""},
		{"POST", "/sites/own.school.example/backups", "/sites/no.such.example/backups", "{}"},
		{"POST", "/copies/" + theirs + "/protection", "/copies/" + none + "/protection", "{}"},
		{"DELETE", "/copies/" + theirs + "/protection", "/copies/" + none + "/protection", ""},
		{"PUT", "/copies/" + theirs + "/pin", "/copies/" + none + "/pin", `{"reason":"x"}`},
		{"POST", "/copies/" + theirs + "/recovery", "/copies/" + none + "/recovery", "{}"},
		{"POST", "/sites/own.school.example/repair", "/sites/no.such.example/repair", ""},
		{"POST", "/sites/own.school.example/tamper/clearance", "/sites/no.such.example/tamper/clearance", `{"reason":"x"}`},
		{"POST", "/runs/" + run + "/cancellation", "/runs/" + none + "/cancellation", `{"reason":"x"}`},
		{"POST", "/policies/preview", "/policies/preview", `{"sites":["own.school.example"]}`},
	} {
		a, b := h.ask(stranger, c.method, api.Prefix+c.foreign, c.body), h.ask(stranger, c.method, api.Prefix+c.missing, c.body)
		if a.status < 400 || a.status != b.status || a.body != b.body {
			t.Errorf("%s %s is told apart:\n%d %s\n%d %s", c.method, c.foreign, a.status, a.body, b.status, b.body)
		}
	}
	var own struct{ Sites []api.Site }
	h.get(stranger, api.Prefix+"/sites", &own)
	if len(own.Sites) != 1 || own.Sites[0].Name != "other.school.example/moodle" {
		t.Errorf("the stranger's sites: %+v", own.Sites)
	}
	var late struct {
		Overdue []api.Late
		Total   int64
	}
	h.get(stranger, api.Prefix+"/overdue", &late)
	if late.Total != int64(len(late.Overdue)) {
		t.Errorf("the stranger is told of %d late kinds and shown %d", late.Total, len(late.Overdue))
	}
}

// A site's name may hold slashes; it is written as one piece of the address.
func TestSite_IsFoundByANameWithSlashes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var s struct{ ID, Name string }
	h.get(stranger, api.Prefix+"/sites/other.school.example%2Fmoodle", &s)
	if s.ID != h.other.String() || s.Name != "other.school.example/moodle" {
		t.Errorf("%+v", s)
	}
	if a := h.ask(stranger, http.MethodGet, api.Prefix+"/sites/other.school.example/moodle", ""); a.status != http.StatusNotFound {
		t.Errorf("a slash as it is: %d", a.status)
	}
}
