package app_test

import (
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/testkit"
)

// fleet is how many of each to make by SQL: of the benchmarks, 100,000 sites
// of 2,000 customers on 500 hosts.
type fleet struct {
	sites, tenants, hosts int
	kinds                 string // an SQL array
}

// seedFleet makes a fleet that is due since an hour, with repositories and good
// copies of before.
func seedFleet(a *testkit.App, f fleet) {
	a.T.Helper()
	for _, q := range []string{
		`INSERT INTO tenant (id, name, slug, created_at) SELECT gen_random_uuid(), 't' || i, 't' || i, now() FROM generate_series(0, TENANTS - 1) i`,
		`INSERT INTO host (id, name, state, credential_hash, last_seen_at, created_at) SELECT gen_random_uuid(), 'h' || i, 'active', int8send(i), now(), now() FROM generate_series(0::bigint, HOSTS - 1) i`,
		`INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, time_zone, created_at)
		 SELECT t.id, gen_random_uuid(), h.id, d.id, 's' || i || '.example', '/srv/' || i, 'UTC', now()
		 FROM generate_series(0, SITES - 1) i JOIN tenant t ON t.slug = 't' || (i % TENANTS) JOIN host h ON h.name = 'h' || (i % HOSTS) CROSS JOIN destination d`,
		`INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, state, created_at)
		 SELECT s.tenant_id, gen_random_uuid(), s.id, k, s.destination_id, s.id || '/' || k, '\x00', 'ready', now() FROM site s CROSS JOIN unnest('KINDS'::backup_kind[]) k`,
		`INSERT INTO schedule (tenant_id, site_id, kind, registered_at, newest_good_at, due_at, start_at, overdue_at, retain_at)
		 SELECT s.tenant_id, s.id, k, now() - interval '1 year', now() - interval '1 day', now() - interval '1 hour', now() - interval '1 hour', now() + interval '1 day', now() + interval '1 day'
		 FROM site s CROSS JOIN unnest('KINDS'::backup_kind[]) k ORDER BY s.id`,
	} {
		a.SQL(strings.NewReplacer("TENANTS", strconv.Itoa(f.tenants), "HOSTS", strconv.Itoa(f.hosts), "SITES", strconv.Itoa(f.sites), "KINDS", f.kinds).Replace(q))
	}
	a.SQL("ANALYZE")
	a.SQL("CHECKPOINT")
}

// peak samples the heap until the function it gives is called, which tells the
// most bytes of objects that were there at once.
func peak() (stop func() uint64) {
	runtime.GC()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		var top uint64
		for {
			select {
			case <-done:
				most <- top
				return
			case <-tick.C:
				metrics.Read(s)
				top = max(top, s[0].Value.Uint64())
			}
		}
	}()
	return func() uint64 { close(done); return <-most }
}

func hostsOf(a *testkit.App) (out []id.Host) {
	a.T.Helper()
	rows, err := a.ListHosts(a.T.Context(), authz.Console())
	a.Must(err)
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func benchmarkPlan(b *testing.B, kinds string, want int) {
	b.Helper()
	var seconds, dispatch float64
	var heap uint64
	jobs := 0
	for b.Loop() {
		b.StopTimer()
		a := testkit.NewApp(b, clock.System{})
		seedFleet(a, fleet{sites: 100_000, tenants: 2_000, hosts: 500, kinds: kinds})
		stop := peak()
		b.StartTimer()
		begin := clock.System{}.Now()
		p, err := a.Plan(b.Context(), time.Minute)
		took := clock.System{}.Now().Sub(begin)
		b.StopTimer()
		heap = max(heap, stop())
		if err != nil || p.Runs != want || a.Count("SELECT count(*) FROM run WHERE state = 'planned'") != want {
			b.Fatalf("planned %+v, %v; want %d runs", p, err, want)
		}
		seconds, jobs = seconds+took.Seconds(), p.Jobs
		all := hostsOf(a)
		begin = clock.System{}.Now()
		for _, h := range all {
			a.Must(a.DispatchHost(b.Context(), h))
		}
		dispatch += clock.System{}.Now().Sub(begin).Seconds()
		if n := a.Count("SELECT count(*) FROM run WHERE state = 'queued'"); n != want {
			b.Fatalf("%d runs were queued, want %d", n, want)
		}
		b.StartTimer()
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(seconds/n, "s/tick")
	b.ReportMetric(float64(want)*n/seconds, "plans/s")
	b.ReportMetric(float64(heap)/1e6, "peak-heap-MB")
	b.ReportMetric(float64(jobs), "jobs")
	b.ReportMetric(float64(want)*n/dispatch, "dispatches/s")
}

// All data copies of 100,000 sites due in one tick.
func BenchmarkPlan_HundredThousandSites(b *testing.B) { benchmarkPlan(b, "{data}", 100_000) }

// Midnight: both kinds of 100,000 sites due in one tick.
func BenchmarkPlan_HundredThousandSitesAtMidnight(b *testing.B) {
	benchmarkPlan(b, "{database,data}", 200_000)
}
