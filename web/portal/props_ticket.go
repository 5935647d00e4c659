package portal

import "holdfast/web/ui"

// The names of the fields of the ticket's forms.
const (
	FieldBody    = "body"
	FieldFiles   = "files"
	FieldSubject = "subject"
	FieldHours   = "hours"
	FieldReason  = "reason"
	FieldUndo    = "undo"
)

// TicketProps are those of Ticket.
type TicketProps struct {
	Page
	Title, About string
	Crumbs       []ui.Crumb
	StreamPath   string // empty for a page that does not update itself
	Test         string // see RequestProps
	Live         TicketNews
	Reply        *ReplyForm // nil for who may not, and once it has ended
	ReplyOff     string     // why there is none
	Asked        []ui.Fact  // what was asked for
	Receipts     []ui.Choice
	Access       *Access
	Watch        *WatchForm
	Withdraw     *WithdrawForm
	Version      string
}

// TicketNews is the part that is sent again while the page is open.
type TicketNews struct {
	State    ui.State
	Sentence []ui.Phrase // where it stands
	Next     string      // what happens next, who must do something, by when
	Steps    []Step
	Doing    *Doing // the restore itself, while it runs
	Pay      *PayForm
	Confirm  *ConfirmForm
	Accept   *AcceptForm
	Evidence *Evidence
	Thread   []Entry
	Version  string
}

// Step is one of the strip.
type Step struct {
	Name    string
	State   ui.State
	Text    string // "paid 16:04"
	Current bool
}

// Doing is the restore at work.
type Doing struct {
	Title    string
	Progress *ui.Progress
	Done     []DoneStep
	Safe     string // what is safe meanwhile
}

// DoneStep is one step of the restore.
type DoneStep struct {
	State      ui.State
	Name, Text string
}

// PayForm is the button to the page of payment.
type PayForm struct {
	Action  string
	Label   string // "Pay USD 100.00"
	Text    string
	Off     bool
	Why     string // why it is off
	Pending string // a slow payment that is on its way
}

// ConfirmForm is the site's name, typed by an administrator.
type ConfirmForm struct {
	Action, Version string
	Name            string // of the site
	Typed, Problem  string
	Text            string // what it does
	May             bool
	Who             string // who may, for those who may not
}

// AcceptForm asks whether what came back is what was needed.
type AcceptForm struct {
	Action, ReopenAction, Version string
	Text                          string // until when, and what happens then
	SiteHref                      string // the site itself; empty where it is not known
	Undo                          bool   // as it was before may be brought back
	Reason, Problem               string
	Open                          bool
	Accepted                      bool // it was said that all is well; it may still be opened again
	May                           bool
}

// Evidence is what was checked after the restore.
type Evidence struct {
	State ui.State
	Text  string
	Rows  []EvidenceRow
	Note  string
}

// EvidenceRow is one check.
type EvidenceRow struct {
	State      ui.State
	Name, Text string
}

// Entry is one message, or one thing that happened.
type Entry struct {
	ID    string
	Who   string
	Side  string // "mine", "theirs" or "event"
	At    ui.When
	Text  string
	Files []File
	State ui.State // of an event
}

// File is an attachment.
type File struct {
	Href, Name, Note string
}

// ReplyForm is where one writes.
type ReplyForm struct {
	Action, Version string
	Label           string
	Body, Problem   string
	Rule            string // of attachments, before anything is chosen
	Accept          string // HTML's accept
	FilesProblem    string
	Most            int // characters
}

// Access is the leave that staff were given to look into the site.
type Access struct {
	Text    string
	Given   []Given
	Action  string // empty for who may not give it
	Version string
	Choices []ui.Choice
	Problem string
}

// Given is one leave.
type Given struct {
	State  ui.State
	Text   string
	Revoke string // POST; empty where there is nothing to take back
}

// WatchForm is whether one is told of every step by mail.
type WatchForm struct {
	Action   string
	Watching bool
}

// WithdrawForm takes the request back.
type WithdrawForm struct {
	Action, Version string
	Text            string // what it does, with the money too
}

// TicketsProps are those of TicketList.
type TicketsProps struct {
	Page
	MayAsk   bool
	State    ui.State
	Sentence []ui.Phrase
	Orgs     []ui.Choice // for who belongs to several
	Choices  []ui.Choice
	Search   bool
	Query    string
	Hidden   []ui.Choice
	Rows     []TicketRow
	Empty    string
	Pager    ui.Pager
}

// TicketRow is one ticket.
type TicketRow struct {
	Href, Title string
	About       string // "No. 1042 · learn.riverside.example"
	State       ui.State
	Word        string // "waits for you"
	Text        string // where it stands
	At          ui.When
}

// QuestionProps are those of Question.
type QuestionProps struct {
	Page
	Sites                   []ui.Choice
	SiteProblem             string
	Subject, SubjectProblem string
	Form                    ReplyForm
	Urgent                  bool
	Off                     string // why one may not ask
	Focus                   string
}

// ReceiptsProps are those of Receipts.
type ReceiptsProps struct {
	Page
	Test    string
	Choices []ui.Choice
	Rows    []ReceiptRow
	Empty   string
	Pager   ui.Pager
}

// ReceiptRow is one charge.
type ReceiptRow struct {
	At         ui.When
	Href, What string // the ticket
	About      string
	Amount     string // "USD 100.00"
	State      ui.State
	Word       string // "paid"
	Refund     string // "USD 100.00 back on 22 Nov"
	Links      []ui.Choice
}

// LeaveProps are those of Leave.
type LeaveProps struct {
	Page
	Test string
	Href string // the page of payment
	Back string // the ticket
}
