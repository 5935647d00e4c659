package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// StoreStream stores what produce writes as a snapshot of one file, with no
// temporary file. It counts only if produce returned nil: on an error of
// produce, of the storage or of ctx there is no snapshot.
func (r *Repository) StoreStream(ctx context.Context, o StreamOptions, produce func(context.Context, io.Writer) error) (Snapshot, error) {
	src, err := source(o.Source, Database)
	if err != nil {
		return Snapshot{}, err
	}
	if !plainName(o.FileName) {
		return Snapshot{}, errs.Field("file", "%q is not a file's name", o.FileName)
	}
	var uploaded atomic.Int64
	var m *snapshot.Manifest
	err = r.write(ctx, "stream", &uploaded, func(ctx context.Context, w repo.RepositoryWriter) error {
		started := w.Time()
		if o.TakenAt.IsZero() {
			o.TakenAt = started
		}
		in := &meter{sum: sha256.New(), progress: o.Progress, now: clock.System{}}
		oid, err := pour(ctx, w, o.FileName, in, produce)
		if err != nil {
			return err
		}
		m = &snapshot.Manifest{
			Source: src, StartTime: fs.UTCTimestampFromTime(started), EndTime: fs.UTCTimestampFromTime(w.Time()),
			Stats: snapshot.Stats{TotalFileSize: in.n, TotalFileCount: 1, NonCachedFiles: 1},
			RootEntry: &snapshot.DirEntry{
				Name: o.FileName, Type: snapshot.EntryTypeFile, Permissions: 0o600, FileSize: in.n,
				ModTime: fs.UTCTimestampFromTime(started), ObjectID: oid,
			},
		}
		f := facts{
			Kind: Database, TakenAt: o.TakenAt.UTC(), StoredBytes: uploaded.Load(),
			Files: 1, Bytes: in.n, SHA256: hex.EncodeToString(in.sum.Sum(nil)),
		}
		if err := mark(m, f); err != nil {
			return err
		}
		if _, err := snapshot.SaveSnapshot(ctx, w, m); err != nil {
			return fmt.Errorf("save the manifest: %w", err)
		}
		return nil
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("store the stream %s of %s: %w", o.FileName, o.Source, err)
	}
	s, err := describe(m)
	if err != nil {
		return Snapshot{}, err
	}
	s.StoredBytes = uploaded.Load()
	return s, nil
}

// pour runs produce into a new object.
func pour(ctx context.Context, w repo.RepositoryWriter, name string, in *meter,
	produce func(context.Context, io.Writer) error,
) (object.ID, error) {
	ow := w.NewObjectWriter(ctx, object.WriterOptions{
		Description: "STREAM:" + name, Compressor: compression, MetadataCompressor: compression, AsyncWrites: 2,
	})
	defer ow.Close() //nolint:errcheck // Result has said whether it is whole
	in.to = ow
	if err := produce(ctx, in); err != nil {
		return object.EmptyID, fmt.Errorf("the producer failed: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return object.EmptyID, context.Cause(ctx)
	}
	oid, err := ow.Result()
	if err != nil {
		return object.EmptyID, fmt.Errorf("finish the stream: %w", err)
	}
	in.tell(true)
	return oid, nil
}

// ReadStream writes a stream's bytes to w and gives their number. They are
// checked against the sum that was taken when they were stored, so an error
// may come after all bytes were written: use them only after nil.
func (r *Repository) ReadStream(ctx context.Context, id string, w io.Writer) (int64, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return 0, err
	}
	if m.RootEntry.Type != snapshot.EntryTypeFile {
		return 0, errs.New(errs.Invalid, "Snapshot %s is a tree, not a stream.", id)
	}
	s, err := describe(m)
	if err != nil {
		return 0, err
	}
	out := &meter{to: w, sum: sha256.New(), now: clock.System{}}
	if err := r.copyObject(ctx, m.RootEntry.ObjectID, out); err != nil {
		return out.n, fmt.Errorf("read the stream of snapshot %s: %w", id, err)
	}
	if out.n != m.RootEntry.FileSize {
		return out.n, fmt.Errorf("the stream of snapshot %s has %d bytes instead of %d", id, out.n, m.RootEntry.FileSize)
	}
	if got := hex.EncodeToString(out.sum.Sum(nil)); s.SHA256 != "" && got != s.SHA256 {
		return out.n, fmt.Errorf("the stream of snapshot %s has sha256 %s instead of %s", id, got, s.SHA256)
	}
	return out.n, nil
}

// copyObject writes an object's bytes to w, and stops when ctx ends.
func (r *Repository) copyObject(ctx context.Context, oid object.ID, w io.Writer) error {
	or, err := r.rep.OpenObject(ctx, oid)
	if err != nil {
		return fmt.Errorf("open object %s: %w", oid, err)
	}
	defer or.Close()               //nolint:errcheck // read only
	buf := buffers.Get().(*[]byte) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer buffers.Put(buf)
	if _, err := io.CopyBuffer(onlyWriter{w}, &ctxReader{ctx, or}, *buf); err != nil {
		return fmt.Errorf("read object %s: %w", oid, err)
	}
	return nil
}

// meter counts, sums and reports what passes through it.
type meter struct {
	to       io.Writer
	sum      hash.Hash
	n        int64
	progress func(Progress)
	now      clock.Clock
	told     time.Time
}

// Write passes p on.
func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.sum.Write(p[:n])
	m.n += int64(n)
	m.tell(false)
	return n, err //nolint:wrapcheck // a plain pass-through
}

func (m *meter) tell(now bool) {
	if m.progress == nil {
		return
	}
	t := m.now.Now()
	if !now && t.Sub(m.told) < progressEvery {
		return
	}
	m.told = t
	m.progress(Progress{DoneBytes: m.n, Phase: "storing"})
}
