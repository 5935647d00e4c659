package stripeapi_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/billing"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
)

// rig is a client and the server that it speaks to.
func rig(t *testing.T, config stripeapi.Config) (*stripeapi.Client, *fakestripe.Server, *clock.Fixed) {
	t.Helper()
	c := clock.NewFixed(clock.System{}.Now().Truncate(time.Second))
	f, err := fakestripe.New(fakestripe.Options{Key: key, WebhookSecret: secret, Clock: c, Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(f)
	t.Cleanup(h.Close)
	f.SetURL(h.URL, "")
	config.Key, config.URL, config.WebhookSecrets = key, h.URL, []string{"whsec_the_one_before_this", secret}
	s, err := stripeapi.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s, f, c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestCheckout_TellsEachStateOfASession(t *testing.T) {
	t.Parallel()
	s, f, c := rig(t, stripeapi.Config{InvoiceCreation: true, AutomaticTax: true})
	session := must[billing.SessionReport](t)
	look := func(id string, want billing.CheckoutState) billing.SessionReport {
		t.Helper()
		r := session(s.Checkout(t.Context(), id))
		if r.State != want {
			t.Errorf("the session is %s, want %s", r.State, want)
		}
		return r
	}
	o := order(c)
	r := session(s.CreateCheckout(t.Context(), o))
	if r.URL == "" || r.State != billing.Opened || r.Checkout != o.Checkout.String() || r.Live {
		t.Errorf("a new session: %+v", r)
	}
	f.Pay(r.ID, fakestripe.Card)
	r = look(r.ID, billing.PaidFor)
	if r.Intent == "" || r.Subtotal != billing.Fee || r.Tax != billing.Fee/5 || r.Total != r.Subtotal+r.Tax || r.Currency != "usd" || !strings.Contains(r.Receipt, "/receipts/") || !strings.Contains(r.Invoice, "/invoices/") {
		t.Errorf("a paid session: %+v", r)
	}
	if again := session(s.CheckoutOf(t.Context(), r.Intent)); again.ID != r.ID {
		t.Errorf("the session of the payment is %s, want %s", again.ID, r.ID)
	}
	for way, states := range map[fakestripe.Method][2]billing.CheckoutState{
		fakestripe.Bank: {billing.SlowPayment, billing.PaidFor}, fakestripe.BankBounces: {billing.SlowPayment, billing.Bounced},
	} {
		b := session(s.CreateCheckout(t.Context(), order(c)))
		f.Pay(b.ID, way)
		look(b.ID, states[0])
		f.EndBank(b.ID, way == fakestripe.Bank)
		look(b.ID, states[1])
	}
	e := session(s.CreateCheckout(t.Context(), order(c)))
	if r := session(s.ExpireCheckout(t.Context(), e.ID)); r.State != billing.Expired {
		t.Errorf("an ended session is %s", r.State)
	}
	if _, err := s.ExpireCheckout(t.Context(), e.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("ended twice: %v", err)
	}
	if _, err := s.Checkout(t.Context(), "cs_test_none"); !errs.Is(err, errs.NotFound) {
		t.Errorf("no such session: %v", err)
	}
	if _, err := s.CheckoutOf(t.Context(), "pi_none"); !errs.Is(err, errs.NotFound) {
		t.Errorf("no such payment: %v", err)
	}
}

func TestCreateCheckout_TwiceIsOneSession(t *testing.T) {
	t.Parallel()
	s, _, c := rig(t, stripeapi.Config{})
	o := order(c)
	one := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), o))
	c.Add(time.Minute)
	two := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), o))
	if one.ID != two.ID || one.URL != two.URL {
		t.Errorf("%s and %s", one.ID, two.ID)
	}
	o.ExpiresAt = o.ExpiresAt.Add(time.Second)
	if _, err := s.CreateCheckout(t.Context(), o); !errs.Is(err, errs.Conflict) {
		t.Errorf("the key for something else: %v", err)
	}
	o.Try = 2
	if three := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), o)); three.ID == one.ID {
		t.Error("another try is the same session")
	}
	o.Try, o.ExpiresAt = 3, c.Now().Add(29*time.Minute)
	if _, err := s.CreateCheckout(t.Context(), o); !errs.Is(err, errs.Invalid) {
		t.Errorf("too short: %v", err)
	}
}

func TestRefund_IsTheWholeAndOnce(t *testing.T) {
	t.Parallel()
	s, f, c := rig(t, stripeapi.Config{AutomaticTax: true})
	r := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), order(c)))
	f.Pay(r.ID, fakestripe.Card)
	intent := f.Intent(r.ID)
	o := billing.RefundOrder{Refund: id.New[id.Refund](), Intent: intent}
	f.Set(fakestripe.Switches{NextRefund: "pending"})
	one := must[billing.RefundReport](t)(s.Refund(t.Context(), o))
	two := must[billing.RefundReport](t)(s.Refund(t.Context(), o))
	if one.ID != two.ID || one.State != billing.RefundPending || one.Amount != billing.Fee+billing.Fee/5 || one.Refund != o.Refund.String() || one.Intent != intent {
		t.Errorf("%+v, then %+v", one, two)
	}
	if _, err := s.Refund(t.Context(), billing.RefundOrder{Refund: id.New[id.Refund](), Intent: intent}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a second refund: %v", err)
	}
	f.EndRefund(intent, true)
	if r := must[billing.RefundReport](t)(s.GetRefund(t.Context(), one.ID)); r.State != billing.RefundSucceeded {
		t.Errorf("%+v", r)
	}
	f.EndRefund(intent, false)
	all := must[[]billing.RefundReport](t)(s.Refunds(t.Context(), intent))
	if len(all) != 1 || all[0].State != billing.RefundFailed || all[0].Failure == "" {
		t.Errorf("%+v", all)
	}
}

func TestDisputes_AreTold(t *testing.T) {
	t.Parallel()
	s, f, c := rig(t, stripeapi.Config{})
	r := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), order(c)))
	f.Pay(r.ID, fakestripe.Card)
	intent := f.Intent(r.ID)
	f.Dispute(intent)
	all := must[[]billing.DisputeReport](t)(s.Disputes(t.Context(), intent))
	if len(all) != 1 || all[0].Status != "needs_response" || all[0].Intent != intent || all[0].Amount != billing.Fee || all[0].OpenedAt != c.Now() {
		t.Fatalf("%+v", all)
	}
	if _, err := s.Refund(t.Context(), billing.RefundOrder{Refund: id.New[id.Refund](), Intent: intent}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a disputed payment is refunded: %v", err)
	}
	f.CloseDispute(intent, false)
	if d := must[billing.DisputeReport](t)(s.GetDispute(t.Context(), all[0].ID)); d.Status != "lost" {
		t.Errorf("%+v", d)
	}
}

func TestEvents_AreListedByPages(t *testing.T) {
	t.Parallel()
	s, f, c := rig(t, stripeapi.Config{})
	since := c.Now()
	for range 130 {
		r := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), order(c)))
		f.Pay(r.ID, fakestripe.Card)
		c.Add(time.Second)
	}
	seen := map[string]bool{}
	for after, more := "", true; more; {
		var page []billing.EventReport
		var err error
		if page, more, err = s.Events(t.Context(), since, after); err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if seen[e.ID] || e.Kind != "checkout.session.completed" || !strings.HasPrefix(e.Object, "cs_test_") || e.Live {
				t.Fatalf("%+v", e)
			}
			seen[e.ID] = true
			after = e.ID
		}
	}
	if len(seen) != 130 {
		t.Errorf("%d events of 130", len(seen))
	}
	if late, _, err := s.Events(t.Context(), c.Now().Add(-2*time.Second), ""); err != nil || len(late) != 2 {
		t.Errorf("%d events of the last two seconds, %v", len(late), err)
	}
}

func TestReadEvent_TakesOnlyWhatWasSignedForUsLately(t *testing.T) {
	t.Parallel()
	s, f, c := rig(t, stripeapi.Config{})
	r := must[billing.SessionReport](t)(s.CreateCheckout(t.Context(), order(c)))
	f.Pay(r.ID, fakestripe.Card)
	f.Dispute(f.Intent(r.ID))
	ids := f.Events()
	now := clock.System{}.Now()
	for i, want := range []string{f.Intent(r.ID), r.ID, f.Intent(r.ID)} {
		body, signature := f.Webhook(ids[i])
		e, err := s.ReadEvent(body, signature)
		if err != nil || e.ID != ids[i] || e.Object != want && i > 0 || e.APIVersion == stripeapi.APIVersion {
			t.Errorf("event %d: %+v, %v", i, e, err)
		}
		for name, header := range map[string]string{
			"none": "", "another secret": fakestripe.Sign("whsec_another_secret_0", body, now), "old": fakestripe.Sign(secret, body, now.Add(-301*time.Second)),
			"nonsense": "t=x,v1=y", "no time": "v1=00", "old scheme": strings.Replace(signature, "v1=", "v0=", 1),
		} {
			if _, err := s.ReadEvent(body, header); !errs.Is(err, errs.Forbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.ReadEvent(append(body, ' '), signature); !errs.Is(err, errs.Forbidden) {
			t.Errorf("a changed body: %v", err)
		}
	}
	for _, body := range []string{`{}`, `{"id":"evt_1"}`, `{"type":"x"}`, fmt.Sprintf(`{"id":%q,"type":"x"}`, strings.Repeat("e", 256))} {
		if _, err := s.ReadEvent([]byte(body), fakestripe.Sign(secret, []byte(body), now)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%.30s: %v", body, err)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	s, err := stripeapi.New(stripeapi.Config{Key: key, WebhookSecrets: []string{secret}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"evt_1","type":"charge.refunded","created":1,"data":{"object":{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_1"}}}}`), "t=1,v1=00")
	f.Add([]byte(`{"id":"evt_1","type":"x","data":{"object":[]}}`), "")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		if _, err := s.ReadEvent(body, header); err == nil {
			t.Fatal("unsigned, and taken")
		}
		e, err := s.ReadEvent(body, fakestripe.Sign(secret, body, clock.System{}.Now()))
		if err == nil && (e.ID == "" || len(e.ID) > 255 || len(e.Object) > 255) {
			t.Fatalf("%+v", e)
		}
	})
}

func TestErrors_HaveAKindAndNoKey(t *testing.T) {
	t.Parallel()
	s, f, _ := rig(t, stripeapi.Config{Timeout: 200 * time.Millisecond})
	pattern := "GET /v1/balance"
	for _, k := range []fakestripe.Fault{fakestripe.Down, fakestripe.Limited, fakestripe.Hang, fakestripe.Lost} {
		f.Fail(pattern, k, 1)
		if _, err := s.Owed(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v", k, err)
		}
	}
	if n := f.Calls(pattern); n != 4 {
		t.Errorf("%d calls for 4", n)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	nobody, err := stripeapi.New(stripeapi.Config{Key: key, URL: "http://" + gone.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Owed(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("nobody there: %v", err)
	}
	// A server that quotes the key, and one that wants to send it elsewhere.
	talk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: %s, or sk_test_4eC3****p7dc"}}`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(talk.Close)
	away := httptest.NewServer(http.RedirectHandler(talk.URL, http.StatusTemporaryRedirect))
	t.Cleanup(away.Close)
	for at, want := range map[string]errs.Kind{talk.URL: errs.Forbidden, away.URL: errs.Unavailable} {
		c, err := stripeapi.New(stripeapi.Config{Key: key, URL: at})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Owed(t.Context())
		if err == nil || strings.Contains(err.Error(), "4eC3") || at == talk.URL && !errs.Is(err, want) {
			t.Errorf("%v", err)
		}
	}
}

func TestNew_RefusesWhatIsNoKeyAndSaysNoneOfIt(t *testing.T) {
	t.Parallel()
	for _, c := range []stripeapi.Config{
		{},
		{Key: "pk_test_0123456789abcdef"},
		{Key: "sk_test_short"},
		{Key: key + "\n"},
		{Key: key, WebhookSecrets: []string{"0123456789abcdef0123"}},
		{Key: key, URL: "ftp://x"},
		{Key: key, URL: "http://user:pw@x"},
		{Key: "sk_live_0123456789abcdef", URL: "http://127.0.0.1:1"},
	} {
		if _, err := stripeapi.New(c); !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%v", err)
		}
	}
}
