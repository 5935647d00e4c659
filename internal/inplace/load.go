package inplace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// loadsInPlace tells whether the dump goes into the site's own database.
func (w *work) loadsInPlace() bool { return w.j.DB.Way == sitedb.WayAside }

// loadBefore loads beside the site's database while the site is open; where
// its rights do not allow that, it only reads the dump to its end once, so
// that no site is closed for a copy that cannot be had back.
func (w *work) loadBefore(ctx context.Context) error {
	if w.loadsInPlace() {
		m := newMeter(io.Discard)
		err := w.Source.Dump(ctx, m, func(done, total int64) { w.tell(StepLoad, "Reading the copy of the database", done, total, "bytes") })
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		return m.matches(w.Expect)
	}
	if err := w.do("prepare database", func() error {
		if err := w.j.DB.Prepare(ctx, w.conn); err != nil {
			return err
		}
		return w.j.save()
	}); err != nil {
		return fmt.Errorf("make a database beside the site's: %w", err)
	}
	return w.load(ctx)
}

// loadInPlace moves the old tables aside and loads in their place.
func (w *work) loadInPlace(ctx context.Context) error {
	if err := w.touch(ctx); err != nil {
		return err
	}
	if err := w.do("move aside", func() error { return w.j.DB.MoveAside(ctx, w.conn) }); err != nil {
		return fmt.Errorf("move the old tables aside: %w", err)
	}
	return w.load(ctx)
}

// load loads the dump where it belongs and holds it against its record.
func (w *work) load(ctx context.Context) error {
	to, o := w.j.DB.Target(w.conn)
	if w.Expect.DumpBytes > 0 || len(w.Expect.Tables) > 0 {
		o.Progress = func(p sitedb.LoadProgress) {
			if p.Tables > 0 && len(w.Expect.Tables) > 0 {
				w.tell(StepLoad, "Loading the database", int64(p.Tables), int64(len(w.Expect.Tables)), "tables")
				return
			}
			w.tell(StepLoad, "Loading the database", p.Bytes, w.Expect.DumpBytes, "bytes")
		}
	}
	if err := w.do("load", func() error { return w.pour(ctx, to, o) }); err != nil {
		return err
	}
	return w.do("count", func() error { return w.countRows(ctx, to) })
}

// pour streams the dump into the database.
func (w *work) pour(ctx context.Context, to sitedb.Conn, o sitedb.LoadOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	m := newMeter(pw)
	read := make(chan error, 1)
	go func() {
		err := w.Source.Dump(ctx, m, func(int64, int64) {})
		_ = pw.CloseWithError(err)
		read <- err
	}()
	err := sitedb.Load(ctx, to, pr, o)
	_ = pr.CloseWithError(errors.New("the load ended"))
	readErr := <-read
	if err != nil {
		return fmt.Errorf("load the dump: %w", err)
	}
	if readErr != nil {
		return fmt.Errorf("read the dump: %w", readErr)
	}
	return m.matches(w.Expect)
}

// countRows compares tables and rows with the copy's record, before anything
// of Moodle's can have changed them.
func (w *work) countRows(ctx context.Context, c sitedb.Conn) error {
	have, err := sitedb.Counts(ctx, c)
	if err != nil {
		return fmt.Errorf("count what was loaded: %w", err)
	}
	w.j.Note.Tables, w.j.Note.Rows = len(have), 0
	rows := map[string]int64{}
	for _, t := range have {
		rows[t.Name] = t.Rows
		w.j.Note.Rows += t.Rows
	}
	for _, t := range w.Expect.Tables {
		n, there := rows[t.Name]
		if !there {
			return errs.New(errs.Incomplete, "The table %s is missing after the load.", t.Name)
		}
		if n != t.Rows {
			return errs.New(errs.Incomplete, "The table %s has %d rows after the load, and the copy's record says %d.", t.Name, n, t.Rows)
		}
	}
	if want := len(w.Expect.Tables); want > 0 && len(have) != want {
		return errs.New(errs.Incomplete, "There are %d tables after the load, and the copy's record says %d.", len(have), want)
	}
	v, err := sitedb.ReadVersions(ctx, c)
	if err != nil {
		return errs.Wrap(errs.Incomplete, err, "The database that was loaded does not say which Moodle it is of.")
	}
	if w.Expect.DBVersion != "" && compareVersions(v.Version, w.Expect.DBVersion) != 0 {
		return errs.New(errs.Incomplete, "The database that was loaded is of version %s, and the copy's record says %s.", v.Version, w.Expect.DBVersion)
	}
	w.j.Note.DBVersion = v.Version
	return nil
}

// meter counts and sums what goes by.
type meter struct {
	w io.Writer
	h hash.Hash
	n int64
}

func newMeter(w io.Writer) *meter { return &meter{w: w, h: sha256.New()} }

// Write passes p on.
func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.h.Write(p[:n])
	m.n += int64(n)
	return n, err
}

// matches tells whether it was the dump that the record speaks of.
func (m *meter) matches(e Expect) error {
	if e.DumpBytes > 0 && m.n != e.DumpBytes || e.DumpSHA256 != "" && hex.EncodeToString(m.h.Sum(nil)) != e.DumpSHA256 {
		return errs.New(errs.Incomplete, "The copy of the database is damaged: its length or checksum is not that of the day it was taken.")
	}
	return nil
}
