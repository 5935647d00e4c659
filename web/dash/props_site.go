package dash

import (
	"holdfast/web/ruler"
	"holdfast/web/ui"
)

// RPOLine is how old the newest good copy of one kind is, against what the
// policy promises.
type RPOLine struct {
	Kind  string // "Database"
	State ui.State
	Word  string  // "on time", "late since 02:00", "none yet"
	Age   ui.When // of the newest good copy: "9 h ago"; empty for none
	Most  string  // what the policy promises: "at most 24 h"
	Owed  string  // slots that wait for a copy: "Friday's weekly and today's daily"; empty for none
	Next  ui.When // when the next run starts: "in 3 h"
	Why   string  // why there is no next run, or why it is late: "host-q is silent"
}

// The parts of "How far back", which customers are shown too.
type (
	RulerProps   = ruler.Props
	NoticedForm  = ruler.Form
	RulerTick    = ruler.Tick
	RulerLane    = ruler.Lane
	RulerMark    = ruler.Mark
	RulerStretch = ruler.Stretch
	RulerRow     = ruler.Row
)

// SlotState is how a slot of a rule stands.
type SlotState string

// The states of a slot.
const (
	SlotKept     SlotState = "kept"
	SlotLate     SlotState = "late"     // a later copy serves it
	SlotFlawed   SlotState = "flawed"   // the copy that serves it is incomplete or damaged
	SlotMissed   SlotState = "missed"   // none ever will
	SlotExpired  SlotState = "expired"  // its copy was deleted as the policy says
	SlotOwed     SlotState = "owed"     // due, and not served yet
	SlotUpcoming SlotState = "upcoming" // not due yet
)

// Slot is one slot of a rule.
type Slot struct {
	State SlotState
	Label string // short, at its mark: "21", "04", "Nov"
	Name  string // "Fri 21 Nov 00:00"
	Note  string // "copy of 21 Nov 00:04"; "host-b was down"
}

// KeptProps are those of Kept, "Copies kept": is the promise kept, to the copy?
type KeptProps struct {
	Hint   string // "88 copies · 41.2 GB stored of 1.3 TB logical"
	Groups []KeptGroup
	Notes  []string // a sentence for each slot late, missed or owed
	Empty  string   // what it means that there is nothing to count yet
}

// KeptGroup is the rules of one kind.
type KeptGroup struct {
	Kind  string // "Database"
	Rules []KeptRule
}

// KeptRule is one rule with the slots that it keeps, oldest first.
type KeptRule struct {
	Tier  string // "weekly"
	When  string // "every Friday at 00:00"
	State ui.State
	Count string // "5 of 5"
	Words string // for who cannot see it: "5 of 5 kept, 1 of them served late"
	Slots []Slot
}

// CalendarProps are those of Calendar: every slot of each rule.
type CalendarProps struct {
	Hint  string // "the last 90 days, in Europe/Berlin"
	Rules []CalendarRule
	Empty string
}

// CalendarRule is the slots of one rule: as Months for what is daily, else as
// Strips.
type CalendarRule struct {
	ID     string // a short word for the page's anchors: "database-daily"
	Title  string // "Database, daily"
	When   string // "every day at 00:00"
	State  ui.State
	Count  string // "7 of 7 kept"
	Open   bool   // shown at once; the first always is
	Months []CalendarMonth
	Strips []CalendarStrip // hourly: one a day; weekly and monthly: one a year
}

// CalendarMonth is a month of days. Its weeks begin on Monday; Blank is how
// many days of its first week are not shown, 0 to 6.
type CalendarMonth struct {
	Name  string // "November 2026"
	Blank int
	Slots []Slot
}

// CalendarStrip is a line of slots, oldest first.
type CalendarStrip struct {
	Label string // "Sat 21 Nov", "2026"
	Slots []Slot
}

// Act is one button that posts.
type Act struct {
	Action string // POST
	Label  string // "Unpin"
	Do     string // sent as do, when not empty
	Off    bool
	Why    string // why it is off
	About  string // what it acts on, for screen readers: "the database copy of 21 Nov 00:04"
}

// ProtectForm keeps a copy, or a copy yet to be taken, outside the counts for
// a time: POST with days and reason, and kind where Kinds are given.
type ProtectForm struct {
	Action string
	Kinds  []ui.Choice // before a change: what to back up; empty for a copy that is there
	Days   Field       // "30"
	Reason Field
	Open   bool // shown at once: it was refused
	Off    bool
	Why    string // why it is off, or what pressing it does
}

// PinForm keeps a copy until it is unpinned, or a copy or a site until its
// legal hold is lifted: POST with reason.
type PinForm struct {
	Action string
	Reason Field
	Open   bool
	Off    bool
	Why    string
}

// Keeping is why a copy is kept beyond its rules. Empty parts do not hold.
type Keeping struct {
	Protected    ui.When // until when
	ProtectedWhy string
	Pinned       string // why
	Held         string // why a legal hold is on it, or on its site
	InUse        string // "a restore reads it since 12:04"
}

// CopyActs are what whoever looks may do with a copy; nil for what they may
// not.
type CopyActs struct {
	ID        string // short and unique on the page
	Protect   *ProtectForm
	Unprotect *Act
	Pin       *PinForm
	Unpin     *Act
	Hold      *PinForm // a legal hold
	Release   *Act
}

func (a *CopyActs) any() bool {
	return a != nil && (a.Protect != nil || a.Unprotect != nil || a.Pin != nil || a.Unpin != nil || a.Hold != nil || a.Release != nil)
}

// BinProps are those of the section "Bin".
type BinProps struct {
	Hint  string // "2 copies · 46 MB come free"
	Rows  []BinRow
	Note  string // "What you take back is protected for 30 days."
	Empty string // "Nothing waits to be deleted."
}

// BinRow is one copy in the bin.
type BinRow struct {
	Kind    string // "Database"
	Taken   ui.When
	Served  string  // "daily of 14 Nov"
	Why     string  // "7 newer copies serve the daily rule"
	Since   ui.When // in the bin
	After   ui.When // deleted from storage
	Stopped string  // what keeps it from being deleted now, one sentence
	Stored  ui.Amount
	Back    *Act // "Take back"
}

// Brake is what keeps copies of a site from being deleted.
type Brake struct {
	State  ui.State
	Title  string // "Nothing of this site is being deleted"
	Detail string // "A tamper alarm is on since 20 Nov 14:02: …"
	Act    *Act   // what lifts it, for whoever may
	Proof  *Evidence
}

// SitePolicy is the policy that a site follows.
type SitePolicy struct {
	Name, Href string
	Version    string // "version 3"
	Words      string // one line
	Window     string // when scheduled backups start, a sentence
	WindowHref string // where that is changed; "" for who may not
	Assign     *AssignForm
	Hold       *PinForm // a legal hold on all of the site's copies; lifted by the Brake's Act
	Suspend    *PinForm // stops its backups
	Resume     *Act     // of a suspended site
}

// EventRow is one thing that happened.
type EventRow struct {
	When ui.When
	Text string // "A copy is protected until 20 Dec."
	Note string // the reason that was given, optional
	Who  string // "you", "by itself"; empty where nobody needs to know
}
