package app

import (
	"context"
	"slices"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Started is a run that was asked for, or that was open already.
type Started struct {
	Run    id.Run
	Kind   backup.Kind
	Joined bool // it was open already; nothing new was planned
}

// Protection says how long copies are kept outside the counts, and why.
type Protection struct {
	Days   int // 0: ProtectDays
	Reason string
}

// StartBackup plans a run of each kind for a site, or joins the one that is
// open already: the database refuses a second. The copies are protected.
func (a *App) StartBackup(ctx context.Context, who authz.Actor, ref string, kinds []backup.Kind, keep Protection) ([]Started, error) {
	keep, err := keep.check()
	if err != nil {
		return nil, err
	}
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(who, authz.ViewSite, of); err != nil {
		return nil, hide(err, "site")
	}
	var out []Started
	err = a.do(ctx, who, authz.StartBackup, of, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		if s.State != dbq.SiteStateActive {
			return errs.New(errs.Conflict, "%s is %s; it takes no backups.", s.Name, s.State)
		}
		for _, kind := range kinds {
			open, err := tx.OpenRunOf(ctx, dbq.OpenRunOfParams{TenantID: of, SiteID: sid, Kind: kind})
			if err == nil {
				if err := protectRun(ctx, tx, open, keep); err != nil {
					return err
				}
				out = append(out, Started{Run: open.ID, Kind: kind, Joined: true})
				continue
			}
			if !isNoRows(err) {
				return err
			}
			run, err := planRun(ctx, tx, of, sid, s.HostID, kind, backup.Manual, keep)
			if err != nil {
				return err
			}
			out = append(out, Started{Run: run, Kind: kind})
		}
		return nil
	})
	if store.Constraint(err) == "run_open_once" { // another asked in the same moment
		return a.StartBackup(ctx, who, ref, kinds, keep)
	}
	return out, err
}

// planRun inserts a run and its dispatch job.
func planRun(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, host id.Host, kind backup.Kind, why backup.Reason, keep Protection) (id.Run, error) {
	return planTries(ctx, tx, of, sid, host, kind, why, keep, backup.MaxAttempts)
}

// planTries is planRun with a number of tries of its own.
func planTries(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, host id.Host, kind backup.Kind, why backup.Reason, keep Protection, tries int32) (id.Run, error) {
	run := id.New[id.Run]()
	err := tx.InsertRun(ctx, dbq.InsertRunParams{
		TenantID: of, ID: run, SiteID: sid, HostID: host, Kind: kind, Reason: why,
		Priority: why.Priority(), MaxAttempts: tries, NotBefore: tx.Now,
		ProtectDays: int32(keep.Days), ProtectWhy: keep.Reason, AskedBy: tx.Actor(), //nolint:gosec // checked
	})
	if err != nil {
		return run, err
	}
	if err := tx.Event(ctx, "run.planned", runSubject(of, sid, run), map[string]any{"kind": kind, "reason": why, "protect_days": keep.Days, "protect_why": keep.Reason}); err != nil {
		return run, err
	}
	return run, enqueueDispatch(ctx, tx, run, int(why.Priority()), tx.Now)
}

func runSubject(of id.Tenant, sid id.Site, run id.Run) store.Subject {
	return store.Subject{Kind: "run", ID: run.UUID(), Tenant: of, Site: sid}
}

// CancelRun stops a run that has not ended. An agent that holds it is told
// with its next heartbeat or poll.
func (a *App) CancelRun(ctx context.Context, who authz.Actor, run id.Run, reason string) error {
	return a.do(ctx, who, authz.CancelRun, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.RunByID(ctx, run)
		if err != nil {
			return noSuch(err, "run", run.String(), "holdfast runs list")
		}
		if _, err := backup.Apply(r.State, backup.Cancel); err != nil {
			return err
		}
		n, err := tx.CancelRun(ctx, dbq.CancelRunParams{TenantID: r.TenantID, ID: run, Now: tx.Now, Error: clip(reason, 300), FromState: r.State})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "The run moved on just now; look again.")
		}
		if err != nil {
			return err
		}
		if err := runEnded(ctx, tx, r, backup.Cancelled); err != nil {
			return err
		}
		if err := safetyEnded(ctx, tx, r.SiteID, run); err != nil {
			return err
		}
		if err := tx.Event(ctx, "run.cancelled", runSubject(r.TenantID, r.SiteID, run), map[string]any{"reason": clip(reason, 300)}); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelRuns, run.String()); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelWork, r.HostID.String()); err != nil {
			return err
		}
		return placeFreed(ctx, tx, r.DestinationID)
	})
}

// RunQuery says which runs. What is empty does not narrow.
type RunQuery struct {
	Tenant       id.Tenant // none for every tenant's
	Site         string    // name or id
	Host         id.Host   // for those who may see hosts
	State        backup.State
	Unwell       bool // ended, and not well: incomplete, failed or cancelled
	Kind         backup.Kind
	Reason       backup.Reason
	Since, Until time.Time // when it was planned: from, and before
	OnlyOpen     bool
	OnlyEnded    bool
	Size         int32
	Before       RunCursor // of those that ended
}

// RunCursor is a run in the order of a list; the zero one is its begin.
type RunCursor struct {
	At time.Time
	ID id.Run
}

// open tells whether runs that have not ended are asked for, and ended whether
// those that have are.
func (q RunQuery) open() bool {
	return !q.OnlyEnded && !q.Unwell && q.Before.ID.IsZero() && (q.State == "" || q.State.Open())
}

func (q RunQuery) ended() bool { return !q.OnlyOpen && (q.State == "" || !q.State.Open()) }

func (q *RunQuery) check() error {
	if q.Size < 1 || q.Size > 1000 {
		q.Size = 100
	}
	if q.State != "" && !slices.Contains(backup.States(), q.State) {
		return errs.Field("state", "%q is not a state of a run", q.State)
	}
	if q.State != "" && !q.State.Open() && q.State != backup.Good {
		q.Unwell = true // they have an index of their own
	}
	if q.Kind != "" && !slices.Contains(backup.Kinds(), q.Kind) {
		return errs.Field("kind", "%q must be database or data", q.Kind)
	}
	if q.Reason != "" && !slices.Contains([]backup.Reason{backup.Initial, backup.Scheduled, backup.Manual}, q.Reason) {
		return errs.Field("reason", "%q must be initial, scheduled or manual", q.Reason)
	}
	return nil
}

// ListRuns gives runs: those that have not ended first, the ones at work before
// the ones that wait, then the newest that have.
func (a *App) ListRuns(ctx context.Context, who authz.Actor, q RunQuery) ([]dbq.ListRunsRow, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	var sid id.Site
	if q.Site != "" {
		of, found, _, err := a.findSite(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		q.Tenant, sid = of, found
	}
	if !q.Host.IsZero() {
		if _, err := authz.Check(who, authz.ViewHosts, id.Tenant{}); err != nil {
			return nil, err
		}
	}
	var rows []dbq.ListRunsRow
	err := a.do(ctx, who, authz.ViewRuns, q.Tenant, func(ctx context.Context, tx *store.Tx) error {
		var err error
		rows, err = listRuns(ctx, tx, q, sid)
		return err
	})
	if q.Site != "" {
		err = hide(err, "site")
	}
	return rows, err
}

func listRuns(ctx context.Context, tx *store.Tx, q RunQuery, sid id.Site) ([]dbq.ListRunsRow, error) {
	if err := tx.PlanEachLook(ctx); err != nil {
		return nil, err
	}
	p := dbq.ListRunsParams{
		TenantID: store.Optional(q.Tenant.UUID()), SiteID: store.Optional(sid.UUID()), HostID: store.Optional(q.Host.UUID()),
		State: string(q.State), Unwell: q.Unwell, Kind: string(q.Kind), Reason: string(q.Reason), Since: instant(q.Since), Until: instant(q.Until),
		BeforeAt: instant(q.Before.At), BeforeID: store.Optional(q.Before.ID.UUID()), PageSize: q.Size,
	}
	rows := []dbq.ListRunsRow{}
	if q.open() {
		open, err := tx.ListOpenRuns(ctx, dbq.ListOpenRunsParams{
			TenantID: p.TenantID, SiteID: p.SiteID, HostID: p.HostID, State: p.State, Kind: p.Kind, Reason: p.Reason, Since: p.Since, Until: p.Until, PageSize: q.Size,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range open {
			rows = append(rows, dbq.ListRunsRow(r))
		}
	}
	if p.PageSize -= int32(len(rows)); !q.ended() || p.PageSize <= 0 { //nolint:gosec // at most 1000
		return rows, nil
	}
	ended, err := tx.ListRuns(ctx, p)
	return append(rows, ended...), err
}

// instant is an optional moment of a query; the zero one is none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ViewRun gives one run.
func (a *App) ViewRun(ctx context.Context, who authz.Actor, run id.Run) (r dbq.Run, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		r, err = tx.RunByID(ctx, run)
		return err
	})
	if err == nil {
		_, err = authz.Check(who, authz.ViewRuns, r.TenantID)
	}
	if err != nil {
		return dbq.Run{}, hide(err, "run")
	}
	return r, nil
}
