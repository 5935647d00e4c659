package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

func TestNames_GivesEachFileBelowAFolderOnce(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 300)
	must(t, os.Symlink("x", filepath.Join(filedir, "link")))
	write(t, filedir, map[string]string{"latin1-\xe4": "", "empty/": ""})
	r, _ := fresh(t, engine.Data)
	s := store(t, r, fast(root))
	var got []string
	for name, err := range r.Names(t.Context(), s.ID, "moodledata/filedir") {
		must(t, err)
		got = append(got, name)
	}
	want := append([]string{"warning.txt", "latin1-\xe4"}, names...)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
	few := 0
	for _, err := range r.Names(t.Context(), s.ID, "moodledata") {
		must(t, err)
		if few++; few == 3 {
			break
		}
	}
	for _, at := range [][2]string{{s.ID, "nosuch"}, {s.ID, "moodledata/filedir/warning.txt"}, {"nosuch", "moodledata"}} {
		var last error
		for name, err := range r.Names(t.Context(), at[0], at[1]) {
			if last = err; name != "" {
				t.Errorf("%v gave %q", at, name)
			}
		}
		if !errs.Is(last, errs.NotFound) {
			t.Errorf("%v: %v", at, last)
		}
	}
}

func TestNames_AFolderThatIsLostIsAnError(t *testing.T) {
	t.Parallel()
	root, _, _ := addressed(t, 20)
	r, dir := fresh(t, engine.Data)
	s := store(t, r, fast(root))
	for _, b := range blobs(t, dir, "q") {
		flip(t, b)
	}
	var last error
	for _, err := range open(t, local(dir)).Names(t.Context(), s.ID, "moodledata/filedir") {
		last = err
	}
	if last == nil {
		t.Error("no error")
	}
}
