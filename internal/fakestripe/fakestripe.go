// Package fakestripe is a payment provider that is none: a small, stateful
// server which answers the calls that we make of Stripe the way Stripe does,
// with a hosted page, events and signed webhooks, and which can be told to
// lose, repeat and reorder them. It is for the demo and for tests alone, moves
// no money, and every page of it says so.
package fakestripe

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"holdfast/internal/clock"
)

// Options say how the server behaves. Key and URL are needed.
type Options struct {
	URL           string // how browsers reach it, without a slash at the end
	Key           string // the one secret key that is accepted
	WebhookURL    string // where events go; "" for nowhere
	WebhookSecret string
	File          string // keeps the state over a restart; "" keeps it in memory
	Merchant      string // who is paid, for the pages
	Clock         clock.Clock
	Logger        *slog.Logger
	BankDelay     time.Duration // after which a bank debit settles or bounces; 0: by hand
	Retry         time.Duration // before a webhook is sent again, doubled each time; 0 means 2 s
	Manual        bool          // webhooks wait for Deliver
}

// Server is the fake provider. It is safe for several goroutines.
type Server struct {
	o      Options
	mux    *http.ServeMux
	client *http.Client
	wake   chan struct{}

	mu     sync.Mutex
	state  state
	faults []fault
	calls  map[string]int
}

// state is all that is kept.
type state struct {
	Seq        int                    `json:"seq"`
	Sessions   map[string]*session    `json:"sessions"`
	Payments   map[string]*payment    `json:"payments"`
	Refunds    []*refund              `json:"refunds"`
	Disputes   []*dispute             `json:"disputes"`
	Events     []*event               `json:"events"`
	Payouts    []*payout              `json:"payouts"`
	Deliveries []*delivery            `json:"deliveries"`
	Answers    map[string]*idempotent `json:"answers"`
	Switches   Switches               `json:"switches"`
}

// Switches are what goes wrong with webhooks, and with the next refund.
type Switches struct {
	Lose       int    `json:"lose"` // so many of the next are never sent; -1 for all
	Duplicate  bool   `json:"duplicate"`
	Disorder   bool   `json:"disorder"`    // each second one goes before the one before it
	NextRefund string `json:"next_refund"` // "": at once; "pending": waits for FinishRefund or FailRefund
}

// New makes a server, with what Options.File holds.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retry <= 0 {
		o.Retry = 2 * time.Second
	}
	if o.Merchant == "" {
		o.Merchant = "The hoster"
	}
	o.URL = strings.TrimRight(o.URL, "/")
	s := &Server{o: o, client: &http.Client{Timeout: 10 * time.Second}, wake: make(chan struct{}, 1), calls: map[string]int{}}
	if o.File != "" {
		raw, err := os.ReadFile(o.File)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			if err := json.Unmarshal(raw, &s.state); err != nil {
				return nil, err
			}
		}
	}
	if s.state.Sessions == nil {
		s.state.Sessions, s.state.Payments, s.state.Answers = map[string]*session{}, map[string]*payment{}, map[string]*idempotent{}
	}
	s.routes()
	return s, nil
}

// SetURL tells where the server came to listen, and where its webhooks go.
func (s *Server) SetURL(url, webhook string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.URL, s.o.WebhookURL = strings.TrimRight(url, "/"), webhook
}

// Set turns the switches.
func (s *Server) Set(w Switches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Switches = w
	s.save()
}

// ServeHTTP answers API calls, pages and the control page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for pattern, h := range map[string]call{
		"POST /v1/checkout/sessions":             s.createSession,
		"GET /v1/checkout/sessions":              s.listSessions,
		"GET /v1/checkout/sessions/{id}":         s.getSession,
		"POST /v1/checkout/sessions/{id}/expire": s.expireSession,
		"POST /v1/refunds":                       s.createRefund,
		"GET /v1/refunds":                        s.listRefunds,
		"GET /v1/refunds/{id}":                   s.getRefund,
		"GET /v1/disputes":                       s.listDisputes,
		"GET /v1/disputes/{id}":                  s.getDispute,
		"GET /v1/events":                         s.listEvents,
		"GET /v1/events/{id}":                    s.getEvent,
		"GET /v1/balance":                        s.getBalance,
		"GET /v1/balance_transactions":           s.listTransactions,
		"GET /v1/payouts":                        s.listPayouts,
	} {
		s.mux.HandleFunc(pattern, s.api(pattern, h))
	}
	s.mux.HandleFunc("/v1/", s.api("", func(*request) answer {
		return failed(http.StatusNotFound, "invalid_request_error", "", "", "Unrecognized request URL")
	}))
	s.mux.HandleFunc("GET /c/pay/{id}", s.payPage)
	s.mux.HandleFunc("POST /c/pay/{id}", s.pay)
	s.mux.HandleFunc("GET /receipts/{id}", s.receiptPage)
	s.mux.HandleFunc("GET /invoices/{id}", s.invoicePage)
	s.mux.HandleFunc("GET /control", s.controlPage)
	s.mux.HandleFunc("POST /control/{what}", s.control)
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/control", http.StatusSeeOther) })
}

// Run sends webhooks and lets time do its work until ctx ends.
func (s *Server) Run(ctx context.Context) {
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.wake:
		}
		s.mu.Lock()
		s.pass()
		s.mu.Unlock()
		if !s.o.Manual {
			s.deliverDue(ctx)
		}
	}
}

// pass lets time do its work: sessions expire, bank debits settle or bounce,
// old answers are forgotten. The caller holds the lock.
func (s *Server) pass() {
	now := s.o.Clock.Now()
	changed := false
	for _, k := range s.sessions() {
		if k.Status == "open" && now.Unix() >= k.ExpiresAt {
			k.Status, changed = "expired", true
			s.emit("checkout.session.expired", s.sessionJSON(k, nil))
		}
	}
	for _, p := range s.payments() {
		if p.Status == "processing" && p.EndsAt != 0 && now.Unix() >= p.EndsAt {
			changed = true
			s.endBank(p, !p.Bounces)
		}
	}
	for key, a := range s.state.Answers {
		if now.Unix()-a.At > 24*60*60 {
			delete(s.state.Answers, key)
			changed = true
		}
	}
	if changed {
		s.save()
	}
}

// save writes the state beside its file and renames it. The caller holds the
// lock. A demo that cannot write goes on in memory and says so.
func (s *Server) save() {
	if s.o.File == "" {
		return
	}
	raw, err := json.Marshal(s.state)
	if err == nil {
		next := s.o.File + ".next"
		if err = os.WriteFile(next, raw, 0o600); err == nil {
			err = os.Rename(next, s.o.File)
		}
	}
	if err != nil {
		s.o.Logger.Warn("test payments: cannot keep the state", "file", filepath.Base(s.o.File), "error", err)
	}
}

// next numbers what is made, so that lists have an order within a second.
func (s *Server) next() int {
	s.state.Seq++
	return s.state.Seq
}

func newID(prefix string) string { return prefix + rand.Text()[:24] }
