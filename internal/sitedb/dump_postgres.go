package sitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// postgres dumps by pg_dump of the server's major version, in its custom
// format, uncompressed. The tables are locked against TRUNCATE and DDL before
// the snapshot is taken, so that what the snapshot sees stays what it was; and
// a pg_restore reads the stream as it goes by, to prove it whole and to count
// its rows.
func (d *dump) postgres(ctx context.Context) error {
	p, err := pgProgram(ctx, "pg_dump", d.inv.major)
	if err != nil {
		return err
	}
	env, secret, err := d.pgEnv()
	if err != nil {
		return err
	}
	hold, snapshot, err := d.pgSnapshot(ctx)
	if err != nil {
		return err
	}
	defer hold.Rollback() //nolint:errcheck // it only read
	args := []string{
		"-Fc", "-Z", "0", "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "-w",
		"--lock-wait-timeout=60000", "--snapshot=" + snapshot,
	}
	if len(d.inv.others) > 0 {
		for _, t := range d.inv.tables {
			args = append(args, "--table="+d.Flavour.quote(d.inv.schema)+"."+d.Flavour.quote(t))
		}
	}
	tables, named := d.wanted()
	check, err := startProof(ctx, p, tables)
	if err != nil {
		return err
	}
	defer check.abandon()
	c := &client{path: p.path, args: args, env: env, secret: secret, hide: d.Password}
	if err := d.stream(ctx, c, check, func() int { return 0 }); err != nil {
		return err
	}
	if d.report.Tables, err = check.finish(ctx); err != nil {
		return err
	}
	d.report.Format, d.report.ClientVersion = FormatPGCustom, p.version
	d.note(named)
	return d.compareTables()
}

// pgSnapshot opens the transaction that holds the tables and the snapshot.
func (d *dump) pgSnapshot(ctx context.Context) (*sql.Tx, string, error) {
	db, ok := d.db.(*sql.DB)
	if !ok {
		return nil, "", errors.New("no database at hand")
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, "", fmt.Errorf("begin the dump's transaction: %w", err)
	}
	names := make([]string, len(d.inv.tables))
	for i, t := range d.inv.tables {
		names[i] = d.Flavour.quote(d.inv.schema) + "." + d.Flavour.quote(t)
	}
	for _, s := range []string{
		"SET LOCAL lock_timeout = '60s'", "SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
		"LOCK TABLE " + strings.Join(names, ", ") + " IN ACCESS SHARE MODE",
	} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			_ = tx.Rollback()
			return nil, "", fmt.Errorf("hold the tables for the dump: %w", err)
		}
	}
	if err := d.noteVersionsIn(ctx, tx); err != nil {
		_ = tx.Rollback()
		return nil, "", fmt.Errorf("read what is installed: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT versions"); err != nil {
		_ = tx.Rollback()
		return nil, "", fmt.Errorf("release a savepoint: %w", err)
	}
	var id string
	if err := tx.QueryRowContext(ctx, "SELECT pg_export_snapshot()").Scan(&id); err != nil {
		_ = tx.Rollback()
		return nil, "", fmt.Errorf("take the dump's snapshot: %w", err)
	}
	return tx, id, nil
}

// pgEnv gives libpq's environment and password file.
func (c Conn) pgEnv() (env []string, secret string, err error) {
	if strings.ContainsAny(c.Password, "\n\r\x00") {
		return nil, "", errs.New(errs.Unsupported, "The database's password has a line break, which PostgreSQL's clients cannot be given safely.")
	}
	host := c.Host
	if c.Socket != "" {
		host = c.Socket
	}
	esc := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	env = []string{
		"PGHOST=" + host, "PGPORT=" + strconv.Itoa(c.Port), "PGUSER=" + c.User, "PGDATABASE=" + c.Name,
		"PGCONNECT_TIMEOUT=20", "PGPASSFILE=" + secretPath, "PGAPPNAME=holdfast",
	}
	return env, "*:*:*:*:" + esc.Replace(c.Password) + "\n", nil
}

// proof is a pg_restore that reads an archive as it streams by and turns it
// into text, which is scanned: an archive that it reads to the end is whole.
type proof struct {
	c      *client
	cancel context.CancelFunc
	in     *os.File
	scan   *copyScan
	read   chan error
	over   chan struct{} // closed when the scan hears no more
	broken error
}

func startProof(ctx context.Context, dumper program, wanted map[string]wantedTable) (*proof, error) {
	path := strings.TrimSuffix(dumper.path, "pg_dump") + "pg_restore"
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		_, _ = inR.Close(), inW.Close()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &proof{cancel: cancel, in: inW, scan: &copyScan{wanted: wanted}, read: make(chan error, 1), over: make(chan struct{})}
	p.c = &client{path: path, args: []string{"-Fc", "-f", "-"}, stdin: inR, stdout: outW}
	if err := p.c.start(ctx); err != nil {
		cancel()
		_, _, _ = inW.Close(), outR.Close(), outW.Close()
		return nil, err
	}
	go func() {
		defer close(p.over)
		defer outR.Close() //nolint:errcheck // read only
		_, err := io.Copy(p.scan, outR)
		p.read <- err
	}()
	return p, nil
}

// Write passes a piece of the archive on. An archive that pg_restore gave up on
// is found out by finish, which knows why.
func (p *proof) Write(b []byte) (int, error) {
	if p.broken == nil {
		_, p.broken = p.in.Write(b)
	}
	return len(b), nil
}

// finish ends the archive and gives its tables if it was whole.
func (p *proof) finish(ctx context.Context) ([]Table, error) {
	_ = p.in.Close()
	readErr := <-p.read
	err := p.c.wait(ctx)
	if err == nil {
		err = errors.Join(p.broken, readErr)
	}
	if err == nil && p.scan.in {
		err = errors.New("its last table does not end")
	}
	if err != nil {
		return nil, errs.Wrap(errs.Incomplete, err, "pg_dump ended well, but pg_restore cannot read the dump to its end; it is not whole.")
	}
	return p.scan.tables, nil
}

// abandon ends what still runs.
func (p *proof) abandon() {
	_ = p.in.Close()
	p.cancel()
	<-p.c.done
	<-p.over
}
