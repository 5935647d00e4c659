package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kopia/kopia/fs"

	"holdfast/internal/errs"
)

// The tree is read by code of ours and not by Kopia's, for three reasons: what
// a site's user can put into it (CACHEDIR.TAG, .kopiaignore, *.kopia-entry)
// must not steer the backup; the process may be root, so a symbolic link that
// is swapped in must not lead it out of the root; and exclusions must be exact.

// readBatch is how many names of a directory are read at once.
const readBatch = 256

// tree is what all entries of one snapshot share.
type tree struct {
	vanished atomic.Int64 // entries that went away between their listing and their reading

	mu      sync.Mutex
	special map[string]bool // sockets, pipes, devices: a set, for the estimate walks the tree too
}

// maxSpecial is how many sockets, pipes and devices are counted at most.
const maxSpecial = 100_000

func (t *tree) sawSpecial(root, rel string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.special == nil {
		t.special = map[string]bool{}
	}
	if len(t.special) < maxSpecial {
		t.special[root+"/"+rel] = true
	}
}

func (t *tree) specials() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.special))
}

// branch is one root of the tree.
type branch struct {
	tree *tree
	root *os.Root
	spec Root
	top  string          // the root's path, symbolic links resolved
	skip map[string]bool // relative paths left out, exactly
}

// sourceError marks an error as one of reading the site, not of writing the
// repository: the former is a problem of the copy, the latter its end.
type sourceError struct{ err error }

func (e sourceError) Error() string { return e.err.Error() }
func (e sourceError) Unwrap() error { return e.err }

// openBranch opens a root and turns its exclusions into exact paths.
func openBranch(t *tree, spec Root) (*branch, error) {
	if spec.Name == "" || strings.ContainsAny(spec.Name, "/\x00") || spec.Name == "." || spec.Name == ".." {
		return nil, errs.Field("roots", "%q is not a root's name", spec.Name)
	}
	if !filepath.IsAbs(spec.Path) {
		return nil, errs.Field("roots", "the path of root %s must be absolute", spec.Name)
	}
	top, err := filepath.EvalSymlinks(spec.Path)
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "The directory of root %s cannot be opened.", spec.Name)
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "The directory of root %s cannot be opened.", spec.Name)
	}
	b := &branch{tree: t, root: root, spec: spec, top: top, skip: map[string]bool{}}
	for _, p := range spec.ExcludePaths {
		b.skip[path.Clean(filepath.ToSlash(p))] = true
	}
	for _, p := range spec.Skip {
		// Another root may be named by a path with links in it.
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		if rel, err := filepath.Rel(top, p); err == nil && rel != "." && filepath.IsLocal(rel) {
			b.skip[filepath.ToSlash(rel)] = true
		}
	}
	return b, nil
}

// leftOut tells whether the entry at rel is excluded. Every rule is anchored
// at the root: none matches a name at any depth.
func (b *branch) leftOut(rel string, isDir bool) bool {
	if b.skip[rel] {
		return true
	}
	if !strings.Contains(rel, "/") {
		if !isDir {
			return b.spec.ExcludeTopFiles
		}
		for _, name := range b.spec.ExcludeDirs {
			if rel == name {
				return true
			}
		}
	}
	if isDir {
		return false
	}
	for dir, suffix := range b.spec.ExcludeSuffixIn {
		dir = path.Clean(filepath.ToSlash(dir))
		if suffix != "" && (dir == "." || strings.HasPrefix(rel, dir+"/")) && strings.HasSuffix(rel, suffix) {
			return true
		}
	}
	return false
}

// node is one entry of a branch, with what was known of it when it was listed.
type node struct {
	b     *branch
	rel   string // on disk, relative to the root; "." for the root itself
	name  string // in the snapshot
	size  int64
	mode  os.FileMode
	mtime time.Time
	owner fs.OwnerInfo
}

func (n *node) Name() string                { return n.name }
func (n *node) Size() int64                 { return n.size }
func (n *node) Mode() os.FileMode           { return n.mode }
func (n *node) ModTime() time.Time          { return n.mtime }
func (n *node) IsDir() bool                 { return n.mode.IsDir() }
func (n *node) Sys() any                    { return nil }
func (n *node) Owner() fs.OwnerInfo         { return n.owner }
func (n *node) Device() fs.DeviceInfo       { return fs.DeviceInfo{} }
func (n *node) LocalFilesystemPath() string { return "" }
func (n *node) Close()                      {}

// newNode describes fi. The root's own node bears the root's Name.
func (b *branch) newNode(rel, name string, fi os.FileInfo) node {
	n := node{b: b, rel: rel, name: name, size: fi.Size(), mode: fi.Mode(), mtime: fi.ModTime()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		n.owner = fs.OwnerInfo{UserID: st.Uid, GroupID: st.Gid}
	}
	if fi.IsDir() {
		n.size = 0
	}
	return n
}

// entry gives the Kopia entry for fi, or nil where there is nothing to store.
func (b *branch) entry(rel string, fi os.FileInfo) fs.Entry {
	n := b.newNode(rel, toStored(path.Base(rel)), fi)
	switch {
	case fi.IsDir():
		return &dirNode{n}
	case fi.Mode().IsRegular():
		return &fileNode{n}
	case fi.Mode()&os.ModeSymlink != 0:
		return &linkNode{n}
	default:
		return nil
	}
}

// open opens what is at rel for reading, without waiting for a pipe's other
// end and without leaving the root.
func (b *branch) open(rel string) (*os.File, error) {
	f, err := b.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, sourceError{err}
	}
	return f, nil
}

type dirNode struct{ node }

// Child gives one entry of the directory.
func (d *dirNode) Child(_ context.Context, name string) (fs.Entry, error) {
	rel := path.Join(d.rel, fromStored(name))
	fi, err := d.b.root.Lstat(rel)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, fs.ErrEntryNotFound
	}
	if err != nil {
		return nil, sourceError{err}
	}
	if e := d.b.entry(rel, fi); e != nil && !d.b.leftOut(rel, fi.IsDir()) {
		return e, nil
	}
	return nil, fs.ErrEntryNotFound
}

// SupportsMultipleIterations says that the directory can be listed again.
func (d *dirNode) SupportsMultipleIterations() bool { return true }

// Iterate lists the directory.
func (d *dirNode) Iterate(context.Context) (fs.DirectoryIterator, error) {
	f, err := d.b.open(d.rel)
	if err != nil {
		return nil, err
	}
	return &listing{d: d, f: f}, nil
}

type listing struct {
	d     *dirNode
	f     *os.File
	batch []os.DirEntry
}

// Next gives the next entry that is to be stored, nil at the end.
func (l *listing) Next(ctx context.Context) (fs.Entry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if len(l.batch) == 0 {
			batch, err := l.f.ReadDir(readBatch)
			if errors.Is(err, io.EOF) || (err == nil && len(batch) == 0) {
				return nil, nil //nolint:nilnil // Kopia's way to say that this was all
			}
			if err != nil && len(batch) == 0 {
				return nil, sourceError{err}
			}
			l.batch = batch
		}
		de := l.batch[0]
		l.batch = l.batch[1:]
		if e := l.look(de); e != nil {
			return e, nil
		}
	}
}

func (l *listing) look(de os.DirEntry) fs.Entry {
	b := l.d.b
	rel := path.Join(l.d.rel, de.Name())
	if b.leftOut(rel, de.IsDir()) {
		return nil
	}
	fi, err := de.Info()
	if errors.Is(err, iofs.ErrNotExist) {
		b.tree.vanished.Add(1)
		return nil
	}
	if err != nil {
		return &errorNode{node{b: b, rel: rel, name: toStored(de.Name()), mode: de.Type()}, sourceError{err}}
	}
	e := b.entry(rel, fi)
	if e == nil {
		b.tree.sawSpecial(b.spec.Name, rel)
	}
	return e
}

// Close ends the listing.
func (l *listing) Close() { _ = l.f.Close() }

type fileNode struct{ node }

// Open opens the file's contents.
func (f *fileNode) Open(context.Context) (fs.Reader, error) {
	h, err := f.b.open(f.rel)
	if err != nil {
		return nil, err
	}
	fi, err := h.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &iofs.PathError{Op: "open", Path: f.rel, Err: errors.New("it is no longer a regular file")}
	}
	if err != nil {
		_ = h.Close()
		return nil, sourceError{err}
	}
	return &fileReader{h, f}, nil
}

type fileReader struct {
	*os.File
	of *fileNode
}

// Read reads on; its errors are the site's, not the repository's.
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.File.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = sourceError{err}
	}
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// Entry gives the entry that was opened.
func (r *fileReader) Entry() (fs.Entry, error) { return r.of, nil }

type linkNode struct{ node }

// Readlink gives where the link points, as it is written.
func (l *linkNode) Readlink(context.Context) (string, error) {
	s, err := l.b.root.Readlink(l.rel)
	if err != nil {
		return "", sourceError{err}
	}
	return s, nil
}

// Resolve is never wanted: links are stored as links.
func (l *linkNode) Resolve(context.Context) (fs.Entry, error) { return nil, fs.ErrEntryNotFound }

type errorNode struct {
	node
	err error
}

// ErrorInfo says why the entry could not be looked at.
func (e *errorNode) ErrorInfo() error { return e.err }

// top is the directory above the roots. It has no place on disk: its mode and
// time are fixed, so that equal trees have equal snapshots.
type top struct {
	node
	entries []fs.Entry
}

func newTop(branches []*branch) (*top, error) {
	t := &top{node: node{name: "site", mode: os.ModeDir | 0o755, mtime: time.Unix(0, 0)}}
	for _, b := range branches {
		fi, err := b.root.Stat(".")
		if err != nil {
			return nil, fmt.Errorf("look at root %s: %w", b.spec.Name, err)
		}
		t.entries = append(t.entries, &dirNode{b.newNode(".", b.spec.Name, fi)})
	}
	sort.Slice(t.entries, func(i, j int) bool { return t.entries[i].Name() < t.entries[j].Name() })
	for i := 1; i < len(t.entries); i++ {
		if t.entries[i].Name() == t.entries[i-1].Name() {
			return nil, errs.Field("roots", "two roots are called %s", t.entries[i].Name())
		}
	}
	return t, nil
}

// Child gives the root called name.
func (t *top) Child(ctx context.Context, name string) (fs.Entry, error) {
	return fs.IterateEntriesAndFindChild(ctx, t, name) //nolint:wrapcheck // an interface of Kopia's
}

// Iterate lists the roots.
func (t *top) Iterate(context.Context) (fs.DirectoryIterator, error) {
	return fs.StaticIterator(append([]fs.Entry(nil), t.entries...), nil), nil
}

// SupportsMultipleIterations says that the roots can be listed again.
func (t *top) SupportsMultipleIterations() bool { return true }
