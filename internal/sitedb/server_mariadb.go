package sitedb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/embedpg/daemon"
	"holdfast/internal/errs"
)

const startTimeout = 5 * time.Minute

// mariaServer is one private MariaDB being set up.
type mariaServer struct {
	ServerOptions
	account         daemon.Account
	data, run       string
	daemon, install string // programs
	port            int
	password        string // of root, who comes in by the socket only
}

// StartMariaDB starts (or takes over) the private MariaDB server of a directory,
// making it at the first start. It runs as a user without privileges when we
// are root. Errors: errs.NotFound where no MariaDB server is installed,
// errs.Forbidden where its account cannot reach Dir.
func StartMariaDB(ctx context.Context, o ServerOptions) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m := &mariaServer{ServerOptions: o}
	var err error
	if m.daemon, m.install, err = mariaPrograms(); err != nil {
		return nil, err
	}
	if m.account, err = daemon.Choose("mysql", "_mysql", "nobody"); err != nil {
		return nil, err
	}
	if m.Dir, err = m.account.StateDir(o.Dir); err != nil {
		return nil, err
	}
	m.data, m.run = filepath.Join(m.Dir, "data"), m.runDir()
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		lock, err := daemon.TryLock(filepath.Join(m.Dir, "owner.lock"))
		if err != nil {
			return nil, err
		}
		if lock != nil {
			s, err := m.own(ctx, lock)
			if err != nil {
				lock.Release()
			}
			return s, err
		}
		if s := m.borrow(wait); s != nil {
			return s, nil
		}
		select {
		case <-wait.Done():
			return nil, errs.Wrap(errs.Unavailable, wait.Err(), "Another process owns the MariaDB in %s, but it does not answer.", m.Dir)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func mariaPrograms() (server, install string, err error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd"} {
		if server, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err == nil {
		install, err = exec.LookPath("mariadb-install-db")
	}
	if err != nil {
		return "", "", errs.Wrap(errs.NotFound, err, "No MariaDB server is installed: apt-get install mariadb-server (Debian, Ubuntu), dnf install mariadb-server (Fedora), brew install mariadb (macOS).")
	}
	return server, install, nil
}

// runDir is where the socket lies; short, for a socket's name may have 107 bytes.
func (m *mariaServer) runDir() string {
	dir := filepath.Join(m.Dir, "run")
	if len(dir)+len("/mariadb.sock") <= 100 {
		return dir
	}
	sum := sha256.Sum256([]byte(m.Dir))
	return filepath.Join("/tmp", "holdfast-db-"+hex.EncodeToString(sum[:8]))
}

func (m *mariaServer) socket() string { return filepath.Join(m.run, "mariadb.sock") }

func (m *mariaServer) live() int {
	return daemon.LivePID(filepath.Join(m.data, "mariadb.pid"), m.data, "mariadbd", "mysqld")
}

// own starts or takes over the server, with the owner's lock held.
func (m *mariaServer) own(ctx context.Context, lock *daemon.Lock) (*Server, error) {
	var err error
	if m.password, err = secretIn(filepath.Join(m.Dir, "admin.password")); err != nil {
		return nil, fmt.Errorf("keep the server's password: %w", err)
	}
	if m.port, err = portFor(m.ServerOptions, m.live() != 0); err != nil {
		return nil, err
	}
	if err := m.initialise(ctx); err != nil {
		return nil, err
	}
	if err := m.account.MakeDir(m.run); err != nil {
		return nil, fmt.Errorf("make the socket's directory: %w", err)
	}
	if err := m.writeInit(); err != nil {
		return nil, err
	}
	d, err := daemon.Run(ctx, daemon.Program{
		Name: "MariaDB", Logger: m.Logger, LogFile: filepath.Join(m.Dir, "mariadb.log"),
		Command: m.command, Live: m.live, Ready: m.answers,
		Stop: syscall.SIGTERM, Abort: syscall.SIGKILL, Grace: 30 * time.Second, Timeout: startTimeout,
		RetryIf: []string{"Unable to lock", "Can't lock aria", "Address already in use"},
	})
	if err != nil {
		return nil, err
	}
	s := m.server()
	s.Owned, s.pid = true, d.PID
	s.stop = func(ctx context.Context) error {
		s.Owned = false
		err := d.Stop(ctx)
		lock.Release()
		return err
	}
	return s, nil
}

// borrow gives the server of another owner once it answers, else nil.
func (m *mariaServer) borrow(ctx context.Context) *Server {
	raw, err := os.ReadFile(filepath.Join(m.Dir, "admin.password"))
	if err != nil {
		return nil
	}
	m.password = strings.TrimSpace(string(raw))
	if m.live() == 0 || m.answers(ctx) != nil {
		return nil
	}
	return m.server()
}

func (m *mariaServer) server() *Server {
	s := &Server{Flavour: MariaDB, Socket: m.socket(), Host: "127.0.0.1", Port: m.port}
	s.create, s.drop, s.grant = m.create, m.drop, m.grant
	return s
}

func (m *mariaServer) admin() (*sql.DB, error) {
	return openMySQL(Conn{Flavour: MariaDB, Socket: m.socket(), User: "root", Password: m.password})
}

func (m *mariaServer) answers(ctx context.Context) error {
	db, err := m.admin()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // only looked
	return db.QueryRowContext(ctx, "SELECT @@port").Scan(&m.port)
}

func (m *mariaServer) create(ctx context.Context, name, user, password string) error {
	db, err := m.admin()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // done with it
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+name+"` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"); err != nil {
		return err
	}
	for _, host := range []string{"%", "localhost"} {
		if _, err := db.ExecContext(ctx, "CREATE USER IF NOT EXISTS ?@?", user, host); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "ALTER USER ?@? IDENTIFIED BY ?", user, host, password); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "GRANT ALL ON `"+name+"`.* TO ?@?", user, host); err != nil {
			return err
		}
	}
	return nil
}

func (m *mariaServer) grant(ctx context.Context, pattern, user string) error {
	db, err := m.admin()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // done with it
	for _, host := range []string{"%", "localhost"} {
		if _, err := db.ExecContext(ctx, "GRANT ALL ON `"+strings.ReplaceAll(pattern, "_", `\_`)+"`.* TO ?@?", user, host); err != nil {
			return err
		}
	}
	return nil
}

func (m *mariaServer) drop(ctx context.Context, name string) error {
	db, err := m.admin()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // done with it
	_, err = db.ExecContext(ctx, "DROP DATABASE IF EXISTS `"+name+"`")
	return err
}

// writeInit writes what the server runs before it lets anybody in: root's
// password, and no anonymous users.
func (m *mariaServer) writeInit() error {
	path := filepath.Join(m.Dir, "admin.sql")
	err := writeFile(path, "ALTER USER 'root'@'localhost' IDENTIFIED BY '"+m.password+"';\n"+
		"DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host<>'localhost');\nFLUSH PRIVILEGES;\n")
	if err != nil {
		return err
	}
	return m.account.Own(path)
}

func (m *mariaServer) command() *exec.Cmd {
	args := []string{
		"--no-defaults", "--datadir=" + m.data, "--socket=" + m.socket(), "--pid-file=" + filepath.Join(m.data, "mariadb.pid"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(m.port), "--init-file=" + filepath.Join(m.Dir, "admin.sql"),
		"--tmpdir=" + m.run, "--skip-log-bin", "--skip-name-resolve", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci",
		"--max-allowed-packet=512M", "--innodb-buffer-pool-size=64M", "--performance-schema=OFF", "--loose-innodb-read-only-compressed=OFF",
		"--local-infile=OFF", "--max-connections=100",
	}
	return m.account.Command(m.data, m.daemon, append(args, m.storage()...)...)
}

func (m *mariaServer) storage() []string {
	args := []string{"--innodb-log-file-size=32M"}
	if m.Unsafe {
		args = append(args, "--innodb-flush-log-at-trx-commit=2", "--skip-innodb-doublewrite", "--loose-debug-no-sync", "--innodb-flush-method=nosync", "--aria-log-file-size=8M")
	}
	return args
}

// initialise makes the data directory beside its place and renames it, so that
// one cut short never looks like a server's.
func (m *mariaServer) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.data, "mysql")); err == nil {
		return nil
	}
	if entries, err := os.ReadDir(m.data); err == nil && len(entries) > 0 {
		return errs.New(errs.Conflict, "%s holds files but no MariaDB server's data; move them away. Nothing was changed.", m.data)
	}
	making := m.data + ".init"
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("clear a cut-short installation: %w", err)
	}
	if err := m.account.MakeDir(making); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	// A folder of its own for temporary tables: a server that starts removes all
	// that it finds where it keeps them, those of others too.
	temporary := making + ".tmp"
	if err := m.account.MakeDir(temporary); err != nil {
		return fmt.Errorf("make the directory of temporary tables: %w", err)
	}
	defer os.RemoveAll(temporary) //nolint:errcheck // nothing is left in it
	args := append([]string{
		"--no-defaults", "--datadir=" + making, "--tmpdir=" + temporary, "--auth-root-authentication-method=socket",
		"--skip-test-db", "--skip-name-resolve", "--loose-innodb-buffer-pool-size=32M",
	}, m.storage()...)
	cmd := m.account.Command(making, m.install, args...)
	if out, err := daemon.RunBounded(ctx, cmd); err != nil {
		return errs.Wrap(errs.Unavailable, fmt.Errorf("mariadb-install-db: %w: %s", err, out), "A new MariaDB server cannot be made in %s.", m.Dir)
	}
	if err := os.Remove(m.data); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Rename(making, m.data)
}
