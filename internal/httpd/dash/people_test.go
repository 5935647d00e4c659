package dash_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/mail"
	"holdfast/internal/tenant"
	"holdfast/internal/testkit"
)

// mailHouse is a house whose mails go to a real SMTP server.
func mailHouse(t *testing.T) (*house, *testkit.SMTP) {
	t.Helper()
	h, s := newHouse(t), testkit.NewSMTP(t, nil)
	m, err := mail.Open("smtp://"+s.Addr, "backup@hoster.example", clock.System{})
	h.must(err)
	h.app.UsePeople(app.People{Mailer: m, URL: "https://h.example", Product: "Bright Hosting"})
	return h, s
}

// post sends what waits in the outbox, as River would.
func (h *house) post() {
	h.t.Helper()
	c, err := pgx.Connect(h.t.Context(), h.url)
	h.must(err)
	defer c.Close(context.Background()) //nolint:errcheck // done with it
	rows, err := c.Query(h.t.Context(), `SELECT id::text FROM mail_outbox WHERE state = 'queued' ORDER BY created_at, id`)
	h.must(err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	h.must(err)
	for _, n := range names {
		m, err := id.Parse[id.Mail](n)
		h.must(err)
		h.must(h.app.SendMail(h.t.Context(), m))
	}
}

var mailedLink = regexp.MustCompile(`https://h\.example(/\S+)`)

// path gives where a letter's link leads.
func path(t *testing.T, l testkit.Letter) string {
	t.Helper()
	m := mailedLink.FindStringSubmatch(l.Text)
	if m == nil {
		t.Fatalf("no link in:\n%s", l.Text)
	}
	return m[1]
}

func TestMailLink_SignsACustomerInOnce(t *testing.T) {
	t.Parallel()
	h, s := mailHouse(t)
	h.addPerson("viewer")
	b := h.browser()
	if got := b.get("/sign-in"); !strings.Contains(got.body, "Send me a link by mail") || !strings.Contains(got.body, "Bright Hosting") {
		t.Error("the sign-in page does not lead to it")
	}
	if got := b.post("/sign-in/link", "email", "viewer@school.example"); got.status != http.StatusOK || !strings.Contains(got.body, "on its way") {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	h.post()
	to := path(t, s.Next())
	// A program that looks into mails opens the link: that spends nothing.
	for range 3 {
		if got := h.browser().get(to); got.status != http.StatusOK || !strings.Contains(got.body, "viewer@school.example") {
			t.Fatalf("%d\n%s", got.status, got.body)
		}
	}
	h.wantTo(b.post(to), http.StatusSeeOther, "/sites")
	if b.get("/sites").status != http.StatusOK {
		t.Error("the link opened nothing")
	}
	// It is no password: what is dangerous asks for that.
	h.wantTo(b.get("/account/password"), http.StatusSeeOther, "/sign-in/again?next=%2Faccount%2Fpassword")
	for _, got := range []answer{h.browser().get(to), h.browser().post(to), h.browser().get("/sign-in/link/made-up"), h.browser().get("/sign-in/reset/made-up"), h.browser().get("/invitation/made-up")} {
		if got.status != http.StatusNotFound || !strings.Contains(got.body, "opens nothing") {
			t.Errorf("a spent or made-up link: %d", got.status)
		}
	}
	h.wantEvents("account.link_made", "account.signed_in", "account.sign_in_failed")
}

func TestMailLink_AsksForTheSecondFactorToo(t *testing.T) {
	t.Parallel()
	h, s := mailHouse(t)
	in := h.signIn("viewer")
	in.post("/account/second-factor", "code", authenticator(t, in.get("/account/second-factor").body)(0))
	h.post()
	if l := s.Next(); !strings.Contains(l.Subject, "authenticator was added") {
		t.Errorf("%q", l.Subject)
	}
	b := h.browser()
	b.post("/sign-in/link", "email", "viewer@school.example")
	h.post()
	h.wantTo(b.post(path(t, s.Next())), http.StatusSeeOther, "/sign-in/code")
	if b.get("/sites").status != http.StatusSeeOther {
		t.Error("the link alone opens pages")
	}
}

func TestMailLink_AnswersTheSameForEverybody(t *testing.T) {
	t.Parallel()
	h, _ := mailHouse(t)
	h.addPerson("viewer")
	h.addPerson("owner")
	for _, form := range []string{"/sign-in/link", "/sign-in/reset"} {
		var first string
		for _, email := range []string{"viewer@school.example", "owner@school.example", "nobody@school.example"} {
			got := h.browser().post(form, "email", email)
			body := strings.ReplaceAll(got.body, email, "")
			body = regexp.MustCompile(`nonce="[^"]*"`).ReplaceAllString(body, "")
			if first == "" {
				first = body
			}
			if got.status != http.StatusOK || body != first {
				t.Errorf("%s tells of %s: %d", form, email, got.status)
			}
		}
	}
}

func TestMailLink_IsNotAskedForWithoutEnd(t *testing.T) {
	t.Parallel()
	h, _ := mailHouse(t)
	b := h.browser()
	for range 3 {
		b.post("/sign-in/link", "email", "nobody@school.example")
	}
	if got := b.post("/sign-in/link", "email", "Nobody@school.example"); got.status != http.StatusTooManyRequests {
		t.Errorf("a fourth mail to one address: %d", got.status)
	}
	for i := range 7 {
		b.post("/sign-in/reset", "email", string(rune('a'+i))+"@school.example")
	}
	if got := b.post("/sign-in/reset", "email", "z@school.example"); got.status != http.StatusTooManyRequests {
		t.Errorf("an eleventh mail from one network: %d", got.status)
	}
	h.clock.Add(15 * time.Minute)
	if got := b.post("/sign-in/link", "email", "nobody@school.example"); got.status != http.StatusOK {
		t.Errorf("after the wait: %d", got.status)
	}
}

func TestReset_SetsANewPasswordAndEndsEverySession(t *testing.T) {
	t.Parallel()
	h, s := mailHouse(t)
	old := h.signIn("owner")
	b := h.browser()
	b.post("/sign-in/reset", "email", "owner@school.example")
	h.post()
	to := path(t, s.Next())
	if got := b.get(to); got.status != http.StatusOK || !strings.Contains(got.body, `autocomplete="new-password"`) {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got := b.post(to, "password", "qwertyuiop1234"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Password:") {
		t.Errorf("a bad password: %d", got.status)
	}
	h.wantTo(b.post(to, "password", "seven purple boats"), http.StatusSeeOther, "/sign-in?password-set=1")
	if old.get("/sites").status != http.StatusSeeOther || b.get("/sites").status != http.StatusSeeOther {
		t.Error("a session is open after the reset")
	}
	if got := b.post(to, "password", "eight purple boats"); got.status != http.StatusNotFound {
		t.Errorf("the link works twice: %d", got.status)
	}
	if got := b.post("/sign-in", "email", "owner@school.example", "password", "seven purple boats"); got.status != http.StatusSeeOther {
		t.Errorf("the new password: %d", got.status)
	}
}

func TestInvitation_FromAnAdminToAMember(t *testing.T) {
	t.Parallel()
	h, s := mailHouse(t)
	admin := h.signIn("admin")
	page := admin.get("/people")
	if page.status != http.StatusOK || !strings.Contains(page.body, "admin@school.example") || !strings.Contains(page.body, `href="/people"`) {
		t.Fatalf("%d\n%s", page.status, page.body)
	}
	if got := admin.post("/people/invitations", "email", "not an address", "role", "member"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Email:") || !strings.Contains(got.body, "aria-invalid") {
		t.Errorf("a bad address: %d", got.status)
	}
	h.wantTo(admin.post("/people/invitations", "email", "Neu@school.example", "role", "member", "tenant", "own"), http.StatusSeeOther, "/people?tenant=own")
	h.post()
	l := s.Next()
	to := path(t, l)
	if l.To != "neu@school.example" || !strings.Contains(l.Text, "as member") {
		t.Errorf("%+v", l)
	}
	b := h.browser()
	if got := b.get(to); got.status != http.StatusOK || !strings.Contains(got.body, "is invited as member") {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got := b.post(to, "name", "", "password", "seven purple boats"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Name:") {
		t.Errorf("no name: %d", got.status)
	}
	h.wantTo(b.post(to, "name", "Neu", "password", "seven purple boats"), http.StatusSeeOther, "/sites")
	if got := b.get("/sites"); got.status != http.StatusOK || !strings.Contains(got.body, "own.school.example") {
		t.Errorf("%d", got.status)
	}
	if got := b.get("/people"); got.status != http.StatusNotFound {
		t.Errorf("a member sees the people: %d", got.status)
	}
	if got := h.browser().post(to, "name", "Neu", "password", "seven purple boats"); got.status != http.StatusNotFound {
		t.Errorf("accepted twice: %d", got.status)
	}
	// Removed, they see nothing of it at the next click.
	removal := regexp.MustCompile(`action="(/people/[0-9a-f-]{36}/removal)"`).FindStringSubmatch(admin.get("/people").body)
	if removal == nil {
		t.Fatal("nobody can be removed")
	}
	h.wantTo(admin.post(removal[1]), http.StatusSeeOther, "/people")
	if got := b.get("/sites"); strings.Contains(got.body, "own.school.example") {
		t.Error("who was removed still sees the sites")
	}
	h.wantEvents("account.signed_in", "invitation.made", "invitation.accepted", "account.signed_in", "account.member_removed")
}

func TestInvitation_OfStaffLeadsToASecondFactorWhereItIsRequired(t *testing.T) {
	t.Parallel()
	h, s := mailHouse(t)
	owner := h.signIn("owner")
	h.wantTo(owner.post("/people/invitations", "email", "sue@h.example", "role", "support"), http.StatusSeeOther, "/people")
	h.post()
	to := path(t, s.Next())
	h.app.UsePeople(app.People{Rules: identity.Rules{StaffSecondFactor: true}, URL: "https://h.example"})
	b := h.browser()
	h.wantTo(b.post(to, "name", "Sue", "password", "seven purple boats"), http.StatusSeeOther, "/account/second-factor")
	h.wantTo(b.get("/sites"), http.StatusSeeOther, "/account/second-factor")
}

func TestPeople_WithoutMailSaysSoAndTheConsoleMakesTheLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.app.UsePeople(app.People{URL: "https://h.example"})
	owner := h.signIn("owner")
	if got := owner.get("/people"); !strings.Contains(got.body, "holdfast user invite") || strings.Contains(got.body, `action="/people/invitations"`) {
		t.Errorf("the page does not say that no mail is set up:\n%s", got.body)
	}
	for _, p := range []string{"/sign-in/link", "/sign-in/reset"} {
		if got := h.browser().get(p); !strings.Contains(got.body, "No mail is set up here") || strings.Contains(got.body, "<form") {
			t.Errorf("%s does not say so", p)
		}
	}
	if got := h.browser().get("/sign-in"); strings.Contains(got.body, "by mail") {
		t.Error("the sign-in page offers what there is not")
	}
	made, err := h.app.Invite(t.Context(), authz.Console(), app.NewInvitation{Email: "sue@h.example", Staff: tenant.Support})
	h.must(err)
	u, err := url.Parse(made.Link)
	h.must(err)
	if made.Mailed {
		t.Error("a mail is said to be on its way")
	}
	h.wantTo(h.browser().post(u.Path, "name", "Sue", "password", "seven purple boats"), http.StatusSeeOther, "/sites")
	link, err := h.app.MakeResetLink(t.Context(), authz.Console(), "sue@h.example")
	h.must(err)
	u, err = url.Parse(link)
	h.must(err)
	h.wantTo(h.browser().post(u.Path, "password", "eight purple boats"), http.StatusSeeOther, "/sign-in?password-set=1")
}

func TestPeople_AnOwnerResetsFactorsDisablesAndEnables(t *testing.T) {
	t.Parallel()
	h, _ := mailHouse(t)
	owner, b := h.signIn("owner"), h.signIn("operator")
	b.post("/account/second-factor", "code", authenticator(t, b.get("/account/second-factor").body)(0))
	act := func(what string) string {
		t.Helper()
		m := regexp.MustCompile(`action="(/people/[0-9a-f-]{36}/` + what + `)"`).FindStringSubmatch(owner.get("/people").body)
		if m == nil {
			t.Fatalf("nothing offers %s", what)
		}
		return m[1]
	}
	h.wantTo(owner.post(act("factor-reset")), http.StatusSeeOther, "/people")
	if b.get("/sites").status != http.StatusSeeOther {
		t.Error("a session outlived its factors")
	}
	h.wantTo(h.browser().post("/sign-in", "email", "operator@school.example", "password", password), http.StatusSeeOther, "/sites")
	b = h.signInAgain("operator")
	h.wantTo(owner.post(act("disabling")), http.StatusSeeOther, "/people")
	if b.get("/sites").status != http.StatusSeeOther {
		t.Error("a disabled account still opens pages")
	}
	if got := h.browser().post("/sign-in", "email", "operator@school.example", "password", password); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a disabled account signs in: %d", got.status)
	}
	h.wantTo(owner.post(act("enabling")), http.StatusSeeOther, "/people")
	h.signInAgain("operator")
}
