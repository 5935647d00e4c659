package vault

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
)

// What a Record is of.
const (
	OpPut    = "put"    // a blob is about to be added; it may not have come about
	OpRemove = "remove" // a marker is about to be removed
)

// Record is one line of a session's record: what a client did, so that a
// session can be looked at and, if it was hostile, undone by removing its
// entries of the index.
type Record struct {
	At     time.Time `json:"at"`
	Op     string    `json:"op"`
	Blob   string    `json:"blob"`
	Bytes  int64     `json:"bytes,omitempty"`
	SHA256 string    `json:"sha256,omitempty"`
	Fence  int64     `json:"fence,omitempty"`
}

// Records reads the record of one session from a vault's state directory. A
// session that never wrote has none.
func Records(stateDir, repository, session string) ([]Record, error) {
	if err := CheckRepository(repository); err != nil {
		return nil, err
	}
	if !validPart(session) {
		return nil, errs.Field("session", "%q is not a session's name", clip(session))
	}
	recs, _, err := readRecords(recordFile(stateDir, repository, session))
	return recs, err
}

func recordFile(stateDir, repository, session string) string {
	return filepath.Join(stateDir, filepath.FromSlash(repository), session+".jsonl")
}

// readRecords gives a file's records and the length of its whole lines: a
// crash may have left a part of a line after them.
func readRecords(file string) ([]Record, int64, error) {
	f, err := os.Open(file) //nolint:gosec // its parts were checked
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open a session's record: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	var recs []Record
	var whole int64
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return recs, whole, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read a session's record: %w", err)
		}
		var r Record
		if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
			return nil, 0, fmt.Errorf("read a session's record: %w", err)
		}
		recs = append(recs, r)
		whole += int64(len(line))
	}
}

// session is what a vault knows of one session, in step with its file.
type session struct {
	file string

	mu      sync.Mutex
	expires time.Time
	blobs   map[string]int64 // put, with their length
	used    int64
	cut     int64 // length of whole lines, if a part of one follows; else -1
	placed  bool  // the file's directory entry is on the disk
}

// session gives the session of a token, from its file if this process has not
// met it: so the quota holds over restarts.
func (s *Server) session(c Claims) (*session, error) {
	name := c.Repository + "/" + c.Session
	s.mu.Lock()
	defer s.mu.Unlock()
	if ses, ok := s.sessions[name]; ok {
		ses.prolong(c.Expires)
		return ses, nil
	}
	for k, old := range s.sessions {
		if old.over(s.cfg.Clock.Now()) {
			delete(s.sessions, k)
		}
	}
	ses := &session{
		file: recordFile(s.cfg.StateDir, c.Repository, c.Session), expires: c.Expires,
		blobs: map[string]int64{}, cut: -1,
	}
	recs, whole, err := readRecords(ses.file)
	if err != nil {
		return nil, err
	}
	for _, r := range recs {
		if r.Op == OpPut {
			ses.note(r)
		}
	}
	if fi, err := os.Stat(ses.file); err == nil && fi.Size() > whole {
		ses.cut = whole
	}
	s.sessions[name] = ses
	return ses, nil
}

func (s *session) prolong(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.After(s.expires) {
		s.expires = t
	}
}

// over tells whether no valid token of the session can be under way any more.
func (s *session) over(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.After(s.expires.Add(time.Hour))
}

func (s *session) note(r Record) {
	s.used += r.Bytes - s.blobs[r.Blob]
	s.blobs[r.Blob] = r.Bytes
}

// has tells whether the session has put a blob. One that this process knows
// nothing of may have gone through another that serves the same storage, so
// the file is asked again.
func (s *session) has(id blob.ID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.blobs[string(id)]; ok {
		return true, nil
	}
	recs, _, err := readRecords(s.file)
	if err != nil {
		return false, err
	}
	for _, r := range recs {
		if r.Op == OpPut {
			s.note(r)
		}
	}
	_, ok := s.blobs[string(id)]
	return ok, nil
}

// room refuses what would go beyond quota, before its bytes are taken in.
func (s *session) room(quota int64, id blob.ID, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roomLocked(quota, string(id), n)
}

func (s *session) roomLocked(quota int64, id string, n int64) error {
	if quota > 0 && s.used-s.blobs[id]+n > quota {
		return errs.New(errs.TooLarge, "This run has used up its quota of %d bytes.", quota)
	}
	return nil
}

// append brings a record to the disk. Only then it counts.
func (s *session) append(r Record, quota int64) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a session's record: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Op == OpPut {
		if err := s.roomLocked(quota, r.Blob, r.Bytes); err != nil {
			return err
		}
	}
	if err := s.write(append(line, '\n')); err != nil {
		return fmt.Errorf("write a session's record: %w", err)
	}
	if r.Op == OpPut {
		s.note(r)
	}
	return nil
}

func (s *session) write(line []byte) error {
	dir := filepath.Dir(s.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err //nolint:wrapcheck // wrapped by append
	}
	f, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by append
	}
	if s.cut >= 0 {
		err = f.Truncate(s.cut)
	}
	before, serr := f.Seek(0, io.SeekEnd)
	err = errors.Join(err, serr)
	if err == nil {
		s.cut = -1
		_, err = f.Write(line)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil && serr == nil {
		s.cut = before // whatever came of the line goes before the next one
	}
	if err = errors.Join(err, f.Close()); err != nil || s.placed {
		return err
	}
	if err := syncDir(dir, filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))); err != nil {
		return err
	}
	s.placed = true
	return nil
}
