package fakestripe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"time"

	"holdfast/internal/clock"
)

// version is the API version that events are written in: a newer one than
// callers' libraries, as in an account that was made lately.
const version = "2025-09-30.clover"

type event struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Created int64           `json:"created"`
	Object  json.RawMessage `json:"object"`
}

// delivery is one event on its way to the webhook.
type delivery struct {
	Event  string `json:"event"`
	Tries  int    `json:"tries"`
	NextAt int64  `json:"next_at"` // milliseconds, by the machine's own clock
	Done   bool   `json:"done"`
}

// mostTries is when a webhook is given up.
const mostTries = 12

// emit writes an event and puts it on its way. The caller holds the lock.
func (s *Server) emit(kind string, object map[string]any) {
	raw, err := json.Marshal(object)
	if err != nil {
		s.o.Logger.Error("test payments: cannot write an event", "error", err)
		return
	}
	e := &event{ID: newID("evt_"), Kind: kind, Created: s.o.Clock.Now().Unix(), Object: raw}
	s.state.Events = append(s.state.Events, e)
	w := &s.state.Switches
	if w.Lose != 0 {
		if w.Lose > 0 {
			w.Lose--
		}
		return
	}
	one := &delivery{Event: e.ID}
	if w.Disorder && s.next()%2 == 0 {
		one.NextAt = clock.System{}.Now().Add(2 * s.o.Retry).UnixMilli()
	}
	s.state.Deliveries = append(s.state.Deliveries, one)
	if w.Duplicate {
		s.state.Deliveries = append(s.state.Deliveries, &delivery{Event: e.ID, NextAt: one.NextAt})
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func eventJSON(e *event) map[string]any {
	return map[string]any{
		"id": e.ID, "object": "event", "type": e.Kind, "created": e.Created, "livemode": false, "api_version": version, "pending_webhooks": 1,
		"request": map[string]any{"id": nil, "idempotency_key": nil}, "data": map[string]any{"object": e.Object},
	}
}

func (s *Server) getEvent(r *request) answer {
	i := slices.IndexFunc(s.state.Events, func(e *event) bool { return e.ID == r.id })
	if i < 0 {
		return missing("event", r.id)
	}
	return ok(eventJSON(s.state.Events[i]))
}

func (s *Server) listEvents(r *request) answer {
	if a := r.known("created[gte]", "created[gt]", "created[lt]", "created[lte]", "type", "types[", "limit", "starting_after", "ending_before", "expand["); a != nil {
		return *a
	}
	var kinds []string
	for k, v := range r.form {
		if k == "type" || len(k) > 6 && k[:6] == "types[" {
			kinds = append(kinds, v...)
		}
	}
	if len(kinds) > 20 {
		return wrong("types", "", "Too many types: at most 20")
	}
	within := func(at int64) bool {
		for name, inside := range map[string]func(n int64) bool{
			"created[gte]": func(n int64) bool { return at >= n }, "created[gt]": func(n int64) bool { return at > n },
			"created[lte]": func(n int64) bool { return at <= n }, "created[lt]": func(n int64) bool { return at < n },
		} {
			if n, ok := r.number(name); ok && !inside(n) {
				return false
			}
		}
		return true
	}
	var all []*event
	for _, e := range slices.Backward(s.state.Events) {
		fits := len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { m, err := path.Match(k, e.Kind); return err == nil && m })
		if fits && within(e.Created) {
			all = append(all, e)
		}
	}
	return page(r, "/v1/events", all, func(e *event) string { return e.ID }, func(e *event) any { return eventJSON(e) })
}

// Sign signs a body as the webhook's header has it.
func Sign(secret string, body []byte, at time.Time) string {
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(m, "%d.", at.Unix())
	_, _ = m.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(m.Sum(nil)))
}

// Webhook gives the body and the signature with which an event would be sent.
func (s *Server) Webhook(eventID string) (body []byte, signature string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.state.Events, func(e *event) bool { return e.ID == eventID })
	if i < 0 {
		return nil, ""
	}
	body, err := json.Marshal(eventJSON(s.state.Events[i]))
	if err != nil {
		return nil, ""
	}
	return body, Sign(s.o.WebhookSecret, body, clock.System{}.Now())
}

// Events are the identifiers of all events, the oldest first.
func (s *Server) Events() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.state.Events {
		all = append(all, e.ID)
	}
	return all
}

// Deliver sends one event now, whatever the switches say, and gives the status
// that it was answered with.
func (s *Server) Deliver(ctx context.Context, eventID string) (int, error) {
	body, signature := s.Webhook(eventID)
	s.mu.Lock()
	to := s.o.WebhookURL
	s.mu.Unlock()
	if body == nil || to == "" {
		return 0, fmt.Errorf("no event %s, or nowhere to send it", eventID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Stripe-Signature", signature)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	return res.StatusCode, nil
}

// deliverDue sends what is due, and again later what was not taken.
func (s *Server) deliverDue(ctx context.Context) {
	for ctx.Err() == nil {
		now := clock.System{}.Now()
		s.mu.Lock()
		i := slices.IndexFunc(s.state.Deliveries, func(d *delivery) bool { return !d.Done && d.NextAt <= now.UnixMilli() })
		if i < 0 || s.o.WebhookURL == "" {
			s.mu.Unlock()
			return
		}
		d := s.state.Deliveries[i]
		d.Tries++
		d.NextAt = now.Add(s.o.Retry << min(d.Tries-1, 10)).UnixMilli()
		s.mu.Unlock()
		status, err := s.Deliver(ctx, d.Event)
		s.mu.Lock()
		d.Done = err == nil && status < 300 || d.Tries >= mostTries
		if d.Done {
			s.state.Deliveries = slices.DeleteFunc(s.state.Deliveries, func(k *delivery) bool { return k == d })
		}
		s.save()
		s.mu.Unlock()
	}
}
