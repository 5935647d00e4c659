package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// past is what a new tree snapshot can build on.
type past struct {
	manifests []*snapshot.Manifest // for Kopia: the best first, then checkpoints of attempts that were cut off
	last      *prior               // the first of them if it is complete, read as it was written; may be nil
	trusted   bool                 // nothing was forgotten since that they could refer to
}

// past finds what o can build on: the base, if there is one, the newest
// complete snapshot of src, and the checkpoints of later attempts.
func (r *Repository) past(ctx context.Context, src snapshot.SourceInfo, o TreeOptions) (*past, error) {
	if err := r.rep.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("refresh the repository's index: %w", err)
	}
	prev, err := snapshot.FindPreviousManifests(ctx, r.rep, src, nil)
	if err != nil {
		return nil, fmt.Errorf("find the previous snapshot: %w", err)
	}
	p := &past{manifests: prev, trusted: true}
	if o.Base != "" {
		base, last, err := r.base(ctx, o)
		if err != nil {
			return nil, err
		}
		p.manifests, p.last = append([]*snapshot.Manifest{base}, prev...), last
	} else if len(prev) > 0 && prev[0].IncompleteReason == "" && isTree(prev[0].RootEntry) {
		p.last = newPrior(r, prev[0], prev[0].RootEntry, "")
	}
	lost, err := r.lostSince(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range p.manifests {
		p.trusted = p.trusted && !lost.before(m)
	}
	return p, nil
}

func isTree(e *snapshot.DirEntry) bool {
	return e != nil && e.Type == snapshot.EntryTypeDirectory
}

// base gives the snapshot that o names to build on, once as a manifest whose
// root is the folder above the named one, as Kopia wants it, and once to read.
func (r *Repository) base(ctx context.Context, o TreeOptions) (*snapshot.Manifest, *prior, error) {
	id, folder, _ := strings.Cut(o.Base, ":")
	folder = strings.TrimPrefix(path.Clean("/"+folder), "/")
	if len(o.Roots) != 1 || folder == "" || o.Roots[0].Name != path.Base(folder) {
		return nil, nil, errs.Field("base", "a base is ID:folder, and that folder has the name of the only root")
	}
	m, err := r.load(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("find the base: %w", err)
	}
	above, at := m.RootEntry, m.RootEntry
	for name := range strings.SplitSeq(folder, "/") {
		above = at
		if at, err = r.child(ctx, above, name); err != nil {
			return nil, nil, fmt.Errorf("find the base %s: %w", folder, err)
		}
	}
	if !isTree(at) {
		return nil, nil, errs.New(errs.NotFound, "%s is no folder in this copy.", folder)
	}
	cut := *m
	cut.RootEntry = above
	last := newPrior(r, m, above, path.Dir(folder))
	last.totals = at.DirSummary
	return &cut, last, nil
}

// prior is a complete snapshot as it was written. Kopia's own view of one
// gives folders the newest time below them instead of their own.
type prior struct {
	r         *Repository
	start     time.Time
	at        string // the folder of the snapshot that top is, "" or "." for its top
	top       *earlier
	totals    *fs.DirectorySummary // of what the new snapshot is to be held against; may be nil
	addressed map[string]string
	placed    bool
}

func newPrior(r *Repository, m *snapshot.Manifest, top *snapshot.DirEntry, at string) *prior {
	p := &prior{r: r, start: m.StartTime.ToTime(), at: at, totals: top.DirSummary}
	p.top = &earlier{p: p, entry: top}
	var f facts
	if json.Unmarshal([]byte(m.Tags[factsTag]), &f) == nil {
		p.addressed, p.placed = f.Addressed, f.Placed
	}
	return p
}

// earlier is a folder of a prior. A nil one has nothing in it.
type earlier struct {
	p     *prior
	entry *snapshot.DirEntry

	mu      sync.Mutex
	read    bool
	err     error
	entries map[string]*snapshot.DirEntry // by the stored name
}

// list gives what the folder held.
func (e *earlier) list(ctx context.Context) (map[string]*snapshot.DirEntry, error) {
	if e == nil {
		return nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.read {
		return e.entries, e.err
	}
	all, err := e.p.r.readDir(ctx, e.entry.ObjectID)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e.read, e.err = true, err
	e.entries = make(map[string]*snapshot.DirEntry, len(all))
	for _, c := range all {
		e.entries[c.Name] = c
	}
	return e.entries, err
}

// dir gives a folder in the folder, nil where there was none or none that can
// be read.
func (e *earlier) dir(ctx context.Context, name string) *earlier {
	entries, err := e.list(ctx)
	if c := entries[name]; err == nil && c != nil && isTree(c) {
		return &earlier{p: e.p, entry: c}
	}
	return nil
}

// forgottenLabel marks the manifest that says which snapshots were there when
// contents were forgotten.
const forgottenLabel = "holdfast-forgotten"

type forgotten struct {
	At        time.Time     `json:"at"`
	Snapshots []manifest.ID `json:"snapshots"`
}

// before tells whether m may refer to what was forgotten.
func (f forgotten) before(m *snapshot.Manifest) bool {
	for _, id := range f.Snapshots {
		if id == m.ID {
			return true
		}
	}
	return !m.StartTime.ToTime().After(f.At)
}

// lostSince gives the last forgetting, empty if there was none.
func (r *Repository) lostSince(ctx context.Context) (forgotten, error) {
	found, err := r.rep.FindManifests(ctx, map[string]string{manifest.TypeLabelKey: forgottenLabel})
	if err != nil {
		return forgotten{}, fmt.Errorf("look for what was forgotten: %w", err)
	}
	var last forgotten
	for _, e := range found {
		var f forgotten
		if _, err := r.rep.GetManifest(ctx, e.ID, &f); errors.Is(err, manifest.ErrNotFound) {
			f.At = time.Unix(1<<40, 0) // replaced meanwhile: contents are being forgotten at this moment
		} else if err != nil {
			return forgotten{}, fmt.Errorf("read what was forgotten: %w", err)
		}
		if f.At.After(last.At) {
			last.At = f.At
		}
		last.Snapshots = append(last.Snapshots, f.Snapshots...)
	}
	return last, nil
}
