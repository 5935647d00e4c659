package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
	"holdfast/internal/moodle"
)

// files brings back folders or files of the data copy, into a new folder
// beside the site or in place.
func (b Bring) files(ctx context.Context) (Evidence, error) {
	s, err := inspectSite(ctx, b.Roots, b.CodeDir, b.AccountRoot, moodle.Options{PHP: b.PHP})
	if err != nil {
		return Evidence{}, err
	}
	had, err := journal(b.Journals, b.ID)
	if err != nil {
		return Evidence{}, err
	}
	o := inplace.FilesOptions{Options: b.options(), Root: b.Files.Root, Paths: b.Files.Paths, InPlace: b.Files.InPlace}
	if len(o.Paths) == 0 {
		o.Paths = []string{"."}
	}
	if o.InPlace {
		o.Into, err = s.rootNamed(b.Roots, b.Files.Root)
	} else {
		o.Into, err = b.beside(s)
	}
	if err != nil {
		return Evidence{}, err
	}
	if had.State != "" {
		// A try that was done and could not tell so is put back and done again.
		if had.State == inplace.StateKept {
			if _, err := inplace.Undo(ctx, b.options()); err != nil {
				return Evidence{}, b.failed(inplace.Evidence{}, err)
			}
		}
		if err := inplace.Settle(ctx, b.options()); err != nil {
			return Evidence{}, fmt.Errorf("clearing what an earlier try left: %w", err)
		}
	}
	source, shut, err := b.open(ctx)
	if err != nil {
		return Evidence{}, err
	}
	defer shut()
	o.Source = source
	tell := newTelling(fileSteps(), b.Clock, b.Progress)
	o.Tell = tell.step
	if !o.InPlace {
		if err := b.makeBeside(o.Into, s.install); err != nil {
			return Evidence{}, err
		}
	}
	report, err := inplace.Files(ctx, o)
	ev := Evidence{Files: &FilesEvidence{FilesReport: report, Into: o.Into}}
	if err == nil {
		return ev, nil
	}
	if !o.InPlace {
		// A part of what was wanted helps no one, and nobody asked for it.
		_ = os.RemoveAll(o.Into)
	}
	if errs.Is(err, errs.NotFound) {
		return ev, err
	}
	return ev, b.failed(inplace.Evidence{RolledBack: o.InPlace}, err)
}

// rootNamed gives the live folder of a root of the data copy.
func (s site) rootNamed(roots Roots, name string) (string, error) {
	plan, err := s.plan(roots)
	if err != nil {
		return "", err
	}
	var names []string
	for _, r := range plan.Roots {
		if r.Name == name {
			return r.Path, nil
		}
		names = append(names, r.Name)
	}
	return "", errs.New(errs.NotFound, "The site has no folder called %s today; it has %s. Bring the files back into a new folder instead.", clip(name, 80), strings.Join(names, ", "))
}

// beside names the new folder: beside moodledata, which no web server shows,
// else in the account's root. It never lies in the code. The name is the same
// for every try of one restore.
func (b Bring) beside(s site) (string, error) {
	name := "restored-" + b.Data.TakenAt.UTC().Format("20060102-150405") + "-" + clip(strings.ReplaceAll(b.ID, "-", ""), 64)
	if short := strings.ReplaceAll(b.ID, "-", ""); len(short) > 8 {
		name = strings.TrimSuffix(name, short) + short[len(short)-8:]
	}
	var why error
	for _, parent := range []string{dirOf(s.install.DataRoot), s.accountRoot} {
		if parent == "" || inside(parent, s.install.CodeDir) {
			continue
		}
		if _, err := b.Roots.Resolve("The folder beside moodledata", parent); err != nil {
			why = errors.Join(why, err)
			continue
		}
		return filepath.Join(parent, name), nil
	}
	if why == nil {
		why = errs.New(errs.Forbidden, "The site has no place for restored files that its web server does not show: moodledata lies in the code. Bring them back in place, or restore by hand with: holdfast-agent local restore.")
	}
	return "", why
}

func dirOf(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Dir(path)
}

// makeBeside makes the new folder anew, for the site's own user alone.
func (b Bring) makeBeside(into string, in moodle.Install) error {
	parent, err := os.OpenRoot(filepath.Dir(into))
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "The folder %s cannot be opened.", filepath.Dir(into))
	}
	defer parent.Close() //nolint:errcheck // opened for its name only
	name := filepath.Base(into)
	// What an earlier try of this very restore left there.
	err = parent.RemoveAll(name)
	if err == nil {
		err = parent.Mkdir(name, 0o700)
	}
	if err == nil && os.Geteuid() == 0 {
		err = parent.Lchown(name, in.OwnerUID, in.OwnerGID)
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "The folder %s for the restored files cannot be made.", into)
	}
	return nil
}

// checkFiles refuses paths that no sound control plane sends.
func checkFiles(f *agentproto.RestoreFiles) bool {
	if f == nil || f.Root == "" || strings.ContainsAny(f.Root, "/\x00") || f.Root == "." || f.Root == ".." {
		return false
	}
	for _, p := range f.Paths {
		if p == "" || !filepath.IsLocal(p) || strings.ContainsRune(p, 0) {
			return false
		}
	}
	return true
}
