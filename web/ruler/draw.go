package ruler

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// The measures of the ruler's drawing, in pixels from its top. Across it has
// no pixels: positions are percentages, so that it fits every window with its
// words at their size.
const (
	lanesTop   = 30
	laneHeight = 88
	axisBelow  = 12
	ticksBelow = 24
)

func (p Props) lane(i int) string { return strconv.Itoa(lanesTop + i*laneHeight) }

func (p Props) axisAt() int { return lanesTop + len(p.Lanes)*laneHeight + axisBelow - 14 }

func (p Props) axis() string   { return strconv.Itoa(p.axisAt()) }
func (p Props) below() string  { return strconv.Itoa(p.axisAt() + ticksBelow) }
func (p Props) height() string { return strconv.Itoa(p.axisAt() + ticksBelow + 8) }

// described says what the drawing shows to whoever cannot see it.
func (p Props) described() string {
	var parts []string
	for _, l := range p.Lanes {
		s := l.Kind + ": " + strconv.Itoa(len(l.Marks)) + " shown"
		var reach []string
		for _, x := range l.Stretches {
			reach = append(reach, x.Label)
		}
		if len(reach) > 0 {
			s += "; from the oldest to now " + strings.Join(reach, ", ")
		}
		for _, g := range l.Gaps {
			s += "; " + g.Label
		}
		if l.Cliff != nil {
			s += "; " + l.Cliff.Label
		}
		parts = append(parts, s+".")
	}
	if p.Cursor != nil {
		parts = append(parts, "Marked: "+p.Cursor.Label+".")
	}
	return strings.Join(append(parts, "The table below has every copy."), " ")
}

// drawn is what the legend has to explain.
type drawn struct{ held, short, chosen, gap, cliff bool }

func (p Props) drawn() drawn {
	var d drawn
	for _, l := range p.Lanes {
		d.gap = d.gap || len(l.Gaps) > 0
		d.cliff = d.cliff || l.Cliff != nil
		for _, m := range l.Marks {
			d.held, d.short, d.chosen = d.held || m.Held, d.short || m.Short, d.chosen || m.Chosen
		}
	}
	return d
}

func (t Tick) anchor() string {
	if t.At > 500 {
		return "end"
	}
	return "start"
}

func (t Tick) dx() string {
	if t.At > 500 {
		return "-10"
	}
	return "10"
}

func (s Stretch) width() string  { return ui.Percent(max(s.To-s.From, 2)) }
func (s Stretch) middle() string { return ui.Percent((s.From + s.To) / 2) }

// long says whether a gap is a whole stretch of sparse copies rather than a
// hole between two: a line along it is calmer than a frame.
func (s Stretch) long() bool { return s.To-s.From > 200 }

// fits says whether the label can stand within the stretch on the narrowest
// ruler: 760 pixels, a letter taking at most seven of them on average. What
// does not fit is in the description, on hover and in the table.
func (s Stretch) fits() bool {
	return len([]rune(s.Label))*7*1000 <= (s.To-s.From)*760
}

// dash stands where there is nothing to say.
func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
