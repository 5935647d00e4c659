package keeper

import (
	"context"
	"errors"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// repair brings back what can be had back without the site: an index that is
// lost or broken, from the packs; a lost manifest, from the catalog's. Contents
// that are damaged are dropped from the index, so that the next run writes them
// anew as far as the site still has them. Then every snapshot is read whole.
// It is safe to die anywhere, and to run on a repository that is sound.
func (j Job) repair(ctx context.Context, b vault.Backend, at engine.Location) (app.RepairReport, error) {
	r := app.RepairReport{ScanReport: app.ScanReport{Read: true}, Moved: map[string]string{}}
	repo, err := j.reopen(ctx, at, &r)
	if err == nil && repo == nil {
		j.closedTo(&r)
	}
	if err != nil || repo == nil {
		return r, err
	}
	defer func() { _ = repo.Close(context.WithoutCancel(ctx)) }()
	if repo, err = j.putBack(ctx, at, repo, &r); err == nil && repo == nil {
		j.closedTo(&r)
	}
	if err != nil || repo == nil {
		return r, err
	}
	damaged, err := j.damages(ctx, b, repo, &r.ScanReport)
	if err != nil {
		return r, err
	}
	if len(damaged) > 0 {
		n, err := repo.Forget(ctx, damaged)
		if err != nil {
			return r, err
		}
		r.Forgotten = int64(n)
	}
	return r, j.hits(ctx, repo, 100, &r.ScanReport)
}

// closedTo notes that nothing can be had of a repository that does not open.
func (j Job) closedTo(r *app.RepairReport) {
	r.Hit = map[string]string{}
	for _, k := range j.Kept {
		r.Hit[k.Snapshot] = "the repository does not open"
	}
}

// reopen opens the repository, with its index made anew if it does not open as
// it is. It gives none, and why, where that does not help either.
func (j Job) reopen(ctx context.Context, at engine.Location, r *app.RepairReport) (*engine.Repository, error) {
	repo, err := engine.Open(ctx, at, j.Password)
	if err == nil {
		return repo, nil
	}
	why := closed(err)
	if why == "" {
		return nil, err
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
		r.Closed = why
		return nil, nil //nolint:nilnil // the report says why there is none
	}
	n, rerr := engine.RebuildIndex(ctx, at, j.Password)
	if rerr != nil && closed(rerr) == "" {
		return nil, errors.Join(err, rerr)
	}
	if rerr != nil {
		r.Closed = why
		return nil, nil //nolint:nilnil // the report says why there is none
	}
	r.Rebuilt += int64(n)
	if repo, err = engine.Open(ctx, at, j.Password); err != nil {
		r.Closed = closed(err)
		if r.Closed == "" {
			return nil, err
		}
		return nil, nil //nolint:nilnil // the report says why there is none
	}
	return repo, nil
}

// putBack brings back the snapshots that the repository does not list. The
// index is made anew first: with a part of it lost, snapshots vanish whose
// manifests lie in the packs as they were.
func (j *Job) putBack(ctx context.Context, at engine.Location, repo *engine.Repository, r *app.RepairReport) (*engine.Repository, error) {
	var f app.ScanReport
	if err := j.missing(ctx, repo, &f); err != nil || len(f.Missing) == 0 {
		return repo, err
	}
	if err := repo.Close(ctx); err != nil {
		return nil, err
	}
	n, err := engine.RebuildIndex(ctx, at, j.Password)
	if err != nil {
		return nil, err
	}
	r.Rebuilt += int64(n)
	if repo, err = j.reopen(ctx, at, r); err != nil || repo == nil {
		return nil, err
	}
	f.Missing = nil
	if err := j.missing(ctx, repo, &f); err != nil {
		return repo, err
	}
	lost := map[string]bool{}
	for _, m := range f.Missing {
		lost[m] = true
	}
	for i, k := range j.Kept {
		if !lost[k.Snapshot] {
			continue
		}
		id, err := repo.PutBack(ctx, k.Manifest)
		if errs.Is(err, errs.Incomplete) || errs.Is(err, errs.Invalid) {
			continue // told as a hit below: what it names is not there
		}
		if err != nil {
			return repo, err
		}
		r.Moved[k.Snapshot] = id
		j.Kept[i].Snapshot = id
	}
	return repo, nil
}
