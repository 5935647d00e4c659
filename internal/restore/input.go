package restore

import (
	"time"

	"holdfast/internal/id"
)

// Input is what a restore must know beyond its copies.
type Input struct {
	// Files only: what to bring back of the data copy. Paths are relative to
	// the root, with slashes; none for all of it.
	Root    string   `json:"root,omitempty"` // as the copy names it: "moodledata", "code"
	Paths   []string `json:"paths,omitempty"`
	InPlace bool     `json:"in_place,omitempty"` // else into a new folder beside the site
	// AllowUpgrade lets code that is newer than the database upgrade it.
	AllowUpgrade bool `json:"allow_upgrade,omitempty"`
}

// Safety is one safety copy as it came out.
type Safety struct {
	Kind    string    `json:"kind"`
	Run     id.Run    `json:"run"`
	Copy    id.Copy   `json:"copy,omitzero"`
	TakenAt time.Time `json:"taken_at,omitzero"`
	State   string    `json:"state"` // of the copy: good or incomplete
}

// Evidence is what is proved of a restore: what the control plane did before,
// and what the host did and found.
type Evidence struct {
	Safety        []Safety `json:"safety,omitempty"`
	WithoutSafety string   `json:"without_safety,omitempty"` // why there is none
	By            string   `json:"without_safety_by,omitempty"`
	Host          *Proof   `json:"host,omitempty"` // of the restore itself
	Undo          *Proof   `json:"undo,omitempty"` // of its undoing
}

// Proof is a host's report. The names are those of its message.
type Proof struct {
	Began        time.Time  `json:"began"`
	Ended        time.Time  `json:"ended"`
	ClosedFor    float64    `json:"closed_seconds"` // how long the site showed its maintenance page
	Checks       []Check    `json:"checks"`
	Steps        []Taken    `json:"steps"`
	Way          string     `json:"way,omitempty"` // how the database was switched
	Tables       int        `json:"tables"`        // compared
	Rows         int64      `json:"rows"`          // compared
	Files        int64      `json:"files"`         // restored
	Bytes        int64      `json:"bytes"`
	Agreement    *Agreement `json:"agreement,omitempty"`
	CodeVersion  string     `json:"code_version,omitempty"`
	DBVersion    string     `json:"db_version,omitempty"`
	ConfigDiffer bool       `json:"config_differs,omitempty"`
	Kept         []Kept     `json:"kept"` // what lies aside until the restore is settled
	RolledBack   bool       `json:"rolled_back,omitempty"`
	Warnings     []string   `json:"warnings"`
	// Of files alone.
	Written  int64    `json:"written,omitempty"`
	Replaced int64    `json:"replaced,omitempty"`
	Into     string   `json:"into,omitempty"`
	Aside    string   `json:"aside,omitempty"`
	Refused  []string `json:"refused,omitempty"`
}

// Check is one of the host's checks before it changed anything.
type Check struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"` // pass, warn or fail
	Words   string `json:"words"`
}

// Taken is one step of the host's that has ended.
type Taken struct {
	Name    string  `json:"name"`
	Words   string  `json:"words"`
	Seconds float64 `json:"seconds"`
	Outcome string  `json:"outcome"`
}

// Kept is one thing that lies aside.
type Kept struct {
	What  string `json:"what"`
	Where string `json:"where"`
}

// Agreement is how the files table and the stored files agree.
type Agreement struct {
	Contents int64 `json:"contents"`
	Missing  int64 `json:"missing"`
	Healed   int64 `json:"healed"`
	BadSize  int64 `json:"bad_size"`
	Good     bool  `json:"good"`
	OldBad   int64 `json:"old_bad"`
	Orphans  int64 `json:"orphans"`
	InTrash  int64 `json:"in_trash"`
	External int64 `json:"external"`
}
