package app_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/billing"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
	"holdfast/internal/ticket"
)

// takesCards gives the bureau a payment provider that tells nothing by itself.
func (x *bureau) takesCards() *fakestripe.Server {
	x.t.Helper()
	s, err := fakestripe.New(fakestripe.Options{Key: stripeKey, WebhookSecret: stripeSecret, Clock: x.clock, Manual: true})
	x.must(err)
	page := httptest.NewServer(s)
	x.t.Cleanup(page.Close)
	s.SetURL(page.URL, page.URL)
	api, err := stripeapi.New(stripeapi.Config{Key: stripeKey, URL: page.URL, Timeout: 2 * time.Second})
	x.must(err)
	x.UseStripe(api)
	x.UsePeople(app.People{URL: "https://backup.hoster.example"})
	return s
}

// checkout opens the page of payment and gives its session and our row of it.
func (x *bureau) checkout(of id.Ticket) (session string, row id.Checkout) {
	x.t.Helper()
	_, err := x.Pay(x.t.Context(), x.member, of)
	x.must(err)
	v, err := x.Charge(x.t.Context(), x.billing, of)
	x.must(err)
	k := v.Checkouts[len(v.Checkouts)-1]
	return *k.StripeID, k.ID
}

func (x *bureau) fee(of id.Ticket, want billing.ChargeState) {
	x.t.Helper()
	v, err := x.Charge(x.t.Context(), x.billing, of)
	x.must(err)
	if v.Charge.State != want {
		x.t.Fatalf("the fee is %s, want %s (%s)", v.Charge.State, want, v.Charge.Alarm)
	}
}

// Who hears of a payment late may hear in the same moment that the bank, or
// somebody in Stripe, took it back: no restore begins on it.
func TestTicket_BeginsNothingOnAPaymentThatWentBackMeanwhile(t *testing.T) {
	t.Parallel()
	for name, took := range map[string]func(s *fakestripe.Server, intent string){
		"disputed": func(s *fakestripe.Server, intent string) { s.Dispute(intent) },
		"refunded": func(s *fakestripe.Server, intent string) { s.RefundInDashboard(intent, int64(billing.Fee)) },
	} {
		x := newBureau(t)
		s := x.takesCards()
		of := x.ask(ticket.Everything)
		x.agree(of)
		session, row := x.checkout(of)
		s.Pay(session, fakestripe.Card)
		took(s, s.Intent(session))
		x.must(x.SyncCheckout(t.Context(), row))
		x.must(x.MoveTicket(t.Context(), of))
		v := x.look(of)
		if !v.Ticket.RestoreID.IsZero() || v.Ticket.State == ticket.Running {
			t.Errorf("%s: the ticket is %s with restore %s, its fee %s", name, v.Ticket.State, v.Ticket.RestoreID, v.Charge.State)
		}
	}
}

// A dispute that ends while the payment went back in Stripe lets nothing begin
// either.
func TestTicket_BeginsNothingWhenADisputeEndsWithoutMoney(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	s := x.takesCards()
	of := x.ask(ticket.Everything)
	x.agree(of)
	session, row := x.checkout(of)
	s.Pay(session, fakestripe.Card)
	s.Dispute(s.Intent(session))
	x.must(x.SyncCheckout(t.Context(), row))
	x.stands(of, ticket.Approved)
	s.CloseDispute(s.Intent(session), true)
	s.RefundInDashboard(s.Intent(session), int64(billing.Fee))
	x.must(x.SyncCheckout(t.Context(), row))
	if v := x.look(of); !v.Ticket.RestoreID.IsZero() || v.Charge.State.Settles() {
		t.Errorf("the ticket is %s with restore %s, its fee %s", v.Ticket.State, v.Ticket.RestoreID, v.Charge.State)
	}
}

// A restore fails while the bank claims the payment: once the bank gives it
// back to us, it goes back to the customer, as they were told.
func TestTicket_PaysBackAfterADisputeWhatFailedMeanwhile(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	s := x.takesCards()
	of := x.ask(ticket.Everything)
	session, row := x.checkout(of)
	s.Pay(session, fakestripe.Card)
	x.must(x.SyncCheckout(t.Context(), row))
	r := x.begins(of)
	s.Dispute(s.Intent(session))
	x.must(x.SyncCheckout(t.Context(), row))
	x.breaks(r)
	x.stands(of, ticket.Failed)
	x.fee(of, billing.Disputed)
	s.CloseDispute(s.Intent(session), true)
	x.must(x.SyncCheckout(t.Context(), row))
	x.fee(of, billing.Refunding)
}

// A bank that took the payment for good holds a ticket up until the billing
// staff decide: they waive the fee, or note that it came another way.
func TestTicket_GoesOnAfterALostDisputeByAWaiver(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	s := x.takesCards()
	of := x.ask(ticket.Everything)
	session, row := x.checkout(of)
	s.Pay(session, fakestripe.Card)
	x.must(x.SyncCheckout(t.Context(), row))
	s.Dispute(s.Intent(session))
	s.CloseDispute(s.Intent(session), false)
	x.must(x.SyncCheckout(t.Context(), row))
	x.fee(of, billing.Lost)
	if v, err := x.Charge(t.Context(), x.billing, of); err != nil || !v.May.Waive || !v.May.Offline {
		t.Errorf("%+v, %v", v.May, err)
	}
	x.must(x.WaiveFee(t.Context(), x.billing, of, "a mistake of the bank"))
	x.fee(of, billing.Waived)
	if v := x.look(of); v.Ticket.Frozen != "" {
		t.Errorf("it still stands: %q", v.Ticket.Frozen)
	}
	x.must(x.DeclineTicket(t.Context(), x.operator, x.seen(of), "no more"))
	x.stands(of, ticket.Declined)
}

// A fee that was paid offline, paid back by hand and paid offline again is
// paid: the second payment is another than the first.
func TestOffline_IsPaidAgainAfterItWasPaidBack(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	for _, ref := range []string{"transfer 1", "transfer 2", "transfer 3"} {
		x.must(x.SquareCharge(t.Context(), of))
		x.must(x.RecordOffline(t.Context(), x.billing, of, ref))
		x.fee(of, billing.Offline)
		x.stands(of, ticket.Queued)
		x.must(x.RefundFee(t.Context(), x.billing, of, billing.Fee, "another account"))
		x.must(x.RecordHandRefund(t.Context(), x.billing, of, "back of "+ref))
		x.fee(of, billing.Refunded)
		x.stands(of, ticket.AwaitingPayment)
	}
}
