package app

import (
	"context"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/money"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// told is all that Stripe says of one checkout now: what it is, and where its
// payment went.
type told struct {
	session  billing.SessionReport
	refunds  []billing.RefundReport
	disputes []billing.DisputeReport
}

// ask asks Stripe for all of it, outside any transaction.
func (a *App) ask(ctx context.Context, stripeID string) (t told, err error) {
	if t.session, err = a.stripe.Checkout(ctx, stripeID); err != nil {
		return t, err
	}
	if t.session.State != billing.PaidFor || t.session.Intent == "" {
		return t, nil
	}
	if t.refunds, err = a.stripe.Refunds(ctx, t.session.Intent); err != nil {
		return t, err
	}
	t.disputes, err = a.stripe.Disputes(ctx, t.session.Intent)
	return t, err
}

// SyncCheckout asks Stripe what is so of a checkout and applies it. It is safe
// to call at any time and any number of times. One that Stripe has not heard of
// yet is made there first, by the same key, so that its name is known.
func (a *App) SyncCheckout(ctx context.Context, checkout id.Checkout) error {
	if a.stripe == nil {
		return errNoStripe
	}
	var row dbq.Checkout
	err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		row, err = tx.CheckoutByID(ctx, checkout)
		return err
	})
	if err != nil {
		return err
	}
	if row.StripeID == nil {
		_, err := a.makeCheckout(ctx, row)
		return err
	}
	t, err := a.ask(ctx, *row.StripeID)
	if err != nil {
		return err
	}
	return a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) error { return a.applyTold(ctx, tx, row, t) })
}

// applyTold applies what Stripe said of a checkout: the session first, for it
// is the cause of the others.
func (a *App) applyTold(ctx context.Context, tx *store.Tx, row dbq.Checkout, t told) error {
	if a.stripe.Live() != t.session.Live {
		return errs.New(errs.Invalid, "This checkout is of another mode, test or live, than our key.")
	}
	l, err := a.openLedger(ctx, tx, row.TenantID, row.ChargeID)
	if err != nil {
		return err
	}
	l.holds = true
	now := l.checkouts[row.ID.String()]
	now.StripeID, now.Url = &t.session.ID, t.session.URL
	if err := l.saveCheckout(ctx, now); err != nil {
		return err
	}
	if err := l.apply(ctx, billing.Event{Verb: billing.SawCheckout, Checkout: billing.Checkout{
		Ref: row.ID.String(), State: t.session.State, Intent: t.session.Intent, Paid: paidOf(t.session), Currency: t.session.Currency,
	}}); err != nil {
		return err
	}
	if err := l.papers(ctx, t.session); err != nil {
		return err
	}
	for _, r := range t.refunds {
		if err := l.sawRefund(ctx, r, t.session.Total); err != nil {
			return err
		}
	}
	for _, d := range t.disputes {
		if err := l.sawDispute(ctx, d); err != nil {
			return err
		}
	}
	return l.tell(ctx)
}

// paidOf is what came without tax. Where the parts do not make the whole, it is
// the whole, which then is not the fee.
func paidOf(s billing.SessionReport) (paid money.USD) {
	if s.State != billing.PaidFor {
		return 0
	}
	if s.Subtotal+s.Tax != s.Total {
		return s.Total
	}
	return s.Subtotal
}

// papers keeps the addresses of receipt and invoice of the payment that settles
// the charge.
func (l *ledger) papers(ctx context.Context, s billing.SessionReport) error {
	receipt, invoice := s.Receipt, s.Invoice
	if receipt == "" {
		receipt = l.charge.ReceiptUrl
	}
	if invoice == "" {
		invoice = l.charge.InvoiceUrl
	}
	if s.Intent == "" || s.Intent != l.charge.PaymentIntent || receipt == l.charge.ReceiptUrl && invoice == l.charge.InvoiceUrl {
		return nil
	}
	c, err := l.tx.PapersOfCharge(ctx, dbq.PapersOfChargeParams{TenantID: l.charge.TenantID, ID: l.charge.ID, ReceiptUrl: receipt, InvoiceUrl: invoice})
	if err == nil {
		l.charge = c
	}
	return err
}

// sawRefund applies what Stripe says of a refund. It is ours by its name there,
// or by ours which Stripe carries, or it takes the place of the one that we
// were about to ask for. A part is never ours: it is told to people.
func (l *ledger) sawRefund(ctx context.Context, r billing.RefundReport, whole money.USD) error {
	ref, found := "", false
	for name, k := range l.refunds {
		byName := k.StripeID != nil && *k.StripeID == r.ID
		byUs := k.StripeID == nil && name == r.Refund
		inPlace := k.StripeID == nil && k.State == billing.RefundAsked && k.PaymentIntent == r.Intent && r.Amount == whole && r.State != billing.RefundFailed
		if byName || byUs {
			ref, found = name, true
			break
		}
		if inPlace {
			ref, found = name, true
		}
	}
	if !found {
		if r.Amount != whole {
			return l.alarmOnce(ctx, "a part of the payment ("+r.Amount.String()+") was paid back in Stripe itself; see to the rest there")
		}
		if r.State == billing.RefundFailed {
			return nil
		}
		ref = r.ID
	} else {
		row := l.refunds[ref]
		if row.StripeID == nil || row.Error != r.Failure {
			row.StripeID, row.Error = &r.ID, r.Failure
			if err := l.saveRefund(ctx, row); err != nil {
				return err
			}
		}
	}
	return l.apply(ctx, billing.Event{Verb: billing.SawRefund, Refund: billing.Refund{Ref: ref, Intent: r.Intent, State: r.State}})
}

// alarmOnce is alarm, unless the event log has the same words of this charge:
// what is seen at every look is told once.
func (l *ledger) alarmOnce(ctx context.Context, what string) error {
	n, err := l.tx.CountAlarms(ctx, dbq.CountAlarmsParams{TenantID: l.charge.TenantID, ChargeID: store.Optional(l.charge.ID.UUID()), What: what})
	if err != nil || n > 0 {
		return err
	}
	return l.alarm(ctx, what)
}

func (l *ledger) sawDispute(ctx context.Context, d billing.DisputeReport) error {
	s, real := billing.DisputeFrom(d.Status)
	old, known := l.disputes[d.ID]
	if !real && !known {
		return l.alarmOnce(ctx, "the payer's bank warns of a dispute ("+d.Reason+"); see to it in Stripe")
	}
	if !real || known && old.Status == d.Status {
		return nil
	}
	before := len(l.book.Disputes)
	row := dbq.Dispute{
		TenantID: l.charge.TenantID, ID: id.New[id.Dispute](), ChargeID: l.charge.ID, StripeID: d.ID, PaymentIntent: d.Intent, Status: d.Status, Reason: d.Reason,
		AmountCents: d.Amount, OpenedAt: d.OpenedAt,
	}
	if err := l.apply(ctx, billing.Event{Verb: billing.SawDispute, Dispute: billing.Dispute{Ref: d.ID, Intent: d.Intent, State: s}}); err != nil {
		return err
	}
	for _, k := range l.book.Disputes {
		if k.Ref == d.ID && k.State != s {
			return nil // an older word than the one that we have
		}
	}
	if s != billing.DisputeOpen {
		row.ClosedAt = &l.tx.Now
	}
	if err := l.tx.SaveDispute(ctx, dbq.SaveDisputeParams(row)); err != nil {
		return err
	}
	l.disputes[d.ID] = row
	verb := "dispute.moved"
	if len(l.book.Disputes) > before {
		verb = "dispute.opened"
	}
	return l.tx.Event(ctx, verb, ofCharge(l.charge), map[string]any{"dispute": d.ID, "status": d.Status})
}
