package app

import (
	"context"

	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// restoreMoved tells a restore's ticket that the restore moved.
func (a *App) restoreMoved(_ context.Context, _ *store.Tx, _ dbq.Restore, _ restore.Verb) error {
	return nil
}
