package app

import (
	"io"
	"time"

	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// TicketSeen is a ticket in the version that somebody saw. What would change a
// ticket that has moved on since is refused as errs.Conflict.
type TicketSeen struct {
	ID      id.Ticket
	Version int
}

// Upload is a file that comes with a message. Its body is read once, to its
// end or to the limit.
type Upload struct {
	Name string
	Body io.Reader
}

// Said is a message: words, and perhaps files.
type Said struct {
	Body  string // plain text, 1 to 20,000 characters
	Files []Upload
	// Canned is the canned reply that the words came from, for the log; staff's.
	Canned id.Reply
}

// TicketMessage is one message, with names.
type TicketMessage struct {
	dbq.TicketMessagesRow
	By    string // "" where whoever reads may not know: the staff, the system
	Files []dbq.TicketAttachment
}

// TicketMoment is one line of a ticket's timeline: a message or an event.
type TicketMoment struct {
	At      time.Time
	Message *TicketMessage // nil: an event
	Verb    string         // of the event: "ticket.submitted"
	Actor   string         // as the event log names it
	By      string         // its name, "" where whoever reads may not know
	Staff   bool           // somebody of the staff did it
	Detail  map[string]any // of the event
}

// TicketApprovals are who must agree before a restore runs, and who has.
type TicketApprovals struct {
	Confirmed   bool // the tenant's admin typed the site's name
	ConfirmedBy string
	ConfirmedAt time.Time
	Approvals   int // of the staff that are wanted: 0, 1 or 2
	First       bool
	FirstBy     string
	FirstAt     time.Time
	Second      bool
	SecondBy    string
	SecondAt    time.Time
	Complete    bool
}

// TicketClocks are a ticket's promises of time.
type TicketClocks struct {
	ReplyDue   time.Time // zero: given, or none
	ResolveDue time.Time
	ReplyLate  bool
	Late       bool
	Waits      bool          // for the customer: the clocks stand
	ReplyLeft  time.Duration // business time; negative: late by so much
	Left       time.Duration
	Reminder   time.Time // of the acceptance
	AutoClose  time.Time
}

// TicketAccess is leave for the staff to look into the site.
type TicketAccess struct {
	dbq.StaffAccess
	By   string
	Open bool // it stands now
}

// TicketMay is what the one who looks may do now.
type TicketMay struct {
	Reply, Note, Assign, Prioritise, Ask, Decline, Withdraw, Confirm, Approve, Retry bool
	Accept, Reopen, Undo, Close, Merge, Watch, GrantAccess, Finish, Pay              bool
	Change, GiveUp                                                                   bool
}

// TicketView is everything of one ticket that whoever looks may see.
type TicketView struct {
	Now        time.Time
	Ticket     dbq.Ticket
	Request    ticket.Request
	SiteName   string
	TenantName string
	TenantSlug string
	OpenedBy   string // "" where it is staff and a customer looks
	Assignee   string // likewise
	MergedInto int64  // the number of the ticket that this one was merged into; 0: none
	Merged     []dbq.Ticket
	Messages   []TicketMessage // the oldest first; the newest ticketMessages
	Earlier    int             // messages before those
	Timeline   []TicketMoment  // messages and events, the oldest first
	Charge     *dbq.Charge     // nil: none; Charge gives all of it
	Restore    *dbq.Restore    // nil: none; Restore gives all of it
	Approvals  TicketApprovals
	Clocks     TicketClocks
	Accesses   []TicketAccess
	Watchers   []TicketWatcher
	Watching   bool // the one who looks watches
	May        TicketMay
	MayStill   string // why the ticket stands still, one sentence; "" where it does not
}

// TicketWatcher is somebody who is told of what happens.
type TicketWatcher struct {
	Account id.Account
	Name    string // "" where whoever reads may not know
	Since   time.Time
}
