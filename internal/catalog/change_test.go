package catalog_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
)

// seen reads copies like "d1:a f2:b": kind (d or f), hour, fingerprint; a
// trailing ! is a copy that is not good. The id is the kind and the hour.
func seen(t *testing.T, text string) []catalog.Seen {
	t.Helper()
	var out []catalog.Seen
	for word := range strings.FieldsSeq(text) {
		id, print, _ := strings.Cut(word, ":")
		hour, err := strconv.Atoi(id[1:])
		if err != nil {
			t.Fatal(err)
		}
		c := catalog.Seen{
			ID: id, Kind: backup.Database, At: time.Date(2026, 4, 1, hour, 0, 0, 0, time.UTC),
			Fingerprint: strings.TrimSuffix(print, "!"), Good: !strings.HasSuffix(print, "!"),
		}
		if id[0] == 'f' {
			c.Kind = backup.Data
		}
		out = append(out, c)
	}
	return out
}

func TestBeforeChange_ProtectsTheNearestCopiesBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, all, newest, want string }{
		{"the first copy ever", "", "d1:a", "-"},
		{"the first of its kind", "f1:b", "d2:a", "-"},
		{"nothing changed", "d1:a f1:x", "d2:a", "-"},
		{"unknown is no change", "d1:a", "d2:", "-"},
		{"unknown before", "d1:", "d2:a", "-"},
		{"an unknown one between", "d1:a d2:", "d3:b", "d1"},
		{"the database saw it", "d1:a f1:x", "d2:b", "d1 f1"},
		{"files saw it", "d1:a f1:x", "f2:y", "f1 d1"},
		{"no other kind", "d1:a", "d2:b", "d1"},
		{"newer files without the change", "d1:a f1:x f5:x f9:x", "d12:b", "d1 f9"},
		{"files that saw it first", "d1:a f1:x f5:x f9:y", "d12:b", "d1 f5"},
		{"files that came back", "d1:a f1:x f5:y f9:x", "d12:b", "d1 f1"},
		{"files of unknown content", "d1:a f1:x f5:", "d12:b", "d1 f1"},
		{"files never known", "d2:a f1: f5:", "d12:b", "d2 f1"},
		{"files later than the change are not asked", "d1:a f1:x f20:x", "d12:b", "d1 f1"},
		{"a bad copy helps nobody", "d0:a d1:a! f0:x f1:x!", "d2:b", "d0 f0"},
		{"only bad ones", "d1:a! f1:x!", "d2:b", ""},
		{"the newest may be among them", "d1:a d2:b f1:x", "d2:b", "d1 f1"},
		{"and out of order", "f1:x d3:b d1:a", "d3:b", "d1 f1"},
		{"no data yet when the last copy was taken", "d1:a f5:x", "d12:b", "d1"},
		{"a change is found once", "d1:a d2:b", "d3:b", "-"},
	} {
		got, changed := catalog.BeforeChange(seen(t, c.all), seen(t, c.newest)[0])
		if words := strings.Join(got, " "); changed != (c.want != "-") || changed && words != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, words, changed, c.want)
		}
	}
}

func TestBeforeChange_NeverProtectsWhatIsKnownToBeAfter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		change := 2 + r.IntN(20) // the site changes from a to b before this hour
		var all []catalog.Seen
		for hour := range change + 1 {
			for i, kind := range backup.Kinds() {
				if r.IntN(3) == 0 && (i == 1 || hour < change) {
					continue
				}
				print := "a"
				if hour >= change {
					print = "b"
				}
				if r.IntN(6) == 0 && (i == 1 || hour < change) {
					print = ""
				}
				all = append(all, catalog.Seen{
					ID: string(kind) + strconv.Itoa(hour), Kind: kind, At: time.Date(2026, 4, 1, hour, 0, 0, 0, time.UTC), Fingerprint: print, Good: r.IntN(6) > 0,
				})
			}
		}
		newest := all[slices.IndexFunc(all, func(c catalog.Seen) bool { return c.ID == "database"+strconv.Itoa(change) })]
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		protect, changed := catalog.BeforeChange(all, newest)
		if !changed && len(protect) > 0 || len(protect) > 2 {
			t.Fatalf("seed %d: %v without a change", seed, protect)
		}
		for _, id := range protect {
			i := slices.IndexFunc(all, func(c catalog.Seen) bool { return c.ID == id })
			if i < 0 || all[i].Fingerprint == "b" || !all[i].Good || id == newest.ID {
				t.Fatalf("seed %d: %s is protected", seed, id)
			}
		}
	}
}
