package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/mail"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// keeper does every task that waits, with what do says of it, and gives how
// many there were of each kind.
func (r *rig) keeper(do func(app.Task) app.TaskOutcome) map[dbq.TaskKind]int {
	r.t.Helper()
	list, err := r.Destinations(r.t.Context())
	r.must(err)
	done := map[dbq.TaskKind]int{}
	for {
		task, ok, err := r.TakeTask(r.t.Context(), list[0].ID)
		r.must(err)
		if !ok {
			return done
		}
		done[task.Row.Kind]++
		r.must(r.FinishTask(r.t.Context(), task, do(task)))
	}
}

// sound is the answer of a storage in which all is well.
func sound(t app.Task) app.TaskOutcome {
	found := app.ScanReport{Read: t.Row.Percent > 0, Bytes: 5, Hit: map[string]string{}}
	for _, k := range t.Kept {
		found.Whole = append(found.Whole, k.Snapshot)
	}
	o := app.TaskOutcome{Proven: t.Row.Percent >= 100, SealedName: "x/sealed/y.hfs", SealedSHA256: strings.Repeat("0", 64)}
	if t.Row.Kind == dbq.TaskKindScanRepository {
		o.Found = &found
	}
	if t.Row.Kind == dbq.TaskKindRepairRepository {
		o.Repaired = &app.RepairReport{ScanReport: found}
	}
	return o
}

// hitting is a storage in which these snapshots cannot be had back.
func hitting(damages int64, snapshots ...string) func(app.Task) app.TaskOutcome {
	return func(t app.Task) app.TaskOutcome {
		o := sound(t)
		found := o.Found
		if o.Repaired != nil {
			found = &o.Repaired.ScanReport
			o.Repaired.Forgotten = damages
		}
		here := slices.ContainsFunc(t.Kept, func(k app.Kept) bool { return slices.Contains(snapshots, k.Snapshot) })
		if found == nil || !here {
			return o
		}
		found.Damages = damages
		found.Whole = slices.DeleteFunc(found.Whole, func(s string) bool { return slices.Contains(snapshots, s) })
		for _, k := range t.Kept {
			if slices.Contains(snapshots, k.Snapshot) {
				found.Hit[k.Snapshot] = "filedir/ab/cd/x: other bytes"
			}
		}
		return o
	}
}

// letters lets mails be queued, and gives the subjects of those to staff.
func (r *rig) letters() func() []string {
	r.t.Helper()
	m, err := mail.Open("smtp://127.0.0.1:9", "backup@hoster.example", clock.System{}) // nothing is sent
	r.must(err)
	r.UsePeople(app.People{Mailer: m, URL: "https://h.example"})
	r.account(app.NewAccount{Email: "op@h.example", Name: "Op", Staff: tenant.Operator})
	r.account(app.NewAccount{Email: "audit@h.example", Name: "Au", Staff: tenant.Auditor})
	return func() (out []string) {
		for _, s := range rows[struct{ S string }](r, `SELECT recipient || ': ' || (words->>'subject') FROM mail_outbox WHERE kind = 'alarm' ORDER BY created_at, id`) {
			out = append(out, s.S)
		}
		return out
	}
}

func (r *rig) verified(kind backup.Kind) app.Verified {
	r.t.Helper()
	all, err := r.Verification(r.t.Context(), authz.Console(), "a.example")
	r.must(err)
	return all[slices.IndexFunc(all, func(v app.Verified) bool { return v.Kind == kind })]
}

func (r *rig) snapshot(c id.Copy) string {
	r.t.Helper()
	return rows[struct{ S string }](r, `SELECT snapshot FROM copy WHERE id = $1`, c.String())[0].S
}

// Whatever the clock does in between: no repository goes unread for more than
// 30 days, its lengths are compared every day, and never do more looks wait
// than its keeper may have before it.
func TestVerification_EveryByteIsReadWithin30Days(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 4)
	for i := range 20 {
		r.site(fmt.Sprintf("s%d.example", i), "a", "host-a")
	}
	r.SQL(`UPDATE repository SET scan_at = NULL, look_at = NULL`)
	scans, looks := 0, 0
	for h := 0; h < 24*62; h += 3 {
		r.clock.Add(3 * time.Hour)
		r.must(r.Sweep(t.Context()))
		if n := r.Count("SELECT count(*) FROM keeper_task WHERE kind = 'scan_repository' AND state = 'queued' AND percent = 100"); n > 2 {
			t.Fatalf("%d whole reads wait", n)
		}
		r.keeper(func(task app.Task) app.TaskOutcome {
			if task.Row.Kind == dbq.TaskKindScanRepository && task.Row.Percent > 0 {
				scans++
			} else if task.Row.Kind == dbq.TaskKindScanRepository {
				looks++
			}
			return sound(task)
		})
		if h < 24*30 {
			continue
		}
		if n := r.Count("SELECT count(*) FROM repository WHERE coalesce(scanned_at, created_at) < $1::timestamptz - interval '30 days'", r.clock.Now()); n > 0 {
			t.Fatalf("after %d hours %d repositories were not read for 30 days", h, n)
		}
		if n := r.Count("SELECT count(*) FROM repository WHERE looked_at < $1::timestamptz - interval '30 hours'", r.clock.Now()); n > 0 {
			t.Fatalf("after %d hours the lengths of %d repositories were not compared for 30 hours", h, n)
		}
	}
	if scans < 80 || scans > 140 || looks < 40*55 || looks > 40*64 {
		t.Errorf("%d whole reads and %d by lengths of 40 repositories in 62 days", scans, looks)
	}
	if n := r.Count("SELECT count(*) FROM keeper_task WHERE kind = 'scan_repository'"); n > 40 {
		t.Errorf("%d scans are kept of 40 repositories", n)
	}
	// A clock that jumped ahead and came back: the turns come back too.
	r.must(r.WatchClock(t.Context()))
	r.clock.Add(200 * 24 * time.Hour)
	r.must(r.WatchClock(t.Context()))
	for range 30 {
		r.must(r.Sweep(t.Context()))
		r.keeper(sound)
	}
	r.clock.Add(-200 * 24 * time.Hour)
	r.must(r.WatchClock(t.Context()))
	r.must(r.Sweep(t.Context()))
	if n := r.Count("SELECT count(*) FROM repository WHERE scan_at IS NULL OR scan_at > $1::timestamptz + interval '28 days'", r.clock.Now()); n > 0 {
		t.Errorf("%d repositories have no turn within 28 days", n)
	}
}

func TestVerification_NewCopiesAreReadAtOnceByShare(t *testing.T) {
	t.Parallel()
	r, _, of := season(t)
	r.SQL(`UPDATE copy SET verified_at = NULL`)
	r.SQL(`UPDATE copy SET bytes = 50000000000 WHERE kind = 'data'`)
	for _, kind := range backup.Kinds() {
		c := r.newestGood(of, kind).Row.ID
		r.must(r.FollowCopy(t.Context(), c))
		r.keeper(func(task app.Task) app.TaskOutcome {
			if p := task.Row.Percent; task.Row.Kind == dbq.TaskKindVerifyCopy && (kind == backup.Database && p != 100 || kind == backup.Data && (p < 1 || p > 5)) {
				t.Errorf("%v%% of a %s copy is read", p, kind)
			}
			return sound(task)
		})
		v := r.verified(kind)
		if v.SampledAt.IsZero() || v.Overdue || v.State != app.Sound {
			t.Errorf("%s: %+v", kind, v)
		}
		if proven := r.Count("SELECT count(*) FROM copy WHERE id = $1 AND verified_at IS NOT NULL", c.String()); (proven == 1) != (kind == backup.Database) {
			t.Errorf("%s: a copy that was read in part counts as proven, or a dump that was read whole does not", kind)
		}
	}
	r.must(r.VerifySite(t.Context(), authz.Console(), "a.example", true))
	r.keeper(sound)
	for _, kind := range backup.Kinds() {
		if v := r.verified(kind); v.Proven != v.Copies || v.Copies == 0 || v.ScannedAt.IsZero() {
			t.Errorf("%s after a whole read: %+v", kind, v)
		}
	}
}

func TestVerification_AWholeReadThatDoesNotComeIsOverdue(t *testing.T) {
	t.Parallel()
	r, _, _ := season(t)
	r.must(r.Sweep(t.Context()))
	r.keeper(func(task app.Task) app.TaskOutcome {
		o := sound(task)
		o.Found, o.Repaired = nil, nil
		return o
	})
	r.clock.Add(31 * 24 * time.Hour)
	if v := r.verified(backup.Data); !v.Overdue {
		t.Errorf("%+v", v)
	}
	today, err := r.LookAtToday(t.Context(), authz.Console())
	r.must(err)
	if today.Unread.Late != 2 || today.Unread.Damaged != 0 {
		t.Errorf("%+v", today.Unread)
	}
}

// From the scan that finds damage to the run that heals it: the copies that are
// hit go and come back with the slots that they served, staff are told once of
// each, and nothing is deleted meanwhile.
func TestDamage_FoundByAScanIsRepairedAndHealed(t *testing.T) {
	t.Parallel()
	for _, heals := range []bool{true, false} {
		t.Run(fmt.Sprint(heals), func(t *testing.T) {
			t.Parallel()
			r, a, of := season(t)
			mails := r.letters()
			bad := r.newestGood(of, backup.Data)
			hit := r.snapshot(bad.Row.ID)
			r.must(r.VerifySite(t.Context(), authz.Console(), "a.example", true))
			r.keeper(hitting(1, hit))
			if s := r.copyState(bad.Row.ID); s != "damaged" {
				t.Fatalf("the copy is %s", s)
			}
			v := r.verified(backup.Data)
			if v.State != app.Healing || v.Damaged != 1 || v.Damage == "" || v.DamagedAt.IsZero() {
				t.Fatalf("%+v", v)
			}
			k := r.keeping(of, backup.Data)
			for _, c := range k.Copies {
				if !slices.Contains(c.Reasons, policy.ByDamage) {
					t.Fatalf("a copy may be deleted though its storage is damaged: %v", c.Reasons)
				}
			}
			for _, c := range r.keeping(of, backup.Database).Copies {
				if slices.Contains(c.Reasons, policy.ByDamage) {
					t.Fatal("the database's copies lie elsewhere and are held too")
				}
			}
			if got := mails(); len(got) != 1 || !strings.HasPrefix(got[0], "op@h.example: Damage") {
				t.Fatalf("mails %v", got)
			}
			// Every night it is looked at again; nobody is told again.
			r.clock.Add(25 * time.Hour)
			r.must(r.Sweep(t.Context()))
			r.keeper(hitting(0, hit))
			if got := mails(); len(got) != 1 {
				t.Errorf("mails %v", got)
			}
			// A run that took unchanged files as stored heals nothing.
			r.runData(a, agentproto.ReadingFast)
			if v := r.verified(backup.Data); v.State != app.Healing || v.Repairing {
				t.Errorf("after a fast run: %+v", v)
			}
			r.runData(a, agentproto.ReadingAll)
			if v := r.verified(backup.Data); v.State != app.Proving || !v.Repairing {
				t.Errorf("after the run that read everything: %+v", v)
			}
			if !heals {
				r.keeper(hitting(0, hit))
				r.lost(of, bad.Row.ID, mails)
				return
			}
			r.keeper(sound)
			if s := r.copyState(bad.Row.ID); s != "good" {
				t.Errorf("the healed copy is %s", s)
			}
			v = r.verified(backup.Data)
			if v.State != app.Sound || v.Damage != "" || v.Damaged != 0 || v.Proven != v.Copies {
				t.Errorf("%+v", v)
			}
			i := slices.IndexFunc(r.keeping(of, backup.Data).Copies, func(j app.Judged) bool { return j.Row.ID == bad.Row.ID })
			if now := r.keeping(of, backup.Data).Copies[i]; !now.Copy.Good || !slices.Equal(now.Copy.Tiers, bad.Copy.Tiers) || slices.Contains(now.Reasons, policy.ByDamage) {
				t.Errorf("it serves %v because of %v", now.Copy.Tiers, now.Reasons)
			}
			if got := mails(); len(got) != 2 || !strings.Contains(got[1], "whole again") {
				t.Errorf("mails %v", got)
			}
			if got := r.verbs("copy.whole_again"); len(got) != 1 {
				t.Errorf("told %d times", len(got))
			}
		})
	}
}

// lost wants a copy to be given up until somebody acknowledges it.
func (r *rig) lost(of id.Site, c id.Copy, mails func() []string) {
	r.t.Helper()
	ctx, root := r.t.Context(), authz.Console()
	if v := r.verified(backup.Data); v.State != app.Lost {
		r.t.Fatalf("%+v", v)
	}
	if got := mails(); len(got) != 2 || !strings.Contains(got[1], "cannot be repaired") {
		r.t.Errorf("mails %v", got)
	}
	if err := r.AcknowledgeDamage(ctx, root, "a.example", " "); !errs.Is(err, errs.Invalid) {
		r.t.Errorf("acknowledged without a reason: %v", err)
	}
	if err := r.AcknowledgeDamage(ctx, authz.Actor{Name: "s", Staff: "support"}, "a.example", "x"); !errs.Is(err, errs.Forbidden) {
		r.t.Errorf("acknowledged by support: %v", err)
	}
	r.must(r.AcknowledgeDamage(ctx, root, "a.example", "the course is gone from the site too"))
	if err := r.AcknowledgeDamage(ctx, root, "a.example", "again"); !errs.Is(err, errs.Conflict) {
		r.t.Errorf("acknowledged twice: %v", err)
	}
	if v := r.verified(backup.Data); v.State != app.Acknowledged || v.Damage == "" {
		r.t.Errorf("%+v", v)
	}
	_, err := r.Retention(ctx)
	r.must(err)
	if s := r.copyState(c); s != "damaged in the bin" {
		r.t.Errorf("the lost copy is %s", s)
	}
	for _, j := range r.keeping(of, backup.Data).Copies {
		if slices.Contains(j.Reasons, policy.ByDamage) {
			r.t.Fatal("acknowledged, and still held")
		}
	}
}

// runData takes one data copy that says how much it read.
func (r *rig) runData(a *agentLife, reading string) {
	r.t.Helper()
	r.again("a.example", backup.Data)
	for _, l := range a.mustPoll() {
		r.must(a.start(l))
		if l.Kind != agentproto.KindData {
			r.must(a.complete(l, agentproto.OutcomeGood))
			continue
		}
		r.must(a.saw(l, agentproto.Signals{Reading: reading, Contents: 40_000, PHPFiles: 20_000}))
	}
}

// saw ends a data run with what it saw.
func (a *agentLife) saw(l agentproto.Lease, s agentproto.Signals) error {
	a.held = slices.DeleteFunc(a.held, func(h agentproto.Held) bool { return h.Run == l.Run })
	return a.r.Complete(a.r.t.Context(), a.host, agentproto.CompleteRequest{
		Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood,
		Copy: &agentproto.Copy{
			Snapshot: "k" + l.Run, Manifest: []byte(`{}`), TakenAt: a.r.clock.Now(), Files: 1, Bytes: 2,
			Facts: agentproto.Facts{Fingerprint: "code1:a"}, Signals: &s,
		},
	})
}

func TestRepair_WhatWasPutBackIsFollowedByAllThatNamesIt(t *testing.T) {
	t.Parallel()
	r, _, of := season(t)
	c := r.newestGood(of, backup.Database).Row.ID
	before := r.snapshot(c)
	r.SQL(`INSERT INTO reference_list (tenant_id, copy_id, site_id, snapshot, manifest, bytes, stored_bytes, row_total, hashes, hash_bytes, from_trash, external, missing, files_repository_id, files_snapshot)
		SELECT c.tenant_id, c.id, c.site_id, 'list', '{}', 1, 1, 1, 1, 1, 0, 0, 0, p.id, 'named' FROM copy c JOIN repository p ON p.site_id = c.site_id AND p.kind = 'data' WHERE c.id = $1`, c.String())
	r.must(r.RepairSite(t.Context(), authz.Console(), "a.example"))
	r.keeper(func(task app.Task) app.TaskOutcome {
		o := sound(task)
		if o.Repaired == nil {
			return o
		}
		o.Repaired.Moved = map[string]string{before: "put-back", "list": "list-2", "named": "named-2", "another's": "x"}
		if !slices.ContainsFunc(task.Kept, func(k app.Kept) bool {
			return k.Snapshot == map[backup.Kind]string{backup.Database: "list", backup.Data: "named"}[task.Kind]
		}) {
			t.Errorf("the %s repository is not told what goes with the copy: %+v", task.Kind, task.Kept)
		}
		return o
	})
	type names struct{ C, L, F string }
	got := rows[names](r, `SELECT c.snapshot, l.snapshot, l.files_snapshot FROM copy c JOIN reference_list l ON l.copy_id = c.id WHERE c.id = $1`, c.String())[0]
	if got != (names{"put-back", "list-2", "named-2"}) {
		t.Errorf("%+v", got)
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE snapshot = 'x'"); n != 0 {
		t.Error("a copy follows a snapshot that was not its own")
	}
}

// One storage breaks under many sites: a few mails, not one for each.
func TestDamage_OfAWholeStorageIsTold_ButNotSiteBySite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mails := r.letters()
	r.tenant("a")
	r.host("host-a", 4)
	for i := range 12 {
		r.site(fmt.Sprintf("s%d.example", i), "a", "host-a")
	}
	for i := range 12 {
		r.must(r.VerifySite(t.Context(), authz.Console(), fmt.Sprintf("s%d.example", i), true))
	}
	r.keeper(func(task app.Task) app.TaskOutcome {
		o := sound(task)
		if o.Found != nil {
			o.Found.Closed = "There is no repository at its place."
		}
		if o.Repaired != nil {
			o.Repaired.Closed = "There is no repository at its place."
		}
		return o
	})
	if got := mails(); len(got) < 2 || len(got) > 12 {
		t.Errorf("%d mails", len(got))
	}
	if n := r.Count("SELECT count(*) FROM repository WHERE damage_state = 'lost'"); n != 24 {
		t.Errorf("%d repositories are given up, want 24", n)
	}
	today, err := r.LookAtToday(t.Context(), authz.Console())
	r.must(err)
	if today.Unread.Damaged != 24 {
		t.Errorf("%+v", today.Unread)
	}
}
