package policy_test

import (
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// A copy that is whole again serves what it had served, and nothing that a
// later run has settled is opened by it.
func TestRegain_TheSlotsOfACopyThatIsWholeAgainAreNotOwed(t *testing.T) {
	t.Parallel()
	p, tz := policy.Default(), zone(t, "Africa/Cairo")
	friday := time.Date(2026, 4, 23, 22, 0, 0, 0, time.UTC) // midnight falls in a gap
	served, s := policy.Begin(p, friday.AddDate(0, 0, -3)).Serve(p, backup.Database, tz, friday)
	now := friday.Add(time.Hour)
	lost := policy.Copy{ID: "1", TakenAt: friday, Tiers: served.Tiers}
	open := s.Reopen(p, backup.Database, tz, served.Tiers, []policy.Copy{lost})
	if len(open.Owed(p, backup.Database, tz, now)) == 0 {
		t.Fatal("nothing is owed of a damaged copy")
	}
	if got := open.Regain(p, backup.Database, tz, served.Tiers).Owed(p, backup.Database, tz, now); len(got) != 0 {
		t.Errorf("owed %v, though the copy is whole again", got)
	}
	next := friday.Add(49 * time.Hour)
	_, settled := open.Serve(p, backup.Database, tz, next)
	again := settled.Regain(p, backup.Database, tz, served.Tiers)
	if got := again.Owed(p, backup.Database, tz, next.Add(time.Hour)); len(got) != 0 {
		t.Errorf("owed %v: a slot that was settled is open again", got)
	}
	if got := again.Owed(p, backup.Database, tz, next.AddDate(0, 0, 1)); len(got) == 0 {
		t.Error("the next day's slot is settled before it was served")
	}
}
