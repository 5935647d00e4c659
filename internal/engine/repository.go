package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync/atomic"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// Repository is an open repository. Its methods may be used by several
// goroutines, but one operation at a time keeps memory low.
type Repository struct {
	rep      repo.DirectRepository
	at       Location
	dir      string // private; holds Kopia's lock files
	keeper   bool   // opened by its storage, not through a vault
	cached   bool   // what is read may come from a cache
	ahead    *ahead // nil where the storage is near
	parallel int    // files or contents in work at once
	fatal    atomic.Pointer[error]
}

// Open opens the repository at l. A wrong password is Forbidden, no repository
// NotFound. The caller closes it.
func Open(ctx context.Context, l Location, password string) (*Repository, error) {
	if b := l.Backend; b != nil {
		there, err := Exists(ctx, l)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, errs.New(errs.NotFound, "There is no repository here.")
		}
	}
	st, err := l.storage(ctx)
	if err != nil {
		return nil, err
	}
	r := &Repository{at: l, keeper: l.Backend != nil, parallel: localParallel}
	if !l.isLocal() {
		r.parallel = remoteParallel
	}
	o := repo.Options{OnFatalError: func(err error) { r.fatal.CompareAndSwap(nil, &err) }}
	if l.hooks != nil {
		o.TimeNowFunc = l.hooks.now
	}
	if !l.isLocal() {
		r.ahead = newAhead(st)
		st = r.ahead
	}
	caching, err := l.caching()
	if err != nil {
		return nil, errors.Join(err, st.Close(ctx))
	}
	r.cached = caching != nil
	rep, dir, err := connect(ctx, st, password, o, caching)
	if errors.Is(err, repo.ErrInvalidPassword) {
		return nil, errs.Wrap(errs.Forbidden, err, "The repository does not open with this password.")
	}
	if err != nil {
		return nil, fmt.Errorf("open the repository: %w", err)
	}
	direct, ok := rep.(repo.DirectRepository)
	if !ok {
		return nil, errors.Join(fmt.Errorf("open the repository: it is a %T", rep), rep.Close(ctx), os.RemoveAll(dir))
	}
	r.rep, r.dir = direct, dir
	return r, nil
}

// How many files or contents are in work at once: few where the storage is
// near, for memory; more where each answer has to travel.
const (
	localParallel  = 3
	remoteParallel = 8
	storeParallel  = 4 // of a tree: what is stored at once lies mixed in the packs
)

// Close lets go of the repository and of its private directory.
func (r *Repository) Close(ctx context.Context) error {
	if err := errors.Join(r.rep.Close(ctx), os.RemoveAll(r.dir)); err != nil {
		return fmt.Errorf("close the repository: %w", err)
	}
	return nil
}

// failed gives what Kopia called fatal, if it did: its own answer to that is
// to end the process, ours to end the operation.
func (r *Repository) failed() error {
	if p := r.fatal.Load(); p != nil {
		return fmt.Errorf("the repository cannot be used any more: %w", *p)
	}
	return nil
}

// write runs one session of writes; what it wrote counts once it returned nil.
// It adds the bytes that went to the storage to uploaded.
func (r *Repository) write(ctx context.Context, purpose string, uploaded *atomic.Int64,
	do func(context.Context, repo.RepositoryWriter) error,
) (err error) {
	defer r.guard(&err)
	if err := r.failed(); err != nil {
		return err
	}
	opts := repo.WriteSessionOptions{Purpose: purpose, OnUpload: func(n int64) {
		if uploaded != nil {
			uploaded.Add(n)
		}
	}}
	err = repo.WriteSession(ctx, r.rep, opts, func(ctx context.Context, w repo.RepositoryWriter) (err error) {
		defer r.guard(&err) // here too, for Kopia closes the session only after a return
		if err := do(ctx, w); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		return r.failed()
	})
	if err == nil {
		err = r.failed()
	}
	return err
}

// List gives the complete snapshots, oldest first. One whose manifest cannot
// be read is an error: a list must never be silently short.
func (r *Repository) List(ctx context.Context) ([]Snapshot, error) {
	mans, err := r.manifests(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Snapshot, 0, len(mans))
	for _, m := range mans {
		if m.IncompleteReason != "" {
			continue
		}
		s, err := describe(m)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].TakenAt.Before(list[j].TakenAt) })
	return list, nil
}

// manifests loads every snapshot manifest, incomplete ones too.
func (r *Repository) manifests(ctx context.Context) ([]*snapshot.Manifest, error) {
	if err := r.rep.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("refresh the repository's index: %w", err)
	}
	ids, err := snapshot.ListSnapshotManifests(ctx, r.rep, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	mans := make([]*snapshot.Manifest, 0, len(ids))
	for _, id := range ids {
		m, err := snapshot.LoadSnapshot(ctx, r.rep, id)
		if errors.Is(err, snapshot.ErrSnapshotNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, fmt.Errorf("read the manifest of snapshot %s: %w", id, err)
		}
		mans = append(mans, m)
	}
	return mans, nil
}

// load gives one complete snapshot's manifest; none such is NotFound.
func (r *Repository) load(ctx context.Context, id string) (*snapshot.Manifest, error) {
	none := errs.New(errs.NotFound, "There is no snapshot %.64q in this repository.", id)
	if id == "" {
		return nil, none
	}
	m, err := snapshot.LoadSnapshot(ctx, r.rep, manifest.ID(id))
	if errors.Is(err, snapshot.ErrSnapshotNotFound) {
		if rerr := r.rep.Refresh(ctx); rerr != nil {
			return nil, fmt.Errorf("refresh the repository's index: %w", rerr)
		}
		m, err = snapshot.LoadSnapshot(ctx, r.rep, manifest.ID(id))
	}
	if errors.Is(err, snapshot.ErrSnapshotNotFound) {
		return nil, none
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of snapshot %s: %w", id, err)
	}
	if m.IncompleteReason != "" || m.RootEntry == nil {
		return nil, none
	}
	return m, nil
}

// Manifest gives a snapshot's manifest as JSON, for PutBack: the one thing
// that, kept elsewhere, brings back a snapshot whose entry was lost.
func (r *Repository) Manifest(ctx context.Context, id string) (json.RawMessage, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return encode(m)
}
