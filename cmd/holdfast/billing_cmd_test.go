package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/id"
)

// fee makes a restore ticket that waits for its payment, and gives its number.
func (p *plane) fee(subject string) string {
	p.t.Helper()
	c, err := pgx.Connect(p.t.Context(), p.url)
	p.must(err)
	defer func() { _ = c.Close(p.t.Context()) }()
	made := id.New[id.Ticket]()
	var number int64
	p.must(c.QueryRow(p.t.Context(), `INSERT INTO ticket (tenant_id, id, number, kind, state, subject, site_id, created_at, submitted_at, updated_at)
		SELECT tenant_id, $1, nextval('ticket_number'), 'restore', 'awaiting_payment', $2, id, now(), now(), now() FROM site RETURNING number`, made.String(), subject).Scan(&number))
	p.must(p.SquareCharge(p.t.Context(), made))
	return fmt.Sprint(number)
}

func (p *plane) billing(want int, args ...string) string {
	p.t.Helper()
	code, out, complaints := command(p.t, append(append([]string{"billing"}, args...), p.flags...)...)
	if code != want || want != 0 && strings.Count(strings.TrimSpace(complaints), "\n") > 0 {
		p.t.Fatalf("billing %v: exit %d, want %d: %s%s", args, code, want, out, complaints)
	}
	return out + complaints
}

func TestBilling_DecidesAboutFees(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	one, two := p.fee("one"), p.fee("two")
	if out := p.billing(0, "list"); strings.Count(out, "USD 100.00") != 2 || !strings.Contains(out, "due") {
		t.Error(out)
	}
	p.billing(2, "waive", one)
	p.billing(2, "waive", "nonsense", "--reason", "because of us")
	p.billing(1, "waive", "999", "--reason", "because of us")
	if out := p.billing(0, "waive", one, "--reason", "because of us"); !strings.Contains(out, "waived") || !strings.Contains(out, "because of us") {
		t.Error(out)
	}
	p.billing(1, "waive", one, "--reason", "because of us")
	p.billing(2, "offline", two)
	p.billing(0, "offline", two, "--reference", "transfer 17")
	p.billing(2, "refund", two, "--reason", "not needed", "--amount", "50")
	p.billing(2, "refund", two, "--reason", "not needed", "--amount", "all of it")
	p.billing(0, "refund", two, "--reason", "not needed")
	var shown struct {
		Charge struct {
			State string
			Alarm string `json:"needs_a_look"`
		}
		Parts []struct{ What, State string }
	}
	p.must(json.Unmarshal([]byte(p.billing(0, "show", two, "--json")), &shown))
	if shown.Charge.State != "refunding" || shown.Charge.Alarm == "" || len(shown.Parts) != 1 || shown.Parts[0].State != "asked" {
		t.Errorf("%+v", shown)
	}
	if out := p.billing(0, "refund", two, "--by-hand", "transfer 18"); !strings.Contains(out, "refunded") {
		t.Error(out)
	}
	var rows []struct{ State string }
	p.must(json.Unmarshal([]byte(p.billing(0, "list", "--state", "refunded", "--json")), &rows))
	if len(rows) != 1 {
		t.Errorf("%+v", rows)
	}
	p.billing(2, "list", "--state", "nonsense")
	p.billing(0, "reconcile")
	p.billing(0, "events", "--json")
	p.billing(2, "events", "--state", "nonsense")
	p.billing(1, "replay", "evt_none")
}

// No text of a customer's is run by the spreadsheet that opens the export, or
// by the terminal that shows the list.
func TestBilling_ExportRunsNothing(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	hostile := []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1", "a\"b,c\n=1", "\x1b[2J"}
	for _, s := range hostile {
		p.fee(s)
	}
	out := p.billing(0, "export", "--since", "2020-01-01")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	p.must(err)
	if len(rows) != len(hostile)+1 || !slices.Contains(rows[0], "amount") {
		t.Fatalf("%d rows: %s", len(rows), out)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if trimmed := strings.TrimSpace(cell); trimmed != "" && strings.ContainsRune("=+-@＝", []rune(trimmed)[0]) {
				t.Errorf("%q would be run", cell)
			}
		}
		if row[4] != "100.00" {
			t.Errorf("the amount is %q", row[4])
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(p.billing(0, "list"), "\x1b") {
		t.Error("the terminal would be commanded")
	}
	p.billing(2, "export", "--since", "yesterday")
}
