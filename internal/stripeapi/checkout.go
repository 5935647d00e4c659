package stripeapi

import (
	"context"
	"strconv"

	"github.com/stripe/stripe-go/v76"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/money"
)

// The names under which Stripe carries our identifiers.
const (
	metaCheckout = "holdfast_checkout"
	metaCharge   = "holdfast_charge"
	metaTicket   = "holdfast_ticket"
	metaRefund   = "holdfast_refund"
)

// CreateCheckout makes a hosted payment page. The same order again gives the
// same session; an order of the same key with other words is errs.Conflict.
func (c *Client) CreateCheckout(ctx context.Context, o billing.CheckoutOrder) (billing.SessionReport, error) {
	meta := map[string]string{
		metaCheckout: o.Checkout.String(), metaCharge: o.Charge.String(), metaTicket: o.Ticket.String(), "ticket_number": strconv.FormatInt(o.Number, 10),
	}
	item := &stripe.CheckoutSessionLineItemPriceDataParams{
		Currency: stripe.String(money.Currency), UnitAmount: stripe.Int64(o.Amount.Cents()),
		ProductData: &stripe.CheckoutSessionLineItemPriceDataProductDataParams{Name: stripe.String(o.Description)},
	}
	p := &stripe.CheckoutSessionParams{
		Mode: stripe.String(string(stripe.CheckoutSessionModePayment)), SuccessURL: stripe.String(o.SuccessURL), CancelURL: stripe.String(o.CancelURL),
		ClientReferenceID: stripe.String(o.Checkout.String()), ExpiresAt: stripe.Int64(o.ExpiresAt.Unix()), Metadata: meta,
		LineItems:         []*stripe.CheckoutSessionLineItemParams{{Quantity: stripe.Int64(1), PriceData: item}},
		PaymentIntentData: &stripe.CheckoutSessionPaymentIntentDataParams{Metadata: meta, Description: stripe.String(o.Description)},
	}
	if c.config.AutomaticTax {
		p.AutomaticTax = &stripe.CheckoutSessionAutomaticTaxParams{Enabled: stripe.Bool(true)}
		item.TaxBehavior = stripe.String("exclusive")
	}
	if c.config.InvoiceCreation {
		p.InvoiceCreation = &stripe.CheckoutSessionInvoiceCreationParams{Enabled: stripe.Bool(true)}
	}
	p.Context = ctx
	p.SetIdempotencyKey(o.Key())
	s, err := c.api.CheckoutSessions.New(p)
	if err != nil {
		return billing.SessionReport{}, c.failure(err, "make a checkout")
	}
	return report(s), nil
}

// Checkout tells what is so of a session now.
func (c *Client) Checkout(ctx context.Context, stripeID string) (billing.SessionReport, error) {
	p := &stripe.CheckoutSessionParams{}
	p.Context = ctx
	p.AddExpand("payment_intent.latest_charge")
	p.AddExpand("invoice")
	s, err := c.api.CheckoutSessions.Get(stripeID, p)
	if err != nil {
		return billing.SessionReport{}, c.failure(err, "look at a checkout")
	}
	return report(s), nil
}

// CheckoutOf tells of the session that a payment came by; errs.NotFound where
// it came by none.
func (c *Client) CheckoutOf(ctx context.Context, intent string) (billing.SessionReport, error) {
	p := &stripe.CheckoutSessionListParams{PaymentIntent: stripe.String(intent)}
	p.Context, p.Single, p.Limit = ctx, true, stripe.Int64(1)
	it := c.api.CheckoutSessions.List(p)
	if it.Next() {
		return c.Checkout(ctx, it.CheckoutSession().ID)
	}
	if err := it.Err(); err != nil {
		return billing.SessionReport{}, c.failure(err, "look for the checkout of a payment")
	}
	return billing.SessionReport{}, errs.New(errs.NotFound, "Stripe knows no checkout of this payment.")
}

// ExpireCheckout ends a session on which nobody has paid. One that is not open
// any more is errs.Conflict: look at it.
func (c *Client) ExpireCheckout(ctx context.Context, stripeID string) (billing.SessionReport, error) {
	p := &stripe.CheckoutSessionExpireParams{}
	p.Context = ctx
	s, err := c.api.CheckoutSessions.Expire(stripeID, p)
	if err = c.failure(err, "end a checkout"); errs.Is(err, errs.Invalid) {
		return billing.SessionReport{}, errs.Wrap(errs.Conflict, err, "This checkout is not open any more.")
	}
	if err != nil {
		return billing.SessionReport{}, err
	}
	return report(s), nil
}

func report(s *stripe.CheckoutSession) billing.SessionReport {
	r := billing.SessionReport{
		ID: s.ID, URL: s.URL, State: state(s), Subtotal: money.USD(s.AmountSubtotal), Total: money.USD(s.AmountTotal),
		Currency: string(s.Currency), Checkout: s.Metadata[metaCheckout], Live: s.Livemode,
	}
	if s.TotalDetails != nil {
		r.Tax = money.USD(s.TotalDetails.AmountTax)
	}
	if pi := s.PaymentIntent; pi != nil {
		r.Intent = pi.ID
		if pi.LatestCharge != nil {
			r.Receipt = pi.LatestCharge.ReceiptURL
		}
	}
	if s.Invoice != nil {
		r.Invoice = s.Invoice.HostedInvoiceURL
	}
	return r
}

// state reads a session. Complete and unpaid means a slow payment: under way
// as long as its intent is, else bounced.
func state(s *stripe.CheckoutSession) billing.CheckoutState {
	switch {
	case s.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid:
		return billing.PaidFor
	case s.Status == stripe.CheckoutSessionStatusExpired:
		return billing.Expired
	case s.Status != stripe.CheckoutSessionStatusComplete:
		return billing.Opened
	}
	if s.PaymentIntent != nil {
		switch s.PaymentIntent.Status {
		case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusCanceled:
			return billing.Bounced
		default:
		}
	}
	return billing.SlowPayment
}
