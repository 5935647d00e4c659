package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/sitedb"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a site's folder
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // a site's file
		t.Fatal(err)
	}
}

func TestRestore_EverythingComesBackAndGoesBack(t *testing.T) {
	t.Parallel()
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			site := siteOf(t, flavour, nil)
			launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
			x := newPatient(t, p, site)
			l := x.everything()
			r, ev := x.done(l)
			if r.Outcome != agentproto.OutcomeGood {
				t.Fatalf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
			}
			if ev.Tables != len(x.database.Tables) || ev.Files == 0 || ev.Agreement == nil || !ev.Agreement.Good || len(ev.Kept) == 0 {
				t.Errorf("the evidence is %s", r.Evidence)
			}
			for _, warning := range ev.Warnings {
				if strings.Contains(warning, "ended with code") {
					t.Errorf("one of Moodle's own scripts failed: %s", warning)
				}
			}
			x.isAs("restored", x.then, x.then)
			if r := x.follow(agentproto.KindUndo, l); r.Outcome != agentproto.OutcomeGood {
				t.Fatalf("the undo: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
			}
			x.isAs("undone", x.now, x.now)
			for range 2 { // an answer that was lost is asked for again
				if r := x.follow(agentproto.KindSettle, l); r.Outcome != agentproto.OutcomeGood {
					t.Fatalf("settling: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
				}
			}
			if r := x.follow(agentproto.KindUndo, l); r.ErrorCode != "nothing-kept" {
				t.Errorf("an undo after all was settled: %s %s", r.Outcome, r.ErrorCode)
			}
		})
	}
}
