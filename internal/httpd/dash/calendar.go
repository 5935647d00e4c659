package dash

import (
	"slices"
	"strconv"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/internal/policy"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// How much of a calendar is drawn and written out.
const (
	slotsDrawn = 62 // of one rule in "copies kept"
	notesSaid  = 8
)

var slotStates = map[policy.SlotState]dash.SlotState{
	policy.SlotKept: dash.SlotKept, policy.SlotLate: dash.SlotLate, policy.SlotFlawed: dash.SlotFlawed, policy.SlotMissed: dash.SlotMissed,
	policy.SlotExpired: dash.SlotExpired, policy.SlotOwed: dash.SlotOwed, policy.SlotUpcoming: dash.SlotUpcoming,
}

// ruleSlots is a rule with its slots, oldest first.
type ruleSlots struct {
	rule  policy.Rule
	marks []policy.SlotMark
	keeps map[string]bool // the copies that it keeps now, by their ids
}

// slotsOf gives the rules of one kind with their slots.
func (s sitePage) slotsOf(k app.Keeping) []ruleSlots {
	var out []ruleSlots
	for _, r := range s.Policy.Policy.Of(k.Kind) {
		x := ruleSlots{rule: r, keeps: map[string]bool{}}
		for _, m := range k.Calendar {
			if m.Tier == r.Tier {
				x.marks = append(x.marks, m)
			}
		}
		for _, c := range k.Copies {
			if slices.Contains(c.Tiers, r.Tier) {
				x.keeps[c.Copy.ID] = true
			}
		}
		out = append(out, x)
	}
	return out
}

// due are the slots of the promise: those due by now, from the oldest of which
// the rule keeps the copy. What is older is not promised any more.
func (x ruleSlots) due() []policy.SlotMark {
	first := slices.IndexFunc(x.marks, func(m policy.SlotMark) bool { return x.keeps[m.Copy] })
	var out []policy.SlotMark
	for i, m := range x.marks {
		if m.State != policy.SlotUpcoming && i >= first && (len(out) > 0 || m.State != policy.SlotExpired) {
			out = append(out, m)
		}
	}
	return out[max(0, len(out)-slotsDrawn):]
}

// stands says whether the rule keeps what it promises.
func (x ruleSlots) stands(late bool) ui.State {
	worst := ui.Good
	due := x.due()
	for i, m := range due {
		switch m.State {
		case policy.SlotMissed:
			worst = ui.Late
		case policy.SlotFlawed:
			worst = ui.Incomplete
		case policy.SlotOwed:
			if late {
				return ui.Late
			}
			if worst == ui.Good && i == len(due)-1 && len(x.keeps) == 0 {
				worst = ui.None
			}
		case policy.SlotKept, policy.SlotLate, policy.SlotExpired, policy.SlotUpcoming:
		}
	}
	if len(due) == 0 {
		return ui.None
	}
	return worst
}

func (x ruleSlots) count() string {
	n := strconv.Itoa(len(x.keeps)) + " of " + strconv.Itoa(x.rule.Keep)
	if len(x.keeps) < x.rule.Keep && !slices.ContainsFunc(x.marks, func(m policy.SlotMark) bool { return m.State == policy.SlotExpired || m.State == policy.SlotMissed }) {
		n += " so far"
	}
	return n
}

// wall is a slot's moment on the wall, to be written in UTC.
func wall(slot policy.Slot) time.Time {
	t, err := time.Parse("2006-01-02T15:04", slot.String())
	if err != nil {
		return time.Time{}
	}
	return t
}

// slotName names a slot by its weekday, date and time on the wall.
func (s sitePage) slotName(slot policy.Slot) string {
	form := "Mon 2 Jan 15:04"
	if w := wall(slot); w.Year() != s.now.In(s.zone).Year() {
		form = "Mon 2 Jan 2006 15:04"
	}
	return wall(slot).Format(form)
}

// slot words one slot; label is the layout of its mark's short label.
func (s sitePage) slot(m policy.SlotMark, label string) dash.Slot {
	out := dash.Slot{State: slotStates[m.State], Name: s.slotName(m.Slot), Label: wall(m.Slot).Format(label)}
	of := "copy of " + words.Day(s.now, m.ServedAt, s.zone)
	switch m.State {
	case policy.SlotKept:
		out.Note = of
	case policy.SlotLate:
		out.Note = of + ", " + words.Span(m.ServedAt.Sub(m.Due)) + " after it was due"
	case policy.SlotFlawed:
		out.Note = of + ", which lacks something"
	case policy.SlotMissed:
		out.Note = "no copy was taken in its time; a later one served the rule"
	case policy.SlotExpired:
		out.Note = "its copy went as the policy says"
	case policy.SlotOwed:
		out.Note = "due " + words.Ago(s.now, m.Due) + ", and not served yet"
	case policy.SlotUpcoming:
		out.Note = "due " + words.Ago(s.now, m.Due)
	}
	return out
}

// keptProps answer whether the promise is kept, to the copy.
func (s sitePage) keptProps() *dash.KeptProps {
	p := &dash.KeptProps{}
	var n, stored, logical int64
	any := false
	for _, k := range s.Keeping {
		g := dash.KeptGroup{Kind: kindWord(k.Kind)}
		for _, c := range k.Copies {
			n, stored, logical = n+1, stored+c.Row.StoredBytes, logical+c.Row.Bytes
		}
		for _, x := range s.slotsOf(k) {
			due := x.due()
			any = any || len(due) > 0
			r := dash.KeptRule{Tier: string(x.rule.Tier), When: x.rule.Schedule.Words(s.Policy.Policy.Night), State: x.stands(k.Standing.Late), Count: x.count()}
			for _, m := range due {
				r.Slots = append(r.Slots, s.slot(m, "2"))
			}
			r.Words = r.Count + " copies kept" + told(r.Slots)
			g.Rules = append(g.Rules, r)
			p.Notes = append(p.Notes, s.slotNotes(k.Kind, x)...)
		}
		p.Groups = append(p.Groups, g)
	}
	if n > 0 {
		p.Hint = words.Many(n, "copy", "copies") + " · " + words.Bytes(stored) + " stored of " + words.Bytes(logical)
	}
	if more := len(p.Notes) - notesSaid; more > 0 {
		p.Notes = append(p.Notes[:notesSaid], "And "+words.Many(int64(more), "other slot", "other slots")+"; the table has them all.")
	}
	if !any {
		p.Empty = "The policy counts from the first slot on; none was due since this site is under it."
	}
	return p
}

// told adds what of the slots is not simply kept.
func told(all []dash.Slot) string {
	n := map[dash.SlotState]int64{}
	for _, x := range all {
		n[x.State]++
	}
	out := ""
	for _, x := range []struct {
		state dash.SlotState
		word  string
	}{{dash.SlotLate, "served late"}, {dash.SlotFlawed, "with something missing"}, {dash.SlotMissed, "missed"}, {dash.SlotOwed, "owed"}} {
		if n[x.state] > 0 {
			out += ", " + words.Count(n[x.state]) + " " + x.word
		}
	}
	return out
}

// slotNotes say what is behind each slot that was not served in time, the
// newest first. Neighbours that were missed together are one sentence.
func (s sitePage) slotNotes(kind backup.Kind, x ruleSlots) []string {
	var out []string
	due := x.due()
	of := kindWord(kind) + ", " + string(x.rule.Tier) + " of "
	for i := len(due) - 1; i >= 0; i-- {
		m := due[i]
		first := i
		for m.State == policy.SlotMissed && first > 0 && due[first-1].State == policy.SlotMissed {
			first--
		}
		switch m.State {
		case policy.SlotMissed:
			if n := int64(i - first + 1); n > 1 {
				out = append(out, of+s.slotName(due[first].Slot)+" to "+s.slotName(m.Slot)+": "+words.Count(n)+" copies were not taken in their time; a later one served the rule.")
				i = first
				continue
			}
			fallthrough
		case policy.SlotLate, policy.SlotFlawed, policy.SlotOwed:
			out = append(out, of+s.slotName(m.Slot)+": "+words.Stop(s.slot(m, "2").Note))
		case policy.SlotKept, policy.SlotExpired, policy.SlotUpcoming:
		}
	}
	return out
}

// calendarProps show every slot of each rule.
func (s sitePage) calendarProps() *dash.CalendarProps {
	p := &dash.CalendarProps{Hint: "by the clock of " + s.zone.String()}
	for _, k := range s.Keeping {
		for _, x := range s.slotsOf(k) {
			if len(x.marks) > 0 {
				p.Rules = append(p.Rules, s.calendarRule(k, x))
			}
		}
	}
	if len(p.Rules) == 0 {
		p.Empty = "No slot was due yet."
	}
	return p
}

func (s sitePage) calendarRule(k app.Keeping, x ruleSlots) dash.CalendarRule {
	r := dash.CalendarRule{
		ID: string(k.Kind) + "-" + string(x.rule.Tier), Title: kindWord(k.Kind) + ", " + string(x.rule.Tier), When: x.rule.Schedule.Words(s.Policy.Policy.Night),
		State: x.stands(k.Standing.Late), Count: x.count() + " kept",
	}
	spacing := x.rule.Spacing()
	switch {
	case spacing > 25*24*time.Hour:
		r.Strips = s.strips(x.marks, "2006", "Jan")
	case spacing > 25*time.Hour:
		r.Strips = s.strips(x.marks, "January 2006", "2")
	case len(x.rule.Schedule.At) > 1:
		r.Strips = s.strips(x.marks, "Mon 2 Jan", "15")
	default:
		r.Months = s.months(x.marks)
	}
	return r
}

// strips are lines of slots, one for each title.
func (s sitePage) strips(marks []policy.SlotMark, title, label string) []dash.CalendarStrip {
	var out []dash.CalendarStrip
	for _, m := range marks {
		name := wall(m.Slot).Format(title)
		if len(out) == 0 || out[len(out)-1].Label != name {
			out = append(out, dash.CalendarStrip{Label: name})
		}
		last := &out[len(out)-1]
		last.Slots = append(last.Slots, s.slot(m, label))
	}
	return out
}

// months are the days of a daily rule. Its slots have one a day.
func (s sitePage) months(marks []policy.SlotMark) []dash.CalendarMonth {
	var out []dash.CalendarMonth
	for _, m := range marks {
		day := wall(m.Slot)
		name := day.Format("January 2006")
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, dash.CalendarMonth{Name: name, Blank: (int(day.Weekday()) + 6) % 7})
		}
		last := &out[len(out)-1]
		last.Slots = append(last.Slots, s.slot(m, "2"))
	}
	return out
}
