package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// unfinished is what Kopia calls a blob's file until it is whole.
var unfinished = regexp.MustCompile(`\.f\.tmp\.[0-9a-f]+$`)

// SweepUnfinished removes the files of a repository that a writer had begun
// before a time and left when it died, and tells how many: no listing shows
// them, so nothing else ever would. Only a filesystem destination has them
// where they can be found; elsewhere it does nothing.
func (b Backend) SweepUnfinished(repository string, before time.Time) (n int64, err error) {
	if b.Kind != Filesystem {
		return 0, nil
	}
	if repository != "" {
		if err := CheckRepository(repository); err != nil {
			return 0, err
		}
	}
	root, err := os.OpenRoot(filepath.Join(b.Path, filepath.FromSlash(repository)))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for half written files: %w", err)
	}
	defer root.Close() //nolint:errcheck // read only
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since its directory was read
		}
		if err != nil || !d.Type().IsRegular() || !unfinished.MatchString(d.Name()) {
			return err
		}
		fi, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.ModTime().Before(before) {
			return nil
		}
		if err == nil {
			err = root.Remove(filepath.FromSlash(path))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // whole by now, so it has its own name
		}
		if err == nil {
			n++
		}
		return err
	})
	if err != nil {
		return n, fmt.Errorf("look for half written files: %w", err)
	}
	return n, nil
}
