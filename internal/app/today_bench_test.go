package app_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/testkit"
)

// seedHistory gives every site of a fleet ten runs of each kind and a copy of
// the newest two, and makes some of it go wrong: the sites of one host late,
// one in 500 failing, one in 300 incomplete, one in 2,000 damaged.
func seedHistory(a *testkit.App) {
	a.T.Helper()
	for _, q := range []string{
		`INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, state, priority, not_before, created_at, started_at, finished_at)
		 SELECT s.tenant_id, gen_random_uuid(), s.id, s.host_id, k, 'scheduled', 'good', 3, now(), now() - i * interval '6 hours' - random() * interval '1 hour', now() - i * interval '6 hours', now() - i * interval '6 hours'
		 FROM site s CROSS JOIN unnest('{database,data}'::backup_kind[]) k CROSS JOIN generate_series(1, 5) i`,
		`INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds, files, bytes, stored_bytes, details, local_month, verified_at)
		 SELECT r.tenant_id, gen_random_uuid(), r.site_id, p.id, r.id, 1, r.kind, 'good', 's', '{}', r.created_at, r.finished_at, 1, 1, 1, 1, '{}', '2026-11', r.finished_at
		 FROM run r JOIN repository p ON p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind WHERE r.created_at > now() - interval '7 hours'`,
		`UPDATE schedule SET overdue_at = now() - interval '2 hours' WHERE site_id IN (SELECT s.id FROM site s JOIN host h ON h.id = s.host_id WHERE h.name IN ('h7', 'h8'))`,
		`UPDATE host SET last_seen_at = now() - interval '3 hours' WHERE name = 'h7'`,
		`WITH bad AS (UPDATE schedule SET failures = 3 WHERE hashtext(site_id::text) % 500 = 0 RETURNING site_id, kind)
		 UPDATE run r SET state = 'failed', error = 'mariadb-dump: a table is marked as crashed', error_code = 'dump-failed' FROM bad WHERE r.site_id = bad.site_id AND r.kind = bad.kind AND r.created_at > now() - interval '7 hours'`,
		`UPDATE copy SET state = 'incomplete' WHERE hashtext(site_id::text) % 300 = 1`,
		`UPDATE schedule d SET newest_good_at = now() - interval '1 day' WHERE hashtext(site_id::text) % 300 = 1`,
		`UPDATE copy SET state = 'damaged' WHERE hashtext(site_id::text) % 2000 = 2`,
		`VACUUM ANALYZE`,
	} {
		a.SQL(q)
	}
}

// times gives the median and the longest of nine looks.
func times(b *testing.B, look func() error) (median, worst time.Duration) {
	b.Helper()
	var all []time.Duration
	for range 9 {
		begin := clock.System{}.Now()
		if err := look(); err != nil {
			b.Fatal(err)
		}
		all = append(all, clock.System{}.Now().Sub(begin))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// The pages that staff open first, over 100,000 sites with a million runs.
func BenchmarkLook_HundredThousandSites(b *testing.B) {
	a := testkit.NewApp(b, clock.System{})
	seedFleet(a, fleet{sites: 100_000, tenants: 2_000, hosts: 500, kinds: "{database,data}"})
	seedHistory(a)
	ctx, root := b.Context(), authz.Console()
	run := func(q app.RunQuery) func() error {
		q.Size = 50
		return func() error { _, err := a.ListRuns(ctx, root, q); return err }
	}
	find := func(text string) func() error {
		return func() error { _, err := a.Find(ctx, root, id.Tenant{}, text); return err }
	}
	host := hostsOf(a)[3]
	for _, look := range []struct {
		name string
		do   func() error
	}{
		{"today", func() error { _, err := a.LookAtToday(ctx, root); return err }},
		{"runs", run(app.RunQuery{})},
		{"runs-failed", run(app.RunQuery{State: backup.Failed})},
		{"runs-unwell", run(app.RunQuery{Unwell: true})},
		{"runs-manual", run(app.RunQuery{Reason: backup.Manual})},
		{"runs-host", run(app.RunQuery{Host: host, Kind: backup.Data})},
		{"runs-site", run(app.RunQuery{Site: "s77.example"})},
		{"runs-day", run(app.RunQuery{Since: clock.System{}.Now().Add(-24 * time.Hour), Until: clock.System{}.Now().Add(-20 * time.Hour)})},
		{"find-begin", find("s777")},
		{"find-within", find("777.exa")},
		{"find-all", find("example")},
		{"find-none", find("zzzz")},
		{"find-short", find("x")},
		{"find-tenant", find("t19")},
	} {
		b.Run(look.name, func(b *testing.B) {
			median, worst := times(b, look.do)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median.Microseconds())/1000, "ms-median")
			b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
		})
	}
	a.SQL(`UPDATE schedule SET overdue_at = now() - interval '1 hour'`)
	a.SQL(`UPDATE host SET last_seen_at = now() - interval '1 hour'`)
	a.SQL(`VACUUM ANALYZE schedule`)
	b.Run("today-all-late", func(b *testing.B) {
		median, worst := times(b, func() error { _, err := a.LookAtToday(ctx, root); return err })
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(median.Microseconds())/1000, "ms-median")
		b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
	})
}
