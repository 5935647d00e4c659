package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/testkit"
)

// seedCatalog gives every site of a fleet what the published policy keeps after
// five years, and a few copies that no rule keeps any more.
func seedCatalog(a *testkit.App, now time.Time) (perSite int) {
	a.T.Helper()
	kept, err := policy.Simulate(time.UTC, now.AddDate(-5, 0, 0), now, nil, policy.Default())
	a.Must(err)
	values := make([]string, 0, len(kept.Copies)+4)
	for _, c := range kept.Copies {
		tiers, err := json.Marshal(c.Tiers)
		a.Must(err)
		values = append(values, fmt.Sprintf("('%s'::backup_kind, '%s'::timestamptz, '%s'::jsonb)", c.Kind, c.At.Format(time.RFC3339), tiers))
	}
	for i := range 4 {
		values = append(values, fmt.Sprintf("('data'::backup_kind, '%s'::timestamptz, '{}'::jsonb)", now.AddDate(0, 0, -100-i).Format(time.RFC3339)))
	}
	a.SQL(`SET session_replication_role = replica;
		INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds, files, bytes, stored_bytes, details, local_month, tiers)
		SELECT r.tenant_id, gen_random_uuid(), r.site_id, r.id, gen_random_uuid(), 1, r.kind, 'good', 'k', '{}', c.at, c.at, 1, 1, 1, 1, '{}', '2026-01', c.tiers
		FROM (SELECT * FROM repository ORDER BY tenant_id, site_id, kind) r JOIN (VALUES ` + strings.Join(values, ", ") + `) c (kind, at, tiers) ON c.kind = r.kind`)
	a.SQL("ANALYZE copy")
	a.SQL("CHECKPOINT")
	return len(values)
}

// Every copy of 100,000 sites, some nine million rows in PostgreSQL, held
// against the published policy.
func BenchmarkLookAtRetention_EightMillionRows(b *testing.B) {
	a := testkit.NewApp(b, clock.System{})
	seedFleet(a, fleet{sites: 100_000, tenants: 2_000, hosts: 500, kinds: "{database,data}"})
	perSite := seedCatalog(a, clock.System{}.Now().Truncate(time.Minute))
	if n := perSite * 100_000; n < 8_000_000 {
		b.Fatalf("only %d copies", n)
	}
	stop := peak()
	var took float64
	for b.Loop() {
		look, err := a.LookAtRetention(b.Context(), authz.Console())
		if err != nil || look.Copies != int64(perSite)*100_000 || look.Expire != 4*100_000 || look.Behind != 100_000 {
			b.Fatalf("%+v, %v", look, err)
		}
		took += look.Took.Seconds()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took/float64(b.N), "s/look")
	b.ReportMetric(float64(perSite)*100_000*float64(b.N)/took, "copies/s")
	b.ReportMetric(float64(stop())/1e6, "peak-heap-MB")
}

// Which of 200,000 kinds of sites are late: the first page, and how many.
func BenchmarkListOverdue_HundredThousandSites(b *testing.B) {
	a := testkit.NewApp(b, clock.System{})
	seedFleet(a, fleet{sites: 100_000, tenants: 2_000, hosts: 500, kinds: "{database,data}"})
	a.SQL("UPDATE schedule SET overdue_at = now() - interval '1 hour' WHERE site_id IN (SELECT id FROM site ORDER BY name LIMIT 300)")
	a.SQL("VACUUM ANALYZE schedule")
	for b.Loop() {
		rows, n, err := a.ListOverdue(b.Context(), authz.Console(), id.Tenant{}, 50)
		if err != nil || n != 600 || len(rows) != 50 {
			b.Fatalf("%d rows of %d, %v", len(rows), n, err)
		}
	}
}
