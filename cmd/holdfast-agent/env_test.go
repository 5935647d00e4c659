package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/throttle"
)

// asAgent makes this test binary be holdfast-agent: tests start real
// processes, and those start their own children from /proc/self/exe.
const asAgent = "HOLDFAST_TEST_AS_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) == "1" {
		main()
		return
	}
	lowerSelf = func(throttle.Priority) error { return nil } // one process runs many commands
	code := m.Run()
	stopServers()
	os.Exit(code)
}

// password is of the repositories of tests; it must be in no output.
const password = "a-repository-password-of-tests"

// dbPassword is of the sites' databases; it must be in no output.
const dbPassword = "s1te'db\"pass#word"

var servers struct {
	sync.Mutex
	dir     string
	running map[string]*sitedb.Server
	made    int
}

// server gives the one MariaDB or PostgreSQL server of this test process.
func server(t *testing.T, flavour sitedb.Flavour) *sitedb.Server {
	t.Helper()
	servers.Lock()
	defer servers.Unlock()
	if servers.dir == "" {
		dir, err := os.MkdirTemp("", "hfagent")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the servers run as another user
			t.Fatal(err)
		}
		servers.dir, servers.running = dir, map[string]*sitedb.Server{}
	}
	key := flavour.Family()
	if s := servers.running[key]; s != nil {
		return s
	}
	start := sitedb.StartMariaDB
	if key == "postgres" {
		start = sitedb.StartPostgres
	}
	s, err := start(context.Background(), sitedb.ServerOptions{Dir: filepath.Join(servers.dir, key), Logger: slog.New(slog.DiscardHandler), Unsafe: true})
	if err != nil {
		t.Fatalf("starting %s: %v", flavour, err)
	}
	servers.running[key] = s
	return s
}

func stopServers() {
	for _, s := range servers.running {
		_ = s.Stop(context.Background())
	}
	if servers.dir != "" {
		_ = os.RemoveAll(servers.dir)
	}
}

// database makes a fresh empty database.
func database(t *testing.T, flavour sitedb.Flavour) sitedb.Conn {
	t.Helper()
	s := server(t, flavour)
	servers.Lock()
	servers.made++
	name := fmt.Sprintf("site_%d", servers.made)
	servers.Unlock()
	c, err := s.CreateDatabase(context.Background(), name, name, dbPassword)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// siteOf builds a miniature Moodle on a fresh database.
func siteOf(t *testing.T, flavour sitedb.Flavour, change func(*minimoodle.Spec)) minimoodle.Site {
	t.Helper()
	return siteOn(t, database(t, flavour), change)
}

// siteOn builds one on a database.
func siteOn(t *testing.T, c sitedb.Conn, change func(*minimoodle.Spec)) minimoodle.Site {
	t.Helper()
	spec := minimoodle.Spec{Dir: openDir(t), Seed: 7, Files: 40, CodeFiles: 80}
	spec.DB = moodle.Database{Type: "mariadb", Library: "native", Host: "127.0.0.1", Port: c.Port, Name: c.Name, User: c.User, Password: dbPassword}
	if c.Flavour == sitedb.PostgreSQL {
		spec.DB.Type = "pgsql"
	}
	if change != nil {
		change(&spec)
	}
	s, err := minimoodle.Build(context.Background(), spec)
	if err != nil {
		t.Fatalf("building a site: %v", err)
	}
	s.DB.Password = dbPassword
	return s
}

// openDir is a temporary folder that other users may enter: PHP never runs as root.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hfsite")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

// outcome is what one command gave.
type outcome struct {
	code        int
	out, errors string
}

// agentRun runs one command of the real program to its end.
func agentRun(t *testing.T, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...) //nolint:gosec,noctx // this very test binary
	cmd.Env = append(os.Environ(), asAgent+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	o := outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	for _, secret := range []string{password, dbPassword} {
		if strings.Contains(o.out+o.errors, secret) {
			t.Errorf("%v shows a password:\n%s\n%s", args, o.out, o.errors)
		}
	}
	return o
}

// good runs a command that must end with 0 and decodes what it printed.
func good(t *testing.T, into any, args ...string) {
	t.Helper()
	o := agentRun(t, args...)
	if o.code != 0 {
		t.Fatalf("%v ended with %d:\n%s\n%s", args, o.code, o.out, o.errors)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(o.out), into); err != nil {
		t.Fatalf("%v printed no JSON object: %v\n%s", args, err, o.out)
	}
}

// passwordFile writes the repositories' password, 0600, with a line end.
func passwordFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// entry is what must be equal of a file before and after.
type entry struct {
	Mode          fs.FileMode
	MTime         int64
	UID, GID      uint32
	Link, Content string
}

// tree describes everything below dir but what skip names (relative paths).
func tree(t *testing.T, dir string, skip func(rel string, d fs.DirEntry) bool) map[string]entry {
	t.Helper()
	out := map[string]entry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel != "." && skip != nil && skip(rel, d) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t) //nolint:errcheck,forcetypeassert // Linux
		e := entry{Mode: fi.Mode(), MTime: fi.ModTime().UnixNano(), UID: st.Uid, GID: st.Gid}
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			e.Link, err = os.Readlink(path)
			e.MTime = 0
		case fi.Mode().IsRegular():
			var b []byte
			b, err = os.ReadFile(path) //nolint:gosec // a test's tree
			e.Content = string(b)
		}
		out[rel] = e
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameTree fails where two trees differ.
func sameTree(t *testing.T, want, got map[string]entry) {
	t.Helper()
	shown := 0
	show := func(format string, args ...any) {
		if shown++; shown <= 10 {
			t.Errorf(format, args...)
		}
	}
	for rel, w := range want {
		g, ok := got[rel]
		switch {
		case !ok:
			show("%s is not restored", rel)
		case g.Content != w.Content:
			show("%s has another content", rel)
		case g != w:
			w.Content, g.Content = "", ""
			show("%s is %+v, was %+v", rel, g, w)
		}
	}
	for rel := range got {
		if _, ok := want[rel]; !ok {
			show("%s is restored and was never there", rel)
		}
	}
}
