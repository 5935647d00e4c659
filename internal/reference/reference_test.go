package reference_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // contents are named so
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/reference"
)

func hashOf(n int) reference.Hash {
	return sha1.Sum(fmt.Append(nil, n)) //nolint:gosec // see above
}

// entry is the n-th of a plausible site: most contents named once.
func entry(n int) reference.Entry {
	areas := []string{"mod_resource/content", "user/draft", "assignsubmission_file/submission_files", "course/summary", "backup/automated"}
	return reference.Entry{Hash: hashOf(n), Bytes: int64(n%7919) * 331, Area: areas[n/40%len(areas)], Course: fmt.Sprintf("K%d", n/500)}
}

func written(t testing.TB, do func(w *reference.Writer)) ([]byte, reference.Totals) {
	t.Helper()
	var b bytes.Buffer
	w := reference.NewWriter(&b)
	do(w)
	totals := w.Totals()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), totals
}

func read(b []byte) (out []reference.Entry, err error) {
	for e, err := range reference.Read(bytes.NewReader(b)) {
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
	return out, nil
}

func TestRead_GivesWhatWasWrittenWithoutWhatWasSaidBefore(t *testing.T) {
	t.Parallel()
	var want []reference.Entry
	b, totals := written(t, func(w *reference.Writer) {
		for n := range 20_000 {
			e := entry(n)
			if first := w.Add(e); !first {
				t.Errorf("content %d is not new", n)
			}
			want = append(want, e)
			if n%3 == 0 && w.Add(e) {
				t.Errorf("content %d is new again", n)
			}
			if n%5 == 0 { // in a further course
				e.Course = "K-other"
				w.Add(e)
				w.Add(e)
				want = append(want, e)
			}
		}
		w.AddExternal(hashOf(7))
	})
	want = append(want, reference.Entry{Hash: hashOf(7), External: true})
	got, err := read(b)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d entries of %d, %v", len(got), len(want), err)
	}
	if totals.Hashes != 20_000 || totals.External != 1 || totals.Entries != int64(len(want)-1) || totals.Rows <= totals.Entries {
		t.Errorf("%+v", totals)
	}
	// Lists one after the other are a list.
	if twice, err := read(append(slices.Clone(b), b...)); err != nil || len(twice) != 2*len(want) {
		t.Errorf("two lists: %d entries, %v", len(twice), err)
	}
}

func TestRead_TakesNoCutListForWhole(t *testing.T) {
	t.Parallel()
	b, _ := written(t, func(w *reference.Writer) {
		for n := range 300 {
			w.Add(entry(n))
		}
		w.AddExternal(hashOf(1))
	})
	for n := range b {
		if _, err := read(b[:n]); !errs.Is(err, errs.Incomplete) {
			t.Fatalf("cut at %d of %d: %v", n, len(b), err)
		}
	}
	if empty, err := read(must(written(t, func(*reference.Writer) {}))); err != nil || len(empty) != 0 {
		t.Errorf("an empty list: %v, %v", empty, err)
	}
}

func must(b []byte, _ reference.Totals) []byte { return b }

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestWriter_ADiskThatFillsIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	w := reference.NewWriter(&full{room: 100_000})
	for n := range 50_000 {
		w.Add(entry(n))
	}
	if err := w.Close(); err == nil {
		t.Error("nothing was told")
	}
}

func TestWriter_NoSizeMakesASumThatNobodyTakes(t *testing.T) {
	t.Parallel()
	list, totals := written(t, func(w *reference.Writer) {
		for n := range 3000 {
			w.Add(reference.Entry{Hash: hashOf(n), Bytes: 1<<63 - 1})
		}
	})
	all, err := read(list)
	if err != nil || totals.HashBytes != 1<<50 || len(all) != 3000 || all[0].Bytes != 1<<42 {
		t.Errorf("%d entries, %+v, %v", len(all), totals, err)
	}
}

func TestMissing_CountsEachContentOnce(t *testing.T) {
	t.Parallel()
	b, _ := written(t, func(w *reference.Writer) {
		for n := range 1000 {
			e := reference.Entry{Hash: hashOf(n), Bytes: 10, Area: "mod_resource/content", Course: fmt.Sprintf("K%d", n%250)}
			w.Add(e)
			e.Area = "course/summary"
			w.Add(e)
		}
		w.AddExternal(hashOf(999))
	})
	s, err := reference.Missing(reference.Read(bytes.NewReader(b)), func(h reference.Hash) bool {
		for n := range 500 {
			if h == hashOf(n) {
				return true
			}
		}
		return false
	})
	if err != nil || s.Hashes != 1000 || s.Bytes != 10_000 || s.Present != 500 || s.PresentBytes != 5000 || s.External != 1 || s.Missing != 499 || s.MissingBytes != 4990 || s.Rows != 2000 {
		t.Fatalf("%+v, %v", s, err)
	}
	sum := s.Rest.Files
	for _, g := range s.By {
		sum += g.Files
		if g.Area != "mod_resource/content" {
			t.Errorf("%+v: a content counts where it is named first", g)
		}
	}
	if len(s.By) != reference.MaxGroups || s.More != 50 || sum != 499 || s.By[0].Files < s.By[199].Files {
		t.Errorf("%d groups, %d more, %d files", len(s.By), s.More, sum)
	}
	if share := s.Share(); share < 0.5 || share > 0.51 {
		t.Errorf("the share is %v", share)
	}
}

func TestMissing_AListThatIsCutHasNoSummary(t *testing.T) {
	t.Parallel()
	b, _ := written(t, func(w *reference.Writer) { w.Add(entry(1)) })
	s, err := reference.Missing(reference.Read(bytes.NewReader(b[:len(b)-1])), func(reference.Hash) bool { return true })
	if err == nil || s.Hashes != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWriter_ARowThatGoesChangesOneBlock(t *testing.T) {
	t.Parallel()
	const n = 200_000
	list := func(but ...int) []byte {
		b, _ := written(t, func(w *reference.Writer) {
			for i := range n {
				if !slices.Contains(but, i) {
					w.Add(entry(i))
				}
			}
		})
		return b
	}
	one, two := list(), list(3, 70_000)
	// Windows of the one that the other holds nowhere.
	const window = 4096
	known := map[string]bool{}
	for i := 0; i+64 <= len(two); i++ {
		if i+64 <= len(two) && two[i]%61 == 0 {
			known[string(two[i:i+64])] = true
		}
	}
	changed := 0
	for at := 0; at+window <= len(one); at += window {
		found := false
		for i := at; i+64 <= at+window && !found; i++ {
			found = one[i]%61 == 0 && known[string(one[i:i+64])]
		}
		if !found {
			changed++
		}
	}
	if changed*window > len(one)/20 {
		t.Errorf("two rows of %d changed %d of %d bytes", n, changed*window, len(one))
	}
}

func FuzzRead_HostileInputIsRefusedOrRead(f *testing.F) {
	b, _ := written(f, func(w *reference.Writer) {
		for n := range 50 {
			w.Add(entry(n))
		}
		w.AddExternal(hashOf(1))
	})
	f.Add(b)
	f.Add([]byte("HFREFS1\nR\xff\xff\x03"))
	f.Add([]byte("HFREFS1\nR\x05\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := read(in)
		if err != nil && !errs.Is(err, errs.Incomplete) {
			t.Errorf("%v", err)
		}
		if len(got) > len(in)/20 {
			t.Errorf("%d entries of %d bytes", len(got), len(in))
		}
		if err != nil {
			return
		}
		again, _ := written(t, func(w *reference.Writer) {
			for _, e := range got {
				if e.External {
					w.AddExternal(e.Hash)
				} else {
					w.Add(e)
				}
			}
		})
		if _, err := read(again); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

func TestParseHash_TakesWhatMoodleWrites(t *testing.T) {
	t.Parallel()
	h, ok := reference.ParseHash("da39a3ee5e6b4b0d3255bfef95601890afd80709")
	if !ok || h != reference.Empty || h.Path() != "da/39/da39a3ee5e6b4b0d3255bfef95601890afd80709" {
		t.Errorf("%v %v", h, ok)
	}
	for _, bad := range []string{"", "da39", strings.Repeat("g", 40), strings.Repeat("A", 40), strings.Repeat("a", 41)} {
		if _, ok := reference.ParseHash(bad); ok {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}

func BenchmarkWriter_AMillionContents(b *testing.B) {
	for b.Loop() {
		out, totals := written(b, func(w *reference.Writer) {
			for n := range 1_000_000 {
				w.Add(entry(n))
			}
		})
		b.ReportMetric(float64(len(out))/float64(totals.Hashes), "bytes/hash")
	}
}
