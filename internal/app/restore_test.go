package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/tenant"
)

func TestRestore_FromTheWishToWhatIsAccepted(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	x.wants(of, restore.Planned)
	if n := x.Count("SELECT count(*) FROM copy_use WHERE restore_id = $1", of.String()); n != 2 {
		t.Fatalf("%d copies are held", n)
	}
	x.move(of)
	v := x.wants(of, restore.Safeguarding)
	if len(v.SafetyRuns) != 2 || v.SafetyRuns[0].Reason != backup.Manual || v.SafetyRuns[0].ProtectDays != 30 || !strings.HasPrefix(v.SafetyRuns[0].ProtectWhy, "Safety copy before restore "+of.String()) {
		t.Fatalf("safety runs %+v", v.SafetyRuns)
	}
	x.move(of) // its runs are open: nothing moves
	x.wants(of, restore.Safeguarding)
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	if n := x.Count("SELECT count(*) FROM river.river_job WHERE kind = 'move_restore'"); n < 3 {
		t.Errorf("%d jobs move the restore: the ends of its runs must bring one each", n)
	}
	x.move(of)
	v = x.wants(of, restore.Queued)
	if len(v.Evidence.Safety) != 2 || x.Count("SELECT count(*) FROM copy_use WHERE restore_id = $1", of.String()) != 4 {
		t.Fatalf("safety %+v", v.Evidence.Safety)
	}
	l := x.work(agentproto.KindRestore)
	checkLease(t, x, of, l)
	x.must(x.agent.start(l))
	x.must(x.agent.start(l)) // again: nothing
	x.clock.Add(10 * time.Second)
	keep := x.agent.beat(l, agentproto.Progress{Phase: "database", Detail: "Loading the database: 312 of 494 tables, about 2 minutes left", Step: 3, Steps: 9, DoneTables: 312, AllTables: 494, SecondsLeft: 120, DoneBytes: 100})
	if len(keep.Keep) != 1 {
		t.Fatalf("the heartbeat is told to stop: %+v", keep)
	}
	x.clock.Add(10 * time.Second)
	x.agent.beat(l, agentproto.Progress{Detail: "Loading the database", Step: 3, Steps: 9, DoneTables: 320, AllTables: 494, SecondsLeft: 110, DoneBytes: 10_000_100})
	v = x.wants(of, restore.Running)
	if v.Step != 3 || v.StepsAll != 9 || v.Percent != 64 || v.SecondsLeft != 110 || v.BytesPerSecond != 1_000_000 || v.Waits != "" {
		t.Fatalf("%+v", v)
	}
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof)) // again: the same answer
	v = x.wants(of, restore.Restored)
	if v.Evidence.Host == nil || v.Evidence.Host.Rows != 40615 || v.Row.RestoredAt == nil || !v.MayAccept || v.MayCancel {
		t.Fatalf("%+v", v.Evidence)
	}
	if got := len(x.agent.mustPoll()); got != 0 {
		t.Fatalf("%d leases before anybody accepted", got)
	}
	x.must(x.AcceptRestore(t.Context(), authz.Console(), of))
	s := x.work(agentproto.KindSettle)
	if s.Restore.ID != of.String() || s.Restore.Data != nil {
		t.Fatalf("%+v", s.Restore)
	}
	x.must(x.agent.start(s))
	x.must(x.agent.done(s, agentproto.OutcomeGood, "", ""))
	v = x.wants(of, restore.Settled)
	if n := x.Count("SELECT count(*) FROM copy_use"); n != 0 {
		t.Errorf("%d copies are held after the end", n)
	}
	for _, step := range v.Steps {
		if !step.Done || step.Current {
			t.Errorf("step %+v", step)
		}
	}
	if len(v.Events) < 8 {
		t.Errorf("%d events", len(v.Events))
	}
}

func checkLease(t *testing.T, x *restorable, of id.Restore, l agentproto.Lease) {
	t.Helper()
	r := l.Restore
	if r == nil || r.ID != of.String() || r.Database == nil || r.Data == nil || l.Repository.Token != "" || l.Site.CodeDir == "" {
		t.Fatalf("%+v", l)
	}
	if r.Database.Copy != x.database.String() || r.Data.Copy != x.data.String() || len(r.Database.Tables) != 1 || r.Database.SHA256 == "" {
		t.Fatalf("%+v", r)
	}
	for _, from := range []*agentproto.RestoreFrom{r.Database, r.Data} {
		if !strings.HasPrefix(from.Repository.Token, "read "+from.Repository.Name) || from.Repository.Password == "" {
			t.Errorf("the repository's token is %q", from.Repository.Token)
		}
	}
	if r.Database.Repository.Name == r.Data.Repository.Name {
		t.Error("both parts are of one repository")
	}
}

func TestRestore_UndoneWhenItIsNotWhatWasWanted(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	x.restored(of)
	x.must(x.UndoRestore(t.Context(), authz.Console(), of, "the wrong day"))
	l := x.work(agentproto.KindUndo)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeFailed, "nothing-kept", "")) // it cannot: the new state stays
	if v := x.wants(of, restore.Restored); v.Row.ErrorCode != "nothing-kept" || v.Row.Error == "" {
		t.Fatalf("%+v", v.Row)
	}
	x.must(x.UndoRestore(t.Context(), authz.Console(), of, ""))
	l = x.work(agentproto.KindUndo)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	if v := x.wants(of, restore.Undone); v.Evidence.Undo == nil || v.Row.Error != "" {
		t.Fatalf("%+v", v.Row)
	}
	again := x.begin() // may be asked for at once; its host tidies up first
	x.move(again)
	x.dispatch(x.name)
	var tidy []agentproto.Lease
	for _, l := range x.agent.mustPoll() {
		if l.Kind == agentproto.KindSettle {
			tidy = append(tidy, l)
		}
	}
	if len(tidy) != 1 {
		t.Fatalf("what was undone is not tidied up: %+v", tidy)
	}
	x.must(x.agent.start(tidy[0]))
	x.must(x.agent.done(tidy[0], agentproto.OutcomeGood, "", ""))
	x.takeCopies(x.agent)
	x.move(again)
	x.wants(again, restore.Queued)
}

// Before anything of the site is changed its state is saved; where that cannot
// be had, nothing is done until staff say why it may be.
func TestRestore_WithoutASafetyCopyNothingIsTouched(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	for _, outcome := range []string{agentproto.OutcomeRefused, agentproto.OutcomeIncomplete} {
		of := x.begin()
		x.move(of)
		x.dispatch(x.name)
		for _, l := range append(x.agent.mustPoll(), x.agent.mustPoll()...) {
			x.must(x.agent.start(l))
			x.must(x.agent.complete(l, outcome))
		}
		for _, l := range x.agent.mustPoll() { // the other kind, after the first
			x.must(x.agent.start(l))
			x.must(x.agent.complete(l, outcome))
		}
		x.move(of)
		v := x.wants(of, restore.Failed)
		if v.Row.ErrorCode != "no-safety-copy" || !strings.Contains(v.Row.Error, "nothing of the site was changed") || x.Count("SELECT count(*) FROM host_task") != 0 {
			t.Fatalf("%s: %+v", outcome, v.Row)
		}
		if n := x.Count("SELECT count(*) FROM copy_use"); n != 0 {
			t.Errorf("%d copies are held", n)
		}
	}
	_, err := x.StartRestore(t.Context(), authz.Console(), app.NewRestore{Site: x.name, What: restore.Everything, Database: x.database, Data: x.data, WithoutSafety: "because"})
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "without_safety") {
		t.Fatalf("a short reason: %v", err)
	}
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "the database does not start any more" })
	x.move(of)
	v := x.wants(of, restore.Queued)
	if v.Evidence.WithoutSafety != "the database does not start any more" || v.Evidence.By != "cli" || v.Row.WithoutBy != "cli" {
		t.Fatalf("%+v", v.Evidence)
	}
	if l := x.work(agentproto.KindRestore); l.Restore.Database == nil {
		t.Fatalf("%+v", l)
	}
}

func TestRestore_TakesASafetyCopyAnewOfWhatWasBegunBefore(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	x.again(x.name, backup.Database)
	x.dispatch(x.name)
	before := x.work(agentproto.KindDatabase)
	x.must(x.agent.start(before))
	x.clock.Add(10 * time.Minute)
	of := x.begin()
	x.move(of)
	x.must(x.agent.complete(before, agentproto.OutcomeGood))
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	x.move(of)
	x.wants(of, restore.Safeguarding)
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	x.move(of)
	v := x.wants(of, restore.Queued)
	for _, s := range v.Evidence.Safety {
		if s.Run.String() == before.Run {
			t.Errorf("the %s copy that was begun before is the safety copy", s.Kind)
		}
	}
	if len(v.Evidence.Safety) != 2 {
		t.Errorf("%+v", v.Evidence.Safety)
	}
}

func TestRestore_JoinsTheRunsThatAreOpen(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	x.again(x.name, backup.Database)
	x.SQL("UPDATE run SET state = 'planned', not_before = now() + interval '3 hours', reason = 'scheduled', priority = 3, protect_days = 0, protect_why = '' WHERE state = 'queued'")
	of := x.begin()
	x.move(of)
	v := x.wants(of, restore.Safeguarding)
	if n := x.Count("SELECT count(*) FROM run WHERE state IN ('planned', 'queued')"); n != 2 {
		t.Fatalf("%d runs are open", n)
	}
	for _, run := range v.SafetyRuns {
		if run.ProtectDays != 30 || run.Priority != 1 || run.NotBefore.After(x.clock.Now()) {
			t.Errorf("%+v", run)
		}
	}
}

func TestRestore_AnErrorOfTheHostEndsItWithTheReason(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	x.safeguard(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeFailed, "not-verified", `{"rolled_back":true}`))
	v := x.wants(of, restore.Failed)
	if v.Row.Error != "It broke on the host." || v.Evidence.Host == nil || !v.Evidence.Host.RolledBack || len(v.Evidence.Safety) != 2 {
		t.Fatalf("%+v", v.Row)
	}
	if got := len(x.agent.mustPoll()); got != 0 {
		t.Fatalf("%d leases after the end", got)
	}
}

// A failure that says that trying again helps is tried again after a pause,
// three times in all.
func TestRestore_TriesAgainWhatMayHelp(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	x.safeguard(of)
	for try := range 3 {
		l := x.work(agentproto.KindRestore)
		if l.Attempt != try+1 {
			t.Fatalf("attempt %d, want %d", l.Attempt, try+1)
		}
		x.must(x.agent.start(l))
		x.must(x.agent.done(l, agentproto.OutcomeFailed, "not-rolled-back", ""))
		x.must(x.agent.done(l, agentproto.OutcomeFailed, "not-rolled-back", "")) // again: the same answer
		if try < 2 {
			if v := x.wants(of, restore.Queued); !strings.Contains(v.Waits, "tried again at") {
				t.Errorf("waits: %q", v.Waits)
			}
			if got := len(x.agent.mustPoll()); got != 0 {
				t.Fatalf("%d leases before the pause was over", got)
			}
			x.clock.Add(20 * time.Minute)
		}
	}
	if v := x.wants(of, restore.Failed); v.Row.ErrorCode != "not-rolled-back" || !strings.Contains(v.Steps[len(v.Steps)-1].Words, "looked at") {
		t.Fatalf("%+v", v.Row)
	}
}

func TestRestore_RefusesWhatCannotBeRestored(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 8)
	other := x.rig.site("other.example", "a", "host-a")
	x.takeCopies(x.agent)
	foreign := x.newest("other.example", backup.Database)
	for _, c := range []struct {
		name string
		prep string // SQL before
		undo string
		n    app.NewRestore
		kind errs.Kind
		says string
	}{
		{"no such copy", "", "", app.NewRestore{What: restore.Database, Database: id.New[id.Copy]()}, errs.Invalid, "database: "},
		{"another site's", "", "", app.NewRestore{What: restore.Database, Database: foreign}, errs.Invalid, "no copy of this site"},
		{"the other kind", "", "", app.NewRestore{What: restore.Data, Data: x.database}, errs.Invalid, "is a database copy"},
		{"one too many", "", "", app.NewRestore{What: restore.Data, Data: x.data, Database: x.database}, errs.Invalid, "leave it away"},
		{"damaged", "UPDATE copy SET state = 'damaged' WHERE id = $1", "UPDATE copy SET state = 'good' WHERE id = $1", app.NewRestore{What: restore.Database, Database: x.database}, errs.Invalid, "choose another"},
		{"incomplete", "UPDATE copy SET state = 'incomplete' WHERE id = $1", "UPDATE copy SET state = 'good' WHERE id = $1", app.NewRestore{What: restore.Database, Database: x.database}, errs.Invalid, "whole one"},
		{"binned", "UPDATE copy SET binned_at = now() WHERE id = $1", "UPDATE copy SET binned_at = NULL WHERE id = $1", app.NewRestore{What: restore.Database, Database: x.database}, errs.Invalid, "take it back"},
		{"part of a database", "", "", app.NewRestore{What: restore.Database, Database: x.database, Input: restore.Input{Paths: []string{"mdl_user"}}}, errs.Invalid, "never restored in part"},
		{"out of the copy", "", "", app.NewRestore{What: restore.Files, Data: x.data, Input: restore.Input{Paths: []string{"../x"}}}, errs.Invalid, "leads out"},
		{"what", "", "", app.NewRestore{What: "tables", Database: x.database}, errs.Invalid, "everything, database, data or files"},
		{"suspended site", "UPDATE site SET state = 'suspended' WHERE name = 'a.example' AND $1 <> ''", "UPDATE site SET state = 'active' WHERE $1 <> ''", app.NewRestore{What: restore.Database, Database: x.database}, errs.Conflict, "is suspended"},
		{"suspended tenant", "UPDATE tenant SET state = 'suspended' WHERE $1 <> ''", "UPDATE tenant SET state = 'active' WHERE $1 <> ''", app.NewRestore{What: restore.Database, Database: x.database}, errs.Conflict, "is suspended"},
		{"revoked host", "UPDATE host SET state = 'revoked' WHERE $1 <> ''", "UPDATE host SET state = 'active' WHERE $1 <> ''", app.NewRestore{What: restore.Database, Database: x.database}, errs.Conflict, "Enrol its agent"},
	} {
		if c.prep != "" {
			x.SQL(c.prep, x.database.String())
		}
		c.n.Site = x.name
		_, err := x.StartRestore(t.Context(), authz.Console(), c.n)
		if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s with %q", c.name, err, c.kind, c.says)
		}
		if c.undo != "" {
			x.SQL(c.undo, x.database.String())
		}
	}
	if n := x.Count("SELECT count(*) FROM restore") + x.Count("SELECT count(*) FROM copy_use"); n != 0 {
		t.Errorf("%d rows of refused restores", n)
	}
	of := x.begin()
	if _, err := x.StartRestore(t.Context(), authz.Console(), app.NewRestore{Site: x.name, What: restore.Data, Data: x.data}); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), of.String()) {
		t.Errorf("a second restore of the site: %v", err)
	}
	_ = other
}

func TestRestore_WhoMayWhat(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	member := func(role tenant.Role) authz.Actor {
		return authz.Actor{Name: "customer:x", Account: id.New[id.Account](), Memberships: []authz.Membership{{Tenant: x.tenantID, Role: role}}}
	}
	stranger := authz.Actor{Name: "customer:y", Account: id.New[id.Account](), Memberships: []authz.Membership{{Tenant: id.New[id.Tenant](), Role: tenant.Admin}}}
	n := app.NewRestore{Site: x.name, What: restore.Data, Data: x.data}
	for name, c := range map[string]struct {
		who  authz.Actor
		kind errs.Kind
	}{
		"a customer":  {member(tenant.Admin), errs.Forbidden},
		"support":     {authz.Actor{Name: "staff:s", Staff: tenant.Support}, errs.Forbidden},
		"a stranger":  {stranger, errs.NotFound},
		"nobody here": {authz.Actor{}, errs.NotFound},
	} {
		if _, err := x.StartRestore(t.Context(), c.who, n); !errs.Is(err, c.kind) {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	of := x.begin()
	if _, err := x.Restore(t.Context(), stranger, of); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger sees it: %v", err)
	}
	if err := x.CancelRestore(t.Context(), member(tenant.Admin), of, "no"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a customer cancels it: %v", err)
	}
	x.restored(of)
	v, err := x.Restore(t.Context(), member(tenant.Viewer), of)
	if err != nil || v.MayAccept || v.HostName != "" || v.SiteName != x.name {
		t.Errorf("a viewer's view: %v %+v", err, v)
	}
	if err := x.AcceptRestore(t.Context(), member(tenant.Viewer), of); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a viewer accepts it: %v", err)
	}
	if err := x.AcceptRestore(t.Context(), stranger, of); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger accepts it: %v", err)
	}
	x.must(x.AcceptRestore(t.Context(), member(tenant.Member), of)) // in a customer's own transaction
	x.wants(of, restore.Settling)
	if n := x.Count("SELECT count(*) FROM event WHERE verb = 'restore.accepted' AND actor = 'customer:x'"); n != 1 {
		t.Errorf("%d events say who accepted", n)
	}
	list, err := x.ListRestores(t.Context(), member(tenant.Viewer), app.RestoreQuery{Tenant: x.tenantID})
	if err != nil || len(list) != 1 || list[0].HostName != "" {
		t.Errorf("a customer's list: %v %+v", err, list)
	}
	if _, err := x.ListRestores(t.Context(), member(tenant.Admin), app.RestoreQuery{}); err == nil {
		t.Error("a customer lists everybody's")
	}
}
