package app_test

import (
	"fmt"
	"slices"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/testkit"
)

// seedRisks makes some of a fleet go wrong, a different part each: late,
// failing, incomplete, damaged, without a copy, held, suspended.
func seedRisks(a *testkit.App) {
	a.T.Helper()
	for _, q := range []string{
		`UPDATE site SET destination_id = (SELECT id FROM destination WHERE name = 'second') WHERE hashtext(id::text) % 3 = 0 AND EXISTS (SELECT 1 FROM destination WHERE name = 'second')`,
		`UPDATE schedule SET newest_good_at = now() - random() * interval '1 day', overdue_at = now() + random() * interval '1 day', bytes = (random() * 1e11)::bigint`,
		`UPDATE schedule SET overdue_at = now() - random() * interval '1 day' WHERE hashtext(site_id::text) % 150 = 3`,
		`UPDATE schedule SET failures = 2 WHERE hashtext(site_id::text) % 500 = 4 AND kind = 'database'`,
		`UPDATE schedule SET newest_good_at = NULL WHERE hashtext(site_id::text) % 900 = 5`,
		`UPDATE site SET legal_hold = 'Case 7' WHERE hashtext(id::text) % 1000 = 6`,
		`UPDATE site SET state = 'suspended' WHERE hashtext(id::text) % 800 = 7`,
		`UPDATE standing SET damaged = 1 WHERE hashtext(site_id::text) % 2000 = 8`,
		`UPDATE standing SET data_short_at = now() WHERE hashtext(site_id::text) % 400 = 9`,
		`VACUUM ANALYZE`,
	} {
		a.SQL(q)
	}
}

// fleetLooks are the filters that the list offers, alone and together, each in
// every order and both ways.
func fleetLooks(a *testkit.App) map[string]app.FleetLook {
	looks := map[string]app.FleetLook{
		"all": {}, "tenant": {Tenant: "t7"}, "host": {Host: "h3"}, "destination": {Destination: "default"}, "second": {Destination: "second"},
		"published": {Policy: "published"}, "gold": {Policy: "gold"}, "active": {Active: true},
		"search-one": {Search: "s777.example"}, "search-some": {Search: "s77"}, "search-all": {Search: "example"}, "search-none": {Search: "zzzz"}, "search-short": {Search: "s7"}, "search-tenant": {Search: "t19"},
		"tenant-late": {Tenant: "t7", Risk: "late"}, "host-late": {Host: "h3", Risk: "late"}, "destination-failed": {Destination: "second", Risk: "failed"}, "search-late": {Search: "example", Risk: "late"},
		"published-host-active": {Policy: "published", Host: "h3", Active: true}, "gold-second": {Policy: "gold", Destination: "second"},
	}
	for _, r := range app.FleetRisks() {
		looks[string(r)] = app.FleetLook{Risk: r}
	}
	return looks
}

// BenchmarkFleet_HundredThousandSites times every filter in every order.
func BenchmarkFleet_HundredThousandSites(b *testing.B) {
	a := testkit.NewApp(b, clock.System{})
	seedFleet(a, fleet{sites: 100_000, tenants: 2_000, hosts: 500, kinds: "{database,data}"})
	seedChoices(a)
	seedRisks(a)
	looks := fleetLooks(a)
	names := make([]string, 0, len(looks))
	for name := range looks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, order := range app.FleetOrders() {
			for _, down := range []bool{false, true} {
				l := looks[name]
				l.Order, l.Down, l.Size = order, down, 100
				b.Run(fmt.Sprintf("%s/%s/%t", name, order, down), func(b *testing.B) {
					median, worst := times(b, func() error { _, err := a.LookAtFleet(b.Context(), authz.Console(), l); return err })
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(float64(median.Microseconds())/1000, "ms-median")
					b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
				})
			}
		}
	}
}

// seedChoices makes a second destination, and a policy that one site in ten
// follows.
func seedChoices(a *testkit.App) {
	a.T.Helper()
	a.SQL(`INSERT INTO destination (id, name, kind, config_sealed, created_at) VALUES (gen_random_uuid(), 'second', 'filesystem', '\x00', now())`)
	a.SQL(`INSERT INTO policy (id, name, created_at) VALUES (gen_random_uuid(), 'gold', now())`)
	a.SQL(`UPDATE site SET policy_id = (SELECT id FROM policy) WHERE hashtext(id::text) % 10 = 0`)
}
