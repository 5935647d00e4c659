package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/testkit"
)

// No question that the list offers reads a large table from end to end. The
// database counts that itself, so that it holds for every statement behind a
// page, whatever it is.
func TestFleet_NoQuestionReadsALargeTableWhole(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	seedFleet(a, fleet{sites: 20_000, tenants: 400, hosts: 100, kinds: "{database,data}"})
	seedChoices(a)
	seedRisks(a)
	seedHistory(a)
	tables := []string{"site", "schedule", "copy", "run", "repository"}
	scans := func(table string) int {
		return a.Count(`SELECT coalesce(sum(seq_scan), 0)::int FROM pg_stat_user_tables WHERE relname = $1`, table)
	}
	s, err := store.Open(t.Context(), store.Options{URL: a.URL, WebConns: 1})
	a.Must(err)
	defer s.Close()
	own := app.New(s, seal.Key{}, testkit.Storage{}, nil, nil)
	before := map[string]int{}
	for _, table := range tables {
		before[table] = scans(table)
	}
	for name, l := range fleetLooks(a) {
		for _, order := range app.FleetOrders() {
			for _, down := range []bool{false, true} {
				l.Order, l.Down, l.Size = order, down, 100
				v, err := own.LookAtFleet(t.Context(), authz.Console(), l)
				if err != nil {
					t.Fatalf("%s by %s: %v", name, order, err)
				}
				if v.Last != nil && v.More {
					l.After = v.Last
					_, err = own.LookAtFleet(t.Context(), authz.Console(), l)
					a.Must(err)
					l.After = nil
				}
			}
		}
	}
	_, err = own.NamesOfFleet(t.Context(), authz.Console())
	a.Must(err)
	s.Close() // a connection that ends hands in its counts
	for _, table := range tables {
		if n := scans(table) - before[table]; n > 0 {
			t.Errorf("%s was read whole %d times", table, n)
		}
	}
}

// Nor does any page read or sort the rows of how sites stand from end to end;
// counting them may, for it ends at ten thousand.
func TestFleet_NoPageReadsEveryStanding(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	seedFleet(a, fleet{sites: 20_000, tenants: 400, hosts: 100, kinds: "{database,data}"})
	seedChoices(a)
	seedRisks(a)
	s, err := store.Open(t.Context(), store.Options{URL: a.URL, WebConns: 1})
	a.Must(err)
	defer s.Close()
	grant, err := authz.Check(authz.Console(), authz.ViewFleet, id.Tenant{})
	a.Must(err)
	const read = `SELECT coalesce(max(seq_scan), 0)::int FROM pg_stat_user_tables WHERE relname = 'standing'`
	const fetched = `SELECT coalesce(max(idx_tup_fetch), 0)::int FROM pg_stat_user_tables WHERE relname = 'standing'`
	before, beforeFetched, pages := a.Count(read), a.Count(fetched), 0
	err = s.Tx(t.Context(), grant, func(ctx context.Context, tx *store.Tx) error {
		of, err := tx.TenantBySlug(ctx, "t7")
		if err != nil {
			return err
		}
		second, err := tx.DestinationByName(ctx, "second")
		if err != nil {
			return err
		}
		gold, err := tx.PolicyByName(ctx, "gold")
		if err != nil {
			return err
		}
		asks := []store.FleetAsk{{}, {Published: true}, {Active: true}, {Host: "h3"}, {Tenant: of.ID}, {Destination: second.ID}, {Policy: gold.ID}, {Holds: "example"}, {Begins: "s7"}}
		for _, r := range app.FleetRisks() {
			asks = append(asks, store.FleetAsk{Risk: r}, store.FleetAsk{Risk: r, Host: "h3"}, store.FleetAsk{Risk: r, Destination: second.ID}, store.FleetAsk{Risk: r, Active: true})
		}
		for _, ask := range asks {
			ask.Now = tx.Now
			for _, by := range app.FleetOrders() {
				for _, down := range []bool{false, true} {
					n, err := bothWays(ctx, t, tx, ask, store.FleetCut{By: by, Down: down, Most: 101})
					if err != nil {
						return err
					}
					pages += n
				}
			}
		}
		return nil
	})
	a.Must(err)
	s.Close() // a connection that ends hands in its counts
	if n := a.Count(read) - before; n > 0 {
		t.Errorf("%d of %d pages read every site", n, pages)
	}
	if n := (a.Count(fetched) - beforeFetched) / pages; n > 3_000 {
		t.Errorf("a page looks at %d sites on average", n)
	}
}

// bothWays reads two pages by walking the order, and by gathering the sites in
// question where an index finds them, which gives the same.
func bothWays(ctx context.Context, t *testing.T, tx *store.Tx, ask store.FleetAsk, cut store.FleetCut) (pages int, err error) {
	t.Helper()
	for range 2 {
		walked, err := tx.Fleet(ctx, ask, cut)
		if err != nil {
			return pages, err
		}
		pages++
		if ask.Destination.IsZero() && (ask.Host != "" || ask.Risk != "" || ask.Begins != "" || !ask.Tenant.IsZero() || !ask.Policy.IsZero()) { // a third of all lie at the destination
			few := cut
			few.Few = true
			gathered, err := tx.Fleet(ctx, ask, few)
			if err != nil {
				return pages, err
			}
			pages++
			if !slices.EqualFunc(walked, gathered, func(a, b store.FleetPlace) bool { return a.Site == b.Site && slices.Equal(a.Keys, b.Keys) }) {
				t.Errorf("%+v, %+v: walked %d, gathered %d, and not the same", ask, cut, len(walked), len(gathered))
			}
		}
		if len(walked) < cut.Most {
			break
		}
		cut.After = walked[cut.Most-1].Keys
	}
	return pages, nil
}

// The row of how a site stands follows whatever changes it.
func TestStanding_FollowsWhatChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	h := r.host("host-a", 2)
	site := r.site("a.example", "own", "host-a")
	_ = h
	stands := func(what string, want bool, condition string) {
		t.Helper()
		if got := r.Count("SELECT count(*) FROM standing WHERE site_id = $1 AND "+condition, site.String()) == 1; got != want {
			t.Errorf("%s: %s is %v", what, condition, got)
		}
	}
	step := func(sql string) { t.Helper(); r.SQL(strings.ReplaceAll(sql, "SITE", "'"+site.String()+"'")) }
	stands("new", true, "bare AND NOT failed AND risk = 2 AND late_at < '2030-01-01'")
	step(`UPDATE schedule SET failures = 1 WHERE site_id = SITE AND kind = 'data'`)
	stands("a run failed", true, "failed AND risk = 1")
	step(`INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, created_at) SELECT tenant_id, gen_random_uuid(), id, 'data', destination_id, 'x', '\x00', now() FROM site WHERE id = SITE ON CONFLICT DO NOTHING`)
	step(`INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds, files, bytes, stored_bytes, details, local_month)
		SELECT r.tenant_id, gen_random_uuid(), r.site_id, p.id, r.id, 1, 'data', 'incomplete', 's', '{}', now(), now(), 1, 1, 1, 1, '{}', '2026-11' FROM run r JOIN repository p ON p.site_id = r.site_id AND p.kind = 'data' WHERE r.site_id = SITE AND r.kind = 'data'`)
	stands("its copy is incomplete", true, "incomplete AND NOT failed")
	step(`UPDATE schedule SET failures = 2 WHERE site_id = SITE AND kind = 'data'`)
	stands("a run failed after it", true, "failed AND NOT incomplete")
	step(`UPDATE copy SET state = 'damaged' WHERE site_id = SITE`)
	stands("the copy is damaged", true, "damaged = 1 AND risk = 0")
	step(`UPDATE copy SET state = 'deleting' WHERE site_id = SITE`)
	stands("it is deleted", true, "damaged = 0 AND risk = 1")
	step(`UPDATE schedule SET failures = 0, newest_good_at = now(), bytes = 7, overdue_at = now() - interval '1 hour' WHERE site_id = SITE`)
	stands("both kinds were copied", true, "NOT bare AND NOT failed AND bytes = 14 AND late_at < now()")
	step(`UPDATE site SET state = 'suspended', legal_hold = 'x', name = 'B.example' WHERE id = SITE`)
	stands("suspended, held and renamed", true, "suspended AND held AND name = 'b.example'")
	step(`UPDATE tenant SET name = 'Other Name'`)
	step(`UPDATE host SET name = 'host-z'`)
	stands("its organisation and host are renamed", true, "tenant_name = 'other name' AND host_name = 'host-z'")
	row := r.Count(`SELECT hashtext((st.*)::text) FROM standing st`)
	step(`SELECT derive_standing(SITE)`)
	if r.Count(`SELECT hashtext((st.*)::text) FROM standing st`) != row {
		t.Error("derived anew it is another row")
	}
	step(`UPDATE site SET state = 'removed' WHERE id = SITE`)
	stands("removed", false, "true")
}

// A look is staff's; a customer has none, whatever they name.
func TestFleet_IsNoCustomers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	for _, who := range []authz.Actor{{Name: "customer"}, {}} {
		if _, err := r.LookAtFleet(t.Context(), who, app.FleetLook{Tenant: "own"}); err == nil {
			t.Errorf("%+v sees every site", who)
		}
		if _, err := r.SaveView(t.Context(), who, app.NewView{Name: "x"}); err == nil {
			t.Errorf("%+v saves a view", who)
		}
	}
	if _, err := r.SaveView(t.Context(), authz.Console(), app.NewView{Name: "x"}); err == nil {
		t.Error("the console, which is nobody's account, keeps a view")
	}
	if err := r.DeleteView(t.Context(), authz.Console(), id.New[id.View]()); err == nil {
		t.Error("a view that is not there is deleted")
	}
	if !slices.Contains(app.FleetRisks(), "late") {
		t.Error(fmt.Sprint(app.FleetRisks()))
	}
}
