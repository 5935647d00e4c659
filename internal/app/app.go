// Package app holds the use cases of the control plane, one file each: check,
// load, decide, save, enqueue, commit. Doors, workers and the CLI call it; it
// speaks to the database through store and never to a host or to storage.
package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/mailin"
	"holdfast/internal/seal"
	"holdfast/internal/store"
)

// Storage says how agents reach a destination's vault and signs what opens it.
type Storage interface {
	// Address gives the vault's URL for a destination and the pin of its
	// certificate ("" where the system's CAs vouch for it).
	Address(destination id.Destination, vaultURL string) (url, pin string)
	// Token signs a token that may append to the repository name at the
	// destination, for the run and fence, until expires.
	Token(destination id.Destination, name string, run id.Run, fence int64, quotaBytes int64, expires time.Time) (string, error)
	// ReadToken signs a token that may read the repository and change nothing.
	ReadToken(destination id.Destination, name string, task id.HostTask, fence int64, expires time.Time) (string, error)
}

// App is the use cases over one store. It is safe for several goroutines.
type App struct {
	store   *store.Store
	key     seal.Key
	storage Storage
	clock   clock.Clock
	log     *slog.Logger
	heal    healing
	people  People
	stripe  Stripe // nil: fees are paid offline
	// addresses are those that answers come in by; nil where none do.
	addresses *mailin.Addresses
	known     atomic.Pointer[lastKnown]
	desk      desk // what tickets need of this process
}

// New makes the use cases.
func New(s *store.Store, key seal.Key, storage Storage, c clock.Clock, log *slog.Logger) *App {
	if c == nil {
		c = clock.System{}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &App{store: s, key: key, storage: storage, clock: c, log: log}
}

// do checks the actor's right and runs fn in a transaction of that right.
func (a *App) do(ctx context.Context, who authz.Actor, action authz.Action, of id.Tenant, fn func(context.Context, *store.Tx) error) error {
	g, err := authz.Check(who, action, of)
	if err != nil {
		return err
	}
	return a.store.Tx(ctx, g, fn)
}

// system runs fn in a transaction of the system's own work.
func (a *App) system(ctx context.Context, name string, fn func(context.Context, *store.Tx) error) error {
	return a.store.Tx(ctx, authz.System(name), fn)
}

// hide turns a refusal to read into "no such thing", so that nobody learns
// what exists from what is refused.
func hide(err error, what string) error {
	if errs.Is(err, errs.Forbidden) || errs.Is(err, errs.NotFound) {
		return errs.Wrap(errs.NotFound, err, "There is no %s of this name, or none that you may see.", what)
	}
	return err
}
