// Package testdb gives tests real PostgreSQL databases: one private cluster per
// test process, in a temporary directory, without durability. It decides
// nothing about schemas. It leaves nothing behind: a watchdog ends the cluster
// and removes its directory when the test process is gone, however it went.
package testdb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/embedpg"
)

// New gives the URL of a fresh empty database. It is dropped after the test.
func New(t testing.TB) string {
	t.Helper()
	return fresh(t, "template0")
}

// NewFromTemplate gives the URL of a fresh copy of the template name, which
// build fills once per test process. build must close its connections.
func NewFromTemplate(t testing.TB, name string, build func(url string) error) string {
	t.Helper()
	made, _ := templates.LoadOrStore(name, &template{})
	tmpl := made.(*template) //nolint:errcheck // stored just above
	tmpl.once.Do(func() { tmpl.err = tmpl.make(build) })
	if tmpl.err != nil {
		t.Fatalf("build the template database %q: %v", name, tmpl.err)
	}
	return fresh(t, tmpl.database)
}

type template struct {
	once     sync.Once
	database string
	err      error
}

var (
	templates sync.Map
	serial    atomic.Int64
	cluster   = sync.OnceValues(start)
)

func (tm *template) make(build func(string) error) error {
	c, err := cluster()
	if err != nil {
		return err
	}
	tm.database = fmt.Sprintf("tmpl_%d", serial.Add(1))
	if err := admin(c, "CREATE DATABASE "+tm.database+" TEMPLATE template0"); err != nil {
		return err
	}
	if err := build(c.URL(embedpg.Superuser, tm.database)); err != nil {
		return err
	}
	return admin(c, "ALTER DATABASE "+tm.database+" ALLOW_CONNECTIONS false")
}

func fresh(t testing.TB, from string) string {
	t.Helper()
	c, err := cluster()
	if err != nil {
		t.Fatalf("start the tests' PostgreSQL: %v", err)
	}
	name := fmt.Sprintf("t_%d", serial.Add(1))
	if err := admin(c, "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin(c, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return c.URL(embedpg.Superuser, name)
}

func admin(c *embedpg.Cluster, sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.URL(embedpg.Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the tests' PostgreSQL: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // done with it
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func start() (*embedpg.Cluster, error) {
	dir, err := Scratch("holdfast-testdb-")
	if err != nil {
		return nil, err
	}
	return embedpg.Start(context.Background(), embedpg.Options{
		StateDir: dir, Unsafe: true,
		Settings: map[string]string{"max_connections": "400", "shared_buffers": "32MB", "autovacuum": "off", "jit": "off"},
	})
}

// watchdog waits for the end of its standard input, which is the end of the
// test process; then it ends the servers whose pid files lie below the
// directory, and removes it.
const watchdog = `cat >/dev/null
for f in "$1"/data/postmaster.pid "$1"/*/data/postmaster.pid "$1"/data/mariadb.pid "$1"/*/data/mariadb.pid; do
  [ -f "$f" ] || continue
  read -r pid <"$f" || continue
  case "$f" in *postmaster.pid) kill -QUIT "$pid" ;; *) kill -KILL "$pid" ;; esac
  n=0
  while kill -0 "$pid" 2>/dev/null && [ "$n" -lt 200 ]; do sleep 0.05; n=$((n+1)); done
done
rm -rf "$1"`

// Scratch makes a directory for private servers that any account may pass
// through, and that is removed, with the servers in it (in the directory itself
// or one below), when this process ends. It is short, for sockets.
func Scratch(prefix string) (string, error) {
	dir, err := os.MkdirTemp("/tmp", prefix)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // a directory to pass through
		return "", err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // the watchdog has its own
	sh, err := exec.LookPath("sh")
	if err != nil {
		return "", err
	}
	cmd := &exec.Cmd{Path: sh, Args: []string{"sh", "-c", watchdog, "holdfast-test-watchdog", filepath.Clean(dir)}, Dir: "/", Stdin: r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	keepLeash(w)
	return dir, nil
}

var (
	leashes   []*os.File
	leashesMu sync.Mutex
)

func keepLeash(w *os.File) {
	leashesMu.Lock()
	defer leashesMu.Unlock()
	leashes = append(leashes, w) // else the collector would close it
}
