// Package portal holds the pages of a hoster's customers as components, and
// the props each is given: one column, plain words, the hoster's name and mark.
// It decides what stands where and in which order; it never decides words,
// figures, rights or addresses of single things: those come finished in the
// props. It knows no hosts, no queue and no rows.
package portal

import (
	"holdfast/web/ruler"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// The addresses that the pages themselves link or post to.
const (
	Path            = "/portal"                     // GET: the sites; with q, tenant, after
	SitesPath       = "/portal/sites/"              // GET with a site's id
	PreferencesPath = "/portal/preferences"         // GET the page, POST the form: zone
	LettersPath     = "/portal/preferences/letters" // POST: do is on, off or works
	MarkPath        = "/portal/mark"                // GET the hoster's mark
	peoplePath      = "/people"
	activityPath    = "/audit"
	accountPath     = "/account"
	signOutPath     = "/sign-out"
)

// Section is a place in the navigation.
type Section string

// The sections; None marks no place as current.
const (
	None        Section = ""
	Sites       Section = "sites"
	Asking      Section = "request"
	Tickets     Section = "tickets"
	Money       Section = "receipts"
	People      Section = "people"
	Activity    Section = "activity"
	Preferences Section = "preferences"
)

// Page is what every page is given.
type Page struct {
	Nav    []ui.NavItem // see Nav
	Who    string       // who is signed in
	Org    string       // their organisation
	Notice *ui.Notice   // the answer to what was just done
}

// May is which places of the navigation are offered.
type May struct {
	Ask      bool // bring something back
	Receipts bool
	People   bool // who else may sign in
	Activity bool // who did what
}

// Nav is the navigation of a customer.
func Nav(current Section, may May) []ui.NavItem {
	out := []ui.NavItem{{Label: "My sites", Href: Path, Current: current == Sites}}
	add := func(label, href string, of Section) {
		out = append(out, ui.NavItem{Label: label, Href: href, Current: current == of})
	}
	if may.Ask {
		add("Bring something back", RequestPath, Asking)
	}
	add("Tickets", TicketsPath, Tickets)
	if may.Receipts {
		add("Receipts", ReceiptsPath, Money)
	}
	if may.People {
		add("People", peoplePath, People)
	}
	if may.Activity {
		add("Activity", activityPath, Activity)
	}
	add("Preferences", PreferencesPath, Preferences)
	return out
}

func (p Page) frame(title string, live bool) ui.Frame {
	return ui.Frame{
		Title: title, Home: Path, Nav: p.Nav, Who: p.Who, Org: p.Org, Top: true, Live: live, Requests: true, Notice: p.Notice,
		SignOutPath: signOutPath, AccountPath: accountPath,
	}
}

// SitesProps are those of Overview.
type SitesProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase // "All 3 sites are safe: …"; none without sites
	Choices  []ui.Choice // the organisations, for who belongs to several
	Search   bool        // there are enough sites to search among
	Query    string
	Hidden   []ui.Choice // what else is in force: Label is the name
	Narrowed bool        // a search is in force
	Rows     []SiteRow   // worst first
	MayBring bool        // something may be brought back
	Pager    ui.Pager
}

// SiteRow is one site of the list.
type SiteRow struct {
	Href, Name string
	Org        string // where somebody belongs to several
	State      ui.State
	Word       string // "safe"
	Text       string // "Last copied 2 h 10 min ago."
}

// SiteProps are those of Site.
type SiteProps struct {
	Page
	Name       string
	About      string // "Moodle 4.5.6+ · times of Europe/Berlin"
	Crumbs     []ui.Crumb
	StreamPath string // empty for a page that does not update itself

	BringHref   string // bring something back; empty for who may not
	TicketsHref string // what was asked about it

	State     ui.State
	Sentence  []ui.Phrase
	Attention []Attention

	Keep      *KeepForm // nil for who may not
	Coming    *Coming   // the copy that was asked for; nil for none
	Protected []ProtectedRow

	Points      []PointGroup
	PointsHint  string
	PointsEmpty string
	Ruler       *ruler.Props
	Advice      *truth.Advice // nil: it was not looked at

	LeftOut     []LeftOutRow
	LeftOutNote string // what an empty list means, or of when it is
	Lacks       string // what is left out that a school may count on; empty for nothing
	Promise     []PromiseRow
	PolicyName  string
	Window      string // when scheduled backups are taken, a sentence; "" for any hour
}

// Attention is something to know, and what it means.
type Attention struct {
	State       ui.State
	Word        string
	Title, Text string
	Names       []string // paths that it is about
}

// KeepForm is the one button before an upgrade.
type KeepForm struct {
	Action  string
	Off     bool
	Why     string // why it is off
	Days    string // for how many days the copy stays
	Choices []ui.Choice
	Reason  string // as typed, or what is usual
	Problem string // what is wrong with the reason
	Open    bool   // show what can be changed
}

// Coming is a copy that was asked for: on its way, there, or not taken.
type Coming struct {
	State       ui.State
	Title, Text string
	Parts       []ComingPart
}

// ComingPart is one kind of it.
type ComingPart struct {
	Name     string // "Database"
	State    ui.State
	Word     string
	Text     string // "there since 06:02"
	Progress *ui.Progress
}

// ProtectedRow is a copy that stays until its date.
type ProtectedRow struct {
	Taken ui.When
	What  string // "database and files"
	Until ui.When
	Why   string
}

// PointGroup is restore points of one age, newest first.
type PointGroup struct {
	ID, Title string
	Points    []Point
	Folded    string // what the folded list is called: "54 older ones, one for each month"; empty to show it
}

// Point is one restore point: a database copy with the files that fit it.
type Point struct {
	At    ui.When // "Fri 17 Oct 00:00"
	Files string  // "with the files of the same time"
	Chips []string
	State ui.State // Good, or Incomplete where its files are far off or missing
	Whole *truth.Files
}

// LeftOutRow is a folder that copies leave out.
type LeftOutRow struct {
	Path, Why string
	Bytes     ui.Amount
}

// PromiseRow is one rule of the policy.
type PromiseRow struct{ What, Tier, When, Kept string }

// PreferencesProps are those of PreferencesForm.
type PreferencesProps struct {
	Page
	Zone    string   // as typed; "" is each site's own
	Problem string   // what is wrong with it
	Zones   []string // to choose from
	Now     string   // what time it is there
	Mail    string   // what is sent by mail; "" where no mail is set up
	Digest  bool     // the weekly letter is wanted
	Bounced bool     // mails to the person's address came back
}
