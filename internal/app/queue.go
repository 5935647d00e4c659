package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
)

// Job is one of River's jobs, without its args but what they name.
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
	LastError   string // what the last try said; "" where none failed
	FailedAt    time.Time
	Run         string // the run, host or policy that it is about; "" for none
	Host        string
	Policy      string
}

// QueueQuery says which jobs are looked for.
type QueueQuery struct {
	State  string // "" for all
	Before int64  // a job's id: those made before it; 0 for the newest
	Size   int    // 0 means 50; 200 at most
}

// QueueView is the queue page: counts by state, and a page of jobs.
type QueueView struct {
	Counts map[string]int64
	Jobs   []Job
	Next   int64 // Before of the next page, 0 at the end
}

const (
	queueSize    = 50
	maxQueueSize = 200
)

// JobStates are the states that ListJobs can be asked for.
func JobStates() []string {
	out := make([]string, 0, 8)
	for _, s := range rivertype.JobStates() {
		out = append(out, string(s))
	}
	return out
}

// ListJobs gives a page of River's jobs, the newest first.
func (a *App) ListJobs(ctx context.Context, who authz.Actor, ask QueueQuery) (QueueView, error) {
	v := QueueView{}
	if ask.Size == 0 {
		ask.Size = queueSize
	}
	switch {
	case ask.State != "" && !slices.Contains(JobStates(), ask.State):
		return v, errs.Field("state", "%q is not a state of a job", clip(ask.State, 40))
	case ask.Before < 0:
		return v, errs.Field("before", "is not a place in this list; begin at the newest")
	case ask.Size < 1 || ask.Size > maxQueueSize:
		return v, errs.Field("size", "%d must be from 1 to %d", ask.Size, maxQueueSize)
	}
	err := a.do(ctx, who, authz.ViewQueue, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		q, err := tx.LookAtQueue(ctx, ask.State, ask.Before, ask.Size+1)
		if err != nil {
			return err
		}
		v = QueueView{Counts: q.Counts}
		for _, j := range q.Jobs {
			v.Jobs = append(v.Jobs, jobOf(j))
		}
		if len(v.Jobs) > ask.Size {
			v.Jobs = v.Jobs[:ask.Size]
			v.Next = v.Jobs[ask.Size-1].ID
		}
		return nil
	})
	return v, err
}

func jobOf(j *rivertype.JobRow) Job {
	row := Job{
		ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: string(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
		Priority: j.Priority, ScheduledAt: j.ScheduledAt, CreatedAt: j.CreatedAt, FinishedAt: j.FinalizedAt,
	}
	if n := len(j.Errors); n > 0 {
		row.LastError, row.FailedAt = clip(j.Errors[n-1].Error, 300), j.Errors[n-1].At
	}
	var about struct{ Run, Host, Policy string }
	if json.Unmarshal(j.EncodedArgs, &about) == nil {
		row.Run, row.Host, row.Policy = about.Run, about.Host, about.Policy
	}
	return row
}

// Which jobs a person may have tried at once, and which they may cancel.
var (
	retryable   = []string{"retryable", "scheduled", "discarded", "cancelled"}
	cancellable = []string{"available", "pending", "scheduled", "retryable"}
)

// MayRetry tells whether a job in this state can be tried at once.
func (j Job) MayRetry() bool { return slices.Contains(retryable, j.State) }

// MayCancel tells whether a job in this state can be cancelled: one that
// begins to work is done within half a minute.
func (j Job) MayCancel() bool { return slices.Contains(cancellable, j.State) }

// RetryJob has a job tried at once.
func (a *App) RetryJob(ctx context.Context, who authz.Actor, of int64) (Job, error) {
	return a.moveJob(ctx, who, of, "job.retried", Job.MayRetry, (*store.Tx).RetryJob)
}

// CancelJob keeps a job from being done.
func (a *App) CancelJob(ctx context.Context, who authz.Actor, of int64) (Job, error) {
	return a.moveJob(ctx, who, of, "job.cancelled", Job.MayCancel, (*store.Tx).CancelJob)
}

func (a *App) moveJob(ctx context.Context, who authz.Actor, of int64, verb string, may func(Job) bool, move func(*store.Tx, context.Context, int64) (*rivertype.JobRow, error)) (Job, error) {
	var j Job
	err := a.do(ctx, who, authz.ManageQueue, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.Job(ctx, of)
		if errors.Is(err, store.ErrNoJob) {
			return errs.Wrap(errs.NotFound, err, "There is no such job any more: what is done is removed after a while.")
		}
		if err != nil {
			return err
		}
		if j = jobOf(row); !may(j) {
			return errs.New(errs.Conflict, "The job is %s by now, so nothing was changed.", j.State)
		}
		was := j.State
		if row, err = move(tx, ctx, of); err != nil {
			return err
		}
		j = jobOf(row)
		return tx.Event(ctx, verb, store.Subject{Kind: "job"}, map[string]any{"job": of, "task": j.Kind, "was": was})
	})
	return j, err
}

// Ping tells whether the database answers.
func (a *App) Ping(ctx context.Context) error { return a.store.Ping(ctx) }
