package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// PairTask is one pair that the keeper is to measure: the list of what the
// database copy names, held against the names in the data copy's filedir.
type PairTask struct {
	Database id.Copy `json:"database"`
	Data     id.Copy `json:"data"`
	List     string  `json:"list"`            // snapshot in the database repository
	Tree     string  `json:"tree"`            // snapshot in the data repository
	Named    string  `json:"named,omitempty"` // snapshot of the named files there; "" where none are kept
}

// PairResult is what was counted of one pair.
type PairResult struct {
	Database        id.Copy `json:"database"`
	Data            id.Copy `json:"data"`
	Error           string  `json:"error,omitempty"` // it could not be measured: why, in a sentence
	Referenced      int64   `json:"referenced"`
	ReferencedBytes int64   `json:"referenced_bytes"`
	Present         int64   `json:"present"`
	PresentBytes    int64   `json:"present_bytes"`
	WithNamed       int64   `json:"with_named"`
	WithNamedBytes  int64   `json:"with_named_bytes"`
	Missing         Missing `json:"missing"`
}

// SecondRepository is the site's data repository, for a task of the database
// repository that reads both.
type SecondRepository struct {
	Backend    json.RawMessage `json:"backend"`
	Repository string          `json:"repository"`
	Password   string          `json:"password"`
}

// describePairs gathers the newest pairs of a site that wait for their measure.
func (a *App) describePairs(ctx context.Context, tx *store.Tx, row dbq.KeeperTask, t *Task) error {
	waiting, err := tx.WaitingPairs(ctx, dbq.WaitingPairsParams{TenantID: row.TenantID, SiteID: row.SiteID, PageSize: pairsAtOnce})
	if err != nil || len(waiting) == 0 {
		return err
	}
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: row.TenantID, SiteID: row.SiteID, Kind: backup.Data})
	if err != nil {
		return err
	}
	d, err := tx.DestinationByID(ctx, repo.DestinationID)
	if err != nil {
		return err
	}
	second := SecondRepository{Repository: repo.Name}
	if second.Backend, err = a.key.Open(d.ConfigSealed, "destination:"+d.ID.String()); err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	if second.Password, err = a.password(repo); err != nil {
		return err
	}
	t.Second = &second
	for _, w := range waiting {
		p := PairTask{Database: w.DatabaseCopyID, Data: w.DataCopyID, List: w.ListSnapshot, Tree: w.DataSnapshot}
		if w.FilesRepositoryID == repo.ID {
			p.Named = w.FilesSnapshot
		}
		t.Pairs = append(t.Pairs, p)
	}
	return nil
}

// maxMissingGroups is how many courses and areas are kept of what a pair lacks.
const maxMissingGroups = 200

// pairsMeasured writes what was counted, and asks for the next ones. A pair of
// the task without an answer counts as tried, so that nothing is asked for ever.
func pairsMeasured(ctx context.Context, tx *store.Tx, t Task, o TaskOutcome) error {
	for _, p := range t.Pairs {
		if !slices.ContainsFunc(o.Pairs, func(r PairResult) bool { return r.Database == p.Database && r.Data == p.Data }) {
			o.Pairs = append(o.Pairs, PairResult{Database: p.Database, Data: p.Data, Error: "The keeper gave no answer for this pair."})
		}
	}
	for _, r := range o.Pairs {
		if r.Error != "" {
			_, err := tx.FailPair(ctx, dbq.FailPairParams{
				TenantID: t.Row.TenantID, DatabaseCopyID: r.Database, DataCopyID: r.Data, Error: clip(r.Error, 500), Attempts: pairAttempts,
			})
			if err != nil {
				return err
			}
			continue
		}
		r.Missing.By = r.Missing.By[:min(len(r.Missing.By), maxMissingGroups)]
		for i := range r.Missing.By { // names of a list that a host wrote
			g := &r.Missing.By[i]
			g.Course, g.Area = clip(g.Course, 255), clip(g.Area, 255)
		}
		missing, err := toJSONB(r.Missing)
		if err != nil {
			return err
		}
		_, err = tx.SettlePair(ctx, dbq.SettlePairParams{
			TenantID: t.Row.TenantID, DatabaseCopyID: r.Database, DataCopyID: r.Data, Referenced: r.Referenced, ReferencedBytes: r.ReferencedBytes,
			Present: r.Present, PresentBytes: r.PresentBytes, WithNamed: r.WithNamed, WithNamedBytes: r.WithNamedBytes, Missing: missing, Now: tx.Now,
		})
		if err != nil {
			return err
		}
		if r.WithNamed < r.Referenced {
			of := store.Subject{Kind: "copy", ID: r.Database.UUID(), Tenant: t.Row.TenantID, Site: t.Row.SiteID}
			err := tx.Event(ctx, "copy.measured_short", of, map[string]any{"data": r.Data, "referenced": r.Referenced, "present": r.WithNamed})
			if err != nil {
				return err
			}
		}
	}
	return planPairs(ctx, tx, t.Row.TenantID, t.Row.SiteID)
}

// planDeletion gives the keeper the next step of a copy's deletion: the files
// kept with it first, in the data repository, then the copy itself.
func planDeletion(ctx context.Context, tx *store.Tx, of id.Tenant, c id.Copy, repository id.Repository) error {
	kind := dbq.TaskKindDeleteCopy
	list, err := tx.ReferenceListOf(ctx, dbq.ReferenceListOfParams{TenantID: of, CopyID: c})
	if err != nil && !isNoRows(err) {
		return err
	}
	if err == nil && list.FilesSnapshot != "" {
		kind, repository = dbq.TaskKindDeleteNamed, list.FilesRepositoryID
	}
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: of, ID: repository})
	if err != nil {
		return err
	}
	return insertTask(ctx, tx, repo, c, kind)
}

// describeDeletion names the snapshots that a copy's deletion takes away.
func describeDeletion(ctx context.Context, tx *store.Tx, row dbq.KeeperTask, t *Task) error {
	list, err := tx.ReferenceListOf(ctx, dbq.ReferenceListOfParams{TenantID: row.TenantID, CopyID: row.CopyID})
	if isNoRows(err) {
		if row.Kind == dbq.TaskKindDeleteNamed {
			t.Snapshot, t.SealedName = "", ""
		}
		return nil
	}
	if err != nil {
		return err
	}
	if row.Kind == dbq.TaskKindDeleteNamed {
		t.Snapshot, t.SealedName = list.FilesSnapshot, ""
		return nil
	}
	t.Beside = []string{list.Snapshot}
	return nil
}

// namedDeleted goes on with a copy's deletion once the files kept with it are gone.
func namedDeleted(ctx context.Context, tx *store.Tx, t Task, of store.Subject) error {
	c, err := tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: t.Row.TenantID, ID: t.Row.CopyID})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.DropNamedFiles(ctx, dbq.DropNamedFilesParams{TenantID: c.TenantID, CopyID: c.ID}); err != nil {
		return err
	}
	if err := noteDeletion(ctx, tx, c.TenantID, t.Row.RepositoryID); err != nil {
		return err
	}
	if err := tx.Event(ctx, "copy.named_files_deleted", of, map[string]any{"snapshot": t.Snapshot}); err != nil {
		return err
	}
	return planDeletion(ctx, tx, c.TenantID, c.ID, c.RepositoryID)
}

// noteDeletion has a repository maintained soon: something of it was deleted.
func noteDeletion(ctx context.Context, tx *store.Tx, of id.Tenant, repository id.Repository) error {
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: of, ID: repository})
	if err != nil {
		return err
	}
	soon := nextMaintenance(lastMaintained(repo), &tx.Now, 0)
	_, err = tx.NoteDeletion(ctx, dbq.NoteDeletionParams{TenantID: of, ID: repository, DeletedAt: &tx.Now, MaintainAt: &soon})
	return err
}

// forgetTruth takes what was known of a copy out of the catalog with it.
func forgetTruth(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
	if _, err := tx.ForgetPairsOfCopy(ctx, dbq.ForgetPairsOfCopyParams{TenantID: c.TenantID, DatabaseCopyID: c.ID}); err != nil {
		return err
	}
	_, err := tx.ForgetReferenceList(ctx, dbq.ForgetReferenceListParams{TenantID: c.TenantID, CopyID: c.ID})
	return err
}
