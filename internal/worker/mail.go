package worker

import (
	"context"

	"github.com/riverqueue/river"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/job"
)

type sendMail struct {
	river.WorkerDefaults[job.SendMail]
	app *app.App
}

// Work sends a mail. What the mail server refuses for good is not tried again.
func (w sendMail) Work(ctx context.Context, j *river.Job[job.SendMail]) error {
	err := w.app.SendMail(ctx, j.Args.Mail)
	if errs.Is(err, errs.Invalid) {
		return river.JobCancel(err)
	}
	return err
}
