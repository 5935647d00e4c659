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
	if n := a.Count("SELECT count(*) FROM river.river_job WHERE kind = 'dispatch_run'"); n != 2 {
		t.Fatalf("%d dispatch jobs", n)
	}
}

// Jobs hold identifiers and nothing else: the queue's page shows them.
func TestJobs_HoldNoSecret(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	newSite(t, a)
	if n := a.Count(`SELECT count(*) FROM river.river_job WHERE args::text !~ '^\{("(run|copy)": ?"[0-9a-f-]{36}")?\}$'`); n != 0 {
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
