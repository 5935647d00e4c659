package engine

import (
	"fmt"
	"os"
	"syscall"

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

// changedAt gives the time of the last change of any kind, in ns since 1970. No
// user can set it.
func changedAt(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }

// lookAt gives what one lstat tells of the entry called name in dir.
func lookAt(dir *os.File, name string) (looked, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil { //nolint:gosec // a file descriptor fits
		return looked{}, fmt.Errorf("look at %s: %w", name, err)
	}
	mode := os.FileMode(st.Mode & 0o777)
	for bit, is := range specialBits {
		if st.Mode&bit != 0 {
			mode |= is
		}
	}
	return looked{
		isDir: st.Mode&unix.S_IFMT == unix.S_IFDIR, mode: mode, uid: st.Uid, gid: st.Gid,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), changeIsKnown: true,
	}, nil
}

var specialBits = map[uint32]os.FileMode{unix.S_ISUID: os.ModeSetuid, unix.S_ISGID: os.ModeSetgid, unix.S_ISVTX: os.ModeSticky}
