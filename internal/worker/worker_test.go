package worker_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/site"
	"holdfast/internal/testkit"
	"holdfast/internal/worker"
)

// until waits for a count in the database, for a minute at the most.
func until(t *testing.T, a *testkit.App, query string, want int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := -1; n != want; <-tick.C {
		if n = a.Count(query); n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, want %d", query, n, want)
		}
	}
}

func newSite(t *testing.T, a *testkit.App) {
	t.Helper()
	_, err := a.AddTenant(t.Context(), authz.Console(), "a", "a")
	a.Must(err)
	_, _, err = a.AddHost(t.Context(), authz.Console(), "host-a", 2)
	a.Must(err)
	_, err = a.AddSite(t.Context(), authz.Console(), app.NewSite{Tenant: "a", Host: "host-a", Entry: site.Entry{Name: "a.example", CodeDir: "/srv/a"}})
	a.Must(err)
}

func start(t *testing.T, a *testkit.App) *worker.Pool {
	t.Helper()
	p, err := worker.Start(t.Context(), a.URL, a.App, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// From the plan to the queue by River alone, with the repository's making in
// between; the jobs are short and none is given up.
func TestRiver_CarriesARunFromThePlanToTheQueue(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	p := start(t, a)
	newSite(t, a)
	until(t, a, "SELECT count(*) FROM keeper_task WHERE kind = 'create_repository' AND state = 'queued'", 2)
	list, err := a.Destinations(t.Context())
	a.Must(err)
	for range 2 {
		task, ok, err := a.TakeTask(t.Context(), list[0].ID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		a.Must(a.FinishTask(t.Context(), task, app.TaskOutcome{}))
	}
	until(t, a, "SELECT count(*) FROM run WHERE state = 'queued'", 2)
	a.Must(p.Stop(t.Context()))
	if n := a.Count("SELECT count(*) FROM river.river_job WHERE state NOT IN ('completed', 'available', 'scheduled')"); n != 0 {
		t.Errorf("%d jobs did not end well", n)
	}
}

// A job that was lost, whatever took it, is made anew by the sweep.
func TestSweep_DispatchesPlannedRunsWhoseJobIsGone(t *testing.T) {
	t.Parallel()
	c := clock.NewFixed(clock.System{}.Now())
	a := testkit.NewApp(t, c)
	newSite(t, a)
	a.SQL("DELETE FROM river.river_job")
	c.Add(2 * time.Minute)
	a.Must(a.Sweep(t.Context()))
	if n := a.Count("SELECT count(*) FROM river.river_job WHERE kind = 'dispatch_host'"); n != 1 {
		t.Fatalf("%d dispatch jobs for two runs of one host", n)
	}
}

// Two processes with all their workers: every due site is planned once, and
// dispatched.
func TestRiver_TwoProcessesPlanEachDueSiteOnce(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	newSite(t, a)
	a.SQL("UPDATE host SET state = 'active', credential_hash = 'x'")
	a.SQL("DELETE FROM river.river_job")
	a.SQL("UPDATE run SET state = 'cancelled', finished_at = now()")
	a.SQL("INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, state, created_at) SELECT tenant_id, gen_random_uuid(), id, k, destination_id, k::text, '', 'ready', now() FROM site, unnest('{database,data}'::backup_kind[]) k")
	a.SQL("INSERT INTO schedule (tenant_id, site_id, kind, registered_at) SELECT tenant_id, id, k, now() FROM site, unnest('{database,data}'::backup_kind[]) k ON CONFLICT DO NOTHING")
	a.SQL("UPDATE schedule SET start_at = now()")
	one, two := start(t, a), start(t, a)
	until(t, a, "SELECT count(*) FROM run WHERE state = 'queued'", 2)
	a.Must(one.Stop(t.Context()))
	a.Must(two.Stop(t.Context()))
	if n := a.Count("SELECT count(*) FROM run WHERE state <> 'cancelled'"); n != 2 {
		t.Fatalf("%d runs of one site and two kinds", n)
	}
	if n := a.Count("SELECT count(*) FROM event WHERE verb = 'run.planned' AND actor = 'system:planner'"); n != 2 {
		t.Fatalf("%d events of the planner", n)
	}
}

// Jobs hold identifiers and nothing else: the queue's page shows them.
func TestJobs_HoldNoSecret(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	newSite(t, a)
	if n := a.Count(`SELECT count(*) FROM river.river_job WHERE args::text !~ '^\{("(run|copy|host)": ?"[0-9a-f-]{36}")?\}$'`); n != 0 {
		t.Fatalf("%d jobs hold more than an identifier", n)
	}
	if _, err := a.StartBackup(context.Background(), authz.Console(), "a.example", backup.Kinds(), app.Protection{}); err != nil {
		t.Fatal(err)
	}
}

func TestTimeouts_LetNoJobBeRescuedWhileItMayRun(t *testing.T) {
	t.Parallel()
	if worker.RescueAfter <= worker.JobTimeout {
		t.Fatalf("rescue after %s, timeout %s", worker.RescueAfter, worker.JobTimeout)
	}
}
