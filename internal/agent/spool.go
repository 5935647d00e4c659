package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"holdfast/internal/agentproto"
)

// safeID is what may become part of a file name: identifiers come over the wire.
var safeID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// spool keeps the results of finished runs on disk until the control plane has
// answered for them, so that neither its restart nor ours loses a backup.
type spool struct {
	dir string
	log *slog.Logger
}

func openSpool(stateDir string, log *slog.Logger) (*spool, error) {
	dir := filepath.Join(stateDir, "spool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the spool of results: %w", err)
	}
	return &spool{dir: dir, log: log}, nil
}

func (s *spool) path(run string, fence int64) string {
	return filepath.Join(s.dir, run+"."+strconv.FormatInt(fence, 10)+".json")
}

// put stores a result, on the disk when it returns.
func (s *spool) put(c agentproto.CompleteRequest) error {
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding the result of run %s: %w", c.Run, err)
	}
	if err := writeWhole(s.path(c.Run, c.Fence), b); err != nil {
		return fmt.Errorf("spooling the result of run %s: %w", c.Run, err)
	}
	return nil
}

// all reads what is spooled, oldest first. A file that cannot be read is set
// aside, for one bad file must not hold up the rest.
func (s *spool) all() ([]agentproto.CompleteRequest, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the spool of results: %w", err)
	}
	type aged struct {
		at int64
		c  agentproto.CompleteRequest
	}
	var found []aged
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), ".json") || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		var c agentproto.CompleteRequest
		b, err := os.ReadFile(path) //nolint:gosec // our own spool
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil || !safeID.MatchString(c.Run) || s.path(c.Run, c.Fence) != path {
			s.log.Error("a spooled result cannot be read; it is set aside", "file", path)
			_ = os.Rename(path, path+".bad")
			continue
		}
		var at int64
		if fi, err := e.Info(); err == nil {
			at = fi.ModTime().UnixNano()
		}
		found = append(found, aged{at, c})
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].at < found[j].at })
	out := make([]agentproto.CompleteRequest, len(found))
	for i, f := range found {
		out[i] = f.c
	}
	return out, nil
}

// drop removes a result that was answered for.
func (s *spool) drop(run string, fence int64) error {
	err := os.Remove(s.path(run, fence))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the spooled result of run %s: %w", run, err)
	}
	return nil
}

// reject sets aside a result that the control plane will never take, for a
// person to look at.
func (s *spool) reject(run string, fence int64) {
	path := s.path(run, fence)
	if err := os.Rename(path, path+".rejected"); err != nil {
		s.log.Error("a rejected result cannot be set aside", "run", run, "error", err)
	}
}
