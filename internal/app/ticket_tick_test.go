package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// A restore that nobody answers to is reminded of once, and closes by itself;
// what was kept aside goes then.
func TestTick_RemindsOnceAndClosesByItself(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	r := x.runs(of)
	x.restored(r)
	for range 6 {
		x.clock.Add(12 * time.Hour)
		x.must(x.TickTickets(t.Context()))
		x.must(x.TickTickets(t.Context()))
	}
	if n := x.Count("SELECT count(*) FROM event WHERE verb = 'ticket.reminded'"); n != 1 {
		t.Errorf("reminded %d times within the days before", n)
	}
	x.stands(of, ticket.AwaitingAcceptance)
	x.clock.Add(4 * 24 * time.Hour)
	x.must(x.TickTickets(t.Context()))
	v := x.stands(of, ticket.Closed)
	if !said(v, "closed by itself") || v.Restore.State != restore.Settling {
		t.Errorf("the restore is %s", v.Restore.State)
	}
	x.agent.hello()
	x.settled(r, agentproto.KindSettle, restore.Settled)
}

// Somebody who writes while the acceptance is asked for is not closed over.
func TestTick_DoesNotCloseOverWhoWrites(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Courses)
	x.pay(of)
	x.agree(of)
	x.must(x.FinishTicket(t.Context(), x.support, x.seen(of), "It is back."))
	x.clock.Add(6 * 24 * time.Hour)
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say("We look at it on Monday."))
	x.must(err)
	x.clock.Add(2 * 24 * time.Hour)
	x.must(x.TickTickets(t.Context()))
	x.stands(of, ticket.AwaitingAcceptance)
}

// A promise that was broken is put on record once each, and not while the
// customer is waited for.
func TestTick_NotesBrokenPromisesOnceEach(t *testing.T) {
	t.Parallel()
	x := newBureau(t) // it is Sunday
	of := x.question("Copies")
	count := func() int { return x.Count("SELECT count(*) FROM event WHERE verb = 'ticket.late'") }
	x.clock.Set(time.Date(2026, 11, 23, 16, 59, 0, 0, time.UTC))
	x.must(x.TickTickets(t.Context()))
	if count() != 0 {
		t.Fatal("late before the end of Monday")
	}
	x.clock.Add(2 * time.Minute)
	x.must(x.TickTickets(t.Context()))
	x.must(x.TickTickets(t.Context()))
	if v := x.look(of); count() != 1 || !v.Clocks.ReplyLate || v.Clocks.Late {
		t.Fatalf("%d, %+v", count(), v.Clocks)
	}
	if page, err := x.ListTickets(t.Context(), x.support, app.TicketQuery{Overdue: true}); err != nil || len(page.Tickets) != 1 || !page.Tickets[0].Late {
		t.Errorf("%+v, %v", page, err)
	}
	_, err := x.AskCustomer(t.Context(), x.support, x.seen(of), say("Which site?"))
	x.must(err)
	x.clock.Add(40 * 24 * time.Hour)
	v := x.look(of)
	left := v.Clocks.Left
	if v.Clocks.Late || v.Clocks.ReplyLate || left != 32*time.Hour {
		t.Errorf("%s left, %+v", left, v.Clocks)
	}
	x.SQL("UPDATE ticket SET close_at = NULL, remind_at = NULL")
	x.must(x.TickTickets(t.Context()))
	_, err = x.ReplyTicket(t.Context(), x.member, x.seen(of), say("The first."))
	x.must(err)
	if got := x.look(of).Clocks; got.Left != left || got.Late || count() != 1 {
		t.Errorf("%s left after the answer, was %s", got.Left, left)
	}
	x.clock.Add(20 * 24 * time.Hour)
	x.must(x.TickTickets(t.Context()))
	x.must(x.TickTickets(t.Context()))
	if count() != 2 {
		t.Errorf("%d notes of broken promises", count())
	}
}

// A question that nobody answers closes by itself, and an answer opens it again.
func TestTick_ClosesWhatNobodyAnswersAndAnAnswerReopens(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	_, err := x.AskCustomer(t.Context(), x.support, x.seen(of), say("Which site?"))
	x.must(err)
	x.clock.Add(8 * 24 * time.Hour)
	x.must(x.TickTickets(t.Context()))
	x.stands(of, ticket.Closed)
	_, err = x.ReplyTicket(t.Context(), x.member, x.seen(of), say("Sorry, we were away."))
	x.must(err)
	if v := x.stands(of, ticket.Reopened); v.Clocks.ResolveDue.IsZero() || !v.Clocks.AutoClose.IsZero() {
		t.Errorf("%+v", v.Clocks)
	}
}

// The job of what a customer did is there, in case the process that served the
// click dies right after it.
func TestRunbook_GoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	if n := x.Count("SELECT count(*) FROM river.river_job WHERE kind = 'move_ticket' AND args->>'ticket' = $1", of.String()); n != 1 {
		t.Errorf("%d jobs of the new ticket", n)
	}
	x.SQL("ALTER TABLE ticket DISABLE TRIGGER ticket_moves")
	x.SQL("UPDATE ticket SET state = 'submitted', waits_since = NULL")
	x.SQL("ALTER TABLE ticket ENABLE TRIGGER ticket_moves")
	x.must(x.MoveTicket(t.Context(), of))
	x.stands(of, ticket.AwaitingPayment)
	if n := x.Count("SELECT count(*) FROM charge"); n != 1 {
		t.Errorf("%d charges", n)
	}
	x.must(x.MoveTicket(t.Context(), id.New[id.Ticket]()))
}

// An answer by mail is its sender's; the same mail twice is one; files that
// cannot be taken are named, and a merged ticket leads to the other.
func TestReplyByMail_IsItsSendersOnce(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	m := app.MailedReply{Ticket: of, From: "Member@A.example", Ref: "<1@a.example>", Body: "It is the first one.\r\n"}
	made, err := x.ReplyByMail(t.Context(), m)
	if err != nil || made.IsZero() {
		t.Fatal(err)
	}
	if again, err := x.ReplyByMail(t.Context(), m); err != nil || !again.IsZero() {
		t.Errorf("the same again: %v, %v", again, err)
	}
	m.Ref, m.Files = "<2@a.example>", []app.Upload{{Name: "a.exe", Body: strings.NewReader("MZ")}, {Name: "a.txt", Body: strings.NewReader("hello")}}
	_, err = x.ReplyByMail(t.Context(), m)
	x.must(err)
	v := x.look(of)
	last := v.Messages[len(v.Messages)-1]
	if len(v.Messages) != 3 || last.AccountID != x.member.Account || last.Via != "mail" || len(last.Files) != 1 || !strings.Contains(last.Body, `left out: "a.exe" cannot be attached`) {
		t.Errorf("%+v", last)
	}
	for _, from := range []string{"nobody@x.example", "other@b.example", "viewer@a.example", ""} {
		m.From, m.Ref = from, "<3"+from+">"
		if _, err := x.ReplyByMail(t.Context(), m); !errs.Is(err, errs.Forbidden) {
			t.Errorf("from %q: %v", from, err)
		}
	}
	other := x.question("The other")
	x.must(x.MergeTickets(t.Context(), x.support, x.seen(of), other))
	_, err = x.ReplyByMail(t.Context(), app.MailedReply{Ticket: of, From: "member@a.example", Ref: "<4@a>", Body: "To the merged one"})
	if err != nil || !said(x.look(other), "To the merged one") {
		t.Errorf("to a merged ticket: %v", err)
	}
	if n := len(x.onDisk()); n != 1 {
		t.Errorf("%d files", n)
	}
}

// A dispute lets nothing move but words and facts, and once it is won the
// ticket goes on where it would.
func TestFrozen_MovesNothingButWordsAndFacts(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	x.pay(of)
	x.SQL("UPDATE ticket SET frozen = 'The bank asks.'")
	for name, do := range map[string]func() error{
		"confirm":  func() error { return x.ConfirmTicket(t.Context(), x.admin, x.seen(of), x.name) },
		"approve":  func() error { return x.ApproveTicket(t.Context(), x.operator, x.seen(of)) },
		"decline":  func() error { return x.DeclineTicket(t.Context(), x.operator, x.seen(of), "no more") },
		"withdraw": func() error { return x.WithdrawTicket(t.Context(), x.member, x.seen(of)) },
	} {
		if err := do(); !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Sentence(err), "stands still") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say("What is it?"))
	x.must(err)
	v, err := x.Ticket(t.Context(), x.operator, of)
	if err != nil || v.MayStill != "The bank asks." || v.May.Approve || v.May.Decline || !v.May.Reply {
		t.Errorf("%+v, %v", v.May, err)
	}
	x.SQL("UPDATE ticket SET confirmed_at = now(), approved_at = now(), second_at = now(), second_by = (SELECT id FROM account LIMIT 1)")
	x.must(x.MoveTicket(t.Context(), of))
	x.stands(of, ticket.Queued)
	x.SQL("UPDATE ticket SET frozen = ''")
	x.must(x.MoveTicket(t.Context(), of))
	x.stands(of, ticket.Running)
}

// What the page offers is what the use cases do: for every role and station.
func TestMay_TellsWhatTheUseCasesDo(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	check := func(of id.Ticket) {
		t.Helper()
		for name, who := range map[string]authz.Actor{"viewer": x.viewer, "member": x.member, "admin": x.admin, "auditor": x.auditor, "support": x.support, "operator": x.operator, "owner": x.owner} {
			v, err := x.Ticket(t.Context(), who, of)
			x.must(err)
			for what, c := range map[string]struct {
				may  bool
				verb ticket.Verb
			}{
				"Withdraw": {v.May.Withdraw, ticket.Withdraw}, "Accept": {v.May.Accept, ticket.Accept}, "Retry": {v.May.Retry, ticket.Retry}, "Ask": {v.May.Ask, ticket.Ask},
				"Decline": {v.May.Decline, ticket.Decline}, "Close": {v.May.Close, ticket.Close},
			} {
				_, err := ticket.Apply(v.Ticket.Kind, v.Ticket.State, "", c.verb)
				if c.may && err != nil {
					t.Errorf("%s in %s: %s is offered, and the table refuses it", name, v.Ticket.State, what)
				}
				if c.may && (name == "viewer" || name == "auditor") {
					t.Errorf("%s in %s: %s is offered to who only reads", name, v.Ticket.State, what)
				}
			}
			if v.May.Confirm && name != "admin" && name != "owner" || v.May.Approve && name != "operator" && name != "owner" || v.May.Note && who.Staff == "" || v.May.GrantAccess && name != "admin" {
				t.Errorf("%s in %s: %+v", name, v.Ticket.State, v.May)
			}
		}
	}
	of := x.ask(ticket.Everything)
	check(of)
	x.pay(of)
	check(of)
	r := x.begins(of)
	check(of)
	x.restored(r)
	check(of)
	x.must(x.AcceptTicket(t.Context(), x.admin, x.seen(of)))
	check(of)
	check(x.question("Copies"))
}
