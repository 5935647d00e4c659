package vault

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/kopia/kopia/repo/blob"
)

// durable is Kopia's filesystem storage, which syncs a blob's file before it
// renames it, with the directory entries synced too: without them a power cut
// may take back a rename that was acknowledged.
type durable struct {
	blob.Storage
	root   string
	places placer

	mu   sync.Mutex
	safe map[string]bool // directories whose own entries are on the disk
}

// placer is how Kopia's sharded storages tell where a blob lies.
type placer interface {
	GetShardedPathAndFilePath(ctx context.Context, id blob.ID) (dir, file string, err error)
}

func newDurable(st blob.Storage, root string) (*durable, error) {
	p, ok := st.(placer)
	if !ok {
		return nil, fmt.Errorf("the filesystem storage %T does not tell where blobs lie", st)
	}
	return &durable{Storage: st, root: root, places: p, safe: map[string]bool{}}, nil
}

// PutBlob returns once the blob would outlast a power cut.
func (d *durable) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opts blob.PutOptions) error {
	if err := d.Storage.PutBlob(ctx, id, data, opts); err != nil {
		return err //nolint:wrapcheck // callers tell Kopia's own errors apart
	}
	dir, _, err := d.places.GetShardedPathAndFilePath(ctx, id)
	if err != nil {
		return fmt.Errorf("find the place of %s: %w", id, err)
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	for ; dir != d.root && len(dir) > len(d.root); dir = filepath.Dir(dir) {
		d.mu.Lock()
		done := d.safe[dir]
		d.mu.Unlock()
		if done {
			return nil
		}
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
		d.mu.Lock()
		d.safe[dir] = true
		d.mu.Unlock()
	}
	return nil
}
