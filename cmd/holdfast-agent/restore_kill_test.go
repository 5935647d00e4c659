package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/sitedb"
)

// TestRestore_KillMinus9AtAnyMomentEndsOldOrNew kills the agent, and so its
// child, at random moments of a restore. The next start brings the site to the
// old or the new state before its hello, and never leaves it closed.
func TestRestore_KillMinus9AtAnyMomentEndsOldOrNew(t *testing.T) {
	t.Parallel()
	const kills = 5
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			site := siteOf(t, flavour, nil)
			state := enrolled(t, p, filepath.Dir(site.CodeDir))
			a := launch(t, state)
			x := newPatient(t, p, site)
			whole := timeOf(x)
			ends := map[string]int{}
			for range kills {
				l := x.everything()
				p.queueUp(l)
				p.wait("the restore's start", func() bool { return p.started[l.Run] > 0 })
				pauseFor(rand.N(whole)) //nolint:gosec // a test's
				if err := a.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				<-a.done
				hellos := 0
				p.update(func() { // nobody asks for it again
					delete(p.leased, l.Run)
					p.queue = nil
					hellos = p.count(agentproto.PathHello)
				})
				a = launch(t, state)
				p.wait("the next hello", func() bool { return p.count(agentproto.PathHello) > hellos })
				ends[x.oldOrNew(l)]++
				if t.Failed() {
					t.Fatal("see above")
				}
			}
			t.Logf("%s: %v of %d kills within %s", flavour, ends, kills, whole)
		})
	}
}

// timeOf measures one restore, and takes it back.
func timeOf(x *patient) time.Duration {
	x.t.Helper()
	l := x.everything()
	began := time.Now()
	if r, _ := x.done(l); r.Outcome != agentproto.OutcomeGood {
		x.t.Fatalf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	took := time.Since(began)
	x.back(l)
	return took
}

// back undoes and settles a restore.
func (x *patient) back(l agentproto.Lease) {
	x.t.Helper()
	for _, kind := range []string{agentproto.KindUndo, agentproto.KindSettle} {
		if r := x.follow(kind, l); r.Outcome != agentproto.OutcomeGood {
			x.t.Fatalf("%s: %s %s: %s", kind, r.Outcome, r.ErrorCode, r.Error)
		}
	}
	x.isAs("taken back", x.now, x.now)
}

// oldOrNew fails where the site is neither, and makes it old again.
func (x *patient) oldOrNew(l agentproto.Lease) string {
	x.t.Helper()
	got := x.look()
	if got.rows["mdl_config"] == x.now.rows["mdl_config"] {
		x.isAs("killed, and old", x.now, x.now)
		return "old"
	}
	x.isAs("killed, and new", x.then, x.then)
	// It is asked for again, and answers for what is there.
	again := x.lease(agentproto.KindRestore, agentproto.Restore{ID: l.Restore.ID, Database: &x.database, Data: &x.data})
	r, ev := x.done(again)
	if r.Outcome != agentproto.OutcomeGood || ev.Tables == 0 {
		x.t.Errorf("asked again: %s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	x.isAs("asked again", x.then, x.then)
	x.back(l)
	return "new"
}

func pauseFor(d time.Duration) { <-time.After(d) }

func TestRestore_TheLeaseThatComesAgainBeginsFromTheOldState(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	a := launch(t, state)
	x := newPatient(t, p, site)
	l := x.lease(agentproto.KindRestore, agentproto.Restore{ID: uuid.NewString(), Database: &x.database, Data: &x.data})
	x.halfDone(l)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.done
	p.let()
	launch(t, state) // its first poll holds nothing, and the plane leases again
	r := p.result(l.Run)
	if r.Outcome != agentproto.OutcomeGood || p.grants[l.Run] != 2 {
		t.Errorf("%s %s: %s after %d grants", r.Outcome, r.ErrorCode, r.Error, p.grants[l.Run])
	}
	x.isAs("restored by the second life", x.then, x.then)
	if found, _ := filepath.Glob(filepath.Join(state, "restores", "*", "*", "journal.json")); len(found) != 1 {
		t.Errorf("the journals are %v", fmt.Sprint(found))
	}
}

// A restore that cannot be brought to its end at the start, for the database
// server is down, holds up nothing else, and is at its end before the site's
// next backup.
func TestRestore_ADatabaseThatIsDownAtTheStartHoldsUpNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := sitedb.ServerOptions{Dir: filepath.Join(openDir(t), "mariadb"), Logger: slog.New(slog.DiscardHandler)}
	own, err := sitedb.StartMariaDB(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Stop(ctx) })
	c, err := own.CreateDatabase(ctx, "own", "own", dbPassword)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlane(t)
	site, other := siteOn(t, c, nil), siteOf(t, sitedb.PostgreSQL, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir), filepath.Dir(other.CodeDir))
	a := launch(t, state)
	x := newPatient(t, p, site)
	l := x.everything()
	x.halfDone(l)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.done
	if err := own.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	p.let()
	p.update(func() { delete(p.leased, l.Run); p.queue = nil })
	launch(t, state)
	elsewhere := p.offer(lease(agentproto.KindDatabase, other), "")
	if r := p.result(elsewhere); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("another site's backup: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	backup := func() agentproto.CompleteRequest {
		return p.result(p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: agentproto.KindData, Attempt: 1, Site: x.id}, ""))
	}
	if r := backup(); r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "not-rolled-back" {
		t.Errorf("a backup over half a restore: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	if own, err = sitedb.StartMariaDB(ctx, o); err != nil {
		t.Fatal(err)
	}
	if r := backup(); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("a backup with the database up again: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("mended with the database up again", x.now, x.now)
}
