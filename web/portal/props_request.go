package portal

import (
	"holdfast/web/ruler"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// The addresses of what a customer asks for.
const (
	RequestPath  = "/portal/bring-back"       // GET the page; POST its form
	DraftPath    = "/portal/bring-back/draft" // POST by scripts: keeps the draft, answers with RequestNews
	TicketsPath  = "/portal/tickets"          // GET the list; POST a question
	QuestionPath = "/portal/tickets/new"      // GET the form of a question
	ReceiptsPath = "/portal/receipts"         // GET
)

// The names of the fields of Request; each is also the id of its control,
// where there is one.
const (
	FieldTicket  = "ticket"
	FieldVersion = "version"
	FieldDo      = "do"
	FieldSite    = "site"
	FieldStory   = "story"
	FieldDay     = "day"
	FieldClock   = "clock"
	FieldPoint   = "point" // the copy chosen
	FieldBest    = "best"  // the copy that was proposed
	FieldWant    = "want"
	FieldPath    = "path"  // several
	FieldRoot    = "root"  // of files: their data or their code
	FieldWhere   = "where" // beside or in place
	FieldCourses = "courses"
	FieldUrgent  = "urgent"
	FieldWhy     = "why" // it is urgent
	FieldTyped   = "typed"
	FieldTerms   = "terms"
)

// What the buttons of Request do, as values of FieldDo; a quick pick is its own
// value after PickPrefix.
const (
	DoKeep     = "keep" // keep the draft and show it again
	DoLook     = "look" // the same, at the copies
	DoRow      = "row"  // one more path
	DoSend     = "send"
	DoDiscard  = "discard"
	PickPrefix = "pick-"
)

// What can be wanted, as values of FieldWant.
const (
	WantEverything = "everything"
	WantDatabase   = "database"
	WantData       = "data"
	WantFiles      = "files"
	WantCourses    = "courses"
)

// RequestProps are those of Request, "Bring something back".
type RequestProps struct {
	Page
	Ticket, Version string // of the draft; empty before it is kept for the first time
	Device          string // names the copy that the browser keeps
	Kept            string // "Kept 16:02. You can close this page and go on later."
	Test            string // said of every page of payment while no real money moves; empty otherwise
	NoSite          string // why nothing can be brought back at all; then nothing else is shown

	Sites       []ui.Choice
	SiteProblem string

	Story, StoryProblem string

	Day, Clock           string // as HTML's date and time have them
	FirstDay, LastDay    string // of the date; empty for no bound
	DayProblem           string
	ClockProblem         string
	Zone                 string // "Times by the clock of Europe/Berlin."
	Picks                []ui.Choice
	When                 Reach
	Want                 string
	WantProblem          string
	Roots                []ui.Choice
	PathsProblem         string
	Paths                []PathField
	Where                string // "beside" or "in-place"
	Courses              string
	CoursesProblem       string
	Urgent               bool
	Why, WhyProblem      string
	Confirm              *ConfirmField // nil for who may not confirm
	TermsText            []string      // the terms, a sentence each
	Terms                bool
	TermsProblem         string
	Focus                string // the id of the control to begin at: the first that is wrong
	Summary              Summary
	SendLabel            string // "Continue to payment"
	MaySend              bool
	WhyNot               string // why it cannot be sent
	StoryMost, CourseMax int    // characters
}

// PathField is one file or folder that is wanted.
type PathField struct{ Value, Problem string }

// ConfirmField is where an administrator types the site's name at once.
type ConfirmField struct{ Name, Typed, Problem string }

// Reach is what there is to choose from for the moment that was named; it is
// sent again when that changes.
type Reach struct {
	Moment string       // "Tuesday 17 November 2026, 12:00"; empty while none was named
	Ask    string       // what to do while none was named
	Ruler  *ruler.Props // without its form
	Offers []Offer      // the best first
	More   []Offer      // all others that are near
	Best   string       // the value of the one that is proposed
	Empty  string       // why there is nothing to choose from
	Note   string       // what is to know of all of them
}

// Offer is one restore point.
type Offer struct {
	Value    string
	Selected bool
	Best     string // why it is the best; empty for the others
	At       ui.When
	Before   string // "12 h before the moment you named"
	State    ui.State
	Fit      string // "with its files of the same time"
	Lost     string // what is not in it
	Files    *truth.Files
}

// Summary is what it comes to, before anything is paid.
type Summary struct {
	Facts     []ui.Fact // site, what, as it was
	Lost      string    // what will be gone
	Time      string    // "25 to 40 min"
	Basis     string    // what that rests on
	Closed    string    // "about 14 min", "not at all"
	Approves  string    // who must agree
	Price     string    // "USD 100.00"
	Pays      string    // how and when it is paid
	Safe      string    // what happens if it fails
	FirstStep string    // what is missing before all this can be said; empty when all is there
}
