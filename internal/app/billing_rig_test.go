package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/httpd/hook"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
	"holdfast/internal/tenant"
	"holdfast/internal/testkit"
)

const (
	stripeKey    = "sk_test_0123456789abcdefghij"
	stripeSecret = "whsec_0123456789abcdefghij"
)

// till is a control plane with a payment provider that does what it is told.
type till struct {
	*testkit.App
	t      *testing.T
	clock  *clock.Fixed
	stripe *fakestripe.Server
	of     id.Tenant
	looks  *pgx.Conn // of jobs

	customer, billing authz.Actor
}

func newTill(t *testing.T) *till {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	r := &till{App: testkit.NewApp(t, c), t: t, clock: c}
	s, err := fakestripe.New(fakestripe.Options{Key: stripeKey, WebhookSecret: stripeSecret, Clock: c, Manual: true})
	r.Must(err)
	r.stripe = s
	page := httptest.NewServer(s)
	t.Cleanup(page.Close)
	door := httptest.NewServer(hook.New(r.App.App, slog.New(slog.DiscardHandler), clock.System{}))
	t.Cleanup(door.Close)
	s.SetURL(page.URL, door.URL+hook.StripePath)
	api, err := stripeapi.New(stripeapi.Config{Key: stripeKey, URL: page.URL, WebhookSecrets: []string{stripeSecret}, Timeout: 2 * time.Second})
	r.Must(err)
	r.UseStripe(api)
	r.UsePeople(app.People{URL: "https://backup.hoster.example"})
	made, err := r.AddTenant(t.Context(), authz.Console(), "Riverside", "riverside")
	r.Must(err)
	r.of = made
	r.customer = authz.Actor{Account: id.New[id.Account](), Name: "customer:1", Memberships: []authz.Membership{{Tenant: r.of, Role: tenant.Admin}}}
	r.billing = authz.Actor{Account: id.New[id.Account](), Name: "staff:1", Staff: tenant.Billing}
	_, _, err = r.AddHost(t.Context(), authz.Console(), "host-a", 2)
	r.Must(err)
	r.site()
	return r
}

func (r *till) site() {
	r.t.Helper()
	r.SQL(`INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, time_zone, created_at)
		SELECT $1, $2, h.id, d.id, 'learn.riverside.example', '/srv/a', 'UTC', now() FROM host h, destination d LIMIT 1`, r.of.String(), id.New[id.Site]().String())
}

// ticket makes a restore ticket that waits for its payment, with its charge.
func (r *till) ticket() id.Ticket {
	r.t.Helper()
	made := id.New[id.Ticket]()
	r.SQL(`INSERT INTO ticket (tenant_id, id, number, kind, state, subject, site_id, created_at, submitted_at, updated_at)
		SELECT $1, $2, nextval('ticket_number'), 'restore', 'awaiting_payment', '=cmd()', id, now(), now(), now() FROM site WHERE tenant_id = $1`, r.of.String(), made.String())
	r.Must(r.SquareCharge(r.t.Context(), made))
	return made
}

// charge gives the ticket's charge as staff see it.
func (r *till) charge(t id.Ticket) app.ChargeView {
	r.t.Helper()
	v, err := r.Charge(r.t.Context(), r.billing, t)
	r.Must(err)
	return v
}

// state ends the test unless the charge is as said.
func (r *till) state(t id.Ticket, want billing.ChargeState) app.ChargeView {
	r.t.Helper()
	v := r.charge(t)
	if v.Charge.State != want {
		r.t.Fatalf("the charge is %s, want %s (alarm: %q)", v.Charge.State, want, v.Charge.Alarm)
	}
	return v
}

// open presses "Pay" and gives the session that the page is of.
func (r *till) open(t id.Ticket) (session string) {
	r.t.Helper()
	_, err := r.Pay(r.t.Context(), r.customer, t)
	r.Must(err)
	v := r.charge(t)
	for _, k := range v.Checkouts {
		if k.State == billing.Opened {
			session = *k.StripeID
		}
	}
	if session == "" {
		r.t.Fatalf("no open session: %+v", v.Checkouts)
	}
	return session
}

// hear sends the webhooks of all events that were not sent yet.
func (r *till) hear(heard *int) {
	r.t.Helper()
	all := r.stripe.Events()
	for _, e := range all[*heard:] {
		r.deliver(e)
	}
	*heard = len(all)
}

func (r *till) deliver(event string) {
	r.t.Helper()
	status, err := r.stripe.Deliver(r.t.Context(), event)
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("the webhook of %s: %d, %v", event, status, err)
	}
}

// work does the jobs of money that wait, and those that they make, in order; it
// gives the errors of those that failed. Failed ones stay and are done at the
// next call, as River would after a pause.
func (r *till) work() (problems []error) {
	r.t.Helper()
	for range 100 {
		jobs := r.jobs()
		if len(jobs) == 0 {
			return problems
		}
		done := 0
		for _, j := range jobs {
			err := r.do(j)
			if err != nil && !errs.Is(err, errs.NotFound) {
				problems = append(problems, fmt.Errorf("%s: %w", j.kind, err))
				continue
			}
			done++
			r.SQL("DELETE FROM river.river_job WHERE id = $1", j.id)
		}
		if done == 0 {
			return problems
		}
		problems = nil
	}
	r.t.Fatal("the jobs of money never end")
	return nil
}

type billingJob struct {
	id   int64
	kind string
	args []byte
}

func (r *till) jobs() (all []billingJob) {
	r.t.Helper()
	if r.looks == nil {
		c, err := pgx.Connect(r.t.Context(), r.URL)
		r.Must(err)
		r.t.Cleanup(func() { _ = c.Close(context.Background()) })
		r.looks = c
	}
	rows, err := r.looks.Query(r.t.Context(), "SELECT id, kind, args FROM river.river_job WHERE queue = 'billing' ORDER BY id")
	r.Must(err)
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (j billingJob, err error) {
		err = row.Scan(&j.id, &j.kind, &j.args)
		return j, err
	})
	r.Must(err)
	return all
}

func (r *till) do(j billingJob) error {
	var args struct {
		Event    string
		Checkout id.Checkout
		Refund   id.Refund
	}
	r.Must(json.Unmarshal(j.args, &args))
	ctx := r.t.Context()
	switch j.kind {
	case "stripe_event":
		return r.HandleStripeEvent(ctx, args.Event)
	case "end_checkout":
		return r.EndCheckout(ctx, args.Checkout)
	case "send_refund":
		return r.SendRefund(ctx, args.Refund)
	case "reconcile_billing":
		return r.ReconcileBilling(ctx)
	}
	return fmt.Errorf("no job of money is of kind %q", j.kind)
}

// settle lets time pass and the reconciler look until nothing is left to do.
func (r *till) settle() {
	r.t.Helper()
	for range 4 {
		r.clock.Add(6 * time.Minute)
		r.Must(r.ReconcileBilling(r.t.Context()))
		if p := r.work(); p != nil {
			r.t.Fatalf("after the reconciler: %v", p)
		}
	}
}

// agree holds the charge to the money that is at Stripe: a paid fee is there
// once, any other is not. What is kept beside it is what could not be paid back,
// and somebody is told.
func (r *till) agree(t id.Ticket) {
	r.t.Helper()
	v := r.charge(t)
	want := int64(0)
	if v.Charge.State == billing.Paid {
		want = int64(billing.Fee)
	}
	for _, k := range v.Checkouts {
		stuck := false // its newest refund failed
		for _, f := range v.Refunds {
			if f.PaymentIntent == k.PaymentIntent {
				stuck = f.State == billing.RefundFailed
			}
		}
		if k.State != billing.PaidFor || k.PaymentIntent == v.Charge.PaymentIntent || !stuck {
			continue
		}
		want += int64(billing.Fee)
		if v.Charge.Alarm == "" {
			r.t.Errorf("a refund failed and nobody is told: %+v", v)
		}
	}
	if kept := r.stripe.Kept("holdfast_ticket", t.String()); kept != want {
		r.t.Errorf("the charge is %s and %d cents are kept, want %d (%+v)", v.Charge.State, kept, want, v)
	}
}
