// Package hook is the door for what other services call: Stripe's webhooks. It
// takes the raw body, small and signed, keeps it by one use case and answers at
// once. It knows no session, asks for no token, decides nothing and never calls
// Stripe.
package hook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// Prefix is where the door's routes lie, and StripePath the one of Stripe.
const (
	Prefix     = "/hooks"
	StripePath = Prefix + "/stripe"
)

// maxBody is more than any event that we ask for; signature bounds the header.
const (
	maxBody      = 64 << 10
	maxSignature = 4 << 10
	readFor      = 10 * time.Second
)

// Taker keeps a webhook whose body and Stripe-Signature are given.
type Taker interface {
	TakeWebhook(ctx context.Context, body []byte, signature string) error
}

// Door serves the hooks.
type Door struct {
	app   Taker
	log   *slog.Logger
	clock clock.Clock
}

// New makes the door's routes. Stripe calls it without a cookie, so it stands
// outside sessions and their tokens.
func New(a Taker, log *slog.Logger, c clock.Clock) http.Handler {
	d := &Door{app: a, log: log, clock: c}
	r := chi.NewRouter()
	r.Post(StripePath, d.stripe)
	return r
}

// stripe answers 200 once the event is kept, or was before; 400 to what Stripe
// did not sign for us; 413 to what is too large; 404 where no webhook is set
// up; 503 where it cannot be kept now, so that Stripe sends it again.
func (d *Door) stripe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetReadDeadline(d.clock.Now().Add(readFor)) // a recorder of tests has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "cannot be read", http.StatusBadRequest)
		return
	}
	signature := r.Header.Get("Stripe-Signature")
	if len(signature) > maxSignature {
		http.Error(w, "not signed for us", http.StatusBadRequest)
		return
	}
	err = d.app.TakeWebhook(r.Context(), body, signature)
	switch errs.KindOf(err) {
	case "":
		_, _ = io.WriteString(w, "taken\n")
	case errs.Forbidden, errs.Invalid:
		d.log.WarnContext(r.Context(), "a webhook was refused", "error", err)
		http.Error(w, "not signed for us", http.StatusBadRequest)
	case errs.Unsupported:
		http.Error(w, "no webhook is set up here", http.StatusNotFound)
	default:
		d.log.ErrorContext(r.Context(), "a webhook could not be kept", "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}
