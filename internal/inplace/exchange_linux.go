package inplace

import (
	"errors"
	"fmt"

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
