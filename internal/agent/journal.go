package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"syscall"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
	"holdfast/internal/moodle"
)

// The journals of restores lie in STATE-DIR/restores/SITE/ID: a folder a site,
// so that whoever holds a site's lock mends that site's journals and no other.

func journalRoot(stateDir string) string { return filepath.Join(stateDir, "restores") }

func journalDir(stateDir, site string) string { return filepath.Join(journalRoot(stateDir), site) }

// placeOf names a site by where it lies. The control plane and a person's own
// command may know one site by two names; its place is one. A folder that is
// gone, moved aside in the middle of a restore, say, has its place still.
func placeOf(codeDir string) string {
	real, err := filepath.EvalSymlinks(codeDir)
	if err != nil {
		real = filepath.Join(resolved(filepath.Dir(codeDir)), filepath.Base(codeDir))
	}
	if filepath.Base(real) == "public" {
		real = filepath.Dir(real) // the folder that a site of 5.1 shows stands for its parent
	} else if top, _, err := moodle.Detect(real); err == nil {
		real = top
	}
	sum := sha256.Sum256([]byte(real))
	return "at-" + hex.EncodeToString(sum[:8])
}

// hold is the locks of a site and of its place.
type hold struct{ locks []*lock }

func (h *hold) release() {
	for _, l := range h.locks {
		l.release()
	}
}

// holdSite locks a site by its name, and by its place: there a backup leaves
// room for another one, and a restore, or what has to mend one, for no one.
// CodeSiteBusy means that after wait another process still works on it.
func holdSite(ctx context.Context, stateDir, site, codeDir string, alone bool, wait time.Duration) (*hold, error) {
	if err := os.MkdirAll(filepath.Join(stateDir, "locks"), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of locks: %w", err)
	}
	place, how := site, syscall.LOCK_SH
	if codeDir != "" { // a journal of single files names none
		place = placeOf(codeDir)
	}
	if open, err := unfinished(journalDir(stateDir, place)); alone || open || err != nil {
		how = syscall.LOCK_EX
	}
	h := &hold{}
	take := func(name string, how int) error {
		l, err := flock(ctx, siteLockPath(stateDir, name), how, wait)
		if errs.Is(err, errs.Conflict) {
			return &codedError{code: CodeSiteBusy, err: errs.Wrap(errs.Conflict, err, "Another process of this host works on the site.")}
		}
		if err == nil {
			h.locks = append(h.locks, l)
		}
		return err
	}
	err := take(site, syscall.LOCK_EX)
	if err == nil && place != site {
		err = take(place, how)
	}
	if err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

// finished tells whether a journal's state needs no mending.
func finished(state string) bool {
	switch state {
	case inplace.StateKept, inplace.StateRolledBack, inplace.StateUndone, inplace.StateSettled:
		return true
	}
	return false
}

// journals lists a folder of journals; one that is not there holds none. A
// journal that is there and cannot be read is an error: its site may be neither
// old nor new, and no one knows.
func journals(dir string) ([]inplace.Held, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the journals of restores: %w", err)
	}
	held, err := inplace.List(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the journals of restores: %w", err)
	}
	for _, e := range entries {
		if slices.ContainsFunc(held, func(h inplace.Held) bool { return h.ID == e.Name() }) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, e.Name(), "journal.json")); err == nil {
			return held, &codedError{code: CodeNotRolledBack, err: errs.New(errs.Incomplete,
				"The journal of a restore in %s cannot be read, so nobody knows whether its site is old or new; a person has to look.", filepath.Join(dir, e.Name()))}
		}
	}
	return held, nil
}

// journal gives one journal's state, "" if there is none.
func journal(dir, id string) (inplace.Held, error) {
	all, err := journals(dir)
	for _, h := range all {
		if h.ID == id {
			return h, nil
		}
	}
	return inplace.Held{}, err
}

// unfinished tells whether a folder of journals holds one that was cut short.
func unfinished(dir string) (bool, error) {
	all, err := journals(dir)
	for _, h := range all {
		if !finished(h.State) {
			return true, nil
		}
	}
	return false, err
}

// sitesWithJournals names the sites that have a folder of journals.
func sitesWithJournals(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(journalRoot(stateDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the journals of restores: %w", err)
	}
	var sites []string
	for _, e := range entries {
		if e.IsDir() && safeID.MatchString(e.Name()) {
			sites = append(sites, e.Name())
		}
	}
	sort.Strings(sites)
	return sites, nil
}

// mending is what mend needs of whoever calls it.
type mending struct {
	StateDir string
	Roots    Roots
	PHP      string
	Clock    clock.Clock
	Log      *slog.Logger
	Tell     func(inplace.Step)
}

// mend brings every unfinished restore of the named sites to its end: the old
// state, or the new one where that was committed. The caller holds their
// locks. One that cannot be ended yet is an error with CodeNotRolledBack.
func (m mending) mend(ctx context.Context, sites ...string) error {
	for _, site := range sites {
		dir := journalDir(m.StateDir, site)
		open, err := unfinished(dir)
		if err != nil {
			return err
		}
		if !open {
			continue
		}
		_ = os.Remove(ballastPath(dir)) // room for the way back
		done, err := inplace.Recover(ctx, dir, inplace.Options{PHP: m.PHP, Allow: m.Roots.Resolve, Clock: m.Clock, Log: m.Log, Tell: m.Tell})
		if err != nil {
			return fmt.Errorf("recovering the restores that were cut short: %w", err)
		}
		for _, r := range done {
			if r.Error != "" {
				return &codedError{code: CodeNotRolledBack, err: errs.New(errs.Unavailable,
					"The restore %s of this site was cut short, and it could not be brought to an end yet: %s", r.ID, r.Error)}
			}
			m.Log.Warn("a restore that was cut short is at its end", "restore", r.ID, "was", r.Was, "is", r.State, "words", r.Words)
		}
	}
	return nil
}
