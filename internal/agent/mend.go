package agent

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/inplace"
)

// How often the agent looks for restores that were cut short, and how long its
// start waits for one before it goes on beside it.
const (
	mendEvery    = 30 * time.Second
	mendPatience = 5 * time.Minute
)

// mendAll brings the restores that were cut short to their end, site by site,
// each in a child under the site's lock. What cannot be ended yet (its database
// server is not up, say) is tried again later, and before any other work on
// the site.
func (a *Agent) mendAll(ctx context.Context) {
	sites, err := sitesWithJournals(a.opt.StateDir)
	if err != nil {
		a.log.Error("the journals of restores cannot be listed", "error", err)
		return
	}
	for _, site := range sites {
		if ctx.Err() != nil {
			return
		}
		open, err := unfinished(journalDir(a.opt.StateDir, site))
		if err != nil {
			a.log.Error("a site's journals of restores cannot be read", "site", site, "error", err)
		}
		if err == nil && !open {
			a.forget(site)
		}
		if !open || a.worksOn(site) {
			continue
		}
		if r := a.mendSite(ctx, site); r.Outcome != agentproto.OutcomeGood && r.ErrorCode != CodeSiteBusy {
			a.log.Error("a restore that was cut short is not at its end yet; it is tried again", "site", site, "code", r.ErrorCode, "error", r.Error)
		}
	}
}

// journalsKept is how long the journal of a restore that keeps nothing aside any
// more is kept, for whoever wants to look at what it did.
const journalsKept = 90 * 24 * time.Hour

// forget removes a site's journals that nobody needs any more.
func (a *Agent) forget(site string) {
	dir := journalDir(a.opt.StateDir, site)
	all, err := journals(dir)
	if err != nil {
		return // it was said
	}
	for _, h := range all {
		over := h.State == inplace.StateSettled || h.State == inplace.StateRolledBack
		if over && a.opt.Clock.Now().Sub(h.Began) > journalsKept {
			if err := os.RemoveAll(filepath.Join(dir, h.ID)); err != nil {
				a.log.Warn("an old journal cannot be removed", "restore", h.ID, "error", err)
			}
		}
	}
}

// worksOn tells whether a child of this agent is at work on a site.
func (a *Agent) worksOn(site string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.working {
		if c.site == site {
			return true
		}
	}
	return false
}

// mendSite mends one site in a child and waits for it.
func (a *Agent) mendSite(ctx context.Context, site string) Result {
	c, err := startChild(childSpec{
		Command: a.opt.Engine, MemoryMiB: a.opt.Config.Memory(), Log: a.log,
		Job: job{
			Mend: site, StateDir: a.opt.StateDir, AllowRoots: a.opt.Config.AllowRoots, PHP: a.opt.Config.PHP,
			Lease: agentproto.Lease{Run: "mend-" + site, Kind: "mend", Site: agentproto.Site{ID: site}},
		},
	})
	if err != nil {
		return Result{Outcome: agentproto.OutcomeFailed, ErrorCode: CodeFailed, Error: "The agent could not start its working process: " + clip(err.Error(), 300) + "."}
	}
	c.log.Warn("a restore was cut short; the site is brought to its old or its new state")
	t := time.NewTimer(mendPatience)
	defer t.Stop()
	select {
	case <-c.done:
		return c.result
	case <-ctx.Done():
	case <-t.C:
	}
	c.stop()
	<-c.done
	return c.result
}

// mendLoop looks now and then for what is left to be mended.
func (a *Agent) mendLoop(ctx context.Context) error {
	for pause(ctx, mendEvery) == nil {
		a.mendAll(ctx)
	}
	return nil
}

// afterDeath brings a restore whose child died to its end, and says what came
// of it: a site is not left between for as long as nobody asks.
func (a *Agent) afterDeath(ctx context.Context, c *child) Result {
	r := c.result
	mended := a.mendSite(ctx, c.site)
	dir := journalDir(a.opt.StateDir, c.site)
	had, err := journal(dir, c.restore)
	if err != nil || mended.Outcome != agentproto.OutcomeGood {
		r.ErrorCode = CodeNotRolledBack
		r.Error = "The working process on the host died in the middle of its work, and the site could not be brought to its old or its new state yet; the agent tries again. " + mended.Error
		return r
	}
	// What it was to do may be done all the same.
	done := map[string]string{
		agentproto.KindRestore: inplace.StateKept, agentproto.KindUndo: inplace.StateUndone, agentproto.KindSettle: inplace.StateSettled,
	}
	if had.State != "" && had.State == done[c.kind] {
		good := Result{Outcome: agentproto.OutcomeGood}
		if _, ev, err := inplace.Report(dir, c.restore); err == nil && c.kind != agentproto.KindSettle {
			good.Evidence = evidenceJSON(Evidence{Restore: &ev})
		}
		return good
	}
	r.Error = "The working process on the host died in the middle of its work; the site is as it was before. " + r.Error
	return r
}
