package sitedb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// mysql dumps by mariadb-dump or mysqldump.
func (d *dump) mysql(ctx context.Context) error {
	p, err := mysqlProgram(ctx, d.inv.flavour, "dump")
	if err != nil {
		return err
	}
	extra, err := d.mysqlExtras(ctx)
	if err != nil {
		return err
	}
	if db, ok := d.db.(*sql.DB); ok {
		asking, stop := context.WithTimeout(ctx, versionsPatience)
		d.noteVersions(asking, db) // the client's snapshot cannot be shared
		stop()
	}
	args := []string{
		"--defaults-file=" + secretPath, "--single-transaction", "--quick", "--hex-blob", "--default-character-set=utf8mb4",
		"--no-tablespaces", "--skip-lock-tables", "--max-allowed-packet=512M", "--skip-dump-date", "--order-by-primary",
	}
	if p.has("set-gtid-purged") {
		args = append(args, "--set-gtid-purged=OFF")
	}
	if p.has("column-statistics") {
		args = append(args, "--column-statistics=0")
	}
	args = append(args, extra...)
	args = append(args, "--", d.Name)
	args = append(args, d.inv.tables...)
	tables, named := d.wanted()
	scan := newSQLScan().reading(tables)
	c := &client{path: p.path, args: args, secret: d.optionFile(), hide: d.Password}
	if err := d.stream(ctx, c, scan, func() int { return len(scan.tables) }); err != nil {
		return err
	}
	if !scan.whole() {
		return errs.New(errs.Incomplete, "The client ended well, but the dump does not end with its trailer; it is not whole.")
	}
	d.report.Format, d.report.Tables, d.report.ClientVersion = FormatSQL, scan.tables, p.version
	d.note(named)
	return d.compareTables()
}

// mysqlExtras asks for triggers, routines and events only where there are any:
// Moodle has none, and asking needs rights that a site's user may not have.
func (d *dump) mysqlExtras(ctx context.Context) ([]string, error) {
	db, ok := d.db.(*sql.DB)
	if !ok {
		return nil, fmt.Errorf("no database at hand")
	}
	var args []string
	for option, query := range map[string]string{
		"triggers": "SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = DATABASE()",
		"routines": "SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()",
		"events":   "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()",
	} {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return nil, fmt.Errorf("count the %s: %w", option, err)
		}
		if n > 0 {
			args = append(args, "--"+option)
		} else {
			args = append(args, "--skip-"+option)
		}
	}
	return args, nil
}

// optionFile gives the client's option file. It is the only one the client
// reads: PHP, whose way to the database we follow, does not read the host's either.
func (c Conn) optionFile() string {
	var b strings.Builder
	b.WriteString("[client]\n")
	put := func(key, value string) { b.WriteString(key + "=" + optionValue(value) + "\n") }
	put("user", c.User)
	put("password", c.Password)
	if c.Socket != "" {
		put("protocol", "socket")
		put("socket", c.Socket)
	} else {
		put("protocol", "tcp")
		put("host", c.Host)
		put("port", strconv.Itoa(c.Port))
	}
	return b.String()
}

// optionValue quotes a value as option files want it.
func optionValue(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}
