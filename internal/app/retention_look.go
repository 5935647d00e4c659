package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// lookBatch is how many sites one step of a look holds in memory.
const lookBatch = 500

// RetentionLook is the whole catalog held against its policies.
type RetentionLook struct {
	Sites  int64                   `json:"sites"`
	Copies int64                   `json:"copies"`
	InBin  int64                   `json:"in_bin"`
	Stays  map[policy.Reason]int64 `json:"stays"`   // copies by each reason that keeps them; one may have several
	Expire int64                   `json:"expire"`  // that would go to the bin now
	Return int64                   `json:"return"`  // in the bin, though something keeps them again
	Bytes  int64                   `json:"bytes"`   // stored by all of them when they were taken
	Behind int64                   `json:"behind"`  // sites and kinds with such copies, which retention looks at next
	Took   time.Duration           `json:"took_ns"` // of this look
}

// LookAtRetention holds every copy of every site against its policy, a few
// hundred sites at a time, and has retention look at once where the catalog is
// behind. It moves no copy itself.
func (a *App) LookAtRetention(ctx context.Context, who authz.Actor) (RetentionLook, error) {
	began := a.clock.Now()
	look := looking{app: a, out: RetentionLook{Stays: map[policy.Reason]int64{}}, rules: map[id.Policy]rules{}, uses: map[id.Copy]bool{}, damaged: map[dbq.DamageStopsOfRow]bool{}}
	if _, err := authz.Check(who, authz.HoldCopies, id.Tenant{}); err != nil {
		return look.out, err
	}
	var after dbq.SitesAfterRow
	for {
		var page []dbq.SitesAfterRow
		err := a.system(ctx, "retention", func(ctx context.Context, tx *store.Tx) error {
			var err error
			page, err = tx.SitesAfter(ctx, dbq.SitesAfterParams{AfterTenant: bare(after.TenantID.UUID()), AfterSite: bare(after.ID.UUID()), PageSize: lookBatch})
			if err != nil || len(page) == 0 {
				return err
			}
			return look.at(ctx, tx, page)
		})
		if err != nil || len(page) == 0 {
			look.out.Took = a.clock.Now().Sub(began)
			return look.out, err
		}
		after = page[len(page)-1]
	}
}

// bare is a UUID that is a value even when it is all zeros.
func bare(u uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: u, Valid: true} }

type looking struct {
	app     *App
	out     RetentionLook
	rules   map[id.Policy]rules
	uses    map[id.Copy]bool
	damaged map[dbq.DamageStopsOfRow]bool // whose storage is damaged
	judge   policy.Judge
	group   []policy.Copy
	bin     map[string]bool
}

func (l *looking) at(ctx context.Context, tx *store.Tx, page []dbq.SitesAfterRow) error {
	if err := l.refresh(ctx, tx); err != nil {
		return err
	}
	p := dbq.CopiesOfSitesParams{}
	sites := make(map[id.Site]dbq.SitesAfterRow, len(page))
	for _, s := range page {
		p.Tenants, p.Sites = append(p.Tenants, bare(s.TenantID.UUID())), append(p.Sites, bare(s.ID.UUID()))
		sites[s.ID] = s
	}
	rows, err := tx.CopiesOfSites(ctx, p)
	if err != nil {
		return err
	}
	l.out.Sites += int64(len(page))
	behind := dbq.RetainManySoonParams{Now: tx.Now}
	clock, err := tx.ClockWatch(ctx)
	if err != nil && !isNoRows(err) {
		return err
	}
	jumped := err == nil && clockJumped(clock, tx.Now)
	type group struct {
		site id.Site
		kind backup.Kind
	}
	whole := make(map[group]bool, 2*len(page))
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].SiteID == rows[0].SiteID && rows[n].Kind == rows[0].Kind {
			n++
		}
		g := group{rows[0].SiteID, rows[0].Kind}
		if whole[g] { // a part of the copies would be judged wrong
			return fmt.Errorf("the copies of site %s came in pieces", g.site)
		}
		whole[g] = true
		s := sites[rows[0].SiteID]
		moved, err := l.kind(ctx, tx, s, rows[:n], policy.Alarms{Tamper: s.TamperAlarm != "", LegalHold: s.LegalHold != "", ClockJumped: jumped})
		if err != nil {
			return err
		}
		if moved {
			behind.Tenants, behind.Sites = append(behind.Tenants, bare(s.TenantID.UUID())), append(behind.Sites, bare(s.ID.UUID()))
			behind.Kinds = append(behind.Kinds, string(rows[0].Kind))
		}
		rows = rows[n:]
	}
	if len(behind.Sites) == 0 {
		return nil
	}
	l.out.Behind += int64(len(behind.Sites))
	_, err = tx.RetainManySoon(ctx, behind)
	return err
}

func (l *looking) refresh(ctx context.Context, tx *store.Tx) error {
	used, err := tx.CopiesInUse(ctx, tx.Now)
	if err != nil {
		return err
	}
	stopped, err := tx.DamageStopsOf(ctx)
	if err != nil {
		return err
	}
	clear(l.damaged)
	for _, d := range stopped {
		l.damaged[d] = true
	}
	clear(l.uses)
	for _, c := range used {
		l.uses[c] = true
	}
	return nil
}

// kind judges the copies of one site and kind, and tells whether the catalog
// is behind on them.
func (l *looking) kind(ctx context.Context, tx *store.Tx, s dbq.SitesAfterRow, rows []dbq.CopiesOfSitesRow, alarms policy.Alarms) (behind bool, err error) {
	r, known := l.rules[s.PolicyID]
	if !known {
		if r, err = rulesOf(ctx, tx, s.PolicyID); err != nil {
			return false, err
		}
		l.rules[s.PolicyID] = r
	}
	alarms.Damage = l.damaged[dbq.DamageStopsOfRow{SiteID: s.ID, Kind: rows[0].Kind}]
	l.group = l.group[:0]
	l.bin = map[string]bool{}
	for _, row := range rows {
		c := policy.Copy{
			ID: row.ID.String(), TakenAt: row.TakenAt, Good: row.State == catalog.Good, Initial: row.Initial,
			Pinned: row.IsPinned, LegalHold: row.IsHeld, InUse: l.uses[row.ID],
		}
		if row.ProtectedUntil != nil {
			c.ProtectedUntil = *row.ProtectedUntil
		}
		if err := json.Unmarshal(row.Tiers, &c.Tiers); err != nil {
			return false, fmt.Errorf("the slots of copy %s: %w", row.ID, err)
		}
		l.group = append(l.group, c)
		l.out.Bytes += row.StoredBytes
		if row.InBin {
			l.bin[c.ID] = true
		}
	}
	l.out.Copies += int64(len(rows))
	for _, v := range l.judge.Retain(r.Policy, rows[0].Kind, l.group, tx.Now, alarms) {
		binned := l.bin[v.Copy.ID]
		for _, reason := range v.Reasons {
			l.out.Stays[reason]++
		}
		switch {
		case len(v.Reasons) == 0 && !binned:
			l.out.Expire++
			behind = true
		case len(v.Reasons) > 0 && binned:
			l.out.Return++
			behind = true
		}
		if binned {
			l.out.InBin++
		}
	}
	return behind, nil
}
