package dash

import (
	"strconv"

	"holdfast/web/truth"
	"holdfast/web/ui"
)

// The parts that customers are shown too.
type (
	Advice       = truth.Advice
	Finding      = truth.Finding
	Unjudged     = truth.Unjudged
	Files        = truth.Files
	MissingGroup = truth.Group
	MissingName  = truth.Name
)

// CopyTruth is what a copy holds of the site, and what it saw of it.
type CopyTruth struct {
	Files *truth.Files // of a database copy; nil where nothing can be said
	Facts []ui.Fact    // of the site on the day
}

// Evidence is what speaks for a tamper alarm, and the form that clears it.
type Evidence struct {
	Points []string // sentences and paths
	Safe   string   // what stays, and how to go on
	Clear  *PinForm // nil for who may not
}

// LookedAgain is how what is stored of a site was read again.
type LookedAgain struct {
	Rows  []LookedRow
	Empty string   // why there is nothing yet
	Lost  *PinForm // lets go of what is lost; nil for who may not, or where nothing is
}

// LookedRow is one kind's repository.
type LookedRow struct {
	Kind   string // "Database"
	State  ui.State
	Word   string
	Whole  ui.When // every byte was read
	Next   ui.When
	Proven string // "12 of 14 copies read to the last byte"
	Note   string // what is wrong, or why a look is late
}

// ExcludeForm changes what a site leaves out otherwise than its policy says:
// POST with version, keep, drop, root, path and do.
type ExcludeForm struct {
	Action  string
	Version string
	Open    bool
	Lifts   []Tick      // exclusions of the policy; ticked ones are kept in copies
	Drops   []Tick      // further folders that are left out; ticked ones stay so
	Roots   []ui.Choice // where a further folder may lie
	Path    Field
	Keep    string // what is wrong with the ticks
	Preview *ExcludePreview
}

// Tick is one box.
type Tick struct {
	Value, Label, Note string
	On                 bool
}

// ExcludePreview is what a change would do.
type ExcludePreview struct {
	Rows    []ExcludeChange
	Nothing string // that it would change nothing
	Warns   []truth.Finding
	Settles []string
	Note    string // from when on
}

// ExcludeChange is one folder.
type ExcludeChange struct {
	Path  string
	State ui.State
	Word  string // "in copies from now on", "left out from now on"
	Size  string // "1,204 files, 8.1 GB", or that it was not measured
}

// dropID is the id of the box of the nth folder.
func dropID(n int) string { return "drop-" + strconv.Itoa(n) }
