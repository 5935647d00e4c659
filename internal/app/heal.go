package app

import (
	"context"
	"sync"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

const (
	healBatch = 500   // rows that one transaction heals
	healPage  = 2_500 // sites that one sweep asks for missing rows
)

// healing is where the next sweep of this process goes on among the sites.
type healing struct {
	mu     sync.Mutex
	tenant id.Tenant
	site   id.Site
}

// healSchedules makes rows that are not there and derives instants that are
// lost, some of each: the net under everything above. Missing rows it looks for
// page by page, a page in each call, for every site is registered with its own.
// It tells whether there may be more.
func (a *App) healSchedules(ctx context.Context) (more bool, err error) {
	a.heal.mu.Lock()
	defer a.heal.mu.Unlock()
	var page []dbq.SitesWithoutScheduleRow
	var sick []dbq.LostSchedulesRow
	err = a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) (err error) {
		sick, err = tx.LostSchedules(ctx, healBatch)
		if err != nil {
			return err
		}
		page, err = tx.SitesWithoutSchedule(ctx, dbq.SitesWithoutScheduleParams{
			AfterTenant: bare(a.heal.tenant.UUID()), AfterSite: bare(a.heal.site.UUID()), PageSize: healPage,
		})
		return err
	})
	if err != nil {
		return false, err
	}
	more = len(sick) == healBatch
	for _, s := range page {
		if s.Lacks {
			for _, kind := range backup.Kinds() {
				sick = append(sick, dbq.LostSchedulesRow{TenantID: s.TenantID, SiteID: s.ID, Kind: kind})
			}
			more = more || len(page) == healPage // a fleet without rows has them all at once
		}
	}
	for len(sick) > 0 {
		n := min(healBatch, len(sick))
		if err := a.healAll(ctx, sick[:n]); err != nil {
			return false, err
		}
		sick = sick[n:]
	}
	a.heal.tenant, a.heal.site = id.Tenant{}, id.Site{}
	if len(page) == healPage {
		last := page[len(page)-1]
		a.heal.tenant, a.heal.site = last.TenantID, last.ID
	}
	return more, nil
}

// healAll derives rows anew, together; if that fails, each for itself, so that
// one that cannot be healed holds up no other.
func (a *App) healAll(ctx context.Context, sick []dbq.LostSchedulesRow) error {
	err := a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) error {
		for _, s := range sick {
			if err := rederive(ctx, tx, s.TenantID, s.SiteID, s.Kind); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	for _, s := range sick {
		err := a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) error {
			return rederive(ctx, tx, s.TenantID, s.SiteID, s.Kind)
		})
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.log.ErrorContext(ctx, "the schedule of a site cannot be derived", "site", s.SiteID, "kind", s.Kind, "error", err)
		}
	}
	return nil
}
