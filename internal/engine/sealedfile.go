package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// SealedFile is a plain sealed file at a destination.
type SealedFile struct {
	Name   string // its path there, like "SITE/sealed/COPY.hfs"
	Bytes  int64  // of the sealed form
	SHA256 string // of the sealed form
}

// SealedName is where the sealed file of a site's copy lies at its destination.
func SealedName(site, name string) string { return site + "/sealed/" + name + ".hfs" }

// PutSealed writes what produce writes as one sealed file "SITE/sealed/NAME.hfs"
// at the destination: whole and durable, or not at all. On a filesystem it is
// a plain file; elsewhere it is spooled, sealed, in spoolDir first.
func PutSealed(ctx context.Context, b vault.Backend, site, name string, key []byte, spoolDir string,
	produce func(context.Context, io.Writer) error,
) (SealedFile, error) {
	folder := site + "/sealed"
	if err := vault.CheckRepository(folder); err != nil {
		return SealedFile{}, err
	}
	out := SealedFile{Name: SealedName(site, name)}
	path := filepath.Join(spoolDir, name+".hfs.part")
	if b.Kind == vault.Filesystem {
		dir := filepath.Join(b.Path, filepath.FromSlash(folder))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return out, fmt.Errorf("folder of the sealed files: %w", err)
		}
		path = filepath.Join(dir, name+".hfs.part")
	}
	if err := writeSealed(ctx, path, key, &out, produce); err != nil {
		return out, errors.Join(err, os.Remove(path))
	}
	if b.Kind == vault.Filesystem {
		if err := os.Rename(path, filepath.Join(b.Path, filepath.FromSlash(out.Name))); err != nil {
			return out, fmt.Errorf("name the sealed file: %w", err)
		}
		return out, syncDir(filepath.Dir(path))
	}
	defer func() { _ = os.Remove(path) }()
	st, err := b.Open(ctx, folder)
	if err != nil {
		return out, err
	}
	err = st.PutBlob(ctx, blob.ID(name+".hfs"), onDisk{path: path, length: int(out.Bytes)}, blob.PutOptions{})
	if err != nil {
		err = fmt.Errorf("store the sealed file: %w", err)
	}
	return out, errors.Join(err, st.Close(ctx))
}

func writeSealed(ctx context.Context, path string, key []byte, out *SealedFile, produce func(context.Context, io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // under the destination
	if err != nil {
		return fmt.Errorf("sealed file: %w", err)
	}
	sum := sha256.New()
	count := &sealedCount{}
	w, err := SealStream(io.MultiWriter(f, sum, count), key)
	if err == nil {
		err = produce(ctx, w)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the sealed file: %w", err)
	}
	out.Bytes, out.SHA256 = count.n, hex.EncodeToString(sum.Sum(nil))
	return nil
}

type sealedCount struct{ n int64 }

func (c *sealedCount) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // under the destination
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadSealed writes the content of the destination's sealed file to w. What it
// wrote counts only if it gives no error: a cut or changed file is one.
func ReadSealed(ctx context.Context, b vault.Backend, name string, key []byte, w io.Writer) error {
	folder, file := filepath.ToSlash(filepath.Dir(name)), filepath.Base(name)
	if err := vault.CheckRepository(folder); err != nil {
		return err
	}
	if b.Kind == vault.Filesystem {
		f, err := os.Open(filepath.Join(b.Path, filepath.FromSlash(folder), file)) //nolint:gosec // checked above
		if errors.Is(err, os.ErrNotExist) {
			return errs.Wrap(errs.NotFound, err, "The sealed file %s is not at its destination.", name)
		}
		if err != nil {
			return fmt.Errorf("sealed file: %w", err)
		}
		return errors.Join(copySealed(f, key, w), f.Close())
	}
	st, err := b.Open(ctx, folder)
	if err != nil {
		return err
	}
	spool, err := os.CreateTemp("", "holdfast-sealed-*")
	if err != nil {
		return errors.Join(err, st.Close(ctx))
	}
	defer func() { _ = os.Remove(spool.Name()) }()
	err = st.GetBlob(ctx, blob.ID(file), 0, -1, &intoFile{f: spool})
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = copySealed(spool, key, w)
	}
	return errors.Join(err, spool.Close(), st.Close(ctx))
}

// DeleteSealed removes the destination's sealed file, whole or begun, and on a
// filesystem makes that outlast a power cut. One that is not there is no error,
// so that a second call does no harm. A name that PutSealed would not have
// given is Invalid. In a bucket that keeps versions the bytes stay until the
// bucket's own rules remove them.
func DeleteSealed(ctx context.Context, b vault.Backend, name string) error {
	parts := sealedName.FindStringSubmatch(name)
	if parts == nil {
		return errs.Field("sealed_name", "%.80q is not a sealed file's name; it has the form SITE/sealed/COPY.hfs", name)
	}
	folder, file := parts[1], parts[2]
	if err := vault.CheckRepository(folder); err != nil {
		return err
	}
	if b.Kind != vault.Filesystem {
		st, err := b.Open(ctx, folder)
		if err != nil {
			return err
		}
		err = st.DeleteBlob(ctx, blob.ID(file))
		if errors.Is(err, blob.ErrBlobNotFound) {
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("delete the sealed file: %w", err)
		}
		return errors.Join(err, st.Close(ctx))
	}
	if err := b.Check(); err != nil {
		return err
	}
	dir := filepath.Join(b.Path, filepath.FromSlash(folder))
	for _, f := range []string{file, file + ".part"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("delete the sealed file: %w", err)
		}
	}
	if err := syncDir(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("delete the sealed file: %w", err)
	}
	return nil
}

// sealedName is what PutSealed names a file, in folder and file.
var sealedName = regexp.MustCompile(`^([^/]+/sealed)/([A-Za-z0-9][A-Za-z0-9_-]*\.hfs)$`)

func copySealed(r io.Reader, key []byte, w io.Writer) error {
	plain, err := OpenSealed(r, key)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, plain)
	return errors.Join(err, plain.Close())
}

// onDisk is a blob's bytes that lie in a file.
type onDisk struct {
	path   string
	length int
}

func (o onDisk) Length() int { return o.length }

func (o onDisk) Reader() io.ReadSeekCloser {
	f, err := os.Open(o.path)
	if err != nil {
		return broken{err}
	}
	return f
}

func (o onDisk) WriteTo(w io.Writer) (int64, error) {
	r := o.Reader()
	n, err := io.Copy(w, r)
	return n, errors.Join(err, r.Close())
}

// broken is a reader of a file that could not be opened.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error)       { return 0, b.err }
func (b broken) Seek(int64, int) (int64, error) { return 0, b.err }
func (b broken) Close() error                   { return nil }

// intoFile takes a blob into a file.
type intoFile struct {
	f *os.File
	n int
}

func (i *intoFile) Write(p []byte) (int, error) { n, err := i.f.Write(p); i.n += n; return n, err }
func (i *intoFile) Reset()                      { i.n = 0; _, _ = i.f.Seek(0, io.SeekStart); _ = i.f.Truncate(0) }
func (i *intoFile) Length() int                 { return i.n }
