package app_test

import (
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/store/dbq"
)

// gone is a storage whose repositories do not open.
func gone(t app.Task) app.TaskOutcome {
	o := sound(t)
	if o.Found != nil {
		o.Found = &app.ScanReport{Closed: "There is no repository at its place."}
	}
	if o.Repaired != nil {
		o.Repaired = &app.RepairReport{ScanReport: app.ScanReport{Read: true, Closed: "There is no repository at its place.", Hit: map[string]string{}}}
		for _, k := range t.Kept {
			o.Repaired.Hit[k.Snapshot] = "the repository does not open"
		}
	}
	return o
}

// What was given up, or acknowledged, is looked at every day; the same loss is
// told once, and is not repaired again and again.
func TestDamage_WhatIsLostIsToldOnce(t *testing.T) {
	t.Parallel()
	r, _, _ := season(t)
	mails := r.letters()
	r.must(r.VerifySite(t.Context(), authz.Console(), "a.example", false))
	r.keeper(gone)
	first := len(mails())
	for _, state := range []app.DamageState{app.Lost, app.Acknowledged} {
		if state == app.Acknowledged {
			r.must(r.AcknowledgeDamage(t.Context(), authz.Console(), "a.example", "we start anew"))
		}
		looks := 0
		for range 4 * 24 {
			r.clock.Add(15 * time.Minute)
			r.must(r.Sweep(t.Context()))
			done := r.keeper(gone)
			looks += done[dbq.TaskKindScanRepository]
			if n := done[dbq.TaskKindRepairRepository]; n > 0 {
				t.Fatalf("%s: repaired again %d times", state, n)
			}
		}
		if looks < 2 || looks > 4 {
			t.Errorf("%s: %d looks at two repositories in a day", state, looks)
		}
		if v := r.verified(backup.Data); v.State != state {
			t.Errorf("it is %q, want %q", v.State, state)
		}
	}
	if n := len(mails()); n != first {
		t.Errorf("%d mails of a loss that was told by %d: %v", n, first, mails())
	}
}

// A person asks for every byte while lengths are compared: both are done.
func TestVerification_AWholeReadIsNotLostInALookThatRuns(t *testing.T) {
	t.Parallel()
	r, _, _ := season(t)
	r.must(r.VerifySite(t.Context(), authz.Console(), "a.example", false))
	whole, asked := 0, false
	r.keeper(func(task app.Task) app.TaskOutcome {
		if task.Row.Kind == dbq.TaskKindScanRepository {
			if !asked {
				asked = true
				r.must(r.VerifySite(t.Context(), authz.Console(), "a.example", true))
			}
			if task.Row.Percent == 100 {
				whole++
			}
		}
		return sound(task)
	})
	if whole != 2 {
		t.Errorf("%d repositories were read whole, want 2", whole)
	}
}
