package billing

import (
	"fmt"
	"time"

	"holdfast/internal/id"
	"holdfast/internal/money"
)

// CheckoutFor is how long a checkout can be paid. The provider allows 30
// minutes to 24 hours.
const CheckoutFor = 12 * time.Hour

// CheckoutOrder asks for one hosted payment page. All of it must say the same
// when the call is repeated, so it comes from our rows.
type CheckoutOrder struct {
	Checkout    id.Checkout
	Charge      id.Charge
	Ticket      id.Ticket
	Number      int64 // the ticket's, as people know it
	Try         int   // from 1
	Amount      money.USD
	Description string
	SuccessURL  string
	CancelURL   string
	ExpiresAt   time.Time // whole seconds
}

// Key makes a repeated call the same call.
func (o CheckoutOrder) Key() string { return fmt.Sprintf("restore-fee:%s:%d", o.Ticket, o.Try) }

// RefundOrder asks for all of one payment back.
type RefundOrder struct {
	Refund id.Refund
	Charge id.Charge
	Ticket id.Ticket
	Intent string
}

// Key makes a repeated call the same call. Each refund has its own.
func (o RefundOrder) Key() string { return "restore-refund:" + o.Refund.String() }

// SessionReport is what the provider says of a checkout now.
type SessionReport struct {
	ID       string
	URL      string // of the hosted page; "" once it has ended
	State    CheckoutState
	Intent   string
	Subtotal money.USD // what we asked for
	Tax      money.USD
	Total    money.USD
	Currency string
	Checkout string // our identifier, which the provider carries for us
	Receipt  string // address of the receipt, once paid
	Invoice  string // address of the invoice, where one is made
	Live     bool   // false for test money
}

// RefundReport is what the provider says of a refund now.
type RefundReport struct {
	ID      string
	Refund  string // our identifier; "" for one made at the provider itself
	Intent  string
	Amount  money.USD
	State   RefundState
	Failure string // the provider's word for why it failed
}

// DisputeReport is what the provider says of a dispute now.
type DisputeReport struct {
	ID       string
	Intent   string
	Status   string
	Reason   string
	Amount   money.USD
	OpenedAt time.Time
}

// EventReport is a hint that something changed: what is so now must be asked.
type EventReport struct {
	ID         string
	Kind       string
	Object     string // a checkout's name at the provider, or a payment's
	APIVersion string
	Live       bool
	At         time.Time
}

// Payout is money on its way from the provider to the hoster's bank.
type Payout struct {
	ID      string
	Amount  money.USD
	Status  string
	Arrives time.Time
}

// Owed is what the provider holds for the hoster.
type Owed struct {
	Available money.USD // ready to be paid out
	Waiting   money.USD // not yet
	Payouts   []Payout  // the newest first
	Live      bool
}
