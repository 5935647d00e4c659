package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// QueueBilling is apart from the others, so that a payment provider that hangs
// holds up nothing but money.
const QueueBilling = "billing"

// StripeEvent looks at what an event of Stripe's hints at.
type StripeEvent struct {
	Event string `json:"event"`
}

// Kind names the job in River's table.
func (StripeEvent) Kind() string { return "stripe_event" }

// InsertOpts gives Stripe about an hour to come back; the reconciler goes on.
func (StripeEvent) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueBilling, MaxAttempts: 8}
}

// EndCheckout ends a checkout on which nobody should pay any more.
type EndCheckout struct {
	Checkout id.Checkout `json:"checkout"`
}

// Kind names the job in River's table.
func (EndCheckout) Kind() string { return "end_checkout" }

// InsertOpts is as for StripeEvent.
func (EndCheckout) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueBilling, MaxAttempts: 8}
}

// SendRefund asks Stripe for a payment back.
type SendRefund struct {
	Refund id.Refund `json:"refund"`
}

// Kind names the job in River's table.
func (SendRefund) Kind() string { return "send_refund" }

// InsertOpts is as for StripeEvent.
func (SendRefund) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueBilling, MaxAttempts: 8}
}

// ReconcileBilling is the net under all money: what no webhook brought, and
// what was begun and not ended.
type ReconcileBilling struct{}

// Kind names the job in River's table.
func (ReconcileBilling) Kind() string { return "reconcile_billing" }

// InsertOpts puts it in the queue of money. A tick that failed is not tried
// again: the next one does what it left.
func (ReconcileBilling) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueBilling, MaxAttempts: 1}
}
