package app

import (
	"context"

	"holdfast/internal/billing"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// Why a ticket stands still, for both sides.
const (
	frozenDisputed = "The payer's bank disputes the payment; we go on once that is settled."
	frozenLost     = "The payer's bank has taken the payment back for good; we go on once the fee is settled another way."
)

// chargeMoved tells a charge's ticket that the fee moved, in the transaction
// of the move. What the ticket is already, it is not told again.
func (a *App) chargeMoved(ctx context.Context, tx *store.Tx, c dbq.Charge, move billing.Move) error {
	w, err := a.systemWork(ctx, tx, c.TenantID, c.TicketID)
	if err != nil {
		return err
	}
	switch move {
	case billing.MovePaid, billing.MoveWaived, billing.MoveOffline, billing.MoveRefundFailed:
		if !w.unpaid() {
			return nil
		}
		if err := w.paid(ctx, c); err != nil {
			return err
		}
		return w.runbook(ctx)
	case billing.MoveRefunding, billing.MoveRefunded:
		return w.feeGoesBack(ctx, move)
	case billing.MoveFrozen, billing.MoveLost:
		why := frozenDisputed
		if move == billing.MoveLost {
			why = frozenLost
		}
		if w.t.Frozen == why {
			return nil
		}
		return w.change(ctx, "ticket.frozen", map[string]any{"why": why}, func(t *dbq.Ticket) { t.Frozen = why })
	case billing.MoveThawed:
		if w.t.Frozen == "" {
			return nil
		}
		if err := w.change(ctx, "ticket.thawed", nil, func(t *dbq.Ticket) { t.Frozen = "" }); err != nil {
			return err
		}
		return w.runbook(ctx)
	case billing.MovePaymentFailed:
		if w.t.State != ticket.AwaitingPayment {
			return nil
		}
		if err := w.say(ctx, "The payment did not arrive: your bank sent it back. Please pay again; nothing else is lost."); err != nil {
			return err
		}
		return w.mail(ctx, MailPaymentLink, ticketWords{})
	case billing.MovePending, billing.MoveVoid, billing.MoveRenewed:
	}
	return nil
}

// unpaid tells whether the ticket still waits for its fee, be it behind a
// question.
func (w *work) unpaid() bool {
	s := w.t.State
	if s == ticket.NeedsInformation && w.t.ResumeState != nil {
		s = *w.t.ResumeState
	}
	return s == ticket.Submitted || s == ticket.AwaitingPayment
}

// feeGoesBack is for a fee on its way back. A ticket whose restore did not
// begin yet waits for its fee again; one that is tried again, free of charge,
// does not.
func (w *work) feeGoesBack(ctx context.Context, move billing.Move) error {
	s := w.t.State
	if s == ticket.NeedsInformation && w.t.ResumeState != nil {
		s = *w.t.ResumeState
	}
	if (s == ticket.Queued || s == ticket.Approved) && w.t.RestoreID.IsZero() && !w.req.Again {
		if err := w.move(ctx, ticket.Unpay, map[string]any{"why": "the fee goes back"}, nil); err != nil {
			return err
		}
	}
	if move != billing.MoveRefunded {
		return nil
	}
	if err := w.say(ctx, "The fee was paid back. Depending on your bank it takes some days to arrive."); err != nil {
		return err
	}
	return w.mail(ctx, MailRefund, ticketWords{})
}
