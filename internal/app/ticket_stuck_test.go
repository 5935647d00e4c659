package app_test

import (
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// A ticket that has all approvals since fewer are wanted begins by itself,
// however long it has waited: nobody has a button for it any more.
func TestTick_BeginsWhatFewerApprovalsSuffice(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	x.pay(of)
	x.must(x.ConfirmTicket(t.Context(), x.admin, x.seen(of), x.name))
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.clock.Add(30 * time.Hour)
	x.must(x.TickTickets(t.Context()))
	x.stands(of, ticket.Queued)
	set, err := x.Settings(t.Context())
	x.must(err)
	set.SecondApproval = false
	x.must(x.ChangeSettings(t.Context(), authz.Console(), set))
	for range 2 { // the first may note a promise that is broken by now
		x.clock.Add(2 * time.Hour)
		x.must(x.TickTickets(t.Context()))
	}
	x.stands(of, ticket.Running)
}

// A closed ticket whose jobs are lost is settled all the same: what lies aside
// would hold up every later restore of the site.
func TestTick_SettlesWhatWasClosedAndForgotten(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.restored(r)
	x.SQL("UPDATE ticket SET state = 'closed', ended_at = now() WHERE id = $1", of.String())
	x.clock.Add(time.Minute)
	x.must(x.TickTickets(t.Context()))
	x.settled(r, agentproto.KindSettle, restore.Settled)
}
