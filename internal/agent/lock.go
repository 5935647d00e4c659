package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/errs"
)

// lock is an flock. The kernel gives it back when the process that holds it
// dies, however it dies; so it is held by the process that does the work.
type lock struct{ f *os.File }

// release gives the lock back.
func (l *lock) release() { _ = l.f.Close() }

// lockFile takes the lock of path (a file, made if missing, or a directory),
// waiting for at most wait. errs.Conflict means that another process holds it.
func lockFile(ctx context.Context, path string, wait time.Duration) (*lock, error) {
	return flock(ctx, path, syscall.LOCK_EX, wait)
}

// flock takes a lock of a kind: one that is shared keeps out those that are not.
func flock(ctx context.Context, path string, how int, wait time.Duration) (*lock, error) {
	flags := os.O_RDONLY
	if fi, err := os.Stat(path); err != nil || !fi.IsDir() {
		flags = os.O_RDWR | os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600) //nolint:gosec // our own state directory
	if err != nil {
		return nil, fmt.Errorf("opening the lock %s: %w", path, err)
	}
	const step = 100 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) //nolint:gosec // a descriptor fits an int
		if err == nil {
			return &lock{f}, nil
		}
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || waited >= wait {
			break
		}
		if err := pause(ctx, step); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errs.Wrap(errs.Conflict, err, "another process holds the lock %s", path)
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

// siteLockPath is the file that whoever works on a site holds.
func siteLockPath(stateDir, site string) string {
	return filepath.Join(stateDir, "locks", site+".lock")
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
