package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// Reply is a canned reply, or with acts a macro. {customer}, {site} and
// {number} in its body stand for the ticket's.
type Reply struct {
	ID        id.Reply // none: a new one
	Name      string
	Body      string
	Acts      []ticket.Act
	UpdatedBy string
	UpdatedAt time.Time // of the one that was seen; zero for a new one
}

// ListReplies gives the canned replies and macros, by name.
func (a *App) ListReplies(ctx context.Context, who authz.Actor) ([]Reply, error) {
	return nil, errTicketNotYet
}

// SaveReply stores one; UpdatedAt is that of the one that was seen.
func (a *App) SaveReply(ctx context.Context, who authz.Actor, r Reply) (id.Reply, error) {
	return id.Reply{}, errTicketNotYet
}

// DeleteReply removes one.
func (a *App) DeleteReply(ctx context.Context, who authz.Actor, of id.Reply) error {
	return errTicketNotYet
}

// FillReply gives a canned reply's body for a ticket, to be looked at and sent.
func (a *App) FillReply(ctx context.Context, who authz.Actor, of id.Ticket, r id.Reply) (string, error) {
	return "", errTicketNotYet
}

// RunMacro sends a macro's reply and does its acts, all or nothing.
func (a *App) RunMacro(ctx context.Context, who authz.Actor, seen TicketSeen, r id.Reply) error {
	return errTicketNotYet
}
