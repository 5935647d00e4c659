package sitedb

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

var errSoon = errors.New("not built yet")

// ParseURL reads mariadb://user:pw@host:port/db?socket=/x&prefix=mdl_ and postgres://….
func ParseURL(string) (Conn, error) { return Conn{}, errSoon }

// Dump dumps.
func Dump(context.Context, Conn, io.Writer, DumpOptions) (DumpReport, error) {
	return DumpReport{}, errSoon
}

// Load loads.
func Load(context.Context, Conn, io.Reader, LoadOptions) error { return errSoon }

// Counts counts.
func Counts(context.Context, Conn) ([]Table, error) { return nil, errSoon }

// Checksums compares.
func Checksums(context.Context, Conn) (map[string]string, error) { return nil, errSoon }

// ServerOptions of a private server.
type ServerOptions struct {
	Dir    string
	Logger *slog.Logger
}

// Server is a private database server.
type Server struct {
	Flavour Flavour
	Socket  string // MariaDB: the socket; PostgreSQL: its directory
	Host    string // 127.0.0.1
	Port    int
}

// StartMariaDB starts one.
func StartMariaDB(context.Context, ServerOptions) (*Server, error) { return nil, errSoon }

// StartPostgres starts one.
func StartPostgres(context.Context, ServerOptions) (*Server, error) { return nil, errSoon }

// CreateDatabase makes an empty database (dropping nothing) and a user who owns it.
func (s *Server) CreateDatabase(ctx context.Context, name, user, password string) (Conn, error) {
	return Conn{}, errSoon
}

// Stop stops it.
func (s *Server) Stop(context.Context) error { return errSoon }
