package app_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/fakestripe"
	"holdfast/internal/id"
	"holdfast/internal/mailin"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// Work by hand that was given up and is done again at once owes nothing: what
// goes back of the first fee is no reason to ask for another.
func TestRetry_OfWorkByHandAsksForNoSecondFee(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	s := x.takesCards()
	of := x.ask(ticket.Courses)
	session, row := x.checkout(of)
	s.Pay(session, fakestripe.Card)
	x.must(x.SyncCheckout(t.Context(), row))
	x.agree(of)
	x.stands(of, ticket.Approved)
	x.must(x.FinishTicket(t.Context(), x.operator, x.seen(of), "The course lies beside the others."))
	x.must(x.GiveUpTicket(t.Context(), x.operator, x.seen(of), "It is another course after all."))
	x.must(x.RetryTicket(t.Context(), x.operator, x.seen(of), "We found the right one."))
	x.stands(of, ticket.Queued)
	v, err := x.Charge(t.Context(), x.billing, of)
	x.must(err)
	for _, r := range v.Refunds {
		x.must(x.SendRefund(t.Context(), r.ID))
	}
	x.fee(of, billing.Refunded)
	x.stands(of, ticket.Queued)
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.MoveTicket(t.Context(), of))
	x.stands(of, ticket.Approved)
	x.must(x.FinishTicket(t.Context(), x.operator, x.seen(of), "This one."))
	x.stands(of, ticket.AwaitingAcceptance)
}

// Another try that never comes to the host says nothing of a site that the one
// before left between its states.
func TestRetry_AfterASiteThatCouldNotBePutBackDoesNotSayThatItIs(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.safeguard(r)
	for range 3 {
		l := x.work(agentproto.KindRestore)
		x.must(x.agent.start(l))
		x.must(x.agent.done(l, agentproto.OutcomeFailed, restore.NotRolledBack, proof))
		x.clock.Add(20 * time.Minute)
	}
	x.must(x.RetryTicket(t.Context(), x.operator, x.seen(of), "We try it once more."))
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	again := x.stands(of, ticket.Running).Ticket.RestoreID
	x.must(x.CancelRestore(t.Context(), x.operator, again, "the machine is looked at first"))
	v := x.stands(of, ticket.Failed)
	last := v.Messages[len(v.Messages)-1].Body
	if strings.Contains(last, "as it was before, and open") || !strings.Contains(last, "may be closed to visitors") {
		t.Errorf("the customer is told %q", last)
	}
	if seen := x.view(again); !seen.Between || !strings.Contains(seen.Steps[len(seen.Steps)-1].Words, "looked at") {
		t.Errorf("the restore ends with %+v", seen.Steps[len(seen.Steps)-1])
	}
}

// Why a restore begins without a safety copy is the staff's affair: the
// customer reads that there is none, and what is kept instead.
func TestWithoutSafety_CustomersReadNoReasonOfTheStaff(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	const why = "their admin broke it himself, ask Paul"
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.safeguard(r)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeFailed, "verify-differs", proof))
	x.must(x.RetryWithoutSafety(t.Context(), x.operator, x.seen(of), "We try it once more.", why))
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	again := x.stands(of, ticket.Running).Ticket.RestoreID
	x.move(again)
	for _, who := range []authz.Actor{x.admin, x.viewer} {
		v, err := x.Restore(t.Context(), who, again)
		x.must(err)
		c, err := x.Ticket(t.Context(), who, of)
		x.must(err)
		list, err := x.ListRestores(t.Context(), who, app.RestoreQuery{Tenant: x.tenantID})
		x.must(err)
		if text := everything(v, c, list); strings.Contains(text, "Paul") {
			t.Errorf("%s reads it:\n%s", who.Name, text)
		}
		if !strings.Contains(everything(v.Steps), "No safety copy: no copy of how the site was") {
			t.Errorf("%s is not told: %+v", who.Name, v.Steps)
		}
	}
	if v := x.view(again); v.Row.WithoutSafety != why || v.Evidence.WithoutSafety != why {
		t.Errorf("the staff read %q", v.Row.WithoutSafety)
	}
}

// A second approval that is switched on later is asked of what has not all its
// approvals yet. What was agreed to before by all who were wanted stays so.
func TestSecondApproval_SwitchedOnLaterLeavesWhatWasAgreed(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	second := func(on bool) {
		set, err := x.Settings(t.Context())
		x.must(err)
		set.SecondApproval = on
		x.must(x.ChangeSettings(t.Context(), authz.Console(), set))
	}
	second(false)
	waits := x.ask(ticket.Everything)
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(waits)))
	agreed := x.ask(ticket.Courses)
	x.pay(agreed)
	x.agree(agreed)
	x.stands(agreed, ticket.Approved)
	x.SQL(`UPDATE ticket SET request = jsonb_set(request, '{what}', '"everything"') WHERE id = $1`, agreed.String())
	second(true)
	x.must(x.MoveTicket(t.Context(), agreed))
	x.stands(agreed, ticket.Running)
	x.pay(waits)
	x.must(x.ConfirmTicket(t.Context(), x.admin, x.seen(waits), x.name))
	x.stands(waits, ticket.Queued)
}

// A question that is pressed several times in the same moment is one ticket;
// the same words a while later are another.
func TestQuestion_PressedTwiceIsOneTicket(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	made := make([]id.Ticket, 6)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() { made[i] = x.question("Where are my copies?") })
	}
	all.Wait()
	for _, of := range made {
		if of != made[0] {
			t.Errorf("two tickets: %s and %s", of, made[0])
		}
	}
	if n := len(x.look(made[0]).Messages); n != 1 {
		t.Errorf("%d messages", n)
	}
	if x.question("Where are the others?") == made[0] {
		t.Error("another question is the same ticket")
	}
	x.clock.Add(3 * time.Minute)
	if x.question("Where are my copies?") == made[0] {
		t.Error("the same words some time later are the same ticket")
	}
}

// Making drafts and throwing them away leaves a bounded number of rows, for a
// bounded time.
func TestDraft_MadeAndThrownAwayIsBounded(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	var refused error
	for range 500 {
		d, err := x.SaveDraft(t.Context(), x.member, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: "once more"})
		if refused = err; err != nil {
			break
		}
		x.must(x.WithdrawTicket(t.Context(), x.member, app.TicketSeen{ID: d.ID, Version: d.Version}))
	}
	if !tooOften(refused) {
		t.Fatalf("500 drafts in a moment: %v", refused)
	}
	x.clock.Add(2 * time.Hour)
	x.must(x.SweepTickets(t.Context()))
	if n := x.Count("SELECT count(*) FROM ticket"); n != 0 {
		t.Errorf("%d rows are left of what was thrown away", n)
	}
}

// Staff who answer by mail answer, whatever became of the ticket since the mail
// that they answer; and who is refused reads why.
func TestReplyByMail_IsOnNoVersion(t *testing.T) {
	t.Parallel()
	x, s := mailedBureau(t)
	of := x.question("Where are my copies?")
	x.must(x.AssignTicket(t.Context(), x.operator, x.seen(of), x.operator.Account))
	x.letters(s)
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say("And one more thing."))
	x.must(err)
	addresses, _ := x.Addresses()
	var to mailin.To
	for _, l := range x.letters(s) {
		if read, ok := addresses.Read(strings.Trim(l.Header.Get("Reply-To"), "<>")); ok && l.To == "operator@h.example" {
			to = read
		}
	}
	var all sync.WaitGroup
	for range 4 { // somebody else works on it in the same moment
		all.Go(func() {
			_, err := x.NoteTicket(t.Context(), x.second, x.seen(of), say("I look at it."))
			x.must(err)
		})
	}
	x.must(x.TakeMail(t.Context(), to, mailin.Incoming{Kind: mailin.Answer, From: "operator@h.example", MessageID: "s1@h.example", Text: "On the site's page."}))
	all.Wait()
	if !said(x.look(of), "On the site's page.") {
		t.Error("the answer is not there")
	}
	x.must(x.WithdrawTicket(t.Context(), x.member, x.seen(of)))
	var customer mailin.To
	for _, l := range x.letters(s) {
		if read, ok := addresses.Read(strings.Trim(l.Header.Get("Reply-To"), "<>")); ok && l.To == "member@a.example" {
			customer = read
		}
	}
	err = x.TakeMail(t.Context(), customer, mailin.Incoming{Kind: mailin.Answer, From: "member@a.example", MessageID: "c1@a.example", Text: "Wait, no."})
	if err == nil || !strings.Contains(err.Error(), "open a new one") {
		t.Errorf("told: %v", err)
	}
}

// What the staff undo or accept at the restore itself is heard by its ticket,
// also while that stands still for a dispute: nobody is asked to accept a
// restore that is undone.
func TestFrozen_HearsWhatIsDoneAtItsRestore(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.restored(r)
	x.stands(of, ticket.AwaitingAcceptance)
	x.SQL("UPDATE ticket SET frozen = 'The bank asks.'")
	if err := x.GiveUpTicket(t.Context(), x.operator, x.seen(of), "It is not it."); !errs.Is(err, errs.Conflict) {
		t.Errorf("given up while it stands still: %v", err)
	}
	x.must(x.UndoRestore(t.Context(), x.operator, r, "their shop is broken by it"))
	x.stands(of, ticket.Reopened)
	x.settled(r, agentproto.KindUndo, restore.Undone)
	v := x.stands(of, ticket.Reopened)
	if !said(v, "as it was before the restore") || v.MayStill != "The bank asks." {
		t.Errorf("stands still: %q; %q", v.MayStill, v.Messages[len(v.Messages)-1].Body)
	}
	if err := x.AcceptTicket(t.Context(), x.admin, x.seen(of)); !errs.Is(err, errs.Conflict) {
		t.Errorf("accepted: %v", err)
	}
}

// everything writes all that is in some values, as a page might.
func everything(all ...any) string {
	b, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
