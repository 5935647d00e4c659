package app_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/site"
	"holdfast/internal/testkit"
)

// owe makes every schedule of a site due now.
func (r *rig) owe(name string) {
	r.t.Helper()
	r.SQL(`INSERT INTO schedule (tenant_id, site_id, kind, registered_at, newest_good_at, start_at)
		SELECT tenant_id, id, k, $2, $2, $2 FROM site, unnest('{database,data}'::backup_kind[]) k WHERE name = $1
		ON CONFLICT (tenant_id, site_id, kind) DO UPDATE SET start_at = $2`, name, r.clock.Now())
}

// end ends all open runs by SQL, as if nothing followed from that.
func (r *rig) end() {
	r.t.Helper()
	r.SQL("UPDATE run SET state = 'cancelled', finished_at = $1 WHERE state IN ('planned', 'queued', 'leased')", r.clock.Now())
}

func (r *rig) plan() app.Planned {
	r.t.Helper()
	p, err := r.Plan(r.t.Context(), time.Minute)
	r.must(err)
	return p
}

// dispatchHosts does what the River jobs of a tick do.
func (r *rig) dispatchHosts() {
	r.t.Helper()
	for _, h := range hostsOf(r.App) {
		r.must(r.DispatchHost(r.t.Context(), h))
	}
}

const openRuns = "SELECT count(*) FROM run WHERE state IN ('planned', 'queued', 'leased')"

func TestPlan_PlansEachSiteOnceHoweverManyTick(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, clock.System{})
	seedFleet(a, fleet{sites: 3_000, tenants: 30, hosts: 10, kinds: "{database,data}"})
	var wg sync.WaitGroup
	var done [4]app.Planned
	for i := range done {
		wg.Go(func() {
			for range 2 { // what a tick held while another failed stays for the next
				p, err := a.Plan(t.Context(), time.Minute)
				if err != nil {
					t.Error(err)
				}
				done[i].Runs += p.Runs
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, p := range done {
		sum += p.Runs
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM run WHERE state = 'planned' AND reason = 'scheduled' AND priority = 3":                                                        6_000,
		"SELECT count(DISTINCT (site_id, kind)) FROM run":                                                                                                   6_000,
		"SELECT count(*) FROM schedule WHERE start_at IS NULL":                                                                                              6_000,
		"SELECT count(*) FROM event e JOIN run r ON r.id = e.subject_id AND r.tenant_id = e.tenant_id AND r.site_id = e.site_id WHERE verb = 'run.planned'": 6_000,
		"SELECT count(DISTINCT args->>'host') FROM river.river_job WHERE kind = 'dispatch_host'":                                                            10,
	} {
		if n := a.Count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	if sum != 6_000 {
		t.Errorf("the ticks say that they planned %d", sum)
	}
}

func TestPlan_AHostInMaintenanceOwesUntilItIsBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.host("host-b", 2)
	r.site("a.example", "a", "host-a")
	r.site("b.example", "a", "host-b")
	r.end()
	r.owe("a.example")
	r.owe("b.example")
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "maintenance", ""))
	if p := r.plan(); p.Runs != 2 || p.Jobs != 1 {
		t.Fatalf("%+v", p)
	}
	if n := r.Count("SELECT count(*) FROM schedule d JOIN site s ON s.id = d.site_id WHERE s.name = 'a.example' AND start_at IS NOT NULL"); n != 2 {
		t.Fatalf("%d rows of the host in maintenance are still due", n)
	}
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "active", ""))
	if p := r.plan(); p.Runs != 2 {
		t.Fatalf("back: %+v", p)
	}
}

func TestPlan_ASuspendedSiteIsPassedOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.site("b.example", "a", "host-a")
	r.end()
	r.owe("a.example")
	r.owe("b.example")
	r.SQL("UPDATE site SET state = 'suspended' WHERE name = 'a.example'")
	if p := r.plan(); p.Runs != 2 {
		t.Fatalf("%+v", p)
	}
	if n := r.Count("SELECT count(*) FROM run r JOIN site s ON s.id = r.site_id WHERE s.name = 'a.example' AND r.state = 'planned'"); n != 0 {
		t.Fatalf("%d runs of a suspended site", n)
	}
}

// A run that a person asked for is open: the row stays due, and the schedule's
// own run comes when that one has ended.
func TestPlan_LeavesTheRowOfAnOpenRunAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.end()
	_, err := r.StartBackup(t.Context(), authz.Console(), "a.example", []backup.Kind{backup.Data}, app.Protection{})
	r.must(err)
	r.owe("a.example")
	if p := r.plan(); p.Runs != 1 {
		t.Fatalf("%+v", p)
	}
	if n := r.Count("SELECT count(*) FROM schedule WHERE kind = 'data' AND start_at IS NOT NULL"); n != 1 {
		t.Fatal("the row of the open run was moved")
	}
	r.end()
	if p := r.plan(); p.Runs != 1 {
		t.Fatalf("afterwards: %+v", p)
	}
}

func TestPlan_ASiteWithoutACopyIsTriedAsInitial(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.end()
	r.owe("a.example")
	r.SQL("UPDATE schedule SET newest_good_at = NULL WHERE kind = 'database'")
	r.SQL("UPDATE schedule SET newest_good_at = now() WHERE kind = 'data'")
	r.plan()
	for query, want := range map[string]int{
		"SELECT count(*) FROM run WHERE state = 'planned' AND kind = 'database' AND reason = 'initial' AND priority = 2": 1,
		"SELECT count(*) FROM run WHERE state = 'planned' AND kind = 'data' AND reason = 'scheduled' AND priority = 3":   1,
	} {
		if n := r.Count(query); n != want {
			t.Errorf("%s: %d", query, n)
		}
	}
}

// A host is away for a week: one run per kind waits, and when the host is back
// it serves the newest slots.
func TestPlan_AnOfflineHostPilesUpNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t) // it is 2026-11-22 10:00
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	for range 2 { // the two initial copies
		for _, l := range h.mustPoll() {
			r.must(h.start(l))
			r.must(h.complete(l, agentproto.OutcomeGood))
		}
	}
	runs := r.Count("SELECT count(*) FROM run")
	for range 7 * 24 * 2 {
		r.clock.Add(30 * time.Minute)
		if r.plan().Runs > 0 {
			r.dispatchHosts()
		}
		r.must(r.Sweep(t.Context()))
	}
	if n := r.Count(openRuns); n != 2 {
		t.Fatalf("%d runs are open after a week", n)
	}
	if n := r.Count("SELECT count(*) FROM run"); n != runs+2 {
		t.Fatalf("%d runs were made in the week", n-runs)
	}
	h.hello()
	for range 2 {
		for _, l := range h.mustPoll() {
			r.must(h.start(l))
			r.must(h.complete(l, agentproto.OutcomeGood))
		}
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM copy WHERE kind = 'database' AND tiers->>'daily' = '2026-11-29T00:00'": 1,
		"SELECT count(*) FROM copy WHERE kind = 'data' AND tiers->>'hourly' = '2026-11-29T08:00'":    1,
		openRuns: 0,
		"SELECT count(*) FROM schedule WHERE start_at > '2026-11-29T10:00Z' AND start_at < '2026-11-30T02:00Z'": 2,
	} {
		if n := r.Count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

// The control plane was down for three days: one run per kind, at once, and
// none after it for the same slots.
func TestPlan_AfterAnOutageThereIsOneRunPerKind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	work := func() (n int) {
		for range 2 {
			for _, l := range h.mustPoll() {
				r.must(h.start(l))
				r.must(h.complete(l, agentproto.OutcomeGood))
				n++
			}
		}
		return n
	}
	work()
	r.clock.Add(72 * time.Hour)
	if p := r.plan(); p.Runs != 2 {
		t.Fatalf("%+v", p)
	}
	r.dispatchHosts()
	if n := work(); n != 2 {
		t.Fatalf("%d runs were done", n)
	}
	if p := r.plan(); p.Runs != 0 {
		t.Fatalf("planned again: %+v", p)
	}
}

// The process dies between batches, or in the middle of one: what is planned
// is whole, and the rest is still due.
func TestPlan_ACrashBetweenBatchesLosesNothing(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, clock.System{})
	const sites = 9_000
	seedFleet(a, fleet{sites: sites, tenants: 30, hosts: 3, kinds: "{data}"})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = a.Plan(ctx, time.Minute) })
	for a.Count("SELECT count(*) FROM run") == 0 {
		runtime.Gosched()
	}
	cancel()
	wg.Wait()
	planned := a.Count("SELECT count(*) FROM run")
	for query, want := range map[string]int{
		"SELECT count(*) FROM event WHERE verb = 'run.planned'":                                                               planned,
		"SELECT count(*) FROM schedule WHERE start_at IS NULL":                                                                planned,
		"SELECT count(*) FROM run r WHERE NOT EXISTS (SELECT FROM river.river_job j WHERE j.args->>'host' = r.host_id::text)": 0,
	} {
		if n := a.Count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	p, err := a.Plan(t.Context(), time.Minute)
	if err != nil || p.Runs != sites-planned {
		t.Fatalf("%d were planned before, then %+v, %v", planned, p, err)
	}
}

func TestPlan_BeginsNothingAfterItsTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.end()
	r.owe("a.example")
	if p, err := r.Plan(t.Context(), 0); err != nil || p.Runs != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if p := r.plan(); p.Runs != 2 {
		t.Fatalf("%+v", p)
	}
}

// Sites whose repositories are not there get them, once; the others are queued,
// and a damaged repository holds up nobody.
func TestDispatchHost_QueuesWhatIsReadyAndMakesWhatIsNot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	for _, name := range []string{"ready.example", "damaged.example"} {
		r.site(name, "a", "host-a")
	}
	r.end()
	_, err := r.AddSite(t.Context(), authz.Console(), app.NewSite{Tenant: "a", Host: "host-a", Entry: site.Entry{Name: "new.example", CodeDir: "/srv/new"}})
	r.must(err)
	r.SQL("UPDATE repository SET state = 'damaged' WHERE site_id = (SELECT id FROM site WHERE name = 'damaged.example')")
	r.owe("ready.example")
	r.owe("damaged.example")
	if p := r.plan(); p.Runs != 4 || p.Jobs != 1 {
		t.Fatalf("%+v", p)
	}
	for range 2 {
		r.dispatchHosts()
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM run r JOIN site s ON s.id = r.site_id WHERE s.name = 'ready.example' AND r.state = 'queued' AND r.destination_id = s.destination_id": 2,
		"SELECT count(*) FROM run WHERE state = 'planned'":                                                                  4,
		"SELECT count(*) FROM keeper_task WHERE kind = 'create_repository' AND state = 'queued'":                            2,
		"SELECT count(*) FROM event e JOIN run r ON r.id = e.subject_id WHERE e.verb = 'run.queued' AND r.state = 'queued'": 2,
	} {
		if n := r.Count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	r.clock.Add(2 * time.Minute)
	r.SQL("DELETE FROM river.river_job")
	r.must(r.Sweep(t.Context()))
	if n := r.Count("SELECT count(*) FROM river.river_job WHERE kind LIKE 'dispatch%'"); n != 0 {
		t.Errorf("%d jobs for runs that wait for the keeper", n)
	}
	r.keep()
	r.dispatchHosts()
	if n := r.Count("SELECT count(*) FROM run r JOIN site s ON s.id = r.site_id WHERE s.name = 'new.example' AND r.state = 'queued'"); n != 2 {
		t.Errorf("%d runs of the new site are queued", n)
	}
}
