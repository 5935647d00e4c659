package store

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listen calls fn for each notification on the channels until ctx ends. It
// holds one connection of its own, reconnects when that breaks, and then calls
// fn once per channel with an empty payload, since what was sent in between
// is lost. Callers must look for work at intervals too.
func Listen(ctx context.Context, url string, log *slog.Logger, channels []string, fn func(channel, payload string)) {
	for ctx.Err() == nil {
		err := listenOnce(ctx, url, channels, fn)
		if ctx.Err() != nil {
			return
		}
		log.Warn("listening for notifications broke off; reconnecting", "error", err)
		t := time.NewTimer(time.Second + rand.N(time.Second)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
}

func listenOnce(ctx context.Context, url string, channels []string, fn func(channel, payload string)) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, ch := range channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{ch}.Sanitize()); err != nil {
			return err
		}
	}
	for _, ch := range channels {
		fn(ch, "")
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		fn(n.Channel, n.Payload)
	}
}
