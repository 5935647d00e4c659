package sitedb

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/embedpg"
	"holdfast/internal/embedpg/daemon"
)

// StartPostgres starts (or takes over) the private PostgreSQL server of a
// directory. Over its socket whoever may open it is any role; over TCP a
// password is asked for.
func StartPostgres(ctx context.Context, o ServerOptions) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	account, err := daemon.Choose("postgres", "_postgres", "nobody")
	if err != nil {
		return nil, err
	}
	if o.Dir, err = account.StateDir(o.Dir); err != nil {
		return nil, err
	}
	live := daemon.LivePID(o.Dir+"/data/postmaster.pid", o.Dir+"/data", "postgres", "postmaster") != 0
	port, err := portFor(o, live)
	if err != nil {
		return nil, err
	}
	c, err := embedpg.Start(ctx, embedpg.Options{
		StateDir: o.Dir, Logger: o.Logger, Port: port, Unsafe: o.Unsafe,
		Settings: map[string]string{"shared_buffers": "32MB"},
	})
	if err != nil {
		return nil, err
	}
	s := &Server{Flavour: PostgreSQL, Socket: c.SocketDir, Host: "127.0.0.1", Port: c.Port, Owned: c.Owned, stop: c.Stop, pid: c.PID}
	s.create = func(ctx context.Context, name, user, password string) error {
		return createPostgres(ctx, c, name, user, password)
	}
	s.grant = func(ctx context.Context, _, user string) error {
		conn, err := pgx.Connect(ctx, c.URL(embedpg.Superuser, "postgres"))
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // done with it
		_, err = conn.Exec(ctx, "ALTER ROLE "+pgx.Identifier{user}.Sanitize()+" CREATEDB")
		return err
	}
	s.drop = func(ctx context.Context, name string) error {
		conn, err := pgx.Connect(ctx, c.URL(embedpg.Superuser, "postgres"))
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // done with it
		_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		return err
	}
	return s, nil
}

func createPostgres(ctx context.Context, c *embedpg.Cluster, name, user, password string) error {
	conn, err := pgx.Connect(ctx, c.URL(embedpg.Superuser, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // done with it
	var there, has bool
	err = conn.QueryRow(ctx, `SELECT EXISTS(SELECT FROM pg_roles WHERE rolname=$1), EXISTS(SELECT FROM pg_database WHERE datname=$2)`, user, name).Scan(&there, &has)
	if err != nil {
		return err
	}
	verb := "CREATE"
	if there {
		verb = "ALTER"
	}
	// The server quotes the literal; a statement that sets a password takes no parameters.
	var set string
	if err := conn.QueryRow(ctx, `SELECT format($1 || ' ROLE %I LOGIN PASSWORD %L', $2::text, $3::text)`, verb, user, password).Scan(&set); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, set); err != nil || has {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" OWNER "+pgx.Identifier{user}.Sanitize()+" ENCODING 'UTF8' TEMPLATE template0")
	return err
}
