package app_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/site"
	"holdfast/internal/tenant"
)

func TestStartBackup_JoinsTheRunThatIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := r.StartBackup(t.Context(), authz.Console(), "a.example", backup.Kinds(), app.Protection{})
			if err != nil || len(s) != 2 || !s[0].Joined {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	wg.Wait()
	if n := r.Count("SELECT count(*) FROM run"); n != 2 {
		t.Fatalf("%d runs", n)
	}
}

func TestStartBackup_ACustomerMayForTheOwnSiteAndSeesNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.tenant("b")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.site("b.example", "b", "host-a")
	h.hello()
	for range 4 { // let the first copies end
		for _, l := range h.mustPoll() {
			r.must(h.start(l))
			r.must(h.complete(l, agentproto.OutcomeGood))
		}
	}
	_, err := r.AddAccount(t.Context(), authz.Console(), app.NewAccount{Email: "ana@a.example", Name: "Ana", Password: "a long password", Tenant: "a", Role: tenant.Admin})
	r.must(err)
	ana, err := r.SignIn(t.Context(), app.From{}, "ANA@a.example ", "a long password")
	r.must(err)
	started, err := r.StartBackup(t.Context(), ana.Actor, "a.example", []backup.Kind{backup.Data}, app.Protection{})
	if err != nil || started[0].Joined {
		t.Fatalf("%+v, %v", started, err)
	}
	if _, err := r.StartBackup(t.Context(), ana.Actor, "b.example", backup.Kinds(), app.Protection{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a foreign site: %v", err)
	}
	if _, err := r.ViewSite(t.Context(), ana.Actor, "b.example"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a foreign site: %v", err)
	}
	v, err := r.ViewSite(t.Context(), ana.Actor, "a.example")
	if err != nil || len(v.Copies) != 2 {
		t.Errorf("the own site: %d copies, %v", len(v.Copies), err)
	}
	if _, err := r.ListRuns(t.Context(), ana.Actor, app.RunQuery{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("every tenant's runs: %v", err)
	}
}

func TestSignIn_SaysTheSameOfAWrongPasswordAndOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.AddAccount(t.Context(), authz.Console(), app.NewAccount{Email: "sam@x.example", Name: "Sam", Password: "a long password", Staff: tenant.Operator})
	r.must(err)
	_, wrong := r.SignIn(t.Context(), app.From{}, "sam@x.example", "another password")
	_, nobody := r.SignIn(t.Context(), app.From{}, "none@x.example", "another password")
	if !errs.Is(wrong, errs.Unsigned) || errs.Sentence(wrong) != errs.Sentence(nobody) {
		t.Fatalf("%v / %v", wrong, nobody)
	}
}

func TestFollowCopy_SealsEachMonthsFirstGoodDatabaseCopyOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	take := func() {
		for range 3 {
			for _, l := range h.mustPoll() {
				r.must(h.start(l))
				r.must(h.complete(l, agentproto.OutcomeGood))
			}
		}
		rows, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
		r.must(err)
		for range 2 { // the job is safe to run twice
			for _, c := range rows.Copies {
				r.must(r.FollowCopy(t.Context(), c.ID))
			}
		}
		r.keep()
	}
	take()
	r.again("a.example", backup.Database)
	take()
	if n := r.Count("SELECT count(*) FROM copy WHERE sealed_name <> ''"); n != 1 {
		t.Fatalf("%d sealed in one month", n)
	}
	r.clock.Add(31 * 24 * 3600 * 1e9)
	r.again("a.example", backup.Database)
	take()
	if n := r.Count("SELECT count(*) FROM copy WHERE sealed_name <> ''"); n != 2 {
		t.Fatalf("%d sealed in two months", n)
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE verified_at IS NULL"); n != 0 {
		t.Fatalf("%d copies were never read back", n)
	}
}

func TestFinishTask_ADamagedCopyIsMarkedAndAFailedTaskIsTriedLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	l := h.mustPoll()[0]
	r.must(h.start(l))
	r.must(h.complete(l, agentproto.OutcomeGood))
	v, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
	r.must(err)
	r.must(r.FollowCopy(t.Context(), v.Copies[0].ID))
	list, err := r.Destinations(t.Context())
	r.must(err)
	task, ok, err := r.TakeTask(t.Context(), list[0].ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{Err: errors.New("the storage is away")}))
	if n := r.Count("SELECT count(*) FROM copy WHERE state = 'good'"); n != 1 {
		t.Fatal("a failed look changed the copy")
	}
	r.clock.Add(3600 * 1e9)
	for {
		task, ok, err = r.TakeTask(t.Context(), list[0].ID)
		r.must(err)
		if !ok {
			break
		}
		r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{Damage: "a pack is cut"}))
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE state = 'damaged'"); n != 1 {
		t.Fatalf("%d damaged copies", n)
	}
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'copy.damaged'"); n != 1 {
		t.Fatalf("%d events", n)
	}
}

func TestAddSite_NamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	for _, c := range []struct {
		n     app.NewSite
		field string
		kind  errs.Kind
	}{
		{app.NewSite{Tenant: "no", Host: "host-a", Entry: site.Entry{Name: "x.example", CodeDir: "/x"}}, "", errs.NotFound},
		{app.NewSite{Tenant: "a", Host: "no", Entry: site.Entry{Name: "x.example", CodeDir: "/x"}}, "", errs.NotFound},
		{app.NewSite{Tenant: "a", Host: "host-a", Entry: site.Entry{Name: "a.example", CodeDir: "/x"}}, "name", errs.Invalid},
		{app.NewSite{Tenant: "a", Host: "host-a", Entry: site.Entry{Name: "x.example", CodeDir: "/srv/a/example"}}, "code", errs.Invalid},
	} {
		_, err := r.AddSite(t.Context(), authz.Console(), c.n)
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Field != c.field {
			t.Errorf("%+v: %v", c.n, err)
		}
	}
	if n := r.Count("SELECT count(*) FROM site"); n != 1 {
		t.Fatalf("%d sites", n)
	}
}

// A data copy, which sees no server, does not blot out what the database copy saw.
func TestComplete_TheSitesFactsAreThoseOfBothKinds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	for range 2 {
		for _, l := range h.mustPoll() {
			r.must(h.start(l))
			m := agentproto.CompleteRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: &agentproto.Copy{
				Snapshot: "k" + l.Run, Manifest: []byte("{}"), TakenAt: r.clock.Now(), Facts: agentproto.Facts{Release: "4.5.6", Warnings: []string{"both", l.Kind}},
			}}
			if l.Kind == agentproto.KindDatabase {
				m.Copy.Tables, m.Copy.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
				m.Copy.Facts.ServerVersion = "10.11"
			}
			r.must(r.Complete(t.Context(), h.host, m))
			h.held = nil
		}
	}
	v, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
	r.must(err)
	var f agentproto.Facts
	r.must(json.Unmarshal(v.Site.Facts, &f))
	if f.ServerVersion != "10.11" || !slices.Equal(f.Warnings, []string{"both", "database", "data"}) {
		t.Fatalf("%+v", f)
	}
}
