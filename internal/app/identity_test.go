package app_test

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/mail"
	"holdfast/internal/tenant"
	"holdfast/internal/testkit"
)

// mailed is a rig whose mails go to a real SMTP server.
func mailed(t *testing.T) (*rig, *testkit.SMTP) {
	t.Helper()
	r, s := newRig(t), testkit.NewSMTP(t, nil)
	m, err := mail.Open("smtp://"+s.Addr, "backup@hoster.example", clock.System{})
	r.must(err)
	r.UsePeople(app.People{Mailer: m, URL: "https://h.example/", Product: "Bright Hosting"})
	return r, s
}

func (r *rig) account(n app.NewAccount) id.Account {
	r.t.Helper()
	n.Password = "seven purple boats"
	made, err := r.AddAccount(r.t.Context(), authz.Console(), n)
	r.must(err)
	return made
}

// outbox gives the mails that wait to be sent.
func (r *rig) outbox() (out []id.Mail) {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), r.URL)
	r.must(err)
	defer c.Close(context.Background()) //nolint:errcheck // done with it
	rows, err := c.Query(r.t.Context(), `SELECT id::text FROM mail_outbox WHERE state IN ('queued', 'failed', 'sending') ORDER BY created_at, id`)
	r.must(err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	for _, n := range names {
		m, err := id.Parse[id.Mail](n)
		r.must(err)
		out = append(out, m)
	}
	return out
}

// post does what the River job of each waiting mail does.
func (r *rig) post() {
	r.t.Helper()
	for _, m := range r.outbox() {
		r.must(r.SendMail(r.t.Context(), m))
	}
}

var links = regexp.MustCompile(`https://h\.example(/\S+)`)

// linked gives the path of a letter's link, and its token.
func linked(t *testing.T, l testkit.Letter) (path, token string) {
	t.Helper()
	m := links.FindStringSubmatch(l.Text)
	if m == nil {
		t.Fatalf("no link in:\n%s", l.Text)
	}
	u, err := url.Parse(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return u.Path, u.Path[strings.LastIndex(u.Path, "/")+1:]
}

func TestMail_IsSentOnceByManyWorkers(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.must(r.AskLink(t.Context(), "Ana@a.example", false))
	m := r.outbox()[0]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := r.SendMail(t.Context(), m); err != nil && !errs.Is(err, errs.Unavailable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.must(r.SendMail(t.Context(), m))
	l := s.Next()
	if path, _ := linked(t, l); !s.Empty() || l.To != "ana@a.example" || !strings.HasPrefix(path, "/sign-in/link/") || l.Subject != "Your link to sign in" {
		t.Errorf("more than one letter, or a wrong one: %+v", l)
	}
	if n := r.Count(`SELECT count(*) FROM mail_outbox WHERE state = 'sent' AND link_sealed IS NULL`); n != 1 {
		t.Errorf("%d mails are sent and keep no link", n)
	}
	if n := r.Count(`SELECT count(*) FROM river.river_job WHERE kind = 'send_mail' AND args::text NOT LIKE '%@%'`); n != 1 {
		t.Errorf("%d jobs hold ids alone", n)
	}
}

func TestMail_IsTriedAgainWithTheSameLinkAndMessageID(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.must(r.AskLink(t.Context(), "ana@a.example", true))
	m := r.outbox()[0]
	s.Answer("451 4.7.1 ana@a.example later")
	if err := r.SendMail(t.Context(), m); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "ana@") {
		t.Fatalf("a server that is busy: %v", err)
	}
	if n := r.Count(`SELECT count(*) FROM mail_outbox WHERE state = 'failed' AND error LIKE '%451%' AND attempt = 1`); n != 1 {
		t.Error("the failure is not on record")
	}
	// The server takes the letter and the line breaks before it says so: then
	// it is sent again, and can be told to be the same.
	s.Answer("drop")
	if err := r.SendMail(t.Context(), m); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("a line that broke: %v", err)
	}
	r.must(r.SendMail(t.Context(), m))
	one, two := s.Next(), s.Next()
	if one.Text != two.Text || one.Header.Get("Message-Id") != two.Header.Get("Message-Id") {
		t.Errorf("the second try is another letter:\n%s\n%s", one.Text, two.Text)
	}
}

func TestMail_OfAProcessThatDiedIsSentAgain(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.must(r.AskLink(t.Context(), "ana@a.example", true))
	m := r.outbox()[0]
	r.SQL(`UPDATE mail_outbox SET state = 'sending', claimed_at = $1, attempt = 1`, r.clock.Now())
	if err := r.SendMail(t.Context(), m); !errs.Is(err, errs.Unavailable) || !s.Empty() {
		t.Fatalf("another process is at it: %v", err)
	}
	r.clock.Add(2*time.Minute + time.Second)
	r.must(r.SendMail(t.Context(), m))
	s.Next()
}

func TestMail_RefusedForGoodIsFinalAndLateIsDropped(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.must(r.AskLink(t.Context(), "ana@a.example", false))
	s.Answer("550 5.1.1 no such user")
	if err := r.SendMail(t.Context(), r.outbox()[0]); !errs.Is(err, errs.Invalid) {
		t.Fatalf("%v", err)
	}
	rows, err := r.ListMail(t.Context(), authz.Console(), 10)
	if err != nil || len(rows) != 1 || rows[0].State != "failed" || !strings.Contains(rows[0].Error, "550") {
		t.Errorf("%+v, %v", rows, err)
	}
	r.clock.Add(16 * time.Minute)
	r.must(r.SendMail(t.Context(), r.outbox()[0]))
	if !s.Empty() || r.Count(`SELECT count(*) FROM mail_outbox WHERE state = 'dropped'`) != 1 {
		t.Error("a letter went out whose link has ended")
	}
}

// Asking for a link does the same rows and jobs whether or not there is an
// account; what there is none for is dropped where nobody sees.
func TestAskLink_TellsNothingOfAccounts(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	r.account(app.NewAccount{Email: "sam@h.example", Name: "Sam", Staff: tenant.Operator})
	gone := r.account(app.NewAccount{Email: "gone@a.example", Name: "Gone", Tenant: "a", Role: tenant.Admin})
	r.must(r.DisableAccount(t.Context(), authz.Console(), gone))
	for _, email := range []string{"ana@a.example", "nobody@a.example", "sam@h.example", "gone@a.example"} {
		before := r.Count(`SELECT count(*) FROM event`)
		r.must(r.AskLink(t.Context(), email, false))
		if r.Count(`SELECT count(*) FROM event`) != before {
			t.Errorf("asking for %s leaves a trace", email)
		}
	}
	if q, j := r.Count(`SELECT count(*) FROM mail_outbox WHERE state = 'queued' AND link_sealed IS NULL`), r.Count(`SELECT count(*) FROM river.river_job WHERE kind = 'send_mail'`); q != 4 || j != 4 {
		t.Errorf("%d rows and %d jobs", q, j)
	}
	r.post()
	if l := s.Next(); l.To != "ana@a.example" || !s.Empty() {
		t.Errorf("a letter to %s, or more", l.To)
	}
	if n := r.Count(`SELECT count(*) FROM mail_outbox WHERE state = 'dropped'`); n != 3 {
		t.Errorf("%d are dropped", n)
	}
}

func TestLink_SignsInOnceWithinFifteenMinutes(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	ana := r.account(app.NewAccount{Email: "ana@a.example", Name: "Ana", Tenant: "a", Role: tenant.Admin})
	ask := func() string {
		r.must(r.AskLink(t.Context(), "ana@a.example", false))
		r.post()
		_, token := linked(t, s.Next())
		return token
	}
	token := ask()
	if n := r.Count(`SELECT count(*) FROM link_token WHERE encode(token_hash, 'escape') LIKE '%' || $1 || '%'`, token); n != 0 {
		t.Error("the token itself is in the database")
	}
	if email, err := r.LookAtLink(t.Context(), token, false); err != nil || email != "ana@a.example" {
		t.Fatalf("%q, %v", email, err)
	}
	if _, err := r.LookAtLink(t.Context(), token, true); !errs.Is(err, errs.Unsigned) {
		t.Errorf("a link to sign in sets a password: %v", err)
	}
	var good, bad sync.Map
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if p, err := r.SignInByLink(t.Context(), app.From{}, token); err == nil && p.Actor.Account == ana {
				good.Store(i, true)
			} else if errs.Is(err, errs.Unsigned) {
				bad.Store(i, true)
			} else {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if g, b := count(&good), count(&bad); g != 1 || b != 5 {
		t.Errorf("%d of six came in, %d were refused", g, b)
	}
	late := ask()
	r.clock.Add(15 * time.Minute)
	if _, err := r.SignInByLink(t.Context(), app.From{}, late); !errs.Is(err, errs.Unsigned) {
		t.Errorf("after 15 minutes: %v", err)
	}
}

func count(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestReset_SetsAPasswordEndsSessionsAndOtherLinks(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	sam := r.account(app.NewAccount{Email: "sam@h.example", Name: "Sam", Staff: tenant.Operator})
	p, err := r.PersonByID(t.Context(), sam)
	r.must(err)
	r.must(r.OpenSession(t.Context(), p, "a session", r.clock.Now().Add(time.Hour), app.From{Device: "x", Address: "y"}, nil))
	var tokens []string
	for range 2 {
		r.must(r.AskLink(t.Context(), "sam@h.example", true))
		r.post()
		_, token := linked(t, s.Next())
		tokens = append(tokens, token)
	}
	if err := r.ResetPassword(t.Context(), app.From{}, tokens[0], "password1234"); !errs.Is(err, errs.Invalid) {
		t.Fatalf("a bad password: %v", err)
	}
	r.must(r.ResetPassword(t.Context(), app.From{}, tokens[0], "eleven green ladders"))
	for _, token := range tokens {
		if err := r.ResetPassword(t.Context(), app.From{}, token, "twelve green ladders"); !errs.Is(err, errs.Unsigned) {
			t.Errorf("a spent link: %v", err)
		}
	}
	if n := r.Count(`SELECT count(*) FROM web_session WHERE NOT ended`); n != 0 {
		t.Errorf("%d sessions go on", n)
	}
	if _, err := r.SignIn(t.Context(), app.From{}, "sam@h.example", "eleven green ladders"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	r.post()
	if l := s.Next(); !strings.Contains(l.Subject, "password was changed") {
		t.Errorf("no notice, but %q", l.Subject)
	}
	late, err := r.MakeResetLink(t.Context(), authz.Console(), "sam@h.example")
	r.must(err)
	r.clock.Add(time.Hour)
	if err := r.ResetPassword(t.Context(), app.From{}, late[strings.LastIndex(late, "/")+1:], "thirteen green ladders"); !errs.Is(err, errs.Unsigned) {
		t.Errorf("after an hour: %v", err)
	}
}
