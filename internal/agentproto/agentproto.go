// Package agentproto is the wire between the control plane and its agents:
// plain JSON over HTTPS, the agent always dialling out. It holds the types,
// the paths and the version, and nothing that acts. docs/agent-protocol.md
// says the same as prose; testdata holds one golden message of each type.
//
// It imports the standard library only, so that an agent of any age can be
// built from it alone.
package agentproto

import (
	"encoding/json"
	"strings"
	"time"
)

// Version is the protocol this build speaks best; OldestVersion the oldest
// that the server still answers. An agent sends its version in the header
// VersionHeader with every request and is answered in that version.
//
// Version 2 added Tokens to HeartbeatAnswer. An agent of version 1 never
// renews its storage token, and so its leases carry one that lives longer.
// Version 3 added the leases of restores; an older agent gets none.
// Version 4 added what truth.go holds; an older agent takes the same copies
// and says less of them.
const (
	Version       = 4
	OldestVersion = 1
	VersionHeader = "Holdfast-Protocol"
)

// The paths, all POST, all JSON, all but Enrol with
// "Authorization: Bearer <credential>".
const (
	PathEnrol     = "/agent/v1/enrol"
	PathHello     = "/agent/v1/hello"
	PathPoll      = "/agent/v1/poll"
	PathStarted   = "/agent/v1/started"
	PathHeartbeat = "/agent/v1/heartbeat"
	PathComplete  = "/agent/v1/complete"
)

// EnrolRequest trades a one-time token for the agent's own credential.
type EnrolRequest struct {
	Token        string `json:"token"`
	Hostname     string `json:"hostname"`
	AgentVersion string `json:"agent_version"`
}

// EnrolAnswer holds the credential; it is shown once and never stored in the
// clear by the control plane.
type EnrolAnswer struct {
	HostID     string `json:"host_id"`
	HostName   string `json:"host_name"`
	Credential string `json:"credential"`
}

// HelloRequest begins one life of an agent process. Instance is a fresh random
// UUID per process start. The answer's epoch outdates every earlier instance.
type HelloRequest struct {
	Instance     string   `json:"instance"`
	AgentVersion string   `json:"agent_version"`
	Hostname     string   `json:"hostname"`
	OS           string   `json:"os"`
	Arch         string   `json:"arch"`
	Now          string   `json:"now"` // RFC 3339, the agent's clock, to show skew
	AllowRoots   []string `json:"allow_roots"`
}

// HelloAnswer gives the epoch and the paces.
type HelloAnswer struct {
	Epoch            int64 `json:"epoch"`
	HeartbeatSeconds int   `json:"heartbeat_seconds"` // 10
	PollWaitSeconds  int   `json:"poll_wait_seconds"` // 25
}

// Held names one lease that the agent holds.
type Held struct {
	Run   string `json:"run"`
	Fence int64  `json:"fence"`
}

// PollRequest asks for work and says what is held already. PollSeq rises by
// one with each poll of an instance, so that a late old poll cannot take back
// a newer lease. A leased run that is not in Held goes back to the queue.
type PollRequest struct {
	Instance    string `json:"instance"`
	Epoch       int64  `json:"epoch"`
	PollSeq     int64  `json:"poll_seq"`
	Held        []Held `json:"held"`
	WaitSeconds int    `json:"wait_seconds"`
	// Busy says, in words for a person, why the host takes no backups for now;
	// restores it takes. Version 4.
	Busy string `json:"busy,omitempty"`
}

// PollAnswer gives the new leases, possibly none, and the runs to stop.
type PollAnswer struct {
	Leases []Lease `json:"leases"`
	Stop   []Stop  `json:"stop"`
}

// Stop tells the agent to drop a run: it was cancelled or is another's now.
type Stop struct {
	Run    string `json:"run"`
	Fence  int64  `json:"fence"`
	Reason string `json:"reason"`
}

// Kinds of copies.
const (
	KindDatabase = "database"
	KindData     = "data"
)

// Kinds of leases that are no backups: version 3. Their Lease has Restore set
// and no Repository of its own; its Run is the host task's id.
const (
	KindRestore = "restore" // database, data or both, in place
	KindFiles   = "files"   // folders or files of a data copy
	KindSettle  = "settle"  // accepted: remove what was kept aside
	KindUndo    = "undo"    // not accepted: put the old state back
)

// Lease is one backup to take. It is valid while (Run, Fence) is held.
type Lease struct {
	Run        string     `json:"run"`
	Fence      int64      `json:"fence"`
	Kind       string     `json:"kind"` // KindDatabase or KindData
	Attempt    int        `json:"attempt"`
	Site       Site       `json:"site"`
	Repository Repository `json:"repository"`
	Restore    *Restore   `json:"restore,omitempty"` // version 3: of the kinds that are no backups
	// Files is the site's data repository, on a lease of KindDatabase: there the
	// files that the dump names are kept for as long as the copy is. Nil where
	// the site's policy does not want that. Version 4.
	Files *Repository `json:"files,omitempty"`
	// Reading says how much of a data copy is looked at anew; version 4.
	Reading string `json:"reading,omitempty"`
	// Discover is set for KindDiscover only; version 4.
	Discover *Discover `json:"discover,omitempty"`
}

// Restore is what a host is to bring back. The id is the restore's: the same
// over every lease of it, and the name of its journal on the host.
type Restore struct {
	ID       string       `json:"id"`
	Database *RestoreFrom `json:"database,omitempty"` // nil: the database stays
	Data     *RestoreFrom `json:"data,omitempty"`     // nil: the files stay
	// Files is set for KindFiles only.
	Files *RestoreFiles `json:"files,omitempty"`
	// AllowUpgrade lets code that is newer than the database upgrade it, which
	// nothing takes back but an undo.
	AllowUpgrade bool `json:"allow_upgrade,omitempty"`
	// Named are the files that the database copy's rows name, as they were kept
	// beside it: what the site's filedir lacks comes from there. Nil where there
	// are none. Version 4.
	Named *RestoreFrom `json:"named,omitempty"`
}

// RestoreFrom is one copy, and what was true of it on the day it was taken.
type RestoreFrom struct {
	Copy       string     `json:"copy"`     // its id in the catalog
	Snapshot   string     `json:"snapshot"` // the engine's id
	TakenAt    time.Time  `json:"taken_at"`
	Files      int64      `json:"files"`
	Bytes      int64      `json:"bytes"`
	SHA256     string     `json:"sha256,omitempty"` // of a dump's stream
	Tables     []Table    `json:"tables,omitempty"`
	Facts      Facts      `json:"facts"`
	Repository Repository `json:"repository"` // with a token that reads only
	// References is the snapshot of a database copy's list of references, in
	// the same repository; "" where it has none. Version 4.
	References string `json:"references,omitempty"`
}

// RestoreFiles names what to bring back of a data copy. Paths are relative to
// the root, with slashes, no "..", none for all of it.
type RestoreFiles struct {
	Root    string   `json:"root"` // as the copy names it: "moodledata", "code", …
	Paths   []string `json:"paths"`
	InPlace bool     `json:"in_place"` // else into a new folder beside the site
}

// Site says where the site lives on the host. CodeDir is the folder that holds
// config.php (the parent of public/ since Moodle 5.1). AccountRoot may be "".
type Site struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	CodeDir     string `json:"code_dir"`
	AccountRoot string `json:"account_root,omitempty"`
	// Exclusions are the site's own, beside the policy's; version 4.
	Exclusions *Exclusions `json:"exclusions,omitempty"`
}

// Repository is the site's own repository of one kind, behind the vault.
type Repository struct {
	ID       string `json:"id"`
	Password string `json:"password"`
	URL      string `json:"url"`           // base of the vault, like https://vault:8443
	Name     string `json:"name"`          // the repository's name there, "SITE-ID/KIND"
	Token    string `json:"token"`         // bound to this repository and this lease
	Pin      string `json:"pin,omitempty"` // "sha256:<64 hex>" of the certificate's public key; "" means the system's CAs
}

// StartedRequest says that the working process runs: only now an attempt counts.
type StartedRequest struct {
	Instance string `json:"instance"`
	Epoch    int64  `json:"epoch"`
	Run      string `json:"run"`
	Fence    int64  `json:"fence"`
}

// Paused begins the detail of a progress that stands still because the host is
// busy; what follows says so in words.
const Paused = "Paused: "

// Progress is how far a run is. Totals are 0 while unknown.
type Progress struct {
	Phase      string `json:"phase"` // "inspecting", "dumping", "walking", "storing", "checking"
	Detail     string `json:"detail,omitempty"`
	DoneFiles  int64  `json:"done_files"`
	TotalFiles int64  `json:"total_files"`
	DoneBytes  int64  `json:"done_bytes"`
	TotalBytes int64  `json:"total_bytes"`
	DoneTables int    `json:"done_tables"`
	AllTables  int    `json:"all_tables"`
	// Of a restore, version 3: which of its steps this is, in words for people
	// in Detail, and about how long the rest takes; 0 while unknown.
	Step        int `json:"step,omitempty"`
	Steps       int `json:"steps,omitempty"`
	SecondsLeft int `json:"seconds_left,omitempty"`
}

// HeartbeatRequest reports on every run of the agent at once.
type HeartbeatRequest struct {
	Instance string    `json:"instance"`
	Epoch    int64     `json:"epoch"`
	Runs     []RunBeat `json:"runs"`
}

// RunBeat is one run's progress.
type RunBeat struct {
	Run      string   `json:"run"`
	Fence    int64    `json:"fence"`
	Progress Progress `json:"progress"`
}

// HeartbeatAnswer names the runs that go on; one that is absent must stop.
type HeartbeatAnswer struct {
	Keep   []Held  `json:"keep"`
	Tokens []Token `json:"tokens,omitempty"` // version 2: fresh storage tokens
}

// Token renews the storage token of a run.
type Token struct {
	Run        string `json:"run"`
	Token      string `json:"token"`
	Repository string `json:"repository,omitempty"` // version 3: its name, where a run has several
}

// Outcomes of a run.
const (
	OutcomeGood       = "good"       // a whole copy is stored
	OutcomeIncomplete = "incomplete" // a copy is stored that lacks something, named in Problems
	OutcomeFailed     = "failed"     // nothing usable is stored; try again
	OutcomeRefused    = "refused"    // the agent will not do this; trying again changes nothing
	OutcomeStopped    = "stopped"    // the agent was told to stop
)

// CompleteRequest ends a run. It may be sent again until answered: the server
// takes the first for (Run, Fence) and repeats its answer for the rest.
type CompleteRequest struct {
	Instance string `json:"instance"`
	Epoch    int64  `json:"epoch"`
	Run      string `json:"run"`
	Fence    int64  `json:"fence"`
	Outcome  string `json:"outcome"`
	// Error is one sentence for a person, with no secret in it; set unless Outcome is good.
	Error     string `json:"error,omitempty"`
	ErrorCode string `json:"error_code,omitempty"` // like "upgrade-running", "outside-allowed-roots"
	// NotBefore asks that the next attempt waits, RFC 3339; empty for no wish.
	NotBefore string `json:"not_before,omitempty"`
	Copy      *Copy  `json:"copy,omitempty"` // set if Outcome is good or incomplete
	// Evidence is what a restore proved, as the host saw it; version 3. A
	// restore that failed or was stopped has put the site as it was before.
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// Copy is what was stored and what is true of it.
type Copy struct {
	Snapshot    string          `json:"snapshot"` // the engine's id of it
	Manifest    json.RawMessage `json:"manifest"` // the engine's manifest, kept by the control plane too
	TakenAt     time.Time       `json:"taken_at"` // when the copy began
	Seconds     float64         `json:"seconds"`
	Files       int64           `json:"files"`
	Bytes       int64           `json:"bytes"`            // logical bytes of the source
	StoredBytes int64           `json:"stored_bytes"`     // bytes added to the repository
	SHA256      string          `json:"sha256,omitempty"` // of a dump's stream
	Excluded    []Excluded      `json:"excluded"`
	Problems    []Problem       `json:"problems"`
	Vanished    int64           `json:"vanished"` // files gone between listing and reading; normal
	Tables      []Table         `json:"tables,omitempty"`
	Facts       Facts           `json:"facts"`
	References  *References     `json:"references,omitempty"` // version 4: of database copies
	Signals     *Signals        `json:"signals,omitempty"`    // version 4: of data copies
}

// Excluded is one folder or file class that the policy leaves out.
type Excluded struct {
	Path  string `json:"path"` // like "moodledata/cache"
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
	// CourseBackups counts the .mbz files among them, and Unusual says in
	// sentences what of it a person should look at. Version 4.
	CourseBackups int64    `json:"course_backups,omitempty"`
	Unusual       []string `json:"unusual,omitempty"`
}

// Problem is one thing that could not be copied.
type Problem struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Table is one table of a dump with its number of rows.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Facts are what the agent saw of the site.
type Facts struct {
	Layout        string   `json:"layout"` // "classic" or "public"
	Release       string   `json:"release"`
	Version       string   `json:"version"`
	Branch        string   `json:"branch"`
	WWWRoot       string   `json:"wwwroot"`
	DataRoot      string   `json:"dataroot"`
	DBType        string   `json:"dbtype"`
	DBHost        string   `json:"dbhost"`
	DBName        string   `json:"dbname"`
	Prefix        string   `json:"prefix"`
	ReadBy        string   `json:"config_read_by"` // "php" or "static"
	ServerVersion string   `json:"server_version,omitempty"`
	ClientVersion string   `json:"client_version,omitempty"`
	Warnings      []string `json:"warnings"`

	// Plugins are those of the code tree, sorted by component; core is not
	// among them, it is Version. Sent by data runs only.
	Plugins []Plugin `json:"plugins,omitempty"`
	// DBVersion, AllVersionsHash and DBPlugins are what the database says is
	// installed, as the dump has it: mdl_config's version and allversionshash,
	// and mdl_config_plugins' versions, sorted. Sent by database runs only.
	DBVersion       string   `json:"db_version,omitempty"`
	AllVersionsHash string   `json:"allversionshash,omitempty"`
	DBPlugins       []Plugin `json:"db_plugins,omitempty"`
	// Fingerprint changes exactly when the versions that the run saw change:
	// "code1:" or "db1:" and a hex SHA-256. It is compared with those of the
	// same form only. Empty where the versions could not be read, or not
	// wholly; then Warnings say so.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Moodle is what the database says of the site's life. Sent by database
	// runs only; version 4.
	Moodle *MoodleFacts `json:"moodle,omitempty"`
}

// Plugin is one plug-in of Moodle and its version. On the wire it is the string
// "component=version": a site has some 450, kept with every copy.
type Plugin struct {
	Component string // like "mod_quiz"
	Version   string // like "2024100700"
}

// MarshalText gives "component=version".
func (p Plugin) MarshalText() ([]byte, error) { return []byte(p.Component + "=" + p.Version), nil }

// UnmarshalText reads "component=version"; without the sign all is component.
func (p *Plugin) UnmarshalText(text []byte) error {
	p.Component, p.Version, _ = strings.Cut(string(text), "=")
	return nil
}

// ErrorAnswer is the body of every answer that is not 2xx.
// Status 401: the credential is unknown or revoked. 409: the epoch, instance
// or fence is old; drop the work named. 426: the protocol version is not spoken.
type ErrorAnswer struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of a 409, which say what is old. An agent that is told CodeStaleEpoch
// was followed by another instance: it stops, and keeps its unsent results.
// CodeStaleFence concerns one run only.
const (
	CodeStaleEpoch = "stale-epoch"
	CodeStaleFence = "stale-fence"
)
