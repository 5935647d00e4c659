package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// deeds are all exported use cases on one ticket, with something to do it with.
func (x *bureau) deeds(of id.Ticket, file id.Attachment, access id.Access, reply id.Reply) map[string]func(ctx context.Context, who authz.Actor, seen app.TicketSeen) error {
	none := func(_ any, err error) error { return err }
	return map[string]func(ctx context.Context, who authz.Actor, seen app.TicketSeen) error{
		"Ticket": func(ctx context.Context, w authz.Actor, _ app.TicketSeen) error { return none(x.Ticket(ctx, w, of)) },
		"EarlierMessages": func(ctx context.Context, w authz.Actor, _ app.TicketSeen) error {
			return none(x.EarlierMessages(ctx, w, of, app.MessageCursor{}))
		},
		"TicketByNumber": func(ctx context.Context, w authz.Actor, _ app.TicketSeen) error {
			return none(x.TicketByNumber(ctx, w, x.look(of).Ticket.Number))
		},
		"ReplyTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return none(x.ReplyTicket(ctx, w, s, say("hello")))
		},
		"NoteTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return none(x.NoteTicket(ctx, w, s, say("hello")))
		},
		"AskCustomer": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return none(x.AskCustomer(ctx, w, s, say("why?")))
		},
		"AssignTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.AssignTicket(ctx, w, s, x.support.Account)
		},
		"PrioritiseTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.PrioritiseTicket(ctx, w, s, ticket.Low)
		},
		"DeclineTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.DeclineTicket(ctx, w, s, "no way")
		},
		"WithdrawTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error { return x.WithdrawTicket(ctx, w, s) },
		"CloseTicket":    func(ctx context.Context, w authz.Actor, s app.TicketSeen) error { return x.CloseTicket(ctx, w, s, "") },
		"FinishTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.FinishTicket(ctx, w, s, "it is done")
		},
		"GiveUpTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.GiveUpTicket(ctx, w, s, "no way")
		},
		"MergeTickets": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.MergeTickets(ctx, w, s, id.New[id.Ticket]())
		},
		"WatchTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.WatchTicket(ctx, w, s, true)
		},
		"ConfirmTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.ConfirmTicket(ctx, w, s, x.name)
		},
		"ApproveTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error { return x.ApproveTicket(ctx, w, s) },
		"ChangePoint": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.ChangePoint(ctx, w, s, ticket.Point{Database: x.database, Data: x.data}, "older")
		},
		"RetryTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.RetryTicket(ctx, w, s, "again")
		},
		"RetryWithoutSafety": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.RetryWithoutSafety(ctx, w, s, "again", "nothing can be read there")
		},
		"AcceptTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error { return x.AcceptTicket(ctx, w, s) },
		"ReopenTicket": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.ReopenTicket(ctx, w, s, "not it", false)
		},
		"GrantAccess": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return none(x.GrantAccess(ctx, w, s, 24))
		},
		"RevokeAccess": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error {
			return x.RevokeAccess(ctx, w, s, access)
		},
		"FillReply": func(ctx context.Context, w authz.Actor, _ app.TicketSeen) error {
			return none(x.FillReply(ctx, w, of, reply))
		},
		"RunMacro": func(ctx context.Context, w authz.Actor, s app.TicketSeen) error { return x.RunMacro(ctx, w, s, reply) },
		"OpenAttachment": func(ctx context.Context, w authz.Actor, _ app.TicketSeen) error {
			f, err := x.OpenAttachment(ctx, w, file)
			if err == nil {
				err = f.Body.Close()
			}
			return err
		},
	}
}

// furnished is a ticket with a file, leave to look in, and a macro.
func (x *bureau) furnished() (of id.Ticket, file id.Attachment, access id.Access, reply id.Reply) {
	x.t.Helper()
	d := x.wish(ticket.Everything)
	of, err := x.SubmitTicket(x.t.Context(), x.member, d, ticket.TermsVersion, []app.Upload{{Name: "error.txt", Body: strings.NewReader("it broke")}})
	x.must(err)
	file = x.look(of).Messages[0].Files[0].ID
	access, err = x.App.GrantAccess(x.t.Context(), x.admin, x.seen(of), 24)
	x.must(err)
	reply, err = x.SaveReply(x.t.Context(), x.support, app.Reply{Name: "Hello", Body: "Dear {customer}"})
	x.must(err)
	return of, file, access, reply
}

// Another tenant's people find none of it, whatever they call.
func TestTickets_AreNotThereForAForeignTenant(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of, file, access, reply := x.furnished()
	before := x.text("SELECT md5(string_agg(t::text, '|')) FROM ticket t")
	events := x.Count("SELECT count(*) FROM event")
	for _, who := range []authz.Actor{x.foreign, {Name: "nobody"}} {
		for name, do := range x.deeds(of, file, access, reply) {
			if err := do(t.Context(), who, x.seen(of)); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		page, err := x.ListTickets(t.Context(), who, app.TicketQuery{Tenant: x.tenantID})
		if !errs.Is(err, errs.Forbidden) || len(page.Tickets) > 0 {
			t.Errorf("the list: %v", err)
		}
		if _, err := x.ListTickets(t.Context(), who, app.TicketQuery{}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("all tickets: %v", err)
		}
		if _, err := x.Drafts(t.Context(), who, x.tenantID); !errs.Is(err, errs.NotFound) {
			t.Errorf("drafts: %v", err)
		}
		if _, err := x.SaveDraft(t.Context(), who, x.wish(ticket.Everything)); !errs.Is(err, errs.Invalid) {
			t.Errorf("a draft about another's site: %v", err)
		}
		if _, err := x.SubmitTicket(t.Context(), who, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: "x", Body: "y"}, "", nil); !errs.Is(err, errs.Forbidden) {
			t.Errorf("a ticket of another tenant: %v", err)
		}
		if _, err := x.CountTickets(t.Context(), who, x.tenantID); !errs.Is(err, errs.Forbidden) {
			t.Errorf("counts: %v", err)
		}
	}
	own, err := x.TenantID(t.Context(), authz.Console(), "b")
	x.must(err)
	page, err := x.ListTickets(t.Context(), x.foreign, app.TicketQuery{Tenant: own, Text: "teacher"})
	if err != nil || len(page.Tickets) != 0 {
		t.Errorf("a search among the own finds %d of another's, %v", len(page.Tickets), err)
	}
	if after := x.text("SELECT md5(string_agg(t::text, '|')) FROM ticket t"); after != before || x.Count("SELECT count(*) FROM event") != events {
		t.Error("something changed")
	}
}

// Who may do what: the table of rights, on every use case. What the state
// refuses is another error than what the role does.
func TestTickets_EveryRoleDoesWhatItMay(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of, file, access, reply := x.furnished()
	read := []string{"Ticket", "EarlierMessages", "TicketByNumber", "WatchTicket", "OpenAttachment"}
	member := append([]string{"ReplyTicket", "WithdrawTicket", "AcceptTicket", "ReopenTicket"}, read...)
	admin := append([]string{"ConfirmTicket", "GrantAccess", "RevokeAccess"}, member...)
	support := append([]string{"ReplyTicket", "NoteTicket", "AskCustomer", "AssignTicket", "PrioritiseTicket", "DeclineTicket", "WithdrawTicket", "CloseTicket", "FinishTicket", "GiveUpTicket", "MergeTickets", "ChangePoint", "RetryTicket", "FillReply", "RunMacro"}, read...)
	operator := append([]string{"ApproveTicket", "RetryWithoutSafety", "AcceptTicket", "ReopenTicket"}, support...)
	owner := append([]string{"ConfirmTicket", "RevokeAccess"}, operator...)
	for name, c := range map[string]struct {
		who authz.Actor
		may []string
	}{
		"viewer": {x.viewer, read}, "member": {x.member, member}, "admin": {x.admin, admin}, "auditor": {x.auditor, read}, "billing": {x.billing, read},
		"support": {x.support, support}, "operator": {x.operator, operator}, "owner": {x.owner, owner},
	} {
		for what, do := range x.deeds(of, file, access, reply) {
			seen := app.TicketSeen{ID: of, Version: -1} // nobody saw this one: whoever may is told so, and nothing is done
			err := do(t.Context(), c.who, seen)
			may := !errs.Is(err, errs.Forbidden) && !errs.Is(err, errs.NotFound)
			if what == "MergeTickets" { // it looks for the other ticket before the version
				may = !errs.Is(err, errs.Forbidden)
			}
			want := false
			for _, m := range c.may {
				want = want || m == what
			}
			if may != want {
				t.Errorf("%s %s: %v, may %v", name, what, err, want)
			}
		}
	}
}

// A note, its file and that there is one: no customer's query shows any of it,
// not even one that asks for it.
func TestNotes_AreNotThereForCustomers(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	public, err := x.ReplyTicket(t.Context(), x.support, x.seen(of), say("On the page of the site."))
	x.must(err)
	_, err = x.NoteTicket(t.Context(), x.support, x.seen(of), app.Said{Body: "They never paid: zebra", Files: []app.Upload{{Name: "zebra.txt", Body: strings.NewReader("zebra")}}})
	x.must(err)
	x.must(x.AssignTicket(t.Context(), x.support, x.seen(of), x.support.Account))
	staff := x.look(of)
	if !said(staff, "zebra") || !happened(staff, "ticket.assigned") {
		t.Fatal("the staff do not see their own note")
	}
	var file id.Attachment
	for _, m := range staff.Messages {
		for _, f := range m.Files {
			file = f.ID
		}
	}
	for _, who := range []authz.Actor{x.admin, x.member, x.viewer} {
		v, err := x.Ticket(t.Context(), who, of)
		x.must(err)
		if shown := fmt.Sprintf("%+v", v); strings.Contains(shown, "zebra") || strings.Contains(shown, "noted") || strings.Contains(shown, "assigned") || strings.Contains(shown, x.support.Account.String()) || strings.Contains(shown, "Staff support") {
			for _, w := range []string{"zebra", "noted", "assigned", x.support.Account.String(), "Staff support"} {
				if strings.Contains(shown, w) {
					t.Errorf("the ticket shows %q", w)
				}
			}
		}
		if len(v.Messages) != 2 || v.Messages[1].ID != public {
			t.Errorf("%d messages", len(v.Messages))
		}
		earlier, err := x.EarlierMessages(t.Context(), who, of, app.MessageCursor{})
		if err != nil || len(earlier) != 2 {
			t.Errorf("%d messages, %v", len(earlier), err)
		}
		if _, err := x.OpenAttachment(t.Context(), who, file); !errs.Is(err, errs.NotFound) {
			t.Errorf("the note's file: %v", err)
		}
		page, err := x.ListTickets(t.Context(), who, app.TicketQuery{Tenant: x.tenantID, Text: "zebra"})
		if err != nil || len(page.Tickets) != 0 {
			t.Errorf("a search finds the note: %v", err)
		}
	}
	page, err := x.ListTickets(t.Context(), x.support, app.TicketQuery{Text: "zebra"})
	if err != nil || len(page.Tickets) != 1 {
		t.Errorf("the staff's search: %d, %v", len(page.Tickets), err)
	}
	audit, err := x.Audit(t.Context(), x.admin, app.AuditQuery{Tenant: x.tenantID, Everything: true})
	x.must(err)
	if shown := fmt.Sprintf("%+v", audit); strings.Contains(shown, "ticket.noted") || strings.Contains(shown, "ticket.assigned") {
		t.Error("the customer's own log tells of the note")
	}
	// Asked as staff would, in the customer's own role: the rows are not there.
	if n := x.Count("SELECT count(*) FROM ticket_message WHERE internal"); n != 1 {
		t.Fatal(n)
	}
	for _, q := range []string{"SELECT count(*) FROM ticket_message WHERE internal", "SELECT count(*) FROM ticket_attachment", "SELECT count(*) FROM event WHERE verb IN ('ticket.noted', 'ticket.assigned')"} {
		if n := x.asCustomer(q); n != 0 {
			t.Errorf("%s: %d in the customer's role", q, n)
		}
	}
}
