package app_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/tenant"
)

// attack is what a data run sees of a filedir that was encrypted overnight.
var attack = agentproto.Signals{
	Contents: 40_000, New: 10, Gone: 39_000, GoneUntrashed: 39_000, Foreign: 39_000, PHPFiles: 20_000,
	Examples: []string{"filedir/da/39/da39a3ee5e6b4b0d3255bfef95601890afd80709.locked"},
}

var quiet = agentproto.Signals{Contents: 40_000, New: 10, Gone: 3, PHPFiles: 20_000}

// sees has the next data run tell what it saw, and gives its copy.
func (r *rig) sees(a *agentLife, s agentproto.Signals) id.Copy {
	r.t.Helper()
	r.clock.Add(time.Hour)
	r.again("a.example", backup.Data)
	leases := a.mustPoll()
	if len(leases) != 1 || leases[0].Kind != agentproto.KindData {
		r.t.Fatalf("leases %+v", leases)
	}
	r.must(a.start(leases[0]))
	r.must(a.saw(leases[0], s))
	got := rows[struct{ C string }](r, `SELECT id::text FROM copy WHERE run_id = $1`, leases[0].Run)
	c, err := id.Parse[id.Copy](got[0].C)
	r.must(err)
	return c
}

// An attack seen by one run: the site is frozen, what was before it is
// protected, staff are told once, and nothing of it ends by itself.
func TestTamper_AnAttackFreezesTheSiteUntilAPersonSaysOtherwise(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	ctx, root := t.Context(), authz.Console()
	mails := r.letters()
	first := quiet
	first.First = true
	r.sees(a, first)
	for range 3 {
		r.sees(a, quiet)
	}
	last := r.sees(a, quiet)
	database := r.newestGood(of, backup.Database).Row.ID
	if s, err := r.TamperOf(ctx, root, "a.example"); err != nil || s.Alarm != "" || len(s.Looks) != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	r.SQL(`UPDATE copy SET protected_until = NULL, protected_why = ''`)

	bad := r.sees(a, attack)
	s, err := r.TamperOf(ctx, root, "a.example")
	r.must(err)
	if !strings.Contains(s.Alarm, "vanished") || s.Since.IsZero() || len(s.Evidence) < 3 || len(s.Looks) != 6 || s.Looks[0].Why == "" {
		t.Fatalf("%+v", s)
	}
	for c, want := range map[id.Copy]bool{last: true, database: true, bad: false} {
		got := rows[struct{ Y bool }](r, `SELECT coalesce(protected_until > $2::timestamptz + interval '80 days' AND protected_why LIKE 'Before a tamper alarm%', false) FROM copy WHERE id = $1`, c.String(), r.clock.Now())
		if got[0].Y != want {
			t.Errorf("copy %s is protected: %t, want %t", c, got[0].Y, want)
		}
	}
	for _, kind := range backup.Kinds() {
		for _, c := range r.keeping(of, kind).Copies {
			if !slices.Contains(c.Reasons, policy.ByTamper) {
				t.Fatalf("a %s copy may be deleted under the alarm: %v", kind, c.Reasons)
			}
		}
	}
	if got := mails(); len(got) != 1 || got[0] != "op@h.example: Tamper alarm: a.example" {
		t.Errorf("mails %v", got)
	}
	today, err := r.LookAtToday(ctx, root)
	r.must(err)
	if today.Apart.Tampered != 1 {
		t.Errorf("the page of the day says %+v", today.Apart)
	}

	// The next runs see it too, or see nothing any more: it stands, and nobody is told again.
	r.sees(a, attack)
	r.sees(a, quiet)
	if got := r.verbs("tamper.%"); len(got) != 1 || len(mails()) != 1 {
		t.Errorf("told again: %v, %v", got, mails())
	}
	for _, staff := range []tenant.StaffRole{tenant.Support, tenant.Billing, tenant.Auditor} {
		if err := r.ClearTamper(ctx, authz.Actor{Name: "s", Staff: staff}, "a.example", "looks fine"); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s cleared it: %v", staff, err)
		}
	}
	if err := r.ClearTamper(ctx, root, "a.example", "  "); !errs.Is(err, errs.Invalid) {
		t.Errorf("cleared without a reason: %v", err)
	}
	operator := authz.Actor{Name: "staff:1", Staff: tenant.Operator}
	r.must(r.ClearTamper(ctx, operator, "a.example", "a restore test of ours"))
	if err := r.ClearTamper(ctx, operator, "a.example", "again"); !errs.Is(err, errs.Conflict) {
		t.Errorf("cleared twice: %v", err)
	}
	if s, err = r.TamperOf(ctx, root, "a.example"); err != nil || s.Alarm != "" || !s.Since.IsZero() || len(s.Evidence) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	ev := rows[struct{ A, D string }](r, `SELECT actor, detail->>'reason' FROM event WHERE verb = 'tamper.cleared'`)
	if len(ev) != 1 || ev[0].A != "staff:1" || ev[0].D != "a restore test of ours" {
		t.Errorf("the log says %+v", ev)
	}
	if got := r.keeping(of, backup.Data).Copies; slices.Contains(got[0].Reasons, policy.ByTamper) {
		t.Error("cleared, and still frozen")
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE id = $1 AND protected_until IS NOT NULL", last.String()); n != 1 {
		t.Error("the protection went with the alarm")
	}
	r.sees(a, attack)
	if got := r.verbs("tamper.alarm"); len(got) != 2 {
		t.Errorf("a new attack raised %d alarms in all, want 2", len(got))
	}
}

// Looks are bounded, those that an alarm rests on stay, and a customer sees the
// own site's alone.
func TestTamper_LooksAreBoundedAndTheTenantsOwn(t *testing.T) {
	t.Parallel()
	r, a, _ := season(t)
	r.sees(a, attack)
	var signals agentproto.Signals
	b, err := json.Marshal(signals)
	r.must(err)
	r.SQL(`INSERT INTO tamper_look (tenant_id, run_id, site_id, at, signals) SELECT tenant_id, gen_random_uuid(), id, $1::timestamptz + i * interval '1 minute', $2::jsonb FROM site, generate_series(1, 200) i`, r.clock.Now(), string(b))
	r.clock.Add(24 * time.Hour)
	r.sees(a, quiet)
	if n := r.Count("SELECT count(*) FROM tamper_look"); n > 92 {
		t.Errorf("%d looks are kept", n)
	}
	if n := r.Count("SELECT count(*) FROM tamper_look WHERE alarm"); n != 1 {
		t.Errorf("%d alarms are kept", n)
	}
	v, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
	r.must(err)
	own := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: v.Site.TenantID, Role: tenant.Viewer}}}
	if s, err := r.TamperOf(t.Context(), own, "a.example"); err != nil || s.Alarm == "" {
		t.Errorf("%+v, %v", s, err)
	}
	if got, err := r.Verification(t.Context(), own, "a.example"); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	foreign := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: id.New[id.Tenant](), Role: tenant.Admin}}}
	for name, call := range map[string]func() error{
		"tamper":       func() error { _, err := r.TamperOf(t.Context(), foreign, "a.example"); return err },
		"verification": func() error { _, err := r.Verification(t.Context(), foreign, "a.example"); return err },
		"verify":       func() error { return r.VerifySite(t.Context(), own, "a.example", true) },
		"repair":       func() error { return r.RepairSite(t.Context(), own, "a.example") },
		"clear":        func() error { return r.ClearTamper(t.Context(), own, "a.example", "it is ours") },
	} {
		if err := call(); !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A report that says nothing of what it saw, from an agent before version 4,
// and a database run are no looks.
func TestTamper_OldAgentsAndDatabasesAreNotJudged(t *testing.T) {
	t.Parallel()
	r, _, _ := season(t)
	if s, err := r.TamperOf(t.Context(), authz.Console(), "a.example"); err != nil || len(s.Looks) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
