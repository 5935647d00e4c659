package agent

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/vault"
)

// Phases of a run, as the protocol names them.
const (
	phaseInspecting = "inspecting"
	phaseDumping    = "dumping"
	phaseWalking    = "walking"
	phaseStoring    = "storing"
	phaseChecking   = "checking"
)

// maxProblems is the most problems that a result names one by one.
const maxProblems = 1000

// Work is one copy to take, by lease or by a local command.
type Work struct {
	Kind        string // agentproto.KindDatabase or KindData
	Source      string // whose snapshots follow each other: the site's id
	CodeDir     string
	AccountRoot string // "" if the site has none
	Roots       Roots  // what may be read
	Location    engine.Location
	Password    string // of the repository
	PHP         string
	// Exclusions are the site's own, beside the policy's; nil for none.
	Exclusions *agentproto.Exclusions
	// Reading says how much of a data copy is looked at anew; see
	// agentproto.ReadingFast.
	Reading string
	// Files is the site's data repository, in which a database copy keeps the
	// files that it names; nil where that is not wanted.
	Files    *Store
	Clock    clock.Clock
	Log      *slog.Logger
	Progress func(agentproto.Progress) // never nil; called often
}

// Store is a repository and its password.
type Store struct {
	Location engine.Location
	Password string
}

// site is what a lease's paths turned out to be.
type site struct {
	install     moodle.Install
	accountRoot string
	exclusions  *agentproto.Exclusions // the site's own; nil for none
}

// inspect resolves every path of the work against the allowed roots, before
// anything of the site is read or run, and again for what config.php names.
func (w Work) inspect(ctx context.Context) (site, error) {
	w.Progress(agentproto.Progress{Phase: phaseInspecting})
	s, err := inspectSite(ctx, w.Roots, w.CodeDir, w.AccountRoot, moodle.Options{PHP: w.PHP})
	s.exclusions = w.Exclusions
	return s, err
}

func inspectSite(ctx context.Context, roots Roots, codeDir, accountRoot string, opt moodle.Options) (site, error) {
	var s site
	code, err := roots.Resolve("The code folder", codeDir)
	if err != nil {
		return s, err
	}
	if accountRoot != "" {
		if s.accountRoot, err = roots.Resolve("The account root", accountRoot); err != nil {
			return s, err
		}
	}
	// The public folder of a 5.1 site stands for its parent; and config.php
	// may be a link. Both are looked at before PHP runs anything.
	top, _, err := moodle.Detect(code)
	if err != nil {
		return s, fmt.Errorf("looking for Moodle: %w", err)
	}
	if _, err := roots.Resolve("The code folder", top); err != nil {
		return s, err
	}
	if _, err := roots.Resolve("The file", filepath.Join(top, "config.php")); err != nil {
		return s, err
	}
	if s.install, err = moodle.Inspect(ctx, top, opt); err != nil {
		return s, fmt.Errorf("inspecting the site: %w", err)
	}
	if s.install.DataRoot == "" {
		return s, nil
	}
	real, err := roots.Resolve("The site's moodledata", s.install.DataRoot)
	if errs.Is(err, errs.NotFound) {
		return s, nil // allowed, but gone: its database can still be saved
	}
	if err != nil {
		return s, err
	}
	s.install.DataRoot = real
	return s, nil
}

// plan makes the plan of a data copy with every path resolved and allowed.
func (s site) plan(roots Roots) (moodle.Plan, error) {
	p, err := s.install.Plan(s.accountRoot)
	if err != nil {
		return p, fmt.Errorf("planning the data copy: %w", err)
	}
	for i, r := range p.Roots {
		real, err := roots.Resolve("The site's "+r.Name+" folder", r.Path)
		if err != nil {
			return p, err
		}
		for j := range p.Roots {
			for k, skipped := range p.Roots[j].Skip {
				if skipped == r.Path {
					p.Roots[j].Skip[k] = real
				}
			}
		}
		p.Roots[i].Path = real
	}
	return s.leaveOut(p), nil
}

// Take takes the copy. A copy with Problems is stored, but incomplete. An
// error means that nothing usable is stored.
func Take(ctx context.Context, w Work) (agentproto.Copy, error) {
	began := w.Clock.Now()
	s, err := w.inspect(ctx)
	if err != nil {
		return agentproto.Copy{}, err
	}
	repository, err := engine.Open(ctx, w.Location, w.Password)
	if err != nil {
		return agentproto.Copy{}, fmt.Errorf("opening the repository: %w", err)
	}
	var c agentproto.Copy
	if w.Kind == agentproto.KindDatabase {
		c, err = w.takeDatabase(ctx, s, repository)
	} else {
		c, err = w.takeData(ctx, s, repository)
	}
	if closeErr := repository.Close(context.WithoutCancel(ctx)); err == nil && closeErr != nil {
		err = fmt.Errorf("closing the repository: %w", closeErr)
	}
	if err != nil {
		return agentproto.Copy{}, err
	}
	c.TakenAt = began
	c.Seconds = w.Clock.Now().Sub(began).Seconds()
	return c, nil
}

// takeData stores the site's files as one snapshot.
func (w Work) takeData(ctx context.Context, s site, r *engine.Repository) (agentproto.Copy, error) {
	var c agentproto.Copy
	plan, err := s.plan(w.Roots)
	if err != nil {
		return c, err
	}
	plan = w.leaveOutRepository(plan)
	w.Progress(agentproto.Progress{Phase: phaseWalking})
	excluded, err := plan.Measure(ctx)
	if err != nil {
		return c, fmt.Errorf("measuring what the policy leaves out: %w", err)
	}
	before, err := w.newestData(ctx, r)
	if err != nil {
		return c, err
	}
	seen := &watching{}
	snap, err := r.StoreTree(ctx, engine.TreeOptions{
		Source: w.Source, Roots: engineRoots(plan, s.install.FileDir), Fast: w.Reading == agentproto.ReadingFast, TakenAt: w.Clock.Now(), Previous: w.Reading != agentproto.ReadingAll, Watch: seen.saw,
		Progress: func(p engine.Progress) {
			w.Progress(agentproto.Progress{Phase: phaseStoring, DoneFiles: p.DoneFiles, TotalFiles: p.TotalFiles, DoneBytes: p.DoneBytes, TotalBytes: p.TotalBytes})
		},
	})
	if err != nil {
		return c, fmt.Errorf("storing the files: %w", err)
	}
	// A folder can have been swapped for a link while it was read. Then the
	// snapshot may hold what it must not, and never becomes a copy.
	if again, err := s.plan(w.Roots); err != nil {
		return c, err
	} else if !sameRoots(plan, again) {
		return c, errs.New(errs.Conflict, "The site's folders were moved while they were copied; the copy is not counted.")
	}
	c = copyOf(snap, s.install)
	c.Excluded = protoExcluded(excluded, c.Bytes)
	// Read last: code that was replaced under the copy makes it one of after
	// the change, and what is protected is the copy before it.
	if err := notePlugins(ctx, &c.Facts, s.install); err != nil {
		return c, err
	}
	if c.Signals, err = w.signals(ctx, s, snap, seen, before == ""); err != nil {
		return c, err
	}
	c.Facts.Warnings = append(c.Facts.Warnings, plan.Warnings...)
	for _, e := range excluded {
		if e.Unreadable > 0 {
			c.Facts.Warnings = append(c.Facts.Warnings, fmt.Sprintf("%d folders below %s, which is left out, could not be counted.", e.Unreadable, e.Path))
		}
	}
	if snap.Special > 0 {
		c.Facts.Warnings = append(c.Facts.Warnings, fmt.Sprintf("%d sockets, pipes or devices among the files are not stored.", snap.Special))
	}
	return c, nil
}

// leaveOutRepository keeps a repository that lies in one of the site's own
// folders from being copied into itself.
func (w Work) leaveOutRepository(p moodle.Plan) moodle.Plan {
	if w.Location.Backend == nil || w.Location.Backend.Kind != vault.Filesystem {
		return p
	}
	at := resolved(w.Location.Backend.Path)
	for i, r := range p.Roots {
		rel, err := filepath.Rel(r.Path, at)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			continue
		}
		p.Roots[i].ExcludePaths = append(slices.Clone(r.ExcludePaths), filepath.ToSlash(rel))
		p.Warnings = append(p.Warnings, "The repository lies in the site's own "+r.Name+" folder; it is left out of the copy. Keep it elsewhere: what destroys the site destroys it too.")
	}
	return p
}

func sameRoots(a, b moodle.Plan) bool {
	if len(a.Roots) != len(b.Roots) {
		return false
	}
	for i := range a.Roots {
		if a.Roots[i].Path != b.Roots[i].Path {
			return false
		}
	}
	return true
}

// copyOf gives what a snapshot and its installation say of the copy.
func copyOf(snap engine.Snapshot, in moodle.Install) agentproto.Copy {
	c := agentproto.Copy{
		Snapshot: snap.ID, Manifest: snap.Manifest, Files: snap.Files, Bytes: snap.Bytes, StoredBytes: snap.StoredBytes,
		SHA256: snap.SHA256, Vanished: snap.Vanished, Facts: factsOf(in),
		Excluded: []agentproto.Excluded{}, Problems: []agentproto.Problem{},
	}
	for i, p := range snap.Problems {
		if i == maxProblems {
			break
		}
		c.Problems = append(c.Problems, agentproto.Problem{Path: clip(p.Path, 4096), Reason: clip(p.Reason, 500)})
	}
	if more := max(snap.ProblemCount, int64(len(snap.Problems))) - int64(len(c.Problems)); more > 0 {
		c.Problems = append(c.Problems, agentproto.Problem{Path: "", Reason: fmt.Sprintf("and %d more", more)})
	}
	return c
}

func factsOf(in moodle.Install) agentproto.Facts {
	return agentproto.Facts{
		Layout: in.Layout, Release: in.Release, Version: in.Version, Branch: in.Branch, WWWRoot: in.WWWRoot, DataRoot: in.DataRoot,
		DBType: in.DB.Type, DBHost: in.DB.Host, DBName: in.DB.Name, Prefix: in.DB.Prefix, ReadBy: in.ReadBy,
		Warnings: append([]string{}, in.Warnings...),
	}
}

// codedError names an outcome's code where the kind of the error does not.
type codedError struct {
	code string
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }
