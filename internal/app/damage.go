package app

import (
	"context"
	"encoding/json"
	"fmt"

	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// markDamaged notes that a copy is worth nothing, and takes back what it stood
// for: the age of the newest good copy, and the slots that it served.
func markDamaged(ctx context.Context, tx *store.Tx, t Task, damage string, of store.Subject) error {
	c, err := tx.CopyByID(ctx, t.Row.CopyID)
	if err != nil {
		return err
	}
	standing, err := lockTimetable(ctx, tx, c.TenantID, c.SiteID, c.Kind) // before the copy, as everywhere
	if err != nil {
		return err
	}
	if c, err = tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: c.TenantID, ID: c.ID}); err != nil {
		return err
	}
	to, err := catalog.Apply(c.State, catalog.FindDamage)
	if errs.Is(err, errs.Conflict) {
		return nil // damaged or gone already
	}
	if err != nil {
		return err
	}
	if _, err := tx.MoveCopy(ctx, dbq.MoveCopyParams{TenantID: c.TenantID, ID: c.ID, ToState: to, FromState: c.State}); err != nil {
		return err
	}
	if err := standing.lose(ctx, tx, c); err != nil {
		return err
	}
	return tx.Event(ctx, "copy.damaged", of, map[string]any{"damage": clip(damage, 500)})
}

// lose settles the row after a copy of it turned out to be damaged, and saves
// it. What is owed anew starts after a pause, which grows with the number of
// copies that came out damaged since the newest good one: what is wrong with
// the storage would spoil the next copy too.
func (t *timetable) lose(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
	var lost policy.Tiers
	if err := json.Unmarshal(c.Tiers, &lost); err != nil {
		return fmt.Errorf("the slots of copy %s: %w", c.ID, err)
	}
	rows, err := tx.CopiesToJudge(ctx, dbq.CopiesToJudgeParams{TenantID: c.TenantID, SiteID: c.SiteID, Kind: c.Kind, Now: tx.Now})
	if err != nil {
		return err
	}
	copies := make([]policy.Copy, len(rows))
	t.row.NewestGoodAt = nil
	damaged := int32(0)
	for i, r := range rows { // oldest first
		if copies[i], err = policyCopy(r); err != nil {
			return err
		}
		switch {
		case r.State == catalog.Good && !r.TakenAt.After(tx.Now):
			t.row.NewestGoodAt, damaged = &rows[i].TakenAt, 0
		case r.State == catalog.Damaged:
			damaged++
		}
	}
	t.state = t.state.Reopen(t.rules.Policy, t.row.Kind, t.zone, lost, copies)
	t.row.Failures = max(t.row.Failures, damaged)
	open, err := hasOpenRun(ctx, tx, t.row.TenantID, t.row.SiteID, t.row.Kind)
	if err != nil {
		return err
	}
	t.derive(open)
	t.row.RetainAt = &tx.Now
	return t.save(ctx, tx)
}
