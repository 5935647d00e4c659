package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

func TestPay_LeadsFromTheClickToTheReceipt(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	heard := 0
	r.state(k, billing.Due)
	s := r.open(k)
	r.stripe.Pay(s, fakestripe.Card)
	r.hear(&heard)
	r.hear(&heard)
	if p := r.work(); p != nil {
		t.Fatal(p)
	}
	v := r.state(k, billing.Paid)
	if v.Charge.PaidAt == nil || !strings.Contains(v.Charge.ReceiptUrl, "/receipts/") || v.Charge.Alarm != "" || !v.May.Refund || v.May.Pay {
		t.Errorf("%+v", v)
	}
	if n := r.Count("SELECT count(*) FROM ticket WHERE state = 'queued'"); n != 1 {
		t.Error("the paid ticket does not go on")
	}
	r.agree(k)
	if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Conflict) {
		t.Errorf("paid again: %v", err)
	}
}

func TestPay_TwoClicksAreOnePage(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	type got struct {
		url string
		err error
	}
	all := make(chan got)
	for range 6 {
		go func() {
			url, err := r.Pay(t.Context(), r.customer, k)
			all <- got{url, err}
		}()
	}
	urls := map[string]bool{}
	for range 6 {
		g := <-all
		if g.err != nil {
			t.Errorf("%v", g.err)
		}
		urls[g.url] = true
	}
	again, err := r.Pay(t.Context(), r.customer, k)
	if err != nil || !urls[again] || again == "" {
		t.Errorf("%q, %v", again, err)
	}
	if len(urls) != 1 || len(r.stripe.OpenSessions()) != 1 || r.Count("SELECT count(*) FROM checkout") != 1 {
		t.Errorf("%d pages, %d sessions", len(urls), len(r.stripe.OpenSessions()))
	}
}

// A page that soon ends is ended before another is made; one on which somebody
// pays at that moment is seen as paid, and no other is made.
func TestPay_EndsTheOldPageBeforeANewOne(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	one := r.open(k)
	r.clock.Add(billing.CheckoutFor - 5*time.Minute)
	two := r.open(k)
	if open := r.stripe.OpenSessions(); one == two || len(open) != 1 || open[0] != two {
		t.Errorf("%v are open, the new one is %s", open, two)
	}
	r.clock.Add(billing.CheckoutFor - 5*time.Minute)
	r.stripe.Pay(two, fakestripe.Card)
	if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Conflict) {
		t.Errorf("%v", err)
	}
	r.state(k, billing.Paid)
}

// A payment that comes after all has ended, or beside another, goes back.
func TestSurplus_GoesBackByItself(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*till, id.Ticket) error{
		"withdrawn": func(r *till, k id.Ticket) error {
			r.SQL("UPDATE ticket SET state = 'withdrawn', ended_at = now() WHERE id = $1", k.String())
			return r.SquareCharge(r.t.Context(), k)
		},
		"waived": func(r *till, k id.Ticket) error { return r.WaiveFee(r.t.Context(), r.billing, k, "goodwill") },
		"offline": func(r *till, k id.Ticket) error {
			return r.RecordOffline(r.t.Context(), r.billing, k, "transfer 17")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTill(t)
			k := r.ticket()
			s := r.open(k)
			r.stripe.Pay(s, fakestripe.Card) // and the webhook is lost
			r.Must(end(r, k))
			state := r.charge(k).Charge.State
			r.settle()
			v := r.state(k, state)
			if len(v.Refunds) != 1 || v.Refunds[0].State != billing.RefundSucceeded {
				t.Errorf("%+v", v.Refunds)
			}
			r.agree(k)
		})
	}
}

func TestSettled_EndsThePagesThatStandOpen(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	r.open(k)
	r.Must(r.WaiveFee(t.Context(), r.billing, k, "goodwill"))
	if p := r.work(); p != nil {
		t.Fatal(p)
	}
	if open := r.stripe.OpenSessions(); len(open) != 0 {
		t.Errorf("%v can still be paid", open)
	}
	if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Conflict) {
		t.Errorf("%v", err)
	}
}

func TestBankDebit_IsPendingUntilItSettlesOrBounces(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	heard := 0
	for _, settles := range []bool{true, false} {
		k := r.ticket()
		s := r.open(k)
		r.stripe.Pay(s, fakestripe.Bank)
		r.hear(&heard)
		r.work()
		r.state(k, billing.Pending)
		if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Conflict) {
			t.Errorf("paid twice: %v", err)
		}
		r.stripe.EndBank(s, settles)
		r.hear(&heard)
		r.work()
		if settles {
			r.state(k, billing.Paid)
		} else {
			r.state(k, billing.Due)
			r.stripe.Pay(r.open(k), fakestripe.Card)
			r.settle()
			r.state(k, billing.Paid)
		}
		r.agree(k)
	}
}

func TestRefund_IsWholeAndOnceAndAFailureIsTold(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	s := r.open(k)
	r.stripe.Pay(s, fakestripe.Card)
	r.settle()
	r.state(k, billing.Paid)
	if err := r.RefundFee(t.Context(), r.billing, k, billing.Fee/2, "half"); !errs.Is(err, errs.Invalid) {
		t.Errorf("a part: %v", err)
	}
	r.Must(r.RefundFee(t.Context(), r.billing, k, billing.Fee, "not needed"))
	if err := r.RefundFee(t.Context(), r.billing, k, billing.Fee, "not needed"); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	r.stripe.Fail("POST /v1/refunds", fakestripe.Lost, -1) // it is done, and the answer is lost
	if p := r.work(); len(p) != 1 {
		t.Fatalf("%v", p)
	}
	r.state(k, billing.Refunding)
	r.stripe.Heal()
	r.work()
	v := r.state(k, billing.Refunded)
	if len(v.Refunds) != 1 || r.stripe.Kept("holdfast_ticket", k.String()) != 0 {
		t.Errorf("%+v", v.Refunds)
	}
	heard := len(r.stripe.Events())
	r.stripe.EndRefund(r.stripe.Intent(s), false)
	r.hear(&heard)
	r.work()
	v = r.state(k, billing.Paid)
	if !strings.Contains(v.Charge.Alarm, "refund failed") {
		t.Errorf("nobody is told: %+v", v.Charge)
	}
	r.Must(r.SeenAlarm(t.Context(), r.billing, k))
	r.Must(r.RefundFee(t.Context(), r.billing, k, billing.Fee, "again"))
	if p := r.work(); p != nil {
		t.Fatal(p)
	}
	v = r.state(k, billing.Refunded)
	if v.Charge.Alarm != "" {
		t.Errorf("told again: %+v", v.Charge)
	}
	r.agree(k)
	// The ticket, whose restore has not begun, waits for its fee again.
	r.stripe.Pay(r.open(k), fakestripe.Card)
	r.settle()
	r.state(k, billing.Paid)
	r.agree(k)
}

// What somebody does in Stripe's own pages is seen: a whole refund is taken for
// one, so that the ticket waits for its fee again; a part is told to people.
func TestRefund_InStripeItselfIsSeen(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	for cents, want := range map[int64]billing.ChargeState{int64(billing.Fee): billing.Due, 2500: billing.Paid} {
		k := r.ticket()
		s := r.open(k)
		r.stripe.Pay(s, fakestripe.Card)
		r.settle()
		r.stripe.RefundInDashboard(r.stripe.Intent(s), cents)
		r.settle()
		v := r.state(k, want)
		if !strings.Contains(v.Charge.Alarm, "in Stripe itself") {
			t.Errorf("nobody is told: %+v", v.Charge)
		}
		if cents != int64(billing.Fee) {
			r.Must(r.SeenAlarm(t.Context(), r.billing, k))
			r.settle()
			if v := r.charge(k); v.Charge.Alarm != "" {
				t.Errorf("told at every look: %q", v.Charge.Alarm)
			}
		}
	}
}

func TestDispute_FreezesTheTicketUntilItIsWon(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	for _, won := range []bool{true, false} {
		k := r.ticket()
		s := r.open(k)
		r.stripe.Pay(s, fakestripe.Card)
		r.settle()
		r.stripe.Dispute(r.stripe.Intent(s))
		r.settle()
		v := r.state(k, billing.Disputed)
		frozen := func() int {
			return r.Count("SELECT count(*) FROM ticket WHERE id = $1 AND frozen <> ''", k.String())
		}
		if frozen() != 1 || v.Charge.Alarm == "" || len(v.Disputes) != 1 {
			t.Errorf("%+v", v)
		}
		if err := r.RefundFee(t.Context(), r.billing, k, billing.Fee, "while disputed"); !errs.Is(err, errs.Conflict) {
			t.Errorf("%v", err)
		}
		r.stripe.CloseDispute(r.stripe.Intent(s), won)
		r.settle()
		if won {
			r.state(k, billing.Paid)
		} else {
			r.state(k, billing.Lost)
		}
		if (frozen() == 1) == won {
			t.Errorf("won %v, and the ticket is frozen: %d", won, frozen())
		}
		r.agree(k)
	}
}

func TestOffline_IsPaidBackByHand(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	r.UseStripe(nil)
	k := r.ticket()
	if _, err := r.Pay(t.Context(), r.customer, k); !errs.Is(err, errs.Unsupported) || !strings.Contains(errs.Sentence(err), "bank transfer") {
		t.Errorf("no Stripe: %v", err)
	}
	if p := r.Payments(); p.Online || p.Test {
		t.Errorf("%+v", p)
	}
	if err := r.RecordOffline(t.Context(), r.billing, k, " "); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a reference: %v", err)
	}
	r.Must(r.RecordOffline(t.Context(), r.billing, k, "transfer 2026-17"))
	v := r.state(k, billing.Offline)
	if v.Charge.Reason != "transfer 2026-17" || v.Charge.DecidedBy != "staff:1" {
		t.Errorf("%+v", v.Charge)
	}
	r.Must(r.RefundFee(t.Context(), r.billing, k, billing.Fee, "not needed"))
	v = r.state(k, billing.Refunding)
	if !v.May.HandRefund || !strings.Contains(v.Charge.Alarm, "by hand") {
		t.Errorf("%+v", v)
	}
	r.Must(r.RecordHandRefund(t.Context(), r.billing, k, "transfer 2026-18"))
	r.state(k, billing.Refunded)
	if err := r.RecordHandRefund(t.Context(), r.billing, k, "transfer 2026-19"); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
}

// A ticket that we decline, or that is withdrawn, gets its money back; the
// reconciler finds the ones whose job was lost.
func TestDeclined_IsPaidBack(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"declined", "withdrawn"} {
		r := newTill(t)
		paid, due := r.ticket(), r.ticket()
		r.stripe.Pay(r.open(paid), fakestripe.Card)
		r.settle()
		r.SQL("UPDATE ticket SET state = $1::ticket_state, ended_at = now(), updated_at = '2026-11-22 10:00'", state)
		r.SQL("DELETE FROM river.river_job")
		r.settle()
		r.state(paid, billing.Refunded)
		r.state(due, billing.Void)
		r.agree(paid)
	}
}

func TestMoney_IsForWhoMay(t *testing.T) {
	t.Parallel()
	r := newTill(t)
	k := r.ticket()
	viewer, stranger, support := r.customer, r.customer, r.billing
	viewer.Memberships = []authz.Membership{{Tenant: r.of, Role: tenant.Viewer}}
	stranger.Memberships = []authz.Membership{{Tenant: id.New[id.Tenant](), Role: tenant.Admin}}
	support.Staff = tenant.Support
	for name, who := range map[string]authz.Actor{"viewer": viewer, "stranger": stranger} {
		if _, err := r.Charge(t.Context(), who, k); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s sees: %v", name, err)
		}
		if _, err := r.Pay(t.Context(), who, k); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s pays: %v", name, err)
		}
	}
	for name, who := range map[string]authz.Actor{"customer": r.customer, "support": support, "stranger": stranger} {
		for what, err := range map[string]error{
			"waive": r.WaiveFee(t.Context(), who, k, "because"), "offline": r.RecordOffline(t.Context(), who, k, "because"),
			"refund": r.RefundFee(t.Context(), who, k, billing.Fee, "because"), "hand": r.RecordHandRefund(t.Context(), who, k, "because"),
			"seen": r.SeenAlarm(t.Context(), who, k), "replay": r.ReplayStripeEvent(t.Context(), who, "evt_1"),
		} {
			if !errs.Is(err, errs.Forbidden) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	if _, err := r.Money(t.Context(), r.customer); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a customer sees all money: %v", err)
	}
	if _, err := r.StripeEvents(t.Context(), r.customer, app.EventQuery{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a customer sees Stripe's events: %v", err)
	}
	r.Must(r.WaiveFee(t.Context(), r.billing, k, "goodwill of staff"))
	if v, err := r.Charge(t.Context(), r.customer, k); err != nil || v.Charge.DecidedBy != "" || v.May.Refund {
		t.Errorf("%+v, %v", v, err)
	}
}
