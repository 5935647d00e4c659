package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/engine"
)

// Each test here is one of Kopia's traps that would lose or hide data.

func keys(m map[string]string) map[string]bool {
	k := map[string]bool{}
	for name := range m {
		k[name] = true
	}
	return k
}

func TestStoreTree_ObeysNothingThatLiesInTheSource(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{
		"a/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n", "a/data": "kept",
		".kopiaignore": "*\n", "b/.kopiaignore": "*\n!x\n", "b/data": "kept",
		"file.kopia-entry": `{"name":"file","type":"f","obj":"Ix0123"}`, "dir.kopia-entry/.kopia-entry": "{}",
	})
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "code")), inventory(t, src))
}

func TestStoreTree_ExcludesByPlaceAndNeverByName(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	code, data := filepath.Join(src, "account/public_html"), filepath.Join(src, "account/moodledata")
	tree := map[string]string{
		"cache/classes/x": "code", "backup/util/y": "code", "lib/aws/logs/z": "code", "version.php": "code",
	}
	write(t, code, tree)
	write(t, data, map[string]string{
		"cache/x": "-", "localcache/x": "-", "temp/x": "-", "repository/cache/kept": "+", "repository/backup/kept": "+",
		"filedir/ab/cd/hash": "+", "filedir/ab/cd/hash.tmp": "-", "filedir/x.tmp": "-", "lang/x.tmp": "+",
		"climaintenance.html": "-", "secret/climaintenance.html": "+", "muc/config.php": "+", ".htaccess": "+",
		"cache2/x": "+", "sub/filedir/x.tmp": "+",
	})
	write(t, filepath.Join(src, "account"), map[string]string{"mail/x": "+", "cache/x": "+", ".bashrc": "-", "logs/.keep": "+"})
	must(t, os.Symlink("x", filepath.Join(src, "account/toplink")))
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{
		{Name: "code", Path: code},
		{
			Name: "moodledata", Path: data, ExcludeDirs: []string{"cache", "localcache", "temp"},
			ExcludePaths: []string{"climaintenance.html"}, ExcludeSuffixIn: map[string]string{"filedir": ".tmp"},
		},
		{Name: "root", Path: filepath.Join(src, "account"), ExcludeTopFiles: true, Skip: []string{code, data}},
	}})
	dir := restore(t, r, s.ID)
	same(t, inventory(t, filepath.Join(dir, "code")), inventory(t, code))
	got := keys(inventory(t, filepath.Join(dir, "moodledata")))
	for _, p := range []string{
		"repository/cache/kept", "repository/backup/kept", "filedir/ab/cd/hash", "lang/x.tmp",
		"secret/climaintenance.html", "muc/config.php", ".htaccess", "cache2/x", "sub/filedir/x.tmp",
	} {
		if !got[p] {
			t.Errorf("moodledata/%s is missing", p)
		}
	}
	for _, p := range []string{"cache", "localcache", "temp", "filedir/ab/cd/hash.tmp", "filedir/x.tmp", "climaintenance.html"} {
		if got[p] {
			t.Errorf("moodledata/%s was stored", p)
		}
	}
	account := keys(inventory(t, filepath.Join(dir, "root")))
	for p, want := range map[string]bool{
		"mail/x": true, "cache/x": true, "logs/.keep": true, ".bashrc": false, "toplink": false, "public_html": false, "moodledata": false,
	} {
		if account[p] != want {
			t.Errorf("root/%s stored: %v, want %v", p, account[p], want)
		}
	}
}

func TestStoreTree_CheckpointsDeleteNoSnapshotAndVanishAfterwards(t *testing.T) {
	t.Parallel()
	r, dir := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1", "b/c": "2", "d": string(noise(1 << 20))})
	roots := []engine.Root{{Name: "code", Path: src}}
	kept := map[string]bool{}
	for range 14 {
		kept[store(t, r, engine.TreeOptions{Roots: roots, Previous: true}).ID] = true
	}
	write(t, src, map[string]string{"e": "later"})
	// The upload waits at its first file until another reader sees a checkpoint.
	watch := raw(t, dir)
	var once sync.Once
	s := store(t, r, engine.TreeOptions{Roots: roots, CheckpointEvery: 20 * time.Millisecond, Progress: func(engine.Progress) {
		once.Do(func() {
			for len(incomplete(t, watch)) < 3 {
				must(t, t.Context().Err())
			}
		})
	}})
	kept[s.ID] = true
	// Kopia does not wait for a checkpoint that is under way at the end of an
	// upload; such a late one is removed by the next success.
	kept[store(t, r, engine.TreeOptions{Roots: roots, Previous: true}).ID] = true
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != 16 {
		t.Errorf("%d snapshots, want 16", len(list))
	}
	for _, l := range list {
		if !kept[l.ID] {
			t.Errorf("snapshot %s is none of those stored", l.ID)
		}
	}
	if left := incomplete(t, watch); len(left) != 0 {
		t.Errorf("%d checkpoints are left", len(left))
	}
}

// raw opens a repository with Kopia itself, as its own CLI would.
func raw(t *testing.T, dir string) repo.Repository {
	t.Helper()
	ctx := t.Context()
	st, err := filesystem.New(ctx, &filesystem.Options{Path: dir}, false)
	must(t, err)
	config := filepath.Join(t.TempDir(), "kopia.config")
	must(t, repo.Connect(ctx, config, st, password, nil))
	rep, err := repo.Open(ctx, config, password, nil)
	must(t, err)
	t.Cleanup(func() { must(t, rep.Close(context.Background())) })
	return rep
}

func incomplete(t *testing.T, rep repo.Repository) []string {
	t.Helper()
	must(t, rep.Refresh(t.Context()))
	ids, err := snapshot.ListSnapshotManifests(t.Context(), rep, nil, nil)
	must(t, err)
	mans, err := snapshot.LoadSnapshots(t.Context(), rep, ids)
	must(t, err)
	var found []string
	for _, m := range mans {
		if m.IncompleteReason != "" {
			found = append(found, string(m.ID))
		}
	}
	return found
}

func TestStoreTree_GoesOnFromTheCheckpointOfAnAttemptThatWasCutOff(t *testing.T) {
	t.Parallel()
	r, dir := fresh(t, engine.Data)
	src := t.TempDir()
	const files, size = 24, 4 << 20
	for i := range files {
		write(t, src, map[string]string{fmt.Sprintf("d%d/big", i): string(noise(size + i))})
	}
	roots := []engine.Root{{Name: "code", Path: src}}
	watch := raw(t, dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	cut := errors.New("the process died here")
	_, err := r.StoreTree(ctx, engine.TreeOptions{
		Source: "site", Roots: roots, CheckpointEvery: 10 * time.Millisecond, Progress: func(p engine.Progress) {
			if ctx.Err() != nil || p.DoneFiles < 4 || p.DoneFiles == files {
				return
			}
			// One checkpoint may be under way without the files that are done.
			for was := len(incomplete(t, watch)); len(incomplete(t, watch)) < was+2; {
				must(t, t.Context().Err())
			}
			cancel(cut)
		},
	})
	if !errors.Is(err, cut) {
		t.Fatalf("error %v, want the cause", err)
	}
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%d snapshots after an attempt that was cut off", len(list))
	}
	s := store(t, r, engine.TreeOptions{Roots: roots, Previous: true})
	if s.StoredBytes > (files-3)*size {
		t.Errorf("%d bytes were stored again", s.StoredBytes)
	}
	if left := incomplete(t, watch); len(left) != 0 {
		t.Errorf("%d checkpoints are left", len(left))
	}
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "code")), inventory(t, src))
}

func TestStoreTree_UnreadableFilesAreProblemsAndVanishedOnesAreCounted(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1", "b/c": "2", "b/d": "3"})
	must(t, syscall.Mkfifo(filepath.Join(src, "pipe"), 0o600))
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	if s.Special != 1 || len(s.Problems) != 0 || s.Vanished != 0 {
		t.Errorf("special %d, problems %v, vanished %d", s.Special, s.Problems, s.Vanished)
	}
	// Root reads every ordinary file; the kernel's write-only ones not even it.
	unreadable := "/proc/sys/vm"
	s, err := r.StoreTree(t.Context(), engine.TreeOptions{Source: "proc", Roots: []engine.Root{
		{Name: "code", Path: src}, {Name: "proc", Path: unreadable},
	}})
	must(t, err)
	if s.ProblemCount == 0 || len(s.Problems) == 0 {
		t.Fatalf("no problems with unreadable files: %+v", s)
	}
	list, err := r.List(t.Context())
	must(t, err)
	for _, l := range list {
		if l.ID == s.ID && (l.ProblemCount != s.ProblemCount || len(l.Problems) == 0) {
			t.Errorf("listed with problems %d %v, stored with %d", l.ProblemCount, l.Problems, s.ProblemCount)
		}
	}
}

func TestStoreTree_CountsWhatVanishesWhileItReads(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	files := map[string]string{}
	for i := range 3000 {
		files["filedir/f"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String()] = "content"
	}
	write(t, src, files)
	r, _ := fresh(t, engine.Data)
	var once sync.Once
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}, Progress: func(engine.Progress) {
		once.Do(func() { must(t, os.RemoveAll(filepath.Join(src, "filedir"))) })
	}})
	if len(s.Problems) != 0 || s.Vanished == 0 {
		t.Errorf("problems %v, vanished %d", s.Problems, s.Vanished)
	}
}

func TestStoreTree_DoesNotFollowALinkOutOfItsRoot(t *testing.T) {
	t.Parallel()
	src, outside := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"secret": "must not be read"})
	write(t, src, map[string]string{"a": "1"})
	must(t, os.Symlink(outside, filepath.Join(src, "out")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(src, "file")))
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "code")), inventory(t, src))
	if s.Bytes > 1+2*200 {
		t.Errorf("%d bytes: more than a file and two links", s.Bytes)
	}
}

func TestStoreTree_FailsWhereARootIsMissing(t *testing.T) {
	t.Parallel()
	r, _ := fresh(t, engine.Data)
	for _, roots := range [][]engine.Root{
		nil,
		{{Name: "code", Path: "/nonexistent/x"}},
		{{Name: "", Path: "/"}},
		{{Name: "..", Path: "/tmp"}},
		{{Name: "code", Path: "relative"}},
		{{Name: "a", Path: t.TempDir()}, {Name: "a", Path: t.TempDir()}},
	} {
		if _, err := r.StoreTree(t.Context(), engine.TreeOptions{Source: "s", Roots: roots}); err == nil {
			t.Errorf("roots %v: no error", roots)
		}
	}
}

func TestStoreTree_PreviousStoresOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"big": string(noise(3 << 20)), "small": "1"})
	r, _ := fresh(t, engine.Data)
	roots := []engine.Root{{Name: "code", Path: src}}
	store(t, r, engine.TreeOptions{Roots: roots})
	write(t, src, map[string]string{"small": "22"})
	s := store(t, r, engine.TreeOptions{Roots: roots, Previous: true})
	if s.StoredBytes > 100_000 || s.Bytes != 3<<20+2 {
		t.Errorf("stored %d of %d bytes", s.StoredBytes, s.Bytes)
	}
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "code")), inventory(t, src))
}

func TestCreate_SetsHashCompressionAndKeepAll(t *testing.T) {
	t.Parallel()
	for kind, cut := range map[engine.Kind]string{engine.Data: "FIXED-4M", engine.Database: "DYNAMIC-128K-BUZHASH"} {
		_, dir := fresh(t, kind)
		rep, ok := raw(t, dir).(repo.DirectRepository)
		if !ok {
			t.Fatal("not a direct repository")
		}
		f := rep.ContentReader().ContentFormat()
		if f.GetHashFunction() != "BLAKE3-256-128" || f.GetEncryptionAlgorithm() != "AES256-GCM-HMAC-SHA256" {
			t.Errorf("%s: hash %s, encryption %s", kind, f.GetHashFunction(), f.GetEncryptionAlgorithm())
		}
		if rep.ObjectFormat().Splitter != cut {
			t.Errorf("%s: splitter %s", kind, rep.ObjectFormat().Splitter)
		}
	}
}

func TestStore_Compresses(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("INSERT INTO mdl_user VALUES (1,'a');\n", 50_000)
	r, _ := fresh(t, engine.Database)
	s, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "s", FileName: "dump.sql"},
		func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, text); return err })
	must(t, err)
	d, _ := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"dump.sql": text})
	tr := store(t, d, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	if s.StoredBytes > int64(len(text))/10 || tr.StoredBytes > int64(len(text))/10 {
		t.Errorf("stored %d and %d bytes of %d", s.StoredBytes, tr.StoredBytes, len(text))
	}
}

func TestOpen_LeavesNoConfigAndNoSecretBehind(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	_, dir := fresh(t, engine.Data)
	r, err := engine.Open(t.Context(), local(dir), password)
	must(t, err)
	must(t, filepath.WalkDir(tmp, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(p, "holdfast-engine") {
			t.Errorf("%s is there while the repository is open", p)
		}
		if err == nil && d.IsDir() && strings.Contains(d.Name(), "holdfast-engine") {
			fi, _ := d.Info()
			if fi.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %v", p, fi.Mode())
			}
		}
		return err
	}))
	must(t, r.Close(t.Context()))
}

func TestOpen_ManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	_, dir := fresh(t, engine.Data)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := engine.Open(t.Context(), local(dir), password)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := r.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
}
