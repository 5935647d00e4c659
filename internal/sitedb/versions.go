package sitedb

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// Versions are what a site's database says is installed. They change with
// every upgrade of Moodle and every plug-in that comes, goes or is upgraded.
type Versions struct {
	Version         string          `json:"version"`         // of core, mdl_config's "version"
	AllVersionsHash string          `json:"allversionshash"` // mdl_config's; empty where Moodle wrote none
	Plugins         []moodle.Plugin `json:"plugins"`         // mdl_config_plugins' rows "version", sorted
}

// Fingerprint tells one state of the versions from another; empty for none.
func (v Versions) Fingerprint() string {
	return moodle.DatabaseFingerprint(v.Version, v.AllVersionsHash, v.Plugins)
}

// ReadVersions asks a site's database what is installed. errs.NotFound means
// that it has no such tables or names no version, errs.Invalid that it names
// more than moodle.MaxPlugins plug-ins.
func ReadVersions(ctx context.Context, c Conn) (Versions, error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return Versions{}, err
	}
	defer db.Close() //nolint:errcheck // read only
	return readVersions(ctx, db, c, inv)
}

// asker is a database, or a transaction of it.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// versionsPatience is how long the versions are waited for before a dump, in
// case another holds their table.
const versionsPatience = time.Minute

// maxVersion is how many characters of a value are asked for: one that has
// more is no version.
const maxVersion = 64

var versionsHash = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

func readVersions(ctx context.Context, db asker, c Conn, inv *inventory) (Versions, error) {
	var v Versions
	for _, t := range []string{"config", "config_plugins"} {
		if _, found := slices.BinarySearch(inv.tables, c.Prefix+t); !found {
			return v, errs.New(errs.NotFound, "The database %s has no table %s%s, which says what is installed.", c.Name, c.Prefix, t)
		}
	}
	value := fmt.Sprintf("LEFT(value, %d)", maxVersion+1)
	config, err := pairs(ctx, db, "SELECT name, "+value+" FROM "+c.Flavour.quote(c.Prefix+"config")+" WHERE name IN ('version', 'allversionshash') LIMIT 9")
	if err != nil {
		return Versions{}, fmt.Errorf("read Moodle's version from the database: %w", err)
	}
	for _, row := range config {
		switch {
		case row[0] == "version" && (moodle.Plugin{Component: "core_core", Version: row[1]}).Valid():
			v.Version = row[1]
		case row[0] == "allversionshash" && versionsHash.MatchString(row[1]):
			v.AllVersionsHash = row[1]
		}
	}
	if v.Version == "" {
		return Versions{}, errs.New(errs.NotFound, "The database %s does not say which version of Moodle is installed.", c.Name)
	}
	plugins, err := pairs(ctx, db, fmt.Sprintf("SELECT LEFT(plugin, 101), %s FROM %s WHERE name = 'version' LIMIT %d", value, c.Flavour.quote(c.Prefix+"config_plugins"), moodle.MaxPlugins+1))
	if err != nil {
		return Versions{}, fmt.Errorf("read the plug-ins' versions from the database: %w", err)
	}
	if len(plugins) > moodle.MaxPlugins {
		return Versions{}, errs.New(errs.Invalid, "The database %s names more than %d plug-ins.", c.Name, moodle.MaxPlugins)
	}
	v.Plugins = []moodle.Plugin{}
	for _, row := range plugins {
		// A plug-in's own setting may be called version too.
		if p := (moodle.Plugin{Component: row[0], Version: row[1]}); p.Valid() {
			v.Plugins = append(v.Plugins, p)
		}
	}
	moodle.SortPlugins(v.Plugins)
	return v, nil
}

// pairs gives the rows of a query of two texts, without the spaces around them.
func pairs(ctx context.Context, db asker, query string) ([][2]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	var out [][2]string
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return nil, err
		}
		out = append(out, [2]string{strings.TrimSpace(a), strings.TrimSpace(b)})
	}
	return out, rows.Err()
}

// noteVersions reads the versions into the report; what stands in the way
// stops no dump.
func (d *dump) noteVersions(ctx context.Context, db asker) {
	d.report.Versions, d.report.VersionsErr = readVersions(ctx, db, d.Conn, d.inv)
}

// noteVersionsIn does so in the transaction that holds the dump's snapshot,
// which a query that fails must not end.
func (d *dump) noteVersionsIn(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT versions"); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	if d.noteVersions(ctx, tx); d.report.VersionsErr == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT versions"); err != nil {
		return fmt.Errorf("go back to the savepoint: %w", err)
	}
	return nil
}
