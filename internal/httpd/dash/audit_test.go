package dash_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAudit_BadFiltersNameTheirField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	staff, customer := h.signIn("auditor"), h.signIn("admin")
	for _, c := range []struct{ query, want string }{
		{"from=yesterday", "From: &#34;yesterday&#34; is not a day like 2026-11-21."},
		{"from=2026-13-01", "is not a day"},
		{"to=0001-01-01", "is not a day"},
		{"to=99999-01-01", "is not a day"},
		{"from=2026-02-02&to=2026-02-01", "is before the day that the list begins with"},
		{"verb=no.such", "is not a kind of event"},
		{"view=mine", "is not one of the choices"},
		{"who=no%40such.example", "nobody with the address"},
		{"who=" + strings.Repeat("a", 255), "is too long"},
		{"who=%00", "characters that no name has"},
		{"site=%ff", "characters that no name has"},
		{"site=no.such.example", "there is no site of this name"},
		{"after=x", "is not a place in this list"},
		{"after=1.0190b3a0", "is not a place"},
		{"site=" + url.QueryEscape(hostile), "there is no site"},
		{"from=" + url.QueryEscape(hostile), "is not a day"},
	} {
		for _, path := range []string{"/audit", "/audit.csv"} {
			got := staff.get(path + "?" + c.query)
			if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.want) || strings.Contains(got.body, "<script>alert") {
				t.Errorf("%s?%s: %d, without %q\n%s", path, c.query, got.status, c.want, got.body)
			}
		}
	}
	for _, query := range []string{"site=other.school.example%2Fmoodle", "who=stranger%40school.example", "tenant=other", "tenant=0190b3a0-7c1e-7d2a-9c3b-0123456789ab"} {
		if got := customer.get("/audit?" + query); got.status != http.StatusUnprocessableEntity {
			t.Errorf("a customer asks %s: %d", query, got.status)
		}
	}
}

// A customer's admin reads what happened in the own organisation, and not who
// of the staff did it, nor from where.
func TestAudit_TellsCustomersOfTheirOwnAndHidesStaff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	operator := h.signIn("operator")
	if got := operator.post("/sites/"+h.site.String()+"/suspension", "reason", "a test"); got.status != http.StatusSeeOther {
		t.Fatalf("%d", got.status)
	}
	got := h.signIn("admin").get("/audit")
	if !strings.Contains(got.body, "The site was suspended") || strings.Contains(got.body, "operator@school.example") || strings.Contains(got.body, "other.school.example") || strings.Contains(got.body, "127.0.0.1") {
		t.Errorf("%s", got.body)
	}
	if got := operator.get("/audit"); !strings.Contains(got.body, "operator@school.example") || !strings.Contains(got.body, "127.0.0.1") {
		t.Errorf("staff's own view:\n%s", got.body)
	}
}

// Every cell of the file is text to a program that opens it; all of what is
// looked for is in it, over pages; and taking it is itself on record.
func TestAuditFile_IsWholeAndHoldsNoFormula(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	h.exec(`INSERT INTO event (id, at, actor, verb, subject_kind, detail) SELECT gen_random_uuid(), now() - make_interval(secs => i), '=cmd|''/C calc''!A0', 'destination.read_only', 'destination', '{"name": "x", "reason": "=HYPERLINK(\"http://evil.example\")"}' FROM generate_series(1, 2300) i`)
	h.exec(`INSERT INTO event (id, at, actor, verb, subject_kind, detail) VALUES (gen_random_uuid(), now(), '@sum', E'tab\tverb', 'x', '{"reason": "-1+1"}'), (gen_random_uuid(), now(), '+1', '', 'x', '[]')`)
	got := b.get("/audit.csv")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") || !strings.Contains(got.header.Get("Content-Disposition"), "attachment; filename=\"holdfast-events-") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	h.must(err)
	seen := map[string]bool{}
	for _, row := range rows {
		if len(row) != 12 || seen[row[11]] {
			t.Fatalf("%q", row)
		}
		seen[row[11]] = true
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	if len(rows) < 2303 {
		t.Errorf("%d rows", len(rows))
	}
	if got := b.get("/audit"); !strings.Contains(got.body, "Events were taken away as a file.") {
		t.Errorf("taking it is not on record:\n%s", got.body)
	}
	if got := b.do(http.MethodHead, "/audit.csv", nil); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %d", got.status)
	}
}

// Page by page with the links of the pages themselves.
func TestAudit_LinksLeadOnAndBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("billing")
	h.exec(`INSERT INTO event (id, at, actor, verb, subject_kind) SELECT gen_random_uuid(), now(), 'cli', 'tenant.added', 'tenant' FROM generate_series(1, 250)`)
	path, pages := "/audit?verb=tenant.added", 0
	for path != "" {
		got := b.get(path)
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d", path, got.status)
		}
		pages++
		_, rest, more := strings.Cut(got.body, `rel="next" href="`)
		path = ""
		if more {
			path, _, _ = strings.Cut(rest, `"`)
			path = strings.ReplaceAll(path, "&amp;", "&")
		}
	}
	if pages != 3 {
		t.Errorf("%d pages of 252 events", pages)
	}
}
