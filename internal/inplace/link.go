package inplace

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// linkOrCopy gives a file of one open folder the same name in another: as a
// further name of it, or as a copy where that cannot be. No link is followed.
func linkOrCopy(from, to *os.File, name string) error {
	err := unix.Linkat(int(from.Fd()), name, int(to.Fd()), name, 0) //nolint:gosec // a file descriptor fits
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	src, err := openAt(from, name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // read only
	fi, err := src.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return err
	}
	dst, err := openAt(to, name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dressLike(dst, fi), dst.Close())
}

// openAt opens a name in an open folder, and never through a link.
func openAt(dir *os.File, name string, flags int, mode uint32) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, mode) //nolint:gosec // a file descriptor fits
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil //nolint:gosec // a file descriptor fits
}

// chtimes sets the time of an open file or folder.
func chtimes(f *os.File, at time.Time) error {
	tv := unix.NsecToTimeval(at.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{tv, tv}) //nolint:gosec // a file descriptor fits
}
