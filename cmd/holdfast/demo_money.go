package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/serve"
)

// demoPayments is the fake payment provider of a demo: a server of its own,
// whose pages say that no money moves. What was paid is kept over a restart.
type demoPayments struct {
	server *fakestripe.Server
	http   *http.Server
	url    string
	done   chan struct{}
	cancel context.CancelFunc
}

// startPayments brings the provider up and sets cfg to use it.
func startPayments(ctx context.Context, dir string, cfg *serve.Config, log *slog.Logger) (*demoPayments, error) {
	l, err := demoPort(ctx, filepath.Join(dir, "payments.port"))
	if err != nil {
		return nil, err
	}
	key, secret := "sk_test_"+rand.Text(), "whsec_"+rand.Text()
	p := &demoPayments{url: "http://" + l.Addr().String(), done: make(chan struct{})}
	p.server, err = fakestripe.New(fakestripe.Options{
		URL: p.url, Key: key, WebhookSecret: secret,
		File: filepath.Join(dir, "payments.json"), Merchant: cfg.Hoster.Name, Logger: log, BankDelay: 20 * time.Second,
	})
	if err != nil {
		return nil, errors.Join(errs.Wrap(errs.Invalid, err, "The demo's payments cannot be read from %s; start with --reset.", dir), l.Close())
	}
	cfg.Billing.URL, cfg.Billing.Demo, cfg.Billing.Invoice = p.url, true, true
	cfg.Billing.UseKeys(key, secret)
	p.http = &http.Server{Handler: p.server, ReadHeaderTimeout: 10 * time.Second}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(p.done)
		p.server.Run(ctx)
	}()
	go func() {
		if err := p.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the demo's payments ended", "error", err)
		}
	}()
	return p, nil
}

// demoPort listens where the demo did before, so that addresses that were
// given out lead on, or anywhere.
func demoPort(ctx context.Context, file string) (net.Listener, error) {
	var lc net.ListenConfig
	if was, err := os.ReadFile(file); err == nil { //nolint:gosec // our own folder
		if l, err := lc.Listen(ctx, "tcp", strings.TrimSpace(string(was))); err == nil {
			return l, nil
		}
	}
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the demo's payments: %w", err)
	}
	return l, os.WriteFile(file, []byte(l.Addr().String()), 0o600)
}

// hear sends webhooks to where the pages listen.
func (p *demoPayments) hear(pages string) { p.server.SetURL(p.url, pages+"/hooks/stripe") }

func (p *demoPayments) stop(ctx context.Context) error {
	p.cancel()
	<-p.done
	return p.http.Shutdown(ctx)
}
