package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/copyback"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// Bring is one thing to do for a restore, by lease or by a local command. Who
// calls Do holds the site's locks, and has mended its journals.
type Bring struct {
	Kind        string // agentproto.KindRestore, KindFiles, KindSettle or KindUndo
	ID          string // of the restore; names its journal
	Journals    string // folder of the site's journals
	CodeDir     string
	AccountRoot string
	Database    *From // nil: the database stays
	Data        *From // nil: the files stay
	// Named are the files that the database copy names; nil for none.
	Named *From
	Files *agentproto.RestoreFiles
	// AllowUpgrade lets newer code upgrade the database that comes back.
	AllowUpgrade bool
	Roots        Roots
	PHP          string
	Clock        clock.Clock
	Log          *slog.Logger
	Progress     func(agentproto.Progress) // never nil; called often
}

// From is one copy, where it lies, and what was true of it when it was taken.
type From struct {
	agentproto.RestoreFrom
	Location engine.Location
	Password string
}

// Evidence is what a restore did and found; one field is set.
type Evidence struct {
	Restore *inplace.Evidence
	Files   *FilesEvidence
}

// FilesEvidence is the report on files, and where they are.
type FilesEvidence struct {
	inplace.FilesReport
	Into string `json:"into"`
}

// value gives what goes over the wire, nil if there is nothing to show.
func (e Evidence) value() any {
	switch {
	case e.Files != nil:
		return e.Files
	case e.Restore != nil:
		return e.Restore
	}
	return nil
}

// Do does it. After an error the site is as it was before, unless the error's
// code is CodeNotRolledBack.
func (b Bring) Do(ctx context.Context) (Evidence, error) {
	switch b.Kind {
	case agentproto.KindSettle:
		return Evidence{}, b.settle(ctx)
	case agentproto.KindUndo:
		return b.undo(ctx)
	case agentproto.KindFiles:
		return b.files(ctx)
	}
	return b.restore(ctx)
}

// options are what every call of inplace gets.
func (b Bring) options() inplace.Options {
	return inplace.Options{
		ID: b.ID, Dir: b.Journals, CodeDir: b.CodeDir, AccountRoot: b.AccountRoot, PHP: b.PHP,
		Allow: b.Roots.Resolve, AllowUpgrade: b.AllowUpgrade, Clock: b.Clock, Log: b.Log,
	}
}

// restore brings back database, data or both. One that was done already and
// could not tell so is not done again: what its journal proves is told now.
func (b Bring) restore(ctx context.Context) (Evidence, error) {
	if err := b.allowed(ctx); err != nil {
		return Evidence{}, err
	}
	had, err := journal(b.Journals, b.ID)
	if err != nil {
		return Evidence{}, err
	}
	switch had.State {
	case inplace.StateKept:
		_, ev, err := inplace.Report(b.Journals, b.ID)
		if err != nil {
			return Evidence{}, fmt.Errorf("reading what the restore has proved: %w", err)
		}
		return Evidence{Restore: &ev}, nil
	case inplace.StateUndone:
		if err := inplace.Settle(ctx, b.options()); err != nil {
			return Evidence{}, fmt.Errorf("clearing what an earlier try left: %w", err)
		}
	}
	source, shut, err := b.open(ctx)
	if err != nil {
		return Evidence{}, err
	}
	defer shut()
	o := b.options()
	o.Source = source
	o.Parts = inplace.Parts{Database: b.Database != nil, Code: b.Data != nil, Data: b.Data != nil}
	o.Expect = b.expect()
	named, shutNamed := b.named(ctx, source)
	defer shutNamed()
	if named != nil {
		o.Named = named
	}
	tell := newTelling(restoreSteps(b.Database, b.Data, named != nil), b.Clock, b.Progress)
	heavy, err := takeBallast(b.Journals)
	if err != nil {
		return Evidence{}, err
	}
	defer heavy.drop()
	o.Tell = func(s inplace.Step) {
		if s.Name == inplace.StepBack {
			heavy.drop()
		}
		tell.step(s)
	}
	if source.Database != nil {
		if o.Expect.DumpSHA256, o.Expect.DumpBytes, err = source.Database.Sound(ctx, tell.reading); err != nil {
			return Evidence{}, damaged(err)
		}
	}
	if source.Data != nil {
		if o.Expect.Roots, err = source.Data.Repository.Roots(ctx, source.Data.Snapshot); err != nil {
			return Evidence{}, damaged(fmt.Errorf("looking into the data copy: %w", err))
		}
	}
	ev, err := inplace.Run(ctx, o)
	if err == nil {
		return Evidence{Restore: &ev}, nil
	}
	return Evidence{Restore: &ev}, b.failed(ev, err)
}

// allowed resolves what is known of the site against the allowed roots before
// anything of it is read or run. A site that is too broken to be inspected is
// left to the checks of inplace, which resolve every path again.
func (b Bring) allowed(ctx context.Context) error {
	_, err := inspectSite(ctx, b.Roots, b.CodeDir, b.AccountRoot, moodle.Options{PHP: b.PHP})
	var outside *outsideError
	if errors.As(err, &outside) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		b.Log.Warn("the site cannot be inspected as it is; its restore will say more", "error", err)
	}
	return nil
}

// open opens the repositories of the copies. shut closes them.
func (b Bring) open(ctx context.Context) (s copyback.Source, shut func(), err error) {
	var opened []*engine.Repository
	shut = func() {
		for _, r := range opened {
			if err := r.Close(context.WithoutCancel(ctx)); err != nil {
				b.Log.Warn("a repository could not be closed", "error", err)
			}
		}
	}
	for _, f := range []struct {
		from *From
		to   **copyback.Copy
		what string
	}{{b.Database, &s.Database, "database"}, {b.Data, &s.Data, "data"}} {
		if f.from == nil {
			continue
		}
		r, err := engine.Open(ctx, f.from.Location, f.from.Password)
		if err != nil {
			shut()
			return s, func() {}, fmt.Errorf("opening the %s repository: %w", f.what, err)
		}
		opened = append(opened, r)
		*f.to = &copyback.Copy{Repository: r, Snapshot: f.from.Snapshot, SHA256: f.from.SHA256, Bytes: f.from.Bytes}
	}
	return s, shut, nil
}

// expect is what the copies' own records say of them.
func (b Bring) expect() inplace.Expect {
	var e inplace.Expect
	if d := b.Database; d != nil {
		for _, t := range d.Tables {
			e.Tables = append(e.Tables, sitedb.Table(t))
		}
		e.Flavour = flavourOf(d.Facts.DBType)
		e.ServerVersion, e.ClientVersion = d.Facts.ServerVersion, d.Facts.ClientVersion
		e.DBVersion, e.AllVersionsHash = d.Facts.DBVersion, d.Facts.AllVersionsHash
	}
	if d := b.Data; d != nil {
		e.CodeVersion, e.Files, e.Bytes = d.Facts.Version, d.Files, d.Bytes
	}
	return e
}

// flavourOf is "" for a type of database that is not known.
func flavourOf(dbtype string) sitedb.Flavour {
	c, err := sitedb.FromMoodle(moodle.Database{Type: dbtype, Name: "any"})
	if err != nil {
		return ""
	}
	return c.Flavour
}

// failed gives an error of inplace its code.
func (b Bring) failed(ev inplace.Evidence, err error) error {
	had, jerr := journal(b.Journals, b.ID)
	if jerr != nil || (had.State != "" && !finished(had.State)) {
		return &codedError{code: CodeNotRolledBack, err: errors.Join(err, jerr)}
	}
	var outside *outsideError
	if errors.As(err, &outside) {
		return err
	}
	switch {
	case len(ev.Checks.Failed()) > 0 && len(ev.Steps) <= 1:
		return &codedError{code: CodeCheckFailed, err: err}
	case errs.Is(err, errs.Incomplete):
		return &codedError{code: CodeNotVerified, err: err}
	case ev.RolledBack:
		return &codedError{code: CodeRolledBack, err: err}
	}
	return err
}

// damaged gives a copy that cannot be had back its code.
func damaged(err error) error {
	if errs.Is(err, errs.Incomplete) || errs.Is(err, errs.NotFound) {
		return &codedError{code: CodeCopyDamaged, err: err}
	}
	return err
}

// settle removes what a restore kept aside. One that is settled already, or
// kept nothing, is settled.
func (b Bring) settle(ctx context.Context) error {
	had, err := journal(b.Journals, b.ID)
	if err != nil || had.State == "" || had.State == inplace.StateSettled {
		return err
	}
	b.Progress(agentproto.Progress{Phase: inplace.StepSettle, Detail: "Removing what was kept of the state before the restore", Step: 1, Steps: 1})
	if err := inplace.Settle(ctx, b.options()); err != nil {
		return fmt.Errorf("removing what the restore kept aside: %w", err)
	}
	return nil
}

// undo puts the old state back.
func (b Bring) undo(ctx context.Context) (Evidence, error) {
	had, err := journal(b.Journals, b.ID)
	if err != nil {
		return Evidence{}, err
	}
	if had.State == "" || had.State == inplace.StateSettled || had.State == inplace.StateRolledBack {
		return Evidence{}, &codedError{code: CodeNothingKept, err: errs.New(errs.NotFound,
			"Nothing of the state before this restore is kept on the host any more; its safety copy is the way back.")}
	}
	if had.State == inplace.StateUndone {
		_, ev, err := inplace.Report(b.Journals, b.ID)
		if err != nil {
			return Evidence{}, fmt.Errorf("reading what the undo has proved: %w", err)
		}
		return Evidence{Restore: &ev}, nil
	}
	o := b.options()
	tell := newTelling(nil, b.Clock, b.Progress)
	o.Tell = tell.step
	ev, err := inplace.Undo(ctx, o)
	if err != nil {
		return Evidence{Restore: &ev}, b.failed(ev, err)
	}
	return Evidence{Restore: &ev}, nil
}
