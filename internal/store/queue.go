package store

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Queue is what River holds: how many jobs in each state, and the newest of
// one state, or of all.
type Queue struct {
	Counts map[string]int64
	Jobs   []*rivertype.JobRow
}

// LookAtQueue lists River's jobs, the newest first: those made before the job
// with this id, 0 for the newest of all. State "" means every one.
func (tx *Tx) LookAtQueue(ctx context.Context, state string, before int64, size int) (Queue, error) {
	q := Queue{Counts: map[string]int64{}}
	rows, err := tx.tx.Query(ctx, "SELECT state::text, count(*) FROM river.river_job GROUP BY 1")
	if err != nil {
		return q, fmt.Errorf("count jobs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		var n int64
		if err := rows.Scan(&s, &n); err != nil {
			return q, err
		}
		q.Counts[s] = n
	}
	if err := rows.Err(); err != nil {
		return q, err
	}
	p := river.NewJobListParams().First(size).OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	if state != "" {
		p = p.States(rivertype.JobState(state))
	}
	if before > 0 {
		p = p.Where("id < @before", river.NamedArgs{"before": before})
	}
	res, err := tx.river.JobListTx(ctx, tx.tx, p)
	if err != nil {
		return q, fmt.Errorf("list jobs: %w", err)
	}
	q.Jobs = res.Jobs
	return q, nil
}

// ErrNoJob is that there is no such job, or none any more.
var ErrNoJob = rivertype.ErrNotFound

// Job gives one of River's jobs, or ErrNoJob.
func (tx *Tx) Job(ctx context.Context, of int64) (*rivertype.JobRow, error) {
	return tx.river.JobGetTx(ctx, tx.tx, of)
}

// RetryJob makes a job due now, with a try more than it had.
func (tx *Tx) RetryJob(ctx context.Context, of int64) (*rivertype.JobRow, error) {
	return tx.river.JobRetryTx(ctx, tx.tx, of)
}

// CancelJob stops a job for good.
func (tx *Tx) CancelJob(ctx context.Context, of int64) (*rivertype.JobRow, error) {
	return tx.river.JobCancelTx(ctx, tx.tx, of)
}
