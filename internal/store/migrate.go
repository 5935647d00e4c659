package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"holdfast/internal/errs"
	"holdfast/migrations"
)

// migrationLock is the key of the one advisory lock around both migrators:
// River's alone is not safe when several processes start together.
const migrationLock = 0x686f6c64

// MinServerVersion is the oldest PostgreSQL that the schema is written for.
const MinServerVersion = 140000

// Migrate brings the database at url to this build's schema, ours and River's.
// The url's user must own the database and may make roles. Several processes
// may call it at once.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return unreachable(err, "HOLDFAST_MIGRATE_URL or HOLDFAST_DATABASE_URL")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return fmt.Errorf("server version: %w", err)
	}
	if version < MinServerVersion {
		return errs.New(errs.Unsupported, "PostgreSQL %d is too old; Holdfast needs 14 or newer", version/10000)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	if err := migrateOurs(ctx, url, log); err != nil {
		var pe *pgconn.PgError
		if errors.As(err, &pe) && pe.Code == pgerrcodeNoRight {
			return errs.Wrap(errs.Invalid, errors.New(pe.Message), "HOLDFAST_MIGRATE_URL: its user must own the database and may need CREATEROLE to make the roles of Holdfast")
		}
		return err
	}
	if err := migrateRiver(ctx, url, log); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, riverGrants)
	if err != nil {
		return fmt.Errorf("grants on River's tables: %w", err)
	}
	return nil
}

// What PostgreSQL answers: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	pgerrcodeNoRight    = "42501"
	pgerrcodeNoDatabase = "3D000"
	pgclassNoEntry      = "28" // invalid authorization
)

// unreachable says why a database at a setting's address cannot be used, and
// never shows the address, for it holds a password.
func unreachable(err error, setting string) error {
	var pe *pgconn.PgError
	switch {
	case !errors.As(err, &pe):
	case strings.HasPrefix(pe.Code, pgclassNoEntry):
		return errs.Wrap(errs.Invalid, errors.New(pe.Message), "The database server does not let this user in; check user and password in %s", setting)
	case pe.Code == pgerrcodeNoDatabase:
		return errs.Wrap(errs.Invalid, errors.New(pe.Message), "There is no such database on the server; check %s", setting)
	}
	return errs.Wrap(errs.Unavailable, err, "The database does not answer; check %s and that PostgreSQL runs", setting)
}

// riverGrants: staff see and steer the queue, the workers run it, and a
// customer's transaction may only insert, so that it cannot read the args of
// other tenants.
const riverGrants = `
GRANT USAGE ON SCHEMA river TO holdfast_login, holdfast_staff, holdfast_worker, holdfast_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA river TO holdfast_worker;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA river TO holdfast_worker, holdfast_staff;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA river TO holdfast_worker, holdfast_staff, holdfast_tenant;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA river TO holdfast_staff;
GRANT UPDATE ON river.river_job TO holdfast_staff;
GRANT INSERT ON river.river_job TO holdfast_tenant;
GRANT USAGE ON SEQUENCE river.river_job_id_seq TO holdfast_tenant;`

func openSQL(url string) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errs.New(errs.Invalid, "HOLDFAST_MIGRATE_URL: is not a PostgreSQL address")
	}
	return stdlib.OpenDB(*cfg), nil
}

func newGoose(db *sql.DB) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
}

func migrateOurs(ctx context.Context, url string, log *slog.Logger) error {
	db, err := openSQL(url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	p, err := newGoose(db)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	for _, r := range done {
		log.Info("migrated", "file", r.Source.Path, "took", r.Duration)
	}
	return nil
}

func migrateRiver(ctx context.Context, url string, log *slog.Logger) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("river migrations: %w", err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+RiverSchema); err != nil {
		return fmt.Errorf("river schema: %w", err)
	}
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: log})
	if err != nil {
		return fmt.Errorf("river migrations: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("river migrations: %w", err)
	}
	return nil
}

// MigrateDown takes our schema away again, for tests of the migrations alone.
func MigrateDown(ctx context.Context, url string) error {
	db, err := openSQL(url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	p, err := newGoose(db)
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, 0)
	return err
}
