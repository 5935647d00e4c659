package app_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// newestGood is the newest good copy of a kind.
func (r *rig) newestGood(of id.Site, kind backup.Kind) app.Judged {
	r.t.Helper()
	all := r.keeping(of, kind).Copies
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Copy.Good {
			return all[i]
		}
	}
	r.t.Fatal("no good copy")
	return app.Judged{}
}

// spoil has the keeper find a copy damaged.
func (r *rig) spoil(c id.Copy) {
	r.t.Helper()
	r.keep()
	r.must(r.VerifyCopy(r.t.Context(), authz.Console(), c))
	list, err := r.Destinations(r.t.Context())
	r.must(err)
	task, ok, err := r.TakeTask(r.t.Context(), list[0].ID)
	r.must(err)
	if !ok || task.Row.Kind != dbq.TaskKindVerifyCopy || task.Row.CopyID != c {
		r.t.Fatalf("the keeper took %+v", task.Row)
	}
	r.must(r.FinishTask(r.t.Context(), task, app.TaskOutcome{Damage: "1 damaged"}))
}

// Once the newest copy is found damaged nobody claims it any more: the age is
// that of the one before, its slots are owed again, and the next run serves them.
func TestDamage_TakesBackWhatTheCopyStoodFor(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	for _, kind := range backup.Kinds() {
		bad := r.newestGood(of, kind)
		r.spoil(bad.Row.ID)
		k, before := r.keeping(of, kind), r.newestGood(of, kind)
		if k.Schedule.NewestGoodAt == nil || !k.Schedule.NewestGoodAt.Equal(before.Row.TakenAt) || !k.Standing.NewestGood.Equal(before.Row.TakenAt) {
			t.Fatalf("%s: newest good at %v, want %v", kind, k.Schedule.NewestGoodAt, before.Row.TakenAt)
		}
		if len(k.Standing.Owed) != len(bad.Copy.Tiers) {
			t.Fatalf("%s: owed %v, the damaged copy had served %v", kind, k.Standing.Owed, bad.Copy.Tiers)
		}
		for _, o := range k.Standing.Owed {
			i := slices.IndexFunc(k.Calendar, func(m policy.SlotMark) bool { return m.Ruling == o })
			if i < 0 || k.Calendar[i].State != policy.SlotOwed {
				t.Errorf("%s: the calendar says otherwise of %v", kind, o)
			}
		}
		r.live(a, r.clock.Now().Add(2*time.Hour))
		if got := r.newestGood(of, kind).Copy.Tiers; len(got) < len(bad.Copy.Tiers) {
			t.Errorf("%s: the next copy serves %v, the damaged one had served %v", kind, got, bad.Copy.Tiers)
		}
		if k := r.keeping(of, kind); len(k.Standing.Owed) != 0 || k.Schedule.Failures != 0 {
			t.Errorf("%s: %v is owed after the next copy, failures %d", kind, k.Standing.Owed, k.Schedule.Failures)
		}
	}
}

// Every copy comes out damaged, for the storage is: the site is tried again
// with growing pauses, is late, and what was good before stays.
func TestDamage_OfEveryCopyIsNoEndlessLoop(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	good := r.newestGood(of, backup.Database).Row.ID
	r.spoil(good)
	good = r.newestGood(of, backup.Database).Row.ID
	runs := r.Count("SELECT count(*) FROM run WHERE kind = 'database'")
	for end := r.clock.Now().AddDate(0, 0, 3); r.clock.Now().Before(end); {
		r.live(a, r.clock.Now().Add(20*time.Minute))
		if newest := r.newestGood(of, backup.Database).Row.ID; newest != good {
			r.spoil(newest)
		}
	}
	if n := r.Count("SELECT count(*) FROM run WHERE kind = 'database'") - runs; n < 10 || n > 25 {
		t.Errorf("%d runs in three days", n)
	}
	if s := r.copyState(good); s != "good" {
		t.Errorf("the last good copy is %s", s)
	}
	if k := r.keeping(of, backup.Database); !k.Standing.Late {
		t.Errorf("not late: %+v", k.Standing)
	}
}

// What is on its way out of the storage stays while a hold, an alarm or the
// clock stops deletion, or when the copies that were to remain are worth nothing.
func TestDeletion_IsStoppedToTheLastMoment(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), authz.Console()
	cases := map[policy.Reason]struct{ stop, release func(r *rig, of id.Site) }{
		policy.ByHold: {
			func(r *rig, of id.Site) { r.must(r.HoldSite(ctx, root, of.String(), true, "case 17")) },
			func(r *rig, of id.Site) { r.must(r.HoldSite(ctx, root, of.String(), false, "")) },
		},
		policy.ByTamper: {
			func(r *rig, _ id.Site) { r.SQL(`UPDATE site SET tamper_alarm = 'half of filedir changed'`) },
			func(r *rig, _ id.Site) { r.SQL(`UPDATE site SET tamper_alarm = ''`) },
		},
		policy.ByLast: {
			func(r *rig, _ id.Site) {
				r.SQL(`UPDATE copy SET state = 'damaged' WHERE kind = 'data' AND state = 'good'`)
			},
			func(r *rig, _ id.Site) {
				r.SQL(`UPDATE copy SET state = 'good' WHERE kind = 'data' AND state = 'damaged'`)
			},
		},
		policy.ByClock: {
			func(r *rig, _ id.Site) { r.SQL(`UPDATE clock_watch SET jumped_at = $1`, r.clock.Now()) },
			func(r *rig, _ id.Site) { r.must(r.TrustClock(ctx, root)) },
		},
	}
	for reason, c := range cases {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			r, _, of := season(t)
			r.must(r.WatchClock(t.Context()))
			gone := r.oldest(of).Row.ID
			r.SQL(`UPDATE copy SET state = 'deleting' WHERE id = $1`, gone.String())
			c.stop(r, of)
			r.must(r.Sweep(t.Context()))
			r.keep()
			r.clock.Add(61 * time.Minute)
			r.keep()
			if s := r.copyState(gone); s != "deleting" {
				t.Fatalf("the copy is %s", s)
			}
			if got := r.verbs("copy.deletion_stopped"); len(got) != 1 {
				t.Errorf("told %d times", len(got))
			}
			c.release(r, of)
			r.clock.Add(61 * time.Minute)
			r.must(r.WatchClock(t.Context()))
			r.keep()
			if s := r.copyState(gone); s != "not there" {
				t.Fatalf("nothing stops it any more, and it is %s", s)
			}
		})
	}
}

// Retention runs before the planner has noted that the clock jumped ahead.
func TestRetention_AJumpAheadThatNobodyNotedDeletesNothing(t *testing.T) {
	t.Parallel()
	r, _, _ := season(t)
	r.must(r.WatchClock(t.Context()))
	before := r.Count("SELECT count(*) FROM copy WHERE state <> 'deleting'")
	r.clock.Set(r.clock.Now().AddDate(10, 0, 0))
	for range 3 {
		r.SQL(`UPDATE schedule SET retain_at = $1`, r.clock.Now())
		_, err := r.Retention(t.Context())
		r.must(err)
		r.keep()
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE state <> 'deleting'"); n != before {
		t.Errorf("%d copies are left of %d", n, before)
	}
}

// A customer may protect a copy, but not cut a protection short with it.
func TestProtect_CustomersCannotShortenAProtection(t *testing.T) {
	t.Parallel()
	r, _, of := season(t)
	c := r.oldest(of).Row
	r.must(r.ProtectCopy(t.Context(), authz.Console(), c.ID, app.Protection{Days: 400, Reason: "the auditor asked"}))
	v, err := r.ViewCopy(t.Context(), authz.Console(), c.ID)
	r.must(err)
	customer := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: v.TenantID, Role: tenant.Admin}}}
	if err := r.ProtectCopy(t.Context(), customer, c.ID, app.Protection{Days: 1}); !errs.Is(err, errs.Conflict) {
		t.Errorf("a customer shortened it: %v", err)
	}
	r.must(r.ProtectCopy(t.Context(), customer, c.ID, app.Protection{Days: 500}))
	r.must(r.ProtectCopy(t.Context(), authz.Console(), c.ID, app.Protection{Days: 2}))
}

// The clock of a host goes back years: its copies are the newest all the same.
func TestSchedule_AHostWhoseClockIsBehindLosesNothing(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	r.clock.Set(r.clock.Now().Add(24 * time.Hour))
	_, err := r.Plan(t.Context(), time.Minute)
	r.must(err)
	r.must(r.DispatchHost(t.Context(), a.host.ID))
	var run string
	for _, l := range a.mustPoll() {
		r.must(a.start(l))
		m := agentproto.CompleteRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood}
		m.Copy = &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: []byte(`{}`), TakenAt: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), Files: 1, Bytes: 2, SHA256: "", Tables: nil}
		if l.Kind == agentproto.KindDatabase {
			m.Copy.Tables, m.Copy.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		}
		r.must(r.Complete(t.Context(), a.host, m))
		run = l.Run
	}
	a.held = nil
	if run == "" {
		t.Fatal("nothing ran")
	}
	kind := backup.Kind(rows[struct{ K string }](r, `SELECT kind::text FROM run WHERE id = $1`, run)[0].K)
	k := r.keeping(of, kind)
	newest := k.Copies[len(k.Copies)-1]
	if !newest.Row.TakenAt.Equal(r.clock.Now()) || !k.Standing.NewestGood.Equal(r.clock.Now()) || !slices.Contains(newest.Reasons, policy.ByRule) {
		t.Errorf("the newest copy is of %s, kept because of %v; the newest good one of %s", newest.Row.TakenAt, newest.Reasons, k.Standing.NewestGood)
	}
}

// A run whose beginning was never told serves what was due when it was given
// out, not what came due while it ran.
func TestServe_AnUntoldBeginningServesNoLaterSlot(t *testing.T) {
	t.Parallel()
	r, a, of := season(t)
	r.clock.Set(time.Date(2026, 3, 13, 3, 50, 0, 0, time.UTC))
	_, err := r.Plan(t.Context(), time.Minute)
	r.must(err)
	r.must(r.DispatchHost(t.Context(), a.host.ID))
	leases := a.mustPoll()
	if leases[0].Kind != agentproto.KindData { // a site's kinds run one after the other
		r.must(a.complete(leases[0], agentproto.OutcomeGood))
		leases = a.mustPoll()
	}
	r.clock.Set(time.Date(2026, 3, 13, 4, 20, 0, 0, time.UTC))
	r.must(a.complete(leases[0], agentproto.OutcomeGood))
	if owed := r.keeping(of, backup.Data).Standing.Owed; len(owed) != 1 || owed[0].Slot.String() != "2026-03-13T04:00" {
		t.Errorf("owed %v", owed)
	}
}
