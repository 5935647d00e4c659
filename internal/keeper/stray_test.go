package keeper_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/keeper"
)

// put stores a further snapshot under a source.
func (s *shelf) put(source string) string {
	s.t.Helper()
	repo := s.open()
	snap, err := repo.StoreStream(s.t.Context(), engine.StreamOptions{Source: source, FileName: "x", TakenAt: time.Now()}, func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, source)
		return err
	})
	s.must(err)
	s.must(repo.Close(s.t.Context()))
	return snap.ID
}

func (s *shelf) listed() (ids []string) {
	s.t.Helper()
	repo := s.open()
	list, err := repo.List(s.t.Context())
	s.must(err)
	s.must(repo.Close(s.t.Context()))
	for _, l := range list {
		ids = append(ids, l.ID)
	}
	return ids
}

func (s *shelf) ids() (ids []string) {
	for _, snap := range s.snaps {
		ids = append(ids, snap.ID)
	}
	return ids
}

func TestMaintain_DeletesTheStraysThatItIsToldAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 4)
	site := s.job.Site
	dump, list, named, fresh := s.put(site), s.put(site+"/references"), s.put(site+"/named"), s.put(site)
	byHand, other := s.put("local-0123456789abcdef"), s.put(site+"x")
	maintain := func(j *keeper.Job) {
		j.Known, j.Leaving = s.ids()[1:], s.ids()[:1]
		j.Strays = []string{dump, list, named, byHand, s.snaps[0].ID, s.snaps[1].ID}
	}
	for range 2 { // the first answer was lost
		res := s.do("maintain", maintain)
		s.ok(res)
		r := res.Strays
		if r == nil || r.Doubt || len(r.Left) != 1 || r.Left[0].Snapshot != fresh || r.Left[0].Source != site || r.Left[0].EndedAt.IsZero() {
			t.Fatalf("%+v", r)
		}
		if slices.Sort(r.Deleted); !slices.Equal(r.Deleted, slices.Sorted(slices.Values([]string{dump, list, named}))) {
			t.Errorf("deleted %v", r.Deleted)
		}
		if got, want := s.listed(), append(s.ids(), fresh, byHand, other); !slices.Equal(got, want) {
			t.Errorf("there are %v, want %v", got, want)
		}
	}
	repo := s.open()
	report, err := repo.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	s.must(err)
	s.must(repo.Close(t.Context()))
	if !report.Proven {
		t.Errorf("the others: %+v", report)
	}
}

func TestMaintain_DeletesNoStrayOfACatalogThatLacksTooMuch(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 5)
	all := s.ids()
	for _, known := range []int{0, 1, 2} {
		res := s.do("maintain", func(j *keeper.Job) { j.Known, j.Strays = all[:known], all[known:] })
		s.ok(res)
		if r := res.Strays; !r.Doubt || len(r.Deleted) != 0 || len(r.Left) != 5-known || r.Named != known || r.Listed != 5 {
			t.Errorf("with %d known: %+v", known, r)
		}
		if res.Maintained == nil {
			t.Error("it was not maintained")
		}
	}
	if got := s.listed(); len(got) != 5 {
		t.Errorf("there are %v", got)
	}
	s.ok(s.do("maintain", func(j *keeper.Job) { j.Known, j.Strays = all[:3], all[3:] }))
	if got := s.listed(); !slices.Equal(got, all[:3]) {
		t.Errorf("there are %v", got)
	}
}

// A snapshot that the catalog counts on is missing: repair may be about to put
// it back under a new id that no copy names yet.
func TestMaintain_DeletesNoStrayWhileASnapshotIsMissing(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 3)
	all := s.ids()
	res := s.do("maintain", func(j *keeper.Job) {
		j.Known, j.Strays = []string{all[0], all[1], "0123456789abcdef0123456789abcdef"}, all[2:]
	})
	if res.ErrorKind != "incomplete" {
		t.Errorf("%+v", res)
	}
	if got := s.listed(); len(got) != 3 {
		t.Errorf("there are %v", got)
	}
}
