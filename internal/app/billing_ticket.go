package app

import (
	"context"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// What a ticket does with its fee, and what the fee does with the ticket, meets
// here. The ticket asks by the functions of this file; it hears of every change
// by chargeMoved, within the transaction of the change. A customer's own
// transaction may not touch money.

// openCharge makes the fee of a restore ticket due, once: a ticket that has a
// charge keeps it, and one that was given up or paid back is due again. The
// transaction must be staff's or the system's.
func (a *App) openCharge(ctx context.Context, tx *store.Tx, of id.Tenant, t id.Ticket) (dbq.Charge, error) {
	made := id.New[id.Charge]()
	n, err := tx.InsertCharge(ctx, dbq.InsertChargeParams{TenantID: of, ID: made, TicketID: t, AmountCents: billing.Fee, Now: tx.Now})
	if err != nil {
		return dbq.Charge{}, err
	}
	l, err := a.ledgerOfTicket(ctx, tx, of, t)
	if err != nil {
		return dbq.Charge{}, err
	}
	if n > 0 {
		return l.charge, tx.Event(ctx, "charge.due", ofCharge(l.charge), map[string]any{"ticket": t.String(), "cents": l.charge.AmountCents})
	}
	if l.charge.State == billing.Void || l.charge.State == billing.Refunded {
		err = l.apply(ctx, billing.Event{Verb: billing.Renew})
	}
	return l.charge, err
}

// endCharge is for a ticket that ends without its restore, or whose restore
// failed: what is unpaid is no longer due, what is paid goes back. Why is in
// words for people. It may be called again. The transaction must be staff's or
// the system's.
func (a *App) endCharge(ctx context.Context, tx *store.Tx, of id.Tenant, t id.Ticket, why string) error {
	l, err := a.ledgerOfTicket(ctx, tx, of, t)
	if err != nil || l == nil {
		return err
	}
	switch {
	case l.charge.State.Open():
		return l.apply(ctx, billing.Event{Verb: billing.GiveUp})
	case l.charge.State == billing.Paid || l.charge.State == billing.Offline:
		for _, r := range l.book.Refunds {
			if r.Intent == l.book.Intent && r.State == billing.RefundFailed {
				return nil // it was tried and failed: that is for people
			}
		}
		return l.apply(ctx, billing.Event{Verb: billing.GiveBack, Why: why})
	}
	return nil
}

// SquareCharge brings a ticket's fee in line with the ticket: one that was
// declined or withdrawn owes nothing and gets back what it paid; one that waits
// for its payment has a charge.
func (a *App) SquareCharge(ctx context.Context, of id.Ticket) error {
	return a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.BilledTicket(ctx, of)
		if err != nil {
			return err
		}
		switch t.State {
		case ticket.Declined:
			return a.endCharge(ctx, tx, t.TenantID, t.ID, "we declined the request")
		case ticket.Withdrawn:
			return a.endCharge(ctx, tx, t.TenantID, t.ID, "the request was withdrawn")
		case ticket.AwaitingPayment:
			_, err := a.openCharge(ctx, tx, t.TenantID, t.ID)
			return err
		default:
			return nil
		}
	})
}

// mustLedger is ledgerOfTicket where a charge is expected.
func (a *App) mustLedger(ctx context.Context, tx *store.Tx, of id.Tenant, t id.Ticket) (*ledger, error) {
	l, err := a.ledgerOfTicket(ctx, tx, of, t)
	if err == nil && l == nil {
		return nil, errs.New(errs.NotFound, "This ticket has no fee.")
	}
	return l, err
}
