package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// errNotKeeper answers verbs that remove or repair: a client of a vault could
// append a tombstone for a manifest, so it is refused here already.
var errNotKeeper = errs.New(errs.Forbidden, "Only the keeper of a destination may do this, not a client of its vault.")

// Delete removes snapshots from the list; their space comes back by later
// maintenance. Those that are not there are passed over, so that a second call
// does no harm. Keeper's side only.
func (r *Repository) Delete(ctx context.Context, ids ...string) error {
	if !r.keeper {
		return errNotKeeper
	}
	err := r.write(ctx, "delete", nil, func(ctx context.Context, w repo.RepositoryWriter) error {
		for _, id := range ids {
			if _, err := r.load(ctx, id); errs.Is(err, errs.NotFound) {
				continue
			} else if err != nil {
				return err
			}
			if err := w.DeleteManifest(ctx, manifest.ID(id)); err != nil {
				return fmt.Errorf("delete snapshot %s: %w", id, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete snapshots: %w", err)
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return fmt.Errorf("refresh the repository's index: %w", err)
	}
	return nil
}

// PutBack saves a manifest that was kept elsewhere, and gives the id that the
// snapshot has from now on: Kopia makes a new one. If the repository still
// lists an equal snapshot, that one's id is given and nothing is written. It
// refuses (Incomplete) a manifest whose contents are no longer there. Keeper's
// side only.
func (r *Repository) PutBack(ctx context.Context, raw json.RawMessage) (string, error) {
	if !r.keeper {
		return "", errNotKeeper
	}
	var m snapshot.Manifest
	if err := json.Unmarshal(raw, &m); err != nil || m.RootEntry == nil {
		return "", errs.Wrap(errs.Invalid, err, "This is not a snapshot's manifest.")
	}
	all, err := r.manifests(ctx)
	if err != nil {
		return "", err
	}
	for _, o := range all {
		if o.RootObjectID() == m.RootObjectID() && o.Source == m.Source && o.StartTime == m.StartTime {
			return string(o.ID), nil
		}
	}
	v := newVerifier(r, VerifyOptions{})
	if err := v.run(ctx, []*snapshot.Manifest{&m}); err != nil {
		return "", fmt.Errorf("look for the contents of a manifest: %w", err)
	}
	if len(v.report.Damaged) > 0 {
		return "", errs.New(errs.Incomplete, "Contents of this snapshot are no longer in the repository.")
	}
	var id manifest.ID
	err = r.write(ctx, "put back", nil, func(ctx context.Context, w repo.RepositoryWriter) error {
		id, err = snapshot.SaveSnapshot(ctx, w, &m)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return "", fmt.Errorf("put a manifest back: %w", err)
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return "", fmt.Errorf("refresh the repository's index: %w", err)
	}
	return string(id), nil
}
