package engine_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/engine"
)

// keep puts content into a content-addressed folder, as Moodle does, and gives
// its name.
func keep(t *testing.T, filedir, content string) string {
	t.Helper()
	sum := sha1.Sum([]byte(content))
	name := hex.EncodeToString(sum[:])
	leaf := filepath.Join(filedir, name[:2], name[2:4])
	must(t, os.MkdirAll(leaf, 0o2777))
	tmp := filepath.Join(leaf, name+".tmp")
	must(t, os.WriteFile(tmp, []byte(content), 0o666))
	must(t, os.Rename(tmp, filepath.Join(leaf, name)))
	return name
}

func place(filedir, name string) string {
	return filepath.Join(filedir, name[:2], name[2:4], name)
}

// addressed is a root with filedir in it, and some contents.
func addressed(t *testing.T, n int) (engine.Root, string, []string) {
	t.Helper()
	root := t.TempDir()
	filedir := filepath.Join(root, "filedir")
	write(t, root, map[string]string{"filedir/warning.txt": "keep off", "lang/de/x.php": "<?php"})
	var names []string
	for i := range n {
		names = append(names, keep(t, filedir, fmt.Sprintf("content %d", i)))
	}
	return engine.Root{Name: "moodledata", Path: root, ContentAddressed: "filedir", ExcludeSuffixIn: map[string]string{"filedir": ".tmp"}}, filedir, names
}

// later opens a repository in which it is an hour later than on the disk, so
// that whatever changed before now is settled.
func later(t *testing.T, dir string) *engine.Repository {
	t.Helper()
	return open(t, local(dir).At(func() time.Time { return time.Now().Add(time.Hour) }))
}

func fast(root engine.Root) engine.TreeOptions {
	return engine.TreeOptions{Roots: []engine.Root{root}, Previous: true, Fast: true}
}

func walk(root engine.Root) engine.TreeOptions {
	return engine.TreeOptions{Roots: []engine.Root{root}, Previous: true}
}

func isSource(t *testing.T, r *engine.Repository, id string, root engine.Root) {
	t.Helper()
	same(t, inventory(t, filepath.Join(restore(t, r, id), root.Name)), inventory(t, root.Path))
}

func TestFast_RestoredTreeIsTheSourceAfterEveryChange(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 60)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	first := store(t, r, fast(root))
	if c := first.Content; c == nil || c.Contents != 60 || c.New != 60 || c.Checked != 60 || c.Mismatched+c.Gone+c.Foreign != 0 {
		t.Errorf("the first copy saw %+v", first.Content)
	}
	for _, o := range []engine.TreeOptions{fast(root), walk(root)} {
		s := store(t, r, o)
		if c := s.Content; c.Contents < 60 || c.New+c.Gone+c.Foreign+c.Mismatched != 0 {
			t.Errorf("an unchanged tree gave %+v", c)
		}
		isSource(t, r, s.ID, root)
	}
	leaf := func(i int) string { return filepath.Dir(place(filedir, names[i])) }
	for i, change := range []struct {
		what            string
		do              func()
		fresh, gone, un int64
	}{
		{"a content came", func() { keep(t, filedir, "later") }, 1, 0, 0},
		{"one came into a leaf that is there", func() {
			must(t, os.WriteFile(filepath.Join(leaf(0), names[0][:4]+strings.Repeat("0", 36)), []byte("wrong"), 0o644))
		}, 1, 0, 0},
		{"a content went", func() { must(t, os.Remove(place(filedir, names[1]))) }, 0, 1, 0},
		{"a leaf went", func() { must(t, os.RemoveAll(leaf(2))) }, 0, 1, 0},
		{"a folder went", func() { must(t, os.RemoveAll(filepath.Dir(leaf(3)))) }, 0, 1, 0},
		{"a leaf became a file", func() { must(t, os.RemoveAll(leaf(4))); must(t, os.WriteFile(leaf(4), nil, 0o644)) }, 0, 1, 1},
		{"a leaf became a link", func() { must(t, os.RemoveAll(leaf(5))); must(t, os.Symlink(leaf(6), leaf(5))) }, 0, 1, 1},
		{"a folder became a link", func() {
			must(t, os.RemoveAll(filepath.Dir(leaf(7))))
			must(t, os.Symlink("../lang", filepath.Dir(leaf(7))))
		}, 0, 1, 1},
		{"a leaf's mode", func() { must(t, os.Chmod(leaf(8), 0o700)) }, 0, 0, 0},
		{"a leaf's time", func() { must(t, os.Chtimes(leaf(9), time.Unix(1, 2), time.Unix(1, 2))) }, 0, 0, 0},
		{"foreign files", func() {
			write(t, filedir, map[string]string{"README": "", names[10][:2] + "/x": "", names[10][:2] + "/" + names[10][2:4] + "/y.encrypted": "", "sub/z": ""})
		}, 0, 0, 4},
		{"a file replaced by another of its name", func() {
			must(t, os.Remove(place(filedir, names[11])))
			must(t, os.WriteFile(place(filedir, names[11]), []byte("encrypted"), 0o644))
		}, 0, 0, 0},
	} {
		before := map[string]bool{}
		for _, n := range names {
			if _, err := os.Lstat(place(filedir, n)); err == nil {
				before[n] = true
			}
		}
		change.do()
		s := store(t, r, fast(root))
		isSource(t, r, s.ID, root)
		c := s.Content
		goneNow := 0
		for n := range before {
			if _, err := os.Lstat(place(filedir, n)); err != nil {
				goneNow++
				if !slices.Contains(c.GoneNames, n) {
					t.Errorf("%s: %s is gone and not named", change.what, n)
				}
			}
		}
		if change.gone > 0 && (c.Gone != int64(goneNow) || len(c.GoneNames) != goneNow) {
			t.Errorf("%s: %d are gone, counted %d, named %d", change.what, goneNow, c.Gone, len(c.GoneNames))
		}
		if c.New != change.fresh || c.Foreign < change.un || (change.gone == 0 && c.Gone != 0) {
			t.Errorf("%d %s: %+v", i, change.what, c)
		}
		if wrong := i == 1 || i == 11; (c.Mismatched == 1) != wrong {
			t.Errorf("%s: %d mismatched, examples %v", change.what, c.Mismatched, c.Examples)
		}
		if i%3 == 0 {
			isSource(t, r, store(t, r, walk(root)).ID, root)
		}
	}
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

// overwrite changes a file's content in place, which its folder's time does
// not tell.
func overwrite(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = f.WriteString(content)
	must(t, err)
	must(t, f.Close())
}

func stored(t *testing.T, r *engine.Repository, id, rel string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(restore(t, r, id), rel))
	must(t, err)
	return string(b)
}

func TestFast_WhatWasOverwrittenInPlaceIsFoundByTheWalk(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 30)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	store(t, r, fast(root))
	overwrite(t, place(filedir, names[0]), "another, longer content")
	at := "moodledata/filedir/" + names[0][:2] + "/" + names[0][2:4] + "/" + names[0]
	var looked atomic.Int64
	o := fast(root)
	o.Watch = func(string, string, bool) { looked.Add(1) }
	s := store(t, r, o)
	if got := stored(t, r, s.ID, at); got != "content 0" {
		t.Errorf("the fast run looked into an unchanged leaf: %q", got)
	}
	// warning.txt and lang/de/x.php
	if looked.Load() != 2 || s.Content.Checked != 0 || s.Files != 32 {
		t.Errorf("the fast run looked at %d files, checked %d, of %d", looked.Load(), s.Content.Checked, s.Files)
	}
	s = store(t, r, walk(root))
	if got := stored(t, r, s.ID, at); got != "another, longer content" {
		t.Errorf("the walk stored %q", got)
	}
	if s.Content.Mismatched != 1 || len(s.Content.Examples) != 1 || s.Content.Examples[0] != at {
		t.Errorf("the walk saw %+v", s.Content)
	}
}

func TestFast_AnOverwriteWithItsOldTimeAndSizeIsFoundByReadingAll(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 5)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	store(t, r, fast(root))
	p := place(filedir, names[0])
	fi, err := os.Stat(p)
	must(t, err)
	overwrite(t, p, "CONTENT 0")
	must(t, os.Chtimes(p, fi.ModTime(), fi.ModTime()))
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{root}, Fast: true})
	if s.Content.Checked != 5 || s.Content.Mismatched != 1 {
		t.Errorf("a run over everything saw %+v", s.Content)
	}
	isSource(t, r, s.ID, root)
}

func TestFast_TakesNothingOverThatMayHaveChangedWithinATick(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		taken bool
	}{"unsettled": {2900 * time.Millisecond, false}, "settled": {3100 * time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, filedir, names := addressed(t, 1)
			now := time.Now().Add(c.after) // nothing below changes any more
			_, dir := fresh(t, engine.Data)
			r := open(t, local(dir).At(func() time.Time { return now }))
			if !c.taken {
				// A time between the folder's and 3 s after it.
				var st syscall.Stat_t
				must(t, syscall.Stat(filepath.Dir(place(filedir, names[0])), &st))
				now = time.Unix(0, st.Mtim.Nano()).Add(c.after)
			}
			store(t, r, fast(root))
			overwrite(t, place(filedir, names[0]), "in place")
			now = now.Add(time.Hour)
			s := store(t, r, fast(root))
			if got := stored(t, r, s.ID, "moodledata/filedir/"+names[0][:2]+"/"+names[0][2:4]+"/"+names[0]); (got != "in place") != c.taken {
				t.Errorf("stored %q", got)
			}
		})
	}
}

func TestFast_ATimeInTheFutureIsNeverTakenOver(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 1)
	leaf := filepath.Dir(place(filedir, names[0]))
	future := time.Now().Add(1000 * time.Hour)
	must(t, os.Chtimes(leaf, future, future))
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	store(t, r, fast(root))
	overwrite(t, place(filedir, names[0]), "in place")
	s := store(t, r, fast(root))
	if s.Content.Checked != 1 || s.Content.Mismatched != 1 {
		t.Errorf("saw %+v", s.Content)
	}
}

func TestFast_AFolderWhoseTimeWasSetBackIsLookedInto(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 3)
	leaf := filepath.Dir(place(filedir, names[0]))
	before, err := os.Stat(leaf)
	must(t, err)
	start := time.Now().Add(3010 * time.Millisecond)
	_, dir := fresh(t, engine.Data)
	r := open(t, local(dir).At(func() time.Time { return start }))
	store(t, r, fast(root))
	must(t, os.WriteFile(filepath.Join(leaf, "evil.php"), []byte("<?php"), 0o644))
	// Whoever sets the time back changes the folder, which no call can hide.
	for {
		must(t, t.Context().Err())
		must(t, os.Chtimes(leaf, before.ModTime(), before.ModTime()))
		var st syscall.Stat_t
		must(t, syscall.Stat(leaf, &st))
		if st.Ctim.Nano() > start.Add(-3*time.Second).UnixNano() {
			break
		}
	}
	start = start.Add(time.Hour)
	s := store(t, r, fast(root))
	isSource(t, r, s.ID, root)
	if s.Content.Foreign != 1 {
		t.Errorf("saw %+v", s.Content)
	}
}

func TestFast_OtherExclusionsTakeNothingOver(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 2)
	leaf := filepath.Dir(place(filedir, names[0]))
	write(t, leaf, map[string]string{"left.bak": "x"})
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	store(t, r, fast(root))
	root.ExcludeSuffixIn = map[string]string{"filedir": ".bak"}
	s := store(t, r, fast(root))
	if keys(inventory(t, restore(t, r, s.ID)))["moodledata/filedir/"+names[0][:2]+"/"+names[0][2:4]+"/left.bak"] {
		t.Error("what is excluded now was taken over")
	}
	root.ExcludePaths = []string{"filedir/" + names[1][:2] + "/" + names[1][2:4]}
	s = store(t, r, fast(root))
	if keys(inventory(t, restore(t, r, s.ID)))["moodledata/"+root.ExcludePaths[0]] {
		t.Error("a leaf that is excluded now was taken over")
	}
}

func TestWatch_HearsOfEachFileOnceAndWhetherItChanged(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"a.php": "1", "lib/b.php": "2", "lib/c.php": "3", "x/y/z": "4"})
	must(t, os.Symlink("a.php", filepath.Join(src, "l.php")))
	r, _ := fresh(t, engine.Data)
	var mu sync.Mutex
	var heard map[string]bool
	o := engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}, Previous: true, Watch: func(root, rel string, changed bool) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := heard[rel]; twice || root != "code" {
			t.Errorf("heard of %s %s again", root, rel)
		}
		heard[rel] = changed
	}}
	// A repair reads everything and still tells what is other than before.
	for _, previous := range []bool{true, true, false} {
		heard = map[string]bool{}
		o.Previous = previous
		first := len(must2(r.List(t.Context()))(t)) == 0
		if !first {
			overwrite(t, filepath.Join(src, "lib/b.php"), fmt.Sprintf("other %v", previous))
			must(t, os.Chtimes(filepath.Join(src, "lib/b.php"), time.Now(), time.Now().Add(-time.Duration(len(heard)+1)*time.Hour)))
		}
		store(t, r, o)
		for rel, want := range map[string]bool{"a.php": first, "lib/b.php": true, "lib/c.php": first, "x/y/z": first} {
			if got, ok := heard[rel]; !ok || got != want {
				t.Errorf("first %v, previous %v: %s heard %v, changed %v, want %v", first, previous, rel, ok, got, want)
			}
		}
		if len(heard) != 4 {
			t.Errorf("heard of %v", heard)
		}
		write(t, src, map[string]string{"lib/b.php": "2"})
	}
}

func must2[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func TestFast_UnderLoadNothingThatStayedIsMissing(t *testing.T) {
	t.Parallel()
	root, filedir, stay := addressed(t, 200)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for w := range 3 {
		busy.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := keep(t, filedir, fmt.Sprintf("passing %d %d", w, i%40))
				if i%2 == 0 {
					_ = os.Remove(place(filedir, name))
				}
			}
		})
	}
	var last engine.Snapshot
	for i := range 4 {
		stay = append(stay, keep(t, filedir, fmt.Sprintf("came before run %d", i)))
		o := fast(root)
		o.Fast = i != 2
		last = store(t, r, o)
		if len(last.Problems) != 0 || last.Content.Mismatched != 0 {
			t.Errorf("run %d: problems %v, saw %+v", i, last.Problems, last.Content)
		}
		got := restore(t, r, last.ID)
		for _, name := range stay {
			b, err := os.ReadFile(place(filepath.Join(got, "moodledata/filedir"), name))
			must(t, err)
			if sum := sha1.Sum(b); hex.EncodeToString(sum[:]) != name {
				t.Errorf("run %d: %s came back otherwise", i, name)
			}
		}
	}
	close(stop)
	busy.Wait()
	s := store(t, r, fast(root))
	isSource(t, r, s.ID, root)
}
