// Package stripeapi is the only door to Stripe and the only importer of its
// library. It asks and reports in billing's words; it decides nothing about
// money, keeps nothing, retries nothing (the queue does) and lets no key, in
// whole or in part, into an error or a log.
package stripeapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"holdfast/internal/errs"
)

// Timeout bounds each call, so that a job of several calls ends in time.
const Timeout = 8 * time.Second

// Config says how to reach Stripe. The zero URL is Stripe itself.
type Config struct {
	Key             string   // secret or restricted: sk_… or rk_…
	WebhookSecrets  []string // whsec_…; two while one is replaced
	URL             string   // of a Stripe that is none, for demo and tests
	InvoiceCreation bool     // make an invoice for each payment
	AutomaticTax    bool     // let Stripe work out tax beside the fee
	Timeout         time.Duration
}

// Client speaks to Stripe. It is safe for several goroutines.
type Client struct {
	api     *client.API
	config  Config
	redacts *strings.Replacer
}

var keyForm = regexp.MustCompile(`^(sk|rk)_(test|live)_[A-Za-z0-9_]{8,}$`)

// New makes a client. An error names what is wrong and holds no key.
func New(c Config) (*Client, error) {
	if !keyForm.MatchString(c.Key) {
		return nil, errs.Field("HOLDFAST_STRIPE_KEY", "is not a secret or restricted key of Stripe, which begins with sk_live_, rk_live_, sk_test_ or rk_test_")
	}
	secrets := []string{c.Key, "[key]"}
	for _, s := range c.WebhookSecrets {
		if !strings.HasPrefix(s, "whsec_") || len(s) < 16 {
			return nil, errs.Field("HOLDFAST_STRIPE_WEBHOOK_SECRET", "is not the signing secret of a webhook endpoint, which begins with whsec_")
		}
		secrets = append(secrets, s, "[secret]")
	}
	if c.Timeout <= 0 {
		c.Timeout = Timeout
	}
	backend := &stripe.BackendConfig{
		HTTPClient:        &http.Client{Timeout: c.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // it would print what it was answered
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return nil, errs.Field("HOLDFAST_STRIPE_URL", "must look like http://127.0.0.1:12111")
		}
		if c.Live() {
			return nil, errs.Field("HOLDFAST_STRIPE_URL", "is for test keys; a live key goes to Stripe alone")
		}
		backend.URL = stripe.String(strings.TrimRight(c.URL, "/"))
	}
	api := stripe.GetBackendWithConfig(stripe.APIBackend, backend)
	return &Client{
		api:    client.New(c.Key, &stripe.Backends{API: api, Connect: api, Uploads: api}),
		config: c, redacts: strings.NewReplacer(secrets...),
	}, nil
}

// Live tells whether the key moves real money.
func (c Config) Live() bool { return strings.Contains(c.Key, "_live_") }

// Live tells whether the key moves real money.
func (c *Client) Live() bool { return c.config.Live() }

// Fake tells whether this is a Stripe of demo and tests.
func (c *Client) Fake() bool { return c.config.URL != "" }

// HearsWebhooks tells whether events can be verified.
func (c *Client) HearsWebhooks() bool { return len(c.config.WebhookSecrets) > 0 }

// PageOrigin is where the hosted pages are.
func (c *Client) PageOrigin() string {
	if c.config.URL != "" {
		return strings.TrimRight(c.config.URL, "/")
	}
	return "https://checkout.stripe.com"
}

// masked is what Stripe itself leaves of a key in its messages.
var masked = regexp.MustCompile(`(sk|rk|pk|whsec)_[A-Za-z0-9_*.…]+`)

// failure gives an error of Stripe a kind, with what was being tried.
//
//   - Unavailable: no answer, too many requests, the same call is under way, an
//     error on Stripe's side: try again
//   - NotFound: Stripe knows no such thing
//   - Forbidden: the key is not accepted or may not do this
//   - Conflict: the idempotency key was used for something else
//   - Invalid: Stripe refuses what we ask
func (c *Client) failure(err error, doing string) error {
	if err == nil {
		return nil
	}
	var e *stripe.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return errs.Wrap(errs.Unavailable, errors.New(doing+": no answer in time"), "Stripe does not answer; try again in a moment.")
		}
		return errs.Wrap(errs.Unavailable, errors.New(doing+": "+c.clean(err.Error())), "Stripe does not answer; try again in a moment.")
	}
	cause := errors.New(doing + ": " + c.clean(strings.Join([]string{string(e.Type), string(e.Code), e.Param, e.Msg, e.RequestID}, " | ")))
	switch {
	case e.HTTPStatusCode == http.StatusTooManyRequests, e.HTTPStatusCode >= 500, e.HTTPStatusCode == 0, e.HTTPStatusCode == http.StatusConflict:
		return errs.Wrap(errs.Unavailable, cause, "Stripe is not available just now; try again in a moment.")
	case e.HTTPStatusCode == http.StatusUnauthorized, e.HTTPStatusCode == http.StatusForbidden:
		return errs.Wrap(errs.Forbidden, cause, "Stripe does not accept our key for this.")
	case e.HTTPStatusCode == http.StatusNotFound, e.Code == stripe.ErrorCodeResourceMissing:
		return errs.Wrap(errs.NotFound, cause, "Stripe knows no such thing.")
	case e.Type == stripe.ErrorTypeIdempotency:
		return errs.Wrap(errs.Conflict, cause, "Stripe was asked for this already, in other words.")
	}
	return errs.Wrap(errs.Invalid, cause, "Stripe refuses this.")
}

// clean takes every key out of a text.
func (c *Client) clean(s string) string {
	s = masked.ReplaceAllString(c.redacts.Replace(s), "[key]")
	if len(s) > 500 {
		s = s[:500]
	}
	return s
}
