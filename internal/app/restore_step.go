package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the sweep of restores, and how long one waits before its host is
// given work anew that failed for good.
const (
	restoresSwept = 500
	sweptAfter    = 20 * time.Second
	taskPause     = time.Hour
)

// MoveRestore moves a restore on from wherever it stands. It is safe to call
// at any time, also at once with itself.
func (a *App) MoveRestore(ctx context.Context, of id.Restore) error {
	return a.system(ctx, "restore", func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.RestoreByID(ctx, of)
		if err == nil {
			r, err = tx.LockRestore(ctx, dbq.LockRestoreParams{TenantID: r.TenantID, ID: of})
		}
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		switch r.State {
		case restore.Planned:
			return a.safeguard(ctx, tx, r)
		case restore.Safeguarding:
			return a.safeguarded(ctx, tx, r)
		case restore.Queued, restore.Running, restore.Settling, restore.Undoing:
			return a.giveTaskAgain(ctx, tx, r)
		case restore.Restored, restore.Settled, restore.Undone, restore.Failed, restore.Cancelled:
		}
		return nil
	})
}

// sweepRestores is the net under restores: those whose job is lost go on, and
// what they hold stays held.
func (a *App) sweepRestores(ctx context.Context) error {
	return a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.RenewRestoreUses(ctx, dbq.RenewRestoreUsesParams{Until: tx.Now.Add(useFor), Soon: tx.Now.Add(useFor / 2)}); err != nil {
			return err
		}
		list, err := tx.RestoresToMove(ctx, dbq.RestoresToMoveParams{Before: tx.Now.Add(-sweptAfter), PageSize: restoresSwept})
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := enqueueRestore(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// safeguard plans the safety copies of a restore: ordinary runs by hand, or
// the ones that are open already. Where none is wanted it goes to its host.
func (a *App) safeguard(ctx context.Context, tx *store.Tx, r dbq.Restore) error {
	kinds := inputOf(r).Replaces(r.What)
	if len(kinds) == 0 || r.WithoutSafety != "" {
		return a.queueRestore(ctx, tx, r, restore.Evidence{WithoutSafety: r.WithoutSafety, By: r.WithoutBy})
	}
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return err
	}
	runs := map[backup.Kind]id.Run{}
	for _, kind := range kinds {
		if runs[kind], err = safetyRun(ctx, tx, r, s.HostID, kind); err != nil {
			return err
		}
	}
	_, err = a.moveRestore(ctx, tx, r, restore.Safeguard, func(p *dbq.MoveRestoreParams) {
		p.SafetyDatabaseRunID, p.SafetyDataRunID = runs[backup.Database], runs[backup.Data]
	}, map[string]any{"database": runs[backup.Database], "data": runs[backup.Data]})
	return err
}

// safetyTries is how often a safety copy is tried: somebody waits for the
// restore, and a broken site stays broken.
const safetyTries = 2

// safetyRun plans a run for a safety copy, or joins the one that is open and
// has it go first.
func safetyRun(ctx context.Context, tx *store.Tx, r dbq.Restore, host id.Host, kind backup.Kind) (id.Run, error) {
	keep := Protection{Days: ProtectDays, Reason: "Safety copy before restore " + r.ID.String() + "."}
	open, err := tx.OpenRunOf(ctx, dbq.OpenRunOfParams{TenantID: r.TenantID, SiteID: r.SiteID, Kind: kind})
	if isNoRows(err) {
		return planTries(ctx, tx, r.TenantID, r.SiteID, host, kind, backup.Manual, keep, safetyTries)
	}
	if err != nil {
		return id.Run{}, err
	}
	if err := protectRun(ctx, tx, open, keep); err != nil {
		return id.Run{}, err
	}
	if _, err := tx.HurryRun(ctx, dbq.HurryRunParams{TenantID: r.TenantID, ID: open.ID, Now: tx.Now}); err != nil {
		return id.Run{}, err
	}
	return open.ID, enqueueDispatch(ctx, tx, open.ID, 1, tx.Now)
}

// safeguarded looks whether the safety copies are there. When one cannot be
// had, the restore ends before anything of the site was changed.
func (a *App) safeguarded(ctx context.Context, tx *store.Tx, r dbq.Restore) error {
	e := restore.Evidence{Safety: []restore.Safety{}}
	var old []backup.Kind
	for _, of := range []id.Run{r.SafetyDatabaseRunID, r.SafetyDataRunID} {
		if of.IsZero() {
			continue
		}
		run, err := tx.RunForTenant(ctx, dbq.RunForTenantParams{TenantID: r.TenantID, ID: of})
		if err != nil {
			return err
		}
		if run.State.Open() {
			return nil // its end looks here again
		}
		c, why, err := safetyCopy(ctx, tx, run)
		if err != nil {
			return err
		}
		if why != "" {
			return a.failRestore(ctx, tx, r, "no-safety-copy", noSafety(run.Kind, why), nil)
		}
		if run.LeasedAt != nil && run.LeasedAt.Before(r.CreatedAt) {
			old = append(old, run.Kind)
		}
		e.Safety = append(e.Safety, restore.Safety{Kind: string(run.Kind), Run: run.ID, Copy: c.ID, TakenAt: c.TakenAt, State: string(c.State)})
		if err := holdFor(ctx, tx, r, c.ID); err != nil {
			return err
		}
	}
	if len(old) > 0 {
		again, err := safeguardedAgain(ctx, tx, r)
		if err != nil {
			return err
		}
		if !again {
			return a.safeguardAgain(ctx, tx, r, old)
		}
	}
	return a.queueRestore(ctx, tx, r, e)
}

// safeguardedAgain tells whether the safety copies were taken once more. Twice
// would be a clock that was set back.
func safeguardedAgain(ctx context.Context, tx *store.Tx, r dbq.Restore) (bool, error) {
	events, err := tx.EventsOfRestore(ctx, dbq.EventsOfRestoreParams{
		TenantID: r.TenantID, SiteID: store.Optional(r.SiteID.UUID()), RestoreID: store.Optional(r.ID.UUID()), PageSize: eventsShown,
	})
	n := 0
	for _, e := range events {
		if e.Verb == restoreEvents[restore.Safeguard] {
			n++
		}
	}
	return n > 1, err
}

// safeguardAgain takes safety copies once more of what was copied by runs that
// were at work before the restore was asked for: what people did on the site
// meanwhile is in none of them.
func (a *App) safeguardAgain(ctx context.Context, tx *store.Tx, r dbq.Restore, kinds []backup.Kind) error {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return err
	}
	runs := map[backup.Kind]id.Run{backup.Database: r.SafetyDatabaseRunID, backup.Data: r.SafetyDataRunID}
	for _, kind := range kinds {
		if runs[kind], err = safetyRun(ctx, tx, r, s.HostID, kind); err != nil {
			return err
		}
	}
	_, err = a.moveRestore(ctx, tx, r, restore.Safeguard, func(p *dbq.MoveRestoreParams) {
		p.SafetyDatabaseRunID, p.SafetyDataRunID = runs[backup.Database], runs[backup.Data]
	}, map[string]any{"database": runs[backup.Database], "data": runs[backup.Data], "why": "the copies before were begun before the restore was asked for"})
	return err
}

func noSafety(kind backup.Kind, why string) string {
	return fmt.Sprintf("No safety copy of the %s could be had, so nothing of the site was changed: %s The hoster's staff can start it again without one, with their reason.", kind, why)
}

// safetyCopy gives the copy of a run that has ended, or why it is none.
func safetyCopy(ctx context.Context, tx *store.Tx, run dbq.Run) (c dbq.Copy, why string, err error) {
	switch run.State {
	case backup.Cancelled:
		return c, "its run was cancelled.", nil
	case backup.Failed:
		return c, run.Error, nil
	case backup.Incomplete:
		return c, "the copy lacks what its page names.", nil
	case backup.Good, backup.Planned, backup.Queued, backup.Leased:
	}
	made, err := tx.CopyOfRun(ctx, dbq.CopyOfRunParams{TenantID: run.TenantID, RunID: run.ID})
	if isNoRows(err) {
		return c, "its copy is not there any more.", nil
	}
	if err != nil {
		return c, "", err
	}
	if c, err = tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: run.TenantID, ID: made.ID}); err != nil {
		return c, "", err
	}
	if c.State != catalog.Good {
		return c, "the copy was found to be " + string(c.State) + ".", nil
	}
	return c, "", nil
}

// safetyEnded has the restore that waits for a run, if any does, look at it:
// the run has just ended.
func safetyEnded(ctx context.Context, tx *store.Tx, sid id.Site, run id.Run) error {
	r, err := tx.RestoreOfSafetyRun(ctx, dbq.RestoreOfSafetyRunParams{SiteID: sid, SafetyDatabaseRunID: run})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return enqueueRestore(ctx, tx, r.ID)
}

// queueRestore gives a restore to its host. While the host has to tidy up
// after an earlier one of the site first, it waits; the sweep looks again.
func (a *App) queueRestore(ctx context.Context, tx *store.Tx, r dbq.Restore, e restore.Evidence) error {
	at, err := tx.PlaceOfRestore(ctx, dbq.PlaceOfRestoreParams{TenantID: r.TenantID, ID: r.SiteID, RestoreID: r.ID})
	if isNoRows(err) {
		return a.failRestore(ctx, tx, r, "site-removed", "The site was removed before anything of it was changed.", nil)
	}
	if err != nil || at.OtherTasks > 0 {
		return err
	}
	kind := dbq.HostTaskKindRestore
	if r.What == restore.Files {
		kind = dbq.HostTaskKindFiles
	}
	task, err := insertHostTask(ctx, tx, r, at.HostID, kind, tx.Now)
	if err != nil {
		return err
	}
	_, err = a.moveRestore(ctx, tx, r, restore.Queue, func(p *dbq.MoveRestoreParams) {
		p.TaskID = task
		withEvidence(e)(p)
	}, map[string]any{"task": task, "without_safety": r.WithoutSafety})
	return err
}

// giveTaskAgain is for a restore that its host has no open task for: a settling
// or an undoing that failed for good is tried anew after a pause.
func (a *App) giveTaskAgain(ctx context.Context, tx *store.Tx, r dbq.Restore) error {
	at, err := tx.PlaceOfRestore(ctx, dbq.PlaceOfRestoreParams{TenantID: r.TenantID, ID: r.SiteID, RestoreID: r.ID})
	if err != nil || at.OtherTasks > 0 {
		return err
	}
	last, err := tx.HostTaskByID(ctx, r.TaskID)
	if err != nil && !isNoRows(err) {
		return err
	}
	if err == nil && slices.Contains([]dbq.HostTaskState{dbq.HostTaskStateQueued, dbq.HostTaskStateLeased}, last.State) {
		return nil
	}
	kinds := map[restore.State]dbq.HostTaskKind{restore.Settling: dbq.HostTaskKindSettle, restore.Undoing: dbq.HostTaskKindUndo}
	kind, ok := kinds[r.State]
	if !ok {
		return nil // its task ends in the transaction that moves it
	}
	task, err := insertHostTask(ctx, tx, r, at.HostID, kind, tx.Now.Add(taskPause))
	if err != nil {
		return err
	}
	_, err = tx.SetRestoreTask(ctx, dbq.SetRestoreTaskParams{TenantID: r.TenantID, ID: r.ID, TaskID: task})
	return err
}
