package inplace

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/errs"
)

// yard is a live folder and a copy of an older state of it, without a database.
type yard struct {
	live string
	old  state
	f    *fixture
	o    FilesOptions
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		ok(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func newYard(t *testing.T) *yard {
	t.Helper()
	dir := tempDir(t)
	y := &yard{live: filepath.Join(dir, "moodledata"), f: &fixture{src: &folder{Dir: filepath.Join(dir, "copy")}}}
	put(t, y.live, map[string]string{"lang/de/a.php": "new a", "lang/de/only-live": "x", "repository/t/x": "changed", "keep": "k", "gone/dir-now/z": "z"})
	copied := filepath.Join(y.f.src.Dir, "moodledata")
	put(t, copied, map[string]string{"lang/de/a.php": "old a", "lang/fr/b.php": "b", "repository/t/x": "x", "repository/t/deep/er/y": "y", "gone/dir-now": "a file then"})
	ok(t, os.Symlink("a.php", filepath.Join(copied, "lang/de/inner")))
	ok(t, os.Chmod(filepath.Join(copied, "repository/t/x"), 0o4755|os.ModeSetuid))
	ok(t, os.Chown(filepath.Join(copied, "lang/fr"), webUID, webGID))
	ok(t, os.Chmod(filepath.Join(copied, "lang/fr"), 0o2777|os.ModeSetgid))
	y.f.o = Options{ID: "files-0001", Dir: filepath.Join(dir, "journals"), Source: y.f.src}
	y.o = FilesOptions{Options: y.f.o, Root: "moodledata", Paths: []string{"lang", "repository", "gone"}, Into: y.live, InPlace: true}
	y.old = y.print(t)
	return y
}

func (y *yard) print(t *testing.T) state {
	t.Helper()
	s := state{}
	addTree(t, s, "live", y.live)
	for name, line := range s {
		if strings.HasPrefix(line, "d") {
			s[name] = strings.Join(strings.Fields(line)[:2], " ") // files come and go in it
		}
	}
	return s
}

func (y *yard) read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(y.live, name))
	ok(t, err)
	return string(raw)
}

func (y *yard) isOld(t *testing.T, when string) {
	t.Helper()
	if d := y.print(t).differs(y.old, nothing); len(d) > 0 {
		t.Fatalf("%s, the folder is not as it was:\n%s", when, strings.Join(d, "\n"))
	}
}

func TestFiles_InPlaceKeepsWhatItReplaces(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	r, err := Files(t.Context(), y.o)
	ok(t, err)
	if r.Written != 5 || r.Replaced != 2 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0], "gone/dir-now") {
		t.Errorf("report %+v", r)
	}
	if y.read(t, "lang/de/a.php") != "old a" || y.read(t, "lang/de/only-live") != "x" || y.read(t, "repository/t/deep/er/y") != "y" || y.read(t, "keep") != "k" {
		t.Error("the files are not in place")
	}
	if raw, err := os.ReadFile(filepath.Join(r.Aside, "lang/de/a.php")); err != nil || string(raw) != "new a" {
		t.Errorf("what was replaced is not kept: %q %v", raw, err)
	}
	fi, err := os.Stat(filepath.Join(y.live, "lang/fr"))
	ok(t, err)
	if fi.Mode() != os.ModeDir|os.ModeSetgid|0o777 || fi.Sys().(*syscall.Stat_t).Uid != webUID {
		t.Errorf("a new folder is %v", fi.Mode())
	}
	if fi, err = os.Stat(filepath.Join(y.live, "repository/t/x")); err != nil || fi.Mode() != 0o755 {
		t.Errorf("a set-user-id bit came back: %v %v", fi.Mode(), err)
	}
	_, err = Undo(t.Context(), y.f.o)
	ok(t, err)
	y.isOld(t, "undone")
	ok(t, Settle(t.Context(), y.f.o))
	if _, err := os.Stat(r.Aside); err == nil {
		t.Error("settling left what was aside")
	}
}

func TestFiles_KilledAnywhereIsPutBackOrDone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for n := 1; ; n++ {
		killed, where := y.f.spawn(t, child{Verb: "files", KillAt: n, Root: y.o.Root, Paths: y.o.Paths, Into: y.o.Into, InPlace: true})
		if !killed {
			if n < 8 {
				t.Errorf("the walk has %d points", n-1)
			}
			break
		}
		state := y.f.recovered(t, where)
		if state == StateKept {
			_, err := Undo(t.Context(), y.f.o)
			ok(t, err)
			ok(t, Settle(t.Context(), y.f.o))
		}
		y.isOld(t, where)
	}
	for _, verb := range []string{"undo", "settle"} {
		for n := 1; ; n++ {
			if killed, _ := y.f.spawn(t, child{Verb: verb, KillAt: n}); !killed {
				break
			}
		}
	}
	y.isOld(t, "undone and settled by killed processes")
}

func TestFiles_ToASideFolderIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.o.InPlace, y.o.Into = false, filepath.Join(filepath.Dir(y.live), "brought-back")
	for n := 1; ; n++ {
		killed, where := y.f.spawn(t, child{Verb: "files", KillAt: n, Root: y.o.Root, Paths: y.o.Paths, Into: y.o.Into})
		if !killed {
			break
		}
		there := y.f.recovered(t, where) == StateSettled
		if _, err := os.Stat(filepath.Join(y.o.Into, "lang/fr/b.php")); (err == nil) != there {
			t.Fatalf("%s: %v, want it there: %v", where, err, there)
		}
		ok(t, os.RemoveAll(y.o.Into))
	}
	y.isOld(t, "brought to a side folder")
	if _, err := os.Stat(filepath.Join(y.o.Into, "repository/t/deep/er/y")); err != nil {
		t.Error(err)
	}
	y.o.ID = "files-0002"
	if _, err := Files(t.Context(), y.o); !errs.Is(err, errs.Conflict) {
		t.Errorf("into a folder that is full: %v", err)
	}
	y.o.Into, y.o.Paths = y.o.Into+"2", []string{"nothing"}
	if _, err := Files(t.Context(), y.o); !errs.Is(err, errs.NotFound) {
		t.Errorf("a path that the copy has not: %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(y.live), ".holdfast-*")); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
}

func TestFiles_HostileCopiesAndFoldersLeaveTheTargetAlone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	outside := filepath.Join(filepath.Dir(y.live), "outside")
	put(t, outside, map[string]string{"passwd": "root", "de/a.php": "theirs"})
	copied := filepath.Join(y.f.src.Dir, "moodledata")
	put(t, copied, map[string]string{"evil/x": "x", "linked/de/a.php": "pwned", "swapped/de/a.php": "pwned", "climaintenance.html": "closed"})
	for name, to := range map[string]string{"evil/abs": "/etc/passwd", "evil/up": "../../outside/passwd", "evil/up2": "a/../../../outside"} {
		ok(t, os.Symlink(to, filepath.Join(copied, name)))
	}
	ok(t, syscall.Mkfifo(filepath.Join(copied, "evil/pipe"), 0o600))
	ok(t, syscall.Mknod(filepath.Join(copied, "evil/mem"), syscall.S_IFCHR|0o666, 1<<8|1))
	ok(t, os.Symlink(outside, filepath.Join(y.live, "linked")))   // a link where a folder is expected
	put(t, y.live, map[string]string{"swapped/de/a.php": "mine"}) // a folder that becomes one
	y.o.Paths = []string{"evil", "linked", "swapped", "climaintenance.html"}
	y.o.at = func(point string) error {
		if point == "touch>" {
			ok(t, os.Rename(filepath.Join(y.live, "swapped"), filepath.Join(y.live, "was")))
			ok(t, os.Symlink(outside, filepath.Join(y.live, "swapped")))
		}
		return nil
	}
	r, err := Files(t.Context(), y.o)
	ok(t, err)
	if r.Written != 1 || len(r.Refused) != 8 {
		t.Errorf("written %d, refused %v", r.Written, r.Refused)
	}
	for name, want := range map[string]string{"passwd": "root", "de/a.php": "theirs"} {
		if raw, err := os.ReadFile(filepath.Join(outside, name)); err != nil || string(raw) != want {
			t.Errorf("outside/%s was reached: %q %v", name, raw, err)
		}
	}
	for _, name := range []string{"evil/abs", "evil/up", "evil/up2", "evil/pipe", "evil/mem", "climaintenance.html"} {
		if _, err := os.Lstat(filepath.Join(y.live, name)); err == nil {
			t.Errorf("%s was put in place", name)
		}
	}
}

func TestFiles_FolderSwappedForALinkIsNotEntered(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	outside := filepath.Join(filepath.Dir(y.live), "outside")
	ok(t, os.Mkdir(outside, 0o755))
	y.o.at = func(point string) error {
		if point == "touch>" {
			ok(t, os.Rename(y.live, y.live+".was"))
			ok(t, os.Symlink(outside, y.live))
		}
		return nil
	}
	if _, err := Files(t.Context(), y.o); err == nil {
		t.Error("files were put through a link")
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("outside holds %v", names)
	}
	for _, into := range []string{"relative", "/"} {
		y.o.ID, y.o.Into, y.o.at, y.o.InPlace = "files-0003", into, nil, false
		if _, err := Files(t.Context(), y.o); err == nil {
			t.Errorf("%s was taken as a target", into)
		}
	}
}
