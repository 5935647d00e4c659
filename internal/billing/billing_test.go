package billing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"holdfast/internal/errs"
)

func open(n int) Book {
	b := Book{State: Due, Amount: Fee}
	for i := range n {
		b.Checkouts = append(b.Checkouts, Checkout{Ref: fmt.Sprint(i), State: Opened})
	}
	return b
}

func paid(i int) Event {
	return Event{Verb: SawCheckout, Checkout: Checkout{Ref: fmt.Sprint(i), State: PaidFor, Intent: fmt.Sprintf("pi_%d", i), Paid: Fee, Currency: "usd"}}
}

func saw(i int, s CheckoutState) Event {
	return Event{Verb: SawCheckout, Checkout: Checkout{Ref: fmt.Sprint(i), State: s}}
}

func refund(ref, intent string, s RefundState) Event {
	return Event{Verb: SawRefund, Refund: Refund{Ref: ref, Intent: intent, State: s}}
}

func dispute(intent string, s DisputeState) Event {
	return Event{Verb: SawDispute, Dispute: Dispute{Ref: "dp_" + intent, Intent: intent, State: s}}
}

// apply applies all and names the refunds that were made by the way.
func apply(t *testing.T, b Book, all ...Event) (Book, []Effect) {
	t.Helper()
	var said []Effect
	for _, e := range all {
		next, effects, err := Apply(b, e)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		b, said = next, append(said, effects...)
		for i := range b.Refunds {
			if b.Refunds[i].Ref == "" {
				b.Refunds[i].Ref = fmt.Sprintf("re_%d", i)
			}
		}
	}
	return b, said
}

func heard(said []Effect) (moves []Move) {
	for _, e := range said {
		if e.Kind == DoMove {
			moves = append(moves, e.Move)
		}
	}
	return moves
}

func count(said []Effect, k EffectKind) (n int) {
	for _, e := range said {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func TestApply_LeadsWhereTheFactsLead(t *testing.T) {
	t.Parallel()
	giveBack, waive, giveUp := Event{Verb: GiveBack}, Event{Verb: Waive}, Event{Verb: GiveUp}
	offline := Event{Verb: PayOffline, Intent: OfflineIntent("c")}
	for name, c := range map[string]struct {
		events []Event
		state  ChargeState
		moves  []Move
		effect [3]int // refunds, expiries, alarms
	}{
		"paid":                          {[]Event{paid(0)}, Paid, []Move{MovePaid}, [3]int{0, 1, 0}},
		"paid twice by one checkout":    {[]Event{paid(0), paid(0)}, Paid, []Move{MovePaid}, [3]int{0, 2, 0}},
		"expired after paid":            {[]Event{paid(0), saw(0, Expired)}, Paid, []Move{MovePaid}, [3]int{0, 2, 0}},
		"two checkouts paid":            {[]Event{paid(1), paid(0)}, Paid, []Move{MovePaid}, [3]int{1, 1, 0}},
		"slow, then paid":               {[]Event{saw(0, SlowPayment), paid(0)}, Paid, []Move{MovePending, MovePaid}, [3]int{0, 1, 0}},
		"slow, then bounced":            {[]Event{saw(0, SlowPayment), saw(0, Bounced)}, Due, []Move{MovePending, MovePaymentFailed}, [3]int{0, 0, 0}},
		"bounced before slow":           {[]Event{saw(0, Bounced), saw(0, SlowPayment)}, Due, nil, [3]int{0, 0, 0}},
		"bounced, then the other":       {[]Event{saw(0, SlowPayment), saw(0, Bounced), paid(1)}, Paid, []Move{MovePending, MovePaymentFailed, MovePaid}, [3]int{0, 0, 0}},
		"late":                          {[]Event{giveUp, paid(0)}, Void, []Move{MoveVoid}, [3]int{1, 3, 0}},
		"late and renewed":              {[]Event{giveUp, paid(0), {Verb: Renew}}, Due, []Move{MoveVoid, MoveRenewed}, [3]int{1, 3, 0}},
		"waived, then paid":             {[]Event{waive, paid(0)}, Waived, []Move{MoveWaived}, [3]int{1, 3, 0}},
		"offline, then paid":            {[]Event{offline, paid(0)}, Offline, []Move{MoveOffline}, [3]int{1, 3, 0}},
		"offline and back":              {[]Event{offline, giveBack, refund("re_0", OfflineIntent("c"), RefundSucceeded)}, Refunded, []Move{MoveOffline, MoveRefunding, MoveRefunded}, [3]int{1, 6, 0}},
		"back":                          {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundSucceeded)}, Refunded, []Move{MovePaid, MoveRefunding, MoveRefunded}, [3]int{1, 3, 0}},
		"back and late":                 {[]Event{paid(0), giveBack, paid(1)}, Refunding, []Move{MovePaid, MoveRefunding}, [3]int{2, 2, 0}},
		"back fails":                    {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundFailed)}, Paid, []Move{MovePaid, MoveRefunding, MoveRefundFailed}, [3]int{1, 3, 1}},
		"back fails after it succeeded": {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundSucceeded), refund("re_0", "pi_0", RefundFailed), refund("re_0", "pi_0", RefundSucceeded)}, Paid, []Move{MovePaid, MoveRefunding, MoveRefunded, MoveRefundFailed}, [3]int{1, 5, 1}},
		"back again":                    {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundFailed), giveBack}, Refunding, []Move{MovePaid, MoveRefunding, MoveRefundFailed, MoveRefunding}, [3]int{2, 4, 1}},
		"back by the dashboard":         {[]Event{paid(0), refund("theirs", "pi_0", RefundSucceeded)}, Refunded, []Move{MovePaid, MoveRefunded}, [3]int{0, 2, 1}},
		"back, and asked for again":     {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundSucceeded), {Verb: Renew}, paid(1)}, Paid, []Move{MovePaid, MoveRefunding, MoveRefunded, MoveRenewed, MovePaid}, [3]int{1, 3, 0}},
		"back fails when asked again":   {[]Event{paid(0), giveBack, refund("re_0", "pi_0", RefundSucceeded), {Verb: Renew}, refund("re_0", "pi_0", RefundFailed)}, Paid, []Move{MovePaid, MoveRefunding, MoveRefunded, MoveRenewed, MovePaid}, [3]int{1, 4, 1}},
		"disputed":                      {[]Event{paid(0), dispute("pi_0", DisputeOpen)}, Disputed, []Move{MovePaid, MoveFrozen}, [3]int{0, 2, 1}},
		"disputed and won":              {[]Event{paid(0), dispute("pi_0", DisputeOpen), dispute("pi_0", DisputeWon), dispute("pi_0", DisputeOpen)}, Paid, []Move{MovePaid, MoveFrozen, MoveThawed}, [3]int{0, 4, 2}},
		"disputed and lost":             {[]Event{paid(0), dispute("pi_0", DisputeOpen), dispute("pi_0", DisputeLost)}, Lost, []Move{MovePaid, MoveFrozen, MoveLost}, [3]int{0, 3, 2}},
		"disputed while it goes back":   {[]Event{paid(0), giveBack, dispute("pi_0", DisputeOpen), dispute("pi_0", DisputeWon)}, Refunding, []Move{MovePaid, MoveRefunding, MoveFrozen, MoveThawed, MoveRefunding}, [3]int{1, 4, 2}},
		"lost, then waived":             {[]Event{paid(0), dispute("pi_0", DisputeLost), waive}, Waived, []Move{MovePaid, MoveLost, MoveThawed, MoveWaived}, [3]int{0, 3, 1}},
		"lost, then paid offline":       {[]Event{paid(0), dispute("pi_0", DisputeLost), offline}, Offline, []Move{MovePaid, MoveLost, MoveThawed}, [3]int{0, 3, 1}},
		"lost, waived, won after all":   {[]Event{paid(0), dispute("pi_0", DisputeLost), waive, dispute("pi_0", DisputeWon)}, Waived, []Move{MovePaid, MoveLost, MoveThawed, MoveWaived}, [3]int{1, 4, 2}},
		"a dispute of a second payment": {[]Event{paid(0), paid(1), dispute("pi_1", DisputeOpen)}, Paid, []Move{MovePaid}, [3]int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, said := apply(t, open(2), c.events...)
			got := [3]int{count(said, DoRefund), count(said, DoExpire), count(said, DoAlarm)}
			if b.State != c.state || !slices.Equal(heard(said), c.moves) || got != c.effect {
				t.Errorf("%s, moves %v, effects %v; want %s, %v, %v", b.State, heard(said), got, c.state, c.moves, c.effect)
			}
		})
	}
}

func TestApply_MovesNothingForAnotherAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []Checkout{
		{Ref: "0", State: PaidFor, Intent: "pi", Paid: Fee - 1, Currency: "usd"},
		{Ref: "0", State: PaidFor, Intent: "pi", Paid: Fee + 1, Currency: "usd"},
		{Ref: "0", State: PaidFor, Intent: "pi", Paid: Fee, Currency: "eur"},
		{Ref: "0", State: PaidFor, Intent: "pi"},
	} {
		b, said := apply(t, open(1), Event{Verb: SawCheckout, Checkout: c}, Event{Verb: SawCheckout, Checkout: c})
		if b.State != Due || count(said, DoAlarm) != 1 || count(said, DoRefund)+len(heard(said)) != 0 {
			t.Errorf("%+v leads to %s, %+v", c, b.State, said)
		}
	}
}

// Each state and each decision: what the table omits is refused and changes
// nothing.
func TestApply_RefusesWhatTheTableOmits(t *testing.T) {
	t.Parallel()
	may := map[Verb][]ChargeState{
		Waive: {Due, Pending, Lost}, GiveUp: {Due, Pending}, PayOffline: {Due, Pending, Lost}, Renew: {Void, Refunded}, GiveBack: {Paid, Offline}, "nonsense": nil,
	}
	for v, states := range may {
		for _, s := range ChargeStates() {
			b := inState(t, s)
			next, effects, err := Apply(b, Event{Verb: v, Intent: OfflineIntent("c")})
			if slices.Contains(states, s) {
				if err != nil || next.State == s {
					t.Errorf("%s of %s: %s, %v", v, s, next.State, err)
				}
				continue
			}
			if err == nil || next.State != s || effects != nil || v != "nonsense" && !errs.Is(err, errs.Conflict) {
				t.Errorf("%s of %s is not refused: %s, %v", v, s, next.State, err)
			}
		}
	}
}

func inState(t *testing.T, s ChargeState) Book {
	t.Helper()
	ways := map[ChargeState][]Event{
		Due: nil, Pending: {saw(0, SlowPayment)}, Paid: {paid(0)}, Waived: {{Verb: Waive}}, Offline: {{Verb: PayOffline, Intent: OfflineIntent("c")}},
		Refunding: {paid(0), {Verb: GiveBack}}, Refunded: {paid(0), {Verb: GiveBack}, refund("re_0", "pi_0", RefundSucceeded)},
		Disputed: {paid(0), dispute("pi_0", DisputeOpen)}, Lost: {paid(0), dispute("pi_0", DisputeLost)}, Void: {{Verb: GiveUp}},
	}
	b, _ := apply(t, open(1), ways[s]...)
	if b.State != s {
		t.Fatalf("the way to %s leads to %s", s, b.State)
	}
	return b
}

// Whatever facts come to whatever state, they are taken, no move is outside
// the table, and the ticket is told of every change.
func TestApply_NeverRefusesAFact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
		b := open(3)
		for range 12 {
			e := fact(r)
			if r.IntN(4) == 0 {
				e = Event{Verb: []Verb{Waive, GiveUp, PayOffline, Renew, GiveBack}[r.IntN(5)], Intent: OfflineIntent("c")}
			}
			old := b.State
			next, said, err := Apply(b, e)
			if err != nil && (e.Verb == SawCheckout || e.Verb == SawRefund || e.Verb == SawDispute) {
				t.Fatalf("seed %d: %+v of %+v: %v", seed, e, b, err)
			}
			if err != nil {
				continue
			}
			if b = next; b.State != old && len(heard(said)) == 0 {
				t.Fatalf("seed %d: from %s to %s and nobody is told", seed, old, b.State)
			}
			for i := range b.Refunds {
				if b.Refunds[i].Ref == "" {
					b.Refunds[i].Ref = fmt.Sprintf("re_%d", i)
				}
			}
		}
	}
}

func fact(r *rand.Rand) Event {
	i := r.IntN(3)
	switch r.IntN(4) {
	case 0:
		return paid(i)
	case 1:
		return saw(i, CheckoutStates()[r.IntN(5)])
	case 2:
		return refund(fmt.Sprintf("re_%d", r.IntN(3)), fmt.Sprintf("pi_%d", i), RefundStates()[r.IntN(4)])
	}
	return dispute(fmt.Sprintf("pi_%d", i), DisputeStates()[r.IntN(3)])
}

// The facts of one payment, in any order and any number of times, lead to one
// state, as long as none is known before its cause.
func TestApply_OrderAndRepetitionChangeNothing(t *testing.T) {
	t.Parallel()
	later := []Event{
		saw(0, Opened), saw(0, SlowPayment), saw(0, Expired), paid(0), refund("re_0", "pi_0", RefundPending), refund("re_0", "pi_0", RefundSucceeded),
		dispute("pi_0", DisputeOpen), dispute("pi_0", DisputeWon),
	}
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable
		b, said := apply(t, open(1), paid(0), Event{Verb: GiveBack})
		for _, i := range append(r.Perm(len(later)), r.Perm(len(later))...) {
			var more []Effect
			b, more = apply(t, b, later[i])
			said = append(said, more...)
		}
		if b.State != Refunded || count(said, DoRefund) != 1 {
			t.Fatalf("seed %d: %s, %d refunds", seed, b.State, count(said, DoRefund))
		}
	}
}

func TestDisputeFrom_TakesAnEarlyWarningForNone(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]DisputeState{
		"needs_response": DisputeOpen, "under_review": DisputeOpen, "something new": DisputeOpen, "won": DisputeWon, "lost": DisputeLost,
		"warning_needs_response": "", "warning_closed": "", "": "",
	} {
		if got, ok := DisputeFrom(status); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v", status, got, ok)
		}
	}
}

func TestKeys_AreOfTicketAndTryAndOfRefund(t *testing.T) {
	t.Parallel()
	if k := (CheckoutOrder{Try: 2}).Key(); k != "restore-fee::2" {
		t.Error(k)
	}
	if (RefundOrder{}).Key() != "restore-refund:" {
		t.Error("the refund's key")
	}
}
