package dash_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// question opens a ticket of the tenant "own".
func (h *house) question(subject string) id.Ticket {
	h.t.Helper()
	tenants, err := h.app.ListTenants(h.t.Context(), authz.Console())
	h.must(err)
	var own id.Tenant
	for _, t := range tenants {
		if t.Slug == "own" {
			own = t.ID
		}
	}
	made, err := h.app.SubmitTicket(h.t.Context(), authz.Console(), app.Draft{Tenant: own, Kind: ticket.Support, Subject: subject, Body: "How do I see my copies? " + hostile}, "", nil)
	h.must(err)
	return made
}

// Tickets that wait stand on Today, are found by their words and their number,
// and are answered, noted and assigned on a page of their own.
func TestDesk_ATicketIsSeenFoundAndAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	of := h.question("Where are our copies? " + hostile)
	b := h.signIn("support")
	h.wantAll(b.get("/today"), "1 ticket waits for us")
	h.wantAll(b.get("/find/options?q=copies"), "Where are our copies?", "/tickets/"+of.String())
	path := "/tickets/" + of.String()
	got := b.get(path)
	h.wantAll(got, "our first answer", "How do I see my copies?", "Decline", "Merge into another ticket")
	h.wantNone(got, "<script>alert")
	version := func() string {
		m := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(b.get(path).body)
		if m == nil {
			t.Fatal("no form on the page")
		}
		return m[1]
	}
	old := version()
	if got := b.post(path+"/messages", "version", old, "body", "On the site's page.", "as", "reply"); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got := b.post(path+"/messages", "version", version(), "body", "Staff alone read this.", "as", "note"); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	h.wantAll(b.get(path), "On the site&#39;s page.", "Staff alone read this.", "note: staff only")
	for name, c := range map[string]struct {
		form []string
		want int
		says string
	}{
		"an old version":  {[]string{"version", old, "body", "late", "as", "reply"}, http.StatusConflict, "Somebody else changed this ticket"},
		"no version":      {[]string{"body", "x", "as", "reply"}, http.StatusUnprocessableEntity, "open the page again"},
		"nothing written": {[]string{"version", version(), "body", " ", "as", "reply"}, http.StatusUnprocessableEntity, "field-problem"},
		"nobody to read":  {[]string{"version", version(), "body", "x", "as", "x"}, http.StatusUnprocessableEntity, "Choose who reads it"},
	} {
		if got := b.post(path+"/messages", c.form...); got.status != c.want || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %d, want %d with %q\n%s", name, got.status, c.want, c.says, got.body)
		}
	}
	if got := b.post(path+"/closure", "version", version(), "text", "It was answered."); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	h.wantAll(b.get("/tickets?look=ended"), "Where are our copies?", "closed")
	h.wantAll(b.get("/tickets?look=nonsense"), "none of the looks")
	h.wantAll(b.get("/today"), "ticket")
}

// A canned reply is written, filled in and run as a macro.
func TestDesk_CannedRepliesAreFilledInAndRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	of := h.question("A question")
	b := h.signIn("support")
	if got := b.post("/replies", "name", "Done", "body", "Dear {customer}, #{number} is done. "+hostile, "act", "close"); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got := b.post("/replies", "name", "Done", "body", "the same name"); got.status != http.StatusConflict && got.status != http.StatusUnprocessableEntity {
		t.Errorf("a name twice: %d", got.status)
	}
	list := b.get("/replies")
	h.wantAll(list, "Done", "close the ticket")
	m := regexp.MustCompile(`/replies\?edit=([0-9a-f-]{36})`).FindStringSubmatch(list.body)
	if m == nil {
		t.Fatal("no reply to edit")
	}
	h.wantAll(b.get("/replies?edit="+m[1]), "Edit a reply")
	page := b.get("/tickets/" + of.String() + "?reply=" + m[1])
	h.wantAll(page, "is done.")
	h.wantNone(page, "{number}", "<script>alert")
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page.body)[1]
	if got := b.post("/tickets/"+of.String()+"/macro", "version", version, "macro", m[1]); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	v, err := h.app.Ticket(t.Context(), authz.Console(), of)
	h.must(err)
	if v.Ticket.State != ticket.Closed {
		t.Errorf("the ticket is %s", v.Ticket.State)
	}
	if got := b.post("/replies/" + m[1] + "/deletion"); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}
}
