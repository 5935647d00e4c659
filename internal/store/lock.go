package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lock is a lock in the database that lives as long as one connection: it
// needs no clock and no renewal, and a process that dies has let go of it.
type Lock struct {
	conn   *pgx.Conn
	cancel context.CancelFunc
	done   chan struct{}
}

// TryLock takes the lock of this name, or gives nil if another has it. The
// context it gives ends when the lock is lost, so work under it stops.
func TryLock(ctx context.Context, url, name string) (*Lock, context.Context, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, nil, fmt.Errorf("lock %s: %w", name, err)
	}
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", "holdfast/"+name).Scan(&got); err != nil || !got {
		_ = conn.Close(ctx)
		if err != nil {
			err = fmt.Errorf("lock %s: %w", name, err)
		}
		return nil, nil, err
	}
	held, cancel := context.WithCancel(ctx)
	l := &Lock{conn: conn, cancel: cancel, done: make(chan struct{})}
	go l.watch(held)
	return l, held, nil
}

// watch asks every few seconds whether the connection still lives.
func (l *Lock) watch(ctx context.Context) {
	defer close(l.done)
	defer l.cancel()
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			ask, stop := context.WithTimeout(ctx, 5*time.Second)
			err := l.conn.Ping(ask)
			stop()
			if err != nil {
				return
			}
		}
	}
}

// Release lets go of the lock.
func (l *Lock) Release(ctx context.Context) {
	l.cancel()
	<-l.done
	_ = l.conn.Close(context.WithoutCancel(ctx))
}
