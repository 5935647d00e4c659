package worker

import (
	"context"

	"github.com/riverqueue/river"

	"holdfast/internal/app"
	"holdfast/internal/job"
)

type moveRestore struct {
	river.WorkerDefaults[job.MoveRestore]
	app *app.App
}

func (w moveRestore) Work(ctx context.Context, j *river.Job[job.MoveRestore]) error {
	return w.app.MoveRestore(ctx, j.Args.Restore)
}
