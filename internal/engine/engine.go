// Package engine is Kopia behind few verbs: create, open, store a tree or a
// stream, list, read, verify, delete, maintain; and the plain sealed files. It
// decides how a repository is made and what counts as a snapshot, and is, with
// the vault, the only importer of Kopia. It never decides which snapshot is to
// be kept: that is the catalog's business, and Kopia's own retention is pinned
// to keep everything.
package engine

import (
	"encoding/json"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/vault"
)

// Kind says what a repository holds: the dumps of a site's database, or the
// trees of its files. It decides how contents are cut into chunks.
type Kind string

// The kinds of a repository.
const (
	Database Kind = "database"
	Data     Kind = "data"
)

// Location says where a repository is: exactly one of Backend (the keeper's
// side, or a plain local directory) and Door (the agent's side). It holds
// secrets; it can be sent as JSON to the working process.
type Location struct {
	Backend    *vault.Backend `json:"backend,omitempty"`
	Repository string         `json:"repository,omitempty"` // "SITE/KIND" within Backend; "" for a directory that is itself the repository
	Door       *vault.Door    `json:"door,omitempty"`
	// CacheDir is a private directory, absolute, for what was fetched from a
	// storage that is not local: see caching. "" means no cache, and a local
	// directory never has one. Each repository needs its own.
	CacheDir string `json:"cache_dir,omitempty"`

	hooks *hooks // of tests alone
}

// hooks let a test be at another time, and come between a repository and its
// storage. No field of it can be set from outside this package.
type hooks struct {
	now  func() time.Time
	wrap func(blob.Storage) blob.Storage
}

// TreeOptions say what StoreTree stores.
type TreeOptions struct {
	Source          string         // the site's id or name; snapshots of one source follow each other
	Roots           []Root         // each becomes a directory of its Name at the top of the snapshot
	TakenAt         time.Time      // the instant the snapshot stands for; zero means now
	Progress        func(Progress) // may be nil; called from one goroutine at a time, often
	Previous        bool           // take files whose size, mtime, mode and owner are unchanged from the last snapshot without reading them, unless Forget came since
	CheckpointEvery time.Duration  // how often what is stored so far is made safe from a crash; 0 means 5 min, at most 45 min
	// Fast takes the leaves of content-addressed folders that did not change
	// since the previous snapshot as they were, without looking into them; see
	// leaf. It does nothing without Previous.
	Fast bool
	// Base is "ID:folder" of a tree snapshot that stands in as the previous of
	// the only root, like "k123:moodledata/filedir".
	Base string
	// Also are files from elsewhere that are put into a root.
	Also []Placed
	// Lost is asked of each content that the previous snapshot has in a leaf that
	// is looked into, and that is no longer there: it gives the absolute path of
	// where else the file lies, "" for nowhere. What is there is stored in its
	// place, as if it were of Also. It may be called from several goroutines at
	// once, after the leaf was listed.
	Lost func(rootName, name string) string
	// Watch hears of each regular file that is looked at, and whether it is new
	// or other than in the previous snapshot; rel has slashes. It may be called
	// from several goroutines at once, and must be quick.
	Watch func(rootName, rel string, changed bool)
}

// Placed is a regular file from elsewhere that is stored at a place of a root
// as if it lay there. A file that does lie there wins. One that is gone by the
// time it is read is counted as vanished.
type Placed struct {
	Root string `json:"root"` // the root's Name
	Rel  string `json:"rel"`  // the place in the root, with slashes
	Path string `json:"path"` // absolute
}

// Root is one directory of a tree snapshot, and what of it is left out. All
// exclusions are anchored: none is a name that would match at any depth.
type Root struct {
	Name            string            `json:"name"`
	Path            string            `json:"path"`
	ExcludeDirs     []string          `json:"exclude_dirs,omitempty"`      // names of directories at the first level of this root
	ExcludePaths    []string          `json:"exclude_paths,omitempty"`     // exact relative paths, files or directories
	ExcludeTopFiles bool              `json:"exclude_top_files,omitempty"` // files (not directories) at the first level of this root
	ExcludeSuffixIn map[string]string `json:"exclude_suffix_in,omitempty"` // relative directory to file suffix, at any depth below that directory
	Skip            []string          `json:"skip,omitempty"`              // absolute paths that are other roots and must not be stored twice
	// ContentAddressed is a folder of this root, like "filedir" or ".", whose
	// files are named by the SHA-1 of their content and never change, in leaves
	// like "ab/cd". "" means there is none.
	ContentAddressed string `json:"content_addressed,omitempty"`
}

// Content is what a tree run saw of content-addressed folders. New, Gone and
// Foreign are of the leaves that were looked into: with TreeOptions.Fast those
// that changed, in which alone there can be any.
type Content struct {
	Contents   int64    `json:"contents"`             // files in leaves
	Checked    int64    `json:"checked"`              // files that were read and held against their names
	Mismatched int64    `json:"mismatched"`           // of these, whose SHA-1 is not their name
	New        int64    `json:"new"`                  // contents that the previous snapshot had not
	Gone       int64    `json:"gone"`                 // contents that the previous snapshot had
	Foreign    int64    `json:"foreign"`              // files that are not where and what a content is
	GoneNames  []string `json:"gone_names,omitempty"` // the names of those gone, at most 10,000, sorted
	Examples   []string `json:"examples,omitempty"`   // paths of mismatched, then of foreign files, at most 50
}

// StreamOptions say what StoreStream stores.
type StreamOptions struct {
	Source   string         // the site's id or name
	FileName string         // the name the stream has in the snapshot
	TakenAt  time.Time      // the instant the snapshot stands for; zero means now
	Progress func(Progress) // may be nil
}

// Progress is how far an operation is. Totals are 0 while unknown, and an
// estimate otherwise.
type Progress struct {
	DoneFiles, TotalFiles, DoneBytes, TotalBytes int64
	Phase                                        string // "storing", "restoring", "reading"
}

// Problem is a path that could not be stored, and why.
type Problem struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Snapshot is one stored copy.
type Snapshot struct {
	ID           string          `json:"id"`
	Kind         Kind            `json:"kind"`
	Source       string          `json:"source"`
	TakenAt      time.Time       `json:"taken_at"`
	EndedAt      time.Time       `json:"ended_at"`
	Files        int64           `json:"files"`
	Bytes        int64           `json:"bytes"`              // of the files as they are
	StoredBytes  int64           `json:"stored_bytes"`       // added to the repository by this snapshot, after compression
	SHA256       string          `json:"sha256,omitempty"`   // hex, of a stream
	Problems     []Problem       `json:"problems,omitempty"` // what could not be read, at most 100; a copy with problems is incomplete
	ProblemCount int64           `json:"problem_count,omitempty"`
	Vanished     int64           `json:"vanished,omitempty"` // files that went away while the tree was read: normal
	Special      int64           `json:"special,omitempty"`  // sockets, pipes and devices, which are not stored
	Manifest     json.RawMessage `json:"manifest,omitempty"`
	Content      *Content        `json:"content,omitempty"` // of a tree just stored, where a root has ContentAddressed
}

// RestoreOptions say how a restore goes.
type RestoreOptions struct {
	Base     string         // the folder of the snapshot that becomes the target, like "code"; "" is its top
	Only     []string       // paths below Base, with slashes; none means all. One that is not there is errs.NotFound, and nothing is written
	Progress func(Progress) // may be nil
}

// Restored is what a restore wrote.
type Restored struct{ Files, Bytes int64 }

// VerifyOptions say what Verify looks at.
type VerifyOptions struct {
	IDs      []string       // snapshots; none means all
	Percent  float64        // of the files to read whole, 0 to 100; the others are only looked up
	Progress func(Progress) // may be nil
}

// Damage is one thing that cannot be had back.
type Damage struct {
	Snapshot string `json:"snapshot,omitempty"`
	Path     string `json:"path,omitempty"`
	Blob     string `json:"blob,omitempty"`
	Reason   string `json:"reason"`
}

// VerifyReport is what Verify found. Only one with Proven says that the
// snapshots can be restored: a quick look sees whether a pack exists, not
// whether its bytes are right.
type VerifyReport struct {
	Snapshots, Files, Bytes int64
	Proven                  bool // every file was read to its end and nothing was damaged
	Damaged                 []Damage
}

// ScanReport is what Scan found of the whole repository.
type ScanReport struct {
	Blobs, Contents, Bytes int64
	Read                   bool // every content was read and checked, not only its place
	Damaged                []Damage
}
