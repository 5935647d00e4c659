package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/mailin"
	"holdfast/internal/tenant"
)

func TestDigest_IsOneLetterAWeekToThoseWhoWantIt(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.host("h", 2)
	r.site("moodle.a.example", "a", "h")
	ana := r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.account(app.NewAccount{Email: "vera@a.example", Name: "Vera", Tenant: "a", Role: tenant.Viewer})
	bo := r.account(app.NewAccount{Email: "bo@a.example", Name: "Bo", Tenant: "a", Role: tenant.Member})
	p, err := r.PersonByID(t.Context(), bo)
	r.must(err)
	r.must(r.SetDigest(t.Context(), p, false))
	r.must(r.UseReplies("replies.h.example"))
	for range 3 { // a Sunday; sweeps come every minute
		r.must(r.Sweep(t.Context()))
		r.post()
	}
	l := s.Next()
	if l.To != "ana@a.example" || !s.Empty() || !strings.Contains(l.Text, "moodle.a.example: database not yet, files not yet") {
		t.Fatalf("%+v", l)
	}
	if n := r.Count(`SELECT count(*) FROM mail_outbox WHERE kind = 'digest'`); n != 1 {
		t.Errorf("%d digests", n)
	}
	r.clock.Set(time.Date(2026, 11, 23, 6, 59, 0, 0, time.UTC))
	r.must(r.Sweep(t.Context()))
	if len(r.outbox()) != 0 {
		t.Error("a digest on Monday before seven")
	}
	r.clock.Set(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC))
	r.must(r.Sweep(t.Context()))
	if n := len(r.outbox()); n != 1 {
		t.Fatalf("%d digests of the next week", n)
	}

	// It comes back: the address gets no more.
	m := r.outbox()[0]
	r.post()
	bounce := mailin.To{Mail: m.UUID()}
	r.must(r.TakeMail(t.Context(), bounce, mailin.Incoming{Kind: mailin.Bounce, Status: "4.4.7"}))
	if _, bounced, err := r.Digest(t.Context(), ana); err != nil || bounced {
		t.Errorf("a delay is taken for a bounce: %v %v", bounced, err)
	}
	for range 2 {
		r.must(r.TakeMail(t.Context(), bounce, mailin.Incoming{Kind: mailin.Bounce, Permanent: true, Status: "5.1.1"}))
	}
	if wanted, bounced, err := r.Digest(t.Context(), ana); err != nil || !bounced || !wanted {
		t.Errorf("the bounce is not on record: %v %v", bounced, err)
	}
	if n := r.Count(`SELECT count(*) FROM event WHERE verb = 'mail.bounced' AND detail::text NOT LIKE '%@%'`); n != 1 {
		t.Errorf("%d events of the bounce", n)
	}
	r.clock.Set(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC))
	r.must(r.Sweep(t.Context()))
	if len(r.outbox()) != 0 {
		t.Error("an address that refuses for good gets mail")
	}
}

func TestTakeMail_OfNobodyIsRefusedForGood(t *testing.T) {
	t.Parallel()
	r, _ := mailed(t)
	r.must(r.UseReplies("replies.h.example"))
	sam := r.account(app.NewAccount{Email: "sam@h.example", Name: "Sam", Staff: "owner"})
	err := r.TakeMail(t.Context(), mailin.To{Ticket: 77, Account: sam.UUID()}, mailin.Incoming{Kind: mailin.Answer, From: "sam@h.example", MessageID: "m", Text: "hello"})
	if no, ok := err.(mailin.Refusal); !ok || !strings.Contains(no.Sentence, "Write from that one") { //nolint:errorlint // the door asks the same
		t.Fatalf("%v", err)
	}
}
