package app

import (
	"context"

	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// notify tells the account's owner by mail what was done to it, where mail is
// set up.
func (a *App) notify(_ context.Context, _ *store.Tx, _ dbq.Account, _ string) error { return nil }
