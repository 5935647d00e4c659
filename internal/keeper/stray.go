package keeper

import (
	"context"
	"slices"

	"holdfast/internal/app"
	"holdfast/internal/engine"
)

// What agents put behind a site's id to name what they store beside its copies.
var ownSources = []string{"", "/references", "/named"}

// strays deletes the snapshots that the control plane let go because nothing
// names them, and tells which others there are. It looks again itself: what
// the catalog counts on, what a copy's deletion takes away, and what another
// than this site's agent stored, by hand in an emergency, is never touched.
// Where most of what is there is unknown, it is the catalog that lacks
// something, and nothing is deleted. Safe to die anywhere, and to run again.
func (j Job) strays(ctx context.Context, repo *engine.Repository) (*app.StrayReport, error) {
	all, err := repo.List(ctx)
	if err != nil {
		return nil, err
	}
	named, there := map[string]bool{}, map[string]bool{}
	for _, s := range slices.Concat(j.Known, j.Leaving) {
		named[s] = true
	}
	var r app.StrayReport
	for _, s := range all {
		there[s.ID] = true
		if !j.ours(s) && !named[s.ID] {
			continue
		}
		r.Listed++
		if named[s.ID] {
			r.Named++
			continue
		}
		r.Left = append(r.Left, app.Stray{Snapshot: s.ID, Source: s.Source, TakenAt: s.TakenAt, EndedAt: s.EndedAt})
	}
	for _, s := range j.Strays {
		if !there[s] { // a try that died had got as far
			r.Deleted = append(r.Deleted, s)
		}
	}
	r.Doubt = len(r.Left) > 0 && (len(j.Known) == 0 || 2*r.Named < r.Listed)
	if r.Doubt {
		return &r, nil
	}
	var gone []string
	for _, s := range r.Left {
		if slices.Contains(j.Strays, s.Snapshot) {
			gone = append(gone, s.Snapshot)
		}
	}
	if err := repo.Delete(ctx, gone...); err != nil {
		return nil, err
	}
	r.Left = slices.DeleteFunc(r.Left, func(s app.Stray) bool { return slices.Contains(gone, s.Snapshot) })
	r.Deleted = append(r.Deleted, gone...)
	return &r, nil
}

// ours tells whether a snapshot was stored by an agent for this site.
func (j Job) ours(s engine.Snapshot) bool {
	return j.Site != "" && slices.ContainsFunc(ownSources, func(suffix string) bool { return s.Source == j.Site+suffix })
}
