package agent

import (
	"context"
	"net/http"

	"holdfast/internal/agentproto"
)

// owe puts a result on the disk and among those to send.
func (a *Agent) owe(run string, fence int64, r Result) {
	c := agentproto.CompleteRequest{
		Instance: a.instance, Epoch: a.epoch, Run: run, Fence: fence,
		Outcome: r.Outcome, Error: r.Error, ErrorCode: r.ErrorCode, NotBefore: r.NotBefore, Copy: r.Copy, Evidence: r.Evidence,
	}
	if err := a.spool.put(c); err != nil {
		// Disk full, most likely: the result lives in memory then, and is lost
		// only if this process dies before it is sent.
		a.log.Error("a result could not be spooled", "run", run, "error", err)
	}
	a.mu.Lock()
	if had, ok := a.owed[run]; !ok || had.Fence <= fence {
		a.owed[run] = c
	}
	a.mu.Unlock()
	a.wakeReports()
}

func (a *Agent) wakeReports() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// reportLoop sends what is owed until it is answered for.
func (a *Agent) reportLoop(ctx context.Context) error {
	wait := newBackoff(a.opt.BackoffMin, a.opt.BackoffMax)
	for ctx.Err() == nil {
		left, fatal := a.sendOwed(ctx)
		if fatal != nil {
			return fatal
		}
		if left > 0 {
			_ = wait.pause(ctx)
			continue
		}
		wait.reset()
		select {
		case <-ctx.Done():
		case <-a.wake:
		}
	}
	return nil
}

// sendOwed tries once to send every result that is owed and tells how many
// are left. A fatal answer ends the agent; the results stay for its next life.
func (a *Agent) sendOwed(ctx context.Context) (left int, fatal error) {
	a.mu.Lock()
	todo := make([]agentproto.CompleteRequest, 0, len(a.owed))
	for _, c := range a.owed {
		todo = append(todo, c)
	}
	a.mu.Unlock()
	for _, c := range todo {
		c.Instance, c.Epoch = a.instance, a.epoch // those of this life: an earlier one may have left it
		err := a.client.post(ctx, requestTimeout, agentproto.PathComplete, c, nil)
		switch status := statusOf(err); {
		case err == nil:
			a.settled(c)
		case status == http.StatusConflict && codeOf(err) == agentproto.CodeStaleEpoch,
			status == http.StatusUnauthorized, status == http.StatusUpgradeRequired:
			return len(todo), a.fatal(err)
		case status == http.StatusConflict:
			a.log.Warn("the control plane gave the run to another meanwhile; the result is dropped", "run", c.Run, "error", err)
			a.settled(c)
		case final(status):
			a.log.Error("the control plane will not take a result; it is set aside in the spool", "run", c.Run, "error", err)
			a.spool.reject(c.Run, c.Fence)
			a.settled(c)
		default:
			a.log.Warn("a result could not be reported yet", "run", c.Run, "error", err)
			left++
		}
		if ctx.Err() != nil {
			return len(todo), nil
		}
	}
	return left, nil
}

// settled forgets a result that was answered for.
func (a *Agent) settled(c agentproto.CompleteRequest) {
	if err := a.spool.drop(c.Run, c.Fence); err != nil {
		a.log.Error("an answered result stays in the spool; it will be sent again", "error", err)
	}
	a.mu.Lock()
	if a.owed[c.Run].Fence == c.Fence {
		delete(a.owed, c.Run)
	}
	a.mu.Unlock()
}

// final tells whether an answer will be the same next time: a 4xx that is not
// about time, load or who asks.
func final(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusConflict, http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusUpgradeRequired:
		return false
	}
	return status >= 400 && status < 500
}
