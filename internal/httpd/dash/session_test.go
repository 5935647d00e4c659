package dash_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/httpd/dash"
)

func TestSignIn_MakesAFreshSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("viewer")
	first := b.cookie()
	if first == nil || len(first.Value) < 40 {
		t.Fatalf("the session's cookie is %v", first)
	}
	// The same browser signs in again: the token that was known before is
	// worth nothing after.
	if got := b.post("/sign-in", "email", "viewer@school.example", "password", password); got.status != http.StatusSeeOther {
		t.Fatalf("sign in again: %d", got.status)
	}
	if b.cookie().Value == first.Value {
		t.Error("signing in kept the token")
	}
	old := h.browser()
	old.setCookie(&http.Cookie{Name: "holdfast", Value: first.Value, Path: "/"})
	if got := old.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("the token from before still opens pages: %d", got.status)
	}
	// A token that somebody made up is not taken over.
	fixed := h.browser()
	fixed.setCookie(&http.Cookie{Name: "holdfast", Value: "chosen-by-an-attacker", Path: "/"})
	if got := fixed.post("/sign-in", "email", "viewer@school.example", "password", password); got.status != http.StatusSeeOther {
		t.Fatalf("sign in: %d", got.status)
	}
	if fixed.cookie().Value == "chosen-by-an-attacker" {
		t.Error("a token that an attacker chose became a session")
	}
}

func TestSession_CookieIsOutOfReach(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *dash.Config) { c.SecureCookies = true })
	h.addPerson("owner")
	got := h.browser().post("/sign-in", "email", "OWNER@school.example ", "password", password)
	c := got.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-holdfast=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"} {
		if !strings.Contains(c, want) {
			t.Errorf("the cookie %q lacks %s", c, want)
		}
	}
	if strings.Contains(c, "Domain") {
		t.Errorf("the cookie %q names a domain", c)
	}
	if got.header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to insist on HTTPS")
	}
}

func TestSignOut_EndsTheSessionAndItsStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("viewer")
	s := b.openStream("/runs/stream")
	kept := *b.cookie()
	if got := b.post("/sign-out"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/sign-in?signed-out=1" {
		t.Fatalf("sign out: %d to %q", got.status, got.header.Get("Location"))
	}
	if got := b.get("/sign-in?signed-out=1"); !strings.Contains(got.body, "You are signed out.") {
		t.Error("nothing says that one is signed out")
	}
	thief := h.browser()
	thief.setCookie(&http.Cookie{Name: "holdfast", Value: kept.Value, Path: "/"})
	if got := thief.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("the old token still opens pages: %d", got.status)
	}
	h.wake.ring()
	if more := s.next(t); more != "" {
		t.Errorf("the stream went on after sign-out: %s", more)
	}
}

func TestSession_OfADisabledAccountOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	if got := b.get("/hosts"); got.status != http.StatusOK {
		t.Fatalf("%d", got.status)
	}
	h.exec(`UPDATE account SET staff_role = NULL`)
	if got := b.get("/hosts"); got.status != http.StatusNotFound {
		t.Errorf("a role that was taken away still opens pages: %d", got.status)
	}
	h.exec(`UPDATE account SET disabled_at = now()`)
	if got := b.get("/hosts"); got.status != http.StatusSeeOther {
		t.Errorf("a disabled account still opens pages: %d", got.status)
	}
}

func TestSignIn_LeadsBackToLocalPagesOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.addPerson("owner")
	for next, want := range map[string]string{
		"": "/sites", "/runs?site=a": "/runs?site=a", "//evil.example": "/sites", "https://evil.example/": "/sites", `/\evil.example`: "/sites",
		"/sign-out": "/sites", "javascript:alert(1)": "/sites", "/%2F/evil.example": "/sites", "/\t/evil.example": "/sites",
	} {
		got := h.browser().post("/sign-in", "email", "owner@school.example", "password", password, "next", next)
		if got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("next=%q leads to %d %q, want %q", next, got.status, got.header.Get("Location"), want)
		}
	}
	if got := h.browser().get("/sites/" + h.site.String() + "?x=1"); got.header.Get("Location") != "/sign-in?next="+url.QueryEscape("/sites/"+h.site.String()+"?x=1") {
		t.Errorf("the way back is %q", got.header.Get("Location"))
	}
}

func TestSignIn_SlowsDownWhoGuesses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.addPerson("owner")
	h.addPerson("viewer")
	b := h.browser()
	for i := range 10 {
		if got := b.post("/sign-in", "email", "owner@school.example", "password", "wrong"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "do not belong together") {
			t.Fatalf("guess %d: %d", i, got.status)
		}
	}
	got := b.post("/sign-in", "email", "Owner@school.example", "password", password)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "Wait 5 min") {
		t.Fatalf("after ten wrong guesses: %d, %q\n%s", got.status, got.header.Get("Retry-After"), got.body)
	}
	if got := b.post("/sign-in", "email", "viewer@school.example", "password", password); got.status != http.StatusSeeOther {
		t.Errorf("somebody else is kept out too: %d", got.status)
	}
	h.clock.Add(5 * time.Minute)
	if got := b.post("/sign-in", "email", "owner@school.example", "password", password); got.status != http.StatusSeeOther {
		t.Errorf("after the wait: %d", got.status)
	}
}

func TestSignIn_SlowsDownOneAddressThatTriesManyAccounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for i := range 30 {
		if got := b.post("/sign-in", "email", string(rune('a'+i))+"@school.example", "password", "wrong"); got.status != http.StatusUnprocessableEntity {
			t.Fatalf("guess %d: %d", i, got.status)
		}
	}
	if got := b.post("/sign-in", "email", "new@school.example", "password", "wrong"); got.status != http.StatusTooManyRequests {
		t.Fatalf("the 31st account of one address: %d", got.status)
	}
}

func TestSignIn_SaysTheSameOfAnAccountThatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.addPerson("owner")
	body := func(email string) string {
		got := h.browser().post("/sign-in", "email", email, "password", "wrong password")
		return strings.ReplaceAll(got.body, email, "")
	}
	if body("owner@school.example") != body("nobody@school.example") {
		t.Error("the page tells whether there is such an account")
	}
}
