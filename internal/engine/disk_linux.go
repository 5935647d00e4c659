package engine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// flushDisk brings the file system that root lies on to the disk.
func flushDisk(root *os.Root) error {
	h, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("open the restored directory: %w", err)
	}
	defer h.Close()                                  //nolint:errcheck // read only
	if err := unix.Syncfs(int(h.Fd())); err != nil { //nolint:gosec // a file descriptor fits
		return fmt.Errorf("syncfs: %w", err)
	}
	return nil
}
