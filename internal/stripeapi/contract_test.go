package stripeapi_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/billing"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/stripeapi"
)

const (
	key    = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	secret = "whsec_0123456789abcdef0123"
)

// mock starts Stripe's own mock server, which holds each call to the published
// description of the API, and gives its address.
func mock(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(dir, "..", "..", ".ci", "tools", "go.mod")
	cmd := exec.Command("go", "tool", "-modfile="+tools, "stripe-mock", "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the tool is a child of the go command
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return "http://" + address
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return ""
}

func order(c clock.Clock) billing.CheckoutOrder {
	return billing.CheckoutOrder{
		Checkout: id.New[id.Checkout](), Charge: id.New[id.Charge](), Ticket: id.New[id.Ticket](), Number: 1001, Try: 1, Amount: billing.Fee,
		Description: "Restore, request 1001", SuccessURL: "https://backup.hoster.example/paid?s={CHECKOUT_SESSION_ID}", CancelURL: "https://backup.hoster.example/back",
		ExpiresAt: c.Now().Add(billing.CheckoutFor),
	}
}

// Every call that we make, held to the description of Stripe's API.
func TestContract_StripeMockAcceptsEveryCall(t *testing.T) {
	t.Parallel()
	at := mock(t)
	for name, config := range map[string]stripeapi.Config{
		"plain": {Key: key, URL: at}, "with invoice and tax": {Key: key, URL: at, InvoiceCreation: true, AutomaticTax: true},
	} {
		config.Timeout = 30 * time.Second
		c, err := stripeapi.New(config)
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]func(context.Context) error{
			"CreateCheckout": func(ctx context.Context) error { _, err := c.CreateCheckout(ctx, order(clock.System{})); return err },
			"Checkout":       func(ctx context.Context) error { _, err := c.Checkout(ctx, "cs_test_1"); return err },
			"CheckoutOf":     func(ctx context.Context) error { _, err := c.CheckoutOf(ctx, "pi_1"); return err },
			"ExpireCheckout": func(ctx context.Context) error { _, err := c.ExpireCheckout(ctx, "cs_test_1"); return err },
			"Refund": func(ctx context.Context) error {
				_, err := c.Refund(ctx, billing.RefundOrder{Refund: id.New[id.Refund](), Charge: id.New[id.Charge](), Ticket: id.New[id.Ticket](), Intent: "pi_1"})
				return err
			},
			"GetRefund":  func(ctx context.Context) error { _, err := c.GetRefund(ctx, "re_1"); return err },
			"Refunds":    func(ctx context.Context) error { _, err := c.Refunds(ctx, "pi_1"); return err },
			"GetDispute": func(ctx context.Context) error { _, err := c.GetDispute(ctx, "dp_1"); return err },
			"Disputes":   func(ctx context.Context) error { _, err := c.Disputes(ctx, "pi_1"); return err },
			"Events": func(ctx context.Context) error {
				_, _, err := c.Events(ctx, clock.System{}.Now().Add(-time.Hour), "evt_1")
				return err
			},
			"Owed": func(ctx context.Context) error { _, err := c.Owed(ctx); return err },
		}
		for call, do := range calls {
			if err := do(t.Context()); err != nil {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
	}
}

// The contract is worth something only if the mock refuses what is wrong.
func TestContract_StripeMockRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := mock(t)
	for _, form := range []url.Values{{"mode": {"nonsense"}}, {"mode": {"payment"}, "no_such_parameter": {"1"}}, {"mode": {"payment"}, "expires_at": {"soon"}}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/v1/checkout/sessions", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %d", form, res.StatusCode)
		}
	}
	c, err := stripeapi.New(stripeapi.Config{Key: key, URL: at})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Refund(t.Context(), billing.RefundOrder{Intent: billing.OfflineIntent("x")}); !errs.Is(err, errs.Invalid) {
		t.Errorf("an offline payment is refunded at Stripe: %v", err)
	}
}
