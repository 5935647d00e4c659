package fakestripe

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// session is a checkout.
type session struct {
	ID          string            `json:"id"`
	Seq         int               `json:"seq"`
	Status      string            `json:"status"`         // open, complete, expired
	Payment     string            `json:"payment_status"` // unpaid, paid
	Amount      int64             `json:"amount"`
	Tax         int64             `json:"tax"`
	Currency    string            `json:"currency"`
	Name        string            `json:"name"` // of what is bought
	Reference   string            `json:"reference"`
	Metadata    map[string]string `json:"metadata"`
	OfPayment   map[string]string `json:"of_payment"` // metadata that the payment gets
	SuccessURL  string            `json:"success_url"`
	CancelURL   string            `json:"cancel_url"`
	Created     int64             `json:"created"`
	ExpiresAt   int64             `json:"expires_at"`
	Intent      string            `json:"intent"`
	MakeInvoice bool              `json:"make_invoice"`
}

// payment is an intent with its charge and its invoice.
type payment struct {
	ID       string            `json:"id"`
	Seq      int               `json:"seq"`
	Session  string            `json:"session"`
	Charge   string            `json:"charge"`
	Invoice  string            `json:"invoice"`
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	Status   string            `json:"status"` // processing, succeeded, requires_payment_method
	Method   string            `json:"method"` // card, bank
	Bounces  bool              `json:"bounces"`
	Metadata map[string]string `json:"metadata"`
	Created  int64             `json:"created"`
	EndsAt   int64             `json:"ends_at"` // when a bank debit settles or bounces; 0: by hand
}

// sessions are all, the newest first; payments likewise.
func (s *Server) sessions() []*session {
	return slices.SortedFunc(maps.Values(s.state.Sessions), func(a, b *session) int { return cmp.Compare(b.Seq, a.Seq) })
}

func (s *Server) payments() []*payment {
	return slices.SortedFunc(maps.Values(s.state.Payments), func(a, b *payment) int { return cmp.Compare(b.Seq, a.Seq) })
}

// The limits of expires_at.
const (
	leastOpen = 30 * time.Minute
	mostOpen  = 24 * time.Hour
)

func (s *Server) createSession(r *request) answer {
	item := "line_items[0]"
	if a := r.known("mode", "success_url", "cancel_url", "client_reference_id", "expires_at", "metadata[", "customer_email",
		item+"[quantity]", item+"[price_data][currency]", item+"[price_data][unit_amount]", item+"[price_data][tax_behavior]", item+"[price_data][product_data][name]",
		"payment_intent_data[metadata][", "payment_intent_data[description]", "automatic_tax[enabled]", "invoice_creation[enabled]", "expand["); a != nil {
		return *a
	}
	if m := r.form.Get("mode"); m != "payment" {
		return wrong("mode", "", "Invalid mode: must be payment")
	}
	for _, name := range []string{"success_url", "cancel_url"} {
		if u, err := url.Parse(r.form.Get(name)); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return wrong(name, "url_invalid", "Not a valid URL")
		}
	}
	amount, hasAmount := r.number(item + "[price_data][unit_amount]")
	quantity, hasQuantity := r.number(item + "[quantity]")
	currency, name := r.form.Get(item+"[price_data][currency]"), r.form.Get(item+"[price_data][product_data][name]")
	if !hasAmount || amount < 50 || !hasQuantity || quantity != 1 || len(currency) != 3 || currency != strings.ToLower(currency) || name == "" {
		return wrong("line_items", "parameter_missing", "One item with a price of 50 cents or more, a currency in lower case and a name is needed")
	}
	now := s.o.Clock.Now()
	k := &session{
		ID: newID("cs_test_"), Seq: s.next(), Status: "open", Payment: "unpaid", Amount: amount, Currency: currency, Name: name, Reference: r.form.Get("client_reference_id"),
		Metadata: r.under("metadata"), OfPayment: r.under("payment_intent_data[metadata]"), SuccessURL: r.form.Get("success_url"), CancelURL: r.form.Get("cancel_url"),
		Created: now.Unix(), ExpiresAt: now.Add(mostOpen).Unix(), MakeInvoice: r.form.Get("invoice_creation[enabled]") == "true",
	}
	if len(k.Reference) > 200 || len(k.Metadata) > 50 {
		return wrong("metadata", "", "Too much is to be carried")
	}
	if r.form.Get("automatic_tax[enabled]") == "true" {
		k.Tax = amount / 5
	}
	if r.form.Has("expires_at") {
		at, ok := r.number("expires_at")
		if d := at - now.Unix(); !ok || d < int64(leastOpen/time.Second) || d > int64(mostOpen/time.Second) {
			return wrong("expires_at", "", "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.")
		}
		k.ExpiresAt = at
	}
	s.state.Sessions[k.ID] = k
	return ok(s.sessionJSON(k, r.expand()))
}

func (s *Server) getSession(r *request) answer {
	k := s.state.Sessions[r.id]
	if k == nil {
		return missing("checkout.session", r.id)
	}
	return ok(s.sessionJSON(k, r.expand()))
}

func (s *Server) listSessions(r *request) answer {
	if a := r.known("payment_intent", "limit", "starting_after", "ending_before", "expand["); a != nil {
		return *a
	}
	all := s.sessions()
	if of := r.form.Get("payment_intent"); of != "" {
		all = slices.DeleteFunc(all, func(k *session) bool { return k.Intent != of })
	}
	return page(r, "/v1/checkout/sessions", all, func(k *session) string { return k.ID }, func(k *session) any { return s.sessionJSON(k, nil) })
}

func (s *Server) expireSession(r *request) answer {
	k := s.state.Sessions[r.id]
	switch {
	case k == nil:
		return missing("checkout.session", r.id)
	case k.Status != "open":
		return wrong("session", "", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of "+k.Status)
	}
	k.Status = "expired"
	s.emit("checkout.session.expired", s.sessionJSON(k, nil))
	return ok(s.sessionJSON(k, nil))
}

// sessionJSON shows a session. It has no page once it has ended.
func (s *Server) sessionJSON(k *session, expand []string) map[string]any {
	o := map[string]any{
		"id": k.ID, "object": "checkout.session", "mode": "payment", "status": k.Status, "payment_status": k.Payment, "livemode": false,
		"amount_subtotal": k.Amount, "amount_total": k.Amount + k.Tax, "currency": k.Currency, "client_reference_id": k.Reference, "metadata": k.Metadata,
		"created": k.Created, "expires_at": k.ExpiresAt, "success_url": k.SuccessURL, "cancel_url": k.CancelURL, "payment_intent": nil, "invoice": nil, "url": nil,
		"total_details": map[string]any{"amount_discount": 0, "amount_shipping": 0, "amount_tax": k.Tax},
	}
	if k.Status == "open" {
		o["url"] = s.o.URL + "/c/pay/" + k.ID
	}
	p := s.state.Payments[k.Intent]
	if p == nil {
		return o
	}
	o["payment_intent"] = p.ID
	if slices.ContainsFunc(expand, func(e string) bool { return strings.HasPrefix(e, "payment_intent") }) {
		o["payment_intent"] = s.intentJSON(p, slices.Contains(expand, "payment_intent.latest_charge"))
	}
	if p.Invoice != "" {
		o["invoice"] = p.Invoice
		if slices.Contains(expand, "invoice") {
			o["invoice"] = map[string]any{"id": p.Invoice, "object": "invoice", "status": "paid", "hosted_invoice_url": s.o.URL + "/invoices/" + p.Invoice}
		}
	}
	return o
}

func (s *Server) intentJSON(p *payment, charge bool) map[string]any {
	o := map[string]any{"id": p.ID, "object": "payment_intent", "amount": p.Amount, "currency": p.Currency, "status": p.Status, "metadata": p.Metadata, "latest_charge": nil, "livemode": false}
	if p.Charge != "" {
		o["latest_charge"] = p.Charge
		if charge {
			o["latest_charge"] = s.chargeJSON(p)
		}
	}
	return o
}

func (s *Server) chargeJSON(p *payment) map[string]any {
	back := s.refunded(p.ID)
	return map[string]any{
		"id": p.Charge, "object": "charge", "amount": p.Amount, "amount_refunded": back, "refunded": back >= p.Amount, "currency": p.Currency, "payment_intent": p.ID,
		"metadata": p.Metadata, "status": "succeeded", "paid": true, "receipt_url": s.o.URL + "/receipts/" + p.Charge, "livemode": false,
	}
}

// Method is how somebody pays on the hosted page.
type Method string

// The methods.
const (
	Card        Method = "card"         // works at once
	Declined    Method = "declined"     // is refused, and the checkout stays open
	Bank        Method = "bank"         // a bank debit that settles later
	BankBounces Method = "bank_bounces" // one that does not
)

// Methods are all of them, in the order of the page.
func Methods() []Method { return []Method{Card, Declined, Bank, BankBounces} }

// Pay pays a session as a customer would. The answer is whether it is complete.
func (s *Server) Pay(sessionID string, m Method) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
	k := s.state.Sessions[sessionID]
	if k == nil || k.Status != "open" || m != Card && m != Bank && m != BankBounces {
		return false
	}
	p := s.begin(k)
	if m == Card {
		s.succeed(p, k)
		s.emit("payment_intent.succeeded", s.intentJSON(p, false))
		s.emit("checkout.session.completed", s.sessionJSON(k, nil))
	} else {
		p.Method, p.Bounces = "bank", m == BankBounces
		if s.o.BankDelay > 0 {
			p.EndsAt = s.o.Clock.Now().Add(s.o.BankDelay).Unix()
		}
		s.emit("checkout.session.completed", s.sessionJSON(k, nil))
	}
	s.save()
	return true
}

// begin completes a session with a payment that is under way.
func (s *Server) begin(k *session) *payment {
	p := &payment{
		ID: newID("pi_"), Seq: s.next(), Session: k.ID, Amount: k.Amount + k.Tax, Currency: k.Currency, Metadata: k.OfPayment, Method: "card",
		Created: s.o.Clock.Now().Unix(), Status: "processing",
	}
	s.state.Payments[p.ID] = p
	k.Intent, k.Status = p.ID, "complete"
	return p
}

// Expire ends an open session as its time would.
func (s *Server) Expire(sessionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
	k := s.state.Sessions[sessionID]
	if k == nil || k.Status != "open" {
		return false
	}
	k.Status = "expired"
	s.emit("checkout.session.expired", s.sessionJSON(k, nil))
	s.save()
	return true
}

// PayLate lets a card payment come through that was under way when its session
// expired: who was told of the end hears of the payment after it.
func (s *Server) PayLate(sessionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
	k := s.state.Sessions[sessionID]
	if k == nil || k.Status != "expired" {
		return false
	}
	p := s.begin(k)
	s.succeed(p, k)
	s.emit("payment_intent.succeeded", s.intentJSON(p, false))
	s.emit("checkout.session.completed", s.sessionJSON(k, nil))
	s.save()
	return true
}

func (s *Server) succeed(p *payment, k *session) {
	p.Status, p.Charge, k.Payment = "succeeded", newID("ch_"), "paid"
	if k.MakeInvoice {
		p.Invoice = newID("in_")
	}
}

// endBank settles or bounces a bank debit that is under way. The caller holds
// the lock.
func (s *Server) endBank(p *payment, settles bool) {
	k := s.state.Sessions[p.Session]
	if settles {
		s.succeed(p, k)
		s.emit("checkout.session.async_payment_succeeded", s.sessionJSON(k, nil))
		return
	}
	p.Status = "requires_payment_method"
	s.emit("checkout.session.async_payment_failed", s.sessionJSON(k, nil))
}

// EndBank settles or bounces the bank debit of a session, if one is under way.
func (s *Server) EndBank(sessionID string, settles bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.state.Sessions[sessionID]
	if k == nil || s.state.Payments[k.Intent] == nil || s.state.Payments[k.Intent].Status != "processing" {
		return false
	}
	s.endBank(s.state.Payments[k.Intent], settles)
	s.save()
	return true
}

// Intent tells which payment a session has, "" for none.
func (s *Server) Intent(sessionID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.state.Sessions[sessionID]; k != nil {
		return k.Intent
	}
	return ""
}

// OpenSessions are those that can be paid, the newest first.
func (s *Server) OpenSessions() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
	for _, k := range s.sessions() {
		if k.Status == "open" {
			all = append(all, k.ID)
		}
	}
	return all
}

// Kept is what the merchant has, in cents, of all payments whose metadata say
// so: what came, less what went back and what banks hold or took.
func (s *Server) Kept(key, value string) (cents int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.state.Payments {
		if p.Status == "succeeded" && p.Metadata[key] == value {
			cents += p.Amount - s.refunded(p.ID) - s.taken(p.ID)
		}
	}
	return cents
}

func notFound(w http.ResponseWriter) { http.Error(w, "There is no such page.", http.StatusNotFound) }
