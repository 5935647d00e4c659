package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/capacity"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the first page of the day: of whatever is wrong, so many rows
// are counted, and so many groups of them are given.
const (
	todayCounted = 2_000
	todayFailing = 300 // each costs a look at its last run
	todayGroups  = 12
	todayHosts   = 3 // silent hosts of which it is told what is due; more have one cause
	todayTasks   = 7 * 24 * time.Hour
)

// HostSilence is how long a host may say nothing before it counts as silent: it
// speaks every ten seconds.
const HostSilence = 2 * time.Minute

// SilentHost is a host that should speak and does not.
type SilentHost struct {
	dbq.TodaySilentRow
	Late  int64     // of its sites
	DueAt time.Time // when its next copy is due; long ago for none
	Told  bool      // Late and DueAt were looked up
}

// Today is what is at risk now, in groups by host, cause or place, each with
// how many there are. Counts end at a limit: Counted of a group's rows says how
// many were looked at.
type Today struct {
	Now        time.Time
	Basis      dbq.TodayBasisRow
	Late       []dbq.TodayLateRow // late though nothing failed
	Failed     []dbq.TodayFailedRow
	Damaged    []dbq.TodayDamagedRow
	Incomplete []dbq.TodayIncompleteRow
	Without    dbq.TodayWithoutRow
	Silent     []SilentHost // those silent the longest
	Storage    []dbq.TodayStorageRow
	Forecasts  map[id.Destination]capacity.Forecast // of those in Storage
	Apart      dbq.TodayApartRow
	Unread     dbq.TodayUnreadRow // repositories that were not read whole in time, and damaged ones
	CountedAll int64              // how many are counted at most
}

// LookAtToday gives what is at risk now over every tenant, which is staff's.
func (a *App) LookAtToday(ctx context.Context, who authz.Actor) (Today, error) {
	var t Today
	err := a.do(ctx, who, authz.ViewFleet, id.Tenant{}, func(ctx context.Context, tx *store.Tx) (err error) {
		t = Today{Now: tx.Now, CountedAll: todayCounted}
		if t.Basis, err = tx.TodayBasis(ctx, todayCounted); err != nil {
			return err
		}
		if t.Late, err = tx.TodayLate(ctx, dbq.TodayLateParams{Now: tx.Now, Counted: todayCounted, PageSize: todayGroups}); err != nil {
			return err
		}
		if t.Failed, err = tx.TodayFailed(ctx, dbq.TodayFailedParams{Now: tx.Now, Counted: todayFailing, PageSize: todayGroups}); err != nil {
			return err
		}
		if t.Damaged, err = tx.TodayDamaged(ctx, dbq.TodayDamagedParams{Counted: todayFailing, PageSize: todayGroups}); err != nil {
			return err
		}
		if t.Incomplete, err = tx.TodayIncomplete(ctx, dbq.TodayIncompleteParams{Counted: todayCounted, PageSize: todayGroups}); err != nil {
			return err
		}
		if t.Without, err = tx.TodayWithout(ctx, dbq.TodayWithoutParams{Now: tx.Now, Counted: todayCounted}); err != nil {
			return err
		}
		if t.Storage, err = tx.TodayStorage(ctx, dbq.TodayStorageParams{Since: tx.Now.Add(-todayTasks), PageSize: 200}); err != nil {
			return err
		}
		if err := t.foresee(ctx, tx); err != nil {
			return err
		}
		unread := dbq.TodayUnreadParams{Late: tx.Now.Add(scanEvery - VerifyWithin), Counted: todayCounted}
		if t.Unread, err = tx.TodayUnread(ctx, unread); err != nil {
			return err
		}
		if t.Apart, err = tx.TodayApart(ctx, todayCounted); err != nil {
			return err
		}
		t.Silent, err = silentHosts(ctx, tx)
		return err
	})
	return t, err
}

// foresee tells when each storage is full, as its own page does.
func (t *Today) foresee(ctx context.Context, tx *store.Tx) error {
	days, err := tx.DailySamplesSince(ctx, dbq.DailySamplesSinceParams{Since: forecastFrom(tx.Now), Now: tx.Now})
	if err != nil {
		return err
	}
	of := map[id.Destination][]dbq.UsageSample{}
	for _, d := range days {
		of[d.DestinationID] = append(of[d.DestinationID], d)
	}
	t.Forecasts = make(map[id.Destination]capacity.Forecast, len(t.Storage))
	for _, s := range t.Storage {
		i := DestinationInfo{Newest: &dbq.UsageSample{FreeBytes: s.FreeBytes, TotalBytes: s.TotalBytes}}
		i.foresee(of[s.DestinationID])
		t.Forecasts[s.DestinationID] = i.Forecast
	}
	return nil
}

func silentHosts(ctx context.Context, tx *store.Tx) ([]SilentHost, error) {
	rows, err := tx.TodaySilent(ctx, dbq.TodaySilentParams{SilentSince: tx.Now.Add(-HostSilence), PageSize: todayGroups})
	if err != nil {
		return nil, err
	}
	out := make([]SilentHost, len(rows))
	for i, r := range rows {
		out[i].TodaySilentRow = r
		if len(rows) > todayHosts {
			continue
		}
		due, err := tx.TodayDueOfHost(ctx, dbq.TodayDueOfHostParams{HostID: r.HostID, Now: tx.Now})
		if err != nil {
			return nil, err
		}
		out[i].Late, out[i].DueAt, out[i].Told = due.Late, due.DueAt, true
	}
	return out, nil
}

// ClockJumped tells whether deletions are stopped because the clock jumped.
func (t Today) ClockJumped() bool {
	jumped := t.Basis.JumpedAt
	if jumped.Unix() <= 0 {
		return false
	}
	return clockJumped(dbq.ClockWatch{SeenAt: t.Basis.PlannerAt, JumpedAt: &jumped}, t.Now)
}
