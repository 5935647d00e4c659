package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
)

// Ticket gives one ticket. A draft is shown to who writes it alone.
func (a *App) Ticket(ctx context.Context, who authz.Actor, of id.Ticket) (TicketView, error) {
	return TicketView{}, errTicketNotYet
}

// TicketByNumber finds a ticket by its number, for who may see it.
func (a *App) TicketByNumber(ctx context.Context, who authz.Actor, number int64) (id.Ticket, error) {
	return id.Ticket{}, errTicketNotYet
}
