package ticket_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func good(what ticket.What) ticket.Request {
	r := ticket.Request{
		Happened: "A teacher deleted the course of year 9 by mistake.", At: now.Add(-26 * time.Hour), Zone: "Europe/Madrid", What: what,
		Point: ticket.Point{Database: id.New[id.Copy](), Data: id.New[id.Copy]()},
	}
	switch what {
	case ticket.Files:
		r.Paths = []string{"filedir/ab", "lang"}
	case ticket.Courses:
		r.Courses = []string{"Chemistry, year 9"}
	default:
	}
	return r
}

func TestRequest_WhatIsWholeIsTaken(t *testing.T) {
	t.Parallel()
	for _, what := range ticket.Whats() {
		r, err := good(what).Check(now)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if what == ticket.Files && r.Root != ticket.RootData {
			t.Errorf("the root is %q", r.Root)
		}
		if (what == ticket.Database) != r.Point.Data.IsZero() || (what == ticket.Data || what == ticket.Files) != r.Point.Database.IsZero() {
			t.Errorf("%s: of the point is kept %+v", what, r.Point)
		}
	}
}

// Each error names the field that it is about.
func TestRequest_EachErrorNamesItsField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field  string
		change func(*ticket.Request)
	}{
		"too short":       {"happened", func(r *ticket.Request) { r.Happened = "help      \n\n    " }},
		"only unseen":     {"happened", func(r *ticket.Request) { r.Happened = strings.Repeat("\u202e\u0000", 50) }},
		"too long":        {"happened", func(r *ticket.Request) { r.Happened = strings.Repeat("é", 4001) }},
		"no zone":         {"zone", func(r *ticket.Request) { r.Zone = "" }},
		"machine's zone":  {"zone", func(r *ticket.Request) { r.Zone = "Local" }},
		"a path":          {"zone", func(r *ticket.Request) { r.Zone = "../../etc/passwd" }},
		"no time":         {"at", func(r *ticket.Request) { r.At = time.Time{} }},
		"tomorrow":        {"at", func(r *ticket.Request) { r.At = now.Add(24 * time.Hour) }},
		"long ago":        {"at", func(r *ticket.Request) { r.At = now.AddDate(-8, 0, 0) }},
		"nothing":         {"what", func(r *ticket.Request) { r.What = "" }},
		"something else":  {"what", func(r *ticket.Request) { r.What = "the moon" }},
		"no point":        {"point", func(r *ticket.Request) { r.Point = ticket.Point{} }},
		"only files":      {"point", func(r *ticket.Request) { r.Point.Database = id.Copy{} }},
		"only a database": {"point", func(r *ticket.Request) { r.Point.Data = id.Copy{} }},
		"no reason":       {"why", func(r *ticket.Request) { r.Urgent = true }},
		"long reason":     {"why", func(r *ticket.Request) { r.Urgent, r.Why = true, strings.Repeat("why ", 200) }},
		"a part":          {"partial", func(r *ticket.Request) { r.Partial = true }},
	} {
		r := good(ticket.Everything)
		c.change(&r)
		_, err := r.Check(now)
		var e *errs.Error
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		} else if e = err.(*errs.Error); e.Field != c.field { //nolint:errorlint // made by Check itself
			t.Errorf("%s: field %q, want %q", name, e.Field, c.field)
		}
	}
}

// A part of the database is refused with the reason and the way out.
func TestRequest_PartOfADatabaseIsRefusedWithTheWayOut(t *testing.T) {
	t.Parallel()
	r := good(ticket.Database)
	r.Partial = true
	_, err := r.Check(now)
	if said := errs.Sentence(err); !strings.Contains(said, "whole") || !strings.Contains(said, "single courses") {
		t.Errorf("said: %s", said)
	}
}

func TestRequest_PathsStayBelowTheirRoot(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"/etc", "..", "../x", "a/../../b", "a/..", ".", "./a", "a//b", "a/./b", "a\x00b", `a\b`, "\xff\xfe", strings.Repeat("a", 1025), "/", "",
	} {
		if err := ticket.CheckPath(p); err == nil {
			t.Errorf("%q was taken", p)
		}
	}
	for _, p := range []string{"filedir", "filedir/", "a/b/c.txt", "..a/b", "Ünï cödé/x", "a b"} {
		if err := ticket.CheckPath(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	r := good(ticket.Files)
	r.Root = "/etc"
	if _, err := r.Check(now); !errs.Is(err, errs.Invalid) {
		t.Errorf("a root of its own: %v", err)
	}
	r.Root, r.Paths = "", nil
	for i := range 101 {
		r.Paths = append(r.Paths, fmt.Sprint("p", i))
	}
	if _, err := r.Check(now); !errs.Is(err, errs.Invalid) {
		t.Errorf("too many: %v", err)
	}
}

func TestCleanText_LeavesWordsAndTakesWhatNoEyeSees(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  a\r\nb\rc\n\n": "a\nb\nc", "a\x00b\x1b[31mc": "ab[31mc", "a\u202eb\u2066c": "abc", "\xff": "\ufffd", "שלום عربي": "שלום عربي", "a\tb  \nc": "a\tb\nc",
	} {
		if got := ticket.CleanText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Whatever is typed: the search is plain letters, digits and the two signs of
// our own.
func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{"", "#1001", "1001", "it's ' \" \\ :* & | ! <-> ( )", "\x00", "school.example", "日本語 чат", strings.Repeat("a b ", 500), "''''", "a:b", "a & b:*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := ticket.ParseSearch(s)
		if !utf8.ValidString(q.Words) || strings.ContainsRune(q.Words, 0) || len([]rune(q.Words)) > 200 {
			t.Fatalf("%q: words %q", s, q.Words)
		}
		for _, w := range strings.Split(q.Begins, " & ") {
			if w == "" && q.Begins == "" {
				continue
			}
			if w = strings.TrimSuffix(w, ":*"); w == "" || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				t.Fatalf("%q: %q", s, q.Begins)
			}
		}
	})
}

func TestCheckActs_InTheirOrderEachOnce(t *testing.T) {
	t.Parallel()
	got, err := ticket.CheckActs([]ticket.Act{{Do: ticket.ActClose}, {Do: ticket.ActPrioritise, To: "low"}, {Do: ticket.ActAssignMe, To: "x"}})
	if err != nil || len(got) != 3 || got[0].Do != ticket.ActAssignMe || got[0].To != "" || got[2].Do != ticket.ActClose {
		t.Error(got, err)
	}
	for _, acts := range [][]ticket.Act{
		{{Do: "rm -rf"}}, {{Do: ticket.ActPrioritise}}, {{Do: ticket.ActPrioritise, To: "most"}}, {{Do: ticket.ActAsk}, {Do: ticket.ActClose}}, {{Do: ticket.ActAsk}, {Do: ticket.ActAsk}},
	} {
		if _, err := ticket.CheckActs(acts); !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: %v", acts, err)
		}
	}
	if got := ticket.Fill("Dear {customer}, {site} #{number} {other}", "{site}", "x.example", "7"); got != "Dear {site}, x.example #7 {other}" {
		t.Error(got)
	}
}
