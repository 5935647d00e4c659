package dash

import (
	"slices"
	"strconv"
	"strings"
)

var weekdays = []string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}

// allSlots are the states in the order in which legends have them.
var allSlots = []SlotState{SlotKept, SlotLate, SlotFlawed, SlotMissed, SlotExpired, SlotOwed, SlotUpcoming}

// known keeps a state that nobody defined from becoming a class name.
func (s SlotState) known() SlotState {
	if slices.Contains(allSlots, s) {
		return s
	}
	return SlotUpcoming
}

func (s SlotState) class() string { return "slot-" + string(s.known()) }

// word says the state as a table or legend has it.
func (s SlotState) word() string {
	if s.known() == SlotLate {
		return "served late"
	}
	return string(s.known())
}

func (s Slot) hover() string {
	said := s.Name + ": " + s.State.word()
	if s.Note != "" {
		said += ", " + s.Note
	}
	return said
}

// narrow rules have so many slots that their marks are slim.
func (r KeptRule) narrow() bool { return len(r.Slots) > 24 }

// said is the rule for who cannot see its marks.
func (r KeptRule) said() string {
	if r.Words != "" {
		return r.Words
	}
	return told(r.Slots)
}

// told counts slots by state: "5 kept, 1 served late".
func told(all []Slot) string {
	n := map[SlotState]int{}
	for _, s := range all {
		n[s.State.known()]++
	}
	var parts []string
	for _, s := range allSlots {
		if n[s] > 0 {
			parts = append(parts, strconv.Itoa(n[s])+" "+s.word())
		}
	}
	if len(parts) == 0 {
		return "no slot yet"
	}
	return strings.Join(parts, ", ")
}

func (m CalendarMonth) first() string { return "day-" + strconv.Itoa(min(max(m.Blank, 0), 6)+1) }

// slots are all slots of the rule, the newest first, as its table has them.
func (r CalendarRule) slots() []Slot {
	var out []Slot
	for _, m := range r.Months {
		out = append(out, m.Slots...)
	}
	for _, s := range r.Strips {
		out = append(out, s.Slots...)
	}
	slices.Reverse(out)
	return out
}

// present are the states that occur, in the legends' order: what is not drawn
// needs no explaining.
func present(n map[SlotState]bool) []SlotState {
	var out []SlotState
	for _, s := range allSlots {
		if n[s] {
			out = append(out, s)
		}
	}
	return out
}

func slotsOfGroups(all []KeptGroup) []SlotState {
	n := map[SlotState]bool{}
	for _, g := range all {
		for _, r := range g.Rules {
			for _, s := range r.Slots {
				n[s.State.known()] = true
			}
		}
	}
	return present(n)
}

func slotsOfRules(all []CalendarRule) []SlotState {
	n := map[SlotState]bool{}
	for _, r := range all {
		for _, s := range r.slots() {
			n[s.State.known()] = true
		}
	}
	return present(n)
}
