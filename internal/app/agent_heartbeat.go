package app

import (
	"context"
	"encoding/json"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Heartbeat takes the progress of all of an agent's runs. A run absent from
// the answer must stop.
func (a *App) Heartbeat(ctx context.Context, h AgentHost, r agentproto.HeartbeatRequest) (agentproto.HeartbeatAnswer, error) {
	answer := agentproto.HeartbeatAnswer{Keep: []agentproto.Held{}}
	err := a.system(ctx, "agent:"+h.Name, func(ctx context.Context, tx *store.Tx) error {
		answer = agentproto.HeartbeatAnswer{Keep: []agentproto.Held{}}
		if err := touch(ctx, tx, h, r.Instance, r.Epoch); err != nil {
			return err
		}
		for _, b := range r.Runs {
			run, err := id.Parse[id.Run](b.Run)
			if err != nil {
				continue
			}
			b.Progress.Phase, b.Progress.Detail = clip(b.Progress.Phase, 40), clip(b.Progress.Detail, 200)
			progress, err := json.Marshal(b.Progress)
			if err != nil {
				return err
			}
			row, err := tx.BeatRun(ctx, dbq.BeatRunParams{ID: run, HostID: h.ID, Fence: &b.Fence, Progress: progress, Now: tx.Now})
			if isNoRows(err) {
				keep, tokens, err := a.beatTask(ctx, tx, h, run, b)
				if err != nil {
					return err
				}
				if keep {
					answer.Keep = append(answer.Keep, agentproto.Held{Run: b.Run, Fence: b.Fence})
					answer.Tokens = append(answer.Tokens, tokens...)
				}
				continue
			}
			if err != nil {
				return err
			}
			answer.Keep = append(answer.Keep, agentproto.Held{Run: b.Run, Fence: b.Fence})
			if h.Protocol >= 2 && renewalDue(row, tx.Now) {
				tokens, err := a.renew(ctx, tx, h, run, b.Fence)
				if err != nil {
					return err
				}
				answer.Tokens = append(answer.Tokens, tokens...)
			}
		}
		if len(answer.Keep) > 0 {
			return tx.Notify(ctx, store.ChannelRuns, answer.Keep[0].Run)
		}
		return nil
	})
	return answer, err
}

// renewalDue tells whether a quarter of an hour of the lease has passed since
// the heartbeat before this one.
func renewalDue(row dbq.BeatRunRow, now time.Time) bool {
	before := row.LeasedAt
	if row.PreviousProgressAt != nil {
		before = row.PreviousProgressAt
	}
	return now.Sub(*row.LeasedAt)/tokenRenewEvery > before.Sub(*row.LeasedAt)/tokenRenewEvery
}
