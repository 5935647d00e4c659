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

// runner starts one command and measures it. It is a process of its own, for
// Linux counts what a process held before it became another program as that
// program's memory, and this one holds much.
type runner struct {
	Args, Env []string
	Stdin     []byte
	Dir       string // on the file system that is brought to rest before and after
}

// ran is what a runner says.
type ran struct {
	Wall, CPU time.Duration
	RSS       int64
	Failed    string
}

// measure runs a command until what it wrote is on the disk. Before it, the
// disk is brought to rest, so that no run pays for another's writes.
func (b *bench) measure(ctx context.Context, c runner) sample {
	c.Dir = b.dir
	self, err := os.Executable()
	if err != nil {
		return sample{err: err}
	}
	in, err := json.Marshal(job{Do: "run", Run: c})
	if err != nil {
		return sample{err: err}
	}
	var said, out bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), "HOLDFAST_BENCH_JOB=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var r ran
	if err := cmd.Run(); err != nil {
		return sample{err: fmt.Errorf("%w: %s", err, tail(said.String()))}
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return sample{err: err}
	}
	s := sample{wall: r.Wall, cpu: r.CPU, rss: r.RSS}
	if r.Failed != "" {
		s.err = errors.New(r.Failed)
	}
	return s
}

// run is the runner's part.
func (c runner) run(ctx context.Context) error {
	f, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stderr = c.Env, bytes.NewReader(c.Stdin), &said
	began := time.Now()
	err = errors.Join(cmd.Run(), unix.Syncfs(int(f.Fd())))
	r := ran{Wall: time.Since(began)}
	if err != nil {
		r.Failed = fmt.Sprintf("%s: %v: %s", filepath.Base(c.Args[0]), err, strings.TrimSpace(tail(said.String())))
	}
	if cmd.ProcessState != nil {
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
			r.RSS = u.Maxrss << 10
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func tail(s string) string { return s[max(0, len(s)-400):] }

// child gives the command of a job.
func (b *bench) child(j job) (runner, error) {
	self, err := os.Executable()
	if err != nil {
		return runner{}, err
	}
	if dir := os.Getenv("BENCH_PROFILE"); dir != "" && j.Do != "vault" {
		b.profiles++
		via := "direct"
		if j.Location.Door != nil {
			via = "vault"
		}
		j.CPUProfile = filepath.Join(dir, fmt.Sprintf("%02d-%s-%s-%s.pprof", b.profiles, filepath.Base(j.Tree+j.To), j.Do, via))
	}
	in, err := json.Marshal(j)
	if err != nil {
		return runner{}, err
	}
	return runner{Args: []string{self}, Env: append(os.Environ(), "HOLDFAST_BENCH_JOB=1", fmt.Sprintf("GOMEMLIMIT=%dMiB", memoryMiB)), Stdin: in}, nil
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
	c, err := b.child(job{Do: "vault", To: at, Blobs: blobs})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, c.Args[0])
	cmd.Env, cmd.Stdin, cmd.Stderr = c.Env, bytes.NewReader(c.Stdin), os.Stderr
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

// stop ends the vault and gives its peak memory, by what it says itself.
func (v *vaultServer) stop() (rss int64) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				_, _ = fmt.Sscan(value, &rss)
			}
		}
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	return rss << 10
}
