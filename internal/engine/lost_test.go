package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/engine"
)

// What the base has, filedir has no more and trashdir still has is stored in
// its place, without anybody having known of it before.
func TestLost_FindsWhatWentAwayMeanwhile(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 40)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	data := store(t, r, fast(root))
	want := inventory(t, filedir)
	for _, n := range names[:6] {
		trash(t, filedir, n)
	}
	trash(t, filedir, names[6]) // nobody names it
	for _, n := range names[7:9] {
		must(t, os.Remove(place(filedir, n))) // nowhere any more
	}
	o := named(filedir, data.ID+":moodledata/filedir")
	o.Lost = func(_, name string) string {
		if name == names[6] {
			return ""
		}
		return place(filepath.Join(filepath.Dir(filedir), "trashdir"), name)
	}
	s := store(t, r, o)
	got := inventory(t, filepath.Join(restore(t, r, s.ID), "filedir"))
	for rel := range want {
		name := filepath.Base(rel)
		gone := name == names[6] || name == names[7] || name == names[8]
		if _, there := got[rel]; there == gone {
			t.Errorf("%s is there: %v", rel, there)
		}
	}
	if s.Content.Gone != 3 || s.Vanished != 0 || s.ProblemCount != 0 {
		t.Errorf("saw %+v, %d vanished, %d problems", s.Content, s.Vanished, s.ProblemCount)
	}
}
