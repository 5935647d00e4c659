// Package daemon keeps one private server process (a PostgreSQL or a MariaDB)
// running over one data directory: which account it runs as, who owns it, when
// it is taken over, restarted and stopped. It never kills a server that still
// writes, and never touches another instance's process. It knows nothing of SQL.
package daemon

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/errs"
)

// Account is the system account a server runs as.
type Account struct {
	Name     string
	UID, GID int
	Drop     bool // we are root, and the server must not be
}

// Choose gives the present account, or, when that is root, the first of names
// that this machine has.
func Choose(names ...string) (Account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return Account{Name: strconv.Itoa(uid), UID: uid, GID: os.Getegid()}, nil
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return Account{Name: name, UID: uid, GID: gid, Drop: true}, nil
		}
	}
	return Account{}, errs.New(errs.Unsupported, "A database server must not run as root, and this machine has none of the users %s.", strings.Join(names, ", "))
}

// Command makes a command that runs as the account, in dir, in a process group
// of its own (so that a Ctrl-C meant for us does not reach the server), with an
// environment that holds nothing of ours.
func (a Account) Command(dir, name string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: name, Args: append([]string{name}, args...), Dir: dir}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + dir, "TMPDIR=" + tempDir(), "LC_ALL=C", "TZ=UTC",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.Drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)} //nolint:gosec // ids of the system, not negative
	}
	return cmd
}

// tempDir is a directory that any account may write to; TMPDIR may be ours alone.
func tempDir() string {
	if st, err := os.Stat("/tmp"); err == nil && st.IsDir() {
		return "/tmp"
	}
	return os.TempDir()
}

// Own makes path the account's, when that is not the present one.
func (a Account) Own(path string) error {
	if !a.Drop {
		return nil
	}
	return os.Lchown(path, a.UID, a.GID)
}

// MakeDir makes a private directory (0700) of the account, or takes one that is
// there if nobody else could have made or can enter it.
func (a Account) MakeDir(path string) error {
	if err := os.Mkdir(path, 0o700); err == nil {
		return a.Own(path)
	} else if !os.IsExist(err) {
		return err
	}
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := st.Sys().(*syscall.Stat_t).Uid //nolint:errcheck // always this type on a unix
	if !st.IsDir() || (int(owner) != a.UID && int(owner) != os.Geteuid()) {
		return errs.New(errs.Forbidden, "%s exists and belongs to somebody else (uid %d); remove it or choose another state directory.", path, owner)
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a directory
		return err
	}
	return a.Own(path)
}

// Reach tells whether the account may pass through every directory down to dir.
// The error names the one that stands in the way.
func (a Account) Reach(dir string) error {
	if !a.Drop {
		return nil
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	blocked := ""
	for at := real; ; at = filepath.Dir(at) {
		st, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !a.mayPass(st) {
			blocked = at
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if blocked == "" {
		return nil
	}
	// Modes say no, an access list may still say yes: ask the kernel.
	if sh, err := exec.LookPath("true"); err == nil && a.Command(real, sh).Run() == nil {
		return nil
	}
	return errs.New(errs.Forbidden, "The database cannot run as root, and the user %s may not pass through %s; put the state directory elsewhere, for example under /var/lib/holdfast.", a.Name, blocked)
}

func (a Account) mayPass(st os.FileInfo) bool {
	sys := st.Sys().(*syscall.Stat_t) //nolint:errcheck // always this type on a unix
	switch mode := st.Mode().Perm(); {
	case int(sys.Uid) == a.UID:
		return mode&0o100 != 0
	case int(sys.Gid) == a.GID:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// StateDir makes dir (and its parents) fit for the account: reachable for it,
// but still ours. A directory of root's that is itself closed is opened for
// passing through, not for reading.
func (a Account) StateDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	mode := os.FileMode(0o700)
	if a.Drop {
		mode = 0o711
	}
	if err := os.MkdirAll(abs, mode); err != nil {
		return "", errs.Wrap(errs.Invalid, err, "The state directory %s cannot be made.", abs)
	}
	st, err := os.Stat(abs)
	if err != nil {
		return "", err
	}
	if a.Drop && !a.mayPass(st) {
		if err := os.Chmod(abs, st.Mode().Perm()|0o011); err != nil {
			return "", err
		}
	}
	return abs, a.Reach(abs)
}

// RunBounded runs a command that ends with ctx, and gives the end of what it said.
func RunBounded(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	s := said.String()
	return s[max(0, len(s)-2000):], err
}
