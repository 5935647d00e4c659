package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// reborn gives the state after the process died and read it again.
func reborn(t testing.TB, s policy.State) (out policy.State) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBeginKind_GoesOnLikeAStateOfBothKinds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		tz := zone(t, trickyZones[r.IntN(len(trickyZones))])
		from := time.Date(2011, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(5000)) * time.Hour)
		p, _ := random(r, from, from.AddDate(0, 1, 0))
		both := policy.Begin(p, from)
		for _, kind := range backup.Kinds() {
			one := policy.BeginKind(p, kind, from)
			now := from
			for range 40 {
				due, ok := one.NextRun(p, kind, tz)
				if want, ok2 := both.NextRun(p, kind, tz); ok != ok2 || !due.Equal(want) {
					t.Fatalf("seed %d: next run %s, want %s", seed, due, want)
				}
				now = later(now, due).Add(time.Duration(r.IntN(50)) * time.Hour)
				if got, want := one.Owed(p, kind, tz, now), both.Owed(p, kind, tz, now); len(got) == 0 || !slices.Equal(got, want) {
					t.Fatalf("seed %d: owed %v, want %v", seed, got, want)
				}
				var a, b policy.Served
				a, one = one.Serve(p, kind, tz, now)
				b, both = both.Serve(p, kind, tz, now)
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("seed %d: served %v, want %v", seed, a, b)
				}
				one = policy.AdoptKind(p, kind, reborn(t, one), now)
			}
			for _, other := range backup.Kinds() {
				if other != kind && len(one.Owed(p, other, tz, now.AddDate(1, 0, 0))) > 0 {
					t.Fatalf("seed %d: a state of %s owes %s", seed, kind, other)
				}
			}
		}
	}
}

func TestAdoptKind_KeepsOneKindAndForgetsTheOther(t *testing.T) {
	t.Parallel()
	from := instant(t, "2026-04-01T00:00:00Z")
	p := policy.Default()
	s := policy.AdoptKind(p, backup.Data, policy.Begin(p, from), from.AddDate(0, 1, 0))
	if _, ok := s.Settled(policy.Key{Kind: backup.Database, Tier: policy.Daily}); ok {
		t.Error("the database's rules are still there")
	}
	if at, ok := s.Settled(policy.Key{Kind: backup.Data, Tier: policy.Daily}); !ok || !at.Before(from) {
		t.Errorf("a rule that stays was settled at %s", at)
	}
}

func TestServeAt_AStartAheadSettlesNothingThatIsNotDue(t *testing.T) {
	t.Parallel()
	p, from := policy.Default(), instant(t, "2026-04-01T00:30:00Z")
	now := instant(t, "2026-04-02T00:10:00Z")
	served, s := policy.BeginKind(p, backup.Database, from).ServeAt(p, backup.Database, time.UTC, now.AddDate(1, 0, 0), now)
	if slot, _ := served.Tiers.Get(policy.Daily); slot.String() != "2026-04-02T00:00" || len(served.Missed) > 0 {
		t.Errorf("served %v, missed %v", served.Tiers, served.Missed)
	}
	if due, ok := s.NextRun(p, backup.Database, time.UTC); !ok || !due.Equal(instant(t, "2026-04-03T00:00:00Z")) {
		t.Errorf("the next run is %s", due)
	}
	_, s = s.ServeAt(p, backup.Database, time.UTC, now.Add(policy.Tolerance), now)
	if at, _ := s.Settled(policy.Key{Kind: backup.Database, Tier: policy.Daily}); !at.Equal(now.Add(policy.Tolerance)) {
		t.Errorf("clocks that differ a little: settled at %s", at)
	}
}

func TestRewind_ABadClockCostsNoSlot(t *testing.T) {
	t.Parallel()
	p, from := policy.Default(), instant(t, "2026-04-01T00:30:00Z")
	run, now := instant(t, "2026-04-02T00:10:00Z"), instant(t, "2026-04-03T15:00:00Z")
	_, s := policy.BeginKind(p, backup.Database, from).Serve(p, backup.Database, time.UTC, run)
	_, jumped := s.Serve(p, backup.Database, time.UTC, now.AddDate(3, 0, 0))
	if owed := jumped.Owed(p, backup.Database, time.UTC, now.AddDate(1, 0, 0)); len(owed) != 0 {
		t.Fatalf("the jump hides %v", owed)
	}
	got := jumped.Rewind(now, run).Owed(p, backup.Database, time.UTC, now)
	if want := s.Owed(p, backup.Database, time.UTC, now); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("owed %v, want %v", got, want)
	}
	if again := s.Rewind(now, from); !reflect.DeepEqual(again, s) {
		t.Error("a state that did not jump moved")
	}
	ahead := jumped.Rewind(now, now.AddDate(1, 0, 0))
	if at, _ := ahead.Settled(policy.Key{Kind: backup.Database, Tier: policy.Daily}); !at.Equal(now) {
		t.Errorf("rewound into the future, to %s", at)
	}
}

func TestChangeKind_TheChangeItselfMakesNothingOwed(t *testing.T) {
	t.Parallel()
	old := policy.Default()
	thursday := instant(t, "2026-04-23T12:00:00Z")
	mondays := policy.Default()
	mondays.Rules[1].Schedule.Weekdays = []time.Weekday{time.Monday}
	reordered := policy.Default()
	slices.Reverse(reordered.Rules[3].Schedule.At)
	_, s := policy.Begin(old, instant(t, "2026-04-01T00:00:00Z")).Serve(old, backup.Database, time.UTC, instant(t, "2026-04-23T00:01:00Z"))
	next := policy.ChangeKind(old, mondays, backup.Database, time.UTC, s, thursday)
	if owed := next.Owed(mondays, backup.Database, time.UTC, instant(t, "2026-04-23T23:00:00Z")); len(owed) != 0 {
		t.Errorf("the Monday before the change is owed: %v", owed)
	}
	if owed := next.Owed(mondays, backup.Database, time.UTC, instant(t, "2026-04-27T00:00:00Z")); len(owed) != 5 {
		t.Errorf("four days and a Monday, not %v", owed)
	}
	if same := policy.ChangeKind(old, reordered, backup.Data, time.UTC, s, thursday); !reflect.DeepEqual(same, policy.AdoptKind(old, backup.Data, s, thursday)) {
		t.Error("the same times in another order moved a rule")
	}
	was := map[policy.Tier]time.Time{policy.Daily: thursday.AddDate(-1, 0, 0), policy.Weekly: thursday.AddDate(-1, 0, 0), "gone": thursday}
	if got, want := policy.Begun(old, mondays, backup.Database, was, thursday), (map[policy.Tier]time.Time{
		policy.Daily: was[policy.Daily], policy.Weekly: thursday, policy.Monthly: thursday,
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("begun %v, want %v", got, want)
	}
	// Friday's slot is owed when Mondays come: the Monday before it cannot
	// stand for it, but the rule is not set back either.
	saturday := instant(t, "2026-04-25T12:00:00Z")
	owing := policy.ChangeKind(old, mondays, backup.Database, time.UTC, s, saturday)
	key := policy.Key{Kind: backup.Database, Tier: policy.Weekly}
	before, _ := s.Settled(key)
	if at, _ := owing.Settled(key); !at.Equal(before) {
		t.Errorf("settled at %s, want %s", at, before)
	}
}
