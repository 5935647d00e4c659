package inplace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/errs"
)

// tree is one folder that is exchanged for another. Which of the two is where
// is known by their inodes, so that it is found out right after any crash.
type tree struct {
	Name   string `json:"name"` // the root's
	Live   string `json:"live"`
	Beside string `json:"beside"`  // the new one before the switch, the old one after it
	OldIno uint64 `json:"old_ino"` // 0 where there was none: the folder was lost
	NewIno uint64 `json:"new_ino"` // 0 until the new one was made

	// Inside: the folder is a mount point, and what is in it is exchanged.
	Inside     bool    `json:"inside,omitempty"`
	Listed     bool    `json:"listed,omitempty"`
	OldEntries []entry `json:"old_entries,omitempty"`
	NewEntries []entry `json:"new_entries,omitempty"`
}

// spare is where one of the two is for a moment on file systems that cannot
// exchange two names at once.
func (t *tree) spare() string { return t.Beside + ".swap" }

// inode gives a folder's inode, 0 where there is none.
func inode(path string) (uint64, error) {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.IsDir() {
		return 0, errs.New(errs.Conflict, "%s is no folder any more.", path)
	}
	return st.Ino, nil
}

// put brings the wanted one of the two to the live path, from wherever both
// are, and the other one beside. It may be killed anywhere and called again.
func (t *tree) put(want uint64) error {
	if t.Inside {
		return t.putInside(want == t.NewIno)
	}
	live, err := inode(t.Live)
	if err != nil {
		return err
	}
	if live != 0 && live != t.OldIno && live != t.NewIno {
		return errs.New(errs.Conflict, "%s was replaced by something else meanwhile; it is left as it is. What belongs there lies in %s.", t.Live, filepath.Dir(t.Beside))
	}
	if want == 0 { // there was none before
		if live == t.NewIno && live != 0 {
			if err := os.Rename(t.Live, t.Beside); err != nil {
				return err
			}
		}
		return t.tidy()
	}
	if live != want {
		from, free := t.Beside, t.spare()
		ino, err := inode(from)
		if err != nil {
			return err
		}
		if ino != want {
			from, free = free, from
			if ino, err = inode(from); err != nil {
				return err
			}
		}
		if ino != want {
			return errs.New(errs.NotFound, "The folder that is to take the place of %s is not in %s any more.", t.Live, filepath.Dir(t.Beside))
		}
		if err := swapNames(t.Live, from, free, live != 0); err != nil {
			return errs.Wrap(errs.Conflict, err, "%s cannot be exchanged for the folder beside it.", t.Live)
		}
	}
	return t.tidy()
}

// swapNames brings from to live; what is live goes to from's place, or to
// free where the two cannot be exchanged at once.
func swapNames(live, from, free string, occupied bool) error {
	if occupied {
		err := exchange(live, from)
		if err == nil || !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		if err := os.Rename(live, free); err != nil {
			return err
		}
	}
	return os.Rename(from, live)
}

// tidy gives the other one its place, and brings the names to the disk.
func (t *tree) tidy() error {
	if _, err := os.Lstat(t.spare()); err == nil {
		if _, err := os.Lstat(t.Beside); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(t.spare(), t.Beside); err != nil {
				return err
			}
		}
	}
	err := syncDir(filepath.Dir(t.Beside))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // all that lay there is removed already
	}
	return errors.Join(syncDir(filepath.Dir(t.Live)), err)
}

// where gives the folder that has the inode now.
func (t *tree) where(ino uint64) (string, bool) {
	for _, p := range []string{t.Live, t.Beside, t.spare()} {
		if have, err := inode(p); err == nil && have != 0 && have == ino {
			return p, true
		}
	}
	return "", false
}

// remove deletes what lies beside, if it is the one that is meant.
func (t *tree) remove(ino uint64) error {
	if t.Inside {
		return t.removeInside(ino == t.OldIno)
	}
	if ino == 0 && t.NewIno != 0 {
		return nil // there was no old one
	}
	if t.NewIno == 0 {
		ino = 0 // it was begun, and its number not yet noted
	}
	for _, p := range []string{t.Beside, t.spare()} {
		have, err := inode(p)
		if err != nil {
			return err
		}
		if have == 0 {
			continue
		}
		if ino != 0 && have != ino || have == t.OldIno && ino != t.OldIno {
			return errs.New(errs.Conflict, "%s is not the folder that was laid aside; it is left as it is.", p)
		}
		if err := os.RemoveAll(p); err != nil {
			return errs.Wrap(errs.Incomplete, err, "%s could not be wholly removed.", p)
		}
	}
	return nil
}

// isOurs tells whether the new tree is still where we made it. Who owns the
// folder above can put another in its place, and then nothing of it counts.
func (t *tree) isOurs() error {
	ino, err := inode(t.Beside)
	if err != nil {
		return err
	}
	fi, err := os.Lstat(filepath.Dir(t.Beside))
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if ino != t.NewIno || !fi.IsDir() || !ok || int(st.Uid) != os.Geteuid() || fi.Mode().Perm() != 0o700 {
		return errs.New(errs.Conflict, "%s was changed by somebody else while the files were put together there.", t.Beside)
	}
	return nil
}

// makeHolder makes the folder beside a path, which only we may enter.
func makeHolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		fi, e := os.Lstat(dir)
		if e != nil {
			return e
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !fi.IsDir() || !ok || int(st.Uid) != os.Geteuid() {
			return errs.New(errs.Conflict, "%s is there already and is not ours.", dir)
		}
		return os.Chmod(dir, 0o700) //nolint:gosec // a folder
	}
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "Nothing can be written beside the site, in %s.", filepath.Dir(dir))
	}
	return syncDir(filepath.Dir(dir))
}

// lostMode is Moodle's own mode of a moodledata, for one that was lost.
const lostMode = os.ModeSetgid | os.FileMode(0o777)

// dress gives a new tree's top the old one's owner and mode (config.php's
// owner, where the old one is lost) and, where the copy
// was taken under another number of the same user, all of it its owner; and
// takes the set-user-id bits, which nothing of Moodle needs, from its files.
func (t *tree) dress(ref, config string) error {
	old, err := os.Lstat(t.Live)
	mode := lostMode
	if t.OldIno == 0 {
		old, err = os.Lstat(config)
	} else if err == nil {
		mode = old.Mode()
	}
	if err != nil {
		return err
	}
	ost, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s has no owner", t.Live)
	}
	was, is := owners(filepath.Join(t.Beside, ref), filepath.Join(t.Live, ref))
	err = filepath.WalkDir(t.Beside, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == t.Beside {
			return err
		}
		return dressOne(path, d, was, is)
	})
	if err != nil {
		return fmt.Errorf("give the new %s its owner: %w", t.Name, err)
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(t.Beside, int(ost.Uid), int(ost.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(t.Beside, mode)
}

// owner is a user and a group.
type owner struct{ uid, gid uint32 }

// owners gives who owned a file that both trees have, then and now.
func owners(then, now string) (was, is owner) {
	a, errA := os.Lstat(then)
	b, errB := os.Lstat(now)
	if errA != nil || errB != nil || os.Geteuid() != 0 {
		return
	}
	sa, okA := a.Sys().(*syscall.Stat_t)
	sb, okB := b.Sys().(*syscall.Stat_t)
	if okA && okB {
		return owner{sa.Uid, sa.Gid}, owner{sb.Uid, sb.Gid}
	}
	return
}

func dressOne(path string, d fs.DirEntry, was, is owner) error {
	fi, err := d.Info()
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s has no owner", path)
	}
	uid, gid := st.Uid, st.Gid
	if uid == was.uid {
		uid = is.uid
	}
	if gid == was.gid {
		gid = is.gid
	}
	mode := fi.Mode()
	if mode.IsRegular() {
		mode &^= os.ModeSetuid | os.ModeSetgid | os.ModeSticky
	}
	moved := uid != st.Uid || gid != st.Gid
	if moved {
		if err := os.Lchown(path, int(uid), int(gid)); err != nil {
			return err
		}
	}
	if mode&os.ModeSymlink == 0 && (moved || mode != fi.Mode()) {
		return os.Chmod(path, mode) // a change of owner clears the set-id bits
	}
	return nil
}
