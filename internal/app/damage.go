package app

import (
	"context"
	"encoding/json"
	"fmt"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// markDamaged notes that a copy is worth nothing, and takes back what it stood
// for: the age of the newest good copy, and the slots that it served. It tells
// whether that is news.
func markDamaged(ctx context.Context, tx *store.Tx, of id.Copy, damage string) (bool, error) {
	c, err := tx.CopyByID(ctx, of)
	if err != nil {
		return false, err
	}
	standing, err := lockTimetable(ctx, tx, c.TenantID, c.SiteID, c.Kind) // before the copy, as everywhere
	if err != nil {
		return false, err
	}
	if c, err = tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: c.TenantID, ID: c.ID}); err != nil {
		return false, err
	}
	to, err := catalog.Apply(c.State, catalog.FindDamage)
	if errs.Is(err, errs.Conflict) {
		return false, nil // damaged or gone already
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.MoveCopy(ctx, dbq.MoveCopyParams{TenantID: c.TenantID, ID: c.ID, ToState: to, FromState: c.State}); err != nil {
		return false, err
	}
	if err := standing.lose(ctx, tx, c); err != nil {
		return false, err
	}
	if err := planPairs(ctx, tx, c.TenantID, c.SiteID); err != nil {
		return false, err
	}
	return true, tx.Event(ctx, "copy.damaged", copySubject(c), map[string]any{"damage": clip(damage, 500)})
}

// markWhole notes that a copy that had been damaged was read to its last byte
// after a repair: it is what it had been, and the slots that it served count
// again. It tells whether that is news.
func markWhole(ctx context.Context, tx *store.Tx, of id.Copy) (bool, error) {
	c, err := tx.CopyByID(ctx, of)
	if err != nil {
		return false, err
	}
	standing, err := lockTimetable(ctx, tx, c.TenantID, c.SiteID, c.Kind)
	if err != nil {
		return false, err
	}
	if c, err = tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: c.TenantID, ID: c.ID}); err != nil {
		return false, err
	}
	run, err := tx.RunByID(ctx, c.RunID)
	if err != nil {
		return false, err
	}
	verb := catalog.FindWhole
	if run.State == backup.Incomplete {
		verb = catalog.FindShort
	}
	to, err := catalog.Apply(c.State, verb)
	if errs.Is(err, errs.Conflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.MoveCopy(ctx, dbq.MoveCopyParams{TenantID: c.TenantID, ID: c.ID, ToState: to, FromState: c.State}); err != nil {
		return false, err
	}
	if _, err := tx.SetVerified(ctx, dbq.SetVerifiedParams{TenantID: c.TenantID, ID: c.ID, VerifiedAt: &tx.Now}); err != nil {
		return false, err
	}
	if to == catalog.Good {
		if err := standing.regain(ctx, tx, c); err != nil {
			return false, err
		}
	}
	if err := planPairs(ctx, tx, c.TenantID, c.SiteID); err != nil {
		return false, err
	}
	return true, tx.Event(ctx, "copy.whole_again", copySubject(c), map[string]any{"state": to, "serves": c.Tiers})
}

// regain settles the row after a copy of it turned out to be whole again.
func (t *timetable) regain(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
	var served policy.Tiers
	if err := json.Unmarshal(c.Tiers, &served); err != nil {
		return fmt.Errorf("the slots of copy %s: %w", c.ID, err)
	}
	t.state = t.state.Regain(t.rules.Policy, t.row.Kind, t.zone, served)
	if !c.TakenAt.After(tx.Now) && c.TakenAt.After(t.newest()) {
		t.row.NewestGoodAt, t.row.Failures = &c.TakenAt, 0
	}
	open, err := hasOpenRun(ctx, tx, t.row.TenantID, t.row.SiteID, t.row.Kind)
	if err != nil {
		return err
	}
	t.derive(open)
	t.row.RetainAt = &tx.Now
	return t.save(ctx, tx)
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
