package agent_test

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/reference"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
	"holdfast/internal/vault"
)

// The database servers that the tests of this process share.
var (
	maria  = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartMariaDB) })
	pg     = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartPostgres) })
	serial atomic.Int64
)

func scratchServer(start func(context.Context, sitedb.ServerOptions) (*sitedb.Server, error)) (*sitedb.Server, error) {
	dir, err := testdb.Scratch("holdfast-agent-")
	if err != nil {
		return nil, err
	}
	return start(context.Background(), sitedb.ServerOptions{Dir: dir, Unsafe: true})
}

const truthPassword = "a-repository-password-of-tests"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// truthDB gives an empty database.
func truthDB(t *testing.T, typ string) sitedb.Conn {
	t.Helper()
	get := maria
	if typ == "pgsql" {
		get = pg
	}
	s, err := get()
	must(t, err)
	name := fmt.Sprintf("truth_%d", serial.Add(1))
	c, err := s.CreateDatabase(t.Context(), name, "u_"+name, "ge'heim\\"+name)
	must(t, err)
	return c
}

func moodleDB(typ string, c sitedb.Conn) moodle.Database {
	return moodle.Database{Type: typ, Host: c.Host, Port: c.Port, Socket: c.Socket, Name: c.Name, User: c.User, Password: c.Password}
}

// truthRig is a site with its two repositories.
type truthRig struct {
	t      *testing.T
	site   minimoodle.Site
	stores string
}

func newTruthRig(t *testing.T, typ string, change func(*minimoodle.Spec)) *truthRig {
	t.Helper()
	return newTruthRigOn(t, typ, truthDB(t, typ), change)
}

func newTruthRigOn(t *testing.T, typ string, c sitedb.Conn, change func(*minimoodle.Spec)) *truthRig {
	t.Helper()
	spec := minimoodle.Spec{Dir: filepath.Join(t.TempDir(), "site"), DB: moodleDB(typ, c), CodeFiles: 60}
	if change != nil {
		change(&spec)
	}
	site, err := minimoodle.Build(t.Context(), spec)
	must(t, err)
	site.DB.Password = spec.DB.Password
	r := &truthRig{t: t, site: site, stores: filepath.Join(t.TempDir(), "stores")}
	for _, k := range []engine.Kind{engine.Database, engine.Data} {
		must(t, os.MkdirAll(filepath.Join(r.stores, string(k)), 0o700))
		must(t, engine.Create(t.Context(), r.at(k), truthPassword, k))
	}
	return r
}

func (r *truthRig) at(k engine.Kind) engine.Location {
	return engine.Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(r.stores, string(k))}}
}

func (r *truthRig) work(kind string) agent.Work {
	w := agent.Work{
		Kind: kind, Source: "site1", CodeDir: r.site.CodeDir, AccountRoot: r.site.AccountRoot, Roots: agent.Roots{Everywhere: true},
		Location: r.at(engine.Kind(kind)), Password: truthPassword, PHP: "none", Clock: clock.System{}, Log: slog.New(slog.DiscardHandler),
		Progress: func(agentproto.Progress) {},
	}
	if kind == agentproto.KindDatabase {
		w.Files = &agent.Store{Location: r.at(engine.Data), Password: truthPassword}
	}
	return w
}

func (r *truthRig) take(kind string) agentproto.Copy {
	r.t.Helper()
	c, err := agent.Take(r.t.Context(), r.work(kind))
	must(r.t, err)
	return c
}

// list reads the reference list of a database copy.
func (r *truthRig) list(c agentproto.Copy) []reference.Entry {
	r.t.Helper()
	repo, err := engine.Open(r.t.Context(), r.at(engine.Database), truthPassword)
	must(r.t, err)
	defer repo.Close(context.Background()) //nolint:errcheck // read only
	var b bytes.Buffer
	_, err = repo.ReadStream(r.t.Context(), c.References.Snapshot, &b)
	must(r.t, err)
	if int64(b.Len()) != c.References.Bytes {
		r.t.Errorf("the list has %d bytes, and is said to have %d", b.Len(), c.References.Bytes)
	}
	var out []reference.Entry
	for e, err := range reference.Read(&b) {
		must(r.t, err)
		out = append(out, e)
	}
	return out
}

// kept restores the named files and gives the contents by name, each one's sum
// compared with it.
func (r *truthRig) kept(c agentproto.Copy) map[string]bool {
	r.t.Helper()
	if c.References == nil || c.References.Files == nil {
		r.t.Fatalf("no named files are kept: %v", c.Facts.Warnings)
	}
	repo, err := engine.Open(r.t.Context(), r.at(engine.Data), truthPassword)
	must(r.t, err)
	defer repo.Close(context.Background()) //nolint:errcheck // read only
	into := filepath.Join(r.t.TempDir(), "kept")
	_, err = repo.RestoreTree(r.t.Context(), c.References.Files.Snapshot, into, engine.RestoreOptions{Base: "filedir"})
	must(r.t, err)
	out := map[string]bool{}
	must(r.t, filepath.WalkDir(into, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		sum := sha1.Sum(text) //nolint:gosec // see above
		out[d.Name()] = hex.EncodeToString(sum[:]) == d.Name()
		return err
	}))
	return out
}

// lacking gives what the list names and the named files lack, and what the copy
// says is missing.
func (r *truthRig) lacking(c agentproto.Copy) (lacking, told []string) {
	r.t.Helper()
	kept := r.kept(c)
	seen := map[string]bool{}
	for _, m := range c.References.MissingList {
		told = append(told, m.Hash)
		seen[m.Hash] = true
	}
	for _, e := range r.list(c) {
		h := e.Hash.String()
		if _, there := kept[h]; !there && !e.External && !seen[h] {
			lacking = append(lacking, h)
			seen[h] = true
		}
	}
	return lacking, told
}
