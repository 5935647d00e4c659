package sitedb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/errs"
)

// The ways in which a site's tables are exchanged for others.
const (
	// WayDatabase loads into a database of its own beside the site's and
	// switches by renaming. It needs the right to create databases.
	WayDatabase = "database"
	// WayAside moves the old tables aside within the site's own database (on
	// MySQL under other names, on PostgreSQL into a schema of their own) and
	// loads in their place. The site is closed meanwhile.
	WayAside = "aside"
)

// Swap is the exchange of a site's tables for those of a dump, with the old
// ones kept. It holds no secret and is made to be written down: every method
// finds out by itself how far things are, may be killed anywhere and called
// again. Tables of other prefixes are never touched.
type Swap struct {
	Way    string   `json:"way"`
	ID     string   `json:"id"`               // in the names of what lies aside
	Name   string   `json:"name"`             // of the site's database
	Schema string   `json:"schema,omitempty"` // PostgreSQL's, of the site's tables
	Old    []string `json:"old"`              // the site's tables before the exchange, sorted; see NoteOld
	// OldOID and NewOID are PostgreSQL's numbers of the databases that WayDatabase exchanges.
	OldOID uint32 `json:"old_oid,omitempty"`
	NewOID uint32 `json:"new_oid,omitempty"`
	// Why says why it is not WayDatabase, for a person.
	Why string `json:"why,omitempty"`
}

var swapID = regexp.MustCompile(`^[a-z0-9]{4,12}$`)

// PlanSwap finds the way that the site's own rights allow, by trying it out
// with an empty table; it leaves nothing behind. The error is errs.Forbidden
// where no way is open; its sentence names the remedy.
func PlanSwap(ctx context.Context, c Conn, id string) (Swap, error) {
	if !swapID.MatchString(id) {
		return Swap{}, errs.Field("id", "%q cannot be part of a database's name", id)
	}
	db, inv, err := survey(ctx, c)
	if err != nil {
		return Swap{}, err
	}
	defer db.Close() //nolint:errcheck // it only asked
	s := Swap{ID: id, Name: c.Name, Schema: inv.schema, Old: inv.tables}
	x := &exchange{Swap: &s, c: c, db: db}
	if c.Flavour == PostgreSQL {
		err = x.planPostgres(ctx, inv)
	} else {
		err = x.planMySQL(ctx)
	}
	if err != nil {
		return Swap{}, err
	}
	return s, nil
}

// exchange is a Swap at work on a connection to the site's database.
type exchange struct {
	*Swap
	c  Conn
	db *sql.DB
}

// with connects for the length of do.
func (s *Swap) with(ctx context.Context, c Conn, do func(*exchange) error) error {
	if c.Name != s.Name || !swapID.MatchString(s.ID) {
		return errs.New(errs.Conflict, "config.php names the database %s now, and the exchange is of %s.", c.Name, s.Name)
	}
	db, err := open(c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // errors came before
	if err := db.PingContext(ctx); err != nil {
		return connectError(c, err)
	}
	return do(&exchange{Swap: s, c: c, db: db})
}

// named gives the name of a database or schema of this exchange; what is "n"
// for the new tables and "o" for the old ones.
func (s *Swap) named(what string) string {
	return s.Name[:min(len(s.Name), 48)] + "_hf" + s.ID + what
}

// asideMark begins the names of tables that lie aside on MySQL; no site's
// inventory counts them.
const asideMark = "holdfast_"

// asideName is a table's name while it lies aside in its own database.
func (s *Swap) asideName(what, table string) string {
	name := asideMark + s.ID + what + "_" + table
	if len(name) <= 64 {
		return name
	}
	sum := sha256.Sum256([]byte(table))
	return name[:51] + "_" + hex.EncodeToString(sum[:6])
}

// Target gives where the dump is to be loaded, and how.
func (s *Swap) Target(c Conn) (Conn, LoadOptions) {
	if s.Way == WayDatabase {
		c.Name = s.named("n")
		return c, LoadOptions{Replace: true}
	}
	return c, LoadOptions{Beside: true}
}

// NoteOld takes the site's tables down as they are now, when nothing else
// works on them any more; what comes later counts as new.
func (s *Swap) NoteOld(ctx context.Context, c Conn) error {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return err
	}
	s.Old = inv.tables
	return db.Close()
}

// Prepare makes the place for the new tables, empty. It changes nothing of the
// site's own. On PostgreSQL it notes the numbers of the databases.
func (s *Swap) Prepare(ctx context.Context, c Conn) error {
	return s.with(ctx, c, func(x *exchange) error {
		switch {
		case s.Way == WayAside:
			return nil
		case c.Flavour == PostgreSQL:
			return x.createPostgres(ctx)
		}
		for _, what := range []string{"n", "o"} {
			if err := x.createMySQL(ctx, s.named(what)); err != nil {
				return fmt.Errorf("create a database beside the site's: %w", err)
			}
		}
		return nil
	})
}

// MoveAside makes room for the load where that is into the site's own
// database. Old must be noted.
func (s *Swap) MoveAside(ctx context.Context, c Conn) error {
	if s.Way != WayAside {
		return nil
	}
	return s.with(ctx, c, func(x *exchange) error {
		if err := x.makeRooms(ctx); err != nil {
			return err
		}
		r, err := x.look(ctx)
		if err != nil {
			return err
		}
		var moves []move
		for _, t := range s.Old {
			if r.live[t] && !r.keep[t] {
				moves = append(moves, move{t, roomLive, roomKeep})
			}
		}
		return x.rename(ctx, moves)
	})
}

// Switch puts the loaded tables in the place of the old ones, which are kept
// aside; in the other way that has happened when the load was done.
func (s *Swap) Switch(ctx context.Context, c Conn) error {
	if s.Way != WayDatabase {
		return nil
	}
	return s.with(ctx, c, func(x *exchange) error {
		if c.Flavour == PostgreSQL {
			return x.renameDatabases(ctx, true)
		}
		r, err := x.look(ctx)
		if err != nil {
			return err
		}
		var moves []move
		for _, t := range s.Old {
			if r.live[t] && !r.keep[t] {
				moves = append(moves, move{t, roomLive, roomKeep})
			}
		}
		for _, t := range sorted(r.fresh) {
			moves = append(moves, move{t, roomNew, roomLive})
		}
		return x.rename(ctx, moves)
	})
}

// Back puts the old tables in their place again, from whatever is there now;
// the new ones then lie aside. Old must have been noted before anything moved.
func (s *Swap) Back(ctx context.Context, c Conn) error {
	back := func(x *exchange) error {
		if s.Way == WayDatabase && c.Flavour == PostgreSQL {
			return x.renameDatabases(ctx, false)
		}
		if err := x.makeRooms(ctx); err != nil {
			return err
		}
		r, err := x.look(ctx)
		if err != nil {
			return err
		}
		var moves []move
		for _, t := range sorted(r.live) {
			if _, old := slices.BinarySearch(s.Old, t); r.keep[t] || !old {
				moves = append(moves, move{t, roomLive, roomNew})
			}
		}
		for _, t := range sorted(r.keep) {
			moves = append(moves, move{t, roomKeep, roomLive})
		}
		return x.rename(ctx, moves)
	}
	return s.with(ctx, c, back)
}

// DropNew removes the new tables where they lie aside, and what was made for
// them; nothing that is in the site's place.
func (s *Swap) DropNew(ctx context.Context, c Conn) error { return s.dropAside(ctx, c, "n") }

// DropOld removes the old tables where they lie aside, and what was made for
// them; nothing that is in the site's place.
func (s *Swap) DropOld(ctx context.Context, c Conn) error { return s.dropAside(ctx, c, "o") }

func (s *Swap) dropAside(ctx context.Context, c Conn, what string) error {
	return s.with(ctx, c, func(x *exchange) error {
		other := map[string]string{"n": "o", "o": "n"}[what]
		switch {
		case c.Flavour == PostgreSQL && s.Way == WayDatabase:
			return x.dropPostgres(ctx, what)
		case c.Flavour == PostgreSQL:
			if err := x.dropSchema(ctx, s.named(what)); err != nil {
				return err
			}
			return x.dropIfEmpty(ctx, other)
		case s.Way == WayDatabase:
			if _, err := x.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+c.Flavour.quote(s.named(what))); err != nil {
				return fmt.Errorf("drop the tables that lie aside: %w", err)
			}
			return x.dropIfEmpty(ctx, other)
		}
		return x.dropTables(ctx, what)
	})
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for t := range set {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// isOurs tells whether a table lies aside by an exchange; such tables are no
// site's, whatever its prefix is.
func isOurs(name string) bool {
	return strings.HasPrefix(name, asideMark) && asideTable.MatchString(name)
}

var asideTable = regexp.MustCompile(`^` + asideMark + `[a-z0-9]{4,12}[no]_`)

// Aside says where what lies aside is, for a person; what is "o" for the old
// tables and "n" for the new ones.
func (s *Swap) Aside(what string, c Conn) string {
	switch {
	case s.Way == WayDatabase:
		return "database " + s.named(what)
	case c.Flavour == PostgreSQL:
		return "schema " + s.named(what) + " of database " + s.Name
	}
	return "tables " + asideMark + s.ID + what + "_… of database " + s.Name
}
