package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kopia/kopia/repo/content"

	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// How large a cache may grow. Nearly all that a copy reads again are the
// folders of the one before; files are read at a restore, once, so that their
// cache is as small as Kopia allows: with none at all it panics.
const (
	cacheFolders = 2 << 30
	cacheFiles   = 32 << 20
	cacheAge     = time.Hour // what is younger stays, even above the size
)

// errCached answers verbs that must see what the storage has.
var errCached = errs.New(errs.Invalid, "What is read through a cache proves nothing of the storage; open the repository without one.")

// caching gives what Kopia may keep of a storage that is not local, nil for
// nothing: a cache of a local one makes everything slower. Folders, manifests
// and files lie in it as they are sealed in the storage; the index, which names
// contents by keyed sums and says in which blob each lies, lies open. It may be
// deleted whenever no repository is open with it. The index must lie in it:
// where the disk is full, a repository does not open. So whoever takes backups
// gives none.
func (l Location) caching() (*content.CachingOptions, error) {
	if l.CacheDir == "" || l.isLocal() {
		return nil, nil //nolint:nilnil // no cache is no error
	}
	if !filepath.IsAbs(l.CacheDir) {
		return nil, errs.Field("cache_dir", "the directory of a cache must be an absolute path")
	}
	if err := os.MkdirAll(l.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the cache's directory: %w", err)
	}
	if err := os.Chmod(l.CacheDir, 0o700); err != nil { //nolint:gosec // a directory
		return nil, fmt.Errorf("keep the cache's directory private: %w", err)
	}
	return &content.CachingOptions{
		CacheDirectory:        l.CacheDir,
		ContentCacheSizeBytes: cacheFiles, ContentCacheSizeLimitBytes: 2 * cacheFiles,
		MetadataCacheSizeBytes: cacheFolders, MetadataCacheSizeLimitBytes: 2 * cacheFolders,
		MinContentSweepAge: content.DurationSeconds(cacheAge.Seconds()), MinMetadataSweepAge: content.DurationSeconds(cacheAge.Seconds()),
	}, nil
}

// isLocal tells whether the repository is a directory that this process reads
// itself.
func (l Location) isLocal() bool {
	return l.Backend != nil && l.Backend.Kind == vault.Filesystem
}
