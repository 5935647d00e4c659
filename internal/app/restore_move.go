package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// useFor is how long a copy is held at once for a restore that is open; the
// sweep renews it, so that a restore that is forgotten holds nothing for ever.
const useFor = 48 * time.Hour

// holdFor keeps a copy from being deleted while a restore is open.
func holdFor(ctx context.Context, tx *store.Tx, r dbq.Restore, c id.Copy) error {
	return tx.InsertRestoreUse(ctx, dbq.InsertRestoreUseParams{
		TenantID: r.TenantID, ID: id.New[id.Use](), CopyID: c, Since: tx.Now, ExpiresAt: tx.Now.Add(useFor), RestoreID: r.ID,
	})
}

func restoreSubject(r dbq.Restore) store.Subject {
	return store.Subject{Kind: "restore", ID: r.ID.UUID(), Tenant: r.TenantID, Site: r.SiteID}
}

// enqueueRestore inserts the job that moves a restore on.
func enqueueRestore(ctx context.Context, tx *store.Tx, r id.Restore) error {
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.MoveRestore{Restore: r}})
}

// restoreEvents name the moves of a restore in the event log.
var restoreEvents = map[restore.Verb]string{
	restore.Safeguard: "restore.safeguarding", restore.Queue: "restore.queued", restore.Lease: "restore.leased", restore.Lose: "restore.lost",
	restore.Finish: "restore.finished", restore.Fail: "restore.failed", restore.Cancel: "restore.cancelled",
	restore.Accept: "restore.accepted", restore.Undo: "restore.undo_asked",
}

// restoreChange is what a move changes beside the state; nil changes nothing.
type restoreChange func(p *dbq.MoveRestoreParams)

// moveRestore moves a restore that this transaction has locked: its row, what
// its end gives back, the event, the live pages and its ticket.
func (a *App) moveRestore(ctx context.Context, tx *store.Tx, r dbq.Restore, verb restore.Verb, change restoreChange, detail map[string]any) (dbq.Restore, error) {
	to, err := restore.Apply(r.State, verb)
	if err != nil {
		return r, err
	}
	p := dbq.MoveRestoreParams{
		TenantID: r.TenantID, ID: r.ID, FromState: r.State, ToState: to, Error: r.Error, ErrorCode: r.ErrorCode, Evidence: r.Evidence,
		SafetyDatabaseRunID: r.SafetyDatabaseRunID, SafetyDataRunID: r.SafetyDataRunID, TaskID: r.TaskID,
		StartedAt: r.StartedAt, RestoredAt: r.RestoredAt, EndedAt: r.EndedAt,
	}
	if change != nil {
		change(&p)
	}
	if to == restore.Restored && r.State == restore.Running {
		p.RestoredAt = &tx.Now
	}
	if !to.Open() {
		p.EndedAt = &tx.Now
	}
	moved, err := tx.MoveRestore(ctx, p)
	if isNoRows(err) {
		return r, errs.New(errs.Conflict, "The restore moved on just now; look again.")
	}
	if err != nil {
		return r, err
	}
	return moved, a.noteMoved(ctx, tx, moved, verb, detail)
}

// noteMoved tells of a move that was just made.
func (a *App) noteMoved(ctx context.Context, tx *store.Tx, r dbq.Restore, verb restore.Verb, detail map[string]any) error {
	if !r.State.Open() {
		if _, err := tx.EndRestoreUses(ctx, dbq.EndRestoreUsesParams{TenantID: r.TenantID, RestoreID: r.ID}); err != nil {
			return err
		}
		if _, err := tx.RetainSiteSoon(ctx, dbq.RetainSiteSoonParams{TenantID: r.TenantID, SiteID: r.SiteID, RetainAt: &tx.Now}); err != nil {
			return err
		}
	}
	if detail == nil {
		detail = map[string]any{}
	}
	detail["state"] = r.State
	if err := tx.Event(ctx, restoreEvents[verb], restoreSubject(r), detail); err != nil {
		return err
	}
	if err := tx.Notify(ctx, store.ChannelRuns, r.ID.String()); err != nil {
		return err
	}
	return a.restoreMoved(ctx, tx, r, verb)
}

// failRestore ends a restore whose site is as it was, with the reason; of an
// undoing, the new state stays.
func (a *App) failRestore(ctx context.Context, tx *store.Tx, r dbq.Restore, code, why string, change restoreChange) error {
	_, err := a.moveRestore(ctx, tx, r, restore.Fail, func(p *dbq.MoveRestoreParams) {
		p.Error, p.ErrorCode = clip(why, 1000), clip(code, 60)
		if change != nil {
			change(p)
		}
	}, map[string]any{"error": clip(why, 1000), "code": clip(code, 60)})
	return err
}

// evidenceOf reads what a restore's row has as evidence.
func evidenceOf(r dbq.Restore) restore.Evidence {
	var e restore.Evidence
	if err := json.Unmarshal(r.Evidence, &e); err != nil {
		return restore.Evidence{} // of another build; what the host said is with its task
	}
	return e
}

// withEvidence changes the evidence in a move.
func withEvidence(e restore.Evidence) restoreChange {
	return func(p *dbq.MoveRestoreParams) {
		if b, err := json.Marshal(e); err == nil {
			p.Evidence = b
		}
	}
}

// inputOf reads a restore's input.
func inputOf(r dbq.Restore) restore.Input {
	var in restore.Input
	_ = json.Unmarshal(r.Input, &in) // it was written by this program; an empty one asks for nothing more
	return in
}

// restoreEvent appends an event of a restore that is no move.
func restoreEvent(ctx context.Context, tx *store.Tx, r dbq.Restore, verb string, detail map[string]any) error {
	if err := tx.Notify(ctx, store.ChannelRuns, r.ID.String()); err != nil {
		return err
	}
	return tx.Event(ctx, verb, restoreSubject(r), detail)
}
