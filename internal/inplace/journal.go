package inplace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"syscall"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// journal is what is written down of one restore before anything is changed.
// It holds no secret. What is where is never taken from it alone: trees are
// known by their inode, tables by the names and numbers in the server.
type journal struct {
	Version  int    `json:"version"`
	Held            // ID, State, CodeDir, Parts, Began
	Touched  bool   `json:"touched"`            // the site's tables or trees may be partly new
	Settling string `json:"settling,omitempty"` // "old" or "new": what is being removed
	DataRoot string `json:"data_root"`

	StayClosed bool `json:"stay_closed,omitempty"`

	Trees  []*tree      `json:"trees"`
	Clears []*clearing  `json:"clears"`
	Page   *page        `json:"page,omitempty"` // of the live moodledata, once it is to be closed
	DB     *sitedb.Swap `json:"db,omitempty"`
	Files  *placing     `json:"files,omitempty"` // of Files alone
	Note   Evidence     `json:"evidence"`

	dir  string   // the journal's own folder
	lock *os.File // held while it is worked on
}

const journalVersion = 1

var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{3,63}$`)

// openJournal takes the lock of a journal's folder, which it makes, and reads
// what is there; a new one has no State.
func openJournal(dir, id string) (*journal, error) {
	if !plainID.MatchString(id) {
		return nil, errs.Field("id", "%q cannot name a restore: letters, digits and dashes, 4 to 64", id)
	}
	if !filepath.IsAbs(dir) {
		return nil, errs.Field("dir", "the folder of the journals must be an absolute path")
	}
	j := &journal{dir: filepath.Join(dir, id)}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The folder for the restore's journal cannot be made.")
	}
	var err error
	if j.lock, err = os.OpenFile(filepath.Join(j.dir, "lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The restore's journal cannot be locked.")
	}
	if err := syscall.Flock(int(j.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = j.lock.Close()
		return nil, errs.Wrap(errs.Conflict, err, "Another process is at work on this restore.")
	}
	if err := j.read(); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// close gives the lock back, and does not wait for a child of ours that holds
// the same file until it becomes another program.
func (j *journal) close() {
	_ = syscall.Flock(int(j.lock.Fd()), syscall.LOCK_UN)
	_ = j.lock.Close()
}

func (j *journal) path() string { return filepath.Join(j.dir, "journal.json") }

func (j *journal) read() error {
	raw, err := os.ReadFile(j.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "The restore's journal cannot be read.")
	}
	if err := json.Unmarshal(raw, j); err != nil {
		return errs.Wrap(errs.Invalid, err, "The restore's journal in %s is damaged.", j.dir)
	}
	if j.Version != journalVersion {
		return errs.New(errs.Unsupported, "The restore's journal in %s was written by another version of the agent.", j.dir)
	}
	return nil
}

// save writes the journal so that it is whole and on the disk, or the former.
func (j *journal) save() error {
	j.Version = journalVersion
	raw, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := writeWhole(j.path(), raw); err != nil {
		return errs.Wrap(errs.Unavailable, err, "The restore's journal cannot be written; is the disk full?")
	}
	return nil
}

// enter notes a new state.
func (j *journal) enter(state string) error {
	before := j.State
	j.State = state
	if err := j.save(); err != nil {
		j.State = before
		return err
	}
	return nil
}

// open tells whether the restore has not come to an end.
func (h Held) open() bool {
	switch h.State {
	case StateKept, StateRolledBack, StateUndone, StateSettled, "":
		return false
	}
	return true
}

// holds tells whether something of the site still lies aside.
func (h Held) holds() bool { return h.open() || h.State == StateKept || h.State == StateUndone }

// List gives every journal in dir, the oldest first.
func List(dir string) ([]Held, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The restores' journals cannot be listed.")
	}
	var out []Held
	for _, e := range entries {
		if !e.IsDir() || !plainID.MatchString(e.Name()) {
			continue
		}
		j := &journal{dir: filepath.Join(dir, e.Name())}
		if err := j.read(); err != nil || j.State == "" {
			continue
		}
		out = append(out, j.Held)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Began.Before(out[b].Began) })
	return out, nil
}

// Report gives the evidence of an earlier Run, Undo or Recover.
func Report(dir, id string) (Held, Evidence, error) {
	j := &journal{dir: filepath.Join(dir, id)}
	if !plainID.MatchString(id) {
		return Held{}, Evidence{}, errs.Field("id", "%q cannot name a restore", id)
	}
	if err := j.read(); err != nil {
		return Held{}, Evidence{}, err
	}
	if j.State == "" {
		return Held{}, Evidence{}, errs.New(errs.NotFound, "There is no restore %s on this host.", id)
	}
	return j.Held, j.Note, nil
}

// writeWhole writes a private file whole and on the disk, or leaves what was.
func writeWhole(path string, raw []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir brings the names in a folder to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// shortID is a restore's id as it stands in names of databases and folders.
func (j *journal) shortID() string {
	out := make([]byte, 0, 8)
	for i := len(j.ID) - 1; i >= 0 && len(out) < 8; i-- { // the end of a UUIDv7 is random
		c := j.ID[i] | 0x20
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			out = append(out, c)
		}
	}
	for len(out) < 4 {
		out = append(out, '0')
	}
	return string(out)
}

// holder is the folder beside a path where what does not count now lies. Only
// we may enter it, so no web server shows what is in it.
func (j *journal) holder(beside string) string {
	if isMount(beside) {
		return filepath.Join(beside, ".holdfast-"+j.ID) // nothing can be renamed out of a mount
	}
	return filepath.Join(filepath.Dir(beside), ".holdfast-"+j.ID)
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
