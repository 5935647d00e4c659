// Package host is the life of a host, a machine with sites, as one table, and
// how one that is heard of or not stands. It is pure: it never asks a host, and
// it decides nothing of what runs there.
package host

import (
	"time"

	"holdfast/internal/errs"
)

// State is where a host stands.
type State string

// The states.
const (
	Pending     State = "pending"     // added; its agent has not enrolled
	Active      State = "active"      // takes runs
	Maintenance State = "maintenance" // finishes what it has, is given no more
	Revoked     State = "revoked"     // its agent is refused
)

// States are all states.
func States() []State { return []State{Pending, Active, Maintenance, Revoked} }

// Verb is what is done to a host.
type Verb string

// The verbs.
const (
	Enrol    Verb = "enrol" // its agent traded a token for a credential
	Maintain Verb = "maintain"
	Resume   Verb = "resume"
	Revoke   Verb = "revoke"
)

// Verbs are all verbs.
func Verbs() []Verb { return []Verb{Enrol, Maintain, Resume, Revoke} }

// table is the whole life of a host; what it omits is refused.
var table = map[State]map[Verb]State{
	Pending:     {Enrol: Active, Revoke: Revoked},
	Active:      {Enrol: Active, Maintain: Maintenance, Revoke: Revoked},
	Maintenance: {Enrol: Active, Resume: Active, Revoke: Revoked},
	Revoked:     {Enrol: Active},
}

// Apply gives the state that verb leads to, or errs.Conflict.
func Apply(from State, verb Verb) (State, error) {
	to, ok := table[from][verb]
	if !ok {
		return from, errs.New(errs.Conflict, "A host that is %s cannot %s.", Word(from), says[verb])
	}
	return to, nil
}

// Toward gives the verb that leads from one state to another, or errs.Conflict.
func Toward(from, to State) (Verb, error) {
	for _, v := range Verbs() {
		if v != Enrol && table[from][v] == to {
			return v, nil
		}
	}
	return "", errs.New(errs.Conflict, "A host that is %s cannot become %s.", Word(from), Word(to))
}

var says = map[Verb]string{
	Enrol: "be enrolled", Maintain: "go into maintenance", Resume: "come back from maintenance", Revoke: "be revoked",
}

// Word names a state for people.
func Word(s State) string {
	switch s {
	case Pending:
		return "not enrolled"
	case Maintenance:
		return "in maintenance"
	default:
		return string(s)
	}
}

// SilentAfter is how long an agent may be silent before its host counts as out
// of reach. An agent is heard of every ten seconds.
const SilentAfter = 2 * time.Minute

// SkewMost is how far a host's clock may be off before that is said.
const SkewMost = 5 * time.Second

// Facts are what is known of a host.
type Facts struct {
	State    State
	LastSeen time.Time // zero where it was never heard of
	Skew     time.Duration
}

// Reach is how a host answers.
type Reach string

// The ways of answering.
const (
	Unenrolled Reach = "unenrolled" // it has no agent yet
	Refused    Reach = "refused"    // its agent was revoked
	Unheard    Reach = "unheard"    // enrolled, and never heard of
	Silent     Reach = "silent"     // heard of once, not any more
	Skewed     Reach = "skewed"     // it answers, and its clock is wrong
	Answers    Reach = "answers"
)

// Reach tells how the host answers at an instant.
func (f Facts) Reach(now time.Time) Reach {
	switch {
	case f.State == Pending:
		return Unenrolled
	case f.State == Revoked:
		return Refused
	case f.LastSeen.IsZero():
		return Unheard
	case now.Sub(f.LastSeen) > SilentAfter:
		return Silent
	case f.Skew.Abs() > SkewMost:
		return Skewed
	}
	return Answers
}
