package policy_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// TestStand_EveryZone compares with the due instants of the rules, in every
// zone, over a fortnight without a run around each change of its clock.
func TestStand_EveryZone(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	spread := p.Window + p.Grace
	begin, end := time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zoneNames(t) {
		tz := zone(t, name)
		starts := []time.Time{begin}
		for _, c := range policy.OffsetChanges(tz, begin, end) {
			starts = append(starts, c.At.Add(-30*time.Hour))
		}
		for _, from := range starts {
			for _, kind := range backup.Kinds() {
				s := policy.BeginKind(p, kind, from)
				var first time.Time
				for _, r := range p.Of(kind) {
					if o, ok := r.Next(tz, from.Add(-1)); ok && (first.IsZero() || o.Due.Before(first)) {
						first = o.Due
					}
				}
				for _, now := range []time.Time{first.Add(-1), first, first.Add(spread - 1), first.Add(spread), from.AddDate(0, 0, 14)} {
					got := policy.Stand(p, kind, tz, s, from, from, now)
					due := !now.Before(first)
					if got.DueSince.IsZero() == due || due && !got.DueSince.Equal(first) || due != (len(got.Owed) > 0) {
						t.Fatalf("%s %s at %s: due since %s, want %s; owed %v", name, kind, now, got.DueSince, first, got.Owed)
					}
					if got.Late != !now.Before(first.Add(spread)) || due && !got.LateAt.Equal(first.Add(spread)) {
						t.Fatalf("%s %s at %s: late %v at %s", name, kind, now, got.Late, got.LateAt)
					}
					if got.Age != max(0, now.Sub(from)) {
						t.Fatalf("%s: age %s", name, got.Age)
					}
				}
			}
		}
	}
}

func TestStand_ASiteWithoutACopyIsOwedOneSinceItWasRegistered(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	registered := instant(t, "2026-04-02T10:00:00Z")
	s := policy.BeginKind(p, backup.Database, registered)
	due, ok := policy.NextDue(p, backup.Database, time.UTC, s, registered, time.Time{})
	if !ok || !due.Equal(registered) {
		t.Errorf("due %s", due)
	}
	got := policy.Stand(p, backup.Database, time.UTC, s, registered, time.Time{}, registered.Add(4*time.Hour))
	if !got.Late || !got.DueSince.Equal(registered) || got.Age != 0 || len(got.Owed) != 0 {
		t.Errorf("%+v", got)
	}
	// With the copy, nothing is owed until the night, and again late after it.
	got = policy.Stand(p, backup.Database, time.UTC, s, registered, registered.Add(time.Minute), registered.Add(4*time.Hour))
	if got.Late || !got.DueSince.IsZero() || !got.LateAt.IsZero() || got.Age != 4*time.Hour-time.Minute {
		t.Errorf("%+v", got)
	}
	got = policy.Stand(p, backup.Database, time.UTC, s, registered, registered, instant(t, "2026-04-03T03:30:00Z"))
	if !got.Late || len(got.Owed) != 2 { // the night, which is a Friday's
		t.Errorf("%+v", got)
	}
	// Before it was registered, and with a copy from a clock that is ahead.
	if got = policy.Stand(p, backup.Database, time.UTC, s, registered, time.Time{}, registered.Add(-1)); got.Late || !got.DueSince.IsZero() {
		t.Errorf("%+v", got)
	}
	if got = policy.Stand(p, backup.Database, time.UTC, s, registered, registered.Add(time.Hour), registered); got.Age != 0 {
		t.Errorf("an age of %s", got.Age)
	}
}

func TestStand_IsDueSinceTheOldestOwedSlot(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 10))
		tz := zone(t, trickyZones[r.IntN(len(trickyZones))])
		from := time.Date(2009+r.IntN(15), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		end := from.AddDate(0, 1, 0)
		p, _ := random(r, from, end)
		h := tell(r, p, backup.Data, tz, from, end)
		s := reborn(t, h.state)
		next, _ := policy.NextDue(p, backup.Data, tz, s, from, from)
		for range 20 {
			now := end.Add(time.Duration(r.IntN(500)-100) * time.Hour)
			got := policy.Stand(p, backup.Data, tz, s, from, from, now)
			var oldest time.Time
			for _, o := range got.Owed {
				if due := policy.Due(o.Slot, tz); oldest.IsZero() || due.Before(oldest) {
					oldest = due
				}
			}
			if !got.DueSince.Equal(oldest) || !oldest.IsZero() && !oldest.Equal(next) || !next.After(now) != (len(got.Owed) > 0) {
				t.Fatalf("seed %d: due since %s, owed %v, next %s, now %s", seed, got.DueSince, got.Owed, next, now)
			}
			if got.Late && now.Before(oldest.Add(p.Window+p.Grace)) {
				t.Fatalf("seed %d: late too early", seed)
			}
		}
	}
}

func BenchmarkNextDue(b *testing.B) {
	p, tz := policy.Default(), zone(b, "Europe/Berlin")
	registered := instant(b, "2026-04-02T10:00:00Z")
	_, s := policy.BeginKind(p, backup.Data, registered).Serve(p, backup.Data, tz, registered.Add(time.Hour))
	for b.Loop() {
		policy.NextDue(p, backup.Data, tz, s, registered, registered)
	}
}
