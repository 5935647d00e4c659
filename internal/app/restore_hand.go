package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// restoreTenant tells whose a restore is, before any right is known; its
// answer is only checked against the actor's rights.
func (a *App) restoreTenant(ctx context.Context, who authz.Actor, of id.Restore) (r dbq.Restore, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		r, err = tx.RestoreByID(ctx, of)
		return err
	})
	if isNoRows(err) {
		return r, errs.Wrap(errs.NotFound, err, "There is no restore %s, or none that you may see. All of them: holdfast restore list.", of)
	}
	if err == nil {
		_, err = authz.Check(who, authz.ViewRestores, r.TenantID)
	}
	return r, hide(err, "restore")
}

// onRestore runs fn with the restore locked, in a transaction of the action.
func (a *App) onRestore(ctx context.Context, who authz.Actor, action authz.Action, of id.Restore, fn func(context.Context, *store.Tx) error) error {
	r, err := a.restoreTenant(ctx, who, of)
	if err != nil {
		return err
	}
	return a.do(ctx, who, action, r.TenantID, fn)
}

// lockRestoreByID locks a restore that the transaction may see.
func lockRestoreByID(ctx context.Context, tx *store.Tx, of id.Restore) (dbq.Restore, error) {
	r, err := tx.RestoreByID(ctx, of)
	if err != nil {
		return r, hide(err, "restore")
	}
	return tx.LockRestore(ctx, dbq.LockRestoreParams{TenantID: r.TenantID, ID: of})
}

// CancelRestore stops a restore that has not ended. One that is at work is
// rolled back by its host first; it is cancelled once the host says so.
func (a *App) CancelRestore(ctx context.Context, who authz.Actor, of id.Restore, why string) error {
	return a.onRestore(ctx, who, authz.StartRestore, of, func(ctx context.Context, tx *store.Tx) error {
		return a.cancelRestore(ctx, tx, of, why)
	})
}

// cancelRestore is CancelRestore within a transaction of staff or the system.
func (a *App) cancelRestore(ctx context.Context, tx *store.Tx, of id.Restore, why string) error {
	why, err := reasonText("reason", why, false)
	if err != nil {
		return err
	}
	r, err := lockRestoreByID(ctx, tx, of)
	if err != nil {
		return err
	}
	switch r.State {
	case restore.Restored:
		return errs.New(errs.Conflict, "This restore is done already. Accept it, or have it undone.")
	case restore.Running:
		return a.stopRestore(ctx, tx, r, why)
	case restore.Planned, restore.Safeguarding, restore.Queued, restore.Settling, restore.Settled, restore.Undoing, restore.Undone, restore.Failed, restore.Cancelled:
	}
	if _, err := restore.Apply(r.State, restore.Cancel); err != nil {
		return err
	}
	if r.State == restore.Queued {
		k, err := tx.HostTaskByID(ctx, r.TaskID)
		if err != nil {
			return err
		}
		if k.ErrorCode == notRolledBack {
			return errs.New(errs.Conflict, "The host could not put the site back as it was yet, and tries again by itself. Cancelled now, nobody would; wait for its next try, or look at the host.")
		}
		_, err = tx.EndTask(ctx, dbq.EndTaskParams{TenantID: r.TenantID, ID: r.TaskID, ToState: dbq.HostTaskStateCancelled, Now: tx.Now, Error: why, ErrorCode: "cancelled", Result: []byte("{}")})
		if err != nil {
			return err
		}
	}
	moved, err := a.moveRestore(ctx, tx, r, restore.Cancel, func(p *dbq.MoveRestoreParams) {
		p.Error, p.ErrorCode = why, "cancelled"
	}, map[string]any{"reason": why})
	if err != nil {
		return err
	}
	return wakeHostOf(ctx, tx, moved)
}

// stopRestore has the host stop: it hears with its next heartbeat, rolls the
// site back, and reports. A host that was revoked never reports again: of its
// site nobody knows.
func (a *App) stopRestore(ctx context.Context, tx *store.Tx, r dbq.Restore, why string) error {
	at, err := tx.PlaceOfRestore(ctx, dbq.PlaceOfRestoreParams{TenantID: r.TenantID, ID: r.SiteID, RestoreID: r.ID})
	if err != nil && !isNoRows(err) {
		return err
	}
	if at.HostState == dbq.HostStateRevoked {
		said := "It was cancelled after its host was revoked in the middle of it: whether the site is as it was, nobody knows. The agent puts it right by itself when it runs there again."
		_, err := tx.EndTask(ctx, dbq.EndTaskParams{TenantID: r.TenantID, ID: r.TaskID, ToState: dbq.HostTaskStateFailed, Now: tx.Now, Error: said, ErrorCode: notRolledBack, Result: []byte("{}")})
		if err != nil {
			return err
		}
		return a.failRestore(ctx, tx, r, notRolledBack, said, nil)
	}
	n, err := tx.StopRestore(ctx, dbq.StopRestoreParams{TenantID: r.TenantID, ID: r.ID, StopBy: tx.Actor(), StopWhy: why})
	if err != nil {
		return err
	}
	if n == 0 {
		return errs.New(errs.Conflict, "This restore is being stopped already; its host puts the site back as it was.")
	}
	if err := restoreEvent(ctx, tx, r, "restore.stopping", map[string]any{"reason": why}); err != nil {
		return err
	}
	return wakeHostOf(ctx, tx, r)
}

// wakeHostOf has the host's agent look for work: its site may have runs again.
func wakeHostOf(ctx context.Context, tx *store.Tx, r dbq.Restore) error {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.Notify(ctx, store.ChannelWork, s.HostID.String())
}

// AcceptRestore says that what came back is what was wanted: the host removes
// what it kept aside.
func (a *App) AcceptRestore(ctx context.Context, who authz.Actor, of id.Restore) error {
	return a.onRestore(ctx, who, authz.AcceptRestore, of, func(ctx context.Context, tx *store.Tx) error {
		return a.acceptRestore(ctx, tx, of)
	})
}

// acceptRestore is AcceptRestore within a transaction, also a customer's.
func (a *App) acceptRestore(ctx context.Context, tx *store.Tx, of id.Restore) error {
	return a.handRestore(ctx, tx, of, restore.Accept, dbq.HostTaskKindSettle, nil)
}

// UndoRestore has the host put back what was there before.
func (a *App) UndoRestore(ctx context.Context, who authz.Actor, of id.Restore, why string) error {
	return a.onRestore(ctx, who, authz.AcceptRestore, of, func(ctx context.Context, tx *store.Tx) error {
		return a.undoRestore(ctx, tx, of, why)
	})
}

// undoRestore is UndoRestore within a transaction, also a customer's.
func (a *App) undoRestore(ctx context.Context, tx *store.Tx, of id.Restore, why string) error {
	why, err := reasonText("reason", why, false)
	if err != nil {
		return err
	}
	return a.handRestore(ctx, tx, of, restore.Undo, dbq.HostTaskKindUndo, map[string]any{"reason": why})
}

// handRestore gives the host the task that follows a person's word.
func (a *App) handRestore(ctx context.Context, tx *store.Tx, of id.Restore, verb restore.Verb, kind dbq.HostTaskKind, detail map[string]any) error {
	r, err := lockRestoreByID(ctx, tx, of)
	if err != nil {
		return err
	}
	to, err := restore.Apply(r.State, verb)
	if err != nil {
		return err
	}
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return hide(err, "site")
	}
	task, err := insertHostTask(ctx, tx, r, s.HostID, kind, tx.Now)
	if store.Constraint(err) == "host_task_open_once" {
		return errs.Wrap(errs.Conflict, err, "The host has other work to do on this site first; try again in a minute.")
	}
	if err != nil {
		return err
	}
	moved, err := tx.HandRestore(ctx, dbq.HandRestoreParams{TenantID: r.TenantID, ID: r.ID, ToState: to, TaskID: task})
	if isNoRows(err) {
		return errs.New(errs.Conflict, "The restore moved on just now; look again.")
	}
	if err != nil {
		return err
	}
	return a.noteMoved(ctx, tx, moved, verb, detail)
}
