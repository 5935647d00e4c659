package billing

import (
	"slices"

	"holdfast/internal/errs"
)

// Verb is what happened.
type Verb string

// The verbs. The first three are facts of Stripe's side, which are never
// refused; the others are decisions, which are.
const (
	SawCheckout Verb = "checkout" // Event.Checkout is what Stripe says of it now
	SawRefund   Verb = "refund"   // Event.Refund, likewise; one that we did not ask for joins the book
	SawDispute  Verb = "dispute"  // Event.Dispute, likewise

	Waive      Verb = "waive"       // by us, with a reason
	PayOffline Verb = "pay_offline" // Event.Intent is OfflineIntent
	GiveBack   Verb = "give_back"   // what settles the charge is to be paid back
	GiveUp     Verb = "void"        // the ticket ended unpaid
	Renew      Verb = "renew"       // and goes on after all, or the fee that was paid back is wanted again
)

// Event is one fact or decision.
type Event struct {
	Verb     Verb
	Checkout Checkout
	Refund   Refund
	Dispute  Dispute
	Intent   string
	Why      string // of GiveBack, in words for people
}

// EffectKind is what must be done in the same transaction as the event.
type EffectKind string

// The effects.
const (
	DoMove   EffectKind = "move"   // tell the ticket Move
	DoRefund EffectKind = "refund" // make a refund row of Intent for Why, and its job
	DoExpire EffectKind = "expire" // end the checkout Ref at Stripe, by a job
	DoAlarm  EffectKind = "alarm"  // tell the billing staff Why
)

// Effect is one thing to do.
type Effect struct {
	Kind   EffectKind
	Move   Move
	Intent string
	Ref    string
	Why    string
}

// Move is what a charge's change means to its ticket.
type Move string

// The moves.
const (
	MovePending       Move = "pending"        // a slow payment is under way: wait
	MovePaymentFailed Move = "payment_failed" // it bounced: pay again
	MovePaid          Move = "paid"           // go on
	MoveWaived        Move = "waived"         // go on
	MoveOffline       Move = "offline"        // go on
	MoveRefunding     Move = "refunding"
	MoveRefunded      Move = "refunded"
	MoveRefundFailed  Move = "refund_failed" // the money is with us against our will: staff act
	MoveFrozen        Move = "frozen"        // stand still: a dispute
	MoveThawed        Move = "thawed"        // the dispute no longer stands
	MoveLost          Move = "lost"          // stand still: the bank took the money for good
	MoveVoid          Move = "void"
	MoveRenewed       Move = "renewed"
)

// The reasons of what is paid back by itself.
const (
	WhySecond = "paid a second time"
	WhyLate   = "paid after the request had ended"
	WhyWaived = "paid after the fee was waived"
	WhyGone   = "paid after the fee had been paid back"
)

// Apply gives the book after e and what must be done with it. Facts are never
// refused, and one that is known already changes nothing. A decision that the
// table omits is errs.Conflict and changes nothing.
func Apply(b Book, e Event) (Book, []Effect, error) {
	old, b := b.State, b.clone()
	var said []Effect
	switch e.Verb {
	case SawCheckout:
		said = b.sawCheckout(e.Checkout)
	case SawRefund:
		said = b.sawRefund(e.Refund)
	case SawDispute:
		said = b.sawDispute(e.Dispute)
	default:
		effects, err := b.decide(e)
		if err != nil {
			return b, nil, err
		}
		said = effects
	}
	b.settle()
	if b.State != old {
		if !old.MayFollow(b.State) {
			return b, nil, refused("A fee that is %s cannot become %s.", old, b.State)
		}
		said = append(said, told(old, b.State)...)
	}
	said = append(said, b.surplus()...)
	return b, append(said, b.leftOpen()...), nil
}

func (b *Book) sawCheckout(c Checkout) []Effect {
	i := slices.IndexFunc(b.Checkouts, func(k Checkout) bool { return k.Ref == c.Ref })
	if i < 0 {
		return []Effect{{Kind: DoAlarm, Why: "Stripe names a checkout of this charge that we never made"}}
	}
	k := &b.Checkouts[i]
	if c.Intent != "" && k.Intent == "" {
		k.Intent = c.Intent
	}
	before := k.State
	k.State = forward(CheckoutStates(), before, c.State)
	if k.State != PaidFor || before == PaidFor {
		return nil
	}
	k.Paid, k.Currency = c.Paid, c.Currency
	if !b.Right(*k) {
		return []Effect{{Kind: DoAlarm, Why: "a payment of another amount or currency than the fee came; look at it in Stripe and pay it back there"}}
	}
	return nil
}

func (b *Book) sawRefund(r Refund) []Effect {
	i := slices.IndexFunc(b.Refunds, func(k Refund) bool { return k.Ref == r.Ref })
	if i < 0 {
		b.Refunds = append(b.Refunds, r)
		if r.State == RefundFailed {
			return nil
		}
		return []Effect{{Kind: DoAlarm, Why: "a refund was made in Stripe itself, not by us"}}
	}
	k := &b.Refunds[i]
	before := k.State
	k.State = forward(RefundStates(), before, r.State)
	if k.State == RefundFailed && before != RefundFailed {
		return []Effect{{Kind: DoAlarm, Why: "a refund failed; the money is with us and must be paid back another way"}}
	}
	return nil
}

func (b *Book) sawDispute(d Dispute) []Effect {
	i := slices.IndexFunc(b.Disputes, func(k Dispute) bool { return k.Ref == d.Ref })
	if i < 0 {
		b.Disputes = append(b.Disputes, d)
		return []Effect{{Kind: DoAlarm, Why: "the payer's bank disputes the payment"}}
	}
	k := &b.Disputes[i]
	before := k.State
	k.State = forward(DisputeStates(), before, d.State)
	if k.State != before {
		return []Effect{{Kind: DoAlarm, Why: "a dispute was " + string(k.State)}}
	}
	return nil
}

func (b *Book) decide(e Event) ([]Effect, error) {
	switch e.Verb {
	case Waive:
		return nil, b.end(Waived, "waived")
	case GiveUp:
		return nil, b.end(Void, "given up")
	case PayOffline:
		if !IsOffline(e.Intent) {
			return nil, errs.New(errs.Invalid, "An offline payment needs its own mark.")
		}
		err := b.end(Offline, "paid offline")
		if err == nil {
			b.Intent = e.Intent
		}
		return nil, err
	case Renew:
		if b.State != Void && b.State != Refunded {
			return nil, refused("The fee is %s; only one that was given up or paid back can be asked for again.", b.State)
		}
		b.State, b.Intent = Due, ""
		return nil, nil
	case GiveBack:
		if b.State != Paid && b.State != Offline {
			return nil, refused("The fee is %s; only one that is paid can be paid back.", b.State)
		}
		b.Refunds = append(b.Refunds, Refund{Intent: b.Intent, State: RefundAsked})
		return []Effect{{Kind: DoRefund, Intent: b.Intent, Why: e.Why}}, nil
	default:
	}
	return nil, errs.New(errs.Invalid, "There is no %q of a fee.", e.Verb)
}

// end leaves the states in which the fee can be paid; and the one in which a
// bank took the payment for good, so that the ticket can go on.
func (b *Book) end(next ChargeState, word string) error {
	if !b.State.Open() && (b.State != Lost || next == Void) {
		return refused("The fee is %s; only one that is due can be %s.", b.State, word)
	}
	b.State, b.Intent = next, ""
	return nil
}

// settle works out the state from what is known. A payment that is on its way
// back settles nothing.
func (b *Book) settle() {
	if b.State.Open() {
		for _, c := range b.Checkouts {
			if c.State == PaidFor && c.Intent != "" && b.Right(c) && b.refundOf(c.Intent) == "" {
				b.Intent = c.Intent
				break
			}
		}
	}
	if b.Intent == "" {
		if b.State.Open() {
			b.State = Due
			if slices.ContainsFunc(b.Checkouts, func(c Checkout) bool { return c.State == SlowPayment }) {
				b.State = Pending
			}
		}
		return
	}
	b.State = b.ofPayment(b.Intent)
}

// ofPayment gives the state that a payment which settles the charge leads to.
func (b *Book) ofPayment(intent string) ChargeState {
	disputes := b.disputesOf(intent)
	switch {
	case slices.Contains(disputes, DisputeOpen):
		return Disputed
	case slices.Contains(disputes, DisputeLost):
		return Lost
	}
	switch b.refundOf(intent) {
	case RefundSucceeded:
		return Refunded
	case RefundAsked, RefundPending:
		return Refunding
	default:
	}
	if IsOffline(intent) {
		return Offline
	}
	return Paid
}

func (b *Book) disputesOf(intent string) (of []DisputeState) {
	for _, d := range b.Disputes {
		if d.Intent == intent {
			of = append(of, d.State)
		}
	}
	return of
}

// claimed tells whether a bank holds the payment or has taken it.
func (b *Book) claimed(intent string) bool {
	return slices.ContainsFunc(b.disputesOf(intent), func(s DisputeState) bool { return s != DisputeWon })
}

// refundOf gives the state of the payment's refund: of the one that has not
// failed, "" where there is none.
func (b *Book) refundOf(intent string) (s RefundState) {
	for _, r := range b.Refunds {
		if r.Intent == intent && r.State != RefundFailed && (s == "" || r.State == RefundSucceeded) {
			s = r.State
		}
	}
	return s
}

// surplus pays back what came beside the payment that settles the charge, or
// after it had ended. What was tried already and failed is left to people, and
// so is a payment that a bank disputes, for Stripe refuses to refund it.
func (b *Book) surplus() (back []Effect) {
	if b.State.Open() {
		return nil
	}
	for _, c := range b.Checkouts {
		if c.State != PaidFor || c.Intent == "" || c.Intent == b.Intent || !b.Right(c) || b.claimed(c.Intent) {
			continue
		}
		if slices.ContainsFunc(b.Refunds, func(r Refund) bool { return r.Intent == c.Intent }) {
			continue
		}
		why := WhySecond
		switch b.State {
		case Void:
			why = WhyLate
		case Waived:
			why = WhyWaived
		case Refunding, Refunded:
			why = WhyGone
		default:
		}
		b.Refunds = append(b.Refunds, Refund{Intent: c.Intent, State: RefundAsked})
		back = append(back, Effect{Kind: DoRefund, Intent: c.Intent, Why: why})
	}
	return back
}

// leftOpen ends checkouts on which nobody should pay any more.
func (b *Book) leftOpen() (end []Effect) {
	if b.State.Open() {
		return nil
	}
	for _, c := range b.Checkouts {
		if c.State == Making || c.State == Opened {
			end = append(end, Effect{Kind: DoExpire, Ref: c.Ref})
		}
	}
	return end
}

// told is what the ticket hears of a change.
func told(old, next ChargeState) (all []Effect) {
	say := func(m Move) { all = append(all, Effect{Kind: DoMove, Move: m}) }
	if old.Open() && !next.Open() && next != Waived && next != Void && next != Offline && next != Paid {
		say(MovePaid) // it was paid before it was disputed or paid back, and we learn both at once
	}
	if old.Freezes() && !next.Freezes() {
		say(MoveThawed)
	}
	switch next {
	case Due:
		if old == Void || old == Refunded {
			say(MoveRenewed)
		} else {
			say(MovePaymentFailed)
		}
	case Pending:
		say(MovePending)
	case Paid, Offline:
		switch {
		case old == Refunding || old == Refunded:
			say(MoveRefundFailed)
		case old.Freezes():
		case next == Offline:
			say(MoveOffline)
		default:
			say(MovePaid)
		}
	case Waived:
		say(MoveWaived)
	case Refunding:
		say(MoveRefunding)
	case Refunded:
		say(MoveRefunded)
	case Disputed:
		say(MoveFrozen)
	case Lost:
		say(MoveLost)
	case Void:
		say(MoveVoid)
	}
	return all
}
