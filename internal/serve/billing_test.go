package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/serve"
)

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBilling_EachWrongSettingIsNamedAndNoSecretIsSaid(t *testing.T) {
	t.Parallel()
	good, secret := secretFile(t, "sk_test_0123456789abcdefghij\n"), secretFile(t, "whsec_0123456789abcdefghij\n")
	for name, change := range map[string]map[string]string{
		"HOLDFAST_STRIPE_KEY_FILE":            {"stripe-key-file": "/nowhere"},
		"HOLDFAST_STRIPE_KEY_FILE: the":       {"stripe-key-file": secretFile(t, "\n")},
		"HOLDFAST_STRIPE_KEY:":                {"stripe-key-file": secretFile(t, "pk_test_0123456789abcdefghij")},
		"HOLDFAST_STRIPE_KEY: give":           {"stripe-webhook-secret-file": secret},
		"HOLDFAST_STRIPE_WEBHOOK_SECRET":      {"stripe-key-file": good, "stripe-webhook-secret-file": secretFile(t, "0123456789abcdefghij")},
		"HOLDFAST_STRIPE_WEBHOOK_SECRET_FILE": {"stripe-key-file": good, "stripe-webhook-secret-file": "/nowhere"},
		"HOLDFAST_STRIPE_URL":                 {"stripe-key-file": secretFile(t, "sk_live_0123456789abcdefghij"), "stripe-url": "http://127.0.0.1:1"},
		"HOLDFAST_STRIPE_TAX":                 {"stripe-tax": "maybe"},
		"HOLDFAST_STRIPE_INVOICE":             {"stripe-invoice": "maybe"},
	} {
		_, err := serve.FromSettings(settings(change))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", change, err)
		}
	}
	if _, err := serve.FromSettings(settings(map[string]string{"stripe-key-file": good, "stripe-webhook-secret-file": secret, "stripe-tax": "true"})); err != nil {
		t.Error(err)
	}
}

// Play money is for the demo: serve does not even open its database.
func TestStart_RefusesAStripeThatIsNoneOutsideTheDemo(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	c, err := serve.FromSettings(settings(map[string]string{
		"state-dir": state, "stripe-key-file": secretFile(t, "sk_test_0123456789abcdefghij"), "stripe-url": "http://127.0.0.1:1",
	}))
	if err != nil {
		t.Fatal(err)
	}
	srv, err := serve.Start(t.Context(), c)
	if err == nil {
		_ = srv.Stop(t.Context())
	}
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "HOLDFAST_STRIPE_URL") || !strings.Contains(err.Error(), "--demo") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Error("something was begun")
	}
}
