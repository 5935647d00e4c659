package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// formatBlob is the file by which a folder is known to be a repository.
const formatBlob = "kopia.repository.f"

// Local works on repositories in a folder of this machine, with no control
// plane: DIR/database and DIR/data, or DIR itself where DIR is a repository,
// as under a vault's folder.
type Local struct {
	Dir      string
	Password string
	PHP      string
	Clock    clock.Clock
	Log      *slog.Logger
	Progress func(agentproto.Progress) // never nil
}

// LocalCopy is one copy, as the local commands print it.
type LocalCopy struct {
	Copy        string                `json:"copy"`
	Kind        string                `json:"kind"`
	Source      string                `json:"source"`
	TakenAt     time.Time             `json:"taken_at"`
	Seconds     float64               `json:"seconds"`
	Files       int64                 `json:"files"`
	Bytes       int64                 `json:"bytes"`
	StoredBytes int64                 `json:"stored_bytes"`
	SHA256      string                `json:"sha256,omitempty"`
	Vanished    int64                 `json:"vanished"`
	Problems    []agentproto.Problem  `json:"problems"`
	Excluded    []agentproto.Excluded `json:"excluded,omitempty"`
	Tables      []agentproto.Table    `json:"tables,omitempty"`
	Facts       *agentproto.Facts     `json:"facts,omitempty"`
	// References and Signals are told of a copy that was just taken.
	References *agentproto.References `json:"references,omitempty"`
	Signals    *agentproto.Signals    `json:"signals,omitempty"`
	Outcome    string                 `json:"outcome"`
}

// direct tells whether Dir is itself a repository.
func (l Local) direct() bool {
	_, err := os.Stat(filepath.Join(l.Dir, formatBlob))
	return err == nil
}

func (l Local) location(kind string) engine.Location {
	dir := l.Dir
	if !l.direct() {
		dir = filepath.Join(dir, kind)
	}
	return engine.Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: dir}}
}

// open opens the repository of a kind. errs.NotFound means there is none.
func (l Local) open(ctx context.Context, kind string) (*engine.Repository, error) {
	at := l.location(kind)
	if _, err := os.Stat(filepath.Join(at.Backend.Path, formatBlob)); errors.Is(err, fs.ErrNotExist) {
		if headless(at.Backend.Path) {
			return nil, errs.Wrap(errs.Incomplete, err, "%s holds blobs of a repository, but its %s is gone: without it none of them can be read. Put that file back from another copy of the repository.", at.Backend.Path, formatBlob)
		}
		return nil, errs.Wrap(errs.NotFound, err, "There is no repository in %s.", at.Backend.Path)
	}
	r, err := engine.Open(ctx, at, l.Password)
	if err != nil {
		return nil, fmt.Errorf("opening the repository %s: %w", at.Backend.Path, err)
	}
	return r, nil
}

// headless tells whether a folder holds a repository's blobs without the one
// by which they are read: that is damage, and no place for a new repository.
func headless(dir string) bool {
	for _, blobs := range []string{"p", "q", "x"} {
		if fi, err := os.Stat(filepath.Join(dir, blobs)); err == nil && fi.IsDir() {
			return true
		}
	}
	return false
}

// kinds names the repositories to look at.
func (l Local) kinds() []string {
	if l.direct() {
		return []string{agentproto.KindDatabase} // one repository; the name plays no part
	}
	return []string{agentproto.KindDatabase, agentproto.KindData}
}

// each calls do with every repository there is.
func (l Local) each(ctx context.Context, do func(*engine.Repository) error) error {
	found := false
	for _, kind := range l.kinds() {
		r, err := l.open(ctx, kind)
		if errs.Is(err, errs.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		found = true
		err = do(r)
		if closeErr := r.Close(context.WithoutCancel(ctx)); err == nil && closeErr != nil {
			err = fmt.Errorf("closing the repository: %w", closeErr)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return errs.New(errs.NotFound, "There is no repository in %s: it holds neither %s nor database/ or data/ with one.", l.Dir, formatBlob)
	}
	return nil
}

// Backup takes one copy of a site into the folder, making the repository if
// there is none. A copy with problems is returned with outcome incomplete.
func (l Local) Backup(ctx context.Context, kind, codeDir, accountRoot string) (LocalCopy, error) {
	abs, err := filepath.Abs(l.Dir)
	if err != nil {
		return LocalCopy{}, fmt.Errorf("finding %s: %w", l.Dir, err)
	}
	l.Dir = abs
	codeDir, accountRoot, err = absolute(codeDir, accountRoot)
	if err != nil {
		return LocalCopy{}, err
	}
	code, err := Roots{Everywhere: true}.Resolve("The code folder", codeDir)
	if err != nil {
		return LocalCopy{}, err
	}
	// Before a repository is made: a slip of the hand should leave nothing behind.
	if _, err := inspectSite(ctx, Roots{Everywhere: true}, codeDir, accountRoot, l.inspection()); err != nil {
		return LocalCopy{}, err
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return LocalCopy{}, errs.Wrap(errs.Invalid, err, "Cannot make the folder %s.", l.Dir)
	}
	held, err := lockFile(ctx, l.Dir, 0)
	if errs.Is(err, errs.Conflict) {
		return LocalCopy{}, errs.Wrap(errs.Conflict, err, "Another backup writes to %s at this moment.", l.Dir)
	}
	if err != nil {
		return LocalCopy{}, err
	}
	defer held.release()
	if err := l.ready(ctx, kind); err != nil {
		return LocalCopy{}, err
	}
	c, err := Take(ctx, Work{
		Kind: kind, Source: localSource(code), CodeDir: codeDir, AccountRoot: accountRoot, Roots: Roots{Everywhere: true},
		Location: l.location(kind), Password: l.Password, PHP: l.PHP, Clock: l.Clock, Log: l.Log, Progress: l.Progress,
		Files: l.files(ctx, kind),
	})
	if err != nil {
		return LocalCopy{}, err
	}
	return localCopy(c, kind, localSource(code)), nil
}

func absolute(codeDir, accountRoot string) (code, root string, err error) {
	if code, err = filepath.Abs(codeDir); err != nil {
		return "", "", fmt.Errorf("finding %s: %w", codeDir, err)
	}
	if accountRoot == "" {
		return code, "", nil
	}
	if root, err = filepath.Abs(accountRoot); err != nil {
		return "", "", fmt.Errorf("finding %s: %w", accountRoot, err)
	}
	return code, root, nil
}

func localCopy(c agentproto.Copy, kind, source string) LocalCopy {
	out := LocalCopy{
		Copy: c.Snapshot, Kind: kind, Source: source, TakenAt: c.TakenAt, Seconds: c.Seconds, Files: c.Files, Bytes: c.Bytes,
		StoredBytes: c.StoredBytes, SHA256: c.SHA256, Vanished: c.Vanished, Problems: c.Problems, Excluded: c.Excluded,
		Tables: c.Tables, Facts: &c.Facts, Outcome: agentproto.OutcomeGood, References: c.References, Signals: c.Signals,
	}
	if len(c.Problems) > 0 {
		out.Outcome = agentproto.OutcomeIncomplete
	}
	return out
}

// ready makes the repository of a kind if there is none, and refuses one of
// the other kind.
func (l Local) ready(ctx context.Context, kind string) error {
	at := l.location(kind)
	there, err := engine.Exists(ctx, at)
	if err != nil {
		return fmt.Errorf("looking for a repository in %s: %w", at.Backend.Path, err)
	}
	if !there {
		if headless(at.Backend.Path) {
			_, err := l.open(ctx, kind)
			return err
		}
		if err := engine.Create(ctx, at, l.Password, engine.Kind(kind)); err != nil {
			return fmt.Errorf("making the repository %s: %w", at.Backend.Path, err)
		}
		return nil
	}
	if !l.direct() {
		return nil
	}
	return l.each(ctx, func(r *engine.Repository) error {
		list, err := r.List(ctx)
		if err == nil && len(list) > 0 && string(list[0].Kind) != kind {
			return errs.New(errs.Conflict, "%s is a repository of %s copies; a %s copy does not go there.", l.Dir, list[0].Kind, kind)
		}
		return err
	})
}

// List gives every copy of the folder, oldest first.
func (l Local) List(ctx context.Context) ([]LocalCopy, error) {
	out := []LocalCopy{}
	err := l.each(ctx, func(r *engine.Repository) error {
		list, err := r.List(ctx)
		if err != nil {
			return fmt.Errorf("listing the copies: %w", err)
		}
		for _, s := range list {
			if !besideACopy(s.Source) {
				out = append(out, listed(s))
			}
		}
		return nil
	})
	sort.SliceStable(out, func(i, j int) bool { return out[i].TakenAt.Before(out[j].TakenAt) })
	return out, err
}

func listed(s engine.Snapshot) LocalCopy {
	c := LocalCopy{
		Copy: s.ID, Kind: string(s.Kind), Source: s.Source, TakenAt: s.TakenAt, Seconds: s.EndedAt.Sub(s.TakenAt).Seconds(),
		Files: s.Files, Bytes: s.Bytes, StoredBytes: s.StoredBytes, SHA256: s.SHA256, Vanished: s.Vanished,
		Problems: []agentproto.Problem{}, Outcome: agentproto.OutcomeGood,
	}
	for _, p := range s.Problems {
		c.Problems = append(c.Problems, agentproto.Problem(p))
	}
	if len(s.Problems) > 0 || s.ProblemCount > 0 {
		c.Outcome = agentproto.OutcomeIncomplete
	}
	return c
}

// find opens the repository that holds a copy; id may be cut short as long as
// it names one copy only. The caller closes it.
func (l Local) find(ctx context.Context, id string) (*engine.Repository, engine.Snapshot, error) {
	all, err := l.List(ctx)
	if err != nil {
		return nil, engine.Snapshot{}, err
	}
	var match []LocalCopy
	for _, c := range all {
		if c.Copy == id {
			match = []LocalCopy{c}
			break
		}
		if len(id) >= 6 && strings.HasPrefix(c.Copy, id) {
			match = append(match, c)
		}
	}
	if len(match) != 1 {
		what := "There is no copy %s in %s; list them with: holdfast-agent local list."
		if len(match) > 1 {
			what = "The id %s names several copies in %s; give more of it."
		}
		return nil, engine.Snapshot{}, errs.New(errs.NotFound, what, clip(id, 80), l.Dir)
	}
	r, err := l.open(ctx, match[0].Kind)
	if err != nil {
		return nil, engine.Snapshot{}, err
	}
	list, err := r.List(ctx)
	for _, s := range list {
		if s.ID == match[0].Copy {
			return r, s, nil
		}
	}
	_ = r.Close(context.WithoutCancel(ctx))
	return nil, engine.Snapshot{}, errors.Join(err, errs.New(errs.NotFound, "The copy %s is gone.", match[0].Copy))
}

// CheckKind wants one of the kinds of copies.
func CheckKind(kind string) error {
	if kind != agentproto.KindDatabase && kind != agentproto.KindData {
		return errs.Field("kind", "must be database or data")
	}
	return nil
}
