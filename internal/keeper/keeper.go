// Package keeper is the one process of a destination that may create, verify,
// seal, prune and maintain: it holds the destination's lock in the database,
// takes its tasks, and does each in a child process with a memory limit. It
// decides nothing of what is kept.
package keeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
)

// Options say how the keeper works.
type Options struct {
	URL         string   // of the database, for the locks
	Child       []string // the command that runs Child; its own binary
	SpoolDir    string   // for sealed files on their way to S3 or SFTP
	MemoryLimit string   // GOMEMLIMIT of a child; "" means 300MiB
	LookEvery   time.Duration
	Logger      *slog.Logger
}

// Keeper keeps every destination that no other process keeps.
type Keeper struct {
	app  *app.App
	o    Options
	mu   sync.Mutex
	wake map[string]chan struct{} // by destination
	look chan struct{}            // a destination may be new
}

// New makes a keeper.
func New(a *app.App, o Options) *Keeper {
	if o.MemoryLimit == "" {
		o.MemoryLimit = "300MiB"
	}
	if o.LookEvery == 0 {
		o.LookEvery = 10 * time.Second
	}
	return &Keeper{app: a, o: o, wake: map[string]chan struct{}{}, look: make(chan struct{}, 1)}
}

// Wake tells the keeper that a destination has a task; "" means any.
func (k *Keeper) Wake(destination string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.wake[destination]; !known {
		select {
		case k.look <- struct{}{}:
		default:
		}
	}
	for d, ch := range k.wake {
		if destination == "" || d == destination {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
}

// Run keeps until ctx ends, and returns when the last child has.
func (k *Keeper) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	kept := map[id.Destination]bool{}
	for ctx.Err() == nil {
		list, err := k.app.Destinations(ctx)
		if err != nil && ctx.Err() == nil {
			k.o.Logger.Error("the keeper cannot list the destinations", "error", err)
		}
		for _, d := range list {
			if kept[d.ID] {
				continue
			}
			kept[d.ID] = true
			wake := make(chan struct{}, 1)
			k.mu.Lock()
			k.wake[d.ID.String()] = wake
			k.mu.Unlock()
			all.Go(func() { k.keep(ctx, d, wake) })
		}
		pause(ctx, k.look, k.o.LookEvery)
	}
}

// keep holds one destination's lock, or waits for it, until ctx ends.
func (k *Keeper) keep(ctx context.Context, d app.Destination, wake chan struct{}) {
	log := k.o.Logger.With("destination", d.Name)
	for ctx.Err() == nil {
		lock, held, err := store.TryLock(ctx, k.o.URL, "keeper/"+d.ID.String())
		if err != nil || lock == nil {
			if err != nil && ctx.Err() == nil {
				log.Warn("the keeper cannot ask for its lock", "error", err)
			}
			pause(ctx, nil, k.o.LookEvery/2)
			continue
		}
		if err := k.app.ReclaimTasks(held, d.ID); err == nil {
			k.hold(held, d, wake, log)
		}
		lock.Release(ctx)
	}
}

// hold works and samples while the lock is held, and returns when both ended.
func (k *Keeper) hold(ctx context.Context, d app.Destination, wake chan struct{}, log *slog.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	var sampling sync.WaitGroup
	sampling.Go(func() { k.sample(ctx, d, log) })
	k.work(ctx, d, wake, log)
	cancel()
	sampling.Wait()
}

func (k *Keeper) work(ctx context.Context, d app.Destination, wake chan struct{}, log *slog.Logger) {
	for ctx.Err() == nil {
		t, ok, err := k.app.TakeTask(ctx, d.ID)
		if err != nil {
			if ctx.Err() == nil {
				log.Error("the keeper cannot take a task", "error", err)
				pause(ctx, nil, time.Second)
			}
			return // take the lock anew, and with it what was begun
		}
		if !ok {
			pause(ctx, wake, k.o.LookEvery)
			continue
		}
		o := k.do(ctx, d, t)
		if ctx.Err() != nil {
			return // the next keeper reclaims the task
		}
		if o.Err != nil {
			log.Warn("a task of the keeper failed", "task", t.Row.Kind, "repository", t.Repository, "attempt", t.Row.Attempt, "error", o.Err)
		} else {
			log.Info("a task of the keeper is done", "task", t.Row.Kind, "repository", t.Repository, "damage", o.Damage)
		}
		if err := k.app.FinishTask(ctx, t, o); err != nil && ctx.Err() == nil {
			log.Error("the keeper cannot record a task's end", "task", t.Row.ID, "error", err)
			pause(ctx, nil, time.Second)
			// Tried again later, behind the others; else the next holder of the lock reclaims it.
			if err := k.app.FinishTask(ctx, t, app.TaskOutcome{Err: err}); err != nil {
				return
			}
		}
	}
}

func pause(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-t.C:
	}
}

// do runs one task in a child process, which ends with this one or with ctx.
func (k *Keeper) do(ctx context.Context, d app.Destination, t app.Task) app.TaskOutcome {
	job := Job{
		Task: string(t.Row.Kind), Backend: d.Backend, Repository: t.Repository, Kind: string(t.Kind), Password: t.Password,
		Site: t.Row.SiteID.String(), Copy: t.Row.CopyID.String(), Snapshot: t.Snapshot, SHA256: t.SHA256, SealedName: t.SealedName, Known: t.Known, SealKey: t.SealKey,
		SpoolDir: k.o.SpoolDir, Beside: t.Beside, Second: t.Second, Pairs: t.Pairs,
		Percent: t.Row.Percent, Kept: t.Kept, Frail: t.Frail, Prove: t.Prove,
		Leaving: t.Leaving, Strays: t.Strays,
	}
	in, err := json.Marshal(job)
	if err != nil {
		return app.TaskOutcome{Err: err}
	}
	cmd := exec.CommandContext(ctx, k.o.Child[0], k.o.Child[1:]...) //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+k.o.MemoryLimit)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	cmd.WaitDelay = 5 * time.Second
	out, complaints := limited{most: maxAnswer}, limited{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = &out, &complaints
	// The pipe stays open while we live: its end tells the child to stop.
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return app.TaskOutcome{Err: fmt.Errorf("start the keeper's child: %w", err)}
	}
	_, werr := stdin.Write(append(in, '\n'))
	err = cmd.Wait()
	_ = stdin.Close()
	var r Result
	if jerr := json.Unmarshal(bytes.TrimSpace(out.b), &r); jerr != nil {
		return app.TaskOutcome{Err: fmt.Errorf("the keeper's child ended without a result: %w: %s", errors.Join(err, werr), complaints.b)}
	}
	o := app.TaskOutcome{
		Damage: r.Damage, SealedName: r.SealedName, SealedSHA256: r.SealedSHA256, RepositoryBytes: r.RepositoryBytes, Pairs: r.Pairs,
		Proven: r.Proven, Found: r.Found, Repaired: r.Repaired, Strays: r.Strays,
	}
	if m := r.Maintained; m != nil {
		o.BytesBefore, o.PendingBytes = m.BytesBefore, m.PendingBytes
	}
	if r.Error != "" {
		o.Err = errs.New(errs.Kind(r.ErrorKind), "%s", r.Error)
	}
	return o
}

// maxAnswer is the longest answer of a child: what is missing of many pairs,
// by course and area.
const maxAnswer = 8 << 20

// limited keeps the first bytes of what a child says.
type limited struct {
	b    []byte
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - len(l.b); room > 0 {
		l.b = append(l.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

var _ io.Writer = (*limited)(nil)
