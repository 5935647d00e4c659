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
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// The tree is read by code of ours and not by Kopia's, for three reasons: what
// a site's user can put into it (CACHEDIR.TAG, .kopiaignore, *.kopia-entry)
// must not steer the backup; the process may be root, so a symbolic link that
// is swapped in must not lead it out of the root; and exclusions must be exact.

// How many names of a directory are read at once, and how many are sorted: in
// the order in which they are stored, they lie in the packs, and a restore goes
// by their names. A directory with more is stored in parts that are sorted.
const (
	readBatch = 1024
	sortBatch = 16 << 10
)

// tree is what all entries of one snapshot share.
type tree struct {
	vanished atomic.Int64 // entries that went away between their listing and their reading

	dry       bool                     // this is an estimate: nothing is counted
	contents  contents                 // of content-addressed folders
	onTaken   func(files, bytes int64) // hears of what was taken over without a look
	onProblem func(Problem)
	watch     func(rootName, rel string, changed bool)
	lost      func(rootName, name string) string

	mu      sync.Mutex
	special map[string]bool // sockets, pipes, devices
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

	addressed  string   // the content-addressed folder, "" if there is none
	placed     *placing // what is put in from elsewhere
	prior      *prior   // the previous snapshot, nil if there is none
	fast       bool     // what did not change of the content-addressed folder is taken over from prior
	repository repo.Repository
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
	if spec.ContentAddressed != "" {
		b.addressed = path.Clean(filepath.ToSlash(spec.ContentAddressed))
		if !filepath.IsLocal(b.addressed) {
			return nil, errors.Join(errs.Field("roots", "the content-addressed folder of root %s is a relative path in it", spec.Name), root.Close())
		}
	}
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
	ctime int64 // ns since 1970 of the last change of any kind; 0 where the system does not tell
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
		n.owner, n.ctime = fs.OwnerInfo{UserID: st.Uid, GroupID: st.Gid}, changedAt(st)
	}
	if fi.IsDir() {
		n.size = 0
	}
	return n
}

// entry gives the Kopia entry for fi, or nil where there is nothing to store.
func (d *dirNode) entry(rel string, fi os.FileInfo) fs.Entry {
	name := path.Base(rel)
	n := d.b.newNode(rel, toStored(name), fi)
	switch {
	case fi.IsDir():
		return &dirNode{node: n, up: d, kind: d.b.kindOf(d, rel, name), placed: d.placed.dir(name)}
	case fi.Mode().IsRegular():
		return &fileNode{node: n, in: d, content: d.isContent(name)}
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

type dirNode struct {
	node
	up      *dirNode // nil for a root
	kind    kind
	placed  *placing
	virtual bool // it is not on the disk

	wasOnce sync.Once
	wasThen *earlier
}

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
	if e := d.entry(rel, fi); e != nil && !d.b.leftOut(rel, fi.IsDir()) {
		return e, nil
	}
	return nil, fs.ErrEntryNotFound
}

// SupportsMultipleIterations says that the directory can be listed again.
func (d *dirNode) SupportsMultipleIterations() bool { return true }

// Iterate lists the directory.
func (d *dirNode) Iterate(ctx context.Context) (fs.DirectoryIterator, error) {
	l := &listing{d: d, roll: d.roll(ctx)}
	if d.placed != nil || d.mayLose() {
		l.onDisk = map[string]os.FileMode{}
	}
	if d.virtual {
		l.rest = d.rest(nil)
		return l, nil
	}
	f, err := d.b.open(d.rel)
	if err != nil {
		return nil, err
	}
	l.f = f
	return l, nil
}

type listing struct {
	d      *dirNode
	f      *os.File // nil once all was read
	batch  []os.DirEntry
	roll   *roll
	onDisk map[string]os.FileMode // names that were met, where files are put in from elsewhere
	rest   []string               // what is put in from elsewhere and not given yet
}

// Next gives the next entry that is to be stored, nil at the end.
func (l *listing) Next(ctx context.Context) (fs.Entry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if len(l.batch) == 0 && l.f != nil {
			if err := l.read(); err != nil {
				return nil, err
			}
		}
		if len(l.batch) == 0 {
			return l.last(ctx)
		}
		de := l.batch[0]
		l.batch = l.batch[1:]
		if e := l.look(de); e != nil {
			return e, nil
		}
	}
}

// read reads the next names, sorted.
func (l *listing) read() error {
	for len(l.batch) < sortBatch {
		more, err := l.f.ReadDir(readBatch)
		l.batch = append(l.batch, more...)
		for _, de := range more {
			if l.onDisk != nil {
				l.onDisk[de.Name()] = de.Type()
			}
		}
		if errors.Is(err, io.EOF) || (err == nil && len(more) == 0) {
			l.Close()
			l.d.findLost(l.roll, l.onDisk)
			l.rest = l.d.rest(l.onDisk)
			break
		}
		if err != nil && len(more) == 0 {
			return sourceError{err}
		}
	}
	slices.SortFunc(l.batch, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return nil
}

// last gives what comes after all that is on the disk.
func (l *listing) last(ctx context.Context) (fs.Entry, error) {
	dir, file, bad := l.nextPlaced()
	switch {
	case dir != nil:
		l.roll.saw(dir.name, dir.mode)
		return dir, nil
	case file != nil:
		l.roll.saw(file.name, file.mode)
		return file, nil
	case bad != nil:
		return bad, nil
	}
	l.roll.end(ctx)
	l.roll = nil
	return nil, nil //nolint:nilnil // Kopia's way to say that this was all
}

func (l *listing) look(de os.DirEntry) fs.Entry {
	b := l.d.b
	rel := path.Join(l.d.rel, de.Name())
	if b.leftOut(rel, de.IsDir()) {
		return nil
	}
	fi, err := de.Info()
	if errors.Is(err, iofs.ErrNotExist) {
		if f := l.d.foundLost(de.Name()); f != nil {
			l.roll.saw(de.Name(), f.mode)
			return f
		}
		b.tree.vanished.Add(1)
		return nil
	}
	if err != nil {
		return &errorNode{node{b: b, rel: rel, name: toStored(de.Name()), mode: de.Type()}, sourceError{err}}
	}
	e := l.d.entry(rel, fi)
	if e == nil {
		b.tree.sawSpecial(b.spec.Name, rel)
		return nil
	}
	l.roll.saw(de.Name(), fi.Mode())
	return e
}

// Close ends the listing.
func (l *listing) Close() {
	if l.f != nil {
		_ = l.f.Close()
		l.f = nil
	}
}

type fileNode struct {
	node
	in      *dirNode
	content bool   // its name is to be the SHA-1 of its content
	from    string // where it truly is, if that is elsewhere

	changed, gone bool
}

// Open opens the file's contents, which says that it is new or other than
// before, or to be read in any case.
func (f *fileNode) Open(ctx context.Context) (fs.Reader, error) {
	if f.b.tree.watch != nil {
		f.changed = f.isOther(ctx)
	}
	h, err := f.handle()
	if err != nil {
		f.gone = errors.Is(err, iofs.ErrNotExist)
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
	return newFileReader(h, f), nil
}

// isOther tells whether the previous snapshot has the file not or otherwise.
func (f *fileNode) isOther(ctx context.Context) bool {
	was, err := f.in.was(ctx).list(ctx)
	e := was[f.name]
	return err != nil || e == nil || e.Type != snapshot.EntryTypeFile || e.FileSize != f.size || int64(e.ModTime) != f.mtime.UnixNano() ||
		modeOf(e) != f.mode&modBits || e.UserID != f.owner.UserID || e.GroupID != f.owner.GroupID
}

// Close is Kopia's sign that it is done with the file.
func (f *fileNode) Close() {
	if f.b.tree.watch != nil && !f.gone {
		f.b.tree.watch(f.b.spec.Name, f.rel, f.changed)
	}
}

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
		t.entries = append(t.entries, &dirNode{node: b.newNode(".", b.spec.Name, fi), kind: b.kindOf(nil, ".", b.spec.Name), placed: b.placed})
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
