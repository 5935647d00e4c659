package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// The times of a repository's maintenance. Kopia gives the space of a deleted
// snapshot back by the fourth full maintenance after it, each a day apart.
const (
	maintainSoon  = 24 * time.Hour
	maintainIdle  = 7 * 24 * time.Hour
	maintainBatch = 100
	maxHeals      = 40            // batches in one sweep
	deletionPause = 6 * time.Hour // before a deletion that failed for good is tried anew
)

// nextMaintenance says when a repository is maintained next: a day after the
// last time while space is to come back, else a week after it.
func nextMaintenance(last time.Time, deleted *time.Time, pendingBytes int64) time.Time {
	if pendingBytes > 0 || deleted != nil && !deleted.Before(last) {
		return last.Add(maintainSoon)
	}
	return last.Add(maintainIdle)
}

func lastMaintained(r dbq.Repository) time.Time {
	if r.MaintainedAt != nil {
		return *r.MaintainedAt
	}
	return r.CreatedAt
}

// maintained notes the end of a maintenance and plans the next.
func maintained(ctx context.Context, tx *store.Tx, t Task, o TaskOutcome, of store.Subject) error {
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: t.Row.TenantID, ID: t.Row.RepositoryID})
	if err != nil {
		return err
	}
	soon, err := strayed(ctx, tx, repo, o.Strays, of)
	if err != nil {
		return err
	}
	next := nextMaintenance(tx.Now, nil, o.PendingBytes)
	if soon || repo.DeletedAt != nil && (repo.MaintainedAt == nil || repo.DeletedAt.After(*repo.MaintainedAt)) {
		next = tx.Now.Add(maintainSoon) // the first one after a deletion only marks what can go, the first to see a stray only notes it
	}
	_, err = tx.NoteMaintenance(ctx, dbq.NoteMaintenanceParams{
		TenantID: repo.TenantID, ID: repo.ID, MaintainedAt: &tx.Now, MaintainAt: &next, StoredBytes: o.RepositoryBytes,
	})
	if err != nil {
		return err
	}
	return tx.Event(ctx, "repository.maintained", of, map[string]any{
		"bytes_before": o.BytesBefore, "bytes_after": o.RepositoryBytes, "bytes_to_come": o.PendingBytes, "next": next,
	})
}

// upkeep is the part of Sweep that holds schedules, deletions and maintenance.
func (a *App) upkeep(ctx context.Context) error {
	for more, n := true, 0; more && n < maxHeals; n++ {
		var err error
		if more, err = a.healSchedules(ctx); err != nil {
			return err
		}
	}
	return a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.DeleteExpiredUses(ctx, tx.Now); err != nil {
			return err
		}
		stuck, err := tx.StuckDeletions(ctx, tx.Now.Add(-deletionPause))
		if err != nil {
			return err
		}
		for _, c := range stuck {
			if err := planDeletion(ctx, tx, c.TenantID, c.ID, c.RepositoryID); err != nil {
				return err
			}
		}
		waiting, err := tx.StuckPairs(ctx, tx.Now.Add(-deletionPause))
		if err != nil {
			return err
		}
		for _, w := range waiting {
			if err := planPairs(ctx, tx, w.TenantID, w.SiteID); err != nil {
				return err
			}
		}
		if err := planMaintenance(ctx, tx); err != nil {
			return err
		}
		return planVerification(ctx, tx)
	})
}

func planMaintenance(ctx context.Context, tx *store.Tx) error {
	first := tx.Now.Add(maintainIdle)
	if _, err := tx.RepositoriesNeverMaintained(ctx, &first); err != nil {
		return err
	}
	due, err := tx.RepositoriesToMaintain(ctx, dbq.RepositoriesToMaintainParams{MaintainAt: &tx.Now, Limit: maintainBatch})
	if err != nil {
		return err
	}
	again := tx.Now.Add(maintainSoon) // if the keeper gives this one up
	for _, repo := range due {
		if err := insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindMaintain); err != nil {
			return err
		}
		if _, err := tx.PutOffMaintenance(ctx, dbq.PutOffMaintenanceParams{TenantID: repo.TenantID, ID: repo.ID, MaintainAt: &again}); err != nil {
			return err
		}
	}
	return nil
}

// What a clock may do between two looks of the planner, which are seconds
// apart: go back a little when it is set, and ahead by as long as every process
// was down.
const (
	clockBack   = 5 * time.Minute
	clockAhead  = 25 * time.Hour
	clockSteady = 24 * time.Hour
)

// clockJumped tells whether the clock is not to be trusted with deletions. A
// jump counts before the planner has noted it: whoever deletes may look first.
func clockJumped(w dbq.ClockWatch, now time.Time) bool {
	if leap := now.Sub(w.SeenAt); leap < -clockBack || leap > clockAhead {
		return true
	}
	return w.JumpedAt != nil && now.Before(w.JumpedAt.Add(clockSteady)) // a jump back counts from where it landed
}

// WatchClock notes the time, and whether it jumped since the last look.
func (a *App) WatchClock(ctx context.Context) error {
	return a.system(ctx, "clock", func(ctx context.Context, tx *store.Tx) error {
		w, err := tx.ClockWatch(ctx)
		if isNoRows(err) {
			return tx.NoteClock(ctx, dbq.NoteClockParams{SeenAt: tx.Now})
		}
		if err != nil {
			return err
		}
		p := dbq.NoteClockParams{SeenAt: tx.Now, JumpedAt: w.JumpedAt, JumpSeconds: w.JumpSeconds}
		jump := tx.Now.Sub(w.SeenAt)
		if jump < -clockBack || jump > clockAhead {
			p.JumpedAt, p.JumpSeconds = &tx.Now, int64(jump.Seconds())
			err = tx.Event(ctx, "clock.jumped", store.Subject{Kind: "clock"}, map[string]any{"seconds": p.JumpSeconds, "deletions_stop_until": tx.Now.Add(clockSteady)})
		} else if w.JumpedAt != nil && !clockJumped(w, tx.Now) {
			p.JumpedAt, p.JumpSeconds = nil, 0
		}
		if err == nil && jump < -clockBack {
			err = comeBack(ctx, tx)
		}
		if err != nil {
			return err
		}
		return tx.NoteClock(ctx, p)
	})
}

// comeBack takes back what was put off to a time that only a wrong clock
// showed. Instants that are derived are derived anew by the next sweep.
func comeBack(ctx context.Context, tx *store.Tx) error {
	day, week := tx.Now.Add(25*time.Hour), tx.Now.Add(retainEvery+time.Hour) // nothing but a rule's next slot is further away
	_, err := tx.RederiveAfterJump(ctx, dbq.RederiveAfterJumpParams{Now: tx.Now, Day: day, Week: week})
	if err != nil {
		return err
	}
	if _, err := tx.HurryRunsAfterJump(ctx, dbq.HurryRunsAfterJumpParams{Now: tx.Now, Day: day}); err != nil {
		return err
	}
	if _, err := tx.HurryTasksAfterJump(ctx, dbq.HurryTasksAfterJumpParams{Now: tx.Now, Day: day}); err != nil {
		return err
	}
	if _, err = tx.HurryMaintenanceAfterJump(ctx, dbq.HurryMaintenanceAfterJumpParams{Now: tx.Now, Week: week}); err != nil {
		return err
	}
	_, err = tx.RederiveScansAfterJump(ctx, dbq.RederiveScansAfterJumpParams{Now: tx.Now, Latest: tx.Now.Add(scanEvery + time.Hour), LatestLook: day})
	return err
}

// TrustClock ends the stop of deletions after the clock jumped: a person has
// looked at it.
func (a *App) TrustClock(ctx context.Context, who authz.Actor) error {
	return a.do(ctx, who, authz.HoldCopies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.TrustClock(ctx); err != nil {
			return err
		}
		return tx.Event(ctx, "clock.trusted", store.Subject{Kind: "clock"}, nil)
	})
}
