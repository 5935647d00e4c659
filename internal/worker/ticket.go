package worker

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/app"
	"holdfast/internal/job"
)

// The pace of what tickets do by themselves.
const (
	ticketsEvery      = 30 * time.Second
	sweepTicketsEvery = time.Hour
)

type moveTicket struct {
	river.WorkerDefaults[job.MoveTicket]
	app *app.App
}

func (w moveTicket) Work(ctx context.Context, j *river.Job[job.MoveTicket]) error {
	return w.app.MoveTicket(ctx, j.Args.Ticket)
}

type tickets struct {
	river.WorkerDefaults[job.Tickets]
	app *app.App
}

func (w tickets) Work(ctx context.Context, _ *river.Job[job.Tickets]) error {
	soft, cancel := context.WithTimeout(ctx, PlanFor)
	defer cancel()
	if err := w.app.TickTickets(soft); soft.Err() == nil {
		return err
	}
	return ctx.Err()
}

type sweepTickets struct {
	river.WorkerDefaults[job.SweepTickets]
	app *app.App
}

func (w sweepTickets) Work(ctx context.Context, _ *river.Job[job.SweepTickets]) error {
	return w.app.SweepTickets(ctx)
}

// addTickets adds the workers of tickets.
func addTickets(workers *river.Workers, a *app.App) {
	river.AddWorker(workers, moveTicket{app: a})
	river.AddWorker(workers, tickets{app: a})
	river.AddWorker(workers, sweepTickets{app: a})
}

// ofTickets are their periodic jobs.
func ofTickets() []*river.PeriodicJob {
	return []*river.PeriodicJob{every(ticketsEvery, job.Tickets{}), every(sweepTicketsEvery, job.SweepTickets{})}
}
