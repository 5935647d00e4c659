package dash

import (
	"slices"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// trendOf draws how a destination grew, from two days of samples on. Where the
// file system says how large it is, the scale ends at its size.
func trendOf(v app.DestinationView) *dash.Trend {
	if len(v.Trend) < 2 {
		return nil
	}
	first, last := v.Trend[0], v.Trend[len(v.Trend)-1]
	span := last.Slot.Sub(first.Slot)
	if span <= 0 {
		return nil
	}
	top := topOf(v.Trend)
	t := &dash.Trend{Title: "Bytes over the last " + words.Many(int64(span.Hours()/24)+1, "day", "days"), Sizes: last.TotalBytes != nil}
	stored, used := dash.TrendLine{Name: "stored by us"}, dash.TrendLine{Name: "used of the file system"}
	for _, s := range v.Trend {
		x := int(float64(s.Slot.Sub(first.Slot)) / float64(span) * 1000)
		stored.Points = append(stored.Points, dash.TrendPoint{X: x, Y: height(s.StoredBytes, top)})
		if s.TotalBytes != nil {
			used.Points = append(used.Points, dash.TrendPoint{X: x, Y: height(*s.TotalBytes-*s.FreeBytes, top)})
		}
	}
	t.Lines = []dash.TrendLine{stored}
	if len(used.Points) > 1 {
		t.Lines = append(t.Lines, used)
	}
	for _, part := range []int64{0, 1, 2, 3} {
		t.YTicks = append(t.YTicks, ui.Tick{At: int(part * 250), Label: words.Bytes(top / 4 * part)})
	}
	if last.TotalBytes != nil {
		t.Limit = &ui.Tick{At: height(*last.TotalBytes, top), Label: "full at " + words.Bytes(*last.TotalBytes)}
	}
	for _, at := range []int{0, 250, 500, 750, 1000} {
		day := first.Slot.Add(span * time.Duration(at) / 1000)
		t.XTicks = append(t.XTicks, ui.Tick{At: at, Label: day.UTC().Format("2 Jan")})
	}
	if span < 5*24*time.Hour {
		t.XTicks = []ui.Tick{t.XTicks[0], t.XTicks[4]}
	}
	t.Text = "From " + words.Bytes(first.StoredBytes) + " stored on " + first.Slot.UTC().Format("2 January") + " to " + words.Bytes(last.StoredBytes) + " on " + last.Slot.UTC().Format("2 January") + ". The table below has every day."
	t.Rows = trendRows(v.Trend)
	return t
}

// topOf is the end of the scale: the most that there was, or that fits.
func topOf(all []dbq.UsageSample) int64 {
	var top int64 = 4
	for _, s := range all {
		top = max(top, s.StoredBytes)
		if s.TotalBytes != nil {
			top = max(top, *s.TotalBytes)
		}
	}
	return top + top/20
}

func height(n, top int64) int { return int(float64(n) / float64(top) * 1000) }

func trendRows(all []dbq.UsageSample) []dash.TrendRow {
	out := make([]dash.TrendRow, 0, len(all))
	for _, s := range slices.Backward(all) {
		row := dash.TrendRow{Day: s.Slot.UTC().Format("Mon 2 Jan 2006"), Stored: size(s.StoredBytes), Copies: words.Count(s.Copies)}
		if s.TotalBytes != nil {
			row.Used, row.Free, row.Total = size(*s.TotalBytes-*s.FreeBytes), size(*s.FreeBytes), size(*s.TotalBytes)
		}
		out = append(out, row)
	}
	return out
}
