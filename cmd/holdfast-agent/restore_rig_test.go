package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/inplace"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/vault"
)

// patient is a site with a copy of each kind behind the plane's vault, and
// changed since: what restores are tried on.
type patient struct {
	t        *testing.T
	p        *plane
	site     minimoodle.Site
	id       agentproto.Site
	conn     sitedb.Conn
	database agentproto.RestoreFrom
	data     agentproto.RestoreFrom
	then     sight // as the copies have it
	now      sight // as it is before a restore
}

// sight is all of a site that a restore has to bring back, or to leave.
type sight struct {
	rows  map[string]string
	code  map[string]entry
	files map[string]entry
}

// newPatient builds a site, has both copies taken by the running agent, and
// changes database, code and files.
func newPatient(t *testing.T, p *plane, site minimoodle.Site) *patient {
	t.Helper()
	conn, err := sitedb.FromMoodle(site.DB)
	if err != nil {
		t.Fatal(err)
	}
	x := &patient{t: t, p: p, site: site, conn: conn, id: agentproto.Site{ID: uuid.NewString(), Name: "north", CodeDir: site.CodeDir, AccountRoot: site.AccountRoot}}
	x.then = x.look()
	for kind, to := range map[string]*agentproto.RestoreFrom{agentproto.KindDatabase: &x.database, agentproto.KindData: &x.data} {
		run := p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: kind, Attempt: 1, Site: x.id}, "")
		r := p.result(run)
		if r.Outcome != agentproto.OutcomeGood {
			t.Fatalf("the %s copy: %s %s", kind, r.Outcome, r.Error)
		}
		*to = agentproto.RestoreFrom{
			Copy: run, Snapshot: r.Copy.Snapshot, TakenAt: r.Copy.TakenAt, Files: r.Copy.Files, Bytes: r.Copy.Bytes,
			SHA256: r.Copy.SHA256, Tables: r.Copy.Tables, Facts: r.Copy.Facts,
			Repository: agentproto.Repository{ID: x.id.ID, Password: password, URL: p.url(), Name: x.id.ID + "/" + kind},
		}
	}
	x.change()
	return x
}

// change does to the site what its people do in a day.
func (x *patient) change() {
	x.t.Helper()
	ctx := context.Background()
	live, err := x.site.Live(ctx)
	if err != nil {
		x.t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // a test's
	for i := range 3 {
		if _, err := live.Create(ctx, fmt.Appendf(nil, "work of today %d %s", i, uuid.NewString())); err != nil {
			x.t.Fatal(err)
		}
	}
	if err := live.Delete(ctx, x.site.Contents[0].Hash); err != nil {
		x.t.Fatal(err)
	}
	if err := live.Exec(ctx, "UPDATE {config} SET value = ? WHERE name = 'theme'", "broken-"+uuid.NewString()); err != nil {
		x.t.Fatal(err)
	}
	writeFile(x.t, filepath.Join(x.site.CodeDir, "broken.php"), "<?php // of today")
	writeFile(x.t, filepath.Join(x.site.DataRoot, "lang", "today", "langconfig.php"), "<?php // of today")
	x.now = x.look()
}

// notCompared is what no copy has: it is made anew, or it is a restore's own.
func notCompared(rel string, _ fs.DirEntry) bool {
	if strings.HasSuffix(rel, ".tmp") {
		return true
	}
	top, _, _ := strings.Cut(rel, "/")
	switch top {
	case "cache", "localcache", "temp", "sessions", "lock", "trashdir", "climaintenance.html", "muc", ".htaccess", "diag", "upgradelogs", "logs", "backup", "private":
		return true
	}
	return false
}

// look takes in the site as it is.
func (x *patient) look() sight {
	x.t.Helper()
	rows, err := sitedb.Checksums(context.Background(), x.conn)
	if err != nil {
		x.t.Fatal(err)
	}
	timeless := func(m map[string]entry) map[string]entry {
		for k, e := range m {
			if e.Mode.IsDir() { // a name in it came or went
				e.MTime = 0
				m[k] = e
			}
		}
		return m
	}
	return sight{
		rows: rows, code: timeless(tree(x.t, x.site.CodeDir, nil)),
		files: timeless(tree(x.t, x.site.DataRoot, notCompared)),
	}
}

// isAs fails where the site is not as a sight had it.
func (x *patient) isAs(what string, database, data sight) {
	x.t.Helper()
	got := x.look()
	for name, sum := range database.rows {
		if got.rows[name] != sum && !strings.Contains(name, "sessions") {
			x.t.Errorf("%s: the table %s has other rows", what, name)
		}
	}
	if extra := slices.DeleteFunc(slices.Collect(maps.Keys(got.rows)), func(n string) bool { _, ok := database.rows[n]; return ok }); len(extra) > 0 {
		x.t.Errorf("%s: there are tables %v besides", what, extra)
	}
	sameTree(x.t, data.code, got.code)
	sameTree(x.t, data.files, got.files)
	x.nothingAside(what)
}

// nothingAside fails where the site still shows its maintenance page.
func (x *patient) nothingAside(what string) {
	x.t.Helper()
	if found, _ := filepath.Glob(filepath.Join(x.site.DataRoot, "climaintenance.html")); len(found) > 0 {
		x.t.Errorf("%s: the site is closed", what)
	}
}

// lease makes a lease of a restore, its tokens good for life.
func (x *patient) lease(kind string, r agentproto.Restore) agentproto.Lease {
	for _, from := range []**agentproto.RestoreFrom{&r.Database, &r.Data} {
		if *from != nil {
			with := **from
			with.Repository.Token = x.p.readToken(with.Repository.Name, time.Hour)
			*from = &with
		}
	}
	return agentproto.Lease{Run: uuid.NewString(), Kind: kind, Attempt: 1, Site: x.id, Restore: &r}
}

// everything is a lease that brings all of it back.
func (x *patient) everything() agentproto.Lease {
	return x.lease(agentproto.KindRestore, agentproto.Restore{ID: uuid.NewString(), Database: &x.database, Data: &x.data})
}

// done queues a lease and gives its result and evidence.
func (x *patient) done(l agentproto.Lease) (agentproto.CompleteRequest, inplace.Evidence) {
	x.t.Helper()
	x.p.queueUp(l)
	r := x.p.result(l.Run)
	return r, evidenceOf(x.t, r)
}

func evidenceOf(t *testing.T, r agentproto.CompleteRequest) inplace.Evidence {
	t.Helper()
	var ev inplace.Evidence
	if len(r.Evidence) > 0 {
		if err := json.Unmarshal(r.Evidence, &ev); err != nil {
			t.Fatalf("the evidence %s: %v", r.Evidence, err)
		}
	}
	return ev
}

// then settles or undoes a restore.
func (x *patient) follow(kind string, restore agentproto.Lease) agentproto.CompleteRequest {
	x.t.Helper()
	r, _ := x.done(x.lease(kind, agentproto.Restore{ID: restore.Restore.ID}))
	return r
}

func (p *plane) queueUp(l agentproto.Lease) { p.update(func() { p.queue = append(p.queue, l) }) }

// readToken opens a repository for reading only.
func (p *plane) readToken(name string, life time.Duration) string {
	return vault.Sign(p.key, vault.Claims{Repository: name, Session: "restore", Mode: vault.ModeRead, Expires: time.Now().Add(life)})
}
