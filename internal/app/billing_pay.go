package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

const (
	// atLeast is how long an open checkout must still last to be given again.
	atLeast = 10 * time.Minute
	// makeable is how far ahead an end must lie for Stripe to take it: its own
	// limit is 30 minutes.
	makeable = 31 * time.Minute
)

var errSlowPayment = errs.New(errs.Conflict, "A bank payment for this is under way; that takes a few days. You need not pay again.")

// Pay gives the address of Stripe's page on which the ticket's fee is paid. Two
// clicks give one page; an older page that would soon end is ended first. The
// row of a checkout, with its try and its end, is stored before Stripe is
// called, so that a call that was cut short is repeated as the same call.
func (a *App) Pay(ctx context.Context, who authz.Actor, ticket id.Ticket) (address string, err error) {
	if a.stripe == nil {
		return "", errNoStripe
	}
	t, err := a.billedTicket(ctx, ticket)
	if err != nil {
		return "", err
	}
	if _, err := authz.Check(who, authz.PayFee, t.TenantID); err != nil {
		return "", hide(err, "ticket")
	}
	if err := a.SquareCharge(ctx, ticket); err != nil { // a fee that was paid back may be wanted again
		return "", err
	}
	for range 3 { // each round ends old pages; two at once need no more
		row, old, err := a.planCheckout(ctx, who, t)
		if err != nil {
			return "", err
		}
		if len(old) > 0 {
			for _, k := range old {
				if err := a.endCheckout(ctx, k); err != nil {
					return "", err
				}
			}
			continue
		}
		if row.Url != "" {
			return row.Url, nil
		}
		url, err := a.makeCheckout(ctx, row)
		if errs.Is(err, errs.Conflict) && !errors.Is(err, errSettled) {
			continue // this try is burnt; the next one is another
		}
		if errs.Is(err, errs.Unavailable) { // or another click is at the same call, and may be through
			if row, _, again := a.planCheckout(ctx, who, t); again == nil && row.Url != "" {
				return row.Url, nil
			}
		}
		return url, err
	}
	return "", errs.New(errs.Unavailable, "The payment page cannot be opened just now; try again in a moment.")
}

// planCheckout gives the checkout to go on with: one that is open, the one that
// is being made, or a new row; or else the old ones that must end first.
func (a *App) planCheckout(ctx context.Context, who authz.Actor, t dbq.BilledTicketRow) (row dbq.Checkout, old []dbq.Checkout, err error) {
	err = a.system(ctx, "pay", func(ctx context.Context, tx *store.Tx) error {
		row, old = dbq.Checkout{}, nil
		c, err := tx.LockChargeOfTicket(ctx, dbq.LockChargeOfTicketParams{TenantID: t.TenantID, TicketID: t.ID})
		if isNoRows(err) {
			return errs.New(errs.Conflict, "Nothing is to be paid for this ticket.")
		}
		if err != nil {
			return err
		}
		if c.State == billing.Pending {
			return errSlowPayment
		}
		if c.State != billing.Due {
			return errs.New(errs.Conflict, "The fee is %s; there is nothing to pay.", c.State)
		}
		all, err := tx.CheckoutsOfCharge(ctx, dbq.CheckoutsOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID})
		if err != nil {
			return err
		}
		try := int32(1)
		for _, k := range all {
			try = k.Try + 1
			left := k.ExpiresAt.Sub(tx.Now)
			switch {
			case k.State == billing.Opened && k.Url != "" && left > atLeast && row.ID.IsZero():
				row = k
			case k.State == billing.Making && k.Refused == "" && left > makeable && row.ID.IsZero():
				row = k
			case k.State == billing.Opened:
				old = append(old, k)
			}
		}
		if !row.ID.IsZero() || len(old) > 0 {
			if !row.ID.IsZero() {
				old = nil
			}
			return nil
		}
		row = dbq.Checkout{
			TenantID: c.TenantID, ID: id.New[id.Checkout](), ChargeID: c.ID, Try: try, State: billing.Making,
			ExpiresAt: tx.Now.Truncate(time.Second).Add(billing.CheckoutFor), CreatedAt: tx.Now,
		}
		if err := tx.InsertCheckout(ctx, dbq.InsertCheckoutParams{
			TenantID: row.TenantID, ID: row.ID, ChargeID: row.ChargeID, Try: row.Try, ExpiresAt: row.ExpiresAt, CreatedAt: row.CreatedAt,
		}); err != nil {
			return err
		}
		return tx.Event(ctx, "charge.checkout_begun", ofCharge(c), map[string]any{"try": try, "by": who.Name})
	})
	return row, old, err
}

// orderOf says a checkout's row in the words of the call, of which nothing may
// differ from one call to the next.
func (a *App) orderOf(ctx context.Context, row dbq.Checkout) (o billing.CheckoutOrder, err error) {
	err = a.system(ctx, "pay", func(ctx context.Context, tx *store.Tx) error {
		c, err := tx.LockCharge(ctx, dbq.LockChargeParams{TenantID: row.TenantID, ID: row.ChargeID})
		if err != nil {
			return err
		}
		t, err := tx.BilledTicket(ctx, c.TicketID)
		if err != nil {
			return err
		}
		back := fmt.Sprintf("%s%s%d", strings.TrimRight(a.people.URL, "/"), portalTicket, t.Number)
		o = billing.CheckoutOrder{
			Checkout: row.ID, Charge: c.ID, Ticket: c.TicketID, Number: t.Number, Try: int(row.Try), Amount: c.AmountCents, ExpiresAt: row.ExpiresAt,
			Description: fmt.Sprintf("Restore, request %d", t.Number), SuccessURL: back + "?payment=done", CancelURL: back + "?payment=cancelled",
		}
		return nil
	})
	return o, err
}

// errSettled is why a page that was made is not given: nobody should pay on it.
var errSettled = errs.New(errs.Conflict, "The fee is settled meanwhile; there is nothing to pay.")

// makeCheckout calls Stripe for a checkout whose row is stored, and keeps its
// name and address. An error of kind Conflict means that this try is burnt.
func (a *App) makeCheckout(ctx context.Context, row dbq.Checkout) (address string, err error) {
	o, err := a.orderOf(ctx, row)
	if err != nil {
		return "", err
	}
	report, err := a.stripe.CreateCheckout(ctx, o)
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.Invalid) || errs.Is(err, errs.NotFound) {
		return "", a.refuseCheckout(ctx, row, err)
	}
	if err != nil {
		return "", err
	}
	after := context.WithoutCancel(ctx)
	err = a.system(after, "pay", func(ctx context.Context, tx *store.Tx) error {
		address = ""
		if err := a.applyTold(ctx, tx, row, told{session: report}); err != nil {
			return err
		}
		c, err := tx.LockCharge(ctx, dbq.LockChargeParams{TenantID: row.TenantID, ID: row.ChargeID})
		if err != nil {
			return err
		}
		if c.State == billing.Due && report.State == billing.Opened {
			address = report.URL
		}
		return nil
	})
	if err == nil && address == "" {
		err = errSettled
	}
	return address, err
}

// refuseCheckout notes that no call for this row will do, and gives the error
// to go on with. Where Stripe refused the key, a session of it may stand there
// whose name we do not know: the row stays, so that a payment on it is seen.
// Where it refused the call, there is none.
func (a *App) refuseCheckout(ctx context.Context, row dbq.Checkout, cause error) error {
	err := a.system(context.WithoutCancel(ctx), "pay", func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.RefuseCheckout(ctx, dbq.RefuseCheckoutParams{TenantID: row.TenantID, ID: row.ID, Refused: clip(cause.Error(), 300), Now: tx.Now}); err != nil {
			return err
		}
		if errs.Is(cause, errs.Conflict) {
			return nil
		}
		l, err := a.openLedger(ctx, tx, row.TenantID, row.ChargeID)
		if err != nil {
			return err
		}
		return l.apply(ctx, billing.Event{Verb: billing.SawCheckout, Checkout: billing.Checkout{Ref: row.ID.String(), State: billing.Expired}})
	})
	if err != nil {
		return err
	}
	if errs.Is(cause, errs.Conflict) {
		return cause
	}
	a.log.ErrorContext(ctx, "billing: Stripe refuses to make a checkout", "checkout", row.ID.String(), "error", cause)
	return errs.Wrap(errs.Unavailable, cause, "The payment page cannot be opened. We have been told; please try again later.")
}

// EndCheckout ends a checkout on which nobody should pay any more. One that was
// paid on meanwhile is seen as paid.
func (a *App) EndCheckout(ctx context.Context, checkout id.Checkout) error {
	if a.stripe == nil {
		return errNoStripe
	}
	var row dbq.Checkout
	if err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		row, err = tx.CheckoutByID(ctx, checkout)
		return err
	}); err != nil {
		return err
	}
	if row.State != billing.Making && row.State != billing.Opened {
		return nil
	}
	if row.StripeID == nil {
		if row.Refused != "" || row.ExpiresAt.Sub(a.store.Now()) < makeable {
			return nil // the reconciler lets it expire
		}
		if _, err := a.makeCheckout(ctx, row); err != nil && !errs.Is(err, errs.Conflict) {
			return err
		}
		return nil // now that its name is known, what is settled makes another job of this
	}
	return a.endCheckout(ctx, row)
}

// endCheckout ends a checkout whose name at Stripe is known.
func (a *App) endCheckout(ctx context.Context, row dbq.Checkout) error {
	report, err := a.stripe.ExpireCheckout(ctx, *row.StripeID)
	if errs.Is(err, errs.Conflict) {
		return a.SyncCheckout(ctx, row.ID) // it ended already, by time or by a payment
	}
	if err != nil {
		return err
	}
	return a.system(context.WithoutCancel(ctx), "billing", func(ctx context.Context, tx *store.Tx) error {
		return a.applyTold(ctx, tx, row, told{session: report})
	})
}

// CheckPayment asks Stripe at once about what a customer who comes back from
// its page may have paid, and gives the charge as it is then. Where Stripe does
// not answer, it gives the charge as it was: a webhook or the reconciler will
// tell.
func (a *App) CheckPayment(ctx context.Context, who authz.Actor, ticket id.Ticket) (ChargeView, error) {
	v, err := a.Charge(ctx, who, ticket)
	if err != nil || a.stripe == nil || !v.Charge.State.Open() {
		return v, err
	}
	asked := false
	for _, k := range v.Checkouts {
		if k.StripeID == nil || k.State != billing.Opened && k.State != billing.SlowPayment {
			continue
		}
		asked = true
		if err := a.SyncCheckout(ctx, k.ID); err != nil {
			a.log.WarnContext(ctx, "billing: cannot look at a checkout now", "checkout", k.ID.String(), "error", err)
		}
	}
	if !asked {
		return v, nil
	}
	return a.Charge(ctx, who, ticket)
}
