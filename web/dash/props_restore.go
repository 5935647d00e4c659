package dash

import "holdfast/web/ui"

// The addresses of restores.
const (
	RestoresPath = "/restores" // GET: the list; POST: begin one
	// RestoresStreamPath sends rendered RestoresLive, as unnamed SSE messages.
	RestoresStreamPath = "/restores/stream"
	NewRestorePath     = "/restores/new" // GET, with site
)

// RestoresProps are those of Restores.
type RestoresProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase
	Rows     []RestoreRow
	Quick    []ui.Choice
	Pager    ui.Pager
	Refresh  string
	// StreamPath is empty for a page that does not update itself.
	StreamPath string
}

// RestoreRow is one restore of the list.
type RestoreRow struct {
	Href     string
	Site     string
	SiteHref string
	Tenant   string
	What     string // "everything"
	State    ui.State
	Word     string
	Note     string // one sentence
	Asked    ui.When
	By       string
}

// RestoreProps are those of Restore.
type RestoreProps struct {
	Page
	Crumbs     []ui.Crumb
	Name       string // "Restore of learn.riverside.example"
	About      string
	State      ui.State
	Sentence   []ui.Phrase
	Figures    []ui.Figure
	Stations   []Station
	Progress   *ui.Progress
	Why        *Problem // why it does not go on
	Evidence   []Proof
	NoEvidence string // what stands there before there is any
	Kept       []ui.Fact
	Log        []LogRow
	Facts      []ui.Fact
	Accept     *Act
	AcceptNote string
	Undo       *PinForm
	Cancel     *PinForm
	CancelNote string
	OpenForm   string // "undo" or "cancel": whose form is open
	StreamPath string
	Refresh    string
}

// Station is one of the steps of a restore's life.
type Station struct {
	State ui.State
	Word  string // beside the state's shape
	Text  string
	When  ui.When
}

// Proof is one thing that was checked, done or measured.
type Proof struct {
	State ui.State
	Word  string
	What  string
	Value string
}

// NewRestoreProps are those of NewRestore.
type NewRestoreProps struct {
	Page
	Crumbs  []ui.Crumb
	Site    string // its name, to be typed
	Action  string
	SiteID  string
	Point   []ui.Choice // a database copy's id, or a data copy's
	What    []ui.Choice
	Offer   []OfferRow
	Problem map[string]string // by field
	Value   map[string]string // as typed
	Off     string            // why nothing can be restored now; "" where it can
}

// OfferRow is one way back.
type OfferRow struct {
	Best     bool
	When     ui.When
	Data     string // how its data fits: "data taken 12 min before"
	Lost     string
	Estimate string
	Notes    []string
}
