package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/capacity"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// How long samples of use are kept.
const (
	keepHours = 14 * 24 * time.Hour
	keepDays  = 2 * 366 * 24 * time.Hour
)

// SampleUsage notes what a destination holds now, in the rows of this hour and
// of this day. space is nil where the storage does not say how large it is.
// The destination's keeper calls it again and again.
func (a *App) SampleUsage(ctx context.Context, of id.Destination, space *capacity.Space) error {
	return a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) error {
		m, err := tx.MeasureDestination(ctx, of)
		if err != nil {
			return err
		}
		p := dbq.SaveSampleParams{
			DestinationID: of, At: tx.Now, StoredBytes: max(m.StoredBytes, 0), Repositories: m.Repositories, Measured: m.Measured, Copies: m.Copies,
		}
		if space != nil && space.TotalBytes > 0 {
			p.FreeBytes, p.TotalBytes = &space.FreeBytes, &space.TotalBytes
		}
		p.Slot = tx.Now.Truncate(time.Hour)
		if err := tx.SaveSample(ctx, p); err != nil {
			return err
		}
		p.Daily, p.Slot = true, tx.Now.Truncate(24*time.Hour)
		return tx.SaveSample(ctx, p)
	})
}

// tidyUsage drops the samples that are too old to be kept.
func tidyUsage(ctx context.Context, tx *store.Tx) error {
	_, err := tx.DropSamples(ctx, dbq.DropSamplesParams{HoursBefore: tx.Now.Add(-keepHours), DaysBefore: tx.Now.Add(-keepDays)})
	return err
}

// DestinationInfo is a destination as people see it: never its credentials.
type DestinationInfo struct {
	ID         id.Destination
	Name, Kind string
	ReadOnly   bool
	VaultURL   string
	QuotaBytes int64 // that a single run may add; 0 for no limit
	MaxRuns    int   // that may write to it at once; 0 for no limit
	AddedAt    time.Time
	Newest     *dbq.UsageSample // nil where it was never measured
	Forecast   capacity.Forecast
	Queue      dbq.KeeperQueuesRow
}

func infoOf(d dbq.Destination) DestinationInfo {
	return DestinationInfo{
		ID: d.ID, Name: d.Name, Kind: string(d.Kind), ReadOnly: d.State == dbq.DestinationStateReadOnly, VaultURL: d.VaultUrl,
		QuotaBytes: d.QuotaBytes, MaxRuns: int(d.MaxRuns), AddedAt: d.CreatedAt,
	}
}

// foresee makes the forecast from the daily samples.
func (i *DestinationInfo) foresee(daily []dbq.UsageSample) {
	var space *capacity.Space
	if n := i.Newest; n != nil && n.FreeBytes != nil {
		space = &capacity.Space{FreeBytes: *n.FreeBytes, TotalBytes: *n.TotalBytes}
	}
	i.Forecast = capacity.Foresee(used(daily, space != nil), space)
}

// used are the samples of what fills up: the file system where its size is
// known, for others may write there too, else what we stored.
func used(daily []dbq.UsageSample, ofFileSystem bool) []capacity.Sample {
	out := make([]capacity.Sample, 0, len(daily))
	for _, s := range daily {
		switch {
		case !ofFileSystem:
			out = append(out, capacity.Sample{At: s.At, UsedBytes: s.StoredBytes})
		case s.FreeBytes != nil:
			out = append(out, capacity.Sample{At: s.At, UsedBytes: *s.TotalBytes - *s.FreeBytes})
		}
	}
	return out
}

// forecastFrom is how far back samples are read for a forecast.
func forecastFrom(now time.Time) time.Time { return now.AddDate(0, 0, -capacity.MaxDays-1) }

// ListDestinations gives every destination with its use and forecast, by name.
func (a *App) ListDestinations(ctx context.Context, who authz.Actor) ([]DestinationInfo, error) {
	var out []DestinationInfo
	err := a.do(ctx, who, authz.ViewVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.ListDestinations(ctx)
		if err != nil {
			return err
		}
		newest, err := tx.NewestSamples(ctx, tx.Now)
		if err != nil {
			return err
		}
		daily, err := tx.DailySamplesSince(ctx, dbq.DailySamplesSinceParams{Since: forecastFrom(tx.Now), Now: tx.Now})
		if err != nil {
			return err
		}
		queues, err := tx.KeeperQueues(ctx)
		if err != nil {
			return err
		}
		by := map[id.Destination][]dbq.UsageSample{}
		for _, s := range daily {
			by[s.DestinationID] = append(by[s.DestinationID], s)
		}
		out = make([]DestinationInfo, 0, len(rows))
		for _, d := range rows {
			i := infoOf(d)
			if n := slices.IndexFunc(newest, func(s dbq.UsageSample) bool { return s.DestinationID == d.ID }); n >= 0 {
				i.Newest = &newest[n]
			}
			if n := slices.IndexFunc(queues, func(q dbq.KeeperQueuesRow) bool { return q.DestinationID == d.ID }); n >= 0 {
				i.Queue = queues[n]
			}
			i.foresee(by[d.ID])
			out = append(out, i)
		}
		return nil
	})
	return out, err
}

// How much a destination's page shows.
const (
	trendDays   = 90
	failedShown = 20
)

// DestinationView is one destination's page.
type DestinationView struct {
	DestinationInfo
	Sites       int64
	Trend       []dbq.UsageSample // daily, oldest first
	Kinds       []dbq.KeeperQueueKindsRow
	Failed      []dbq.FailedTasksRow // newest first
	Maintenance dbq.MaintenanceTimesRow
}

// ViewDestination gives one destination's page.
func (a *App) ViewDestination(ctx context.Context, who authz.Actor, of id.Destination) (DestinationView, error) {
	var v DestinationView
	err := a.do(ctx, who, authz.ViewVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.DestinationByID(ctx, of)
		if err != nil {
			return err
		}
		v = DestinationView{DestinationInfo: infoOf(d)}
		hourly, err := tx.SamplesSince(ctx, dbq.SamplesSinceParams{DestinationID: of, Since: tx.Now.Add(-keepHours), Now: tx.Now})
		if err != nil {
			return err
		}
		if n := len(hourly); n > 0 {
			v.Newest = &hourly[n-1]
		}
		v.Trend, err = tx.SamplesSince(ctx, dbq.SamplesSinceParams{DestinationID: of, Daily: true, Since: tx.Now.AddDate(0, 0, -trendDays), Now: tx.Now})
		if err != nil {
			return err
		}
		v.foresee(slices.DeleteFunc(slices.Clone(v.Trend), func(s dbq.UsageSample) bool { return s.Slot.Before(forecastFrom(tx.Now)) }))
		return v.readQueue(ctx, tx)
	})
	return v, hide(err, "destination")
}

func (v *DestinationView) readQueue(ctx context.Context, tx *store.Tx) (err error) {
	if v.Kinds, err = tx.KeeperQueueKinds(ctx, v.ID); err != nil {
		return err
	}
	if v.Failed, err = tx.FailedTasks(ctx, dbq.FailedTasksParams{DestinationID: v.ID, Limit: failedShown}); err != nil {
		return err
	}
	if v.Maintenance, err = tx.MaintenanceTimes(ctx, v.ID); err != nil {
		return err
	}
	v.Maintenance.Last, v.Maintenance.Next = known(v.Maintenance.Last), known(v.Maintenance.Next)
	if v.Sites, err = tx.SitesAtDestination(ctx, v.ID); err != nil {
		return err
	}
	queues, err := tx.KeeperQueues(ctx)
	if err != nil {
		return err
	}
	if n := slices.IndexFunc(queues, func(q dbq.KeeperQueuesRow) bool { return q.DestinationID == v.ID }); n >= 0 {
		v.Queue = queues[n]
	}
	return nil
}

// SetReadOnly makes a destination read-only, or ends that. While it is, no run
// writes to it and the keeper neither stores nor deletes nor maintains; copies
// can be read and are verified. Runs that are at work end as ever. What waited
// starts when it ends.
func (a *App) SetReadOnly(ctx context.Context, who authz.Actor, of id.Destination, readOnly bool, reason string) error {
	reason = strings.TrimSpace(reason)
	if n := len([]rune(reason)); n > maxReason || readOnly && n == 0 {
		return errs.Field("reason", "say in a few words why, %d characters at most", maxReason)
	}
	from, to, verb := dbq.DestinationStateActive, dbq.DestinationStateReadOnly, "destination.read_only"
	if !readOnly {
		from, to, verb = to, from, "destination.active"
	}
	return a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.DestinationByID(ctx, of)
		if err != nil {
			return hide(err, "destination")
		}
		n, err := tx.SetDestinationState(ctx, dbq.SetDestinationStateParams{ID: of, ToState: to, FromState: from})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "%s is that already; look again.", d.Name)
		}
		if err != nil {
			return err
		}
		if err := tx.Event(ctx, verb, store.Subject{Kind: "destination", ID: of.UUID()}, map[string]any{"name": d.Name, "reason": clip(reason, 4*maxReason)}); err != nil {
			return err
		}
		if readOnly {
			return nil
		}
		if err := tx.Notify(ctx, store.ChannelTask, of.String()); err != nil {
			return err
		}
		return wakeWaiting(ctx, tx, of, d.MaxRuns, id.Host{})
	})
}

// RetryTask puts a task that the keeper gave up back into its queue.
func (a *App) RetryTask(ctx context.Context, who authz.Actor, of id.Destination, task id.Task) error {
	return a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TaskByID(ctx, task)
		if err != nil || t.DestinationID != of {
			return errs.Wrap(errs.NotFound, err, "There is no such task, or none that you may see.")
		}
		n, err := tx.RetryTask(ctx, dbq.RetryTaskParams{TenantID: t.TenantID, ID: t.ID, DestinationID: of, Now: tx.Now})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "This task does not stand as failed any more, or another of its kind waits already; look again.")
		}
		if err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelTask, of.String()); err != nil {
			return err
		}
		subject := store.Subject{Kind: "repository", ID: t.RepositoryID.UUID(), Tenant: t.TenantID, Site: t.SiteID}
		return tx.Event(ctx, "keeper.task_retried", subject, map[string]any{"task": t.Kind})
	})
}
