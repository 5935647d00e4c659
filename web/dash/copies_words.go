package dash

import "holdfast/web/ui"

// maxReason is how long a typed reason may be, in characters.
const maxReason = 300

// reasoned is whether it is known of any copy why it is kept, or something can
// be done about that.
func (g CopyGroup) reasoned() bool {
	for _, c := range g.Copies {
		if len(c.Tiers) > 0 || len(c.Why) > 0 || c.Keep != (Keeping{}) || c.Acts.any() {
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
