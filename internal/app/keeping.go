package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Keeping is how a site's copies of one kind stand by its policy.
type Keeping struct {
	Kind     backup.Kind
	Schedule dbq.Schedule
	Standing policy.Standing
	Copies   []Judged // oldest first; those being deleted are not among them
	Calendar []policy.SlotMark
}

// SitePolicy is the policy that a site is under, and what stops deletions.
type SitePolicy struct {
	ID      id.Policy
	Name    string
	Version int32
	Policy  policy.Policy
	Zone    *time.Location
	Alarms  policy.Alarms
}

// keepingOf reads how a site's copies stand at the transaction's instant.
func keepingOf(ctx context.Context, tx *store.Tx, s dbq.SiteForTenantRow) (SitePolicy, []Keeping, error) {
	r, err := rulesOf(ctx, tx, s.PolicyID)
	if err != nil {
		return SitePolicy{}, nil, err
	}
	r.Hours = hoursOf(s.BackupHours, s.TenantHours)
	p := SitePolicy{ID: r.id, Name: r.Name, Version: r.version, Policy: r.Policy, Zone: siteZone(s.TimeZone)}
	if p.Alarms, err = alarmsOf(ctx, tx, s); err != nil {
		return p, nil, err
	}
	rows, err := tx.SchedulesOfSite(ctx, dbq.SchedulesOfSiteParams{TenantID: s.TenantID, SiteID: s.ID})
	if err != nil {
		return p, nil, err
	}
	missed, err := tx.MissedOfSite(ctx, dbq.MissedOfSiteParams{TenantID: s.TenantID, SiteID: s.ID, Since: tx.Now.AddDate(-6, 0, 0).Format("2006-01-02")})
	if err != nil {
		return p, nil, err
	}
	var out []Keeping
	for _, row := range rows {
		t, err := readTimetable(ctx, tx, row, s, r)
		if err != nil {
			return p, nil, err
		}
		k := Keeping{Kind: row.Kind, Schedule: row}
		k.Standing = policy.Stand(r.Policy, row.Kind, t.zone, t.state, row.RegisteredAt, t.newest(), tx.Now)
		if k.Copies, err = judge(ctx, tx, t, p.Alarms); err != nil {
			return p, nil, err
		}
		p.Alarms.Damage = p.Alarms.Damage || row.DamageStops
		k.Calendar = t.calendar(k.Copies, missed)
		out = append(out, k)
	}
	return p, out, nil
}

// How much of each rule a calendar shows.
const (
	slotsBefore = 14 // at least, and all that the rule keeps
	slotsAfter  = 2
	yearOfSlots = 366 * 24 * time.Hour
)

// calendar gives the slots of each rule, as many as tell its story.
func (t *timetable) calendar(copies []Judged, missed []dbq.MissedOfSiteRow) []policy.SlotMark {
	kept := make([]policy.Copy, len(copies))
	for i, c := range copies {
		kept[i] = c.Copy
	}
	lost := make([]policy.Ruling, 0, len(missed))
	for _, m := range missed {
		if slot, err := policy.ParseSlot(m.Slot); err == nil && m.Kind == t.row.Kind {
			lost = append(lost, policy.Ruling{Kind: m.Kind, Tier: policy.Tier(m.Tier), Slot: slot})
		}
	}
	var out []policy.SlotMark
	for _, rule := range t.rules.Of(t.row.Kind) {
		alone := t.rules.Policy
		alone.Rules = []policy.Rule{rule}
		apart := yearOfSlots / time.Duration(max(1, len(rule.Between(t.zone, t.now, t.now.Add(yearOfSlots)))))
		from := t.now.Add(-apart * time.Duration(max(slotsBefore, rule.Keep+1)))
		marks := policy.Calendar(alone, t.row.Kind, t.zone, t.state, t.begun, kept, lost, from, t.now.Add(apart*slotsAfter), t.now)
		out = append(out, marks...)
	}
	return out
}

// Items are the copies that "how far back" looks at.
func Items(all []Keeping) []catalog.Item {
	var out []catalog.Item
	for _, k := range all {
		for _, c := range k.Copies {
			out = append(out, catalog.Item{ID: c.Copy.ID, Kind: k.Kind, At: c.Copy.TakenAt, Good: c.Copy.Good})
		}
	}
	return out
}

// Overdue is a site's kind that is late.
type Overdue = dbq.ListOverdueRow

// ListOverdue gives what is late now, the latest first, and how many there
// are. None is every tenant's, which is staff's; of one tenant no hosts are named.
func (a *App) ListOverdue(ctx context.Context, who authz.Actor, of id.Tenant, size int32) (rows []Overdue, total int64, err error) {
	if size < 1 || size > 1000 {
		return nil, 0, errs.Field("size", "%d must be from 1 to 1000", size)
	}
	err = a.do(ctx, who, authz.ViewFleet, of, func(ctx context.Context, tx *store.Tx) error {
		if total, err = tx.CountOverdue(ctx, dbq.CountOverdueParams{Now: tx.Now, TenantID: store.Optional(of.UUID())}); err != nil {
			return err
		}
		rows, err = listOverdue(ctx, tx, of, size)
		return err
	})
	return rows, total, err
}

func listOverdue(ctx context.Context, tx *store.Tx, of id.Tenant, size int32) ([]Overdue, error) {
	if of.IsZero() {
		return tx.ListOverdue(ctx, dbq.ListOverdueParams{Now: tx.Now, PageSize: size})
	}
	rows, err := tx.ListOverdueOfTenant(ctx, dbq.ListOverdueOfTenantParams{Now: tx.Now, TenantID: of, PageSize: size})
	out := make([]Overdue, len(rows))
	for i, r := range rows {
		out[i] = Overdue(r)
	}
	return out, err
}

// SuspendSite stops the backups of a site, or resumes them. What is owed when
// it resumes starts at once.
func (a *App) SuspendSite(ctx context.Context, who authz.Actor, ref string, suspend bool, reason string) error {
	reason, err := reasonText("reason", reason, false)
	if err != nil {
		return err
	}
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return err
	}
	from, to, verb := dbq.SiteStateActive, dbq.SiteStateSuspended, "site.suspended"
	if !suspend {
		from, to, verb = to, from, "site.resumed"
	}
	return a.do(ctx, who, authz.ManageSites, of, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.SetSiteState(ctx, dbq.SetSiteStateParams{TenantID: of, ID: sid, ToState: to, FromState: from})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "The site is not %s.", from)
		}
		if err != nil {
			return err
		}
		if err := rederive(ctx, tx, of, sid, backup.Kinds()...); err != nil {
			return err
		}
		return tx.Event(ctx, verb, store.Subject{Kind: "site", ID: sid.UUID(), Tenant: of, Site: sid}, map[string]any{"reason": reason})
	})
}
