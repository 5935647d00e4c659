package sitedb

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"holdfast/internal/errs"
)

const (
	defaultLoadStall = 30 * time.Minute
	headBytes        = 256 << 10 // looked at before anything is changed
)

// Load fills a database from a dump, whose format it finds out by itself. The
// database must be empty, or it is emptied first if Replace is set; never is a
// dump mixed with what is there. If the load fails, or the dump proves to be
// cut short, the database is left empty and the error says so. Errors:
// errs.Conflict (not empty), errs.Incomplete (a cut dump), errs.Invalid (no
// dump, or one of the other family), errs.Unsupported (the server lacks what
// the dump needs; the sentence names the remedy).
func Load(ctx context.Context, c Conn, r io.Reader, o LoadOptions) error {
	if o.Stall == 0 {
		o.Stall = defaultLoadStall
	}
	in := bufio.NewReaderSize(r, headBytes)
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the dump: %w", err)
	}
	format, err := formatOf(head)
	if err != nil {
		return err
	}
	if (format == FormatPGCustom) != (c.Flavour == PostgreSQL) {
		return errs.New(errs.Invalid, "This dump is of the other kind of server: a %s dump cannot be loaded into %s.", format, c.Flavour)
	}
	if !o.Beside {
		c.Prefix = ""
	}
	db, inv, err := survey(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // errors came before
	l := &load{Conn: c, LoadOptions: o, db: db, inv: inv, in: in}
	if err := l.fits(ctx, head); err != nil {
		return err
	}
	held := len(inv.tables)
	if !o.Beside {
		held += len(inv.others)
	}
	if held > 0 {
		if !o.Replace || o.Beside {
			return errs.New(errs.Conflict, "The database %s is not empty (%d tables); a dump is loaded into an empty one, or with --replace in place of what is there.", c.Name, held)
		}
		if err := l.empty(ctx); err != nil {
			return fmt.Errorf("empty %s before the load: %w", c, err)
		}
	}
	if c.Flavour == PostgreSQL {
		err = l.postgres(ctx)
	} else {
		err = l.mysql(ctx)
	}
	if err != nil {
		return l.undo(ctx, err)
	}
	return nil
}

// load is one load at work.
type load struct {
	Conn
	LoadOptions
	db  *sql.DB
	inv *inventory
	in  *bufio.Reader
	at  LoadProgress
}

// tell counts bytes that the client was given.
func (l *load) tell(n, tables int) {
	l.at.Bytes += int64(n)
	l.at.Tables = max(l.at.Tables, tables)
	if l.Progress != nil {
		l.Progress(l.at)
	}
}

// formatOf tells a dump by its first bytes.
func formatOf(head []byte) (Format, error) {
	if bytes.HasPrefix(head, []byte("PGDMP")) {
		return FormatPGCustom, nil
	}
	first := head[:min(len(head), 1024)]
	if bytes.Contains(first, []byte("-- MariaDB dump")) || bytes.Contains(first, []byte("-- MySQL dump")) {
		return FormatSQL, nil
	}
	if len(head) == 0 {
		return "", errs.New(errs.Incomplete, "The dump is empty.")
	}
	return "", errs.New(errs.Invalid, "This is no dump made by mariadb-dump, mysqldump or pg_dump -Fc.")
}

// fits looks at the dump's beginning for what this server does not know, while
// nothing has been changed yet.
func (l *load) fits(ctx context.Context, head []byte) error {
	if l.Flavour == PostgreSQL {
		return fitsPostgres(head, l.inv.major)
	}
	scan := newSQLScan()
	if _, err := scan.Write(head); err != nil {
		return err
	}
	return l.knowsCollations(ctx, scan.collations)
}

// undo empties the database after a failed load.
func (l *load) undo(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	kind := errs.KindOf(cause)
	if kind == errs.Other {
		kind = errs.Unavailable
	}
	said := errs.Sentence(cause)
	if errs.KindOf(cause) == errs.Other {
		said = "The dump was not loaded."
	}
	if err := l.empty(ctx); err != nil {
		return errs.Wrap(kind, errors.Join(cause, err), "%s What was loaded of it could not be removed again: empty the database %s by hand.", said, l.Name)
	}
	if l.Beside {
		return errs.Wrap(kind, cause, "%s What was loaded of it was removed again.", said)
	}
	return errs.Wrap(kind, cause, "%s The database %s was emptied again.", said, l.Name)
}

var errTakesNothing = errs.New(errs.Unavailable, "The database's client has taken nothing for too long and was ended.")

// feed runs the client and gives it what next writes. An error of next is the
// result, whatever the client makes of its cut input.
func (l *load) feed(ctx context.Context, c *client, next func(w io.Writer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	c.stdin = in
	if err := c.start(ctx); err != nil {
		_, _ = in.Close(), w.Close()
		return err
	}
	watch := time.AfterFunc(l.Stall, func() { cancel(errTakesNothing) })
	watch.Stop()
	err = next(&watchedWriter{w: w, watch: watch, limit: l.Stall})
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		cancel(err) // before its input ends: a cut statement is not to be run
		_ = w.Close()
		_ = c.wait(ctx)
		return context.Cause(ctx)
	}
	_ = w.Close()
	watch.Reset(l.Stall) // it may still be at work on what it has
	defer watch.Stop()
	return c.wait(ctx)
}

// watchedWriter ends a client that takes nothing.
type watchedWriter struct {
	w     io.Writer
	watch *time.Timer
	limit time.Duration
}

// Write passes p on; only the time spent in here counts.
func (w *watchedWriter) Write(p []byte) (int, error) {
	w.watch.Reset(w.limit)
	defer w.watch.Stop()
	return w.w.Write(p)
}
