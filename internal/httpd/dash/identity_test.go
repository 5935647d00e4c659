package dash_test

import (
	"encoding/base32"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/identity"
)

// events gives the verbs of all events about accounts, in order.
func (h *house) accountEvents() []string {
	h.t.Helper()
	c, err := pgx.Connect(h.t.Context(), h.url)
	h.must(err)
	defer c.Close(h.t.Context()) //nolint:errcheck // done with it
	rows, err := c.Query(h.t.Context(), `SELECT verb FROM event WHERE subject_kind IN ('account', 'invitation') AND verb <> 'account.added' ORDER BY at, id`)
	h.must(err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	h.must(err)
	return out
}

func (h *house) wantEvents(want ...string) {
	h.t.Helper()
	if got := h.accountEvents(); strings.Join(got, " ") != strings.Join(want, " ") {
		h.t.Errorf("events:\n got %v\nwant %v", got, want)
	}
}

func (h *house) wantTo(got answer, status int, location string) {
	h.t.Helper()
	if got.status != status || got.header.Get("Location") != location {
		h.t.Errorf("%d to %q, want %d to %q\n%s", got.status, got.header.Get("Location"), status, location, got.body)
	}
}

var secretText = regexp.MustCompile(`<code class="command">([A-Z2-7 ]+)</code>`)

// authenticator reads the secret off the page and gives codes, as the app does.
func authenticator(t *testing.T, page string) func(off time.Duration) string {
	t.Helper()
	m := secretText.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no secret on the page:\n%s", page)
	}
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(m[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return func(off time.Duration) string { return identity.TOTPAt(secret, clock.System{}.Now().Add(off)) }
}

var recoveryCode = regexp.MustCompile(`<code>([a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4})</code>`)

func recoveryCodes(page string) (out []string) {
	for _, m := range recoveryCode.FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

var sessionEnd = regexp.MustCompile(`action="(/account/sessions/[0-9a-f-]{36}/end)"`)

func TestAccount_ListsSessionsAndEndsThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one := h.signIn("viewer")
	two, three := h.signInAgain("viewer"), h.signInAgain("viewer")
	page := one.get("/account")
	ends := sessionEnd.FindAllStringSubmatch(page.body, -1)
	if page.status != http.StatusOK || len(ends) != 2 || !strings.Contains(page.body, "this one") || !strings.Contains(page.body, "127.0.0.1") || !strings.Contains(page.body, "a program") {
		t.Fatalf("%d, %d sessions to end:\n%s", page.status, len(ends), page.body)
	}
	h.wantTo(one.post(ends[0][1]), http.StatusSeeOther, "/account")
	in := 0
	for _, b := range []*browser{two, three} {
		if b.get("/sites").status == http.StatusOK {
			in++
		}
	}
	if in != 1 {
		t.Errorf("after one of two was ended, %d are in", in)
	}
	if got := one.post(ends[0][1]); got.status != http.StatusNotFound {
		t.Errorf("ended twice: %d", got.status)
	}
	h.wantTo(one.post("/account/sessions/end-others"), http.StatusSeeOther, "/account")
	if got := one.get("/account"); !strings.Contains(got.body, "1 other session has ended.") || strings.Contains(got.body, "End all other") {
		t.Errorf("after ending all others:\n%s", got.body)
	}
	for _, b := range []*browser{two, three} {
		if b.get("/sites").status == http.StatusOK {
			t.Error("a session that was ended still opens pages")
		}
	}
	h.wantEvents("account.signed_in", "account.signed_in", "account.signed_in", "account.session_ended", "account.other_sessions_ended")
}

func TestAccount_EndsNoSessionOfSomebodyElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	victim := h.signIn("owner")
	h.signInAgain("owner")
	ends := sessionEnd.FindStringSubmatch(victim.get("/account").body)
	if got := h.signIn("admin").post(ends[1]); got.status != http.StatusNotFound {
		t.Errorf("somebody else's session: %d", got.status)
	}
	if n := len(sessionEnd.FindAllString(victim.get("/account").body, -1)); n != 1 {
		t.Errorf("%d other sessions are left, want 1", n)
	}
}

func TestFresh_AsksAgainAfterFifteenMinutesAndComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	if got := b.get("/account/password"); got.status != http.StatusOK {
		t.Fatalf("right after signing in: %d", got.status)
	}
	h.clock.Add(15 * time.Minute)
	h.wantTo(b.get("/account/password?x=1"), http.StatusSeeOther, "/sign-in/again?next=%2Faccount%2Fpassword%3Fx%3D1")
	h.wantTo(b.post("/account/password", "password", "seven purple boats"), http.StatusSeeOther, "/sign-in/again?next=%2Faccount%2Fpassword")
	if got := b.get("/sites"); got.status != http.StatusOK {
		t.Errorf("what is harmless asks too: %d", got.status)
	}
	got := b.get("/sign-in/again?next=%2Faccount%2Fpassword")
	if got.status != http.StatusOK || !strings.Contains(got.body, `value="/account/password"`) {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	if got := b.post("/sign-in/again", "password", "wrong password", "next", "/account/password"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "not your password") {
		t.Errorf("a wrong password: %d", got.status)
	}
	h.wantTo(b.get("/account/password"), http.StatusSeeOther, "/sign-in/again?next=%2Faccount%2Fpassword")
	for _, evil := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)", "/sign-in/again"} {
		h.wantTo(b.post("/sign-in/again", "password", password, "next", evil), http.StatusSeeOther, "/sites")
	}
	h.wantTo(b.post("/sign-in/again", "password", password, "next", "/account/password"), http.StatusSeeOther, "/account/password")
	if got := b.get("/account/password"); got.status != http.StatusOK || !strings.Contains(got.body, "it is you") {
		t.Errorf("after showing the password: %d", got.status)
	}
}

func TestPassword_IsChangedAndOthersEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	other := h.signInAgain("owner")
	for bad, want := range map[string]string{"short": "at least 12", "password1234": "guessed first", "owner.school.example": "your own name", "111111111111111": "repeats"} {
		if got := b.post("/account/password", "password", bad); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) || !strings.Contains(got.body, "Password:") || strings.Contains(got.body, bad+`"`) {
			t.Errorf("%q: %d, without %q", bad, got.status, want)
		}
	}
	h.wantTo(b.post("/account/password", "password", "seven purple boats"), http.StatusSeeOther, "/account")
	if b.get("/sites").status != http.StatusOK || other.get("/sites").status != http.StatusSeeOther {
		t.Error("the wrong session ended")
	}
	if got := h.browser().post("/sign-in", "email", "owner@school.example", "password", password); got.status != http.StatusUnprocessableEntity {
		t.Errorf("the old password still signs in: %d", got.status)
	}
	if got := h.browser().post("/sign-in", "email", "owner@school.example", "password", "seven purple boats"); got.status != http.StatusSeeOther {
		t.Errorf("the new password does not sign in: %d", got.status)
	}
	h.wantEvents("account.signed_in", "account.signed_in", "account.other_sessions_ended", "account.password_changed", "account.sign_in_failed", "account.signed_in")
}

func TestSecondFactor_IsAskedForOnceSetUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	page := b.get("/account/second-factor")
	if page.status != http.StatusOK || !strings.Contains(page.body, `<svg class="qr"`) {
		t.Fatalf("%d\n%s", page.status, page.body)
	}
	code := authenticator(t, page.body)
	if again := b.get("/account/second-factor"); authenticator(t, again.body)(0) != code(0) {
		t.Error("loading the page again made another secret")
	}
	if got := b.post("/account/second-factor", "code", "000000"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Code:") {
		t.Errorf("a wrong code: %d", got.status)
	}
	got := b.post("/account/second-factor", "code", code(0))
	codes := recoveryCodes(got.body)
	if got.status != http.StatusOK || len(codes) != 10 {
		t.Fatalf("%d with %d codes\n%s", got.status, len(codes), got.body)
	}
	if page := b.get("/account"); !strings.Contains(page.body, "10 codes are left") || strings.Contains(page.body, codes[0]) {
		t.Error("the account page does not say how many codes are left, or shows one")
	}
	// Signing in: the password alone opens nothing.
	n := h.browser()
	h.wantTo(n.post("/sign-in", "email", "operator@school.example", "password", password, "next", "/hosts"), http.StatusSeeOther, "/sign-in/code?next=%2Fhosts")
	for _, path := range []string{"/hosts", "/account", "/account/second-factor", "/sign-in/again"} {
		if got := n.get(path); got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/sign-in?next=") {
			t.Errorf("%s opens to half a sign-in: %d %s", path, got.status, got.header.Get("Location"))
		}
	}
	if got := n.post("/sign-in/code", "code", code(0), "next", "/hosts"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("the code of the set-up works a second time: %d", got.status)
	}
	next := code(30 * time.Second)
	h.wantTo(n.post("/sign-in/code", "code", next[:3]+" "+next[3:], "next", "/hosts"), http.StatusSeeOther, "/hosts")
	if n.get("/hosts").status != http.StatusOK {
		t.Error("both factors open nothing")
	}
	// The same code in another browser is used up; a recovery code is not, once.
	m := h.browser()
	m.post("/sign-in", "email", "operator@school.example", "password", password)
	if got := m.post("/sign-in/code", "code", next); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "used already") {
		t.Errorf("a code works twice: %d", got.status)
	}
	h.wantTo(m.post("/sign-in/code", "code", strings.ToUpper(codes[3])), http.StatusSeeOther, "/sites")
	if got := m.get("/account"); !strings.Contains(got.body, "9 codes are left") || !strings.Contains(got.body, "You used a recovery code") {
		t.Errorf("nothing says that a recovery code was used:\n%s", got.body)
	}
	k := h.browser()
	k.post("/sign-in", "email", "operator@school.example", "password", password)
	if got := k.post("/sign-in/code", "code", codes[3]); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a recovery code works twice: %d", got.status)
	}
}

func TestSecondFactor_HalfASignInEndsAfterTenMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("admin")
	codes := recoveryCodes(b.post("/account/second-factor", "code", authenticator(t, b.get("/account/second-factor").body)(0)).body)
	n := h.browser()
	h.wantTo(n.post("/sign-in", "email", "admin@school.example", "password", password), http.StatusSeeOther, "/sign-in/code")
	h.clock.Add(11 * time.Minute)
	h.wantTo(n.get("/sign-in/code"), http.StatusSeeOther, "/sign-in")
	h.wantTo(n.post("/sign-in/code", "code", codes[0]), http.StatusSeeOther, "/sign-in")
}

func TestSecondFactor_GuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("admin")
	b.post("/account/second-factor", "code", authenticator(t, b.get("/account/second-factor").body)(0))
	n := h.browser()
	n.post("/sign-in", "email", "admin@school.example", "password", password)
	for i := range 10 {
		if got := n.post("/sign-in/code", "code", "123456"); got.status != http.StatusUnprocessableEntity {
			t.Fatalf("guess %d: %d", i, got.status)
		}
	}
	if got := n.post("/sign-in/code", "code", "123456"); got.status != http.StatusTooManyRequests {
		t.Errorf("the eleventh guess: %d", got.status)
	}
}

func TestSecondFactor_RequiredOfStaffBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.app.UsePeople(app.People{Rules: identity.Rules{StaffSecondFactor: true}})
	h.addPerson("owner")
	b := h.browser()
	h.wantTo(b.post("/sign-in", "email", "owner@school.example", "password", password, "next", "/hosts"), http.StatusSeeOther, "/account/second-factor")
	for _, path := range []string{"/", "/sites", "/hosts", "/queue", "/account", "/account/password", "/sites/" + h.site.String()} {
		h.wantTo(b.get(path), http.StatusSeeOther, "/account/second-factor")
	}
	if got := b.get("/runs/stream"); got.status != http.StatusUnauthorized {
		t.Errorf("a stream opens before enrolment: %d", got.status)
	}
	h.wantTo(b.post("/sites/"+h.site.String()+"/backups", "kind", "all"), http.StatusSeeOther, "/account/second-factor")
	page := b.get("/account/second-factor")
	if page.status != http.StatusOK || strings.Contains(page.body, "<nav") || !strings.Contains(page.body, "before you go on") {
		t.Fatalf("%d\n%s", page.status, page.body)
	}
	got := b.post("/account/second-factor", "code", authenticator(t, page.body)(0))
	if codes := recoveryCodes(got.body); len(codes) != 10 || !strings.Contains(got.body, `href="/sites"`) {
		t.Fatalf("%d codes\n%s", len(codes), got.body)
	}
	if b.get("/hosts").status != http.StatusOK {
		t.Error("enrolment did not let them in")
	}
	// Giving it up leads back to it; customers are asked for nothing.
	h.wantTo(b.post("/account/second-factor/removal"), http.StatusSeeOther, "/account/second-factor")
	h.wantTo(b.get("/hosts"), http.StatusSeeOther, "/account/second-factor")
	if c := h.signIn("viewer"); c.get("/sites").status != http.StatusOK {
		t.Error("a customer must enrol too")
	}
}
