package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// dumpTries is how often a dump is begun when tables change under it.
const dumpTries = 3

// dumpRetryPause lets the TRUNCATE or ALTER that broke a dump end.
const dumpRetryPause = 2 * time.Second

// DumpName is the name of the stream in a database copy.
func DumpName(f sitedb.Flavour) string {
	if f.Family() == "postgres" {
		return "database.dump"
	}
	return "database.sql"
}

// takeDatabase streams one whole dump into the repository, with no temporary
// file. A table that was truncated or altered meanwhile throws the stream away
// and begins again.
func (w Work) takeDatabase(ctx context.Context, s site, r *engine.Repository) (agentproto.Copy, error) {
	conn, err := sitedb.FromMoodle(s.install.DB)
	if err != nil {
		return agentproto.Copy{}, fmt.Errorf("reading the database's address: %w", err)
	}
	for try := 1; ; try++ {
		c, dumpErr, err := w.dumpOnce(ctx, s, conn, r)
		if err == nil {
			return c, nil
		}
		if !sitedb.IsRetryable(dumpErr) || ctx.Err() != nil {
			return c, err
		}
		if try == dumpTries {
			return c, &codedError{code: CodeTablesChanging, err: errs.Wrap(errs.Unavailable, err, "Tables were emptied or altered under each of %d dumps; the next attempt may find the site quieter.", dumpTries)}
		}
		w.Log.Warn("a table changed under the dump; it begins again", "try", try, "error", dumpErr)
		w.Progress(agentproto.Progress{Phase: phaseDumping, Detail: fmt.Sprintf("A table changed under the dump; try %d of %d.", try+1, dumpTries)})
		if err := pause(ctx, dumpRetryPause); err != nil {
			return c, err
		}
	}
}

// dumpOnce gives the dump's own error beside the engine's, which may not wrap it.
func (w Work) dumpOnce(ctx context.Context, s site, conn sitedb.Conn, r *engine.Repository) (c agentproto.Copy, dumpErr, err error) {
	var report sitedb.DumpReport
	g, gatherErr := w.gather(s)
	if gatherErr == nil {
		defer g.close()
	}
	snap, err := r.StoreStream(ctx,
		engine.StreamOptions{Source: w.Source, FileName: DumpName(conn.Flavour), TakenAt: w.Clock.Now()},
		func(ctx context.Context, out io.Writer) error {
			o := sitedb.DumpOptions{Now: w.Clock.Now, Progress: func(p sitedb.DumpProgress) {
				w.Progress(agentproto.Progress{Phase: phaseDumping, DoneBytes: p.Bytes, DoneTables: p.Tables, AllTables: p.Total})
			}}
			if g != nil {
				o.Files, o.External = g.row, g.outside
			}
			report, dumpErr = sitedb.Dump(ctx, conn, out, o)
			return dumpErr
		})
	if dumpErr != nil {
		return c, dumpErr, fmt.Errorf("dumping the database: %w", dumpErr)
	}
	if err != nil {
		return c, nil, fmt.Errorf("storing the dump: %w", err)
	}
	if snap.SHA256 != report.SHA256 || snap.Bytes != report.Bytes {
		return c, nil, &codedError{code: CodeChecksum, err: errs.New(errs.Conflict, "What was stored is not what the dump's client wrote: lengths or checksums differ.")}
	}
	c = copyOf(snap, s.install)
	c.Facts.ServerVersion, c.Facts.ClientVersion = report.ServerVersion, report.ClientVersion
	noteVersions(&c.Facts, report)
	for _, t := range report.Tables {
		c.Tables = append(c.Tables, agentproto.Table(t))
	}
	if report.OtherTables > 0 {
		c.Facts.Warnings = append(c.Facts.Warnings, fmt.Sprintf("%d tables of another prefix share this database; they are not part of the copy.", report.OtherTables))
	}
	if err := w.refer(ctx, s, r, &c, g, snap.TakenAt, report.Named, gatherErr); err != nil {
		return c, nil, err
	}
	return c, nil, w.noteLife(ctx, &c.Facts, conn, s.install, report.Named)
}
