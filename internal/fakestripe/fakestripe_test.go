package fakestripe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/billing"
	"holdfast/internal/clock"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
)

const (
	key    = "sk_test_0123456789abcdefghij"
	secret = "whsec_0123456789abcdefghij"
)

type rig struct {
	*fakestripe.Server
	t   *testing.T
	url string
	api *stripeapi.Client
	c   *clock.Fixed
}

func start(t *testing.T, o fakestripe.Options, hook http.HandlerFunc) *rig {
	t.Helper()
	c := clock.NewFixed(clock.System{}.Now())
	o.Key, o.WebhookSecret, o.Clock, o.Merchant = key, secret, c, "Bright Hosting"
	s, err := fakestripe.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	to := ""
	if hook != nil {
		w := httptest.NewServer(hook)
		t.Cleanup(w.Close)
		to = w.URL
	}
	s.SetURL(h.URL, to)
	api, err := stripeapi.New(stripeapi.Config{Key: key, URL: h.URL, WebhookSecrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{s, t, h.URL, api, c}
}

func (r *rig) session() billing.SessionReport {
	r.t.Helper()
	s, err := r.api.CreateCheckout(r.t.Context(), billing.CheckoutOrder{
		Checkout: id.New[id.Checkout](), Ticket: id.New[id.Ticket](), Try: 1, Amount: billing.Fee, Description: "Restore <1001>",
		SuccessURL: r.url + "/control?s={CHECKOUT_SESSION_ID}", CancelURL: r.url + "/control?cancelled", ExpiresAt: r.c.Now().Add(time.Hour),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// visit gives the page of an address, posting form if there is one, and where
// it sends the browser.
func (r *rig) visit(address string, form url.Values) (status int, page, to string) {
	r.t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(address)
	if form != nil {
		res, err = c.PostForm(address, form)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	page = string(raw)
	if res.StatusCode != http.StatusSeeOther && !strings.Contains(page, "Test payments") {
		r.t.Errorf("%s does not say that payments are tests: %s", address, page)
	}
	if strings.Contains(page, "<script") {
		r.t.Errorf("%s needs a script", address)
	}
	return res.StatusCode, page, res.Header.Get("Location")
}

func TestPage_LeadsACustomerThroughEachWay(t *testing.T) {
	t.Parallel()
	r := start(t, fakestripe.Options{}, nil)
	s := r.session()
	if status, page, _ := r.visit(s.URL, nil); status != 200 || !strings.Contains(page, "USD 100.00") || !strings.Contains(page, "Restore &lt;1001&gt;") || !strings.Contains(page, "/control?cancelled") || !strings.Contains(page, "Bright Hosting") {
		t.Errorf("%d %s", status, page)
	}
	if status, page, _ := r.visit(s.URL, url.Values{}); status != 422 || !strings.Contains(page, "Choose how to pay") {
		t.Errorf("no choice: %d %s", status, page)
	}
	if status, page, _ := r.visit(s.URL, url.Values{"method": {"declined"}}); status != 422 || !strings.Contains(page, "declined") || r.Intent(s.ID) != "" {
		t.Errorf("declined: %d %s", status, page)
	}
	if status, _, to := r.visit(s.URL, url.Values{"method": {"card"}}); status != 303 || to != r.url+"/control?s="+s.ID {
		t.Errorf("paid: %d, to %s", status, to)
	}
	if _, page, _ := r.visit(s.URL, url.Values{"method": {"card"}}); !strings.Contains(page, "paid already") {
		t.Errorf("paid twice: %s", page)
	}
	report, err := r.api.Checkout(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if status, page, _ := r.visit(report.Receipt, nil); status != 200 || !strings.Contains(page, "Receipt") {
		t.Errorf("the receipt: %d %s", status, page)
	}
	late := r.session()
	r.c.Add(61 * time.Minute)
	if status, page, _ := r.visit(late.URL, nil); status != 410 || !strings.Contains(page, "expired") {
		t.Errorf("expired: %d %s", status, page)
	}
	if r.Pay(late.ID, fakestripe.Card) {
		t.Error("an expired session is paid")
	}
}

// What was under way when a session ended comes through after its end.
func TestPayLate_IsHeardOfAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := start(t, fakestripe.Options{}, nil)
	s := r.session()
	if r.PayLate(s.ID) {
		t.Error("a session is paid late before its end")
	}
	if !r.Expire(s.ID) || r.Expire(s.ID) {
		t.Error("a session expires once")
	}
	if report, err := r.api.Checkout(t.Context(), s.ID); err != nil || report.State != billing.Expired {
		t.Errorf("expired: %+v, %v", report, err)
	}
	if !r.PayLate(s.ID) || r.PayLate(s.ID) {
		t.Error("what was under way comes through once")
	}
	if report, err := r.api.Checkout(t.Context(), s.ID); err != nil || report.State != billing.PaidFor || report.Intent == "" {
		t.Errorf("paid late: %+v, %v", report, err)
	}
}

func TestControl_DoesWhatBanksDo(t *testing.T) {
	t.Parallel()
	r := start(t, fakestripe.Options{}, nil)
	s := r.session()
	r.Pay(s.ID, fakestripe.Bank)
	intent := r.Intent(s.ID)
	act := func(what string, want int) {
		t.Helper()
		res, err := http.PostForm(r.url+"/control/"+what, url.Values{"id": {intent}, "lose": {"0"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d", what, res.StatusCode)
		}
		r.visit(r.url+"/control", nil)
	}
	act("dispute", 409)
	act("settle", 200)
	act("settle", 409)
	act("dispute", 200)
	act("dispute-lost", 200)
	act("dispute-won", 409)
	act("payout", 409)
	act("switches", 200)
	act("nonsense", 409)
	if n := len(r.Events()); n != 4 {
		t.Errorf("%d events", n)
	}
}

func TestBalance_OwesWhatCameLessWhatWent(t *testing.T) {
	t.Parallel()
	r := start(t, fakestripe.Options{}, nil)
	for range 2 {
		r.Pay(r.session().ID, fakestripe.Card)
	}
	o, err := r.api.Owed(t.Context())
	if err != nil || o.Available != 0 || o.Waiting != 2*(10000-320) {
		t.Fatalf("%+v, %v", o, err)
	}
	r.c.Add(49 * time.Hour)
	if !r.Payout() || r.Payout() {
		t.Error("what is available is paid out once")
	}
	o, err = r.api.Owed(t.Context())
	if err != nil || o.Available != 0 || o.Waiting != 0 || len(o.Payouts) != 1 || o.Payouts[0].Amount != 2*(10000-320) {
		t.Fatalf("%+v, %v", o, err)
	}
}

// A demo that is started again finds its payments.
func TestFile_KeepsTheStateOverARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stripe.json")
	r := start(t, fakestripe.Options{File: file}, nil)
	s := r.session()
	r.Pay(s.ID, fakestripe.Card)
	again := start(t, fakestripe.Options{File: file}, nil)
	report, err := again.api.Checkout(t.Context(), s.ID)
	if err != nil || report.State != billing.PaidFor || len(again.Events()) != len(r.Events()) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWebhooks_AreSignedAndSentUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	type heard struct {
		kind string
		err  error
	}
	news := make(chan heard, 100)
	var refuse atomic.Int32
	var api atomic.Pointer[stripeapi.Client]
	r := start(t, fakestripe.Options{Retry: time.Millisecond}, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		e, err := api.Load().ReadEvent(body, q.Header.Get("Stripe-Signature"))
		if refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		news <- heard{e.Kind, err}
	})
	api.Store(r.api)
	go r.Run(t.Context())
	next := func(want string) {
		t.Helper()
		select {
		case h := <-news:
			if h.kind != want || h.err != nil {
				t.Errorf("%+v, want %s", h, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s did not come", want)
		}
	}
	refuse.Store(3)
	r.Pay(r.session().ID, fakestripe.BankBounces)
	next("checkout.session.completed")
	r.Set(fakestripe.Switches{Duplicate: true})
	late := r.session()
	if _, err := r.api.ExpireCheckout(t.Context(), late.ID); err != nil {
		t.Fatal(err)
	}
	next("checkout.session.expired")
	next("checkout.session.expired")
	r.Set(fakestripe.Switches{Lose: 1})
	s := r.session()
	r.Pay(s.ID, fakestripe.Bank) // lost
	r.EndBank(s.ID, true)
	next("checkout.session.async_payment_succeeded")
}
