package app

import (
	"time"

	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
)

// NewRestore is what staff ask for without a ticket.
type NewRestore struct {
	Site           string // name or id
	What           restore.What
	Database, Data id.Copy   // none of both: those of Point
	Point          id.Copy   // one of its copies, with the one of the other kind that fits it best; none: the best of the offer for At
	At             time.Time // zero: now
	Input          restore.Input
	WithoutSafety  string // why it may begin though no safety copy can be had, at least 10 characters; "" for the rule
	Why            string
}

// restorePlan is what planRestore makes a restore of.
type restorePlan struct {
	Tenant         id.Tenant
	Site           id.Site
	Ticket         id.Ticket // none: staff's own
	What           restore.What
	Database, Data id.Copy
	Input          restore.Input
	WithoutSafety  string // as NewRestore's; the caller has checked who says so
	WithoutBy      string // who said so; "" for AskedBy
	Why            string
	AskedBy        string // "" for the transaction's actor
}

// restoreProtocol is the first version of the agents' protocol that has
// restores.
const restoreProtocol = 3

// RestoreStep is one of the stations of a restore.
type RestoreStep struct {
	Name    string    // "planned", "safety", "host", "running", "restored", "ended"
	Words   string    // what it is, for people
	Done    bool      // it is behind
	Current bool      // it is now
	At      time.Time // when it was done, zero where not
}

// RestoreView is one restore with finished facts.
type RestoreView struct {
	Row        dbq.Restore
	SiteName   string
	TenantName string
	HostName   string
	Now        time.Time

	Database, Data *restore.Copy // what comes back; nil: that part stays
	Steps          []RestoreStep
	// What the host does now; Step is 0 while it does nothing.
	Step, StepsAll int
	Detail         string // one sentence
	Percent        int    // of the present step; -1 while unknown
	SecondsLeft    int    // of the whole rest; 0 while unknown
	BytesPerSecond int64
	DoneBytes      int64
	TotalBytes     int64
	DoneTables     int
	AllTables      int
	LastHeard      time.Time // of the host, on this restore
	Waits          string    // why it does not go on now, one sentence; "" while it does
	Stopping       bool      // a person cancelled; the host rolls back
	Between        bool      // it ended without success, and the site is not as it was
	Evidence       restore.Evidence
	SafetyRuns     []dbq.Run
	Events         []dbq.Event
	MayCancel      bool
	MayAccept      bool
	MayUndo        bool
}

// RestoreQuery says which restores. What is empty does not narrow.
type RestoreQuery struct {
	Tenant   id.Tenant // none for every tenant's, which is staff's
	Site     string    // name or id
	OnlyOpen bool
	State    restore.State
	Before   RestoreCursor
	Size     int32
}

// RestoreCursor is a restore in the order of a list; the zero one is its begin.
type RestoreCursor struct {
	At time.Time
	ID id.Restore
}

// RestoreRow is one restore of a list.
type RestoreRow struct {
	dbq.Restore
	SiteName   string
	TenantName string
	HostName   string
}
