package inplace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/errs"
)

// openPlain opens a folder by a path that was resolved before; a link that has
// been put anywhere on the way since is refused.
func openPlain(path string) (*os.File, error) {
	d, err := openNoLinks(path)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
		return nil, errs.Wrap(errs.Conflict, err, "%s leads through a link now, and is not entered.", path)
	}
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "%s cannot be entered.", path)
	}
	return d, nil
}

// lookAt gives a name's inode in an open folder, 0 where there is none.
func lookAt(dir *os.File, name string) (ino uint64, isDir bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) //nolint:gosec // a file descriptor fits
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	return st.Ino, st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// makeDir makes a folder like the copy's, and notes it first.
func (f *filer) makeDir(at, like *os.File, name, rel string) (*os.File, error) {
	if !slices.Contains(f.p.Made, rel) {
		f.p.Made = append(f.p.Made, rel)
		if err := f.j.save(); err != nil {
			return nil, err
		}
	}
	if err := unix.Mkdirat(int(at.Fd()), name, 0o700); err != nil { //nolint:gosec // a file descriptor fits
		return nil, err
	}
	d, err := openAt(at, name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	model, err := f.parentOf(like, nil, rel, false)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	fi, err := model.Stat()
	_ = model.Close()
	if err == nil {
		err = dressLike(d, fi)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// takeOut puts back what Files did in place, from however far it came. A file
// that someone has changed in place since is left as it is.
func (f *filer) takeOut() error {
	live, err := openPlain(f.p.Into)
	if err != nil {
		return err
	}
	defer live.Close() //nolint:errcheck // errors came before
	stage, err := openPlain(f.p.Stage)
	if errs.Is(err, errs.Unavailable) && errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was put together yet, or all is taken back
	}
	if err != nil {
		return err
	}
	defer stage.Close() //nolint:errcheck // errors came before
	for _, e := range slices.Backward(f.p.Entries) {
		if err := f.do("take out "+e.Rel, func() error { return f.takeOne(live, stage, e) }); err != nil {
			return fmt.Errorf("put %s back: %w", e.Rel, err)
		}
	}
	for _, rel := range slices.Backward(f.p.Made) {
		parent, err := f.parentOf(live, nil, filepath.Dir(rel), false)
		if err != nil {
			continue
		}
		_ = unix.Unlinkat(int(parent.Fd()), filepath.Base(rel), unix.AT_REMOVEDIR) //nolint:gosec // a file descriptor fits
		_ = parent.Close()
	}
	return nil
}

func (f *filer) takeOne(live, stage *os.File, e *placed) error {
	to, err := f.parentOf(live, nil, filepath.Dir(e.Rel), false)
	var no *unplaceable
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &no) {
		return nil // it was never put there
	}
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // errors came before
	name := filepath.Base(e.Rel)
	if ino, _, err := lookAt(to, name); err != nil || ino != e.Ino {
		return err
	}
	from, err := f.parentOf(stage, nil, filepath.Dir(e.Rel), false)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // errors came before
	if ino, _, err := lookAt(from, name); err != nil {
		return err
	} else if ino == 0 {
		return errors.Join(placeAt(int(to.Fd()), name, int(from.Fd()), name), to.Sync()) //nolint:gosec // a file descriptor fits
	}
	return errors.Join(exchangeAt(int(from.Fd()), name, int(to.Fd()), name), to.Sync()) //nolint:gosec // a file descriptor fits
}

// filesBack takes everything back that Files did, and what it put together; a
// side folder that has its name already is done.
func (w *work) filesBack() error {
	f := &filer{work: w, p: w.j.Files}
	if w.j.State == StateUndoing {
		return w.filesUndo()
	}
	if w.j.State == StateSettling {
		return w.filesSettle()
	}
	if _, err := os.Lstat(f.p.Stage); !f.p.InPlace && w.j.State == StateSwitching && errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(filepath.Dir(f.p.Stage)) // the side folder has its name already
		return w.settled()
	}
	if err := w.do("return", func() error { return w.j.enter(StateReturning) }); err != nil {
		return err
	}
	if f.p.InPlace {
		if err := f.takeOut(); err != nil {
			return err
		}
	}
	if err := w.removeStage(); err != nil {
		return err
	}
	return w.do("rolled back", func() error { return w.j.enter(StateRolledBack) })
}

// filesUndo takes the files out again, and keeps them aside until Settle.
func (w *work) filesUndo() error {
	if err := w.do("undo", func() error { return w.j.enter(StateUndoing) }); err != nil {
		return err
	}
	if err := (&filer{work: w, p: w.j.Files}).takeOut(); err != nil {
		return err
	}
	return w.do("undone", func() error { return w.j.enter(StateUndone) })
}

// filesSettle removes what was kept aside.
func (w *work) filesSettle() error {
	if err := w.removeStage(); err != nil {
		return err
	}
	return w.settled()
}

func (w *work) removeStage() error {
	return w.do("remove stage", func() error {
		if err := os.RemoveAll(w.j.Files.Stage); err != nil {
			return errs.Wrap(errs.Incomplete, err, "%s could not be wholly removed.", w.j.Files.Stage)
		}
		if err := os.Remove(filepath.Dir(w.j.Files.Stage)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.Wrap(errs.Incomplete, err, "%s cannot be removed.", filepath.Dir(w.j.Files.Stage))
		}
		return nil
	})
}
