package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
)

// Headers of ours.
const (
	headerSHA256   = "Holdfast-Sha256"   // hex, of a body that is put
	headerModified = "Holdfast-Modified" // RFC 3339 with nanoseconds, of a blob
)

// mayAdd tells whether a client may put blobs of this name: packs of contents
// (p) and of directories (q), entries of the index (xn), session markers (s).
// All else, the format and Kopia's own state above all, is the keeper's.
func mayAdd(id blob.ID) bool {
	for _, prefix := range []string{"p", "q", "xn", "s"} {
		if strings.HasPrefix(string(id), prefix) {
			return true
		}
	}
	return false
}

// isMarker tells whether id is a session's marker, the one thing that a client
// may also remove.
func isMarker(id blob.ID) bool { return strings.HasPrefix(string(id), "s") }

// listed is one line of a listing; the last one has End set.
type listed struct {
	ID       blob.ID    `json:"id,omitempty"`
	Length   int64      `json:"length,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
	End      bool       `json:"end,omitempty"`
}

// list streams the names of blobs. Without its last line it is not whole.
func (s *Server) list(q *request) error {
	prefix := q.URL.Query().Get("prefix")
	if prefix != "" {
		if err := checkBlob(prefix); err != nil {
			return err
		}
	}
	q.w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(q.w)
	begun := false
	err := q.store.ListBlobs(q.Context(), blob.ID(prefix), func(m blob.Metadata) error {
		begun = true
		at := m.Timestamp.UTC()
		return out.Encode(listed{ID: m.BlobID, Length: m.Length, Modified: &at}) //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		if begun {
			s.cfg.Logger.ErrorContext(q.Context(), "vault broke off a listing", "error", err.Error())
			return nil // the missing last line says it
		}
		return fmt.Errorf("list %s: %w", q.claims.Repository, err)
	}
	_ = out.Encode(listed{End: true}) // a client that is gone has nothing to be told
	return nil
}

func (s *Server) head(q *request) error {
	m, err := q.store.GetMetadata(q.Context(), q.id)
	if err != nil {
		return fmt.Errorf("look at %s: %w", q.id, err)
	}
	q.w.Header().Set("Content-Length", strconv.FormatInt(m.Length, 10))
	q.w.Header().Set(headerModified, m.Timestamp.UTC().Format(time.RFC3339Nano))
	return nil
}

// get gives a whole blob, or with offset and length a part of it.
func (s *Server) get(q *request) error {
	offset, length, err := span(q.URL.Query().Get("offset"), q.URL.Query().Get("length"))
	if err != nil {
		return err
	}
	need := length
	if length < 0 {
		m, err := q.store.GetMetadata(q.Context(), q.id)
		if err != nil {
			return fmt.Errorf("look at %s: %w", q.id, err)
		}
		need = m.Length
	}
	if need > s.cfg.MemoryBytes {
		return errs.New(errs.TooLarge, "This part of a blob is too large to ask for at once.")
	}
	release, err := s.hold(q.Context(), need)
	if err != nil {
		return err
	}
	defer release()
	var out buffer
	out.Grow(int(need))
	if err := q.store.GetBlob(q.Context(), q.id, offset, length, &out); err != nil {
		return fmt.Errorf("read %s: %w", q.id, err)
	}
	s.pace(q.w, int64(out.Length()))
	q.w.Header().Set("Content-Type", "application/octet-stream")
	q.w.Header().Set("Content-Length", strconv.Itoa(out.Length()))
	_, _ = q.w.Write(out.Bytes()) // a client that is gone has nothing to be told
	return nil
}

// span reads offset and length; none means the whole.
func span(offset, length string) (int64, int64, error) {
	if offset == "" && length == "" {
		return 0, -1, nil
	}
	o, err1 := strconv.ParseInt(offset, 10, 64)
	l, err2 := strconv.ParseInt(length, 10, 64)
	if err1 != nil || err2 != nil || o < 0 || l < 0 {
		return 0, 0, errs.Field("offset", "offset and length are two numbers, not negative")
	}
	return o, l, nil
}

// put adds a blob. One that is there already is left as it is: with the same
// content that is a success, for the client's first answer may have been lost.
func (s *Server) put(q *request) error {
	if q.claims.Mode != ModeAppend {
		return errs.New(errs.Forbidden, "This token is for reading only.")
	}
	if !mayAdd(q.id) {
		return errs.New(errs.Forbidden, "A client may not write blobs of this name.")
	}
	n := q.ContentLength
	if n < 0 {
		return errs.New(errs.Invalid, "The vault needs to know a blob's length beforehand.")
	}
	if n > s.cfg.MaxBlobBytes {
		return errs.New(errs.TooLarge, "A blob has at most %d bytes.", s.cfg.MaxBlobBytes)
	}
	ses, err := s.session(q.claims)
	if err != nil {
		return err
	}
	if err := ses.room(q.claims.QuotaBytes, q.id, n); err != nil {
		return err
	}
	release, err := s.hold(q.Context(), 2*n) // it may have to be compared with one that is there
	if err != nil {
		return err
	}
	defer release()
	s.pace(q.w, n)
	data, sum, err := receive(q, n)
	if err != nil {
		return err
	}
	lock := q.store.lock(q.id)
	lock.Lock()
	defer lock.Unlock()
	at, err := s.add(q, ses, data, sum)
	if err != nil {
		return err
	}
	q.w.Header().Set(headerModified, at.UTC().Format(time.RFC3339Nano))
	q.w.WriteHeader(http.StatusCreated)
	return nil
}

// receive reads a body whole and checks it against its sum.
func receive(q *request, n int64) (data []byte, sum string, err error) {
	data = make([]byte, n) // which hold has allowed
	if _, err = io.ReadFull(q.Body, data); err != nil {
		return nil, "", errs.Wrap(errs.Incomplete, err, "The blob did not arrive whole.")
	}
	h := sha256.Sum256(data)
	sum = hex.EncodeToString(h[:])
	if want := q.Header.Get(headerSHA256); !strings.EqualFold(want, sum) {
		return nil, "", errs.New(errs.Incomplete, "The blob did not arrive as it was sent.")
	}
	return data, sum, nil
}

// add puts a blob that is not there yet. The record is on the disk before the
// blob is, so that no blob is ever without one.
func (s *Server) add(q *request, ses *session, data []byte, sum string) (time.Time, error) {
	ctx := q.Context()
	m, err := q.store.GetMetadata(ctx, q.id)
	switch {
	case err == nil:
		if err := equal(q, m, data); err != nil {
			return time.Time{}, err
		}
		// Another session's equal blob stays that session's.
		return m.Timestamp, nil
	case !errors.Is(err, blob.ErrBlobNotFound):
		return time.Time{}, fmt.Errorf("look at %s: %w", q.id, err)
	}
	rec := Record{
		At: s.cfg.Clock.Now().UTC(), Op: OpPut, Blob: string(q.id),
		Bytes: int64(len(data)), SHA256: sum, Fence: q.claims.Fence,
	}
	if err := ses.append(rec, q.claims.QuotaBytes); err != nil {
		return time.Time{}, err
	}
	var at time.Time
	if err := q.store.PutBlob(ctx, q.id, inMemory(data), blob.PutOptions{GetModTime: &at}); err != nil {
		return time.Time{}, fmt.Errorf("write %s: %w", q.id, err)
	}
	return at, nil
}

// equal refuses a blob that is there with another content.
func equal(q *request, m blob.Metadata, data []byte) error {
	taken := errs.Wrap(errs.Conflict, blob.ErrBlobAlreadyExists, "There is another blob of this name, and nothing here is ever replaced.")
	if m.Length != int64(len(data)) {
		return taken
	}
	var have buffer
	if err := q.store.GetBlob(q.Context(), q.id, 0, -1, &have); err != nil {
		return fmt.Errorf("read %s: %w", q.id, err)
	}
	if !bytes.Equal(have.Bytes(), data) {
		return taken
	}
	return nil
}

// remove takes away a marker that this very session has put.
func (s *Server) remove(q *request) error {
	if q.claims.Mode != ModeAppend || !isMarker(q.id) {
		return errs.New(errs.Forbidden, "A client removes nothing but its session's own markers.")
	}
	ses, err := s.session(q.claims)
	if err != nil {
		return err
	}
	if ours, err := ses.has(q.id); err != nil {
		return err
	} else if !ours {
		return errs.New(errs.Forbidden, "A client removes nothing but its session's own markers.")
	}
	lock := q.store.lock(q.id)
	lock.Lock()
	defer lock.Unlock()
	rec := Record{At: s.cfg.Clock.Now().UTC(), Op: OpRemove, Blob: string(q.id), Fence: q.claims.Fence}
	if err := ses.append(rec, 0); err != nil {
		return err
	}
	if err := q.store.DeleteBlob(q.Context(), q.id); err != nil && !errors.Is(err, blob.ErrBlobNotFound) {
		return fmt.Errorf("remove %s: %w", q.id, err)
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// lock gives the lock of one name; some names share one.
func (r *repositoryStore) lock(id blob.ID) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return &r.locks[h.Sum32()%uint32(len(r.locks))] //nolint:gosec // a small constant
}
