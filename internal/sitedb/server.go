package sitedb

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// ServerOptions say where a private database server lives.
type ServerOptions struct {
	// Dir is the server's own directory: data, socket, log, lock, passwords.
	Dir    string
	Logger *slog.Logger
	// Port on 127.0.0.1; 0 chooses a free one at the first start and keeps to
	// it while it is free.
	Port int
	// Unsafe turns durability off. For tests alone.
	Unsafe bool
}

// Server is a private database server, for drills, the demo and tests. It
// listens on a socket and on 127.0.0.1, and is started again when it dies.
type Server struct {
	Flavour Flavour
	Socket  string // MariaDB: the socket; PostgreSQL: its directory
	Host    string // 127.0.0.1
	Port    int
	Owned   bool // false: another process owns it, and Stop leaves it alone

	stop   func(context.Context) error
	create func(ctx context.Context, name, user, password string) error
	drop   func(ctx context.Context, name string) error
	grant  func(ctx context.Context, pattern, user string) error
	pid    func() int
}

// Stop ends the server cleanly, if it is ours.
func (s *Server) Stop(ctx context.Context) error {
	if s == nil || !s.Owned {
		return nil
	}
	return s.stop(ctx)
}

// PID gives the process id of the server, 0 if it is not ours.
func (s *Server) PID() int {
	if s.pid == nil {
		return 0
	}
	return s.pid()
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,59}$`)

// CreateDatabase makes an empty database in UTF-8 and a user who owns it, and
// says how that user reaches it. A database that is there is left as it is; a
// user who is there gets the password.
func (s *Server) CreateDatabase(ctx context.Context, name, user, password string) (Conn, error) {
	for _, n := range []string{name, user} {
		if !plainName.MatchString(n) {
			return Conn{}, errs.Field("name", "A name may have letters, digits and underscores, at most 60; %q has not.", n)
		}
	}
	if err := s.create(ctx, name, user, password); err != nil {
		return Conn{}, fmt.Errorf("create %s database %s: %w", s.Flavour, name, err)
	}
	return Conn{Flavour: s.Flavour, Host: s.Host, Port: s.Port, Socket: s.Socket, Name: name, User: user, Password: password}, nil
}

// DropDatabase removes a database of this private server, and cuts off who is
// connected to it. One that is not there is no error.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	if !plainName.MatchString(name) {
		return errs.Field("name", "%q is no database name.", name)
	}
	if err := s.drop(ctx, name); err != nil {
		return fmt.Errorf("drop %s database %s: %w", s.Flavour, name, err)
	}
	return nil
}

// Grant gives a user all rights on databases whose names fit a pattern, with
// the right to create them: LIKE's of MariaDB; PostgreSQL knows no pattern and
// lets the user create any.
func (s *Server) Grant(ctx context.Context, pattern, user string) error {
	if !plainName.MatchString(strings.TrimSuffix(pattern, "%")) || !plainName.MatchString(user) {
		return errs.Field("name", "%q and %q are no names.", pattern, user)
	}
	if err := s.grant(ctx, pattern, user); err != nil {
		return fmt.Errorf("grant %s databases %s to %s: %w", s.Flavour, pattern, user, err)
	}
	return nil
}

// portFor gives the port to listen on: the one asked for, the one of the last
// start if nobody else has it now, or a free one, which is then kept on record.
func portFor(o ServerOptions, live bool) (int, error) {
	if o.Port > 0 {
		return o.Port, nil
	}
	file := filepath.Join(o.Dir, "port")
	if raw, err := os.ReadFile(file); err == nil { //nolint:gosec // our own path
		port, err := strconv.Atoi(strings.TrimSpace(string(raw)))
		if err == nil && (live || isFree(port)) {
			return port, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a loopback port, at once
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()                      //nolint:errcheck // it served its purpose
	port := l.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener
	return port, writeFile(file, strconv.Itoa(port)+"\n")
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // a loopback port, at once
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// writeFile writes a small private file so that it is whole or not there.
func writeFile(path, content string) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // our own path
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp, path)
}

// secretIn gives the secret kept in a file (0600), made at the first call.
func secretIn(path string) (string, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // our own path
	if err == nil && len(raw) > 0 {
		return strings.TrimSpace(string(raw)), nil
	}
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	secret := rand.Text()
	return secret, writeFile(path, secret+"\n")
}
