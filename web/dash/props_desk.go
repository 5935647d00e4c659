package dash

import "holdfast/web/ui"

// The addresses of tickets, canned replies and money.
const (
	TicketsPath       = "/tickets"        // GET, with look, kind, tenant, site, text, sort, after
	TicketsStreamPath = "/tickets/stream" // SSE: each a rendered TicketsLive
	RepliesPath       = "/replies"        // GET the list, POST one: id, seen, name, body, act
	MoneyPath         = "/money"          // GET, with state, after
	MoneyStreamPath   = "/money/stream"   // SSE: each a rendered MoneyLive
	MoneyFilePath     = "/money.csv"      // GET
	StripeEventsPath  = "/money/events"   // GET, with state, after
)

// The sections of the desk.
const (
	TicketsSection Section = "tickets"
	MoneySection   Section = "money"
)

// TicketsProps are those of Tickets.
type TicketsProps struct {
	Page
	State      ui.State
	Sentence   []ui.Phrase
	Figures    []ui.Figure
	Looks      []ui.Choice // links: waiting for us, mine, unassigned, overdue, all open, ended
	Text       string      // searched for
	Hidden     []ui.Choice // the look and order, kept by the search
	Rows       []TicketLine
	Calm       string // what to say where there is none
	Pager      ui.Pager
	StreamPath string
	Refresh    string
	Replies    bool // the canned replies may be looked at
	Test       string
}

// TicketLine is one ticket of the list.
type TicketLine struct {
	Href, Number, Subject string
	State                 ui.State
	Word                  string
	Priority              string // "urgent"; "" for normal
	PriorityState         ui.State
	Who                   string // "Riverside School · learn.riverside.example"
	Assignee              string // "" for nobody
	Due                   ui.When
	DueLate               bool
	DueWord               string // "answer", "done"
	Waits                 string // "for the customer"
	Updated               ui.When
}

// TicketProps are those of Ticket.
type TicketProps struct {
	Page
	Crumbs     []ui.Crumb
	Title      string // "#1042 The quiz is gone"
	About      string
	StreamPath string
	Refresh    string
	Test       string
	Live       TicketNews
	Write      *WriteForm
	Forms      []DeskForm // each behind its own summary
	Facts      []ui.Fact
	Asked      []ui.Fact
	Happened   string // in the customer's words
	Assign     *PickForm
	Priority   *PickForm
	Macro      *PickForm
	Watch      *Act
	Accesses   []DeskRow
	Watchers   string
}

// TicketNews is the part that is sent again while the page is open.
type TicketNews struct {
	State    ui.State
	Sentence []ui.Phrase
	Figures  []ui.Figure
	Stands   string // why it stands still
	Book     []BookStep
	Doing    *ui.Progress
	Thread   []ThreadRow
	Earlier  string
}

// BookStep is one step of the runbook.
type BookStep struct {
	State ui.State
	Word  string
	Title string
	Text  string
	Act   *Act
	Href  string
	Link  string
}

// ThreadRow is one message or one event of the timeline.
type ThreadRow struct {
	ID       string
	Who      string
	Side     string // "mine", "theirs", "note" or "event"
	At       ui.When
	Text     string
	State    ui.State
	Files    []ui.Choice // label and address
	Internal bool
}

// WriteForm is where staff write.
type WriteForm struct {
	Action, Version string
	Body, Problem   string
	As              []ui.Choice // of the field as: reply, note, ask
	Replies         []ui.Choice // links, each fills one in
	Rule, Accept    string
	FilesProblem    string
}

// PickForm is a choice with its button.
type PickForm struct {
	Action, Version string
	ID, Name, Label string
	Choices         []ui.Choice
	Button          string
}

// DeskForm is an act that asks for a word first.
type DeskForm struct {
	ID, Summary     string
	Action, Version string
	Label, Hint     string // of the field
	Field           string // its name; "" for none
	Value, Problem  string
	Long            bool // several lines
	// A second field, which may stay empty: its name, label and hint.
	Also, AlsoLabel, AlsoHint string
	Text                      string
	Button                    string
	Danger                    bool
	Open                      bool
}

// DeskRow is one line of a list beside a ticket.
type DeskRow struct {
	State       ui.State
	Word        string
	Title, Text string
}

// RepliesProps are those of Replies.
type RepliesProps struct {
	Page
	Crumbs []ui.Crumb
	Rows   []ReplyRow
	Form   *ReplyEdit // nil for who may not
}

// ReplyRow is one canned reply or macro.
type ReplyRow struct {
	Name, Body, Acts string
	Changed          ui.When
	By               string
	EditHref         string
	Delete           *Act
}

// ReplyEdit is the form of one.
type ReplyEdit struct {
	ID, Seen   string
	Name, Body Field
	Acts       []ui.Choice // checkboxes of the field act
	Priorities []ui.Choice // of the field priority, for the act prioritise
	Title      string
}

// MoneyProps are those of Money.
type MoneyProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase
	Figures  []ui.Figure
	Test     string
	Off      string // why no card can be charged
	States   []ui.Choice
	Rows     []MoneyRow
	Pager    ui.Pager
	Payouts  []ui.Fact
	Events   string // address of the log
	CSV      string
	Refresh  string
	// StreamPath is empty for a page that does not update itself.
	StreamPath string
}

// MoneyRow is one charge.
type MoneyRow struct {
	Ticket, Href   string
	Who            string
	State          ui.State
	Word           string
	Amount         string
	When           ui.When
	Note           string
	Receipt        string // address
	Alarm          string // what billing staff must look at
	Forms          []DeskForm
	Reconcile, Pay *Act
}

// StripeEventsProps are those of StripeEvents.
type StripeEventsProps struct {
	Page
	Crumbs []ui.Crumb
	States []ui.Choice
	Rows   []StripeEventRow
	Pager  ui.Pager
}

// StripeEventRow is one event.
type StripeEventRow struct {
	ID, Kind, Object string
	Via              string
	State            ui.State
	Word             string
	Error            string
	Tries            string
	When             ui.When
	Replay           *Act
}

// desk is the frame of pages on which people talk.
func (p Page) desk(title string, live bool) ui.Frame {
	f := p.frame(title, live)
	f.Requests = true
	return f
}
