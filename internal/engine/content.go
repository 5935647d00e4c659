package engine

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names files so; it proves nothing here but that
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/snapshot"
)

// Limits of what a run remembers by name.
const (
	maxGoneNames = 10_000
	maxExamples  = 50
)

// kind is what a folder is in a content-addressed folder.
type kind byte

const (
	kindOther kind = iota // not in one
	kindTop               // the content-addressed folder itself
	kindFirst             // "ab" in it
	kindLeaf              // "ab/cd"
	kindAlien             // in it, but none of these
)

// kindOf gives the kind of a folder from its parent's.
func (b *branch) kindOf(up *dirNode, rel, name string) kind {
	switch {
	case b.addressed == "":
		return kindOther
	case rel == b.addressed:
		return kindTop
	case up == nil || up.kind == kindOther:
		return kindOther
	case up.kind == kindTop && isHex(name, 2):
		return kindFirst
	case up.kind == kindFirst && isHex(name, 2):
		return kindLeaf
	default:
		return kindAlien
	}
}

// isContent tells whether a file called name in d is what d is for.
func (d *dirNode) isContent(name string) bool {
	return d.kind == kindLeaf && isHex(name, contentNameLen) && name[:2] == d.up.name && name[2:4] == d.name
}

// warningFile is what Moodle itself puts into filedir, to keep people off.
const warningFile = "warning.txt"

// contents counts what a run sees of content-addressed folders.
type contents struct {
	mu sync.Mutex
	Content
	mismatched, foreign []string // examples
}

func (c *contents) sawForeign(at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Foreign++
	if len(c.foreign) < maxExamples {
		c.foreign = append(c.foreign, at)
	}
}

func (c *contents) checked(at string, right bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Checked++
	if right {
		return
	}
	c.Mismatched++
	if len(c.mismatched) < maxExamples {
		c.mismatched = append(c.mismatched, at)
	}
}

func (c *contents) gone(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Gone++
	if len(c.GoneNames) < maxGoneNames {
		c.GoneNames = append(c.GoneNames, name)
	}
}

func (c *contents) add(all, fresh int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Contents += all
	c.New += fresh
}

// result gives the counts, at the end.
func (c *contents) result() *Content {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.Content
	slices.Sort(out.GoneNames)
	slices.Sort(c.mismatched)
	slices.Sort(c.foreign)
	out.Examples = append(append([]string(nil), c.mismatched...), c.foreign...)
	out.Examples = out.Examples[:min(len(out.Examples), maxExamples)]
	return &out
}

// took hears of a folder that was taken over.
func (t *tree) took(s *fs.DirectorySummary) {
	t.contents.add(s.TotalFileCount, 0)
	if t.onTaken != nil {
		t.onTaken(s.TotalFileCount, s.TotalFileSize)
	}
}

// roll is a listing of a content-addressed folder, held against what the
// previous snapshot has there.
type roll struct {
	d      *dirNode
	was    map[string]*snapshot.DirEntry
	known  bool     // what was there before can be told
	folder *earlier // as was
	seen   map[string]bool
}

// roll begins one; nil for a folder that is of no interest.
func (d *dirNode) roll(ctx context.Context) *roll {
	if d.kind == kindOther || d.b.tree.dry {
		return nil
	}
	r := &roll{d: d, known: true, folder: d.was(ctx), seen: map[string]bool{}}
	var err error
	if r.was, err = r.folder.list(ctx); err != nil {
		r.known = false
	}
	return r
}

// saw hears of an entry that is stored.
func (r *roll) saw(name string, mode os.FileMode) {
	if r == nil {
		return
	}
	t := r.d.b.tree
	switch {
	case mode.IsDir():
		if r.d.kind == kindTop || r.d.kind == kindFirst {
			r.seen[name] = true
		}
	case mode.IsRegular() && r.d.isContent(name):
		r.seen[name] = true
		fresh := int64(0)
		if e := r.was[name]; r.known && (e == nil || e.Type != snapshot.EntryTypeFile) {
			fresh = 1
		}
		t.contents.add(1, fresh)
	case r.d.kind == kindTop && name == warningFile:
	default:
		t.contents.sawForeign(path.Join(r.d.b.spec.Name, r.d.rel, name))
	}
}

// end hears that the listing was whole, and counts what is no longer there.
func (r *roll) end(ctx context.Context) {
	if r == nil || !r.known {
		return
	}
	for name, e := range r.was {
		if r.seen[name] {
			continue
		}
		switch {
		case e.Type == snapshot.EntryTypeFile && r.d.isContent(name):
			r.d.b.tree.contents.gone(name)
		case isTree(e) && isHex(name, 2) && (r.d.kind == kindTop || r.d.kind == kindFirst):
			r.goneBelow(ctx, r.folder.dir(ctx, name))
		}
	}
}

// goneBelow counts the contents of a folder that is no longer there.
func (r *roll) goneBelow(ctx context.Context, was *earlier) {
	entries, err := was.list(ctx)
	if err != nil {
		return // what cannot be read is not known to be gone
	}
	for name, e := range entries {
		switch {
		case isTree(e) && isHex(name, 2):
			r.goneBelow(ctx, was.dir(ctx, name))
		case e.Type == snapshot.EntryTypeFile && isHex(name, contentNameLen):
			r.d.b.tree.contents.gone(name)
		}
	}
}

// fileReader reads a file for Kopia, and holds it against its name where that
// is the sum of its content.
type fileReader struct {
	f   *os.File
	of  *fileNode
	sum hash.Hash // nil where the name says nothing, or the file was not read from its begin to its end
}

func newFileReader(f *os.File, of *fileNode) *fileReader {
	r := &fileReader{f: f, of: of}
	if of.content && !of.b.tree.dry {
		r.sum = sha1.New() //nolint:gosec // Moodle names files so
	}
	return r
}

// Read reads on; its errors are the site's, not the repository's.
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		r.sum, err = nil, sourceError{err}
	case r.sum != nil:
		right := hex.EncodeToString(r.sum.Sum(nil)) == r.of.name
		r.sum = nil
		r.of.b.tree.contents.checked(path.Join(r.of.b.spec.Name, r.of.rel), right)
	}
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// Seek moves in the file. What is not read in one go is not summed.
func (r *fileReader) Seek(offset int64, whence int) (int64, error) {
	r.sum = nil
	n, err := r.f.Seek(offset, whence)
	if err != nil {
		return n, sourceError{err}
	}
	return n, nil
}

// Close closes the file.
func (r *fileReader) Close() error {
	if err := r.f.Close(); err != nil {
		return sourceError{err}
	}
	return nil
}

// Entry gives the entry that was opened.
func (r *fileReader) Entry() (fs.Entry, error) { return r.of, nil }
