// Package truth draws what is true of a site and its copies, for staff and
// customers alike: advice, and how much of what a database names a copy has.
// It decides what stands where; words, figures and what somebody may see come
// finished. What was not measured is said to be so, never left out.
package truth

import (
	"strconv"

	"holdfast/web/ui"
)

// Advice is what is not right yet at a site, worst first.
type Advice struct {
	Title    string // "Advice"
	Hint     string // "2 of 34 rules, as of the copies of 21 Nov 16:00"
	Findings []Finding
	State    ui.State // of the line where nothing was found
	Word     string   // "nothing"
	Calm     string   // what that is based on
	Looked   []string // what was looked at, behind a line
	Unjudged []Unjudged
}

// Finding is one thing that is not right yet.
type Finding struct {
	ID     string // for anchors: the rule's name
	State  ui.State
	Word   string // "urgent"
	Title  string
	Says   string
	Remedy string
}

// Unjudged is what could not be told, and why.
type Unjudged struct{ What, Why string }

// openAtOnce is how many findings stand openly; a reader mends the worst first.
const openAtOnce = 5

func (a Advice) first() []Finding { return a.Findings[:min(len(a.Findings), openAtOnce)] }

func (a Advice) more() []Finding {
	if len(a.Findings) <= openAtOnce+1 { // one more is no longer than the line
		return a.Findings[min(len(a.Findings), openAtOnce):]
	}
	return a.Findings[openAtOnce:]
}

func (a Advice) folded() bool { return len(a.Findings) > openAtOnce+1 }

func (a Advice) moreWords() string { return strconv.Itoa(len(a.more())) + " more" }

// Files is how much of what a database copy names there is.
type Files struct {
	ID     string // short and unique on the page
	State  ui.State
	Words  string   // "99.98 % of files, 3 missing"
	Notes  []string // sentences: how far the two copies are apart, what is kept along
	Groups []Group  // of what is missing, by course and area
	More   string   // "and 12 other places", optional
	Names  []Name   // of what was missing at the source
	Others string   // "and 40 more", optional
}

// Known tells whether there is anything to say.
func (f *Files) Known() bool { return f != nil && f.Words != "" }

func (f *Files) detailed() bool { return len(f.Notes) > 0 || len(f.Groups) > 0 || len(f.Names) > 0 }

// Group is what is missing of one area of one course.
type Group struct {
	Course       string // "Biology 9b"; what it says where there is none
	Area         string // "Assignment submissions"
	Files, Bytes ui.Amount
}

// Name is one file that was missing at the source.
type Name struct {
	Name, Area, Course string
	Size               ui.Amount
}
