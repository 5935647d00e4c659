package app

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// Sessions keeps signed-in browsers' sessions in the database, under the hash
// of their token. It has the methods of scs.CtxStore.
type Sessions struct{ App *App }

// FindCtx gives a session's data; found is false if there is none or it expired.
func (s Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.App.system(ctx, "session", func(ctx context.Context, tx *store.Tx) error {
		data, err = tx.FindSession(ctx, dbq.FindSessionParams{TokenHash: seal.Hash(token), ExpiresAt: tx.Now})
		if isNoRows(err) {
			return nil
		}
		found = err == nil
		return err
	})
	return data, found, err
}

// CommitCtx saves a session's data.
func (s Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.App.system(ctx, "session", func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveSession(ctx, dbq.SaveSessionParams{TokenHash: seal.Hash(token), Data: data, ExpiresAt: expiry, Now: tx.Now})
	})
}

// DeleteCtx ends a session.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.App.system(ctx, "session", func(ctx context.Context, tx *store.Tx) error {
		return tx.EndSession(ctx, seal.Hash(token))
	})
}

// Find is FindCtx for callers without a context; scs uses the other.
func (s Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token) //nolint:forbidigo // scs calls the Ctx twin instead
}

// Commit is CommitCtx for callers without a context; scs uses the other.
func (s Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry) //nolint:forbidigo // scs calls the Ctx twin instead
}

// Delete is DeleteCtx for callers without a context; scs uses the other.
func (s Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token) //nolint:forbidigo // scs calls the Ctx twin instead
}
