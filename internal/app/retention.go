package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

const (
	// BinTime is how long an expired copy can be taken back.
	BinTime = 24 * time.Hour
	// retainEvery is when retention looks at a site again though nothing
	// happened: a net, for every change asks for a look by itself.
	retainEvery = 7 * 24 * time.Hour
	retainBatch = 200
)

// Judged is a copy with what retention says of it.
type Judged struct {
	policy.Verdict
	Row       dbq.CopiesToJudgeRow
	BinnedAt  time.Time // zero: not in the bin
	DeletedAt time.Time // when its storage is deleted, if nothing changes; zero: it stays
}

// judge holds the copies of one site and kind against its policy.
func judge(ctx context.Context, tx *store.Tx, t *timetable, alarms policy.Alarms) ([]Judged, error) {
	rows, err := tx.CopiesToJudge(ctx, dbq.CopiesToJudgeParams{TenantID: t.row.TenantID, SiteID: t.row.SiteID, Kind: t.row.Kind, Now: tx.Now})
	if err != nil {
		return nil, err
	}
	copies := make([]policy.Copy, len(rows))
	byID := make(map[string]dbq.CopiesToJudgeRow, len(rows))
	for i, r := range rows {
		if copies[i], err = policyCopy(r); err != nil {
			return nil, err
		}
		byID[copies[i].ID] = r
	}
	alarms.Damage = t.row.DamageStops
	verdicts := policy.Retain(t.rules.Policy, t.row.Kind, copies, tx.Now, alarms)
	out := make([]Judged, len(verdicts))
	for i, v := range verdicts {
		out[i] = Judged{Verdict: v, Row: byID[v.Copy.ID]}
		if b := out[i].Row.BinnedAt; b != nil && len(v.Reasons) == 0 {
			out[i].BinnedAt, out[i].DeletedAt = *b, b.Add(BinTime)
		}
	}
	return out, nil
}

func policyCopy(r dbq.CopiesToJudgeRow) (policy.Copy, error) {
	c := policy.Copy{
		ID: r.ID.String(), TakenAt: r.TakenAt, Good: r.State == catalog.Good, Initial: r.Initial,
		Pinned: r.Pinned != "", LegalHold: r.LegalHold != "", InUse: r.InUse,
	}
	if r.StartedAt != nil {
		c.StartedAt = *r.StartedAt
	}
	if r.ProtectedUntil != nil {
		c.ProtectedUntil = *r.ProtectedUntil
	}
	if err := json.Unmarshal(r.Tiers, &c.Tiers); err != nil {
		return c, fmt.Errorf("the slots of copy %s: %w", r.ID, err)
	}
	return c, nil
}

// alarmsOf gathers what stops every deletion at a site.
func alarmsOf(ctx context.Context, tx *store.Tx, s dbq.SiteForTenantRow) (policy.Alarms, error) {
	w, err := tx.ClockWatch(ctx)
	if err != nil && !isNoRows(err) {
		return policy.Alarms{}, err
	}
	return policy.Alarms{Tamper: s.TamperAlarm != "", LegalHold: s.LegalHold != "", ClockJumped: err == nil && clockJumped(w, tx.Now)}, nil
}

// Retention looks at the sites that are due for it, a bounded number, and
// tells whether there may be more. Each site is a transaction of its own.
func (a *App) Retention(ctx context.Context) (more bool, err error) {
	var due []dbq.DueRetentionRow
	err = a.system(ctx, "retention", func(ctx context.Context, tx *store.Tx) error {
		due, err = tx.DueRetention(ctx, dbq.DueRetentionParams{RetainAt: &tx.Now, Limit: retainBatch})
		return err
	})
	if err != nil {
		return false, err
	}
	for _, d := range due {
		err := a.system(ctx, "retention", func(ctx context.Context, tx *store.Tx) error { return retain(ctx, tx, d.TenantID, d.SiteID, d.Kind) })
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		if err != nil { // one site's trouble must not hold up the others
			a.log.ErrorContext(ctx, "retention of a site failed", "site", d.SiteID, "kind", d.Kind, "error", err)
			if err := a.putOffRetention(ctx, d); err != nil {
				return true, err
			}
		}
	}
	return len(due) == retainBatch, nil
}

func (a *App) putOffRetention(ctx context.Context, d dbq.DueRetentionRow) error {
	return a.system(ctx, "retention", func(ctx context.Context, tx *store.Tx) error {
		later := tx.Now.Add(time.Hour)
		_, err := tx.RetainSoon(ctx, dbq.RetainSoonParams{TenantID: d.TenantID, SiteID: d.SiteID, Kind: d.Kind, RetainAt: &later})
		return err
	})
}

// retain moves the copies of one site and kind along: into the bin, out of
// it, or on to deletion. It reads and touches nothing of another site.
func retain(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, kind backup.Kind) error {
	t, err := lockTimetable(ctx, tx, of, sid, kind)
	if err != nil {
		return err
	}
	alarms, err := alarmsOf(ctx, tx, t.site)
	if err != nil {
		return err
	}
	all, err := judge(ctx, tx, t, alarms)
	if err != nil {
		return err
	}
	next := tx.Now.Add(retainEvery)
	sooner := func(at time.Time) {
		if at.After(tx.Now) && at.Before(next) {
			next = at
		}
	}
	if alarms.ClockJumped {
		sooner(tx.Now.Add(time.Hour))
	}
	r := retention{tx: tx, t: t}
	var stored int64
	for _, j := range all {
		stored += j.Row.StoredBytes
		at, err := r.move(ctx, j)
		if err != nil {
			return err
		}
		sooner(at)
	}
	_, err = tx.SaveRetention(ctx, dbq.SaveRetentionParams{TenantID: of, SiteID: sid, Kind: kind, RetainAt: &next, Copies: int32(len(all)), Bytes: stored}) //nolint:gosec // copies of one site
	return err
}

type retention struct {
	tx *store.Tx
	t  *timetable
}

// move does what a verdict asks for, and gives when to look again because of
// this copy; zero for whenever.
func (r retention) move(ctx context.Context, j Judged) (time.Time, error) {
	row := j.Row
	of := store.Subject{Kind: "copy", ID: row.ID.UUID(), Tenant: r.t.row.TenantID, Site: r.t.row.SiteID}
	one := idsOf(row.ID)
	switch {
	case len(j.Reasons) > 0 && row.BinnedAt != nil:
		if _, err := r.tx.UnbinCopies(ctx, dbq.UnbinCopiesParams{TenantID: r.t.row.TenantID, Ids: one}); err != nil {
			return time.Time{}, err
		}
		return until(row, r.tx.Now), r.tx.Event(ctx, "copy.out_of_bin", of, map[string]any{"because": j.Reasons})
	case len(j.Reasons) > 0:
		return until(row, r.tx.Now), nil
	case row.BinnedAt == nil:
		if _, err := r.tx.BinCopies(ctx, dbq.BinCopiesParams{TenantID: r.t.row.TenantID, Ids: one, Now: r.tx.Now}); err != nil {
			return time.Time{}, err
		}
		return r.tx.Now.Add(BinTime), r.tx.Event(ctx, "copy.expired", of, map[string]any{"kind": r.t.row.Kind, "deleted_after": r.tx.Now.Add(BinTime)})
	case row.BinnedAt.Add(BinTime).After(r.tx.Now):
		return row.BinnedAt.Add(BinTime), nil
	}
	return time.Time{}, r.discard(ctx, j, of)
}

// until is when a copy's protection or use ends, if that is to come.
func until(row dbq.CopiesToJudgeRow, now time.Time) time.Time {
	if row.InUse {
		return now.Add(time.Hour)
	}
	if row.ProtectedUntil != nil {
		return *row.ProtectedUntil
	}
	return time.Time{}
}

func idsOf(c id.Copy) []pgtype.UUID { return []pgtype.UUID{store.Optional(c.UUID())} }

// discard begins a copy's deletion: from here on it cannot be taken back.
func (r retention) discard(ctx context.Context, j Judged, of store.Subject) error {
	now, err := r.tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: r.t.row.TenantID, ID: j.Row.ID})
	if err != nil {
		return err
	}
	uses, err := r.tx.CountCopyUses(ctx, dbq.CountCopyUsesParams{TenantID: now.TenantID, CopyID: now.ID, Now: r.tx.Now})
	if err != nil {
		return err
	}
	if uses > 0 || now.Pinned != j.Row.Pinned || now.LegalHold != j.Row.LegalHold || now.BinnedAt == nil || now.ProtectedUntil != nil && now.ProtectedUntil.After(r.tx.Now) {
		return nil // somebody reached for it since it was judged
	}
	to, err := catalog.Apply(j.Row.State, catalog.Discard)
	if err != nil {
		return err
	}
	n, err := r.tx.MoveCopy(ctx, dbq.MoveCopyParams{TenantID: r.t.row.TenantID, ID: j.Row.ID, ToState: to, FromState: j.Row.State})
	if err != nil || n == 0 {
		return err
	}
	if err := planDeletion(ctx, r.tx, r.t.row.TenantID, j.Row.ID, j.Row.RepositoryID); err != nil {
		return err
	}
	return r.tx.Event(ctx, "copy.deleting", of, map[string]any{"in_bin_since": j.Row.BinnedAt})
}

// copyDeleted takes a copy that storage has no more out of the catalog.
func copyDeleted(ctx context.Context, tx *store.Tx, t Task, of store.Subject) error {
	c, err := tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: t.Row.TenantID, ID: t.Row.CopyID})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	to, err := catalog.Apply(c.State, catalog.Delete)
	if err != nil {
		return err
	}
	if _, err := tx.MoveCopy(ctx, dbq.MoveCopyParams{TenantID: c.TenantID, ID: c.ID, ToState: to, FromState: c.State}); err != nil {
		return err
	}
	err = tx.Event(ctx, "copy.deleted", of, map[string]any{
		"kind": c.Kind, "taken_at": c.TakenAt, "bytes": c.Bytes, "snapshot": c.Snapshot, "serves": c.Tiers, "run": c.RunID,
	})
	if err != nil {
		return err
	}
	if err := noteDeletion(ctx, tx, c.TenantID, c.RepositoryID); err != nil {
		return err
	}
	if err := forgetTruth(ctx, tx, c); err != nil {
		return err
	}
	if _, err := tx.ForgetTasksOfCopy(ctx, dbq.ForgetTasksOfCopyParams{TenantID: c.TenantID, CopyID: c.ID}); err != nil {
		return err
	}
	if _, err := tx.ForgetCopyUses(ctx, dbq.ForgetCopyUsesParams{TenantID: c.TenantID, CopyID: c.ID, ExpiresAt: tx.Now}); err != nil {
		return err
	}
	if _, err = tx.ForgetCopy(ctx, dbq.ForgetCopyParams{TenantID: c.TenantID, ID: c.ID}); err != nil {
		return err
	}
	return planPairs(ctx, tx, c.TenantID, c.SiteID)
}
