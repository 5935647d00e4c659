package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := policy.LoadZone("tz", name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := policy.ParseInstant("at", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func asValue(t testing.TB, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSimulate_GivesTheWorkedExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("worked examples: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var example struct {
			Args []string
			Want any
		}
		if err := json.Unmarshal(b, &example); err != nil {
			t.Fatal(err)
		}
		var tz *time.Location
		var from, to time.Time
		var down []policy.Outage
		for i := 0; i < len(example.Args); i += 2 {
			switch v := example.Args[i+1]; example.Args[i] {
			case "--tz":
				tz = zone(t, v)
			case "--from":
				from = instant(t, v)
			case "--to":
				to = instant(t, v)
			case "--down":
				o, err := policy.ParseOutage("down", v)
				if err != nil {
					t.Fatal(err)
				}
				down = append(down, o)
			default:
				t.Fatalf("%s: argument %s", f, example.Args[i])
			}
		}
		got, err := policy.Simulate(tz, from, to, down, policy.Default())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(asValue(t, got), example.Want) {
			t.Errorf("%s: got %v\nwant %v", f, asValue(t, got), example.Want)
		}
	}
}

// random gives a policy and outages that a person could have written.
func random(r *rand.Rand, from, to time.Time) (policy.Policy, []policy.Outage) {
	p := policy.Policy{Name: "random", Night: policy.TimeOfDay(r.IntN(24 * 60)), Grace: policy.DefaultGrace}
	for _, kind := range backup.Kinds() {
		for i, tier := range []policy.Tier{policy.Hourly, policy.Daily, policy.Weekly, policy.Monthly}[:1+r.IntN(4)] {
			rule := policy.Rule{Kind: kind, Tier: tier, Keep: 1 + r.IntN(9)}
			switch i {
			case 0:
				for _, h := range r.Perm(24)[:1+r.IntN(6)] {
					rule.Schedule.At = append(rule.Schedule.At, policy.TimeOfDay(h*60+r.IntN(60)))
				}
			case 2:
				rule.Schedule.Weekdays = []time.Weekday{time.Weekday(r.IntN(7))}
			case 3:
				rule.Schedule.Days = []int{1 + r.IntN(31)}
			}
			p.Rules = append(p.Rules, rule)
		}
	}
	var down []policy.Outage
	for range r.IntN(6) {
		at := from.Add(time.Duration(r.Int64N(int64(to.Sub(from)))))
		down = append(down, policy.Outage{From: at, To: at.Add(time.Duration(r.Int64N(int64(8 * 24 * time.Hour))))})
	}
	return p, down
}

var trickyZones = []string{
	"UTC", "Africa/Cairo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana",
	"Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll", "America/Scoresbysund", "Asia/Kathmandu", "Pacific/Kwajalein",
}

func TestSimulation_SplitAnywhereGivesWhatOneGoGives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		tz := zone(t, trickyZones[r.IntN(len(trickyZones))])
		from := time.Date(2009+r.IntN(15), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		to := from.Add(time.Duration(r.IntN(200*24)+1) * time.Hour)
		p, down := random(r, from, to)
		whole, err := policy.Simulate(tz, from, to, down, p)
		if err != nil {
			t.Fatal(err)
		}
		s := policy.NewSimulation(p, from)
		for at := from; at.Before(to); at = at.Add(time.Duration(1 + r.Int64N(int64(20*24*time.Hour)))) {
			s.Advance(p, tz, at, down)
			b, err := json.Marshal(s) // the process dies here
			if err != nil {
				t.Fatal(err)
			}
			s = new(policy.Simulation)
			if err := json.Unmarshal(b, s); err != nil {
				t.Fatal(err)
			}
		}
		s.Advance(p, tz, to, down)
		if got := s.Result(); !reflect.DeepEqual(asValue(t, got), asValue(t, whole)) {
			t.Fatalf("seed %d, %s: in parts %v\nin one go %v", seed, tz, asValue(t, got), asValue(t, whole))
		}
		settledOnce(t, seed, p, tz, from, to, s)
	}
}

// settledOnce checks that every slot of the time is served, missed or owed,
// and only one of these, by counting.
func settledOnce(t *testing.T, seed uint64, p policy.Policy, tz *time.Location, from, to time.Time, s *policy.Simulation) {
	t.Helper()
	for _, kind := range backup.Kinds() {
		owed := s.State.Owed(p, kind, tz, to)
		for _, rule := range p.Of(kind) {
			seen := map[policy.Slot]int{}
			for _, c := range s.Kept {
				if slot, ok := c.Tiers.Get(rule.Tier); ok && c.Kind == kind {
					seen[slot]++
				}
			}
			for _, m := range slices.Concat(s.Missed, owed) {
				if m.Kind == kind && m.Tier == rule.Tier {
					seen[m.Slot]++
				}
			}
			all := rule.Between(tz, from.Add(-1), to)
			names := map[policy.Slot]bool{}
			for _, o := range all {
				names[o.Slot] = true
			}
			for slot, n := range seen {
				if n != 1 || !names[slot] {
					t.Fatalf("seed %d: %s %s %s is settled %d times, named %v", seed, kind, rule.Tier, slot, n, names[slot])
				}
			}
			for _, o := range all[max(0, len(all)-rule.Keep):] {
				if seen[o.Slot] == 0 {
					t.Fatalf("seed %d: %s %s %s was forgotten", seed, kind, rule.Tier, o.Slot)
				}
			}
		}
	}
}

func TestSimulate_OneRunPerKindAfterAnOutage(t *testing.T) {
	t.Parallel()
	from, up := instant(t, "2026-01-01T00:00:00Z"), instant(t, "2026-03-01T10:00:00Z")
	got, err := policy.Simulate(time.UTC, from, up, []policy.Outage{{From: from, To: up.Add(-time.Hour)}, {From: up.Add(-2 * time.Hour), To: up}}, policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	if got.Runs[backup.Database] != 1 || got.Runs[backup.Data] != 1 {
		t.Fatalf("runs: %v", got.Runs)
	}
	still, err := policy.Simulate(time.UTC, from, up.Add(-1), []policy.Outage{{From: from, To: up}}, policy.Default())
	if err != nil || len(still.Missed)+len(still.Copies) != 0 {
		t.Fatalf("what is owed is in neither list: %v, %v", still, err)
	}
}

func TestSimulate_ApiasSkippedDayIsMissedOnce(t *testing.T) {
	t.Parallel()
	got, err := policy.Simulate(zone(t, "Pacific/Apia"), instant(t, "2011-12-29T10:00:00Z"), instant(t, "2011-12-31T09:59:59Z"), nil, policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	// 29 December and then 31 December: 12 hourly slots run, 7 of the 30th (six
	// hourly, one daily) fall on the first instant of the 31st with its own.
	if got.Runs[backup.Data] != 12 || got.Runs[backup.Database] != 2 || len(got.Missed) != 8 {
		t.Fatalf("runs %v, missed %v", got.Runs, got.Missed)
	}
}

func TestSimulate_RefusesTimeThatRunsBackwards(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-01-01T00:00:00Z")
	if _, err := policy.Simulate(time.UTC, now, now.Add(-1), nil, policy.Default()); !errs.Is(err, errs.Invalid) {
		t.Errorf("to before from: %v", err)
	}
	if _, err := policy.Simulate(time.UTC, now, now, []policy.Outage{{From: now, To: now.Add(-1)}}, policy.Default()); !errs.Is(err, errs.Invalid) {
		t.Errorf("outage that ends before it begins: %v", err)
	}
}

func TestSimulate_FiveYearsInUnderASecond(t *testing.T) { //nolint:paralleltest // it measures time
	from := instant(t, "2021-01-01T00:00:00Z")
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe"} {
		best := time.Hour
		for range 3 { // the machine may have other work
			began := time.Now()
			if _, err := policy.Simulate(zone(t, name), from, from.AddDate(5, 0, 0), nil, policy.Default()); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(began))
		}
		if t.Logf("%s: %s", name, best); best > time.Second {
			t.Errorf("%s: five years took %s", name, best)
		}
	}
}

func BenchmarkSimulate_FiveYears(b *testing.B) {
	from := instant(b, "2021-01-01T00:00:00Z")
	tz := zone(b, "Europe/Berlin")
	for b.Loop() {
		if _, err := policy.Simulate(tz, from, from.AddDate(5, 0, 0), nil, policy.Default()); err != nil {
			b.Fatal(err)
		}
	}
}
