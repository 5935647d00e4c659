package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// How long a storage token lives: an agent of version 2 renews it with its
// heartbeats, an older one cannot.
const (
	tokenLife       = time.Hour
	tokenLifeV1     = 24 * time.Hour
	tokenRenewEvery = 15 * time.Minute
)

// The paces that an agent is told.
const (
	heartbeatSeconds = 10
	pollWaitSeconds  = 25
)

// AgentHost is the host that a credential belongs to.
type AgentHost struct {
	ID       id.Host
	Name     string
	Protocol int // that the agent speaks, from its request
}

const revokedSentence = "This credential is unknown or revoked; enrol the agent again with a token from: holdfast host enrol NAME"

// HostByCredential tells whose credential this is, or errs.Unsigned.
func (a *App) HostByCredential(ctx context.Context, credential string) (AgentHost, error) {
	var h dbq.Host
	err := a.system(ctx, "agent", func(ctx context.Context, tx *store.Tx) error {
		var err error
		h, err = tx.HostByCredential(ctx, seal.Hash(credential))
		return err
	})
	if errs.Is(err, errs.NotFound) {
		return AgentHost{}, errs.Wrap(errs.Unsigned, err, revokedSentence)
	}
	return AgentHost{ID: h.ID, Name: h.Name}, err
}

// Hello begins one life of an agent: the host's epoch rises, and whatever an
// earlier instance still says is stale from now on.
func (a *App) Hello(ctx context.Context, h AgentHost, r agentproto.HelloRequest) (agentproto.HelloAnswer, error) {
	instance, err := uuid.Parse(r.Instance)
	if err != nil {
		return agentproto.HelloAnswer{}, errs.Field("instance", "must be a UUID")
	}
	var skew int64
	if t, err := time.Parse(time.RFC3339, r.Now); err == nil {
		skew = t.Sub(a.clock.Now()).Milliseconds()
	}
	answer := agentproto.HelloAnswer{HeartbeatSeconds: heartbeatSeconds, PollWaitSeconds: pollWaitSeconds}
	err = a.system(ctx, "agent:"+h.Name, func(ctx context.Context, tx *store.Tx) error {
		epoch, err := tx.HelloHost(ctx, dbq.HelloHostParams{
			ID: h.ID, Instance: &instance, AgentVersion: clip(r.AgentVersion, 64), Protocol: int32(h.Protocol), //nolint:gosec // checked by the door
			Hostname: clip(r.Hostname, 253), ClockSkewMs: skew, LastSeenAt: &tx.Now,
		})
		if err != nil {
			return err
		}
		answer.Epoch = epoch
		if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil { // an older life's waiting poll ends now
			return err
		}
		return tx.Event(ctx, "host.agent_started", store.Subject{Kind: "host", ID: h.ID.UUID()},
			map[string]any{"version": clip(r.AgentVersion, 64), "epoch": epoch})
	})
	return answer, err
}

// ErrStaleEpoch is the cause of a refusal whose reason is the agent's whole
// life, not one run: another instance has taken over, or a later poll has.
var ErrStaleEpoch = errors.New("the instance, epoch or poll was overtaken")

// stale is what an agent hears whose instance, epoch or poll was overtaken.
func stale(err error) error {
	if isNoRows(err) {
		return errs.Wrap(errs.Stale, ErrStaleEpoch, "Another instance of this host's agent has taken over, or a later poll has; drop what this one holds.")
	}
	return err
}

// Poll takes back what the agent no longer holds, and leases it new work
// within the host's exact limit. First is true for the poll itself, false
// when the door looks again for the same waiting poll.
func (a *App) Poll(ctx context.Context, h AgentHost, r agentproto.PollRequest, first bool) (agentproto.PollAnswer, error) {
	instance, err := uuid.Parse(r.Instance)
	if err != nil {
		return agentproto.PollAnswer{}, errs.Field("instance", "must be a UUID")
	}
	answer := agentproto.PollAnswer{Leases: []agentproto.Lease{}, Stop: []agentproto.Stop{}}
	err = a.system(ctx, "agent:"+h.Name, func(ctx context.Context, tx *store.Tx) error {
		answer.Leases, answer.Stop = answer.Leases[:0], answer.Stop[:0]
		state, limit, err := lockForPoll(ctx, tx, h.ID, instance, r, first)
		if err != nil {
			return stale(err)
		}
		if state == dbq.HostStateRevoked { // while the poll waited
			return errs.New(errs.Unsigned, revokedSentence)
		}
		leased, tasks, err := a.holding(ctx, tx, h, r, first)
		if err != nil {
			return err
		}
		held, err := a.pollDiscovery(ctx, tx, h, r.Held, first)
		if err != nil {
			return err
		}
		answer.Stop = strangers(leased, tasks, held)
		if _, err := tx.NoteBusy(ctx, dbq.NoteBusyParams{ID: h.ID, Busy: clip(r.Busy, 300), Now: tx.Now}); err != nil {
			return err
		}
		if state != dbq.HostStateActive {
			return nil
		}
		looks, err := a.leaseDiscovery(ctx, tx, h, r.Epoch) // it reads names, and takes no run's place
		if err != nil {
			return err
		}
		answer.Leases = append(answer.Leases, looks...)
		free := limit - len(leased) - len(tasks)
		if free <= 0 {
			return nil
		}
		leases, err := a.lease(ctx, tx, h, r.Epoch, free, r.Busy != "")
		answer.Leases = append(answer.Leases, leases...)
		return err
	})
	return answer, err
}

// holding gives what the host has been leased and holds; the first time, what
// the agent does not hold is taken back.
func (a *App) holding(ctx context.Context, tx *store.Tx, h AgentHost, r agentproto.PollRequest, first bool) ([]dbq.LeasedRunsRow, []dbq.LeasedTasksRow, error) {
	leased, err := tx.LeasedRuns(ctx, h.ID)
	if err != nil {
		return nil, nil, err
	}
	tasks, err := tx.LeasedTasks(ctx, h.ID)
	if err != nil || !first {
		return leased, tasks, err
	}
	if leased, err = reconcile(ctx, tx, h, leased, r.Held); err != nil {
		return nil, nil, err
	}
	tasks, err = a.reconcileTasks(ctx, tx, h, tasks, r.Held)
	return leased, tasks, err
}

func lockForPoll(ctx context.Context, tx *store.Tx, host id.Host, instance uuid.UUID, r agentproto.PollRequest, first bool) (dbq.HostState, int, error) {
	if first {
		row, err := tx.LockHostForPoll(ctx, dbq.LockHostForPollParams{ID: host, Instance: &instance, Epoch: r.Epoch, Seq: r.PollSeq, Now: tx.Now})
		return row.State, int(row.MaxRuns), err
	}
	row, err := tx.LockHostAgain(ctx, dbq.LockHostAgainParams{ID: host, Instance: &instance, Epoch: r.Epoch, Seq: r.PollSeq, Now: tx.Now})
	return row.State, int(row.MaxRuns), err
}

// reconcile puts leased runs back in the line that the agent does not hold:
// it came back without them. It gives those that stay leased.
func reconcile(ctx context.Context, tx *store.Tx, h AgentHost, leased []dbq.LeasedRunsRow, held []agentproto.Held) ([]dbq.LeasedRunsRow, error) {
	has := make(map[agentproto.Held]bool, len(held))
	for _, l := range held {
		has[l] = true
	}
	stay := leased[:0]
	for _, l := range leased {
		if has[agentproto.Held{Run: l.ID.String(), Fence: *l.Fence}] {
			stay = append(stay, l)
			continue
		}
		if err := loseRun(ctx, tx, h, l); err != nil {
			return nil, err
		}
		if err := placeFreed(ctx, tx, l.DestinationID); err != nil {
			return nil, err
		}
	}
	return stay, nil
}

func loseRun(ctx context.Context, tx *store.Tx, h AgentHost, l dbq.LeasedRunsRow) error {
	verb, of := "run.lost", runSubject(l.TenantID, l.SiteID, l.ID)
	var err error
	if l.Attempt >= l.MaxAttempts {
		verb = "run.failed"
		if err = safetyEnded(ctx, tx, l.SiteID, l.ID); err != nil {
			return err
		}
		if err = runEnded(ctx, tx, dbq.Run{TenantID: l.TenantID, SiteID: l.SiteID, Kind: l.Kind, Reason: l.Reason}, backup.Failed); err != nil {
			return err
		}
		_, err = tx.FinishRun(ctx, dbq.FinishRunParams{
			TenantID: l.TenantID, ID: l.ID, ToState: backup.Failed, Now: tx.Now, Fence: l.Fence, ErrorCode: "agent-lost",
			Error: "The agent ended in the middle of every attempt; see the host's log for what stopped it.",
		})
	} else {
		_, err = tx.RequeueRun(ctx, dbq.RequeueRunParams{TenantID: l.TenantID, ID: l.ID, Fence: l.Fence})
	}
	if err != nil {
		return err
	}
	if err := tx.Notify(ctx, store.ChannelRuns, l.ID.String()); err != nil {
		return err
	}
	return tx.Event(ctx, verb, of, map[string]any{"host": h.Name, "fence": *l.Fence, "attempt": l.Attempt})
}

// strangers are runs and tasks that the agent holds and that are not, or no
// longer, its own, and restores that are to be rolled back.
func strangers(leased []dbq.LeasedRunsRow, tasks []dbq.LeasedTasksRow, held []agentproto.Held) []agentproto.Stop {
	own := make(map[agentproto.Held]bool, len(leased)+len(tasks))
	for _, l := range leased {
		own[agentproto.Held{Run: l.ID.String(), Fence: *l.Fence}] = true
	}
	for _, l := range tasks {
		own[heldTask(l.HostTask)] = l.StopBy == "" || l.HostTask.Kind == dbq.HostTaskKindSettle || l.HostTask.Kind == dbq.HostTaskKindUndo
	}
	stop := []agentproto.Stop{}
	for _, l := range held {
		if !own[l] {
			stop = append(stop, agentproto.Stop{Run: l.Run, Fence: l.Fence, Reason: "This run was cancelled, or is not this agent's any more."})
		}
	}
	return stop
}

// lease gives out up to free tasks and runs, the tasks first: a restore goes
// before every backup, and an agent that cannot do restores is given none. A
// host that is busy is given no backups.
func (a *App) lease(ctx context.Context, tx *store.Tx, h AgentHost, epoch int64, free int, busy bool) (leases []agentproto.Lease, err error) {
	leases = []agentproto.Lease{}
	if h.Protocol >= restoreProtocol {
		if leases, err = a.leaseTasks(ctx, tx, h, epoch, free); err != nil {
			return nil, err
		}
	}
	if free -= len(leases); free <= 0 || busy {
		return leases, nil
	}
	runs, err := a.leaseRuns(ctx, tx, h, epoch, free)
	return append(leases, runs...), err
}

// leaseRuns gives out up to free runs, fairly between tenants: a tenant's
// second run waits until every other tenant here has its first. At a
// destination with a limit it takes no more than the host's places there.
func (a *App) leaseRuns(ctx context.Context, tx *store.Tx, h AgentHost, epoch int64, free int) ([]agentproto.Lease, error) {
	at, err := lockPlaces(ctx, tx, h.ID)
	if err != nil {
		return nil, err
	}
	picked, err := tx.PickRuns(ctx, dbq.PickRunsParams{HostID: h.ID, Now: tx.Now, Free: int32(free), Limited: at.destinations, Places: at.places, Restores: h.Protocol >= restoreProtocol}) //nolint:gosec // at most 64
	if err != nil {
		return nil, err
	}
	leases := make([]agentproto.Lease, 0, len(picked))
	for _, p := range picked {
		r, err := tx.LeaseRun(ctx, dbq.LeaseRunParams{TenantID: p.TenantID, ID: p.ID, HostEpoch: &epoch, Now: tx.Now})
		if isNoRows(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		l, err := a.leaseOf(ctx, tx, h, r)
		if err != nil {
			return nil, err
		}
		leases = append(leases, l)
		at.took(r.DestinationID)
		if err := tx.Notify(ctx, store.ChannelRuns, r.ID.String()); err != nil {
			return nil, err
		}
		err = tx.Event(ctx, "run.leased", runSubject(r.TenantID, r.SiteID, r.ID), map[string]any{"host": h.Name, "fence": *r.Fence, "epoch": epoch})
		if err != nil {
			return nil, err
		}
	}
	return leases, at.settle(ctx, tx, h.ID)
}
