package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

func TestRestoreTree_GivesOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"code/index.php": "i", "code/lib/setup.php": "s", "code/lib/db/x": "x", "moodledata/lang/de/a": "a", "moodledata/lang/fr/b": "b", "moodledata/c": "c"})
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: filepath.Join(src, "code")}, {Name: "moodledata", Path: filepath.Join(src, "moodledata")}}})
	sizes, err := r.Sizes(t.Context(), s.ID)
	must(t, err)
	if len(sizes) != 2 || sizes["code"] != (engine.Restored{Files: 3, Bytes: 3}) || sizes["moodledata"] != (engine.Restored{Files: 3, Bytes: 3}) {
		t.Errorf("sizes %v", sizes)
	}
	for _, c := range []struct {
		base string
		only []string
		want string
	}{
		{"code", nil, "index.php lib lib/db lib/db/x lib/setup.php"},
		{"code", []string{"."}, "index.php lib lib/db lib/db/x lib/setup.php"},
		{"moodledata", []string{"lang/de", "c"}, "c lang lang/de lang/de/a"},
		{"moodledata", []string{"lang/de/a", "lang"}, "lang lang/de lang/de/a lang/fr lang/fr/b"},
		{"moodledata", []string{"lang", "lang/de/a"}, "lang lang/de lang/de/a lang/fr lang/fr/b"},
		{"moodledata/lang", []string{"fr"}, "fr fr/b"},
		{"", []string{"code/index.php"}, "code code/index.php"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		var last engine.Progress
		got, err := r.RestoreTree(t.Context(), s.ID, dir, engine.RestoreOptions{Base: c.base, Only: c.only, Progress: func(p engine.Progress) { last = p }})
		must(t, err)
		have := inventory(t, dir)
		names := []string{}
		files := int64(0)
		for name := range have {
			names = append(names, name)
			if fi, err := os.Lstat(filepath.Join(dir, name)); err == nil && !fi.IsDir() {
				files++
			}
			if strings.TrimSpace(have[name]) != strings.TrimSpace(inventory(t, src)[filepath.Join(c.base, name)]) {
				t.Errorf("%s of %q is not what was stored", name, c.base)
			}
		}
		if want := strings.Fields(c.want); len(want) != len(names) {
			t.Errorf("%q %v gave %v, want %v", c.base, c.only, names, want)
		}
		if got.Files != files || last.TotalFiles != files || last.DoneFiles != files {
			t.Errorf("%q %v: %d files, told %d of %d, want %d", c.base, c.only, got.Files, last.DoneFiles, last.TotalFiles, files)
		}
	}
}

func TestRestoreTree_RefusesPathsThatAreNotInTheCopy(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"code/a": "a"})
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: filepath.Join(src, "code")}}})
	for _, c := range []struct {
		base, only string
		kind       errs.Kind
	}{
		{"code", "../a", errs.Invalid},
		{"code", "/etc/passwd", errs.Invalid},
		{"code", "b/../../a", errs.Invalid},
		{"code", "", errs.Invalid},
		{"code", "a\x00b", errs.Invalid},
		{"code", "b", errs.NotFound},
		{"code", "a/b", errs.NotFound},
		{"code/a", ".", errs.NotFound},
		{"nothing", ".", errs.NotFound},
		{"../..", "etc", errs.NotFound},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		_, err := r.RestoreTree(t.Context(), s.ID, dir, engine.RestoreOptions{Base: c.base, Only: []string{c.only}})
		if !errs.Is(err, c.kind) {
			t.Errorf("%q %q: %v, want kind %s", c.base, c.only, err, c.kind)
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%q %q: something was written", c.base, c.only)
		}
	}
}
