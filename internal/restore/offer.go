package restore

import (
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
)

// Ask is what somebody wants back.
type Ask struct {
	What What
	At   time.Time // the moment to go back to, the last one at which all was well; zero: now
}

// Copy is what an offer must know of a stored copy.
type Copy struct {
	ID         id.Copy
	Kind       backup.Kind
	TakenAt    time.Time
	State      catalog.State
	Binned     bool // it is to be deleted; staff can take it back
	VerifiedAt time.Time
	Files      int64
	Bytes      int64 // logical bytes of the source
	Tables     int
	Rows       int64
	Release    string  // of Moodle, as the copy saw it; "" where unknown
	Seconds    float64 // how long it took to take
	Names      *Names  // of a database copy; nil: nobody knows what it names
}

// Names is what is known of the files that a database copy names.
type Names struct {
	MissingAtSource int64 // contents that were nowhere on the day
	Kept            bool  // the files are kept with the copy
	Fits            map[id.Copy]Fit
}

// Fit is how much of what a database copy names comes back with one data copy
// and what is kept with the database copy.
type Fit struct{ Referenced, Present int64 }

// Choice is one way back: a database copy with the data copy that fits it
// best, or one of the two where only that is asked for.
type Choice struct {
	Database *Copy // nil: not asked for
	Data     *Copy // nil: not asked for
	// Skew is from the database copy to the data copy; negative: the data is older.
	Skew time.Duration
	// Off is from the copy to the moment asked for; negative: the copy is
	// later, and holds what was done after that moment.
	Off time.Duration
	// LostDatabase and LostData are from each copy to now: what was done on
	// the site since then goes. Zero where that part stays.
	LostDatabase time.Duration
	LostData     time.Duration
	// Fit is how much of what the database names comes back with it; nil: it
	// was not measured, or only one of the two is asked for.
	Fit             *Fit
	MissingAtSource int64 // of that, what was nowhere on the day of the database copy
	Notes           []Note
	Estimate        Estimate
}

// Note is one thing about a choice that a person should know.
type Note string

// The notes.
const (
	NoteAfter      Note = "after"       // it is later than the moment: what went wrong may be in it
	NoteSkewed     Note = "skewed"      // database and data are more than a day apart
	NoteDataOlder  Note = "data_older"  // files that were added between the two are missing from the data
	NoteNoData     Note = "no_data"     // there is no data copy to go with it
	NoteIncomplete Note = "incomplete"  // a copy lacks what its problems name
	NoteUnverified Note = "unverified"  // nobody has read it again since it was stored
	NoteFilesShort Note = "files_short" // some files that the database names come back from no copy, though they were there on the day
)

// Reason is why a choice is the best one.
type Reason string

// The reasons.
const (
	BecauseBefore Reason = "before" // the newest one that is not later than the moment
	BecauseOnly   Reason = "only"   // the only one there is
	BecauseFirst  Reason = "first"  // none is as old as the moment: the oldest one there is
)

// Words says the reason as a sentence.
func (r Reason) Words() string {
	switch r {
	case BecauseBefore:
		return "It is the newest copy from before that moment, so that as little as possible is lost and what went wrong is not in it."
	case BecauseOnly:
		return "It is the only copy there is."
	case BecauseFirst:
		return "There is no copy from before that moment. This is the oldest one there is."
	}
	return ""
}

// Basis is what an estimate rests on.
type Basis string

// What an estimate may rest on.
const (
	BasisSite    Basis = "site"    // this site's own restores
	BasisFleet   Basis = "fleet"   // what restores of other sites measured, and this one's size
	BasisAssumed Basis = "assumed" // nothing was measured yet: cautious rates, and this one's size
)

// Words says the basis as a sentence.
func (b Basis) Words() string {
	switch b {
	case BasisSite:
		return "From earlier restores of this site."
	case BasisFleet:
		return "From restores of other sites, and the size of this one."
	case BasisAssumed:
		return "A rough guess from the size of the site: nothing of it was restored yet."
	}
	return ""
}

// Estimate is how long a restore takes from its host's beginning to the open
// site, safety copies included.
type Estimate struct {
	Low, High time.Duration
	Basis     Basis
	Samples   int // restores that it rests on
}

// Offer is what can be had for an Ask.
type Offer struct {
	Ask     Ask
	Now     time.Time
	Choices []Choice // oldest first, at most MaxChoices; empty: there is nothing to restore from
	Best    int      // of Choices
	Reason  Reason
}

// MaxChoices is how many ways back are offered.
const MaxChoices = 5
