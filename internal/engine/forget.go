package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// spoilt is how Kopia says that bytes came whole from the storage and are not
// those that were sealed. Every other failure to read may be the storage's
// mood of the moment, and condemns nothing.
const spoilt = "invalid checksum at"

// Forget makes the repository forget that it has the contents that are
// damaged, and gives their number. Kopia would else hold every later copy to
// be stored already and refer to the bad bytes for ever. The next StoreTree
// reads everything, for no snapshot from before is built on any more, and
// writes again what its source still has; then every snapshot that shares it,
// older ones too, can be restored. It takes nobody's
// word: each content of the packs named by damaged, or of all packs where one
// is named by its path only, is read again first, and a storage that cannot be
// read is an error with nothing forgotten. Contents that hold manifests stay:
// PutBack is for these. Scan passes over what is forgotten, Verify at 100 %
// does not; and while a snapshot still needs what no store brought back,
// Maintain with full fails instead of dropping anything: such snapshots are
// to be deleted. Keeper's side only, under the destination's lease.
func (r *Repository) Forget(ctx context.Context, damaged []Damage) (n int, err error) {
	defer r.guard(&err)
	if !r.keeper {
		return 0, errNotKeeper
	}
	if r.cached {
		return 0, errCached
	}
	if len(damaged) == 0 {
		return 0, nil
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return 0, fmt.Errorf("refresh the repository's index: %w", err)
	}
	bad, err := r.condemned(ctx, damaged)
	if err != nil {
		return 0, fmt.Errorf("read again what is damaged: %w", err)
	}
	if len(bad) == 0 {
		return 0, nil
	}
	if err := r.distrust(ctx); err != nil {
		return 0, err
	}
	err = repo.DirectWriteSession(ctx, r.rep, repo.WriteSessionOptions{Purpose: "forget"},
		func(ctx context.Context, w repo.DirectRepositoryWriter) (err error) {
			defer r.guard(&err)
			for _, id := range bad {
				if err := w.ContentManager().DeleteContent(ctx, id); err != nil {
					return fmt.Errorf("forget content %s: %w", id, err)
				}
			}
			return r.failed()
		})
	if err != nil {
		return 0, fmt.Errorf("forget damaged contents: %w", err)
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return 0, fmt.Errorf("refresh the repository's index: %w", err)
	}
	return len(bad), nil
}

// distrust notes that contents are about to be forgotten, and which snapshots
// there are: a later one must take nothing over from these unread.
func (r *Repository) distrust(ctx context.Context) error {
	ids, err := snapshot.ListSnapshotManifests(ctx, r.rep, nil, nil)
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	err = r.write(ctx, "forget", nil, func(ctx context.Context, w repo.RepositoryWriter) error {
		_, err := w.ReplaceManifests(ctx, map[string]string{manifest.TypeLabelKey: forgottenLabel}, forgotten{At: w.Time(), Snapshots: ids})
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("note what is about to be forgotten: %w", err)
	}
	return nil
}

// condemned gives the contents that damaged may mean and that are bad.
func (r *Repository) condemned(ctx context.Context, damaged []Damage) ([]content.ID, error) {
	named, all := map[blob.ID]bool{}, false
	for _, d := range damaged {
		named[blob.ID(d.Blob)] = true
		all = all || d.Blob == ""
	}
	packs, err := r.packLengths(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var bad []content.ID
	err = r.rep.ContentReader().IterateContents(ctx, content.IterateOptions{Parallel: r.parallel}, func(ci content.Info) error {
		if string(ci.ContentID.Prefix()) == manifestPrefix || (!all && !named[ci.PackBlobID]) {
			return nil
		}
		is, err := r.isBad(ctx, ci, packs)
		if err != nil || !is {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		bad = append(bad, ci.ContentID)
		return nil
	})
	return bad, errors.Join(err, r.failed())
}

// isBad tells whether a content is certainly lost: its pack is gone or too
// short, or its bytes are not what was sealed. An error means that this could
// not be found out.
func (r *Repository) isBad(ctx context.Context, ci content.Info, packs map[blob.ID]int64) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	if fits(ci, packs) != nil {
		// A listing may lag behind the storage; the blob itself is asked.
		m, err := r.rep.BlobReader().GetMetadata(ctx, ci.PackBlobID)
		if errors.Is(err, blob.ErrBlobNotFound) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("look at pack %s: %w", ci.PackBlobID, err)
		}
		if fits(ci, map[blob.ID]int64{ci.PackBlobID: m.Length}) != nil {
			return true, nil
		}
	}
	_, err := r.rep.ContentReader().GetContent(ctx, ci.ContentID)
	if err == nil || strings.Contains(err.Error(), spoilt) {
		return err != nil, nil
	}
	return false, errs.Wrap(errs.Unavailable, err, "The storage cannot be read, so what is damaged there cannot be told.")
}
