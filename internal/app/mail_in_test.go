package app_test

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/mail"
	"holdfast/internal/mailin"
	"holdfast/internal/testkit"
	"holdfast/internal/ticket"
)

// mailedBureau is a bureau whose mails go to a real SMTP server, and whose
// tickets are answered by mail.
func mailedBureau(t *testing.T) (*bureau, *testkit.SMTP) {
	t.Helper()
	x, s := newBureau(t), testkit.NewSMTP(t, nil)
	m, err := mail.Open("smtp://"+s.Addr, "backup@hoster.example", clock.System{})
	x.must(err)
	x.UsePeople(app.People{Mailer: m, URL: "https://h.example/", Product: "Bright Hosting"})
	x.must(x.UseReplies("replies.h.example"))
	return x, s
}

// letters sends what waits, what is shared out by it too, and gives what came.
func (x *bureau) letters(s *testkit.SMTP) (out []testkit.Letter) {
	x.t.Helper()
	for len(x.outbox()) > 0 {
		x.post()
	}
	for !s.Empty() {
		out = append(out, s.Next())
	}
	return out
}

func TestTicketMail_GoesToWhomItConcernsAndNobodyElse(t *testing.T) {
	t.Parallel()
	x, s := mailedBureau(t)
	of := x.question("Where are my copies?")
	x.letters(s)
	_, err := x.NoteTicket(t.Context(), x.operator, x.seen(of), say("They ask this each year."))
	x.must(err)
	if got := x.letters(s); len(got) != 0 {
		t.Fatalf("a note of the staff was mailed: %+v", got)
	}
	_, err = x.ReplyTicket(t.Context(), x.operator, x.seen(of), say("Look at the site's page.\n.\nBcc: x@evil.example"))
	x.must(err)
	got := x.letters(s)
	if len(got) != 1 || got[0].To != "member@a.example" {
		t.Fatalf("%d letters: %+v", len(got), got)
	}
	l := got[0]
	for _, want := range []string{"Look at the site's page.", "https://h.example/portal/tickets/", app.AboveMarker} {
		if !strings.Contains(l.Text, want) {
			t.Errorf("no %q in:\n%s", want, l.Text)
		}
	}
	if strings.Contains(l.Text, "each year") || l.Header.Get("Bcc") != "" || strings.ContainsAny(l.Subject, "\r\n") {
		t.Errorf("%+v", l)
	}
	addresses, _ := x.Addresses()
	to, ok := addresses.Read(strings.Trim(l.Header.Get("Reply-To"), "<>"))
	if !ok || to.Ticket != x.look(of).Ticket.Number {
		t.Fatalf("Reply-To: %s", l.Header.Get("Reply-To"))
	}
	if bounce, ok := addresses.Read(l.From); !ok || !bounce.Bounced() {
		t.Errorf("the envelope's sender is %s", l.From)
	}
}

func TestTakeMail_PutsAnAnswerIntoItsTicketOnce(t *testing.T) {
	t.Parallel()
	x, s := mailedBureau(t)
	of := x.question("Where are my copies?")
	_, err := x.AskCustomer(t.Context(), x.operator, x.seen(of), say("Of which site?"))
	x.must(err)
	x.stands(of, ticket.NeedsInformation)
	var to mailin.To
	addresses, _ := x.Addresses()
	for _, l := range x.letters(s) {
		if read, ok := addresses.Read(strings.Trim(l.Header.Get("Reply-To"), "<>")); ok {
			to = read
		}
	}
	answer := mailin.Incoming{Kind: mailin.Answer, From: "member@a.example", MessageID: "m1@a.example", Text: "Of moodle.a.example.", Files: []mailin.File{{Name: "../note.txt", Data: []byte("a note\n")}, {Name: "run.exe", Data: []byte("MZ")}}}
	for range 3 {
		x.must(x.TakeMail(t.Context(), to, answer))
	}
	v := x.stands(of, ticket.Submitted)
	n := 0
	for _, m := range v.Messages {
		if strings.Contains(m.Body, "Of moodle.a.example.") {
			n++
			if len(m.Files) != 1 || m.Files[0].Name != "note.txt" || !strings.Contains(m.Body, "run.exe") {
				t.Errorf("files %+v, body %q", m.Files, m.Body)
			}
		}
	}
	if n != 1 {
		t.Errorf("the answer is there %d times", n)
	}
	refused := map[string]mailin.Incoming{
		"a stranger":          {Kind: mailin.Answer, From: "x@evil.example", MessageID: "m2", Text: "hello"},
		"somebody of theirs":  {Kind: mailin.Answer, From: "viewer@a.example", MessageID: "m3", Text: "hello"},
		"nothing but a quote": {Kind: mailin.Answer, From: "member@a.example", MessageID: "m4"},
	}
	for what, in := range refused {
		var no mailin.Refusal
		if err := x.TakeMail(t.Context(), to, in); !errors.As(err, &no) || no.Sentence == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	x.must(x.TakeMail(t.Context(), to, mailin.Incoming{Kind: mailin.Robot, From: "member@a.example", MessageID: "m5", Why: "Auto-Submitted"}))
	if got := len(x.look(of).Messages); got != len(v.Messages) {
		t.Errorf("%d messages, want %d", got, len(v.Messages))
	}
	if n := x.Count(`SELECT count(*) FROM mail_in WHERE outcome = 'robot'`); n != 1 {
		t.Errorf("%d robots on record", n)
	}
}

func TestTicketMail_EveryKindHasWords(t *testing.T) {
	t.Parallel()
	x, s := mailedBureau(t)
	of := x.ask(ticket.Everything)
	seen := map[string]bool{}
	note := func() {
		for _, l := range x.letters(s) {
			if strings.TrimSpace(l.Subject) == "" || strings.Contains(l.Text, "%!") {
				t.Errorf("%q:\n%s", l.Subject, l.Text)
			}
			seen[l.Subject] = true
		}
	}
	note()
	x.runs(of)
	note()
	for _, want := range []string{"We have your request", "Your payment has arrived", "Your restore has begun"} {
		found := false
		for subject := range seen {
			found = found || strings.Contains(subject, want)
		}
		if !found {
			t.Errorf("no letter %q among %v", want, seen)
		}
	}
}
