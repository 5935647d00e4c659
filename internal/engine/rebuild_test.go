package engine_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

func TestRebuildIndex_BringsBackWhatABrokenIndexHid(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*testing.T, []string){
		"one lost":     func(t *testing.T, xn []string) { must(t, os.Remove(xn[0])) },
		"all lost":     func(t *testing.T, xn []string) { each(t, xn, os.Remove) },
		"one flipped":  func(t *testing.T, xn []string) { flip(t, xn[0]) },
		"one emptied":  func(t *testing.T, xn []string) { must(t, os.Truncate(xn[len(xn)-1], 0)) },
		"one cut":      func(t *testing.T, xn []string) { must(t, os.Truncate(xn[0], 40)) },
		"all flipped":  func(t *testing.T, xn []string) { each(t, xn, func(f string) error { flip(t, f); return nil }) },
		"none harmed":  func(*testing.T, []string) {},
		"lost, broken": func(t *testing.T, xn []string) { must(t, os.Remove(xn[0])); flip(t, xn[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, first, second := twoSnapshots(t)
			harm(t, blobs(t, dir, "xn"))
			n, err := engine.RebuildIndex(t.Context(), local(dir), password)
			must(t, err)
			if (n == 0) != (name == "none harmed") {
				t.Errorf("%d contents were lost", n)
			}
			if n, err := engine.RebuildIndex(t.Context(), local(dir), password); err != nil || n != 0 {
				t.Errorf("a second time: %d, %v", n, err)
			}
			r := open(t, local(dir))
			rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID, second.ID}, Percent: 100})
			must(t, err)
			if !rep.Proven || rep.Snapshots != 2 {
				t.Errorf("report %+v", rep)
			}
			if damaged, err := r.Packs(t.Context()); err != nil || len(damaged) != 0 {
				t.Errorf("packs %v, %v", damaged, err)
			}
			list, err := r.List(t.Context())
			must(t, err)
			if len(list) != 2 {
				t.Errorf("%d snapshots, want 2", len(list))
			}
			maintain(t, r, true)
		})
	}
}

func each(t *testing.T, files []string, do func(string) error) {
	t.Helper()
	for _, f := range files {
		must(t, do(f))
	}
}

func TestRebuildIndex_AfterMaintenanceTheIndexComesFromPacksAsWell(t *testing.T) {
	t.Parallel()
	dir, _, second := twoSnapshots(t)
	r := open(t, local(dir))
	maintain(t, r, true)
	for _, f := range blobs(t, dir, "x") {
		must(t, os.Remove(f))
	}
	n, err := engine.RebuildIndex(t.Context(), local(dir), password)
	must(t, err)
	rep, err := open(t, local(dir)).Verify(t.Context(), engine.VerifyOptions{IDs: []string{second.ID}, Percent: 100})
	must(t, err)
	if n == 0 || !rep.Proven {
		t.Errorf("%d contents, report %+v", n, rep)
	}
}

func TestRebuildIndex_AStorageThatFailsCondemnsNothing(t *testing.T) {
	t.Parallel()
	dir, first, _ := twoSnapshots(t)
	before := len(blobs(t, dir, "x"))
	if _, err := engine.RebuildIndex(t.Context(), local(dir).Read(func(id blob.ID) error {
		if id[0] == 'x' {
			return errors.New("the network is down")
		}
		return nil
	}), password); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine.RebuildIndex(ctx, local(dir), password); err == nil {
		t.Error("no error of an ended context")
	}
	if after := len(blobs(t, dir, "x")); after != before {
		t.Errorf("%d index blobs, were %d", after, before)
	}
	if _, err := engine.RebuildIndex(t.Context(), local(dir), "something else"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("error %v, want Forbidden", err)
	}
	if _, err := engine.RebuildIndex(t.Context(), local(t.TempDir()), password); !errs.Is(err, errs.NotFound) {
		t.Errorf("error %v, want NotFound", err)
	}
	rep, err := open(t, local(dir)).Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID}, Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

func TestForget_TheNextFastCopyReadsEverythingAndHeals(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 50)
	names = append(names, keep(t, filedir, string(noise(2<<20))))
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	first := store(t, r, fast(root))
	second := store(t, r, fast(root))
	if second.Content.Checked != 0 {
		t.Fatalf("the second copy read %d files", second.Content.Checked)
	}
	flip(t, largest(t, blobs(t, dir, "p")))
	r = later(t, dir)
	n, err := r.Forget(t.Context(), damages(t, r, "scan"))
	must(t, err)
	if n == 0 {
		t.Fatal("nothing was forgotten")
	}
	r = later(t, dir)
	third := store(t, r, fast(root))
	if third.Content.Checked != int64(len(names)) || third.Content.New != 0 {
		t.Errorf("the copy after it saw %+v", third.Content)
	}
	rep, err := later(t, dir).Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID, second.ID, third.ID}, Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

func TestRepair_RewritesWhatTheFastPathReaches(t *testing.T) {
	t.Parallel()
	root, filedir, _ := addressed(t, 50)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	first := store(t, r, fast(root))
	base := store(t, r, fast(root))
	flip(t, largest(t, blobs(t, dir, "q"))) // folders of filedir, too
	r = later(t, dir)
	if _, err := r.Forget(t.Context(), damages(t, r, "scan")); err != nil {
		t.Fatal(err)
	}
	r = later(t, dir)
	o := fast(root)
	o.Previous = false
	repaired := store(t, r, o)
	isSource(t, r, repaired.ID, root)
	// Built on a base from before, nothing is taken over either.
	s := store(t, r, named(filedir, repaired.ID+":moodledata/filedir"))
	rep, err := later(t, dir).Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID, base.ID, repaired.ID, s.ID}, Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}
