package fleetseed_test

import (
	"encoding/json"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/fleetseed"
	"holdfast/internal/testkit"
	"holdfast/internal/vault"
)

func seeded(t *testing.T, sites int) *testkit.App {
	t.Helper()
	a := testkit.NewApp(t, nil)
	backend, err := json.Marshal(vault.Backend{Kind: vault.Filesystem, Path: t.TempDir()})
	a.Must(err)
	_, err = a.AddDestination(t.Context(), authz.Console(), app.NewDestination{Name: fleetseed.Destination, Kind: string(vault.Filesystem), Backend: backend})
	a.Must(err)
	made, err := fleetseed.Seed(t.Context(), a.URL, fleetseed.Fleet{Sites: sites, Now: clock.System{}.Now()})
	if err != nil || made != sites {
		t.Fatalf("made %d, %v", made, err)
	}
	return a
}

// Every page has something to show, the planner has nothing to do, and what
// each list says follows from the rows.
func TestSeed_ShowsEveryRiskAndPlansNothing(t *testing.T) {
	t.Parallel()
	a := seeded(t, 2_000)
	v, err := a.LookAtFleet(t.Context(), authz.Console(), app.FleetLook{})
	a.Must(err)
	if v.All != 2_000 || len(v.Sites) != 100 || !v.More {
		t.Errorf("%d sites, %d on the page", v.All, len(v.Sites))
	}
	for _, r := range app.FleetRisks() {
		if v.Risks[r] == 0 && r != "alarm" {
			t.Errorf("no site is %s", r)
		}
	}
	for range 3 {
		p, err := a.Plan(t.Context(), time.Minute)
		a.Must(err)
		a.Must(a.Sweep(t.Context()))
		if p.Runs != 0 || a.Count("SELECT count(*) FROM run WHERE state IN ('planned', 'queued', 'leased')") != 0 || a.Count("SELECT count(*) FROM keeper_task") != 0 {
			t.Fatalf("the planner made %+v", p)
		}
	}
	if n := a.Count(`SELECT count(*) FROM schedule d JOIN site s ON s.id = d.site_id WHERE d.start_at IS NULL AND s.state = 'active'`); n != 0 {
		t.Errorf("%d schedules would be healed", n)
	}
	for what, q := range map[string]string{
		"copies without their run": `SELECT count(*) FROM copy c LEFT JOIN run r ON r.tenant_id = c.tenant_id AND r.id = c.run_id WHERE r.id IS NULL`,
		"schedules without a site": `SELECT count(*) FROM schedule d LEFT JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id WHERE s.id IS NULL`,
		"repositories without one": `SELECT count(*) FROM repository d LEFT JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id WHERE s.id IS NULL`,
		"sums that are not so":     `SELECT count(*) FROM schedule d WHERE (d.copies, d.bytes) <> (SELECT count(*), coalesce(sum(stored_bytes), 0) FROM copy c WHERE c.tenant_id = d.tenant_id AND c.site_id = d.site_id AND c.kind = d.kind)`,
		"real names":               `SELECT count(*) FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.name NOT LIKE '%.example' OR t.name NOT LIKE '%(fictitious)'`,
	} {
		if n := a.Count(q); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

// What the policy engine would not keep is not there.
func TestSeed_HistoriesAreTrueToTheirPolicies(t *testing.T) {
	t.Parallel()
	a := seeded(t, 400)
	look, err := a.LookAtRetention(t.Context(), authz.Console())
	a.Must(err)
	if look.Copies < 12_000 || look.Expire != 0 {
		t.Errorf("%d of %d copies would expire", look.Expire, look.Copies)
	}
	v, err := a.ViewSite(t.Context(), authz.Console(), "moodle-1.fleet-"+siteTenant(a)+".example")
	if err != nil || len(v.Copies) < 30 {
		t.Errorf("%d copies of the first site, %v", len(v.Copies), err)
	}
}

func siteTenant(a *testkit.App) string {
	n := a.Count(`SELECT substr(t.slug, 7)::int FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.code_dir = '/srv/fleet/1'`)
	b, err := json.Marshal(n)
	a.Must(err)
	return string(b)
}

func TestSeed_ASecondTimeAddsTheDifferenceAlone(t *testing.T) {
	t.Parallel()
	a := seeded(t, 50)
	now := clock.System{}.Now()
	for _, want := range []struct{ sites, made, all int }{{50, 0, 50}, {20, 0, 50}, {120, 70, 120}} {
		made, err := fleetseed.Seed(t.Context(), a.URL, fleetseed.Fleet{Sites: want.sites, Now: now})
		if err != nil || made != want.made || a.Count("SELECT count(*) FROM site") != want.all || a.Count("SELECT count(*) FROM standing") != want.all {
			t.Errorf("%d sites: made %d, %v", want.sites, made, err)
		}
	}
	for _, n := range []int{0, -1, fleetseed.Most + 1} {
		if _, err := fleetseed.Seed(t.Context(), a.URL, fleetseed.Fleet{Sites: n, Now: now}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%d sites: %v", n, err)
		}
	}
}

// BenchmarkSeed_HundredThousandSites is what `holdfast demo --fleet 100000` waits for.
func BenchmarkSeed_HundredThousandSites(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		a := testkit.NewApp(b, nil)
		_, err := a.AddDestination(b.Context(), authz.Console(), app.NewDestination{Name: fleetseed.Destination, Kind: string(vault.Filesystem), Backend: []byte("{}")})
		a.Must(err)
		b.StartTimer()
		if made, err := fleetseed.Seed(b.Context(), a.URL, fleetseed.Fleet{Sites: 100_000, Now: clock.System{}.Now()}); err != nil || made != 100_000 {
			b.Fatal(made, err)
		}
	}
}
