package engine

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kopia/kopia/snapshot"
	"golang.org/x/sys/unix"

	"holdfast/internal/errs"
)

// placing is a folder into which files from elsewhere are put. A nil one has
// none.
type placing struct {
	dirs  map[string]*placing
	files map[string]string // name to path
}

func (p *placing) dir(name string) *placing {
	if p == nil {
		return nil
	}
	return p.dirs[name]
}

// place notes a file that is to be put into b.
func (b *branch) place(also Placed) error {
	rel := path.Clean(also.Rel)
	if rel == "." || !filepath.IsLocal(rel) || strings.ContainsRune(also.Rel, 0) {
		return errs.Field("also", "%.80q is not a place in root %s", also.Rel, b.spec.Name)
	}
	if !filepath.IsAbs(also.Path) || strings.ContainsRune(also.Path, 0) {
		return errs.Field("also", "the path of a file that is put into root %s must be absolute", b.spec.Name)
	}
	if b.leftOut(rel, false) {
		return nil
	}
	if b.placed == nil {
		b.placed = &placing{}
	}
	at, names := b.placed, strings.Split(rel, "/")
	for _, name := range names[:len(names)-1] {
		if at.files[name] != "" {
			return errs.Field("also", "%.80q lies below another file that is put into root %s", also.Rel, b.spec.Name)
		}
		if at.dirs[name] == nil {
			if at.dirs == nil {
				at.dirs = map[string]*placing{}
			}
			at.dirs[name] = &placing{}
		}
		at = at.dirs[name]
	}
	name := names[len(names)-1]
	if at.dirs[name] != nil {
		return errs.Field("also", "%.80q is a folder of other files that are put into root %s", also.Rel, b.spec.Name)
	}
	if at.files == nil {
		at.files = map[string]string{}
	}
	at.files[name] = filepath.Clean(also.Path)
	return nil
}

// rest gives the entries that are to be put into d beside those on the disk,
// sorted: folders end in a slash. It tells of each that something else is in
// the way of.
func (d *dirNode) rest(onDisk map[string]os.FileMode) []string {
	var out []string
	if d.placed == nil {
		return nil
	}
	for name := range d.placed.dirs {
		mode, there := onDisk[name]
		switch {
		case !there:
			out = append(out, name+"/")
		case !mode.IsDir():
			d.b.tree.inTheWay(path.Join(d.b.spec.Name, d.rel, name))
		}
	}
	for name := range d.placed.files {
		mode, there := onDisk[name]
		switch {
		case !there:
			out = append(out, name)
		case !mode.IsRegular():
			d.b.tree.inTheWay(path.Join(d.b.spec.Name, d.rel, name))
		}
	}
	slices.Sort(out)
	return out
}

// mayLose tells whether contents that went away are looked for elsewhere.
func (d *dirNode) mayLose() bool {
	return d.kind == kindLeaf && !d.virtual && d.b.tree.lost != nil && !d.b.tree.dry
}

// findLost puts into d what the previous snapshot has there, the disk has no
// more, and lies elsewhere now. d has been listed.
func (d *dirNode) findLost(r *roll, onDisk map[string]os.FileMode) {
	if r == nil || !r.known || !d.mayLose() {
		return
	}
	files := map[string]string{}
	for name, e := range r.was {
		if _, there := onDisk[name]; there || e.Type != snapshot.EntryTypeFile || !d.isContent(name) {
			continue
		}
		p := d.b.tree.lost(d.b.spec.Name, name)
		if p == "" || !filepath.IsAbs(p) {
			continue
		}
		if f, err := d.b.openPlaced(filepath.Clean(p)); err == nil {
			_ = f.Close()
			files[name] = filepath.Clean(p)
		}
	}
	if len(files) == 0 {
		return
	}
	all := &placing{files: files}
	if d.placed != nil {
		all.dirs = d.placed.dirs
		maps.Copy(all.files, d.placed.files)
	}
	d.placed = all
}

// inTheWay notes that a file from elsewhere has no place.
func (t *tree) inTheWay(at string) {
	if t.onProblem != nil && !t.dry {
		t.onProblem(Problem{Path: at, Reason: "a file that belongs here lies elsewhere, and something else is in its place"})
	}
}

// openPlaced opens a file from elsewhere for reading. No link is followed below
// the folder that it shares with its root, for what lies there is the site's
// user's to change, and this process may read more than that user.
func (b *branch) openPlaced(p string) (*os.File, error) {
	base, names := shared(filepath.Clean(b.spec.Path), p)
	fd, err := unix.Open(base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for i := 0; err == nil && i < len(names); i++ {
		flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
		if i < len(names)-1 {
			flags |= unix.O_DIRECTORY
		}
		var next int
		next, err = unix.Openat(fd, names[i], flags, 0)
		_ = unix.Close(fd)
		fd = next
	}
	if err != nil {
		return nil, sourceError{&iofs.PathError{Op: "open", Path: p, Err: err}}
	}
	return os.NewFile(uintptr(fd), p), nil //nolint:gosec // a file descriptor fits
}

// shared gives the innermost folder of root that p lies in as well, and the
// names from there to p.
func shared(root, p string) (string, []string) {
	base := root
	for base != "/" && !strings.HasPrefix(p, base+"/") {
		base = filepath.Dir(base)
	}
	return base, strings.Split(strings.TrimPrefix(strings.TrimPrefix(p, base), "/"), "/")
}

// foundLost gives the entry of a content that went away since d was listed, nil
// where it lies nowhere else.
func (d *dirNode) foundLost(name string) *fileNode {
	if !d.mayLose() || !d.isContent(name) {
		return nil
	}
	p := d.b.tree.lost(d.b.spec.Name, name)
	if p == "" || !filepath.IsAbs(p) {
		return nil
	}
	f, err := d.fileFrom(name, filepath.Clean(p))
	if err != nil {
		return nil
	}
	return f
}

// handle opens a file where it is. A content that was moved since it was listed
// is looked for where such go to, and one from there in its own place.
func (f *fileNode) handle() (*os.File, error) {
	if f.from != "" {
		h, err := f.b.openPlaced(f.from)
		if errors.Is(err, iofs.ErrNotExist) {
			if back, err := f.b.open(f.rel); err == nil {
				return back, nil
			}
		}
		return h, err
	}
	h, err := f.b.open(f.rel)
	if errors.Is(err, iofs.ErrNotExist) {
		if now := f.in.foundLost(f.name); now != nil {
			if moved, err := f.b.openPlaced(now.from); err == nil {
				return moved, nil
			}
		}
	}
	return h, err
}

// placedFile gives the entry of a file from elsewhere.
func (d *dirNode) placedFile(name string) (*fileNode, error) {
	return d.fileFrom(name, d.placed.files[name])
}

func (d *dirNode) fileFrom(name, from string) (*fileNode, error) {
	f, err := d.b.openPlaced(from)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened to be looked at
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &iofs.PathError{Op: "open", Path: from, Err: errors.New("it is not a regular file")}
	}
	if err != nil {
		return nil, sourceError{fmt.Errorf("look at a file that is to be put into the copy: %w", err)}
	}
	n := &fileNode{node: d.b.newNode(path.Join(d.rel, name), toStored(name), fi), in: d, from: from}
	n.content = d.isContent(name)
	return n, nil
}

// placedDir gives a folder that is there only for the files put into it.
func (d *dirNode) placedDir(name string) *dirNode {
	n := d.node
	n.rel, n.name, n.ctime = path.Join(d.rel, name), toStored(name), 0
	out := &dirNode{node: n, up: d, virtual: true, placed: d.placed.dirs[name]}
	out.kind = d.b.kindOf(d, n.rel, name)
	return out
}

// nextPlaced gives the next entry from elsewhere, nil after the last.
func (l *listing) nextPlaced() (*dirNode, *fileNode, *errorNode) {
	for len(l.rest) > 0 {
		name := l.rest[0]
		l.rest = l.rest[1:]
		if folder, ok := strings.CutSuffix(name, "/"); ok {
			return l.d.placedDir(folder), nil, nil
		}
		f, err := l.d.placedFile(name)
		switch {
		case err == nil:
			return nil, f, nil
		case errors.Is(err, syscall.ENOENT):
			l.d.b.tree.vanished.Add(1)
		default:
			return nil, nil, &errorNode{node{b: l.d.b, rel: path.Join(l.d.rel, name), name: toStored(name)}, err}
		}
	}
	return nil, nil, nil
}
