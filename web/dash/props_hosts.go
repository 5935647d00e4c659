package dash

import "holdfast/web/ui"

// The addresses of hosts, destinations and the audit.
const (
	NewHostPath      = "/hosts/new"
	DestinationsPath = "/destinations"
	AuditPath        = "/audit"
	AuditFilePath    = "/audit.csv"
)

// The sections of these pages.
const (
	DestinationsSection Section = "destinations"
	AuditSection        Section = "audit"
)

// HostsProps are those of Hosts.
type HostsProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase // of all hosts, whichever are listed
	Query    string
	Kept     []ui.Choice // what else is in force, which the search keeps: Label is the field
	Filters  []ui.Choice
	Narrowed bool      // a query or filter is in force: no rows then means no match
	All      string    // leads to all hosts
	Total    int64     // hosts that there are
	Hosts    []HostRow // worst first
	NewHref  string    // where one is added; empty for whoever may not
	Pager    ui.Pager
}

// searchable is false where there is nothing to search.
func (p HostsProps) searchable() bool { return p.Narrowed || p.Total > 1 }

// listed titles the list, truly.
func (p HostsProps) listed() string {
	switch {
	case p.Narrowed && len(p.Hosts) == 0:
		return "No host matches"
	case len(p.Hosts) == 0:
		return "There is no host yet"
	case p.Narrowed:
		return "Hosts found"
	}
	return "All hosts"
}

// HostRow is one host.
type HostRow struct {
	Href, Name string
	State      ui.State
	Word       string
	Note       string // "41 sites' next copies are due at 20:00"
	Agent      string // version
	AgentNote  string // "older than this control plane"
	LastSeen   ui.When
	Running    string // "2 of 4"
	Waiting    string // "3 wait"; empty for none
	Sites      string
	SitesHref  string
}

// HostProps are those of Host.
type HostProps struct {
	Page
	Crumbs    []ui.Crumb
	Name      string
	About     string
	State     ui.State
	Sentence  []ui.Phrase
	Figures   []ui.Figure
	Problems  []Problem // worst first
	Basis     string    // where there is none: what that is based on
	Sites     []HostSite
	SitesHint string
	SitesHref string
	Runs      []RunRow
	Facts     []ui.Fact
	Moves     *HostMoves // nil for whoever may do nothing
	Find      *HostFind  // looking for its sites
}

// HostSite is a site in Host.
type HostSite struct {
	Href, Name, Tenant string
	State              ui.State
	Word               string
	Due                ui.When
}

// HostMoves are the forms of a host. What is nil is not offered.
type HostMoves struct {
	Limit       *LimitForm
	Maintenance *ReasonedForm
	Enrol       *ReasonedForm
	Revoke      *RevokeForm
}

// LimitForm changes a number.
type LimitForm struct {
	Action string
	Max    Field
	Note   string
	Zero   bool // 0 may be typed, for no limit
}

// kind is the type of the field: a number's begins at 1.
func (f LimitForm) kind() string {
	if f.Zero {
		return "text"
	}
	return "number"
}

// ReasonedForm is one button with what it does, and maybe a reason to give.
type ReasonedForm struct {
	Action, Do  string // Do is the hidden field "do"
	Title, Note string
	Label       string // of the button
	Ask         string // label of the reason; empty where none is asked for
	Must        bool   // the reason must be given
	Reason      Field
	State       ui.State
	Word        string // how it stands now; empty for nothing
}

// RevokeForm takes an agent's right away.
type RevokeForm struct {
	Action, Name  string
	Note          string
	Reason, Typed Field
	Open          bool
}

// NewHostProps are those of NewHost.
type NewHostProps struct {
	Page
	Crumbs    []ui.Crumb
	Name, Max Field
	Error     string
}

// EnrolmentProps are those of Enrolment: a command that is shown once.
type EnrolmentProps struct {
	Page
	Crumbs  []ui.Crumb
	Name    string
	Command string
	Until   ui.When
	Notes   []string
	Back    string
}

// DestinationsProps are those of Destinations.
type DestinationsProps struct {
	Page
	State        ui.State
	Sentence     []ui.Phrase
	Destinations []DestinationRow // worst first
	AddCommand   string
}

// DestinationRow is one destination.
type DestinationRow struct {
	Href, Name, Kind string
	State            ui.State
	Word, Note       string
	Stored, Free     ui.Amount
	FreeNote         string // "41 % of 2.0 TB"
	Copies           string
	Full             string // "in about 41 days"
	FullNote         string
	Queue            string
}

// DestinationProps are those of Destination.
type DestinationProps struct {
	Page
	Crumbs   []ui.Crumb
	Name     string
	About    string
	State    ui.State
	Sentence []ui.Phrase
	Figures  []ui.Figure
	Trend    *Trend
	Empty    string // in place of the trend: what is missing
	Growth   string // what the forecast rests on
	Queue    []TaskKindRow
	Calm     string // where the queue is empty
	Failed   []FailedTaskRow
	Facts    []ui.Fact
	ReadOnly *ReasonedForm
	Limit    *LimitForm
}

// TaskKindRow is how many tasks of a kind the keeper has.
type TaskKindRow struct {
	Kind, Waiting, Note string
	Since               ui.When
}

// FailedTaskRow is a task that the keeper gave up.
type FailedTaskRow struct {
	Kind, Site, SiteHref, Copy string
	Reason                     string
	Ended                      ui.When
	Attempts                   string
	Retry                      *Act
}

// Trend is a line over time. Positions are thousandths: from the left, and
// from the bottom.
type Trend struct {
	Title  string
	Text   string // for whoever cannot see it
	XTicks []ui.Tick
	YTicks []ui.Tick
	Lines  []TrendLine
	Limit  *ui.Tick // a line across: the size of the file system
	Rows   []TrendRow
	Sizes  bool // the table has a size and what is free
}

// TrendLine is one line of a Trend; the first is the main one.
type TrendLine struct {
	Name   string
	Points []TrendPoint
}

// TrendPoint is a point of a TrendLine.
type TrendPoint struct{ X, Y int }

// TrendRow is a row of the table behind a Trend, the newest first.
type TrendRow struct {
	Day                       string
	Stored, Used, Free, Total ui.Amount
	Copies                    string
}

// AuditProps are those of Audit.
type AuditProps struct {
	Page
	Title      string
	State      ui.State
	Sentence   []ui.Phrase
	Quick      []ui.Choice // by people, or everything
	Form       AuditForm
	Days       []AuditDay // newest first
	Narrowed   bool
	ShowTenant bool
	FileHref   string
	FileNote   string
	Pager      ui.Pager
}

// AuditForm narrows the list. It works by GET.
type AuditForm struct {
	Hidden                      []ui.Choice
	Who, Site, Tenant, From, To Field
	Verbs                       []ui.Choice
	Tenants                     []ui.Choice // a customer's own, where there are several
	AskTenant                   bool        // staff name a customer
	Open                        bool
}

// AuditDay is the events of one day.
type AuditDay struct {
	Day    string
	Events []AuditRow
}

// AuditRow is one event.
type AuditRow struct {
	When           ui.When
	Text, Note     string
	Who, WhoNote   string
	Site, SiteHref string
	Tenant         string
	Subject        string
	SubjectHref    string
	From           string // an address; empty where none is known
	Verb           string
}
