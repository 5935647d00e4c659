package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/sitedb"
)

// halfDone queues a lease and waits until its restore builds the new files.
func (x *patient) halfDone(l agentproto.Lease) {
	x.t.Helper()
	x.p.holdReads(agentproto.KindData)
	x.p.queueUp(l)
	x.p.wait("a restore in its middle", func() bool { return x.p.held > 0 })
}

func TestRestore_ACancelledOneRollsBackAndReportsStopped(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	p.update(func() { p.drop[l.Run] = true })
	r := p.result(l.Run)
	p.let()
	if r.Outcome != agentproto.OutcomeStopped || !strings.Contains(r.Error, "as it was before") || !evidenceOf(t, r).RolledBack {
		t.Errorf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	x.isAs("cancelled", x.now, x.now)
	// It may be asked for again, by the same name.
	again := x.lease(agentproto.KindRestore, agentproto.Restore{ID: l.Restore.ID, Database: &x.database, Data: &x.data})
	if r, _ := x.done(again); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("the second try: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("restored by the second try", x.then, x.then)
}

func TestRestore_SIGTERMRollsBackAndReports(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.PostgreSQL, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := a.ends(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
	p.let()
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeStopped {
		t.Errorf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("stopped", x.now, x.now)
}

func TestRestore_ATokenThatRunsOutInTheMiddleIsRenewed(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.everything()
	expires := 4 * time.Second
	born := time.Now()
	l.Restore.Data.Repository.Token = p.readToken(l.Restore.Data.Repository.Name, expires)
	x.halfDone(l)
	until(t, "the token's end", func() bool { return time.Since(born) > expires })
	p.let()
	name := l.Restore.Data.Repository.Name
	p.update(func() {
		p.renewals[l.Run] = []agentproto.Token{
			{Run: l.Run, Repository: l.Restore.Database.Repository.Name, Token: p.readToken(l.Restore.Database.Repository.Name, time.Hour)},
			{Run: l.Run, Repository: name, Token: p.readToken(name, time.Hour)},
		}
	})
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("restored with a renewed token", x.then, x.then)
}

// impatient makes an agent give up soon on a vault that is away.
func impatient(t *testing.T, state string) {
	t.Helper()
	path := filepath.Join(state, "agent.json")
	b, err := os.ReadFile(path) //nolint:gosec // a test's
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("{"), []byte(`{"vault_patience_seconds": 2,`), 1)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRestore_AVaultThatGoesAwayLeavesTheOldSite(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	impatient(t, state)
	launch(t, state)
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	p.update(func() { p.down = true })
	p.let()
	r := p.result(l.Run)
	if r.Outcome != agentproto.OutcomeFailed || !strings.Contains(r.Error, "vault") || !strings.Contains(r.Error, "as it was before") || !evidenceOf(t, r).RolledBack {
		t.Errorf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	x.isAs("not restored", x.now, x.now)
}

// fill takes the last byte of a small disk, again and again: others give some back.
func fill(path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // a test's
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // it is full
	for n := 1 << 20; n > 0; {
		if _, err := f.Write(make([]byte, n)); err != nil {
			n /= 2
		}
	}
}

func TestRestore_AFullDiskUnderTheAgentLeavesTheOldSite(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	small := t.TempDir()
	if err := syscall.Mount("none", small, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	b, err := os.ReadFile(filepath.Join(state, "agent.json")) //nolint:gosec // a test's
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(small, "agent.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, small)
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	filler := filepath.Join(small, "filler")
	fill(filler)
	p.let()
	r := p.result(l.Run)
	if r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "rolled-back" || !strings.Contains(r.Error, "disk full") || !evidenceOf(t, r).RolledBack {
		t.Errorf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	x.isAs("the disk was full", x.now, x.now)
	// As long as it is, a restore does not even begin.
	fill(filler)
	if r, _ := x.done(x.everything()); r.Outcome != agentproto.OutcomeFailed || len(r.Evidence) > 0 {
		t.Errorf("on a full disk: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if r, _ := x.done(x.everything()); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("on a disk with room: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
}

func TestRestore_AChildThatDiesIsMendedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.PostgreSQL, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	for _, pid := range a.children() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	r := p.result(l.Run)
	p.let()
	if r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "child-died" || !strings.Contains(r.Error, "as it was before") {
		t.Errorf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("the child died", x.now, x.now)
}

func TestRestore_ASecondSiteIsRestoredBesideIt(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one, two := siteOf(t, sitedb.MariaDB, nil), siteOf(t, sitedb.PostgreSQL, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(one.CodeDir), filepath.Dir(two.CodeDir)))
	x, y := newPatient(t, p, one), newPatient(t, p, two)
	lx := x.everything()
	x.halfDone(lx)
	ly := y.lease(agentproto.KindRestore, agentproto.Restore{ID: uuid.NewString(), Database: &y.database})
	if r, _ := y.done(ly); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("the other site: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	// A backup of the site that is being restored does not begin.
	busy := p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: agentproto.KindDatabase, Attempt: 1, Site: x.id}, "")
	if r := p.result(busy); r.ErrorCode != "site-busy" || r.NotBefore == "" {
		t.Errorf("a backup in the middle of a restore: %s %s", r.Outcome, r.ErrorCode)
	}
	shown := 0
	for _, pid := range a.children() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		c, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		shown++
		for _, secret := range []string{password, dbPassword, credential, lx.Restore.Data.Repository.Token} {
			if bytes.Contains(b, []byte(secret)) || bytes.Contains(c, []byte(secret)) {
				t.Errorf("a child shows a secret: %q %q", c, b)
			}
		}
		if !bytes.Contains(b, []byte("GOMEMLIMIT=200MiB")) {
			t.Error("a child has no memory limit")
		}
	}
	if shown == 0 {
		t.Error("no child was looked at")
	}
	p.let()
	if r := p.result(lx.Run); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("the first site: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("the first", x.then, x.then)
	y.isAs("the second", y.then, y.now)
	all, err := json.Marshal(p.results)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, dbPassword, lx.Restore.Data.Repository.Token} {
		if quoted, _ := json.Marshal(secret); bytes.Contains(all, bytes.Trim(quoted, `"`)) {
			t.Error("a result shows a secret")
		}
	}
}

func TestRestore_TellsItsWayInWords(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	p.wait("two heartbeats", func() bool { return len(p.beat[l.Run]) > 2 })
	p.let()
	if r := p.result(l.Run); r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	step := 0
	for _, b := range p.beat[l.Run] {
		if b.Phase == "" || b.Phase == "inspecting" {
			continue
		}
		if b.Detail == "" || b.Steps < 8 || b.Step < 1 || b.Step > b.Steps || b.SecondsLeft < 1 || b.SecondsLeft > 600 {
			t.Errorf("a progress is %+v", b)
		}
		if b.Step < step {
			t.Errorf("step %d came after %d", b.Step, step)
		}
		step = b.Step
	}
	if step == 0 {
		t.Error("no progress was told")
	}
}
