package app

import (
	"context"

	"holdfast/internal/authz"
)

// ConfirmTicket is the tenant's admin's yes to the restore: the site's name,
// typed, and exactly it. Errs.Invalid of the field "site" where it differs.
func (a *App) ConfirmTicket(ctx context.Context, who authz.Actor, seen TicketSeen, siteName string) error {
	return errTicketNotYet
}

// ApproveTicket is an operator's yes. Where two are wanted, the second must be
// another person. When nothing is missing any more, the restore begins.
func (a *App) ApproveTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return errTicketNotYet
}

// RetryTicket has a restore that failed, or was not what was needed, done
// again, free of charge. Approvals of the staff are asked for anew.
func (a *App) RetryTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	return errTicketNotYet
}

// AcceptTicket says that what came back is what was wanted.
func (a *App) AcceptTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return errTicketNotYet
}

// ReopenTicket says that it is not, and why; undo has the site put back to
// how it was before the restore, while that is kept.
func (a *App) ReopenTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string, undo bool) error {
	return errTicketNotYet
}
