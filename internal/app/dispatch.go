package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/riverqueue/river"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the dispatch of a host: the runs of one transaction.
const (
	queueBatch      = 2_000
	repositoryBatch = 100 // each costs a password, a row and a task
	stuckHosts      = 1_000
)

// enqueueDispatch inserts the dispatch job of one run.
func enqueueDispatch(ctx context.Context, tx *store.Tx, run id.Run, priority int, at time.Time) error {
	opts := job.DispatchRun{}.InsertOpts()
	opts.Priority = priority
	if at.After(tx.Now) { // a job with a time waits for River's scheduler, which looks every 5 s
		opts.ScheduledAt = at
	}
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.DispatchRun{Run: run}, InsertOpts: &opts})
}

// DispatchRun queues a planned run for its host once its repository is there.
// It is safe to call again at any time.
func (a *App) DispatchRun(ctx context.Context, run id.Run) error {
	return a.system(ctx, "dispatch", func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.RunByID(ctx, run)
		if isNoRows(err) {
			return nil
		}
		if err != nil || r.State != backup.Planned || r.NotBefore.After(tx.Now) {
			return err
		}
		if r.ClosesAt != nil && !r.ClosesAt.After(tx.Now) {
			return nil // the planner puts it off until its site's hours open again
		}
		ready, err := a.ensureRepository(ctx, tx, r)
		if err != nil || !ready {
			return err // when the keeper has made it, the run is dispatched again
		}
		if n, err := tx.QueueRun(ctx, dbq.QueueRunParams{TenantID: r.TenantID, ID: run}); err != nil || n == 0 {
			return err
		}
		if err := tx.Event(ctx, "run.queued", runSubject(r.TenantID, r.SiteID, run), nil); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelRuns, run.String()); err != nil {
			return err
		}
		return tx.Notify(ctx, store.ChannelWork, r.HostID.String())
	})
}

// DispatchHost queues every planned run of a host that is due and whose
// repository is there, and has the keeper make the repositories that are not.
// It goes on where it was stopped; it is safe to call again at any time, also
// at once with itself.
func (a *App) DispatchHost(ctx context.Context, host id.Host) error {
	for n := queueBatch; n == queueBatch; {
		var err error
		if n, err = a.queueBatch(ctx, host); err != nil {
			return err
		}
	}
	for n := repositoryBatch; n == repositoryBatch; {
		var err error
		if n, err = a.repositoryBatch(ctx, host); err != nil {
			return err
		}
	}
	return nil
}

// queueBatch queues up to queueBatch runs of the host and tells how many.
func (a *App) queueBatch(ctx context.Context, host id.Host) (n int, err error) {
	err = a.system(ctx, "dispatch", func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.LockPlannedRuns(ctx, dbq.LockPlannedRunsParams{HostID: host, Now: tx.Now, PageSize: queueBatch})
		n = len(rows)
		if err != nil || n == 0 {
			return err
		}
		p := dbq.QueueRunsParams{
			Now: tx.Now, Actor: tx.Actor(), Events: freshUUIDs(n),
			Tenants: make([]pgtype.UUID, n), Runs: make([]pgtype.UUID, n), Destinations: make([]pgtype.UUID, n),
		}
		for i, r := range rows {
			p.Tenants[i], p.Runs[i] = store.Optional(r.TenantID.UUID()), store.Optional(r.ID.UUID())
			p.Destinations[i] = store.Optional(r.DestinationID.UUID())
		}
		if _, err := tx.QueueRuns(ctx, p); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelRuns, rows[0].ID.String()); err != nil { // whoever shows runs looks at all of them
			return err
		}
		return tx.Notify(ctx, store.ChannelWork, host.String())
	})
	return n, err
}

// repositoryBatch has up to repositoryBatch repositories made. Each run is
// dispatched when the keeper has made its own.
func (a *App) repositoryBatch(ctx context.Context, host id.Host) (n int, err error) {
	err = a.system(ctx, "dispatch", func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.RunsWithoutRepository(ctx, dbq.RunsWithoutRepositoryParams{HostID: host, Now: tx.Now, PageSize: repositoryBatch})
		if err != nil {
			return err
		}
		n = len(rows)
		for _, r := range rows {
			if _, err := a.ensureRepository(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// dispatchStuck is the net under dispatch: planned runs whose job is lost.
func dispatchStuck(ctx context.Context, tx *store.Tx) error {
	hosts, err := tx.StuckHosts(ctx, dbq.StuckHostsParams{NotBefore: tx.Now.Add(-time.Minute), Limit: stuckHosts})
	if err != nil {
		return err
	}
	jobs := make([]river.InsertManyParams, 0, len(hosts))
	for _, h := range hosts {
		jobs = append(jobs, river.InsertManyParams{Args: job.DispatchHost{Host: h}})
	}
	return tx.Enqueue(ctx, jobs...)
}
