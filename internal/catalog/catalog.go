// Package catalog is the life of a copy and what a copy is worth: its states,
// the moves between them, and which of a month's database copies is also
// written as a plain sealed file. Pure; the bytes are engine's.
package catalog

import (
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

// State is what a copy is worth.
type State string

// The states.
const (
	Good       State = "good"       // whole
	Incomplete State = "incomplete" // stored, but lacks what its problems name
	Damaged    State = "damaged"    // verification found bytes that are not what was stored
	Deleting   State = "deleting"   // its storage is being deleted; it cannot be taken back
	Gone       State = "gone"       // deleted from storage
)

// States are all states.
func States() []State { return []State{Good, Incomplete, Damaged, Deleting, Gone} }

// Usable tells whether a restore may read a copy in this state.
func (s State) Usable() bool { return s == Good || s == Incomplete }

// Verb is what happens to a copy.
type Verb string

// The verbs.
const (
	FindDamage Verb = "find_damage" // verification found wrong bytes
	FindWhole  Verb = "find_whole"  // every byte was read after a repair, of a copy that had been good
	FindShort  Verb = "find_short"  // the same of one that had been incomplete
	Discard    Verb = "discard"     // deletion from storage begins
	Delete     Verb = "delete"      // deletion from storage has ended
)

// Verbs are all verbs.
func Verbs() []Verb { return []Verb{FindDamage, FindWhole, FindShort, Discard, Delete} }

var table = map[State]map[Verb]State{
	Good:       {FindDamage: Damaged, Discard: Deleting},
	Incomplete: {FindDamage: Damaged, Discard: Deleting},
	Damaged:    {FindWhole: Good, FindShort: Incomplete, Discard: Deleting},
	Deleting:   {Delete: Gone},
}

// Apply gives the state that verb leads to, or errs.Conflict.
func Apply(from State, verb Verb) (State, error) {
	to, ok := table[from][verb]
	if !ok {
		return from, errs.New(errs.Conflict, "A copy that is %s cannot go through %s.", from, verb)
	}
	return to, nil
}

// LocalMonth is the month of t in the site's zone, "2006-01".
func LocalMonth(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01") }

// WantsSeal tells whether a copy is to be written as a plain sealed file too:
// a good database copy that serves the monthly rule, and the first one of a
// local month, so that a site has one before its first monthly slot and under
// a policy that has no such rule.
func WantsSeal(kind backup.Kind, state State, monthly bool, sealedInMonth int) bool {
	return kind == backup.Database && state == Good && (monthly || sealedInMonth == 0)
}
