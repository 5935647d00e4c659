package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// ViewCopy gives one copy to those who may see its site.
func (a *App) ViewCopy(ctx context.Context, who authz.Actor, of id.Copy) (c dbq.Copy, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		c, err = tx.CopyByID(ctx, of)
		return err
	})
	if err == nil {
		_, err = authz.Check(who, authz.ViewSite, c.TenantID)
	}
	if err != nil {
		return dbq.Copy{}, hide(err, "copy")
	}
	return c, nil
}
