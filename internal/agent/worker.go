package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/throttle"
	"holdfast/internal/vault"
)

// job is what the parent writes to a working child's standard input: one JSON
// line. It carries the repository's password, and so goes by a pipe and never
// by arguments or environment. The storage tokens are in TokenFiles, which the
// parent writes again when the control plane renews them.
type job struct {
	Lease      agentproto.Lease  `json:"lease"`
	TokenFiles map[string]string `json:"token_files"` // by the repository's name
	StateDir   string            `json:"state_dir"`
	AllowRoots []string          `json:"allow_roots"`
	PHP        string            `json:"php,omitempty"`
	Patience   int               `json:"patience,omitempty"` // seconds that a restore outlasts a vault that is away; 0 is the default
	// Orders are how the work is to hold back for the host, until others come.
	Orders throttle.Orders `json:"orders"`
	// Mend names a site whose unfinished restores are to be brought to their
	// end; then there is no lease.
	Mend string `json:"mend,omitempty"`

	gate *throttle.Gate // of the working process alone
}

// stopLine, written after the job, asks the child to end soon. So does the end
// of its standard input: then the parent is dead.
const stopLine = "stop\n"

// ordersLine begins a line with new orders, as JSON.
const ordersLine = "orders "

// line is one line of a child's standard output.
type line struct {
	Started  bool                 `json:"started,omitempty"` // the site's lock is held and the work begins
	Progress *agentproto.Progress `json:"progress,omitempty"`
	Result   *Result              `json:"result,omitempty"`
}

// maxLineBytes bounds one line between parent and child.
const maxLineBytes = 64 << 20

// lockWait is how long a child waits for an older child of the same site to go.
const lockWait = 20 * time.Second

// restoreLockWait is how long a restore waits: the one before may be on its way
// back to the old state.
const restoreLockWait = restoreStopGrace

// localLockWait is how long a person's own command waits.
const localLockWait = 3 * time.Second

// lingerAfterStop is how long a child whose parent is gone may tidy up. A
// restore that does not get to its end in it is recovered at the next start.
const lingerAfterStop = 5 * time.Second

// progressEvery is how often a child tells its progress.
const progressEvery = 500 * time.Millisecond

// Worker is the working child: one job from in, lines to out. It holds the
// site's lock while it works. The error is for a job it could not even read;
// every other fate is a Result on out.
func Worker(ctx context.Context, in io.Reader, out io.Writer, clk clock.Clock, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := bufio.NewReaderSize(in, 64<<10)
	b, err := readLine(r)
	if err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	var j job
	if err := json.Unmarshal(b, &j); err != nil {
		return errs.New(errs.Invalid, "the job on standard input is not one: this command is for the agent's own use")
	}
	ended, end := context.WithCancel(context.WithoutCancel(ctx)) // with the work, not when that is to stop
	defer end()
	j.gate = throttle.NewGate(throttle.SystemTimer{})
	j.gate.Obey(j.Orders)
	go func() {
		if !heedParent(r, j.gate) {
			log.Warn("the agent is gone; this run ends")
			cancel()
			_ = pause(ended, lingerAfterStop)
			if ended.Err() == nil {
				os.Exit(1) // nobody is left to read the result
			}
		}
		cancel()
	}()
	w := &lineWriter{enc: json.NewEncoder(out)}
	result := j.run(ctx, w, clk, log)
	return w.write(line{Result: &result})
}

// heedParent takes the orders that the agent sends, until it says stop. It is
// false when the agent is gone.
func heedParent(r *bufio.Reader, gate *throttle.Gate) bool {
	for {
		b, err := readLine(r)
		if err != nil {
			return false
		}
		said := string(b)
		if said == stopLine {
			return true
		}
		body, ok := strings.CutPrefix(said, ordersLine)
		var o throttle.Orders
		if !ok || json.Unmarshal([]byte(body), &o) != nil {
			return false
		}
		gate.Obey(o)
	}
}

// readLine reads one line of bounded length.
func readLine(r *bufio.Reader) ([]byte, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		b = append(b, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return b, err
		}
		if len(b) > maxLineBytes {
			return nil, errors.New("the line is too long")
		}
	}
}

// lineWriter writes whole lines from several goroutines.
type lineWriter struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (w *lineWriter) write(l line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.enc.Encode(l)
}

// secrets are what must be in no text that leaves this process.
func (j job) secrets() []string {
	var all []string
	for _, r := range repositoriesOf(j.Lease) {
		all = append(all, r.Password, r.Token)
	}
	return all
}

// run does the job, from the lock to the result.
func (j job) run(ctx context.Context, w *lineWriter, clk clock.Clock, log *slog.Logger) Result {
	if j.Mend != "" {
		return j.mendOnly(ctx, w, clk, log)
	}
	secrets := j.secrets()
	fail := func(err error) Result {
		log.Error("the run failed", "run", j.Lease.Run, "error", redact(err.Error(), secrets...))
		return resultOf(ctx, agentproto.Copy{}, err, clk.Now(), secrets...)
	}
	if err := checkLease(j.Lease); err != nil {
		return fail(err)
	}
	if j.Lease.Kind == agentproto.KindDiscover {
		if err := w.write(line{Started: true}); err != nil {
			return fail(fmt.Errorf("telling the agent: %w", err))
		}
		t := newTeller(ctx, w)
		defer t.stop()
		return j.discover(ctx, clk, log, t.tell)
	}
	wait := lockWait
	if j.Lease.Restore != nil {
		wait = restoreLockWait
	}
	held, err := holdSite(ctx, j.StateDir, j.Lease.Site.ID, j.Lease.Site.CodeDir, j.Lease.Restore != nil, wait)
	if err != nil {
		return fail(err)
	}
	defer held.release()
	if err := w.write(line{Started: true}); err != nil {
		return fail(fmt.Errorf("telling the agent: %w", err))
	}
	t := newTeller(context.WithoutCancel(ctx), w) // a restore that is stopped tells of its way back
	defer t.stop()
	if err := j.mending(clk, log, t.tell).mend(ctx, j.Lease.Site.ID, placeOf(j.Lease.Site.CodeDir)); err != nil {
		return fail(err)
	}
	if j.Lease.Restore != nil {
		return j.bring(ctx, clk, log, t.tell)
	}
	c, err := Take(ctx, j.work(clk, log, giveWay(ctx, j.gate, t)))
	if err != nil {
		return fail(err)
	}
	return resultOf(ctx, c, nil, clk.Now(), secrets...)
}

func (j job) work(clk clock.Clock, log *slog.Logger, tell func(agentproto.Progress)) Work {
	return Work{
		Kind: j.Lease.Kind, Source: j.Lease.Site.ID, CodeDir: j.Lease.Site.CodeDir, AccountRoot: j.Lease.Site.AccountRoot, Exclusions: j.Lease.Site.Exclusions,
		Roots:    Roots{Dirs: j.AllowRoots},
		Location: j.location(j.Lease.Repository, 0),
		Password: j.Lease.Repository.Password, PHP: j.PHP, Clock: clk, Log: log, Progress: tell,
		Reading: j.Lease.Reading, Files: j.store(j.Lease.Files),
	}
}

// location is a repository behind its vault; retry 0 is the vault's own.
func (j job) location(r agentproto.Repository, retry time.Duration) engine.Location {
	return engine.Location{Door: &vault.Door{URL: r.URL, Name: r.Name, TokenFile: j.TokenFiles[r.Name], Pin: r.Pin, RetryFor: retry, Gate: j.door()}}
}

// door is the gate of what goes to the storage and comes from it.
func (j job) door() vault.Gate {
	if j.gate == nil {
		return nil
	}
	return j.gate
}

// giveWay gives the progress of a backup that stands still while the host is
// busy, and says so. A dump that has begun goes on: its transaction would stay
// open, which costs the database more than the rest of the dump.
func giveWay(ctx context.Context, gate *throttle.Gate, t *teller) func(agentproto.Progress) {
	gate.OnPause(t.remark)
	return func(p agentproto.Progress) {
		t.tell(p)
		gate.Exempt(p.Phase == phaseDumping)
		_ = gate.Hold(ctx) // a run that is stopped ends by its own context
	}
}

// teller passes on the newest progress now and then, whatever the rate at
// which it comes in.
type teller struct {
	mu     sync.Mutex
	newest *agentproto.Progress
	last   agentproto.Progress
	why    string // the work pauses; "" while it goes on
	w      *lineWriter
	cancel context.CancelFunc
	done   chan struct{}
}

func newTeller(ctx context.Context, w *lineWriter) *teller {
	ctx, cancel := context.WithCancel(ctx)
	t := &teller{w: w, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		for pause(ctx, progressEvery) == nil {
			t.flush()
		}
	}()
	return t
}

func (t *teller) tell(p agentproto.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest, t.last = &p, p
}

// remark says why the work pauses, and with "" that it goes on.
func (t *teller) remark(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.why = why
	again := t.last
	t.newest = &again
}

func (t *teller) flush() {
	t.mu.Lock()
	p := t.newest
	t.newest = nil
	if p != nil && t.why != "" {
		said := *p
		said.Detail = clip(agentproto.Paused+"the host is busy ("+t.why+").", maxDetailBytes)
		p = &said
	}
	t.mu.Unlock()
	if p != nil {
		_ = t.w.write(line{Progress: p}) // a parent that is gone shows on standard input
	}
}

func (t *teller) stop() {
	t.cancel()
	<-t.done
	t.flush()
}
