package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// A host that could not put the site back is never told of as one that did:
// not to the customer, not to who would cancel.
func TestTicket_SaysWhenASiteCouldNotBePutBack(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.safeguard(r)
	for try := range 3 {
		l := x.work(agentproto.KindRestore)
		x.must(x.agent.start(l))
		x.must(x.agent.done(l, agentproto.OutcomeFailed, "not-rolled-back", proof))
		if try < 2 {
			err := x.CancelRestore(t.Context(), authz.Console(), r, "enough")
			if !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Sentence(err), "tries again") {
				t.Fatalf("cancelled while the site is between: %v", err)
			}
			x.clock.Add(20 * time.Minute)
		}
	}
	x.wants(r, restore.Failed)
	v := x.stands(of, ticket.Failed)
	if said(v, "as it was before, and open") || !said(v, "may be closed to visitors") || !said(v, "goes back to you by itself") {
		t.Errorf("the customer is told %q", v.Messages[len(v.Messages)-1].Body)
	}
	if !strings.Contains(v.MayStill, "Look at the host at once") {
		t.Errorf("the staff are told %q", v.MayStill)
	}
	c, err := x.Ticket(t.Context(), x.admin, of)
	if err != nil || c.MayStill != "" {
		t.Errorf("the customer reads the staff's words: %q, %v", c.MayStill, err)
	}
}

// A host that was revoked in the middle reports nothing any more: a restore
// there can be given up, and its ticket goes on.
func TestCancel_EndsWhatARevokedHostHeld(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.safeguard(r)
	x.must(x.agent.start(x.work(agentproto.KindRestore)))
	x.SQL("UPDATE host SET state = 'revoked', credential_hash = NULL")
	x.must(x.CancelRestore(t.Context(), x.operator, r, "the machine is gone"))
	x.wants(r, restore.Failed)
	v := x.stands(of, ticket.Failed)
	if said(v, "as it was before, and open") || !strings.Contains(v.MayStill, "nobody knows") {
		t.Errorf("told: %q", v.MayStill)
	}
	if n := x.Count("SELECT count(*) FROM host_task WHERE state IN ('queued', 'leased')"); n != 0 {
		t.Errorf("%d tasks are still open", n)
	}
}
