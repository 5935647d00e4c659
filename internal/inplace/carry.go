package inplace

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// carried are the folders of moodledata that no copy holds and that Moodle does
// not make anew: course backups, and what the policy leaves out besides them.
var carried = []string{"backup", "private", "logs", "upgradelogs"}

// configAside is the copy's config.php in the journal's folder, where it
// differs from the live one.
const configAside = "config.php.of-the-copy"

// carry takes over from the old trees what the new ones must have of them.
// Nothing of the old ones is changed.
func (w *work) carry(ctx context.Context) error {
	if t := w.j.treeOf(moodle.RootCode); t != nil {
		if err := w.do("config", func() error { return w.carryConfig(t) }); err != nil {
			return fmt.Errorf("carry config.php over: %w", err)
		}
	}
	t := w.j.treeOf(moodle.RootData)
	if t == nil {
		return nil
	}
	if t.OldIno != 0 {
		if err := w.do("carry", func() error { return carryDirs(ctx, t, carried) }); err != nil {
			return fmt.Errorf("carry over what no copy holds: %w", err)
		}
	}
	return w.do("heal", func() error { return w.heal(ctx) })
}

// carryConfig puts the live site's config.php into the new code: its
// credentials and paths are those of now. The copy's own is laid into the
// journal's folder where it differs.
func (w *work) carryConfig(t *tree) error {
	from, to := filepath.Join(t.Live, "config.php"), filepath.Join(t.Beside, "config.php")
	live, fi, err := readConfig(from)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "%s cannot be read.", from)
	}
	if old, err := os.Lstat(to); err == nil && old.Mode().IsRegular() {
		theirs, err := os.ReadFile(to)
		if err != nil {
			return err
		}
		if w.j.Note.ConfigDiffer = !bytes.Equal(theirs, live); w.j.Note.ConfigDiffer {
			if err := writeWhole(filepath.Join(w.j.dir, configAside), theirs); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if fi.Mode()&os.ModeSymlink != 0 {
		return copyLink(from, to, fi)
	}
	if err := fileCopy(bytes.NewReader(live), to, 0o600); err != nil {
		return err
	}
	return likeness(to, fi)
}

// readConfig reads the live config.php. Of a link it gives no content: the
// site's user may let it lead to what only we may read.
func readConfig(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		fi, err := os.Lstat(path)
		return nil, fi, err
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, errs.New(errs.Conflict, "%s is no file.", path)
	}
	raw, err := io.ReadAll(f)
	return raw, fi, err
}

func copyLink(from, to string, fi fs.FileInfo) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if err := os.Symlink(target, to); err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return os.Lchown(to, int(st.Uid), int(st.Gid))
	}
	return nil
}

// likeness gives a file of ours another's owner, mode and time.
func likeness(path string, fi fs.FileInfo) error {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Lchown(path, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := os.Chmod(path, fi.Mode()); err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// carryDirs links folders of the old tree into the new one, where it has none.
func carryDirs(ctx context.Context, t *tree, names []string) error {
	old, err := os.OpenRoot(t.Live)
	if err != nil {
		return err
	}
	defer old.Close() //nolint:errcheck // read only
	fresh, err := os.OpenRoot(t.Beside)
	if err != nil {
		return err
	}
	defer fresh.Close() //nolint:errcheck // errors came before
	for _, name := range names {
		fi, err := old.Lstat(name)
		if err != nil || !fi.IsDir() {
			continue
		}
		if _, err := fresh.Lstat(name); err == nil {
			continue // the copy has it after all
		}
		if err := linkTree(ctx, old, fresh, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// linkTree makes dir of the old tree in the new one, its files as further
// names of the same ones. The site's own user may change the old one
// meanwhile: every folder is opened as one, and no link is followed.
func linkTree(ctx context.Context, old, fresh *os.Root, dir string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	d, err := old.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read only
	fi, err := d.Stat()
	if err != nil {
		return err
	}
	if err := fresh.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	to, err := fresh.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // errors came before
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := linkTree(ctx, old, fresh, name); err != nil {
				return err
			}
			continue
		}
		if !e.Type().IsRegular() {
			continue
		}
		if err := linkOrCopy(d, to, e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := dressLike(to, fi); err != nil {
		return err
	}
	return fresh.Chtimes(dir, fi.ModTime(), fi.ModTime()) // to the nanosecond
}

// dressLike gives an open file or folder the owner, mode and time of another.
func dressLike(f *os.File, fi fs.FileInfo) error {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := f.Chmod(fi.Mode()); err != nil {
		return err
	}
	return chtimes(f, fi.ModTime())
}

// heal gives the new filedir what the files table names, the copy lacks and
// the site's own filedir or trashdir still has: contents are named by their
// sum, so that what bears the name and the sum is the right one.
func (w *work) heal(ctx context.Context) error {
	conn := w.conn
	if conn.Name == "" {
		return nil
	}
	if w.j.DB != nil && !w.loadsInPlace() {
		conn, _ = w.j.DB.Target(w.conn)
	}
	into, from := w.besides(w.in.FileDir), w.in.FileDir
	if into == from {
		return nil // filedir is not exchanged
	}
	fresh, err := os.OpenRoot(into)
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(errs.Incomplete, "The copy has no filedir; it cannot be of this site's files.")
	}
	if err != nil {
		return err
	}
	defer fresh.Close() //nolint:errcheck // errors came before
	h := &healer{fresh: fresh}
	for _, dir := range []string{from, w.in.TrashDir} {
		if old, err := os.OpenRoot(dir); err == nil {
			defer old.Close() //nolint:errcheck // read only
			h.old = append(h.old, old)
		}
	}
	for row, err := range sitedb.FileRows(ctx, conn) {
		if err != nil {
			return fmt.Errorf("read the files table: %w", err)
		}
		if err := h.one(row); err != nil {
			return fmt.Errorf("take over content %s: %w", row.ContentHash, err)
		}
	}
	w.j.Note.Agreement = &Agreement{Healed: h.healed}
	return nil
}

// besides gives where a path lies while its tree is still beside.
func (w *work) besides(path string) string {
	for _, t := range w.j.Trees {
		if path == t.Live {
			return t.Beside
		}
		if rel, err := filepath.Rel(t.Live, path); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(t.Beside, rel)
		}
	}
	return path
}

type healer struct {
	fresh  *os.Root
	old    []*os.Root
	healed int64
}

func (h *healer) one(row moodle.FileRow) error {
	if len(row.ContentHash) != 40 || row.External {
		return nil
	}
	if _, err := hex.DecodeString(row.ContentHash); err != nil {
		return nil //nolint:nilerr // the comparison counts it
	}
	dir := filepath.Join(row.ContentHash[:2], row.ContentHash[2:4])
	name := filepath.Join(dir, row.ContentHash)
	if _, err := h.fresh.Lstat(name); err == nil {
		return nil
	}
	for _, old := range h.old {
		fi, err := old.Lstat(name)
		if err != nil || !fi.Mode().IsRegular() || (fi.Size() != row.Size && fi.Size() != row.MinSize) {
			continue
		}
		took, err := h.take(old, dir, row.ContentHash)
		if err != nil {
			return err
		}
		if took {
			h.healed++
			return nil
		}
	}
	return nil
}

// take links one content and believes it only after it was read.
func (h *healer) take(old *os.Root, dir, hash string) (bool, error) {
	from, err := old.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false, nil //nolint:nilerr // it has gone meanwhile
	}
	defer from.Close() //nolint:errcheck // read only
	if err := h.mkdirs(old, dir); err != nil {
		return false, err
	}
	to, err := h.fresh.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer to.Close() //nolint:errcheck // errors came before
	if err := linkOrCopy(from, to, hash); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	name := filepath.Join(dir, hash)
	if sum, err := sumOf(h.fresh, name); err != nil || sum != hash {
		return false, h.fresh.Remove(name) // a disk that gives it no more fails no restore
	}
	return true, nil
}

// mkdirs makes a content's two folders like those of the old filedir.
func (h *healer) mkdirs(old *os.Root, dir string) error {
	for _, d := range []string{filepath.Dir(dir), dir} {
		err := h.fresh.Mkdir(d, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		fi, err := old.Lstat(d)
		if err != nil {
			return err
		}
		to, err := h.fresh.Open(d)
		if err != nil {
			return err
		}
		if err := errors.Join(dressLike(to, fi), to.Close()); err != nil {
			return err
		}
	}
	return nil
}

func sumOf(root *os.Root, name string) (string, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()   //nolint:errcheck // read only
	sum := sha1.New() //nolint:gosec // Moodle names its files by SHA-1
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
