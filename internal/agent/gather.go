package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/reference"
	"holdfast/internal/sitedb"
)

// Bounds of what is kept in memory while a dump names files.
const (
	maxUnseen      = 500_000 // contents that were not there when their row passed
	maxUnseenNames = 20_000  // of these, whose file names are kept
	maxYoung       = 50_000  // contents that came lately, and so may go soon
	maxMissing     = 1000    // that are told by name
	youngFor       = 48 * time.Hour
)

// gathering hears of the files that a dump's rows name while the dump passes:
// it writes the list of references to a spool, and looks for each content on
// the disk at once, before it can be deleted and its trash emptied.
type gathering struct {
	fileDir, trashDir string // "" where there is none to look into
	since             time.Time
	spool             *os.File
	out               *bufio.Writer
	list              *reference.Writer

	unseen    map[reference.Hash]*unseen
	names     int   // file names that are kept in unseen
	beyond    int64 // unseen contents that no longer fit
	young     []reference.Hash
	unlooked  int64 // contents that could not be looked for
	unlookErr error
	odd       int64 // hashes that are none
	external  int64
	fromTrash int64
	missing   int64
	told      []agentproto.MissingFile
}

// unseen is a content that was not in filedir when its row passed.
type unseen struct {
	bytes, rows        int64
	name, area, course string
}

// gather begins one. What stands in the way is a warning and no more: the dump
// is whole without it.
func (w Work) gather(s site) (*gathering, error) {
	spool, err := os.CreateTemp("", "holdfast-references-*")
	if err != nil {
		return nil, fmt.Errorf("making a file for the list of references: %w", err)
	}
	// It has no name from now on, and so is gone with this process.
	if err := os.Remove(spool.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a file for the list of references: %w", err), spool.Close())
	}
	g := &gathering{spool: spool, since: w.Clock.Now().Add(-youngFor), unseen: map[reference.Hash]*unseen{}}
	g.out = bufio.NewWriterSize(spool, 256<<10)
	g.list = reference.NewWriter(g.out)
	if g.fileDir, err = w.dirOrNone("The site's filedir", s.install.FileDir); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	if g.trashDir, err = w.dirOrNone("The site's trashdir", s.install.TrashDir); err != nil {
		g.trashDir = "" // contents there are not found; they are told as missing
		w.Log.Warn("trashdir cannot be looked into", "error", err)
	}
	return g, nil
}

// dirOrNone gives where a folder truly is, "" if it is not there at all.
func (w Work) dirOrNone(what, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	real, err := w.Roots.Resolve(what, path)
	if errs.Is(err, errs.NotFound) {
		return "", nil
	}
	return real, err
}

func (g *gathering) close() { _ = g.spool.Close() }

// row hears of one row.
func (g *gathering) row(f sitedb.NamedFile) {
	h, ok := reference.ParseHash(f.Hash)
	if !ok {
		g.odd++
		return
	}
	if f.Alias && !g.there(g.fileDir, h) {
		return // its content is elsewhere by design
	}
	area := f.Component + "/" + f.Area
	if first := g.list.Add(reference.Entry{Hash: h, Bytes: f.Bytes, Area: area, Course: f.Course}); !first {
		if u := g.unseen[h]; u != nil {
			u.rows++
		}
		return
	}
	fi, err := g.look(g.fileDir, h)
	switch {
	case err == nil:
		if changed(fi).After(g.since) && len(g.young) < maxYoung {
			g.young = append(g.young, h)
		}
	case !errors.Is(err, fs.ErrNotExist):
		g.unlooked, g.unlookErr = g.unlooked+1, err
	case len(g.unseen) >= maxUnseen:
		g.beyond++
	default:
		u := &unseen{bytes: f.Bytes, rows: 1, area: area, course: f.Course}
		if g.names < maxUnseenNames {
			g.names++
			u.name = f.Name
		}
		g.unseen[h] = u
	}
}

// outside hears of a content that an object store holds alone.
func (g *gathering) outside(hash string) {
	h, ok := reference.ParseHash(hash)
	if !ok {
		return
	}
	_, here := g.unseen[h]
	if !here && (g.beyond == 0 || g.there(g.fileDir, h)) {
		return // it is here after all, or no row names it
	}
	g.external++
	g.list.AddExternal(h)
	if !here {
		g.beyond--
		return
	}
	delete(g.unseen, h)
}

// look finds a content below filedir or trashdir.
func (g *gathering) look(dir string, h reference.Hash) (fs.FileInfo, error) {
	if dir == "" {
		return nil, fs.ErrNotExist
	}
	fi, err := os.Lstat(filepath.Join(dir, h.Path()))
	if err != nil {
		return nil, err //nolint:wrapcheck // for the caller to tell apart
	}
	if !fi.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return fi, nil
}

func (g *gathering) there(dir string, h reference.Hash) bool {
	_, err := g.look(dir, h)
	return err == nil
}

// lookAgain looks for what was not there when its row passed, now that the dump
// has ended: in filedir, for it may have come late, then in trashdir.
func (g *gathering) lookAgain(ctx context.Context) error {
	for h, u := range g.unseen {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if g.there(g.fileDir, h) {
			continue
		}
		if g.there(g.trashDir, h) {
			g.fromTrash++
			continue
		}
		if g.there(g.fileDir, h) { // Moodle takes back what it finds in trashdir
			continue
		}
		g.missing++
		if len(g.told) < maxMissing {
			g.told = append(g.told, agentproto.MissingFile{Hash: h.String(), Bytes: u.bytes, Rows: u.rows, Name: clip(u.name, 1024), Area: u.area, Course: u.course})
		}
	}
	g.missing += max(0, g.beyond)
	return nil
}

// finish ends the list and gives it from its begin.
func (g *gathering) finish() (io.Reader, error) {
	err := g.list.Close()
	if err == nil {
		err = g.out.Flush()
	}
	if err == nil {
		_, err = g.spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the list of references to a temporary file: %w", err)
	}
	return g.spool, nil
}

// changed gives when a file was last changed in any way, its name included.
func changed(fi fs.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return fi.ModTime()
}
