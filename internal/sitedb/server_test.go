package sitedb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// The servers that the tests of this process share; a watchdog ends them.
var (
	maria  = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartMariaDB) })
	pg     = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartPostgres) })
	serial atomic.Int64
)

func scratchServer(start func(context.Context, sitedb.ServerOptions) (*sitedb.Server, error)) (*sitedb.Server, error) {
	dir, err := testdb.Scratch("holdfast-sitedb-")
	if err != nil {
		return nil, err
	}
	return start(context.Background(), sitedb.ServerOptions{Dir: dir, Unsafe: true})
}

func server(t *testing.T, f sitedb.Flavour) *sitedb.Server {
	t.Helper()
	get := maria
	if f == sitedb.PostgreSQL {
		get = pg
	}
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh gives an empty database, reached by TCP and password as most sites are.
func fresh(t *testing.T, f sitedb.Flavour) sitedb.Conn {
	t.Helper()
	s := server(t, f)
	name := fmt.Sprintf("db%d", serial.Add(1))
	c, err := s.CreateDatabase(t.Context(), name, "u_"+name, "geheim'\\\"#:%"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.DropDatabase(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	c.Socket = ""
	c.Prefix = "mdl_"
	return c
}

// run executes statements in a site's database.
func run(t *testing.T, c sitedb.Conn, statements ...string) {
	t.Helper()
	if err := try(t.Context(), c, statements...); err != nil {
		t.Fatal(err)
	}
}

func try(ctx context.Context, c sitedb.Conn, statements ...string) error {
	if c.Flavour == sitedb.PostgreSQL {
		cfg, err := pgx.ParseConfig("")
		if err != nil {
			return err
		}
		cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = c.Host, uint16(c.Port), c.User, c.Password, c.Name
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background()) //nolint:errcheck // a test's
		for _, s := range statements {
			if _, err := conn.Exec(ctx, s); err != nil {
				return fmt.Errorf("%.200s: %w", s, err)
			}
		}
		return nil
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net, cfg.Addr = c.User, c.Password, c.Name, "tcp", fmt.Sprintf("%s:%d", c.Host, c.Port)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close() //nolint:errcheck // a test's
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.200s: %w", s, err)
		}
	}
	return nil
}

func flavours(t *testing.T, f func(t *testing.T, flavour sitedb.Flavour)) {
	t.Helper()
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			f(t, flavour)
		})
	}
}

func TestServer_StartsAgainFromItsDirectoryAndAfterAKill(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, flavour sitedb.Flavour) {
		start := sitedb.StartMariaDB
		if flavour == sitedb.PostgreSQL {
			start = sitedb.StartPostgres
		}
		parent, err := testdb.Scratch("holdfast-sitedb-")
		if err != nil {
			t.Fatal(err)
		}
		opts := sitedb.ServerOptions{Dir: filepath.Join(parent, "server"), Unsafe: true}
		s, err := start(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.CreateDatabase(t.Context(), "kept", "keeper", "pw")
		if err != nil {
			t.Fatal(err)
		}
		run(t, c, "CREATE TABLE a(id int)", "INSERT INTO a VALUES (1)")
		guest, err := start(t.Context(), opts)
		if err != nil || guest.Owned || guest.Port != s.Port {
			t.Errorf("a second instance: %+v %v", guest, err)
		}
		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for err := errors.New("not tried"); err != nil; err = try(ctx, c, "INSERT INTO a VALUES (2)") {
			if ctx.Err() != nil {
				t.Fatal("the killed server does not come back:", err)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		again, err := start(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { errorIf(t, again.Stop(context.Background())) }()
		if again.Port != s.Port {
			t.Errorf("port %d, then %d", s.Port, again.Port)
		}
		if _, err := again.CreateDatabase(t.Context(), "kept", "keeper", "pw"); err != nil {
			t.Error("making it a second time:", err)
		}
		run(t, c, "INSERT INTO a SELECT id FROM a")
	})
}

func TestServer_AsksForThePasswordOverTCP(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, flavour sitedb.Flavour) {
		c := fresh(t, flavour)
		for _, user := range []string{c.User, "root", "postgres"} {
			wrong := c
			wrong.User, wrong.Password = user, ""
			if err := try(t.Context(), wrong, "SELECT 1"); err == nil {
				t.Errorf("%s came in without a password", user)
			}
		}
	})
}

func TestServer_RefusesAName(t *testing.T) {
	t.Parallel()
	_, err := server(t, sitedb.MariaDB).CreateDatabase(t.Context(), "a`; DROP", "u", "p")
	if !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}

func errorIf(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// holdLock holds a table lock of MariaDB until release.
func holdLock(ctx context.Context, c sitedb.Conn, lock string, locked, release chan struct{}) error {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net, cfg.Addr = c.User, c.Password, c.Name, "tcp", fmt.Sprintf("%s:%d", c.Host, c.Port)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		close(locked)
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close() //nolint:errcheck // a test's
	conn, err := db.Conn(ctx)
	if err == nil {
		defer conn.Close() //nolint:errcheck // a test's
		_, err = conn.ExecContext(ctx, lock)
		defer conn.ExecContext(context.Background(), "UNLOCK TABLES") //nolint:errcheck // a test's
	}
	close(locked)
	select {
	case <-release:
	case <-ctx.Done(): // the test failed; its database is to be dropped
	}
	return err
}
