package app

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"holdfast/internal/advisor"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// ExclusionsView is what a site leaves out otherwise than its policy says, and
// what the newest data copies left out.
type ExclusionsView struct {
	Site     id.Site
	Exact    site.Exclusions
	Version  int      // rises with each change
	Liftable []string // exclusions of the policy that the site may lift
	Account  bool     // the site has an account folder
	Newest   Measured // of the newest data copy; zero for none
	Before   Measured // of the one before
}

// Measured is what one data copy left out.
type Measured struct {
	Copy    id.Copy
	TakenAt time.Time
	Bytes   int64 // that the copy holds
	Folders []advisor.Folder
}

// Folder gives what was measured of a folder by its name.
func (m Measured) Folder(name string) (advisor.Folder, bool) {
	at := slices.IndexFunc(m.Folders, func(f advisor.Folder) bool { return f.Path == name })
	if at < 0 {
		return advisor.Folder{}, false
	}
	return m.Folders[at], true
}

// Exclusions gives a site's own exclusions, by the site's name or id.
func (a *App) Exclusions(ctx context.Context, who authz.Actor, ref string) (ExclusionsView, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return ExclusionsView{}, err
	}
	var v ExclusionsView
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		v, err = readExclusionsOf(ctx, tx, of, sid)
		return err
	})
	return v, hide(err, "site")
}

func readExclusionsOf(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) (ExclusionsView, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
	if err != nil {
		return ExclusionsView{}, err
	}
	v := ExclusionsView{Site: sid, Version: int(s.ExclusionsVersion), Liftable: site.Liftable(s.AccountRoot != ""), Account: s.AccountRoot != ""}
	if v.Exact, err = site.ReadExclusions(s.Exclusions); err != nil {
		return v, err
	}
	rows, err := tx.NewestFacts(ctx, dbq.NewestFactsParams{TenantID: of, SiteID: sid, Kind: backup.Data, Limit: 2})
	if err != nil {
		return v, err
	}
	for i, into := range []*Measured{&v.Newest, &v.Before} {
		if i >= len(rows) {
			break
		}
		*into = Measured{Copy: rows[i].ID, TakenAt: rows[i].TakenAt, Bytes: rows[i].Bytes}
		if into.Folders, err = readExcluded(rows[i].Excluded); err != nil {
			return v, err
		}
	}
	return v, nil
}

// ExclusionChange is one thing that a change of a site's exclusions does, from
// the next data copy on.
type ExclusionChange struct {
	Path     string // like "moodledata/backup"
	Kept     bool   // copies hold it from now on; else they leave it out
	Measured bool   // the newest data copies measured it
	Files    int64
	Bytes    int64
}

// ExclusionPreview is what a change of a site's exclusions would do.
type ExclusionPreview struct {
	Exact   site.Exclusions // as it would be stored
	Changes []ExclusionChange
	Raised  []advisor.Finding // that the change would bring about
	Settled []advisor.Finding // that it would end
}

// PreviewExclusions tells what a change would do, and refuses what ChangeExclusions
// would refuse. Nothing is changed by it.
func (a *App) PreviewExclusions(ctx context.Context, who authz.Actor, ref string, want site.Exclusions) (ExclusionPreview, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return ExclusionPreview{}, err
	}
	var p ExclusionPreview
	err = a.do(ctx, who, authz.ManageSites, of, func(ctx context.Context, tx *store.Tx) error {
		p, err = previewExclusions(ctx, tx, of, sid, want)
		return err
	})
	return p, err
}

func previewExclusions(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site, want site.Exclusions) (ExclusionPreview, error) {
	var p ExclusionPreview
	v, err := readExclusionsOf(ctx, tx, of, sid)
	if err != nil {
		return p, err
	}
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
	if err != nil {
		return p, err
	}
	now, err := factsOf(ctx, tx, s, v.Exact)
	if err != nil {
		return p, err
	}
	if p.Exact, err = want.Check(site.Place{CodeDir: s.CodeDir, DataRoot: now.DataRoot, AccountRoot: s.AccountRoot}); err != nil {
		return p, err
	}
	p.Changes = v.changes(p.Exact)
	then := now
	then.Keep, then.Drop = p.Exact.Keep, p.Exact.Dropped()
	before, after := advisor.Look(now, tx.Now), advisor.Look(then, tx.Now)
	p.Raised, p.Settled = without(after, before), without(before, after)
	return p, nil
}

// without are the findings of a that b has not.
func without(a, b []advisor.Finding) (out []advisor.Finding) {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y advisor.Finding) bool { return y.Rule == x.Rule && y.Remedy == x.Remedy }) {
			out = append(out, x)
		}
	}
	return out
}

// changes are the differences between what is in force and what is wanted.
func (v ExclusionsView) changes(want site.Exclusions) []ExclusionChange {
	var out []ExclusionChange
	add := func(path string, kept bool) {
		c := ExclusionChange{Path: path, Kept: kept}
		f, ok := v.Newest.Folder(path)
		if !ok {
			f, ok = v.Before.Folder(path)
		}
		c.Measured, c.Files, c.Bytes = ok, f.Files, f.Bytes
		out = append(out, c)
	}
	for _, k := range want.Keep {
		if !slices.Contains(v.Exact.Keep, k) {
			add(k, true)
		}
	}
	for _, d := range v.Exact.Drop {
		if !slices.Contains(want.Drop, d) {
			add(d.String(), true)
		}
	}
	for _, k := range v.Exact.Keep {
		if !slices.Contains(want.Keep, k) {
			add(k, false)
		}
	}
	for _, d := range want.Drop {
		if !slices.Contains(v.Exact.Drop, d) {
			add(d.String(), false)
		}
	}
	return out
}

// ChangeExclusions stores a site's own exclusions; its data copies follow from
// the next one on. Seen is the version that the change was made from: where
// somebody else changed them since, it is errs.Conflict and nothing is written.
func (a *App) ChangeExclusions(ctx context.Context, who authz.Actor, ref string, seen int, want site.Exclusions) (ExclusionPreview, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return ExclusionPreview{}, err
	}
	var p ExclusionPreview
	err = a.do(ctx, who, authz.ManageSites, of, func(ctx context.Context, tx *store.Tx) error {
		if p, err = previewExclusions(ctx, tx, of, sid, want); err != nil {
			return err
		}
		raw, err := json.Marshal(p.Exact)
		if err != nil {
			return err
		}
		if seen < 0 || seen > 1<<30 {
			return errs.Field("version", "open the page anew")
		}
		n, err := tx.SetSiteExclusions(ctx, dbq.SetSiteExclusionsParams{TenantID: of, ID: sid, Exclusions: raw, Was: int32(seen)})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "Somebody else changed what this site leaves out since this page was opened. Nothing of yours was saved; look at theirs first.")
		}
		if len(p.Changes) == 0 {
			return nil
		}
		var kept, dropped []string
		for _, c := range p.Changes {
			if c.Kept {
				kept = append(kept, c.Path)
			} else {
				dropped = append(dropped, c.Path)
			}
		}
		return tx.Event(ctx, "site.exclusions_changed", store.Subject{Kind: "site", ID: sid.UUID(), Tenant: of, Site: sid},
			map[string]any{"version": seen + 1, "kept": kept, "left_out": dropped})
	})
	return p, err
}
