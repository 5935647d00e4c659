package moodle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Excluded is one thing a plan leaves out, with what lies in it.
type Excluded struct {
	Path       string `json:"path"` // root name and path below it, e.g. "moodledata/cache"
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"`                // the sum of their lengths
	Unreadable int64  `json:"unreadable,omitempty"` // folders that could not be looked into
	// CourseBackups counts the .mbz files, Content what else looks like people's
	// own files by its name: documents, pictures, archives.
	CourseBackups int64 `json:"course_backups,omitempty"`
	Content       int64 `json:"content,omitempty"`
}

// Measure counts the files and bytes of everything the plan leaves out and
// that is there. It follows no symbolic link and reads no file; files that
// vanish meanwhile are not counted. The error is ctx's or of a root that
// cannot be listed.
func (p Plan) Measure(ctx context.Context) ([]Excluded, error) {
	out := []Excluded{}
	for _, r := range p.Roots {
		found, err := r.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("measure what is left out of %s: %w", r.Path, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

func (r PlanRoot) measure(ctx context.Context) ([]Excluded, error) {
	if len(r.ExcludeDirs) == 0 && len(r.ExcludePaths) == 0 && len(r.ExcludeSuffixIn) == 0 && !r.ExcludeTopFiles {
		return nil, nil
	}
	entries, err := os.ReadDir(r.Path)
	if err != nil {
		return nil, err
	}
	var out []Excluded
	top := Excluded{Path: r.Name + "/*"}
	for _, e := range entries {
		path := filepath.Join(r.Path, e.Name())
		switch {
		case e.IsDir() && slices.Contains(r.ExcludeDirs, e.Name()) && !slices.Contains(r.Skip, path):
			x := Excluded{Path: r.Name + "/" + e.Name()}
			if err := x.count(ctx, path, r.Skip, ""); err != nil {
				return nil, err
			}
			out = append(out, x)
		case !e.IsDir() && r.ExcludeTopFiles:
			top.add(e)
		}
	}
	if top.Files > 0 {
		out = append(out, top)
	}
	for _, rel := range r.ExcludePaths {
		if fi, err := os.Lstat(filepath.Join(r.Path, rel)); err == nil {
			x := Excluded{Path: r.Name + "/" + rel}
			if fi.IsDir() {
				if err := x.count(ctx, filepath.Join(r.Path, rel), r.Skip, ""); err != nil {
					return nil, err
				}
			} else {
				x.add(fs.FileInfoToDirEntry(fi))
			}
			out = append(out, x)
		}
	}
	for rel, suffix := range r.ExcludeSuffixIn {
		x := Excluded{Path: filepath.Join(r.Name, rel) + "/*" + suffix}
		if err := x.count(ctx, filepath.Join(r.Path, rel), r.Skip, suffix); err != nil {
			return nil, err
		}
		if x.Files > 0 {
			out = append(out, x)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// count adds the files below dir whose names end in suffix.
func (x *Excluded) count(ctx context.Context, dir string, skip []string, suffix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := eachEntry(dir, func(e fs.DirEntry) error {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if slices.Contains(skip, path) {
				return nil
			}
			return x.count(ctx, path, skip, suffix)
		}
		if strings.HasSuffix(e.Name(), suffix) {
			x.add(e)
		}
		return nil
	})
	if errors.Is(err, fs.ErrPermission) {
		x.Unreadable++
		return nil
	}
	return err
}

func (x *Excluded) add(e fs.DirEntry) {
	fi, err := e.Info()
	if err != nil {
		return // it vanished
	}
	x.Files++
	if !fi.Mode().IsRegular() {
		return
	}
	x.Bytes += fi.Size()
	switch name := e.Name(); {
	case isCourseBackup(name):
		x.CourseBackups++
	case looksLikeContent(name):
		x.Content++
	}
}

// eachEntry lists a folder in portions, unsorted, so that a folder of a
// million files costs little memory. A folder that is no longer there, or a
// symbolic link, is empty.
func eachEntry(dir string, f func(fs.DirEntry) error) error {
	d, err := openDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isLinkError(err) {
			return nil
		}
		return err
	}
	defer func() { _ = d.Close() }()
	for {
		entries, err := d.ReadDir(1024)
		for _, e := range entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
