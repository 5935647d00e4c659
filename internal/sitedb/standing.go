package sitedb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/errs"
)

// Standing is what must be known of a site's database before another takes
// its place.
type Standing struct {
	Flavour       Flavour `json:"flavour"` // what the server is, whatever config.php calls it
	ServerVersion string  `json:"server_version"`
	ClientVersion string  `json:"client_version"` // of the program that will load
	Tables        int     `json:"tables"`         // of the site
	OtherTables   int     `json:"other_tables"`
	Bytes         int64   `json:"bytes"`              // that the site's tables and their indexes take
	DataDir       string  `json:"data_dir,omitempty"` // the server's own folder, where it says so
}

// Look gives a database's standing. The error is errs.NotFound where this host
// lacks the client program, and errs.Unavailable where the server is not reached.
func Look(ctx context.Context, c Conn) (Standing, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return Standing{}, err
	}
	defer db.Close() //nolint:errcheck // read only
	s := Standing{Flavour: inv.flavour, ServerVersion: inv.version, Tables: len(inv.tables), OtherTables: len(inv.others)}
	var p program
	size, dir := "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()", "SELECT @@datadir"
	if c.Flavour == PostgreSQL {
		size, dir = "SELECT pg_database_size(current_database())", "SELECT current_setting('data_directory')"
		p, err = pgProgram(ctx, "pg_restore", inv.major)
	} else {
		p, err = mysqlProgram(ctx, inv.flavour, "")
	}
	if err != nil {
		return s, err
	}
	s.ClientVersion = p.version
	if err := db.QueryRowContext(ctx, size).Scan(&s.Bytes); err != nil {
		return s, fmt.Errorf("ask how large the database is: %w", err)
	}
	if err := db.QueryRowContext(ctx, dir).Scan(&s.DataDir); err != nil {
		s.DataDir = "" // a right that few sites' users have
	}
	return s, nil
}

// Fits tells by the first bytes of a dump whether the server can take it:
// errs.Unsupported where it cannot, with the remedy; errs.Invalid where it is
// a dump of the other kind, or none.
func Fits(ctx context.Context, c Conn, head []byte) error {
	format, err := formatOf(head)
	if err != nil {
		return err
	}
	if (format == FormatPGCustom) != (c.Flavour == PostgreSQL) {
		return errs.New(errs.Invalid, "The copy is a dump of the other kind of server: a %s dump cannot be loaded into %s.", format, c.Flavour)
	}
	db, inv, err := survey(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // read only
	l := &load{Conn: c, db: db, inv: inv}
	return l.fits(ctx, bytes.Clone(head))
}

// UpgradeRunning gives an *UpgradeRunningError while Moodle's own upgrade is
// at work on the site.
func UpgradeRunning(ctx context.Context, c Conn, now time.Time) error {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // read only
	return refuseUpgrade(ctx, db, c, inv, now)
}

// Sessions counts the sessions of the site's user in the site's database that
// are at work now, ours apart.
func Sessions(ctx context.Context, c Conn) (int, error) {
	db, err := open(c)
	if err != nil {
		return 0, err
	}
	defer db.Close() //nolint:errcheck // read only
	query := "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND id <> CONNECTION_ID() AND command <> 'Sleep'"
	if c.Flavour == PostgreSQL {
		query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND state <> 'idle'"
	}
	var n int
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, connectError(c, err)
	}
	return n, nil
}

// Disconnect ends the sessions of the site's user in the site's database, so
// that nothing that ran when the site was closed writes any more.
func Disconnect(ctx context.Context, c Conn) error {
	db, err := open(c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // errors came before
	db.SetMaxOpenConns(1)
	if c.Flavour == PostgreSQL {
		if _, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"); err != nil {
			return fmt.Errorf("end the site's sessions: %w", err)
		}
		return nil
	}
	rows, err := db.QueryContext(ctx, "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND id <> CONNECTION_ID()")
	if err != nil {
		return fmt.Errorf("list the site's sessions: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("list the site's sessions: %w", err)
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("list the site's sessions: %w", err)
	}
	for _, id := range ids {
		_, _ = db.ExecContext(ctx, "KILL "+id) // one that has ended by itself is no error
	}
	return nil
}

// Waiting is what the site's cron will do again once it runs.
type Waiting struct {
	AdhocTasks int64 `json:"adhoc_tasks"`
	ForumPosts int64 `json:"forum_posts"` // not yet mailed
}

// AskWaiting counts it. A table that is not there has none.
func AskWaiting(ctx context.Context, c Conn) (Waiting, error) {
	var w Waiting
	db, inv, err := survey(ctx, c)
	if err != nil {
		return w, err
	}
	defer db.Close() //nolint:errcheck // read only
	for _, ask := range []struct {
		table, where string
		into         *int64
	}{{"task_adhoc", "", &w.AdhocTasks}, {"forum_posts", " WHERE mailed = 0", &w.ForumPosts}} {
		if _, there := slices.BinarySearch(inv.tables, c.Prefix+ask.table); !there {
			continue
		}
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+c.Flavour.quote(c.Prefix+ask.table)+ask.where).Scan(ask.into); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return w, fmt.Errorf("count what waits in %s: %w", ask.table, err)
		}
	}
	return w, nil
}

// Names gives the names of the site's tables, sorted.
func Names(ctx context.Context, c Conn) ([]string, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return nil, err
	}
	return inv.tables, db.Close()
}
