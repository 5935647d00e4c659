package app_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
)

func TestPoll_GivesOutNoMoreThanTheHostsLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	for i := range 4 {
		r.site(fmt.Sprintf("s%d.example", i), "a", "host-a")
	}
	h.hello()
	if got := len(h.mustPoll()); got != 2 {
		t.Fatalf("the first poll leased %d, want 2", got)
	}
	if got := len(h.mustPoll()); got != 0 {
		t.Fatalf("a full host was leased %d more", got)
	}
}

// Two polls of the same instance at once: the later sequence number wins, and
// the limit holds over all connections.
func TestPoll_IsExactWhenManyAskAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 3)
	for i := range 6 {
		r.site(fmt.Sprintf("s%d.example", i), "a", "host-a")
	}
	h.hello()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, _ = r.Poll(t.Context(), h.host, agentproto.PollRequest{Instance: h.instance, Epoch: h.epoch, PollSeq: int64(i + 1)}, true)
		})
	}
	wg.Wait()
	if got := r.Count("SELECT count(*) FROM run WHERE state = 'leased'"); got > 3 {
		t.Fatalf("%d runs are leased on a host of 3", got)
	}
	if got := r.Count("SELECT count(*) FROM (SELECT site_id FROM run WHERE state = 'leased' GROUP BY 1 HAVING count(*) > 1) x"); got != 0 {
		t.Fatalf("%d sites have two leased runs", got)
	}
}

func TestPoll_OneTenantsFloodNeverStarvesAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("flood")
	r.tenant("small")
	h := r.host("host-a", 2)
	for i := range 8 {
		r.site(fmt.Sprintf("f%d.example", i), "flood", "host-a")
	}
	r.site("small.example", "small", "host-a")
	// The flood asks by hand too, which has the better priority.
	r.SQL("UPDATE run SET priority = 1, reason = 'manual' WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'flood')")
	h.hello()
	tenants := map[string]int{}
	for _, l := range h.mustPoll() {
		tenants[l.Site.Name[:1]]++
	}
	if tenants["s"] != 1 || tenants["f"] != 1 {
		t.Fatalf("of two places, the tenants got %v", tenants)
	}
}

func TestPoll_PutsWhatAPersonWaitsForBeforeTheSchedule(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.tenant("b")
	h := r.host("host-a", 1)
	r.site("a.example", "a", "host-a")
	r.site("b.example", "b", "host-a")
	r.SQL("UPDATE run SET priority = 3, reason = 'scheduled'")
	r.SQL("UPDATE run SET priority = 1, reason = 'manual' WHERE kind = 'data' AND site_id = (SELECT id FROM site WHERE name = 'b.example')")
	h.hello()
	got := h.mustPoll()
	if len(got) != 1 || got[0].Site.Name != "b.example" || got[0].Kind != agentproto.KindData {
		t.Fatalf("leased %+v", got)
	}
}

func TestPoll_ALateOldPollTakesNothingBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	old := agentproto.PollRequest{Instance: h.instance, Epoch: h.epoch, PollSeq: 1}
	h.seq = 1
	leases := h.mustPoll() // poll 2
	if len(leases) != 1 {
		t.Fatalf("leased %d", len(leases))
	}
	if _, err := r.Poll(t.Context(), h.host, old, true); !errs.Is(err, errs.Stale) {
		t.Fatalf("the old poll was answered: %v", err)
	}
	if _, err := r.Poll(t.Context(), h.host, old, false); !errs.Is(err, errs.Stale) {
		t.Fatalf("the old poll, still waiting, was given work: %v", err)
	}
	r.must(h.start(leases[0]))
}

func TestPoll_WhatTheAgentCameBackWithoutGoesBackInLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.SQL("UPDATE run SET state = 'cancelled', finished_at = now() WHERE kind = 'data'")
	h.hello()
	first := h.mustPoll()[0]
	r.must(h.start(first))
	h.hello() // the agent died and came back with nothing
	second := h.mustPoll()[0]
	if second.Run != first.Run || second.Fence <= first.Fence || second.Attempt != 2 {
		t.Fatalf("first %d/%d, second %+v", first.Fence, first.Attempt, second)
	}
	if err := r.Complete(t.Context(), h.host, agentproto.CompleteRequest{
		Instance: h.instance, Epoch: h.epoch, Run: first.Run, Fence: first.Fence, Outcome: agentproto.OutcomeFailed,
	}); !errs.Is(err, errs.Stale) {
		t.Fatalf("the old fence was taken: %v", err)
	}
}

func TestPoll_ALostLeaseThatNeverStartedBurnsNoAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	for range 10 { // half-open polls: leases given to nobody
		h.held = nil
		if got := h.mustPoll(); len(got) != 1 || got[0].Attempt != 1 {
			t.Fatalf("leased %+v", got)
		}
	}
	if n := r.Count("SELECT max(attempt) FROM run"); n != 0 {
		t.Fatalf("%d attempts were counted", n)
	}
}

func TestPoll_ARunThatAlwaysKillsItsAgentFailsInTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.SQL("UPDATE run SET state = 'cancelled', finished_at = now() WHERE kind = 'data'")
	for range backup.MaxAttempts {
		h.hello()
		r.must(h.start(h.mustPoll()[0]))
	}
	h.hello()
	if got := h.mustPoll(); len(got) != 0 {
		t.Fatalf("it was leased again: %+v", got)
	}
	if n := r.Count("SELECT count(*) FROM run WHERE state = 'failed' AND error_code = 'agent-lost'"); n != 1 {
		t.Fatalf("%d runs failed", n)
	}
}

func TestHello_OutdatesEveryEarlierInstance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	l := h.mustPoll()[0]
	old := *h
	h.hello()
	if _, err := old.poll(); !errs.Is(err, errs.Stale) {
		t.Errorf("an old instance polls: %v", err)
	}
	if err := old.start(l); !errs.Is(err, errs.Stale) {
		t.Errorf("an old instance starts: %v", err)
	}
	if err := old.complete(l, agentproto.OutcomeGood); !errs.Is(err, errs.Stale) {
		t.Errorf("an old instance completes: %v", err)
	}
	_, err := r.Heartbeat(t.Context(), old.host, agentproto.HeartbeatRequest{Instance: old.instance, Epoch: old.epoch})
	if !errs.Is(err, errs.Stale) {
		t.Errorf("an old instance beats: %v", err)
	}
}

// A finished result that an agent saved before it died counts at its return,
// as long as nobody else has the run.
func TestComplete_ASavedResultCountsAfterTheAgentsRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	l := h.mustPoll()[0]
	r.must(h.start(l))
	h.hello()
	r.must(h.complete(l, agentproto.OutcomeGood))
	if n := r.Count("SELECT count(*) FROM copy"); n != 1 {
		t.Fatalf("%d copies", n)
	}
}

func TestComplete_TwiceIsOneCopyAndTheSameAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	l := h.mustPoll()[0]
	r.must(h.start(l))
	for range 3 {
		r.must(h.complete(l, agentproto.OutcomeGood))
	}
	if n := r.Count("SELECT count(*) FROM copy"); n != 1 {
		t.Fatalf("%d copies", n)
	}
	if n := r.Count("SELECT count(*) FROM river.river_job WHERE kind = 'follow_copy'"); n != 1 {
		t.Fatalf("%d follow-up jobs", n)
	}
}

func TestComplete_RefusesWhatNoHonestAgentSends(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.SQL("UPDATE run SET priority = 1 WHERE kind = 'database'")
	h.hello()
	l := h.mustPoll()[0]
	if l.Kind != agentproto.KindDatabase {
		t.Fatalf("leased %s", l.Kind)
	}
	good := agentproto.Copy{Snapshot: "k", Manifest: []byte(`{}`), TakenAt: r.clock.Now()}
	for name, c := range map[string]*agentproto.Copy{
		"no copy":     nil,
		"no snapshot": {Manifest: []byte(`{}`), TakenAt: r.clock.Now()},
		"no tables":   &good,
		"negative":    {Snapshot: "k", Manifest: []byte(`{}`), TakenAt: r.clock.Now(), Files: -1},
		"bad hash":    {Snapshot: "k", Manifest: []byte(`{}`), TakenAt: r.clock.Now(), SHA256: "zz"},
	} {
		err := r.Complete(t.Context(), h.host, agentproto.CompleteRequest{
			Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: c,
		})
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.Count("SELECT count(*) FROM copy"); n != 0 {
		t.Fatalf("%d copies", n)
	}
}

func TestComplete_AFailureIsTriedAgainAfterAPauseAndThenGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 1)
	r.site("a.example", "a", "host-a")
	r.SQL("UPDATE run SET state = 'cancelled', finished_at = now() WHERE kind = 'data'")
	h.hello()
	for attempt := 1; attempt <= backup.MaxAttempts; attempt++ {
		leases := h.mustPoll()
		if len(leases) != 1 || leases[0].Attempt != attempt {
			t.Fatalf("attempt %d: leased %+v", attempt, leases)
		}
		r.must(h.start(leases[0]))
		r.must(h.complete(leases[0], agentproto.OutcomeFailed))
		r.dispatch("a.example") // too early: nothing moves
		if got := h.mustPoll(); len(got) != 0 {
			t.Fatalf("attempt %d was followed at once", attempt)
		}
		r.clock.Add(backup.Backoff(attempt))
		r.dispatch("a.example")
	}
	if n := r.Count("SELECT count(*) FROM run WHERE state = 'failed' AND error = 'it broke'"); n != 1 {
		t.Fatalf("%d runs failed", n)
	}
}

func TestHeartbeat_OmitsRunsThatMustStopAndRenewsTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	h.hello()
	l := h.mustPoll()[0]
	r.must(h.start(l))
	beat := func() agentproto.HeartbeatAnswer {
		a, err := r.Heartbeat(t.Context(), h.host, agentproto.HeartbeatRequest{
			Instance: h.instance, Epoch: h.epoch, Runs: []agentproto.RunBeat{{Run: l.Run, Fence: l.Fence}, {Run: l.Run, Fence: l.Fence - 1}},
		})
		r.must(err)
		return a
	}
	if a := beat(); len(a.Keep) != 1 || a.Keep[0].Fence != l.Fence || len(a.Tokens) != 0 {
		t.Fatalf("%+v", a)
	}
	r.clock.Add(16 * time.Minute)
	if a := beat(); len(a.Tokens) != 1 {
		t.Fatalf("no token after a quarter of an hour: %+v", a)
	}
	h.host.Protocol = 1
	r.clock.Add(16 * time.Minute)
	if a := beat(); len(a.Tokens) != 0 {
		t.Fatalf("an agent of version 1 was sent what it does not know: %+v", a)
	}
	run, err := id.Parse[id.Run](l.Run)
	r.must(err)
	r.must(r.CancelRun(t.Context(), authz.Console(), run, "test"))
	if a := beat(); len(a.Keep) != 0 {
		t.Fatalf("a cancelled run goes on: %+v", a)
	}
	p, err := h.poll()
	r.must(err)
	if len(p.Stop) != 1 || p.Stop[0].Run != l.Run {
		t.Fatalf("the poll does not say stop: %+v", p)
	}
}

func TestEnrol_TakesATokenOnceAndKeepsOnlyHashes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host("host-a", 2)
	if _, err := r.Enrol(t.Context(), agentproto.EnrolRequest{Token: h.token}); !errs.Is(err, errs.Unsigned) {
		t.Errorf("a used token enrolled again: %v", err)
	}
	late, err := r.NewEnrolment(t.Context(), authz.Console(), "host-a")
	r.must(err)
	r.clock.Add(25 * time.Hour)
	if _, err := r.Enrol(t.Context(), agentproto.EnrolRequest{Token: late}); !errs.Is(err, errs.Unsigned) {
		t.Errorf("a token of yesterday enrolled: %v", err)
	}
	if n := r.Count("SELECT count(*) FROM host WHERE credential_hash::text LIKE '%' || $1 || '%'", h.credential); n != 0 {
		t.Error("the credential is in the database")
	}
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "revoked", ""))
	if _, err := r.HostByCredential(t.Context(), h.credential); !errs.Is(err, errs.Unsigned) {
		t.Errorf("a revoked credential is known: %v", err)
	}
}

func TestPoll_AHostInMaintenanceGetsNoNewWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 2)
	r.site("a.example", "a", "host-a")
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "maintenance", ""))
	h.hello()
	if got := h.mustPoll(); len(got) != 0 {
		t.Fatalf("leased %+v", got)
	}
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "active", ""))
	if got := h.mustPoll(); len(got) != 1 {
		t.Fatalf("leased %+v", got)
	}
}
