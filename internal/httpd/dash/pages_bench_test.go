package dash_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/fleetseed"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/testkit"
)

// The pages that staff open most, whole, over 100,000 sites: from the request
// to the last byte of HTML, as `holdfast demo --fleet 100000` shows them.
func BenchmarkPages_HundredThousandSites(b *testing.B) {
	a := testkit.NewApp(b, clock.System{})
	_, err := a.AddDestination(b.Context(), authz.Console(), app.NewDestination{Name: fleetseed.Destination, Kind: "filesystem", Backend: []byte("{}")})
	a.Must(err)
	_, err = fleetseed.Seed(b.Context(), a.URL, fleetseed.Fleet{Sites: 100_000, Now: clock.System{}.Now()})
	a.Must(err)
	_, err = a.AddAccount(b.Context(), authz.Console(), app.NewAccount{Email: "staff@x.example", Name: "Staff", Password: password, Staff: "owner"})
	a.Must(err)
	srv := httptest.NewServer(dash.New(dash.Config{App: a.App}))
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	a.Must(err)
	c := &http.Client{Jar: jar}
	fetch := func(path string) (int, time.Duration) {
		begin := clock.System{}.Now()
		got, err := c.Get(srv.URL + path)
		a.Must(err)
		body, err := io.ReadAll(got.Body)
		a.Must(err)
		_ = got.Body.Close()
		if got.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d\n%.500s", path, got.StatusCode, body)
		}
		return len(body), clock.System{}.Now().Sub(begin)
	}
	in, err := c.PostForm(srv.URL+"/sign-in", url.Values{"email": {"staff@x.example"}, "password": {password}})
	a.Must(err)
	_ = in.Body.Close()
	for _, page := range []struct{ name, path string }{
		{"today", "/today"},
		{"sites", "/sites"},
		{"sites-late", "/sites?filter=late&sort=name"},
		{"sites-search", "/sites?q=oakfield&sort=bytes"},
		{"sites-host", "/sites?host=web-7.fleet.example"},
		{"site", "/sites/moodle-1.fleet-" + siteTenant(a) + ".example"},
		{"runs", "/runs"},
		{"hosts", "/hosts"},
	} {
		b.Run(page.name, func(b *testing.B) {
			var all []time.Duration
			size := 0
			for range 30 {
				n, took := fetch(page.path)
				size, all = n, append(all, took)
			}
			slices.Sort(all)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(all[15].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(all[29].Microseconds())/1000, "ms-p99")
			b.ReportMetric(float64(size)/1000, "kB")
		})
	}
}

// siteTenant is the number of the first fictitious site's organisation.
func siteTenant(a *testkit.App) string {
	return itoa(a.Count(`SELECT substr(t.slug, 7)::int FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.code_dir = '/srv/fleet/1'`))
}
