// Package restore is the life of a restore: from the wish, over the safety
// copies, to a site that runs again and is accepted, or that is as it was. It
// is pure; the work on the host is internal/inplace's, behind a host task.
package restore

import "holdfast/internal/errs"

// What is what a restore brings back.
type What string

// What can be brought back.
const (
	Everything What = "everything" // database and data of one restore point
	Database   What = "database"   // the database, always whole
	Data       What = "data"       // code and moodledata
	Files      What = "files"      // folders or files of a data copy
)

// Whats are all of them.
func Whats() []What { return []What{Everything, Database, Data, Files} }

// State is where a restore stands.
type State string

// The states.
const (
	Planned      State = "planned"      // a row; its job will begin it
	Safeguarding State = "safeguarding" // the safety copies are taken
	Queued       State = "queued"       // waits for its host
	Running      State = "running"      // its host's agent has it
	Restored     State = "restored"     // verified and open; what was there before is kept aside
	Settling     State = "settling"     // accepted: what was kept aside goes
	Settled      State = "settled"      // ended: the new state stays
	Undoing      State = "undoing"      // not accepted: the old state comes back
	Undone       State = "undone"       // ended: the old state is back
	Failed       State = "failed"       // ended: the site is as it was
	Cancelled    State = "cancelled"    // ended: a person stopped it; the site is as it was
)

// States are all states.
func States() []State {
	return []State{Planned, Safeguarding, Queued, Running, Restored, Settling, Settled, Undoing, Undone, Failed, Cancelled}
}

// NotRolledBack is the code of the one failure after which a site is not as it
// was: its host could not put it back.
const NotRolledBack = "not-rolled-back"

// Open tells whether the restore is still to end.
func (s State) Open() bool {
	return s != Settled && s != Undone && s != Failed && s != Cancelled
}

// Verb is what happens to a restore.
type Verb string

// The verbs.
const (
	Safeguard Verb = "safeguard" // the runs of its safety copies were planned
	Queue     Verb = "queue"     // the safety copies are good, or none is needed
	Lease     Verb = "lease"     // its host took it
	Lose      Verb = "lose"      // its host came back without it, in the old state
	Finish    Verb = "finish"    // the host verified it; or settled; or undid it
	Fail      Verb = "fail"      // refused, or rolled back; of an undoing: the new state stays
	Cancel    Verb = "cancel"    // a person stopped it, and the site is as it was
	Accept    Verb = "accept"    // what came back is what was wanted
	Undo      Verb = "undo"      // it is not
)

// Verbs are all verbs.
func Verbs() []Verb {
	return []Verb{Safeguard, Queue, Lease, Lose, Finish, Fail, Cancel, Accept, Undo}
}

// table is the whole life of a restore; what it omits is refused.
var table = map[State]map[Verb]State{
	Planned:      {Safeguard: Safeguarding, Queue: Queued, Fail: Failed, Cancel: Cancelled},
	Safeguarding: {Safeguard: Safeguarding, Queue: Queued, Fail: Failed, Cancel: Cancelled},
	Queued:       {Lease: Running, Fail: Failed, Cancel: Cancelled},
	Running:      {Lose: Queued, Finish: Restored, Fail: Failed, Cancel: Cancelled},
	Restored:     {Accept: Settling, Undo: Undoing},
	Settling:     {Finish: Settled},
	Undoing:      {Finish: Undone, Fail: Restored},
}

// Apply gives the state that verb leads to, or errs.Conflict.
func Apply(from State, verb Verb) (State, error) {
	to, ok := table[from][verb]
	if !ok {
		said, known := says[verb]
		if !known {
			said = string(verb)
		}
		return from, errs.New(errs.Conflict, "A restore that is %s cannot %s.", from, said)
	}
	return to, nil
}

// says are the verbs of people in a sentence.
var says = map[Verb]string{Cancel: "be cancelled", Accept: "be accepted", Undo: "be undone"}
