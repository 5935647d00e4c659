package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/reference"
)

// namedRoot is the only root of a snapshot of named files.
const namedRoot = "filedir"

// namedRounds is how often the named files are stored until none of them was
// missed. More than one is rare: it takes a deletion, while the folders are
// walked, of a file that is older than youngFor and newer than the data copy.
const namedRounds = 4

// maxPlaced is how many contents of trashdir are put into their places.
const maxPlaced = 200_000

// storeNamed stores filedir once more in the data repository, after the dump,
// with the named contents that are only in trashdir put into their places. It
// builds on the newest data copy: what that has is not read again. Nil and no
// error means that there is no data copy yet.
func (w Work) storeNamed(ctx context.Context, s site, g *gathering, at time.Time, warn func(string, ...any)) (*agentproto.NamedFiles, error) {
	r, err := engine.Open(ctx, w.Files.Location, w.Files.Password)
	if err != nil {
		return nil, fmt.Errorf("opening the data repository: %w", err)
	}
	defer r.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what counts was answered before
	base, err := w.newestData(ctx, r)
	if err != nil {
		return nil, err
	}
	if base == "" {
		warn("The files that this copy names are kept beside it from the site's first data copy on; there is none yet.")
		return nil, nil //nolint:nilnil // as said
	}
	o := engine.TreeOptions{
		Source: namedSource(w.Source), TakenAt: at, Previous: true, Fast: true,
		Roots: []engine.Root{{Name: namedRoot, Path: g.fileDir, ExcludeSuffixIn: map[string]string{".": ".tmp"}, ContentAddressed: "."}},
		Progress: func(p engine.Progress) {
			w.Progress(agentproto.Progress{
				Phase: phaseStoring, Detail: "The files that the database names.", DoneFiles: p.DoneFiles, TotalFiles: p.TotalFiles, DoneBytes: p.DoneBytes, TotalBytes: p.TotalBytes,
			})
		},
	}
	if plan, err := s.plan(w.Roots); err == nil {
		if folder := baseOf(plan, g.fileDir); path.Base(folder) == namedRoot {
			o.Base = base + ":" + folder
		}
	}
	return w.storeRounds(ctx, r, g, o, warn)
}

// newestData gives the id of the site's newest data copy, "" if there is none.
func (w Work) newestData(ctx context.Context, r *engine.Repository) (string, error) {
	list, err := r.List(ctx)
	if err != nil {
		return "", fmt.Errorf("listing the data copies: %w", err)
	}
	var newest engine.Snapshot
	for _, s := range list {
		if s.Source == w.Source && !s.TakenAt.Before(newest.TakenAt) {
			newest = s
		}
	}
	return newest.ID, nil
}

// storeRounds stores until nothing that is named was missed.
func (w Work) storeRounds(ctx context.Context, r *engine.Repository, g *gathering, o engine.TreeOptions, warn func(string, ...any)) (*agentproto.NamedFiles, error) {
	placed := map[reference.Hash]bool{}
	for _, h := range g.young {
		placed[h] = true // deleted while filedir is walked, it is in trashdir
	}
	inTrash, err := g.namedInTrash(ctx)
	if err != nil {
		return nil, err
	}
	for round := 1; ; round++ {
		for _, h := range inTrash {
			placed[h] = true
		}
		o.Also, o.Lost = g.placing(placed), g.lost
		snap, err := r.StoreTree(ctx, o)
		if errs.Is(err, errs.NotFound) && o.Base != "" {
			// filedir lay elsewhere when the data copy was taken.
			o.Base = ""
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("storing the named files: %w", err)
		}
		if inTrash, err = g.namedInTrash(ctx); err != nil {
			return nil, err
		}
		inTrash = slices.DeleteFunc(inTrash, func(h reference.Hash) bool { return placed[h] })
		if len(inTrash) > 0 && round < namedRounds {
			continue
		}
		if len(inTrash) > 0 {
			warn("%d named files were deleted while they were stored, and are not kept beside this copy.", len(inTrash))
		}
		w.Log.Info("the named files are kept", "rounds", round, "files", snap.Files, "stored_bytes", snap.StoredBytes)
		if n := max(snap.ProblemCount, int64(len(snap.Problems))); n > 0 {
			warn("%d of the files that this copy names could not be read, and are not kept beside it; the first is %s (%s).", n, snap.Problems[0].Path, snap.Problems[0].Reason)
		}
		return &agentproto.NamedFiles{Snapshot: snap.ID, Manifest: snap.Manifest, Files: snap.Files, Bytes: snap.Bytes, StoredBytes: snap.StoredBytes}, nil
	}
}

// lost gives where a content lies that was deleted while filedir was walked; ""
// where no row names it.
func (g *gathering) lost(_, name string) string {
	h, ok := reference.ParseHash(name)
	if !ok || g.trashDir == "" || !g.list.Has(h) {
		return ""
	}
	return filepath.Join(g.trashDir, h.Path())
}

// placing gives the places of contents that are, or soon may be, in trashdir.
// One that lies in filedir is taken from there; one that is in neither is not
// stored.
func (g *gathering) placing(all map[reference.Hash]bool) []engine.Placed {
	if g.trashDir == "" {
		return nil
	}
	out := make([]engine.Placed, 0, len(all))
	for h := range all {
		out = append(out, engine.Placed{Root: namedRoot, Rel: h.Path(), Path: filepath.Join(g.trashDir, h.Path())})
	}
	slices.SortFunc(out, func(a, b engine.Placed) int { return compare(a.Rel, b.Rel) })
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// namedInTrash gives the contents of trashdir that the database names and
// filedir has not.
func (g *gathering) namedInTrash(ctx context.Context) ([]reference.Hash, error) {
	var out []reference.Hash
	err := walkContents(ctx, g.trashDir, func(h reference.Hash) {
		if len(out) < maxPlaced && g.list.Has(h) && !g.there(g.fileDir, h) {
			out = append(out, h)
		}
	})
	return out, err
}

// walkContents tells the contents below filedir or trashdir. What cannot be
// read is passed over: trashdir is emptied at any time, with its folders.
func walkContents(ctx context.Context, dir string, tell func(reference.Hash)) error {
	if dir == "" {
		return nil
	}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			if h, ok := reference.ParseHash(d.Name()); ok {
				tell(h)
			}
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, fs.SkipDir) {
		return nil
	}
	return err //nolint:wrapcheck // ctx's alone
}
