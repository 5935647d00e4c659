package fakestripe

import (
	"net/http"
	"slices"
	"time"
)

type refund struct {
	ID       string            `json:"id"`
	Intent   string            `json:"intent"`
	Amount   int64             `json:"amount"`
	Status   string            `json:"status"` // pending, succeeded, failed
	Reason   string            `json:"reason"`
	Failure  string            `json:"failure"`
	Metadata map[string]string `json:"metadata"`
	Created  int64             `json:"created"`
}

type dispute struct {
	ID      string `json:"id"`
	Intent  string `json:"intent"`
	Amount  int64  `json:"amount"`
	Status  string `json:"status"` // needs_response, won, lost
	Reason  string `json:"reason"`
	Created int64  `json:"created"`
}

type payout struct {
	ID      string `json:"id"`
	Amount  int64  `json:"amount"`
	Status  string `json:"status"`
	Created int64  `json:"created"`
	Arrives int64  `json:"arrives"`
}

// refunded is how much of a payment went back or is on its way.
func (s *Server) refunded(intent string) (cents int64) {
	for _, r := range s.state.Refunds {
		if r.Intent == intent && r.Status != "failed" {
			cents += r.Amount
		}
	}
	return cents
}

// taken is how much of a payment banks hold or took.
func (s *Server) taken(intent string) (cents int64) {
	for _, d := range s.state.Disputes {
		if d.Intent == intent && d.Status != "won" {
			cents += d.Amount
		}
	}
	return cents
}

func (s *Server) createRefund(r *request) answer {
	if a := r.known("payment_intent", "charge", "amount", "reason", "metadata[", "expand["); a != nil {
		return *a
	}
	p := s.state.Payments[r.form.Get("payment_intent")]
	if p == nil {
		return missing("payment_intent", r.form.Get("payment_intent"))
	}
	if reason := r.form.Get("reason"); reason != "" && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer"}, reason) {
		return wrong("reason", "", "Invalid reason")
	}
	amount, hasAmount := r.number("amount")
	if !hasAmount {
		amount = p.Amount - s.refunded(p.ID)
	}
	return s.refund(p, amount, r.form.Get("reason"), r.under("metadata"))
}

func (s *Server) refund(p *payment, amount int64, reason string, metadata map[string]string) answer {
	left := p.Amount - s.refunded(p.ID)
	switch {
	case p.Status != "succeeded":
		return wrong("payment_intent", "", "This PaymentIntent does not have a successful charge to refund.")
	case slices.ContainsFunc(s.state.Disputes, func(d *dispute) bool { return d.Intent == p.ID && d.Status != "won" }):
		return wrong("charge", "charge_disputed", "Charge "+p.Charge+" has been charged back; cannot issue a refund.")
	case left <= 0:
		return wrong("charge", "charge_already_refunded", "Charge "+p.Charge+" has already been refunded.")
	case amount < 1 || amount > left:
		return wrong("amount", "amount_too_large", "Refund amount is greater than unrefunded amount on charge")
	}
	f := &refund{ID: newID("re_"), Intent: p.ID, Amount: amount, Status: "succeeded", Reason: reason, Metadata: metadata, Created: s.o.Clock.Now().Unix()}
	if s.state.Switches.NextRefund == "pending" {
		f.Status, s.state.Switches.NextRefund = "pending", ""
	}
	s.state.Refunds = append(s.state.Refunds, f)
	s.emit("charge.refunded", s.chargeJSON(p))
	s.emit("refund.created", s.refundJSON(f))
	return ok(s.refundJSON(f))
}

// RefundInDashboard gives money back as the hoster could in the provider's own
// pages, where it may be a part.
func (s *Server) RefundInDashboard(intent string, cents int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.state.Payments[intent]
	if p == nil {
		return false
	}
	defer s.save()
	return s.refund(p, cents, "", map[string]string{}).status == http.StatusOK
}

// EndRefund makes the newest refund of a payment succeed, if it is pending, or
// fail, even if it had succeeded: banks do that.
func (s *Server) EndRefund(intent string, succeeds bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Backward(s.state.Refunds) {
		if f.Intent != intent || f.Status == "failed" || succeeds && f.Status != "pending" {
			continue
		}
		if succeeds {
			f.Status = "succeeded"
			s.emit("refund.updated", s.refundJSON(f))
		} else {
			f.Status, f.Failure = "failed", "expired_or_canceled_card"
			s.emit("refund.failed", s.refundJSON(f))
			s.emit("refund.updated", s.refundJSON(f))
		}
		s.save()
		return true
	}
	return false
}

func (s *Server) getRefund(r *request) answer {
	i := slices.IndexFunc(s.state.Refunds, func(f *refund) bool { return f.ID == r.id })
	if i < 0 {
		return missing("refund", r.id)
	}
	return ok(s.refundJSON(s.state.Refunds[i]))
}

func (s *Server) listRefunds(r *request) answer {
	if a := r.known("payment_intent", "limit", "starting_after", "ending_before", "expand["); a != nil {
		return *a
	}
	var all []*refund
	for _, f := range slices.Backward(s.state.Refunds) {
		if of := r.form.Get("payment_intent"); of == "" || of == f.Intent {
			all = append(all, f)
		}
	}
	return page(r, "/v1/refunds", all, func(f *refund) string { return f.ID }, func(f *refund) any { return s.refundJSON(f) })
}

func (s *Server) refundJSON(f *refund) map[string]any {
	o := map[string]any{
		"id": f.ID, "object": "refund", "amount": f.Amount, "currency": "usd", "payment_intent": f.Intent, "charge": s.state.Payments[f.Intent].Charge,
		"status": f.Status, "metadata": f.Metadata, "created": f.Created,
	}
	if f.Reason != "" {
		o["reason"] = f.Reason
	}
	if f.Failure != "" {
		o["failure_reason"] = f.Failure
	}
	return o
}

// Dispute makes the payer's bank take a payment back until somebody decides.
func (s *Server) Dispute(intent string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.state.Payments[intent]
	if p == nil || p.Status != "succeeded" || slices.ContainsFunc(s.state.Disputes, func(d *dispute) bool { return d.Intent == intent }) {
		return false
	}
	d := &dispute{ID: newID("dp_"), Intent: intent, Amount: p.Amount, Status: "needs_response", Reason: "product_not_received", Created: s.o.Clock.Now().Unix()}
	s.state.Disputes = append(s.state.Disputes, d)
	s.emit("charge.dispute.created", s.disputeJSON(d))
	s.save()
	return true
}

// CloseDispute decides the dispute of a payment.
func (s *Server) CloseDispute(intent string, won bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.state.Disputes {
		if d.Intent != intent || d.Status != "needs_response" {
			continue
		}
		d.Status = "lost"
		if won {
			d.Status = "won"
		}
		s.emit("charge.dispute.closed", s.disputeJSON(d))
		s.save()
		return true
	}
	return false
}

func (s *Server) getDispute(r *request) answer {
	i := slices.IndexFunc(s.state.Disputes, func(d *dispute) bool { return d.ID == r.id })
	if i < 0 {
		return missing("dispute", r.id)
	}
	return ok(s.disputeJSON(s.state.Disputes[i]))
}

func (s *Server) listDisputes(r *request) answer {
	if a := r.known("payment_intent", "limit", "starting_after", "ending_before", "expand["); a != nil {
		return *a
	}
	var all []*dispute
	for _, d := range slices.Backward(s.state.Disputes) {
		if of := r.form.Get("payment_intent"); of == "" || of == d.Intent {
			all = append(all, d)
		}
	}
	return page(r, "/v1/disputes", all, func(d *dispute) string { return d.ID }, func(d *dispute) any { return s.disputeJSON(d) })
}

func (s *Server) disputeJSON(d *dispute) map[string]any {
	return map[string]any{
		"id": d.ID, "object": "dispute", "amount": d.Amount, "currency": "usd", "payment_intent": d.Intent, "charge": s.state.Payments[d.Intent].Charge,
		"status": d.Status, "reason": d.Reason, "created": d.Created, "livemode": false, "is_charge_refundable": false,
	}
}

// The provider's own fees: 2.9 % and 30 cents of a payment, 15 dollars of a
// dispute. What came is paid out after two days.
const (
	feePermille    = 29
	feeFixed       = 30
	feeDispute     = 1500
	availableAfter = 48 * time.Hour
)

type transaction struct {
	ID, Kind, Source string
	Amount, Fee      int64
	Created          int64
	AvailableOn      int64
}

// transactions are all movements of the balance, the oldest first.
func (s *Server) transactions() (all []transaction) {
	wait := int64(availableAfter / time.Second)
	for _, p := range slices.Backward(s.payments()) {
		if p.Status == "succeeded" {
			all = append(all, transaction{"txn_" + p.Charge, "charge", p.Charge, p.Amount, p.Amount*feePermille/1000 + feeFixed, p.Created, p.Created + wait})
		}
	}
	for _, f := range s.state.Refunds {
		if f.Status != "failed" {
			all = append(all, transaction{"txn_" + f.ID, "refund", f.ID, -f.Amount, 0, f.Created, f.Created})
		}
	}
	for _, d := range s.state.Disputes {
		if d.Status != "won" {
			all = append(all, transaction{"txn_" + d.ID, "adjustment", d.ID, -d.Amount, feeDispute, d.Created, d.Created})
		}
	}
	for _, o := range s.state.Payouts {
		all = append(all, transaction{"txn_" + o.ID, "payout", o.ID, -o.Amount, 0, o.Created, o.Created})
	}
	return all
}

func (s *Server) balance() (available, pending int64) {
	now := s.o.Clock.Now().Unix()
	for _, t := range s.transactions() {
		if t.AvailableOn <= now {
			available += t.Amount - t.Fee
		} else {
			pending += t.Amount - t.Fee
		}
	}
	return available, pending
}

func (s *Server) getBalance(*request) answer {
	available, pending := s.balance()
	of := func(n int64) []any {
		return []any{map[string]any{"amount": n, "currency": "usd", "source_types": map[string]any{"card": n}}}
	}
	return ok(map[string]any{"object": "balance", "livemode": false, "available": of(available), "pending": of(pending)})
}

func (s *Server) listTransactions(r *request) answer {
	all := s.transactions()
	slices.Reverse(all)
	return page(r, "/v1/balance_transactions", all, func(t transaction) string { return t.ID }, func(t transaction) any {
		return map[string]any{
			"id": t.ID, "object": "balance_transaction", "type": t.Kind, "source": t.Source, "amount": t.Amount, "fee": t.Fee, "net": t.Amount - t.Fee, "currency": "usd",
			"created": t.Created, "available_on": t.AvailableOn,
		}
	})
}

// Payout sends what is available to the merchant's bank.
func (s *Server) Payout() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	available, _ := s.balance()
	if available <= 0 {
		return false
	}
	now := s.o.Clock.Now()
	s.state.Payouts = append(s.state.Payouts, &payout{ID: newID("po_"), Amount: available, Status: "in_transit", Created: now.Unix(), Arrives: now.Add(availableAfter).Unix()})
	s.save()
	return true
}

func (s *Server) listPayouts(r *request) answer {
	all := slices.Clone(s.state.Payouts)
	slices.Reverse(all)
	return page(r, "/v1/payouts", all, func(o *payout) string { return o.ID }, func(o *payout) any {
		return map[string]any{"id": o.ID, "object": "payout", "amount": o.Amount, "currency": "usd", "status": o.Status, "created": o.Created, "arrival_date": o.Arrives, "livemode": false}
	})
}
