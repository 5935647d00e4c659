package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/riverqueue/river"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the planner: the memory of a tick is one page of keys, and a
// crash or a lost connection costs the batches that are open.
const (
	planPage    = 50_000 // keys that a tick holds at once
	planBatch   = 2_000  // runs in one transaction
	planWorkers = 2      // batches at once
)

// Planned is what a tick of the planner did.
type Planned struct {
	Runs    int
	Jobs    int // one per host and batch
	Batches int
}

func (p *Planned) add(o Planned) {
	p.Runs, p.Jobs, p.Batches = p.Runs+o.Runs, p.Jobs+o.Jobs, p.Batches+o.Batches
}

// Plan makes a run for every schedule that is due, and a job that dispatches
// the runs of each host. It begins no batch later than d after its start: what
// is left stays due for the next tick. Any number of processes may do it at
// once: a row is planned by whoever locks it, and the database refuses a second
// open run. A batch that fails leaves its rows due too.
//
// The transactions commit synchronously: a tick of 100,000 sites commits some
// fifty times, so that there is nothing to gain.
func (a *App) Plan(ctx context.Context, d time.Duration) (Planned, error) {
	var done Planned
	soft, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := a.reopen(ctx, soft); err != nil {
		return done, err
	}
	for soft.Err() == nil {
		var keys []dbq.DueStartsRow
		err := a.system(ctx, "planner", func(ctx context.Context, tx *store.Tx) (err error) {
			keys, err = tx.DueStarts(ctx, dbq.DueStartsParams{Now: tx.Now, PageSize: planPage})
			return err
		})
		if err != nil {
			return done, err
		}
		now, err := a.planPage(ctx, soft, keys)
		done.add(now)
		if err != nil || len(keys) < planPage || now.Runs == 0 {
			return done, err
		}
	}
	return done, ctx.Err()
}

// planPage plans the keys in batches, planWorkers at once, and begins none
// after soft has ended. A batch that fails stops no other.
func (a *App) planPage(ctx, soft context.Context, keys []dbq.DueStartsRow) (Planned, error) {
	batches := make(chan []dbq.DueStartsRow)
	var done [planWorkers]Planned
	var failed [planWorkers]error
	var wg sync.WaitGroup
	for w := range planWorkers {
		wg.Go(func() {
			for batch := range batches {
				p, err := a.planBatch(ctx, batch)
				done[w].add(p)
				failed[w] = errors.Join(failed[w], err)
			}
		})
	}
	for len(keys) > 0 && soft.Err() == nil {
		n := min(planBatch, len(keys))
		select {
		case batches <- keys[:n]:
			keys = keys[n:]
		case <-soft.Done():
		}
	}
	close(batches)
	wg.Wait()
	var sum Planned
	for _, p := range done {
		sum.add(p)
	}
	return sum, errors.Join(failed[:]...)
}

// planBatch plans the keys that are still due in one transaction.
func (a *App) planBatch(ctx context.Context, keys []dbq.DueStartsRow) (Planned, error) {
	n := len(keys)
	p := dbq.PlanRunsParams{
		Tenants: make([]pgtype.UUID, n), Sites: make([]pgtype.UUID, n), Kinds: make([]string, n), Runs: make([]pgtype.UUID, n), Events: freshUUIDs(n),
		InitialPriority: backup.Initial.Priority(), ScheduledPriority: backup.Scheduled.Priority(), MaxAttempts: backup.MaxAttempts,
	}
	for i, k := range keys {
		p.Tenants[i], p.Sites[i], p.Kinds[i] = store.Optional(k.TenantID.UUID()), store.Optional(k.SiteID.UUID()), string(k.Kind)
		p.Runs[i] = store.Optional(id.New[id.Run]().UUID())
	}
	var done Planned
	err := a.system(ctx, "planner", func(ctx context.Context, tx *store.Tx) error {
		p.Now, p.Actor = tx.Now, tx.Actor()
		hosts, err := tx.PlanRuns(ctx, p)
		if err != nil {
			return err
		}
		done = Planned{Jobs: len(hosts), Batches: 1}
		jobs := make([]river.InsertManyParams, 0, len(hosts))
		for _, h := range hosts {
			done.Runs += int(h.Runs)
			jobs = append(jobs, river.InsertManyParams{Args: job.DispatchHost{Host: h.HostID}})
		}
		return tx.Enqueue(ctx, jobs...)
	})
	if err != nil {
		return Planned{}, err
	}
	return done, nil
}

// freshUUIDs makes n identifiers for events.
func freshUUIDs(n int) []pgtype.UUID {
	out := make([]pgtype.UUID, n)
	for i := range out {
		out[i] = store.Optional(id.New[id.Event]().UUID())
	}
	return out
}
