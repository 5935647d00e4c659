package inplace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast/internal/errs"
)

// A folder that is a mount point cannot be exchanged for another. Then what is
// in it is: its first-level entries move into a folder inside the mount, and
// the new ones come out of it. The site is closed meanwhile, and every entry is
// known by its inode, so that it is found out right after any crash.

// entry is one first-level name of a tree.
type entry struct {
	Name string `json:"name"`
	Ino  uint64 `json:"ino"`
}

// aside is where the old entries lie after the switch.
func (t *tree) aside() string { return t.Beside + ".old" }

// stays tells whether an entry is of neither state: our own folders, and the
// page that keeps the site closed.
func stays(name string) bool {
	return name == pageName || strings.HasPrefix(name, ".holdfast-")
}

func entriesOf(dir string) ([]entry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, e := range list {
		if ino := inodeOf(filepath.Join(dir, e.Name())); ino != 0 && !stays(e.Name()) {
			out = append(out, entry{e.Name(), ino})
		}
	}
	return out, nil
}

// inodeOf gives the inode of whatever has a name, 0 where there is nothing.
func inodeOf(path string) uint64 {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// list takes down what is in the old tree and in the new one, when nothing of
// the site is at work any more.
func (t *tree) list() error {
	var err error
	if t.OldEntries, err = entriesOf(t.Live); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(t.Beside, pageName)); err != nil {
		return err
	}
	t.NewEntries, err = entriesOf(t.Beside)
	t.Listed = err == nil
	return err
}

// putInside brings the new entries, or the old ones, to the live folder.
func (t *tree) putInside(toNew bool) error {
	if !t.Listed {
		return nil // nothing was moved yet
	}
	in, outTo, inFrom := t.OldEntries, t.Beside, t.aside()
	if toNew {
		in, outTo, inFrom = t.NewEntries, t.aside(), t.Beside
	}
	if _, err := os.Lstat(filepath.Dir(t.Beside)); errors.Is(err, fs.ErrNotExist) {
		return nil // all that lay aside is removed already
	}
	if err := os.Mkdir(outTo, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	now, err := entriesOf(t.Live)
	if err != nil {
		return err
	}
	for _, e := range now {
		if slices.Contains(in, e) {
			continue // it is there already; all else is of the state that goes
		}
		if err := os.Rename(filepath.Join(t.Live, e.Name), free(outTo, e.Name)); err != nil {
			return err
		}
	}
	for _, e := range in {
		from := filepath.Join(inFrom, e.Name)
		switch e.Ino {
		case inodeOf(filepath.Join(t.Live, e.Name)):
		case inodeOf(from):
			if err := os.Rename(from, filepath.Join(t.Live, e.Name)); err != nil {
				return err
			}
		default:
			return errs.New(errs.NotFound, "%s, which belongs into %s, is not in %s any more.", e.Name, t.Live, inFrom)
		}
	}
	return errors.Join(syncDir(t.Live), syncDir(outTo))
}

// free gives a name in a folder that nothing has.
func free(dir, name string) string {
	path := filepath.Join(dir, name)
	for inodeOf(path) != 0 {
		path += "~"
	}
	return path
}

// removeInside deletes the entries of one state, where they lie aside.
func (t *tree) removeInside(old bool) error {
	dir := t.Beside
	if old {
		dir = t.aside()
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	other := t.aside()
	if old {
		other = t.Beside
	}
	return os.RemoveAll(other) // what belongs to the site was put back from it
}
