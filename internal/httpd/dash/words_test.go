package dash_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
)

var tags = regexp.MustCompile(`<[^>]*>|\s+`)

// text is what a reader sees of a page.
func text(a answer) string {
	s := tags.ReplaceAllString(a.body, " ")
	for _, r := range [][2]string{{"&#34;", `"`}, {"&#39;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return strings.Join(strings.Fields(s), " ")
}

func says(t *testing.T, a answer, wants ...string) {
	t.Helper()
	got := text(a)
	if a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	for _, w := range wants {
		if !strings.Contains(got, w) {
			t.Errorf("the page does not say %q:\n%s", w, got)
		}
	}
}

func TestFleet_SaysWhatIsAtRisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	staff, customer := h.signIn("auditor"), h.signIn(stranger)
	says(t, staff.get("/sites"), "2 lack a good copy of a kind.", "All 2", "No copy yet 2", "Late 0", "host-a")
	h.fill()
	got := staff.get("/sites")
	says(t, got, "1 fails, 1 has an incomplete copy and 2 lack a good copy of a kind", "Moodle 4.5.6+", "incomplete", "outside the allowed roots.")
	if body := text(got); strings.Index(body, "other.school.example/moodle") > strings.Index(body, "own.school.example") {
		t.Error("the worst does not stand first")
	}
	says(t, staff.get("/sites?q=nothing-like-it"), "No site matches")
	says(t, staff.get("/sites?filter=damaged"), "No site matches")
	says(t, customer.get("/sites"), "Your site needs a look: it does not have good copies of both kinds.")
}

func TestFleet_OfACustomerOfTwoOrganisationsHasAChooser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn(both)
	says(t, b.get("/sites"), "own.school.example", "other.school.example/moodle", "own"+hostile, "other"+hostile)
	got := b.get("/sites?tenant=own")
	says(t, got, "own.school.example")
	if strings.Contains(text(got), "other.school.example") {
		t.Error("the choice of one organisation shows the other's site")
	}
	if got := b.get("/sites?tenant=no-such"); got.status != http.StatusNotFound {
		t.Errorf("an organisation that is not there: %d", got.status)
	}
}

func TestSite_SaysWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("viewer")
	says(t, b.get("/sites/own.school.example"), "There is no copy of this site yet", "The first is on its way.", "not known yet")
	h.fill()
	got := b.get("/sites/own.school.example")
	says(t, got, "would lose at most 2 h 10 min of files and 2 h 10 min of grades", "How long it takes to come back was not measured yet.",
		"Moodle 4.5.6+ on host-a · MariaDB 10.11.14 · Europe/Berlin", "2 files could not be read", "(permission denied) and 1 more", "40,615", "44.2 GB", "41.2 MB stored",
		"moodledata/cache Moodle makes it anew 18,402 212 MB", "1 table · 40,615 rows", "prefix mdl_")
	if strings.Contains(got.body, "Back up now") {
		t.Error("a viewer is offered what they may not do")
	}
	if !strings.Contains(got.body, " CET\"") {
		t.Error("the exact times are not in the site's zone")
	}
	h.clock.Add(50 * time.Minute)
	says(t, h.signIn("member").get("/sites/"+h.site.String()), "would lose at most 3 h of files", "Back up now")
}

func TestRuns_SayHowFarTheyAreAndWhoIsSilent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("billing")
	says(t, b.get("/runs"), "4 runs wait for their hosts.", "No run has ended yet.")
	l := h.lease()
	h.beat(l[0], agentproto.Progress{Phase: "storing", DoneFiles: 311204, TotalFiles: 412331, DoneBytes: 750_000, TotalBytes: 1_000_000})
	h.beat(l[1], agentproto.Progress{Phase: "walking"})
	h.clock.Add(30 * time.Second)
	says(t, b.get("/runs"), "2 runs", " move ", "311,204 of 412,331 files", "75 %", "walking the folders", "so far", "on host-a")
	h.clock.Add(26 * time.Minute)
	says(t, b.get("/runs"), "2 runs are out of reach: the host does not answer.", "Host-a has not answered for 2")
	h.exec(`UPDATE host SET last_seen_at = now() - interval '27 minutes'`)
	says(t, b.get("/hosts"), "The one host, host-a , is silent", "older than this control plane, which is 1.0.0", "2 of 4")
	says(t, b.get("/queue"), "ready for a worker; nothing failed.", "dispatch_run", "waiting")
}
