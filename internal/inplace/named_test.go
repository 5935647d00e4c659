package inplace

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/moodle"
)

// shelf is named files in memory.
type shelf struct {
	texts   map[string]string // by hash; "" is wanted and not kept
	broken  error             // of Wanted, after all were given
	spoilt  string            // cannot be fetched, nor what is fetched with it
	fetched int
}

func (s *shelf) Wanted(context.Context) iter.Seq2[WantedContent, error] {
	return func(yield func(WantedContent, error) bool) {
		for h, text := range s.texts {
			if !yield(WantedContent{Hash: h, Bytes: int64(len(text)), Kept: text != ""}, nil) {
				return
			}
		}
		if s.broken != nil {
			yield(WantedContent{}, s.broken)
		}
	}
}

func (s *shelf) Fetch(_ context.Context, hashes []string, into string) error {
	s.fetched++
	if slices.Contains(hashes, s.spoilt) {
		return errors.New("the content is damaged")
	}
	for _, h := range hashes {
		at := moodle.ContentPath(into, h)
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(s.texts[h]), 0o640); err != nil {
			return err
		}
	}
	return nil
}

func hashOf(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

func TestRun_NamedFilesComeBackWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, parts := range []Parts{{Database: true}, {Database: true, Code: true, Data: true}} {
		f := build(t, situations[0], nil)
		f.o.Parts = parts
		good, bad, outside := "a content that was deleted since", hashOf("a content that was kept"), hashOf("behind a link")
		s := &shelf{texts: map[string]string{hashOf(good): good, bad: "something else", hashOf("gone"): "", f.site.Contents[0].Hash: "is there"}}
		elsewhere := t.TempDir()
		if !parts.Data { // the site's user sets a trap in the live filedir
			s.texts[outside] = "behind a link"
			ok(t, os.RemoveAll(filepath.Join(f.site.FileDir, outside[:2])))
			ok(t, os.Symlink(elsewhere, filepath.Join(f.site.FileDir, outside[:2])))
		}
		f.o.Named = s
		ev, err := Run(t.Context(), f.o)
		ok(t, err)
		if ev.Named == nil || ev.Named.Back != 1 || ev.Named.Bytes != int64(len(good)) || ev.Named.Lacking != ev.Named.Back+ev.Named.Missing {
			t.Fatalf("%+v %v", ev.Named, ev.Warnings)
		}
		at := moodle.ContentPath(f.site.FileDir, hashOf(good))
		text, err := os.ReadFile(at) //nolint:gosec // a test's
		fi, _ := os.Stat(at)
		if err != nil || string(text) != good || fi.Mode().Perm() != 0o640 {
			t.Errorf("%q %v %v", text, fi, err)
		}
		for _, dir := range []string{filepath.Dir(at), filepath.Dir(filepath.Dir(at))} {
			if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
				t.Errorf("%s: %v", dir, err)
			}
		}
		if st, isStat := fi.Sys().(*syscall.Stat_t); !isStat || os.Geteuid() == 0 && st.Uid != webUID {
			t.Errorf("the content belongs to another than filedir: %+v", fi.Sys())
		}
		if _, err := os.Lstat(moodle.ContentPath(f.site.FileDir, bad)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what is not its name is there: %v", err)
		}
		if left, _ := os.ReadDir(elsewhere); len(left) != 0 {
			t.Error("something was written behind a link")
		}
		if left, _ := filepath.Glob(filepath.Join(f.site.FileDir, "*", "*", "*"+f.o.ID+"*")); len(left) != 0 {
			t.Errorf("parts are left: %v", left)
		}
		if _, err := os.Lstat(filepath.Join(f.o.Dir, f.o.ID, "named")); !errors.Is(err, os.ErrNotExist) {
			t.Error("the fetched files are still there")
		}
	}
}

func TestRun_NamedFilesThatCannotBeHadFailNoRestore(t *testing.T) {
	t.Parallel()
	f := build(t, situations[2], nil)
	f.o.Parts = Parts{Database: true}
	f.o.Named = &shelf{broken: syscall.EIO}
	ev, err := Run(t.Context(), f.o)
	ok(t, err)
	if ev.Named == nil || ev.Named.Back != 0 || !strings.Contains(strings.Join(ev.Warnings, "\n"), "Not every file") {
		t.Errorf("%+v %v", ev.Named, ev.Warnings)
	}
}

// One content that is damaged where it is kept costs no other.
func TestRun_ADamagedNamedFileCostsNoOther(t *testing.T) {
	t.Parallel()
	f := build(t, situations[0], nil)
	f.o.Parts = Parts{Database: true}
	s := &shelf{texts: map[string]string{}, spoilt: hashOf("content 7")}
	for i := range 50 {
		text := fmt.Sprintf("content %d", i)
		s.texts[hashOf(text)] = text
	}
	f.o.Named = s
	ev, err := Run(t.Context(), f.o)
	ok(t, err)
	if ev.Named == nil || ev.Named.Lacking != 50 || ev.Named.Back != 49 || ev.Named.Missing != 1 || !strings.Contains(strings.Join(ev.Warnings, "\n"), "Not every file") {
		t.Errorf("%+v %v", ev.Named, ev.Warnings)
	}
}
