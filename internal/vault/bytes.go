package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// inMemory is a blob's bytes for Kopia's storages.
type inMemory []byte

// Length gives the number of bytes.
func (b inMemory) Length() int { return len(b) }

// WriteTo writes them all to w.
func (b inMemory) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err //nolint:wrapcheck // a plain pass-through
}

// Reader reads them from the start.
func (b inMemory) Reader() io.ReadSeekCloser { return &memoryReader{bytes.NewReader(b)} }

type memoryReader struct{ *bytes.Reader }

// Close does nothing.
func (*memoryReader) Close() error { return nil }

// buffer takes a blob's bytes from Kopia's storages.
type buffer struct{ bytes.Buffer }

// Length gives the number of bytes.
func (b *buffer) Length() int { return b.Len() }

// syncDir brings the entries of directories to the disk. It passes over one
// that this process may not read, as the parents of its own may be.
func syncDir(dirs ...string) error {
	for _, dir := range dirs {
		d, err := os.Open(dir) //nolint:gosec // a directory of our own
		if errors.Is(err, os.ErrPermission) {
			continue
		}
		if err != nil {
			return fmt.Errorf("open a directory to sync it: %w", err)
		}
		err = d.Sync()
		if cerr := d.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("sync a directory: %w", err)
		}
	}
	return nil
}
