package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/errs"
)

// Program is a server that can be started over its data again and again.
type Program struct {
	Name    string                      // as a person calls it
	Command func() *exec.Cmd            // a fresh command
	Live    func() int                  // pid of a server at work on this data, 0 if none
	Ready   func(context.Context) error // nil once it answers
	Stop    syscall.Signal              // the clean, fast stop
	Abort   syscall.Signal              // for a server that did not obey within Grace
	Grace   time.Duration
	LogFile string
	// RetryIf are words in the log of a start that failed only because the
	// remains of a killed server were not yet gone.
	RetryIf []string
	Timeout time.Duration // for a start, recovery after a crash included
	Logger  *slog.Logger
}

// Daemon is a Program that runs, and is started again when it dies.
type Daemon struct {
	p       Program
	ctx     context.Context //nolint:containedctx // the daemon's own life, ended by Stop
	cancel  context.CancelFunc
	mu      sync.Mutex
	current *instance
	done    chan struct{} // the supervisor has ended
	Adopted bool          // it was already running, left by a killed owner
}

type instance struct {
	pid    int
	exited chan struct{}
}

// Run takes over the server that lives, or starts one, and gives it back once
// it answers.
func Run(ctx context.Context, p Program) (*Daemon, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &Daemon{p: p, ctx: own, cancel: cancel, done: make(chan struct{})}
	startCtx, stop := context.WithTimeout(ctx, p.Timeout)
	defer stop()
	var err error
	if pid := p.Live(); pid != 0 {
		d.Adopted = true
		d.current = d.watch(pid)
		err = d.await(startCtx, d.current)
		if err != nil && ctx.Err() == nil && d.hasExited(d.current) {
			d.Adopted = false
			d.current, err = d.start(startCtx) // it was just ending
		}
	} else {
		d.current, err = d.start(startCtx)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	go d.supervise() //nolint:contextcheck // it outlives the start; Stop ends it
	return d, nil
}

// start starts the program and waits until it answers.
func (d *Daemon) start(ctx context.Context) (*instance, error) {
	for {
		inst, tail, err := d.launch(ctx)
		if err == nil {
			return inst, nil
		}
		if ctx.Err() != nil || !containsAny(tail, d.p.RetryIf) {
			return nil, err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return nil, err
		}
	}
}

func (d *Daemon) launch(ctx context.Context) (*instance, string, error) {
	log, from, err := openLog(d.p.LogFile)
	if err != nil {
		return nil, "", err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	cmd := d.p.Command()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, "", errs.Wrap(errs.Unavailable, err, "%s cannot be started.", d.p.Name)
	}
	inst := &instance{pid: cmd.Process.Pid, exited: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(inst.exited) }()
	if err := d.await(ctx, inst); err != nil {
		d.halt(context.WithoutCancel(ctx), inst)
		tail := tailFrom(d.p.LogFile, from)
		return nil, tail, errs.Wrap(errs.Unavailable, fmt.Errorf("%w; its log ends: %s", err, lastLines(tail, 6)), "%s did not start; see %s.", d.p.Name, d.p.LogFile)
	}
	return inst, "", nil
}

// await waits until the instance answers, ends, or ctx does.
func (d *Daemon) await(ctx context.Context, inst *instance) error {
	pause := 5 * time.Millisecond
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := d.p.Ready(try)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-inst.exited:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(pause):
		}
		pause = min(pause*2, 100*time.Millisecond)
	}
}

// watch follows a process that is not our child.
func (d *Daemon) watch(pid int) *instance {
	inst := &instance{pid: pid, exited: make(chan struct{})}
	go func() {
		defer close(inst.exited)
		for alive(pid) {
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return inst
}

func (d *Daemon) hasExited(inst *instance) bool {
	select {
	case <-inst.exited:
		return true
	case <-time.After(time.Second):
		return false
	}
}

// supervise starts the program again whenever it dies, until Stop.
func (d *Daemon) supervise() {
	defer close(d.done)
	for {
		d.mu.Lock()
		inst := d.current
		d.mu.Unlock()
		select {
		case <-d.ctx.Done():
			return
		case <-inst.exited:
		}
		for pause := 100 * time.Millisecond; ; pause = min(pause*2, 10*time.Second) {
			if d.ctx.Err() != nil {
				return
			}
			d.p.Logger.Warn("database server ended by itself; starting it again", "server", d.p.Name)
			ctx, cancel := context.WithTimeout(d.ctx, d.p.Timeout)
			next, err := d.start(ctx)
			cancel()
			if err == nil {
				d.mu.Lock()
				d.current = next
				d.mu.Unlock()
				break
			}
			d.p.Logger.Error("database server does not start", "server", d.p.Name, "error", err)
			if !sleep(d.ctx, pause) {
				return
			}
		}
	}
}

// Stop ends the server cleanly. The end of ctx shortens the grace.
func (d *Daemon) Stop(ctx context.Context) error {
	d.cancel()
	<-d.done
	d.mu.Lock()
	inst := d.current
	d.mu.Unlock()
	if !d.halt(ctx, inst) {
		return errs.New(errs.Unavailable, "%s (pid %d) does not end.", d.p.Name, inst.pid)
	}
	return nil
}

// PID gives the pid of the server at work.
func (d *Daemon) PID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current.pid
}

// halt sends Stop, then Abort; it tells whether the process has ended.
func (d *Daemon) halt(ctx context.Context, inst *instance) bool {
	grace, cancel := context.WithTimeout(ctx, d.p.Grace)
	defer cancel()
	_ = syscall.Kill(inst.pid, d.p.Stop)
	select {
	case <-inst.exited:
		return true
	case <-grace.Done():
	}
	d.p.Logger.Warn("database server did not stop in time", "server", d.p.Name, "pid", inst.pid)
	_ = syscall.Kill(inst.pid, d.p.Abort)
	select {
	case <-inst.exited:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

const maxLogBytes = 16 << 20

// openLog opens the log for appending, after putting a long one aside.
func openLog(path string) (*os.File, int64, error) {
	if st, err := os.Stat(path); err == nil && st.Size() > maxLogBytes {
		_ = os.Rename(path, path+".1")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own path
	if err != nil {
		return nil, 0, fmt.Errorf("open the server's log: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// tailFrom gives at most the last 4 KB of what was logged since from.
func tailFrom(path string, from int64) string {
	raw, err := os.ReadFile(path) //nolint:gosec // our own path
	if err != nil || int64(len(raw)) < from {
		return ""
	}
	raw = raw[from:]
	if len(raw) > 4096 {
		raw = raw[len(raw)-4096:]
	}
	return string(bytes.TrimSpace(raw))
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
