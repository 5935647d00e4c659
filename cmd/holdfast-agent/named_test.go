package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// A lease of a database names the site's data repository too: the named files go
// there by its own token, and outlive a renewal that names no repository.
func TestRun_ADatabaseLeaseKeepsItsFiles(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	at := agentproto.Site{ID: uuid.NewString(), Name: "north", CodeDir: site.CodeDir}
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	first := p.result(p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: agentproto.KindData, Attempt: 1, Site: at}, ""))
	if first.Outcome != agentproto.OutcomeGood || first.Copy.Signals == nil || !first.Copy.Signals.First || first.Copy.Signals.Contents < int64(len(site.Contents)) {
		t.Fatalf("the data copy: %s %s %+v", first.Outcome, first.Error, first.Copy)
	}
	run := uuid.NewString()
	data := agentproto.Lease{Run: run, Kind: agentproto.KindData, Site: at}
	p.update(func() {
		p.tokens[run] = p.token(agentproto.Lease{Run: run, Kind: agentproto.KindDatabase, Site: at}, time.Hour)
	})
	p.offer(agentproto.Lease{
		Run: run, Kind: agentproto.KindDatabase, Attempt: 1, Site: at,
		Files: &agentproto.Repository{ID: at.ID, Password: password, URL: p.url(), Name: at.ID + "/data", Token: p.token(data, time.Hour)},
	}, "")
	r := p.result(run)
	if r.Outcome != agentproto.OutcomeGood || r.Copy.References == nil || r.Copy.References.Files == nil || r.Copy.References.Missing != 0 || r.Copy.Facts.Moodle == nil {
		t.Fatalf("the database copy: %s %s %+v", r.Outcome, r.Error, r.Copy)
	}
	if list := p.stored(at.ID, agentproto.KindData); len(list) != 2 {
		t.Errorf("the data repository holds %d snapshots", len(list))
	}
	if list := p.stored(at.ID, agentproto.KindDatabase); len(list) != 2 {
		t.Errorf("the database repository holds %d snapshots", len(list))
	}
	// The next data copy goes by the data copy before, not by the named files.
	next := p.result(p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: agentproto.KindData, Attempt: 1, Site: at}, ""))
	if s := next.Copy.Signals; s.First || s.New != 0 || s.Gone != 0 || s.PHPChanged != 0 {
		t.Errorf("an unchanged site shows %+v", s)
	}
}

// Files that were uploaded after the last data copy and deleted after the
// database copy come back with the database alone, and with everything.
func TestInPlace_ADatabaseBringsItsFilesBack(t *testing.T) {
	t.Parallel()
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		for _, what := range []string{"database", "everything"} {
			t.Run(string(flavour)+" "+what, func(t *testing.T) {
				t.Parallel()
				site := siteOf(t, flavour, nil)
				state := filepath.Join(t.TempDir(), "state")
				args := []string{"--repo", filepath.Join(t.TempDir(), "repo"), "--password-file", passwordFile(t), "--json"}
				backup := func(kind string) (c agent.LocalCopy) {
					good(t, &c, append([]string{"local", "backup", "--code", site.CodeDir, "--kind", kind}, args...)...)
					return c
				}
				backup("data")
				live, err := site.Live(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer live.Close() //nolint:errcheck // a test's
				var lost []minimoodle.Content
				for i := range 12 {
					c, err := live.Create(t.Context(), fmt.Appendf(nil, "uploaded after the data copy, %d", i))
					if err != nil {
						t.Fatal(err)
					}
					lost = append(lost, c)
				}
				taken := backup("database")
				if taken.References == nil || taken.References.Files == nil || taken.References.Missing != 0 {
					t.Fatalf("the database copy: %+v %v", taken.References, taken.Facts.Warnings)
				}
				lost = append(lost, site.Contents[3])
				for _, c := range lost {
					if err := live.Delete(t.Context(), c.Hash); err != nil {
						t.Fatal(err)
					}
				}
				for _, c := range lost { // whatever rows still name them
					_ = os.Remove(moodle.ContentPath(site.FileDir, c.Hash))
				}
				if err := live.EmptyTrash(); err != nil {
					t.Fatal(err)
				}
				var done agent.RestoredInPlace
				good(t, &done, append([]string{"local", "restore", "--in-place", site.CodeDir, "--what", what, "--yes", "--without-safety", "a test", "--state-dir", state}, args...)...)
				ev := done.Evidence
				want := int64(12)
				if what == "database" {
					want = 13
				}
				if ev == nil || ev.Named == nil || ev.Named.Back != want || ev.Named.Lacking != want || ev.Named.Missing != 0 || ev.Agreement.Missing != 0 {
					t.Fatalf("the evidence is %+v, %+v, %+v", ev, ev.Named, ev.Agreement)
				}
				for _, c := range lost {
					if fi, err := os.Stat(moodle.ContentPath(site.FileDir, c.Hash)); err != nil || fi.Size() != c.Size {
						t.Errorf("%s is not back: %v", c.Hash, err)
					}
				}
				if left, _ := filepath.Glob(filepath.Join(site.FileDir, "*", "*", "*.tmp")); len(left) > 1 {
					t.Errorf("half contents are left: %v", left)
				}
			})
		}
	}
}
