package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// RestoreTree writes a tree snapshot, or what o wants of it, into dir, which
// must be absent or empty (else Conflict). Contents, modes, owners (when this process is root),
// symbolic links and the times of files and directories become what they were;
// hard links become files of their own, and extended attributes are not kept.
// Nothing is ever written outside dir, whatever the repository says. It
// returns once the data is on the disk. After an error dir holds a part.
func (r *Repository) RestoreTree(ctx context.Context, id, dir string, o RestoreOptions) (Restored, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return Restored{}, err
	}
	if m.RootEntry.Type != snapshot.EntryTypeDirectory {
		return Restored{}, errs.New(errs.Invalid, "Snapshot %s is a stream, not a tree.", id)
	}
	from, want, err := r.part(ctx, m.RootEntry, o)
	if err != nil {
		return Restored{}, fmt.Errorf("restore snapshot %s: %w", id, err)
	}
	files, bytes, err := r.measure(ctx, from, want, o.Base)
	if err != nil {
		return Restored{}, fmt.Errorf("restore snapshot %s: %w", id, err)
	}
	if err := emptyDir(dir); err != nil {
		return Restored{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Restored{}, fmt.Errorf("open the directory to restore into: %w", err)
	}
	defer root.Close() //nolint:errcheck // opened for its name only
	defer r.readAhead()()
	w := &restore{r: r, root: root, chown: os.Geteuid() == 0, progress: o.Progress, now: clock.System{}}
	w.at = Progress{Phase: "restoring", TotalFiles: files, TotalBytes: bytes}
	if err := w.run(ctx, from, want); err != nil {
		return Restored{}, fmt.Errorf("restore snapshot %s: %w", id, err)
	}
	if err := flushDisk(root); err != nil {
		return Restored{}, fmt.Errorf("restore snapshot %s: bring it to the disk: %w", id, err)
	}
	w.tell(true)
	return Restored{Files: w.at.DoneFiles, Bytes: w.at.DoneBytes}, nil
}

func emptyDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return errs.Field("dir", "the directory to restore into must be an absolute path")
	}
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the directory to restore into: %w", err)
		}
		return nil
	}
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "The directory to restore into cannot be read.")
	}
	if len(names) > 0 {
		return errs.New(errs.Conflict, "The directory to restore into is not empty.")
	}
	return nil
}

type restore struct {
	r     *Repository
	root  *os.Root
	chown bool
	now   clock.Clock

	mu       sync.Mutex
	at       Progress
	told     time.Time
	progress func(Progress)
}

// folder is a directory in work: it gets its attributes when everything in it
// is there, and then its parent may get its own. What is in it is made by its
// own descriptor, so that no path is ever walked twice.
type folder struct {
	parent *folder
	rel    string
	dir    *os.Root
	entry  *snapshot.DirEntry
	left   atomic.Int64
}

// enter makes the directory called name in f.
func (f *folder) enter(name string, e *snapshot.DirEntry) (*folder, error) {
	if err := f.dir.Mkdir(name, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	dir, err := f.dir.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open a directory that was just made: %w", err)
	}
	return &folder{parent: f, rel: path.Join(f.rel, name), dir: dir, entry: e}, nil
}

// run walks the tree in this goroutine and leaves the files to a few others.
func (w *restore) run(ctx context.Context, entry *snapshot.DirEntry, want pick) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.r.parallel)
	werr := w.walk(ctx, g, &folder{rel: ".", dir: w.root}, entry.ObjectID, want)
	if err := g.Wait(); err != nil {
		return err
	}
	return werr
}

func (w *restore) walk(ctx context.Context, g *errgroup.Group, f *folder, oid object.ID, want pick) error {
	entries, err := w.r.readDir(ctx, oid)
	if err != nil {
		return fmt.Errorf("directory %s: %w", f.rel, err)
	}
	if want != nil {
		entries = slices.DeleteFunc(entries, func(e *snapshot.DirEntry) bool { _, wanted := want[fromStored(e.Name)]; return !wanted })
	}
	f.left.Store(int64(len(entries)) + 1)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		name := fromStored(e.Name)
		if !plainName(name) {
			return fmt.Errorf("directory %s: the repository names an entry %q", f.rel, name)
		}
		switch e.Type {
		case snapshot.EntryTypeDirectory:
			into, err := f.enter(name, e)
			if err != nil {
				return err
			}
			if err := w.walk(ctx, g, into, e.ObjectID, want[name]); err != nil {
				_ = into.dir.Close()
				return err
			}
		case snapshot.EntryTypeFile:
			g.Go(func() error { return w.then(f, w.file(ctx, f, name, e)) })
		case snapshot.EntryTypeSymlink:
			g.Go(func() error { return w.then(f, w.link(ctx, f, name, e)) })
		default:
			return fmt.Errorf("%s: unknown type of entry %q", path.Join(f.rel, name), e.Type)
		}
	}
	return w.finish(f)
}

func (w *restore) then(f *folder, err error) error {
	if err != nil {
		return err
	}
	return w.finish(f)
}

// finish counts one thing of f as done, and settles f when it was the last.
func (w *restore) finish(f *folder) error {
	for ; f != nil && f.left.Add(-1) == 0; f = f.parent {
		if f.entry == nil {
			continue // the directory that the caller gave keeps its attributes
		}
		h, err := f.dir.Open(".")
		if err != nil {
			return fmt.Errorf("settle a directory: %w", err)
		}
		err = w.settle(h, f.parent, path.Base(f.rel), f.entry)
		if err := errors.Join(err, h.Close(), f.dir.Close()); err != nil {
			return fmt.Errorf("settle directory %s: %w", f.rel, err)
		}
	}
	return nil
}

func (w *restore) file(ctx context.Context, in *folder, name string, e *snapshot.DirEntry) error {
	h, err := in.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	n := &counter{w: h}
	err = w.r.copyObject(ctx, e.ObjectID, n)
	if err == nil && n.n != e.FileSize {
		err = fmt.Errorf("it has %d bytes instead of %d", n.n, e.FileSize)
	}
	if err == nil {
		err = w.settle(h, in, name, e)
	}
	if err := errors.Join(err, h.Close()); err != nil {
		return fmt.Errorf("file %s: %w", path.Join(in.rel, name), err)
	}
	w.count(n.n)
	return nil
}

// settle gives an open file or directory its owner, mode and times, in this
// order: changing the owner clears the set-id bits, and both touch the times.
func (w *restore) settle(h *os.File, in *folder, name string, e *snapshot.DirEntry) error {
	if w.chown {
		if err := h.Chown(int(e.UserID), int(e.GroupID)); err != nil {
			return fmt.Errorf("set the owner: %w", err)
		}
	}
	if err := h.Chmod(modeOf(e)); err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	if err := in.dir.Chtimes(name, e.ModTime.ToTime(), e.ModTime.ToTime()); err != nil {
		return fmt.Errorf("set the times: %w", err)
	}
	return nil
}

func (w *restore) link(ctx context.Context, in *folder, name string, e *snapshot.DirEntry) error {
	var target strings.Builder
	if err := w.r.copyObject(ctx, e.ObjectID, &target); err != nil {
		return fmt.Errorf("link %s: %w", path.Join(in.rel, name), err)
	}
	if err := in.dir.Symlink(target.String(), name); err != nil {
		return fmt.Errorf("make a link: %w", err)
	}
	if w.chown {
		if err := in.dir.Lchown(name, int(e.UserID), int(e.GroupID)); err != nil {
			return fmt.Errorf("set the owner of a link: %w", err)
		}
	}
	parent, err := in.dir.Open(".")
	if err != nil {
		return fmt.Errorf("set the time of a link: %w", err)
	}
	defer parent.Close() //nolint:errcheck // opened for its descriptor only
	ts := unix.NsecToTimespec(int64(e.ModTime))
	err = unix.UtimesNanoAt(int(parent.Fd()), name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW) //nolint:gosec // a file descriptor fits
	if err != nil {
		return fmt.Errorf("set the time of link %s: %w", path.Join(in.rel, name), err)
	}
	w.count(0)
	return nil
}

func (w *restore) count(bytes int64) {
	w.mu.Lock()
	w.at.DoneFiles++
	w.at.DoneBytes += bytes
	w.mu.Unlock()
	w.tell(false)
}

func (w *restore) tell(now bool) {
	if w.progress == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.now.Now()
	if !now && t.Sub(w.told) < progressEvery {
		return
	}
	w.told = t
	w.progress(w.at)
}

// dirStream is how Kopia marks the contents of a directory.
const dirStream = "kopia:directory"

// readDir reads a directory's own entries. Kopia's file system view of a
// snapshot gives directories the newest time below them instead of their own.
func (r *Repository) readDir(ctx context.Context, oid object.ID) ([]*snapshot.DirEntry, error) {
	or, err := r.rep.OpenObject(ctx, oid)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", oid, err)
	}
	defer or.Close() //nolint:errcheck // read only
	var d snapshot.DirManifest
	if err := json.NewDecoder(&ctxReader{ctx, or}).Decode(&d); err != nil {
		return nil, fmt.Errorf("read object %s: %w", oid, err)
	}
	if d.StreamType != dirStream {
		return nil, fmt.Errorf("object %s is not a directory", oid)
	}
	return d.Entries, nil
}

func modeOf(e *snapshot.DirEntry) os.FileMode { return os.FileMode(e.Permissions) } //nolint:gosec // Kopia keeps Go's own bits

// plainName tells whether s names an entry of a directory and nothing else.
func plainName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00") && len(s) <= 255
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

type ctxReader struct {
	ctx context.Context //nolint:containedctx // it lives for one copy
	r   io.Reader
}

// Read reads on unless the context has ended.
func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p) //nolint:wrapcheck // a plain pass-through
}

// onlyWriter hides ReadFrom, so that the copy goes through a bounded buffer.
type onlyWriter struct{ io.Writer }

type counter struct {
	w io.Writer
	n int64
}

// Write passes p on and counts it.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err //nolint:wrapcheck // a plain pass-through
}
