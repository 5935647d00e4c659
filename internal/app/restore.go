package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// NewRestore is what staff ask for without a ticket.
type NewRestore struct {
	Site           string // name or id
	What           restore.What
	Database, Data id.Copy   // none of both: the best of the offer for At
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
	Why            string
	AskedBy        string // "" for the transaction's actor
}

// restoreProtocol is the first version of the agents' protocol that has
// restores.
const restoreProtocol = 3

var errRestoreNotYet = errs.New(errs.Unsupported, "Restores are not built yet.")

// planRestore plans a restore within a transaction of staff or of the system:
// its row, the holds on its copies and the job that begins it. What cannot be
// restored is refused by errs.Invalid (which names the field) or errs.Conflict.
func (a *App) planRestore(ctx context.Context, tx *store.Tx, p restorePlan) (id.Restore, error) {
	return id.Restore{}, errRestoreNotYet
}

// RestoreOffer tells which copies a site can go back to around a moment, how
// they fit together, what each would lose, and how long it takes.
func (a *App) RestoreOffer(ctx context.Context, who authz.Actor, site id.Site, ask restore.Ask) (restore.Offer, error) {
	return restore.Offer{}, errRestoreNotYet
}

// StartRestore plans a restore without a ticket.
func (a *App) StartRestore(ctx context.Context, who authz.Actor, n NewRestore) (id.Restore, error) {
	return id.Restore{}, errRestoreNotYet
}

// CancelRestore stops a restore that has not ended. One that is at work is
// rolled back by its host first; it is cancelled once the host says so.
func (a *App) CancelRestore(ctx context.Context, who authz.Actor, r id.Restore, why string) error {
	return errRestoreNotYet
}

// AcceptRestore says that what came back is what was wanted: the host removes
// what it kept aside.
func (a *App) AcceptRestore(ctx context.Context, who authz.Actor, r id.Restore) error {
	return errRestoreNotYet
}

// UndoRestore has the host put back what was there before.
func (a *App) UndoRestore(ctx context.Context, who authz.Actor, r id.Restore, why string) error {
	return errRestoreNotYet
}

// The twins for use within a transaction of staff or of the system.
func (a *App) cancelRestore(ctx context.Context, tx *store.Tx, r id.Restore, why string) error {
	return errRestoreNotYet
}

func (a *App) acceptRestore(ctx context.Context, tx *store.Tx, r id.Restore) error {
	return errRestoreNotYet
}

func (a *App) undoRestore(ctx context.Context, tx *store.Tx, r id.Restore, why string) error {
	return errRestoreNotYet
}

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
	LastHeard      time.Time // of the host, on this restore
	Waits          string    // why it does not go on now, one sentence; "" while it does
	Stopping       bool      // a person cancelled; the host rolls back
	Evidence       restore.Evidence
	SafetyRuns     []dbq.Run
	Events         []dbq.Event
	MayCancel      bool
	MayAccept      bool
	MayUndo        bool
}

// Restore gives one restore.
func (a *App) Restore(ctx context.Context, who authz.Actor, r id.Restore) (RestoreView, error) {
	return RestoreView{}, errRestoreNotYet
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

// ListRestores gives restores, the newest first.
func (a *App) ListRestores(ctx context.Context, who authz.Actor, q RestoreQuery) ([]RestoreRow, error) {
	return nil, errRestoreNotYet
}
