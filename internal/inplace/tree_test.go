package inplace

import (
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/errs"
)

// On file systems that cannot exchange two names at once, a process that dies
// leaves one of these arrangements.
func TestTree_PutFindsItsWayFromEveryArrangement(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ old, new string }{{"live", "beside"}, {"spare", "beside"}, {"spare", "live"}, {"beside", "live"}, {"beside", "spare"}, {"live", "spare"}} {
		for _, toNew := range []bool{true, false} {
			dir := t.TempDir()
			tr := &tree{Name: "code", Live: filepath.Join(dir, "moodle"), Beside: filepath.Join(dir, "holder", "code")}
			ok(t, os.Mkdir(filepath.Join(dir, "holder"), 0o700))
			path := map[string]string{"live": tr.Live, "beside": tr.Beside, "spare": tr.spare()}
			for which, place := range map[string]string{"old": at.old, "new": at.new} {
				ok(t, os.Mkdir(path[place], 0o755))
				ok(t, os.WriteFile(filepath.Join(path[place], which), nil, 0o644))
			}
			var err error
			tr.OldIno, err = inode(path[at.old])
			ok(t, err)
			tr.NewIno, err = inode(path[at.new])
			ok(t, err)
			want, live, beside := tr.OldIno, "old", "new"
			if toNew {
				want, live, beside = tr.NewIno, "new", "old"
			}
			for range 2 {
				ok(t, tr.put(want))
				for name, in := range map[string]string{live: tr.Live, beside: tr.Beside} {
					if _, err := os.Stat(filepath.Join(in, name)); err != nil {
						t.Errorf("%+v, to new %v: %v", at, toNew, err)
					}
				}
			}
		}
	}
}

func TestTree_PutTouchesNothingThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := &tree{Name: "code", Live: filepath.Join(dir, "moodle"), Beside: filepath.Join(dir, "holder", "code"), OldIno: 1, NewIno: 2}
	ok(t, os.MkdirAll(tr.Live, 0o755))
	ok(t, os.MkdirAll(tr.Beside, 0o755))
	if err := tr.put(tr.OldIno); !errs.Is(err, errs.Conflict) {
		t.Errorf("a folder that came from elsewhere was exchanged: %v", err)
	}
	if err := tr.remove(tr.NewIno); !errs.Is(err, errs.Conflict) {
		t.Errorf("a folder that came from elsewhere was removed: %v", err)
	}
	for _, d := range []string{tr.Live, tr.Beside} {
		if _, err := os.Stat(d); err != nil {
			t.Error(err)
		}
	}
}

func TestJournal_OneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, err := openJournal(dir, "restore-1")
	ok(t, err)
	if _, err := openJournal(dir, "restore-1"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second process took the journal: %v", err)
	}
	j.close()
	again, err := openJournal(dir, "restore-1")
	ok(t, err)
	again.close()
	for _, id := range []string{"", "..", "a/b", "x", "ünïcode"} {
		if _, err := openJournal(dir, id); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q names a restore: %v", id, err)
		}
	}
}
