package throttle_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// A process that a lowered thread starts is lowered, and so is what that
// process starts; what other threads start is as it was.
func TestLowerThread_LowersWhatItStartsAndTheirs(t *testing.T) {
	t.Parallel()
	before, err := throttle.PriorityOf(0)
	must(t, err)
	want := throttle.Priority{Nice: 15, IO: throttle.IOLow}
	type pids struct{ child, grandchild int }
	got, release := make(chan pids), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		err := throttle.LowerThread(want)
		if err != nil {
			close(got)
			done <- err
			return
		}
		cmd := exec.Command("/bin/sh", "-c", `sleep 600 & echo $!; read x; kill $!`)
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			close(got)
			done <- err
			return
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		pid, _ := strconv.Atoi(strings.TrimSpace(line))
		got <- pids{cmd.Process.Pid, pid}
		<-release
		_, _ = in.Write([]byte("go\n"))
		_ = cmd.Wait() // the shell's own status is the kill's
		done <- nil
	}()
	p, ok := <-got
	if !ok {
		t.Fatal(<-done)
	}
	for name, pid := range map[string]int{"child": p.child, "grandchild": p.grandchild} {
		if is, err := throttle.PriorityOf(pid); err != nil || is != want {
			t.Errorf("the %s has %+v, %v; want %+v", name, is, err, want)
		}
	}
	close(release)
	must(t, <-done)
	other := exec.Command("/bin/sh", "-c", "read x")
	in, err := other.StdinPipe()
	must(t, err)
	must(t, other.Start())
	if after, err := throttle.PriorityOf(other.Process.Pid); err != nil || after != before {
		t.Errorf("what another thread starts has %+v, %v; want %+v", after, err, before)
	}
	must(t, in.Close())
	_ = other.Wait() // read's own status
}

// fakeGroups is a folder that looks like a host's control groups: what the
// kernel would do with what is written there is not tried by these tests.
func fakeGroups(t *testing.T, controllers string, pids ...string) (root, proc, own string) {
	t.Helper()
	root, proc = t.TempDir(), t.TempDir()
	own = filepath.Join(root, "system.slice", "holdfast-agent.service")
	must(t, os.MkdirAll(own, 0o700))
	must(t, os.MkdirAll(filepath.Join(proc, "self"), 0o700))
	must(t, os.WriteFile(filepath.Join(proc, "self", "cgroup"), []byte("12:cpu:/x\n0::/system.slice/holdfast-agent.service\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(own, "cgroup.controllers"), []byte(controllers+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte(strings.Join(pids, "\n")+"\n"), 0o600))
	return root, proc, own
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return string(b)
}

func TestGroups_BoundWhatTheyMayAndNothingElse(t *testing.T) {
	t.Parallel()
	self := strconv.Itoa(os.Getpid())
	root, proc, own := fakeGroups(t, "cpuset cpu memory pids", self)
	g, err := throttle.OpenGroups(root, proc)
	must(t, err)
	if got := g.Controllers(); !slices.Equal(got, []string{"cpu", "memory"}) {
		t.Errorf("controllers %v", got)
	}
	if read(t, own, "agent", "cgroup.procs") != self {
		t.Error("the agent is not in a group of its own")
	}
	_, err = g.Join("run1.7", 4711, throttle.Weights{CPU: 20, IO: 30, MemoryHighByte: 700 << 20})
	must(t, err)
	dir := filepath.Join(own, "run-run1.7")
	for name, want := range map[string]string{"cpu.weight": "20", "memory.high": strconv.Itoa(700 << 20), "cgroup.procs": "4711"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "io.weight")); err == nil {
		t.Error("a weight of a controller that was not handed down")
	}
}

func TestOpenGroups_DividesNobodyElsesGroup(t *testing.T) {
	t.Parallel()
	self := strconv.Itoa(os.Getpid())
	root, proc, own := fakeGroups(t, "cpu io memory", "1", self)
	if _, err := throttle.OpenGroups(root, proc); err == nil || !strings.Contains(err.Error(), "other processes") {
		t.Errorf("a session's group: %v", err)
	}
	if _, err := os.Stat(filepath.Join(own, "agent")); err == nil {
		t.Error("it was divided all the same")
	}
	must(t, os.WriteFile(filepath.Join(proc, "self", "cgroup"), []byte("12:cpu:/x\n"), 0o600))
	if _, err := throttle.OpenGroups(root, proc); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("groups of version 1: %v", err)
	}
	var none *throttle.Groups
	leave, err := none.Join("x", 1, throttle.Weights{})
	must(t, err)
	leave()
	if none.Controllers() != nil {
		t.Error("no groups have controllers")
	}
}

func TestParseIOClass_NamesTheField(t *testing.T) {
	t.Parallel()
	for _, c := range []throttle.IOClass{throttle.IONormal, throttle.IOLow, throttle.IOIdle} {
		if got, err := throttle.ParseIOClass("io_priority", string(c)); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	if _, err := throttle.ParseIOClass("io_priority", "realtime"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "io_priority") {
		t.Errorf("%v", err)
	}
}
