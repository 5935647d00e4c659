package dash_test

import (
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/authz"
	"holdfast/internal/policy"
)

// Staff are told who of them did something; customers that it was our staff.
func TestTimeline_NamesStaffToStaffAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	path := "/sites/" + h.site.String()
	people := map[string]*browser{"operator": h.signIn("operator"), "auditor": h.signIn("auditor"), "viewer": h.signIn("viewer")}
	if got := people["operator"].post(path+"/hold", "reason", "a court asks"); got.status != 303 {
		t.Fatalf("hold: %d", got.status)
	}
	for who, want := range map[string]string{"operator": "by you", "auditor": "(staff)", "viewer": "by our staff"} {
		body := people[who].get(path).body
		at := strings.Index(body, "A legal hold was put on the site")
		if at < 0 {
			t.Fatalf("%s is not told of the hold", who)
		}
		if row := body[at:min(at+900, len(body))]; !strings.Contains(row, want) {
			t.Errorf("%s is not told %q:\n%s", who, want, row)
		}
	}
	if body := people["viewer"].get(path).body; strings.Contains(body, "(staff)") {
		t.Error("a customer is told who of the staff it was")
	}
}

// A policy is given to a site from its own page: looked at first, then done as
// it was shown.
func TestSite_IsGivenAPolicyFromItsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	_, err := h.app.CreatePolicy(t.Context(), authz.Console(), "ours", policy.Default(), "")
	h.must(err)
	b, path := h.signIn("operator"), "/sites/"+h.site.String()
	page := b.get(path).body
	if !strings.Contains(page, `action="`+path+`/policy"`) || !strings.Contains(page, `<option value="ours">`) || strings.Contains(page, `<option value="published">`) {
		t.Fatalf("the form is not on the page, or offers what the site follows already:\n%s", page)
	}
	if strings.Contains(h.signIn("support").get(path).body, `/policy"`) {
		t.Error("support is offered what they may not do")
	}
	seen := b.post(path+"/policy", "site", "own.school.example", "policy", "ours", "do", "preview")
	digest := regexp.MustCompile(`name="digest" value="([^"]+)"`).FindStringSubmatch(seen.body)
	if seen.status != 200 || digest == nil {
		t.Fatalf("preview: %d\n%s", seen.status, seen.body)
	}
	if strings.Contains(b.get(path).body, ">ours</bdi></a>") {
		t.Error("a preview gave the policy")
	}
	if got := b.post("/policies/ours/sites", "site", "own.school.example", "do", "save", "digest", digest[1]); got.status != 303 {
		t.Fatalf("save: %d\n%s", got.status, got.body)
	}
	if !strings.Contains(b.get(path).body, "<bdi>ours</bdi>") {
		t.Error("the site does not follow it")
	}
}

func TestSettings_AreSavedFromTheFormAndSeenByCustomers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	form := []string{
		"version", "0", "hoster_name", "Brightside " + hostile, "support_email", "support@brightside.example", "language", "en", "staff_second_factor", "optional", "session_hours", "8",
		"hours_mon", "09:00 – 13:00, 15:00-18:00", "hours_tue", "", "business_zone", "Europe/Madrid", "second_approval", "yes", "reminder_days", "3", "auto_close_days", "7",
	}
	if got := b.post("/settings/change", form...); got.status != 422 || !strings.Contains(got.body, "one line of 1 to 60 characters") || !strings.Contains(got.body, "15:00-18:00") {
		t.Fatalf("a name with markup: %d\n%s", got.status, got.body)
	}
	form[3] = "Brightside Hosting"
	if got := b.post("/settings/change", form...); got.status != 303 {
		t.Fatalf("save: %d\n%s", got.status, got.body)
	}
	page := b.get("/settings").body
	for _, want := range []string{"Brightside Hosting", "09:00-13:00, 15:00-18:00", "Europe/Madrid", "USD 100.00", "Changed by you"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if got := b.post("/settings/change", form...); got.status != 409 || !strings.Contains(got.body, "Somebody else changed the settings") {
		t.Errorf("an old version: %d\n%s", got.status, got.body)
	}
	for _, body := range []string{h.browser().get("/sign-in").body, h.browser().get("/no-such-page").body, h.signIn("viewer").get("/account").body} {
		if !strings.Contains(body, "Brightside Hosting") || !strings.Contains(body, "mailto:support@brightside.example") {
			t.Errorf("the hoster's name or address is not there:\n%s", body)
		}
	}
	if strings.Contains(b.get("/sites").body, "mailto:") {
		t.Error("staff are told to write to themselves")
	}
}

func TestSettings_ARequiredSecondFactorIsAskedForAtTheNextClick(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	auditor := h.signIn("auditor")
	s, err := h.app.Settings(t.Context())
	h.must(err)
	s.StaffSecondFactor = true
	h.must(h.app.ChangeSettings(t.Context(), authz.Console(), s))
	if got := auditor.get("/sites"); got.status != 303 || got.header.Get("Location") != "/account/second-factor" {
		t.Errorf("%d to %s", got.status, got.header.Get("Location"))
	}
}

// A token is shown once, to the owner, and works until it is revoked.
func TestTokens_AreShownOnceAndRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	made := b.post("/settings/tokens", "name", "monitoring", "role", "staff auditor", "tenant", "", "days", "30")
	token := regexp.MustCompile(`hft_[A-Za-z0-9_-]{20,}`).FindString(made.body)
	if made.status != 200 || token == "" {
		t.Fatalf("%d\n%s", made.status, made.body)
	}
	if who, err := h.app.TokenBearer(t.Context(), token); err != nil || who.Actor.Staff != "auditor" {
		t.Fatalf("%+v, %v", who, err)
	}
	list := b.get("/settings/tokens").body
	if strings.Contains(list, token) || !strings.Contains(list, "monitoring") || !strings.Contains(list, "in force") {
		t.Errorf("the list shows the token, or not that it is there:\n%s", list)
	}
	for _, c := range [][]string{
		{"name", "monitoring", "role", "staff auditor", "days", "30"},
		{"name", "other", "role", "staff owner", "days", "30"},
		{"name", "other", "role", "tenant viewer", "days", "30"},
		{"name", "other", "role", "tenant viewer", "tenant", "no-such", "days", "30"},
		{"name", "other", "role", "staff auditor", "tenant", "own", "days", "30"},
		{"name", "other", "role", "staff auditor", "days", "0"},
		{"name", "other", "role", "staff auditor", "days", "4000"},
	} {
		if got := b.post("/settings/tokens", c...); got.status != 422 || !strings.Contains(got.body, "field-problem") || strings.Contains(got.body, "shown only now") {
			t.Errorf("%v: %d", c, got.status)
		}
	}
	if got := b.post("/settings/tokens/monitoring/revocation"); got.status != 303 {
		t.Fatalf("revoke: %d", got.status)
	}
	if _, err := h.app.TokenBearer(t.Context(), token); err == nil {
		t.Error("a revoked token opens")
	}
}

func TestQueue_AnOperatorCancelsAndRetriesFromThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	page := b.get("/queue").body
	cancel := regexp.MustCompile(`action="(/queue/[0-9]+/cancellation)"`).FindStringSubmatch(page)
	if cancel == nil || !strings.Contains(page, "Hand a run to its host") {
		t.Fatalf("no job to cancel, or none in words:\n%s", page)
	}
	if strings.Contains(h.signIn("support").get("/queue").body, "/cancellation") {
		t.Error("support is offered to cancel")
	}
	got := b.post(cancel[1], "back", "/queue?state=available")
	if got.status != 303 || got.header.Get("Location") != "/queue?state=available" {
		t.Fatalf("%d to %s", got.status, got.header.Get("Location"))
	}
	if got := b.post(cancel[1], "back", "https://elsewhere.example/queue"); got.header.Get("Location") != "/queue" {
		t.Errorf("led to %s", got.header.Get("Location"))
	}
	retry := strings.Replace(cancel[1], "cancellation", "retry", 1)
	if page := b.get("/queue?state=cancelled").body; !strings.Contains(page, retry) {
		t.Errorf("a cancelled job cannot be tried again:\n%s", page)
	}
	b.post(retry)
	if page := b.get("/queue").body; !strings.Contains(page, cancel[1]) {
		t.Error("the job does not wait again")
	}
}

func TestPeople_RolesAreChangedFromThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.signIn("owner")
	h.addPerson("auditor")
	change := regexp.MustCompile(`action="(/people/[0-9a-f-]{36}/role)"`).FindStringSubmatch(owner.get("/people").body)
	if change == nil {
		t.Fatal("no role can be changed")
	}
	if got := owner.post(change[1], "role", "support"); got.status != 303 {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if page := owner.get("/people").body; !strings.Contains(page, `<option value="support" selected>`) {
		t.Error("the role is not changed")
	}
}
