package sitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/errs"
)

// pgTraits are what decides whether a database can be exchanged whole.
const pgTraits = `SELECT d.oid, d.datacl IS NULL AND d.datlocprovider_c AND d.dattablespace = 1663,
	pg_has_role(d.datdba, 'USAGE') AND (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user),
	EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) OR EXISTS (SELECT FROM pg_largeobject_metadata)
	OR EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql') OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
	OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')) OR EXISTS (SELECT FROM pg_default_acl)
	OR EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner),
	has_database_privilege(d.oid, 'CREATE') AND has_schema_privilege(current_schema(), 'CREATE')
	FROM (SELECT *, coalesce(to_jsonb(pg_database) ->> 'datlocprovider', 'c') = 'c' AS datlocprovider_c FROM pg_database) d WHERE d.datname = current_database()`

// planPostgres asks the catalog what the site's user may do.
func (x *exchange) planPostgres(ctx context.Context, inv *inventory) error {
	var plain, creates, extras, aside bool
	if err := x.db.QueryRowContext(ctx, pgTraits).Scan(&x.OldOID, &plain, &creates, &extras, &aside); err != nil {
		return fmt.Errorf("ask what the site's user may do: %w", err)
	}
	switch {
	case !creates:
		x.Why = "The site's database user may not create databases."
	case len(inv.others) > 0:
		x.Why = "The database holds more than this site's tables."
	case !plain || extras || inv.schema != "public":
		x.Why = "The database has settings, extensions or rights of its own that another one would not have."
	default:
		admin, err := x.elsewhere(ctx)
		if err == nil {
			x.Way = WayDatabase
			return admin.Close()
		}
		x.Why = "The site's database user may not connect to another database than the site's."
	}
	var foreign int
	err := x.db.QueryRowContext(ctx, "SELECT count(*) FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r','p') AND starts_with(c.relname, $1) AND NOT pg_has_role(c.relowner, 'USAGE')", x.c.Prefix).Scan(&foreign)
	if err != nil {
		return fmt.Errorf("ask who owns the tables: %w", err)
	}
	if foreign > 0 {
		return errs.New(errs.Forbidden, "%d of the site's tables belong to another database user than the site's own (%s); make it their owner.", foreign, x.c.User)
	}
	if !aside {
		return errs.New(errs.Forbidden, "The site's database user may not make a schema in its database, where the old tables would be kept; run GRANT CREATE ON DATABASE %s TO %s.", x.c.Flavour.quote(x.Name), x.c.Flavour.quote(x.c.User))
	}
	if err := x.noReaders(ctx); err != nil {
		return err
	}
	x.Way, x.OldOID = WayAside, 0
	return nil
}

// noReaders refuses where views or foreign keys of others hang on the site's
// tables: PostgreSQL would keep them on the old ones, and drop them with those.
func (x *exchange) noReaders(ctx context.Context) error {
	var name sql.NullString
	err := x.db.QueryRowContext(ctx, `WITH ours AS (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r','p') AND starts_with(relname, $1))
		SELECT min(n) FROM (
			SELECT v.relname::text AS n FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
			WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM ours) AND v.oid NOT IN (SELECT oid FROM ours)
			UNION ALL SELECT c.conrelid::regclass::text FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid IN (SELECT oid FROM ours) AND c.conrelid NOT IN (SELECT oid FROM ours)) s`, x.c.Prefix).Scan(&name)
	if err != nil {
		return fmt.Errorf("ask what hangs on the site's tables: %w", err)
	}
	if name.Valid {
		return errs.New(errs.Conflict, "%s, a view or table that is not Moodle's, hangs on the site's tables and would stay with the old ones; drop it, and make it anew after the restore.", name.String)
	}
	return nil
}

// elsewhere connects to a database that is neither of those exchanged.
func (x *exchange) elsewhere(ctx context.Context) (*sql.DB, error) {
	var last error
	for _, name := range []string{"postgres", "template1"} {
		c := x.c
		c.Name = name
		db, err := open(c)
		if err != nil {
			return nil, err
		}
		if last = db.PingContext(ctx); last == nil {
			return db, nil
		}
		_ = db.Close()
	}
	return nil, connectError(x.c, last)
}

// createPostgres makes a database like the site's own.
func (x *exchange) createPostgres(ctx context.Context) error {
	var collate, ctype string
	if err := x.db.QueryRowContext(ctx, "SELECT oid, datcollate, datctype FROM pg_database WHERE datname = current_database()").Scan(&x.OldOID, &collate, &ctype); err != nil {
		return fmt.Errorf("ask for the database's locale: %w", err)
	}
	name := x.named("n")
	var there bool
	if err := x.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return fmt.Errorf("look for the database beside: %w", err)
	}
	if !there {
		var create string
		if err := x.db.QueryRowContext(ctx, "SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' LC_COLLATE %L LC_CTYPE %L TEMPLATE template0', $1::text, (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()), $2::text, $3::text)", name, collate, ctype).Scan(&create); err != nil {
			return fmt.Errorf("write the statement: %w", err)
		}
		if _, err := x.db.ExecContext(ctx, create); err != nil {
			return fmt.Errorf("create a database beside the site's: %w", err)
		}
	}
	if err := x.db.QueryRowContext(ctx, "SELECT oid FROM pg_database WHERE datname = $1", name).Scan(&x.NewOID); err != nil {
		return fmt.Errorf("look for the database beside: %w", err)
	}
	return nil
}

// renameTries is how often sessions are ended that come back at once.
const renameTries = 20

// renameDatabases gives the site's name to the new database, or back to the
// old one, in one transaction. Which is which is known by number.
func (x *exchange) renameDatabases(ctx context.Context, toNew bool) error {
	if x.OldOID == 0 || x.NewOID == 0 {
		return nil // nothing was made yet
	}
	_ = x.db.Close() // our own sessions stand in the way too
	admin, err := x.elsewhere(ctx)
	if err != nil {
		return err
	}
	defer admin.Close() //nolint:errcheck // errors came before
	from, to, aside := x.OldOID, x.NewOID, x.named("o")
	if !toNew {
		from, to, aside = x.NewOID, x.OldOID, x.named("n")
	}
	for try := 1; ; try++ {
		err := x.renameOnce(ctx, admin, from, to, aside)
		var pg *pgconn.PgError
		if err == nil || try == renameTries || !errors.As(err, &pg) || pg.Code != "55006" {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		}
	}
}

func (x *exchange) renameOnce(ctx context.Context, admin *sql.DB, from, to uint32, aside string) error {
	// Only those that the site's user may end; another's keeps us from renaming.
	if _, err := admin.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid IN ($1, $2) AND usename = current_user AND pid <> pg_backend_pid()", from, to); err != nil {
		return fmt.Errorf("end the sessions: %w", err)
	}
	tx, err := admin.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin the exchange: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	var now sql.NullString
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT datname FROM pg_database WHERE oid = $1)", to).Scan(&now); err != nil {
		return fmt.Errorf("look for the databases: %w", err)
	}
	if now.String == x.Name {
		return nil // it is done
	}
	if !now.Valid {
		return errs.New(errs.NotFound, "The database that is to take the place of %s is gone.", x.Name)
	}
	q := x.c.Flavour.quote
	var holder sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT oid::bigint FROM pg_database WHERE datname = $1)", x.Name).Scan(&holder); err != nil {
		return fmt.Errorf("look for the databases: %w", err)
	}
	if holder.Valid && uint32(holder.Int64) != from {
		return errs.New(errs.Conflict, "The name %s belongs to a database that this exchange does not know.", x.Name)
	}
	if holder.Valid {
		if _, err := tx.ExecContext(ctx, "ALTER DATABASE "+q(x.Name)+" RENAME TO "+q(aside)); err != nil {
			return fmt.Errorf("rename the database: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "ALTER DATABASE "+q(now.String)+" RENAME TO "+q(x.Name)); err != nil {
		return fmt.Errorf("rename the database: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("end the exchange: %w", err)
	}
	return nil
}

// dropPostgres drops the database that lies aside.
func (x *exchange) dropPostgres(ctx context.Context, what string) error {
	oid := map[string]uint32{"n": x.NewOID, "o": x.OldOID}[what]
	if oid == 0 && what == "o" {
		return nil
	}
	var name sql.NullString
	// A database may have been made and its number not yet noted.
	err := x.db.QueryRowContext(ctx, "SELECT (SELECT datname FROM pg_database WHERE oid = $1 OR ($1 = 0 AND datname = $2))", oid, x.named(what)).Scan(&name)
	if err != nil {
		return fmt.Errorf("look for the database that lies aside: %w", err)
	}
	if !name.Valid {
		return nil
	}
	if name.String == x.Name {
		return errs.New(errs.Conflict, "The database %s is the site's own now; it is not dropped.", name.String)
	}
	if _, err := x.db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = current_user", name.String); err != nil {
		return fmt.Errorf("end the sessions: %w", err)
	}
	if _, err := x.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+x.c.Flavour.quote(name.String)); err != nil {
		return fmt.Errorf("drop the database that lies aside: %w", err)
	}
	return nil
}

// dropSchema drops a schema with all in it, a part at a time where the
// server's table of locks is too small for all at once.
func (x *exchange) dropSchema(ctx context.Context, name string) error {
	drop := "DROP SCHEMA IF EXISTS " + x.c.Flavour.quote(name) + " CASCADE" //nolint:gosec // the name is quoted
	_, err := x.db.ExecContext(ctx, drop)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "53200" {
		return err
	}
	have := map[string]bool{}
	if err := x.names(ctx, name, have); err != nil {
		return err
	}
	for _, t := range sorted(have) {
		if _, err := x.db.ExecContext(ctx, "DROP TABLE "+x.c.Flavour.quote(name)+"."+x.c.Flavour.quote(t)+" CASCADE"); err != nil {
			return fmt.Errorf("drop table %s: %w", t, err)
		}
	}
	_, err = x.db.ExecContext(ctx, drop)
	return err
}
