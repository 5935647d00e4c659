package app

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// The reconciler's measures.
const (
	// overlap is how far it looks back behind its cursor: Stripe lists an event
	// a moment after the second that it bears.
	overlap = 10 * time.Minute
	// firstLook is how far back it looks where it never looked before.
	firstLook = 72 * time.Hour
	// furthest is how long Stripe keeps events.
	furthest = 29 * 24 * time.Hour
	// lookAgain is how often an open checkout or refund is asked about.
	lookAgain = 5 * time.Minute
	// settleFor is how long others have for what they are at.
	settleFor = time.Minute
	// eventTries is when an event is left to people.
	eventTries = 40
	// atOnce bounds what one tick takes up of each kind.
	atOnce = 50
)

// ReconcileBilling is the net under all money. It takes in what Stripe lists
// and no webhook brought, looks at checkouts and refunds that are open, at
// events that were not handled, and at fees that say something else than their
// ticket. It ends when ctx does and goes on at the next tick.
func (a *App) ReconcileBilling(ctx context.Context) error {
	var problems []error
	problems = append(problems, a.reconcileTickets(ctx))
	if a.stripe == nil {
		return errors.Join(problems...)
	}
	for _, step := range []func(context.Context) error{a.reconcileEvents, a.reconcileCheckouts, a.reconcileRefunds, a.requeueEvents} {
		if ctx.Err() != nil {
			break
		}
		problems = append(problems, step(ctx))
	}
	return errors.Join(problems...)
}

// reconcileEvents takes in what Stripe lists since the cursor. The cursor moves
// only when all of it is in.
func (a *App) reconcileEvents(ctx context.Context) error {
	now := a.store.Now()
	since := now.Add(-firstLook)
	err := a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
		seen, err := tx.StripeCursor(ctx)
		if isNoRows(err) {
			return nil
		}
		since = seen.Add(-overlap)
		return err
	})
	if err != nil {
		return err
	}
	if since.Before(now.Add(-furthest)) {
		since = now.Add(-furthest)
	}
	for after, more := "", true; more; {
		var page []billing.EventReport
		if page, more, err = a.stripe.Events(ctx, since, after); err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		if err := a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
			for _, e := range page {
				if err := a.keepEvent(ctx, tx, e, "reconcile"); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error { return tx.MoveStripeCursor(ctx, now) })
}

// reconcileCheckouts looks at checkouts that are not ended, each from time to
// time: those whose answer was lost, whose webhook was lost, that expired.
func (a *App) reconcileCheckouts(ctx context.Context) error {
	var rows []dbq.Checkout
	now := a.store.Now()
	err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		rows, err = tx.CheckoutsToLookAt(ctx, dbq.CheckoutsToLookAtParams{MadeBefore: now.Add(-settleFor), CheckedBefore: now.Add(-lookAgain), PageSize: atOnce})
		return err
	})
	var problems []error
	for _, row := range rows {
		if ctx.Err() != nil {
			break
		}
		err := a.lookAtCheckout(ctx, row, now)
		if errs.Is(err, errs.Unavailable) {
			return errors.Join(append(problems, err)...) // nor would the next ones answer
		}
		if err != nil && !errs.Is(err, errs.Conflict) {
			a.log.WarnContext(ctx, "billing: cannot look at a checkout", "checkout", row.ID.String(), "error", err)
			problems = append(problems, err)
		}
	}
	return errors.Join(append(problems, err)...)
}

func (a *App) lookAtCheckout(ctx context.Context, row dbq.Checkout, now time.Time) error {
	if row.StripeID != nil {
		return a.SyncCheckout(ctx, row.ID)
	}
	if row.Refused == "" && row.ExpiresAt.Sub(now) >= makeable {
		return a.SyncCheckout(ctx, row.ID) // the same call again tells its name
	}
	if now.Before(row.ExpiresAt.Add(overlap)) {
		return nil // nobody knows its page, or an event of it will tell its name
	}
	return a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) error {
		l, err := a.openLedger(ctx, tx, row.TenantID, row.ChargeID)
		if err != nil {
			return err
		}
		return l.apply(ctx, billing.Event{Verb: billing.SawCheckout, Checkout: billing.Checkout{Ref: row.ID.String(), State: billing.Expired}})
	})
}

// reconcileRefunds asks about refunds that have not ended, and asks again for
// those that were never taken.
func (a *App) reconcileRefunds(ctx context.Context) error {
	var rows []dbq.Refund
	err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		rows, err = tx.RefundsToLookAt(ctx, dbq.RefundsToLookAtParams{Before: tx.Now.Add(-lookAgain), PageSize: atOnce})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.TouchRefund(ctx, dbq.TouchRefundParams{TenantID: r.TenantID, ID: r.ID, Now: tx.Now}); err != nil {
				return err
			}
			if r.StripeID == nil {
				if err := tx.Enqueue(ctx, river.InsertManyParams{Args: job.SendRefund{Refund: r.ID}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var problems []error
	for _, r := range rows {
		if r.StripeID == nil || ctx.Err() != nil {
			continue
		}
		checkout, err := a.checkoutOf(ctx, r.PaymentIntent)
		if err == nil {
			err = a.SyncCheckout(ctx, checkout)
		}
		problems = append(problems, err)
	}
	return errors.Join(append(problems, err)...)
}

// requeueEvents makes jobs anew for events that were kept and not handled.
func (a *App) requeueEvents(ctx context.Context) error {
	return a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
		ids, err := tx.StripeEventsToHandle(ctx, dbq.StripeEventsToHandleParams{Before: tx.Now.Add(-lookAgain), MostTries: eventTries, PageSize: atOnce})
		if err != nil {
			return err
		}
		for _, event := range ids {
			if err := tx.Enqueue(ctx, river.InsertManyParams{Args: job.StripeEvent{Event: event}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// reconcileTickets brings fees in line with tickets that ended.
func (a *App) reconcileTickets(ctx context.Context) error {
	var rows []dbq.ChargesApartRow
	err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		rows, err = tx.ChargesApart(ctx, dbq.ChargesApartParams{Before: tx.Now.Add(-settleFor), PageSize: atOnce})
		return err
	})
	problems := []error{err}
	for _, r := range rows {
		problems = append(problems, a.SquareCharge(ctx, r.TicketID))
	}
	return errors.Join(problems...)
}
