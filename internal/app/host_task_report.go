package app

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// The codes of failures after which a task is tried again: each says that the
// host may do better the next time, and has lost nothing meanwhile.
var tryTaskAgain = map[string]bool{"child-died": true, "site-busy": true, "unavailable": true, notRolledBack: true}

// maxEvidence bounds what a host says that it proved.
const maxEvidence = 1 << 20

// taskOf finds the task that a report names, among this host's.
func taskOf(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run) (dbq.HostTask, error) {
	k, err := tx.HostTaskByID(ctx, taskID(run))
	if err != nil || k.HostID != h.ID {
		return k, staleRun(err)
	}
	return k, nil
}

// taskStarted counts an attempt at a task. Saying it again changes nothing.
func taskStarted(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, fence int64) error {
	if mine, err := discoveryStarted(ctx, tx, h, run, fence); mine || err != nil {
		return err
	}
	k, err := taskOf(ctx, tx, h, run)
	if err != nil {
		return err
	}
	r, k, err := lockTask(ctx, tx, k)
	if err != nil || k.State != dbq.HostTaskStateLeased || *k.Fence != fence {
		return staleRun(err)
	}
	n, err := tx.StartTask(ctx, dbq.StartTaskParams{ID: k.ID, HostID: h.ID, Fence: &fence, Now: tx.Now})
	if err != nil || n == 0 {
		return err
	}
	if _, err := tx.NoteRestoreStart(ctx, dbq.NoteRestoreStartParams{TenantID: r.TenantID, ID: r.ID, Now: tx.Now}); err != nil {
		return err
	}
	return restoreEvent(ctx, tx, r, "restore.started", map[string]any{"host": h.Name, "kind": k.Kind, "attempt": k.Attempt + 1})
}

// beatTask takes the progress of a task. It tells whether the task goes on,
// and gives fresh storage tokens when they are due.
func (a *App) beatTask(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, b agentproto.RunBeat) (keep bool, tokens []agentproto.Token, err error) {
	k, err := tx.HostTaskByID(ctx, taskID(run))
	if isNoRows(err) {
		keep, err = beatDiscovery(ctx, tx, h, run, b)
		return keep, nil, err
	}
	if err == nil && (k.HostID != h.ID || k.State != dbq.HostTaskStateLeased || *k.Fence != b.Fence) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	progress, err := json.Marshal(b.Progress)
	if err != nil {
		return false, nil, err
	}
	n, err := tx.BeatTask(ctx, dbq.BeatTaskParams{
		ID: k.ID, HostID: h.ID, Fence: &b.Fence, Progress: progress, BytesPerSecond: rateOf(k, b.Progress, tx.Now), Now: tx.Now,
	})
	if err != nil || n == 0 {
		return false, nil, err
	}
	r, err := tx.RestoreByID(ctx, k.RestoreID)
	if err != nil {
		return false, nil, err
	}
	if err := tx.Notify(ctx, store.ChannelRuns, r.ID.String()); err != nil {
		return false, nil, err
	}
	if r.StopBy != "" && r.State == restore.Running {
		tokens = nil // it rolls back, which reads nothing
		return false, tokens, nil
	}
	if renewalDue(dbq.BeatRunRow{LeasedAt: k.LeasedAt, PreviousProgressAt: k.LastProgressAt}, tx.Now) {
		tokens, err = a.renewTask(ctx, tx, r, k)
	}
	return true, tokens, err
}

// rateOf is how many bytes a second the present step moves, over some beats.
func rateOf(k dbq.HostTask, now agentproto.Progress, at time.Time) int64 {
	var was agentproto.Progress
	if k.LastProgressAt == nil || json.Unmarshal(k.Progress, &was) != nil || was.Step != now.Step {
		return 0
	}
	took := at.Sub(*k.LastProgressAt).Seconds()
	if moved := now.DoneBytes - was.DoneBytes; moved >= 0 && took >= 0.1 {
		fresh := int64(float64(moved) / took)
		if k.BytesPerSecond == 0 {
			return fresh
		}
		return (3*k.BytesPerSecond + fresh) / 4
	}
	return k.BytesPerSecond
}

func (a *App) renewTask(ctx context.Context, tx *store.Tx, r dbq.Restore, k dbq.HostTask) ([]agentproto.Token, error) {
	if k.Kind != dbq.HostTaskKindRestore && k.Kind != dbq.HostTaskKindFiles {
		return nil, nil
	}
	reads, _, err := restoreCopies(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	var of []id.Repository
	for _, kind := range backup.Kinds() {
		if c, ok := reads[kind]; ok {
			of = append(of, c.RepositoryID)
		}
	}
	if c, ok := reads[backup.Database]; ok {
		list, err := tx.ReferenceListOf(ctx, dbq.ReferenceListOfParams{TenantID: c.TenantID, CopyID: c.ID})
		if err != nil && !isNoRows(err) {
			return nil, err
		}
		if err == nil && list.FilesSnapshot != "" && !slices.Contains(of, list.FilesRepositoryID) {
			of = append(of, list.FilesRepositoryID)
		}
	}
	var out []agentproto.Token
	for _, repository := range of {
		from, err := a.reading(ctx, tx, k, r.TenantID, repository)
		if err != nil {
			return nil, err
		}
		out = append(out, agentproto.Token{Run: k.ID.String(), Token: from.Token, Repository: from.Name})
	}
	return out, nil
}

// completeTask ends a task: its row, its restore, the follow-up and the
// events, in one transaction. Sending it again is answered the same.
func (a *App) completeTask(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, rep agentproto.CompleteRequest) error {
	k, err := taskOf(ctx, tx, h, run)
	if err != nil {
		return err
	}
	r, k, err := lockTask(ctx, tx, k)
	if err != nil {
		return err
	}
	if k.State != dbq.HostTaskStateLeased || *k.Fence != rep.Fence {
		if k.AnsweredFence != nil && *k.AnsweredFence == rep.Fence {
			return nil
		}
		return staleRun(nil)
	}
	if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil {
		return err
	}
	if rep.Outcome == agentproto.OutcomeStopped && r.StopBy == "" && k.Attempt < k.MaxAttempts {
		return a.loseTask(ctx, tx, h, r, k, &rep)
	}
	return a.endTask(ctx, tx, r, k, rep)
}

// checkTaskReport refuses what no honest agent sends, and cuts what is too long.
func checkTaskReport(rep *agentproto.CompleteRequest) error {
	rep.Error, rep.ErrorCode, rep.Copy = clip(rep.Error, 1000), clip(rep.ErrorCode, 60), nil
	switch rep.Outcome {
	case agentproto.OutcomeGood, agentproto.OutcomeIncomplete:
	case agentproto.OutcomeFailed, agentproto.OutcomeRefused, agentproto.OutcomeStopped:
		if rep.Error == "" {
			rep.Error = "The agent gave no reason."
		}
	default:
		return errs.Field("outcome", "%q is not an outcome", rep.Outcome)
	}
	if len(rep.Evidence) > 0 && (!json.Valid(rep.Evidence) || len(rep.Evidence) > maxEvidence) {
		return errs.Field("evidence", "must be JSON of at most 1 MiB")
	}
	return nil
}

// loseTask puts a task back in the line: its agent came back without it, or
// stopped for reasons of its own, with the site as it was. One whose attempts
// are used up is given out once more: the agent may have come to the end and
// died before it could say so, and says what its journal holds then. One that
// is lost even so ends, and nobody knows how its site is.
func (a *App) loseTask(ctx context.Context, tx *store.Tx, h AgentHost, r dbq.Restore, k dbq.HostTask, rep *agentproto.CompleteRequest) error {
	wait, text, code := time.Duration(0), "", ""
	switch {
	case k.Attempt > k.MaxAttempts, k.Attempt == k.MaxAttempts && k.Kind == dbq.HostTaskKindSettle:
		code, said := lostForGood(r, k)
		return a.endTask(ctx, tx, r, k, agentproto.CompleteRequest{Fence: *k.Fence, Outcome: agentproto.OutcomeRefused, ErrorCode: code, Error: said})
	case k.Attempt == k.MaxAttempts:
		text, code = "The agent ended in the middle of its last attempt, before it could say how that went; it is asked once more.", "agent-lost"
	}
	var answered *int64
	if rep != nil {
		text, code, answered = rep.Error, rep.ErrorCode, k.Fence
	}
	return a.requeueTask(ctx, tx, r, k, tx.Now.Add(wait), text, code, answered, map[string]any{"host": h.Name, "fence": *k.Fence, "attempt": k.Attempt})
}

// lostForGood is what is known of a task that no attempt of its agent ended.
// Where something of the site may have been exchanged, that is not told as a
// site that is as it was.
func lostForGood(r dbq.Restore, k dbq.HostTask) (code, said string) {
	if k.Kind == dbq.HostTaskKindSettle || len(inputOf(r).Replaces(r.What)) == 0 {
		return "agent-lost", "The agent ended in the middle of every attempt; see the host's log for what stopped it."
	}
	return notRolledBack, "The agent ended in the middle of every attempt, and could not say how the last one went: whether the site is as it was, nobody knows. The agent brings it to its old or its new state when it starts; look at the site and at the host's log."
}

// requeueTask has a task wait for its next attempt.
func (a *App) requeueTask(ctx context.Context, tx *store.Tx, r dbq.Restore, k dbq.HostTask, at time.Time, text, code string, answered *int64, detail map[string]any) error {
	n, err := tx.RequeueTask(ctx, dbq.RequeueTaskParams{
		TenantID: k.TenantID, ID: k.ID, Fence: k.Fence, NotBefore: at, Error: text, ErrorCode: code, AnsweredFence: answered,
	})
	if err != nil || n == 0 {
		return staleRun(err)
	}
	if text != "" {
		detail["error"], detail["code"], detail["not_before"] = text, code, at
	}
	if r.State == restore.Running {
		_, err := a.moveRestore(ctx, tx, r, restore.Lose, nil, detail)
		return err
	}
	detail["kind"] = k.Kind
	return restoreEvent(ctx, tx, r, "restore.task_again", detail)
}

// again tells when a task that failed is tried again, if it is.
func again(k dbq.HostTask, rep agentproto.CompleteRequest, now time.Time) (time.Time, bool) {
	if rep.Outcome != agentproto.OutcomeFailed || k.Attempt >= k.MaxAttempts {
		return now, false
	}
	at := now.Add(backup.Backoff(int(k.Attempt)))
	wish, err := time.Parse(time.RFC3339, rep.NotBefore)
	if err == nil && wish.After(at) {
		at = wish
		if limit := now.Add(24 * time.Hour); at.After(limit) {
			at = limit
		}
	}
	return at, err == nil || tryTaskAgain[rep.ErrorCode] || k.Kind == dbq.HostTaskKindSettle
}
