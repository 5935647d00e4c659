package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// The measures of a trend's drawing, in pixels from its top.
const (
	trendTop    = "22"
	trendPlot   = "180"
	trendBelow  = "222"
	trendHeight = "230"
)

// trendY is where a height of thousandths lies.
func trendY(at int) string { return strconv.Itoa(202 - min(max(at, 0), 1000)*180/1000) }

// trendAbove is where words stand over it.
func trendAbove(at int) string { return strconv.Itoa(198 - min(max(at, 0), 1000)*180/1000) }

// path draws the line in a box of a thousand by a thousand.
func (l TrendLine) path() string {
	var b strings.Builder
	for i, p := range l.Points {
		if i == 0 {
			b.WriteString("M")
		} else {
			b.WriteString("L")
		}
		b.WriteString(strconv.Itoa(p.X) + " " + strconv.Itoa(1000-p.Y))
	}
	if len(l.Points) == 1 {
		b.WriteString("h1")
	}
	return b.String()
}

func (t Trend) columns() []ui.Column {
	if t.Sizes {
		return ui.Columns("Day", "#Stored", "#Copies", "#Used", "#Free", "#Size")
	}
	return ui.Columns("Day", "#Stored", "#Copies")
}

// dayID keeps the cards of days apart.
func dayID(i int) string { return "day-" + strconv.Itoa(i) }
