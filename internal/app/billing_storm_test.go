package app_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
)

// moneyStorm does to one charge what people, banks and the network do, in an order
// that the seed chooses.
type moneyStorm struct {
	*till
	*rand.Rand
	ticket   id.Ticket
	sessions []string
	pending  []string // events that were not delivered
	seen     int
}

func (s *moneyStorm) session() string {
	if len(s.sessions) == 0 {
		return ""
	}
	return s.sessions[s.IntN(len(s.sessions))]
}

// note collects what was emitted, of which a part is lost and a part doubled.
func (s *moneyStorm) note() {
	all := s.stripe.Events()
	for _, e := range all[s.seen:] {
		for range s.IntN(3) {
			s.pending = append(s.pending, e)
		}
	}
	s.seen = len(all)
	s.Shuffle(len(s.pending), func(i, j int) { s.pending[i], s.pending[j] = s.pending[j], s.pending[i] })
}

var stormCalls = []string{
	"", "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/{id}", "POST /v1/checkout/sessions/{id}/expire", "POST /v1/refunds", "GET /v1/refunds", "GET /v1/disputes", "GET /v1/events",
}

func (s *moneyStorm) step() string {
	ctx := s.t.Context()
	switch s.IntN(22) {
	case 0, 1, 2:
		_, err := s.Pay(ctx, s.customer, s.ticket)
		s.sessions = append(s.sessions, s.stripe.OpenSessions()...)
		return fmt.Sprintf("pay: %v", errs.KindOf(err))
	case 3, 4, 5:
		m := fakestripe.Methods()[s.IntN(4)]
		return fmt.Sprintf("%s: %v", m, s.stripe.Pay(s.session(), m))
	case 6:
		return fmt.Sprintf("bank: %v", s.stripe.EndBank(s.session(), s.IntN(2) == 0))
	case 7:
		if i := s.stripe.Intent(s.session()); i != "" && s.stripe.Kept("holdfast_ticket", s.ticket.String()) > 0 && s.Count("SELECT count(*) FROM refund") == 0 {
			return fmt.Sprintf("dispute: %v", s.stripe.Dispute(i))
		}
	case 8:
		return fmt.Sprintf("dispute ends: %v", s.stripe.CloseDispute(s.stripe.Intent(s.session()), s.IntN(2) == 0))
	case 9:
		return fmt.Sprintf("refund ends: %v", s.stripe.EndRefund(s.stripe.Intent(s.session()), s.IntN(3) > 0))
	case 10:
		s.stripe.Set(fakestripe.Switches{NextRefund: []string{"", "pending"}[s.IntN(2)]})
	case 11:
		return fmt.Sprintf("refund: %v", errs.KindOf(s.RefundFee(ctx, s.billing, s.ticket, billing.Fee, "the storm")))
	case 12:
		if s.IntN(4) == 0 {
			return fmt.Sprintf("waive: %v", errs.KindOf(s.WaiveFee(ctx, s.billing, s.ticket, "the storm")))
		}
	case 13:
		if s.IntN(4) == 0 {
			s.SQL("UPDATE ticket SET state = 'withdrawn', ended_at = now() WHERE id = $1 AND state = 'awaiting_payment'", s.ticket.String())
			return fmt.Sprintf("withdraw: %v", errs.KindOf(s.SquareCharge(ctx, s.ticket)))
		}
	case 14:
		s.stripe.Fail(stormCalls[s.IntN(len(stormCalls))], []fakestripe.Fault{fakestripe.Down, fakestripe.Lost, fakestripe.Limited}[s.IntN(3)], 1+s.IntN(2))
	case 15:
		s.clock.Add(time.Duration(s.IntN(14*60)) * time.Minute)
		_ = s.ReconcileBilling(ctx)
		return "time passes"
	case 16, 17:
		s.note()
		for range min(len(s.pending), 3) {
			s.deliver(s.pending[0])
			s.pending = s.pending[1:]
		}
		return "webhooks"
	case 18:
		return fmt.Sprintf("jobs: %v", len(s.work()))
	case 19, 20:
		return s.rogue()
	case 21:
		if s.IntN(3) == 0 {
			s.SQL("DELETE FROM river.river_job") // a restore of the database, an operator's hand
			return "jobs are lost"
		}
	}
	return ""
}

// stormSeeds is how many storms make check raises; each is another order.
const stormSeeds = 25

// rogue makes a second page of one charge, as a process of another release
// might, or a database that was set back.
func (s *moneyStorm) rogue() string {
	made := id.New[id.Checkout]()
	s.SQL(`INSERT INTO checkout (tenant_id, id, charge_id, try, expires_at, created_at)
		SELECT c.tenant_id, $2, c.id, 1 + coalesce((SELECT max(try) FROM checkout k WHERE k.charge_id = c.id), 0), $3, $4 FROM charge c WHERE c.ticket_id = $1`,
		s.ticket.String(), made.String(), s.clock.Now().Truncate(time.Second).Add(billing.CheckoutFor), s.clock.Now())
	err := s.SyncCheckout(s.t.Context(), made)
	s.sessions = append(s.sessions, s.stripe.OpenSessions()...)
	return fmt.Sprintf("rogue page: %v", errs.KindOf(err))
}

// Whatever order, repetition and loss: when the dust has settled, the charge
// says of the money what Stripe says.
func TestStorm_MoneyAndChargeNeverDisagree(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	for seed := range uint64(stormSeeds) {
		s := &moneyStorm{till: r, Rand: rand.New(rand.NewPCG(seed, 3)), ticket: r.ticket(), seen: len(r.stripe.Events())}
		s.SQL("UPDATE charge SET created_at = now() WHERE ticket_id = $1", s.ticket.String())
		var did []string
		for range 25 {
			if what := s.step(); what != "" {
				did = append(did, what)
			}
		}
		r.stripe.Heal()
		r.stripe.Set(fakestripe.Switches{})
		for _, k := range s.sessions { // banks decide in the end
			r.stripe.EndBank(k, seed%2 == 0)
			r.stripe.EndRefund(r.stripe.Intent(k), true)
		}
		r.settle()
		for _, k := range s.sessions {
			r.stripe.EndRefund(r.stripe.Intent(k), true)
		}
		r.settle()
		r.agree(s.ticket)
		v := r.charge(s.ticket)
		if n := r.Count("SELECT count(*) FROM stripe_event WHERE state NOT IN ('done', 'ignored')"); n != 0 || v.Charge.State == billing.Refunding || v.Charge.State == billing.Pending {
			t.Errorf("%d events are not handled; the charge is %s", n, v.Charge.State)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, did)
		}
	}
}

// The calls that go wrong, one after another, at every place of the way from
// the click to the refund: each ends with the money where it belongs.
func TestStripe_DownHangingOrDeafAtEachCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []fakestripe.Fault{fakestripe.Down, fakestripe.Limited, fakestripe.Lost, fakestripe.Hang} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newTill(t)
			for _, pattern := range stormCalls[1:] {
				k := r.ticket()
				r.stripe.Fail(pattern, kind, 1)
				if _, err := r.Pay(t.Context(), r.customer, k); err != nil && !errs.Is(err, errs.Unavailable) {
					t.Fatalf("%s: %v", pattern, err)
				}
				r.stripe.Pay(r.open(k), fakestripe.Card)
				r.clock.Add(7 * time.Minute)
				_ = r.ReconcileBilling(t.Context())
				r.work()
				r.settle()
				r.state(k, billing.Paid)
				r.Must(r.RefundFee(t.Context(), r.billing, k, billing.Fee, "not needed"))
				r.settle()
				r.state(k, billing.Due) // paid back; the ticket, whose restore has not begun, waits for its fee again
				r.agree(k)
				if n := r.Count("SELECT count(*) FROM refund r JOIN charge c ON c.id = r.charge_id WHERE c.ticket_id = $1", k.String()); n != 1 {
					t.Errorf("%s: %d refunds", pattern, n)
				}
				r.stripe.Heal()
			}
		})
	}
}

// The process dies after the row of a checkout is stored: before Stripe is
// called, or after it and before the answer is kept. The next click, or the
// reconciler, repeats the same call, and a payment on the page is seen.
func TestPay_DiesBetweenStoreAndCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []fakestripe.Fault{fakestripe.Down, fakestripe.Lost} {
		r := newTill(t)
		for _, how := range []string{"click", "reconciler", "webhook"} {
			if kind == fakestripe.Down && how == "webhook" {
				continue // there is no page to pay on
			}
			k := r.ticket()
			heard := len(r.stripe.Events())
			r.stripe.Fail("POST /v1/checkout/sessions", kind, -1)
			if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Unavailable) {
				t.Fatalf("%v", err)
			}
			r.stripe.Heal()
			switch how {
			case "click":
				r.stripe.Pay(r.open(k), fakestripe.Card)
			case "reconciler":
				r.clock.Add(2 * time.Minute)
				r.Must(r.ReconcileBilling(t.Context()))
				fallthrough
			case "webhook":
				r.stripe.Pay(r.stripe.OpenSessions()[0], fakestripe.Card)
				r.hear(&heard)
				if p := r.work(); p != nil {
					t.Fatal(p)
				}
				r.state(k, billing.Paid)
			}
			r.settle()
			r.state(k, billing.Paid)
			if n := r.Count("SELECT count(*) FROM checkout h JOIN charge c ON c.id = h.charge_id WHERE c.ticket_id = $1", k.String()); n != 1 {
				t.Errorf("%s, %s: %d checkouts", kind, how, n)
			}
			r.agree(k)
		}
	}
}

// Two webhooks of one event at once, and their jobs at once: one effect.
func TestWebhook_TwoAtOnceAreOne(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	r.stripe.Pay(r.open(k), fakestripe.Card)
	event := r.stripe.Events()[len(r.stripe.Events())-1]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if status, err := r.stripe.Deliver(t.Context(), event); err != nil || status != 200 {
				t.Errorf("%d, %v", status, err)
			}
		})
	}
	all.Wait()
	if n := r.Count("SELECT count(*) FROM river.river_job WHERE kind = 'stripe_event'"); n != 1 {
		t.Errorf("%d jobs of one event", n)
	}
	for range 4 {
		all.Go(func() {
			if err := r.HandleStripeEvent(t.Context(), event); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.state(k, billing.Paid)
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'charge.paid'"); n != 1 {
		t.Errorf("%d times paid", n)
	}
	r.Must(r.ReplayStripeEvent(t.Context(), r.billing, event))
	if p := r.work(); p != nil {
		t.Fatal(p)
	}
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'charge.paid'"); n != 1 {
		t.Errorf("%d times paid after the replay", n)
	}
	if err := r.ReplayStripeEvent(t.Context(), authz.Console(), "evt_none"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
