package app

import (
	"context"
	"slices"
	"time"

	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
)

// Job is one of River's jobs, without its args.
type Job struct {
	ID          int64
	Kind, Queue string
	State       string // available, running, retryable, scheduled, completed, cancelled, discarded, pending
	Attempt     int
	MaxAttempts int
	Priority    int
	ScheduledAt time.Time
	CreatedAt   time.Time
	FinishedAt  *time.Time
	LastError   string
}

// QueueView is the queue page: counts by state, and the newest jobs.
type QueueView struct {
	Counts map[string]int64
	Jobs   []Job
}

// JobStates are the states that ListJobs can be asked for.
func JobStates() []string {
	out := make([]string, 0, 8)
	for _, s := range rivertype.JobStates() {
		out = append(out, string(s))
	}
	return out
}

// ListJobs gives River's newest jobs of a state, "" for all.
func (a *App) ListJobs(ctx context.Context, who authz.Actor, state string) (QueueView, error) {
	v := QueueView{}
	if state != "" && !slices.Contains(JobStates(), state) {
		return v, errs.Field("state", "%q is not a state of a job", state)
	}
	err := a.do(ctx, who, authz.ViewQueue, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		q, err := tx.LookAtQueue(ctx, state, 100)
		if err != nil {
			return err
		}
		v = QueueView{Counts: q.Counts}
		for _, j := range q.Jobs {
			row := Job{
				ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: string(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
				Priority: j.Priority, ScheduledAt: j.ScheduledAt, CreatedAt: j.CreatedAt, FinishedAt: j.FinalizedAt,
			}
			if n := len(j.Errors); n > 0 {
				row.LastError = clip(j.Errors[n-1].Error, 300)
			}
			v.Jobs = append(v.Jobs, row)
		}
		return nil
	})
	return v, err
}

// Ping tells whether the database answers.
func (a *App) Ping(ctx context.Context) error { return a.store.Ping(ctx) }
