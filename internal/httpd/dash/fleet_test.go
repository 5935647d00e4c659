package dash_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/clock"
	"holdfast/internal/fleetseed"
)

func fleetTable() []row {
	const none = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	return []row{
		{"POST /sites/views", at("/sites/views"), []string{"name", "", "query", "filter=late"}, []int{303, 403, 403, 403, 403, 422, 422, 422, 422, 422}, true},
		{"POST /sites/views/{id:[0-9a-f-]{36}}/deletion", at("/sites/views/" + none + "/deletion"), nil, []int{303, 403, 403, 403, 403, 404, 404, 404, 404, 404}, true},
		{"POST /sites/views/{id:[0-9a-f-]{36}}/opening", at("/sites/views/" + none + "/opening"), []string{"on", "yes"}, []int{303, 403, 403, 403, 403, 404, 404, 404, 404, 404}, true},
	}
}

// fleet seeds fictitious sites besides the house's two.
func (h *house) fleet(sites int) {
	h.t.Helper()
	h.exec(`INSERT INTO destination (id, name, kind, config_sealed, created_at) VALUES (gen_random_uuid(), 'fleet-example', 'filesystem', '\x00', now())`)
	if _, err := fleetseed.Seed(h.t.Context(), h.url, fleetseed.Fleet{Sites: sites, Now: clock.System{}.Now()}); err != nil {
		h.t.Fatal(err)
	}
}

var (
	nextPage = regexp.MustCompile(`rel="next" href="([^"]*)"`)
	prevPage = regexp.MustCompile(`rel="prev" href="([^"]*)"`)
	siteName = regexp.MustCompile(`<a class="name" href="/sites/[0-9a-f-]{36}"><bdi>([^<]*)</bdi>`)
)

func sitesOn(body string) (out []string) {
	for _, m := range siteName.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func link(re *regexp.Regexp, body string) string {
	if m := re.FindStringSubmatch(body); m != nil {
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	return ""
}

// Every order, walked to its end and back, shows each site once, and the same
// pages both ways.
func TestFleet_PagesBothWaysInEveryOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fleet(248)
	b := h.signIn("auditor")
	for _, order := range []string{"risk", "name", "tenant", "host", "database", "data", "bytes"} {
		for _, dir := range []string{"", "reverse"} {
			at := "/sites?" + url.Values{"sort": {order}, "dir": {dir}}.Encode()
			seen := map[string]bool{}
			var pages []string
			var got answer
			for at != "" && len(pages) < 5 {
				got = b.get(at)
				for _, s := range sitesOn(got.body) {
					if seen[s] {
						t.Errorf("%s %s shows %s twice", order, dir, s)
					}
					seen[s] = true
				}
				pages = append(pages, strings.Join(sitesOn(got.body), " "))
				at = link(nextPage, got.body)
			}
			if len(seen) != 250 || len(pages) != 3 {
				t.Errorf("%s %s: %d sites on %d pages", order, dir, len(seen), len(pages))
				continue
			}
			for i := len(pages) - 2; i >= 0; i-- {
				got = b.get(link(prevPage, got.body))
				if strings.Join(sitesOn(got.body), " ") != pages[i] {
					t.Errorf("%s %s: page %d is another on the way back", order, dir, i)
				}
			}
			if link(prevPage, got.body) != "" {
				t.Errorf("%s %s: there is something before the first page", order, dir)
			}
		}
	}
}

// What vanishes or changes between two pages neither repeats nor hides others.
func TestFleet_PagesAreStableUnderChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fleet(248)
	b := h.signIn("owner")
	first := b.get("/sites?sort=name")
	names := sitesOn(first.body)
	h.exec(`UPDATE site SET state = 'removed' WHERE name = ANY($1)`, []string{names[0], names[50], names[99]})
	second := b.get(link(nextPage, first.body))
	if s := sitesOn(second.body); len(s) != 100 || strings.Contains(strings.Join(names, " ")+" ", s[0]+" ") {
		t.Errorf("the second page begins with %v", s[:1])
	}
	back := b.get(link(prevPage, second.body))
	if s := sitesOn(back.body); len(s) != 100 || strings.Contains(strings.Join(s, " "), names[50]) {
		t.Errorf("the way back shows %d sites", len(s))
	}
}

func TestFleet_CountsAndFiltersFollowTheRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	h.fleet(2000)
	b := h.signIn("support")
	got := b.get("/sites?sort=risk")
	says(t, got, "All 2,002", "damaged", "Held", "Suspended", "100 sites of 2,002")
	for _, f := range []string{"damaged", "failed", "late", "incomplete", "none", "held", "suspended"} {
		got := b.get("/sites?filter=" + f)
		m := regexp.MustCompile(`aria-current="true">\s*[A-Za-z ]+<span class="count">([0-9,]+)</span>`).FindStringSubmatch(got.body)
		if n := len(sitesOn(got.body)); m == nil || n == 0 || n < 100 && m[1] != strings.TrimSpace(itoa(n)) {
			t.Errorf("%s: %d rows, %v", f, n, m)
		}
	}
	for path, want := range map[string]string{
		"/sites?host=web-2.fleet.example": "silent", "/sites?q=learn-6.": "learn-6.", "/sites?q=fictitious": "All 2,000",
		"/sites?policy=frugal-example": "policy frugal-example", "/sites?destination=fleet-example&state=active": "All 1,99", "/sites?q=own": "own.school.example",
		"/sites?tenant=own": "own.school.example", "/sites?q=%D9%85%D8%AF": "No site matches",
	} {
		got := b.get(path)
		if got.status != http.StatusOK || want != "silent" && !strings.Contains(text(got), want) {
			t.Errorf("%s: %d, no %q", path, got.status, want)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// Whatever the address holds, the answer is a page that says what to do.
func TestFleet_RefusesWhatIsNoQuestion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	forged := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	id := "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	for query, want := range map[string]string{
		"after=nonsense": "After: it leads to no place", "before=%00": "Before: it leads to no place", "after=" + strings.Repeat("a", 5000): "no place",
		"after=" + forged(`{"o":"name","k":["a","`+id+`"]}`):                                          "no place",
		"after=" + forged(`{"o":"risk","k":["1","2026-01-01T00:00:00Z","x"]}`):                        "no place",
		"after=" + forged(`{"o":"risk","k":["1'; DROP TABLE site","2026-01-01T00:00:00Z","`+id+`"]}`): "no place",
		"after=" + forged(`{"o":"risk","k":["1","infinity","`+id+`"]}`):                               "no place",
		"after=" + forged(`{"o":"risk","k":["99999","2026-01-01T00:00:00Z","`+id+`"]}`):               "no place",
		"sort=name&after=" + forged(`{"o":"name","k":["a\u0000","`+id+`"]}`):                          "no place",
		"sort=bytes&after=" + forged(`{"o":"bytes","k":["99999999999999999999","`+id+`"]}`):           "no place",
		"sort=site_id": "not one of the orders", "filter=lost": "not one of the choices", "dir=up": "no direction", "state=removed": "not one of the choices",
		"tenant=nobody": "no organisation", "host=nowhere": "no host", "destination=none": "no destination", "policy=none": "no policy",
		"q=%00": "no name has", "q=%ff": "no name has", "q=" + strings.Repeat("a", 101): "look for less", "host=%00": "no name has",
	} {
		if got := b.get("/sites?" + query); got.status != http.StatusUnprocessableEntity || !strings.Contains(text(got), want) {
			t.Errorf("%.60s: %d\n%.300s", query, got.status, text(got))
		}
	}
	for _, q := range []string{"q=" + url.QueryEscape(hostile), "q=%25", "q=_", "q=%5C", "q=" + url.QueryEscape("'; --"), "view=x&page=9", "after=", "sort=&dir="} {
		if got := b.get("/sites?" + q); got.status != http.StatusOK || strings.Contains(got.body, "<script>alert") {
			t.Errorf("%s: %d", q, got.status)
		}
	}
}

func TestViews_AreKeptOpenedWithSharedAndDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner, support, auditor := h.signIn("owner"), h.signIn("support"), h.signIn("auditor")
	h.wantTo(support.post("/sites/views", "name", "Late ones", "query", "filter=late&after=x&evil=1", "default", "yes"), http.StatusSeeOther, "/sites?filter=late")
	h.wantTo(support.get("/sites"), http.StatusSeeOther, "/sites?filter=late")
	says(t, support.get("/sites?filter=late"), "Late ones", "Sites opens with it")
	if got := auditor.get("/sites"); got.status != http.StatusOK || strings.Contains(got.body, "Late ones") {
		t.Errorf("somebody else's view is shown: %d", got.status)
	}
	if got := support.post("/sites/views", "name", "late ONES", "query", "filter=held"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is a view") || !strings.Contains(got.body, `value="late ONES"`) {
		t.Errorf("the same name twice: %d", got.status)
	}
	if got := support.post("/sites/views", "name", "For all", "query", "filter=held", "shared", "yes"); got.status != http.StatusForbidden {
		t.Errorf("support shares a view: %d", got.status)
	}
	for _, name := range []string{"", strings.Repeat("x", 81), "a\x00b", "safe\u202egnp.exe"} {
		if got := owner.post("/sites/views", "name", name, "query", "filter=held"); got.status != http.StatusUnprocessableEntity {
			t.Errorf("the name %q: %d", name, got.status)
		}
	}
	h.wantTo(owner.post("/sites/views", "name", hostile, "query", "filter=held", "shared", "yes"), http.StatusSeeOther, "/sites?filter=held")
	got := auditor.get("/sites")
	if strings.Contains(got.body, "<script>alert") || !strings.Contains(got.body, "&lt;script&gt;alert(1)") {
		t.Error("a shared view's name is not shown, or not escaped")
	}
	drop := regexp.MustCompile(`/sites/views/[0-9a-f-]{36}/`).FindString(got.body)
	if strings.Contains(got.body, "/deletion") || auditor.post(drop+"deletion").status != http.StatusForbidden {
		t.Error("an auditor deletes what an owner shares")
	}
	h.wantTo(auditor.post(drop+"opening", "on", "yes"), http.StatusSeeOther, "/sites?sort=risk")
	h.wantTo(auditor.get("/sites"), http.StatusSeeOther, "/sites?filter=held")
	h.wantTo(auditor.post(drop+"opening", "on", "no"), http.StatusSeeOther, "/sites?sort=risk")
	h.wantTo(auditor.post(drop+"opening", "on", "yes"), http.StatusSeeOther, "/sites?sort=risk")
	h.wantTo(h.signIn("operator").post(drop+"deletion"), http.StatusSeeOther, "/sites?sort=risk")
	if got := auditor.get("/sites"); got.status != http.StatusOK {
		t.Errorf("a view that is gone is opened: %d", got.status)
	}
	own := regexp.MustCompile(`/sites/views/[0-9a-f-]{36}/`).FindString(support.get("/sites?sort=name").body)
	if got := owner.post(own + "deletion"); got.status != http.StatusNotFound {
		t.Errorf("an owner reaches another's own view: %d", got.status)
	}
}
