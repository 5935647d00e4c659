package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

// Damage is for ever in Kopia itself: every later copy refers to the bad bytes.

func TestForget_NextStoreHealsEverySnapshotOldOnesToo(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*testing.T, string){
		"flipped": flip,
		"cut":     func(t *testing.T, f string) { t.Helper(); must(t, os.Truncate(f, 100)) },
		"empty":   func(t *testing.T, f string) { t.Helper(); must(t, os.Truncate(f, 0)) },
		"missing": func(t *testing.T, f string) { t.Helper(); must(t, os.Remove(f)) },
	} {
		for _, by := range []string{"scan", "verify"} {
			t.Run(name+" found by "+by, func(t *testing.T) {
				t.Parallel()
				heals(t, harm, by)
			})
		}
	}
}

// heals does harm to a pack, and wants it found, forgotten and made good.
func heals(t *testing.T, harm func(*testing.T, string), by string) {
	t.Helper()
	_, dir := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"filedir/ab/cd/big": string(noise(2 << 20)), "readme": "short"})
	roots := []engine.Root{{Name: "code", Path: src}}
	first := store(t, open(t, local(dir)), engine.TreeOptions{Roots: roots})
	harm(t, largest(t, blobs(t, dir, "p")))
	r := open(t, local(dir))

	// Without Forget a copy that reads everything again heals nothing.
	second := store(t, r, engine.TreeOptions{Roots: roots})
	found := damages(t, r, by)
	if len(found) == 0 {
		t.Fatal("no damage was found")
	}
	n, err := r.Forget(t.Context(), found)
	must(t, err)
	if n == 0 {
		t.Fatal("nothing was forgotten")
	}
	third := store(t, open(t, local(dir)), engine.TreeOptions{Roots: roots})
	r = open(t, local(dir))
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID, second.ID, third.ID}, Percent: 100})
	must(t, err)
	if !rep.Proven || rep.Snapshots != 3 {
		t.Errorf("after healing: %+v", rep)
	}
	same(t, inventory(t, filepath.Join(restore(t, r, first.ID), "code")), inventory(t, src))
	maintain(t, r, true)
	if n, err := r.Forget(t.Context(), found); n != 0 || err != nil {
		t.Errorf("forgetting once more: %d, %v; want nothing", n, err)
	}
	rep, err = open(t, local(dir)).Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven || rep.Snapshots != 3 {
		t.Errorf("after maintenance: %+v", rep)
	}
}

func damages(t *testing.T, r *engine.Repository, by string) []engine.Damage {
	t.Helper()
	if by == "verify" {
		rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
		must(t, err)
		return rep.Damaged
	}
	rep, err := r.Scan(t.Context(), true)
	must(t, err)
	return rep.Damaged
}

func TestForget_BelievesNoReportAboutSoundContents(t *testing.T) {
	t.Parallel()
	dir, first, _ := twoSnapshots(t)
	r := open(t, local(dir))
	claims := []engine.Damage{{Snapshot: first.ID, Path: "code/readme", Reason: "a lie"}}
	for _, f := range append(blobs(t, dir, "p"), blobs(t, dir, "q")...) {
		claims = append(claims, engine.Damage{Blob: blobID(t, dir, f), Reason: "a lie"})
	}
	for _, damaged := range [][]engine.Damage{nil, claims, claims[1:], {{Blob: "p0000", Reason: "no such pack"}}} {
		if n, err := r.Forget(t.Context(), damaged); n != 0 || err != nil {
			t.Errorf("forgot %d contents, error %v; want none", n, err)
		}
	}
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

func TestForget_SnapshotsThatNothingHealsAreStillDamage(t *testing.T) {
	t.Parallel()
	dir, first, second := twoSnapshots(t)
	flip(t, largest(t, blobs(t, dir, "p")))
	r := open(t, local(dir))
	n, err := r.Forget(t.Context(), damages(t, r, "scan"))
	must(t, err)
	if n != 1 {
		t.Errorf("%d contents forgotten, want 1", n)
	}
	r = open(t, local(dir))
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if rep.Proven || len(rep.Damaged) != 2 {
		t.Errorf("report %+v, want the file in both snapshots", rep)
	}
	if _, err := r.Maintain(t.Context(), true); err == nil {
		t.Error("maintenance went on although snapshots need what was forgotten")
	}
	must(t, r.Delete(t.Context(), first.ID, second.ID))
	maintain(t, r, true)
}

func TestForget_IsNotForClientsOfAVault(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	r := open(t, b.door(nil))
	if _, err := r.Forget(t.Context(), []engine.Damage{{Blob: "p1"}}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("error %v, want Forbidden", err)
	}
}

func blobID(t *testing.T, dir, file string) string {
	t.Helper()
	rel, err := filepath.Rel(dir, file)
	must(t, err)
	return strings.TrimSuffix(strings.ReplaceAll(rel, "/", ""), ".f")
}
