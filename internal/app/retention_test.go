package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
)

// season is a site with ten days behind it, under the published policy.
func season(t *testing.T) (*rig, *agentLife, id.Site) {
	t.Helper()
	r := newRig(t)
	r.clock.Set(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	r.tenant("a")
	a := r.host("host-a", 4)
	a.hello()
	_, err := r.CreatePolicy(t.Context(), authz.Console(), "prompt", prompt(), "")
	r.must(err)
	of := r.siteIn("a.example", "UTC")
	r.must(r.AssignPolicy(t.Context(), authz.Console(), "prompt", []string{"a.example"}))
	r.live(a, r.clock.Now().AddDate(0, 0, 10))
	return r, a, of
}

func (r *rig) keeping(of id.Site, kind backup.Kind) app.Keeping {
	r.t.Helper()
	v, err := r.ViewSite(r.t.Context(), authz.Console(), of.String())
	r.must(err)
	i := slices.IndexFunc(v.Keeping, func(k app.Keeping) bool { return k.Kind == kind })
	return v.Keeping[i]
}

// oldest is the oldest data copy that only a rule keeps.
func (r *rig) oldest(of id.Site) app.Judged {
	r.t.Helper()
	for _, c := range r.keeping(of, backup.Data).Copies {
		if slices.Equal(c.Reasons, []policy.Reason{policy.ByRule}) {
			return c
		}
	}
	r.t.Fatal("no data copy is kept by a rule alone")
	return app.Judged{}
}

func (r *rig) copyState(c id.Copy) string {
	r.t.Helper()
	type state struct{ S string }
	got := rows[state](r, `SELECT state::text || CASE WHEN binned_at IS NULL THEN '' ELSE ' in the bin' END FROM copy WHERE id = $1`, c.String())
	if len(got) == 0 {
		return "not there"
	}
	return got[0].S
}

func (r *rig) verbs(like string) (out []string) {
	r.t.Helper()
	type verb struct{ V string }
	for _, v := range rows[verb](r, `SELECT verb FROM event WHERE verb LIKE $1 ORDER BY at, id`, like) {
		out = append(out, v.V)
	}
	return out
}

// Whatever holds a copy, it stays through weeks in which every rule let it go,
// and goes when nothing holds it any more: a day in the bin, then storage,
// then the catalog.
func TestRetention_WhatHoldsACopyHoldsIt(t *testing.T) {
	t.Parallel()
	root := authz.Console()
	cases := map[policy.Reason]struct{ hold, release func(r *rig, c id.Copy) error }{
		policy.ByPin: {
			func(r *rig, c id.Copy) error { return r.PinCopy(t.Context(), root, c, true, "the audit wants it") },
			func(r *rig, c id.Copy) error { return r.PinCopy(t.Context(), root, c, false, "") },
		},
		policy.ByHold: {
			func(r *rig, c id.Copy) error { return r.HoldCopy(t.Context(), root, c, true, "case 17") },
			func(r *rig, c id.Copy) error { return r.HoldCopy(t.Context(), root, c, false, "") },
		},
		policy.ByProtection: {
			func(r *rig, c id.Copy) error {
				return r.ProtectCopy(t.Context(), root, c, app.Protection{Days: 90, Reason: "term ends"})
			},
			func(r *rig, c id.Copy) error { return r.UnprotectCopy(t.Context(), root, c) },
		},
		policy.ByUse: {
			func(r *rig, c id.Copy) error {
				r.SQL(`INSERT INTO copy_use SELECT tenant_id, gen_random_uuid(), id, 'restore', now(), 'infinity' FROM copy WHERE id = $1`, c.String())
				return nil
			},
			func(r *rig, c id.Copy) error {
				r.SQL(`DELETE FROM copy_use WHERE copy_id = $1`, c.String())
				r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
				return nil
			},
		},
		policy.ByTamper: {
			func(r *rig, _ id.Copy) error {
				r.SQL(`UPDATE site SET tamper_alarm = 'half of filedir changed'`)
				return nil
			},
			func(r *rig, _ id.Copy) error {
				r.SQL(`UPDATE site SET tamper_alarm = ''`)
				r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
				return nil
			},
		},
	}
	for reason, c := range cases {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			r, a, of := season(t)
			held := r.oldest(of).Row.ID
			r.must(c.hold(r, held))
			r.live(a, r.clock.Now().AddDate(0, 0, 4))
			i := slices.IndexFunc(r.keeping(of, backup.Data).Copies, func(j app.Judged) bool { return j.Row.ID == held })
			if i < 0 {
				t.Fatalf("the copy is %s", r.copyState(held))
			}
			got := r.keeping(of, backup.Data).Copies[i]
			if r.copyState(held) != "good" || !slices.Contains(got.Reasons, reason) || slices.Contains(got.Reasons, policy.ByRule) {
				t.Fatalf("%s, kept because of %v", r.copyState(held), got.Reasons)
			}
			r.must(c.release(r, held))
			r.live(a, r.clock.Now().Add(time.Minute))
			if s := r.copyState(held); s != "good in the bin" {
				t.Fatalf("let go, the copy is %s", s)
			}
			r.live(a, r.clock.Now().Add(23*time.Hour))
			if s := r.copyState(held); s != "good in the bin" {
				t.Fatalf("after 23 hours in the bin the copy is %s", s)
			}
			r.live(a, r.clock.Now().Add(2*time.Hour))
			if s := r.copyState(held); s != "not there" {
				t.Fatalf("after 25 hours the copy is %s", s)
			}
		})
	}
}

func TestRetention_TakesACopyBackFromTheBin(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	r.live(a, r.clock.Now().Add(5*time.Hour))
	var binned id.Copy
	for _, c := range r.keeping(of, backup.Data).Copies {
		if !c.BinnedAt.IsZero() {
			binned = c.Row.ID
		}
	}
	if binned.IsZero() {
		t.Fatal("nothing is in the bin")
	}
	r.must(r.TakeBack(t.Context(), authz.Console(), binned, app.Protection{Days: 3}))
	if s := r.copyState(binned); s != "good" {
		t.Fatalf("taken back, it is %s", s)
	}
	if err := r.TakeBack(t.Context(), authz.Console(), binned, app.Protection{}); !errs.Is(err, errs.Conflict) {
		t.Errorf("a copy that is not in the bin was taken back: %v", err)
	}
	r.live(a, r.clock.Now().Add(70*time.Hour))
	if s := r.copyState(binned); s != "good" {
		t.Fatalf("within its protection it is %s", s)
	}
	r.live(a, r.clock.Now().Add(30*time.Hour))
	if s := r.copyState(binned); s != "not there" {
		t.Fatalf("a day after its protection it is %s", s)
	}
}

// A copy whose deletion has begun cannot be reached any more, and one that
// somebody reached in the same moment is not deleted.
func TestRetention_DeletionIsTheLastWord(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	c := r.oldest(of).Row.ID
	r.SQL(`UPDATE copy SET state = 'deleting' WHERE id = $1`, c.String())
	for name, err := range map[string]error{
		"protect": r.ProtectCopy(t.Context(), authz.Console(), c, app.Protection{}),
		"pin":     r.PinCopy(t.Context(), authz.Console(), c, true, "late"),
	} {
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Its task is lost: sweeping plans it again, once the pause is over.
	r.must(r.Sweep(t.Context()))
	r.live(a, r.clock.Now().Add(time.Minute))
	if s := r.copyState(c); s != "not there" {
		t.Fatalf("it is %s", s)
	}
	opened := r.oldest(of).Row.ID
	_, err := r.OpenCopy(t.Context(), authz.Console(), opened)
	r.must(err)
	r.SQL(`UPDATE copy SET binned_at = $2, tiers = '{}' WHERE id = $1`, opened.String(), r.clock.Now().Add(-48*time.Hour))
	r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
	r.live(a, r.clock.Now().Add(time.Hour))
	if s := r.copyState(opened); s != "good" {
		t.Fatalf("a copy that is being read is %s", s)
	}
}

// The control plane's clock jumps a year ahead and back: nothing is deleted
// for it, no slot is lost to it.
func TestRetention_AClockThatJumpsDeletesNothing(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	r.must(r.WatchClock(t.Context()))
	before := r.Count("SELECT count(*) FROM copy WHERE state = 'good'")
	right := r.clock.Now()
	r.clock.Set(right.AddDate(1, 0, 0))
	r.must(r.WatchClock(t.Context()))
	r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
	r.tick(a)
	r.clock.Set(right.Add(time.Hour))
	r.must(r.WatchClock(t.Context()))
	r.must(r.Sweep(t.Context()))
	r.live(a, right.Add(20*time.Hour))
	if n := r.Count("SELECT count(*) FROM copy WHERE state = 'good'"); n < before {
		t.Fatalf("%d good copies are left of %d", n, before)
	}
	if got := r.verbs("clock.jumped"); len(got) != 2 {
		t.Errorf("the jumps were told %d times", len(got))
	}
	for _, c := range r.keeping(of, backup.Data).Copies {
		if !slices.Contains(c.Reasons, policy.ByClock) {
			t.Fatalf("copy of %s is kept because of %v", c.Copy.TakenAt, c.Reasons)
		}
	}
	k := r.keeping(of, backup.Data)
	if k.Standing.Late || k.Standing.NewestGood.After(r.clock.Now()) {
		t.Errorf("after the jump: %+v", k.Standing)
	}
	for h := 24; h <= 50; h += 13 {
		r.live(a, right.Add(time.Duration(h)*time.Hour))
		r.must(r.WatchClock(t.Context()))
	}
	r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
	r.live(a, right.Add(52*time.Hour))
	if n := r.Count("SELECT count(*) FROM copy WHERE binned_at IS NOT NULL"); n == 0 {
		t.Error("a day of steady time later, expiry goes on")
	}
}

// A site that Moodle was upgraded on: the last copies before it are protected.
func TestChange_ProtectsTheCopyBefore(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	finish := func(kind backup.Kind, version, fingerprint string) id.Copy {
		r.again("a.example", kind)
		l := a.mustPoll()[0]
		r.must(a.start(l))
		m := agentproto.CompleteRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood}
		m.Copy = &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: []byte(`{}`), TakenAt: r.clock.Now(), Files: 1, Bytes: 2}
		m.Copy.Facts = agentproto.Facts{Release: "4.5." + version, Version: version, Fingerprint: fingerprint}
		if kind == backup.Database {
			m.Copy.Tables, m.Copy.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
		}
		r.must(r.Complete(t.Context(), a.host, m))
		a.held = nil
		r.clock.Add(time.Minute)
		type made struct{ ID string }
		c, err := id.Parse[id.Copy](rows[made](r, `SELECT id::text FROM copy WHERE run_id = $1`, l.Run)[0].ID)
		r.must(err)
		return c
	}
	finish(backup.Database, "1", "db1:a")
	data := finish(backup.Data, "1", "code1:a")
	r.SQL(`UPDATE copy SET protected_until = NULL, protected_why = ''`)
	if got := r.verbs("moodle.changed"); len(got) != 0 {
		t.Fatalf("%v before any change", got)
	}
	finish(backup.Data, "2", "code1:b")
	type why struct{ W string }
	got := rows[why](r, `SELECT protected_why FROM copy WHERE id = $1 AND protected_until > $2`, data.String(), r.clock.Now().AddDate(0, 0, 29))
	if len(got) != 1 || got[0].W != "Before a change: Moodle went from 4.5.1 (1) to 4.5.2 (2)" {
		t.Fatalf("the data copy before the change: %v", got)
	}
	if n := r.Count(`SELECT count(*) FROM copy WHERE kind = 'database' AND protected_why LIKE 'Before a change%'`); n != 1 {
		t.Errorf("%d database copies were protected, want the newest one", n)
	}
	if got := r.verbs("moodle.changed"); len(got) != 1 {
		t.Errorf("events: %v", got)
	}
	_ = of
}

// What a person asks for stands outside the counts, and protects what joins it.
func TestBackup_ByHandIsProtectedAndServesNoSlot(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	s, err := r.StartBackup(t.Context(), authz.Console(), "a.example", []backup.Kind{backup.Data}, app.Protection{Days: 5, Reason: "before  the upgrade"})
	r.must(err)
	r.must(r.DispatchRun(t.Context(), s[0].Run))
	r.clock.Set(r.clock.Now().Add(4 * time.Hour)) // a slot is due meanwhile
	r.tick(a)
	r.tick(a)
	type row struct {
		Tiers, Why string
		Days       float64
	}
	got := rows[row](r, `SELECT tiers::text, protected_why, extract(epoch FROM protected_until - finished_at) / 86400 FROM copy WHERE run_id = $1`, s[0].Run.String())
	if len(got) != 1 || got[0] != (row{"{}", "before the upgrade", 5}) {
		t.Fatalf("%+v", got)
	}
	if k := r.keeping(of, backup.Data); len(k.Standing.Owed) != 0 {
		t.Errorf("the slot that came due during the run is owed still: %v", k.Standing.Owed)
	}
	for _, bad := range []app.Protection{{Days: -1}, {Days: 4000}, {Reason: strings.Repeat("x", 301)}} {
		if _, err := r.StartBackup(t.Context(), authz.Console(), "a.example", backup.Kinds(), bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Runs that fail for good leave the slot owed: it is tried again after a pause,
// at the next slot at the latest, and the site is late meanwhile.
func TestSchedule_AFailedFridayIsServedBySaturday(t *testing.T) {
	t.Parallel()
	r, a, of := season(t) // until Thursday, 12 March 2026
	fail := true
	for day := r.clock.Now().AddDate(0, 0, 2); r.clock.Now().Before(day); r.clock.Add(30 * time.Minute) {
		if r.clock.Now().Day() == 14 {
			fail = false
		}
		r.must(r.DispatchHost(t.Context(), a.host.ID))
		_, err := r.Plan(t.Context(), time.Minute)
		r.must(err)
		r.must(r.DispatchHost(t.Context(), a.host.ID))
		for _, l := range a.mustPoll() {
			r.must(a.start(l))
			how := agentproto.OutcomeGood
			if fail && l.Kind == agentproto.KindDatabase {
				how = agentproto.OutcomeFailed
			}
			r.must(a.complete(l, how))
		}
		if r.clock.Now().Day() == 13 && r.clock.Now().Hour() == 12 {
			k := r.keeping(of, backup.Database)
			if !k.Standing.Late || len(k.Standing.Owed) != 2 {
				t.Fatalf("on Friday at noon: %+v", k.Standing)
			}
			late, n, err := r.ListOverdue(t.Context(), authz.Console(), id.Tenant{}, 10)
			r.must(err)
			if n != 1 || late[0].SiteName != "a.example" || late[0].Kind != backup.Database {
				t.Fatalf("overdue: %d %+v", n, late)
			}
		}
	}
	type tiers struct{ T string }
	got := rows[tiers](r, `SELECT tiers::text FROM copy WHERE kind = 'database' ORDER BY taken_at DESC LIMIT 1`)[0].T
	if got != `{"daily": "2026-03-14T00:00", "weekly": "2026-03-13T00:00"}` {
		t.Errorf("Saturday's copy serves %s", got)
	}
	if n := r.Count(`SELECT count(*) FROM run WHERE kind = 'database' AND state = 'failed'`); n < 4 || n > 12 {
		t.Errorf("%d runs failed for good on the way, want one every hour to every four hours", n)
	}
	if k := r.keeping(of, backup.Database); k.Standing.Late || k.Schedule.Failures != 0 {
		t.Errorf("after Saturday's copy: %+v, %d failures", k.Standing, k.Schedule.Failures)
	}
}

// A suspended site takes no backups and is not late; resumed, it has one run
// of each kind at once.
func TestSite_SuspendedIsLeftAloneAndCatchesUp(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	before := r.Count("SELECT count(*) FROM run")
	r.must(r.SuspendSite(t.Context(), authz.Console(), "a.example", true, "unpaid"))
	if err := r.SuspendSite(t.Context(), authz.Console(), "a.example", true, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("suspended twice: %v", err)
	}
	r.live(a, r.clock.Now().AddDate(0, 0, 9))
	r.must(r.Sweep(t.Context()))
	r.tick(a)
	if n := r.Count("SELECT count(*) FROM run"); n != before {
		t.Fatalf("%d runs while suspended", n-before)
	}
	if _, n, err := r.ListOverdue(t.Context(), authz.Console(), id.Tenant{}, 10); err != nil || n != 0 {
		t.Errorf("a suspended site is late: %d, %v", n, err)
	}
	r.must(r.SuspendSite(t.Context(), authz.Console(), "a.example", false, ""))
	r.tick(a)
	if n := r.Count("SELECT count(*) FROM run"); n != before+2 {
		t.Fatalf("%d runs at once after it resumed, want 2", n-before)
	}
	if k := r.keeping(of, backup.Data); len(k.Standing.Owed) != 0 || r.Count("SELECT count(*) FROM missed_slot") == 0 {
		t.Errorf("owed %v", k.Standing.Owed)
	}
}

// Editing a policy makes nothing owed by itself and is refused to whoever did
// not see the newest version.
func TestPolicy_EditIsAdoptedByItsSites(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	p := prompt()
	for i := range p.Rules {
		if p.Rules[i].Kind == backup.Data && p.Rules[i].Tier == policy.Daily {
			p.Rules[i].Keep = 2
		}
	}
	p.Night = 3*60 + 30
	looked, err := r.PreviewPolicy(t.Context(), authz.Console(), p, "prompt", nil)
	r.must(err)
	if looked.Total != 1 || looked.Expires == 0 || looked.Runs[backup.Database] < 29 {
		t.Errorf("preview: %+v", looked)
	}
	runs, binned := r.Count("SELECT count(*) FROM run"), r.Count("SELECT count(*) FROM copy WHERE binned_at IS NOT NULL")
	r.must(r.EditPolicy(t.Context(), authz.Console(), "prompt", 1, p, "nights are later"))
	if err := r.EditPolicy(t.Context(), authz.Console(), "prompt", 1, p, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("an edit from an old version: %v", err)
	}
	v, err := r.ViewPolicy(t.Context(), authz.Console(), "prompt")
	r.must(err)
	if more, err := r.AdoptPolicy(t.Context(), v.ID); more || err != nil {
		t.Fatal(more, err)
	}
	r.tick(a)
	if n := r.Count("SELECT count(*) FROM run"); n != runs {
		t.Errorf("the edit alone made %d runs", n-runs)
	}
	if got := r.Count("SELECT count(*) FROM copy WHERE binned_at IS NOT NULL") - binned; got != looked.Expires {
		t.Errorf("%d copies went to the bin, the preview said %d", got, looked.Expires)
	}
	r.live(a, r.clock.Now().AddDate(0, 0, 1))
	k := r.keeping(of, backup.Database)
	newest := k.Copies[len(k.Copies)-1].Copy
	if slot, _ := newest.Tiers.Get(policy.Daily); slot.String() != "2026-03-13T03:30" {
		t.Errorf("the newest database copy serves %s", slot)
	}
	p.Rules[0].Keep = 0
	if err := r.EditPolicy(t.Context(), authz.Console(), "prompt", 2, p, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("keep 0: %v", err)
	}
	if err := r.EditPolicy(t.Context(), authz.Console(), "published", 0, prompt(), ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("the published policy was edited: %v", err)
	}
}

// The look over the whole catalog finds what retention has not seen yet, and
// moves nothing itself.
func TestLookAtRetention_FindsWhatIsBehind(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	look, err := r.LookAtRetention(t.Context(), authz.Console())
	r.must(err)
	all := int64(r.Count("SELECT count(*) FROM copy"))
	if look.Sites != 1 || look.Copies != all || look.Expire != 0 || look.Return != 0 || look.Behind != 0 || look.InBin == 0 || look.Stays[policy.ByRule] == 0 {
		t.Fatalf("%+v of %d copies", look, all)
	}
	c := r.oldest(of).Row.ID
	r.SQL(`UPDATE copy SET tiers = '{}' WHERE id = $1`, c.String())
	r.SQL(`UPDATE schedule SET retain_at = 'infinity'`)
	look, err = r.LookAtRetention(t.Context(), authz.Console())
	r.must(err)
	if look.Expire != 1 || look.Behind != 1 || r.copyState(c) != "good" {
		t.Fatalf("%+v, the copy is %s", look, r.copyState(c))
	}
	r.tick(a)
	if s := r.copyState(c); s != "good in the bin" {
		t.Fatalf("after the look the copy is %s", s)
	}
}
