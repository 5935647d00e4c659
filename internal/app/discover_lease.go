package app

import (
	"context"
	"encoding/json"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What a host may say of a discovery at most.
const (
	maxFoundSites = 5000
	maxFoundBytes = 8 << 20
)

// pollDiscovery takes the host's look for sites out of what the agent holds,
// and puts it back in the line where the agent does not hold it any more.
func (a *App) pollDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, held []agentproto.Held, first bool) ([]agentproto.Held, error) {
	d, err := tx.DiscoveryOfHost(ctx, h.ID)
	if isNoRows(err) || err == nil && d.State != dbq.DiscoveryStateLeased {
		return held, nil
	}
	if err != nil {
		return nil, err
	}
	rest, mine := make([]agentproto.Held, 0, len(held)), false
	for _, l := range held {
		if l.Run == d.ID.String() && l.Fence == *d.Fence {
			mine = true
			continue
		}
		rest = append(rest, l)
	}
	if mine || !first {
		return rest, nil
	}
	return rest, a.loseDiscovery(ctx, tx, h, d, nil)
}

// loseDiscovery has a look tried again that its agent came back without, or
// gives it up.
func (a *App) loseDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, d dbq.Discovery, answered *int64) error {
	if d.Attempt >= discoverAttempts {
		return a.endDiscovery(ctx, tx, h, d, agentproto.CompleteRequest{
			Outcome: agentproto.OutcomeFailed, ErrorCode: "agent-lost", Error: "The agent ended in the middle of every attempt; see the host's log for what stopped it.",
		})
	}
	n, err := tx.RequeueDiscovery(ctx, dbq.RequeueDiscoveryParams{HostID: h.ID, Fence: d.Fence, AnsweredFence: answered})
	if err != nil || n == 0 {
		return staleRun(err)
	}
	return tx.Notify(ctx, store.ChannelRuns, d.ID.String())
}

// leaseDiscovery gives out the look that waits for this host, if one does.
func (a *App) leaseDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, epoch int64) ([]agentproto.Lease, error) {
	if h.Protocol < discoverProtocol {
		return nil, nil
	}
	d, err := tx.LeaseDiscovery(ctx, dbq.LeaseDiscoveryParams{HostID: h.ID, HostEpoch: &epoch, Now: tx.Now})
	if isNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := tx.Notify(ctx, store.ChannelRuns, d.ID.String()); err != nil {
		return nil, err
	}
	return []agentproto.Lease{{
		Run: d.ID.String(), Fence: *d.Fence, Kind: agentproto.KindDiscover, Attempt: int(d.Attempt) + 1, Discover: &agentproto.Discover{Roots: []string{}},
	}}, nil
}

// discoveryLeased gives the host's look if that is what a report is of.
func discoveryLeased(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run) (d dbq.Discovery, mine bool, err error) {
	d, err = tx.LockDiscovery(ctx, h.ID)
	if isNoRows(err) {
		return d, false, nil
	}
	return d, err == nil && d.ID == taskID(run), err
}

// discoveryStarted counts an attempt, if this is a look for sites at all.
func discoveryStarted(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, fence int64) (mine bool, err error) {
	d, mine, err := discoveryLeased(ctx, tx, h, run)
	if err != nil || !mine {
		return mine, err
	}
	if d.State != dbq.DiscoveryStateLeased || *d.Fence != fence {
		return true, staleRun(nil)
	}
	n, err := tx.StartDiscovery(ctx, dbq.StartDiscoveryParams{HostID: h.ID, Fence: &fence, Now: tx.Now})
	if err != nil || n == 0 {
		return true, err
	}
	return true, tx.Notify(ctx, store.ChannelRuns, d.ID.String())
}

// beatDiscovery takes the progress of a look and tells whether it goes on.
func beatDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, b agentproto.RunBeat) (bool, error) {
	progress, err := json.Marshal(b.Progress)
	if err != nil {
		return false, err
	}
	n, err := tx.BeatDiscovery(ctx, dbq.BeatDiscoveryParams{HostID: h.ID, ID: taskID(run), Progress: progress, Now: tx.Now, Fence: &b.Fence})
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.Notify(ctx, store.ChannelRuns, taskID(run).String())
}

// completeDiscovery ends a look, if this is one. Saying it again is answered
// the same.
func (a *App) completeDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, rep agentproto.CompleteRequest) (mine bool, err error) {
	d, mine, err := discoveryLeased(ctx, tx, h, run)
	if err != nil || !mine {
		return mine, err
	}
	if d.State != dbq.DiscoveryStateLeased || *d.Fence != rep.Fence {
		if d.AnsweredFence != nil && *d.AnsweredFence == rep.Fence {
			return true, nil
		}
		return true, staleRun(nil)
	}
	if rep.Outcome == agentproto.OutcomeStopped || rep.ErrorCode == "child-died" {
		if d.Attempt < discoverAttempts {
			return true, a.loseDiscovery(ctx, tx, h, d, d.Fence)
		}
	}
	return true, a.endDiscovery(ctx, tx, h, d, rep)
}

func (a *App) endDiscovery(ctx context.Context, tx *store.Tx, h AgentHost, d dbq.Discovery, rep agentproto.CompleteRequest) error {
	rep.Error, rep.ErrorCode = clip(rep.Error, 1000), clip(rep.ErrorCode, 60)
	if rep.Error == "" {
		rep.Error = "The agent gave no reason."
	}
	found, err := foundOf(rep)
	if err != nil {
		return err
	}
	p := dbq.EndDiscoveryParams{HostID: h.ID, ToState: dbq.DiscoveryStateFailed, Now: tx.Now, Error: rep.Error, ErrorCode: rep.ErrorCode, Found: json.RawMessage("{}")}
	verb, detail := "host.discovery_failed", map[string]any{"name": h.Name, "error": rep.Error}
	switch rep.Outcome {
	case agentproto.OutcomeGood, agentproto.OutcomeIncomplete:
		p.ToState, p.Error, p.ErrorCode = dbq.DiscoveryStateDone, "", ""
		if p.Found, err = json.Marshal(found); err != nil {
			return err
		}
		verb, detail = "host.discovered", map[string]any{"name": h.Name, "to": len(found.Sites)}
	case agentproto.OutcomeStopped:
		p.ToState = dbq.DiscoveryStateCancelled
	}
	n, err := tx.EndDiscovery(ctx, p)
	if err != nil || n == 0 {
		return staleRun(err)
	}
	if err := tx.Notify(ctx, store.ChannelRuns, d.ID.String()); err != nil {
		return err
	}
	return discoveryEvent(ctx, tx, h.ID, verb, detail)
}

// foundOf reads what a host found and cuts what is too long: its words are of
// config.php files that anybody may have written.
func foundOf(rep agentproto.CompleteRequest) (agentproto.Discovery, error) {
	found := agentproto.Discovery{Sites: []agentproto.FoundSite{}}
	if rep.Outcome != agentproto.OutcomeGood && rep.Outcome != agentproto.OutcomeIncomplete {
		return found, nil
	}
	if len(rep.Evidence) > maxFoundBytes || json.Unmarshal(rep.Evidence, &found) != nil {
		return found, errs.Field("evidence", "must be what was found, as JSON of at most 8 MiB")
	}
	if len(found.Sites) > maxFoundSites || found.Folders < 0 {
		return found, errs.Field("evidence", "names more than %d sites, or a count that is negative", maxFoundSites)
	}
	found.Truncated = clip(found.Truncated, 1000)
	kept, seen := make([]agentproto.FoundSite, 0, len(found.Sites)), map[string]bool{}
	for _, f := range found.Sites {
		for _, s := range []*string{&f.CodeDir, &f.AccountRoot, &f.DataRoot, &f.WWWRoot} {
			*s = clip(*s, 4096)
		}
		for _, s := range []*string{&f.Layout, &f.Release, &f.Branch, &f.DBType, &f.DBName, &f.Prefix, &f.ReadBy} {
			*s = clip(*s, 200)
		}
		f.Problem = clip(f.Problem, 1000)
		f.Warnings = f.Warnings[:min(len(f.Warnings), 20)]
		for i := range f.Warnings {
			f.Warnings[i] = clip(f.Warnings[i], 500)
		}
		if _, err := entryAt(f.CodeDir, f.AccountRoot); err != nil || seen[f.CodeDir] {
			continue
		}
		seen[f.CodeDir] = true
		kept = append(kept, f)
	}
	found.Sites = kept
	return found, nil
}
