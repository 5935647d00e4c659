package dash_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/fleetseed"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/testkit"
)

// reader is a member of staff at a browser, over a fleet, whose door's
// questions to the database are counted.
type reader struct {
	*testkit.App
	web    *http.Client
	url    string
	wire   *wire
	bodies map[string]string // of what was read last
}

// read is what it took to read a page.
type read struct {
	took         time.Duration
	body, zipped int
	asked        int64 // statements that the database was asked
}

// newReader seeds a fleet and signs in.
func newReader(b *testing.B, sites int) *reader {
	b.Helper()
	a := testkit.NewApp(b, clock.System{})
	_, err := a.AddDestination(b.Context(), authz.Console(), app.NewDestination{Name: fleetseed.Destination, Kind: "filesystem", Backend: []byte("{}")})
	a.Must(err)
	_, err = fleetseed.Seed(b.Context(), a.URL, fleetseed.Fleet{Sites: sites, Now: clock.System{}.Now()})
	a.Must(err)
	_, err = a.AddAccount(b.Context(), authz.Console(), app.NewAccount{Email: "staff@x.example", Name: "Staff", Password: password, Staff: "owner"})
	a.Must(err)
	return readerOf(b, a)
}

// readerOf signs in over what is there.
func readerOf(b *testing.B, a *testkit.App) *reader {
	b.Helper()
	w := tapped(b, a.URL)
	s, err := store.Open(b.Context(), store.Options{URL: w.url, Clock: clock.System{}})
	a.Must(err)
	b.Cleanup(s.Close)
	key, err := seal.NewKeyFile(filepath.Join(b.TempDir(), "key"))
	a.Must(err)
	srv := httptest.NewServer(dash.New(dash.Config{App: app.New(s, key, testkit.Storage{}, clock.System{}, nil)}))
	b.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	a.Must(err)
	r := &reader{App: a, web: &http.Client{Jar: jar}, url: srv.URL, wire: w, bodies: map[string]string{}}
	in, err := r.web.PostForm(srv.URL+"/sign-in", url.Values{"email": {"staff@x.example"}, "password": {password}})
	a.Must(err)
	said, err := io.ReadAll(in.Body)
	a.Must(err)
	a.Must(in.Body.Close())
	if in.Request.URL.Path == "/sign-in" {
		b.Fatalf("not signed in: %d\n%s", in.StatusCode, said)
	}
	return r
}

// read reads a page, from the request to the last byte.
func (r *reader) read(path string) read {
	r.T.Helper()
	asked, begin := r.wire.asked.Load(), clock.System{}.Now()
	got, err := r.web.Get(r.url + path)
	r.Must(err)
	body, err := io.ReadAll(got.Body)
	took := clock.System{}.Now().Sub(begin)
	r.Must(err)
	_ = got.Body.Close()
	if got.StatusCode != http.StatusOK || got.Request.URL.RequestURI() != path {
		r.T.Fatalf("%s: %d, at %s\n%.500s", path, got.StatusCode, got.Request.URL.RequestURI(), body)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err = w.Write(body)
	r.Must(err)
	r.Must(w.Close())
	r.bodies[path] = string(body)
	return read{took, len(body), z.Len(), r.wire.asked.Load() - asked}
}

// one gives the one text that a query answers, as the superuser.
func (r *reader) one(query string) (s string) {
	r.T.Helper()
	c, err := pgx.Connect(r.T.Context(), r.URL)
	r.Must(err)
	r.Must(c.QueryRow(r.T.Context(), "SELECT x::text FROM ("+query+") AS q (x)").Scan(&s))
	r.Must(c.Close(r.T.Context()))
	return s
}

var nextHref = regexp.MustCompile(`rel="next" href="([^"]+)"`)

// next is where the page that was read leads on to; the page itself at its end.
func (r *reader) next(path string) string {
	r.read(path)
	m := nextHref.FindStringSubmatch(r.bodies[path])
	if m == nil {
		return path
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// line is a row of the table: one page, or all that a page can be asked within
// one choice.
type line struct {
	page, filter string
	paths        []string
	times        int // each is read so often
}

// measure reads all of them and words the row, for a table in Markdown.
func (r *reader) measure(l line) string {
	r.T.Helper()
	var all []time.Duration
	var most read
	worst, slow := "", time.Duration(0)
	for _, path := range l.paths {
		var here []time.Duration
		for range l.times {
			got := r.read(path)
			here = append(here, got.took)
			most = read{0, max(most.body, got.body), max(most.zipped, got.zipped), max(most.asked, got.asked)}
		}
		all = append(all, here...)
		slices.Sort(here)
		if m := here[len(here)/2]; m > slow {
			worst, slow = path, m
		}
	}
	slices.Sort(all)
	at := func(share int) string { return ms(all[min(len(all)-1, len(all)*share/100)]) }
	row := fmt.Sprintf("| %s | %s | %s | %s | %.0f | %.0f | %d |", l.page, l.filter, at(50), at(95), float64(most.body)/1000, float64(most.zipped)/1000, most.asked)
	if len(l.paths) > 1 {
		row += fmt.Sprintf(" %d ways; the slowest, %s: %s |", len(l.paths), ms(slow), "`"+worst+"`")
	} else {
		row += " |"
	}
	return row
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// scopes of the list of sites: what narrows it besides a risk.
func (r *reader) scopes() [][2]string {
	tenant := r.one(`SELECT t.slug FROM tenant t JOIN site s ON s.tenant_id = t.id GROUP BY t.slug ORDER BY count(*) DESC, t.slug LIMIT 1`)
	small := r.one(`SELECT t.slug FROM tenant t JOIN site s ON s.tenant_id = t.id GROUP BY t.slug ORDER BY count(*), t.slug LIMIT 1`)
	host := r.one(`SELECT h.name FROM host h JOIN site s ON s.host_id = h.id GROUP BY h.name ORDER BY count(*) DESC, h.name LIMIT 1`)
	q := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}
	return [][2]string{
		{"all", ""},
		{"largest tenant", q("tenant", tenant)},
		{"smallest tenant", q("tenant", small)},
		{"host", q("host", host)},
		{"destination", q("destination", fleetseed.Destination)},
		{"policy", q("policy", "frugal-example")},
		{"published policy", q("policy", app.PublishedPolicy)},
		{"not suspended", q("state", "active")},
		{"search, few found", q("q", "moodle-777")},
		{"search, some found", q("q", "oakfield inst")},
		{"search, most found", q("q", "fleet")},
		{"search, none found", q("q", "zzzz")},
		{"search, one letter", q("q", "m")},
		{"tenant and host", q("tenant", tenant, "host", host)},
		{"host, policy, search", q("host", host, "policy", "frugal-example", "q", "campus")},
		{"all of them", q("tenant", tenant, "host", host, "destination", fleetseed.Destination, "policy", "frugal-example", "state", "active", "q", "fleet")},
	}
}

// ways are all that the list can be asked within a scope: every risk, order
// and direction, and for each order the second page.
func (r *reader) ways(scope string) (out []string) {
	for _, risk := range append([]app.FleetRisk{""}, app.FleetRisks()...) {
		for _, order := range app.FleetOrders() {
			for _, dir := range []string{"", "reverse"} {
				v, err := url.ParseQuery(scope)
				r.Must(err)
				v.Set("filter", string(risk))
				v.Set("sort", string(order))
				v.Set("dir", dir)
				path := "/sites?" + v.Encode()
				out = append(out, path)
				if risk == "" && dir == "" {
					out = append(out, r.next(path))
				}
			}
		}
	}
	return out
}

// The pages of staff, whole, over 100,000 sites: from the request to the last
// byte of HTML, as `holdfast demo --fleet 100000` shows them. It prints a table.
// HOLDFAST_BENCH_SITES makes the fleet smaller.
func BenchmarkPages_HundredThousandSites(b *testing.B) {
	sites := 100_000
	if s := os.Getenv("HOLDFAST_BENCH_SITES"); s != "" {
		if _, err := fmt.Sscan(s, &sites); err != nil {
			b.Fatal(err)
		}
	}
	r := newReader(b, sites)
	b.ResetTimer()
	_, err := fmt.Fprintln(os.Stdout, strings.Join(r.table(), "\n")) // a benchmark's own log is cut short
	r.Must(err)
}

func (r *reader) table() []string {
	out := []string{"| page | which | p50 ms | p95 ms | HTML kB | gzip kB | statements | |", "|---|---|---|---|---|---|---|---|"}
	add := func(l line) { out = append(out, r.measure(l)) }
	for _, l := range r.pages() {
		l.times = 40
		r.read(l.paths[0]) // connections and plans are there
		add(l)
	}
	for _, s := range r.scopes() {
		add(line{"Sites", s[0], r.ways(s[1]), 3})
	}
	return out
}

// pages are all but the list of sites, as they open, and with what they can be
// asked.
func (r *reader) pages() []line {
	site := r.one(`SELECT id FROM site WHERE code_dir = '/srv/fleet/1'`)
	host := r.one(`SELECT name FROM host WHERE state = 'active' ORDER BY name LIMIT 1`)
	hostID := r.one(`SELECT id FROM host WHERE state = 'active' ORDER BY name LIMIT 1`)
	run := r.one(`SELECT id FROM run ORDER BY created_at DESC LIMIT 1`)
	destination := r.one(`SELECT id FROM destination WHERE name = '` + fleetseed.Destination + `'`)
	return []line{
		{page: "Today", paths: []string{"/today"}},
		{page: "Sites", filter: "as it opens", paths: []string{"/sites"}},
		{page: "Site", filter: "with two years of copies", paths: []string{"/sites/" + site}},
		{page: "Runs", paths: []string{"/runs"}},
		{page: "Runs", filter: "any", paths: []string{
			"/runs?state=failed", "/runs?state=good", "/runs?state=incomplete", "/runs?state=open", "/runs?kind=data", "/runs?reason=manual", "/runs?site=" + site, "/runs?host=" + host,
			"/runs?host=" + host + "&state=failed&kind=data", r.next("/runs"),
		}},
		{page: "Run", paths: []string{"/runs/" + run}},
		{page: "Hosts", filter: "as it opens", paths: []string{"/hosts"}},
		{page: "Hosts", filter: "any", paths: []string{"/hosts?filter=silent", "/hosts?filter=maintenance", "/hosts?filter=answers", "/hosts?q=web-1", "/hosts?q=web-1&filter=maintenance", "/hosts?q=zzzz", r.next("/hosts")}},
		{page: "Host", paths: []string{"/hosts/" + hostID}},
		{page: "Destinations", paths: []string{"/destinations"}},
		{page: "Destination", paths: []string{"/destinations/" + destination}},
		{page: "Policies", paths: []string{"/policies"}},
		{page: "Policy", paths: []string{"/policies/frugal-example", "/policies/" + app.PublishedPolicy}},
		{page: "People", paths: []string{"/people"}},
		{page: "Audit", paths: []string{"/audit", "/audit?view=all", r.next("/audit?view=all")}},
		{page: "Queue", paths: []string{"/queue", "/queue?state=completed"}},
		{page: "Find", paths: []string{"/find?q=school", "/find?q=moodle-777", "/find?q=m", "/find/options?q=oakfield", "/find/options?q=zzzz", "/find/options?q=web-7"}},
	}
}
