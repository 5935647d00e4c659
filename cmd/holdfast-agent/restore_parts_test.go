package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
)

func TestRestore_TheDatabaseAloneLeavesTheFiles(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.lease(agentproto.KindRestore, agentproto.Restore{ID: uuid.NewString(), Database: &x.database})
	r, ev := x.done(l)
	if r.Outcome != agentproto.OutcomeGood || ev.Parts.Code || ev.Parts.Data || ev.Tables == 0 {
		t.Fatalf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	x.isAs("the database restored", x.then, x.now)
}

func TestRestore_TheFilesAloneLeaveTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.PostgreSQL, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	l := x.lease(agentproto.KindRestore, agentproto.Restore{ID: uuid.NewString(), Data: &x.data})
	r, ev := x.done(l)
	if r.Outcome != agentproto.OutcomeGood || ev.Parts.Database || ev.Files == 0 {
		t.Fatalf("%s %s: %s\n%s", r.Outcome, r.ErrorCode, r.Error, r.Evidence)
	}
	got := x.look()
	for name, sum := range x.now.rows {
		if got.rows[name] != sum {
			t.Errorf("the table %s changed", name)
		}
	}
	sameTree(t, x.then.code, got.code)
	// What the database names and the copy lacks was taken over from the site.
	for rel := range x.then.files {
		if _, ok := got.files[rel]; !ok {
			t.Errorf("%s is not restored", rel)
		}
	}
}

func TestRestore_RefusesWhatLiesOutsideItsRoots(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	allowed := filepath.Dir(site.CodeDir)
	launch(t, enrolled(t, p, allowed))
	x := newPatient(t, p, site)
	// The code is allowed; moodledata was moved out.
	elsewhere := filepath.Join(openDir(t), "moodledata")
	if err := os.Rename(site.DataRoot, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, site.DataRoot); err != nil {
		t.Fatal(err)
	}
	outside := siteOf(t, sitedb.MariaDB, nil)
	link := filepath.Join(allowed, "link")
	if err := os.Symlink(outside.CodeDir, link); err != nil {
		t.Fatal(err)
	}
	for name, where := range map[string]minimoodle.Site{"moodledata outside": site, "code outside": outside, "a link to outside": {CodeDir: link}, "the system": {CodeDir: "/etc"}} {
		for _, kind := range []string{agentproto.KindRestore, agentproto.KindFiles} {
			r := agentproto.Restore{ID: uuid.NewString(), Database: &x.database, Data: &x.data}
			if kind == agentproto.KindFiles {
				r.Files = &agentproto.RestoreFiles{Root: "moodledata", Paths: []string{"lang"}, InPlace: true}
			}
			l := x.lease(kind, r)
			l.Site.CodeDir, l.Site.AccountRoot = where.CodeDir, ""
			if got, _ := x.done(l); got.Outcome != agentproto.OutcomeRefused || got.ErrorCode != "outside-allowed-roots" {
				t.Errorf("%s, %s: %s %s %s", name, kind, got.Outcome, got.ErrorCode, got.Error)
			}
		}
	}
	if found, _ := filepath.Glob(filepath.Join(elsewhere, "climaintenance.html")); len(found) > 0 {
		t.Error("a site outside the roots was closed")
	}
}

func TestRestore_RefusesALeaseThatIsNoSoundOne(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	repository := agentproto.Repository{ID: "r", Password: password, URL: p.url(), Name: "s/data", Token: "t"}
	from := &agentproto.RestoreFrom{Snapshot: "k1", Repository: repository}
	files := func(root string, paths ...string) agentproto.Restore {
		return agentproto.Restore{ID: "r1", Data: from, Files: &agentproto.RestoreFiles{Root: root, Paths: paths}}
	}
	for name, l := range map[string]agentproto.Lease{
		"no restore":          {Kind: agentproto.KindRestore},
		"nothing to restore":  {Kind: agentproto.KindRestore, Restore: &agentproto.Restore{ID: "r1"}},
		"an id that climbs":   {Kind: agentproto.KindSettle, Restore: &agentproto.Restore{ID: "../r1"}},
		"a copy of nothing":   {Kind: agentproto.KindRestore, Restore: &agentproto.Restore{ID: "r1", Data: &agentproto.RestoreFrom{Repository: repository}}},
		"files of no copy":    {Kind: agentproto.KindFiles, Restore: &agentproto.Restore{ID: "r1", Files: &agentproto.RestoreFiles{Root: "code"}}},
		"a path that climbs":  {Kind: agentproto.KindFiles, Restore: ptr(files("moodledata", "lang/../../x"))},
		"an absolute path":    {Kind: agentproto.KindFiles, Restore: ptr(files("moodledata", "/etc/passwd"))},
		"a root that climbs":  {Kind: agentproto.KindFiles, Restore: ptr(files(".."))},
		"a root with a slash": {Kind: agentproto.KindFiles, Restore: ptr(files("a/b"))},
		"a restore in backup": {Kind: agentproto.KindData, Repository: repository, Restore: &agentproto.Restore{ID: "r1"}},
		"another kind":        {Kind: "format-the-disk", Restore: &agentproto.Restore{ID: "r1"}},
	} {
		l.Run, l.Site = uuid.NewString(), agentproto.Site{ID: uuid.NewString(), CodeDir: site.CodeDir}
		p.queueUp(l)
		if r := p.result(l.Run); r.ErrorCode != "bad-lease" {
			t.Errorf("%s: %s %s %s", name, r.Outcome, r.ErrorCode, r.Error)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestRestore_ADumpThatIsNotWhatItWasTouchesNothing(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	x := newPatient(t, p, site)
	before := x.database
	for name, spoil := range map[string]func(*agentproto.RestoreFrom){
		"another checksum": func(f *agentproto.RestoreFrom) { f.SHA256 = strings.Repeat("0", 64) },
		"another length":   func(f *agentproto.RestoreFrom) { f.Bytes++ },
		"a copy that went": func(f *agentproto.RestoreFrom) { f.Snapshot = strings.Repeat("f", 32) },
	} {
		x.database = before
		spoil(&x.database)
		r, ev := x.done(x.everything())
		if r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "copy-damaged" || len(ev.Steps) > 0 {
			t.Errorf("%s: %s %s %s\n%s", name, r.Outcome, r.ErrorCode, r.Error, r.Evidence)
		}
	}
	x.isAs("nothing restored", x.now, x.now)
}
