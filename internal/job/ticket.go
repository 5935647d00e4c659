package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// MoveTicket lets the runbook of a ticket do what is to be done now. Several
// at once are safe.
type MoveTicket struct {
	Ticket id.Ticket `json:"ticket"`
}

// Kind names the job in River's table.
func (MoveTicket) Kind() string { return "move_ticket" }

// InsertOpts puts it in the dispatch queue: a person waits for it.
func (MoveTicket) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueDispatch, MaxAttempts: 10}
}

// Tickets is the tick of tickets: reminders, ends by themselves, promises that
// were broken, what the runbook could not do before. Several at once are safe.
type Tickets struct{}

// Kind names the job in River's table.
func (Tickets) Kind() string { return "tickets" }

// InsertOpts puts it in the upkeep queue. A tick that failed is not tried
// again: the next one does what it left.
func (Tickets) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 1}
}

// SweepTickets removes what nobody wants any more: old drafts, and files of
// attachments that no row names.
type SweepTickets struct{}

// Kind names the job in River's table.
func (SweepTickets) Kind() string { return "sweep_tickets" }

// InsertOpts puts it in the upkeep queue.
func (SweepTickets) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 1}
}
