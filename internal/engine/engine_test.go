package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

const password = "correct horse battery"

func local(dir string) engine.Location {
	return engine.Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: dir}}
}

// fresh makes and opens a repository of kind in a directory of its own.
func fresh(t *testing.T, kind engine.Kind) (*engine.Repository, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	if err := engine.Create(t.Context(), local(dir), password, kind); err != nil {
		t.Fatalf("Create: %v", err)
	}
	return open(t, local(dir)), dir
}

func open(t *testing.T, l engine.Location) *engine.Repository {
	t.Helper()
	r, err := engine.Open(t.Context(), l, password)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func store(t *testing.T, r *engine.Repository, o engine.TreeOptions) engine.Snapshot {
	t.Helper()
	if o.Source == "" {
		o.Source = "site"
	}
	s, err := r.StoreTree(t.Context(), o)
	if err != nil {
		t.Fatalf("StoreTree: %v", err)
	}
	return s
}

func maintain(t *testing.T, r *engine.Repository, full bool) engine.MaintainReport {
	t.Helper()
	rep, err := r.Maintain(t.Context(), full)
	if err != nil {
		t.Fatalf("Maintain: %v", err)
	}
	return rep
}

func restore(t *testing.T, r *engine.Repository, id string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := r.RestoreTree(t.Context(), id, dir, engine.RestoreOptions{}); err != nil {
		t.Fatalf("RestoreTree: %v", err)
	}
	return dir
}

// write puts files under dir; a path that ends in a slash is a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if name[len(name)-1] == '/' {
			must(t, os.MkdirAll(p, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, []byte(content), 0o644))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inventory describes everything below dir: type, mode, owner, time, content.
func inventory(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if rel == "." {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d %d", fi.Mode(), st.Uid, st.Gid, fi.ModTime().UnixNano())
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(b)
			line += fmt.Sprintf(" %d %x", len(b), sum[:8])
		case fi.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + to
		}
		all[rel] = line
		return nil
	}))
	return all
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for k, w := range want {
		if g, ok := got[k]; !ok {
			t.Errorf("%q is missing", k)
		} else if g != w {
			t.Errorf("%q is\n %s, was\n %s", k, g, w)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%q was not there", k)
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1, byte(n)})
	_, _ = r.Read(b)
	return b
}

// difficult makes a tree with everything that is hard to keep.
func difficult(t *testing.T, dir string) {
	t.Helper()
	write(t, dir, map[string]string{
		"plain.php": "<?php", "empty": "", "empty dir/": "", "a/b/c/d/e/f/deep": "x",
		"name with\nnewline": "1", "ümläut-日本": "2", "-rf": "3", "'\"`$(x)": "4", ".hidden": "5",
		"latin1-\xe4\xf6": "6", "latin1-\xe4\xf7": "7", "\xff\xfe/\xfdin": "8",
		"private-\U0010FF80\U0010FFE4": "9", "html<&>\u2028": "10", "x.kopia-entry": "11", "x": "12",
		"tricky.kopia-entry/y": "13", "zeros": string(make([]byte, 300_000)),
		"filedir/ab/cd/abcd": "one", "filedir/ab/ce/abce": "two",
	})
	must(t, os.WriteFile(filepath.Join(dir, "big"), noise(9<<20), 0o600))
	must(t, os.Symlink("../outside", filepath.Join(dir, "link-out")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link-abs")))
	must(t, os.Symlink("nowhere-\xe4", filepath.Join(dir, "link-dangling")))
	must(t, os.Symlink("a", filepath.Join(dir, "link-dir")))
	for name, mode := range map[string]fs.FileMode{
		"plain.php": 0o640, "empty": 0, "-rf": 0o4755, ".hidden": 0o2775 | fs.ModeSetgid,
		"a": fs.ModeDir | 0o2770 | fs.ModeSetgid, "a/b": fs.ModeDir | 0o1777 | fs.ModeSticky, "empty dir": 0o700,
	} {
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	if os.Geteuid() == 0 {
		must(t, os.Lchown(filepath.Join(dir, "plain.php"), 33, 33))
		must(t, os.Lchown(filepath.Join(dir, "link-out"), 33, 1000))
		must(t, os.Lchown(filepath.Join(dir, "a/b"), 65534, 4294967))
	}
	// Times last, from the leaves up, each different.
	at := time.Date(2001, 2, 3, 4, 5, 6, 123456789, time.UTC)
	var paths []string
	must(t, filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		paths = append(paths, p)
		return err
	}))
	for i := len(paths) - 1; i >= 0; i-- {
		at = at.Add(37*time.Hour + 11*time.Nanosecond)
		ts := unix.NsecToTimespec(at.UnixNano())
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, paths[i], []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
	}
}

func TestRestoreTree_GivesBackWhatWasStored(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	difficult(t, filepath.Join(src, "code"))
	write(t, filepath.Join(src, "moodledata"), map[string]string{"lang/de/x": "y"})
	r, _ := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{
		{Name: "code", Path: filepath.Join(src, "code")},
		{Name: "moodledata", Path: filepath.Join(src, "moodledata")},
	}})
	if len(s.Problems) != 0 || s.Vanished != 0 || s.Special != 0 {
		t.Errorf("problems %v, vanished %d, special %d; want none", s.Problems, s.Vanished, s.Special)
	}
	dir := restore(t, r, s.ID)
	same(t, inventory(t, dir), inventory(t, src))
}

func TestStoreStream_IsByteIdentical(t *testing.T) {
	t.Parallel()
	r, _ := fresh(t, engine.Database)
	for _, size := range []int{0, 1, 128 << 10, 5<<20 + 17} {
		data := noise(size)
		s, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql"},
			func(_ context.Context, w io.Writer) error {
				_, err := io.Copy(w, bytes.NewReader(data))
				return err
			})
		must(t, err)
		sum := sha256.Sum256(data)
		if s.SHA256 != hex.EncodeToString(sum[:]) || s.Bytes != int64(size) || s.Files != 1 {
			t.Errorf("size %d: stored as %+v", size, s)
		}
		var got bytes.Buffer
		n, err := r.ReadStream(t.Context(), s.ID, &got)
		must(t, err)
		if n != int64(size) || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("size %d: read %d other bytes", size, n)
		}
	}
}

func TestStoreStream_ProducerErrorLeavesNoSnapshot(t *testing.T) {
	t.Parallel()
	r, _ := fresh(t, engine.Database)
	boom := errors.New("the dump broke off")
	_, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql"},
		func(_ context.Context, w io.Writer) error {
			if _, err := w.Write(noise(3 << 20)); err != nil {
				return err
			}
			return boom
		})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want the producer's", err)
	}
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%d snapshots, want none", len(list))
	}
}

func TestList_GivesWhatStoreGave(t *testing.T) {
	t.Parallel()
	r, dir := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1", "b/c": "22"})
	taken := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := store(t, r, engine.TreeOptions{Source: "school", TakenAt: taken, Roots: []engine.Root{{Name: "code", Path: src}}})
	list, err := open(t, local(dir)).List(t.Context())
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d snapshots, want 1", len(list))
	}
	g := list[0]
	if g.ID != s.ID || !g.TakenAt.Equal(taken) || g.Files != 2 || g.Bytes != 3 || g.Kind != engine.Data || g.Source != "school" {
		t.Errorf("listed as %+v", g)
	}
	if g.StoredBytes <= 0 || len(g.Manifest) == 0 {
		t.Errorf("stored bytes %d, manifest of %d bytes", g.StoredBytes, len(g.Manifest))
	}
}

func TestOpen_RefusesWrongPassword(t *testing.T) {
	t.Parallel()
	_, dir := fresh(t, engine.Data)
	if _, err := engine.Open(t.Context(), local(dir), "something else"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("error %v, want Forbidden", err)
	}
	if _, err := engine.Open(t.Context(), local(t.TempDir()), password); !errs.Is(err, errs.NotFound) {
		t.Errorf("error %v, want NotFound", err)
	}
	if err := engine.Create(t.Context(), local(dir), password, engine.Data); !errs.Is(err, errs.Conflict) {
		t.Errorf("error %v, want Conflict", err)
	}
}

func TestRestoreTree_RefusesFullDirectory(t *testing.T) {
	t.Parallel()
	r, _ := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1"})
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	if _, err := r.RestoreTree(t.Context(), s.ID, src, engine.RestoreOptions{}); !errs.Is(err, errs.Conflict) {
		t.Errorf("error %v, want Conflict", err)
	}
}
