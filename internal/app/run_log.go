package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// RunStall is how long a run may say the same of itself before it counts as
// stalled, however alive its agent is.
const RunStall = 2 * time.Minute

// The events of one run's page: so many, and those of its copy's first hour.
const (
	runEvents     = 200
	runEventsLate = time.Hour
)

// RunView is everything of one run's page. What Wait tells of a host, its
// other runs and the destination is for those who may see hosts.
type RunView struct {
	Run    dbq.Run
	Now    time.Time // at which all of it stood so
	Wait   dbq.WaitOfRunRow
	Copy   *dbq.CopyOfRunForTenantRow // that it made
	Events []dbq.Event                // the oldest first
}

// LookAtRun gives one run with its copy, its events, and why it waits.
func (a *App) LookAtRun(ctx context.Context, who authz.Actor, run id.Run) (RunView, error) {
	r, err := a.ViewRun(ctx, who, run)
	if err != nil {
		return RunView{}, err
	}
	var v RunView
	err = a.do(ctx, who, authz.ViewRuns, r.TenantID, func(ctx context.Context, tx *store.Tx) error {
		v = RunView{Now: tx.Now}
		if v.Run, err = tx.RunForTenant(ctx, dbq.RunForTenantParams{TenantID: r.TenantID, ID: run}); err != nil {
			return err
		}
		c, err := tx.CopyOfRunForTenant(ctx, dbq.CopyOfRunForTenantParams{TenantID: r.TenantID, RunID: run})
		if err == nil {
			v.Copy = &c
		} else if !isNoRows(err) {
			return err
		}
		p := dbq.EventsOfRunParams{
			TenantID: r.TenantID, SiteID: store.Optional(r.SiteID.UUID()), RunID: store.Optional(run.UUID()),
			Since: v.Run.CreatedAt, Until: tx.Now, PageSize: runEvents,
		}
		if v.Run.FinishedAt != nil {
			p.Until = v.Run.FinishedAt.Add(runEventsLate)
		}
		if v.Copy != nil {
			p.CopyID = store.Optional(c.ID.UUID())
		}
		v.Events, err = tx.EventsOfRun(ctx, p)
		return err
	})
	if err != nil {
		return v, hide(err, "run")
	}
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		v.Wait, err = tx.WaitOfRun(ctx, dbq.WaitOfRunParams{TenantID: r.TenantID, ID: run})
		return err
	})
	return v, hide(err, "run")
}

// RetryRun plans a new run in place of one that failed or was cancelled, with
// the protection that was asked for then. It joins one that is open already.
func (a *App) RetryRun(ctx context.Context, who authz.Actor, run id.Run) (Started, error) {
	old, err := a.ViewRun(ctx, who, run)
	if err != nil {
		return Started{}, err
	}
	out := Started{Kind: old.Kind}
	err = a.do(ctx, who, authz.StartBackup, old.TenantID, func(ctx context.Context, tx *store.Tx) error {
		if old.State != backup.Failed && old.State != backup.Cancelled && old.State != backup.Incomplete {
			return errs.New(errs.Conflict, "This run is %s; only one that failed, was cancelled or lacks something can be tried anew.", old.State)
		}
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: old.TenantID, ID: old.SiteID})
		if err != nil {
			return err
		}
		if s.State != dbq.SiteStateActive {
			return errs.New(errs.Conflict, "%s is %s; it takes no backups.", s.Name, s.State)
		}
		open, err := tx.OpenRunOf(ctx, dbq.OpenRunOfParams{TenantID: old.TenantID, SiteID: old.SiteID, Kind: old.Kind})
		if err == nil {
			out.Run, out.Joined = open.ID, true
			return unbind(ctx, tx, open)
		}
		if !isNoRows(err) {
			return err
		}
		out.Joined = false
		keep := Protection{Days: int(old.ProtectDays), Reason: old.ProtectWhy}
		if out.Run, err = planRun(ctx, tx, old.TenantID, old.SiteID, s.HostID, old.Kind, backup.Manual, keep); err != nil {
			return err
		}
		return tx.Event(ctx, "run.retried", runSubject(old.TenantID, old.SiteID, run), map[string]any{"kind": old.Kind, "run": out.Run})
	})
	if store.Constraint(err) == "run_open_once" { // another asked in the same moment
		return a.RetryRun(ctx, who, run)
	}
	return out, err
}
