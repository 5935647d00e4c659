package app

import (
	"context"
	"strings"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/money"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// said checks words that somebody gives for a decision about money.
func said(field, words string) (string, error) {
	words = strings.TrimSpace(words)
	if n := len([]rune(words)); n < 3 || n > 300 || strings.ContainsAny(words, "\r\n\x00") {
		return "", errs.Field(field, "one line of 3 to 300 characters is needed; it stays with the charge")
	}
	return words, nil
}

// decide applies a person's decision to the charge of a ticket, with its reason
// and who took it.
func (a *App) decide(ctx context.Context, who authz.Actor, action authz.Action, t id.Ticket, reason string, event func(l *ledger) billing.Event) error {
	of, err := a.billedTicket(ctx, t)
	if err != nil {
		return err
	}
	return a.do(ctx, who, action, of.TenantID, func(ctx context.Context, tx *store.Tx) error {
		l, err := a.mustLedger(ctx, tx, of.TenantID, t)
		if err != nil {
			return err
		}
		if err := l.apply(ctx, event(l)); err != nil {
			return err
		}
		c, err := tx.DecideCharge(ctx, dbq.DecideChargeParams{TenantID: of.TenantID, ID: l.charge.ID, Reason: reason, DecidedBy: tx.Actor(), Now: tx.Now})
		if err != nil {
			return err
		}
		return tx.Event(ctx, "charge.decided", ofCharge(c), map[string]any{"action": string(action), "reason": reason})
	})
}

// WaiveFee takes no fee for a ticket. The reason stays with the charge.
func (a *App) WaiveFee(ctx context.Context, who authz.Actor, t id.Ticket, reason string) error {
	reason, err := said("reason", reason)
	if err != nil {
		return err
	}
	return a.decide(ctx, who, authz.WaiveFee, t, reason, func(*ledger) billing.Event { return billing.Event{Verb: billing.Waive} })
}

// RecordOffline notes that the fee came another way, like by bank transfer,
// with the reference by which it is found there. It is always the whole fee.
func (a *App) RecordOffline(ctx context.Context, who authz.Actor, t id.Ticket, reference string) error {
	reference, err := said("reference", reference)
	if err != nil {
		return err
	}
	return a.decide(ctx, who, authz.OfflineFee, t, reference, func(l *ledger) billing.Event {
		return billing.Event{Verb: billing.PayOffline, Intent: l.book.NextOffline(l.charge.ID.String())}
	})
}

// RefundFee pays the fee back: all of it. What was paid by Stripe goes back by
// itself; what came another way waits for RecordHandRefund.
func (a *App) RefundFee(ctx context.Context, who authz.Actor, t id.Ticket, amount money.USD, reason string) error {
	reason, err := said("reason", reason)
	if err != nil {
		return err
	}
	if amount != billing.Fee {
		return errs.Field("amount", "the fee goes back whole: %s, or not at all", billing.Fee)
	}
	return a.decide(ctx, who, authz.RefundFee, t, reason, func(*ledger) billing.Event { return billing.Event{Verb: billing.GiveBack, Why: reason} })
}

// RecordHandRefund notes that an offline payment was paid back by hand, with
// the reference by which that is found.
func (a *App) RecordHandRefund(ctx context.Context, who authz.Actor, t id.Ticket, reference string) error {
	reference, err := said("reference", reference)
	if err != nil {
		return err
	}
	of, err := a.billedTicket(ctx, t)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.RefundFee, of.TenantID, func(ctx context.Context, tx *store.Tx) error {
		l, err := a.mustLedger(ctx, tx, of.TenantID, t)
		if err != nil {
			return err
		}
		for _, r := range l.refunds {
			if r.State != billing.RefundAsked || !billing.IsOffline(r.PaymentIntent) {
				continue
			}
			r.Reference = reference
			if err := l.saveRefund(ctx, r); err != nil {
				return err
			}
			err := l.apply(ctx, billing.Event{Verb: billing.SawRefund, Refund: billing.Refund{Ref: r.ID.String(), Intent: r.PaymentIntent, State: billing.RefundSucceeded}})
			if err != nil {
				return err
			}
			return tx.Event(ctx, "refund.by_hand", ofCharge(l.charge), map[string]any{"reference": reference})
		}
		return errs.New(errs.Conflict, "No offline payment of this ticket waits to be paid back.")
	})
}

// SeenAlarm notes that somebody has looked at what a charge's alarm says.
func (a *App) SeenAlarm(ctx context.Context, who authz.Actor, t id.Ticket) error {
	of, err := a.billedTicket(ctx, t)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.RefundFee, of.TenantID, func(ctx context.Context, tx *store.Tx) error {
		l, err := a.mustLedger(ctx, tx, of.TenantID, t)
		if err != nil {
			return err
		}
		if l.charge.Alarm == "" {
			return nil
		}
		if _, err := tx.AlarmCharge(ctx, dbq.AlarmChargeParams{TenantID: of.TenantID, ID: l.charge.ID, Alarm: "", Now: tx.Now}); err != nil {
			return err
		}
		return tx.Event(ctx, "charge.alarm_seen", ofCharge(l.charge), map[string]any{"what": l.charge.Alarm})
	})
}

// SendRefund asks Stripe for a payment back. The refund's own name is the key,
// so that a call that was cut short is repeated as the same call.
func (a *App) SendRefund(ctx context.Context, refund id.Refund) error {
	if a.stripe == nil {
		return errNoStripe
	}
	var row dbq.Refund
	var ticket id.Ticket
	if err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		if row, err = tx.RefundByID(ctx, refund); err != nil {
			return err
		}
		c, err := tx.LockCharge(ctx, dbq.LockChargeParams{TenantID: row.TenantID, ID: row.ChargeID})
		ticket = c.TicketID
		return err
	}); err != nil {
		return err
	}
	if row.State != billing.RefundAsked || row.StripeID != nil || billing.IsOffline(row.PaymentIntent) {
		return nil
	}
	report, err := a.stripe.Refund(ctx, billing.RefundOrder{Refund: row.ID, Charge: row.ChargeID, Ticket: ticket, Intent: row.PaymentIntent})
	if errs.Is(err, errs.Unavailable) {
		return err
	}
	after := context.WithoutCancel(ctx)
	if err != nil {
		return a.refundRefused(after, row, err)
	}
	return a.system(after, "billing", func(ctx context.Context, tx *store.Tx) error {
		l, err := a.openLedger(ctx, tx, row.TenantID, row.ChargeID)
		if err != nil {
			return err
		}
		return l.sawRefund(ctx, report, report.Amount)
	})
}

// refundRefused is for a refund that Stripe does not take. It may have been
// made there by hand, or the payment is disputed: what is so now is asked. What
// still stands as asked is left to the reconciler, and told to people.
func (a *App) refundRefused(ctx context.Context, row dbq.Refund, cause error) error {
	checkout, err := a.checkoutOf(ctx, row.PaymentIntent)
	if err == nil {
		err = a.SyncCheckout(ctx, checkout)
	}
	if err != nil {
		return err
	}
	return a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) error {
		l, err := a.openLedger(ctx, tx, row.TenantID, row.ChargeID)
		if err != nil {
			return err
		}
		now := l.refunds[row.ID.String()]
		if now.State != billing.RefundAsked || now.StripeID != nil {
			return nil
		}
		now.Error = clip(cause.Error(), 300)
		if err := l.saveRefund(ctx, now); err != nil {
			return err
		}
		return l.alarmOnce(ctx, "Stripe does not take a refund; see to it there")
	})
}
