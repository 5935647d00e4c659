package inplace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// rollBack brings the site to its old state and removes the new one. Every
// part finds out by itself how far things are.
func (w *work) rollBack(ctx context.Context) error {
	err := w.do("return", func() error {
		if err := w.j.enter(StateReturning); err != nil { // the disk may be full; the former state leads back too
			w.Log.Warn("the way back begins without its note", "restore", w.j.ID, "error", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.toOld(ctx); err != nil {
		return err
	}
	if err := w.do("reopen", func() error { return w.reopenLive() }); err != nil {
		return err
	}
	if err := w.removeNew(ctx); err != nil {
		return err
	}
	w.forgetConfig()
	w.j.Note.RolledBack, w.j.Note.Kept = true, []Kept{}
	return w.do("rolled back", func() error { return w.j.enter(StateRolledBack) })
}

// forgetConfig removes the copy's config.php, which holds a password.
func (w *work) forgetConfig() { _ = os.Remove(filepath.Join(w.j.dir, configAside)) }

// toOld puts the old tables, trees and caches in their place.
func (w *work) toOld(ctx context.Context) error {
	if w.j.DB != nil && w.j.Touched {
		if err := w.do("database back", func() error { return w.j.DB.Back(ctx, w.conn) }); err != nil {
			return errs.Wrap(errs.Unavailable, err, "The old tables cannot be put back yet.")
		}
	}
	for _, t := range slices.Backward(w.j.Trees) {
		if t.NewIno == 0 {
			continue
		}
		if err := w.do(t.Name+" back", func() error { return t.put(t.OldIno) }); err != nil {
			return err
		}
	}
	for _, c := range w.j.Clears {
		if err := w.do("caches back", c.unclear); err != nil {
			return errs.Wrap(errs.Unavailable, err, "%s cannot be put back.", c.Path)
		}
	}
	return nil
}

// reopenLive makes the old moodledata as open as it was.
func (w *work) reopenLive() error {
	if w.lost() {
		return nil
	}
	return reopen(w.j.DataRoot, w.j.Page)
}

// removeNew removes the new tables and trees, which are not in the site's place.
func (w *work) removeNew(ctx context.Context) error {
	if w.j.DB != nil {
		if err := w.do("drop new", func() error { return w.j.DB.DropNew(ctx, w.conn) }); err != nil {
			return errs.Wrap(errs.Unavailable, err, "The tables that were loaded cannot be removed yet.")
		}
	}
	for _, t := range w.j.Trees {
		if err := w.do("remove new "+t.Name, func() error { return t.remove(t.NewIno) }); err != nil {
			return err
		}
	}
	return w.do("remove holders", w.removeHolders)
}

// removeHolders removes the folders beside the site, once they are empty.
func (w *work) removeHolders() error {
	for _, dir := range w.j.holders() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.Wrap(errs.Incomplete, err, "%s cannot be removed.", dir)
		}
	}
	return nil
}

func (j *journal) holders() []string {
	var out []string
	for _, t := range j.Trees {
		out = append(out, filepath.Dir(t.Beside))
	}
	for _, c := range j.Clears {
		out = append(out, filepath.Dir(c.Aside))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Recover brings every unfinished journal in dir to its end: the old state, or
// the new one where that was already committed. Of o it takes PHP, Env,
// Override, Allow, Clock, Log and Tell. It may be killed anywhere and called
// again. The error is of the folder alone; a journal's own is in its Recovered.
func Recover(ctx context.Context, dir string, o Options) ([]Recovered, error) {
	list, err := List(dir)
	if err != nil {
		return nil, err
	}
	var out []Recovered
	for _, h := range list {
		if !h.open() {
			continue
		}
		o.Dir, o.ID = dir, h.ID
		r, err := recoverOne(ctx, o)
		if errs.Is(err, errs.Conflict) && r.Was == "" {
			continue // another process is at work on it
		}
		if err != nil {
			r.Error = sentence(err)
			newWork(o).Log.Error("a restore in place cannot be brought to its end yet", "restore", h.ID, "error", err)
		}
		r.Was = h.State
		out = append(out, r)
	}
	return out, nil
}

func recoverOne(ctx context.Context, o Options) (Recovered, error) {
	w, err := resume(o)
	if err != nil {
		return Recovered{}, err
	}
	defer w.j.close()
	r := Recovered{Was: w.j.State}
	switch {
	case !w.j.open():
		r.Words = "It has come to its end meanwhile."
	case w.j.Files != nil:
		r.Words, err = "The files are taken out again; the folder is as it was before.", w.filesBack()
	case w.j.State == StateCommitted:
		r.Words, err = "The copy is in the site's place, and the site is open.", w.open(ctx)
	case w.j.State == StateUndoing:
		r.Words = "The old state is in the site's place again, and the site is open."
		if err = w.reach(ctx); err == nil {
			err = w.undo(ctx)
		}
	case w.j.State == StateSettling:
		r.Words = "What lay aside is removed."
		if err = w.reach(ctx); err == nil {
			err = w.settle(ctx)
		}
	default:
		r.Words = "The restore was broken off. The site is as it was before."
		if !w.j.Touched { // then it can be shown again before its database answers
			err = w.reopenLive()
		}
		if err == nil {
			err = w.reach(ctx)
		}
		if err == nil {
			w.j.Note.Warnings = append(w.j.Note.Warnings, "The restore was broken off by the end of the agent's process.")
			err = w.rollBack(ctx)
		}
	}
	r.Held = w.j.Held
	return r, err
}

// resume opens a journal that was written before.
func resume(o Options) (*work, error) {
	w := newWork(o)
	var err error
	if w.j, err = openJournal(o.Dir, o.ID); err != nil {
		return nil, err
	}
	if w.j.State == "" {
		w.j.close()
		_ = os.RemoveAll(w.j.dir)
		return nil, errs.New(errs.NotFound, "There is no restore %s on this host.", o.ID)
	}
	w.Parts, w.StayClosed = w.j.Parts, w.j.StayClosed
	return w, nil
}

// reach finds the way to the site's database again, by the config.php of
// whichever tree has one. Only a restore that changes the database needs it.
func (w *work) reach(ctx context.Context) error {
	if w.j.DB == nil {
		return nil
	}
	dirs := []string{w.j.CodeDir}
	if t := w.j.treeOf(moodle.RootCode); t != nil {
		dirs = append(dirs, t.spare(), t.Beside)
	}
	var first error
	for _, dir := range dirs {
		in, err := moodle.Inspect(ctx, dir, w.moodleOptions())
		if err == nil {
			if w.conn, err = sitedb.FromMoodle(in.DB); err == nil && w.conn.Name == w.j.DB.Name {
				return nil
			}
		}
		if first == nil {
			first = err
		}
	}
	return errs.Wrap(errs.Unavailable, first, "The site's config.php, which says where its database is, cannot be read.")
}

// Undo puts the old state back after all; the new one lies aside until Settle.
// It needs ID and Dir.
func Undo(ctx context.Context, o Options) (Evidence, error) {
	w, err := resume(o)
	if err != nil {
		return Evidence{}, err
	}
	defer w.j.close()
	if w.j.State == StateUndone {
		return w.j.Note, nil
	}
	if w.j.State != StateKept && w.j.State != StateUndoing {
		return w.j.Note, errs.New(errs.Conflict, "The restore %s cannot be undone: it is %s.", o.ID, w.j.State)
	}
	if w.j.Files != nil {
		return w.j.Note, w.filesUndo()
	}
	if err := w.reach(ctx); err != nil {
		return w.j.Note, err
	}
	if err := w.undoable(); err != nil {
		return w.j.Note, err
	}
	err = w.step(ctx, StepBack, "Bringing the old state back", w.undo)
	return w.j.Note, err
}

// undoable tells whether both states are still where they were left.
func (w *work) undoable() error {
	for _, t := range w.j.Trees {
		if t.Inside {
			continue // the entries are looked at one by one
		}
		if _, ok := t.where(t.OldIno); !ok && t.OldIno != 0 {
			return errs.New(errs.NotFound, "The old %s is not beside the site any more.", t.Name)
		}
		if at, ok := t.where(t.NewIno); w.j.State == StateKept && (!ok || at != t.Live) {
			return errs.New(errs.Conflict, "%s was replaced after the restore; the old state cannot be put in its place.", t.Live)
		}
	}
	return nil
}

// undo closes the site, puts the old state back and opens it again.
func (w *work) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTime)
	defer cancel()
	if w.j.State != StateUndoing {
		if err := w.do("undo", func() error { return w.j.enter(StateUndoing) }); err != nil {
			return err
		}
	}
	if w.j.Page == nil {
		return errs.New(errs.Invalid, "The journal does not say how the site was closed.")
	}
	if err := w.do("close", func() error { return w.shutBoth() }); err != nil {
		return err
	}
	if w.j.DB != nil {
		if err := quiet(ctx, w.conn, w.Grace); err != nil {
			return errs.Wrap(errs.Unavailable, err, "The site's database cannot be reached.")
		}
	}
	if err := w.toOld(ctx); err != nil {
		return err
	}
	w.purge(ctx)
	if err := w.do("reopen", func() error { return w.reopenLive() }); err != nil {
		return err
	}
	w.j.Note.Kept = []Kept{}
	for _, t := range w.j.Trees {
		w.j.Note.Kept = append(w.j.Note.Kept, Kept{What: t.Name, Where: t.Beside})
	}
	if w.j.DB != nil {
		w.j.Note.Kept = append(w.j.Note.Kept, Kept{What: "database", Where: w.j.DB.Aside("n", w.conn)})
	}
	return w.do("undone", func() error { return w.j.enter(StateUndone) })
}

// shutBoth shows the page in both moodledata, so that none is open while they
// are exchanged.
func (w *work) shutBoth() error {
	if _, err := os.Lstat(w.j.DataRoot); err == nil || !w.lost() {
		if err := shut(w.j.DataRoot, w.j.Page); err != nil {
			return err
		}
	}
	t := w.j.treeOf(moodle.RootData)
	if t == nil || t.Inside {
		return nil
	}
	for _, p := range []string{t.Beside, t.spare()} {
		if _, err := os.Lstat(p); err == nil {
			if err := shut(p, w.j.Page); err != nil {
				return err
			}
		}
	}
	return nil
}

// Settle removes what lies aside: the new state is accepted, or it was undone.
// It may be killed anywhere and called again. It needs ID and Dir.
func Settle(ctx context.Context, o Options) error {
	w, err := resume(o)
	if err != nil {
		return err
	}
	defer w.j.close()
	switch w.j.State {
	case StateSettled, StateRolledBack:
		return nil
	case StateKept, StateUndone, StateSettling:
	default:
		return errs.New(errs.Conflict, "The restore %s cannot be settled: it is %s.", o.ID, w.j.State)
	}
	if err := w.reach(ctx); err != nil {
		return err
	}
	return w.step(ctx, StepSettle, "Removing what was kept aside", w.settle)
}

func (w *work) settle(ctx context.Context) error {
	if w.j.Settling == "" {
		w.j.Settling = "old"
		if w.j.State == StateUndone {
			w.j.Settling = "new"
		}
	}
	if err := w.do("settle", func() error { return w.j.enter(StateSettling) }); err != nil {
		return err
	}
	if w.j.Files != nil {
		return w.filesSettle()
	}
	if w.j.Settling == "new" {
		if err := w.removeNew(ctx); err != nil {
			return err
		}
		return w.settled()
	}
	if w.j.DB != nil {
		if err := w.do("drop old", func() error { return w.j.DB.DropOld(ctx, w.conn) }); err != nil {
			return errs.Wrap(errs.Unavailable, err, "The old tables cannot be removed yet.")
		}
	}
	for _, t := range w.j.Trees {
		if err := w.do("remove old "+t.Name, func() error { return t.remove(t.OldIno) }); err != nil {
			return err
		}
	}
	for _, c := range w.j.Clears {
		if err := w.do("remove caches", func() error { return os.RemoveAll(c.Aside) }); err != nil {
			return fmt.Errorf("remove %s: %w", c.Aside, err)
		}
	}
	if err := w.do("remove holders", w.removeHolders); err != nil {
		return err
	}
	return w.settled()
}

func (w *work) settled() error {
	w.forgetConfig()
	w.j.Note.Kept = []Kept{}
	return w.do("settled", func() error { return w.j.enter(StateSettled) })
}
