package ticket

import (
	"time"

	"holdfast/internal/id"
)

// What is what a customer asks to have back.
type What string

// What can be asked for.
const (
	Everything What = "everything" // database and files of one restore point
	Database   What = "database"   // the database, always whole
	Data       What = "data"       // all files: code and moodledata
	Files      What = "files"      // folders or files
	Courses    What = "courses"    // single courses: work of the staff, by hand, through a mirror
)

// Whats are all of them.
func Whats() []What { return []What{Everything, Database, Data, Files, Courses} }

// Automatic tells whether a restore does it, without hands.
func (w What) Automatic() bool { return w != Courses && w != "" }

// Point is the restore point that was chosen.
type Point struct {
	Database   id.Copy   `json:"database,omitzero"`
	Data       id.Copy   `json:"data,omitzero"`
	DatabaseAt time.Time `json:"database_at,omitzero"` // filled in at submission
	DataAt     time.Time `json:"data_at,omitzero"`
}

// Promise is what the customer was told before anything was paid. It is made
// when the ticket is submitted, and never changes after.
type Promise struct {
	LowSeconds  int64     `json:"low_seconds,omitempty"`
	HighSeconds int64     `json:"high_seconds,omitempty"` // 0: no promise, as of work by hand
	Basis       string    `json:"basis,omitempty"`        // what the estimate rests on, one sentence
	LostFrom    time.Time `json:"lost_from,omitzero"`     // what was done between these goes
	LostTo      time.Time `json:"lost_to,omitzero"`
	PriceCents  int64     `json:"price_cents,omitempty"`
	Terms       string    `json:"terms,omitempty"` // version
	AcceptedAt  time.Time `json:"accepted_at,omitzero"`
}

// Request is what a customer asks for, and what was promised for it.
type Request struct {
	Happened string    `json:"happened,omitempty"` // in the customer's words
	At       time.Time `json:"at,omitzero"`        // when it happened, as near as is known
	Zone     string    `json:"zone,omitempty"`     // the IANA zone in which At was typed
	What     What      `json:"what,omitempty"`
	Partial  bool      `json:"partial,omitempty"` // asks for a part of the database, which is refused
	Root     string    `json:"root,omitempty"`    // of files: RootData or RootCode; "" is RootData
	Paths    []string  `json:"paths,omitempty"`   // of files
	InPlace  bool      `json:"in_place,omitempty"`
	Courses  []string  `json:"courses,omitempty"` // names or addresses
	Point    Point     `json:"point,omitzero"`
	Urgent   bool      `json:"urgent,omitempty"`
	Why      string    `json:"why,omitempty"` // it is urgent
	Promise  Promise   `json:"promise,omitzero"`
	Again    bool      `json:"again,omitempty"` // the staff do it once more: there is no second fee
}

// The roots of files.
const (
	RootData = "moodledata"
	RootCode = "code"
)

// TermsVersion names the terms that a restore is asked for under.
const TermsVersion = "2026-11"

// Says tells in a few words what is asked for.
func (w What) Says() string {
	switch w {
	case Everything:
		return "everything"
	case Database:
		return "the database"
	case Data:
		return "all files"
	case Files:
		return "folders or files"
	case Courses:
		return "single courses"
	default:
		return string(w)
	}
}
