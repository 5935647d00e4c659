package app_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

func TestTask_AnOldAgentIsGivenNoneAndItsBackupsGoOn(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	x.again(x.name, backup.Database)
	x.agent.host.Protocol = 2
	x.SQL("UPDATE host SET protocol = 2, agent_version = '0.4.0'")
	leases := x.agent.mustPoll()
	if len(leases) != 1 || leases[0].Kind != agentproto.KindDatabase {
		t.Fatalf("an agent of version 2 was leased %+v", leases)
	}
	if v := x.wants(of, restore.Queued); !strings.Contains(v.Waits, "too old to restore") || !strings.Contains(v.Waits, "0.4.0") {
		t.Errorf("waits: %q", v.Waits)
	}
	x.must(x.agent.complete(leases[0], agentproto.OutcomeGood))
	x.agent.host.Protocol = 3
	x.work(agentproto.KindRestore)
}

// A restore goes before every backup of its site; what waited is taken after it.
func TestTask_TheSitesRunsWaitAndAreServedAfterwards(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 8)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	owed := x.again(x.name, backup.Database)
	x.SQL("UPDATE run SET reason = 'scheduled', priority = 3 WHERE state = 'queued'")
	running := x.work(agentproto.KindDatabase) // at work when the restore comes
	x.must(x.agent.start(running))
	x.move(of)
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v beside a run of the site", got)
	}
	if v := x.wants(of, restore.Queued); !strings.Contains(v.Waits, "copy of this site is being taken") {
		t.Errorf("waits: %q", v.Waits)
	}
	x.must(x.agent.complete(running, agentproto.OutcomeGood))
	if owed.Run.String() != running.Run {
		t.Fatal("another run was at work")
	}
	later := []id.Run{x.again(x.name, backup.Database).Run, x.again(x.name, backup.Data).Run}
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v beside the restore", got)
	}
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	x.takeCopies(x.agent)
	for _, run := range later {
		if v, err := x.ViewRun(t.Context(), authz.Console(), run); err != nil || v.State != backup.Good {
			t.Errorf("a run that waited is %s, %v", v.State, err)
		}
	}
}

func TestTask_TheHostsLimitCountsBoth(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 1)
	x.rig.site("b.example", "a", "host-a")
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	l := x.work(agentproto.KindRestore) // before the other site's runs, which wait for longer
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("a full host was leased %+v", got)
	}
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", ""))
	if got := x.agent.mustPoll(); len(got) != 1 || got[0].Site.Name != "b.example" {
		t.Fatalf("leased %+v", got)
	}
	if v := x.view(of); !strings.Contains(v.Waits, "accept") {
		t.Errorf("waits: %q", v.Waits)
	}
}

func TestTask_WhatTheAgentCameBackWithoutGoesBackInLine(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	for range 5 { // leases given to nobody burn no attempt
		x.agent.held = nil
		if l := x.work(agentproto.KindRestore); l.Attempt != 1 {
			t.Fatalf("attempt %d", l.Attempt)
		}
	}
	var last agentproto.Lease
	for try := range 3 {
		x.agent.hello() // it died, and came back with nothing
		l := x.work(agentproto.KindRestore)
		if l.Attempt != try+1 || l.Fence <= last.Fence || last.Run != "" && l.Run != last.Run || l.Restore.ID != of.String() {
			t.Fatalf("attempt %d of %+v, want %d", l.Attempt, l, try+1)
		}
		x.must(x.agent.start(l))
		if try > 0 {
			err := x.Complete(t.Context(), x.agent.host, agentproto.CompleteRequest{Instance: x.agent.instance, Epoch: x.agent.epoch, Run: last.Run, Fence: last.Fence, Outcome: agentproto.OutcomeGood})
			if !errs.Is(err, errs.Stale) {
				t.Fatalf("the old fence was taken: %v", err)
			}
		}
		last = l
	}
	x.agent.hello() // once more: it may have come to the end of the last one, and says so then
	l := x.work(agentproto.KindRestore)
	if l.Attempt != 4 {
		t.Fatalf("attempt %d after the last", l.Attempt)
	}
	x.must(x.agent.start(l))
	x.agent.hello()
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v after the last attempt", got)
	}
	if v := x.wants(of, restore.Failed); v.Row.ErrorCode != restore.NotRolledBack || !strings.Contains(v.Row.Error, "nobody knows") || !v.Between {
		t.Fatalf("%+v", v.Row)
	}
}

// An agent that died after the last attempt's end, before it could say so, is
// asked when it is back: the site that was brought back is not told of as one
// that is as it was.
func TestTask_WhatEndedUnheardIsFoundOutAtTheAgentsReturn(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	for range 3 {
		x.agent.hello()
		x.must(x.agent.start(x.work(agentproto.KindRestore)))
	}
	x.agent.hello()
	l := x.work(agentproto.KindRestore)
	if v := x.wants(of, restore.Running); !v.Row.State.Open() {
		t.Fatalf("%+v", v.Row)
	}
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof)) // what its journal proves
	x.wants(of, restore.Restored)
}

func TestTask_OneThatStopsByItselfComesAgain(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeStopped, "stopped", "")) // its machine is restarted
	x.must(x.agent.done(l, agentproto.OutcomeStopped, "stopped", ""))
	x.wants(of, restore.Queued)
	if l := x.work(agentproto.KindRestore); l.Attempt != 2 {
		t.Fatalf("attempt %d", l.Attempt)
	}
}

func TestTask_AFileOfACopyThatWasDamagedMeanwhileIsNeverLeased(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	x.SQL("UPDATE copy SET state = 'damaged' WHERE id = $1", x.data.String())
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v", got)
	}
	if v := x.wants(of, restore.Failed); v.Row.ErrorCode != "copy-damaged" || !strings.Contains(v.Row.Error, "Nothing of the site was changed") {
		t.Fatalf("%+v", v.Row)
	}
}

func TestTask_FreshTokensForBothRepositories(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin(func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" })
	x.move(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	if got := x.agent.beat(l, agentproto.Progress{Step: 1}); len(got.Tokens) != 0 {
		t.Fatalf("tokens at once: %+v", got.Tokens)
	}
	x.clock.Add(16 * time.Minute)
	got := x.agent.beat(l, agentproto.Progress{Step: 1})
	if len(got.Tokens) != 2 || got.Tokens[0].Repository == got.Tokens[1].Repository || !strings.HasPrefix(got.Tokens[0].Token, "read "+got.Tokens[0].Repository) {
		t.Fatalf("tokens %+v", got.Tokens)
	}
}

func TestCancelRestore_EndsItWhereverItIs(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	stop := func(of id.Restore) { x.must(x.CancelRestore(t.Context(), authz.Console(), of, "not needed")) }
	without := func(n *app.NewRestore) { n.WithoutSafety = "for the test of leases" }

	planned := x.begin()
	stop(planned)
	x.wants(planned, restore.Cancelled)
	x.move(planned) // its job comes too late

	guarded := x.begin()
	x.move(guarded)
	stop(guarded)
	x.wants(guarded, restore.Cancelled)
	x.dispatch(x.name)
	x.takeCopies(x.agent) // its safety copies are taken all the same

	queued := x.begin(without)
	x.move(queued)
	stop(queued)
	x.wants(queued, restore.Cancelled)
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v of a cancelled restore", got)
	}

	running := x.begin(without)
	x.move(running)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	stop(running)
	if err := x.CancelRestore(t.Context(), authz.Console(), running, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("cancelled twice: %v", err)
	}
	if v := x.wants(running, restore.Running); !v.Stopping || v.MayCancel {
		t.Errorf("%+v", v)
	}
	if got := x.agent.beat(l, agentproto.Progress{}); len(got.Keep) != 0 {
		t.Fatalf("the heartbeat is told to go on: %+v", got)
	}
	p, err := x.agent.poll()
	x.must(err)
	if len(p.Stop) != 1 || len(p.Leases) != 0 {
		t.Fatalf("the poll is told %+v", p)
	}
	x.must(x.agent.done(l, agentproto.OutcomeStopped, "stopped", `{"rolled_back":true}`))
	if v := x.wants(running, restore.Cancelled); v.Row.Error != "not needed" {
		t.Errorf("%+v", v.Row)
	}
	if err := x.CancelRestore(t.Context(), authz.Console(), running, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("cancelled after its end: %v", err)
	}
	if n := x.Count("SELECT count(*) FROM copy_use"); n != 0 {
		t.Errorf("%d copies are held", n)
	}
	x.finishedBeforeItHeard(t, without)
}

// finishedBeforeItHeard: the host was faster than the word; what it did counts.
func (x *restorable) finishedBeforeItHeard(t *testing.T, without func(*app.NewRestore)) {
	t.Helper()
	of := x.begin(without)
	x.move(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.CancelRestore(t.Context(), authz.Console(), of, "too late"))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	x.wants(of, restore.Restored)
	x.must(x.UndoRestore(t.Context(), authz.Console(), of, ""))
	if l := x.work(agentproto.KindUndo); len(x.agent.beat(l, agentproto.Progress{}).Keep) != 1 {
		t.Error("the undoing is stopped by the word that was meant for the restore")
	}
}

// A process that dies between two steps loses nothing: the next sweep of any
// process finds what must move.
func TestSweep_MovesRestoresWhoseJobIsLost(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	sweep := func() {
		x.SQL("DELETE FROM river.river_job")
		x.clock.Add(time.Minute)
		x.must(x.Sweep(t.Context()))
		if n := x.Count("SELECT count(*) FROM river.river_job WHERE kind = 'move_restore'"); n != 1 {
			t.Fatalf("the sweep found %d restores to move", n)
		}
		x.move(of)
	}
	sweep()
	x.wants(of, restore.Safeguarding)
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	sweep()
	x.wants(of, restore.Queued)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	x.must(x.AcceptRestore(t.Context(), authz.Console(), of))
	for range 10 { // it cannot be tidied up
		l := x.work(agentproto.KindSettle)
		x.must(x.agent.start(l))
		x.must(x.agent.done(l, agentproto.OutcomeFailed, "failed", ""))
		x.clock.Add(time.Hour)
	}
	if v := x.wants(of, restore.Settling); !strings.Contains(v.Waits, "tried again by itself") {
		t.Errorf("waits: %q", v.Waits)
	}
	sweep()
	if got := x.agent.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v without a pause", got)
	}
	x.clock.Add(2 * time.Hour)
	l = x.work(agentproto.KindSettle)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", ""))
	x.wants(of, restore.Settled)
}

func TestMoveRestore_ManyAtOnceMoveItOnce(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	atOnce := func() {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _ = x.MoveRestore(t.Context(), of) })
		}
		wg.Wait()
	}
	atOnce()
	x.wants(of, restore.Safeguarding)
	if n := x.Count("SELECT count(*) FROM run WHERE state = 'planned'"); n != 2 {
		t.Fatalf("%d safety runs", n)
	}
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	atOnce()
	x.wants(of, restore.Queued)
	if n := x.Count("SELECT count(*) FROM host_task"); n != 1 {
		t.Fatalf("%d tasks", n)
	}
}

// What an open restore reads and its safety copies outlive every rule; once it
// has ended they go as all others.
func TestRetention_DeletesNothingThatARestoreReads(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 2)
	of := x.begin()
	x.safeguard(of)
	x.SQL("UPDATE copy SET taken_at = taken_at - interval '10 years', started_at = started_at - interval '10 years', protected_until = NULL, tiers = '{}', initial = false")
	for range 3 { // newer good copies, so that nothing else stops a deletion
		x.SQL("UPDATE host_task SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
		x.again(x.name, backup.Database)
		x.again(x.name, backup.Data)
		x.takeCopies(x.agent)
	}
	retain := func() {
		for range 80 {
			x.clock.Add(30 * time.Minute)
			x.must(x.WatchClock(t.Context()))
			x.must(x.Sweep(t.Context()))
			x.SQL("UPDATE schedule SET retain_at = $1", x.clock.Now())
			_, err := x.Retention(t.Context())
			x.must(err)
		}
	}
	retain()
	held := "SELECT count(*) FROM copy c WHERE c.state = 'good' AND c.taken_at < now() - interval '5 years'"
	if n := x.Count(held); n != 4 {
		t.Fatalf("%d of the 4 copies that the restore holds are whole", n)
	}
	if n := x.Count("SELECT count(*) FROM copy_use WHERE restore_id IS NOT NULL AND expires_at > $1", x.clock.Now()); n != 4 {
		t.Fatalf("%d holds were renewed", n)
	}
	x.must(x.CancelRestore(t.Context(), authz.Console(), of, "done with"))
	retain()
	if n := x.Count(held); n != 0 {
		t.Errorf("%d copies outlive the restore", n)
	}
}
