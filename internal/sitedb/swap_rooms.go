package sitedb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// room is a place where a table of an exchange can be.
type room int

const (
	roomLive room = iota // the site's own place
	roomKeep             // the old ones, aside
	roomNew              // the new ones, aside
)

// move takes one table from a room to another.
type move struct {
	table    string
	from, to room
}

// rooms says which tables are where; those aside by their own names.
type rooms struct{ live, keep, fresh map[string]bool }

// look finds which of the exchange's tables are where.
func (x *exchange) look(ctx context.Context) (rooms, error) {
	inv, err := take(ctx, x.db, x.c)
	if err != nil {
		return rooms{}, err
	}
	r := rooms{live: map[string]bool{}, keep: map[string]bool{}, fresh: map[string]bool{}}
	for _, t := range inv.tables {
		r.live[t] = true
	}
	for _, aside := range []struct {
		what string
		set  map[string]bool
	}{{"o", r.keep}, {"n", r.fresh}} {
		if x.c.Flavour == PostgreSQL || x.Way == WayDatabase {
			if err := x.names(ctx, x.named(aside.what), aside.set); err != nil {
				return rooms{}, err
			}
			continue
		}
		x.asideNames(inv.others, aside.what, slices.Concat(x.Old, inv.tables), aside.set)
	}
	return r, nil
}

// names lists the tables of another database of MySQL, or of another schema
// of PostgreSQL. One that is not there has none.
func (x *exchange) names(ctx context.Context, schema string, into map[string]bool) error {
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
	if x.c.Flavour == PostgreSQL {
		query = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p') AND n.nspname = $1"
	}
	rows, err := x.db.QueryContext(ctx, query, schema)
	if err != nil {
		return fmt.Errorf("list what lies aside: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("list what lies aside: %w", err)
		}
		into[name] = true
	}
	return rows.Err()
}

// asideNames finds the own names of tables that lie aside under others.
func (x *exchange) asideNames(have []string, what string, known []string, into map[string]bool) {
	byAside := map[string]string{}
	for _, t := range known {
		byAside[x.asideName(what, t)] = t
	}
	start := asideMark + x.ID + what + "_"
	for _, name := range have {
		if own, ok := byAside[name]; ok {
			into[own] = true
		} else if own, ok := strings.CutPrefix(name, start); ok {
			into[own] = true
		}
	}
}

// place gives a table's full quoted name in a room.
func (x *exchange) place(t string, r room) string {
	q := x.c.Flavour.quote
	what := map[room]string{roomKeep: "o", roomNew: "n"}[r]
	switch {
	case r == roomLive && x.c.Flavour == PostgreSQL:
		return q(x.Schema) + "." + q(t)
	case r == roomLive:
		return q(x.Name) + "." + q(t)
	case x.c.Flavour == PostgreSQL || x.Way == WayDatabase:
		return q(x.named(what)) + "." + q(t)
	}
	return q(x.Name) + "." + q(x.asideName(what, t))
}

// makeRooms makes what the tables are moved into.
func (x *exchange) makeRooms(ctx context.Context) error {
	for _, what := range []string{"o", "n"} {
		var err error
		switch {
		case x.c.Flavour == PostgreSQL:
			_, err = x.db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+x.c.Flavour.quote(x.named(what)))
		case x.Way == WayDatabase:
			err = x.createMySQL(ctx, x.named(what))
		}
		if err != nil {
			return fmt.Errorf("make the place for what lies aside: %w", err)
		}
	}
	return nil
}

// rename moves all tables at once: in one statement on MySQL, in one
// transaction on PostgreSQL.
func (x *exchange) rename(ctx context.Context, moves []move) error {
	if len(moves) == 0 {
		return nil
	}
	if x.c.Flavour != PostgreSQL {
		parts := make([]string, len(moves))
		for i, m := range moves {
			parts[i] = x.place(m.table, m.from) + " TO " + x.place(m.table, m.to)
		}
		if _, err := x.db.ExecContext(ctx, "RENAME TABLE "+strings.Join(parts, ", ")); err != nil {
			return fmt.Errorf("rename %d tables: %w", len(moves), err)
		}
		return nil
	}
	err := x.moveAtOnce(ctx, moves)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "53200" {
		return err
	}
	// The server's table of locks is too small for one transaction. Behind the
	// maintenance page a few are as good: Back finds out how far they came.
	for some := range slices.Chunk(moves, 50) {
		if err := x.moveAtOnce(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) moveAtOnce(ctx context.Context, moves []move) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin the exchange: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '60s'"); err != nil {
		return fmt.Errorf("begin the exchange: %w", err)
	}
	for _, m := range moves {
		what := map[room]string{roomKeep: "o", roomNew: "n"}[m.to]
		to := x.Schema
		if m.to != roomLive {
			to = x.named(what)
		}
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+x.place(m.table, m.from)+" SET SCHEMA "+x.c.Flavour.quote(to)); err != nil {
			return fmt.Errorf("move table %s: %w", m.table, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("end the exchange: %w", err)
	}
	return nil
}

// dropTables removes the tables that lie aside under other names.
func (x *exchange) dropTables(ctx context.Context, what string) error {
	have := map[string]bool{}
	if err := x.names(ctx, x.Name, have); err != nil {
		return err
	}
	start := asideMark + x.ID + what + "_"
	var drops []string
	for _, t := range sorted(have) {
		if strings.HasPrefix(t, start) {
			drops = append(drops, x.c.Flavour.quote(t))
		}
	}
	for some := range slices.Chunk(drops, 100) {
		if _, err := x.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+strings.Join(some, ", ")); err != nil {
			return fmt.Errorf("drop the tables that lie aside: %w", err)
		}
	}
	return nil
}

// dropIfEmpty removes the other side's place once nothing is in it.
func (x *exchange) dropIfEmpty(ctx context.Context, what string) error {
	have := map[string]bool{}
	if err := x.names(ctx, x.named(what), have); err != nil || len(have) > 0 {
		return err
	}
	if x.c.Flavour == PostgreSQL {
		return x.dropSchema(ctx, x.named(what))
	}
	_, err := x.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+x.c.Flavour.quote(x.named(what)))
	return err
}

// Aside lists what exchanges have left: tables, schemas and databases that the
// site's user can see, by name.
func Aside(ctx context.Context, c Conn) ([]string, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // read only
	var out []string
	for _, name := range inv.others {
		if isOurs(name) {
			out = append(out, name)
		}
	}
	query := "SELECT schema_name FROM information_schema.schemata"
	if c.Flavour == PostgreSQL {
		query = "SELECT nspname FROM pg_namespace UNION ALL SELECT datname FROM pg_database"
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list what lies aside: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	start := (&Swap{Name: c.Name}).named("")
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list what lies aside: %w", err)
		}
		if strings.HasPrefix(name, start) {
			out = append(out, name)
		}
	}
	return out, rows.Err()
}
