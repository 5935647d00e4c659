package app_test

import (
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// From the request to the accepted restore: the runbook does each thing as soon
// as it may, and not before.
func TestTicket_FromTheRequestToTheAcceptedRestore(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	v := x.stands(of, ticket.AwaitingPayment)
	if v.Charge == nil || v.Charge.State != billing.Due || v.Approvals.Approvals != 2 || !v.Clocks.Waits || v.Ticket.Priority != ticket.High {
		t.Fatalf("%+v %+v", v.Approvals, v.Clocks)
	}
	p := v.Request.Promise
	if p.PriceCents != 10_000 || p.HighSeconds <= 0 || p.LowSeconds > p.HighSeconds || p.Basis == "" || p.LostFrom.IsZero() || !p.LostTo.Equal(x.clock.Now()) || p.Terms != ticket.TermsVersion || p.AcceptedAt.IsZero() {
		t.Fatalf("promised %+v", p)
	}
	if n := x.Count("SELECT count(*) FROM copy WHERE id IN ($1, $2) AND protected_until > now()", x.database.String(), x.data.String()); n != 2 {
		t.Errorf("%d of the chosen copies are protected", n)
	}
	x.pay(of)
	v = x.stands(of, ticket.Queued)
	if !v.Clocks.Waits {
		t.Error("the clocks run while the customer has not confirmed")
	}
	if err := x.ConfirmTicket(t.Context(), x.admin, x.seen(of), "another.example"); !errs.Is(err, errs.Invalid) {
		t.Errorf("confirmed by another name: %v", err)
	}
	if err := x.ConfirmTicket(t.Context(), x.member, x.seen(of), x.name); !errs.Is(err, errs.Forbidden) {
		t.Errorf("confirmed by a member: %v", err)
	}
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	if err := x.ApproveTicket(t.Context(), x.operator, x.seen(of)); !errs.Is(err, errs.Conflict) {
		t.Errorf("one person approved twice: %v", err)
	}
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	x.stands(of, ticket.Queued)
	x.must(x.ConfirmTicket(t.Context(), x.admin, x.seen(of), x.name))
	v = x.stands(of, ticket.Running)
	r := v.Ticket.RestoreID
	if v.Restore == nil || v.Restore.TicketID != of || v.Restore.DatabaseCopyID != x.database || v.Clocks.Waits {
		t.Fatalf("%+v", v.Restore)
	}
	x.restored(r)
	v = x.stands(of, ticket.AwaitingAcceptance)
	if !said(v, "Tables compared: 494, with 40615 rows") || v.Clocks.Reminder.IsZero() || v.Clocks.AutoClose.IsZero() || !v.Clocks.Waits {
		t.Fatalf("%+v", v.Clocks)
	}
	if err := x.AcceptTicket(t.Context(), x.viewer, x.seen(of)); !errs.Is(err, errs.Forbidden) {
		t.Errorf("accepted by a viewer: %v", err)
	}
	x.must(x.AcceptTicket(t.Context(), x.admin, x.seen(of)))
	x.stands(of, ticket.Closed)
	x.settled(r, agentproto.KindSettle, restore.Settled)
	for _, verb := range []string{"ticket.submitted", "ticket.payment_asked", "ticket.paid", "ticket.confirmed", "ticket.approval_given", "ticket.approved", "ticket.started", "ticket.verifying", "ticket.restored", "ticket.accepted", "restore.planned", "charge.due"} {
		if !happened(x.look(of), verb) {
			t.Errorf("the timeline lacks %s", verb)
		}
	}
	x.must(x.MoveTicket(t.Context(), of)) // once more: nothing
	x.stands(of, ticket.Closed)
}

// A restore that fails leaves the site as it was, pays back by itself, and is
// tried again free of charge.
func TestTicket_AFailedRestoreIsPaidBackAndMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.breaks(r)
	v := x.stands(of, ticket.Failed)
	if v.Charge.State != billing.Refunding || !said(v, "Your site is as it was before") || !said(v, "goes back to you by itself") {
		t.Fatalf("the charge is %s", v.Charge.State)
	}
	x.must(x.RecordHandRefund(t.Context(), x.billing, of, "transfer 9"))
	if v = x.look(of); v.Charge.State != billing.Refunded || !said(v, "The fee was paid back") {
		t.Errorf("the charge is %s", v.Charge.State)
	}
	x.must(x.RetryTicket(t.Context(), x.support, x.seen(of), "The disk was full; we made room."))
	v = x.stands(of, ticket.Queued)
	if v.Approvals.First || v.Approvals.Second || !v.Approvals.Confirmed {
		t.Errorf("%+v", v.Approvals)
	}
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	again := x.stands(of, ticket.Running).Ticket.RestoreID
	if again == r {
		t.Fatal("the same restore")
	}
	x.restored(again)
	x.must(x.AcceptTicket(t.Context(), x.member, x.seen(of)))
	if v = x.stands(of, ticket.Closed); v.Charge.State != billing.Refunded {
		t.Errorf("the charge is %s", v.Charge.State)
	}
}

// What was not needed is undone; another point is chosen, the customer confirms
// anew, and it runs again.
func TestTicket_ReopenedIsUndoneAndGoesToAnotherPoint(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.restored(r)
	x.must(x.ReopenTicket(t.Context(), x.admin, x.seen(of), "The course is still missing.", true))
	x.stands(of, ticket.Reopened)
	x.settled(r, agentproto.KindUndo, restore.Undone)
	v := x.stands(of, ticket.Reopened)
	if !said(v, "as it was before the restore") || v.Ticket.UndoAsked {
		t.Error("nobody is told of the undoing")
	}
	x.clock.Add(time.Hour)
	x.must(x.ChangePoint(t.Context(), x.support, x.seen(of), ticket.Point{Database: x.database, Data: x.data}, "An older copy has the course."))
	v = x.stands(of, ticket.Reopened)
	if v.Approvals.Confirmed || v.Approvals.First {
		t.Errorf("approvals of another point stand: %+v", v.Approvals)
	}
	x.must(x.RetryTicket(t.Context(), x.support, x.seen(of), "We try the older copy."))
	x.agree(of)
	again := x.stands(of, ticket.Running).Ticket.RestoreID
	x.restored(again)
	x.must(x.AcceptTicket(t.Context(), x.admin, x.seen(of)))
	x.settled(again, agentproto.KindSettle, restore.Settled)
}

// A second try does not begin before the first one's end, and nothing of the
// first is thrown away before the second's safety copy.
func TestTicket_RetryWithoutUndoSettlesTheOlderRestoreFirst(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Database)
	r := x.runs(of)
	x.restored(r)
	x.must(x.ReopenTicket(t.Context(), x.admin, x.seen(of), "Some grades are missing.", false))
	x.must(x.RetryTicket(t.Context(), x.support, x.seen(of), "Once more."))
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	x.stands(of, ticket.Approved)
	x.settled(r, agentproto.KindSettle, restore.Settled)
	if v := x.stands(of, ticket.Running); v.Ticket.RestoreID == r || v.Ticket.Stands != "" {
		t.Fatalf("stands: %q", v.Ticket.Stands)
	}
}

// What stands in the restore's way is told to the staff, and it begins by
// itself once that is gone.
func TestTicket_WaitsForWhatStandsInTheWayAndGoesOn(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	other := x.begin()
	of := x.ask(ticket.Everything)
	x.pay(of)
	x.agree(of)
	v := x.stands(of, ticket.Approved)
	if v.Ticket.Stands == "" || v.MayStill == "" {
		t.Fatal("nobody is told why it stands")
	}
	seen, err := x.Ticket(t.Context(), x.admin, of)
	x.must(err)
	if seen.Ticket.Stands != "" || seen.MayStill != "" {
		t.Errorf("a customer reads %q", seen.MayStill)
	}
	x.must(x.CancelRestore(t.Context(), authz.Console(), other, "not now"))
	x.clock.Add(time.Minute)
	x.must(x.TickTickets(t.Context()))
	x.stands(of, ticket.Running)
}

// Single courses are brought back by hand: the same fee and agreements, no
// restore, evidence in the staff's words.
func TestTicket_CoursesAreDoneByHand(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Courses)
	if v := x.look(of); v.Approvals.Approvals != 1 || v.Request.Promise.HighSeconds != 0 || !v.Request.Promise.LostFrom.IsZero() {
		t.Errorf("%+v", v.Request.Promise)
	}
	x.pay(of)
	x.agree(of)
	v := x.stands(of, ticket.Approved)
	if v.Restore != nil || !v.May.Finish {
		t.Fatal("a restore was planned")
	}
	x.must(x.FinishTicket(t.Context(), x.support, x.seen(of), "The course is back, hidden, below Chemistry (restored)."))
	if v = x.stands(of, ticket.AwaitingAcceptance); !said(v, "hidden, below Chemistry") {
		t.Error("the evidence is not told")
	}
	x.must(x.AcceptTicket(t.Context(), x.member, x.seen(of)))
	x.stands(of, ticket.Closed)
	every := x.ask(ticket.Everything)
	if err := x.FinishTicket(t.Context(), x.support, x.seen(every), "done"); !errs.Is(err, errs.Conflict) {
		t.Errorf("an automatic one was finished by hand: %v", err)
	}
}

// Declining and withdrawing end what is due and pay back what was paid.
func TestTicket_EndedBeforeItsRestoreOwesNothing(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	unpaid := x.ask(ticket.Everything)
	x.must(x.WithdrawTicket(t.Context(), x.member, x.seen(unpaid)))
	if v := x.stands(unpaid, ticket.Withdrawn); v.Charge.State != billing.Void {
		t.Errorf("withdrawn: the charge is %s", v.Charge.State)
	}
	paid := x.ask(ticket.Everything)
	x.pay(paid)
	x.must(x.WithdrawTicket(t.Context(), x.member, x.seen(paid)))
	if v := x.stands(paid, ticket.Withdrawn); v.Charge.State != billing.Refunding {
		t.Errorf("withdrawn when paid: the charge is %s", v.Charge.State)
	}
	declined := x.ask(ticket.Everything)
	x.pay(declined)
	x.must(x.DeclineTicket(t.Context(), x.support, x.seen(declined), "The site is not with us any more."))
	if v := x.stands(declined, ticket.Declined); v.Charge.State != billing.Refunding || !said(v, "not with us") {
		t.Errorf("declined: the charge is %s", v.Charge.State)
	}
	running := x.ask(ticket.Everything)
	x.runs(running)
	if err := x.WithdrawTicket(t.Context(), x.member, x.seen(running)); !errs.Is(err, errs.Conflict) {
		t.Errorf("withdrawn while it runs: %v", err)
	}
}

// A fee that was paid back by hand is due again before the restore begins; a
// waived one is not.
func TestTicket_RunsOnlyWhileItsFeeIsSettled(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	x.pay(of)
	x.must(x.RefundFee(t.Context(), x.billing, of, billing.Fee, "paid the wrong invoice"))
	x.stands(of, ticket.AwaitingPayment)
	x.agree(of)
	x.stands(of, ticket.AwaitingPayment)
	free := x.ask(ticket.Everything)
	x.agree(free)
	x.stands(free, ticket.AwaitingPayment)
	x.must(x.WaiveFee(t.Context(), x.billing, free, "our own mistake"))
	x.stands(free, ticket.Running)
}

// A question of the staff's holds everything; what is paid meanwhile is paid.
func TestTicket_WaitsForInformationAndGoesOnWhereItWould(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	_, err := x.AskCustomer(t.Context(), x.support, x.seen(of), say("Which course was it?"))
	x.must(err)
	v := x.stands(of, ticket.NeedsInformation)
	if !v.Clocks.ReplyDue.IsZero() || v.Ticket.RepliedAt == nil {
		t.Error("a question is an answer")
	}
	x.pay(of)
	x.stands(of, ticket.NeedsInformation)
	x.agree(of)
	x.stands(of, ticket.NeedsInformation)
	_, err = x.ReplyTicket(t.Context(), x.member, x.seen(of), say("Chemistry, year 9."))
	x.must(err)
	x.stands(of, ticket.Running)
}

// A site that is too broken for a safety copy is not touched; staff who may
// start restores say why it may begin all the same, and that stays on record.
func TestTicket_OfASiteTooBrokenForASafetyCopyGoesOnByTheStaffsWord(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.move(r)
	x.dispatch(x.name)
	for range 2 { // one kind, then the other
		for _, l := range x.agent.mustPoll() {
			x.must(x.agent.start(l))
			x.must(x.agent.complete(l, agentproto.OutcomeRefused))
		}
	}
	x.move(r)
	if v := x.stands(of, ticket.Failed); v.Restore.ErrorCode != "no-safety-copy" {
		t.Fatalf("%s: %s", v.Restore.ErrorCode, v.Restore.Error)
	}
	const why = "config.php is gone, nothing can be read"
	if err := x.RetryWithoutSafety(t.Context(), x.operator, x.seen(of), "We go on.", "short"); !errs.Is(err, errs.Invalid) {
		t.Errorf("a short reason: %v", err)
	}
	if err := x.RetryWithoutSafety(t.Context(), x.support, x.seen(of), "We go on.", why); !errs.Is(err, errs.Forbidden) {
		t.Errorf("support: %v", err)
	}
	x.must(x.RetryWithoutSafety(t.Context(), x.operator, x.seen(of), "We go on.", why))
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	again := x.stands(of, ticket.Running).Restore
	if again.WithoutSafety != why || again.WithoutBy != x.operator.Name {
		t.Errorf("%q by %q", again.WithoutSafety, again.WithoutBy)
	}
	x.move(again.ID)
	x.wants(again.ID, restore.Queued)
}

// Somebody who audits for the hoster and is a school's member asks as the
// member.
func TestTicket_AnAuditorWhoIsAMemberAsksAsTheMember(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	both := x.auditor
	both.Memberships = x.member.Memberships
	made, err := x.SubmitTicket(t.Context(), both, x.wish(ticket.Everything), ticket.TermsVersion, nil)
	x.must(err)
	if v := x.stands(made, ticket.AwaitingPayment); v.Charge == nil {
		t.Error("no fee is asked for")
	}
}
