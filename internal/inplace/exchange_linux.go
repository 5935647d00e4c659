package inplace

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// exchange swaps two names at once; errors.ErrUnsupported where the file
// system cannot.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("exchange two names: %w", errors.ErrUnsupported)
	}
	return err
}

// exchangeAt swaps a name in one open folder with one in another.
func exchangeAt(da int, a string, db int, b string) error {
	return unix.Renameat2(da, a, db, b, unix.RENAME_EXCHANGE)
}

// placeAt moves a name from one open folder to another where it must be free.
func placeAt(from int, a string, to int, b string) error {
	return unix.Renameat2(from, a, to, b, unix.RENAME_NOREPLACE)
}

// labelsOf names the access lists and labels that a folder carries.
func labelsOf(path string) []string {
	var out []string
	for _, l := range []struct{ name, words string }{
		{"system.posix_acl_access", "an access list (ACL)"}, {"system.posix_acl_default", "a default access list (ACL)"},
	} {
		if n, err := unix.Lgetxattr(path, l.name, nil); err == nil && n > 0 {
			out = append(out, l.words)
		}
	}
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		out = append(out, "SELinux labels (restorecon -R sets them)")
	}
	return out
}

// renameInto moves a path to a name in an open folder; an empty folder of that
// name gives way.
func renameInto(path string, dir *os.File, name string) error {
	return unix.Renameat(unix.AT_FDCWD, path, int(dir.Fd()), name) //nolint:gosec // a file descriptor fits
}

// openNoLinks opens a folder, and fails where any part of its path is a link.
func openNoLinks(path string) (*os.File, error) {
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, how)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0) // before Linux 5.6
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil //nolint:gosec // a file descriptor fits
}
