package inplace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// Run restores. On an error, or when ctx ends, the site is brought back to its
// old state before Run returns (Evidence.RolledBack); where even that fails,
// the journal stays open for Recover. Errors: errs.Conflict (a check failed),
// errs.Incomplete (the copy is damaged or does not agree).
func Run(ctx context.Context, o Options) (Evidence, error) {
	w := newWork(o)
	var err error
	if w.j, err = openJournal(o.Dir, o.ID); err != nil {
		return Evidence{}, err
	}
	defer w.j.close()
	if w.j.holds() {
		return w.j.Note, errs.New(errs.Conflict, "The restore %s has been begun before (it is %s).", o.ID, w.j.State)
	}
	began := w.Clock.Now()
	dir, lock := w.j.dir, w.j.lock
	*w.j = journal{dir: dir, lock: lock, StayClosed: o.StayClosed, Held: Held{ID: o.ID, CodeDir: o.CodeDir, Parts: o.Parts, Began: began}}
	w.j.Note = Evidence{ID: o.ID, Parts: o.Parts, Began: began, Kept: []Kept{}, Warnings: []string{}}
	err = w.step(ctx, StepCheck, "Looking at the site", w.prepare)
	if err != nil {
		w.j.Note.Ended = w.Clock.Now()
		return w.j.Note, err // nothing was changed, and no journal is there
	}
	if err = w.forth(ctx); err != nil {
		return w.failed(ctx, err)
	}
	return w.j.Note, nil
}

// prepare checks, and writes the journal's first entry.
func (w *work) prepare(ctx context.Context) error {
	checks, err := w.check(ctx)
	w.j.Note.Checks = checks
	if err != nil {
		return err
	}
	if failed := checks.Failed(); len(failed) > 0 {
		return errs.New(errs.Conflict, "%s", failed[0].Words)
	}
	for _, c := range checks {
		if c.Outcome == Warn {
			w.warn("%s", c.Words)
		}
	}
	w.j.CodeDir, w.j.DataRoot = w.in.CodeDir, w.in.DataRoot
	if w.j.DB != nil {
		w.j.Note.Way = w.j.DB.Way
	}
	w.planClears()
	return w.do("begin", func() error { return w.j.enter(StatePreparing) })
}

// forth goes all the way to the new state.
func (w *work) forth(ctx context.Context) error {
	type stage struct {
		name, words string
		do          func(context.Context) error
	}
	all := []stage{{StepFiles, "Bringing the files back beside the site's", w.buildAll}}
	if w.j.DB != nil {
		all = append(all, stage{StepLoad, "Loading the database", w.loadBefore})
	}
	if w.Named != nil {
		all = append(all, stage{StepNamed, "Bringing back files that the database names", w.bringNamed})
	}
	all = append(all, stage{StepClose, "Showing visitors the maintenance page", w.closeSite})
	if w.j.DB != nil && w.loadsInPlace() {
		all = append(all, stage{StepLoad, "Loading the database", w.loadInPlace})
	}
	all = append(all,
		stage{StepSwitch, "Putting the copy in the site's place", w.switchAll},
		stage{StepClear, "Emptying the site's caches", w.clearAll},
		stage{StepVerify, "Comparing the site with the copy", w.verify},
		stage{StepUpgrade, "Looking whether Moodle must upgrade its database", w.upgrade},
		stage{StepMoodle, "Running Moodle's own checks", w.moodleSteps},
		stage{StepOpen, "Opening the site", w.open})
	for _, s := range all {
		if s.name == StepFiles && len(w.j.Trees) == 0 {
			continue
		}
		if err := w.step(ctx, s.name, s.words, s.do); err != nil {
			return err
		}
	}
	return nil
}

// failed brings the site back after an error, unless the new state was
// committed already: then it only remains to be opened.
func (w *work) failed(ctx context.Context, cause error) (Evidence, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTime)
	defer cancel()
	w.Log.Error("restore in place failed", "restore", w.j.ID, "error", cause)
	if w.j.State == StateCommitted {
		if err := w.open(ctx); err != nil {
			return w.j.Note, errs.Wrap(errs.Incomplete, errors.Join(cause, err), "The copy is in the site's place, but the site could not be opened: %s", sentence(err))
		}
		return w.j.Note, nil
	}
	w.j.Note.Ended = w.Clock.Now()
	err := w.step(ctx, StepBack, "Bringing the site back to its old state", w.rollBack)
	w.j.Note.Ended = w.Clock.Now()
	if err != nil {
		w.Log.Error("the way back failed; it is tried again at the agent's next start", "restore", w.j.ID, "error", err)
		return w.j.Note, errs.Wrap(errs.Incomplete, errors.Join(cause, err), "The restore failed (%s), and the site could not be brought back yet: %s", sentence(cause), sentence(err))
	}
	kind := errs.KindOf(cause)
	if kind == errs.Other {
		kind = errs.Unavailable
	}
	if errors.Is(cause, context.Canceled) {
		return w.j.Note, errs.Wrap(kind, cause, "The restore was stopped. The site is as it was before.")
	}
	said := sentence(cause)
	if errs.KindOf(cause) == errs.Other { // no sentence of its own: where it was says more than that it failed
		said = "It failed at this: " + w.lastTold() + ". The cause is in the host's log."
	}
	return w.j.Note, errs.Wrap(kind, cause, "%s The site is as it was before.", said)
}

// lastTold is the step that failed, in its words.
func (w *work) lastTold() string {
	for _, s := range slices.Backward(w.j.Note.Steps) {
		if s.Outcome == Fail && s.Name != StepBack {
			words, _, _ := strings.Cut(s.Words, ": ")
			return words
		}
	}
	return "its beginning"
}

// buildAll builds every new tree beside the old one.
func (w *work) buildAll(ctx context.Context) error {
	var doneFiles, doneBytes, total int64
	sizes, known := w.sizes()
	for _, s := range sizes {
		total += s.Files
	}
	for _, t := range w.j.Trees {
		if err := w.do("build "+t.Name, func() error { return w.begin(t) }); err != nil {
			return fmt.Errorf("make the new %s: %w", t.Name, err)
		}
		var files, bytes int64
		err := w.Source.Tree(ctx, t.Name, t.Beside, func(f, all, b, _ int64) {
			files, bytes = max(files, f), max(bytes, b)
			of := total
			if !known { // the record's sum may speak of roots that do not come back
				of = doneFiles + all
			}
			w.tell(StepFiles, "Bringing the files back", doneFiles+files, of, "files")
		})
		if err != nil {
			return fmt.Errorf("bring back the root %s: %w", t.Name, err)
		}
		if err := t.isOurs(); err != nil {
			return err
		}
		doneFiles, doneBytes = doneFiles+files, doneBytes+bytes
		ref := map[string]string{moodle.RootCode: "lib/setup.php", moodle.RootData: "filedir"}[t.Name]
		if err := w.do("dress "+t.Name, func() error { return t.dress(ref, filepath.Join(w.in.CodeDir, "config.php")) }); err != nil {
			return err
		}
	}
	w.j.Note.Files, w.j.Note.Bytes = doneFiles, doneBytes
	return w.fitsCode()
}

// begin makes an empty folder for a new tree and notes its number.
func (w *work) begin(t *tree) error {
	if err := makeHolder(filepath.Dir(t.Beside)); err != nil {
		return err
	}
	if err := os.Mkdir(t.Beside, 0o700); err != nil {
		return err
	}
	var err error
	if t.NewIno, err = inode(t.Beside); err != nil {
		return err
	}
	return w.j.save()
}

// fitsCode holds the code that came against what the copy's record says.
func (w *work) fitsCode() error {
	t := w.j.treeOf(moodle.RootCode)
	if t == nil {
		return nil
	}
	v, err := codeVersion(t.Beside)
	if err != nil {
		return errs.Wrap(errs.Incomplete, err, "What the copy holds as code is no Moodle.")
	}
	if w.Expect.CodeVersion != "" && compareVersions(v, w.Expect.CodeVersion) != 0 {
		return errs.New(errs.Incomplete, "The copy's code is of version %s, and its record says %s.", v, w.Expect.CodeVersion)
	}
	w.j.Note.CodeVersion = v
	return nil
}

// closeSite shows the maintenance page, in the old moodledata and in the new
// one, and waits until nothing of the site is at work any more.
func (w *work) closeSite(ctx context.Context) error {
	lost := w.lost()
	p := &page{UID: w.in.OwnerUID, GID: w.in.OwnerGID, Mode: 0o644}
	if !lost {
		var err error
		if p, err = readPage(w.j.DataRoot); err != nil {
			return err
		}
	}
	w.j.Page = p
	if err := w.do("note page", w.j.save); err != nil {
		return err
	}
	if p.Was {
		w.warn("The site showed its maintenance page already when the restore began.")
	}
	if !lost {
		if err := w.do("close", func() error { return shut(w.j.DataRoot, p) }); err != nil {
			return err
		}
	}
	w.closedAt = w.Clock.Now()
	if t := w.j.treeOf(moodle.RootData); t != nil && !t.Inside {
		if err := w.do("close new", func() error { return shut(t.Beside, p) }); err != nil {
			return err
		}
	}
	if w.conn.Name == "" {
		return nil
	}
	return quiet(ctx, w.conn, w.Grace)
}

// lost tells whether the site's moodledata was not there when the restore
// began: then the site is closed anyway.
func (w *work) lost() bool {
	t := w.j.treeOf(moodle.RootData)
	return t != nil && t.OldIno == 0
}

// switchAll puts the new in the place of the old, behind the page.
func (w *work) switchAll(ctx context.Context) error {
	if err := w.carry(ctx); err != nil {
		return err
	}
	if w.j.DB != nil {
		if err := w.touch(ctx); err != nil {
			return err
		}
		if err := w.do("switch database", func() error { return w.j.DB.Switch(ctx, w.conn) }); err != nil {
			return fmt.Errorf("switch the database: %w", err)
		}
	} else if err := w.touch(ctx); err != nil {
		return err
	}
	for _, t := range w.j.Trees {
		if t.Inside {
			if err := w.do("list "+t.Name, func() error { return errors.Join(t.list(), w.j.save()) }); err != nil {
				return fmt.Errorf("list what is in %s: %w", t.Name, err)
			}
		}
		if err := w.do("switch "+t.Name, func() error { return t.put(t.NewIno) }); err != nil {
			return fmt.Errorf("switch %s: %w", t.Name, err)
		}
	}
	return nil
}

// touch notes that from here on the site may be partly new.
func (w *work) touch(ctx context.Context) error {
	if w.j.Touched {
		return nil
	}
	if w.j.DB != nil {
		if err := w.j.DB.NoteOld(ctx, w.conn); err != nil {
			return fmt.Errorf("list the site's tables: %w", err)
		}
	}
	w.j.Touched = true
	return w.do("touch", func() error { return w.j.enter(StateSwitching) })
}

// open commits the new state and shows the site again.
func (w *work) open(ctx context.Context) error {
	if w.j.State != StateCommitted {
		w.noteKept()
		if err := w.do("commit", func() error { return w.j.enter(StateCommitted) }); err != nil {
			return err
		}
	}
	if !w.StayClosed {
		if err := w.do("open", func() error { return w.unlockLive() }); err != nil {
			return err
		}
	}
	w.j.Note.Ended = w.Clock.Now()
	if !w.closedAt.IsZero() {
		w.j.Note.ClosedFor = seconds(w.j.Note.Ended.Sub(w.closedAt))
	}
	return w.do("keep", func() error { return w.j.enter(StateKept) })
}

func (w *work) unlockLive() error {
	root, err := os.OpenRoot(w.j.DataRoot)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "moodledata, %s, cannot be entered.", w.j.DataRoot)
	}
	defer root.Close() //nolint:errcheck // errors came before
	return unlock(root)
}

// noteKept says what lies aside until it is settled.
func (w *work) noteKept() {
	w.j.Note.Kept = []Kept{}
	for _, t := range w.j.Trees {
		where := t.Beside
		if t.Inside {
			where = t.aside()
		}
		w.j.Note.Kept = append(w.j.Note.Kept, Kept{What: t.Name, Where: where})
	}
	if w.j.DB != nil {
		w.j.Note.Kept = append(w.j.Note.Kept, Kept{What: "database", Where: w.j.DB.Aside("o", w.conn)})
	}
}
