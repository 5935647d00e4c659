package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/sitedb"
)

func TestRun_RenewsTheStorageToken(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	l := lease(agentproto.KindDatabase, site)
	p.update(func() { p.tokens[l.Run] = p.token(l, time.Hour) })
	p.offer(l, p.token(l, -time.Minute)) // ran out before it came
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("%s %s %s", r.Outcome, r.ErrorCode, r.Error)
	}
}

func TestRun_EndsWhenAnotherInstanceTookOver(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	children := a.children()
	p.update(func() { p.epoch++; p.instance = "another" })
	if code := a.ends(); code != 1 || !strings.Contains(a.log.String(), "Another agent took over") {
		t.Errorf("the agent ended with %d:\n%s", code, a.log)
	}
	for _, pid := range children {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("its child %d lives on", pid)
		}
	}
	p.let()
	if len(p.results) != 0 || len(p.snapshots(l.Site.ID, l.Kind)) != 0 {
		t.Errorf("it still reported %v", p.results)
	}
}

func TestRun_EndsWhenItsCredentialIsRevoked(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	a := launch(t, enrolled(t, p, "/srv"))
	p.wait("the first poll", func() bool { return p.count(agentproto.PathPoll) > 0 })
	p.update(func() { p.revoked = true })
	if code := a.ends(); code != 1 || !strings.Contains(a.log.String(), "Enrol this host again") {
		t.Errorf("the agent ended with %d:\n%s", code, a.log)
	}
}

func TestRun_SendsAResultUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	launch(t, state)
	p.update(func() { p.swallow = 2 })
	run := p.offer(lease(agentproto.KindDatabase, site), "")
	p.result(run)
	p.wait("three completions", func() bool { return p.count(agentproto.PathComplete) >= 3 })
	until(t, "an empty spool", func() bool {
		found, _ := filepath.Glob(filepath.Join(state, "spool", "*"))
		return len(found) == 0
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.results) != 1 || p.grants[run] != 1 {
		t.Errorf("%d results of %d grants", len(p.results), p.grants[run])
	}
}

func TestRun_AStaleFenceIsDropped(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	launch(t, state)
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	// The plane forgets the lease; the next heartbeat does not keep it.
	p.update(func() { delete(p.leased, l.Run) })
	p.wait("the late completion", func() bool { return p.count(agentproto.PathComplete) > 0 })
	p.let()
	until(t, "an empty spool", func() bool {
		found, _ := filepath.Glob(filepath.Join(state, "spool", "*"))
		return len(found) == 0
	})
	if len(p.results) != 0 {
		t.Errorf("a stale result was taken: %+v", p.results)
	}
}

func TestRun_ACancelledRunIsReportedStopped(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	p.update(func() { p.drop[l.Run] = true })
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeStopped {
		t.Errorf("%s %s %s", r.Outcome, r.ErrorCode, r.Error)
	}
	p.let()
}

func TestRun_SIGTERMStopsAndReports(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := a.ends(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeStopped {
		t.Errorf("%s %s %s", r.Outcome, r.ErrorCode, r.Error)
	}
	p.let()
}

func TestRun_AChildThatDiesIsAFailedRun(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	for _, pid := range a.children() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "child-died" {
		t.Errorf("%s %s %s", r.Outcome, r.ErrorCode, r.Error)
	}
	p.let()
}
