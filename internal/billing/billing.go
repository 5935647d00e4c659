// Package billing decides what a fact about money does to the flat fee of a
// restore ticket: which state the charge is in, what must be paid back, which
// checkouts must end, and what the ticket is told. Facts of Stripe's side only
// ever move forward by rank, so that their order and their repetition change
// nothing. It is pure: it calls nobody, stores nothing and never sets a price;
// the amount comes from the charge's row.
package billing

import (
	"fmt"
	"slices"

	"holdfast/internal/errs"
	"holdfast/internal/money"
)

// Fee is the flat fee of a restore.
const Fee money.USD = 10_000

// ChargeState is where the fee of one ticket stands.
type ChargeState string

// The states of a charge.
const (
	Due       ChargeState = "due"       // nothing has come
	Pending   ChargeState = "pending"   // a slow payment, like a bank debit, is under way
	Paid      ChargeState = "paid"      // by Stripe, and the money is with us
	Waived    ChargeState = "waived"    // we take nothing
	Offline   ChargeState = "offline"   // paid outside Stripe, by the word of our billing staff
	Refunding ChargeState = "refunding" // on its way back
	Refunded  ChargeState = "refunded"
	Disputed  ChargeState = "disputed" // the payer's bank has taken it back until somebody decides
	Lost      ChargeState = "lost"     // the bank decided against us
	Void      ChargeState = "void"     // the ticket ended before anything was paid
)

// ChargeStates are all of them, in the order of a life.
func ChargeStates() []ChargeState {
	return []ChargeState{Due, Pending, Paid, Waived, Offline, Refunding, Refunded, Disputed, Lost, Void}
}

// Settles tells whether the ticket may go on: the fee is here, or not wanted.
func (s ChargeState) Settles() bool { return s == Paid || s == Waived || s == Offline }

// Freezes tells whether the ticket must stand still.
func (s ChargeState) Freezes() bool { return s == Disputed || s == Lost }

// Open tells whether the fee can still be paid.
func (s ChargeState) Open() bool { return s == Due || s == Pending }

// moves says which state may follow which; what it omits is refused. A fact
// that was missed may be learnt together with the one after it, so the table
// holds the short cuts too.
var moves = map[ChargeState][]ChargeState{
	Due:       {Pending, Paid, Waived, Offline, Void, Refunding, Refunded, Disputed, Lost},
	Pending:   {Due, Paid, Waived, Offline, Void, Refunding, Refunded, Disputed, Lost},
	Paid:      {Refunding, Refunded, Disputed, Lost},
	Waived:    {},
	Offline:   {Refunding, Refunded},
	Refunding: {Refunded, Paid, Offline, Disputed, Lost},
	Refunded:  {Due, Paid, Offline, Refunding, Disputed, Lost},
	Disputed:  {Paid, Lost, Refunding, Refunded},
	Lost:      {Paid, Refunding, Refunded, Disputed, Waived, Offline},
	Void:      {Due},
}

// MayFollow tells whether a charge in state s may go to state next.
func (s ChargeState) MayFollow(next ChargeState) bool { return slices.Contains(moves[s], next) }

// CheckoutState is where one Checkout session stands.
type CheckoutState string

// The states of a checkout.
const (
	Making      CheckoutState = "making"  // our row is there; Stripe has not answered yet
	Opened      CheckoutState = "open"    // the customer may pay
	SlowPayment CheckoutState = "pending" // complete, and the money is not here yet
	PaidFor     CheckoutState = "paid"
	Bounced     CheckoutState = "failed" // the slow payment did not come
	Expired     CheckoutState = "expired"
)

// CheckoutStates are all of them, in the order of their rank.
func CheckoutStates() []CheckoutState {
	return []CheckoutState{Making, Opened, Expired, SlowPayment, Bounced, PaidFor}
}

// RefundState is where one refund stands.
type RefundState string

// The states of a refund.
const (
	RefundAsked     RefundState = "asked"   // our row is there; Stripe has not answered yet, or a person must pay it back by hand
	RefundPending   RefundState = "pending" // Stripe is at it
	RefundSucceeded RefundState = "succeeded"
	RefundFailed    RefundState = "failed" // the money is with us again
)

// RefundStates are all of them, in the order of their rank. Stripe lets a
// refund that succeeded fail days later, so failure ranks highest.
func RefundStates() []RefundState {
	return []RefundState{RefundAsked, RefundPending, RefundSucceeded, RefundFailed}
}

// DisputeState is what a dispute's status at Stripe means to us.
type DisputeState string

// The states of a dispute.
const (
	DisputeOpen DisputeState = "open"
	DisputeLost DisputeState = "lost"
	DisputeWon  DisputeState = "won"
)

// DisputeStates are all of them, in the order of their rank: a bank may still
// give back what it had taken.
func DisputeStates() []DisputeState { return []DisputeState{DisputeOpen, DisputeLost, DisputeWon} }

// DisputeFrom reads a dispute's status as Stripe words it. An early warning
// has moved no money and is none; ok is false.
func DisputeFrom(status string) (s DisputeState, ok bool) {
	switch status {
	case "won":
		return DisputeWon, true
	case "lost":
		return DisputeLost, true
	case "warning_needs_response", "warning_under_review", "warning_closed", "":
		return "", false
	}
	return DisputeOpen, true
}

// forward gives the one of two states of higher rank.
func forward[S comparable](ranks []S, old, next S) S {
	if slices.Index(ranks, next) > slices.Index(ranks, old) {
		return next
	}
	return old
}

// Checkout is what is known of one Checkout session.
type Checkout struct {
	Ref      string // ours
	State    CheckoutState
	Intent   string    // Stripe's payment, once there is one
	Paid     money.USD // without tax, once paid
	Currency string    // of what was paid
}

// Refund is one payment back. Intent is the payment that it undoes.
type Refund struct {
	Ref    string
	Intent string
	State  RefundState
}

// Dispute is one bank's claim on a payment.
type Dispute struct {
	Ref    string
	Intent string
	State  DisputeState
}

// Book is all that is known of one charge. Intent is the payment that settles
// it: Stripe's, or OfflineIntent; "" where none does.
type Book struct {
	State     ChargeState
	Amount    money.USD
	Intent    string
	Checkouts []Checkout
	Refunds   []Refund
	Disputes  []Dispute
}

// OfflineIntent stands for the payment outside Stripe of the charge of this
// name, so that it is paid back by the same rules.
func OfflineIntent(charge string) string { return "offline:" + charge }

// NextOffline is the OfflineIntent of a payment that comes now: one after
// another that was paid back is another.
func (b Book) NextOffline(charge string) string {
	intent := OfflineIntent(charge)
	for n := 2; slices.ContainsFunc(b.Refunds, func(r Refund) bool { return r.Intent == intent }); n++ {
		intent = fmt.Sprintf("%s:%d", OfflineIntent(charge), n)
	}
	return intent
}

// IsOffline tells whether a payment was made outside Stripe.
func IsOffline(intent string) bool { return len(intent) > 8 && intent[:8] == "offline:" }

// Right tells whether what came is the fee: the amount without tax, and the
// currency, of our row.
func (b Book) Right(c Checkout) bool { return c.Paid == b.Amount && c.Currency == money.Currency }

func (b Book) clone() Book {
	b.Checkouts, b.Refunds, b.Disputes = slices.Clone(b.Checkouts), slices.Clone(b.Refunds), slices.Clone(b.Disputes)
	return b
}

// refused is the answer to what the table omits.
func refused(format string, args ...any) error { return errs.New(errs.Conflict, format, args...) }
