package dash

import (
	"strconv"

	"holdfast/web/ui"
)

// maxReason is how long a typed reason may be, in characters.
const maxReason = 300

// reasoned is whether it is known of any copy why it is kept, or something can
// be done about that.
func (g CopyGroup) reasoned() bool {
	for _, c := range g.Copies {
		if len(c.Tiers) > 0 || len(c.Why) > 0 || c.Keep != (Keeping{}) || c.Acts.any() || c.Truth != nil {
			return true
		}
	}
	return false
}

func (g CopyGroup) columns() []ui.Column {
	if g.reasoned() {
		return ui.Columns("Taken", "State", "Why it is kept", "#"+g.Counted, "#Size", "#Stored")
	}
	return ui.Columns("Taken", "State", "#"+g.Counted, "#Size", "#Stored")
}

func (a CopyActs) open() bool {
	return a.Protect != nil && a.Protect.Open || a.Pin != nil && a.Pin.Open || a.Hold != nil && a.Hold.Open
}

// label names what can be done, briefly.
func (a CopyActs) label() string {
	switch {
	case a.Protect == nil && a.Pin == nil && a.Hold == nil:
		return "Let go"
	case a.Pin == nil && a.Hold == nil:
		return "Protect"
	case a.Protect == nil:
		return "Pin"
	default:
		return "Protect or pin"
	}
}

// copiesOpen is how many copies of a kind are listed openly; older ones stand
// behind a line, for the reader mostly wants the newest.
const copiesOpen = 8

func (g CopyGroup) newest() []CopyRow { return g.Copies[:len(g.Copies)-len(g.older())] }

func (g CopyGroup) older() []CopyRow {
	if len(g.Copies) <= copiesOpen+2 { // two more rows are no longer than the line
		return nil
	}
	return g.Copies[copiesOpen:]
}

func (g CopyGroup) olderWords() string { return strconv.Itoa(len(g.older())) + " older copies" }
