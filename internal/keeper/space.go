package keeper

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"syscall"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/capacity"
	"holdfast/internal/vault"
)

// sampleEvery is how often a destination's use is noted; the rows are of hours
// and days.
const sampleEvery = 5 * time.Minute

// sample notes what the destination holds and what its storage has left, until
// ctx ends.
func (k *Keeper) sample(ctx context.Context, d app.Destination, log *slog.Logger) {
	for ctx.Err() == nil {
		if err := k.app.SampleUsage(ctx, d.ID, SpaceOf(d.Backend)); err != nil && ctx.Err() == nil {
			log.Warn("the keeper cannot note what the destination holds", "error", err)
		}
		pause(ctx, nil, sampleEvery)
	}
}

// SpaceOf asks the file system below a destination for its size. It is nil
// where the storage is none, does not answer or is not there yet.
func SpaceOf(backend json.RawMessage) *capacity.Space {
	var b vault.Backend
	if err := json.Unmarshal(backend, &b); err != nil || b.Kind != vault.Filesystem {
		return nil
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(b.Path, &s); err != nil || s.Bsize <= 0 {
		return nil
	}
	bytes := func(blocks uint64) int64 {
		if blocks > uint64(math.MaxInt64)/uint64(s.Bsize) {
			return math.MaxInt64
		}
		return int64(blocks) * s.Bsize
	}
	out := &capacity.Space{FreeBytes: bytes(s.Bavail), TotalBytes: bytes(s.Blocks)}
	// What is kept for root is not ours: it counts as used, so that "full" means
	// that we can write no more.
	if out.TotalBytes <= 0 || out.FreeBytes > out.TotalBytes {
		return nil
	}
	return out
}
