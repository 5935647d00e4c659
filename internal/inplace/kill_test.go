package inplace

import (
	"path/filepath"
	"syscall"
	"testing"
)

// recovered ends what a killed process left, and tells the state.
func (f *fixture) recovered(t *testing.T, where string) string {
	t.Helper()
	out, err := Recover(t.Context(), f.o.Dir, f.o)
	ok(t, err)
	for _, r := range out {
		if r.Error != "" {
			t.Fatalf("%s: not recovered: %+v", where, r)
		}
	}
	if again, err := Recover(t.Context(), f.o.Dir, f.o); err != nil || len(again) > 0 {
		t.Fatalf("%s: recovered twice: %v, %v", where, again, err)
	}
	list, err := List(f.o.Dir)
	ok(t, err)
	if len(list) == 0 {
		return ""
	}
	return list[0].State
}

func TestRun_KilledAnywhereIsWhollyOldOrWhollyNew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		f.killWalk(t)
	})
}

// moodledata is a volume of its own on many hosts.
func TestRun_KilledAnywhereWhereMoodledataIsAMount(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	ok(t, syscall.Mount(f.site.DataRoot, f.site.DataRoot, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { _ = syscall.Unmount(f.site.DataRoot, syscall.MNT_DETACH) })
	f.killWalk(t)
	for n := 1; ; n++ {
		if killed, _ := f.spawn(t, child{Verb: "undo", KillAt: n}); !killed {
			break
		}
	}
	f.isOld(t, "undone")
	ok(t, Settle(t.Context(), f.o))
	f.o.Parts = Parts{Database: true}
	f.restored(t)
	ok(t, Settle(t.Context(), f.o))
	if found, _ := filepath.Glob(filepath.Join(f.site.DataRoot, ".holdfast*")); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
}

// killWalk kills the restore at every point, one after the other, and proves
// what Recover makes of each.
func (f *fixture) killWalk(t *testing.T) {
	t.Helper()
	old, kept := 0, 0
	check := func(where string) {
		switch state := f.recovered(t, where); state {
		case StateRolledBack, "":
			old++
			f.isOld(t, where)
			f.clean(t)
		case StateKept:
			kept++
			f.isNew(t, where)
			_, err := Undo(t.Context(), f.o)
			ok(t, err)
			f.isOld(t, where+" and undone")
			ok(t, Settle(t.Context(), f.o))
		default:
			t.Fatalf("%s: the state is %s", where, state)
		}
	}
	for _, during := range []string{"tree code", "dump"} {
		if killed, _ := f.spawn(t, child{Verb: "run", During: during}); !killed {
			t.Fatalf("not killed during %s", during)
		}
		check("killed during " + during)
	}
	last := 0
	for n := 1; ; n++ {
		killed, where := f.spawn(t, child{Verb: "run", KillAt: n})
		if !killed {
			last = n - 1
			break
		}
		check(where)
	}
	if old < 15 || kept < 2 {
		t.Errorf("the walk went through %d points, %d old and %d new", last, old, kept)
	}
	f.isNew(t, "not killed")
	t.Logf("%d points old, %d new", old, kept)
}

func TestRecoverUndoAndSettle_KilledAnywhereGoOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		walk := func(verb string) int {
			for n := 1; ; n++ {
				if killed, _ := f.spawn(t, child{Verb: verb, KillAt: n}); !killed {
					return n - 1
				}
			}
		}
		// The latest moment at which a restore goes back: all is new but the mark.
		if killed, _ := f.spawn(t, child{Verb: "run", KillIn: "switch moodledata>"}); !killed {
			t.Fatal("not killed after the switch")
		}
		if n := walk("recover"); n < 8 {
			t.Errorf("the way back has %d points", n)
		}
		f.isOld(t, "recovered at last")
		f.clean(t)
		f.restored(t)
		if n := walk("undo"); n < 5 {
			t.Errorf("the undo has %d points", n)
		}
		f.isOld(t, "undone at last")
		if n := walk("settle"); n < 4 {
			t.Errorf("settling has %d points", n)
		}
		f.isOld(t, "settled at last")
		f.clean(t)
		f.restored(t)
		walk("settle")
		f.isNew(t, "settled")
		f.clean(t)
	})
}
