package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// wishForm is a request about the site that lacks nothing.
func (h *house) wishForm(do string, more ...string) url.Values {
	at := h.clock.Now().Add(-time.Hour)
	zone, err := time.LoadLocation("Europe/Berlin")
	h.must(err)
	v := url.Values{
		"site": {h.site.String()}, "story": {"I deleted the wrong course at noon (Biology 9b)."}, "day": {at.In(zone).Format("2006-01-02")}, "clock": {at.In(zone).Format("15:04")},
		"want": {"everything"}, "terms": {"yes"}, "do": {do},
	}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// openTicket has an administrator of "own" hand a request in, and gives where
// its page is.
func (h *house) openTicket() string {
	h.t.Helper()
	h.addAs("opener", "admin")
	b := h.visitor("opener")
	got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("send"))
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.to(), "/portal/tickets/") {
		h.t.Fatalf("the request was not taken: %d %q\n%s", got.status, got.to(), text(got))
	}
	h.ticket = got.to()
	return got.to()
}

// ticketTable are the rows of requests, tickets and money. Its ticket is a
// restore that waits for its fee, seen in no version.
func ticketTable() []row {
	const (
		pattern = "/portal/tickets/{number:[0-9]{1,18}}"
		absent  = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
	)
	at := func(p string) func(*house) string { return func(*house) string { return p } }
	of := func(more string) func(*house) string { return func(h *house) string { return h.ticket + more } }
	about := func(p string) func(*house) string {
		return func(h *house) string { return p + "?site=" + h.site.String() }
	}
	see := []int{303, 404, 200, 200, 200, 303, 303, 303, 303, 303}
	return []row{
		{"GET /portal/bring-back", about("/portal/bring-back"), nil, []int{303, 404, 404, 200, 200, 303, 303, 303, 303, 303}},
		{"POST /portal/bring-back", at("/portal/bring-back"), []string{"site", "SITE", "do", "send"}, []int{303, 404, 403, 422, 422, 404, 404, 404, 404, 404}},
		{"POST /portal/bring-back/draft", at("/portal/bring-back/draft"), []string{"site", "SITE", "story", "x"}, []int{303, 404, 403, 200, 200, 404, 404, 404, 404, 404}},
		{"GET /portal/tickets", at("/portal/tickets"), nil, []int{303, 200, 200, 200, 200, 303, 303, 303, 303, 303}},
		{"GET /portal/tickets/new", about("/portal/tickets/new"), nil, []int{303, 200, 200, 200, 200, 303, 303, 303, 303, 303}},
		{"POST /portal/tickets", at("/portal/tickets"), []string{"site", "SITE", "subject", "A question", "body", "How much room have we left?"}, []int{303, 404, 403, 303, 303, 404, 404, 404, 404, 404}},
		{"GET /portal/receipts", at("/portal/receipts"), nil, []int{303, 200, 404, 200, 200, 303, 303, 303, 303, 303}},
		{"GET " + pattern, of(""), nil, see},
		{"GET " + pattern + "/stream", of("/stream"), nil, []int{401, 404, 200, 200, 200, 404, 404, 404, 404, 404}},
		{"GET " + pattern + "/attachments/{file:[0-9a-f-]{36}}", of("/attachments/" + absent), nil, []int{303, 404, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/messages", of("/messages"), []string{"body", "One more thing."}, []int{303, 404, 403, 303, 303, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/payment", of("/payment"), nil, []int{303, 404, 400, 400, 400, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/confirmation", of("/confirmation"), []string{"typed", "own.school.example"}, []int{303, 404, 403, 403, 409, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/acceptance", of("/acceptance"), nil, []int{303, 404, 403, 409, 409, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/reopening", of("/reopening"), []string{"reason", "It is not what I meant."}, []int{303, 404, 403, 409, 409, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/withdrawal", of("/withdrawal"), nil, []int{303, 404, 403, 409, 409, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/watching", of("/watching"), []string{"watch", "yes"}, []int{303, 404, 303, 303, 303, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/access", of("/access"), []string{"hours", "24"}, []int{303, 404, 403, 403, 409, 404, 404, 404, 404, 404}},
		{"POST " + pattern + "/access/{access:[0-9a-f-]{36}}/revocation", of("/access/" + absent + "/revocation"), nil, []int{303, 404, 403, 403, 409, 404, 404, 404, 404, 404}},
	}
}

// A ticket of another tenant's is as if there were none, whatever is sent.
func TestTicket_OfAnotherTenantIsAsIfThereWereNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	own := h.openTicket()
	b := h.signIn(stranger)
	plain := func(a answer) string { return strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "") }
	const absent = "/portal/tickets/999999"
	for _, more := range []string{"", "/stream", "/attachments/0190b3a0-7c1e-7d2a-9c3b-0123456789ab", "?payment=done"} {
		if got := b.get(own + more); got.status != http.StatusNotFound || plain(got) != plain(b.get(absent+more)) {
			t.Errorf("GET %s is told apart from none: %d", more, got.status)
		}
	}
	for _, more := range []string{"messages", "payment", "confirmation", "acceptance", "reopening", "withdrawal", "watching", "access", "access/0190b3a0-7c1e-7d2a-9c3b-0123456789ab/revocation"} {
		form := []string{"version", "1", "body", "x", "typed", "own.school.example", "reason", "because", "hours", "24", "watch", "yes"}
		if got := b.post(own+"/"+more, form...); got.status != http.StatusNotFound || plain(got) != plain(b.post(absent+"/"+more, form...)) {
			t.Errorf("POST %s is told apart from none: %d", more, got.status)
		}
	}
	if got := b.get("/portal/tickets"); strings.Contains(got.body, "own.school") {
		t.Error("the list shows another tenant's ticket")
	}
	if got := b.do(http.MethodPost, "/portal/bring-back/draft", h.wishForm("keep")); got.status != http.StatusNotFound {
		t.Errorf("a draft about another tenant's site: %d", got.status)
	}
}

// A form that another web site sends in somebody's name changes nothing.
func TestForms_OfAnotherSiteAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	own := h.openTicket()
	b := h.visitor("opener")
	for _, path := range []string{"/portal/bring-back", "/portal/bring-back/draft", "/portal/tickets", own + "/messages", own + "/withdrawal", own + "/access"} {
		if got := b.do(http.MethodPost, path, h.wishForm("send"), "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("%s from elsewhere: %d", path, got.status)
		}
	}
}
