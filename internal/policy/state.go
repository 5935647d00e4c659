package policy

import (
	"encoding/json"
	"slices"
	"time"

	"holdfast/internal/backup"
)

// State is what a planner must remember of one site to go on after a restart:
// for each rule the instant through which its slots are settled, that is
// served or missed. Every slot due after it is still open. It is written as
// JSON as {"kind": {"tier": instant}}.
type State struct{ settled map[Key]time.Time }

// Begin gives the state of a site that enters a policy at the instant from:
// slots due earlier do not exist, one that is due exactly then does.
func Begin(p Policy, from time.Time) State {
	return State{}.Adopt(p, from)
}

// Adopt gives the state under a changed policy: rules that stay go on, new
// ones begin at from, rules that are gone are forgotten.
func (s State) Adopt(p Policy, from time.Time) State {
	next := State{settled: make(map[Key]time.Time, len(p.Rules))}
	for _, r := range p.Rules {
		at, known := s.settled[r.Key()]
		if !known {
			at = from.UTC().Add(-time.Nanosecond)
		}
		next.settled[r.Key()] = at
	}
	return next
}

// BeginKind is Begin for a state that holds one kind only, like the row that a
// planner keeps of a site and a kind.
func BeginKind(p Policy, kind backup.Kind, from time.Time) State {
	return AdoptKind(p, kind, State{}, from)
}

// AdoptKind is Adopt for one kind: what s knows of other kinds is left out.
func AdoptKind(p Policy, kind backup.Kind, s State, from time.Time) State {
	return s.Adopt(Policy{Rules: p.Of(kind)}, from)
}

// ChangeKind is AdoptKind for a site that followed the policy old until from.
// A rule whose times change begins at from, so that the change itself makes
// nothing owed: slots that only the new times would have had in the past do
// not exist. Where a slot of the old times is owed at from, the rule goes on
// from where it was settled, and new times since then are owed in its stead.
func ChangeKind(old, p Policy, kind backup.Kind, zone *time.Location, s State, from time.Time) State {
	next := AdoptKind(p, kind, s, from)
	before := old.Of(kind)
	for _, r := range p.Of(kind) {
		at, known := s.settled[r.Key()]
		i := slices.IndexFunc(before, func(b Rule) bool { return b.Tier == r.Tier })
		if !known || !at.Before(from) || i >= 0 && before[i].Schedule.same(r.Schedule) {
			continue
		}
		if i >= 0 {
			if o, any := before[i].Next(zone, at); any && !o.Due.After(from) {
				continue
			}
		}
		next.settled[r.Key()] = from.UTC().Add(-time.Nanosecond)
	}
	return next
}

// Begun gives since when each tier's rule of the kind has been in force, after
// a change from old to p at the instant from: rules that stay keep what begun
// says of them, new ones and those whose times change begin at from. It is
// what Calendar wants.
func Begun(old, p Policy, kind backup.Kind, begun map[Tier]time.Time, from time.Time) map[Tier]time.Time {
	out := map[Tier]time.Time{}
	before := old.Of(kind)
	for _, r := range p.Of(kind) {
		out[r.Tier] = from.UTC()
		at, known := begun[r.Tier]
		if known && slices.ContainsFunc(before, func(b Rule) bool { return b.Tier == r.Tier && b.Schedule.same(r.Schedule) }) {
			out[r.Tier] = at
		}
	}
	return out
}

// Settled gives the instant through which a rule's slots are settled, false
// for a rule that the state does not know.
func (s State) Settled(k Key) (time.Time, bool) {
	at, ok := s.settled[k]
	return at, ok
}

// Ruling is a slot together with the rule that names it.
type Ruling struct {
	Kind backup.Kind `json:"kind"`
	Tier Tier        `json:"tier"`
	Slot Slot        `json:"slot"`
}

// Owed gives all slots of a kind that are owed at now, by tier in the order of
// the policy, oldest first.
func (s State) Owed(p Policy, kind backup.Kind, zone *time.Location, now time.Time) []Ruling {
	var out []Ruling
	for _, r := range p.Of(kind) {
		if at, ok := s.settled[r.Key()]; ok {
			for _, o := range r.Between(zone, at, now) {
				out = append(out, Ruling{kind, r.Tier, o.Slot})
			}
		}
	}
	return out
}

// NextRun gives the first instant at which a run of the kind is owed: in the
// past if one is owed by now. It is false when none ever is.
func (s State) NextRun(p Policy, kind backup.Kind, zone *time.Location) (time.Time, bool) {
	var best time.Time
	found := false
	for _, r := range p.Of(kind) {
		at, ok := s.settled[r.Key()]
		if !ok {
			continue
		}
		if o, any := r.Next(zone, at); any && (!found || o.Due.Before(best)) {
			best, found = o.Due, true
		}
	}
	return best, found
}

// Served is what one successful run settles.
type Served struct {
	Tiers  Tiers    // the newest owed slot of each rule; empty for none
	Missed []Ruling // the older ones
}

// Serve gives what a run of the kind that started at start and succeeded
// settles, and the state after it. A failed run settles nothing: do not call.
// A run that starts before one that was already counted settles nothing more.
// Slots are settled through start, so that a start that lies ahead would
// settle slots that are not due yet: whoever has the instant from a clock that
// may be wrong calls ServeAt.
func (s State) Serve(p Policy, kind backup.Kind, zone *time.Location, start time.Time) (Served, State) {
	next := State{settled: make(map[Key]time.Time, len(s.settled))}
	for k, at := range s.settled {
		next.settled[k] = at
	}
	out := Served{Tiers: Tiers{}}
	for _, r := range p.Of(kind) {
		at, ok := s.settled[r.Key()]
		if !ok || !start.After(at) {
			continue
		}
		owed := r.Between(zone, at, start)
		next.settled[r.Key()] = start.UTC()
		if len(owed) == 0 {
			continue
		}
		newest := slices.MaxFunc(owed, func(a, b Occurrence) int { return a.Slot.Compare(b.Slot) }).Slot
		out.Tiers = out.Tiers.With(r.Tier, newest)
		for _, o := range owed {
			if o.Slot != newest {
				out.Missed = append(out.Missed, Ruling{kind, r.Tier, o.Slot})
			}
		}
	}
	return out, next
}

// Tolerance is how far ahead of now an instant may lie, because two clocks
// differ a little, before it is held to be wrong.
const Tolerance = 5 * time.Minute

// ServeAt is Serve for a start that another clock told: one that lies more
// than Tolerance after now is wrong, and the run counts as started at now.
func (s State) ServeAt(p Policy, kind backup.Kind, zone *time.Location, start, now time.Time) (Served, State) {
	if start.After(now.Add(Tolerance)) {
		start = now
	}
	return s.Serve(p, kind, zone, start)
}

// Rewind repairs the state after a clock had jumped ahead: rules that are
// settled through more than Tolerance after now go back to the instant to, or
// to now if that is earlier. Slots due since then are open, so that the jump
// costs none; give when the newest run before the jump started.
func (s State) Rewind(now, to time.Time) State {
	if to.After(now) {
		to = now
	}
	next := State{settled: make(map[Key]time.Time, len(s.settled))}
	for k, at := range s.settled {
		if at.After(now.Add(Tolerance)) {
			at = to.UTC()
		}
		next.settled[k] = at
	}
	return next
}

// Reopen gives the state after a copy that served the slots lost turned out to
// be worth nothing: they are owed again, for a slot is owed until a successful
// copy serves it. A slot stays settled where one of the copies is good and
// served that slot, or a newer one of the same rule.
func (s State) Reopen(p Policy, kind backup.Kind, zone *time.Location, lost Tiers, copies []Copy) State {
	next := State{settled: make(map[Key]time.Time, len(s.settled))}
	for k, at := range s.settled {
		next.settled[k] = at
	}
	for _, r := range p.Of(kind) {
		slot, served := lost.Get(r.Tier)
		at, known := s.settled[r.Key()]
		if !served || !known {
			continue
		}
		stands := slices.ContainsFunc(copies, func(c Copy) bool {
			has, ok := c.Tiers.Get(r.Tier)
			return ok && c.Good && has.Compare(slot) >= 0
		})
		if before := Due(slot, zone).Add(-time.Nanosecond); !stands && before.Before(at) {
			next.settled[r.Key()] = before
		}
	}
	return next
}

// MarshalJSON writes {"kind": {"tier": instant}}.
func (s State) MarshalJSON() ([]byte, error) {
	form := map[backup.Kind]map[Tier]time.Time{}
	for k, at := range s.settled {
		if form[k.Kind] == nil {
			form[k.Kind] = map[Tier]time.Time{}
		}
		form[k.Kind][k.Tier] = at
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *State) UnmarshalJSON(b []byte) error {
	var form map[backup.Kind]map[Tier]time.Time
	if err := json.Unmarshal(b, &form); err != nil {
		return err
	}
	s.settled = map[Key]time.Time{}
	for kind, tiers := range form {
		for tier, at := range tiers {
			s.settled[Key{kind, tier}] = at
		}
	}
	return nil
}
