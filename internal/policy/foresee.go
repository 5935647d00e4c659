package policy

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"holdfast/internal/backup"
)

// Delay is what hours do to the slots of one rule at one time of day.
type Delay struct {
	Kind    backup.Kind
	Tier    Tier
	At      TimeOfDay
	Slots   int           // in the time that was looked at
	Late    int           // that are served after they are due
	Missed  int           // that nothing serves, for a later slot of the rule is served in their stead
	Longest time.Duration // that one is late
}

// foresight is how far ahead hours are looked at: two firsts of a month at
// least, and both clock changes are as rare as they are.
const foresight = 63 * 24 * time.Hour

// Foresee plays the policy with the hours that it has for two months from an
// instant, with no spread and runs that all succeed, and gives what that does to
// the slots: for each rule and time of day that is served late or not at all.
// It is empty where the hours put off nothing.
func Foresee(p Policy, zone *time.Location, from time.Time) []Delay {
	if p.Hours.Always() {
		return nil
	}
	var out []Delay
	for _, kind := range backup.Kinds() {
		f := foreseen{}
		f.play(p, kind, zone, from)
		for _, r := range p.Of(kind) {
			of := f[r.Key()]
			for _, t := range slices.Sorted(maps.Keys(of)) {
				if d := of[t]; d.Late > 0 || d.Missed > 0 {
					out = append(out, *d)
				}
			}
		}
	}
	return out
}

// foreseen is what comes of each rule's slots, by their time of day.
type foreseen map[Key]map[TimeOfDay]*Delay

// of gives what is known of a slot's like, and counts the slot.
func (f foreseen) of(kind backup.Kind, tier Tier, s Slot) *Delay {
	k := Key{kind, tier}
	if f[k] == nil {
		f[k] = map[TimeOfDay]*Delay{}
	}
	at := TimeOfDay(((s.minutes % dayMinutes) + dayMinutes) % dayMinutes)
	if f[k][at] == nil {
		f[k][at] = &Delay{Kind: kind, Tier: tier, At: at}
	}
	f[k][at].Slots++
	return f[k][at]
}

func (f foreseen) play(p Policy, kind backup.Kind, zone *time.Location, from time.Time) {
	state, to := BeginKind(p, kind, from), from.Add(foresight)
	for {
		due, ok := state.NextRun(p, kind, zone)
		if !ok {
			return
		}
		start := p.Hours.Next(zone, due)
		if start.After(to) {
			return
		}
		var served Served
		served, state = state.Serve(p, kind, zone, start)
		for _, m := range served.Missed {
			f.of(kind, m.Tier, m.Slot).Missed++
		}
		for _, s := range served.Tiers {
			d := f.of(kind, s.Tier, s.Slot)
			if wait := start.Sub(Due(s.Slot, zone)); wait > 0 {
				d.Late, d.Longest = d.Late+1, max(d.Longest, wait)
			}
		}
	}
}

// Warnings says what delays mean, a sentence for each rule that they concern.
func Warnings(delays []Delay) []string {
	type rule struct {
		kind         backup.Kind
		tier         Tier
		missed, late []string
		longest      time.Duration
	}
	var rules []*rule
	for _, d := range delays {
		var r *rule
		if n := len(rules); n > 0 && rules[n-1].kind == d.Kind && rules[n-1].tier == d.Tier {
			r = rules[n-1]
		} else {
			r = &rule{kind: d.Kind, tier: d.Tier}
			rules = append(rules, r)
		}
		// On the nights of clock changes all is otherwise for once.
		if 2*d.Missed > d.Slots {
			r.missed = append(r.missed, d.At.String())
		} else if 2*(d.Missed+d.Late) > d.Slots {
			r.late = append(r.late, d.At.String())
			r.longest = max(r.longest, d.Longest)
		}
	}
	var out []string
	for _, r := range rules {
		name := fmt.Sprintf("The %s copies (%s)", r.kind, r.tier)
		if len(r.missed) > 0 {
			out = append(out, fmt.Sprintf("%s of %s are never taken: a later one is taken in their stead.", name, list(r.missed)))
		}
		if len(r.late) > 0 {
			out = append(out, fmt.Sprintf("%s of %s are taken up to %s later than they are due.", name, list(r.late), hoursWords(r.longest)))
		}
	}
	return out
}

func hoursWords(d time.Duration) string {
	h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d h %d min", h, m)
}
