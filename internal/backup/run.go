// Package backup is the life of a run, one attempt to take a copy: its states
// and the moves between them, as one table. It is pure; the store repeats the
// table as compare-and-set and the agents' door carries it out.
package backup

import (
	"time"

	"holdfast/internal/errs"
)

// Kind is what a copy holds.
type Kind string

// The kinds.
const (
	Database Kind = "database"
	Data     Kind = "data"
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{Database, Data} }

// ParseKinds reads "database", "data" or "all" (also ""), naming the field in
// its error.
func ParseKinds(field, s string) ([]Kind, error) {
	switch s {
	case string(Database), string(Data):
		return []Kind{Kind(s)}, nil
	case "", "all":
		return Kinds(), nil
	}
	return nil, errs.Field(field, "%q must be database, data or all", s)
}

// Reason is why a run exists.
type Reason string

// The reasons.
const (
	Initial   Reason = "initial"   // the site's first copy
	Scheduled Reason = "scheduled" // the policy owes it
	Manual    Reason = "manual"    // a person asked
)

// Priority is the run's place in the line, 1 first: what a person waits for
// goes before what the schedule owes.
func (r Reason) Priority() int16 {
	switch r {
	case Manual:
		return 1
	case Initial:
		return 2
	case Scheduled:
		return 3
	}
	return 4
}

// State is where a run stands.
type State string

// The states.
const (
	Planned    State = "planned"    // a row; its dispatch job will queue it
	Queued     State = "queued"     // waits for its host
	Leased     State = "leased"     // its host's agent has it
	Good       State = "good"       // ended: a whole copy
	Incomplete State = "incomplete" // ended: a copy that lacks something
	Failed     State = "failed"     // ended: no copy
	Cancelled  State = "cancelled"  // ended: a person stopped it
)

// States are all states.
func States() []State {
	return []State{Planned, Queued, Leased, Good, Incomplete, Failed, Cancelled}
}

// Open tells whether the run is still to end.
func (s State) Open() bool { return s == Planned || s == Queued || s == Leased }

// Verb is what happens to a run.
type Verb string

// The verbs.
const (
	Dispatch    Verb = "dispatch"     // its dispatch job ran
	Lease       Verb = "lease"        // an agent took it
	Lose        Verb = "lose"         // its agent came back without it
	FinishGood  Verb = "finish"       // a whole copy was reported
	FinishShort Verb = "finish_short" // a copy with problems was reported
	Retry       Verb = "retry"        // it failed and will be tried again
	Fail        Verb = "fail"         // it failed for good
	Cancel      Verb = "cancel"       // a person stopped it
	PutOff      Verb = "put_off"      // its site's hours closed before it began
)

// Verbs are all verbs.
func Verbs() []Verb {
	return []Verb{Dispatch, Lease, Lose, FinishGood, FinishShort, Retry, Fail, Cancel, PutOff}
}

// table is the whole life of a run; what it omits is refused.
var table = map[State]map[Verb]State{
	Planned: {Dispatch: Queued, Cancel: Cancelled, PutOff: Planned},
	Queued:  {Lease: Leased, Cancel: Cancelled, PutOff: Planned},
	Leased: {
		Lose: Queued, FinishGood: Good, FinishShort: Incomplete,
		Retry: Planned, Fail: Failed, Cancel: Cancelled,
	},
}

// Apply gives the state that verb leads to, or errs.Conflict.
func Apply(from State, verb Verb) (State, error) {
	to, ok := table[from][verb]
	if !ok {
		return from, errs.New(errs.Conflict, "A run that is %s cannot %s.", from, verb)
	}
	return to, nil
}

// MaxAttempts is how often a run is tried before it fails for good.
const MaxAttempts = 3

// Backoff is how long to wait before the try after attempt: 1, 5, then 15 minutes.
func Backoff(attempt int) time.Duration {
	switch {
	case attempt <= 1:
		return time.Minute
	case attempt == 2:
		return 5 * time.Minute
	}
	return 15 * time.Minute
}
