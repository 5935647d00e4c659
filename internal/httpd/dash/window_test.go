package dash_test

import (
	"net/http"
	"strings"
	"testing"
)

// A window is set on the customer's page once its price is accepted, and stands
// on the pages of the site from then on.
func TestWindow_IsTakenOnceItsPriceIsAccepted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("operator")
	site := "/sites/" + h.site.String()
	if got := b.get(site); !strings.Contains(got.body, "Scheduled backups start at any hour.") || !strings.Contains(got.body, `href="/customers/own/window"`) {
		t.Fatal("the site's page does not lead to its customer's window")
	}
	form := []string{"mode", "hours", "from", "22:00", "to", "06:00"}
	const cost = "08:00, 12:00 and 16:00 are never taken"
	got := b.post("/customers/own/window", form...)
	if got.status != http.StatusConflict || !strings.Contains(got.body, cost) || !strings.Contains(got.body, `value="22:00"`) || !strings.Contains(got.body, `name="accept"`) {
		t.Fatalf("%d, without its price", got.status)
	}
	if strings.Contains(b.get(site).body, "between 22:00") {
		t.Fatal("it holds all the same")
	}
	form = append(form, "accept", "yes")
	if got = b.post("/customers/own/window", form...); got.status != http.StatusSeeOther {
		t.Fatalf("accepted: %d", got.status)
	}
	if got = b.get("/customers/own/window"); !strings.Contains(got.body, "between 22:00 and 06:00") || strings.Contains(got.body, cost) {
		t.Error("the page does not show it")
	}
	page := b.get(site).body
	for _, want := range []string{"Scheduled backups start between 22:00 and 06:00.", "after it is due and the backup window is open"} {
		if !strings.Contains(page, want) {
			t.Errorf("the site's page lacks %q", want)
		}
	}
	// One site otherwise, and none of another customer's.
	form = []string{"mode", "any", "site", "own.school.example"}
	if got = b.post("/customers/own/window", form...); got.status != http.StatusSeeOther {
		t.Fatalf("one site: %d", got.status)
	}
	if got = b.get("/customers/own/window"); !strings.Contains(got.body, "Sites with their own") || !strings.Contains(b.get(site).body, "Scheduled backups start at any hour.") {
		t.Error("the site has no window of its own")
	}
	for field, wrong := range map[string][]string{
		"has no site":          {"mode", "any", "site", "other.school.example/moodle"},
		"type a time of day":   {"mode", "hours", "from", "22", "to", "06:00"},
		"shorter than an hour": {"mode", "hours", "from", "22:00", "to", "22:30"},
		"choose when":          {"mode", "sometimes"},
		"name the site":        {"mode", "customer"},
	} {
		if got := b.post("/customers/own/window", wrong...); got.status != http.StatusUnprocessableEntity || !strings.Contains(strings.ToLower(got.body), field) {
			t.Errorf("%s: %d", field, got.status)
		}
	}
}
