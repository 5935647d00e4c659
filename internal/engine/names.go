package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"

	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/errs"
)

// Names gives the names of the regular files below dir of a tree snapshot, like
// "moodledata/filedir", in no order and without their folders, and reads no
// file. A dir that is not there is errs.NotFound. An error is the last pair.
func (r *Repository) Names(ctx context.Context, id, dir string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		root, err := r.folder(ctx, id, dir)
		if err != nil {
			yield("", err)
			return
		}
		defer r.readAhead()()
		ctx, stop := context.WithCancelCause(ctx)
		l := &lister{r: r, out: make(chan []string, r.parallel)}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(r.parallel)
		done := make(chan error, 1)
		go func() {
			err := l.walk(gctx, g, root.ObjectID)
			done <- errors.Join(g.Wait(), err)
			close(l.out)
		}()
		more := true
		for names := range l.out {
			for _, name := range names {
				if more = more && yield(name, nil); !more {
					stop(errEnough)
					break
				}
			}
		}
		err = <-done
		stop(nil)
		if more && err != nil {
			yield("", fmt.Errorf("list the names in %s of snapshot %s: %w", dir, id, err))
		}
	}
}

var errEnough = errors.New("no more names are wanted")

// folder finds a folder of a tree snapshot.
func (r *Repository) folder(ctx context.Context, id, dir string) (*snapshot.DirEntry, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.RootEntry.Type != snapshot.EntryTypeDirectory {
		return nil, errs.New(errs.Invalid, "Snapshot %s is a stream, not a tree.", id)
	}
	at, _, err := r.part(ctx, m.RootEntry, RestoreOptions{Base: dir})
	return at, err
}

// lister reads the folders of a snapshot, several at once.
type lister struct {
	r   *Repository
	out chan []string
}

// walk lists a folder and all below it. It hands a folder to another goroutine
// where one is free.
func (l *lister) walk(ctx context.Context, g *errgroup.Group, oid object.ID) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	entries, err := l.read(ctx, oid)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		switch e.Type {
		case snapshot.EntryTypeFile:
			if name := fromStored(e.Name); plainName(name) {
				names = append(names, name)
			}
		case snapshot.EntryTypeDirectory:
			below, err := object.ParseID(e.Object)
			if err != nil {
				return fmt.Errorf("folder %q: %w", path.Base(e.Name), err)
			}
			if g.TryGo(func() error { return l.walk(ctx, g, below) }) {
				continue
			}
			if err := l.walk(ctx, g, below); err != nil {
				return err
			}
		default: // a link names no content
		}
	}
	if len(names) == 0 {
		return nil
	}
	select {
	case l.out <- names:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// listed is what Names needs of an entry.
type listed struct {
	Name   string             `json:"name"`
	Type   snapshot.EntryType `json:"type"`
	Object string             `json:"obj"`
}

func (l *lister) read(ctx context.Context, oid object.ID) ([]listed, error) {
	or, err := l.r.rep.OpenObject(ctx, oid)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", oid, err)
	}
	defer or.Close() //nolint:errcheck // read only
	var d struct {
		StreamType string   `json:"stream"`
		Entries    []listed `json:"entries"`
	}
	if err := json.NewDecoder(&ctxReader{ctx, or}).Decode(&d); err != nil {
		return nil, fmt.Errorf("read object %s: %w", oid, err)
	}
	if d.StreamType != dirStream {
		return nil, fmt.Errorf("object %s is not a directory", oid)
	}
	return d.Entries, nil
}
