package worker_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/clock"
	"holdfast/internal/fakestripe"
	"holdfast/internal/httpd/hook"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
	"holdfast/internal/testkit"
)

// counter is a control plane with River and a provider that sends its webhooks
// by itself.
func counter(t *testing.T) (*testkit.App, *fakestripe.Server) {
	t.Helper()
	const key, secret = "sk_test_0123456789abcdefghij", "whsec_0123456789abcdefghij"
	a := testkit.NewApp(t, nil)
	s, err := fakestripe.New(fakestripe.Options{Key: key, WebhookSecret: secret, Retry: 50 * time.Millisecond})
	a.Must(err)
	page := httptest.NewServer(s)
	t.Cleanup(page.Close)
	door := httptest.NewServer(hook.New(a.App, slog.New(slog.DiscardHandler), clock.System{}))
	t.Cleanup(door.Close)
	s.SetURL(page.URL, door.URL+hook.StripePath)
	api, err := stripeapi.New(stripeapi.Config{Key: key, URL: page.URL, WebhookSecrets: []string{secret}})
	a.Must(err)
	a.UseStripe(api)
	a.UsePeople(app.People{URL: "https://backup.hoster.example"})
	newSite(t, a)
	go s.Run(t.Context())
	return a, s
}

func feeOf(a *testkit.App) id.Ticket {
	a.T.Helper()
	made := id.New[id.Ticket]()
	a.SQL(`INSERT INTO ticket (tenant_id, id, number, kind, state, subject, site_id, created_at, submitted_at, updated_at)
		SELECT tenant_id, $1, nextval('ticket_number'), 'restore', 'awaiting_payment', 'x', id, now(), now(), now() FROM site`, made.String())
	a.Must(a.SquareCharge(a.T.Context(), made))
	return made
}

// From the payment to the refund by webhooks and River alone, while the
// webhooks are doubled and out of order.
func TestRiver_CarriesMoneyFromThePaymentToTheRefund(t *testing.T) {
	t.Parallel()
	a, s := counter(t)
	p := start(t, a)
	s.Set(fakestripe.Switches{Duplicate: true, Disorder: true})
	k := feeOf(a)
	_, err := a.Pay(t.Context(), authz.Console(), k)
	a.Must(err)
	s.Pay(s.OpenSessions()[0], fakestripe.Card)
	until(t, a, "SELECT count(*) FROM charge WHERE state = 'paid'", 1)
	a.Must(a.RefundFee(t.Context(), authz.Console(), k, billing.Fee, "not needed"))
	until(t, a, "SELECT count(*) FROM charge WHERE state = 'refunded'", 1)
	until(t, a, "SELECT count(*) FROM stripe_event WHERE state NOT IN ('done', 'ignored')", 0)
	a.Must(p.Stop(t.Context()))
	if n := a.Count("SELECT count(*) FROM river.river_job WHERE queue = 'billing' AND args::text !~ '^\\{(\"(event|checkout|refund|ticket)\": ?\"[A-Za-z0-9_-]{10,80}\")?\\}$'"); n != 0 {
		t.Errorf("%d jobs hold more than an identifier", n)
	}
	if got := s.Kept("holdfast_ticket", k.String()); got != 0 {
		t.Errorf("%d cents are kept", got)
	}
}

// A webhook that never comes: the reconciler's tick at the start of a process
// finds the payment in Stripe's list.
func TestReconciler_FindsWhatNoWebhookBrought(t *testing.T) {
	t.Parallel()
	a, s := counter(t)
	s.Set(fakestripe.Switches{Lose: -1})
	k := feeOf(a)
	_, err := a.Pay(t.Context(), authz.Console(), k)
	a.Must(err)
	s.Pay(s.OpenSessions()[0], fakestripe.Card)
	p := start(t, a)
	until(t, a, "SELECT count(*) FROM charge WHERE state = 'paid'", 1)
	a.Must(p.Stop(t.Context()))
	if n := a.Count("SELECT count(*) FROM stripe_event WHERE via = 'webhook'"); n != 0 {
		t.Errorf("%d webhooks came", n)
	}
}
