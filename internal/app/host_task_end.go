package app

import (
	"context"
	"encoding/json"

	"holdfast/internal/agentproto"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

const notRolledBack = restore.NotRolledBack

// taskID reads an agent's name of a lease as a task's.
func taskID(run id.Run) id.HostTask {
	task, _ := id.Parse[id.HostTask](run.String()) // it was read as an identifier already
	return task
}

// endTask ends a task, or has it tried again, and moves its restore.
func (a *App) endTask(ctx context.Context, tx *store.Tx, r dbq.Restore, k dbq.HostTask, rep agentproto.CompleteRequest) error {
	if at, yes := again(k, rep, tx.Now); yes && (r.StopBy == "" || rep.ErrorCode == notRolledBack) {
		return a.requeueTask(ctx, tx, r, k, at, rep.Error, rep.ErrorCode, k.Fence, map[string]any{"attempt": k.Attempt})
	}
	to := dbq.HostTaskStateFailed
	switch rep.Outcome {
	case agentproto.OutcomeGood, agentproto.OutcomeIncomplete:
		to, rep.Error, rep.ErrorCode = dbq.HostTaskStateDone, "", ""
	case agentproto.OutcomeStopped:
		to = dbq.HostTaskStateCancelled
	}
	result := rep.Evidence
	if len(result) == 0 {
		result = json.RawMessage("{}")
	}
	n, err := tx.EndTask(ctx, dbq.EndTaskParams{TenantID: k.TenantID, ID: k.ID, ToState: to, Now: tx.Now, Error: rep.Error, ErrorCode: rep.ErrorCode, Result: result})
	if err != nil || n == 0 {
		return staleRun(err)
	}
	good := to == dbq.HostTaskStateDone
	switch k.Kind {
	case dbq.HostTaskKindRestore, dbq.HostTaskKindFiles:
		return a.restoreTaskEnded(ctx, tx, r, rep, good)
	case dbq.HostTaskKindSettle:
		return a.settleTaskEnded(ctx, tx, r, k, rep, good)
	case dbq.HostTaskKindUndo:
		return a.undoTaskEnded(ctx, tx, r, k, rep, good)
	}
	return nil
}

func proofOf(raw json.RawMessage) *restore.Proof {
	var p restore.Proof
	if len(raw) == 0 || json.Unmarshal(raw, &p) != nil {
		return nil // of an agent that says it otherwise; the task keeps it as it came
	}
	return &p
}

// restoreTaskEnded is the end of the work itself.
func (a *App) restoreTaskEnded(ctx context.Context, tx *store.Tx, r dbq.Restore, rep agentproto.CompleteRequest, good bool) error {
	e := evidenceOf(r)
	e.Host = proofOf(rep.Evidence)
	if good {
		_, err := a.moveRestore(ctx, tx, r, restore.Finish, func(p *dbq.MoveRestoreParams) {
			p.Error, p.ErrorCode = "", ""
			withEvidence(e)(p)
		}, nil)
		return err
	}
	if r.StopBy != "" && rep.ErrorCode != notRolledBack {
		_, err := a.moveRestore(ctx, tx, r, restore.Cancel, func(p *dbq.MoveRestoreParams) {
			p.Error, p.ErrorCode = r.StopWhy, "cancelled"
			withEvidence(e)(p)
		}, map[string]any{"by": r.StopBy, "reason": r.StopWhy})
		return err
	}
	return a.failRestore(ctx, tx, r, rep.ErrorCode, rep.Error, withEvidence(e))
}

// settleTaskEnded is the end of tidying up, after an acceptance or an undoing.
func (a *App) settleTaskEnded(ctx context.Context, tx *store.Tx, r dbq.Restore, k dbq.HostTask, rep agentproto.CompleteRequest, good bool) error {
	if r.State == restore.Settling && good {
		_, err := a.moveRestore(ctx, tx, r, restore.Finish, nil, map[string]any{"task": k.ID})
		return err
	}
	if good {
		return restoreEvent(ctx, tx, r, "restore.tidied", map[string]any{"task": k.ID})
	}
	return restoreEvent(ctx, tx, r, "restore.not_tidied", map[string]any{"task": k.ID, "error": rep.Error, "code": rep.ErrorCode})
}

// undoTaskEnded is the end of an undoing. What it replaced lies aside and is
// removed by one more task, for its copies are still there.
func (a *App) undoTaskEnded(ctx context.Context, tx *store.Tx, r dbq.Restore, k dbq.HostTask, rep agentproto.CompleteRequest, good bool) error {
	e := evidenceOf(r)
	e.Undo = proofOf(rep.Evidence)
	if !good {
		return a.failRestore(ctx, tx, r, rep.ErrorCode, rep.Error, withEvidence(e))
	}
	moved, err := a.moveRestore(ctx, tx, r, restore.Finish, func(p *dbq.MoveRestoreParams) {
		p.Error, p.ErrorCode = "", ""
		withEvidence(e)(p)
	}, map[string]any{"task": k.ID})
	if err != nil {
		return err
	}
	_, err = insertHostTask(ctx, tx, moved, k.HostID, dbq.HostTaskKindSettle, tx.Now)
	return err
}
