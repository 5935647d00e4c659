package keeper_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/keeper"
	"holdfast/internal/vault"
)

// ward is a real data repository with copies of a tree, and what the catalog
// would keep of each.
type ward struct {
	*shelf
	src  string
	kept []app.Kept
}

func newWard(t *testing.T, copies int) *ward {
	t.Helper()
	w := &ward{shelf: &shelf{t: t, dir: t.TempDir()}, src: t.TempDir()}
	w.backend = vault.Backend{Kind: vault.Filesystem, Path: w.dir}
	raw, err := json.Marshal(w.backend)
	w.must(err)
	w.job = keeper.Job{Backend: raw, Repository: "site/data", Kind: "data", Password: "a long password", Site: "site", SpoolDir: t.TempDir()}
	w.ok(w.do("create_repository", nil))
	for i := range copies {
		w.write("code/version"+string(rune('0'+i))+".php", "<?php // "+string(rune('0'+i)))
		w.write("filedir/ab/cd/"+string(rune('0'+i)), noise(uint64(i), 300_000))
		w.store()
	}
	return w
}

func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func (w *ward) write(rel, text string) {
	w.t.Helper()
	p := filepath.Join(w.src, filepath.FromSlash(rel))
	w.must(os.MkdirAll(filepath.Dir(p), 0o750))
	w.must(os.WriteFile(p, []byte(text), 0o600))
}

// store takes a copy that reads everything, as a healing run does.
func (w *ward) store() {
	w.t.Helper()
	repo := w.open()
	snap, err := repo.StoreTree(w.t.Context(), engine.TreeOptions{Source: "site", TakenAt: time.Now(), Roots: []engine.Root{{Name: "code", Path: w.src}}})
	w.must(err)
	w.must(repo.Close(w.t.Context()))
	w.kept = append(w.kept, app.Kept{Snapshot: snap.ID, Manifest: snap.Manifest})
}

// blobs are the files of the repository's storage whose blob begins like that.
func (w *ward) blobs(begins string) (out []string) {
	w.t.Helper()
	root := filepath.Join(w.dir, "site", "data")
	w.must(filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, p)
		if err == nil && !d.IsDir() && strings.HasPrefix(strings.ReplaceAll(rel, "/", ""), begins) {
			out = append(out, p)
		}
		return err
	}))
	return out
}

func (w *ward) largest() string {
	w.t.Helper()
	return slices.MaxFunc(w.blobs("p"), func(a, b string) int {
		x, err := os.Stat(a)
		w.must(err)
		y, err := os.Stat(b)
		w.must(err)
		return int(x.Size() - y.Size())
	})
}

func (w *ward) flip(file string, at func(n int) int) {
	w.t.Helper()
	b, err := os.ReadFile(file)
	w.must(err)
	b[at(len(b))] ^= 0x10
	w.must(os.WriteFile(file, b, 0o600))
}

func (w *ward) scan(percent float32, prove bool) app.ScanReport {
	w.t.Helper()
	res := w.do("scan_repository", func(j *keeper.Job) { j.Percent, j.Kept, j.Prove = percent, w.kept, prove })
	w.ok(res)
	if res.Found == nil {
		w.t.Fatal("the scan found nothing out")
	}
	return *res.Found
}

// repair repairs, and lets the catalog follow what moved.
func (w *ward) repair() app.RepairReport {
	w.t.Helper()
	res := w.do("repair_repository", func(j *keeper.Job) { j.Kept = slices.Clone(w.kept) })
	w.ok(res)
	if res.Repaired == nil {
		w.t.Fatal("the repair tells nothing")
	}
	for i, k := range w.kept {
		if to, moved := res.Repaired.Moved[k.Snapshot]; moved {
			w.kept[i].Snapshot = to
		}
	}
	return *res.Repaired
}

// whole wants every copy to be there to its last byte.
func (w *ward) whole() {
	w.t.Helper()
	f := w.scan(100, true)
	if len(f.Hit) != 0 || f.Damages != 0 || len(f.Missing) != 0 || f.Closed != "" || len(f.Whole) != len(w.kept) {
		w.t.Errorf("after the repair: %+v", f)
	}
}

func half(n int) int { return n / 2 }

// Whatever happens to a pack: the nightly look or the whole read finds it, tells
// which copies are hit, the repair drops what is damaged, and the next run that
// reads everything heals every copy, the old ones too.
func TestRepair_WhatTheSiteStillHasHealsEveryCopy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm    func(w *ward, pack string)
		nightly bool // found by lengths alone
	}{
		"flipped": {func(w *ward, p string) { w.flip(p, half) }, false},
		"cut":     {func(w *ward, p string) { w.must(os.Truncate(p, 100)) }, true},
		"emptied": {func(w *ward, p string) { w.must(os.Truncate(p, 0)) }, true},
		"removed": {func(w *ward, p string) { w.must(os.Remove(p)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, 3)
			if f := w.scan(100, false); f.Damages != 0 || len(f.Hit) != 0 || len(f.Whole) != 3 || f.Frail != 0 || f.Bytes < 900_000 {
				t.Fatalf("of a sound repository: %+v", f)
			}
			c.harm(w, w.largest())
			if c.nightly {
				f := w.scan(0, false)
				if f.Damages == 0 && f.Frail == 0 || len(f.Hit) == 0 {
					t.Errorf("the nightly look: %+v", f)
				}
			}
			f := w.scan(100, false)
			if f.Damages == 0 || len(f.Hit) == 0 || len(f.Examples) == 0 {
				t.Fatalf("the whole read: %+v", f)
			}
			r := w.repair()
			if r.Forgotten == 0 || len(r.Hit) != len(f.Hit) {
				t.Fatalf("the repair: %+v", r)
			}
			// Without the next run the copies stay damaged, and are told as such.
			if again := w.repair(); len(again.Hit) != len(f.Hit) {
				t.Errorf("a second repair: %+v", again)
			}
			w.store()
			if r := w.repair(); len(r.Hit) != 0 || len(r.Whole) != 4 {
				t.Errorf("after the healing run: %+v", r)
			}
			w.whole()
		})
	}
}

func TestRepair_WhatTheSiteHasNoMoreStaysDamagedAndIsTold(t *testing.T) {
	t.Parallel()
	w := newWard(t, 1)
	w.flip(w.largest(), half)
	w.repair()
	w.must(os.Remove(filepath.Join(w.src, "filedir/ab/cd/0")))
	w.store()
	r := w.repair()
	if len(r.Hit) != 1 || r.Hit[w.kept[0].Snapshot] == "" || !slices.Contains(r.Whole, w.kept[1].Snapshot) {
		t.Errorf("%+v", r)
	}
}

func TestRepair_PutsALostManifestBackUnderItsNewName(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	repo := w.open()
	w.must(repo.Delete(t.Context(), w.kept[0].Snapshot))
	w.must(repo.Close(t.Context()))
	before := w.kept[0].Snapshot
	f := w.scan(0, false)
	if !slices.Equal(f.Missing, []string{before}) || f.Hit[before] == "" || len(f.Hit) != 1 {
		t.Fatalf("the nightly look: %+v", f)
	}
	r := w.repair()
	if w.kept[0].Snapshot == before || len(r.Moved) != 1 || len(r.Hit) != 0 || r.Forgotten != 0 {
		t.Errorf("the repair: %+v", r)
	}
	// It died before it could say so: the second finds what the first put back.
	again := w.kept[0].Snapshot
	w.kept[0].Snapshot = before
	w.repair()
	if w.kept[0].Snapshot != again {
		t.Errorf("put back twice, as %s and %s", again, w.kept[0].Snapshot)
	}
	w.whole()
}

func TestRepair_MakesALostOrBrokenIndexAnew(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(w *ward){
		"lost": func(w *ward) {
			for _, x := range w.blobs("x") {
				w.must(os.Remove(x))
			}
		},
		"one lost": func(w *ward) { w.must(os.Remove(w.blobs("x")[0])) },
		"broken":   func(w *ward) { w.flip(w.blobs("x")[0], half) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, 2)
			harm(w)
			f := w.scan(0, false)
			if len(f.Missing) == 0 && f.Closed == "" && f.Damages == 0 && len(f.Hit) == 0 {
				t.Errorf("the nightly look saw nothing: %+v", f)
			}
			r := w.repair()
			if r.Rebuilt == 0 || len(r.Hit) != 0 || r.Closed != "" {
				t.Errorf("the repair: %+v", r)
			}
			w.whole()
		})
	}
}

// A pack that lost only what it says of itself at its end costs no copy: it is
// noted once, after everything was read, and not every night anew.
func TestScan_APackThatLostItsOwnIndexIsFrailNotDamaged(t *testing.T) {
	t.Parallel()
	w := newWard(t, 1)
	w.flip(w.largest(), func(n int) int { return n - 9 })
	f := w.scan(0, false)
	if !f.Read || f.Frail != 1 || f.Damages != 0 || len(f.Hit) != 0 || len(f.Whole) != 1 {
		t.Fatalf("%+v", f)
	}
	res := w.do("scan_repository", func(j *keeper.Job) { j.Kept, j.Frail = w.kept, 1 })
	w.ok(res)
	if res.Found.Read || res.Found.Frail != 1 {
		t.Errorf("the next night: %+v", *res.Found)
	}
}

func TestScan_ARepositoryThatDoesNotOpenIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm func(w *ward)
		says string
	}{
		"its first blob is gone":      {func(w *ward) { w.must(os.Remove(w.blobs("kopia.repository")[0])) }, "no repository at its place"},
		"its first blob is exchanged": {func(w *ward) { w.flip(w.blobs("kopia.repository")[0], half) }, "does not open"},
		"it has another password":     {func(w *ward) { w.job.Password = "another password" }, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, 1)
			c.harm(w)
			if f := w.scan(100, false); !strings.Contains(f.Closed, c.says) {
				t.Errorf("the scan says %q", f.Closed)
			}
			if r := w.repair(); !strings.Contains(r.Closed, c.says) || len(r.Hit) != 1 {
				t.Errorf("the repair says %+v", r)
			}
		})
	}
}

// A storage that is not mounted is no damage of a thousand repositories.
func TestScan_AStorageThatIsAwayIsNoDamage(t *testing.T) {
	t.Parallel()
	w := newWard(t, 1)
	w.must(os.RemoveAll(filepath.Join(w.dir, "site")))
	for _, task := range []string{"scan_repository", "repair_repository"} {
		if res := w.do(task, func(j *keeper.Job) { j.Kept = w.kept }); !strings.Contains(res.Error, "mounted") || res.Found != nil || res.Repaired != nil {
			t.Errorf("%s: %+v", task, res)
		}
	}
}

// A manifest that was exchanged for one of another dump is no copy of ours.
func TestScan_HoldsDumpsAgainstTheSumsThatTheirRunsTold(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 2)
	kept := []app.Kept{{Snapshot: s.snaps[0].ID, SHA256: s.snaps[0].SHA256}, {Snapshot: s.snaps[1].ID, SHA256: strings.Repeat("0", 64)}}
	res := s.do("scan_repository", func(j *keeper.Job) { j.Kept, j.Percent = kept, 100 })
	s.ok(res)
	if f := res.Found; len(f.Hit) != 1 || f.Hit[s.snaps[1].ID] == "" || !slices.Equal(f.Whole, []string{s.snaps[0].ID}) {
		t.Errorf("%+v", *f)
	}
}

// Of a large new copy a sample is read, which proves nothing; a small one and
// every dump are read whole.
func TestVerify_ProvesOnlyWhatItReadWhole(t *testing.T) {
	t.Parallel()
	w := newWard(t, 1)
	for percent, proven := range map[float32]bool{1: false, 100: true} {
		res := w.do("verify_copy", func(j *keeper.Job) { j.Snapshot, j.Percent = w.kept[0].Snapshot, percent })
		if res.Error != "" || res.Damage != "" || res.Proven != proven {
			t.Errorf("at %v%%: %+v", percent, res)
		}
	}
}
