package moodle_test

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

// rowsOf gives the rows of a miniature's files table as a query would.
func rowsOf(s minimoodle.Site, more ...moodle.FileRow) iter.Seq2[moodle.FileRow, error] {
	return func(yield func(moodle.FileRow, error) bool) {
		for _, c := range s.Contents {
			more = append(more, moodle.FileRow{ContentHash: c.Hash, Size: c.Size, MinSize: c.Size, Rows: 2})
		}
		for _, r := range more {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func agree(t *testing.T, s minimoodle.Site, deep bool, more ...moodle.FileRow) moodle.Agreement {
	t.Helper()
	a, err := moodle.Agree(t.Context(), s.FileDir, s.TrashDir, rowsOf(s, more...), deep)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const someHash = "0123456789abcdef0123456789abcdef01234567"

// TestAgree_KnowsWhatIsNoError: everything that a real site has without harm.
func TestAgree_KnowsWhatIsNoError(t *testing.T) {
	t.Parallel()
	s, _ := site(t, minimoodle.Spec{Files: 30})
	for name, text := range map[string]string{"jackpot/shattered.pdf": "x", "ab/cd/stray.txt": "x"} {
		path := filepath.Join(s.FileDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(moodle.ContentPath(s.FileDir, moodle.EmptyHash)); err != nil {
		t.Fatal(err)
	}
	for _, deep := range []bool{false, true} {
		a := agree(t, s, deep,
			moodle.FileRow{ContentHash: moodle.EmptyHash, Rows: 50},
			moodle.FileRow{ContentHash: someHash, Size: 9, MinSize: 9, Rows: 1, References: 1},
			moodle.FileRow{ContentHash: "1" + someHash[1:], Size: 9, MinSize: 9, Rows: 1, External: true})
		if !a.Good() || a.Hashes != 32 || a.FilesOnDisk != 31 || a.OrphanCount != 1 || a.TempCount != 1 || a.ForeignCount != 1 || a.AliasCount != 1 || a.ExternalCount != 1 {
			t.Errorf("deep %v: %+v", deep, a)
		}
	}
}

func TestAgree_FindsEachFault(t *testing.T) {
	t.Parallel()
	s, _ := site(t, minimoodle.Spec{Files: 20, Faults: minimoodle.Faults{Missing: 3, WrongSize: 2, Flipped: 1}})
	flat, deep := agree(t, s, false), agree(t, s, true)
	if flat.Good() || flat.MissingCount != 3 || flat.SizeCount != 2 || flat.ContentCount != 0 {
		t.Errorf("without reading: %+v", flat)
	}
	if deep.MissingCount != 3 || deep.SizeCount != 2 || deep.ContentCount != 3 {
		t.Errorf("with reading: %+v", deep)
	}
	for _, c := range s.Contents {
		if c.Fault == minimoodle.FaultMissing && !has(deep.Missing, c.Hash) || c.Fault == minimoodle.FaultFlipped && !has(deep.WrongContent, c.Hash) ||
			c.Fault == minimoodle.FaultWrongSize && !has(deep.WrongSize, c.Hash) {
			t.Errorf("%s, %s, is not listed", c.Hash, c.Fault)
		}
	}
	bad := agree(t, s, false, moodle.FileRow{ContentHash: "../../../etc/passwd", Size: 1, Rows: 1})
	if bad.BadHashCount != 1 {
		t.Errorf("a hash that is none: %+v", bad)
	}
}

func has(list []moodle.Finding, hash string) bool {
	for _, f := range list {
		if f.Hash == hash {
			return true
		}
	}
	return false
}

func TestAgree_LooksIntoTrashdir(t *testing.T) {
	t.Parallel()
	s, _ := site(t, minimoodle.Spec{Files: 5})
	hash := s.Contents[4].Hash
	to := moodle.ContentPath(s.TrashDir, hash)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(moodle.ContentPath(s.FileDir, hash), to); err != nil {
		t.Fatal(err)
	}
	if a := agree(t, s, true); !a.Good() || a.InTrashCount != 1 || a.InTrash[0].Hash != hash {
		t.Errorf("%+v", a)
	}
	if err := os.RemoveAll(s.TrashDir); err != nil {
		t.Fatal(err)
	}
	if a := agree(t, s, false); a.Good() || a.MissingCount != 1 {
		t.Errorf("without trashdir: %+v", a)
	}
}

func TestAgree_PassesErrorsOn(t *testing.T) {
	t.Parallel()
	s, _ := site(t, minimoodle.Spec{Files: 2})
	broken := errors.New("the connection is gone")
	_, err := moodle.Agree(t.Context(), s.FileDir, s.TrashDir, func(yield func(moodle.FileRow, error) bool) { yield(moodle.FileRow{}, broken) }, false)
	if !errors.Is(err, broken) {
		t.Errorf("Agree says %v", err)
	}
	if _, err := moodle.Agree(t.Context(), filepath.Join(s.DataRoot, "gone"), "", rowsOf(s), false); err == nil {
		t.Error("an absent filedir agrees with a full table")
	}
}
