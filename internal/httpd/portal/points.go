package portal

import (
	"slices"
	"strconv"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const (
	unfolded   = 6   // older points that are shown at once
	pointsMost = 400 // in all
)

// points are the pairs of copies that the site can go back to, newest first:
// the last days one by one, then weeks, then months.
func (s view) points(p *portal.SiteProps) {
	items := app.Items(s.Keeping)
	items = slices.DeleteFunc(items, func(c catalog.Item) bool { return c.At.After(s.Now) })
	var moments []catalog.Item
	for _, c := range items {
		if c.Kind == backup.Database && c.Good {
			moments = append(moments, c)
		}
	}
	slices.SortStableFunc(moments, func(a, b catalog.Item) int { return b.At.Compare(a.At) })
	if len(moments) == 0 {
		p.PointsEmpty = "There is no whole copy yet, so there is nothing to go back to. The first appears here as soon as it is there."
		return
	}
	p.PointsHint = words.Many(int64(len(moments)), "moment", "moments") + ", back to " + moments[len(moments)-1].At.In(s.zone).Format("2 Jan 2006")
	held := s.heldCopies()
	groups := []portal.PointGroup{{ID: "points-days", Title: "Day by day"}, {ID: "points-weeks", Title: "Week by week"}, {ID: "points-months", Title: "Month by month"}}
	for _, c := range moments[:min(len(moments), pointsMost)] {
		g := &groups[ageOf(s.now.Sub(c.At))]
		g.Points = append(g.Points, s.point(items, c, held))
	}
	for i := range groups {
		if n := len(groups[i].Points); n > unfolded && i > 0 {
			groups[i].Folded = "Show all " + strconv.Itoa(n)
		}
		if len(groups[i].Points) > 0 {
			p.Points = append(p.Points, groups[i])
		}
	}
}

// ageOf is the group of a copy so old.
func ageOf(age time.Duration) int {
	const day = 24 * time.Hour
	switch {
	case age < 8*day:
		return 0
	case age < 36*day:
		return 1
	}
	return 2
}

// heldCopies tells until when copies are kept beside the policy, by their id.
func (s view) heldCopies() map[string]time.Time {
	out := map[string]time.Time{}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.ProtectedUntil != nil && c.ProtectedUntil.After(s.now) {
			out[c.ID.String()] = *c.ProtectedUntil
		}
	}
	return out
}

// point is one database copy with the files that fit it best.
func (s view) point(items []catalog.Item, c catalog.Item, held map[string]time.Time) portal.Point {
	x := portal.Point{At: figure.Dated(s.now, c.At, s.zone), State: ui.Good}
	x.At.Words = c.At.In(s.zone).Format("Mon ") + x.At.Words
	if until, ok := held[c.ID]; ok {
		x.Chips = append(x.Chips, "kept until "+until.In(s.zone).Format("2 Jan 2006"))
	}
	best, _ := catalog.Reach(items, c.At)
	if w, ok := s.whole[c.ID]; ok && best.Data != nil {
		x.Whole = figure.Files(w, figure.Customer)
		if w.Best != nil && w.Best.Measured {
			best.Skew = w.Best.Skew
		}
	}
	switch {
	case best.Data == nil:
		x.State, x.Files = ui.Incomplete, "the database alone: no copy of files is left from about then"
	case best.Skew.Abs() > 24*time.Hour:
		x.State, x.Files = ui.Incomplete, "its files are "+figure.Apart(best.Skew)
	case best.Skew.Abs() < 10*time.Minute:
		x.Files = "with its files of the same time"
	default:
		x.Files = "with its files, " + figure.Apart(best.Skew)
	}
	return x
}
