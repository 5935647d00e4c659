package main

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/tenant"
	"holdfast/internal/ticket"
)

func (p *plane) ticket(want int, args ...string) string {
	p.t.Helper()
	code, out, complaints := command(p.t, append(append([]string{"ticket"}, args...), p.flags...)...)
	if code != want || want != 0 && strings.Count(strings.TrimSpace(complaints), "\n") > 0 {
		p.t.Fatalf("ticket %v: exit %d, want %d: %s%s", args, code, want, out, complaints)
	}
	return out + complaints
}

// A ticket is listed, shown and worked on by its number, with exit codes and
// JSON that scripts can rely on.
func TestTicket_IsWorkedOnFromTheCommandLine(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	of, err := p.TenantID(t.Context(), authz.Console(), "school")
	p.must(err)
	who := authz.Actor{Name: "customer:1", Memberships: []authz.Membership{{Tenant: of, Role: tenant.Admin}}}
	made, err := p.SubmitTicket(t.Context(), who, app.Draft{Tenant: of, Kind: ticket.Support, Subject: "How far back?", Body: "How far back do our copies reach?"}, "", nil)
	p.must(err)
	other, err := p.SubmitTicket(t.Context(), who, app.Draft{Tenant: of, Kind: ticket.Support, Subject: "The same again", Body: "How far back do they reach?"}, "", nil)
	p.must(err)
	var rows []struct {
		Number  int64
		ID      string
		State   string
		Version int
	}
	p.must(json.Unmarshal([]byte(p.ticket(0, "list", "--text", "far back", "--open", "--json")), &rows))
	if len(rows) != 2 || rows[1].ID != made.String() || rows[1].State != "submitted" {
		t.Fatalf("%+v", rows)
	}
	if out := p.ticket(0, "--sort", "urgent"); !strings.Contains(out, "How far back?") {
		t.Error(out)
	}
	number := "1001"
	if out := p.ticket(0, "show", "#"+number); !strings.Contains(out, "How far back do our copies reach?") {
		t.Error(out)
	}
	p.ticket(0, "note", number, "--text", "They are nice.")
	p.ticket(0, "reply", made.String(), "--text", "Three months.")
	p.ticket(1, "reply", number, "--text", "Twice.", "--version", "2")
	p.ticket(2, "reply", number)
	p.ticket(2, "show", "nonsense")
	p.ticket(1, "show", "999999")
	p.ticket(0, "prioritise", number, "urgent")
	p.ticket(2, "prioritise", number, "most")
	p.ticket(1, "approve", number)
	p.ticket(1, "retry", number, "--text", "Once more.", "--without-safety", "its database cannot be read any more")
	p.ticket(2, "retry", number, "--text", "Once more.", "--without-safety", "short")
	p.ticket(2, "list", "--state", "nonsense")
	p.ticket(0, "ask", number, "--text", "Which site?")
	p.ticket(0, "merge", other.String(), number)
	var shown struct {
		State    string
		Priority string
		Messages []struct {
			Internal bool
			Body     string
		}
	}
	p.must(json.Unmarshal([]byte(p.ticket(0, "show", number, "--json")), &shown))
	if shown.State != "needs_information" || shown.Priority != "urgent" || len(shown.Messages) != 4 || !shown.Messages[1].Internal {
		t.Errorf("%+v", shown)
	}
	p.ticket(0, "close", number, "--text", "Done.")
	p.ticket(1, "close", number)
	if out := p.ticket(0, "reopen", number, "--text", "Not quite."); !strings.Contains(out, "reopened") {
		t.Error(out)
	}
}
