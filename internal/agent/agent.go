package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// Options are what an Agent needs beside its configuration.
type Options struct {
	Config   Config
	StateDir string      // private to this agent: its lock, the sites' locks, results not yet answered for
	Engine   []string    // the command of a working child: this binary and "engine"
	Clock    clock.Clock // nil is the system's
	Log      *slog.Logger
	// BackoffMin and BackoffMax bound the pause after a failed request; zero
	// means 1 s and 30 s.
	BackoffMin, BackoffMax time.Duration
	// Gauge reads how busy the host is; nil is the system's.
	Gauge throttle.Gauge
	// CgroupDir is where the host keeps its control groups; "" is the system's.
	CgroupDir string
}

// Paces that the control plane may leave out.
const (
	defaultHeartbeat = 10 * time.Second
	defaultPollWait  = 25 * time.Second
	requestTimeout   = 30 * time.Second
	farewell         = 10 * time.Second // for the last reports when the agent stops
)

// Agent is one life of the agent process.
type Agent struct {
	opt      Options
	client   *client
	spool    *spool
	log      *slog.Logger
	instance string

	epoch     int64
	heartbeat time.Duration
	pollWait  time.Duration

	limits  *limiter
	mu      sync.Mutex
	working map[string]*child // by run
	owed    map[string]agentproto.CompleteRequest
	wake    chan struct{} // a result waits to be sent
	reports sync.WaitGroup
}

// New checks the options and makes an agent that has not dialled yet.
func New(opt Options) (*Agent, error) {
	if err := opt.Config.Validate(); err != nil {
		return nil, err
	}
	if opt.Clock == nil {
		opt.Clock = clock.System{}
	}
	if opt.BackoffMin == 0 {
		opt.BackoffMin = time.Second
	}
	if opt.BackoffMax == 0 {
		opt.BackoffMax = 30 * time.Second
	}
	if len(opt.Engine) == 0 || opt.StateDir == "" || opt.Log == nil {
		return nil, errs.New(errs.Invalid, "an agent needs a state directory, an engine command and a log")
	}
	return &Agent{
		opt: opt, log: opt.Log, instance: uuid.NewString(),
		client:  newClient(opt.Config.Server, opt.Config.Pin, opt.Config.Credential),
		working: map[string]*child{}, owed: map[string]agentproto.CompleteRequest{}, wake: make(chan struct{}, 1),
	}, nil
}

// Run works until ctx ends (then it stops its children, reports them stopped
// and gives nil) or until the control plane will not have this instance any
// more: the error then says what a person must do.
func (a *Agent) Run(ctx context.Context) error {
	if err := os.MkdirAll(a.opt.StateDir, 0o700); err != nil {
		return errs.Wrap(errs.Invalid, err, "Cannot make the state directory %s.", a.opt.StateDir)
	}
	alone, err := lockFile(ctx, filepath.Join(a.opt.StateDir, "agent.lock"), 5*time.Second)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "Another holdfast-agent runs on %s; stop it first.", a.opt.StateDir)
	}
	if err != nil {
		return err
	}
	defer alone.release()
	a.limits = newLimiter(a.opt, a.instance)
	// The tokens of a life that was cut short.
	if err := os.RemoveAll(filepath.Join(a.opt.StateDir, "runs")); err != nil {
		return fmt.Errorf("clearing the runs of the last life: %w", err)
	}
	if a.spool, err = openSpool(a.opt.StateDir, a.log); err != nil {
		return err
	}
	if err := a.recall(); err != nil {
		return err
	}
	// Before anyone hears of this life: a site may be closed since the last one.
	a.mendAll(ctx)
	if err := a.hello(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return a.work(ctx)
}

// recall takes up the results that an earlier life of this agent still owes.
func (a *Agent) recall() error {
	left, err := a.spool.all()
	if err != nil {
		return err
	}
	for _, c := range left {
		a.owed[c.Run] = c
	}
	if len(left) > 0 {
		a.log.Info("results of an earlier life wait to be reported", "results", len(left))
	}
	return nil
}

// hello begins this life, waiting for the control plane as long as it takes.
func (a *Agent) hello(ctx context.Context) error {
	host, _ := os.Hostname()
	wait := newBackoff(a.opt.BackoffMin, a.opt.BackoffMax)
	for {
		var answer agentproto.HelloAnswer
		err := a.client.post(ctx, requestTimeout, agentproto.PathHello, agentproto.HelloRequest{
			Instance: a.instance, AgentVersion: Build, Hostname: host, OS: runtime.GOOS, Arch: runtime.GOARCH,
			Now: a.opt.Clock.Now().Format(time.RFC3339Nano), AllowRoots: a.opt.Config.AllowRoots,
		}, &answer)
		if err == nil {
			a.epoch = answer.Epoch
			a.heartbeat = pace(answer.HeartbeatSeconds, defaultHeartbeat)
			a.pollWait = pace(answer.PollWaitSeconds, defaultPollWait)
			a.log.Info("connected", "server", a.opt.Config.Server, "epoch", a.epoch, "host", a.opt.Config.HostName)
			return nil
		}
		if fatal := a.fatal(err); fatal != nil {
			return fatal
		}
		a.log.Warn("the control plane cannot be reached; trying again", "error", err)
		if err := wait.pause(ctx); err != nil {
			return err
		}
	}
}

func pace(seconds int, otherwise time.Duration) time.Duration {
	if seconds < 1 || seconds > 600 {
		return otherwise
	}
	return time.Duration(seconds) * time.Second
}

// work runs the loops until ctx ends or one of them meets a fatal answer.
func (a *Agent) work(ctx context.Context) error {
	_, _ = a.sendOwed(ctx) // before the first poll; what is still owed is sent again later
	loops, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, loop := range []func(context.Context) error{a.pollLoop, a.heartbeatLoop, a.reportLoop, a.mendLoop, a.limitLoop} {
		wg.Go(func() {
			if err := loop(loops); err != nil {
				cancel(err)
			}
		})
	}
	<-loops.Done()
	wg.Wait()
	cause := context.Cause(loops)
	if errors.Is(cause, context.Canceled) || ctx.Err() != nil {
		cause = nil
	}
	a.shutDown(ctx, cause)
	return cause
}

// shutDown stops every child, waits for it, and reports what can be reported.
// What cannot stays in the spool for the next life.
func (a *Agent) shutDown(ctx context.Context, cause error) {
	a.mu.Lock()
	for _, c := range a.working {
		c.stop()
	}
	n := len(a.working)
	a.mu.Unlock()
	if n > 0 {
		a.log.Info("stopping; the running work ends", "runs", n)
	}
	a.reports.Wait()
	if cause != nil {
		return // nobody would take them from this instance
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_, _ = a.sendOwed(ctx) // what is still owed is sent again later
	a.log.Info("stopped")
}

// fatal gives the error that ends this agent, or nil if trying again may help.
func (a *Agent) fatal(err error) error {
	switch statusOf(err) {
	case http.StatusUnauthorized:
		return errs.Wrap(errs.Unsigned, err, "The control plane does not know this agent's credential any more (revoked, or the host was removed). Enrol this host again: holdfast-agent enrol --server %s --token TOKEN.", a.opt.Config.Server)
	case http.StatusConflict:
		return errs.Wrap(errs.Stale, err, "Another agent took over this host: it was started with the same credential. This one stops; see to it that only one runs.")
	case http.StatusUpgradeRequired:
		return errs.Wrap(errs.Unsupported, err, "The control plane does not speak this agent's protocol (%d). Install the agent of the control plane's release.", agentproto.Version)
	}
	return nil
}

// backoff doubles its pauses from min to max, each cut by a random part so
// that a thousand agents do not come back at once.
type backoff struct{ min, max, next time.Duration }

func newBackoff(lo, hi time.Duration) *backoff { return &backoff{min: lo, max: hi, next: lo} }

func (b *backoff) reset() { b.next = b.min }

func (b *backoff) pause(ctx context.Context) error {
	d := b.next/2 + rand.N(b.next/2+1) //nolint:gosec // spread, not secrecy
	b.next = min(b.next*2, b.max)
	return pause(ctx, d)
}
