package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// factsTag is the manifest's tag that holds what we know of a snapshot and
// Kopia has no field for. The prefix makes Kopia's own CLI show it.
const factsTag = "tag:holdfast"

// pin marks every snapshot of ours, so that no retention of Kopia's would
// expire it, whatever policy is stored.
const pin = "holdfast"

// Limits of what a manifest carries: a tree of which nothing can be read
// must not make a manifest of megabytes.
const (
	maxProblems     = 100
	maxKeptProblems = 20
)

type facts struct {
	Kind         Kind      `json:"kind"`
	TakenAt      time.Time `json:"taken_at"`
	StoredBytes  int64     `json:"stored_bytes"`
	Files        int64     `json:"files"`
	Bytes        int64     `json:"bytes"`
	SHA256       string    `json:"sha256,omitempty"`
	Vanished     int64     `json:"vanished,omitempty"`
	Special      int64     `json:"special,omitempty"`
	ProblemCount int64     `json:"problem_count,omitempty"`
	Problems     []Problem `json:"problems,omitempty"`
	// Addressed says for each content-addressed folder what was left out of it,
	// and Placed that files from elsewhere were put in: of a snapshot with other
	// rules, or such files, no folder is taken over.
	Addressed map[string]string `json:"addressed,omitempty"`
	Placed    bool              `json:"placed,omitempty"`
}

// describe gives a manifest in our words. One that was not made here is
// described as well as it can be.
func describe(m *snapshot.Manifest) (Snapshot, error) {
	raw, err := encode(m)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{
		ID: string(m.ID), Source: m.Source.Host, Kind: Kind(strings.TrimPrefix(m.Source.Path, "/")),
		TakenAt: m.StartTime.ToTime().UTC(), EndedAt: m.EndTime.ToTime().UTC(), Manifest: raw,
	}
	if e := m.RootEntry; e != nil {
		s.Files, s.Bytes = 1, e.FileSize
		if e.DirSummary != nil {
			s.Files, s.Bytes = e.DirSummary.TotalFileCount, e.DirSummary.TotalFileSize
			s.ProblemCount = int64(e.DirSummary.FatalErrorCount)
		}
	}
	text, ours := m.Tags[factsTag]
	if !ours {
		return s, nil
	}
	var f facts
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return Snapshot{}, fmt.Errorf("read the facts of snapshot %s: %w", m.ID, err)
	}
	s.Kind, s.TakenAt, s.StoredBytes, s.SHA256 = f.Kind, f.TakenAt.UTC(), f.StoredBytes, f.SHA256
	s.Files, s.Bytes, s.Vanished, s.Special = f.Files, f.Bytes, f.Vanished, f.Special
	s.Problems, s.ProblemCount = f.Problems, f.ProblemCount
	return s, nil
}

// mark puts facts and pin on a manifest that is about to be saved.
func mark(m *snapshot.Manifest, f facts) error {
	if len(f.Problems) > maxKeptProblems {
		f.Problems = f.Problems[:maxKeptProblems]
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write the facts of the snapshot: %w", err)
	}
	m.Tags = map[string]string{factsTag: string(b)}
	m.Pins = []string{pin}
	return nil
}

func encode(m *snapshot.Manifest) (json.RawMessage, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the manifest of snapshot %s: %w", m.ID, err)
	}
	return b, nil
}

// source is Kopia's name for what a snapshot is of.
func source(name string, kind Kind) (snapshot.SourceInfo, error) {
	bad := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	if name == "" || len(name) > 200 || bad {
		return snapshot.SourceInfo{}, errs.Field("source", "a snapshot's source is a name of 1 to 200 printable characters")
	}
	return snapshot.SourceInfo{Host: name, UserName: clientUser, Path: "/" + string(kind)}, nil
}
