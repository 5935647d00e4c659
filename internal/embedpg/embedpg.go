// Package embedpg runs the private PostgreSQL of the embedded default: one
// cluster under a state directory, on the server binaries of this machine. It
// decides where the cluster's files lie, as whom it runs and who owns it. It
// never deletes data, never runs the server as root, and never stops a cluster
// that another process owns.
package embedpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/embedpg/daemon"
	"holdfast/internal/errs"
)

// Superuser is the cluster's own role; it comes in by the socket only.
const Superuser = "postgres"

const defaultPort = 5432 // names the socket; nothing listens on it

// Options say where a cluster lives and how it is reached.
type Options struct {
	// StateDir is the cluster's own directory: data, socket, log, lock.
	StateDir string
	// BinDir holds postgres and initdb; empty to look for them.
	BinDir string
	Logger *slog.Logger
	// Port makes the server listen on 127.0.0.1 with passwords (scram); 0
	// means socket only.
	Port int
	// Unsafe turns durability off. For tests alone.
	Unsafe bool
	// Settings are further server settings, name to value.
	Settings map[string]string
	// StartTimeout bounds a start, crash recovery included. Default 5 minutes.
	StartTimeout time.Duration
}

// Cluster is a running private PostgreSQL.
type Cluster struct {
	SocketDir string // mode 0700; whoever reaches it may be any role
	Port      int    // names the socket; listens on 127.0.0.1 if Options.Port was set
	Owned     bool   // false: another process owns it, and Stop leaves it alone
	BinDir    string // where pg_dump and the like of the same version are

	lock *daemon.Lock
	d    *daemon.Daemon
}

// Start brings the cluster up, making it first if need be. A server left by a
// killed owner is taken over; one that another process owns is used. Its
// errors: errs.NotFound (no PostgreSQL on this machine), errs.Forbidden (the
// server's account cannot reach StateDir), errs.Unsupported (data of another
// major version), errs.Unavailable (it does not start).
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.StateDir == "" {
		return nil, errs.Field("state_dir", "The private PostgreSQL needs a state directory.")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 5 * time.Minute
	}
	account, err := daemon.Choose("postgres", "_postgres", "nobody")
	if err != nil {
		return nil, err
	}
	state, err := account.StateDir(o.StateDir)
	if err != nil {
		return nil, err
	}
	s := &setup{Options: o, account: account, state: state, data: filepath.Join(state, "data"), socket: socketDir(state)}
	wait, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	for {
		lock, err := daemon.TryLock(filepath.Join(state, "owner.lock"))
		if err != nil {
			return nil, err
		}
		if lock != nil {
			c, err := s.own(ctx)
			if err != nil {
				lock.Release()
				return nil, err
			}
			c.lock = lock
			return c, nil
		}
		if c := s.borrow(wait); c != nil {
			return c, nil
		}
		select {
		case <-wait.Done():
			return nil, errs.Wrap(errs.Unavailable, wait.Err(), "Another process owns the PostgreSQL in %s, but it does not answer.", state)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// URL gives the address of database for user over the socket, which trusts
// whoever may open it.
func (c *Cluster) URL(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database}
	u.RawQuery = url.Values{"host": {c.SocketDir}, "port": {strconv.Itoa(c.Port)}}.Encode()
	return u.String()
}

// Stop ends a cluster that is ours: it waits up to 15 s for a clean end. A
// second Stop does nothing.
func (c *Cluster) Stop(ctx context.Context) error {
	if c == nil || !c.Owned || c.d == nil {
		return nil
	}
	err := c.d.Stop(ctx)
	c.d = nil
	c.lock.Release()
	return err
}

// PID gives the server's process id, 0 if the cluster is not ours.
func (c *Cluster) PID() int {
	if c == nil || c.d == nil {
		return 0
	}
	return c.d.PID()
}

// Traversable tells whether the account that the server would run as can reach
// dir; the caller may choose another place before Start.
func Traversable(dir string) error {
	account, err := daemon.Choose("postgres", "_postgres", "nobody")
	if err != nil {
		return err
	}
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			return account.Reach(at)
		} else if !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			return err
		}
	}
}

// answers tells whether the server takes queries at the socket.
func answers(ctx context.Context, socket string, port int) error {
	c := &Cluster{SocketDir: socket, Port: port}
	conn, err := pgx.Connect(ctx, c.URL(Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only looked
	return conn.Ping(ctx)
}
