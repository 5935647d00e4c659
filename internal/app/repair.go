package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Kept is a snapshot that a repository is meant to hold, and what puts it back.
type Kept struct {
	Snapshot string
	Manifest json.RawMessage
	SHA256   string // of a dump, as its run told; "" for all else
}

// RepairReport is what a repair did, and what it found afterwards.
type RepairReport struct {
	ScanReport
	Rebuilt   int64             // contents that the index had lost
	Moved     map[string]string // snapshots that were put back: the old id, the new one
	Forgotten int64             // damaged contents, which the next run writes again
}

// wantsHealing is why the next run reads everything anew.
const wantsHealing = "damaged copies are to be healed"

// keptIn gives all snapshots that a repository is meant to hold.
func keptIn(ctx context.Context, tx *store.Tx, repo dbq.Repository) ([]Kept, error) {
	rows, err := tx.ManifestsOfRepository(ctx, dbq.ManifestsOfRepositoryParams{TenantID: repo.TenantID, RepositoryID: repo.ID})
	out := make([]Kept, len(rows))
	for i, r := range rows {
		out[i] = Kept{Snapshot: r.Snapshot, Manifest: r.Manifest, SHA256: r.Sha256}
	}
	return out, err
}

// repaired takes in what a repair did. What is still not whole comes back with
// the next run that reads everything anew, as far as the site still has it; if
// that run has been there already, it is lost.
func (a *App) repaired(ctx context.Context, tx *store.Tx, t Task, done *RepairReport) error {
	if done == nil {
		return nil
	}
	r := *done
	w, err := a.openWard(ctx, tx, t)
	if err != nil {
		return err
	}
	if err := w.move(ctx, r.Moved); err != nil {
		return err
	}
	damaged, whole, err := w.judge(ctx, r.ScanReport)
	if err != nil {
		return err
	}
	if err := w.lock(ctx); err != nil {
		return err
	}
	if err := w.note(ctx, r.ScanReport); err != nil {
		return err
	}
	err = tx.Event(ctx, "repository.repair_ended", w.of, map[string]any{
		"kind": w.repo.Kind, "index_entries": r.Rebuilt, "put_back": len(r.Moved), "contents_dropped": r.Forgotten,
		"copies_damaged": damaged, "copies_whole_again": whole, "not_whole": len(r.Hit),
	})
	if err != nil {
		return err
	}
	state := DamageState(w.repo.DamageState)
	switch {
	case r.Closed == "" && len(r.Hit) == 0 && len(r.Missing) == 0:
		if state == Sound {
			return nil
		}
		return w.sound(ctx, whole)
	case state == Proving || r.Closed != "":
		return w.lost(ctx, r.words(len(r.Hit)))
	}
	since := w.repo.DamagedAt
	if since == nil {
		since = &tx.Now
	}
	if err := w.set(ctx, Healing, r.words(len(r.Hit)), since, wantsHealing); err != nil {
		return err
	}
	return tx.Event(ctx, "repository.healing", w.of, map[string]any{"kind": w.repo.Kind, "not_whole": len(r.Hit)})
}

// lost notes that nothing more can be done for what is still damaged.
func (w *ward) lost(ctx context.Context, words string) error {
	news := w.repo.DamageState != string(Lost)
	since := w.repo.DamagedAt
	if since == nil {
		since = &w.tx.Now
	}
	if err := w.set(ctx, Lost, words, since, ""); err != nil || !news {
		return err
	}
	if err := w.tx.Event(ctx, "repository.lost", w.of, map[string]any{"kind": w.repo.Kind, "damage": words}); err != nil {
		return err
	}
	return w.mail(ctx, "Damaged copies of %s cannot be repaired", "Some copies of %s are lost.", words,
		"What the site still had was brought back; the rest is nowhere. These copies stay damaged, and nothing of that kind is deleted, until somebody of the staff looks at it and acknowledges the loss.")
}

// move lets copies, lists of references and named files follow snapshots that
// were put back under new ids.
func (w *ward) move(ctx context.Context, moved map[string]string) error {
	of, repo := w.repo.TenantID, w.repo.ID
	for _, from := range slices.Sorted(maps.Keys(moved)) {
		to := moved[from]
		if to == "" || to == from {
			continue
		}
		n1, err := w.tx.MoveCopySnapshot(ctx, dbq.MoveCopySnapshotParams{TenantID: of, RepositoryID: repo, FromSnapshot: from, ToSnapshot: to})
		if err != nil {
			return err
		}
		n2, err := w.tx.MoveListSnapshot(ctx, dbq.MoveListSnapshotParams{TenantID: of, RepositoryID: repo, FromSnapshot: from, ToSnapshot: to})
		if err != nil {
			return err
		}
		n3, err := w.tx.MoveNamedSnapshot(ctx, dbq.MoveNamedSnapshotParams{TenantID: of, RepositoryID: repo, FromSnapshot: from, ToSnapshot: to})
		if err != nil {
			return err
		}
		if n1+n2+n3 == 0 {
			continue // deleted meanwhile
		}
		if err := w.tx.Event(ctx, "repository.put_back", w.of, map[string]any{"from": from, "to": to}); err != nil {
			return err
		}
	}
	return nil
}

// healed sees to it that a repository that waited for a run which brings its
// damaged contents back is repaired to the end once that run is done.
func healed(ctx context.Context, tx *store.Tx, run dbq.Run, c *agentproto.Copy) error {
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: run.TenantID, SiteID: run.SiteID, Kind: run.Kind})
	if isNoRows(err) {
		return nil
	}
	if err != nil || DamageState(repo.DamageState) != Healing {
		return err
	}
	if run.LeasedAt == nil || repo.HealingSince == nil || run.LeasedAt.Before(*repo.HealingSince) {
		return nil // it may have taken as stored what was dropped after it began
	}
	if run.Kind == backup.Data && (c.Signals == nil || c.Signals.Reading != agentproto.ReadingAll) {
		return nil
	}
	if _, err := tx.NoteHealed(ctx, dbq.NoteHealedParams{TenantID: repo.TenantID, ID: repo.ID}); err != nil {
		return err
	}
	return insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindRepairRepository)
}

// VerifySite has the keeper look at what is stored of a site: by the lengths of
// what lies there, or whole, which reads every byte.
func (a *App) VerifySite(ctx context.Context, who authz.Actor, ref string, whole bool) error {
	percent := float32(0)
	if whole {
		percent = 100
	}
	return a.ofRepositories(ctx, who, ref, func(ctx context.Context, tx *store.Tx, repo dbq.Repository) error {
		if err := insertScan(ctx, tx, repo, percent); err != nil {
			return err
		}
		return tx.Event(ctx, "repository.scan_asked", repositorySubject(repo), map[string]any{"kind": repo.Kind, "whole": whole})
	})
}

// RepairSite has the keeper repair what is stored of a site, whether damage is
// known or not: what is sound is not touched.
func (a *App) RepairSite(ctx context.Context, who authz.Actor, ref string) error {
	return a.ofRepositories(ctx, who, ref, func(ctx context.Context, tx *store.Tx, repo dbq.Repository) error {
		if err := insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindRepairRepository); err != nil {
			return err
		}
		return tx.Event(ctx, "repository.repair_asked", repositorySubject(repo), map[string]any{"kind": repo.Kind})
	})
}

// AcknowledgeDamage lets go of what is lost of a site: retention goes on, and
// its damaged copies expire like others.
func (a *App) AcknowledgeDamage(ctx context.Context, who authz.Actor, ref, reason string) error {
	reason, err := reasonText("reason", reason, true)
	if err != nil {
		return err
	}
	waits := false
	err = a.ofRepositories(ctx, who, ref, func(ctx context.Context, tx *store.Tx, repo dbq.Repository) error {
		if _, err := lockTimetable(ctx, tx, repo.TenantID, repo.SiteID, repo.Kind); err != nil {
			return err
		}
		repo, err := tx.LockRepository(ctx, dbq.LockRepositoryParams{TenantID: repo.TenantID, ID: repo.ID})
		if err != nil || !DamageState(repo.DamageState).Stops() {
			return err
		}
		waits = true
		w := ward{app: a, tx: tx, repo: repo, of: repositorySubject(repo)}
		if err := w.set(ctx, Acknowledged, repo.Damage, repo.DamagedAt, ""); err != nil {
			return err
		}
		return tx.Event(ctx, "repository.damage_acknowledged", w.of, map[string]any{"kind": repo.Kind, "reason": reason, "damage": repo.Damage})
	})
	if err == nil && !waits {
		return errs.New(errs.Conflict, "No damage of this site waits to be acknowledged.")
	}
	return err
}

// ofRepositories does something for each repository of a site that is there.
func (a *App) ofRepositories(ctx context.Context, who authz.Actor, ref string, fn func(context.Context, *store.Tx, dbq.Repository) error) error {
	of, sid, err := a.seenSite(ctx, who, ref)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.RepairCopies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.RepositoriesOfSite(ctx, dbq.RepositoriesOfSiteParams{TenantID: of, SiteID: sid})
		if err != nil {
			return err
		}
		n := 0
		for _, repo := range rows {
			if repo.State != dbq.RepositoryStateReady {
				continue
			}
			n++
			if err := fn(ctx, tx, repo); err != nil {
				return fmt.Errorf("the %s repository: %w", repo.Kind, err)
			}
		}
		if n == 0 {
			return errs.New(errs.Conflict, "Nothing is stored of this site yet.")
		}
		return nil
	})
}

func repositorySubject(repo dbq.Repository) store.Subject {
	return store.Subject{Kind: "repository", ID: repo.ID.UUID(), Tenant: repo.TenantID, Site: repo.SiteID}
}
