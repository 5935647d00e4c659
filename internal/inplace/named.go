package inplace

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/errs"
)

// Named gives the files that the database copy names, as they were kept beside
// it. The agent backs it by the engine.
type Named interface {
	// Wanted gives the contents that the copy's rows name, each at least once.
	Wanted(ctx context.Context) iter.Seq2[WantedContent, error]
	// Fetch writes some of the kept contents into a folder that is not there
	// yet, each at its own place, like "ab/cd/abcd…".
	Fetch(ctx context.Context, hashes []string, into string) error
}

// WantedContent is one content that a row of the database copy names.
type WantedContent struct {
	Hash  string // its SHA-1, 40 hex digits
	Bytes int64
	Kept  bool // Fetch can give it
}

// NamedBack is what came of the named files.
type NamedBack struct {
	Lacking int64 `json:"lacking"` // contents that the database names and filedir lacked
	Back    int64 `json:"back"`    // of these, brought back from beside the database copy
	Bytes   int64 `json:"bytes"`   // of those
	Missing int64 `json:"missing"` // that are not kept there either, or not whole
}

// A helping of named files is fetched and put into place at a time, so that
// they take little room twice.
const (
	helpingFiles = 2000
	helpingBytes = 256 << 20
)

// bringNamed puts into the filedir that the site will have what the database
// copy names and it lacks: the new one where moodledata comes back too, else
// the live one, to which it only adds. An orphan in there is harmless, so
// nothing of it is taken back. What fails is a warning; the error is ctx's.
func (w *work) bringNamed(ctx context.Context) error {
	err := w.do("named", func() error {
		n := &naming{w: w, into: w.besides(w.in.FileDir), live: w.in.FileDir, out: &NamedBack{}}
		if n.into == n.live {
			real, err := w.Allow("The site's filedir", n.live)
			if err != nil {
				return err
			}
			n.into, n.live = real, ""
		}
		w.j.Note.Named = n.out
		return n.all(ctx)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.Log.Warn("named files could not be brought back", "restore", w.j.ID, "error", err)
		w.warn("Not every file that the database names could be brought back from beside its copy: %s.", sentence(err))
	}
	return nil
}

// naming is bringNamed at work.
type naming struct {
	w    *work
	into string
	live string // filedir of now, where into is another; what it has whole is taken over later
	out  *NamedBack

	fresh   *os.Root
	top     fs.FileInfo // of the folder itself
	old     *os.Root    // live, may be nil
	helping []string
	bytes   int64
	failed  int   // contents that could not be put into their places
	why     error // of all these
}

// maxFailed is how many contents may fail before the rest is left alone.
const maxFailed = 20

func (n *naming) all(ctx context.Context) error {
	var err error
	if n.fresh, err = os.OpenRoot(n.into); err != nil {
		return fmt.Errorf("enter filedir: %w", err)
	}
	defer n.fresh.Close() //nolint:errcheck // errors came before
	if n.top, err = n.fresh.Stat("."); err != nil {
		return fmt.Errorf("look at filedir: %w", err)
	}
	if n.live != "" {
		if n.old, err = os.OpenRoot(n.live); err == nil {
			defer n.old.Close() //nolint:errcheck // read only
		}
	}
	seen := map[string]struct{}{}
	for c, err := range n.w.Named.Wanted(ctx) {
		if err != nil {
			return err
		}
		if _, again := seen[c.Hash]; again || !n.lacks(c.Hash) {
			continue
		}
		seen[c.Hash] = struct{}{}
		n.out.Lacking++
		if !c.Kept {
			n.out.Missing++
			continue
		}
		n.helping, n.bytes = append(n.helping, c.Hash), n.bytes+c.Bytes
		if len(n.helping) >= helpingFiles || n.bytes >= helpingBytes {
			if err := n.serve(ctx); err != nil {
				return err
			}
		}
	}
	if err := n.serve(ctx); err != nil {
		return err
	}
	return n.why
}

// lacks tells whether a content is wanted: it is not in the filedir to come,
// and not whole in the one of now.
func (n *naming) lacks(hash string) bool {
	if len(hash) != 40 || !filepath.IsLocal(hash) {
		return false
	}
	name := contentName(hash)
	if _, err := n.fresh.Lstat(name); err == nil {
		return false
	}
	if n.old != nil {
		if sum, err := sumOf(n.old, name); err == nil && sum == hash {
			return false
		}
	}
	return true
}

func contentName(hash string) string { return filepath.Join(hash[:2], hash[2:4], hash) }

// serve fetches one helping and puts it into place.
func (n *naming) serve(ctx context.Context) error {
	if len(n.helping) == 0 {
		return nil
	}
	n.w.Tell(Step{Name: StepNamed, Words: fmt.Sprintf("Bringing back files that the database names: %d so far", n.out.Back)})
	err := n.bring(ctx, n.helping)
	n.helping, n.bytes = n.helping[:0], 0
	return err
}

// bring fetches contents and puts them into place. Where they cannot be had
// together they are fetched by halves, so that one that is damaged where it is
// kept costs no other.
func (n *naming) bring(ctx context.Context, hashes []string) error {
	dir := filepath.Join(n.w.j.dir, "named")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // removed with the journal at the latest
	err := n.w.Named.Fetch(ctx, hashes, dir)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errs.Is(err, errs.Unavailable):
		return err // no other can be had either
	case err != nil && len(hashes) > 1:
		half := len(hashes) / 2
		if err := n.bring(ctx, hashes[:half]); err != nil {
			return err
		}
		return n.bring(ctx, hashes[half:])
	case err != nil:
		n.out.Missing++
		return n.fail(fmt.Errorf("fetch content %s: %w", hashes[0], err))
	}
	from, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // read only
	for _, hash := range hashes {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		size, err := n.put(from, hash)
		if err != nil {
			if err := n.fail(fmt.Errorf("put content %s into filedir: %w", hash, err)); err != nil {
				return err
			}
		}
		if size < 0 || err != nil {
			n.out.Missing++
			continue
		}
		n.out.Back++
		n.out.Bytes += size
	}
	return nil
}

// fail notes a content that could not be brought back, and gives all that were
// noted once they are too many.
func (n *naming) fail(err error) error {
	n.why = errors.Join(n.why, err)
	if n.failed++; n.failed == maxFailed {
		return n.why
	}
	return nil
}

// put copies one content to a name of its own beside its place, and gives it
// its name only when its sum is that name: Moodle never sees half of it. Less
// than no bytes means that what was kept is not the content.
func (n *naming) put(from *os.Root, hash string) (int64, error) {
	src, err := from.OpenFile(contentName(hash), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	defer src.Close() //nolint:errcheck // read only
	fi, err := src.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return -1, err
	}
	leaf, err := n.leaf(hash)
	if err != nil {
		return 0, err
	}
	defer leaf.Close() //nolint:errcheck // errors came before
	part := hash + "." + n.w.j.ID + ".tmp"
	_ = unix.Unlinkat(int(leaf.Fd()), part, 0) //nolint:gosec // a file descriptor fits
	dst, err := openAt(leaf, part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer unix.Unlinkat(int(leaf.Fd()), part, 0) //nolint:errcheck,gosec // it has its real name, or none
	sum := sha1.New()                            //nolint:gosec // see above
	size, err := io.Copy(io.MultiWriter(dst, sum), src)
	err = errors.Join(err, n.dress(dst, fi), dst.Sync(), dst.Close())
	if err != nil {
		return 0, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != hash {
		return -1, nil
	}
	err = unix.Linkat(int(leaf.Fd()), part, int(leaf.Fd()), hash, 0) //nolint:gosec // a file descriptor fits
	if errors.Is(err, fs.ErrExist) {
		err = nil // Moodle was faster
	}
	return size, err
}

// leaf opens the folder of a content, and makes it like filedir itself if it is
// not there. No link leads out of filedir.
func (n *naming) leaf(hash string) (*os.File, error) {
	dir := filepath.Join(hash[:2], hash[2:4])
	for _, d := range []string{hash[:2], dir} {
		err := n.fresh.Mkdir(d, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := n.fresh.OpenFile(d, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(dressLike(f, n.top), f.Close()); err != nil {
			return nil, err
		}
	}
	return n.fresh.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// dress gives a content the owner of filedir, for its copy may be of another
// host, and the mode and time that it had.
func (n *naming) dress(f *os.File, fi fs.FileInfo) error {
	if st, ok := n.top.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return errors.Join(f.Chmod(fi.Mode()), chtimes(f, fi.ModTime()))
}
