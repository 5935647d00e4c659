package catalog_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
)

// scattered gives copies of both kinds, some of them bad, some at one instant.
func scattered(r *rand.Rand, from time.Time) []catalog.Item {
	var out []catalog.Item
	for i := range r.IntN(40) {
		out = append(out, catalog.Item{
			ID: strconv.Itoa(i), Kind: backup.Kinds()[r.IntN(2)], At: from.Add(time.Duration(r.IntN(300)) * time.Hour), Good: r.IntN(5) > 0,
		})
	}
	return out
}

func TestReach_NoCopyIsNearer(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		items := scattered(r, from)
		moment := from.Add(time.Duration(r.IntN(330)-15) * time.Hour)
		before, after := catalog.Reach(items, moment)
		for _, p := range []catalog.Point{before, after} {
			if p.Database == nil {
				continue
			}
			if !p.Database.Good || p.Database.Kind != backup.Database || p.Lost != moment.Sub(p.Database.At) {
				t.Fatalf("seed %d: %+v", seed, p)
			}
			if p.Data != nil && (!p.Data.Good || p.Data.Kind != backup.Data || p.Skew != p.Data.At.Sub(p.Database.At)) {
				t.Fatalf("seed %d: %+v", seed, p)
			}
		}
		if before.Database != nil && before.Lost < 0 || after.Database != nil && after.Lost >= 0 {
			t.Fatalf("seed %d: lost %s and %s", seed, before.Lost, after.Lost)
		}
		for _, c := range items {
			if !c.Good {
				continue
			}
			if c.Kind == backup.Data {
				for _, p := range []catalog.Point{before, after} {
					if p.Database == nil {
						continue
					}
					skew := c.At.Sub(p.Database.At)
					if p.Data == nil || skew.Abs() < p.Skew.Abs() || skew == p.Skew.Abs() && p.Skew < 0 {
						t.Fatalf("seed %d: %s fits better than %+v", seed, c.At, p)
					}
				}
				continue
			}
			if !c.At.After(moment) && (before.Database == nil || c.At.After(before.Database.At)) ||
				c.At.After(moment) && (after.Database == nil || c.At.Before(after.Database.At)) {
				t.Fatalf("seed %d: %s is nearer to %s", seed, c.At, moment)
			}
		}
	}
}

func TestReach_WithoutCopiesThereIsNoPoint(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	before, after := catalog.Reach([]catalog.Item{{Kind: backup.Data, At: at, Good: true}, {Kind: backup.Database, At: at}}, at)
	if before != (catalog.Point{}) || after != (catalog.Point{}) {
		t.Fatalf("%+v, %+v", before, after)
	}
	before, _ = catalog.Reach([]catalog.Item{{Kind: backup.Database, At: at, Good: true}}, at)
	if before.Database == nil || before.Data != nil || before.Lost != 0 {
		t.Fatalf("a database copy at the moment itself: %+v", before)
	}
}
