package catalog_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
)

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

func fit(hours int, good, measured bool, present int64) catalog.Fit {
	return catalog.Fit{ID: strconv.Itoa(hours), At: noon.Add(time.Duration(hours) * time.Hour), Good: good, Measured: measured, Referenced: 100, Present: present}
}

func TestBestPair_HighestShareThenTheNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		missing int64
		data    []catalog.Fit
		want    string
	}{
		{"none", 0, nil, ""},
		{"only damaged ones", 0, []catalog.Fit{fit(0, false, true, 100)}, ""},
		{"whole before near", 0, []catalog.Fit{fit(1, true, true, 99), fit(9, true, true, 100)}, "9"},
		{"of two whole ones the nearest", 0, []catalog.Fit{fit(-3, true, true, 100), fit(2, true, true, 100)}, "2"},
		{"equally near: the later", 0, []catalog.Fit{fit(2, true, true, 100), fit(-2, true, true, 100)}, "2"},
		{"missing at the source is nobody's lack", 5, []catalog.Fit{fit(1, true, true, 95), fit(5, true, true, 96)}, "1"},
		{"whole before what is not measured", 0, []catalog.Fit{fit(0, true, false, 0), fit(8, true, true, 100)}, "8"},
		{"the highest share", 0, []catalog.Fit{fit(1, true, true, 50), fit(9, true, true, 60)}, "9"},
		{"equal shares: the nearest", 0, []catalog.Fit{fit(-8, true, true, 60), fit(3, true, true, 60)}, "3"},
		{"unmeasured and nearer than the best share", 0, []catalog.Fit{fit(1, true, false, 0), fit(9, true, true, 60)}, "1"},
		{"unmeasured and further away", 0, []catalog.Fit{fit(20, true, false, 0), fit(9, true, true, 60)}, "9"},
		{"nothing measured: the nearest", 0, []catalog.Fit{fit(7, true, false, 0), fit(-5, true, false, 0)}, "-5"},
		{"a damaged one never", 0, []catalog.Fit{fit(0, false, true, 100), fit(50, true, false, 0)}, "50"},
	} {
		got := ""
		if i := catalog.BestPair(noon, c.missing, c.data); i >= 0 {
			got = c.data[i].ID
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBestPair_NamingNothingIsWhole(t *testing.T) {
	t.Parallel()
	data := []catalog.Fit{{ID: "a", At: noon, Good: true, Measured: true}, {ID: "b", At: noon.Add(time.Hour), Good: true}}
	if got := catalog.BestPair(noon, 0, data); got != 0 {
		t.Fatal(got)
	}
}

func TestBestPair_NothingBeatsIt(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		missing := int64(r.IntN(4))
		var data []catalog.Fit
		for i := range r.IntN(12) {
			f := fit(r.IntN(60)-30, r.IntN(5) > 0, r.IntN(3) > 0, 90+r.Int64N(11))
			f.ID = strconv.Itoa(i)
			data = append(data, f)
		}
		at := catalog.BestPair(noon, missing, data)
		if at < 0 {
			if slices.ContainsFunc(data, func(f catalog.Fit) bool { return f.Good }) {
				t.Fatalf("seed %d: there is a good one", seed)
			}
			continue
		}
		best := data[at]
		if !best.Good {
			t.Fatalf("seed %d: a damaged one", seed)
		}
		skew := func(f catalog.Fit) time.Duration { return f.At.Sub(noon).Abs() }
		for _, f := range data {
			switch {
			case !f.Good:
			case f.Whole(missing) && (!best.Whole(missing) || skew(f) < skew(best)):
				t.Fatalf("seed %d: %+v is whole and better than %+v", seed, f, best)
			case !best.Whole(missing) && best.Measured && f.Measured && (f.Present > best.Present || f.Present == best.Present && skew(f) < skew(best)):
				t.Fatalf("seed %d: %+v holds more than %+v", seed, f, best)
			case !best.Whole(missing) && !f.Measured && skew(f) < skew(best):
				t.Fatalf("seed %d: %+v is nearer than %+v", seed, f, best)
			}
		}
		shuffled := slices.Clone(data)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := catalog.BestPair(noon, missing, shuffled); shuffled[again].ID != best.ID {
			t.Fatalf("seed %d: the order decides", seed)
		}
	}
}

func TestToMeasure_AsksForTheNeighboursAndEachOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		items := scattered(r, noon)
		listed, known, missing := map[string]bool{}, map[catalog.Pairing]catalog.Fit{}, map[string]int64{}
		dumps := 0
		for _, c := range items {
			if listed[c.ID] = r.IntN(4) > 0; listed[c.ID] && c.Kind == backup.Database && c.Good {
				dumps++
			}
		}
		asked := catalog.ToMeasure(items, listed, known, missing)
		if len(asked) > 2*dumps {
			t.Fatalf("seed %d: %d pairs for %d database copies", seed, len(asked), dumps)
		}
		for _, p := range asked {
			if _, twice := known[p]; twice || !listed[p.Database] {
				t.Fatalf("seed %d: %v", seed, p)
			}
			known[p] = catalog.Fit{}
		}
		if again := catalog.ToMeasure(items, listed, known, missing); len(again) > 0 {
			t.Fatalf("seed %d: asked twice for %v", seed, again)
		}
		for _, d := range items {
			if !d.Good || d.Kind != backup.Database || !listed[d.ID] {
				continue
			}
			before, _ := catalog.Reach(slices.DeleteFunc(slices.Clone(items), func(c catalog.Item) bool {
				return c.Kind == backup.Database && c.ID != d.ID
			}), d.At)
			if _, ok := known[catalog.Pairing{Database: d.ID, Data: idOf(before.Data)}]; before.Data != nil && !ok && !twin(items, *before.Data) {
				t.Fatalf("seed %d: %s is not paired with its nearest, %s", seed, d.ID, before.Data.ID)
			}
		}
	}
}

func idOf(c *catalog.Item) string {
	if c == nil {
		return ""
	}
	return c.ID
}

// twin tells whether another data copy is of the very same instant.
func twin(items []catalog.Item, of catalog.Item) bool {
	return slices.ContainsFunc(items, func(c catalog.Item) bool {
		return c.Good && c.Kind == of.Kind && c.ID != of.ID && c.At.Equal(of.At)
	})
}

func TestToMeasure_LeavesWhatCannotWin(t *testing.T) {
	t.Parallel()
	items := []catalog.Item{
		{ID: "d", Kind: backup.Database, At: noon, Good: true},
		{ID: "near", Kind: backup.Data, At: noon.Add(-time.Hour), Good: true},
		{ID: "far", Kind: backup.Data, At: noon.Add(4 * time.Hour), Good: true},
	}
	listed := map[string]bool{"d": true}
	whole := catalog.Fit{Measured: true, Referenced: 10, Present: 10}
	known := map[catalog.Pairing]catalog.Fit{{Database: "d", Data: "near"}: whole}
	if got := catalog.ToMeasure(items, listed, known, nil); len(got) != 0 {
		t.Fatalf("%v cannot be better than a whole one that is nearer", got)
	}
	known = map[catalog.Pairing]catalog.Fit{{Database: "d", Data: "far"}: whole}
	if got := catalog.ToMeasure(items, listed, known, nil); len(got) != 1 || got[0].Data != "near" {
		t.Fatalf("%v", got)
	}
}
