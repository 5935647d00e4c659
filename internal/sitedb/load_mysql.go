package sitedb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/errs"
)

// mysql loads by the mariadb or mysql client. The client may run no commands of
// its own that a dump might hold (binary mode, sandbox, no local files).
func (l *load) mysql(ctx context.Context) error {
	p, err := mysqlProgram(ctx, l.inv.flavour, "")
	if err != nil {
		return err
	}
	args := []string{"--defaults-file=" + secretPath, "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--batch", "--binary-mode", "--local-infile=0"}
	if p.has("sandbox") {
		args = append(args, "--sandbox")
	}
	c := &client{path: p.path, args: append(args, "--", l.Name), secret: l.optionFile(), hide: l.Password}
	scan := newSQLScan()
	err = l.feed(ctx, c, func(w io.Writer) error { return l.pass(ctx, scan, w) })
	if err != nil {
		return remedy(err)
	}
	if !scan.whole() {
		return errCut
	}
	return l.holds(ctx, scan.tables)
}

var errCut = errs.New(errs.Incomplete, "The dump is cut short: it has no trailer.")

// pass gives the dump to the client, piece by piece, each looked at first.
func (l *load) pass(ctx context.Context, scan *sqlScan, w io.Writer) error {
	if err := l.skipSandboxLine(); err != nil {
		return err
	}
	buf := make([]byte, 128<<10)
	known := 0
	for {
		n, err := l.in.Read(buf)
		if n > 0 {
			if _, err := scan.Write(buf[:n]); err != nil {
				return err
			}
			if err := l.knowsCollations(ctx, scan.collations[known:]); err != nil {
				return err
			}
			known = len(scan.collations)
			if err := l.ownTables(scan.tables); err != nil {
				return err
			}
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("give the dump to the client: %w", err)
			}
			l.tell(n, len(scan.tables))
		}
		if errors.Is(err, io.EOF) {
			if !scan.whole() {
				return errCut
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
	}
}

// ownTables refuses a dump that would write among other sites' tables.
func (l *load) ownTables(names []Table) error {
	for _, t := range names {
		if l.Beside && (!strings.HasPrefix(t.Name, l.Prefix) || isOurs(t.Name)) {
			return errs.New(errs.Invalid, "The dump holds the table %.64s, which is not of this site (prefix %q).", t.Name, l.Prefix)
		}
	}
	return nil
}

// sandboxLines are the first lines that make a client refuse commands of its
// own, and that older clients die of. We refuse them by option instead.
var sandboxLines = [][]byte{[]byte(`/*M!999999\- enable the sandbox mode */`), []byte(`/*!999999\- enable the sandbox mode */`)}

func (l *load) skipSandboxLine() error {
	head, err := l.in.Peek(128)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the dump: %w", err)
	}
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		return nil
	}
	for _, s := range sandboxLines {
		if bytes.Equal(bytes.TrimRight(head[:end], " \r"), s) {
			_, err := l.in.Discard(end + 1)
			return err
		}
	}
	return nil
}

var collationName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// knowsCollations tells whether the server knows the collations that the dump
// asks for.
func (l *load) knowsCollations(ctx context.Context, names []string) error {
	for _, name := range names {
		if !collationName.MatchString(name) {
			continue
		}
		var one int
		err := l.db.QueryRowContext(ctx, "SELECT CONVERT('a' USING utf8mb4) COLLATE "+name+" = 'a'").Scan(&one)
		var my *mysql.MySQLError
		if errors.As(err, &my) && my.Number == 1273 {
			return errs.New(errs.Unsupported, "The dump uses the collation %s, which this server (%s) does not know; %s.", name, l.inv.version, remedyFor(name))
		}
		if err != nil && !errors.As(err, &my) {
			return fmt.Errorf("ask for the collation %s: %w", name, err)
		}
	}
	return nil
}

func remedyFor(collation string) string {
	switch {
	case strings.Contains(collation, "_0900_"):
		return "load it into MySQL 8, or convert the source's tables with Moodle's admin/cli/mysql_collation.php --collation=utf8mb4_unicode_ci and dump again"
	case strings.Contains(collation, "uca1400"):
		return "load it into MariaDB 10.10 or newer, or convert the source's tables with Moodle's admin/cli/mysql_collation.php --collation=utf8mb4_unicode_ci and dump again"
	}
	return "load it into the server's own kind and version, or a newer one"
}

// remedy adds what to do to errors whose cause is a limit of the server.
func remedy(err error) error {
	var ce *clientError
	if !errors.As(err, &ce) {
		return err
	}
	switch {
	case strings.Contains(ce.said, "1153") || strings.Contains(ce.said, "max_allowed_packet") || strings.Contains(ce.said, "ERROR 2006"):
		return errs.Wrap(errs.TooLarge, err, "The server cut the load off; a row is larger than its max_allowed_packet: raise that to 512M on the server.")
	case strings.Contains(ce.said, "ERROR 1118"):
		return errs.Wrap(errs.Unsupported, err, "The server does not take a table's rows in their format; set innodb_strict_mode=OFF and innodb_default_row_format=dynamic on the server.")
	case strings.Contains(ce.said, "read only") && strings.Contains(ce.said, "COMPRESSED"):
		return errs.Wrap(errs.Unsupported, err, "The server refuses compressed tables; set innodb_read_only_compressed=OFF on the server.")
	}
	return err
}

// holds tells whether the database has just the tables of the dump.
func (l *load) holds(ctx context.Context, want []Table) error {
	inv, err := take(ctx, l.db, l.Conn)
	if err != nil {
		return err
	}
	if len(inv.tables) != len(want) {
		return errs.New(errs.Incomplete, "The dump has %d tables, but the database has %d after the load.", len(want), len(inv.tables))
	}
	return nil
}
