package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program of ours that runs until it is told otherwise. What it
// says goes to a file.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
}

// starts are made by one system thread that lives as long as this process:
// the kernel kills a child when the thread that made it ends, and nothing that
// a killed test leaves may go on.
var (
	starts     = make(chan func())
	startsOnce sync.Once
)

func startHere(fn func() error) error {
	startsOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for f := range starts {
				f()
			}
		}()
	})
	done := make(chan error)
	starts <- func() { done <- fn() }
	return <-done
}

// environment is what our programs are given: nothing of the tester's but the
// way to the database programs.
func environment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + shared.dir, "TZ=UTC", "LC_ALL=C.UTF-8"}, more...)
}

// launch starts a program; its output is appended to logFile.
func launch(t testing.TB, name, logFile string, env []string, program string, args ...string) *process {
	t.Helper()
	f, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()                       //nolint:errcheck // the child has its own
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // ended by the test
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, "/", f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := startHere(cmd.Start); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p := &process{name: name, cmd: cmd, log: logFile, done: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.done) }()
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill is kill -9 of the one process, and waits until it is gone.
func (p *process) kill(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	p.gone(t, 10*time.Second)
}

// signal sends a signal and gives the exit code of the end that follows.
func (p *process) signal(t testing.TB, sig syscall.Signal, within time.Duration) int {
	t.Helper()
	_ = p.cmd.Process.Signal(sig)
	return p.gone(t, within)
}

// gone waits for the end and gives the exit code.
func (p *process) gone(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("%s (pid %d) has not ended after %s; its log ends:\n%s", p.name, p.pid(), within, p.said(4000))
		return -1
	}
}

// said gives the end of the log.
func (p *process) said(n int) string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-n):])
}

// call runs a program to its end and gives what it said and its exit code.
func call(t testing.TB, env []string, stdin, program string, args ...string) (out, complaints string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own program
	cmd.Env, cmd.Dir, cmd.Stdin = env, "/", strings.NewReader(stdin)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, o.String(), e.String())
	}
	noteOutput(o.String() + e.String())
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// running are the processes of this machine, by pid.
type running struct {
	pid, parent int
	args        string
}

// processes lists what runs, zombies left out.
func processes() []running {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []running
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		stat, err := os.ReadFile(d + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		if len(f) < 2 || f[0] == "Z" {
			continue
		}
		args, err := os.ReadFile(d + "/cmdline")
		if err != nil || len(args) == 0 {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		out = append(out, running{pid, parent, strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))})
	}
	return out
}

// children gives the processes whose parent is pid.
func children(pid int) []running {
	var out []running
	for _, p := range processes() {
		if p.parent == pid {
			out = append(out, p)
		}
	}
	return out
}

func isAlive(pid int) bool {
	for _, p := range processes() {
		if p.pid == pid {
			return true
		}
	}
	return false
}

// mentioning gives the processes whose command line or folder holds word.
func mentioning(word string) []string {
	var out []string
	for _, p := range processes() {
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid))
		if p.pid != os.Getpid() && !strings.Contains(p.args, "holdfast-test-watchdog") && (strings.Contains(p.args, word) || strings.HasPrefix(cwd, word)) {
			out = append(out, fmt.Sprintf("%d %s", p.pid, p.args))
		}
	}
	return out
}

// eventually waits until what is true, looking often; what says why not.
func eventually(t testing.TB, within time.Duration, what string, is func() (bool, string)) {
	t.Helper()
	until := time.Now().Add(within)
	pause := 10 * time.Millisecond
	for {
		ok, why := is()
		if ok {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("after %s still not: %s (%s)", within, what, why)
		}
		time.Sleep(pause)
		pause = min(pause*3/2, 250*time.Millisecond)
	}
}

// freePort gives a port of 127.0.0.1 that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	return newListener(t).release()
}
