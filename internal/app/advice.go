package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/advisor"
	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// factsBack is how many database copies are looked through for since when
// something is so.
const factsBack = 30

// Advice is what is not right yet at a site, and what that rests on.
type Advice struct {
	Site   id.Site
	Name   string
	Facts  advisor.Facts
	Report advisor.Report
}

// Advice holds the newest facts of a site against the advisor's rules, by the
// site's name or id.
func (a *App) Advice(ctx context.Context, who authz.Actor, ref string) (Advice, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return Advice{}, err
	}
	var out Advice
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		own, err := site.ReadExclusions(s.Exclusions)
		if err != nil {
			return err
		}
		f, err := factsOf(ctx, tx, s, own)
		if err != nil {
			return err
		}
		out = Advice{Site: sid, Name: s.Name, Facts: f, Report: advisor.Examine(f, tx.Now)}
		return nil
	})
	return out, hide(err, "site")
}

// factsOf reads what is known of a site, with exclusions that are in force or
// only thought of.
func factsOf(ctx context.Context, tx *store.Tx, s dbq.SiteForTenantRow, own site.Exclusions) (advisor.Facts, error) {
	f := advisor.Facts{CodeDir: s.CodeDir, AccountRoot: s.AccountRoot, Keep: own.Keep, Drop: own.Dropped()}
	data, err := tx.NewestFacts(ctx, dbq.NewestFactsParams{TenantID: s.TenantID, SiteID: s.ID, Kind: backup.Data, Limit: 1})
	if err != nil {
		return f, err
	}
	dumps, err := tx.NewestFacts(ctx, dbq.NewestFactsParams{TenantID: s.TenantID, SiteID: s.ID, Kind: backup.Database, Limit: factsBack})
	if err != nil {
		return f, err
	}
	if len(data) > 0 {
		x, err := readCopyFacts(data[0])
		if err != nil {
			return f, err
		}
		f.DataAt = data[0].TakenAt
		takeGeneral(&f, x)
		if f.Excluded, err = readExcluded(data[0].Excluded); err != nil {
			return f, err
		}
	}
	if len(dumps) > 0 {
		if err := takeDumps(&f, dumps); err != nil {
			return f, err
		}
		return f, references(ctx, tx, s, dumps[0].ID, &f)
	}
	return f, nil
}

// takeDumps takes what database copies tell, the newest first.
func takeDumps(f *advisor.Facts, dumps []dbq.NewestFactsRow) error {
	for i, d := range dumps {
		x, err := readCopyFacts(d)
		if err != nil {
			return err
		}
		if i == 0 {
			f.At = d.TakenAt
			if f.DataAt.IsZero() || f.At.After(f.DataAt) {
				takeGeneral(f, x)
			}
			f.DBVersion, f.ServerVersion, f.Moodle = x.DBVersion, x.ServerVersion, lifeOf(x.Moodle)
			f.Flavour = flavourOf(x)
			if x.Moodle != nil {
				f.PHP = x.Moodle.PHPVersion
			}
		}
		if x.Moodle == nil || !x.Moodle.MaintenanceEnabled {
			return nil
		}
		f.MaintenanceSince = d.TakenAt
	}
	return nil
}

func readCopyFacts(row dbq.NewestFactsRow) (agentproto.Facts, error) {
	var x agentproto.Facts
	if err := json.Unmarshal(row.Facts, &x); err != nil {
		return x, fmt.Errorf("the facts of copy %s: %w", row.ID, err)
	}
	return x, nil
}

func readExcluded(raw []byte) ([]advisor.Folder, error) {
	var all []agentproto.Excluded
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("what a copy left out: %w", err)
	}
	out := make([]advisor.Folder, 0, len(all))
	for _, x := range all {
		out = append(out, advisor.Folder{Path: x.Path, Files: x.Files, Bytes: x.Bytes})
	}
	return out, nil
}

// takeGeneral takes what both kinds of copies tell.
func takeGeneral(f *advisor.Facts, x agentproto.Facts) {
	f.Release, f.Version, f.Layout, f.ReadBy, f.DataRoot = x.Release, x.Version, x.Layout, x.ReadBy, x.DataRoot
}

// flavourOf is the server's flavour, of an older agent by what the site says.
func flavourOf(x agentproto.Facts) string {
	if x.Moodle != nil && x.Moodle.ServerFlavour != "" {
		return x.Moodle.ServerFlavour
	}
	return map[string]string{"mariadb": "mariadb", "pgsql": "postgres"}[x.DBType]
}

func lifeOf(m *agentproto.MoodleFacts) *advisor.Moodle {
	if m == nil {
		return nil
	}
	a := m.AutoBackup
	return &advisor.Moodle{
		Auto: advisor.AutoBackup{
			Active: a.Active, Storage: a.Storage, Destination: a.Destination, MaxKept: a.MaxKept, WithFiles: a.WithFiles,
			OK: a.OK + a.Warned + a.Skipped, Failed: a.Failed, Unfinished: a.Unfinished, LastEnd: a.LastEnd,
		},
		CronEnabled: m.CronEnabled, LastCron: m.LastCron, LastTask: m.LastTask, UpgradeRunning: m.UpgradeRunning, TasksFailing: m.TasksFailing,
		AdhocWaiting: m.AdhocWaiting, Courses: m.Courses, Users: m.Users, Admins: m.Admins, FileBytes: m.FileBytes, BackupBytes: m.BackupBytes, Rights: m.DatabaseRights,
	}
}

// references takes what the newest database copy names.
func references(ctx context.Context, tx *store.Tx, s dbq.SiteForTenantRow, of id.Copy, f *advisor.Facts) error {
	l, err := tx.ReferencesOfCopy(ctx, dbq.ReferencesOfCopyParams{TenantID: s.TenantID, CopyID: of})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	f.References = &advisor.References{Hashes: l.Hashes, Missing: l.Missing, External: l.External}
	return nil
}

// CopyFacts are what one copy says of its site on the day.
type CopyFacts struct {
	Copy    id.Copy
	Kind    backup.Kind
	State   catalog.State
	TakenAt time.Time
	Facts   agentproto.Facts // without the lists of plug-ins
	Plugins int              // of the code, or of the database
}

// factsShown is how many copies of each kind a page tells the facts of.
const factsShown = 120

// FactsOfCopies gives the facts of a site's newest copies of both kinds, by the
// site's name or id.
func (a *App) FactsOfCopies(ctx context.Context, who authz.Actor, ref string) (map[id.Copy]CopyFacts, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := map[id.Copy]CopyFacts{}
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		for _, kind := range backup.Kinds() {
			rows, err := tx.NewestFacts(ctx, dbq.NewestFactsParams{TenantID: of, SiteID: sid, Kind: kind, Limit: factsShown})
			if err != nil {
				return err
			}
			for _, r := range rows {
				x, err := readCopyFacts(r)
				if err != nil {
					return err
				}
				out[r.ID] = CopyFacts{Copy: r.ID, Kind: r.Kind, State: r.State, TakenAt: r.TakenAt, Facts: x, Plugins: int(r.Plugins)}
			}
		}
		return nil
	})
	return out, hide(err, "site")
}
