package engine

import (
	"context"
	"time"

	"github.com/kopia/kopia/repo/blob"
)

// At gives l as it is at the time that now tells: the repository's clock and
// the times of its blobs.
func (l Location) At(now func() time.Time) Location {
	h := l.with()
	h.now = now
	h.wrap = after(h.wrap, func(st blob.Storage) blob.Storage { return dated{st, now} })
	l.hooks = &h
	return l
}

// Meddled gives l with do called before each change of its storage, which
// fails if do does.
func (l Location) Meddled(do func(verb string, id blob.ID) error) Location {
	h := l.with()
	h.wrap = after(h.wrap, func(st blob.Storage) blob.Storage { return meddled{st, do} })
	l.hooks = &h
	return l
}

func (l Location) with() hooks {
	if l.hooks == nil {
		return hooks{}
	}
	return *l.hooks
}

func after(first, then func(blob.Storage) blob.Storage) func(blob.Storage) blob.Storage {
	if first == nil {
		return then
	}
	return func(st blob.Storage) blob.Storage { return then(first(st)) }
}

// dated gives every blob that is put the time of now.
type dated struct {
	blob.Storage
	now func() time.Time
}

func (d dated) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	if o.SetModTime.IsZero() {
		o.SetModTime = d.now()
	}
	return d.Storage.PutBlob(ctx, id, data, o)
}

type meddled struct {
	blob.Storage
	do func(verb string, id blob.ID) error
}

func (m meddled) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	if err := m.do("put", id); err != nil {
		return err
	}
	return m.Storage.PutBlob(ctx, id, data, o)
}

func (m meddled) DeleteBlob(ctx context.Context, id blob.ID) error {
	if err := m.do("delete", id); err != nil {
		return err
	}
	return m.Storage.DeleteBlob(ctx, id)
}

// Read gives l with do called before each blob that is read from its storage,
// which fails if do does.
func (l Location) Read(do func(id blob.ID) error) Location {
	h := l.with()
	h.wrap = after(h.wrap, func(st blob.Storage) blob.Storage { return watched{st, do} })
	l.hooks = &h
	return l
}

type watched struct {
	blob.Storage
	do func(id blob.ID) error
}

func (w watched) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if err := w.do(id); err != nil {
		return err
	}
	return w.Storage.GetBlob(ctx, id, offset, length, out)
}
