package portal

import (
	"strconv"

	"holdfast/web/ui"
)

// requestFrame has the scripts that keep a draft.
func (p RequestProps) requestFrame() ui.Frame {
	f := p.frame("Bring something back", p.NoSite == "")
	f.Draft = p.NoSite == ""
	return f
}

func pathID(i int) string { return "path-" + strconv.Itoa(i) }
