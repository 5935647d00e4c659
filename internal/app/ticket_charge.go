package app

import (
	"context"

	"holdfast/internal/billing"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// chargeMoved tells a charge's ticket that the fee moved.
func (a *App) chargeMoved(_ context.Context, _ *store.Tx, _ dbq.Charge, _ billing.Move) error {
	return nil
}
