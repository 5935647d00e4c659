package app_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// Whatever changes a ticket is in the tests of roles and tenants.
func TestTickets_EveryUseCaseIsTriedByEveryRole(t *testing.T) {
	t.Parallel()
	x := &bureau{}
	tried := x.deeds(id.Ticket{}, id.Attachment{}, id.Access{}, id.Reply{})
	all := reflect.TypeFor[*app.App]()
	for i := range all.NumMethod() {
		m := all.Method(i)
		for a := range m.Type.NumIn() {
			if m.Type.In(a) == reflect.TypeFor[app.TicketSeen]() && tried[m.Name] == nil {
				t.Errorf("%s is not tried", m.Name)
			}
		}
	}
}

// The database's table of moves is the code's, for every kind and pair of states.
func TestTicketTable_IsTheSameInTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, err := pgx.Connect(t.Context(), r.URL)
	r.must(err)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	for _, kind := range ticket.Kinds() {
		for _, from := range ticket.States() {
			leads := map[ticket.State]bool{from: true}
			for _, verb := range ticket.Verbs() {
				for _, resume := range append(ticket.States(), "") {
					if (from == ticket.NeedsInformation) != (resume != "") {
						continue
					}
					if to, err := ticket.Apply(kind, from, resume, verb); err == nil {
						leads[to] = true
					}
				}
			}
			for _, to := range ticket.States() {
				var may bool
				r.must(c.QueryRow(t.Context(), "SELECT ticket_may_move($1::text::ticket_kind, $2::text::ticket_state, $3::text::ticket_state)", string(kind), string(from), string(to)).Scan(&may))
				if may != leads[to] {
					t.Errorf("%s from %s to %s: %v in the database, %v in the code", kind, from, to, may, leads[to])
				}
			}
		}
	}
}

// What somebody decides on a page that is old is refused, and nothing is done.
func TestTicket_TwoStaffAtOnceAreOne(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	seen := x.seen(of)
	var wait sync.WaitGroup
	answers := make(chan error, 8)
	for i := range 8 {
		wait.Go(func() {
			who := []authz.Actor{x.support, x.operator}[i%2]
			_, err := x.ReplyTicket(t.Context(), who, seen, say(fmt.Sprint("answer ", i)))
			answers <- err
		})
	}
	wait.Wait()
	close(answers)
	took := 0
	for err := range answers {
		if err == nil {
			took++
		} else if !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Sentence(err), "Somebody else") {
			t.Errorf("%v", err)
		}
	}
	if took != 1 || len(x.look(of).Messages) != 2 {
		t.Errorf("%d answers were taken", took)
	}
	for name, do := range map[string]func() error{
		"assign":     func() error { return x.AssignTicket(t.Context(), x.operator, seen, x.operator.Account) },
		"prioritise": func() error { return x.PrioritiseTicket(t.Context(), x.operator, seen, ticket.Low) },
		"decline":    func() error { return x.DeclineTicket(t.Context(), x.operator, seen, "no more") },
		"close":      func() error { return x.CloseTicket(t.Context(), x.operator, seen, "") },
	} {
		if err := do(); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s on an old page: %v", name, err)
		}
	}
	// What the staff do among themselves does not disturb the customer.
	old := x.seen(of)
	x.must(x.AssignTicket(t.Context(), x.operator, x.seen(of), x.operator.Account))
	x.must(x.WithdrawTicket(t.Context(), x.member, old))
}

// Eight customers confirm and eight operators approve at once: one restore.
func TestTicket_ManyAtOnceStartOneRestore(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	x.pay(of)
	x.must(x.ApproveTicket(t.Context(), x.operator, x.seen(of)))
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			v, err := x.Ticket(t.Context(), authz.Console(), of)
			if err != nil {
				t.Error(err)
				return
			}
			seen := app.TicketSeen{ID: of, Version: int(v.Ticket.Version)}
			switch i % 3 {
			case 0:
				err = x.ConfirmTicket(t.Context(), x.admin, seen, x.name)
			case 1:
				err = x.ApproveTicket(t.Context(), x.second, seen)
			default:
				err = x.MoveTicket(t.Context(), of)
			}
			if err != nil && !errs.Is(err, errs.Conflict) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if v := x.look(of); !v.Approvals.Confirmed {
		x.must(x.ConfirmTicket(t.Context(), x.admin, x.seen(of), x.name))
	}
	if v := x.look(of); !v.Approvals.Second {
		x.must(x.ApproveTicket(t.Context(), x.second, x.seen(of)))
	}
	x.stands(of, ticket.Running)
	if n := x.Count("SELECT count(*) FROM restore"); n != 1 {
		t.Errorf("%d restores", n)
	}
	if n := x.Count("SELECT count(*) FROM event WHERE verb = 'ticket.started'"); n != 1 {
		t.Errorf("started %d times", n)
	}
}

// A draft is one for a person and site, survives, is nobody else's, and is not
// overwritten by an older window.
func TestDraft_IsOneForAPersonAndSite(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	d := x.wish(ticket.Everything)
	d.Request.Happened = "A"
	d, err := x.SaveDraft(t.Context(), x.member, d)
	if err != nil || d.ID.IsZero() {
		t.Fatal(err)
	}
	older := d
	d.Request.Happened = "A teacher deleted"
	d, err = x.SaveDraft(t.Context(), x.member, d)
	x.must(err)
	if _, err := x.SaveDraft(t.Context(), x.member, older); !errs.Is(err, errs.Conflict) {
		t.Errorf("an older window: %v", err)
	}
	if _, err := x.SaveDraft(t.Context(), x.member, x.wish(ticket.Everything)); !errs.Is(err, errs.Conflict) {
		t.Errorf("another window without one: %v", err)
	}
	got, err := x.DraftTicket(t.Context(), x.member, x.tenantID, ticket.Restore, x.site)
	if err != nil || got.ID != d.ID || got.Request.Happened != "A teacher deleted" || got.Version != d.Version {
		t.Errorf("%+v, %v", got, err)
	}
	for _, who := range []authz.Actor{x.admin, x.support, x.owner, authz.Console()} {
		if _, err := x.Ticket(t.Context(), who, d.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s sees the draft: %v", who.Name, err)
		}
		if err := x.WithdrawTicket(t.Context(), who, app.TicketSeen{ID: d.ID, Version: d.Version}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s drops the draft: %v", who.Name, err)
		}
	}
	if page, err := x.ListTickets(t.Context(), x.owner, app.TicketQuery{}); err != nil || len(page.Tickets) != 0 {
		t.Errorf("the list shows a draft, %v", err)
	}
	theirs, err := x.SaveDraft(t.Context(), x.admin, x.wish(ticket.Database))
	if err != nil || theirs.ID == d.ID {
		t.Errorf("another person's: %v", err)
	}
	// Handed in without its id, as a page without scripts does: the draft becomes it.
	made, err := x.SubmitTicket(t.Context(), x.member, x.wish(ticket.Everything), ticket.TermsVersion, nil)
	if err != nil || made != d.ID {
		t.Errorf("handed in: %v", err)
	}
	if _, err := x.SubmitTicket(t.Context(), x.member, d, ticket.TermsVersion, nil); !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Invalid) {
		t.Errorf("handed in twice: %v", err)
	}
	x.clock.Add(91 * 24 * time.Hour)
	x.must(x.SweepTickets(t.Context()))
	if n := x.Count("SELECT count(*) FROM ticket"); n != 1 {
		t.Errorf("%d tickets after the sweep of old drafts", n)
	}
}

// A draft that is thrown away keeps nothing but its row: who makes and throws
// away thousands fills no disk with them.
func TestDraft_ThatIsThrownAwayKeepsNoWords(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	d := x.wish(ticket.Everything)
	d.Subject, d.Request.Happened = "Biology", strings.Repeat("word ", 3000)
	made, err := x.SaveDraft(t.Context(), x.member, d)
	x.must(err)
	x.must(x.WithdrawTicket(t.Context(), x.member, app.TicketSeen{ID: made.ID, Version: made.Version}))
	if n := x.Count("SELECT count(*) FROM ticket WHERE state = 'withdrawn' AND subject = '' AND request = '{}'"); n != 1 {
		t.Error("the words of a draft that was thrown away are still there")
	}
}

// What is missing is refused by its field, and terms and copies of another time
// or site are none.
func TestSubmit_RefusesByTheField(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	x.site2()
	for name, c := range map[string]struct {
		field, terms string
		change       func(d *app.Draft)
	}{
		"no terms":       {"terms", "", func(*app.Draft) {}},
		"old terms":      {"terms", "2020-01", func(*app.Draft) {}},
		"no words":       {"happened", ticket.TermsVersion, func(d *app.Draft) { d.Request.Happened = "" }},
		"another's copy": {"point", ticket.TermsVersion, func(d *app.Draft) { d.Request.Point.Database = id.New[id.Copy]() }},
		"swapped":        {"point", ticket.TermsVersion, func(d *app.Draft) { d.Request.Point.Database, d.Request.Point.Data = x.data, x.database }},
		"no site":        {"site", ticket.TermsVersion, func(d *app.Draft) { d.Site = id.Site{} }},
		"a part":         {"partial", ticket.TermsVersion, func(d *app.Draft) { d.Request.Partial = true }},
		"long subject":   {"subject", ticket.TermsVersion, func(d *app.Draft) { d.Subject = strings.Repeat("x", 300) }},
	} {
		d := x.wish(ticket.Everything)
		c.change(&d)
		_, err := x.SubmitTicket(t.Context(), x.member, d, c.terms, nil)
		if !errs.Is(err, errs.Invalid) || !strings.HasPrefix(errs.Sentence(err), c.field+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := x.Count("SELECT count(*) FROM ticket"); n != 0 {
		t.Errorf("%d tickets came of refusals", n)
	}
}

// site2 is another site of the same tenant.
func (x *bureau) site2() {
	x.t.Helper()
	x.rig.site("b.example", "a", "host-a")
}

func TestMerge_PointsToTheOtherAndKeepsItsWords(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	one, two := x.question("Copies"), x.question("Copies again")
	x.must(x.MergeTickets(t.Context(), x.support, x.seen(two), one))
	v := x.stands(two, ticket.Closed)
	if v.MergedInto != x.look(one).Ticket.Number || len(v.Messages) != 2 || len(x.look(one).Merged) != 1 || !happened(x.look(one), "ticket.took_in") {
		t.Errorf("%+v", v.Ticket)
	}
	if _, err := x.ReplyTicket(t.Context(), x.member, x.seen(two), say("hello?")); !errs.Is(err, errs.Conflict) {
		t.Errorf("written into a merged ticket: %v", err)
	}
	if err := x.ReopenTicket(t.Context(), x.member, x.seen(two), "again", false); !errs.Is(err, errs.Conflict) {
		t.Errorf("a merged ticket was reopened: %v", err)
	}
	if err := x.MergeTickets(t.Context(), x.support, x.seen(one), two); !errs.Is(err, errs.Invalid) {
		t.Errorf("in a circle: %v", err)
	}
	foreign, err := x.TenantID(t.Context(), authz.Console(), "b")
	x.must(err)
	other, err := x.SubmitTicket(t.Context(), x.foreign, app.Draft{Tenant: foreign, Kind: ticket.Support, Subject: "Ours", Body: "Our question"}, "", nil)
	x.must(err)
	if err := x.MergeTickets(t.Context(), x.support, x.seen(one), other); !errs.Is(err, errs.Invalid) {
		t.Errorf("into another customer's: %v", err)
	}
	paid := x.ask(ticket.Everything)
	x.pay(paid)
	x.must(x.MergeTickets(t.Context(), x.support, x.seen(paid), one))
	if v := x.stands(paid, ticket.Declined); v.Charge.State != "refunding" {
		t.Errorf("a merged restore's charge is %s", v.Charge.State)
	}
}

func TestMacro_SendsAndActsOrDoesNothing(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	made, err := x.SaveReply(t.Context(), x.support, app.Reply{
		Name: "Which site?", Body: "Dear {customer}, which site is {number} about?",
		Acts: []ticket.Act{{Do: ticket.ActAsk}, {Do: ticket.ActAssignMe}, {Do: ticket.ActPrioritise, To: "low"}},
	})
	x.must(err)
	if _, err := x.SaveReply(t.Context(), x.support, app.Reply{Name: "Which site?", Body: "x"}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a name twice: %v", err)
	}
	list, err := x.ListReplies(t.Context(), x.support)
	x.must(err)
	old := list[0]
	x.clock.Add(time.Minute)
	list[0].Body = "Dear {customer}, which site is ticket {number} about?"
	_, err = x.SaveReply(t.Context(), x.support, list[0])
	x.must(err)
	if _, err := x.SaveReply(t.Context(), x.operator, old); !errs.Is(err, errs.Conflict) {
		t.Errorf("an older page: %v", err)
	}
	of := x.question("Copies")
	x.must(x.RunMacro(t.Context(), x.support, x.seen(of), made))
	v := x.stands(of, ticket.NeedsInformation)
	if v.Ticket.Assignee != x.support.Account || v.Ticket.Priority != ticket.Low || !said(v, fmt.Sprintf("Dear Customer member, which site is ticket #%d about?", v.Ticket.Number)) {
		t.Errorf("%+v", v.Ticket)
	}
	before := x.seen(of)
	if err := x.RunMacro(t.Context(), x.support, before, made); !errs.Is(err, errs.Conflict) {
		t.Errorf("asked twice: %v", err)
	}
	if after := x.seen(of); after != before || len(x.look(of).Messages) != 2 {
		t.Error("half of a macro was done")
	}
	x.must(x.DeleteReply(t.Context(), x.support, made))
	if err := x.DeleteReply(t.Context(), x.support, made); !errs.Is(err, errs.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	for _, who := range []authz.Actor{x.admin, x.auditor, x.billing} {
		if _, err := x.ListReplies(t.Context(), who); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s reads the replies: %v", who.Name, err)
		}
	}
}

func TestAccess_IsForSomeHoursAndTakenBackAtOnce(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.ask(ticket.Everything)
	for _, hours := range []int{-1, 0, 2, 169, 1 << 40} {
		if _, err := x.App.GrantAccess(t.Context(), x.admin, x.seen(of), hours); !errs.Is(err, errs.Invalid) {
			t.Errorf("%d hours: %v", hours, err)
		}
	}
	if _, err := x.StaffAccessFor(t.Context(), x.restorable.site); !errs.Is(err, errs.NotFound) {
		t.Errorf("leave that nobody gave: %v", err)
	}
	one, err := x.App.GrantAccess(t.Context(), x.admin, x.seen(of), 3)
	x.must(err)
	got, err := x.StaffAccessFor(t.Context(), x.restorable.site)
	if err != nil || got.ID != one || !got.ExpiresAt.Equal(x.clock.Now().Add(3*time.Hour)) {
		t.Errorf("%+v, %v", got, err)
	}
	x.must(x.RevokeAccess(t.Context(), x.admin, x.seen(of), one))
	if _, err := x.StaffAccessFor(t.Context(), x.restorable.site); !errs.Is(err, errs.NotFound) {
		t.Errorf("leave that was taken back: %v", err)
	}
	_, err = x.App.GrantAccess(t.Context(), x.admin, x.seen(of), 168)
	x.must(err)
	x.clock.Add(168*time.Hour + time.Second)
	if _, err := x.StaffAccessFor(t.Context(), x.restorable.site); !errs.Is(err, errs.NotFound) {
		t.Errorf("leave that ran out: %v", err)
	}
	if v := x.look(of); len(v.Accesses) != 2 || v.Accesses[0].Open || !happened(v, "ticket.access_granted") || !happened(v, "ticket.access_revoked") {
		t.Errorf("%+v", v.Accesses)
	}
}
