package agentproto

import (
	"encoding/json"
	"time"
)

// How much of a data copy is looked at anew.
const (
	ReadingFast = ""     // folders of filedir that did not change are taken as they were
	ReadingWalk = "walk" // every file is looked at, and read where it changed
	ReadingAll  = "all"  // every file is read: a repair
)

// KindDiscover is a lease that looks for sites: version 4. Its Run is the host
// task's id; it has no Site, no Repository. Its result is a Discovery, in
// CompleteRequest.Evidence.
const KindDiscover = "discover"

// Discover says where to look: none means every allowed root.
type Discover struct {
	Roots []string `json:"roots"`
}

// Discovery is what was found.
type Discovery struct {
	Sites     []FoundSite `json:"sites"`
	Folders   int64       `json:"folders"`             // that were looked into
	Truncated string      `json:"truncated,omitempty"` // why it is not all, in a sentence
}

// FoundSite is one Moodle on the host. Problem says, in a sentence, why it
// could not be read to the end; the rest is then what is known.
type FoundSite struct {
	CodeDir     string   `json:"code_dir"`
	AccountRoot string   `json:"account_root,omitempty"` // a guess: the folder that holds code and moodledata and nothing else
	Layout      string   `json:"layout"`
	Release     string   `json:"release"`
	Branch      string   `json:"branch"`
	WWWRoot     string   `json:"wwwroot"`
	DataRoot    string   `json:"dataroot"`
	DBType      string   `json:"dbtype"`
	DBName      string   `json:"dbname"`
	Prefix      string   `json:"prefix"`
	ReadBy      string   `json:"config_read_by"`
	Warnings    []string `json:"warnings"`
	Problem     string   `json:"problem,omitempty"`
}

// Exclusions are what a site leaves out otherwise than the policy says. Paths
// are exact, relative, with slashes: never patterns.
type Exclusions struct {
	Keep []string    `json:"keep,omitempty"` // exclusions of the policy that are lifted, like "moodledata/backup"
	Drop []Exclusion `json:"drop,omitempty"` // further folders that are left out
}

// Exclusion is one folder of a root that is left out with all that is in it.
type Exclusion struct {
	Root string `json:"root"` // "moodledata" or "root"; code is never cut
	Path string `json:"path"`
}

// References is what a database copy's files table names, and how much of it
// was there on the day.
type References struct {
	Snapshot    string          `json:"snapshot"` // of the list, in the database repository
	Manifest    json.RawMessage `json:"manifest"`
	Bytes       int64           `json:"bytes"`
	StoredBytes int64           `json:"stored_bytes"`
	Rows        int64           `json:"rows"`         // of the files table that name content
	Hashes      int64           `json:"hashes"`       // distinct contents
	HashBytes   int64           `json:"hash_bytes"`   // of those, each once
	FromTrash   int64           `json:"from_trash"`   // contents that were there in trashdir only
	External    int64           `json:"external"`     // contents that an object store holds alone
	Missing     int64           `json:"missing"`      // contents that were nowhere
	MissingList []MissingFile   `json:"missing_list"` // at most 1,000 of them
	// Files is the snapshot in the data repository that keeps the named files
	// for as long as the database copy is kept; nil where none was wanted, or
	// none could be taken (then Facts.Warnings say why).
	Files *NamedFiles `json:"files,omitempty"`
}

// NamedFiles is a snapshot of filedir, taken after the dump, with what was
// found in trashdir put in its place.
type NamedFiles struct {
	Snapshot    string          `json:"snapshot"`
	Manifest    json.RawMessage `json:"manifest"`
	Files       int64           `json:"files"`
	Bytes       int64           `json:"bytes"`
	StoredBytes int64           `json:"stored_bytes"`
}

// MissingFile is one content that a row names and that is nowhere.
type MissingFile struct {
	Hash   string `json:"hash"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"`
	Name   string `json:"name"`   // of the first row that names it
	Area   string `json:"area"`   // like "mod_resource/content"
	Course string `json:"course"` // its short name; "" outside courses
}

// Signals are what a data run saw that could mean damage or an attack. They
// are counts to be held against earlier runs', and judged by the server.
type Signals struct {
	Reading       string   `json:"reading"`        // how much was looked at; see ReadingFast
	Checked       int64    `json:"checked"`        // contents of filedir that were read and held against their names
	Mismatched    int64    `json:"mismatched"`     // whose SHA-1 is not their name
	Contents      int64    `json:"contents"`       // files of filedir
	New           int64    `json:"new"`            // contents that the copy before had not
	Gone          int64    `json:"gone"`           // contents that the copy before had
	GoneUntrashed int64    `json:"gone_untrashed"` // of these, not seen in trashdir
	Foreign       int64    `json:"foreign"`        // files in filedir with names that Moodle does not give
	PHPFiles      int64    `json:"php_files"`      // *.php of the code tree
	PHPChanged    int64    `json:"php_changed"`    // new or other than in the copy before
	PHPStrange    int64    `json:"php_strange"`    // changed ones that hold no PHP at all
	First         bool     `json:"first"`          // there was no copy before
	Examples      []string `json:"examples"`       // at most 50 paths, the worst first
}

// MoodleFacts is what the database says of the site's life. Times are zero
// where Moodle has none.
type MoodleFacts struct {
	SiteHash           string    `json:"site_hash"` // SHA-256 of siteidentifier, hex
	Theme              string    `json:"theme"`
	Lang               string    `json:"lang"`
	Auth               []string  `json:"auth"`
	MaintenanceEnabled bool      `json:"maintenance_enabled"`
	UpgradeRunning     time.Time `json:"upgrade_running"`
	CronEnabled        bool      `json:"cron_enabled"`
	LastCron           time.Time `json:"last_cron"`
	FilesLastCleanup   time.Time `json:"files_last_cleanup"`
	Courses            int64     `json:"courses"`
	Users              int64     `json:"users"`
	Admins             int64     `json:"admins"`
	FileRows           int64     `json:"file_rows"`
	FileBytes          int64     `json:"file_bytes"`
	BackupRows         int64     `json:"backup_rows"`   // rows of component "backup" with content: .mbz in filedir
	BackupBytes        int64     `json:"backup_bytes"`  // of these
	TasksFailing       int64     `json:"tasks_failing"` // scheduled or ad-hoc, with a faildelay
	AdhocWaiting       int64     `json:"adhoc_waiting"`
	LastTask           time.Time `json:"last_task"` // of the scheduled tasks, the newest run
	// AutoBackup are the settings of Moodle's own automated course backups.
	AutoBackup AutoBackup `json:"auto_backup"`
	// DatabaseRights are those of the site's user beyond its own database, as
	// the server writes them, like "SUPER" or "CREATEROLE"; at most 20.
	DatabaseRights []string `json:"database_rights"`
	ServerFlavour  string   `json:"server_flavour"` // "mariadb", "mysql" or "postgres"
	PHPVersion     string   `json:"php_version"`    // of the php that reads config.php; "" if none
}

// AutoBackup is what backup_auto_* of config_plugins and backup_courses say.
type AutoBackup struct {
	Active      int       `json:"active"`  // 0 off, 1 on, 2 by hand
	Storage     int       `json:"storage"` // 0 in the course (filedir), 1 in a folder, 2 both
	Destination string    `json:"destination"`
	MaxKept     int       `json:"max_kept"` // 0 means all
	DeleteDays  int       `json:"delete_days"`
	WithFiles   bool      `json:"with_files"`
	OK          int64     `json:"ok"` // courses by their last status
	Failed      int64     `json:"failed"`
	Unfinished  int64     `json:"unfinished"`
	Skipped     int64     `json:"skipped"`
	Warned      int64     `json:"warned"`
	NotYet      int64     `json:"not_yet"`
	LastEnd     time.Time `json:"last_end"`
}
