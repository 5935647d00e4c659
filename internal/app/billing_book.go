package app

import (
	"context"
	"slices"

	"github.com/riverqueue/river"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// ledger is one charge with its rows, locked, on the way from what it was to
// what facts and decisions make of it. It is saved in the transaction that it
// was opened in, with everything that follows from it.
type ledger struct {
	a         *App
	tx        *store.Tx
	charge    dbq.Charge
	book      billing.Book
	checkouts map[string]dbq.Checkout
	refunds   map[string]dbq.Refund
	disputes  map[string]dbq.Dispute
	why       map[string]string // of refunds that were made here, by their name
	ended     map[string]bool   // checkouts whose end was asked for here
	// Facts that are learnt together are told together, once all are in the
	// rows: the ticket would go on upon a payment that went back already.
	holds bool
	held  []billing.Move
}

// openLedger locks the charge and reads what hangs on it.
func (a *App) openLedger(ctx context.Context, tx *store.Tx, of id.Tenant, charge id.Charge) (*ledger, error) {
	c, err := tx.LockCharge(ctx, dbq.LockChargeParams{TenantID: of, ID: charge})
	if err != nil {
		return nil, err
	}
	return a.readLedger(ctx, tx, c)
}

// ledgerOfTicket is openLedger by the ticket; nil where it has no charge.
func (a *App) ledgerOfTicket(ctx context.Context, tx *store.Tx, of id.Tenant, ticket id.Ticket) (*ledger, error) {
	c, err := tx.LockChargeOfTicket(ctx, dbq.LockChargeOfTicketParams{TenantID: of, TicketID: ticket})
	if isNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.readLedger(ctx, tx, c)
}

func (a *App) readLedger(ctx context.Context, tx *store.Tx, c dbq.Charge) (*ledger, error) {
	l := &ledger{
		a: a, tx: tx, charge: c, checkouts: map[string]dbq.Checkout{}, refunds: map[string]dbq.Refund{}, disputes: map[string]dbq.Dispute{},
		book: billing.Book{State: c.State, Amount: c.AmountCents, Intent: c.PaymentIntent}, why: map[string]string{}, ended: map[string]bool{},
	}
	checkouts, err := tx.CheckoutsOfCharge(ctx, dbq.CheckoutsOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID})
	if err != nil {
		return nil, err
	}
	for _, k := range checkouts {
		l.checkouts[k.ID.String()] = k
		l.book.Checkouts = append(l.book.Checkouts, billing.Checkout{Ref: k.ID.String(), State: k.State, Intent: k.PaymentIntent, Paid: k.PaidCents, Currency: k.PaidCurrency})
	}
	refunds, err := tx.RefundsOfCharge(ctx, dbq.RefundsOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID})
	if err != nil {
		return nil, err
	}
	for _, r := range refunds {
		l.refunds[r.ID.String()] = r
		l.book.Refunds = append(l.book.Refunds, billing.Refund{Ref: r.ID.String(), Intent: r.PaymentIntent, State: r.State})
	}
	disputes, err := tx.DisputesOfCharge(ctx, dbq.DisputesOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID})
	if err != nil {
		return nil, err
	}
	for _, d := range disputes {
		l.disputes[d.StripeID] = d
		if s, ok := billing.DisputeFrom(d.Status); ok {
			l.book.Disputes = append(l.book.Disputes, billing.Dispute{Ref: d.StripeID, Intent: d.PaymentIntent, State: s})
		}
	}
	return l, nil
}

// apply applies one fact or decision and saves what it changes, what it makes
// us do, and what the ticket is told.
func (l *ledger) apply(ctx context.Context, e billing.Event) error {
	next, effects, err := billing.Apply(l.book, e)
	if err != nil {
		return err
	}
	for i := range next.Refunds {
		if next.Refunds[i].Ref == "" {
			next.Refunds[i].Ref = id.New[id.Refund]().String()
		}
	}
	was := l.book
	l.book = next
	for _, f := range effects {
		if f.Kind == billing.DoRefund {
			l.why[f.Intent] = f.Why
		}
	}
	if err := l.saveRows(ctx, was); err != nil {
		return err
	}
	if err := l.saveCharge(ctx); err != nil {
		return err
	}
	for _, f := range effects {
		if err := l.follow(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// saveRows writes the checkouts that changed and the refunds that are new or
// changed. Disputes were written when they were seen.
func (l *ledger) saveRows(ctx context.Context, was billing.Book) error {
	for _, k := range l.book.Checkouts {
		if slices.Contains(was.Checkouts, k) {
			continue
		}
		row := l.checkouts[k.Ref]
		row.State, row.PaymentIntent, row.PaidCents, row.PaidCurrency = k.State, k.Intent, k.Paid, k.Currency
		if err := l.saveCheckout(ctx, row); err != nil {
			return err
		}
	}
	for _, r := range l.book.Refunds {
		if slices.Contains(was.Refunds, r) {
			continue
		}
		if row, known := l.refunds[r.Ref]; known {
			row.State = r.State
			if err := l.saveRefund(ctx, row); err != nil {
				return err
			}
			continue
		}
		if err := l.insertRefund(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// saveCheckout writes what is known of a checkout now.
func (l *ledger) saveCheckout(ctx context.Context, row dbq.Checkout) error {
	if row.State != billing.Making && row.State != billing.Opened {
		row.Url = ""
	}
	_, err := l.tx.SaveCheckout(ctx, dbq.SaveCheckoutParams{
		TenantID: row.TenantID, ID: row.ID, StripeID: row.StripeID, Url: row.Url, State: row.State, PaymentIntent: row.PaymentIntent,
		PaidCents: row.PaidCents, PaidCurrency: row.PaidCurrency, Now: l.tx.Now,
	})
	l.checkouts[row.ID.String()] = row
	return err
}

func (l *ledger) saveRefund(ctx context.Context, row dbq.Refund) error {
	_, err := l.tx.SaveRefund(ctx, dbq.SaveRefundParams{
		TenantID: row.TenantID, ID: row.ID, StripeID: row.StripeID, State: row.State, Error: row.Error, Reference: row.Reference, Now: l.tx.Now,
	})
	l.refunds[row.ID.String()] = row
	return err
}

// insertRefund makes the row of a refund that we want, and its job, or of one
// that was made in Stripe itself.
func (l *ledger) insertRefund(ctx context.Context, r billing.Refund) error {
	why, ours := l.why[r.Intent]
	row := dbq.Refund{
		TenantID: l.charge.TenantID, ChargeID: l.charge.ID, PaymentIntent: r.Intent, AmountCents: l.charge.AmountCents, State: r.State, Why: why, AskedBy: l.tx.Actor(),
		CreatedAt: l.tx.Now, UpdatedAt: l.tx.Now,
	}
	if ours && r.State == billing.RefundAsked {
		made, err := id.Parse[id.Refund](r.Ref)
		if err != nil {
			return err
		}
		row.ID = made
	} else {
		ref := r.Ref
		row.ID, row.StripeID, row.Why, row.AskedBy = id.New[id.Refund](), &ref, "made in Stripe itself", "stripe"
		l.rename(r.Ref, row.ID.String())
	}
	err := l.tx.InsertRefund(ctx, dbq.InsertRefundParams{
		TenantID: row.TenantID, ID: row.ID, ChargeID: row.ChargeID, PaymentIntent: row.PaymentIntent, StripeID: row.StripeID, AmountCents: row.AmountCents,
		State: row.State, Why: row.Why, AskedBy: row.AskedBy, Now: l.tx.Now,
	})
	if err != nil {
		return err
	}
	l.refunds[row.ID.String()] = row
	if err := l.tx.Event(ctx, "refund.asked", ofCharge(l.charge), map[string]any{"refund": row.ID.String(), "why": row.Why}); err != nil {
		return err
	}
	if row.StripeID != nil {
		return nil
	}
	if billing.IsOffline(row.PaymentIntent) {
		return l.alarm(ctx, "an offline payment is to be paid back by hand: "+row.Why)
	}
	return l.tx.Enqueue(ctx, river.InsertManyParams{Args: job.SendRefund{Refund: row.ID}})
}

func (l *ledger) rename(old, ref string) {
	for i := range l.book.Refunds {
		if l.book.Refunds[i].Ref == old {
			l.book.Refunds[i].Ref = ref
		}
	}
}

// saveCharge moves the charge's row from the state it was in.
func (l *ledger) saveCharge(ctx context.Context) error {
	if l.book.State == l.charge.State && l.book.Intent == l.charge.PaymentIntent {
		return nil
	}
	paidAt := l.charge.PaidAt
	if l.book.State.Open() {
		paidAt = nil
	}
	if paidAt == nil && (l.book.State == billing.Paid || l.book.State == billing.Offline || l.book.Intent != "" && l.charge.PaymentIntent == "") {
		paidAt = &l.tx.Now
	}
	from := l.charge.State
	c, err := l.tx.MoveCharge(ctx, dbq.MoveChargeParams{
		TenantID: l.charge.TenantID, ID: l.charge.ID, FromState: from, ToState: l.book.State, PaymentIntent: l.book.Intent, PaidAt: paidAt, Now: l.tx.Now,
	})
	if isNoRows(err) {
		return errs.Wrap(errs.Conflict, err, "The fee changed in the meantime; look at it again.")
	}
	if err != nil {
		return err
	}
	l.charge = c
	if from == c.State {
		return nil
	}
	return l.tx.Event(ctx, "charge."+string(c.State), ofCharge(c), map[string]any{"from": from, "ticket": c.TicketID.String()})
}

// follow does what follows from the book.
func (l *ledger) follow(ctx context.Context, f billing.Effect) error {
	switch f.Kind {
	case billing.DoMove:
		if l.holds {
			l.held = append(l.held, f.Move)
			return nil
		}
		return l.a.chargeMoved(ctx, l.tx, l.charge, f.Move)
	case billing.DoAlarm:
		return l.alarm(ctx, f.Why)
	case billing.DoExpire:
		k := l.checkouts[f.Ref]
		if l.ended[f.Ref] || k.Refused != "" {
			return nil
		}
		l.ended[f.Ref] = true
		return l.tx.Enqueue(ctx, river.InsertManyParams{Args: job.EndCheckout{Checkout: k.ID}})
	case billing.DoRefund: // its row and job were made with the rows
	}
	return nil
}

// tell tells the ticket what was held back.
func (l *ledger) tell(ctx context.Context) error {
	for _, m := range l.held {
		if err := l.a.chargeMoved(ctx, l.tx, l.charge, m); err != nil {
			return err
		}
	}
	l.holds, l.held = false, nil
	return nil
}

// alarm leaves word for the billing staff on the charge. The newest word
// stands; the event log has all.
func (l *ledger) alarm(ctx context.Context, what string) error {
	c, err := l.tx.AlarmCharge(ctx, dbq.AlarmChargeParams{TenantID: l.charge.TenantID, ID: l.charge.ID, Alarm: what, Now: l.tx.Now})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	l.charge = c
	l.a.log.WarnContext(ctx, "billing: somebody must look at a charge", "charge", c.ID.String(), "what", what)
	return l.tx.Event(ctx, "charge.alarm", ofCharge(c), map[string]any{"what": what})
}
