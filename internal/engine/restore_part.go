package engine

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// pick is which entries of a directory are wanted. A nil pick wants all.
type pick map[string]pick

// picks turns paths into a pick. A path that is not plain is refused, so that
// none can lead out of the snapshot or the target.
func picks(paths []string) (pick, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	top := pick{}
	for _, p := range paths {
		clean := path.Clean(p)
		if clean == "." && p != "" {
			return nil, nil
		}
		if p == "" || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
			return nil, errs.Field("paths", "%q must be a path within the copy, like lang/de", p)
		}
		at := top
		names := strings.Split(clean, "/")
		for i, name := range names {
			if !plainName(name) {
				return nil, errs.Field("paths", "%q names something that no file can be called", p)
			}
			sub, known := at[name]
			if known && sub == nil {
				break // the whole folder is wanted already
			}
			if i == len(names)-1 {
				at[name] = nil
				break
			}
			if !known {
				sub = pick{}
				at[name] = sub
			}
			at = sub
		}
	}
	return top, nil
}

// part finds what o wants of a snapshot: the directory that is to become the
// target, which of its entries, and how much that is.
func (r *Repository) part(ctx context.Context, root *snapshot.DirEntry, o RestoreOptions) (*snapshot.DirEntry, pick, error) {
	want, err := picks(o.Only)
	if err != nil {
		return nil, nil, err
	}
	at := root
	if base := path.Clean("/" + o.Base); base != "/" {
		for name := range strings.SplitSeq(base[1:], "/") {
			if at, err = r.child(ctx, at, name); err != nil {
				return nil, nil, fmt.Errorf("find %s: %w", o.Base, err)
			}
		}
		if at.Type != snapshot.EntryTypeDirectory {
			return nil, nil, errs.New(errs.NotFound, "%s is no folder in this copy.", o.Base)
		}
	}
	return at, want, nil
}

func (r *Repository) child(ctx context.Context, dir *snapshot.DirEntry, name string) (*snapshot.DirEntry, error) {
	if dir.Type == snapshot.EntryTypeDirectory {
		entries, err := r.readDir(ctx, dir.ObjectID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if fromStored(e.Name) == name {
				return e, nil
			}
		}
	}
	return nil, errs.New(errs.NotFound, "This copy has no %q there.", name)
}

// measure adds up what want takes of a directory. A name that is not there is
// errs.NotFound, before anything was written.
func (r *Repository) measure(ctx context.Context, dir *snapshot.DirEntry, want pick, rel string) (files, bytes int64, err error) {
	if want == nil {
		if s := dir.DirSummary; s != nil {
			return s.TotalFileCount + s.TotalSymlinkCount, s.TotalFileSize, nil
		}
		if dir.Type == snapshot.EntryTypeDirectory {
			return 0, 0, nil
		}
		return 1, dir.FileSize, nil
	}
	if dir.Type != snapshot.EntryTypeDirectory {
		return 0, 0, errs.New(errs.NotFound, "%s is no folder in this copy.", rel)
	}
	entries, err := r.readDir(ctx, dir.ObjectID)
	if err != nil {
		return 0, 0, err
	}
	byName := map[string]*snapshot.DirEntry{}
	for _, e := range entries {
		byName[fromStored(e.Name)] = e
	}
	for name, sub := range want {
		e := byName[name]
		if e == nil {
			return 0, 0, errs.New(errs.NotFound, "This copy has no %s.", path.Join(rel, name))
		}
		f, b, err := r.measure(ctx, e, sub, path.Join(rel, name))
		if err != nil {
			return 0, 0, err
		}
		files, bytes = files+f, bytes+b
	}
	return files, bytes, nil
}

// Sizes gives what each directory at the top of a tree snapshot holds, by its
// name; see Roots.
func (r *Repository) Sizes(ctx context.Context, id string) (map[string]Restored, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.RootEntry.Type != snapshot.EntryTypeDirectory {
		return nil, errs.New(errs.Invalid, "Snapshot %s is a stream, not a tree.", id)
	}
	entries, err := r.readDir(ctx, m.RootEntry.ObjectID)
	if err != nil {
		return nil, fmt.Errorf("read the roots of snapshot %s: %w", id, err)
	}
	out := map[string]Restored{}
	for _, e := range entries {
		if name := fromStored(e.Name); e.Type == snapshot.EntryTypeDirectory && plainName(name) && e.DirSummary != nil {
			out[name] = Restored{Files: e.DirSummary.TotalFileCount + e.DirSummary.TotalSymlinkCount, Bytes: e.DirSummary.TotalFileSize}
		}
	}
	return out, nil
}
