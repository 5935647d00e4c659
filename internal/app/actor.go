package app

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
)

// ActorNames gives the names of those behind actors as events name them, for
// the hoster's staff. What has no name, like "cli", is left out.
func (a *App) ActorNames(ctx context.Context, who authz.Actor, actors []string) (map[string]string, error) {
	out := map[string]string{}
	ids := map[string][]pgtype.UUID{}
	for _, actor := range actors {
		kind, of := actorID(actor)
		if v := store.Optional(of); kind != "" && !slices.Contains(ids[kind], v) {
			ids[kind] = append(ids[kind], v)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	err := a.do(ctx, who, authz.ViewAudit, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		known, _, err := readNames(ctx, tx, true, ids)
		for _, actor := range actors {
			if kind, of := actorID(actor); kind != "" && known[of] != "" {
				out[actor] = known[of]
			}
		}
		return err
	})
	return out, err
}

// PolicyNames gives the names of all policies, the published one first.
func (a *App) PolicyNames(ctx context.Context, who authz.Actor) (names []string, err error) {
	err = a.do(ctx, who, authz.ViewPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		names, err = tx.PolicyNames(ctx)
		return err
	})
	return append([]string{PublishedPolicy}, names...), err
}
