// Package ticket is the life of a support ticket and of the request for a
// restore that one may carry: its states and the moves between them, as one
// table; its clocks; what a request must say. It is pure: money is billing's,
// the work on a site restore's.
package ticket

import "holdfast/internal/errs"

// Kind is what a ticket is about.
type Kind string

// The kinds.
const (
	Support Kind = "support" // a question; no fee
	Restore Kind = "restore" // bring something back; the flat fee
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{Support, Restore} }

// Priority is how urgent a ticket is.
type Priority string

// The priorities.
const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
	Urgent Priority = "urgent"
)

// Priorities are all priorities, the least urgent first.
func Priorities() []Priority { return []Priority{Low, Normal, High, Urgent} }

// Author is who wrote a message.
type Author string

// The authors.
const (
	ByCustomer Author = "customer"
	ByStaff    Author = "staff"
	BySystem   Author = "system"
)

// State is where a ticket stands.
type State string

// The states.
const (
	Draft              State = "draft"               // the customer writes; staff do not see it
	Submitted          State = "submitted"           // with the staff
	AwaitingPayment    State = "awaiting_payment"    // the fee is due
	Queued             State = "queued"              // paid; waits for its approvals
	Approved           State = "approved"            // the restore may start
	Running            State = "running"             // the host works
	Verifying          State = "verifying"           // what came back is compared
	AwaitingAcceptance State = "awaiting_acceptance" // the customer looks
	Closed             State = "closed"
	NeedsInformation   State = "needs_information" // the customer is asked
	Declined           State = "declined"
	Withdrawn          State = "withdrawn"
	Failed             State = "failed"   // the site is as it was
	Reopened           State = "reopened" // it was not what was needed
)

// States are all states.
func States() []State {
	return []State{
		Draft, Submitted, AwaitingPayment, Queued, Approved, Running, Verifying, AwaitingAcceptance, Closed,
		NeedsInformation, Declined, Withdrawn, Failed, Reopened,
	}
}

// Open tells whether the ticket is still to end.
func (s State) Open() bool { return s != Closed && s != Declined && s != Withdrawn }

// Verb is what happens to a ticket.
type Verb string

// The verbs.
const (
	Submit         Verb = "submit"
	RequestPayment Verb = "request_payment" // the fee is asked for
	Pay            Verb = "pay"             // paid, waived, or recorded by staff
	Unpay          Verb = "unpay"           // the payment bounced or went back
	Approve        Verb = "approve"         // every approval is there
	Start          Verb = "start"           // the restore was handed to the host
	Verify         Verb = "verify"          // the host is done
	Restored       Verb = "restored"        // verified
	Fail           Verb = "fail"            // refused or rolled back
	Retry          Verb = "retry"           // staff try again, free of charge
	Accept         Verb = "accept"
	Close          Verb = "close"
	Ask            Verb = "ask"   // the staff need to know something
	Reply          Verb = "reply" // the customer answered
	Decline        Verb = "decline"
	Withdraw       Verb = "withdraw"
	Reopen         Verb = "reopen"
)

// Verbs are all verbs.
func Verbs() []Verb {
	return []Verb{
		Submit, RequestPayment, Pay, Unpay, Approve, Start, Verify, Restored, Fail, Retry, Accept, Close, Ask, Reply, Decline, Withdraw, Reopen,
	}
}

// back stands for the state that NeedsInformation came from.
const back State = "(back)"

// table is the whole life of a ticket; what it omits is refused.
var table = map[Kind]map[State]map[Verb]State{
	Support: {
		Draft:            {Submit: Submitted, Withdraw: Withdrawn},
		Submitted:        {Ask: NeedsInformation, Close: Closed, Decline: Declined, Withdraw: Withdrawn},
		NeedsInformation: {Reply: back, Close: Closed, Decline: Declined, Withdraw: Withdrawn},
		Closed:           {Reopen: Reopened},
		Reopened:         {Ask: NeedsInformation, Close: Closed, Withdraw: Withdrawn},
	},
	Restore: {
		Draft:              {Submit: Submitted, Withdraw: Withdrawn},
		Submitted:          {RequestPayment: AwaitingPayment, Pay: Queued, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		AwaitingPayment:    {Pay: Queued, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		Queued:             {Approve: Approved, Unpay: AwaitingPayment, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		Approved:           {Start: Running, Unpay: AwaitingPayment, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		Running:            {Verify: Verifying, Fail: Failed},
		Verifying:          {Restored: AwaitingAcceptance, Fail: Failed},
		AwaitingAcceptance: {Accept: Closed, Reopen: Reopened, Fail: Failed},
		NeedsInformation:   {Reply: back, Pay: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		Failed:             {Retry: Queued, Close: Closed, Decline: Declined},
		Reopened:           {Retry: Queued, Accept: Closed, Close: Closed, Fail: Failed},
		Closed:             {Reopen: Reopened},
	},
}

// Apply gives the state that verb leads to, or errs.Conflict. Resume is the
// state that NeedsInformation came from, "" in every other state.
func Apply(kind Kind, from, resume State, verb Verb) (State, error) {
	to, ok := table[kind][from][verb]
	if !ok {
		return from, errs.New(errs.Conflict, "A ticket that is %s cannot %s.", from.Says(), verb)
	}
	if to == back {
		if resume == "" {
			return from, errs.New(errs.Conflict, "This ticket does not know where it came from.")
		}
		return resume, nil
	}
	return to, nil
}

// Says tells the state in words.
func (s State) Says() string {
	switch s {
	case AwaitingPayment:
		return "awaiting payment"
	case AwaitingAcceptance:
		return "awaiting acceptance"
	case NeedsInformation:
		return "waiting for information"
	}
	return string(s)
}
