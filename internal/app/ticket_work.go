package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// AssignTicket gives a ticket to somebody of the staff; none takes it back.
func (a *App) AssignTicket(ctx context.Context, who authz.Actor, seen TicketSeen, to id.Account) error {
	return errTicketNotYet
}

// TicketStaff are the people of the staff that a ticket can be given to.
func (a *App) TicketStaff(ctx context.Context, who authz.Actor) ([]TicketPerson, error) {
	return nil, errTicketNotYet
}

// TicketPerson is somebody of the staff.
type TicketPerson struct {
	Account id.Account
	Name    string
	Open    int // tickets that they have
}

// PrioritiseTicket changes how urgent a ticket is, and when it is due.
func (a *App) PrioritiseTicket(ctx context.Context, who authz.Actor, seen TicketSeen, to ticket.Priority) error {
	return errTicketNotYet
}

// DeclineTicket ends a ticket by the staff's decision; why is told to the
// customer, and what was paid goes back.
func (a *App) DeclineTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	return errTicketNotYet
}

// WithdrawTicket ends a ticket by the customer's decision, before its restore
// runs; what was paid goes back. A draft is thrown away.
func (a *App) WithdrawTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return errTicketNotYet
}

// CloseTicket ends a ticket that is done, by staff.
func (a *App) CloseTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	return errTicketNotYet
}

// FinishTicket tells, by staff, that work by hand (single courses) is done,
// with the evidence as the customer will read it.
func (a *App) FinishTicket(ctx context.Context, who authz.Actor, seen TicketSeen, evidence string) error {
	return errTicketNotYet
}

// MergeTickets ends a ticket for the sake of another of the same tenant: its
// messages stay where they are, and it points to the other.
func (a *App) MergeTickets(ctx context.Context, who authz.Actor, seen TicketSeen, into id.Ticket) error {
	return errTicketNotYet
}

// WatchTicket makes the person told of what happens, or no longer.
func (a *App) WatchTicket(ctx context.Context, who authz.Actor, seen TicketSeen, watch bool) error {
	return errTicketNotYet
}
