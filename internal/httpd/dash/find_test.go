package dash_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestFind_FindsWhatTheAskerMaySee(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	staff, customer, two := h.signIn("operator"), h.signIn("member"), h.signIn(both)
	got := staff.get("/find?q=SCHOOL")
	h.wantAll(got, ">own.school.example<", ">other.school.example/moodle<", "Back up own.school.example now", "#kind")
	h.wantAll(staff.get("/find?q=own"), "Customers", ">own.school.example<")
	h.wantAll(staff.get("/find?q=host-"), `href="/hosts`, ">host-a<")
	h.wantAll(staff.get("/find?q=qu"), `href="/queue"`)
	got = customer.get("/find?q=school")
	h.wantAll(got, ">own.school.example<", "Back up own.school.example now")
	h.wantNone(got, "other.school.example")
	h.wantNone(customer.get("/find?q=host-a"), ">host-a<")
	h.wantNone(customer.get("/find?q=other"), ">other", "Customers")
	got = two.get("/find?q=school")
	h.wantAll(got, ">own.school.example<", ">other.school.example/moodle<")
	h.wantNone(got, "Back up") // a viewer in both
	run := h.openRun().String()
	h.wantAll(customer.get("/find?q="+run[:18]), "Data copy of own.school.example", "/runs/"+run)
	h.wantAll(customer.get("/find?q="+strings.ToUpper(run)), "/runs/"+run)
	h.wantNone(h.signIn(stranger).get("/find?q="+run), "/runs/"+run)
}

func TestFind_TakesAnyText(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	for _, q := range []string{hostile, "%", "_", `\`, "'; DROP TABLE site; --", "مدرسة", "\u00ad", strings.Repeat("ü", 100), "()", "0190b3a0-7c1e"} {
		for _, path := range []string{"/find?q=", "/find/options?q="} {
			got := b.get(path + url.QueryEscape(q))
			if got.status != http.StatusOK || strings.Contains(got.body, "<script>alert") {
				t.Errorf("%q: %d\n%s", q, got.status, got.body)
			}
		}
	}
	for _, q := range []string{"%FF", "a%00b", strings.Repeat("x", 101)} {
		if got := b.get("/find?q=" + q); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="find-q"`) {
			t.Errorf("%.20q: %d", q, got.status)
		}
	}
	h.wantAll(b.get("/find?q=zzzz"), "Nothing that you may see is called so.")
	h.wantAll(b.get("/find"), `href="/runs?state=failed"`)
	if got := b.get("/find/options?q=own"); strings.Contains(got.body, "<html") || !strings.Contains(got.body, `role="option"`) {
		t.Errorf("the palette is given a page, or nothing:\n%s", got.body)
	}
}
