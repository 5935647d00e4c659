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
	Change         Verb = "change" // another restore point is chosen: approvals are asked for anew
)

// Verbs are all verbs.
func Verbs() []Verb {
	return []Verb{
		Submit, RequestPayment, Pay, Unpay, Approve, Start, Verify, Restored, Fail, Retry, Accept, Close, Ask, Reply, Decline, Withdraw, Reopen, Change,
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
		Submitted:          {RequestPayment: AwaitingPayment, Pay: Queued, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn, Change: Submitted},
		AwaitingPayment:    {Pay: Queued, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn, Change: AwaitingPayment},
		Queued:             {Approve: Approved, Unpay: AwaitingPayment, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn, Change: Queued},
		Approved:           {Start: Running, Unpay: AwaitingPayment, Ask: NeedsInformation, Decline: Declined, Withdraw: Withdrawn, Change: Queued},
		Running:            {Verify: Verifying, Fail: Failed},
		Verifying:          {Restored: AwaitingAcceptance, Fail: Failed},
		AwaitingAcceptance: {Accept: Closed, Reopen: Reopened, Fail: Failed},
		NeedsInformation:   {Reply: back, Pay: NeedsInformation, Unpay: NeedsInformation, Change: NeedsInformation, Decline: Declined, Withdraw: Withdrawn},
		Failed:             {Retry: Queued, Close: Closed, Decline: Declined, Change: Failed},
		Reopened:           {Retry: Queued, Accept: Closed, Close: Closed, Fail: Failed, Change: Reopened},
		Closed:             {Reopen: Reopened},
	},
}

// Apply gives the state that verb leads to, or errs.Conflict. Resume is the
// state that NeedsInformation came from, "" in every other state.
func Apply(kind Kind, from, resume State, verb Verb) (State, error) {
	to, _, err := Move(kind, from, resume, verb)
	return to, err
}

// Move is Apply, and gives the state that NeedsInformation leads back to after
// it too: what happens meanwhile (a payment comes, or goes back; another point
// is chosen) happens to that one.
func Move(kind Kind, from, resume State, verb Verb) (to, nextResume State, err error) {
	to, ok := table[kind][from][verb]
	if !ok {
		return from, resume, errs.New(errs.Conflict, "A ticket that is %s cannot %s.", from.Says(), verb.says())
	}
	switch {
	case from == NeedsInformation && table[kind][resume][Ask] != NeedsInformation:
		return from, resume, errs.New(errs.Conflict, "This ticket does not know where it came from.")
	case to == back:
		return resume, "", nil
	case from == NeedsInformation && to == NeedsInformation:
		behind, _, err := Move(kind, resume, "", verb)
		if err != nil {
			return from, resume, err
		}
		return to, behind, nil
	case to == NeedsInformation:
		return to, from, nil
	}
	return to, "", nil
}

// Fact tells whether the verb is something that has happened already, which
// not even a frozen ticket can refuse. All others are decisions.
func (v Verb) Fact() bool {
	switch v {
	case Pay, Unpay, Verify, Restored, Fail:
		return true
	default:
		return false
	}
}

// Talk tells whether the verb is only words, which a frozen ticket may still have.
func (v Verb) Talk() bool { return v == Ask || v == Reply }

func (v Verb) says() string {
	switch v {
	case RequestPayment:
		return "be charged"
	case Pay:
		return "be paid"
	case Unpay:
		return "lose its payment"
	case Ask:
		return "ask for information"
	case Reply:
		return "be answered"
	case Approve, Start, Accept, Close, Decline, Withdraw, Reopen, Change, Submit:
		return "be " + map[Verb]string{
			Approve: "approved", Start: "started", Accept: "accepted", Close: "closed", Decline: "declined",
			Withdraw: "withdrawn", Reopen: "reopened", Change: "changed", Submit: "handed in",
		}[v]
	case Retry:
		return "be tried again"
	default:
		return string(v)
	}
}

// Waits tells whether a ticket in state s waits for the customer, so that its
// clocks stand. A queued one does while the customer has not confirmed it.
func (s State) Waits(confirmed bool) bool {
	switch s {
	case Draft, AwaitingPayment, NeedsInformation, AwaitingAcceptance:
		return true
	case Queued:
		return !confirmed
	default:
		return false
	}
}

// WaitsForUs tells whether the next move is the staff's.
func (s State) WaitsForUs(confirmed bool) bool {
	switch s {
	case Submitted, Reopened, Failed, Approved:
		return true
	case Queued:
		return confirmed
	default:
		return false
	}
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
	default:
		return string(s)
	}
}
