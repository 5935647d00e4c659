package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// When a snapshot that nothing names is deleted, and how many are at once.
const (
	strayAge  = 7 * 24 * time.Hour // since its own end, by our clock
	straySeen = 24 * time.Hour     // since an earlier maintenance saw it
	strayMost = 100
	strayKept = 1000 // are remembered of a repository
)

// Stray is a snapshot of ours in a repository that nothing in the catalog
// names: of a run that died before it could tell, most likely.
type Stray struct {
	Snapshot string    `json:"snapshot"`
	Source   string    `json:"source"`
	TakenAt  time.Time `json:"taken_at"`
	EndedAt  time.Time `json:"ended_at"`
}

// StrayReport is what maintenance saw of a repository's strays.
type StrayReport struct {
	Left    []Stray  `json:"left,omitempty"`    // still there
	Deleted []string `json:"deleted,omitempty"` // of those that were to go, all that are not there any more
	Listed  int      `json:"listed"`            // snapshots of ours in the repository, before anything was deleted
	Named   int      `json:"named"`             // of these, those that the catalog names
	Doubt   bool     `json:"doubt,omitempty"`   // too many to be strays: nothing was deleted
}

// seenStray is a stray as it is remembered.
type seenStray struct {
	Source  string    `json:"source"`
	TakenAt time.Time `json:"taken_at"`
	EndedAt time.Time `json:"ended_at"`
	SeenAt  time.Time `json:"seen_at"`
}

func straysOf(repo dbq.Repository) (map[string]seenStray, error) {
	out := map[string]seenStray{}
	if err := json.Unmarshal(repo.Strays, &out); err != nil {
		return nil, fmt.Errorf("the strays of repository %s: %w", repo.Name, err)
	}
	return out, nil
}

// describeStrays says which snapshots a maintenance is to delete though no
// copy's deletion asks for it, and which it is to leave to such a deletion.
func describeStrays(ctx context.Context, tx *store.Tx, repo dbq.Repository, t *Task) (err error) {
	t.Leaving, err = tx.SnapshotsLeaving(ctx, dbq.SnapshotsLeavingParams{TenantID: repo.TenantID, RepositoryID: repo.ID})
	if err != nil {
		return err
	}
	seen, err := straysOf(repo)
	if err != nil || len(seen) == 0 {
		return err
	}
	stopped, err := straysStopped(ctx, tx, repo)
	if err != nil || stopped {
		return err
	}
	p := dbq.StraysExplainedParams{TenantID: repo.TenantID, SiteID: repo.SiteID}
	for s, was := range seen {
		if was.SeenAt.After(tx.Now.Add(-straySeen)) || was.EndedAt.After(tx.Now.Add(-strayAge)) || was.EndedAt.Before(was.TakenAt) {
			continue
		}
		p.Snapshots, p.Taken = append(p.Snapshots, s), append(p.Taken, was.TakenAt)
		p.Ended, p.Seen = append(p.Ended, was.EndedAt), append(p.Seen, was.SeenAt)
	}
	if t.Strays, err = tx.StraysExplained(ctx, p); err != nil {
		return err
	}
	slices.SortFunc(t.Strays, func(a, b string) int {
		return cmp.Or(seen[a].EndedAt.Compare(seen[b].EndedAt), cmp.Compare(a, b))
	})
	t.Strays = t.Strays[:min(len(t.Strays), strayMost)]
	return nil
}

// straysStopped tells whether something stands against any deletion of a site.
func straysStopped(ctx context.Context, tx *store.Tx, repo dbq.Repository) (bool, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: repo.TenantID, ID: repo.SiteID})
	if isNoRows(err) {
		return true, nil // the site was removed: what is left of it goes with its copies
	}
	if err != nil {
		return false, err
	}
	alarms, err := alarmsOf(ctx, tx, s)
	if err != nil {
		return false, err
	}
	return alarms != policy.Alarms{} || DamageState(repo.DamageState).Stops(), nil
}

// strayed takes in what a maintenance saw of strays, and tells whether a next
// one a day later would get on with them.
func strayed(ctx context.Context, tx *store.Tx, repo dbq.Repository, r *StrayReport, of store.Subject) (soon bool, err error) {
	if r == nil {
		return false, nil
	}
	before, err := straysOf(repo)
	if err != nil {
		return false, err
	}
	slices.SortFunc(r.Left, func(a, b Stray) int { return cmp.Or(a.EndedAt.Compare(b.EndedAt), cmp.Compare(a.Snapshot, b.Snapshot)) })
	now, news := map[string]seenStray{}, 0
	for _, s := range r.Left[:min(len(r.Left), strayKept)] {
		was, known := before[s.Snapshot]
		if !known {
			news++
		}
		if !known || was.SeenAt.After(tx.Now) { // the clock went back
			was.SeenAt = tx.Now
		}
		was.Source, was.TakenAt, was.EndedAt = s.Source, s.TakenAt, s.EndedAt
		now[s.Snapshot] = was
	}
	if len(now)+len(before) > 0 {
		raw, err := toJSONB(now)
		if err != nil {
			return false, fmt.Errorf("write down the strays of repository %s: %w", repo.Name, err)
		}
		if _, err := tx.NoteStrays(ctx, dbq.NoteStraysParams{TenantID: repo.TenantID, ID: repo.ID, Strays: raw}); err != nil {
			return false, err
		}
	}
	if r.Doubt && news > 0 {
		err := tx.Event(ctx, "repository.strays_doubted", of, map[string]any{"kind": repo.Kind, "listed": r.Listed, "named": r.Named, "strays": len(r.Left)})
		if err != nil {
			return false, err
		}
	}
	if len(r.Deleted) == 0 {
		return news > 0 && !r.Doubt, nil
	}
	type gone struct {
		Snapshot string    `json:"snapshot"`
		Source   string    `json:"source"`
		TakenAt  time.Time `json:"taken_at"`
	}
	list := make([]gone, len(r.Deleted))
	for i, s := range r.Deleted {
		list[i] = gone{s, before[s].Source, before[s].TakenAt}
	}
	return true, tx.Event(ctx, "repository.strays_deleted", of, map[string]any{"kind": repo.Kind, "strays": len(list), "snapshots": list})
}
