package dash_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/httpd/dash"
	"holdfast/web/static"
)

// nonces differ between any two answers.
var nonces = regexp.MustCompile(`nonce="[^"]*"`)

// row is one route and what everybody gets of it, in the order of everybody().
type row struct {
	route string // as the router has it
	path  func(h *house) string
	form  []string
	want  []int
	// private is true where whoever is not signed in is led to sign in, and
	// where nobody may see another tenant's site.
	private bool
}

func at(p string) func(*house) string { return func(*house) string { return p } }

func hostAt(rest string) func(*house) string {
	return func(h *house) string { return "/hosts/" + h.host.ID.String() + rest }
}

func destinationAt(rest string) func(*house) string {
	return func(h *house) string {
		all, err := h.app.Destinations(h.t.Context())
		h.must(err)
		return "/destinations/" + all[0].ID.String() + rest
	}
}

// Order of the columns: nobody, stranger, viewer, member, admin; owner,
// operator, support, billing, auditor.
func routeTable() []row {
	return append(append(append(restoreTable(), fleetTable()...), deskTable()...), append(policyTable(), append(todayTable(), houseTable()...)...)...)
}

func houseTable() []row {
	const run = "/runs/{id:[0-9a-f-]{36}}/cancellation"
	const none = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	site := func(h *house) string { return "/sites/" + h.site.String() }
	return []row{
		{"GET /healthz", at("/healthz"), nil, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, false},
		{"GET /static/*", at(static.Path("app.css")), nil, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, false},
		{"GET /sign-in", at("/sign-in"), nil, []int{200, 303, 303, 303, 303, 303, 303, 303, 303, 303}, false},
		{"POST /sign-in", at("/sign-in"), []string{"email", "x"}, []int{422, 422, 422, 422, 422, 422, 422, 422, 422, 422}, false},
		{"GET /", at("/"), nil, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, true},
		{"GET /sites", at("/sites"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"GET /sites/*", site, nil, []int{303, 404, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{
			"GET /sites/{id:[0-9a-f-]{36}}/stream", func(h *house) string { return site(h) + "/stream" }, nil,
			[]int{401, 404, 200, 200, 200, 200, 200, 200, 200, 200},
			true,
		},
		{
			"POST /sites/{id:[0-9a-f-]{36}}/backups", func(h *house) string { return site(h) + "/backups" },
			[]string{"kind", "all"},
			[]int{303, 404, 403, 303, 303, 303, 303, 303, 403, 403},
			true,
		},
		{"GET /customers/{slug}/window", at("/customers/own/window"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{
			"POST /customers/{slug}/window", at("/customers/own/window"),
			[]string{"mode", "hours", "from", "22:00", "to", "22:20"},
			[]int{303, 404, 404, 404, 404, 422, 422, 403, 403, 403},
			true,
		},
		{"GET /runs", at("/runs"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"GET /runs/stream", at("/runs/stream"), nil, []int{401, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{
			"POST " + run, func(h *house) string { return "/runs/" + h.openRun().String() + "/cancellation" },
			[]string{"reason", "a test"},
			[]int{303, 404, 403, 403, 403, 303, 303, 303, 403, 403},
			true,
		},
		{"GET /hosts", at("/hosts"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /hosts/new", at("/hosts/new"), nil, []int{303, 404, 404, 404, 404, 200, 200, 404, 404, 404}, true},
		{"POST /hosts", at("/hosts"), []string{"name", "Not a name", "max-runs", "2"}, []int{303, 403, 403, 403, 403, 422, 422, 403, 403, 403}, true},
		{"GET /hosts/{id:[0-9a-f-]{36}}", hostAt(""), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/limit", hostAt("/limit"), []string{"max-runs", "4"}, []int{303, 404, 404, 404, 404, 303, 303, 403, 403, 403}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/maintenance", hostAt("/maintenance"), []string{"do", "rubbish"}, []int{303, 404, 404, 404, 404, 422, 422, 403, 403, 403}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/enrolment", hostAt("/enrolment"), nil, []int{303, 404, 404, 404, 404, 200, 200, 403, 403, 403}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/revocation", hostAt("/revocation"), []string{"reason", "stolen", "name", "another"}, []int{303, 404, 404, 404, 404, 422, 422, 403, 403, 403}, true},
		{"GET /hosts/{id:[0-9a-f-]{36}}/discovery", hostAt("/discovery"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /hosts/{id:[0-9a-f-]{36}}/discovery/stream", hostAt("/discovery/stream"), nil, []int{401, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/discovery", hostAt("/discovery"), nil, []int{303, 404, 404, 404, 404, 303, 303, 403, 403, 403}, true},
		{"POST /hosts/{id:[0-9a-f-]{36}}/discovery/sites", hostAt("/discovery/sites"), []string{"pick", "0"}, []int{303, 404, 404, 404, 404, 409, 409, 403, 403, 403}, true},
		{"POST /queue/{job:[0-9]{1,18}}/retry", at("/queue/999999999/retry"), nil, []int{303, 403, 403, 403, 403, 404, 404, 403, 403, 403}, true},
		{"POST /queue/{job:[0-9]{1,18}}/cancellation", at("/queue/999999999/cancellation"), nil, []int{303, 403, 403, 403, 403, 404, 404, 403, 403, 403}, true},
		{"GET /settings", at("/settings"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /settings/change", at("/settings/change"), nil, []int{303, 404, 404, 404, 404, 200, 404, 404, 404, 404}, true},
		{"POST /settings/change", at("/settings/change"), []string{"version", "x"}, []int{303, 403, 403, 403, 403, 422, 403, 403, 403, 403}, true},
		{"GET /settings/tokens", at("/settings/tokens"), nil, []int{303, 404, 404, 404, 404, 200, 404, 404, 404, 404}, true},
		{"POST /settings/tokens", at("/settings/tokens"), []string{"name", "Not a name", "role", "staff auditor", "days", "3"}, []int{303, 403, 403, 403, 403, 422, 403, 403, 403, 403}, true},
		{"POST /settings/tokens/{name}/revocation", at("/settings/tokens/none/revocation"), nil, []int{303, 403, 403, 403, 403, 404, 403, 403, 403, 403}, true},
		{"GET /destinations", at("/destinations"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /destinations/{id:[0-9a-f-]{36}}", destinationAt(""), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"POST /destinations/{id:[0-9a-f-]{36}}/read-only", destinationAt("/read-only"), []string{"do", "rubbish"}, []int{303, 404, 404, 404, 404, 422, 422, 403, 403, 403}, true},
		{"POST /destinations/{id:[0-9a-f-]{36}}/limit", destinationAt("/limit"), []string{"max-runs", "0"}, []int{303, 404, 404, 404, 404, 303, 303, 403, 403, 403}, true},
		{"POST /destinations/{id:[0-9a-f-]{36}}/tasks/{task:[0-9a-f-]{36}}/retry", destinationAt("/tasks/0190b3a0-7c1e-7d2a-9c3b-0123456789ab/retry"), nil, []int{303, 404, 404, 404, 404, 404, 404, 403, 403, 403}, true},
		{"GET /audit", at("/audit"), nil, []int{303, 200, 404, 404, 200, 200, 200, 200, 200, 200}, true},
		{"GET /audit.csv", at("/audit.csv"), nil, []int{303, 200, 404, 404, 200, 200, 200, 200, 200, 200}, true},
		{"GET /queue", at("/queue"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /sign-in/code", at("/sign-in/code"), nil, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, false},
		{"POST /sign-in/code", at("/sign-in/code"), []string{"code", "1"}, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, false},
		{"GET /sign-in/again", at("/sign-in/again"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"POST /sign-in/again", at("/sign-in/again"), []string{"password", ""}, []int{303, 422, 422, 422, 422, 422, 422, 422, 422, 422}, true},
		{"GET /account", at("/account"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"GET /account/password", at("/account/password"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"POST /account/password", at("/account/password"), []string{"password", "short"}, []int{303, 422, 422, 422, 422, 422, 422, 422, 422, 422}, true},
		{"POST /account/sessions/{id:[0-9a-f-]{36}}/end", at("/account/sessions/0190b3a0-7c1e-7d2a-9c3b-0123456789ab/end"), nil, []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}, true},
		{"POST /account/sessions/end-others", at("/account/sessions/end-others"), nil, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, true},
		{"GET /account/second-factor", at("/account/second-factor"), nil, []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"POST /account/second-factor", at("/account/second-factor"), []string{"code", "x"}, []int{303, 422, 422, 422, 422, 422, 422, 422, 422, 422}, true},
		{"POST /account/second-factor/removal", at("/account/second-factor/removal"), nil, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, true},
		{"POST /account/recovery-codes", at("/account/recovery-codes"), nil, []int{303, 409, 409, 409, 409, 409, 409, 409, 409, 409}, true},
		{"GET /sign-in/link", at("/sign-in/link"), nil, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, false},
		{"POST /sign-in/link", at("/sign-in/link"), []string{"email", "x"}, []int{400, 400, 400, 400, 400, 400, 400, 400, 400, 400}, false},
		{"GET /sign-in/link/{token}", at("/sign-in/link/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"POST /sign-in/link/{token}", at("/sign-in/link/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"GET /sign-in/reset", at("/sign-in/reset"), nil, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, false},
		{"POST /sign-in/reset", at("/sign-in/reset"), []string{"email", "x"}, []int{400, 400, 400, 400, 400, 400, 400, 400, 400, 400}, false},
		{"GET /sign-in/reset/{token}", at("/sign-in/reset/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"POST /sign-in/reset/{token}", at("/sign-in/reset/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"GET /invitation/{token}", at("/invitation/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"POST /invitation/{token}", at("/invitation/none"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"GET /people", at("/people?tenant=own"), nil, []int{303, 404, 404, 404, 200, 200, 200, 200, 200, 200}, true},
		{"POST /people/invitations", at("/people/invitations"), []string{"tenant", "own", "email", "x"}, []int{303, 404, 404, 404, 400, 400, 400, 400, 400, 400}, true},
		{"POST /people/invitations/{id:[0-9a-f-]{36}}/revocation", at("/people/invitations/" + none + "/revocation"), nil, []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}, true},
		{"POST /people/{id:[0-9a-f-]{36}}/removal", at("/people/" + none + "/removal"), []string{"tenant", "own"}, []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}, true},
		{"POST /people/{id:[0-9a-f-]{36}}/disabling", at("/people/" + none + "/disabling"), nil, []int{303, 403, 403, 403, 403, 409, 403, 403, 403, 403}, true},
		{"POST /people/{id:[0-9a-f-]{36}}/role", at("/people/" + none + "/role"), []string{"role", "auditor"}, []int{303, 422, 404, 404, 422, 404, 403, 403, 403, 403}, true},
		{"POST /people/{id:[0-9a-f-]{36}}/enabling", at("/people/" + none + "/enabling"), nil, []int{303, 403, 403, 403, 403, 409, 403, 403, 403, 403}, true},
		{"POST /people/{id:[0-9a-f-]{36}}/factor-reset", at("/people/" + none + "/factor-reset"), nil, []int{303, 403, 403, 403, 403, 404, 403, 403, 403, 403}, true},
		{"POST /sign-in/passkey/options", at("/sign-in/passkey/options"), nil, []int{400, 400, 400, 400, 400, 400, 400, 400, 400, 400}, false},
		{"POST /sign-in/passkey", at("/sign-in/passkey"), nil, []int{422, 422, 422, 422, 422, 422, 422, 422, 422, 422}, false},
		{"POST /sign-in/again/passkey", at("/sign-in/again/passkey"), nil, []int{303, 422, 422, 422, 422, 422, 422, 422, 422, 422}, true},
		{"POST /account/passkeys/options", at("/account/passkeys/options"), nil, []int{303, 400, 400, 400, 400, 400, 400, 400, 400, 400}, true},
		{"POST /account/passkeys", at("/account/passkeys"), nil, []int{303, 422, 422, 422, 422, 422, 422, 422, 422, 422}, true},
		{"POST /account/passkeys/{id:[0-9a-f-]{36}}/removal", at("/account/passkeys/" + none + "/removal"), nil, []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}, true},
		{"GET /sign-in/oidc", at("/sign-in/oidc"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"GET /sign-in/oidc/callback", at("/sign-in/oidc/callback"), nil, []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404}, false},
		{"POST /sign-out", at("/sign-out"), nil, []int{303, 303, 303, 303, 303, 303, 303, 303, 303, 303}, false}, // the last: it ends the sessions
	}
}

// Every route of the router stands in the table, with what everybody gets.
func TestRoutes_EachHasATenantTestAndARoleTest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	table := map[string]bool{}
	for _, r := range routeTable() {
		table[r.route] = true
	}
	routes, ok := dash.New(dash.Config{App: h.app}).(chi.Routes)
	if !ok {
		t.Fatal("the door's routes cannot be walked")
	}
	found := map[string]bool{}
	err := chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if route == "/static/*" {
			method = http.MethodGet // it refuses the others itself; its own package tests that
		}
		found[method+" "+route] = true
		if !table[method+" "+route] {
			t.Errorf("%s %s has no row in the table of who gets what", method, route)
		}
		return nil
	})
	h.must(err)
	for r := range table {
		if !found[r] {
			t.Errorf("%s is in the table and not in the router", r)
		}
	}
	people := map[string]*browser{}
	for _, name := range everybody() {
		people[name] = h.signIn(name)
	}
	for _, r := range routeTable() {
		if len(r.want) != len(everybody()) {
			t.Fatalf("%s: %d answers for %d people", r.route, len(r.want), len(everybody()))
		}
		for i, name := range everybody() {
			r.check(t, h, people[name], name, r.want[i])
		}
	}
}

func (r row) check(t *testing.T, h *house, b *browser, name string, want int) {
	t.Helper()
	var got answer
	if method, _, _ := strings.Cut(r.route, " "); method == http.MethodPost {
		got = b.post(r.path(h), r.form...)
	} else {
		got = b.get(r.path(h))
	}
	if got.status != want {
		t.Errorf("%s for %s: %d, want %d\n%s", r.route, name, got.status, want, got.body)
	}
	if r.private && name == nobody && got.status == 303 && !strings.HasPrefix(got.header.Get("Location"), "/sign-in") {
		t.Errorf("%s leads nobody to %q", r.route, got.header.Get("Location"))
	}
	if r.private && (name == stranger || name == nobody) && strings.Contains(got.body, "own.school") {
		t.Errorf("%s shows %s another tenant's site:\n%s", r.route, name, got.body)
	}
	if r.private && got.status != 200 && name != nobody && strings.Contains(got.body, "own.school") && name == stranger {
		t.Errorf("%s names the site in its refusal to %s", r.route, name)
	}
}

func TestSite_OfAnotherTenantIsAsIfThereWereNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn(stranger)
	plain := func(a answer) string {
		return nonces.ReplaceAllString(strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), ""), "")
	}
	none := b.get("/sites/0190b3a0-7c1e-7d2a-9c3b-0123456789ab")
	for _, path := range []string{"/sites/" + h.site.String(), "/sites/own.school.example", "/sites/no.such.example", "/runs?site=own.school.example", "/runs?site=no.such.example"} {
		got := b.get(path)
		if got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
		if plain(got) != plain(none) {
			t.Errorf("%s is told apart from a site that is not there:\n%s", path, got.body)
		}
	}
	for _, path := range []string{"/sites/" + h.other.String(), "/sites/other.school.example/moodle", "/sites/other.school.example%2Fmoodle"} {
		if got := b.get(path); got.status != http.StatusOK || !strings.Contains(got.body, "other.school.example/moodle") {
			t.Errorf("%s: %d for its own customer", path, got.status)
		}
	}
	if got := b.post("/sites/"+h.site.String()+"/backups", "kind", "rubbish"); got.status != http.StatusNotFound {
		t.Errorf("bad input about a foreign site: %d, want 404", got.status)
	}
}
