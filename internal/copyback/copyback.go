// Package copyback is the way of copies from their repositories back to a
// site: it gives a restore in place the bytes it asks for, says beforehand
// whether a dump is still what it was on the day it was taken, and foretells
// how long the rest takes. It only ever reads a repository, and it writes
// nothing of a site but the folder that it is told to fill.
package copyback

import (
	"context"
	"fmt"
	"io"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

// Copy is one copy in its open repository.
type Copy struct {
	Repository *engine.Repository
	Snapshot   string
	// SHA256 and Bytes are what its own record says of a dump's stream; empty
	// and 0 are not compared. The repository compares with its own besides.
	SHA256 string
	Bytes  int64
}

// Source is the copies of one restore; either may be nil. It is an
// inplace.Source.
type Source struct {
	Data     *Copy
	Database *Copy
}

// Tree writes one root of the data copy into an empty folder.
func (s Source) Tree(ctx context.Context, root, into string, tell func(doneFiles, totalFiles, doneBytes, totalBytes int64)) error {
	return s.part(ctx, root, nil, into, tell)
}

// Some writes the named files and folders of a root into an empty folder.
func (s Source) Some(ctx context.Context, root string, paths []string, into string, tell func(doneFiles, totalFiles, doneBytes, totalBytes int64)) error {
	return s.part(ctx, root, paths, into, tell)
}

func (s Source) part(ctx context.Context, root string, paths []string, into string, tell func(doneFiles, totalFiles, doneBytes, totalBytes int64)) error {
	if s.Data == nil {
		return errs.New(errs.Invalid, "This restore has no data copy.")
	}
	if root == "" {
		return errs.Field("root", "the root to restore has no name")
	}
	o := engine.RestoreOptions{Base: root, Only: paths}
	if tell != nil {
		o.Progress = func(p engine.Progress) { tell(p.DoneFiles, p.TotalFiles, p.DoneBytes, p.TotalBytes) }
	}
	if _, err := s.Data.Repository.RestoreTree(ctx, s.Data.Snapshot, into, o); err != nil {
		return fmt.Errorf("reading %s of the data copy: %w", root, err)
	}
	return nil
}

// Dump writes the dump. An error may come after all its bytes: what was
// written counts only after nil.
func (s Source) Dump(ctx context.Context, w io.Writer, tell func(done, total int64)) error {
	if s.Database == nil {
		return errs.New(errs.Invalid, "This restore has no database copy.")
	}
	in := &watched{w: w, total: s.Database.Bytes, tell: tell}
	if _, err := s.Database.Repository.ReadStream(ctx, s.Database.Snapshot, in); err != nil {
		return fmt.Errorf("reading the database copy: %w", err)
	}
	return nil
}

// watched tells how many bytes went by.
type watched struct {
	w           io.Writer
	done, total int64
	tell        func(done, total int64)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.done += int64(n)
	if w.tell != nil {
		w.tell(w.done, w.total)
	}
	return n, err //nolint:wrapcheck // a plain pass-through
}
