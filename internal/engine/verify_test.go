package engine_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

// blobs lists the files of a repository directory whose blob id has prefix.
func blobs(t *testing.T, dir, prefix string) []string {
	t.Helper()
	var found []string
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		id := strings.ReplaceAll(rel, "/", "")
		if !d.IsDir() && strings.HasSuffix(id, ".f") && strings.HasPrefix(id, prefix) {
			found = append(found, p)
		}
		return nil
	}))
	return found
}

// largest gives the largest of files, the one with contents in it.
func largest(t *testing.T, files []string) string {
	t.Helper()
	best, size := "", int64(-1)
	for _, f := range files {
		fi, err := os.Stat(f)
		must(t, err)
		if fi.Size() > size {
			best, size = f, fi.Size()
		}
	}
	if best == "" {
		t.Fatal("no blobs")
	}
	return best
}

func flip(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	b[len(b)/2] ^= 0x10
	must(t, os.WriteFile(file, b, 0o600))
}

// twoSnapshots stores a tree twice, with a file more the second time.
func twoSnapshots(t *testing.T) (dir string, first, second engine.Snapshot) {
	t.Helper()
	r, dir := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"filedir/ab/cd/big": string(noise(2 << 20)), "readme": "short"})
	roots := []engine.Root{{Name: "code", Path: src}}
	first = store(t, r, engine.TreeOptions{Roots: roots, Previous: true})
	write(t, src, map[string]string{"new": "later"})
	second = store(t, r, engine.TreeOptions{Roots: roots, Previous: true})
	return dir, first, second
}

func TestVerify_ProvesOnlyWhatItReadWhole(t *testing.T) {
	t.Parallel()
	dir, _, _ := twoSnapshots(t)
	r := open(t, local(dir))
	for _, percent := range []float64{0, 50, 100} {
		rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: percent})
		must(t, err)
		if rep.Proven != (percent == 100) || len(rep.Damaged) != 0 || rep.Snapshots != 2 {
			t.Errorf("at %v%%: %+v", percent, rep)
		}
	}
}

func TestVerify_FindsAFlippedByteInEverySnapshotThatHasIt(t *testing.T) {
	t.Parallel()
	dir, first, second := twoSnapshots(t)
	flip(t, largest(t, blobs(t, dir, "p")))
	r := open(t, local(dir))

	quick, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 0})
	must(t, err)
	if quick.Proven {
		t.Error("a quick look counts as proof")
	}
	full, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if full.Proven {
		t.Error("proven in spite of a flipped byte")
	}
	hit := map[string]bool{}
	for _, d := range full.Damaged {
		if d.Path != "code/filedir/ab/cd/big" {
			t.Errorf("damage at %q", d.Path)
		}
		hit[d.Snapshot] = true
	}
	if !hit[first.ID] || !hit[second.ID] {
		t.Errorf("damage %v does not name both snapshots", full.Damaged)
	}
	if _, err := r.RestoreTree(t.Context(), first.ID, filepath.Join(t.TempDir(), "x"), engine.RestoreOptions{}); err == nil {
		t.Error("a damaged file was restored without an error")
	}
	scan, err := r.Scan(t.Context(), true)
	must(t, err)
	if len(scan.Damaged) == 0 || !scan.Read {
		t.Errorf("scan %+v", scan)
	}
}

func TestScan_FindsACutAndAMissingPack(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(string) error{
		"cut":     func(f string) error { return os.Truncate(f, 100) },
		"empty":   func(f string) error { return os.Truncate(f, 0) },
		"missing": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, first, _ := twoSnapshots(t)
			must(t, harm(largest(t, blobs(t, dir, "p"))))
			r := open(t, local(dir))
			scan, err := r.Scan(t.Context(), false)
			must(t, err)
			if len(scan.Damaged) == 0 {
				t.Error("the scan saw nothing")
			}
			rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID}})
			must(t, err)
			if len(rep.Damaged) == 0 {
				t.Error("the quick look saw nothing")
			}
		})
	}
}

func TestVerify_MissingIndexBlobIsDamageNotSilence(t *testing.T) {
	t.Parallel()
	dir, first, second := twoSnapshots(t)
	before := blobs(t, dir, "xn")
	for _, f := range before {
		must(t, os.Remove(f))
	}
	r := open(t, local(dir))
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != 0 {
		t.Fatalf("%d snapshots without an index", len(list))
	}
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: []string{first.ID, second.ID}, Percent: 100})
	must(t, err)
	if len(rep.Damaged) != 2 || rep.Proven {
		t.Errorf("report %+v, want both snapshots as damage", rep)
	}
}

func TestVerify_SpoiltIndexBlobIsAnError(t *testing.T) {
	t.Parallel()
	dir, _, _ := twoSnapshots(t)
	flip(t, blobs(t, dir, "xn")[0])
	r, err := engine.Open(t.Context(), local(dir), password)
	if err == nil {
		_, err = r.List(t.Context())
		_ = r.Close(t.Context())
	}
	if err == nil {
		t.Error("a spoilt index blob went unnoticed")
	}
}

func TestVerify_ComparesAStreamWithItsSum(t *testing.T) {
	t.Parallel()
	r, dir := fresh(t, engine.Database)
	s, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql"},
		func(_ context.Context, w io.Writer) error { _, err := w.Write(noise(1 << 20)); return err })
	must(t, err)
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: []string{s.ID}, Percent: 100})
	must(t, err)
	if !rep.Proven || rep.Files != 1 || rep.Bytes != 1<<20 {
		t.Errorf("report %+v", rep)
	}
	flip(t, largest(t, blobs(t, dir, "p")))
	r2 := open(t, local(dir))
	rep, err = r2.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if rep.Proven || len(rep.Damaged) != 1 {
		t.Errorf("report after a flip %+v", rep)
	}
	if _, err := r2.ReadStream(t.Context(), s.ID, io.Discard); err == nil {
		t.Error("a damaged stream was read without an error")
	}
}

func TestPutBack_RestoresALostManifest(t *testing.T) {
	t.Parallel()
	dir, first, second := twoSnapshots(t)
	r := open(t, local(dir))
	kept, err := r.Manifest(t.Context(), first.ID)
	must(t, err)
	must(t, r.Delete(t.Context(), first.ID))
	must(t, r.Delete(t.Context(), first.ID)) // a second time does no harm
	if _, err := r.Manifest(t.Context(), first.ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("error %v, want NotFound", err)
	}
	id, err := r.PutBack(t.Context(), kept)
	must(t, err)
	again, err := r.PutBack(t.Context(), kept)
	must(t, err)
	if again != id {
		t.Errorf("put back twice, as %s and %s", id, again)
	}
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != 2 || list[1].ID != second.ID {
		t.Errorf("list %+v", list)
	}
	if list[0].Files != first.Files || !list[0].TakenAt.Equal(first.TakenAt) {
		t.Errorf("put back as %+v, was %+v", list[0], first)
	}
	restore(t, r, id)
	if _, err := r.PutBack(t.Context(), []byte(`{"id":"x"}`)); !errs.Is(err, errs.Invalid) {
		t.Errorf("error %v, want Invalid", err)
	}
}

func TestMaintain_KeepsEverySnapshot(t *testing.T) {
	t.Parallel()
	dir, _, _ := twoSnapshots(t)
	r := open(t, local(dir))
	maintain(t, r, false)
	maintain(t, r, true)
	rep, err := open(t, local(dir)).Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven || rep.Snapshots != 2 {
		t.Errorf("after maintenance: %+v", rep)
	}
}

func TestSealed_GivesBackWhatWasSealed(t *testing.T) {
	t.Parallel()
	key := noise(32)
	for _, size := range []int{0, 1, 1 << 20, 3<<20 + 5} {
		file := seal(t, key, noise(size))
		got, err := unseal(file, key)
		must(t, err)
		if !bytes.Equal(got, noise(size)) {
			t.Errorf("size %d: other bytes", size)
		}
	}
}

func TestSealed_RefusesEveryChange(t *testing.T) {
	t.Parallel()
	key := noise(32)
	file := seal(t, key, noise(3<<20))
	const head, chunk = 8 + 32, 4 + 1<<20 + 16
	swapped := append([]byte(nil), file...)
	copy(swapped[head:], file[head+chunk:head+2*chunk])
	copy(swapped[head+chunk:], file[head:head+chunk])
	cases := map[string][]byte{
		"cut":              file[:len(file)-1],
		"cut at a chunk":   file[:head+chunk],
		"without chunks":   file[:head],
		"empty":            nil,
		"reordered":        swapped,
		"a chunk left out": append(append([]byte(nil), file[:head]...), file[head+chunk:]...),
		"with a tail":      append(append([]byte(nil), file...), 0),
	}
	for _, at := range []int{0, 10, head, head + 1, head + 3, head + 4, head + chunk/2, len(file) - 1} {
		b := append([]byte(nil), file...)
		b[at] ^= 1
		cases["flipped at "+string(rune('A'+len(cases)))] = b
	}
	for name, b := range cases {
		if _, err := unseal(b, key); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := unseal(file, noise(33)); err == nil {
		t.Error("another key: no error")
	}
}

func seal(t *testing.T, key, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := engine.SealStream(&b, key)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func unseal(file, key []byte) ([]byte, error) {
	r, err := engine.OpenSealed(bytes.NewReader(file), key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
