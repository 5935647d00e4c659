package app

import (
	"context"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// alwaysOpen is what a site has that takes backups at any hour although its
// tenant has hours.
const alwaysOpen = "always"

// closedBatch is how many rows whose hours are over one transaction puts off.
const closedBatch = 200

// hoursOf are the hours of a site: its own, or its tenant's. What cannot be
// read any more is at any hour: a copy at a bad time is better than none.
func hoursOf(own, tenants string) policy.Hours {
	if own == "" {
		own = tenants
	}
	if own == alwaysOpen {
		return policy.Hours{}
	}
	h, err := policy.ParseHours("hours", own)
	if err != nil {
		return policy.Hours{}
	}
	return h
}

// reopen puts off what was not begun while its site's hours were open: rows of
// the schedule whose start was not taken up, and runs that wait for their host.
// Sites without hours cost nothing here.
func (a *App) reopen(ctx, soft context.Context) error {
	var last dbq.ClosedSchedulesRow // a row that cannot be derived comes again
	for soft.Err() == nil {
		var rows []dbq.ClosedSchedulesRow
		var runs []dbq.ClosedRunsRow
		err := a.system(ctx, "planner", func(ctx context.Context, tx *store.Tx) (err error) {
			if rows, err = tx.ClosedSchedules(ctx, dbq.ClosedSchedulesParams{Now: tx.Now, PageSize: closedBatch}); err != nil {
				return err
			}
			runs, err = tx.ClosedRuns(ctx, dbq.ClosedRunsParams{Now: tx.Now, PageSize: closedBatch})
			return err
		})
		if err != nil || len(rows)+len(runs) == 0 {
			return err
		}
		sick := make([]dbq.LostSchedulesRow, 0, len(rows))
		for _, r := range rows {
			sick = append(sick, dbq.LostSchedulesRow(r))
		}
		if err := a.healAll(ctx, sick); err != nil {
			return err
		}
		err = a.system(ctx, "planner", func(ctx context.Context, tx *store.Tx) error {
			for _, r := range runs {
				if err := putOffRun(ctx, tx, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || max(len(rows), len(runs)) < closedBatch || len(rows) > 0 && rows[0] == last {
			return err
		}
		if len(rows) > 0 {
			last = rows[0]
		}
	}
	return nil
}

// putOffRun puts a run back to planned until its site's hours open again. One
// that has moved on meanwhile is left alone.
func putOffRun(ctx context.Context, tx *store.Tx, r dbq.ClosedRunsRow) error {
	to, err := backup.Apply(r.State, backup.PutOff)
	if err != nil || to != backup.Planned {
		return err
	}
	t, err := lockTimetable(ctx, tx, r.TenantID, r.SiteID, r.Kind)
	if err != nil {
		return err
	}
	p := dbq.PutOffRunParams{TenantID: r.TenantID, ID: r.ID, NotBefore: tx.Now, FromState: r.State, Now: tx.Now}
	if o, ok := t.rules.Hours.Opening(t.zone, tx.Now); ok {
		p.NotBefore, _ = t.rules.StartIn(t.zone, r.SiteID.UUID(), o.From, tx.Now)
		p.ClosesAt = &o.To
	}
	n, err := tx.PutOffRun(ctx, p)
	if err != nil || n == 0 {
		return err
	}
	err = tx.Event(ctx, "run.put_off", runSubject(r.TenantID, r.SiteID, r.ID), map[string]any{"not_before": p.NotBefore, "hours": t.rules.Hours.String()})
	if err != nil {
		return err
	}
	if err := tx.Notify(ctx, store.ChannelRuns, r.ID.String()); err != nil {
		return err
	}
	return enqueueDispatch(ctx, tx, r.ID, int(r.Priority), p.NotBefore)
}

// bind gives the site's open run of the kind the hours of today, if it still
// waits and is the schedule's: where they are closed now, the planner puts it
// off.
func (t *timetable) bind(ctx context.Context, tx *store.Tx) error {
	var closes *time.Time
	if o, ok := t.rules.Hours.Opening(t.zone, t.now); ok {
		closes = &o.To
		if o.From.After(t.now) {
			closes = &t.now
		}
	}
	_, err := tx.BindRun(ctx, dbq.BindRunParams{TenantID: t.row.TenantID, SiteID: t.row.SiteID, Kind: t.row.Kind, ClosesAt: closes})
	return err
}

// unbind lets a run that waits begin at any hour: somebody waits for it.
func unbind(ctx context.Context, tx *store.Tx, open dbq.Run) error {
	if open.ClosesAt == nil {
		return nil
	}
	n, err := tx.UnbindRun(ctx, dbq.UnbindRunParams{TenantID: open.TenantID, ID: open.ID, Now: tx.Now})
	if err != nil || n == 0 {
		return err
	}
	return enqueueDispatch(ctx, tx, open.ID, int(open.Priority), tx.Now)
}
