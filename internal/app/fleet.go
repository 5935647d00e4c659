package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Fleet is one page of sites.
type Fleet struct {
	Sites []dbq.FleetPageRow
	Total int64
	Late  int64  // of all these sites, not of the page
	Next  string // the name to go on after, "" at the end
}

// FleetQuery says which page.
type FleetQuery struct {
	Tenant id.Tenant // none for every tenant, which is staff's
	Search string
	After  string
	Size   int32
	Late   bool // only sites of which a kind is late, the latest first; no After
}

// ListFleet gives a page of sites with the age of their newest copies.
func (a *App) ListFleet(ctx context.Context, who authz.Actor, q FleetQuery) (Fleet, error) {
	if q.Size < 1 || q.Size > 500 {
		q.Size = 50
	}
	var f Fleet
	err := a.do(ctx, who, authz.ViewFleet, q.Tenant, func(ctx context.Context, tx *store.Tx) error {
		var err error
		of := store.Optional(q.Tenant.UUID())
		if f.Late, err = tx.CountLateSites(ctx, dbq.CountLateSitesParams{Now: tx.Now, TenantID: of}); err != nil {
			return err
		}
		if f.Total, err = tx.CountSites(ctx, of); err != nil || q.Late {
			if err == nil {
				f.Sites, err = lateSites(ctx, tx, q)
			}
			return err
		}
		f.Sites, err = tx.FleetPage(ctx, dbq.FleetPageParams{TenantID: of, Search: clip(q.Search, 200), AfterName: q.After, PageSize: q.Size + 1})
		if err != nil {
			return err
		}
		if len(f.Sites) > int(q.Size) {
			f.Sites = f.Sites[:q.Size]
			f.Next = f.Sites[q.Size-1].Name
		}
		return nil
	})
	return f, err
}

func lateSites(ctx context.Context, tx *store.Tx, q FleetQuery) ([]dbq.FleetPageRow, error) {
	rows, err := tx.FleetLate(ctx, dbq.FleetLateParams{TenantID: store.Optional(q.Tenant.UUID()), Search: clip(q.Search, 200), Now: tx.Now, PageSize: q.Size})
	out := make([]dbq.FleetPageRow, len(rows))
	for i, r := range rows {
		out[i] = dbq.FleetPageRow(r)
	}
	return out, err
}
