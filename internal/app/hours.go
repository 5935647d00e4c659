package app

import (
	"context"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// HoursView is when the scheduled backups of a tenant's sites may start.
type HoursView struct {
	Tenant id.Tenant
	Name   string
	Slug   string
	Hours  policy.Hours
	Own    []SiteHours // sites that have hours of their own
}

// SiteHours is one site that does not follow its tenant.
type SiteHours struct {
	Site  id.Site
	Name  string
	Hours policy.Hours // the zero value: at any hour
}

// ViewHours gives the hours of a tenant, by its short name.
func (a *App) ViewHours(ctx context.Context, who authz.Actor, slug string) (HoursView, error) {
	var v HoursView
	err := a.do(ctx, who, authz.ViewTenants, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TenantBySlug(ctx, slug)
		if err != nil {
			return noSuch(err, "tenant", slug, "holdfast tenant list")
		}
		v = HoursView{Tenant: t.ID, Name: t.Name, Slug: t.Slug, Hours: hoursOf("", t.BackupHours)}
		own, err := tx.SitesWithHours(ctx, t.ID)
		for _, s := range own {
			v.Own = append(v.Own, SiteHours{s.ID, s.Name, hoursOf(s.BackupHours, "")})
		}
		return err
	})
	if errs.Is(err, errs.Forbidden) {
		err = hide(err, "customer")
	}
	return v, err
}

// HoursWarning is what hours cost, in sentences. It is the cause of a refusal:
// whoever accepts it says so, and asks again.
type HoursWarning struct{ Sentences []string }

// Error gives all sentences.
func (w *HoursWarning) Error() string { return strings.Join(w.Sentences, " ") }

// refuse is the answer to hours that nobody has accepted the price of.
func (w *HoursWarning) refuse(h policy.Hours) error {
	return errs.Wrap(errs.Conflict, w, "With backups only %s, the policy cannot be kept in full. %s Accept this, or choose other hours.", h.Words(), w.Error())
}

// SetTenantHours sets when the scheduled backups of a tenant's sites may start,
// as policy.ParseHours reads it; "" is at any hour. Hours that cost slots of
// the policy are taken only when the caller accepts that; else the error's
// cause is a HoursWarning. Runs that are at work go on.
func (a *App) SetTenantHours(ctx context.Context, who authz.Actor, slug, text string, accept bool) ([]string, error) {
	h, err := policy.ParseHours("hours", text)
	if err != nil {
		return nil, err
	}
	var of id.Tenant
	var warning HoursWarning
	err = a.do(ctx, who, authz.ManageTenant, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TenantBySlug(ctx, slug)
		if err != nil {
			return noSuch(err, "tenant", slug, "holdfast tenant list")
		}
		of = t.ID
		under, err := tx.SitesUnderHours(ctx, t.ID)
		if err != nil {
			return err
		}
		if warning.Sentences, err = foresee(ctx, tx, h, under); err != nil {
			return err
		}
		if len(warning.Sentences) > 0 && !accept {
			return warning.refuse(h)
		}
		if _, err := tx.SetTenantHours(ctx, dbq.SetTenantHoursParams{ID: t.ID, BackupHours: h.String()}); err != nil {
			return err
		}
		return tx.Event(ctx, "tenant.hours_set", store.Subject{Kind: "tenant", ID: t.ID.UUID(), Tenant: t.ID},
			map[string]any{"hours": h.String(), "was": t.BackupHours, "accepted": warning.Sentences})
	})
	if err != nil {
		return warning.Sentences, err
	}
	return warning.Sentences, a.adoptHours(ctx, of)
}

// adoptHours derives the rows of a tenant's sites anew, a batch in each
// transaction. Rows that it does not reach follow when their next run ends.
func (a *App) adoptHours(ctx context.Context, of id.Tenant) error {
	p := dbq.SchedulesOfTenantParams{TenantID: of, AfterSite: bare(id.Site{}.UUID()), AfterKind: string(backup.Database), PageSize: adoptBatch}
	for {
		var rows []dbq.SchedulesOfTenantRow
		err := a.system(ctx, "hours", func(ctx context.Context, tx *store.Tx) (err error) {
			if rows, err = tx.SchedulesOfTenant(ctx, p); err != nil {
				return err
			}
			for _, r := range rows {
				if err := rederive(ctx, tx, r.TenantID, r.SiteID, r.Kind); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) < adoptBatch {
			return err
		}
		last := rows[len(rows)-1]
		p.AfterSite, p.AfterKind = bare(last.SiteID.UUID()), string(last.Kind)
	}
}

// SetSiteHours gives a site hours of its own: "" follows the tenant's, "always"
// is at any hour. Else it is as SetTenantHours.
func (a *App) SetSiteHours(ctx context.Context, who authz.Actor, ref, text string, accept bool) ([]string, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	own := text
	if text != alwaysOpen {
		h, err := policy.ParseHours("hours", text)
		if err != nil {
			return nil, err
		}
		if own = h.String(); own == "" && text != "" {
			own = alwaysOpen // 00:00-24:00
		}
	}
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(who, authz.ViewSite, of); err != nil {
		return nil, hide(err, "site")
	}
	var warning HoursWarning
	err = a.do(ctx, who, authz.ManageSites, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		h := hoursOf(own, s.TenantHours)
		if own != "" {
			if warning.Sentences, err = foresee(ctx, tx, h, []dbq.SitesUnderHoursRow{{PolicyID: s.PolicyID, TimeZone: s.TimeZone}}); err != nil {
				return err
			}
		}
		if len(warning.Sentences) > 0 && !accept {
			return warning.refuse(h)
		}
		if _, err := tx.SetSiteHours(ctx, dbq.SetSiteHoursParams{TenantID: of, ID: sid, BackupHours: own}); err != nil {
			return err
		}
		if err := rederive(ctx, tx, of, sid, backup.Kinds()...); err != nil {
			return err
		}
		return tx.Event(ctx, "site.hours_set", store.Subject{Kind: "site", ID: sid.UUID(), Tenant: of, Site: sid},
			map[string]any{"hours": own, "was": s.BackupHours, "accepted": warning.Sentences})
	})
	return warning.Sentences, err
}

// foresee says what hours cost the policies that they would hold for, each
// sentence once. A tenant without sites is told of the published policy.
func foresee(ctx context.Context, tx *store.Tx, h policy.Hours, under []dbq.SitesUnderHoursRow) ([]string, error) {
	if h.Always() {
		return nil, nil
	}
	if len(under) == 0 {
		under = []dbq.SitesUnderHoursRow{{TimeZone: time.UTC.String()}}
	}
	var out []string
	said := map[string]bool{}
	for _, u := range under {
		r, err := rulesOf(ctx, tx, u.PolicyID)
		if err != nil {
			return nil, err
		}
		r.Hours = h
		for _, s := range policy.Warnings(policy.Foresee(r.Policy, siteZone(u.TimeZone), tx.Now)) {
			if !said[s] {
				said[s] = true
				out = append(out, s)
			}
		}
	}
	return out, nil
}
