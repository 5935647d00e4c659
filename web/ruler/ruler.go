// Package ruler draws "how far back": the copies of a site along a time axis,
// for staff and customers alike. It decides the drawing, its words for who
// cannot see it, and the table behind it; positions, names and sentences come
// finished in the props.
package ruler

import "holdfast/web/ui"

// Props are those of Ruler, "How far back". Every position is from 0, the
// oldest moment shown, to 1000, now; see ui.Scale.
type Props struct {
	Hint   string // "72 database and 20 data copies, back to 1 Nov 2021"
	Empty  string // what it means that there is no copy; then nothing is drawn
	Zone   string // "Times of Europe/Berlin."
	Form   *Form
	Answer []ui.Phrase // "The nearest database copy is of Fri 17 Oct 00:00, …"
	State  ui.State    // of the answer: Good, Incomplete without a data copy, Failed without any
	Cursor *Tick       // the moment asked for
	Ticks  []ui.Tick
	Lanes  []Lane   // database, then data
	Nights []Tick   // nights on which the clocks change
	Notes  []string // a sentence for each gap and cliff drawn
	Rows   []Row    // the table behind it, newest first
}

// Form asks since when something is wrong: GET with noticed, a number
// of days or a date with or without a time.
type Form struct {
	Action  string      // the page's own address
	Value   string      // as it was typed
	Problem string      // what is wrong with it, one sentence
	Hidden  []ui.Choice // what else the address carries: Label is the name
	Quick   []ui.Choice // "1 day", "4 days", "2 weeks"
}

// Tick is a moment at the ruler.
type Tick struct {
	At    int
	Label string // "noticed 4 days ago"; "clocks go back, 25 Oct 03:00"
}

// Lane is the copies of one kind along the ruler.
type Lane struct {
	Kind      string // "Database copies"
	Marks     []Mark
	Stretches []Stretch
	Gaps      []Stretch // longer than usual without a copy: "month-end gap, 9 days"
	Cliff     *Stretch  // where no copy of this kind is left
}

// Mark is one copy at the ruler.
type Mark struct {
	At     int
	Label  string // "Fri 17 Oct 00:00, daily and weekly"
	Held   bool   // outside the counts: protected, pinned, held or in use
	Short  bool   // incomplete: something is missing in it
	Chosen bool   // part of the answer
}

// Stretch is a part of a lane, with what one can get there.
type Stretch struct {
	From, To int
	Label    string // "any day", "any Friday", "the 1st of a month"
}

// Row is one database copy with the data copy that fits it best.
type Row struct {
	Database ui.When // empty where there is only a data copy
	Serves   string
	Data     ui.When // empty where none fits
	Apart    string  // "4 h apart"
	Note     string
	Chosen   bool
}
