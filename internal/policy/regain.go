package policy

import (
	"time"

	"holdfast/internal/backup"
)

// Regain is the way back from Reopen: a copy that had been worth nothing turned
// out whole again, and the slots that it served are not owed any more. What a
// later run has settled meanwhile stays settled.
func (s State) Regain(p Policy, kind backup.Kind, zone *time.Location, regained Tiers) State {
	next := State{settled: make(map[Key]time.Time, len(s.settled))}
	for k, at := range s.settled {
		next.settled[k] = at
	}
	for _, r := range p.Of(kind) {
		slot, served := regained.Get(r.Tier)
		at, known := s.settled[r.Key()]
		if !served || !known {
			continue
		}
		if due := Due(slot, zone); due.After(at) {
			next.settled[r.Key()] = due.UTC()
		}
	}
	return next
}
