package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/repo/maintenancestats"
)

// How packs are chosen for rewriting.
const (
	toleratedDead = 10       // so many percent of what is live may lie dead in packs that are kept for the rest
	shortPack     = 12 << 20 // a pack with less live than this is short; whole ones have 20 MiB
	manyShort     = 100      // more short packs of one sort than this are made fewer, by half
	maxRewrite    = 4 << 30  // live bytes that one run rewrites; the rest waits for the next

	// What a pack has at most beside its contents: padding, and its own index.
	packOverhead    = 8 << 10
	contentOverhead = 48
)

// pack is how one pack blob is used.
type pack struct {
	id       blob.ID
	length   int64 // in the storage
	contents int64 // that the index knows, deleted ones too
	live     int64 // bytes of contents that are not deleted
}

// dead gives the bytes that no snapshot needs, as far as can be told: what was
// dropped from the index leaves no other trace than the pack's length.
func (p *pack) dead() int64 {
	return max(0, p.length-p.live-packOverhead-contentOverhead*p.contents)
}

// survey holds the packs in the storage against the index.
func survey(ctx context.Context, rep repo.DirectRepository) (map[blob.ID]*pack, error) {
	packs := map[blob.ID]*pack{}
	for _, prefix := range content.PackBlobIDPrefixes {
		err := rep.BlobReader().ListBlobs(ctx, prefix, func(m blob.Metadata) error {
			packs[m.BlobID] = &pack{id: m.BlobID, length: m.Length}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the packs: %w", err)
		}
	}
	err := rep.ContentReader().IterateContents(ctx, content.IterateOptions{IncludeDeleted: true}, func(ci content.Info) error {
		p := packs[ci.PackBlobID]
		if p == nil {
			return nil // it is gone, which Scan tells
		}
		p.contents++
		if !ci.Deleted {
			p.live += int64(ci.PackedLength)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the contents: %w", err)
	}
	return packs, nil
}

// repack moves the live contents out of the packs that choose names. The packs
// themselves go by a later run, once no index names them.
func repack(ctx context.Context, w repo.DirectRepositoryWriter) (*maintenancestats.RewriteContentsStats, error) {
	packs, err := survey(ctx, w)
	if err != nil {
		return nil, err
	}
	chosen := choose(packs)
	var ids []content.ID
	err = w.ContentReader().IterateContents(ctx, content.IterateOptions{}, func(ci content.Info) error {
		if chosen[ci.PackBlobID] {
			ids = append(ids, ci.ContentID)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the contents: %w", err)
	}
	st, err := maintenance.RewriteContents(ctx, w, &maintenance.RewriteContentsOptions{
		ContentIDs: ids, Parallel: localParallel,
	}, maintenance.SafetyFull)
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the caller
	}
	return st, nil
}

// choose names the packs whose live contents are worth moving: the deadest
// ones, until no more is dead than is tolerated, and the smallest of very many
// short ones. A pack that is wholly dead needs no moving.
func choose(packs map[blob.ID]*pack) map[blob.ID]bool {
	var live, dead int64
	var list []*pack
	for _, p := range packs {
		if p.live > 0 {
			list = append(list, p)
			live, dead = live+p.live, dead+p.dead()
		}
	}
	slices.SortFunc(list, func(a, b *pack) int {
		return cmp.Or(cmp.Compare(float64(b.dead())/float64(b.live), float64(a.dead())/float64(a.live)), cmp.Compare(a.id, b.id))
	})
	chosen := map[blob.ID]bool{}
	short := map[blob.ID][]*pack{}
	var moved int64
	for _, p := range list {
		if dead > live*toleratedDead/100 && moved+p.live <= maxRewrite {
			chosen[p.id] = true
			dead, moved = dead-p.dead(), moved+p.live
		} else if p.live < shortPack {
			short[p.id[:1]] = append(short[p.id[:1]], p)
		}
	}
	for _, packs := range short {
		if len(packs) <= manyShort {
			continue
		}
		slices.SortFunc(packs, func(a, b *pack) int { return cmp.Compare(a.live, b.live) })
		for _, p := range packs[:len(packs)-manyShort/2] {
			if moved += p.live; moved > maxRewrite {
				break
			}
			chosen[p.id] = true
		}
	}
	return chosen
}
