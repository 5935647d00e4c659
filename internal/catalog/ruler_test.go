package catalog_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/policy"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := policy.LoadZone("tz", name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// kept gives what the published policy keeps at now after the given time.
func kept(t *testing.T, tz *time.Location, from, now time.Time) []catalog.Item {
	t.Helper()
	r, err := policy.Simulate(tz, from, now, nil, policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	var out []catalog.Item
	for _, c := range r.Copies {
		out = append(out, catalog.Item{ID: string(c.Kind) + c.At.String(), Kind: c.Kind, At: c.At, Good: true})
	}
	return out
}

func marksOf(all []catalog.Stretch, kind catalog.MarkKind) (out []catalog.Mark) {
	for _, s := range all {
		for _, m := range s.Marks {
			if m.Kind == kind {
				out = append(out, m)
			}
		}
	}
	return out
}

func TestRuler_ThePublishedPolicyIsDaysThenFridaysThenFirsts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 29, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana", "Pacific/Auckland", "America/New_York"} {
		tz := zone(t, name)
		registered := now.AddDate(-6, 0, 0)
		items := kept(t, tz, registered, now)
		got := catalog.Ruler(items, policy.Default(), tz, registered, now)
		var words []string
		for _, s := range got {
			words = append(words, s.Words)
		}
		if !slices.Equal(words, []string{"any day", "any Friday", "any 1st of a month"}) {
			t.Fatalf("%s: %q", name, words)
		}
		if days := now.Sub(got[0].From); days < 5*24*time.Hour || days > 8*24*time.Hour {
			t.Errorf("%s: days reach back %s", name, days)
		}
		if got[1].Largest < 6*24*time.Hour || got[1].Largest > 7*24*time.Hour+time.Hour {
			t.Errorf("%s: Fridays are up to %s apart", name, got[1].Largest)
		}
		ends := marksOf(got, catalog.MarkMonthEnd)
		if len(ends) != 1 || !ends[0].From.Equal(got[2].From) || ends[0].Lost < 31*24*time.Hour-time.Hour {
			t.Errorf("%s: month ends %+v", name, ends)
		}
		if holes := marksOf(got, catalog.MarkHole); len(holes) > 0 {
			t.Errorf("%s: holes %+v", name, holes)
		}
		cliffs := marksOf(got, catalog.MarkCliff)
		first := time.Date(2026, 2, 1, 0, 0, 0, 0, tz) // the oldest of the three monthly data copies
		if len(cliffs) != 1 || !cliffs[0].From.Equal(first) {
			t.Errorf("%s: cliff %+v, want %s", name, cliffs, first)
		}
		if n := len(marksOf(got, catalog.MarkClock)); name == "UTC" && n != 0 || name == "Europe/Berlin" && n != 10 {
			t.Errorf("%s: %d clock changes in five years", name, n)
		}
	}
}

func TestRuler_AMissedNightIsAHoleInTheDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 29, 12, 0, 0, 0, time.UTC)
	items := kept(t, time.UTC, now.AddDate(-1, 0, 0), now)
	missed := time.Date(2026, 4, 27, 0, 0, 0, 0, time.UTC)
	for i := range items {
		items[i].Good = !items[i].At.Equal(missed)
	}
	got := catalog.Ruler(items, policy.Default(), time.UTC, now.AddDate(-1, 0, 0), now)
	holes := marksOf(got, catalog.MarkHole)
	if len(got) != 3 || got[0].Words != "any day" || got[0].Largest != 48*time.Hour || len(holes) != 1 ||
		!holes[0].From.Equal(missed.AddDate(0, 0, -1)) || !holes[0].To.Equal(missed.AddDate(0, 0, 1)) || holes[0].Lost != 48*time.Hour {
		t.Fatalf("%+v", got)
	}
}

func TestRuler_SparserThanAnyRule(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 29, 12, 0, 0, 0, time.UTC)
	items := []catalog.Item{{Kind: backup.Database, At: now.AddDate(0, 0, -100), Good: true}}
	got := catalog.Ruler(items, policy.Default(), time.UTC, now.AddDate(0, 0, -100), now)
	if len(got) != 1 || got[0].Tier != "" || got[0].Words != "one moment in 100 days" || len(marksOf(got, catalog.MarkMonthEnd)) != 1 {
		t.Fatalf("%+v", got)
	}
	if cliff := marksOf(got, catalog.MarkCliff); len(cliff) != 1 || !cliff[0].From.Equal(now) {
		t.Errorf("without any data the cliff is now: %+v", cliff)
	}
	if got := catalog.Ruler(nil, policy.Default(), time.UTC, now, now); len(got) != 0 {
		t.Errorf("no copies: %+v", got)
	}
}

// TestRuler_IsContiguousAndNeverUnderstatesAGap scatters copies at random.
func TestRuler_IsContiguousAndNeverUnderstatesAGap(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		tz := zone(t, zones[r.IntN(len(zones))])
		from := time.Date(2025, time.Month(1+r.IntN(12)), 1, 0, 0, 0, 0, time.UTC)
		items := scattered(r, from)
		if r.IntN(4) == 0 {
			items = append(items, kept(t, tz, from.AddDate(0, -r.IntN(12), 0), from)...)
		}
		now := from.Add(time.Duration(r.IntN(500)-100) * time.Hour)
		registered := from.AddDate(0, -r.IntN(12), 0)
		var at []time.Time
		for _, c := range items {
			if c.Good && c.Kind == backup.Database && !c.At.After(now) {
				at = append(at, c.At)
			}
		}
		got := catalog.Ruler(items, policy.Default(), tz, registered, now)
		if len(at) == 0 {
			if len(got) > 0 {
				t.Fatalf("seed %d: %+v of nothing", seed, got)
			}
			continue
		}
		slices.SortFunc(at, time.Time.Compare)
		copies := 0
		for i, s := range got {
			if i == 0 && !s.To.Equal(now) || i > 0 && !s.To.Equal(got[i-1].From) || s.From.After(s.To) || s.Words == "" {
				t.Fatalf("seed %d: stretch %d is %+v", seed, i, s)
			}
			largest := time.Duration(0)
			for j, a := range at {
				next := now
				if j+1 < len(at) {
					next = at[j+1]
				}
				if !a.Before(s.From) && !next.After(s.To) {
					largest = max(largest, next.Sub(a))
				}
			}
			if s.Largest != largest {
				t.Fatalf("seed %d: the largest gap of %+v is %s", seed, s, largest)
			}
			copies += s.Copies
			for j, m := range s.Marks {
				if m.From.Before(s.From) || m.To.After(s.To) || j > 0 && m.From.Before(s.Marks[j-1].From) {
					t.Fatalf("seed %d: mark %+v of %+v", seed, m, s)
				}
			}
		}
		if copies != len(at) || !got[len(got)-1].From.Equal(at[0]) {
			t.Fatalf("seed %d: %d copies of %d, back to %s", seed, copies, len(at), got[len(got)-1].From)
		}
		from = at[0]
		if registered.After(from) {
			from = registered
		}
		var want []policy.OffsetChange
		if from.Before(now) {
			want = policy.OffsetChanges(tz, from, now)
		}
		clocks := marksOf(got, catalog.MarkClock)
		if len(clocks) != len(want) {
			t.Fatalf("seed %d: %d clock changes, want %d", seed, len(clocks), len(want))
		}
	}
}
