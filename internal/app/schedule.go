package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// rules is a policy in force: the published one has no id and version 0.
type rules struct {
	policy.Policy
	id      id.Policy
	version int32
}

// rulesOf gives the policy of a site; none is the published one.
func rulesOf(ctx context.Context, tx *store.Tx, of id.Policy) (rules, error) {
	if of.IsZero() {
		return rules{Policy: policy.Default()}, nil
	}
	row, err := tx.PolicyBody(ctx, of)
	if err != nil {
		return rules{}, fmt.Errorf("read policy %s: %w", of, err)
	}
	p, err := policy.Parse(row.Body)
	if err != nil {
		return rules{}, fmt.Errorf("policy %s version %d: %w", row.Name, row.Version, err)
	}
	p.Name = row.Name
	return rules{Policy: p, id: of, version: row.Version}, nil
}

// timetable is a row of schedule, with what its instants follow from.
type timetable struct {
	row    dbq.Schedule
	site   dbq.SiteForTenantRow
	rules  rules
	zone   *time.Location
	state  policy.State
	begun  map[policy.Tier]time.Time
	now    time.Time
	active bool
}

// siteZone reads the zone of a registered site; what a newer table of zones
// does not know any more is read as UTC.
func siteZone(name string) *time.Location {
	if zone, err := policy.LoadZone("tz", name); err == nil {
		return zone
	}
	return time.UTC
}

// lockTimetable takes the row of a site and kind for this transaction, makes
// it if it is not there, and brings it under the policy of today. The site and
// its policy are read under the lock: what a person changed while this waited
// for it is seen.
func lockTimetable(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, kind backup.Kind) (*timetable, error) {
	key := dbq.LockScheduleParams{TenantID: of, SiteID: sid, Kind: kind}
	row, err := tx.LockSchedule(ctx, key)
	absent := isNoRows(err)
	if err != nil && !absent {
		return nil, err
	}
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
	if err != nil {
		return nil, err
	}
	r, err := rulesOf(ctx, tx, s.PolicyID)
	if err != nil {
		return nil, err
	}
	if absent {
		if err := openSchedule(ctx, tx, of, sid, kind, r); err != nil {
			return nil, err
		}
		if row, err = tx.LockSchedule(ctx, key); err != nil {
			return nil, err
		}
	}
	return readTimetable(ctx, tx, row, s, r)
}

// rulesAt gives the policy that a row's state was made under.
func rulesAt(ctx context.Context, tx *store.Tx, row dbq.Schedule) (policy.Policy, error) {
	if row.PolicyID.IsZero() {
		return policy.Default(), nil
	}
	body, err := tx.PolicyBodyAt(ctx, dbq.PolicyBodyAtParams{PolicyID: row.PolicyID, Version: row.PolicyVersion})
	if err != nil {
		return policy.Policy{}, fmt.Errorf("read policy %s version %d: %w", row.PolicyID, row.PolicyVersion, err)
	}
	return policy.Parse(body)
}

// readTimetable reads a row, and brings it under the policy of today.
func readTimetable(ctx context.Context, tx *store.Tx, row dbq.Schedule, s dbq.SiteForTenantRow, r rules) (*timetable, error) {
	now := tx.Now
	r.Hours = hoursOf(s.BackupHours, s.TenantHours)
	t := &timetable{
		row: row, site: s, rules: r, zone: siteZone(s.TimeZone), begun: map[policy.Tier]time.Time{},
		now: now, active: s.State == dbq.SiteStateActive,
	}
	if err := json.Unmarshal(row.State, &t.state); err != nil {
		return nil, fmt.Errorf("the state of %s: %w", row.Kind, err)
	}
	if err := json.Unmarshal(row.Begun, &t.begun); err != nil {
		return nil, fmt.Errorf("the beginnings of %s: %w", row.Kind, err)
	}
	if row.PolicyID != r.id || row.PolicyVersion != r.version {
		was, err := rulesAt(ctx, tx, row)
		if err != nil {
			return nil, err
		}
		t.state = policy.ChangeKind(was, r.Policy, row.Kind, t.zone, t.state, now)
		t.begun = policy.Begun(was, r.Policy, row.Kind, t.begun, now)
		t.row.PolicyID, t.row.PolicyVersion = r.id, r.version
	}
	if at := t.row.NewestGoodAt; at != nil && at.After(now.Add(policy.Tolerance)) { // the clock had jumped ahead
		newest, err := tx.NewestGoodCopy(ctx, dbq.NewestGoodCopyParams{TenantID: row.TenantID, SiteID: row.SiteID, Kind: row.Kind, Before: now})
		t.row.NewestGoodAt = &newest
		if isNoRows(err) {
			t.row.NewestGoodAt = nil
		} else if err != nil {
			return nil, err
		}
	}
	t.state = t.state.Rewind(now, t.newestOr(row.RegisteredAt))
	return t, nil
}

func (t *timetable) newestOr(other time.Time) time.Time {
	if t.row.NewestGoodAt != nil {
		return *t.row.NewestGoodAt
	}
	return other
}

// newest is zero while there is no good copy.
func (t *timetable) newest() time.Time { return t.newestOr(time.Time{}) }

// openSchedule makes the row of a site that enters a policy now.
func openSchedule(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, kind backup.Kind, r rules) error {
	state, err := json.Marshal(policy.BeginKind(r.Policy, kind, tx.Now))
	if err != nil {
		return err
	}
	begun := map[policy.Tier]time.Time{}
	for _, rule := range r.Of(kind) {
		begun[rule.Tier] = tx.Now
	}
	started, err := json.Marshal(begun)
	if err != nil {
		return err
	}
	p := dbq.InsertScheduleParams{
		TenantID: of, SiteID: sid, Kind: kind, PolicyID: r.id, PolicyVersion: r.version, State: state, Begun: started, RegisteredAt: tx.Now,
	}
	if newest, err := tx.NewestGoodCopy(ctx, dbq.NewestGoodCopyParams{TenantID: of, SiteID: sid, Kind: kind, Before: tx.Now}); err == nil {
		p.NewestGoodAt = &newest // of a site that is older than its schedule
	} else if !isNoRows(err) {
		return err
	}
	return tx.InsertSchedule(ctx, p)
}

// The pauses after runs that failed for good: the slot is owed still, but a
// site that cannot be copied is not tried without end.
const (
	firstPause = time.Hour
	maxPause   = 4 * time.Hour
)

// nextSlot gives when the site starts for the first slot that is due after t,
// whatever its hours.
func (t *timetable) nextSlot(after time.Time) (time.Time, bool) {
	var best time.Time
	found := false
	for _, rule := range t.rules.Of(t.row.Kind) {
		if o, ok := rule.Next(t.zone, after); ok && (!found || o.Due.Before(best)) {
			best, found = o.Due, true
		}
	}
	return best.Add(t.spread()), found
}

func (t *timetable) spread() time.Duration {
	return policy.Spread(t.row.SiteID.UUID(), t.rules.Window)
}

// derive sets the row's instants anew. Open tells whether a run is open: then
// its end derives them again.
func (t *timetable) derive(open bool) {
	t.row.DueAt, t.row.StartAt, t.row.OverdueAt, t.row.ClosesAt = nil, nil, nil, nil
	due, ok := policy.NextDue(t.rules.Policy, t.row.Kind, t.zone, t.state, t.row.RegisteredAt, t.newest())
	if !ok {
		return
	}
	t.row.DueAt = &due
	if !t.active {
		return
	}
	late := t.rules.OverdueAt(t.zone, due, t.newest())
	t.row.OverdueAt = &late
	if open {
		return
	}
	if t.row.NewestGoodAt == nil { // a first copy waits for no hours
		start := due
		if t.row.Failures > 0 {
			start = t.after(start, t.now.Add(pause(t.row.Failures)))
		}
		t.row.StartAt = &start
		return
	}
	start, closes := t.rules.StartIn(t.zone, t.row.SiteID.UUID(), due, t.now)
	t.start(start, closes)
	if t.row.Failures > 0 {
		t.putOff(t.after(start, t.now.Add(pause(t.row.Failures))))
	}
}

// start notes a start and when the hours that it lies in end.
func (t *timetable) start(at, closes time.Time) {
	t.row.StartAt, t.row.ClosesAt = &at, nil
	if !closes.IsZero() {
		t.row.ClosesAt = &closes
	}
}

// putOff puts the start off until wait, or until the site's hours open after it.
func (t *timetable) putOff(wait time.Time) {
	if o, ok := t.rules.Hours.Opening(t.zone, wait); t.row.NewestGoodAt != nil && ok {
		t.start(later(wait, o.From), o.To)
		return
	}
	t.start(wait, time.Time{})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// after puts a start off until wait, but never beyond the next slot.
func (t *timetable) after(start, wait time.Time) time.Time {
	if next, ok := t.nextSlot(t.now); ok && next.Before(wait) {
		wait = next
	}
	if wait.After(start) {
		return wait
	}
	return start
}

// skip puts the next start off until the next slot: a person stopped the run.
func (t *timetable) skip() {
	if next, ok := t.nextSlot(t.now); ok && t.row.StartAt != nil && next.After(*t.row.StartAt) {
		t.putOff(next)
	}
}

func pause(failures int32) time.Duration {
	return min(maxPause, firstPause<<min(failures-1, 8))
}

// serve settles what a good run of the schedule serves. A copy that a person
// asked for stands outside the counts and serves nothing.
func (t *timetable) serve(run dbq.Run) policy.Served {
	if run.Reason == backup.Manual {
		return policy.Served{}
	}
	served, state := t.state.ServeAt(t.rules.Policy, t.row.Kind, t.zone, startOf(run, t.now), t.now)
	t.state = state
	return served
}

// placing is where a new copy stands in the policy.
type placing struct {
	tiers          policy.Tiers
	missed         int
	initial        bool
	protectedUntil *time.Time
	protectedWhy   string
}

// place says what a new copy serves, settles that, and saves the row.
func (t *timetable) place(ctx context.Context, tx *store.Tx, run dbq.Run, c *agentproto.Copy, state catalog.State) (placing, error) {
	var p placing
	p.initial = run.Reason == backup.Initial
	if days := t.protection(run); days > 0 {
		until := t.now.AddDate(0, 0, days)
		p.protectedUntil, p.protectedWhy = &until, run.ProtectWhy
		if p.protectedWhy == "" {
			p.protectedWhy = "Taken by hand."
		}
	}
	if state == catalog.Good {
		served := t.serve(run)
		p.tiers, p.missed = served.Tiers, len(served.Missed)
		if err := t.insertMissed(ctx, tx, served.Missed); err != nil {
			return p, err
		}
		t.tookGood(c.TakenAt)
	} else if run.Reason != backup.Manual {
		t.row.Failures++ // what is incomplete serves nothing: the slot stays owed
	}
	t.derive(false)
	t.row.RetainAt = &tx.Now
	return p, t.save(ctx, tx)
}

// protection is for how many days a run's copy is protected.
func (t *timetable) protection(run dbq.Run) int {
	if run.ProtectDays == 0 && run.Reason == backup.Manual {
		return ProtectDays
	}
	return int(run.ProtectDays)
}

func (t *timetable) insertMissed(ctx context.Context, tx *store.Tx, missed []policy.Ruling) error {
	if len(missed) == 0 {
		return nil
	}
	p := dbq.InsertMissedParams{TenantID: t.row.TenantID, SiteID: t.row.SiteID, Kind: t.row.Kind, MissedAt: t.now}
	for _, m := range missed {
		p.Tiers, p.Slots = append(p.Tiers, string(m.Tier)), append(p.Slots, m.Slot.String())
	}
	return tx.InsertMissed(ctx, p)
}

// tookGood notes a good copy.
func (t *timetable) tookGood(taken time.Time) {
	t.row.Failures = 0
	if taken.After(t.now) { // its host's clock is ahead
		taken = t.now
	}
	if t.row.NewestGoodAt == nil || taken.After(*t.row.NewestGoodAt) {
		t.row.NewestGoodAt = &taken
	}
}

func (t *timetable) save(ctx context.Context, tx *store.Tx) error {
	state, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	begun, err := json.Marshal(t.begun)
	if err != nil {
		return err
	}
	_, err = tx.SaveSchedule(ctx, dbq.SaveScheduleParams{
		TenantID: t.row.TenantID, SiteID: t.row.SiteID, Kind: t.row.Kind, PolicyID: t.row.PolicyID, PolicyVersion: t.row.PolicyVersion,
		State: state, Begun: begun, NewestGoodAt: t.row.NewestGoodAt, Failures: t.row.Failures,
		DueAt: t.row.DueAt, StartAt: t.row.StartAt, OverdueAt: t.row.OverdueAt, RetainAt: t.row.RetainAt, ClosesAt: t.row.ClosesAt,
	})
	return err
}

// hasOpenRun tells whether a run of the site and kind is open.
func hasOpenRun(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, kind backup.Kind) (bool, error) {
	_, err := tx.OpenRunOf(ctx, dbq.OpenRunOfParams{TenantID: of, SiteID: sid, Kind: kind})
	if isNoRows(err) {
		return false, nil
	}
	return err == nil, err
}

// rederive sets the instants of a site's rows anew, after its state or policy
// changed.
func rederive(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, kinds ...backup.Kind) error {
	for _, kind := range kinds {
		t, err := lockTimetable(ctx, tx, of, sid, kind)
		if err != nil {
			return err
		}
		open, err := hasOpenRun(ctx, tx, of, sid, kind)
		if err != nil {
			return err
		}
		t.derive(open)
		t.row.RetainAt = &tx.Now
		if err := t.save(ctx, tx); err != nil {
			return err
		}
		if open {
			if err := t.bind(ctx, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// runEnded derives the next start after a run that brought no copy. What a
// person asked for is not the schedule's.
func runEnded(ctx context.Context, tx *store.Tx, run dbq.Run, how backup.State) error {
	if run.Reason == backup.Manual {
		return nil
	}
	t, err := lockTimetable(ctx, tx, run.TenantID, run.SiteID, run.Kind)
	if err != nil {
		return err
	}
	if how == backup.Failed {
		t.row.Failures++
	}
	t.derive(false)
	if how == backup.Cancelled {
		t.skip()
	}
	return t.save(ctx, tx)
}
