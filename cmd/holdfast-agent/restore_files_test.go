package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/sitedb"
)

// files is a lease that brings some of the data copy back.
func (x *patient) files(f agentproto.RestoreFiles) agentproto.Lease {
	return x.lease(agentproto.KindFiles, agentproto.Restore{ID: uuid.NewString(), Data: &x.data, Files: &f})
}

func filesEvidence(t *testing.T, r agentproto.CompleteRequest) agent.FilesEvidence {
	t.Helper()
	var ev agent.FilesEvidence
	if err := json.Unmarshal(r.Evidence, &ev); err != nil {
		t.Fatalf("the evidence %s: %v", r.Evidence, err)
	}
	return ev
}

func TestRestore_FilesGoToAFolderThatNoWebServerShows(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.files(agentproto.RestoreFiles{Root: "moodledata", Paths: []string{"lang"}})
	r, _ := x.done(l)
	if r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	ev := filesEvidence(t, r)
	if filepath.Dir(ev.Into) != filepath.Dir(site.DataRoot) || !strings.HasPrefix(filepath.Base(ev.Into), "restored-") || ev.Written == 0 {
		t.Errorf("the evidence is %s", r.Evidence)
	}
	fi, err := os.Stat(ev.Into)
	if err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", fi, err)
	}
	got := tree(t, ev.Into, nil)
	for rel, want := range x.then.files {
		if strings.HasPrefix(rel, "lang/") && !want.Mode.IsDir() && got[rel].Content != want.Content {
			t.Errorf("%s is not what it was", rel)
		}
	}
	if _, ok := got["filedir"]; ok {
		t.Error("more came than was asked for")
	}
	x.isAs("files beside", x.now, x.now)
	// The same restore again, its first answer lost, makes the folder anew.
	again := l
	again.Run = uuid.NewString()
	if r, _ := x.done(again); r.Outcome != agentproto.OutcomeGood || filesEvidence(t, r).Into != ev.Into {
		t.Errorf("again: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	for _, kind := range []string{agentproto.KindSettle} {
		if r := x.follow(kind, l); r.Outcome != agentproto.OutcomeGood {
			t.Errorf("%s: %s %s: %s", kind, r.Outcome, r.ErrorCode, r.Error)
		}
	}
	if _, err := os.Stat(ev.Into); err != nil {
		t.Error("settling took the restored files away")
	}
	gone := x.files(agentproto.RestoreFiles{Root: "moodledata", Paths: []string{"lang/of-no-land"}})
	if r, _ := x.done(gone); r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "not-found" {
		t.Errorf("what the copy has not: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
}

func TestRestore_FilesInPlaceReplaceKeepAndGoBack(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.PostgreSQL, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	writeFile(t, filepath.Join(site.CodeDir, "version.php"), "<?php // overwritten today")
	x.now = x.look()
	l := x.files(agentproto.RestoreFiles{Root: "code", Paths: []string{"version.php"}, InPlace: true})
	r, _ := x.done(l)
	if r.Outcome == agentproto.OutcomeGood {
		t.Errorf("a site whose version.php is no Moodle's was taken for one: %s", r.Evidence)
	}
	// Any other file comes back in its place.
	other := "config-dist.php"
	if _, ok := x.then.code[other]; !ok {
		other = "index.php"
	}
	writeFile(t, filepath.Join(site.CodeDir, "version.php"), x.then.code["version.php"].Content)
	writeFile(t, filepath.Join(site.CodeDir, other), "<?php // overwritten today")
	x.now = x.look()
	l = x.files(agentproto.RestoreFiles{Root: "code", Paths: []string{other}, InPlace: true})
	r, _ = x.done(l)
	if r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("%s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	if ev := filesEvidence(t, r); ev.Replaced != 1 || ev.Into != site.CodeDir || ev.Aside == "" {
		t.Errorf("the evidence is %s", r.Evidence)
	}
	if got := x.look().code[other]; got.Content != x.then.code[other].Content {
		t.Errorf("%s is not what it was", other)
	}
	if r := x.follow(agentproto.KindUndo, l); r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("the undo: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	x.isAs("files taken back", x.now, x.now)
	if r := x.follow(agentproto.KindSettle, l); r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("settling: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
}
