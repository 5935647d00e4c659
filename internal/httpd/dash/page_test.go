package dash_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
)

func TestForms_FromAnotherSiteAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("admin")
	path := "/sites/" + h.site.String() + "/backups"
	before, err := h.app.ListRuns(t.Context(), authz.Console(), app.RunQuery{})
	h.must(err)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		got := b.do(http.MethodPost, path, url.Values{"kind": {"all"}}, header...)
		if got.status != http.StatusForbidden || !strings.Contains(got.body, "nothing was done") {
			t.Errorf("%v: %d\n%s", header, got.status, got.body)
		}
	}
	after, err := h.app.ListRuns(t.Context(), authz.Console(), app.RunQuery{})
	h.must(err)
	if len(after) != len(before) {
		t.Error("a refused form started something")
	}
	if got := b.do(http.MethodPost, path, url.Values{"kind": {"all"}}, "Sec-Fetch-Site", "same-origin", "Origin", h.web.URL); got.status != http.StatusSeeOther {
		t.Errorf("our own form: %d", got.status)
	}
}

func TestForms_BadInputNamesItsField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	run := "/runs/" + h.openRun().String() + "/cancellation"
	for _, c := range []struct {
		got  answer
		want string
	}{
		{b.post("/sites/"+h.site.String()+"/backups", "kind", "everything"), "Kind: &#34;everything&#34; must be database, data or all."},
		{b.post(run), "Reason: say in a few words why"},
		{b.post(run, "reason", strings.Repeat("ü", 301)), "Reason: say in a few words why"},
		{b.get("/queue?state=lost"), "State: &#34;lost&#34; is not a state of a job."},
		{b.get("/sites?filter=lost"), "Filter: &#34;lost&#34; is not one of the choices"},
		{b.get("/sites?q=" + strings.Repeat("a", 201)), "Q: look for less"},
		{h.browser().post("/sign-in", "email", "", "password", "x"), "Email: type the address"},
		{h.browser().post("/sign-in", "email", "a@b", "password", ""), "Password: type your password."},
		{h.browser().post("/sign-in", "email", "a@b", "password", strings.Repeat("x", 257)), "Password: type your password."},
	} {
		if c.got.status != http.StatusUnprocessableEntity || !strings.Contains(c.got.body, c.want) {
			t.Errorf("%d, without %q:\n%s", c.got.status, c.want, c.got.body)
		}
	}
	if got := b.post("/sign-in", "email", strings.Repeat("x", 70_000)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge form: %d", got.status)
	}
	if got := b.do(http.MethodPost, "/sites/"+h.site.String()+"/backups?%zz", url.Values{}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a damaged form: %d", got.status)
	}
}

func TestBackup_IsAskedForAndJoined(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("member")
	path := "/sites/" + h.site.String()
	if got := b.post(path+"/backups", "kind", "database"); got.header.Get("Location") != path {
		t.Fatalf("asking leads to %d %q", got.status, got.header.Get("Location"))
	}
	if got := b.get(path); !strings.Contains(got.body, "A database copy was asked for.") {
		t.Errorf("nothing says so:\n%s", got.body)
	}
	if got := b.get(path); strings.Contains(got.body, "was asked for.") {
		t.Error("it is said twice")
	}
	b.post(path+"/backups", "kind", "all")
	if got := b.get(path); !strings.Contains(got.body, "A data copy was asked for.") || !strings.Contains(got.body, "A database copy was on its way already") {
		t.Errorf("joining is not said:\n%s", got.body)
	}
	runs, err := h.app.ListRuns(t.Context(), authz.Console(), app.RunQuery{Site: h.site.String(), OnlyOpen: true})
	h.must(err)
	if len(runs) != 2 {
		t.Errorf("%d open runs, want one of each kind", len(runs))
	}
}

func TestCancellation_StopsTheRunOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("support")
	page := "/runs/" + h.openRun().String()
	path := page + "/cancellation"
	if got := b.post(path, "reason", "<b>wrong</b> day"); got.status != http.StatusSeeOther || got.header.Get("Location") != page {
		t.Fatalf("%d", got.status)
	}
	if got := b.get(page); !strings.Contains(got.body, "The run is cancelled.") || !strings.Contains(got.body, "&lt;b&gt;wrong&lt;/b&gt; day") {
		t.Errorf("the page does not say so:\n%s", got.body)
	}
	if got := b.post(path, "reason", "again"); got.status != http.StatusConflict || !strings.Contains(got.body, "cannot cancel") {
		t.Errorf("a second time: %d\n%s", got.status, got.body)
	}
	if got := b.post("/runs/0190b3a0-7c1e-7d2a-9c3b-0123456789ab/cancellation", "reason", "x"); got.status != http.StatusNotFound {
		t.Errorf("a run that is not there: %d", got.status)
	}
}

var (
	values        = regexp.MustCompile(`"[^"]*"`) // of attributes; in texts quotes are escaped
	inlineHandler = regexp.MustCompile(`(?i)<[a-z][^>]*[\s"'/]on[a-z]+\s*=`)
	inlineStyle   = regexp.MustCompile(`(?i)<style|<[a-z][^>]*\sstyle\s*=`)
	script        = regexp.MustCompile(`(?i)<script[^>]*>`)
	nonceOf       = regexp.MustCompile(`'nonce-([A-Z0-9]+)'`)
)

// Every page, full of hostile names: they are text, and nothing on the page
// runs that the policy would not let run.
func TestPages_HoldNoInlineHandlerAndEscapeHostileNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	staff, customer := h.signIn("owner"), h.signIn(both)
	nonces := map[string]bool{}
	evil := "?q=" + url.QueryEscape(hostile)
	pages := map[string]*browser{}
	for _, path := range []string{"/sites", "/sites" + evil, "/sites/" + h.site.String(), "/sites/" + h.other.String(), "/today", "/find", "/find" + evil, "/find/options" + evil, "/runs/" + h.endedRun().String(), "/runs", "/runs?site=" + h.site.String(), "/hosts", "/queue", "/queue?state=available", "/nothing/" + url.PathEscape(hostile), "/runs?site=" + url.QueryEscape(hostile)} {
		pages[path] = staff
	}
	pages["/sign-in?next="+url.QueryEscape(hostile)] = h.browser()
	check := func(path string, b *browser) {
		got := b.get(path)
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s holds a hostile name unescaped", path)
		}
		if m := inlineHandler.FindString(values.ReplaceAllString(got.body, `""`)); m != "" {
			t.Errorf("%s holds an inline handler: %s", path, m)
		}
		if m := inlineStyle.FindString(values.ReplaceAllString(got.body, `""`)); m != "" {
			t.Errorf("%s holds inline style: %s", path, m)
		}
		policy := got.header.Get("Content-Security-Policy")
		nonce := nonceOf.FindStringSubmatch(policy)
		if nonce == nil || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || nonces[nonce[1]] {
			t.Fatalf("%s: the policy is %q", path, policy)
		}
		nonces[nonce[1]] = true
		for _, s := range script.FindAllString(got.body, -1) {
			if !strings.Contains(s, `nonce="`+nonce[1]+`"`) || !strings.Contains(s, " src=") {
				t.Errorf("%s: a script without this answer's nonce: %s", path, s)
			}
		}
		if c := got.header.Get("Cache-Control"); !strings.Contains(c, "no-store") {
			t.Errorf("%s may be kept: %q", path, c)
		}
	}
	for path, b := range pages {
		check(path, b)
	}
	for _, path := range []string{"/sites", "/sites?tenant=own", "/sites/" + h.site.String(), "/runs"} {
		check(path, customer)
	}
}

func TestPages_AreReachedByHeadAndRefuseOtherMethods(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	for _, path := range []string{"/sites", "/runs/stream", "/healthz"} {
		if got := b.do(http.MethodHead, path, nil); got.status != http.StatusOK || got.body != "" {
			t.Errorf("HEAD %s: %d %q", path, got.status, got.body)
		}
	}
	if got := b.do(http.MethodDelete, "/sites", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", got.status)
	}
	got := b.get("/no/such/page")
	if id := got.header.Get("X-Request-Id"); got.status != http.StatusNotFound || len(id) < 20 || !strings.Contains(got.body, id) {
		t.Errorf("%d, without its request id %q:\n%s", got.status, id, got.body)
	}
}

func TestPages_AreCalmWhenTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	h.store.Close()
	for _, path := range []string{"/sites", "/runs/stream"} {
		if got := b.get(path); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "not touched by this") {
			t.Errorf("%s: %d\n%s", path, got.status, got.body)
		}
	}
	if got := b.get("/healthz"); got.status != http.StatusServiceUnavailable {
		t.Errorf("/healthz: %d", got.status)
	}
}

func TestLog_HoldsNoNamesAndNoAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	got := b.get("/sites/own.school.example?q=secret-words")
	b.post("/sign-in", "email", "owner@school.example", "password", "wrong password")
	log := h.log.String()
	for _, no := range []string{"school.example", "secret-words", "wrong password", password, "alert(1)", b.cookie().Value} {
		if strings.Contains(log, no) {
			t.Errorf("the log holds %q:\n%s", no, log)
		}
	}
	if !strings.Contains(log, "request="+got.header.Get("X-Request-Id")) || !strings.Contains(log, "/sites/*") {
		t.Errorf("the log lacks the request:\n%s", log)
	}
}
