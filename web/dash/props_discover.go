package dash

import (
	"strconv"

	"holdfast/web/ui"
)

// HostFind is the part of a host's page that looks for sites.
type HostFind struct {
	State      ui.State
	Word, Text string
	Bar        *ui.Progress // of a look at work
	Ask        *FindAsk     // nil for whoever may not
	Href       string       // leads to what was found; empty where nothing was
	HrefLabel  string
}

// FindAsk is the button that has a host look for sites; Cannot says what keeps
// it from working.
type FindAsk struct {
	Action, Label string
	Cannot        string
}

// DiscoveryProps are those of Discovery: what a look on a host has found.
type DiscoveryProps struct {
	Page
	Crumbs     []ui.Crumb
	Name       string
	About      string
	Refresh    string
	StreamPath string // empty where nothing is at work
	State      ui.State
	Sentence   []ui.Phrase
	Figures    []ui.Figure
	Bar        *ui.Progress
	Truncated  string // why it is not all
	Ended      string // what to do now that the look has ended; for the stream
	Ask        *FindAsk
	Form       *FoundForm // nil where nothing is to be registered, or by whom it may not
	Known      []FoundRow // what is a site already
	Free       []FoundRow // what is not, for whoever may only look
}

// FoundForm registers what was found.
type FoundForm struct {
	Action  string
	Token   string // which look it is of
	Error   string
	Ticked  string // "12 of 300 are ticked"
	AllHref string
	NoHref  string
	Tenants []ui.Choice // the customer of every ticked site that names none of its own
	Tenant  string      // its problem
	Zone    Field
	Places  []ui.Choice // destinations, where there is more than one
	Each    []ui.Choice // customers, for every row; empty: they are typed
	Rows    []FoundRow
}

// FoundRow is one Moodle that was found.
type FoundRow struct {
	N        string // its number in the form
	Code     string
	Href     string // of the site that it is
	Site     string
	Tenant   string // that site's customer
	About    string // "Moodle 4.5.6 · learn.x.org"
	Where    string // "mariadb moodle, prefix mdl_"
	Warnings []string
	Problem  string // why it could not be read
	On       bool
	Name     Field
	Owner    Field // the customer, if its own
	Owners   []ui.Choice
	Wrong    string // what else is wrong with the row
	Root     string // its account root; empty for none
	RootOn   bool
}

// warned counts the warnings for the line that opens them.
func (r FoundRow) warned() string {
	if len(r.Warnings) == 1 {
		return "One remark"
	}
	return strconv.Itoa(len(r.Warnings)) + " remarks"
}
