// Package worker runs River: each worker is shallow and calls one use case.
// River carries decisions only; no job waits for a host or for storage.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"holdfast/internal/app"
	"holdfast/internal/job"
	"holdfast/internal/store"
)

// JobTimeout is how long any job may run. RescueAfter must be longer: River
// gives a job of a process that died to another only then.
const (
	JobTimeout  = 30 * time.Second
	RescueAfter = 90 * time.Second
)

// The planner's pace. A tick that has more to do than fits into PlanFor leaves
// it to the next one.
const (
	PlanEvery = 15 * time.Second
	PlanFor   = 20 * time.Second
)

// hostWorkers is how many hosts are dispatched at once: each is one large
// statement after another, on connections that agents and pages share.
const hostWorkers = 4

// Conns is the size of River's own pool.
const Conns = 8

type dispatch struct {
	river.WorkerDefaults[job.DispatchRun]
	app *app.App
}

func (w dispatch) Work(ctx context.Context, j *river.Job[job.DispatchRun]) error {
	return w.app.DispatchRun(ctx, j.Args.Run)
}

type dispatchHost struct {
	river.WorkerDefaults[job.DispatchHost]
	app *app.App
}

func (w dispatchHost) Work(ctx context.Context, j *river.Job[job.DispatchHost]) error {
	return w.app.DispatchHost(ctx, j.Args.Host)
}

type plan struct {
	river.WorkerDefaults[job.Plan]
	app *app.App
}

func (w plan) Work(ctx context.Context, _ *river.Job[job.Plan]) error {
	if err := w.app.WatchClock(ctx); err != nil {
		return err
	}
	_, err := w.app.Plan(ctx, PlanFor)
	return err
}

type adopt struct {
	river.WorkerDefaults[job.AdoptPolicy]
	app *app.App
}

func (w adopt) Work(ctx context.Context, j *river.Job[job.AdoptPolicy]) error {
	soft, cancel := context.WithTimeout(ctx, PlanFor)
	defer cancel()
	if more, err := w.app.AdoptPolicy(soft, j.Args.Policy); more {
		return river.JobSnooze(0)
	} else if err != nil {
		return err
	}
	return nil
}

type retain struct {
	river.WorkerDefaults[job.Retain]
	app *app.App
}

func (w retain) Work(ctx context.Context, _ *river.Job[job.Retain]) error {
	soft, cancel := context.WithTimeout(ctx, PlanFor)
	defer cancel()
	for soft.Err() == nil {
		if more, err := w.app.Retention(soft); soft.Err() == nil && (err != nil || !more) {
			return err
		}
	}
	return ctx.Err()
}

type follow struct {
	river.WorkerDefaults[job.FollowCopy]
	app *app.App
}

func (w follow) Work(ctx context.Context, j *river.Job[job.FollowCopy]) error {
	return w.app.FollowCopy(ctx, j.Args.Copy)
}

type sweep struct {
	river.WorkerDefaults[job.Sweep]
	app *app.App
}

func (w sweep) Work(ctx context.Context, _ *river.Job[job.Sweep]) error { return w.app.Sweep(ctx) }

// Pool is a running River client with its pool.
type Pool struct {
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
}

// Start connects a pool of River's own to url and starts to work.
func Start(ctx context.Context, url string, a *app.App, log *slog.Logger) (*Pool, error) {
	pool, err := store.NewPool(ctx, url, Conns, store.WorkerRole)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, dispatch{app: a})
	river.AddWorker(workers, dispatchHost{app: a})
	river.AddWorker(workers, moveRestore{app: a})
	river.AddWorker(workers, plan{app: a})
	river.AddWorker(workers, follow{app: a})
	river.AddWorker(workers, adopt{app: a})
	river.AddWorker(workers, retain{app: a})
	river.AddWorker(workers, sweep{app: a})
	river.AddWorker(workers, sendMail{app: a})
	addBilling(workers, a)
	addTickets(workers, a)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: store.RiverSchema, Logger: log, Workers: workers, JobTimeout: JobTimeout, RescueStuckJobsAfter: RescueAfter,
		Queues: map[string]river.QueueConfig{
			job.QueueDispatch: {MaxWorkers: 50}, job.QueueHosts: {MaxWorkers: hostWorkers}, job.QueuePlan: {MaxWorkers: 1}, job.QueueUpkeep: {MaxWorkers: 10}, job.QueueMail: {MaxWorkers: 4}, job.QueueBilling: {MaxWorkers: billingWorkers},
		},
		PeriodicJobs: append(ofTickets(), every(PlanEvery, job.Plan{}), every(30*time.Second, job.Sweep{}), every(30*time.Second, job.Retain{}), every(ReconcileEvery, job.ReconcileBilling{})),
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("river: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		pool.Close()
		return nil, fmt.Errorf("river: %w", err)
	}
	return &Pool{client: client, pool: pool}, nil
}

// every is a job of the leader's: at once, and then at intervals.
func every(d time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(d),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil }, &river.PeriodicJobOpts{RunOnStart: true})
}

// Stop lets running jobs end, until ctx does; jobs are short, so they do.
func (p *Pool) Stop(ctx context.Context) error {
	defer p.pool.Close()
	if err := p.client.Stop(ctx); err != nil {
		return p.client.StopAndCancel(context.WithoutCancel(ctx))
	}
	return nil
}
