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
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// job is what the parent writes to a working child's standard input: one JSON
// line. It carries the repository's password, and so goes by a pipe and never
// by arguments or environment. The storage token is in TokenFile, which the
// parent writes again when the control plane renews it.
type job struct {
	Lease      agentproto.Lease `json:"lease"`
	TokenFile  string           `json:"token_file"`
	StateDir   string           `json:"state_dir"`
	AllowRoots []string         `json:"allow_roots"`
	PHP        string           `json:"php,omitempty"`
}

// stopLine, written after the job, asks the child to end soon. So does the end
// of its standard input: then the parent is dead.
const stopLine = "stop\n"

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

// lingerAfterStop is how long a child whose parent is gone may tidy up.
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
	go func() {
		if stop, err := r.ReadString('\n'); err != nil || stop != stopLine {
			log.Warn("the agent is gone; this backup ends")
			cancel()
			_ = pause(context.WithoutCancel(ctx), lingerAfterStop)
			os.Exit(1) // nobody is left to read the result
		}
		cancel()
	}()
	w := &lineWriter{enc: json.NewEncoder(out)}
	result := j.run(ctx, w, clk, log)
	return w.write(line{Result: &result})
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

// run does the job, from the lock to the result.
func (j job) run(ctx context.Context, w *lineWriter, clk clock.Clock, log *slog.Logger) Result {
	secrets := []string{j.Lease.Repository.Password, j.Lease.Repository.Token}
	fail := func(err error) Result {
		log.Error("the backup failed", "run", j.Lease.Run, "error", redact(err.Error(), secrets...))
		return resultOf(ctx, agentproto.Copy{}, err, clk.Now(), secrets...)
	}
	if err := checkLease(j.Lease); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(filepath.Join(j.StateDir, "locks"), 0o700); err != nil {
		return fail(fmt.Errorf("making the folder of locks: %w", err))
	}
	held, err := lockFile(ctx, siteLockPath(j.StateDir, j.Lease.Site.ID), lockWait)
	if errs.Is(err, errs.Conflict) {
		return fail(&codedError{code: CodeSiteBusy, err: errs.Wrap(errs.Conflict, err, "Another process of this host works on the site.")})
	}
	if err != nil {
		return fail(err)
	}
	defer held.release()
	if err := w.write(line{Started: true}); err != nil {
		return fail(fmt.Errorf("telling the agent: %w", err))
	}
	t := newTeller(ctx, w)
	defer t.stop()
	c, err := Take(ctx, j.work(clk, log, t.tell))
	if err != nil {
		return fail(err)
	}
	return resultOf(ctx, c, nil, clk.Now(), secrets...)
}

func (j job) work(clk clock.Clock, log *slog.Logger, tell func(agentproto.Progress)) Work {
	repo := j.Lease.Repository
	return Work{
		Kind: j.Lease.Kind, Source: j.Lease.Site.ID, CodeDir: j.Lease.Site.CodeDir, AccountRoot: j.Lease.Site.AccountRoot,
		Roots:    Roots{Dirs: j.AllowRoots},
		Location: engine.Location{Door: &vault.Door{URL: repo.URL, Name: repo.Name, TokenFile: j.TokenFile, Pin: repo.Pin}},
		Password: repo.Password, PHP: j.PHP, Clock: clk, Log: log, Progress: tell,
	}
}

// checkLease refuses what no sound control plane sends; its identifiers become
// file names here.
func checkLease(l agentproto.Lease) error {
	var bad string
	switch {
	case !safeID.MatchString(l.Run):
		bad = "the run's id"
	case !safeID.MatchString(l.Site.ID):
		bad = "the site's id"
	case l.Kind != agentproto.KindDatabase && l.Kind != agentproto.KindData:
		bad = "the kind"
	case !filepath.IsAbs(l.Site.CodeDir), l.Site.AccountRoot != "" && !filepath.IsAbs(l.Site.AccountRoot):
		bad = "a folder"
	case l.Repository.Name == "" || l.Repository.Password == "" || l.Repository.URL == "":
		bad = "the repository"
	default:
		return nil
	}
	return &codedError{code: CodeBadLease, err: errs.New(errs.Invalid, "The lease is not one that this agent understands: %s is wrong.", bad)}
}

// teller passes on the newest progress now and then, whatever the rate at
// which it comes in.
type teller struct {
	mu     sync.Mutex
	newest *agentproto.Progress
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
	t.newest = &p
}

func (t *teller) flush() {
	t.mu.Lock()
	p := t.newest
	t.newest = nil
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
