package sitedb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"holdfast/internal/errs"
)

// postgres loads by pg_restore, in one transaction: whole or not at all. An
// archive that is cut short makes pg_restore fail, and the transaction with it.
func (l *load) postgres(ctx context.Context) error {
	p, err := pgProgram(ctx, "pg_restore", l.inv.major)
	if err != nil {
		return err
	}
	env, secret, err := l.pgEnv()
	if err != nil {
		return err
	}
	name := "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(l.Name) + "'"
	args := []string{"-Fc", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "-w", "-d", name}
	c := &client{path: p.path, args: args, env: env, secret: secret, hide: l.Password}
	err = l.feed(ctx, c, func(w io.Writer) error {
		// The reader's own error must not look like the end of the dump.
		src := &markedReader{r: l.in}
		_, err := io.Copy(&toldWriter{w: w, tell: func(n int) { l.tell(n, 0) }}, src)
		if src.err != nil {
			return fmt.Errorf("read the dump: %w", src.err)
		}
		return err
	})
	var ce *clientError
	if errors.As(err, &ce) && cutArchive(ce.said) {
		return errs.Wrap(errs.Incomplete, err, "The dump is cut short or damaged: pg_restore cannot read it to its end.")
	}
	return err
}

type toldWriter struct {
	w    io.Writer
	tell func(int)
}

// Write passes p on and tells how much it was.
func (t *toldWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.tell(n)
	return n, err
}

type markedReader struct {
	r   io.Reader
	err error
}

// Read remembers an error that is not the end.
func (m *markedReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}

func cutArchive(said string) bool {
	for _, w := range []string{"end of file", "could not find block ID", "could not read from input", "unexpected block ID", "unexpected end", "out of memory", "unsupported version"} {
		if strings.Contains(said, w) {
			return true
		}
	}
	return false
}

// fitsPostgres tells by the archive's version whether the server's own
// pg_restore can read it: 1.15 came with PostgreSQL 16, 1.16 with 17.
func fitsPostgres(head []byte, major int) error {
	if len(head) < 8 {
		return errs.New(errs.Incomplete, "The dump is cut short within its first bytes.")
	}
	need := 0
	switch minor := int(head[6]); {
	case head[5] != 1 || minor > 16:
		need = 18
	case minor == 16:
		need = 17
	case minor == 15:
		need = 16
	}
	if major < need {
		return errs.New(errs.Unsupported, "The dump was made by pg_dump %d or newer and the server is PostgreSQL %d; load it into PostgreSQL %d or newer.", need, major, need)
	}
	return nil
}
