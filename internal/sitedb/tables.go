package sitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast/internal/errs"
)

// open opens a pool of few connections to a site's database, by the pure Go
// drivers.
func open(c Conn) (*sql.DB, error) {
	if c.Flavour.Family() == "mysql" {
		return openMySQL(c)
	}
	host := c.Host
	if c.Socket != "" {
		host = c.Socket
	}
	at := url.Values{"host": {host}, "port": {strconv.Itoa(c.Port)}, "sslmode": {"prefer"}}
	cfg, err := pgx.ParseConfig("postgres:///?" + at.Encode())
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to %s: %w", c, err)
	}
	cfg.User, cfg.Password, cfg.Database = c.User, c.Password, c.Name
	cfg.ConnectTimeout = 20 * time.Second
	// A pooler in between must not see what it cannot carry.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(4)
	return db, nil
}

// connectError says for a person why a database was not reached; never the password.
func connectError(c Conn, err error) error {
	var my *mysql.MySQLError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &my) && (my.Number == 1045 || my.Number == 1044 || my.Number == 1698),
		errors.As(err, &pg) && (pg.Code == "28P01" || pg.Code == "28000" || pg.Code == "42501"):
		return errs.Wrap(errs.Forbidden, err, "The database server does not let user %s into database %s; compare user and password in config.php.", c.User, c.Name)
	case errors.As(err, &my) && my.Number == 1049, errors.As(err, &pg) && pg.Code == "3D000":
		return errs.Wrap(errs.NotFound, err, "There is no database %s on the server.", c.Name)
	case errors.As(err, &my), errors.As(err, &pg):
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "The %s cannot be reached.", c)
}

// inventory is what a database holds, seen from one site's prefix.
type inventory struct {
	version string   // of the server, as it says itself
	major   int      // PostgreSQL's
	flavour Flavour  // what the server is, whatever config.php calls it
	schema  string   // PostgreSQL's
	tables  []string // the site's, sorted
	others  []string // tables and views of others
}

// take reads the inventory.
func take(ctx context.Context, db *sql.DB, c Conn) (*inventory, error) {
	inv := &inventory{flavour: c.Flavour}
	query := "SELECT table_name, table_type = 'BASE TABLE', TRUE FROM information_schema.tables WHERE table_schema = DATABASE()"
	if c.Flavour == PostgreSQL {
		if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000, current_schema()").Scan(&inv.version, &inv.major, &inv.schema); err != nil {
			return nil, connectError(c, err)
		}
		query = `SELECT c.relname, c.relkind IN ('r','p'), n.nspname = current_schema() FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r','p','v','m','f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`
	} else {
		if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&inv.version); err != nil {
			return nil, connectError(c, err)
		}
		inv.flavour = MySQL
		if strings.Contains(strings.ToLower(inv.version), "mariadb") {
			inv.flavour = MariaDB
		}
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list the tables of %s: %w", c, err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	for rows.Next() {
		var name string
		var base, home bool
		if err := rows.Scan(&name, &base, &home); err != nil {
			return nil, fmt.Errorf("list the tables of %s: %w", c, err)
		}
		if base && home && strings.HasPrefix(name, c.Prefix) && !isOurs(name) {
			inv.tables = append(inv.tables, name)
		} else {
			inv.others = append(inv.others, name)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the tables of %s: %w", c, err)
	}
	inv.leaveOutNested(c.Prefix)
	slices.Sort(inv.tables)
	return inv, nil
}

// leaveOutNested leaves out a second site whose prefix begins with ours
// (mdl_ and mdl_2_): its own core tables give it away.
func (inv *inventory) leaveOutNested(prefix string) {
	if prefix == "" {
		return
	}
	have := map[string]bool{}
	for _, t := range inv.tables {
		have[t] = true
	}
	for _, t := range inv.tables {
		nested, ok := strings.CutSuffix(t, "config_plugins")
		if !ok || len(nested) <= len(prefix) || !have[nested+"course_modules"] || !have[nested+"user_enrolments"] {
			continue
		}
		inv.tables = slices.DeleteFunc(inv.tables, func(t string) bool {
			if !strings.HasPrefix(t, nested) {
				return false
			}
			inv.others = append(inv.others, t)
			return true
		})
	}
}

// quote quotes an identifier.
func (f Flavour) quote(name string) string {
	if f == PostgreSQL {
		return pgx.Identifier{name}.Sanitize()
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// refuseUpgrade gives an UpgradeRunningError while Moodle's upgrade is at work.
// A database without a config table has none.
func refuseUpgrade(ctx context.Context, db *sql.DB, c Conn, inv *inventory, now time.Time) error {
	table := c.Prefix + "config"
	if _, found := slices.BinarySearch(inv.tables, table); !found {
		return nil
	}
	var value string
	err := db.QueryRowContext(ctx, "SELECT value FROM "+c.Flavour.quote(table)+" WHERE name = 'upgraderunning'").Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask whether an upgrade is running: %w", err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || seconds <= now.Unix() {
		return nil
	}
	return upgradeRunning(time.Unix(seconds, 0))
}

// survey opens the database and takes its inventory.
func survey(ctx context.Context, c Conn) (*sql.DB, *inventory, error) {
	db, err := open(c)
	if err != nil {
		return nil, nil, err
	}
	inv, err := take(ctx, db, c)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return db, inv, nil
}

// Counts gives the rows of each of the site's tables, sorted by name.
func Counts(ctx context.Context, c Conn) ([]Table, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // read only
	out := make([]Table, 0, len(inv.tables))
	for _, name := range inv.tables {
		t := Table{Name: name}
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+c.Flavour.quote(name)).Scan(&t.Rows); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", name, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// Checksums gives a checksum of the rows of each of the site's tables: equal
// rows give equal sums on servers of one version, in whatever order they lie.
func Checksums(ctx context.Context, c Conn) (map[string]string, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // read only
	out := make(map[string]string, len(inv.tables))
	for _, name := range inv.tables {
		var sum sql.NullString
		if c.Flavour == PostgreSQL {
			half := func(from int) string {
				return fmt.Sprintf("coalesce(sum(('x' || substr(h, %d, 16))::bit(64)::bigint::numeric), 0)", from)
			}
			err = db.QueryRowContext(ctx, "SELECT count(*) || ':' || "+half(1)+" || ':' || "+half(17)+" FROM (SELECT md5(t::text) AS h FROM "+c.Flavour.quote(name)+" t) s").Scan(&sum)
		} else {
			var table string
			err = db.QueryRowContext(ctx, "CHECKSUM TABLE "+c.Flavour.quote(name)).Scan(&table, &sum)
		}
		if err != nil {
			return nil, fmt.Errorf("checksum the rows of %s: %w", name, err)
		}
		if !sum.Valid {
			return nil, fmt.Errorf("checksum the rows of %s: the server gives none", name)
		}
		out[name] = sum.String
	}
	return out, nil
}
