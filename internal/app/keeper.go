package app

import (
	"context"
	"encoding/json"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// FollowCopy plans what a fresh copy needs: a look at its content from the
// destination's side, a measure of how it fits the other kind's copies, and a
// plain sealed file for the monthly database copy, or the first of a month. It is safe to run twice.
func (a *App) FollowCopy(ctx context.Context, c id.Copy) error {
	return a.system(ctx, "follow", func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.CopyByID(ctx, c)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: row.TenantID, ID: row.RepositoryID})
		if err != nil {
			return err
		}
		if err := planPairs(ctx, tx, row.TenantID, row.SiteID); err != nil {
			return err
		}
		if row.VerifiedAt == nil {
			if err := insertVerification(ctx, tx, repo, c, dbq.TaskKindVerifyCopy, shareToRead(row.Kind, row.Bytes)); err != nil {
				return err
			}
		}
		sealed, err := tx.SealedInMonth(ctx, dbq.SealedInMonthParams{TenantID: row.TenantID, SiteID: row.SiteID, LocalMonth: row.LocalMonth, ID: c})
		if err != nil {
			return err
		}
		var tiers policy.Tiers
		if err := json.Unmarshal(row.Tiers, &tiers); err != nil {
			return err
		}
		_, monthly := tiers.Get(policy.Monthly)
		if row.SealedName == "" && catalog.WantsSeal(row.Kind, row.State, monthly, int(sealed)) {
			return insertTask(ctx, tx, repo, c, dbq.TaskKindSealCopy)
		}
		return nil
	})
}

// Sweep is the net under the other jobs: planned runs whose dispatch job was
// lost are dispatched, expired sessions go.
func (a *App) Sweep(ctx context.Context) error {
	if err := a.upkeep(ctx); err != nil {
		return err
	}
	if err := a.sweepRestores(ctx); err != nil {
		return err
	}
	if err := a.digests(ctx); err != nil {
		return err
	}
	return a.system(ctx, "sweep", func(ctx context.Context, tx *store.Tx) error {
		if err := dispatchStuck(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.DeleteExpiredSessions(ctx, tx.Now); err != nil {
			return err
		}
		if err := tidyUsage(ctx, tx); err != nil {
			return err
		}
		return tidyIdentity(ctx, tx)
	})
}

// Task is one piece of the keeper's work, with what it needs to do it.
type Task struct {
	Row        dbq.KeeperTask
	Repository string // its name at the destination
	Kind       backup.Kind
	Password   string
	Snapshot   string   // of the copy, if the task has one
	SHA256     string   // of the copy's dump
	SealedName string   // of the copy's plain sealed file, if it has one
	Beside     []string // further snapshots of the copy in this repository, which are deleted with it
	Known      []string // every snapshot of the repository that the catalog means to keep
	Leaving    []string // of a maintenance: snapshots of copies whose deletion has begun
	Strays     []string // of a maintenance: snapshots to be deleted because nothing names them
	SealKey    []byte   // for a sealed file of this copy

	Second *SecondRepository // for measure_pair; nil: there is nothing to measure
	Pairs  []PairTask

	Kept  []Kept // of a scan or a repair: all that the repository is meant to hold
	Frail int32  // of a scan: packs that are known to carry no readable index
	Prove bool   // of a scan: damage is known, so every snapshot is to be read whole
}

// ReclaimTasks puts back what an earlier keeper of the destination had begun.
// Only the process that holds the destination's lock may call it.
func (a *App) ReclaimTasks(ctx context.Context, d id.Destination) error {
	return a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ReclaimTasks(ctx, d)
		return err
	})
}

// TakeTask gives the destination's next task; ok is false when there is none.
// One that cannot be told what it needs counts as tried, so that it keeps no
// other from its turn; a deletion that something stops is put off.
func (a *App) TakeTask(ctx context.Context, d id.Destination) (t Task, ok bool, err error) {
	for {
		var row dbq.KeeperTask
		err := a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) (err error) {
			row, err = tx.TakeTask(ctx, dbq.TakeTaskParams{DestinationID: d, NotBefore: tx.Now})
			return err
		})
		if isNoRows(err) {
			return Task{}, false, nil
		}
		if err != nil {
			return Task{}, false, err
		}
		t, stopped, err := a.describeTask(ctx, row)
		switch {
		case err == nil && !stopped:
			return t, true, nil
		case err == nil:
			continue
		case ctx.Err() != nil || errs.Is(err, errs.Unavailable):
			return Task{}, false, err
		}
		a.log.ErrorContext(ctx, "a task of the keeper cannot be prepared", "task", row.Kind, "repository", row.RepositoryID, "error", err)
		if err := a.FinishTask(ctx, Task{Row: row}, TaskOutcome{Err: err}); err != nil {
			return Task{}, false, err
		}
	}
}

// describeTask gathers what a task needs, or tells that it was stopped.
func (a *App) describeTask(ctx context.Context, row dbq.KeeperTask) (t Task, stopped bool, err error) {
	err = a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) error {
		repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: row.TenantID, ID: row.RepositoryID})
		if err != nil {
			return err
		}
		t = Task{Row: row, Repository: repo.Name, Kind: repo.Kind}
		if t.Password, err = a.password(repo); err != nil {
			return err
		}
		if !row.CopyID.IsZero() {
			c, err := tx.CopyByID(ctx, row.CopyID)
			if err != nil {
				return err
			}
			if row.Kind == dbq.TaskKindDeleteCopy || row.Kind == dbq.TaskKindDeleteNamed {
				if stopped, err = stopDeletion(ctx, tx, row, c); err != nil || stopped {
					return err
				}
			}
			t.Snapshot, t.SHA256, t.SealedName = c.Snapshot, c.Sha256, c.SealedName
			if t.SealKey, err = a.SealedFileKey(c.ID); err != nil {
				return err
			}
			if row.Kind == dbq.TaskKindDeleteCopy || row.Kind == dbq.TaskKindDeleteNamed {
				if err := describeDeletion(ctx, tx, row, &t); err != nil {
					return err
				}
			}
		}
		if row.Kind == dbq.TaskKindMeasurePair {
			if err := a.describePairs(ctx, tx, row, &t); err != nil {
				return err
			}
		}
		if row.Kind == dbq.TaskKindScanRepository || row.Kind == dbq.TaskKindRepairRepository {
			t.Frail = repo.Frail
			t.Prove = DamageState(repo.DamageState) != Sound
			if t.Kept, err = keptIn(ctx, tx, repo); err != nil {
				return err
			}
		}
		if row.Kind == dbq.TaskKindMaintain {
			if err := describeStrays(ctx, tx, repo, &t); err != nil {
				return err
			}
		}
		known, err := tx.CopiesInRepository(ctx, dbq.CopiesInRepositoryParams{TenantID: row.TenantID, RepositoryID: repo.ID})
		if err != nil {
			return err
		}
		for _, k := range known {
			t.Known = append(t.Known, k.Snapshot)
		}
		return nil
	})
	return t, stopped, err
}

// SealedFileKey is the key of a copy's plain sealed file, derived from the
// master key and the copy's id.
func (a *App) SealedFileKey(c id.Copy) ([]byte, error) {
	return SealedFileKey(a.key, c)
}

// SealedFileKey is the same with nothing but the master key, for the day on
// which the database is lost too.
func SealedFileKey(key seal.Key, c id.Copy) ([]byte, error) {
	return key.Derive("sealed-file/" + c.String())
}

// maxTaskAttempts is how often the keeper tries a task.
const maxTaskAttempts = 8

// TaskOutcome is how a task ended.
type TaskOutcome struct {
	Err          error  // it failed; tried again later
	Damage       string // verification found the copy damaged: what, in a sentence
	SealedName   string
	SealedSHA256 string
	Pairs        []PairResult
	Proven       bool          // verification read every byte of the copy
	Found        *ScanReport   // of a scan
	Repaired     *RepairReport // of a repair
	Strays       *StrayReport  // of a maintenance

	RepositoryBytes int64 // what the repository takes up afterwards; 0 if it was not measured
	BytesBefore     int64 // the same before maintenance
	PendingBytes    int64 // what further maintenance will bring back
}

// FinishTask records a task's end with all its effects.
func (a *App) FinishTask(ctx context.Context, t Task, o TaskOutcome) error {
	return a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) error {
		of := store.Subject{Kind: "repository", ID: t.Row.RepositoryID.UUID(), Tenant: t.Row.TenantID, Site: t.Row.SiteID}
		p := dbq.FinishTaskParams{TenantID: t.Row.TenantID, ID: t.Row.ID, ToState: dbq.TaskStateDone, FinishedAt: &tx.Now, NotBefore: tx.Now}
		if o.Err != nil {
			p.Error = clip(errs.Sentence(o.Err), 1000)
			p.ToState, p.FinishedAt = dbq.TaskStateQueued, nil
			p.NotBefore = tx.Now.Add(min(time.Hour, time.Duration(1<<min(t.Row.Attempt, 10))*5*time.Second))
			if t.Row.Attempt >= maxTaskAttempts {
				p.ToState, p.FinishedAt = dbq.TaskStateFailed, &tx.Now
			}
		}
		if n, err := tx.FinishTask(ctx, p); err != nil || n == 0 {
			return err
		}
		if o.Err != nil {
			return tx.Event(ctx, "keeper.task_failed", of, map[string]any{"task": t.Row.Kind, "attempt": t.Row.Attempt, "error": p.Error, "final": p.ToState == dbq.TaskStateFailed})
		}
		if err := a.taskDone(ctx, tx, t, o, of); err != nil {
			return err
		}
		return readOn(ctx, tx, t)
	})
}

func (a *App) taskDone(ctx context.Context, tx *store.Tx, t Task, o TaskOutcome, of store.Subject) error {
	ofCopy := store.Subject{Kind: "copy", ID: t.Row.CopyID.UUID(), Tenant: t.Row.TenantID, Site: t.Row.SiteID}
	switch t.Row.Kind {
	case dbq.TaskKindCreateRepository:
		_, err := tx.SetRepositoryState(ctx, dbq.SetRepositoryStateParams{
			TenantID: t.Row.TenantID, ID: t.Row.RepositoryID, ToState: dbq.RepositoryStateReady, FromState: dbq.RepositoryStateNew,
		})
		if err != nil {
			return err
		}
		run, err := tx.PlannedRunOf(ctx, dbq.PlannedRunOfParams{TenantID: t.Row.TenantID, SiteID: t.Row.SiteID, Kind: t.Kind})
		if err == nil {
			err = enqueueDispatch(ctx, tx, run, 1, tx.Now)
		}
		if err != nil && !isNoRows(err) {
			return err
		}
		return tx.Event(ctx, "repository.created", of, map[string]any{"kind": t.Kind})
	case dbq.TaskKindVerifyCopy:
		return a.copyVerified(ctx, tx, t, o)
	case dbq.TaskKindSealCopy:
		if o.Damage != "" {
			return a.copyDamaged(ctx, tx, t, o.Damage)
		}
		_, err := tx.SetSealed(ctx, dbq.SetSealedParams{TenantID: t.Row.TenantID, ID: t.Row.CopyID, SealedName: o.SealedName, SealedSha256: o.SealedSHA256})
		if err != nil {
			return err
		}
		return tx.Event(ctx, "copy.sealed", ofCopy, map[string]any{"file": o.SealedName, "sha256": o.SealedSHA256})
	case dbq.TaskKindMaintain:
		return maintained(ctx, tx, t, o, of)
	case dbq.TaskKindDeleteCopy:
		return copyDeleted(ctx, tx, t, ofCopy)
	case dbq.TaskKindDeleteNamed:
		return namedDeleted(ctx, tx, t, ofCopy)
	case dbq.TaskKindMeasurePair:
		return pairsMeasured(ctx, tx, t, o)
	case dbq.TaskKindScanRepository:
		return a.scanned(ctx, tx, t, o.Found)
	case dbq.TaskKindRepairRepository:
		return a.repaired(ctx, tx, t, o.Repaired)
	}
	return nil
}

// startTask plans upkeep of a repository by hand: a fresh look at a copy's
// content, or maintenance.
func (a *App) startTask(ctx context.Context, tx *store.Tx, c dbq.Copy, kind dbq.TaskKind) error {
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: c.TenantID, ID: c.RepositoryID})
	if err != nil {
		return err
	}
	return insertVerification(ctx, tx, repo, c.ID, kind, 100)
}
