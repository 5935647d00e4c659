package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// Phases of the local commands that the wire does not know.
const (
	phaseRestoring = "restoring"
	phaseLoading   = "loading"
)

// Verified is what Verify found.
type Verified struct {
	Good    bool            `json:"good"`
	Copies  int64           `json:"copies"`
	Files   int64           `json:"files"`
	Bytes   int64           `json:"bytes"`
	Damaged []engine.Damage `json:"damaged"`
	Seconds float64         `json:"seconds"`
}

// Verify reads every byte of the named copy, or of all where id is "", and of
// a dump compares length and checksum with those of the day it was taken. Of
// all copies it also asks whether the repository has lost some of them.
func (l Local) Verify(ctx context.Context, id string) (Verified, error) {
	began := l.Clock.Now()
	out := Verified{Damaged: []engine.Damage{}}
	check := func(r *engine.Repository, ids []string) error {
		report, err := r.Verify(ctx, engine.VerifyOptions{IDs: ids, Percent: 100, Progress: func(p engine.Progress) { l.Progress(engineProgress(phaseChecking, p)) }})
		if err != nil {
			return fmt.Errorf("reading the copies: %w", err)
		}
		out.Copies += report.Snapshots
		out.Files += report.Files
		out.Bytes += report.Bytes
		out.Damaged = append(out.Damaged, report.Damaged...)
		return l.verifyDumps(ctx, r, ids, &out)
	}
	var err error
	if id == "" {
		err = l.each(ctx, func(r *engine.Repository) error {
			if err := check(r, nil); err != nil {
				return err
			}
			damaged, err := r.Packs(ctx)
			if err != nil {
				return fmt.Errorf("reading the packs: %w", err)
			}
			out.Damaged = append(out.Damaged, damaged...)
			return nil
		})
	} else {
		err = l.with(ctx, id, func(r *engine.Repository, s engine.Snapshot) error { return check(r, []string{s.ID}) })
	}
	out.Good = err == nil && len(out.Damaged) == 0
	out.Seconds = l.Clock.Now().Sub(began).Seconds()
	return out, err
}

// verifyDumps holds each dump against its own checksum.
func (l Local) verifyDumps(ctx context.Context, r *engine.Repository, ids []string, out *Verified) error {
	list, err := r.List(ctx)
	if err != nil {
		return fmt.Errorf("listing the copies: %w", err)
	}
	known := map[string]bool{}
	for _, d := range out.Damaged {
		known[d.Snapshot] = true
	}
	for _, s := range list {
		if s.Kind != engine.Database || s.SHA256 == "" || known[s.ID] || (len(ids) > 0 && s.ID != ids[0]) {
			continue
		}
		if err := l.sound(ctx, r, s); err != nil {
			if ctx.Err() != nil {
				return err
			}
			out.Damaged = append(out.Damaged, engine.Damage{Snapshot: s.ID, Reason: errs.Sentence(err)})
		}
	}
	return nil
}

// with opens the repository of a copy for the length of do.
func (l Local) with(ctx context.Context, id string, do func(*engine.Repository, engine.Snapshot) error) error {
	r, s, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	err = do(r, s)
	if closeErr := r.Close(context.WithoutCancel(ctx)); err == nil && closeErr != nil {
		err = fmt.Errorf("closing the repository: %w", closeErr)
	}
	return err
}

// sound reads a dump to its end and compares length and checksum, so that
// nothing of the target is touched for a copy that cannot be had back.
func (l Local) sound(ctx context.Context, r *engine.Repository, s engine.Snapshot) error {
	h := sha256.New()
	n, err := r.ReadStream(ctx, s.ID, io.MultiWriter(h, &counter{total: s.Bytes, phase: phaseChecking, tell: l.Progress}))
	if err != nil {
		return errs.Wrap(errs.Incomplete, err, "The copy %s cannot be read to its end.", s.ID)
	}
	if n != s.Bytes || (s.SHA256 != "" && hex.EncodeToString(h.Sum(nil)) != s.SHA256) {
		return errs.New(errs.Incomplete, "The copy %s is damaged: its length or checksum is not that of the day it was taken.", s.ID)
	}
	return nil
}

// Target says where a copy is to go: exactly one field is set.
type Target struct {
	Dir      string       // a data copy
	File     string       // a dump, as a file
	Database *sitedb.Conn // a dump, loaded
	Replace  bool         // what is there may go
}

// RestoredCopy is what a restore wrote.
type RestoredCopy struct {
	Copy     string  `json:"copy"`
	Kind     string  `json:"kind"`
	To       string  `json:"to,omitempty"`
	ToFile   string  `json:"to_file,omitempty"`
	Database string  `json:"database,omitempty"` // without its password
	Files    int64   `json:"files"`
	Bytes    int64   `json:"bytes"`
	SHA256   string  `json:"sha256,omitempty"`
	Tables   int     `json:"tables,omitempty"`
	Rows     int64   `json:"rows,omitempty"`
	Seconds  float64 `json:"seconds"`
}

// Restore writes a copy to its target. It refuses a target that is not empty
// unless Replace is set, and a kind of target that is not the copy's.
func (l Local) Restore(ctx context.Context, id string, t Target) (RestoredCopy, error) {
	began := l.Clock.Now()
	var out RestoredCopy
	err := l.with(ctx, id, func(r *engine.Repository, s engine.Snapshot) error {
		out.Copy, out.Kind = s.ID, string(s.Kind)
		if (s.Kind == engine.Data) != (t.Dir != "") {
			if t.Dir != "" {
				return errs.Field("to", "copy %s is a database dump; restore it with --to-file FILE or --database URL", s.ID)
			}
			return errs.Field("to", "copy %s is a data copy; restore it with --to DIR", s.ID)
		}
		switch {
		case t.Dir != "":
			return l.restoreTree(ctx, r, s, t, &out)
		case t.File != "":
			return l.restoreFile(ctx, r, s, t, &out)
		}
		return l.restoreDatabase(ctx, r, s, t, &out)
	})
	out.Seconds = l.Clock.Now().Sub(began).Seconds()
	return out, err
}

// restoreTree writes beside a target that is to be replaced, and changes the
// two only when everything is there: a restore that fails takes nothing away.
func (l Local) restoreTree(ctx context.Context, r *engine.Repository, s engine.Snapshot, t Target, out *RestoredCopy) error {
	dir, err := filepath.Abs(t.Dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", t.Dir, err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	full, err := occupied(dir)
	if err != nil {
		return err
	}
	if full && !t.Replace {
		return errs.New(errs.Conflict, "%s is not empty. Name an empty folder, or give --replace to have what is there replaced.", dir)
	}
	if full && (dir == "/" || inside(l.Dir, dir)) {
		return errs.New(errs.Conflict, "%s holds the repository or the whole system; it is not replaced.", dir)
	}
	into := dir
	if full {
		if into, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".restoring-*"); err != nil {
			return errs.Wrap(errs.Invalid, err, "Cannot write beside %s, where the copy is put together before it takes its place.", dir)
		}
	}
	done, err := r.RestoreTree(ctx, s.ID, into, engine.RestoreOptions{Progress: func(p engine.Progress) { l.Progress(engineProgress(phaseRestoring, p)) }})
	if err != nil {
		if full {
			_ = os.RemoveAll(into)
		}
		return fmt.Errorf("restoring the files: %w", err)
	}
	out.To, out.Files, out.Bytes = dir, done.Files, done.Bytes
	if !full {
		return nil
	}
	old := into + ".old"
	if err := os.Rename(dir, old); err != nil {
		return errs.Wrap(errs.Conflict, err, "%s cannot be moved aside (is it a mount?); the restored files are whole in %s.", dir, into)
	}
	if err := os.Rename(into, dir); err != nil {
		return errors.Join(errs.Wrap(errs.Conflict, err, "%s cannot take the place of %s.", into, dir), os.Rename(old, dir))
	}
	if err := os.RemoveAll(old); err != nil {
		return errs.Wrap(errs.Incomplete, err, "The copy is restored; what was there before could not be wholly removed and lies in %s.", old)
	}
	return nil
}

// occupied tells whether something is in a folder.
func occupied(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, errs.Wrap(errs.Invalid, err, "%s is not a folder that can be read.", dir)
	}
	return len(entries) > 0, nil
}

// inside tells whether path lies in dir or is dir.
func inside(path, dir string) bool {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = resolved(path)
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// restoreFile writes a dump whole or not at all, readable by its owner only.
func (l Local) restoreFile(ctx context.Context, r *engine.Repository, s engine.Snapshot, t Target, out *RestoredCopy) error {
	if _, err := os.Lstat(t.File); err == nil && !t.Replace {
		return errs.New(errs.Conflict, "%s exists. Name another file, or give --replace.", t.File)
	}
	f, err := os.CreateTemp(filepath.Dir(t.File), "."+filepath.Base(t.File)+".*")
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "Cannot write beside %s.", t.File)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when it was renamed
	defer f.Close()           //nolint:errcheck // closed below when it matters
	h := sha256.New()
	n, err := r.ReadStream(ctx, s.ID, io.MultiWriter(f, h, &counter{total: s.Bytes, phase: phaseRestoring, tell: l.Progress}))
	if err != nil {
		return fmt.Errorf("reading the dump: %w", err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if n != s.Bytes || (s.SHA256 != "" && sum != s.SHA256) {
		return errs.New(errs.Incomplete, "The copy %s is damaged: its length or checksum is not that of the day it was taken. Nothing was written.", s.ID)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return errs.Wrap(errs.Unavailable, err, "The dump could not be written to %s.", filepath.Dir(t.File))
	}
	if err := os.Rename(f.Name(), t.File); err != nil {
		return errs.Wrap(errs.Invalid, err, "Cannot put the dump in the place of %s.", t.File)
	}
	out.ToFile, out.Files, out.Bytes, out.SHA256 = t.File, 1, n, sum
	return nil
}

// restoreDatabase loads a dump that was read to its end once before.
func (l Local) restoreDatabase(ctx context.Context, r *engine.Repository, s engine.Snapshot, t Target, out *RestoredCopy) error {
	if err := l.sound(ctx, r, s); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	h := sha256.New()
	read := make(chan error, 1)
	go func() {
		_, err := r.ReadStream(ctx, s.ID, io.MultiWriter(pw, h, &counter{total: s.Bytes, phase: phaseLoading, tell: l.Progress}))
		_ = pw.CloseWithError(err)
		read <- err
	}()
	err := sitedb.Load(ctx, *t.Database, pr, sitedb.LoadOptions{Replace: t.Replace})
	_ = pr.CloseWithError(errors.New("the load ended"))
	readErr := <-read
	if err != nil {
		return fmt.Errorf("loading the dump: %w", err)
	}
	if readErr != nil {
		return fmt.Errorf("reading the dump: %w", readErr)
	}
	tables, err := sitedb.Counts(ctx, *t.Database)
	if err != nil {
		return fmt.Errorf("counting what was loaded: %w", err)
	}
	for _, table := range tables {
		out.Rows += table.Rows
	}
	out.Database, out.Tables, out.Files, out.Bytes, out.SHA256 = t.Database.String(), len(tables), 1, s.Bytes, hex.EncodeToString(h.Sum(nil))
	return nil
}

// counter tells how many bytes went by.
type counter struct {
	done, total int64
	phase       string
	tell        func(agentproto.Progress)
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	c.tell(agentproto.Progress{Phase: c.phase, DoneBytes: c.done, TotalBytes: c.total})
	return len(p), nil
}

func engineProgress(phase string, p engine.Progress) agentproto.Progress {
	return agentproto.Progress{Phase: phase, DoneFiles: p.DoneFiles, TotalFiles: p.TotalFiles, DoneBytes: p.DoneBytes, TotalBytes: p.TotalBytes}
}
