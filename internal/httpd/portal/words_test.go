package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
)

func TestSites_SayInOneSentenceHowEachStands(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn(both)
	says(t, b.get("/portal"), "own.school.example", "other.school.example/moodle", "not whole yet", "Its first copies are on their way.", "own"+hostile)
	h.fill(agentproto.OutcomeGood)
	says(t, b.get("/portal"), "All 2 sites are safe", "safe own.school.example Last copied 2 h 10 min ago.")
	says(t, b.get("/portal?tenant=own"), "This site is safe")
	if got := b.get("/portal?tenant=own"); strings.Contains(text(got), "other.school") {
		t.Error("the choice of one organisation shows the other's site")
	}
	if got := b.get("/portal?tenant=no-such"); got.status != http.StatusNotFound {
		t.Errorf("an organisation that is not there: %d", got.status)
	}
	says(t, b.get("/portal?q=nothing-like-it"), "No site of yours has such a name")
	h.exec(`UPDATE schedule SET overdue_at = now() - interval '1 h' WHERE site_id = $1 AND kind = 'database'`, h.site.UUID())
	h.clock.Add(time.Hour)
	says(t, b.get("/portal"), "1 site is not as it should be. Our staff see it too", "late own.school.example The nightly copy is late; our staff see it too. Last copied 3 h 10 min ago.")
	if got := text(b.get("/portal")); strings.Index(got, "own.school.example") > strings.Index(got, "other.school.example") {
		t.Error("the worst does not stand first")
	}
	if strings.Contains(b.get("/portal").body, host) {
		t.Error("a host is named")
	}
}

func TestSites_ASingleOneIsCameToAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("viewer")
	if got := b.get("/portal"); got.status != http.StatusSeeOther || got.to() != "/portal/sites/"+h.site.String() {
		t.Errorf("%d %q", got.status, got.to())
	}
	h.addSite("own", "second.school.example")
	says(t, b.get("/portal"), "own.school.example", "second.school.example")
}

func TestSite_SaysWhatWouldBeLostAndWhatItCanGoBackTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, path := h.signIn("viewer"), "/portal/sites/"+h.site.String()
	says(t, b.get(path), "There is no whole copy of this site yet", "nothing to go back to")
	h.fill(agentproto.OutcomeGood)
	got := b.get(path)
	says(t, got, "your site would lose at most 2 h 10 min of files and 2 h 10 min of grades . How long it takes to come back was not measured yet.",
		"1 moment, back to", "with its files of the same time", "1 database and 1 data copy", "moodledata/cache Moodle makes it anew 212 MB",
		"Automated course backups may lie in moodledata/backup", "Database daily Every day at 00:00 the newest 7", "Files hourly", "the newest 60", "Times by the clock of Europe/Berlin.",
		"Keep a copy before custom development")
	for _, no := range []string{host, "keep-form", "agent", "dispatch", "Good to know"} {
		if strings.Contains(got.body, no) {
			t.Errorf("the page holds %q", no)
		}
	}
	says(t, b.get(path+"?noticed=0"), "The nearest database copy before it is of")
	if got := b.get(path + "?noticed=" + url.QueryEscape(hostile)); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Type how many days ago") || strings.Contains(got.body, "<script>alert") {
		t.Errorf("a moment that is none: %d", got.status)
	}
}

func TestSite_NamesWhatItsNewestCopyLacksAndNothingOfOurs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, path := h.signIn("viewer"), "/portal/sites/"+h.site.String()
	h.fill(agentproto.OutcomeIncomplete)
	says(t, b.get(path), "2 files could not be read", "moodledata/"+hostile, "There is no whole copy of its files yet")
	h2 := newHouse(t)
	h2.fill(agentproto.OutcomeRefused)
	got := h2.signIn("viewer").get("/portal/sites/" + h2.site.String())
	says(t, got, "The last copy of the files did not succeed", "There is none before it yet.")
	if strings.Contains(got.body, host) || strings.Contains(got.body, "allowed roots") {
		t.Errorf("what a machine said of itself is repeated to a customer:\n%s", text(got))
	}
}

func TestPreferences_ChooseWhoseClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	b, path := h.signIn("viewer"), "/portal/sites/"+h.site.String()
	for _, bad := range []string{"Local", "Europe/Nowhere", hostile, "../../etc/passwd", strings.Repeat("x", 300), "Europe/Berlin\x00"} {
		if got := b.post("/portal/preferences", "zone", bad); got.status != http.StatusUnprocessableEntity || strings.Contains(got.body, "<script>alert") {
			t.Errorf("%q: %d", bad, got.status)
		}
	}
	says(t, b.get(path), "Times by the clock of Europe/Berlin.")
	if got := b.post("/portal/preferences", "zone", " Asia/Kathmandu "); got.status != http.StatusSeeOther || got.to() != "/portal/preferences" {
		t.Fatalf("%d %q", got.status, got.to())
	}
	says(t, b.get("/portal/preferences"), "Saved.", "there now, UTC+05:45.")
	says(t, b.get(path), "Times by the clock of Asia/Kathmandu.", "Times of Asia/Kathmandu.")
	if got := b.get(path); !strings.Contains(got.body, " UTC+05:45\"") {
		t.Error("the exact times are not in the chosen zone")
	}
	b.post("/portal/preferences", "zone", "")
	says(t, b.get(path), "Times by the clock of Europe/Berlin.")
}

var (
	values  = regexp.MustCompile(`"[^"]*"`)
	inline  = regexp.MustCompile(`(?i)<style|<[a-z][^>]*[\s/](?:style|on[a-z]+)\s*=`)
	scripts = regexp.MustCompile(`(?i)<script[^>]*>`)
	nonceOf = regexp.MustCompile(`'nonce-([A-Z0-9]+)'`)
)

// Every page, full of hostile names: they are text, and nothing on the page
// runs that the policy would not let run.
func TestPages_HoldNoInlineHandlerAndEscapeHostileNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeIncomplete)
	b := h.signIn("admin")
	b.post("/portal/sites/"+h.site.String()+"/protection", "reason", hostile)
	evil := url.QueryEscape(hostile)
	for _, path := range []string{"/portal?q=" + evil, "/portal?after=" + evil, "/portal?tenant=" + evil, "/portal/sites/" + h.site.String() + "?noticed=" + evil, "/portal/preferences", "/portal/" + url.PathEscape(hostile)} {
		got := b.get(path)
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s holds a hostile name unescaped", path)
		}
		if m := inline.FindString(values.ReplaceAllString(got.body, `""`)); m != "" {
			t.Errorf("%s holds something inline: %s", path, m)
		}
		policy := got.header.Get("Content-Security-Policy")
		nonce := nonceOf.FindStringSubmatch(policy)
		if nonce == nil || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "img-src 'self'") {
			t.Fatalf("%s: the policy is %q", path, policy)
		}
		for _, s := range scripts.FindAllString(got.body, -1) {
			if !strings.Contains(s, `nonce="`+nonce[1]+`"`) {
				t.Errorf("%s: %s", path, s)
			}
		}
		if !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s may be kept", path)
		}
	}
	if got := b.get("/portal?q=" + strings.Repeat("x", 300)); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a long search: %d", got.status)
	}
}
