package inplace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/internal/moodle"
)

// A content that the old filedir has and its disk does not give any more is
// missing afterwards, and fails no restore.
func TestHeal_AContentThatCannotBeReadFailsNoRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hash := hashOf("a content")
	at := moodle.ContentPath(filepath.Join(dir, "old"), hash)
	ok(t, os.MkdirAll(filepath.Dir(at), 0o700))
	ok(t, os.MkdirAll(filepath.Join(dir, "fresh"), 0o700))
	ok(t, os.WriteFile(at, []byte("a content"), 0o600))
	held, err := os.OpenFile(at, os.O_RDWR, 0) //nolint:gosec // a test's
	ok(t, err)
	defer held.Close() //nolint:errcheck // a test's
	// Who holds a lease keeps others from opening the file.
	_, err = unix.FcntlInt(held.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	ok(t, err)
	old, err := os.OpenRoot(filepath.Join(dir, "old"))
	ok(t, err)
	defer old.Close() //nolint:errcheck // a test's
	fresh, err := os.OpenRoot(filepath.Join(dir, "fresh"))
	ok(t, err)
	defer fresh.Close() //nolint:errcheck // a test's
	h := &healer{fresh: fresh, old: []*os.Root{old}}
	if err := h.one(moodle.FileRow{ContentHash: hash, Size: 9, MinSize: 9}); err != nil || h.healed != 0 {
		t.Errorf("%v, %d taken over", err, h.healed)
	}
	if _, err := os.Lstat(moodle.ContentPath(filepath.Join(dir, "fresh"), hash)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what nobody read is there: %v", err)
	}
}
