package serve

import (
	"log/slog"
	"net/http"
	"os"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/hook"
	"holdfast/internal/stripeapi"
)

// BillingConfig is how fees are paid. Without a key, they are paid offline.
type BillingConfig struct {
	KeyFile           string // of Stripe's secret or restricted key; or HOLDFAST_STRIPE_KEY
	WebhookSecretFile string // of the endpoint's signing secrets, one a line; or HOLDFAST_STRIPE_WEBHOOK_SECRET
	URL               string // of a Stripe that is none
	Invoice, Tax      bool
	Demo              bool // URL may be set

	key     string
	secrets []string
}

// The secrets themselves come from the environment or a file, never from a
// flag: a flag is in the list of processes.
const (
	envStripeKey    = "HOLDFAST_STRIPE_KEY"
	envStripeSecret = "HOLDFAST_STRIPE_WEBHOOK_SECRET" //nolint:gosec // the name of a setting
)

func billingSettings(get func(string) string) (b BillingConfig, wrong []error) {
	b = BillingConfig{KeyFile: get("stripe-key-file"), WebhookSecretFile: get("stripe-webhook-secret-file"), URL: get("stripe-url")}
	for flag, to := range map[string]*bool{"stripe-invoice": &b.Invoice, "stripe-tax": &b.Tax} {
		switch v := get(flag); v {
		case "true", "1":
			*to = true
		case "false", "0", "":
		default:
			wrong = append(wrong, errs.Field(envName(flag), "%q must be true or false", v))
		}
	}
	b.key, b.secrets = strings.TrimSpace(os.Getenv(envStripeKey)), strings.Fields(os.Getenv(envStripeSecret))
	return b, wrong
}

func envName(flag string) string {
	return "HOLDFAST_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// UseKeys sets the secrets of a program that makes its own, as the demo does.
func (b *BillingConfig) UseKeys(key string, webhookSecrets ...string) {
	b.key, b.secrets = key, webhookSecrets
}

// check reads the secrets and names every setting that is wrong.
func (b *BillingConfig) check() (wrong []error) {
	for _, f := range []struct{ file, name, env string }{
		{b.KeyFile, "HOLDFAST_STRIPE_KEY_FILE", envStripeKey}, {b.WebhookSecretFile, "HOLDFAST_STRIPE_WEBHOOK_SECRET_FILE", envStripeSecret},
	} {
		if f.file == "" {
			continue
		}
		raw, err := os.ReadFile(f.file)
		words := strings.Fields(string(raw))
		switch {
		case err != nil:
			wrong = append(wrong, errs.Wrap(errs.Invalid, err, "%s: the file cannot be read", f.name))
		case len(words) == 0:
			wrong = append(wrong, errs.Field(f.name, "the file is empty"))
		case f.env == envStripeKey && len(words) > 1:
			wrong = append(wrong, errs.Field(f.name, "the file holds more than a key"))
		case f.env == envStripeKey:
			b.key = words[0]
		default:
			b.secrets = words
		}
	}
	if b.key == "" && (len(b.secrets) > 0 || b.URL != "") {
		wrong = append(wrong, errs.Field(envStripeKey, "give the key too, or none of Stripe's settings"))
	}
	if len(wrong) == 0 {
		if _, err := b.stripe(); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// stripe gives the client, nil without a key.
func (b *BillingConfig) stripe() (*stripeapi.Client, error) {
	if b.key == "" {
		return nil, nil //nolint:nilnil // no Stripe is no error
	}
	return stripeapi.New(stripeapi.Config{Key: b.key, WebhookSecrets: b.secrets, URL: b.URL, InvoiceCreation: b.Invoice, AutomaticTax: b.Tax})
}

// allowed refuses a Stripe that is none outside the demo: whoever sells
// restores must not be paid in play money.
func (b *BillingConfig) allowed() error {
	if b.URL != "" && !b.Demo {
		return errs.Field("HOLDFAST_STRIPE_URL", "names a Stripe that is none; unset it, or start with --demo, which moves no money")
	}
	return nil
}

// use tells the use cases how fees are paid.
func (b *BillingConfig) use(a *app.App, log *slog.Logger) error {
	c, err := b.stripe()
	if err != nil || c == nil {
		return err
	}
	a.UseStripe(c)
	log.Info("fees can be paid by Stripe", "live", c.Live(), "webhooks", c.HearsWebhooks())
	return nil
}

// besideHooks gives the hooks' door what lies under its prefix, and next the
// rest.
func besideHooks(a *app.App, log *slog.Logger, next http.Handler) http.Handler {
	door := hook.New(a, log, clock.System{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, hook.Prefix+"/") {
			door.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
