package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/maintenance"
)

// manifestPrefix begins the ids of the contents that hold manifests.
const manifestPrefix = "m"

// Packs holds each pack against the index that it carries at its own end. It
// finds what Verify cannot: a pack cut short behind its last content, and, as
// long as no maintenance has run, a lost index blob, with which snapshots
// vanish without a word. After maintenance there are packs that no index
// names and that only wait to be deleted; then the catalog must tell.
func (r *Repository) Packs(ctx context.Context) ([]Damage, error) {
	packs, err := r.packLengths(ctx)
	if err != nil {
		return nil, err
	}
	schedule, err := maintenance.GetSchedule(ctx, r.rep)
	if err != nil {
		return nil, fmt.Errorf("read the maintenance schedule: %w", err)
	}
	_, w, err := r.rep.NewDirectWriter(ctx, repo.WriteSessionOptions{Purpose: "packs"})
	if err != nil {
		return nil, fmt.Errorf("look at the packs: %w", err)
	}
	defer func() { _ = w.Close(context.WithoutCancel(ctx)) }() // nothing was written
	var out []Damage
	for _, id := range sortedPacks(packs) {
		infos, err := w.ContentManager().RecoverIndexFromPackBlob(ctx, id, packs[id], false)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		switch {
		case len(out) >= maxDamages:
			return out, nil
		case err != nil:
			out = append(out, Damage{Blob: string(id), Reason: fmt.Sprintf("the pack's own index cannot be read, so the pack is cut short or damaged: %v", err)})
		case len(schedule.Runs) == 0 && r.forgotten(ctx, infos):
			out = append(out, Damage{Blob: string(id), Reason: "no index names the manifests in this pack: an index blob is lost, and copies may be missing from the list, or a backup was cut off as it ended"})
		}
	}
	return out, r.failed()
}

// forgotten tells whether the index lacks a manifest's content.
func (r *Repository) forgotten(ctx context.Context, infos []content.Info) bool {
	for _, ci := range infos {
		if string(ci.ContentID.Prefix()) != manifestPrefix {
			continue
		}
		if _, err := r.rep.ContentReader().ContentInfo(ctx, ci.ContentID); err != nil {
			return true
		}
	}
	return false
}

func sortedPacks(packs map[blob.ID]int64) []blob.ID {
	ids := make([]blob.ID, 0, len(packs))
	for id := range packs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
