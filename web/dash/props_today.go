package dash

import (
	"strconv"

	"holdfast/web/ui"
)

// The addresses of the first page and of finding.
const (
	TodayPath       = "/today"
	TodayStreamPath = "/today/stream"      // SSE: unnamed messages, each a rendered TodayLive
	ClockTrustPath  = "/today/clock-trust" // POST
	FindPath        = "/find"              // GET, with q
	FindOptionsPath = "/find/options"      // GET, with q: a rendered FindOptions
)

// TodaySection is the first page's place in the navigation.
const TodaySection Section = "today"

// TodayProps are those of Today.
type TodayProps struct {
	Page
	Date       string // "Sunday 22 November 2026"
	About      string // "1,284 sites on 37 hosts"
	State      ui.State
	Sentence   []ui.Phrase
	Figures    []ui.Figure
	Risks      []Risk // worst first
	More       string // what is not listed: "8 more hosts have late sites."
	Basis      string // what "nothing needs you" rests on
	Apart      []Risk // what somebody decided: holds, suspended sites
	Running    []RunRow
	Runs       string // "18 at work, 3 wait"
	StreamPath string
}

// Risk is one thing that is at risk now: what, why and what it means, and one
// way to its remedy, a link or a form.
type Risk struct {
	State         ui.State
	Word          string // beside the state's shape; "" means the state's own word
	Title, Detail string
	Href, Action  string
	About         string // what Action acts on, for screen readers
	Act           *Act   // in place of the link
}

// FindProps are those of Find.
type FindProps struct {
	Page
	Query   string
	Problem string // what is wrong with Query
	Found   FoundProps
}

// FoundProps is what was found, in groups.
type FoundProps struct {
	Query  string
	Groups []FoundGroup
	Words  string // "5 found", "Nothing is called so."
	Hint   string // what can be looked for, or how to widen the search
}

// FoundGroup is what was found of one sort.
type FoundGroup struct {
	ID    string // a short word for the page's anchors
	Label string // "Sites"
	Items []FoundItem
}

// FoundItem is one thing, and where it leads.
type FoundItem struct {
	Href, Label string
	Note        string // "Riverside Academy"
}

// option names an item for the list's keyboard: its group and place.
func (g FoundGroup) option(i int) string { return "find-" + g.ID + "-" + strconv.Itoa(i) }
