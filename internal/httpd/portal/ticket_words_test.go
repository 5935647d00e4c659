package portal

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/billing"
	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
	"holdfast/web/ui"
)

// affairOf is a ticket in a state, as somebody of a role sees it.
func affairOf(kind ticket.Kind, s ticket.State) *affair {
	now := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	a := &affair{now: now, zone: time.UTC, hoster: "Brightside Hosting", self: "/portal/tickets/1001", money: money{price: "USD 100.00", cards: true}}
	a.Ticket = dbq.Ticket{Kind: kind, State: s, Number: 1001, Version: 3, Subject: "Restore of a.example", SubmittedAt: &now, EndedAt: &now}
	a.SiteName, a.TenantName = "a.example", "Riverside Academy"
	a.Request = ticket.Request{What: ticket.Everything, At: now, Point: ticket.Point{DatabaseAt: now.Add(-time.Hour)}}
	a.Approvals.Approvals = 2
	if kind == ticket.Restore {
		a.Charge = &dbq.Charge{AmountCents: billing.Fee, State: billing.Due}
		a.charge = &app.ChargeView{Charge: *a.Charge, Payments: app.Payments{Online: true}}
	}
	return a
}

// Every state of every kind has a sentence and, while it is open, a next step
// that names who must do something or says that nobody must.
func TestTicket_SaysWhereItStandsInEveryState(t *testing.T) {
	t.Parallel()
	for _, kind := range ticket.Kinds() {
		for _, s := range ticket.States() {
			switch s {
			case ticket.Draft:
				continue
			case ticket.AwaitingPayment, ticket.Queued, ticket.Approved, ticket.Running, ticket.Verifying, ticket.AwaitingAcceptance, ticket.Failed:
				if kind == ticket.Support {
					continue // no question is ever there
				}
			default:
			}
			a := affairOf(kind, s)
			state, say, next := a.sentence()
			words := ""
			for _, p := range say {
				words += p.Text
			}
			if !strings.HasSuffix(words, ".") || strings.Contains(words, "..") || strings.Contains(words, "  ") {
				t.Errorf("%s %s says %q", kind, s, words)
			}
			if s.Open() && next == "" {
				t.Errorf("%s %s says nothing of what happens next", kind, s)
			}
			if s.Open() && state == ui.Cancelled || s == ticket.Failed && state != ui.Failed {
				if kind == ticket.Restore {
					t.Errorf("%s %s is shown as %s", kind, s, state)
				}
			}
			if kind == ticket.Restore && len(a.steps()) != 5 {
				t.Errorf("%s has %d steps", s, len(a.steps()))
			}
			if _, word, text := listed(app.TicketRow{Kind: kind, State: s}); word == "" || text == "" {
				t.Errorf("the list says %q %q of %s", word, text, s)
			}
		}
	}
}

// A ticket that stands still says why, and offers nothing that would be
// refused.
func TestTicket_ThatStandsStillSaysWhy(t *testing.T) {
	t.Parallel()
	a := affairOf(ticket.Restore, ticket.Queued)
	a.MayStill = "Your bank asked us about the payment."
	state, say, _ := a.sentence()
	if state != ui.Waiting || !strings.Contains(say[0].Text+say[1].Text, "bank asked") {
		t.Errorf("it says %v", say)
	}
}

// While it runs, the page says what is done now and how long it takes.
func TestTicket_SaysWhatIsDoneNow(t *testing.T) {
	t.Parallel()
	a := affairOf(ticket.Restore, ticket.Running)
	a.restore = &app.RestoreView{Detail: "Loading the database: 312 of 494 tables.", Step: 3, StepsAll: 9, Percent: 63, SecondsLeft: 120, Steps: []app.RestoreStep{{Words: "a safety copy", Done: true, At: a.now}, {Words: "the restore", Current: true}}}
	state, say, _ := a.sentence()
	words := ""
	for _, p := range say {
		words += p.Text
	}
	if state != ui.Running || words != "Loading the database: 312 of 494 tables, about 2 min left." {
		t.Errorf("it says %q", words)
	}
	d := a.doing()
	if d == nil || d.Progress == nil || d.Progress.Percent != 63 || !d.Progress.Known || len(d.Done) != 2 || d.Done[0].State != ui.Good || d.Done[1].State != ui.Running {
		t.Errorf("what is done: %+v", d)
	}
	if f := a.pay(); f == nil || !f.Off {
		t.Errorf("a person who may not pay is offered %+v", f)
	}
}

// Evidence is never called good where a check found something.
func TestEvidence_NeverCallsFlawedFine(t *testing.T) {
	t.Parallel()
	a := affairOf(ticket.Restore, ticket.AwaitingAcceptance)
	a.May.Accept = true
	a.restore = &app.RestoreView{Evidence: restore.Evidence{Host: &restore.Proof{Ended: a.now, ClosedFor: 820, Tables: 494, Rows: 9, Files: 3, Agreement: &restore.Agreement{Contents: 10, Missing: 2}, Warnings: []string{"1 plug-in wants an upgrade"}}}}
	e := a.evidence()
	if e == nil || e.State != ui.Incomplete || len(e.Rows) != 4 || strings.Contains(e.Text, "All checks") {
		t.Errorf("the evidence is %+v", e)
	}
	a.restore.Evidence.Host.RolledBack = true
	if e := a.evidence(); e.State != ui.Failed || !strings.Contains(e.Text, "put back as it was") {
		t.Errorf("a restore that was rolled back is told as %+v", e)
	}
	if f := a.accept(); f == nil || !f.May || f.Accepted {
		t.Errorf("acceptance is %+v", f)
	}
}

// What staff write among themselves, and who of them did what, is in no entry.
func TestThread_HoldsNothingOfTheStaffsOwn(t *testing.T) {
	t.Parallel()
	a := affairOf(ticket.Restore, ticket.Queued)
	note := &app.TicketMessage{}
	note.Internal, note.Author, note.Body = true, ticket.ByStaff, "the customer is difficult"
	answer := &app.TicketMessage{By: ""}
	answer.Author, answer.Body = ticket.ByStaff, "We begin."
	a.Timeline = []app.TicketMoment{
		{At: a.now, Message: note},
		{At: a.now, Message: answer, Staff: true},
		{At: a.now, Verb: "ticket.assigned", By: "Ada", Staff: true},
		{At: a.now, Verb: "ticket.noted", Staff: true},
		{At: a.now, Verb: "ticket.approval_given", By: "Ada", Staff: true},
		{At: a.now, Verb: "ticket.confirmed", By: "Jo Okafor"},
	}
	var all []string
	for _, e := range a.thread() {
		all = append(all, e.Who+"|"+e.Text)
	}
	if got := strings.Join(all, "\n"); got != "Brightside Hosting|We begin.\n|One of our staff agreed.\n|Confirmed by the site’s name, by Jo Okafor." {
		t.Errorf("the thread is\n%s", got)
	}
}

// The moment is read by the person's clock; a rough answer is enough, and what
// cannot be meant is said at its field.
func TestMoment_IsReadByThePersonsClock(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC) // 10:00 in Tokyo
	for _, c := range []struct{ day, clock, want, wrong string }{
		{"2026-11-20", "23:30", "2026-11-20T14:30:00Z", ""},
		{"2026-11-20", "", "2026-11-20T03:00:00Z", ""},
		{"", "09:00", "2026-11-21T00:00:00Z", ""},
		{"", "18:00", "2026-11-20T09:00:00Z", ""},
		{"2026-11-21", "11:00", "2026-11-21T01:00:00Z", ""}, // an hour ahead is now
		{"2026-12-24", "11:00", "", "day"},
		{"1980-01-01", "11:00", "", "day"},
		{"2026-11-20", "noon", "", "clock"},
		{"yesterday", "12:00", "", "day"},
		{"", "", "", ""},
	} {
		wrong := map[string]string{}
		got := (&typed{day: c.day, clock: c.clock}).moment(zone, now, wrong)
		if c.want == "" != got.IsZero() || c.want != "" && got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%q %q is %v, want %s", c.day, c.clock, got, c.want)
		}
		if c.wrong != "" && wrong[c.wrong] == "" || c.wrong == "" && len(wrong) > 0 {
			t.Errorf("%q %q: problems %v", c.day, c.clock, wrong)
		}
	}
	for _, p := range picks(zone, now) {
		if !p.at.Before(now) || p.label == "" {
			t.Errorf("the quick pick %q is %v", p.label, p.at)
		}
	}
}
