package dash

import "holdfast/web/ui"

// The addresses of saved views of the list of sites.
const (
	ViewsPath = "/sites/views" // POST, with name, query, shared, default; /{id}/deletion and /{id}/opening below it
)

// FleetProps are those of Fleet.
type FleetProps struct {
	Page
	State      ui.State    // the worst among all the sites
	Sentence   []ui.Phrase // "All 3 sites have a good copy of both kinds."
	Query      string
	Kept       []ui.Choice // what else is in force, which the search keeps: Label is the field
	Filters    []ui.Choice
	Orders     []ui.Choice // links; none where there is one order
	Closely    *FleetClosely
	Views      *FleetViews
	Sites      []SiteRow
	Order      string // how they are ordered, as it truly is: "worst first", "by name"
	Narrowed   bool   // a query or filter is in force: no rows then means no match
	AddCommand string // how to add a site; empty for whoever may not
	ShowTenant bool
	ShowHost   bool // to those who may see hosts
	ShowStored bool
	Pager      ui.Pager
}

// searchable is false where there is nothing to search.
func (p FleetProps) searchable() bool {
	return p.Narrowed || len(p.Sites) > 1 || p.Pager.NextHref != "" || p.Pager.PrevHref != ""
}

// listed titles the list, truly.
func (p FleetProps) listed() string {
	switch {
	case p.Narrowed && len(p.Sites) == 0:
		return "No site matches"
	case len(p.Sites) == 0:
		return "There is no site yet"
	case p.Narrowed:
		return "Sites found"
	default:
		return "All sites"
	}
}

// FleetClosely is the form that chooses sites by more than their risk, by GET.
// Hosts without entries are typed.
type FleetClosely struct {
	Tenant, Host                            string // as typed
	Hosts, Destinations, Policies, Standing []ui.Choice
	Kept                                    []ui.Choice // what the form keeps: the search, the filter, the order
	Open                                    bool        // something of it is in force
	Clear                                   string      // leads to all sites; empty when nothing is in force
}

// FleetViews are the saved views, and the form that saves one.
type FleetViews struct {
	Links   []ui.Choice
	Mine    []SavedView // those that the reader may delete or open with
	Query   string      // of this list, to be saved
	Share   bool        // the reader may share views
	Name    string      // as typed, when it was refused
	Problem string
	Save    bool // something is in force that is worth a name
}

// SavedView is a view in the list of them.
type SavedView struct {
	Name, Note string
	Href       string
	Default    bool   // the reader's list opens with it
	OpenAction string // POST, with on
	DropAction string // POST; empty for who may not
}

// SiteRow is a site in Fleet.
type SiteRow struct {
	Href, Name   string
	Tenant       string
	TenantHref   string // the list of this tenant's sites; no link when empty
	Host         string
	HostHref     string
	Release      string // "Moodle 4.5.6"
	Marks        []Mark // what somebody or something set apart about the site
	Database     Freshness
	Data         Freshness
	Stored       ui.Amount
	StoredWithin string // "frugal, at second": policy and destination, where they are not the usual ones
}

// Mark is a word about a site, as a pill.
type Mark struct {
	State ui.State
	Word  string
}

// Freshness is how the newest copy of one kind stands. With Running set, a
// copy is being taken now; Age is still that of the newest finished one.
type Freshness struct {
	State   ui.State // Good, None, Late, Incomplete or Failed
	Word    string   // the state's own word when empty
	Age     ui.When  // "2 h 10 min ago"; empty when there is none
	Note    string   // "due at 20:00", "3 files unreadable"
	Running *ui.Progress
}
