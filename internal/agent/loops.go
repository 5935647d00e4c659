package agent

import (
	"context"
	"net/http"
	"time"

	"holdfast/internal/agentproto"
)

// pollSlack is how much longer than the long-poll itself its answer may take.
const pollSlack = 15 * time.Second

// quickAnswer is how soon an answer with no work counts as one that did not
// wait; the loop then paces itself.
const quickAnswer = 500 * time.Millisecond

// pollLoop asks for work, and says with every question what is held.
func (a *Agent) pollLoop(ctx context.Context) error {
	wait := newBackoff(a.opt.BackoffMin, a.opt.BackoffMax)
	down := false
	for seq := int64(1); ctx.Err() == nil; seq++ {
		began := a.opt.Clock.Now()
		var answer agentproto.PollAnswer
		err := a.client.post(ctx, a.pollWait+pollSlack, agentproto.PathPoll, agentproto.PollRequest{
			Instance: a.instance, Epoch: a.epoch, PollSeq: seq, Held: a.held(), WaitSeconds: int(a.pollWait / time.Second), Busy: a.limits.busy(),
		}, &answer)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			if fatal := a.fatal(err); fatal != nil {
				return fatal
			}
			if !down {
				a.log.Warn("the control plane cannot be reached; running backups go on", "error", err)
			}
			down = true
			if wait.pause(ctx) != nil {
				break
			}
			continue
		}
		if down {
			a.log.Info("the control plane answers again")
			down = false
			a.wakeReports()
		}
		a.obey(ctx, answer)
		wait.reset()
		// A server that need not wait, because a run that it knows nothing of is
		// still held, say, is not asked as fast as the line carries.
		if len(answer.Leases) == 0 && a.opt.Clock.Now().Sub(began) < quickAnswer {
			_ = pause(ctx, a.opt.BackoffMin)
		}
	}
	return nil
}

// held names every lease that must not go back to the queue: those at work,
// and those whose result is not answered for yet.
func (a *Agent) held() []agentproto.Held {
	a.mu.Lock()
	defer a.mu.Unlock()
	held := make([]agentproto.Held, 0, len(a.working)+len(a.owed))
	for _, c := range a.working {
		held = append(held, agentproto.Held{Run: c.run, Fence: c.fence})
	}
	for _, c := range a.owed {
		held = append(held, agentproto.Held{Run: c.Run, Fence: c.Fence})
	}
	return held
}

// obey stops what is to be stopped and starts what is leased.
func (a *Agent) obey(ctx context.Context, answer agentproto.PollAnswer) {
	for _, s := range answer.Stop {
		a.stopRun(s.Run, s.Fence, s.Reason)
	}
	for _, l := range answer.Leases {
		a.take(ctx, l)
	}
}

// take starts the child of a lease. The same lease twice is one; an older
// lease of the same run is dropped first, and the site's lock keeps the two
// children apart.
func (a *Agent) take(ctx context.Context, l agentproto.Lease) {
	if !safeID.MatchString(l.Run) {
		a.log.Error("a lease with an unusable run id is ignored")
		return
	}
	a.mu.Lock()
	old, owed := a.working[l.Run], a.owed[l.Run]
	a.mu.Unlock()
	if (old != nil && old.fence >= l.Fence) || (owed.Run != "" && owed.Fence >= l.Fence) {
		return
	}
	if old != nil {
		old.stop()
	}
	log := a.log.With("run", l.Run, "site", l.Site.ID, "kind", l.Kind)
	c, err := startChild(childSpec{
		Command: a.opt.Engine, MemoryMiB: a.opt.Config.Memory(), Log: a.log, Limits: a.limits,
		Job: job{Lease: l, Orders: a.spared(l.Restore != nil), StateDir: a.opt.StateDir, AllowRoots: a.opt.Config.AllowRoots, PHP: a.opt.Config.PHP, Patience: a.opt.Config.VaultPatience},
	})
	if err != nil {
		log.Error("the working process could not be started", "error", err)
		a.owe(l.Run, l.Fence, Result{
			Outcome: agentproto.OutcomeFailed, ErrorCode: CodeFailed,
			Error: "The agent could not start its working process: " + redact(clip(err.Error(), 300), job{Lease: l}.secrets()...) + ".",
		})
		return
	}
	log.Info("run begins", "fence", l.Fence, "attempt", l.Attempt)
	a.mu.Lock()
	a.working[l.Run] = c
	a.mu.Unlock()
	a.share()
	a.reports.Go(func() { a.attend(context.WithoutCancel(ctx), c) }) // ends with the child, not with the loops
}

// attend sees a child through: started, done, spooled.
func (a *Agent) attend(ctx context.Context, c *child) {
	told := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(told)
		select {
		case <-c.started:
			a.tellStarted(ctx, c)
		case <-ctx.Done():
		}
	}()
	<-c.done
	cancel()
	<-told
	if c.silent && c.restore != "" {
		c.result = a.afterDeath(context.WithoutCancel(ctx), c)
	}
	c.log.Info("run ended", "outcome", c.result.Outcome, "code", c.result.ErrorCode)
	a.owe(c.run, c.fence, c.result)
	a.mu.Lock()
	if a.working[c.run] == c {
		delete(a.working, c.run)
	}
	a.mu.Unlock()
	a.share()
	a.wakeReports()
}

// tellStarted makes the attempt count. It tries while the child works: a
// completion says as much.
func (a *Agent) tellStarted(ctx context.Context, c *child) {
	wait := newBackoff(a.opt.BackoffMin, a.opt.BackoffMax)
	for {
		err := a.client.post(ctx, requestTimeout, agentproto.PathStarted, agentproto.StartedRequest{
			Instance: a.instance, Epoch: a.epoch, Run: c.run, Fence: c.fence,
		}, nil)
		if err == nil || ctx.Err() != nil {
			return
		}
		if s := statusOf(err); s == http.StatusConflict {
			c.log.Warn("the control plane gave this run to another; it stops", "error", err)
			c.stop()
			return
		} else if final(s) {
			c.log.Warn("the start was not accepted", "error", err)
			return
		}
		if wait.pause(ctx) != nil {
			return
		}
	}
}

// stopRun stops a run if it is held with this fence or an older one.
func (a *Agent) stopRun(run string, fence int64, reason string) {
	a.mu.Lock()
	c := a.working[run]
	a.mu.Unlock()
	if c == nil || c.fence > fence {
		return
	}
	c.log.Info("told to stop", "reason", clip(reason, 200))
	c.stop()
}

// heartbeatLoop reports on all runs at once, and stops those that the answer
// leaves out. A heartbeat that fails changes nothing: backups go on.
func (a *Agent) heartbeatLoop(ctx context.Context) error {
	tick := time.NewTicker(a.heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		beats := a.beats()
		if len(beats) == 0 {
			continue
		}
		var answer agentproto.HeartbeatAnswer
		err := a.client.post(ctx, min(requestTimeout, 2*a.heartbeat+5*time.Second), agentproto.PathHeartbeat,
			agentproto.HeartbeatRequest{Instance: a.instance, Epoch: a.epoch, Runs: beats}, &answer)
		if err != nil {
			if fatal := a.fatal(err); fatal != nil && ctx.Err() == nil {
				return fatal
			}
			continue
		}
		a.heed(beats, answer)
	}
}

func (a *Agent) beats() []agentproto.RunBeat {
	a.mu.Lock()
	defer a.mu.Unlock()
	beats := make([]agentproto.RunBeat, 0, len(a.working))
	for _, c := range a.working {
		beats = append(beats, agentproto.RunBeat{Run: c.run, Fence: c.fence, Progress: c.seen()})
	}
	return beats
}

// heed stops what was named in the heartbeat and not kept, and hands renewed
// tokens to their children.
func (a *Agent) heed(beats []agentproto.RunBeat, answer agentproto.HeartbeatAnswer) {
	keep := make(map[agentproto.Held]bool, len(answer.Keep))
	for _, k := range answer.Keep {
		keep[k] = true
	}
	for _, b := range beats {
		if !keep[agentproto.Held{Run: b.Run, Fence: b.Fence}] {
			a.stopRun(b.Run, b.Fence, "the control plane does not keep it")
		}
	}
	for _, t := range answer.Tokens {
		a.mu.Lock()
		c := a.working[t.Run]
		a.mu.Unlock()
		if c == nil || t.Token == "" {
			continue
		}
		if err := c.renew(t.Repository, t.Token); err != nil {
			c.log.Error("a renewed storage token could not be written", "error", err)
		}
	}
}
