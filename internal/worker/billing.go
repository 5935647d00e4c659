package worker

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/job"
)

// The reconciler's pace. A tick that has more to do than fits into
// ReconcileFor leaves it to the next one.
const (
	ReconcileEvery = time.Minute
	ReconcileFor   = 20 * time.Second
)

// billingWorkers is how many calls of the payment provider run at once.
const billingWorkers = 4

type stripeEvent struct {
	river.WorkerDefaults[job.StripeEvent]
	app *app.App
}

func (w stripeEvent) Work(ctx context.Context, j *river.Job[job.StripeEvent]) error {
	return final(w.app.HandleStripeEvent(ctx, j.Args.Event))
}

type endCheckout struct {
	river.WorkerDefaults[job.EndCheckout]
	app *app.App
}

func (w endCheckout) Work(ctx context.Context, j *river.Job[job.EndCheckout]) error {
	return final(w.app.EndCheckout(ctx, j.Args.Checkout))
}

type sendRefund struct {
	river.WorkerDefaults[job.SendRefund]
	app *app.App
}

func (w sendRefund) Work(ctx context.Context, j *river.Job[job.SendRefund]) error {
	return final(w.app.SendRefund(ctx, j.Args.Refund))
}

type reconcileBilling struct {
	river.WorkerDefaults[job.ReconcileBilling]
	app *app.App
}

func (w reconcileBilling) Work(ctx context.Context, _ *river.Job[job.ReconcileBilling]) error {
	soft, cancel := context.WithTimeout(ctx, ReconcileFor)
	defer cancel()
	return w.app.ReconcileBilling(soft)
}

// final gives up a job that no repetition helps: no Stripe is set up, or there
// is no such thing any more. The reconciler looks at all of it anyway.
func final(err error) error {
	if errs.Is(err, errs.Unsupported) || errs.Is(err, errs.NotFound) {
		return river.JobCancel(err)
	}
	return err
}

// addBilling adds the workers of money.
func addBilling(workers *river.Workers, a *app.App) {
	river.AddWorker(workers, stripeEvent{app: a})
	river.AddWorker(workers, endCheckout{app: a})
	river.AddWorker(workers, sendRefund{app: a})
	river.AddWorker(workers, reconcileBilling{app: a})
}
