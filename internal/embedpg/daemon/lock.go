package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Lock is the ownership of a state directory. It ends with the process at the
// latest, and is never inherited by a child.
type Lock struct{ f *os.File }

// TryLock takes the lock file at path; nil and no error when another process
// has it.
func TryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600) //nolint:gosec // our own path
	if err != nil {
		return nil, fmt.Errorf("open the owner's lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Lock{f: f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil //nolint:nilnil // documented: another has it
	}
	return nil, fmt.Errorf("take the owner's lock %s: %w", path, err)
}

// Release gives the lock up.
func (l *Lock) Release() {
	if l != nil {
		_ = l.f.Close()
	}
}

// LivePID reads a pid file's first line and gives the pid if that process lives,
// its program is one of names and it works in dir (servers do in their data
// directory); else 0. So a pid used again by another process does not count.
func LivePID(pidFile, dir string, names ...string) int {
	raw, err := os.ReadFile(pidFile) //nolint:gosec // our own path
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 || !alive(pid) {
		return 0
	}
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		if _, err := os.Stat("/proc/self/exe"); err == nil {
			return 0 // there is a /proc, and the process is gone or not ours
		}
		return pid
	}
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); err != nil || !sameDir(cwd, dir) {
		return 0
	}
	base := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	for _, n := range names {
		if base == n {
			return pid
		}
	}
	return 0
}

func sameDir(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// alive tells whether pid is a process that is not a zombie.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !os.IsNotExist(err) || !hasProc()
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	return !ok || !strings.HasPrefix(rest, "Z")
}

func hasProc() bool { _, err := os.Stat("/proc/self/stat"); return err == nil }
