package dash

import "holdfast/web/ui"

// The addresses of runs and of the queue.
const (
	RunsPath       = "/runs"        // GET, with the filter's fields and before
	RunsStreamPath = "/runs/stream" // SSE: unnamed messages, each a rendered RunsLive
	QueuePath      = "/queue"       // GET, with state
)

// RunRow is one run.
type RunRow struct {
	Href     string // of the run, optional
	Site     string
	SiteHref string
	Tenant   string
	Host     string
	Kind     string // "Database"
	Serves   string // "daily", "asked for by Ada"
	State    ui.State
	Word     string
	Error    string // one sentence
	Note     string // "494 tables · 40,615 rows"
	Started  ui.When
	Took     string // "2 min 06 s"
	Read     ui.Amount
	Stored   ui.Amount
	Progress *ui.Progress
}

// lasted says how long the run took, or has taken so far.
func (r RunRow) lasted() string {
	switch {
	case r.Took == "":
		return ""
	case r.State == ui.Running || r.State == ui.Unreachable:
		return r.Took + " so far"
	default:
		return "took " + r.Took
	}
}

// RunsProps are those of Runs.
type RunsProps struct {
	Page
	State      ui.State
	Sentence   []ui.Phrase // "2 runs at 212 MB/s together; 1 waits for its host."
	Filter     RunsFilter
	Narrowed   bool // something narrows the list: no rows then means no match
	HideOpen   bool // only runs that have ended are asked for
	HideEnded  bool
	Running    []RunRow
	Recent     []RunRow
	ShowTenant bool
	StreamPath string // empty for a page that does not update itself
	Refresh    string // the page's own address; RunsPath when empty
	Pager      ui.Pager
}

func (p RunsProps) refresh() string {
	if p.Refresh == "" {
		return RunsPath
	}
	return p.Refresh
}

// RunsFilter is the form above the list, by GET: state, kind, reason, site,
// host, tenant, day. Choices without entries are not offered.
type RunsFilter struct {
	Quick                          []ui.Choice // links to what is asked most
	States, Kinds, Reasons, Hosts  []ui.Choice
	Tenants                        []ui.Choice
	Site, Day                      string // as typed
	Open                           bool   // something but the quick choices is in force
	SiteProblem, DayProblem, Clear string // Clear leads to the list without a filter
}

// RunProps are those of Run.
type RunProps struct {
	Page
	Crumbs     []ui.Crumb
	Name       string // "Data copy of learn.riverside.example"
	About      string // "asked for by you · host-b"
	State      ui.State
	Sentence   []ui.Phrase
	Figures    []ui.Figure
	Progress   *ui.Progress // while its host has it
	Why        *Problem     // why it waits, or why it does not move
	Copy       *RunCopy     // that it made
	Log        []LogRow     // the oldest first
	LogNote    string       // "The newest 200 of more."
	Facts      []ui.Fact
	Cancel     *PinForm // with a reason, for those who may
	CancelOpen bool
	Retry      *Act
	RetryNote  string // what pressing it does
	StreamPath string
	Refresh    string
}

// RunCopy is the copy that a run made.
type RunCopy struct {
	Href   string // of it on its site's page
	State  ui.State
	Word   string
	Text   string // what it holds, or lacks
	Serves []string
	None   string // what it means that it serves no slot
	Facts  []ui.Fact
}

// LogRow is one thing that happened to a run.
type LogRow struct {
	When  ui.When // the time of day to the second
	Since string  // how long after what stands above it: "+ 2 min 06 s"
	State ui.State
	Text  string
	Note  string
	Who   string
}

// QueueProps are those of Queue.
type QueueProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase
	Counts   []QueueCount
	Jobs     []JobRow
	Showing  string // "jobs that retry"
	Pager    ui.Pager
}

// QueueCount is how many jobs are in one state.
type QueueCount struct {
	Label, Count string
	Explain      string // "tried, failed, will be tried again"
	Href         string
	Selected     bool
}

// JobRow is one job of the queue.
type JobRow struct {
	ID               string
	Title            string // what it does: "Hand a run to its host"
	Kind             string // as the program calls it
	About, AboutHref string // the host or run that it is about; empty for none
	State            ui.State
	Word             string
	Attempt          string // "2 of 5"
	Scheduled        ui.When
	LastError        string
	Failed           ui.When // when its last try failed
	Retry, Cancel    string  // POST; empty where there is nothing to do, or for who may not
	Back             string  // the page to come back to
}
