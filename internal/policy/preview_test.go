package policy_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

func TestLook_RunsAreThoseOfASimulation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		tz := zone(t, trickyZones[r.IntN(len(trickyZones))])
		now := time.Date(2009+r.IntN(15), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
		p, _ := random(r, now, now.AddDate(0, 1, 0))
		end := now.Add(policy.PreviewDays * 24 * time.Hour)
		want, err := policy.Simulate(tz, now, end, nil, p)
		if err != nil {
			t.Fatal(err)
		}
		backed := policy.SizedCopy{Copy: policy.Copy{ID: "first", TakenAt: now.Add(-time.Hour), Good: true, Initial: true}}
		got := policy.Look(policy.PreviewInput{
			Policy: p, Zone: tz, Registered: now, Now: now,
			Copies: map[backup.Kind][]policy.SizedCopy{backup.Database: {backed}, backup.Data: {backed}},
		})
		if !reflect.DeepEqual(got.Runs, want.Runs) {
			t.Fatalf("seed %d: %v runs, want %v", seed, got.Runs, want.Runs)
		}
		for i, run := range got.FirstRuns {
			if len(run.Tiers) == 0 || run.Due.Before(now) || i > 0 && run.Due.Before(got.FirstRuns[i-1].Due) {
				t.Fatalf("seed %d: run %+v", seed, run)
			}
		}
		for _, kind := range backup.Kinds() {
			kept := map[policy.Tier]int{}
			copies := 0
			for _, c := range want.Copies {
				if c.Kind == kind {
					copies++
					for _, e := range c.Tiers {
						kept[e.Tier]++
					}
				}
			}
			c := got.KeptIn30Days[kind]
			// The first copy may still wait for a daily one.
			if c.Copies < copies || c.Copies > copies+1 || !reflect.DeepEqual(c.Tiers, kept) {
				t.Fatalf("seed %d: kept %v, want %d %v", seed, c, copies, kept)
			}
		}
	}
}

// TestSteady_IsWhatALongSimulationKeeps also shows that it is no sum of keeps.
func TestSteady_IsWhatALongSimulationKeeps(t *testing.T) {
	t.Parallel()
	check := func(p policy.Policy, tz *time.Location, now time.Time, years int) {
		t.Helper()
		want, err := policy.Simulate(tz, now.AddDate(-years, 0, 0), now, nil, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range backup.Kinds() {
			copies, tiers := 0, map[policy.Tier]int{}
			for _, c := range want.Copies {
				if c.Kind == kind {
					copies++
					for _, e := range c.Tiers {
						tiers[e.Tier]++
					}
				}
			}
			if got := policy.Steady(p, kind, tz, now); got.Copies != copies || !reflect.DeepEqual(got.Tiers, tiers) {
				t.Fatalf("%s: %+v, want %d %v", tz, got, copies, tiers)
			}
		}
	}
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 8))
		now := time.Date(2013+r.IntN(10), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		p, _ := random(r, now, now.AddDate(0, 1, 0))
		check(p, zone(t, trickyZones[r.IntN(len(trickyZones))]), now, 3)
	}
	check(policy.Default(), zone(t, "Europe/Berlin"), instant(t, "2026-04-27T12:00:00Z"), 6)
	for _, name := range trickyZones {
		check(policy.Default(), zone(t, name), instant(t, "2026-04-01T12:00:00Z"), 6)
	}
}

func TestLook_SaysWhatExpiresAndWhatItWeighs(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-04-21T12:30:00Z")
	p := policy.Default()
	less := policy.Default()
	less.Rules[0].Keep = 2
	copies := map[backup.Kind][]policy.SizedCopy{}
	for day := range 7 {
		at := now.AddDate(0, 0, day-7).Truncate(24 * time.Hour)
		c := policy.SizedCopy{StoredBytes: int64(10 + day), Bytes: 5000}
		if c.Copy = (policy.Copy{ID: at.Format("Jan02"), TakenAt: at, Good: true, Tiers: policy.Tiers{{Tier: policy.Daily, Slot: policy.NewSlot(at.Year(), at.Month(), at.Day(), 0)}}}); day == 0 {
			c.StoredBytes = 1000
		}
		if day == 3 {
			c.Pinned = true
		}
		copies[backup.Database] = append(copies[backup.Database], c)
	}
	in := policy.PreviewInput{Policy: less, Was: p, Zone: time.UTC, Registered: now.AddDate(-1, 0, 0), Copies: copies, Now: now}
	got := policy.Look(in)
	if got.Expires != 4 || len(got.Expire) != 4 || got.Expire[0].ID != "Apr14" || got.Expire[0].Kind != backup.Database {
		t.Errorf("expires %+v", got.Expire)
	}
	// The first one, 1000; then 11 to 16, whose median is 14.
	steady := got.Steady[backup.Database].Copies
	if got.BytesNow != 1081 || got.BytesSteady != 1000+14*int64(steady-1) || got.BytesKnown || got.SitesUnsized != 1 {
		t.Errorf("%d bytes now, %d for %d, known %v", got.BytesNow, got.BytesSteady, steady, got.BytesKnown)
	}
	if len(got.FirstRuns) != 10 || !got.FirstRuns[0].Due.Equal(now) || got.FirstRuns[0].Kind != backup.Data || len(got.FirstRuns[0].Tiers) != 0 {
		t.Errorf("a site without data is backed up at once: %+v", got.FirstRuns[0])
	}
	if len(policy.Look(policy.PreviewInput{Policy: p, Zone: time.UTC, Copies: copies, Now: now}).Expire) != 0 {
		t.Error("the published policy keeps all of them")
	}
}

func TestPreview_SumsWithoutTouchingWhatItSums(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-04-21T12:00:00Z")
	one := policy.Look(policy.PreviewInput{Policy: policy.Default(), Zone: time.UTC, Now: now})
	same := policy.Look(policy.PreviewInput{Policy: policy.Default(), Zone: time.UTC, Now: now})
	total := policy.Preview{}
	for range 3 {
		total = total.Add(one)
	}
	if !reflect.DeepEqual(one, same) {
		t.Error("Add changed what it was given")
	}
	if total.Sites != 3 || total.SitesUnsized != 3 || total.Days != policy.PreviewDays || len(total.FirstRuns) != 10 {
		t.Errorf("%+v", total)
	}
	for _, kind := range backup.Kinds() {
		if total.Runs[kind] != 3*one.Runs[kind] || total.Steady[kind].Copies != 3*one.Steady[kind].Copies || total.KeptIn30Days[kind].Tiers[policy.Daily] != 21 {
			t.Errorf("%s: %+v", kind, total)
		}
	}
}

func BenchmarkSteady(b *testing.B) {
	now, tz := instant(b, "2026-04-21T12:00:00Z"), zone(b, "Europe/Berlin")
	for b.Loop() {
		policy.Steady(policy.Default(), backup.Database, tz, now)
		policy.Steady(policy.Default(), backup.Data, tz, now)
	}
}

func BenchmarkLook(b *testing.B) {
	now := instant(b, "2026-04-21T12:00:00Z")
	tz := zone(b, "Europe/Berlin")
	b.ReportAllocs()
	for b.Loop() {
		policy.Look(policy.PreviewInput{Policy: policy.Default(), Was: policy.Default(), Zone: tz, Now: now})
	}
}
