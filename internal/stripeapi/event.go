package stripeapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
)

// APIVersion is the version that the library speaks; the webhook endpoint is
// to be made with it, though events of any version are understood.
const APIVersion = stripe.APIVersion

// Tolerance is how old a signature may be.
const Tolerance = 300 * time.Second

// Kinds are the events that matter here. Some have no name in the library.
func Kinds() []string {
	return []string{
		"checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed", "checkout.session.expired",
		"charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed",
		"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn",
	}
}

// ReadEvent verifies a webhook's raw body by its Stripe-Signature and reads
// it. An event of another API version than ours is read too: only few, stable
// fields are, and what is so now is asked. The error is errs.Forbidden where
// no secret of ours signed it within Tolerance.
func (c *Client) ReadEvent(body []byte, signature string) (billing.EventReport, error) {
	options := webhook.ConstructEventOptions{Tolerance: Tolerance, IgnoreAPIVersionMismatch: true}
	for _, secret := range c.config.WebhookSecrets {
		e, err := webhook.ConstructEventWithOptions(body, signature, secret, options)
		if err != nil {
			continue
		}
		r := event(&e)
		if r.ID == "" || len(r.ID) > 255 || r.Kind == "" {
			return r, errs.New(errs.Invalid, "This is no event of Stripe.")
		}
		return r, nil
	}
	return billing.EventReport{}, errs.New(errs.Forbidden, "This was not signed by Stripe for us, or not within the last five minutes.")
}

// Events lists what happened since then (to the second, inclusive), the newest
// first, a page at a time; after is the last identifier of the page before, ""
// for the first. more tells whether another page is there. Stripe keeps events
// for 30 days.
func (c *Client) Events(ctx context.Context, since time.Time, after string) (all []billing.EventReport, more bool, err error) {
	p := &stripe.EventListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}, Types: stripe.StringSlice(Kinds())}
	p.Context, p.Single, p.Limit = ctx, true, stripe.Int64(most)
	if after != "" {
		p.StartingAfter = stripe.String(after)
	}
	it := c.api.Events.List(p)
	for it.Next() {
		all = append(all, event(it.Event()))
	}
	if err := it.Err(); err != nil {
		return nil, false, c.failure(err, "list events")
	}
	return all, it.Meta().HasMore, nil
}

// event takes few fields out of an event: which checkout it is about, or else
// which payment, so that what is so now can be asked.
func event(e *stripe.Event) billing.EventReport {
	r := billing.EventReport{ID: e.ID, Kind: string(e.Type), APIVersion: e.APIVersion, Live: e.Livemode, At: time.Unix(e.Created, 0).UTC()}
	if e.Data == nil {
		return r
	}
	var o struct {
		ID     string          `json:"id"`
		Object string          `json:"object"`
		Intent json.RawMessage `json:"payment_intent"`
	}
	if json.Unmarshal(e.Data.Raw, &o) != nil {
		return r
	}
	r.Object = o.ID
	if o.Object != "checkout.session" {
		if intent := reference(o.Intent); intent != "" {
			r.Object = intent
		}
	}
	if len(r.Object) > 255 || len(r.Kind) > 255 || len(r.APIVersion) > 255 {
		r.Object = ""
	}
	return r
}

// reference reads an identifier that may have been expanded into its object.
func reference(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var o struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &o) // neither form: no identifier
	return o.ID
}
