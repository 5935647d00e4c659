package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sample is one measured run.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // bytes, of the largest process
	err       error
}

// longest is how long one run may take: a tool that hangs ends no benchmark.
const longest = 10 * time.Minute

// measure runs a command until what it wrote is on the disk. Before it, the
// disk is brought to rest, so that no run pays for another's writes.
func (b *bench) measure(cmd *exec.Cmd) sample {
	unix.Sync()
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	began := time.Now()
	err := cmd.Run()
	if serr := b.syncDisk(); err == nil {
		err = serr
	}
	s := sample{wall: time.Since(began)}
	if err != nil {
		s.err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(tail(said.String())))
	}
	if cmd.ProcessState != nil {
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			s.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
			s.rss = u.Maxrss << 10
		}
	}
	return s
}

func tail(s string) string { return s[max(0, len(s)-400):] }

func (b *bench) syncDisk() error {
	f, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// child makes the command of a job.
func (b *bench) child(ctx context.Context, j job) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if dir := os.Getenv("BENCH_PROFILE"); dir != "" && j.Do != "vault" {
		b.profiles++
		via := "direct"
		if j.Location.Door != nil {
			via = "vault"
		}
		j.CPUProfile = filepath.Join(dir, fmt.Sprintf("%02d-%s-%s-%s.pprof", b.profiles, filepath.Base(filepath.Dir(j.Tree)), j.Do, via))
	}
	in, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), "HOLDFAST_BENCH_JOB=1", fmt.Sprintf("GOMEMLIMIT=%dMiB", memoryMiB))
	cmd.Stdin = bytes.NewReader(in)
	return cmd, nil
}

// sizeOf adds up the files below dir.
func sizeOf(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be seen has no size
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			n += fi.Size()
		}
		return nil
	})
	return n
}

// vaultServer is the vault as a process of its own.
type vaultServer struct {
	cmd      *exec.Cmd
	url, pin string
}

func (b *bench) startVault(ctx context.Context, blobs string) (*vaultServer, error) {
	at := filepath.Join(b.dir, "vault", "address")
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return nil, err
	}
	_ = os.Remove(at)
	cmd, err := b.child(ctx, job{Do: "vault", To: at, Blobs: blobs})
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if text, err := os.ReadFile(at); err == nil {
			v := &vaultServer{cmd: cmd}
			if _, err := fmt.Sscan(string(text), &v.url, &v.pin); err == nil {
				return v, nil
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	return nil, errors.Join(errors.New("the vault does not start"), cmd.Wait())
}

// cpu is what the vault has used so far.
func (v *vaultServer) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	var user, system int64
	_, _ = fmt.Sscan(f[11]+" "+f[12], &user, &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (v *vaultServer) stop() (rss int64) {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	if u, ok := v.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rss = u.Maxrss << 10
	}
	return rss
}
