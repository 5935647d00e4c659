package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/throttle"
)

// stopGrace is how long a child may take to end after it was asked to, and
// restoreStopGrace one that has to bring a site back to its old state first.
const (
	stopGrace        = 20 * time.Second
	restoreStopGrace = 30 * time.Minute
)

// maxStderrBytes is how much of a child's last words is kept.
const maxStderrBytes = 8 << 10

// child is one working process, seen from its parent.
type child struct {
	run     string
	fence   int64
	kind    string
	site    string
	restore string // the restore's id, "" of a backup
	log     *slog.Logger

	started chan struct{} // closed when the child holds the site's lock
	done    chan struct{} // closed when the child is gone and result is set
	result  Result
	silent  bool // it went without a result

	stdin    io.WriteCloser
	process  *os.Process
	dir      string
	grace    time.Duration     // how long it may take to stop
	tokens   map[string]string // by the repository's name: the file that holds its token
	stopOnce sync.Once

	mu       sync.Mutex
	progress agentproto.Progress

	telling sync.Mutex      // apart: a child that does not listen must not stop the heartbeats
	orders  throttle.Orders // that it was told last
}

// childSpec is what a child is made of.
type childSpec struct {
	Command   []string // the agent's own binary and "engine"
	MemoryMiB int
	Job       job
	Log       *slog.Logger
	Limits    *limiter // how a backup holds back for the host; nil is not at all
}

// lowered tells whether the work holds back for the host. A restore does not:
// somebody waits for it.
func (s childSpec) lowered() bool {
	return s.Limits != nil && s.Job.Lease.Restore == nil && s.Job.Mend == ""
}

// runDir is the private folder of one run, which holds its token.
func runDir(stateDir, run string, fence int64) string {
	return filepath.Join(stateDir, "runs", run+"."+strconv.FormatInt(fence, 10))
}

// startChild starts the working process of a lease. The caller watches done.
func startChild(spec childSpec) (*child, error) {
	l := spec.Job.Lease
	c := &child{
		run: l.Run, fence: l.Fence, kind: l.Kind, site: l.Site.ID, log: spec.Log.With("run", l.Run, "site", l.Site.ID, "kind", l.Kind),
		started: make(chan struct{}), done: make(chan struct{}), dir: runDir(spec.Job.StateDir, l.Run, l.Fence),
		grace: stopGrace, tokens: map[string]string{}, orders: spec.Job.Orders,
	}
	if l.Restore != nil {
		c.restore, c.grace = l.Restore.ID, restoreStopGrace
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	for i, r := range repositoriesOf(l) {
		c.tokens[r.Name] = filepath.Join(c.dir, "token-"+strconv.Itoa(i))
		if err := c.renew(r.Name, r.Token); err != nil {
			return nil, err
		}
	}
	spec.Job.TokenFiles = c.tokens
	spec.Job.Lease = withoutTokens(l)
	b, err := json.Marshal(spec.Job)
	if err != nil {
		return nil, fmt.Errorf("encoding the job: %w", err)
	}
	ready := make(chan error, 1)
	go c.live(spec, append(b, '\n'), ready)
	if err := <-ready; err != nil {
		_ = os.RemoveAll(c.dir)
		return nil, err
	}
	return c, nil
}

// live starts the process and stays with it to its end. It keeps one system
// thread, for the kernel's parent-death signal goes by thread, not by process.
//
// The thread gives the process its place in the line too, and so is let go
// with its goroutine, never unlocked for others to run on.
func (c *child) live(spec childSpec, job []byte, ready chan<- error) {
	runtime.LockOSThread()
	if spec.lowered() {
		err := throttle.LowerThread(spec.Limits.restraint.Priority())
		if spec.Limits.held(err); err != nil {
			c.log.Warn("the working process has the priority of every other", "error", err)
		}
	}
	cmd := exec.Command(spec.Command[0], spec.Command[1:]...) //nolint:gosec,noctx // our own binary; stop() ends it
	cmd.Args[0] = "holdfast-agent"                            // the command may be /proc/self/exe
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+strconv.Itoa(spec.MemoryMiB)+"MiB")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second
	last := &tail{}
	cmd.Stderr = last
	stdin, err := cmd.StdinPipe()
	if err == nil {
		c.stdin = stdin
	}
	stdout, err2 := cmd.StdoutPipe()
	if err = errors.Join(err, err2); err != nil {
		ready <- fmt.Errorf("making the child's pipes: %w", err)
		return
	}
	if err := cmd.Start(); err != nil {
		ready <- fmt.Errorf("starting the working process: %w", err)
		return
	}
	c.process = cmd.Process
	defer c.joinGroup(spec, cmd.Process.Pid)() // before it has work, and starts others
	if _, err := stdin.Write(job); err != nil {
		c.log.Error("the job could not be handed to the working process", "error", err)
	}
	ready <- nil
	defer close(c.done)
	defer os.RemoveAll(c.dir) //nolint:errcheck // swept at the next start
	result := c.read(stdout)
	// Whatever it said last, it must also go.
	kill := time.AfterFunc(stopGrace, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	waitErr := cmd.Wait()
	kill.Stop()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever it left behind
	if result == nil {
		c.silent = true
		result = c.died(waitErr, last.text(), spec.Job.secrets()...)
	} else if said := last.text(); said != "" && result.Outcome != agentproto.OutcomeGood && result.Outcome != agentproto.OutcomeStopped {
		c.log.Warn("the working process said", "stderr", redact(said, spec.Job.secrets()...))
	}
	c.result = *result
}

// joinGroup puts the process into a control group of its own, where the agent
// may make one. Leave removes it.
func (c *child) joinGroup(spec childSpec, pid int) (leave func()) {
	if !spec.lowered() {
		return func() {}
	}
	leave, err := spec.Limits.groups.Join(c.run+"."+strconv.FormatInt(c.fence, 10), pid, spec.Limits.weights)
	if err != nil {
		c.log.Warn("the working process has no control group of its own", "error", err)
	}
	return leave
}

// read takes the child's lines until it has said its result or its last word.
func (c *child) read(stdout io.Reader) *Result {
	r := bufio.NewReaderSize(stdout, 64<<10)
	var result *Result
	for {
		b, err := readLine(r)
		var l line
		if len(bytes.TrimSpace(b)) > 0 && json.Unmarshal(b, &l) == nil {
			switch {
			case l.Started:
				c.begin()
			case l.Progress != nil:
				c.mu.Lock()
				c.progress = *l.Progress
				c.mu.Unlock()
			case l.Result != nil:
				result = l.Result
			}
		}
		if err != nil || result != nil {
			return result
		}
	}
}

func (c *child) begin() {
	select {
	case <-c.started:
	default:
		close(c.started)
	}
}

// died is the result of a child that went without a word: killed, out of
// memory, or broken.
func (c *child) died(waitErr error, stderr string, secrets ...string) *Result {
	why := "it ended without a result"
	if waitErr != nil {
		why = waitErr.Error()
	}
	c.log.Error("the working process died", "why", why, "stderr", redact(stderr, secrets...))
	return &Result{
		Outcome: agentproto.OutcomeFailed, ErrorCode: CodeChildDied,
		Error: "The working process on the host died (" + clip(why, 200) + "); the agent's log there has its last words.",
	}
}

// seen gives the newest progress.
func (c *child) seen() agentproto.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress
}

// renew writes a repository's storage token where the child reads it. Without
// a name it is for the one repository that the run has.
func (c *child) renew(repository, token string) error {
	path := c.tokens[repository]
	if repository == "" && len(c.tokens) > 0 && (c.restore == "" || len(c.tokens) == 1) {
		path = filepath.Join(c.dir, "token-0") // of a backup, the one that the copy itself goes to
	}
	if path == "" {
		return fmt.Errorf("run %s has no repository %q to renew a token of", c.run, clip(repository, 100))
	}
	if err := writeWhole(path, []byte(token)); err != nil {
		return fmt.Errorf("writing the storage token of run %s: %w", c.run, err)
	}
	return nil
}

// obey tells the child its orders, if they are others than it was told last.
func (c *child) obey(o throttle.Orders) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.orders == o {
		return
	}
	c.orders = o
	b, err := json.Marshal(o)
	if err != nil {
		return
	}
	_, _ = c.stdin.Write([]byte(ordersLine + string(b) + "\n")) // one that is gone shows elsewhere
}

// stop asks the child to end and kills it, with all it started, if it does
// not within the grace. It returns at once; done tells the end.
func (c *child) stop() {
	c.stopOnce.Do(func() {
		go func() {
			_, _ = io.WriteString(c.stdin, stopLine)
			t := time.NewTimer(c.grace)
			defer t.Stop()
			select {
			case <-c.done:
			case <-t.C:
				_ = syscall.Kill(-c.process.Pid, syscall.SIGKILL)
			}
		}()
	})
}

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > maxStderrBytes {
		t.b = append([]byte(nil), t.b[len(t.b)-maxStderrBytes:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.b), "?"))
}
