// Package dash holds the pages of the dashboard as components, and the props
// each is given. It decides what stands where and in which order; it never
// decides words, figures, permissions or addresses of single things: those
// come finished in the props. It knows no rows, roles or handlers.
package dash

import (
	"cmp"

	"holdfast/web/ui"
)

// The addresses that the pages themselves link or post to.
const (
	SignInPath  = "/sign-in"  // GET the page, POST the form: email, password, next
	SignOutPath = "/sign-out" // POST
	SitesPath   = "/sites"    // GET, with q, filter, after, before
	HostsPath   = "/hosts"
)

// Section is a place in the navigation.
type Section string

// The sections; NoSection marks none as current.
const (
	NoSection       Section = ""
	SitesSection    Section = "sites"
	RunsSection     Section = "runs"
	RestoresSection Section = "restores"
	HostsSection    Section = "hosts"
	QueueSection    Section = "queue"
)

// Page is what every signed-in page is given.
type Page struct {
	Product string       // the hoster's name for customers, "Holdfast" when empty
	Nav     []ui.NavItem // StaffNav or CustomerNav
	Who     string       // who is signed in
	Org     string       // "Staff", or the customer's organisation
	Top     bool         // customers: navigation above the page
	Home    string       // where the mark leads; the sites when empty
	Notice  *ui.Notice   // the answer to what was just done
}

// StaffNav is the navigation of the hoster's staff.
func StaffNav(current Section) []ui.NavItem {
	return []ui.NavItem{
		{Label: "Today", Href: TodayPath, Current: current == TodaySection},
		{Label: "Sites", Href: SitesPath, Current: current == SitesSection},
		{Label: "Runs", Href: RunsPath, Current: current == RunsSection},
		{Label: "Restores", Href: RestoresPath, Current: current == RestoresSection},
		{Label: "Tickets", Href: TicketsPath, Current: current == TicketsSection},
		{Label: "Money", Href: MoneyPath, Current: current == MoneySection},
		{Label: "Hosts", Href: HostsPath, Current: current == HostsSection, Break: true},
		{Label: "Destinations", Href: DestinationsPath, Current: current == DestinationsSection},
		{Label: "Queue", Href: QueuePath, Current: current == QueueSection},
		{Label: "Policies", Href: PoliciesPath, Current: current == PoliciesSection},
		{Label: "Audit", Href: AuditPath, Current: current == AuditSection},
		{Label: "Settings", Href: SettingsPath, Current: current == SettingsSection},
	}
}

// CustomerNav is the navigation of a customer.
func CustomerNav(current Section) []ui.NavItem {
	return []ui.NavItem{
		{Label: "Sites", Href: SitesPath, Current: current == SitesSection},
		{Label: "Runs", Href: RunsPath, Current: current == RunsSection},
	}
}

func (p Page) frame(title string, live bool) ui.Frame {
	f := ui.Frame{
		Title: title, Product: p.Product, Home: cmp.Or(p.Home, SitesPath), Nav: p.Nav,
		Who: p.Who, Org: p.Org, Top: p.Top, Live: live, Notice: p.Notice,
	}
	if p.Who != "" && p.Home != "" {
		f.SignOutPath, f.AccountPath = SignOutPath, AccountPath
	} else if p.Who != "" {
		f.SignOutPath, f.AccountPath, f.FindPath = SignOutPath, AccountPath, FindPath
	}
	return f
}

// SignInProps are those of SignIn.
type SignInProps struct {
	Product string
	Email   string // as typed before, kept over an error
	Next    string // where to go afterwards; the handler must accept local paths only
	Error   string // one sentence; it never says which of the two was wrong
	Note    string // one sentence: "You are signed out." or how to get an account

	MailWays                    bool   // mail is set up: a link, or a new password, can be asked for
	ProviderLabel, ProviderHref string // of the staff's own identity provider; empty where there is none
	Passkeys                    Passkeys
}

// SiteProps are those of Site.
type SiteProps struct {
	Page
	Crumbs      []ui.Crumb
	Name        string
	About       string // "Moodle 4.5.6 on host-b · MariaDB 10.11 · Europe/Berlin"
	State       ui.State
	Sentence    []ui.Phrase // only what was measured
	Figures     []ui.Figure
	Problems    []Problem // worst first
	Basis       string    // when there is no problem: what that is based on
	Backup      *BackupForm
	RestoreHref string       // of the form that restores it, for those who may
	Protect     *ProtectForm // "Protect before a change", beside Backup
	Brakes      []Brake
	RPO         []RPOLine
	Kept        *KeptProps // nil before a policy counts anything
	Ruler       *RulerProps
	Calendar    *CalendarProps
	Policy      *SitePolicy
	Copies      []CopyGroup
	Bin         *BinProps
	Runs        []RunRow
	RunsHref    string
	Events      []EventRow // newest first
	Facts       []ui.Fact
	Advice      *Advice      // nil: it was not looked at
	Looked      *LookedAgain // how what is stored was read again
	Excluded    []ExcludedRow
	ExcludedAs  string // "as of the data copy of 21 Nov 16:00"
	// ExcludedBefore tells that there is an earlier copy to compare with.
	ExcludedBefore bool
	Exclude        *ExcludeForm // what the site leaves out besides; nil for who may not
	StreamPath     string       // SSE of rendered SiteLive; empty for none
}

// calm says how it stands when no problem is known: where nothing was measured
// that is no good news.
func (p SiteProps) calm() (ui.State, string) {
	if p.State == ui.None {
		return ui.None, "not known yet"
	}
	return ui.Good, "nothing"
}

func (p SiteProps) excludedCalm() (word, text string) {
	for _, g := range p.Copies {
		if g.ID == "data" && len(g.Copies) == 0 {
			return "not known yet", "No data copy was taken yet; the first one measures what it leaves out."
		}
	}
	return "nothing", "Data copies hold every folder."
}

func (p SiteProps) excludedColumns() []ui.Column {
	if p.ExcludedBefore {
		return ui.Columns("Folder", "#Files", "#Size", "#Before")
	}
	return ui.Columns("Folder", "#Files", "#Size")
}

// BackupForm is the form behind "Back up now".
type BackupForm struct {
	Action string      // POST, with kind
	Kinds  []ui.Choice // of the field kind
	Off    bool
	Why    string // why it is off, or what pressing it does
}

// Problem is one thing that is wrong: what, why and what it means.
type Problem struct {
	State         ui.State
	Word          string // beside the state's shape; "" means the state's own word
	Title, Detail string
	Href, Action  string // one way on, optional
}

// CopyGroup is the copies of one kind.
type CopyGroup struct {
	ID      string // a short word for the page's anchors: "database"
	Kind    string // "Database copies"
	Hint    string // "12 copies · 210 MB stored"
	Counted string // what a copy counts: "Rows" or "Files"
	Copies  []CopyRow
	Empty   string // what it means that there is none
}

// CopyRow is one copy.
type CopyRow struct {
	Taken  ui.When
	State  ui.State
	Word   string
	Note   string // "3 files could not be read"
	Count  ui.Amount
	Size   ui.Amount
	Stored ui.Amount
	Sealed bool     // also kept as a plain sealed file
	ID     string   // a short word for the page's anchors, optional
	Tiers  []string // the tiers it serves: "daily", "weekly"
	Why    []string // why it is kept: "newest 7 daily", "the first copy"
	Keep   Keeping
	Acts   *CopyActs
	Truth  *CopyTruth
}

// ExcludedRow is a folder that no data copy holds.
type ExcludedRow struct {
	Path, Why    string
	Files, Bytes ui.Amount
	Before       ui.Amount // the size in the copy before
	Unusual      string    // why somebody should look at it
}

// ErrorProps are those of Error. Page may be empty: nobody is signed in.
type ErrorProps struct {
	Page
	Status    int
	Title     string // "This page is not here"; a plain one by status when empty
	Sentence  string
	RequestID string
	BackHref  string
	BackLabel string
}

func (p ErrorProps) title() string {
	switch {
	case p.Title != "":
		return p.Title
	case p.Status == 404:
		return "This page is not here"
	case p.Status == 403:
		return "This is not yours to open"
	case p.Status >= 500:
		return "Something failed on our side"
	default:
		return "That did not work"
	}
}

// words writes a dash where there is nothing to say.
func words(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
