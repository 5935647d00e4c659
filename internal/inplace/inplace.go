// Package inplace restores one Moodle site in its own place on its host: the
// new trees are built beside the old ones, the database is loaded beside the
// old one or with the old tables moved aside, and all is switched by renames.
// It decides in which order that goes and when the new state counts, and every
// step is written to a journal first, so that a process that dies anywhere
// leaves a site that Recover brings wholly to the old state or wholly to the
// new one.
//
// It never chooses what is restored, never talks to a repository (the Source
// does), never deletes anything of the old state before Settle is called, and
// never lets a snapshot write outside its target.
package inplace

import (
	"context"
	"io"
	"log/slog"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/sitedb"
)

// Parts are what is to come back. The database is always whole.
type Parts struct {
	Database bool `json:"database"`
	Code     bool `json:"code"` // the root "code"
	Data     bool `json:"data"` // "moodledata" and the folders that config.php moves out of it; never the root "root"
}

// Source gives the bytes of the copies; the agent backs it by the engine. Its
// methods may be called one after another, each more than once.
type Source interface {
	// Tree writes one root of the data copy, by the name that moodle.Plan gave
	// it, into an empty folder: its entries directly in it.
	Tree(ctx context.Context, root, into string, tell func(doneFiles, totalFiles, doneBytes, totalBytes int64)) error
	// Some does so with the named files and folders of a root only (slashes,
	// relative to the root), each at its own place below into. A path that the
	// copy does not have is errs.NotFound.
	Some(ctx context.Context, root string, paths []string, into string, tell func(doneFiles, totalFiles, doneBytes, totalBytes int64)) error
	// Dump writes the database copy's dump.
	Dump(ctx context.Context, w io.Writer, tell func(done, total int64)) error
}

// Expect is what the copies' own records say of them. Empty fields are not
// compared.
type Expect struct {
	Tables          []sitedb.Table `json:"tables,omitempty"` // with their rows
	DumpSHA256      string         `json:"dump_sha256,omitempty"`
	DumpBytes       int64          `json:"dump_bytes,omitempty"`
	Flavour         sitedb.Flavour `json:"flavour,omitempty"`
	ServerVersion   string         `json:"server_version,omitempty"`
	ClientVersion   string         `json:"client_version,omitempty"`
	CodeVersion     string         `json:"code_version,omitempty"` // of the data copy's code, like "2024100706.00"
	DBVersion       string         `json:"db_version,omitempty"`   // of the database copy
	AllVersionsHash string         `json:"all_versions_hash,omitempty"`
	Roots           []string       `json:"roots,omitempty"` // of the data copy; none means "code" and "moodledata"
	Files           int64          `json:"files,omitempty"` // of the data copy
	Bytes           int64          `json:"bytes,omitempty"`
	// Sizes are those of each root, where they are known: a copy may hold roots
	// that do not come back.
	Sizes map[string]Size `json:"sizes,omitempty"`
}

// Size is how much a root of a data copy holds.
type Size struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Options say what to restore where. ID and Dir name the journal; Recover,
// Settle and Undo find it by them.
type Options struct {
	ID          string // of this restore: letters, digits and dashes
	Dir         string // the folder of all journals, made 0700; this one's is Dir/ID
	CodeDir     string
	AccountRoot string // may be empty
	Parts       Parts
	Source      Source
	Named       Named // what is kept beside the database copy; nil for nothing
	Expect      Expect
	PHP         string            // as moodle.Options.PHP: "" looks for php, "none" runs none
	Env         map[string]string // as moodle.Options.Env
	Override    map[string]string // as moodle.Options.Override
	// Allow resolves a path against the folders that this host's agent may
	// touch; what names it in the error. Nil allows all.
	Allow func(what, path string) (string, error)
	// AllowUpgrade lets Moodle's upgrade run where the code is newer than the
	// database that comes back.
	AllowUpgrade bool
	// StayClosed leaves the maintenance page in place at the end.
	StayClosed bool
	// Grace is how long requests and cron may take to end once the page is up,
	// before their database sessions are ended. Default 10 seconds.
	Grace time.Duration
	Clock clock.Clock  // nil is the system's
	Log   *slog.Logger // nil says nothing
	// Tell hears every step and its progress, often; may be nil.
	Tell func(Step)

	at func(point string) error // of tests alone: called before and after everything that changes something
}

// Step is where a restore is.
type Step struct {
	Name  string        `json:"name"`  // StepCheck, …
	Words string        `json:"words"` // for a person: "Loading the database: 312 of 494 tables, about 2 minutes left"
	Done  int64         `json:"done"`  // in the step's own unit; 0 of 0 while unknown
	Total int64         `json:"total"`
	Left  time.Duration `json:"left,omitempty"` // an estimate; 0 while unknown
}

// The steps, in their order; StepBack is the way back after a failure.
const (
	StepCheck   = "check"
	StepFiles   = "files"    // building the new trees beside the old
	StepLoad    = "database" // loading the dump
	StepNamed   = "named"    // files that the database names, from beside its copy
	StepClose   = "close"    // the maintenance page
	StepSwitch  = "switch"
	StepClear   = "clear" // caches, sessions, temporary files
	StepVerify  = "verify"
	StepUpgrade = "upgrade"
	StepMoodle  = "moodle" // Moodle's own command line: purge, sessions, schema, checks
	StepOpen    = "open"
	StepBack    = "back"
	StepSettle  = "settle"
)

// The outcomes of a check.
const (
	Pass = "pass"
	Warn = "warn"
	Fail = "fail"
)

// CheckResult is one pre-check with its outcome.
type CheckResult struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"` // Pass, Warn or Fail
	Words   string `json:"words"`   // one sentence for a person; with the remedy where it failed
}

// Checks are all of them.
type Checks []CheckResult

// Failed gives those that failed.
func (c Checks) Failed() Checks {
	var out Checks
	for _, r := range c {
		if r.Outcome == Fail {
			out = append(out, r)
		}
	}
	return out
}

// StepTaken is one step that has ended.
type StepTaken struct {
	Name    string  `json:"name"`
	Words   string  `json:"words"`
	Seconds float64 `json:"seconds"`
	Outcome string  `json:"outcome"` // Pass, Warn (went on) or Fail (went back)
}

// Kept is one thing of the old state (or, after Undo, of the new one) that
// lies aside until Settle.
type Kept struct {
	What  string `json:"what"` // "code", "moodledata", "database", …
	Where string `json:"where"`
}

// Evidence is what Run did and found.
type Evidence struct {
	ID           string      `json:"id"`
	Parts        Parts       `json:"parts"`
	Began        time.Time   `json:"began"`
	Ended        time.Time   `json:"ended"`
	ClosedFor    float64     `json:"closed_seconds"` // how long the site showed its maintenance page
	Checks       Checks      `json:"checks"`
	Steps        []StepTaken `json:"steps"`
	Way          string      `json:"way,omitempty"` // how the database was switched
	Tables       int         `json:"tables"`        // compared
	Rows         int64       `json:"rows"`          // compared
	Files        int64       `json:"files"`         // restored
	Bytes        int64       `json:"bytes"`
	Agreement    *Agreement  `json:"agreement,omitempty"`
	Named        *NamedBack  `json:"named,omitempty"` // nil where nothing was kept beside the database copy
	CodeVersion  string      `json:"code_version,omitempty"`
	DBVersion    string      `json:"db_version,omitempty"`
	ConfigDiffer bool        `json:"config_differs,omitempty"` // the copy's config.php differs from the live one, and lies in the journal's folder
	Kept         []Kept      `json:"kept"`
	RolledBack   bool        `json:"rolled_back,omitempty"` // it failed, and the site is in its old state again
	Warnings     []string    `json:"warnings"`
}

// Agreement is how the files table and filedir agree after the restore.
type Agreement struct {
	Contents int64 `json:"contents"` // that the table names
	Missing  int64 `json:"missing"`  // neither in filedir nor in trashdir
	Healed   int64 `json:"healed"`   // that the copy lacked and the site's own filedir had
	BadSize  int64 `json:"bad_size"` // of another length than the table says
	Good     bool  `json:"good"`     // every file can be shown
	Orphans  int64 `json:"orphans"`  // harmless
	InTrash  int64 `json:"in_trash"` // harmless: Moodle takes them back
	External int64 `json:"external"` // in an object store alone
}

// The states of a journal.
const (
	StatePreparing  = "preparing"   // nothing of the site is changed but its maintenance page
	StateSwitching  = "switching"   // partly old, partly new, behind the maintenance page
	StateCommitted  = "committed"   // new; still to be opened
	StateKept       = "kept"        // new and open; the old lies aside until Settle or Undo
	StateReturning  = "returning"   // going back to the old after a failure
	StateRolledBack = "rolled_back" // old; nothing of the new is left
	StateUndoing    = "undoing"     // going back to the old by Undo
	StateUndone     = "undone"      // old and open; the new lies aside until Settle
	StateSettling   = "settling"    // what lies aside is being removed
	StateSettled    = "settled"     // nothing lies aside
)

// Held is one journal as List and Recover find it.
type Held struct {
	ID      string    `json:"id"`
	State   string    `json:"state"`
	CodeDir string    `json:"code_dir"`
	Parts   Parts     `json:"parts"`
	Began   time.Time `json:"began"`
}

// Recovered is one unfinished journal that Recover brought to an end.
type Recovered struct {
	Held
	Was   string `json:"was"`             // the state it was found in
	Words string `json:"words"`           // one sentence for a person
	Error string `json:"error,omitempty"` // why it could not be ended; call Recover again
}
