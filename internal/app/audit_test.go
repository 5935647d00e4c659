package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

// auditRig is two tenants with a site and an admin each, and a member of staff.
type auditRig struct {
	*rig
	own, other           id.Tenant
	staff, ada, stranger app.Person
}

func newAuditRig(t *testing.T) *auditRig {
	t.Helper()
	r := &auditRig{rig: newRig(t)}
	var err error
	r.own, err = r.AddTenant(t.Context(), authz.Console(), "Own", "own")
	r.must(err)
	r.other, err = r.AddTenant(t.Context(), authz.Console(), "Other", "other")
	r.must(err)
	person := func(n app.NewAccount) app.Person {
		n.Password = "correct horse battery"
		made, err := r.AddAccount(t.Context(), authz.Console(), n)
		r.must(err)
		p, err := r.PersonByID(t.Context(), made)
		r.must(err)
		return p
	}
	r.staff = person(app.NewAccount{Email: "sam@hoster.example", Name: "Sam", Staff: tenant.Operator})
	r.ada = person(app.NewAccount{Email: "ada@own.example", Name: "Ada", Tenant: "own", Role: tenant.Admin})
	r.stranger = person(app.NewAccount{Email: "eve@other.example", Name: "Eve", Tenant: "other", Role: tenant.Admin})
	r.host("host-a", 4)
	r.site("own.example", "own", "host-a")
	r.site("other.example", "other", "host-a")
	r.clock.Add(time.Hour)
	return r
}

func (r *auditRig) ask(who app.Person, q app.AuditQuery) []app.AuditEvent {
	r.t.Helper()
	page, err := r.Audit(r.t.Context(), who.Actor, q)
	r.must(err)
	return page.Events
}

func (r *auditRig) act(who app.Person, site, address string) {
	r.t.Helper()
	_, err := r.StartBackup(app.WithAddress(r.t.Context(), address), who.Actor, site, []backup.Kind{backup.Data}, app.Protection{Reason: "a test"})
	r.must(err)
}

func TestAudit_NotesFromWherePeopleActAndNothingOfTheSystem(t *testing.T) {
	t.Parallel()
	r := newAuditRig(t)
	r.act(r.ada, "own.example", "192.0.2.7")
	r.act(r.staff, "own.example", "198.51.100.9")
	ctx := app.WithAddress(t.Context(), "203.0.113.1")
	r.must(r.Sweep(ctx))
	r.must(r.SignInFailed(ctx, app.From{Address: "203.0.113.1"}, r.ada.Actor.Account, "password"))
	if n := r.Count("SELECT count(*) FROM event WHERE address IS NOT NULL AND actor LIKE 'system:%'"); n != 0 {
		t.Errorf("%d events of the system have an address", n)
	}
	if n := r.Count("SELECT count(*) FROM event WHERE address = '203.0.113.1'"); n != 0 {
		t.Errorf("%d", n)
	}
	for _, c := range []struct {
		who   app.Person
		staff string // what is seen of the address of staff
	}{{r.staff, "198.51.100.9"}, {r.ada, ""}} {
		seen := map[string]string{}
		for _, e := range r.ask(c.who, app.AuditQuery{Tenant: only(c.who, r.own), Verb: "run.protected"}) {
			seen[e.Actor] = e.Address
		}
		for _, e := range r.ask(c.who, app.AuditQuery{Tenant: only(c.who, r.own), Verb: "run.planned", Everything: true}) {
			seen[e.Actor] = e.Address
		}
		if seen[r.ada.Actor.Name] != "192.0.2.7" {
			t.Errorf("%s sees %v", c.who.Name, seen)
		}
		if got, ok := seen[r.staff.Actor.Name]; ok && got != c.staff {
			t.Errorf("%s sees of staff %q", c.who.Name, got)
		}
	}
}

// only is the tenant that a customer asks for; staff ask for all.
func only(p app.Person, of id.Tenant) id.Tenant {
	if p.Actor.Staff != "" {
		return id.Tenant{}
	}
	return of
}

func TestAudit_ACustomerSeesTheOwnTenantAlone(t *testing.T) {
	t.Parallel()
	r := newAuditRig(t)
	r.act(r.ada, "own.example", "192.0.2.7")
	r.act(r.stranger, "other.example", "192.0.2.8")
	for _, q := range []app.AuditQuery{{}, {Everything: true}, {Verb: "run.planned"}, {Who: r.stranger.Actor.Name}, {TenantSlug: "other"}} {
		q.Tenant = r.own
		for _, e := range r.ask(r.ada, q) {
			if e.TenantID != r.own || e.Who == "Eve" || e.WhoMail == "eve@other.example" {
				t.Errorf("%+v shows %+v", q, e)
			}
		}
	}
	for name, q := range map[string]app.AuditQuery{
		"a foreign site": {Tenant: r.own, Site: "other.example"}, "a foreign person": {Tenant: r.own, Who: "eve@other.example"}, "staff's address": {Tenant: r.own, Who: "sam@hoster.example"},
		"no such site": {Tenant: r.own, Site: "no.such.example"},
	} {
		if _, err := r.Audit(t.Context(), r.ada.Actor, q); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, q := range map[string]app.AuditQuery{"every tenant": {}, "another tenant": {Tenant: r.other}} {
		if _, err := r.Audit(t.Context(), r.ada.Actor, q); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, role := range []tenant.Role{tenant.Member, tenant.Viewer} {
		who := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: r.own, Role: role}}}
		if _, err := r.Audit(t.Context(), who, app.AuditQuery{Tenant: r.own}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// Every filter alone and all together; the names behind the identifiers.
func TestAudit_FiltersAndNames(t *testing.T) {
	t.Parallel()
	r := newAuditRig(t)
	r.act(r.ada, "own.example", "192.0.2.7")
	made, _, err := r.MakeToken(t.Context(), authz.Console(), app.NewToken{Name: "monitoring", Staff: tenant.Auditor})
	r.must(err)
	bearer, err := r.TokenBearer(t.Context(), made)
	r.must(err)
	r.must(r.MoveHost(t.Context(), r.staff.Actor, "host-a", "maintenance", "disks"))
	for name, c := range map[string]struct {
		q    app.AuditQuery
		most int
		is   func(app.AuditEvent) bool
	}{
		"by mail": {app.AuditQuery{Who: " ADA@own.example"}, 5, func(e app.AuditEvent) bool {
			return e.Who == "Ada" && e.WhoMail == "ada@own.example" && e.Tenant == "Own"
		}},
		"by actor":   {app.AuditQuery{Who: "cli"}, 100, func(e app.AuditEvent) bool { return e.Actor == "cli" }},
		"the system": {app.AuditQuery{Who: "system:dispatch", Everything: true}, 100, func(e app.AuditEvent) bool { return e.Actor == "system:dispatch" }},
		"by verb":    {app.AuditQuery{Verb: "host.maintenance"}, 1, func(e app.AuditEvent) bool { return e.Subject == "host-a" && e.Who == "Sam" }},
		"routine":    {app.AuditQuery{Verb: "run.queued", Everything: true}, 10, func(e app.AuditEvent) bool { return e.Verb == "run.queued" }},
		"by site":    {app.AuditQuery{Site: "own.example", Everything: true}, 100, func(e app.AuditEvent) bool { return e.Site == "own.example" }},
		"by tenant":  {app.AuditQuery{TenantSlug: "other", Everything: true}, 100, func(e app.AuditEvent) bool { return e.Tenant == "Other" }},
		"by time":    {app.AuditQuery{Since: r.clock.Now(), Until: r.clock.Now().Add(time.Second)}, 10, func(e app.AuditEvent) bool { return e.At.Equal(r.clock.Now()) }},
		"people":     {app.AuditQuery{}, 100, func(e app.AuditEvent) bool { return !strings.HasPrefix(e.Actor, "system:") }},
		"all":        {app.AuditQuery{Who: "ada@own.example", Site: "own.example", TenantSlug: "own", Verb: "run.protected", Since: r.clock.Now(), Until: r.clock.Now().Add(time.Second), Everything: true}, 1, func(e app.AuditEvent) bool { return e.Who == "Ada" }},
	} {
		events := r.ask(r.staff, c.q)
		if len(events) == 0 || len(events) > c.most {
			t.Errorf("%s: %d events", name, len(events))
		}
		for _, e := range events {
			if !c.is(e) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	if _, err := r.Audit(t.Context(), bearer.Actor, app.AuditQuery{}); err != nil {
		t.Errorf("an auditor's token: %v", err)
	}
	for name, q := range map[string]app.AuditQuery{"nobody": {Who: "no@such.example"}, "no tenant": {TenantSlug: "none"}, "size": {Size: 1001}, "negative": {Size: -1}} {
		if _, err := r.Audit(t.Context(), r.staff.Actor, q); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Thousands of events of one instant, page by page: each is there once.
func TestAudit_PagesThroughTiesWithoutLossOrRepeat(t *testing.T) {
	t.Parallel()
	r := newAuditRig(t)
	r.SQL(`INSERT INTO event (id, at, actor, verb, subject_kind) SELECT gen_random_uuid(), $1, 'staff:x', 'seeded', 'site' FROM generate_series(1, 2500)`, r.clock.Now())
	seen := map[id.Event]bool{}
	q := app.AuditQuery{Size: 333}
	var firsts []id.Event // of each page
	for pages := 0; ; pages++ {
		page, err := r.Audit(t.Context(), r.staff.Actor, q)
		r.must(err)
		for _, e := range page.Events {
			if seen[e.ID] {
				t.Fatalf("%s is there twice", e.ID)
			}
			seen[e.ID] = true
		}
		firsts = append(firsts, page.Events[0].ID)
		if page.Next.ID.IsZero() {
			q = app.AuditQuery{Size: 333, Before: page.Prev}
			break
		}
		if q.After, err = app.ParseAuditCursor(page.Next.String()); err != nil || q.After != page.Next {
			t.Fatalf("%q is read as %+v, %v", page.Next, q.After, err)
		}
		if pages > 20 {
			t.Fatal("it does not end")
		}
	}
	if want := r.Count("SELECT count(*) FROM event WHERE actor NOT LIKE 'system:%'"); len(seen) != want {
		t.Errorf("%d events of %d", len(seen), want)
	}
	for i := len(firsts) - 2; i >= 0; i-- { // the same pages, back to the newest
		page, err := r.Audit(t.Context(), r.staff.Actor, q)
		r.must(err)
		if page.Events[0].ID != firsts[i] || len(page.Events) != 333 || page.Next.ID.IsZero() || page.Prev.ID.IsZero() != (i == 0) {
			t.Fatalf("back at page %d: %d events, %v, %v", i, len(page.Events), page.Prev, page.Next)
		}
		q.Before = page.Prev
	}
}

func TestParseAuditCursor_RefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	good := app.AuditCursor{At: time.UnixMicro(1_700_000_000_000_001).UTC(), ID: id.New[id.Event]()}.String()
	if c, err := app.ParseAuditCursor(""); err != nil || c.String() != "" {
		t.Errorf("nothing: %v, %v", c, err)
	}
	for _, bad := range []string{"x", ".", "1", "1.", "-1." + good[17:], "1e9." + good[17:], " " + good, good + "x", "99999999999999999999." + good[17:], good + "\x00", fmt.Sprint(good, ";DROP")} {
		if c, err := app.ParseAuditCursor(bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v, %v", bad, c, err)
		}
	}
}
