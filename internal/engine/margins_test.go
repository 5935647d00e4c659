package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/compression"
	"github.com/kopia/kopia/repo/content"

	"holdfast/internal/engine"
)

func TestStore_EveryContentIsZstdFastest(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	for i := 0; text.Len() < 6<<20; i++ {
		fmt.Fprintf(&text, "INSERT INTO mdl_log VALUES (%d,'viewed','course',%d,NULL);\n", i, i%97)
	}
	want := compression.ByName["zstd-fastest"].HeaderID()
	for _, kind := range []engine.Kind{engine.Database, engine.Data} {
		r, dir := fresh(t, kind)
		if kind == engine.Database {
			_, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "s", FileName: "dump.sql"},
				func(_ context.Context, w io.Writer) error { _, err := w.Write(text.Bytes()); return err })
			must(t, err)
		} else {
			src := t.TempDir()
			write(t, src, map[string]string{"dump.sql": text.String()})
			store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
		}
		rep, ok := raw(t, dir).(repo.DirectRepository)
		if !ok {
			t.Fatal("not a direct repository")
		}
		var packed, whole int64
		must(t, rep.ContentReader().IterateContents(t.Context(), content.IterateOptions{Parallel: 1}, func(ci content.Info) error {
			if ci.ContentID.Prefix() != "" {
				return nil // of directories and manifests
			}
			packed, whole = packed+int64(ci.PackedLength), whole+int64(ci.OriginalLength)
			if ci.CompressionHeaderID != want {
				t.Errorf("%s: content %s has compression %x, want %x", kind, ci.ContentID, ci.CompressionHeaderID, want)
			}
			return nil
		}))
		if whole < 6<<20 || packed > whole/4 {
			t.Errorf("%s: %d bytes in %d", kind, whole, packed)
		}
	}
}

func TestRestoreTree_DirectoriesKeepTheirOwnTimes(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"old/older/new": "1", "old/empty/": "", "old/new": "2"})
	// Kopia gives a directory the newest time of its subtree.
	times := map[string]time.Time{}
	for i, p := range []string{"old/empty", "old/older", "old", "."} {
		times[p] = time.Date(2003, 1, 2, 3, 4, 5, 1_000_001*(i+1), time.UTC)
		must(t, os.Chtimes(filepath.Join(src, p), time.Time{}, times[p]))
	}
	r, _ := fresh(t, engine.Data)
	roots := []engine.Root{{Name: "code", Path: src}}
	for range 2 { // the second is told by the first what is unchanged
		s := store(t, r, engine.TreeOptions{Roots: roots, Previous: true})
		dir := filepath.Join(restore(t, r, s.ID), "code")
		for p, want := range times {
			fi, err := os.Stat(filepath.Join(dir, p))
			must(t, err)
			if !fi.ModTime().Equal(want) {
				t.Errorf("%s has the time %v, had %v", p, fi.ModTime().UTC(), want)
			}
		}
	}
}

func TestMaintain_KeepsWhatNobodyNamesYet(t *testing.T) {
	t.Parallel()
	dir, first, _ := twoSnapshots(t)
	// Packs of a backup that is under way are in no index: only age tells them
	// from what a dead one left.
	pack := largest(t, blobs(t, dir, "p"))
	orphan(t, pack)
	before := blobs(t, dir, "p")
	r := open(t, local(dir))
	must(t, r.Delete(t.Context(), first.ID))
	for range 2 {
		maintain(t, r, true)
	}
	after := strings.Join(blobs(t, dir, "p"), "\n")
	for _, f := range before {
		if !strings.Contains(after, f) {
			t.Errorf("%s is gone", filepath.Base(f))
		}
	}
}

// orphan puts a pack that no index names beside one that is named.
func orphan(t *testing.T, pack string) {
	t.Helper()
	b, err := os.ReadFile(pack)
	must(t, err)
	name := []byte(filepath.Base(pack))
	if name[0]++; name[0] == '9'+1 || name[0] == 'f'+1 {
		name[0] = '0'
	}
	must(t, os.WriteFile(filepath.Join(filepath.Dir(pack), string(name)), b, 0o600))
}

func TestOpen_MakesNoCache(t *testing.T) {
	b, tree, home := vaulted(t, engine.Data), t.TempDir(), t.TempDir()
	write(t, tree, map[string]string{"a": string(noise(200_000))})
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("TMPDIR", home)
	for _, l := range []engine.Location{b.keeper(), b.door(nil)} {
		r := open(t, l)
		store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: tree}}})
		_, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
		must(t, err)
	}
	// A cache directory without sizes makes Kopia panic, one with them made
	// verification of a local repository slower: there is none at all.
	must(t, filepath.WalkDir(home, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(home, p)
		if err == nil && !d.IsDir() {
			t.Errorf("%s is there", rel)
		}
		return err
	}))
}
