package stripeapi

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v76"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/money"
)

// Refund asks for all of a payment back: no amount is named, so that it is
// never a part. The same order again is the same refund.
func (c *Client) Refund(ctx context.Context, o billing.RefundOrder) (billing.RefundReport, error) {
	if o.Intent == "" || billing.IsOffline(o.Intent) {
		return billing.RefundReport{}, errs.New(errs.Invalid, "Only what was paid by Stripe is paid back by Stripe.")
	}
	p := &stripe.RefundParams{
		PaymentIntent: stripe.String(o.Intent), Reason: stripe.String(string(stripe.RefundReasonRequestedByCustomer)),
		Metadata: map[string]string{metaRefund: o.Refund.String(), metaCharge: o.Charge.String(), metaTicket: o.Ticket.String()},
	}
	p.Context = ctx
	p.SetIdempotencyKey(o.Key())
	r, err := c.api.Refunds.New(p)
	if err != nil {
		return billing.RefundReport{}, c.failure(err, "refund a payment")
	}
	return refunded(r), nil
}

// GetRefund tells what is so of a refund now.
func (c *Client) GetRefund(ctx context.Context, stripeID string) (billing.RefundReport, error) {
	p := &stripe.RefundParams{}
	p.Context = ctx
	r, err := c.api.Refunds.Get(stripeID, p)
	if err != nil {
		return billing.RefundReport{}, c.failure(err, "look at a refund")
	}
	return refunded(r), nil
}

// most bounds what is read of a list of one payment; more is nothing that
// happens, and would be told as an error.
const most = 100

// Refunds lists the refunds of a payment, also those made in Stripe itself.
func (c *Client) Refunds(ctx context.Context, intent string) (all []billing.RefundReport, err error) {
	p := &stripe.RefundListParams{PaymentIntent: stripe.String(intent)}
	p.Context, p.Single, p.Limit = ctx, true, stripe.Int64(most)
	it := c.api.Refunds.List(p)
	for it.Next() {
		all = append(all, refunded(it.Refund()))
	}
	return all, c.failure(it.Err(), "list the refunds of a payment")
}

func refunded(r *stripe.Refund) billing.RefundReport {
	o := billing.RefundReport{ID: r.ID, Refund: r.Metadata[metaRefund], Amount: money.USD(r.Amount), Failure: string(r.FailureReason), State: billing.RefundPending}
	if r.PaymentIntent != nil {
		o.Intent = r.PaymentIntent.ID
	}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		o.State = billing.RefundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		o.State = billing.RefundFailed
	default: // pending, requires_action
	}
	return o
}

// GetDispute tells what is so of a dispute now.
func (c *Client) GetDispute(ctx context.Context, stripeID string) (billing.DisputeReport, error) {
	p := &stripe.DisputeParams{}
	p.Context = ctx
	d, err := c.api.Disputes.Get(stripeID, p)
	if err != nil {
		return billing.DisputeReport{}, c.failure(err, "look at a dispute")
	}
	return disputed(d), nil
}

// Disputes lists the disputes of a payment.
func (c *Client) Disputes(ctx context.Context, intent string) (all []billing.DisputeReport, err error) {
	p := &stripe.DisputeListParams{PaymentIntent: stripe.String(intent)}
	p.Context, p.Single, p.Limit = ctx, true, stripe.Int64(most)
	it := c.api.Disputes.List(p)
	for it.Next() {
		all = append(all, disputed(it.Dispute()))
	}
	return all, c.failure(it.Err(), "list the disputes of a payment")
}

func disputed(d *stripe.Dispute) billing.DisputeReport {
	o := billing.DisputeReport{ID: d.ID, Status: string(d.Status), Reason: string(d.Reason), Amount: money.USD(d.Amount), OpenedAt: time.Unix(d.Created, 0).UTC()}
	if d.PaymentIntent != nil {
		o.Intent = d.PaymentIntent.ID
	}
	return o
}

// Owed tells what Stripe holds for the hoster, and the newest payouts.
func (c *Client) Owed(ctx context.Context) (billing.Owed, error) {
	p := &stripe.BalanceParams{}
	p.Context = ctx
	b, err := c.api.Balance.Get(p)
	if err != nil {
		return billing.Owed{}, c.failure(err, "look at the balance")
	}
	o := billing.Owed{Live: b.Livemode}
	for _, a := range b.Available {
		if a.Currency == money.Currency {
			o.Available += money.USD(a.Amount)
		}
	}
	for _, a := range b.Pending {
		if a.Currency == money.Currency {
			o.Waiting += money.USD(a.Amount)
		}
	}
	l := &stripe.PayoutListParams{}
	l.Context, l.Single, l.Limit = ctx, true, stripe.Int64(12)
	it := c.api.Payouts.List(l)
	for it.Next() {
		if r := it.Payout(); r.Currency == money.Currency {
			o.Payouts = append(o.Payouts, billing.Payout{ID: r.ID, Amount: money.USD(r.Amount), Status: string(r.Status), Arrives: time.Unix(r.ArrivalDate, 0).UTC()})
		}
	}
	return o, c.failure(it.Err(), "list payouts")
}
