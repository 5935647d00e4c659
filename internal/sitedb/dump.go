package sitedb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"slices"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

const defaultStall = 10 * time.Minute

// Dump writes a consistent dump of the site's tables to w, made by the host's
// own client, and reports what it holds. Tables of other prefixes are left out
// and counted. The dump is good only if the error is nil: the client ended
// well, the stream is whole, and it holds exactly the tables that the database
// lists. Errors: IsRetryable where a table changed under the dump,
// UpgradeRunningError, errs.Forbidden for a wrong password, errs.NotFound for a
// missing client, database or prefix. Whatever was written to w before an error
// is to be thrown away.
func Dump(ctx context.Context, c Conn, w io.Writer, o DumpOptions) (DumpReport, error) {
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	if o.Now == nil {
		o.Now = clock.System{}.Now
	}
	db, inv, err := survey(ctx, c)
	if err != nil {
		return DumpReport{}, err
	}
	defer db.Close() //nolint:errcheck // read only
	if len(inv.tables) == 0 {
		return DumpReport{}, errs.New(errs.NotFound, "The database %s has no table whose name begins with %q; is the prefix right?", c.Name, c.Prefix)
	}
	if err := refuseUpgrade(ctx, db, c, inv, o.Now()); err != nil {
		return DumpReport{}, err
	}
	d := &dump{Conn: c, DumpOptions: o, db: db, inv: inv, w: w, sum: sha256.New()}
	if c.Flavour == PostgreSQL {
		err = d.postgres(ctx)
	} else {
		err = d.mysql(ctx)
	}
	if err != nil {
		return DumpReport{}, classify(fmt.Errorf("dump %s: %w", c, err))
	}
	d.report.ServerVersion, d.report.OtherTables = inv.version, len(inv.others)
	d.report.SHA256 = hex.EncodeToString(d.sum.Sum(nil))
	slices.SortFunc(d.report.Tables, func(a, b Table) int { return compareNames(a.Name, b.Name) })
	return d.report, nil
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// changed are the words of a server that found a table other than it was when
// the dump began: truncated, altered, dropped or being any of these.
var changed = regexp.MustCompile(`Error:? 1412|\(1412\)|ERROR 1412|\b1412\b|\b1146\b|Table definition has changed|Couldn't find table|doesn't exist \(1146\)|` +
	`relation ".*" does not exist|could not open relation|cache lookup failed|canceling statement due to lock timeout|no matching tables were found|table inventory changed`)

// classify marks what a second try may mend.
func classify(err error) error {
	var said *clientError
	switch {
	case errors.As(err, &said) && changed.MatchString(said.said), changed.MatchString(err.Error()):
		return &retryableError{errs.Wrap(errs.Unavailable, err, "A table changed while it was dumped; the dump is made again.")}
	}
	return err
}

// dump is one dump at work.
type dump struct {
	Conn
	DumpOptions
	db     interface{ Close() error }
	inv    *inventory
	w      io.Writer
	sum    hash.Hash
	report DumpReport
}

var errStalled = errs.New(errs.Unavailable, "The database's client has written nothing for too long and was ended.")

// stream runs the client and passes its output to w, the hash and the scanner.
// tables tells the tables begun so far, for the progress.
func (d *dump) stream(ctx context.Context, c *client, scan io.Writer, tables func() int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, out, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close() //nolint:errcheck // read only
	c.stdout = out
	if err := c.start(ctx); err != nil {
		_ = out.Close()
		return err
	}
	if err := d.copy(r, scan, tables, func() { cancel(errStalled) }); err != nil {
		cancel(err)
		_ = c.wait(ctx)
		return context.Cause(ctx)
	}
	return c.wait(ctx)
}

// copy moves the client's output on until its end. Only the time spent waiting
// for the client counts as a stall, not that spent waiting for w.
func (d *dump) copy(r io.Reader, scan io.Writer, tables func() int, stalled func()) error {
	buf := make([]byte, 128<<10)
	watch := time.AfterFunc(d.Stall, stalled)
	defer watch.Stop()
	for {
		watch.Reset(d.Stall)
		n, err := r.Read(buf)
		watch.Stop()
		if n > 0 {
			if err := d.take(buf[:n], scan, tables); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the client: %w", err)
		}
	}
}

func (d *dump) take(p []byte, scan io.Writer, tables func() int) error {
	if _, err := scan.Write(p); err != nil {
		return err
	}
	d.sum.Write(p)
	if _, err := d.w.Write(p); err != nil {
		return fmt.Errorf("store the dump: %w", err)
	}
	d.report.Bytes += int64(len(p))
	if d.Progress != nil {
		d.Progress(DumpProgress{Bytes: d.report.Bytes, Tables: tables(), Total: len(d.inv.tables)})
	}
	return nil
}

// compareTables holds the dump's tables against the database's list.
func (d *dump) compareTables() error {
	have := map[string]bool{}
	for _, t := range d.report.Tables {
		have[t.Name] = true
	}
	for _, name := range d.inv.tables {
		if !have[name] {
			return fmt.Errorf("table inventory changed: the dump lacks %s", name)
		}
		delete(have, name)
	}
	for name := range have {
		return fmt.Errorf("table inventory changed: the dump has %s, which the database did not list", name)
	}
	return nil
}
