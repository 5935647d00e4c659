package sitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// empty drops all that a dump may have made: tables, views, sequences,
// routines, events. It looks again until nothing is left, for a statement of a
// client that was killed may still be at work on the server.
func (l *load) empty(ctx context.Context) error {
	for range 5 {
		drops, err := l.drops(ctx)
		if err != nil {
			return err
		}
		if len(drops) == 0 {
			return nil
		}
		if err := l.drop(ctx, drops); err != nil {
			return err
		}
	}
	return errors.New("new tables appear as fast as they are dropped")
}

// drop runs the statements on one connection, without regard to foreign keys.
func (l *load) drop(ctx context.Context, statements []string) error {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to empty the database: %w", err)
	}
	defer conn.Close() //nolint:errcheck // done with it
	if l.Flavour != PostgreSQL {
		if _, err := conn.ExecContext(ctx, "SET FOREIGN_KEY_CHECKS = 0"); err != nil {
			return fmt.Errorf("prepare to empty the database: %w", err)
		}
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.80s: %w", s, err)
		}
	}
	if l.Flavour != PostgreSQL {
		_, err = conn.ExecContext(ctx, "SET FOREIGN_KEY_CHECKS = 1")
	}
	return err
}

// drops gives the statements that empty the database.
func (l *load) drops(ctx context.Context) ([]string, error) {
	if l.Beside {
		return l.ownDrops(ctx)
	}
	query := `SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END, '', table_name FROM information_schema.tables WHERE table_schema = DATABASE()
		UNION ALL SELECT routine_type, '', routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()
		UNION ALL SELECT 'EVENT', '', event_name FROM information_schema.events WHERE event_schema = DATABASE()`
	if l.Flavour == PostgreSQL {
		query = `SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r','p','v','m','f','S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			ORDER BY c.relkind <> 'v', c.relkind = 'S'`
	}
	rows, err := l.db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list what the database holds: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	byKind := map[string][]string{}
	var kinds []string
	for rows.Next() {
		var kind, schema, name string
		if err := rows.Scan(&kind, &schema, &name); err != nil {
			return nil, fmt.Errorf("list what the database holds: %w", err)
		}
		if schema != "" {
			name = l.Flavour.quote(schema) + "." + l.Flavour.quote(name)
		} else {
			name = l.Flavour.quote(name)
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		byKind[kind] = append(byKind[kind], name)
	}
	if err := rows.Err(); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("list what the database holds: %w", err)
	}
	return l.dropStatements(kinds, byKind), nil
}

// ownDrops drops the tables of the site alone, which take their sequences with them.
func (l *load) ownDrops(ctx context.Context) ([]string, error) {
	inv, err := take(ctx, l.db, l.Conn)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(inv.tables))
	for i, t := range inv.tables {
		names[i] = l.Flavour.quote(t)
	}
	return l.dropStatements([]string{"TABLE"}, map[string][]string{"TABLE": names}), nil
}

// dropStatements drops many at once where the server lets us: each statement
// costs a round trip, and on PostgreSQL a sync.
func (l *load) dropStatements(kinds []string, byKind map[string][]string) []string {
	var out []string
	for _, kind := range kinds {
		size, tail := 100, ""
		if kind == "FUNCTION" || kind == "PROCEDURE" || kind == "EVENT" {
			size = 1
		}
		if l.Flavour == PostgreSQL {
			tail = " CASCADE"
		}
		for batch := range slices.Chunk(byKind[kind], size) {
			out = append(out, "DROP "+kind+" IF EXISTS "+strings.Join(batch, ", ")+tail)
		}
	}
	return out
}
