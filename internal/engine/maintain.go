package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/repo/maintenancestats"
	"github.com/kopia/kopia/snapshot/snapshotgc"
)

// MaintainReport is what one maintenance did. Contents are the pieces that
// copies are cut into, packs the blobs that they lie in.
type MaintainReport struct {
	DeadContents, DeadBytes           int64 // that no snapshot needs and the index still names
	RewrittenContents, RewrittenBytes int64 // moved out of packs that were partly dead, or short
	RemovedPacks, RemovedBytes        int64 // gone from the storage
	RemovedUnfinished                 int64 // files that writers left half written when they died, on a filesystem
	BytesBefore, BytesAfter           int64 // of all blobs in the storage
	PendingBytes                      int64 // in the storage for no snapshot; they come back by later runs, a day apart
}

// How often a repository is maintained.
const (
	maintainSoon = 24 * time.Hour     // while space is to come back
	maintainIdle = 7 * 24 * time.Hour // else
)

// unfinishedAge is how old a half written file is before nobody writes it any more.
const unfinishedAge = 24 * time.Hour

// NextMaintenance says when a repository is due for its next full maintenance:
// a day after the last one while space is to come back, which is when a
// snapshot was deleted after it began or when it left bytes pending, and a
// week after it otherwise. The space of a deleted snapshot comes back by the
// fourth run after the deletion, which is within four days, or five where its
// contents were written or moved in the day before. A repository that was never
// maintained counts from its creation; a failed run counts as none.
func NextMaintenance(lastFull, lastDelete time.Time, pending int64) time.Time {
	if pending > 0 || !lastDelete.Before(lastFull) {
		return lastFull.Add(maintainSoon)
	}
	return lastFull.Add(maintainIdle)
}

// StoredBytes gives what the repository takes up: the length of all its blobs.
func (r *Repository) StoredBytes(ctx context.Context) (n int64, err error) {
	err = r.rep.BlobReader().ListBlobs(ctx, "", func(m blob.Metadata) error {
		n += m.Length
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("list the repository's blobs: %w", err)
	}
	return n, nil
}

// Maintain runs a maintenance: quick compacts the index, full also gives back
// the space of deleted snapshots, over four runs that are a day apart. Only
// the full safety margins are ever used. It may be killed at any moment and be
// run again. Two maintainers at once can corrupt a repository: the caller
// holds the destination's lease. Keeper's side only.
//
// A full run is Kopia's own, but for its choice of packs to rewrite: Kopia
// leaves packs alone that are two fifths dead, and copies dead contents along
// with the others, each time as if they had died anew, so that in a small
// repository their space hardly ever comes back. See repack.
func (r *Repository) Maintain(ctx context.Context, full bool) (rep MaintainReport, err error) {
	defer r.guard(&err)
	if !r.keeper {
		return rep, errNotKeeper
	}
	if err := r.failed(); err != nil {
		return rep, err
	}
	if err := r.settle(ctx); err != nil {
		return rep, err
	}
	if rep.BytesBefore, err = r.StoredBytes(ctx); err != nil {
		return rep, err
	}
	mode := maintenance.ModeQuick
	if full {
		mode = maintenance.ModeFull
		if rep.RemovedUnfinished, err = r.at.Backend.SweepUnfinished(r.at.Repository, r.rep.Time().Add(-unfinishedAge)); err != nil {
			return rep, fmt.Errorf("remove what was left half written: %w", err)
		}
	}
	began, m := r.rep.Time(), maintainer{}
	err = repo.DirectWriteSession(ctx, r.rep, repo.WriteSessionOptions{Purpose: "maintain"},
		func(ctx context.Context, w repo.DirectRepositoryWriter) (err error) {
			defer r.guard(&err)
			m.w = w
			return maintenance.RunExclusive(ctx, w, mode, false, m.run) //nolint:wrapcheck // wrapped below
		})
	if err := errors.Join(err, m.left, r.failed()); err != nil {
		return rep, fmt.Errorf("maintain the repository: %w", err)
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return rep, fmt.Errorf("refresh the repository's index: %w", err)
	}
	return rep, r.tally(ctx, began, &rep)
}

// maintainer is one maintenance at work.
type maintainer struct {
	w    repo.DirectRepositoryWriter
	left error // why packs could not be rewritten, which stops nothing else
}

// run does what Kopia's own full run does, but rewrites last, so that the
// index drops first what was marked before the last run, and the packs go that
// thereby nothing names.
func (m *maintainer) run(ctx context.Context, p maintenance.RunParameters) error {
	if p.Mode == maintenance.ModeQuick {
		return maintenance.Run(ctx, p, maintenance.SafetyFull) //nolint:wrapcheck // wrapped by Maintain
	}
	if err := snapshotgc.Run(ctx, m.w, true, maintenance.SafetyFull, p.MaintenanceStartTime); err != nil {
		return fmt.Errorf("mark what no snapshot needs: %w", err)
	}
	// Without a rewriting that is newer than the last deletion of packs, which
	// only the first run and one after a crash lack, Kopia would do its own.
	if err := m.rewrite(ctx); err != nil {
		return err
	}
	if err := maintenance.Run(ctx, p, maintenance.SafetyFull); err != nil {
		return err //nolint:wrapcheck // wrapped by Maintain
	}
	return m.rewrite(ctx)
}

// rewrite empties packs, unless those that the last rewriting emptied are
// still to be deleted: that waits for an hour after each, so rewriting at every
// chance would put it off for ever. It is recorded as Kopia's own rewriting,
// and, if it fails, as done: else damage or a full disk in here would keep
// Kopia from ever deleting what is free already.
func (m *maintainer) rewrite(ctx context.Context) error {
	s, err := maintenance.GetSchedule(ctx, m.w)
	if err != nil {
		return fmt.Errorf("read the maintenance schedule: %w", err)
	}
	rewritten := lastEnd(s, maintenance.TaskRewriteContentsFull)
	deleted := lastEnd(s, maintenance.TaskDeleteOrphanedBlobsFull, maintenance.TaskDeleteOrphanedBlobsQuick)
	if !rewritten.IsZero() && deleted.Before(rewritten) {
		return nil
	}
	err = maintenance.ReportRun(ctx, m.w, maintenance.TaskRewriteContentsFull, s, func() (maintenancestats.Kind, error) {
		st, err := repack(ctx, m.w)
		if err != nil {
			m.left = fmt.Errorf("rewrite packs: %w", err)
			return nil, ctx.Err() //nolint:wrapcheck // nil but for a cancelled run
		}
		return st, nil
	})
	if err != nil {
		return fmt.Errorf("rewrite packs: %w", err)
	}
	return nil
}

// lastEnd gives the end of the last of tasks that succeeded.
func lastEnd(s *maintenance.Schedule, tasks ...maintenance.TaskType) (last time.Time) {
	for _, t := range tasks {
		for _, r := range s.Runs[t] {
			if r.Success && r.End.After(last) {
				last = r.End
			}
		}
	}
	return last
}

// tally fills in what the run that began at a time did, and how it left the
// storage.
func (r *Repository) tally(ctx context.Context, began time.Time, rep *MaintainReport) error {
	s, err := maintenance.GetSchedule(ctx, r.rep)
	if err != nil {
		return fmt.Errorf("read the maintenance schedule: %w", err)
	}
	for _, runs := range s.Runs {
		for _, run := range runs {
			if run.Start.Before(began) || !run.Success || len(run.Extra) == 0 {
				continue
			}
			st, err := maintenancestats.BuildFromExtra(run.Extra[0])
			if err != nil {
				return fmt.Errorf("read the figures of a maintenance: %w", err)
			}
			rep.add(st)
		}
	}
	packs, err := survey(ctx, r.rep)
	if err != nil {
		return err
	}
	chosen := choose(packs)
	for _, p := range packs {
		switch {
		case p.live == 0:
			rep.PendingBytes += p.length
		case chosen[p.id]:
			rep.PendingBytes += p.dead()
		}
	}
	rep.BytesAfter, err = r.StoredBytes(ctx)
	return err
}

func (m *MaintainReport) add(st maintenancestats.Summarizer) {
	switch st := st.(type) {
	case *maintenancestats.SnapshotGCStats:
		m.DeadContents += int64(st.DeletedContentCount)           //nolint:gosec // counts of what is in storage
		m.DeadBytes += int64(st.DeletedContentSize)               //nolint:gosec // the same
		m.PendingBytes += int64(st.UnreferencedRecentContentSize) //nolint:gosec // the same
	case *maintenancestats.RewriteContentsStats:
		m.RewrittenContents += int64(st.RewrittenContentCount) //nolint:gosec // the same
		m.RewrittenBytes += int64(st.RewrittenContentSize)     //nolint:gosec // the same
	case *maintenancestats.DeleteUnreferencedPacksStats:
		m.RemovedPacks += int64(st.DeletedPackCount) //nolint:gosec // the same
		m.RemovedBytes += int64(st.DeletedTotalSize) //nolint:gosec // the same
	}
}
