package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/format"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// asidePrefix begins the names of index blobs that could not be read. Nothing
// looks at them again; they are there for a person.
const asidePrefix = "aside-"

// indexPrefixes are those of the blobs that an index lies in: of single
// sessions, of compacted epochs and of ranges of these.
var indexPrefixes = []blob.ID{"xn", "xs", "xr", "n"}

// RebuildIndex makes the index of a repository anew from its packs, each of
// which carries its own at its end, and gives how many contents the index had
// lost. It is for a lost index blob, and for a broken one, with which the
// repository does not open: that blob is copied aside and taken out first. A
// blob that the storage does not give is an error, and nothing is changed. It
// may be run again at any time. Packs that are themselves damaged are passed
// over: Scan, Packs and Verify tell of these.
//
// The packs know nothing of what was dropped from the index since. So contents
// that no snapshot needs can be back, until the next full Maintain; and in rare
// cases a snapshot that was deleted, which is to be deleted again. Keeper's
// side only, under the destination's lease, with nothing else at work on the
// repository.
func RebuildIndex(ctx context.Context, l Location, password string) (n int, err error) {
	if l.Door != nil {
		return 0, errNotKeeper
	}
	there, err := Exists(ctx, l)
	if err != nil {
		return 0, err
	}
	if !there {
		return 0, errs.New(errs.NotFound, "There is no repository here.")
	}
	l.CacheDir = "" // it would hide what the storage has
	if err := l.setAside(ctx, password); err != nil {
		return 0, fmt.Errorf("take broken index blobs out: %w", err)
	}
	r, err := Open(ctx, l, password)
	if err != nil {
		return 0, fmt.Errorf("open the repository without its broken index blobs: %w", err)
	}
	n, err = r.reindex(ctx)
	return n, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
}

// setAside takes out every index blob that is not what was sealed.
func (l Location) setAside(ctx context.Context, password string) (err error) {
	st, err := l.storage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close(context.WithoutCancel(ctx))) }()
	seal, err := format.NewManager(ctx, st, "", time.Minute, password, clock.System{}.Now)
	if errors.Is(err, format.ErrInvalidPassword) {
		return errs.Wrap(errs.Forbidden, err, "The repository does not open with this password.")
	}
	if err != nil {
		return fmt.Errorf("read the repository's format: %w", err)
	}
	var bad []blob.ID
	for _, prefix := range indexPrefixes {
		err := st.ListBlobs(ctx, prefix, func(m blob.Metadata) error {
			whole, err := isWhole(ctx, st, m.BlobID, seal.Encryptor().Decrypt)
			if err == nil && !whole {
				bad = append(bad, m.BlobID)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read the index blobs: %w", err)
		}
	}
	for _, id := range bad {
		if err := moveAside(ctx, st, id); err != nil {
			return fmt.Errorf("take index blob %s out: %w", id, err)
		}
	}
	return nil
}

// buffer is Kopia's own, whose type it keeps to itself.
type buffer[B any] interface {
	blob.OutputBuffer
	Bytes() B
	Close()
}

// isWhole tells whether an index blob is what was sealed under its name. An
// error means that the storage did not give it. P is *W, and B what W holds:
// types of Kopia's that no other module can name.
func isWhole[B any, W any, P interface {
	*W
	buffer[B]
}](ctx context.Context, st blob.Storage, id blob.ID, decrypt func(B, []byte, P) error) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	sealed, plain := P(new(W)), P(new(W))
	defer sealed.Close()
	defer plain.Close()
	err := st.GetBlob(ctx, id, 0, -1, sealed)
	if errors.Is(err, blob.ErrBlobNotFound) {
		return true, nil // it went away since it was listed
	}
	if err != nil {
		return false, fmt.Errorf("read index blob %s: %w", id, err)
	}
	iv, err := sealOf(id)
	if err != nil {
		return false, nil //nolint:nilerr // a name that no index blob has
	}
	return decrypt(sealed.Bytes(), iv, plain) == nil, nil
}

// sealOf gives what an index blob was sealed with: the 32 hexadecimal digits
// before the first hyphen of its name.
func sealOf(id blob.ID) ([]byte, error) {
	const digits = 32
	name, _, _ := strings.Cut(string(id), "-")
	if len(name) < digits {
		return nil, fmt.Errorf("%s is not an index blob's name", id)
	}
	iv, err := hex.DecodeString(name[len(name)-digits:])
	if err != nil {
		return nil, fmt.Errorf("%s is not an index blob's name: %w", id, err)
	}
	return iv, nil
}

func moveAside(ctx context.Context, st blob.Storage, id blob.ID) error {
	var b held
	if err := st.GetBlob(ctx, id, 0, -1, &b); err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	if b.Length() > 0 {
		if err := st.PutBlob(ctx, asidePrefix+id, &b, blob.PutOptions{}); err != nil {
			return fmt.Errorf("copy it aside: %w", err)
		}
	}
	if err := st.DeleteBlob(ctx, id); err != nil {
		return fmt.Errorf("delete it: %w", err)
	}
	return nil
}

// held is a blob's bytes, taken from a storage and to be given to it again.
type held struct{ b []byte }

// Write takes more bytes.
func (h *held) Write(p []byte) (int, error) {
	h.b = append(h.b, p...)
	return len(p), nil
}

// Reset drops them.
func (h *held) Reset() { h.b = h.b[:0] }

// Length gives their number.
func (h *held) Length() int { return len(h.b) }

// WriteTo writes them all to w.
func (h *held) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(h.b)
	return int64(n), err //nolint:wrapcheck // a plain pass-through
}

// Reader reads them from the start.
func (h *held) Reader() io.ReadSeekCloser { return heldReader{bytes.NewReader(h.b)} }

type heldReader struct{ *bytes.Reader }

// Close does nothing.
func (heldReader) Close() error { return nil }

// reindex adds to the index what packs hold and it does not name.
func (r *Repository) reindex(ctx context.Context) (n int, err error) {
	defer r.guard(&err)
	packs, err := r.packLengths(ctx)
	if err != nil {
		return 0, err
	}
	err = repo.DirectWriteSession(ctx, r.rep, repo.WriteSessionOptions{Purpose: "rebuild the index"},
		func(ctx context.Context, w repo.DirectRepositoryWriter) (err error) {
			defer r.guard(&err)
			for _, id := range sortedPacks(packs) {
				lost, err := r.reindexPack(ctx, w.ContentManager(), id, packs[id])
				if err != nil {
					return err
				}
				n += lost
			}
			return r.failed()
		})
	if err == nil {
		err = r.failed()
	}
	if err != nil {
		return 0, fmt.Errorf("make the index anew from the packs: %w", err)
	}
	return n, nil
}

func (r *Repository) reindexPack(ctx context.Context, cm *content.WriteManager, id blob.ID, length int64) (lost int, err error) {
	infos, err := cm.RecoverIndexFromPackBlob(ctx, id, length, false)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		// A damaged pack says nothing; a storage that fails does so again here.
		if _, err := r.rep.BlobReader().GetMetadata(ctx, id); err != nil && !errors.Is(err, blob.ErrBlobNotFound) {
			return 0, fmt.Errorf("read pack %s: %w", id, err)
		}
		return 0, nil
	}
	for _, ci := range infos {
		_, err := r.rep.ContentReader().ContentInfo(ctx, ci.ContentID)
		switch {
		case errors.Is(err, content.ErrContentNotFound):
			lost++
		case err != nil:
			return 0, fmt.Errorf("look up content %s: %w", ci.ContentID, err)
		}
	}
	if lost == 0 {
		return 0, nil
	}
	if _, err := cm.RecoverIndexFromPackBlob(ctx, id, length, true); err != nil {
		return 0, fmt.Errorf("take the index of pack %s over: %w", id, err)
	}
	return lost, nil
}
