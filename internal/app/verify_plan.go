package app

import (
	"context"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// How often what is stored is looked at again. A whole read starts every 28
// days, so that no byte goes unread for longer than VerifyWithin even if its
// turn has to wait.
const (
	VerifyWithin = 30 * 24 * time.Hour
	scanEvery    = 28 * 24 * time.Hour
	lookEvery    = 24 * time.Hour
	scanPause    = 6 * time.Hour // before a look that failed for good is tried anew
)

// How many looks of a destination wait or run at once: its keeper does one
// thing after the other, and what people wait for must not stand behind a
// thousand of them.
const (
	openScans   = 2
	openLooks   = 30
	planAtOnce  = 1000
	sampleBytes = 512 << 20 // of a new data copy is read; of a small one all
)

// shareToRead is which share of a new copy's files is read at once, in percent. A
// dump is read whole: it is small beside the files, and half of one is nothing.
func shareToRead(kind backup.Kind, bytes int64) float32 {
	if kind == backup.Database || bytes <= sampleBytes {
		return 100
	}
	return float32(max(1, 100*float64(sampleBytes)/float64(bytes)))
}

// nextTurn is a repository's next turn after an instant: turns come round every
// period, those of many repositories spread evenly over it.
func nextTurn(of id.Repository, period time.Duration, after time.Time) time.Time {
	turn := after.Truncate(period).Add(policy.Spread(of.UUID(), period).Truncate(time.Second))
	if !turn.After(after) {
		turn = turn.Add(period)
	}
	return turn.UTC()
}

// planVerification gives every repository its turns and queues what is due, as
// much of each destination as its keeper may have before it.
func planVerification(ctx context.Context, tx *store.Tx) error {
	fresh, err := tx.RepositoriesUnplanned(ctx, planAtOnce)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		p := dbq.PlanScansParams{}
		for _, r := range fresh {
			p.Tenants, p.Ids = append(p.Tenants, bare(r.TenantID.UUID())), append(p.Ids, bare(r.ID.UUID()))
			p.Scans, p.Looks = append(p.Scans, nextTurn(r.ID, scanEvery, tx.Now)), append(p.Looks, nextTurn(r.ID, lookEvery, tx.Now))
		}
		if _, err := tx.PlanScans(ctx, p); err != nil {
			return err
		}
	}
	places, err := tx.ListDestinations(ctx)
	if err != nil {
		return err
	}
	for _, d := range places {
		if err := planScansOf(ctx, tx, d.ID); err != nil {
			return err
		}
	}
	return nil
}

func planScansOf(ctx context.Context, tx *store.Tx, d id.Destination) error {
	open, err := tx.CountOpenScans(ctx, d)
	if err != nil {
		return err
	}
	since := tx.Now.Add(-scanPause)
	if room := openScans - open.Scans; room > 0 {
		due, err := tx.RepositoriesToScan(ctx, dbq.RepositoriesToScanParams{DestinationID: d, Now: tx.Now, Since: since, Most: int32(room)}) //nolint:gosec // at most openScans
		if err != nil {
			return err
		}
		for _, repo := range due {
			if err := insertScan(ctx, tx, repo, 100); err != nil {
				return err
			}
		}
	}
	room := openLooks - open.Looks
	if room <= 0 {
		return nil
	}
	due, err := tx.RepositoriesToLook(ctx, dbq.RepositoriesToLookParams{DestinationID: d, Now: tx.Now, Since: since, Most: int32(room)}) //nolint:gosec // at most openLooks
	if err != nil {
		return err
	}
	for _, repo := range due {
		if err := insertScan(ctx, tx, repo, 0); err != nil {
			return err
		}
	}
	return nil
}

// insertScan queues a look at a whole repository: by every byte, or by lengths.
func insertScan(ctx context.Context, tx *store.Tx, repo dbq.Repository, percent float32) error {
	return insertVerification(ctx, tx, repo, id.Copy{}, dbq.TaskKindScanRepository, percent)
}

// insertVerification queues a look that reads a share of what it looks at, in
// percent, unless one waits that reads as much.
func insertVerification(ctx context.Context, tx *store.Tx, repo dbq.Repository, of id.Copy, kind dbq.TaskKind, percent float32) error {
	err := tx.InsertVerification(ctx, dbq.InsertVerificationParams{
		TenantID: repo.TenantID, ID: id.New[id.Task](), SiteID: repo.SiteID, DestinationID: repo.DestinationID, RepositoryID: repo.ID,
		CopyID: of, Kind: kind, Percent: percent, NotBefore: tx.Now,
	})
	if err != nil {
		return err
	}
	return tx.Notify(ctx, store.ChannelTask, repo.DestinationID.String())
}

// readOn queues a look anew that was asked, while it was under way, to read
// more than it had been told.
func readOn(ctx context.Context, tx *store.Tx, t Task) error {
	if t.Row.Kind != dbq.TaskKindVerifyCopy && t.Row.Kind != dbq.TaskKindScanRepository {
		return nil
	}
	now, err := tx.TaskByID(ctx, t.Row.ID)
	if isNoRows(err) || err == nil && now.Percent <= t.Row.Percent {
		return nil
	}
	if err != nil {
		return err
	}
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: now.TenantID, ID: now.RepositoryID})
	if err != nil {
		return err
	}
	return insertVerification(ctx, tx, repo, now.CopyID, now.Kind, now.Percent)
}
