package policy_test

import (
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// What a worthless copy had served is owed again, of each rule for itself,
// unless a good copy served that slot too or a newer one.
func TestReopen_OwesWhatNoGoodCopyServes(t *testing.T) {
	t.Parallel()
	p, tz := policy.Default(), zone(t, "Africa/Cairo")
	from := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	friday := time.Date(2026, 4, 23, 22, 0, 0, 0, time.UTC) // midnight falls in a gap
	first, s := policy.Begin(p, from).Serve(p, backup.Database, tz, friday)
	if len(first.Tiers) != 2 {
		t.Fatalf("served %v, want daily and weekly", first.Tiers)
	}
	second, s := s.Serve(p, backup.Database, tz, friday.Add(23*time.Hour))
	now := friday.Add(25 * time.Hour)
	lost := policy.Copy{ID: "1", TakenAt: friday, Tiers: first.Tiers}
	next := policy.Copy{ID: "2", TakenAt: friday.Add(23 * time.Hour), Tiers: second.Tiers, Good: true}

	got := s.Reopen(p, backup.Database, tz, first.Tiers, []policy.Copy{lost, next}).Owed(p, backup.Database, tz, now)
	if len(got) != 1 || got[0].Tier != policy.Weekly || got[0].Slot.String() != "2026-04-24T00:00" {
		t.Errorf("owed %v, want the weekly slot alone", got)
	}
	next.Good = false
	got = s.Reopen(p, backup.Database, tz, first.Tiers, []policy.Copy{lost, next}).Owed(p, backup.Database, tz, now)
	if len(got) != 3 {
		t.Errorf("owed %v, want both daily slots and the weekly one", got)
	}
	again := lost
	again.ID, again.Good = "3", true
	if got := s.Reopen(p, backup.Database, tz, first.Tiers, []policy.Copy{lost, again}).Owed(p, backup.Database, tz, now); len(got) != 0 {
		t.Errorf("owed %v, though a good copy served the slots too", got)
	}
}
