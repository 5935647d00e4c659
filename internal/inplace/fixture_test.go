package inplace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// The database servers that the tests of this process share.
var (
	maria  = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartMariaDB) })
	pg     = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartPostgres) })
	serial atomic.Int64
)

func scratchServer(start func(context.Context, sitedb.ServerOptions) (*sitedb.Server, error)) (*sitedb.Server, error) {
	dir, err := testdb.Scratch("holdfast-inplace-")
	if err != nil {
		return nil, err
	}
	return start(context.Background(), sitedb.ServerOptions{Dir: dir, Unsafe: true})
}

func server(t *testing.T, typ string) *sitedb.Server {
	t.Helper()
	get := maria
	if typ == "pgsql" {
		get = pg
	}
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// situation is a kind of database and what the site's user may do there.
type situation struct {
	typ    string // mariadb or pgsql
	rights bool   // may create databases
}

func (s situation) String() string {
	return s.typ + map[bool]string{true: " with rights", false: " without rights"}[s.rights]
}

func (s situation) way() string {
	return map[bool]string{true: sitedb.WayDatabase, false: sitedb.WayAside}[s.rights]
}

var situations = []situation{{"mariadb", true}, {"mariadb", false}, {"pgsql", true}, {"pgsql", false}}

// fixture is a site, a copy of an older state of it, and both states' prints.
type fixture struct {
	site     minimoodle.Site
	live     *minimoodle.Live
	conn     sitedb.Conn
	src      *folder
	o        Options
	old, new state
}

// the user and group that own the miniatures, as a web server's would.
const webUID, webGID = 33, 33

func freshDB(t *testing.T, srv *sitedb.Server, s situation) moodle.Database {
	t.Helper()
	name := fmt.Sprintf("site%d", serial.Add(1))
	c, err := srv.CreateDatabase(t.Context(), name, "u_"+name, "ge'heim\\"+name)
	ok(t, err)
	if s.rights {
		ok(t, srv.Grant(t.Context(), name+"%", "u_"+name))
	}
	return moodle.Database{Type: s.typ, Host: c.Host, Port: c.Port, Socket: "", Name: c.Name, User: c.User, Password: c.Password}
}

// build makes a site, takes a copy of it, and lets the site go on.
func build(t *testing.T, s situation, change func(*minimoodle.Spec)) *fixture {
	t.Helper()
	return buildOn(t, server(t, s.typ), s, change)
}

func buildOn(t *testing.T, srv *sitedb.Server, s situation, change func(*minimoodle.Spec)) *fixture {
	t.Helper()
	dir := tempDir(t)
	spec := minimoodle.Spec{Dir: filepath.Join(dir, "www"), DB: freshDB(t, srv, s), CodeFiles: 60, Files: 15, FileBytes: 600, Users: 5, Courses: 3, UID: webUID, GID: webGID, Seed: serial.Add(1)}
	if s.rights && s.typ == "pgsql" {
		spec.Prefix = minimoodle.NoPrefix // no tables of others beside it
	}
	if change != nil {
		change(&spec)
	}
	site, err := minimoodle.Build(t.Context(), spec)
	ok(t, err)
	f := &fixture{site: site}
	f.conn, err = sitedb.FromMoodle(site.DB)
	ok(t, err)
	f.src = &folder{Dir: filepath.Join(dir, "copy")}
	ok(t, os.MkdirAll(f.src.Dir, 0o700))
	f.takeCopy(t)
	f.o = Options{
		ID: fmt.Sprintf("restore-%04d", serial.Add(1)), Dir: filepath.Join(dir, "journals"), CodeDir: site.CodeDir,
		Parts: Parts{Database: true, Code: true, Data: true}, Source: f.src, Expect: f.src.Expect, PHP: "none", Grace: 1,
	}
	f.goOn(t)
	f.old = f.print(t)
	return f
}

// tempDir is a folder that every user may pass through.
func tempDir(t *testing.T) string {
	t.Helper()
	base := ""
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		base = "/dev/shm" // every step waits for the disk, and there are thousands
	}
	dir, err := os.MkdirTemp(base, "holdfast-inplace-site-")
	ok(t, err)
	ok(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// takeCopy copies trees and database as a data copy and a database copy hold them.
func (f *fixture) takeCopy(t *testing.T) {
	t.Helper()
	in, err := moodle.Inspect(t.Context(), f.site.CodeDir, moodle.Options{PHP: "none"})
	ok(t, err)
	plan, err := in.Plan("")
	ok(t, err)
	f.src.Expect = Expect{Flavour: f.conn.Flavour, CodeVersion: f.site.Version, DBVersion: f.site.Version, AllVersionsHash: f.site.AllVersionsHash}
	for _, r := range plan.Roots {
		to := filepath.Join(f.src.Dir, r.Name)
		run(t, "cp", "-a", r.Path, to)
		for _, name := range slices.Concat(r.ExcludeDirs, r.ExcludePaths) {
			ok(t, os.RemoveAll(filepath.Join(to, name)))
		}
		f.src.Expect.Roots = append(f.src.Expect.Roots, r.Name)
		ok(t, filepath.WalkDir(to, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			fi, err := d.Info()
			if err == nil {
				f.src.Expect.Files++
				f.src.Expect.Bytes += fi.Size()
			}
			return err
		}))
	}
	var b bytes.Buffer
	r, err := sitedb.Dump(t.Context(), f.conn, &b, sitedb.DumpOptions{})
	ok(t, err)
	f.src.Expect.Tables, f.src.Expect.DumpSHA256, f.src.Expect.DumpBytes = r.Tables, r.SHA256, r.Bytes
	ok(t, os.WriteFile(filepath.Join(f.src.Dir, "dump"), b.Bytes(), 0o600))
	f.new = f.print(t)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// goOn lets the site live on after the copy, and come to grief.
func (f *fixture) goOn(t *testing.T) {
	t.Helper()
	var err error
	f.live, err = f.site.Live(t.Context())
	ok(t, err)
	t.Cleanup(func() { _ = f.live.Close() })
	_, err = f.live.Create(t.Context(), []byte("a picture that was uploaded later"))
	ok(t, err)
	ok(t, f.live.Exec(t.Context(), "UPDATE {course} SET fullname = 'ruined'"))
	ok(t, f.live.Exec(t.Context(), "DELETE FROM {user} WHERE id > 3"))
	ok(t, f.live.Exec(t.Context(), "CREATE TABLE {later} (id int)"))
	ok(t, f.live.Exec(t.Context(), "DROP TABLE {context_temp}"))
	ok(t, f.live.Delete(t.Context(), f.site.Contents[0].Hash))
	ok(t, os.WriteFile(filepath.Join(f.site.CodeDir, "index.php"), []byte("<?php // hacked\nrequire('config.php');"), 0o644))
	ok(t, os.Remove(filepath.Join(f.site.WebRoot(), "lib", "dangling")))
	ok(t, os.MkdirAll(filepath.Join(f.site.CodeDir, "local", "evil"), 0o755))
	ok(t, os.WriteFile(filepath.Join(f.site.CodeDir, "local", "evil", "x.php"), []byte("<?php"), 0o644))
	ok(t, os.WriteFile(filepath.Join(f.site.DataRoot, "lang", "de", "moodle.php"), []byte("<?php // changed"), 0o666))
}

// folder is a Source that lies in a folder.
type folder struct {
	Dir    string `json:"dir"`
	Expect Expect `json:"expect"`

	// What goes wrong: after so many bytes of the dump or roots of the tree.
	breakDump int64
	during    func(what string) // called in the middle of each
	closed    error
}

func (s *folder) Tree(_ context.Context, root, into string, tell func(a, b, c, d int64)) error {
	if out, err := exec.Command("cp", "-a", filepath.Join(s.Dir, root)+"/.", into).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", root, err, out)
	}
	if s.during != nil {
		s.during("tree " + root)
	}
	tell(3, 3, 30, 30)
	return s.closed
}

func (s *folder) Some(_ context.Context, root string, paths []string, into string, tell func(a, b, c, d int64)) error {
	for _, p := range paths {
		from := filepath.Join(s.Dir, root, p)
		if _, err := os.Lstat(from); err != nil {
			return errs.Wrap(errs.NotFound, err, "This copy has no %s.", p)
		}
		cmd := exec.Command("cp", "-a", "--parents", p, into)
		if p == "." {
			cmd = exec.Command("cp", "-a", "./.", into)
		}
		cmd.Dir = filepath.Join(s.Dir, root)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("copy %s: %w: %s", p, err, out)
		}
	}
	tell(1, 1, 1, 1)
	return nil
}

func (s *folder) Dump(_ context.Context, w io.Writer, tell func(done, total int64)) error {
	raw, err := os.ReadFile(filepath.Join(s.Dir, "dump"))
	if err != nil {
		return err
	}
	for at := 0; at < len(raw); {
		n, err := w.Write(raw[at:min(len(raw), at+32<<10)])
		if err != nil {
			return err
		}
		at += n
		tell(int64(at), int64(len(raw)))
		if s.breakDump > 0 && int64(at) > s.breakDump {
			return errors.New("the network went away")
		}
		if s.during != nil && at > len(raw)/2 {
			s.during("dump")
		}
	}
	return nil
}

// state is a print of everything of a site that must be wholly old or wholly new.
type state map[string]string

// print reads code, moodledata and database. Of moodledata it leaves out what
// no copy holds, unless whole is set.
func (f *fixture) print(t *testing.T) state {
	t.Helper()
	s := state{}
	addTree(t, s, "code", f.site.CodeDir)
	addTree(t, s, "moodledata", f.site.DataRoot)
	sums, err := sitedb.Checksums(t.Context(), f.conn)
	ok(t, err)
	for name, sum := range sums {
		s["table "+name] = sum
	}
	return s
}

func addTree(t *testing.T, s state, name, dir string) {
	t.Helper()
	ok(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if strings.HasPrefix(rel, ".holdfast-") {
			return filepath.SkipDir // what lies aside in a mount; leftovers looks for it
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d", fi.Mode(), st.Uid, st.Gid)
		if rel != "." && rel != "config.php" { // the tops' own times move with every page
			line += fmt.Sprint(" ", fi.ModTime().UnixNano())
		}
		switch {
		case fi.Mode().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(raw)
			line += " " + hex.EncodeToString(sum[:8])
		case fi.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			line += " -> " + to
		}
		s[name+"/"+rel] = line
		return nil
	}))
}

// differs names what is not as wanted. healed says whether the new filedir may
// hold more than the copy.
func (s state) differs(want state, leave func(name string) bool) []string {
	var out []string
	for name, w := range want {
		if leave(name) {
			continue
		}
		if g, there := s[name]; !there {
			out = append(out, name+" is missing")
		} else if g != w {
			out = append(out, fmt.Sprintf("%s is %s, want %s", name, g, w))
		}
	}
	for name := range s {
		if _, there := want[name]; !there && !leave(name) {
			out = append(out, name+" is too much")
		}
	}
	slices.Sort(out)
	return out[:min(len(out), 12)]
}

func nothing(string) bool { return false }

// remade is what a restore need not bring back as it was.
func remade(name string) bool {
	for _, d := range []string{"cache", "localcache", "temp", "sessions", "lock", "trashdir"} {
		if name == "moodledata/"+d || strings.HasPrefix(name, "moodledata/"+d+"/") {
			return true
		}
	}
	return false
}

func (f *fixture) isOld(t *testing.T, when string) {
	t.Helper()
	f.is(t, when, "old", f.old, nothing)
}

func (f *fixture) isNew(t *testing.T, when string) {
	t.Helper()
	f.is(t, when, "new", f.new, remade)
}

func (f *fixture) is(t *testing.T, when, which string, want state, leave func(string) bool) {
	t.Helper()
	if d := f.print(t).differs(want, leave); len(d) > 0 {
		t.Fatalf("%s, the site is not wholly %s:\n%s", when, which, strings.Join(d, "\n"))
	}
}

// leftovers names what lies beside the site.
func (f *fixture) leftovers(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(f.site.CodeDir), ".holdfast-*"))
	ok(t, err)
	more, err := filepath.Glob(filepath.Join(f.site.DataRoot, ".holdfast-*"))
	ok(t, err)
	found = append(found, more...)
	for _, name := range asideTables(t, f.conn) {
		found = append(found, "table "+name)
	}
	return found
}

func asideTables(t *testing.T, c sitedb.Conn) []string {
	t.Helper()
	all, err := sitedb.Aside(t.Context(), c)
	ok(t, err)
	return all
}
