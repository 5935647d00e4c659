package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// ScanReport is what a look at a whole repository found.
type ScanReport struct {
	Read     bool              // every byte was read; else lengths were compared
	Contents int64             // that were looked at
	Bytes    int64             // of these, as stored
	Damages  int64             // in the storage, whatever copy they belong to
	Examples []string          // of these, in words
	Missing  []string          // snapshots that the catalog has and the repository does not list
	Hit      map[string]string // snapshots that cannot be had back, and why
	Whole    []string          // snapshots whose every byte is there
	Frail    int64             // packs whose own index cannot be read, though what they hold is sound
	Closed   string            // why the repository does not open; "" if it does
}

// fresh tells whether the storage itself is damaged now, which a repair has not
// dealt with yet.
func (f ScanReport) fresh() bool { return f.Damages > 0 || len(f.Missing) > 0 || f.Closed != "" }

// words say in a sentence or two what is wrong, for staff.
func (f ScanReport) words(copies int) string {
	var out []string
	if f.Closed != "" {
		out = append(out, f.Closed)
	}
	if n := len(f.Missing); n > 0 {
		out = append(out, fmt.Sprintf("%d of its snapshots are not listed any more.", n))
	}
	if f.Damages > 0 {
		out = append(out, fmt.Sprintf("%d places in the storage are not what was written.", f.Damages))
	}
	if copies > 0 {
		out = append(out, fmt.Sprintf("%d copies cannot be had back as it is.", copies))
	} else if n := len(f.Hit); n > 0 {
		out = append(out, fmt.Sprintf("%d snapshots cannot be had back as it is.", n))
	}
	if len(f.Examples) > 0 {
		out = append(out, "First: "+f.Examples[0])
	}
	return clip(strings.Join(out, " "), 1000)
}

// ward is a repository under repair or under a look, held for this transaction:
// first its timetable, then its copies, then its row, as everywhere.
type ward struct {
	app  *App
	tx   *store.Tx
	t    *timetable
	repo dbq.Repository
	of   store.Subject
}

func (a *App) openWard(ctx context.Context, tx *store.Tx, t Task) (*ward, error) {
	w := &ward{app: a, tx: tx, of: store.Subject{Kind: "repository", ID: t.Row.RepositoryID.UUID(), Tenant: t.Row.TenantID, Site: t.Row.SiteID}}
	var err error
	if w.t, err = lockTimetable(ctx, tx, t.Row.TenantID, t.Row.SiteID, t.Kind); err != nil {
		return nil, err
	}
	w.repo, err = tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: t.Row.TenantID, ID: t.Row.RepositoryID})
	return w, err
}

// lock takes the repository's row, after the copies.
func (w *ward) lock(ctx context.Context) (err error) {
	w.repo, err = w.tx.LockRepository(ctx, dbq.LockRepositoryParams{TenantID: w.repo.TenantID, ID: w.repo.ID})
	return err
}

// judge marks the copies that a look found damaged, and those that it proved to
// be whole, and gives how many are news of either.
func (w *ward) judge(ctx context.Context, f ScanReport) (damaged, whole int, err error) {
	hit := slices.Sorted(maps.Keys(f.Hit))
	rows, err := w.tx.CopiesBySnapshot(ctx, dbq.CopiesBySnapshotParams{TenantID: w.repo.TenantID, RepositoryID: w.repo.ID, Snapshots: hit})
	if err != nil {
		return 0, 0, err
	}
	for _, c := range rows {
		news, err := markDamaged(ctx, w.tx, c.ID, f.Hit[c.Snapshot])
		if err != nil {
			return damaged, 0, err
		}
		if news {
			damaged++
		}
	}
	if rows, err = w.tx.CopiesBySnapshot(ctx, dbq.CopiesBySnapshotParams{TenantID: w.repo.TenantID, RepositoryID: w.repo.ID, Snapshots: f.Whole}); err != nil {
		return damaged, 0, err
	}
	for _, c := range rows {
		news, err := markWhole(ctx, w.tx, c.ID)
		if err != nil {
			return damaged, whole, err
		}
		if news {
			whole++
		}
	}
	_, err = w.tx.SetVerifiedMany(ctx, dbq.SetVerifiedManyParams{TenantID: w.repo.TenantID, RepositoryID: w.repo.ID, Snapshots: f.Whole, Now: w.tx.Now})
	return damaged, whole, err
}

// note writes down when the repository was looked at, and its next turns.
func (w *ward) note(ctx context.Context, f ScanReport) error {
	look := nextTurn(w.repo.ID, lookEvery, w.tx.Now)
	if f.Closed != "" {
		_, err := w.tx.PutOffLooks(ctx, dbq.PutOffLooksParams{TenantID: w.repo.TenantID, ID: w.repo.ID, Next: look})
		return err
	}
	if !f.Read {
		_, err := w.tx.NoteLook(ctx, dbq.NoteLookParams{TenantID: w.repo.TenantID, ID: w.repo.ID, LookedAt: &w.tx.Now, Next: &look})
		return err
	}
	scan := nextTurn(w.repo.ID, scanEvery, w.tx.Now)
	_, err := w.tx.NoteScan(ctx, dbq.NoteScanParams{TenantID: w.repo.TenantID, ID: w.repo.ID, Now: &w.tx.Now, NextLook: &look, NextScan: &scan, Bytes: f.Bytes, Frail: int32(f.Frail)}) //nolint:gosec // packs of one repository
	return err
}

// scanned takes in what a scan found.
func (a *App) scanned(ctx context.Context, tx *store.Tx, t Task, found *ScanReport) error {
	if found == nil {
		return nil
	}
	f := *found
	w, err := a.openWard(ctx, tx, t)
	if err != nil {
		return err
	}
	damaged, whole, err := w.judge(ctx, f)
	if err != nil {
		return err
	}
	if err := w.lock(ctx); err != nil {
		return err
	}
	if err := w.note(ctx, f); err != nil {
		return err
	}
	if _, err := tx.ForgetOldScans(ctx, dbq.ForgetOldScansParams{RepositoryID: w.repo.ID, ID: t.Row.ID}); err != nil {
		return err
	}
	sound := !f.fresh() && len(f.Hit) == 0
	if f.Read || !sound {
		err := tx.Event(ctx, "repository.scanned", w.of, map[string]any{
			"kind": w.repo.Kind, "read": f.Read, "bytes": f.Bytes, "contents": f.Contents, "damages": f.Damages, "frail_packs": f.Frail, "copies_damaged": damaged, "copies_whole_again": whole,
		})
		if err != nil {
			return err
		}
	}
	state := DamageState(w.repo.DamageState)
	if state == Lost || state == Acknowledged {
		if told, err := w.told(ctx, f, damaged); told || err != nil {
			return err
		}
	}
	switch {
	case f.fresh(), len(f.Hit) > 0 && (state == Sound || damaged > 0 && state == Acknowledged):
		return w.damaged(ctx, f.words(len(f.Hit)))
	case state == Healing && len(f.Hit) > 0 && w.repo.RepairWanted == "": // the run that was to heal it read too little
		return w.set(ctx, Healing, w.repo.Damage, w.repo.DamagedAt, wantsHealing)
	case sound && t.Prove && state != Sound:
		return w.sound(ctx, whole)
	}
	return nil
}

// told tells whether a look found nothing but what was given up already: it is
// seen again every day, and no repair brings it back.
func (w *ward) told(ctx context.Context, f ScanReport, damaged int) (bool, error) {
	if damaged > 0 || f.Damages > 0 || f.Closed == "" && len(f.Missing) == 0 {
		return false, nil
	}
	if f.Closed == "" {
		return true, nil
	}
	more, err := w.tx.OffersCopies(ctx, dbq.OffersCopiesParams{TenantID: w.repo.TenantID, RepositoryID: w.repo.ID})
	return more == 0, err
}

// damaged notes that the storage is damaged, stops retention, tells staff if
// that is news, and has it repaired.
func (w *ward) damaged(ctx context.Context, words string) error {
	state := DamageState(w.repo.DamageState)
	news := state == Sound || state == Acknowledged
	since := w.repo.DamagedAt
	if news {
		since = &w.tx.Now
	}
	if err := w.set(ctx, DamageFound, words, since, ""); err != nil {
		return err
	}
	if err := insertTask(ctx, w.tx, w.repo, id.Copy{}, dbq.TaskKindRepairRepository); err != nil {
		return err
	}
	if !news {
		return nil
	}
	if err := w.tx.Event(ctx, "repository.damaged", w.of, map[string]any{"kind": w.repo.Kind, "damage": words}); err != nil {
		return err
	}
	return w.mail(ctx, "Damage in the storage of %s", "Copies of %s are damaged.", words,
		"None of them is offered or counted any more, and nothing else of that kind is deleted meanwhile. The repair has begun: what the site still has comes back with its next run.")
}

// sound notes that all is well again.
func (w *ward) sound(ctx context.Context, whole int) error {
	if err := w.set(ctx, Sound, "", nil, ""); err != nil {
		return err
	}
	if err := w.tx.Event(ctx, "repository.repaired", w.of, map[string]any{"kind": w.repo.Kind, "copies_whole_again": whole}); err != nil {
		return err
	}
	return w.mail(ctx, "The storage of %s is whole again", "Every copy of %s can be had back again.", "",
		fmt.Sprintf("Every byte was read after the repair. %d copies that had been damaged count again.", whole))
}

// set saves a damage, and stops retention or lets it go on.
func (w *ward) set(ctx context.Context, to DamageState, words string, since *time.Time, wanted string) error {
	if to != Sound && words == "" {
		words = "What is wrong is not known."
	}
	p := dbq.SetDamageParams{TenantID: w.repo.TenantID, ID: w.repo.ID, Damage: words, DamageState: string(to), DamagedAt: since, RepairWanted: wanted}
	if to == Healing {
		p.HealingSince = &w.tx.Now
	}
	if _, err := w.tx.SetDamage(ctx, p); err != nil {
		return err
	}
	w.repo.Damage, w.repo.DamageState, w.repo.DamagedAt = words, string(to), since
	_, err := w.tx.SetDamageStops(ctx, dbq.SetDamageStopsParams{TenantID: w.repo.TenantID, SiteID: w.repo.SiteID, Kind: w.repo.Kind, DamageStops: to.Stops(), RetainAt: &w.tx.Now})
	return err
}

// A storage that breaks hits many sites at once: so many of them are told by
// mail within an hour, the others stand on the page of the day.
const (
	damageMails  = 5
	damageWithin = time.Hour
)

// mail tells staff of a damage; %s of subject and title is the site's name.
func (w *ward) mail(ctx context.Context, subject, title, words, next string) error {
	if w.repo.DamageState != string(Sound) {
		n, err := w.tx.CountDamagedSince(ctx, dbq.CountDamagedSinceParams{DestinationID: w.repo.DestinationID, Since: w.tx.Now.Add(-damageWithin)})
		if err != nil || n > damageMails {
			return err
		}
	}
	name := w.t.site.Name
	m := alarm{tenant: w.repo.TenantID, site: w.repo.SiteID, subject: fmt.Sprintf(subject, name), title: fmt.Sprintf(title, name), lines: []string{next}}
	m.facts = [][2]string{{"Site", name}, {"Kind", kindWords(w.repo.Kind)}}
	if words != "" {
		m.facts = append(m.facts, [2]string{"Found", words})
	}
	return w.app.alarmStaff(ctx, w.tx, m)
}

func kindWords(k backup.Kind) string {
	if k == backup.Database {
		return "database"
	}
	return "files"
}

// copyVerified takes in what a look at one copy found.
func (a *App) copyVerified(ctx context.Context, tx *store.Tx, t Task, o TaskOutcome) error {
	if o.Damage != "" {
		return a.copyDamaged(ctx, tx, t, o.Damage)
	}
	if o.Proven {
		_, err := tx.SetVerified(ctx, dbq.SetVerifiedParams{TenantID: t.Row.TenantID, ID: t.Row.CopyID, VerifiedAt: &tx.Now})
		if err != nil {
			return err
		}
	}
	_, err := tx.NoteSample(ctx, dbq.NoteSampleParams{TenantID: t.Row.TenantID, ID: t.Row.RepositoryID, SampledAt: &tx.Now})
	return err
}

// copyDamaged takes in that one copy is damaged: the others of its storage may
// be, and the repair finds out which.
func (a *App) copyDamaged(ctx context.Context, tx *store.Tx, t Task, damage string) error {
	w, err := a.openWard(ctx, tx, t)
	if err != nil {
		return err
	}
	news, err := markDamaged(ctx, tx, t.Row.CopyID, damage)
	if isNoRows(err) {
		return nil
	}
	if err != nil || !news {
		return err
	}
	if err := w.lock(ctx); err != nil {
		return err
	}
	return w.damaged(ctx, clip(damage, 1000))
}
