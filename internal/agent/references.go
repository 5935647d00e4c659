package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
	"holdfast/internal/reference"
	"holdfast/internal/sitedb"
)

// refer stores what a dump's rows name beside the dump, and the named files in
// the data repository where that is wanted. The dump is stored and whole: what
// fails here is a warning. Both stand for the dump's own instant, at. The error
// is ctx's alone.
func (w Work) refer(ctx context.Context, s site, r *engine.Repository, c *agentproto.Copy, g *gathering, at time.Time, named sitedb.NamedReport, gatherErr error) error {
	warn := func(format string, args ...any) {
		c.Facts.Warnings = append(c.Facts.Warnings, clip(fmt.Sprintf(format, args...), maxWarning))
	}
	switch {
	case gatherErr != nil:
		warn("Which files this copy needs is not known: %s", reason(gatherErr))
		return nil
	case !named.Seen:
		warn("Which files this copy needs is not known: the database has no table %sfiles.", c.Facts.Prefix)
		return nil
	}
	w.Progress(agentproto.Progress{Phase: phaseChecking, Detail: "Looking for the files that the database names."})
	if err := g.lookAgain(ctx); err != nil {
		return err
	}
	if n := named.Odd + g.odd; n > 0 && g.list.Totals().Hashes == 0 {
		// An empty list would say that nothing is needed.
		warn("Which files this copy needs is not known: none of the %d rows of %sfiles that were to say so could be understood.", n, c.Facts.Prefix)
		return nil
	}
	refs, err := w.storeList(ctx, r, g, at)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		warn("Which files this copy needs is not known: %s", reason(err))
		return nil
	}
	c.References = &refs
	if n := named.Odd + g.odd; n > 0 {
		warn("%d rows of the files table could not be understood; what they name is not looked after.", n)
	}
	if g.unlooked > 0 {
		warn("%d files that the database names could not be looked for: %s", g.unlooked, reason(g.unlookErr))
	}
	if g.beyond > 0 {
		warn("More than %d files were not in filedir; %d of them were not looked for again.", maxUnseen, g.beyond)
	}
	if g.fileDir == "" && refs.Hashes > 0 {
		warn("The site's filedir %s is not there.", s.install.FileDir)
	}
	if w.Files == nil || g.fileDir == "" {
		return nil
	}
	refs.Files, err = w.storeNamed(ctx, s, g, at, warn)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.Log.Warn("the named files could not be kept", "error", err)
		warn("The files that this copy names could not be kept beside it: %s", reason(err))
	}
	return nil
}

// storeList stores the list of references as a stream of its own.
func (w Work) storeList(ctx context.Context, r *engine.Repository, g *gathering, at time.Time) (refs agentproto.References, err error) {
	list, err := g.finish()
	if err != nil {
		return refs, err
	}
	snap, err := r.StoreStream(ctx,
		engine.StreamOptions{Source: listSource(w.Source), FileName: reference.FileName, TakenAt: at},
		func(_ context.Context, out io.Writer) error {
			_, err := io.Copy(out, list)
			return err //nolint:wrapcheck // the engine's own, come back
		})
	if err != nil {
		return refs, fmt.Errorf("storing the list of references: %w", err)
	}
	t := g.list.Totals()
	return agentproto.References{
		Snapshot: snap.ID, Manifest: snap.Manifest, Bytes: snap.Bytes, StoredBytes: snap.StoredBytes,
		Rows: t.Rows, Hashes: t.Hashes, HashBytes: t.HashBytes, FromTrash: g.fromTrash, External: g.external,
		Missing: g.missing, MissingList: append([]agentproto.MissingFile{}, g.told...),
	}, nil
}

// The sources of what is stored beside copies: no copy follows on them.
const (
	listSuffix  = "/references"
	namedSuffix = "/named"
)

func listSource(source string) string  { return source + listSuffix }
func namedSource(source string) string { return source + namedSuffix }

// store is a repository of a lease, nil where it has none.
func (j job) store(r *agentproto.Repository) *Store {
	if r == nil {
		return nil
	}
	return &Store{Location: j.location(*r, 0), Password: r.Password}
}
