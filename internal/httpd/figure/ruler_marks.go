package figure

import (
	"slices"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/words"
	draw "holdfast/web/ruler"
	"holdfast/web/ui"
)

// stretches draws what one can get where, and marks what a person should know.
func (r *ruler) stretches(p *draw.Props) {
	db, data := &p.Lanes[0], &p.Lanes[1]
	all := catalog.Ruler(r.items, r.Policy.Policy, Zone(r.Site.TimeZone), r.Site.CreatedAt, r.Now)
	for _, s := range slices.Backward(all) {
		db.Stretches = append(db.Stretches, draw.Stretch{From: r.at(s.From), To: r.at(s.To), Label: s.Words})
	}
	for _, s := range all {
		for _, m := range s.Marks {
			r.mark(p, db, data, m)
		}
	}
	if len(p.Nights) > nightsDrawn {
		p.Nights = p.Nights[:nightsDrawn]
	}
	if len(p.Notes) > notesSaid {
		p.Notes = append(p.Notes[:notesSaid], "Older gaps are in the table.")
	}
}

func (r *ruler) mark(p *draw.Props, db, data *draw.Lane, m catalog.Mark) {
	from, to := r.Day(m.From), r.Day(m.To)
	switch m.Kind {
	case catalog.MarkMonthEnd:
		db.Gaps = append(db.Gaps, draw.Stretch{From: r.at(m.From), To: r.at(m.To), Label: "month-end gap, up to " + words.AtMost(m.Lost)})
		p.Notes = append(p.Notes, "Before "+to+" only monthly copies are left: going back to a moment late in a month loses up to "+words.AtMost(m.Lost)+".")
	case catalog.MarkHole:
		db.Gaps = append(db.Gaps, draw.Stretch{From: r.at(m.From), To: r.at(m.To), Label: "gap of " + words.AtMost(m.Lost)})
		p.Notes = append(p.Notes, "Between "+from+" and "+to+" no database copy is there: "+words.AtMost(m.Lost)+", longer than usual at this age.")
	case catalog.MarkCliff:
		if m.From.Equal(r.Now) {
			p.Notes = append(p.Notes, "No database copy has a data copy within a day of it.")
			data.Cliff = &draw.Stretch{From: 0, To: 1000, Label: "no data copy of about the same time"}
			return
		}
		data.Cliff = &draw.Stretch{From: 0, To: r.at(m.From), Label: "no data copy of about the same time"}
		p.Notes = append(p.Notes, "Database copies before "+from+" have no data copy within a day: what comes back from them fits its files less well.")
	case catalog.MarkClock:
		word := "clocks go forward, "
		if m.After < m.Before {
			word = "clocks go back, "
		}
		p.Nights = append(p.Nights, draw.Tick{At: r.at(m.From), Label: word + m.From.In(r.Zone).Format("Mon 2 Jan 2006")})
	}
}

// table is every database copy with the data copy that fits it best, the
// newest first.
func (r *ruler) table(p *draw.Props) {
	for _, k := range r.Keeping {
		if k.Kind != backup.Database {
			continue
		}
		for _, c := range slices.Backward(k.Copies) {
			if len(p.Rows) == rulerRows {
				return
			}
			row := draw.Row{Database: Dated(r.At, c.Copy.TakenAt, r.Zone), Serves: words.List(Tiers(c)...), Chosen: r.chosen[c.Copy.ID]}
			if !c.Copy.Good {
				row.Note = "incomplete or damaged; it is not counted on"
				p.Rows = append(p.Rows, row)
				continue
			}
			if near, _ := catalog.Reach(r.items, c.Copy.TakenAt); near.Data != nil {
				row.Data, row.Apart = Dated(r.At, near.Data.At, r.Zone), Apart(near.Skew)
				if near.Skew.Abs() > 24*time.Hour {
					row.Note = "its files are more than a day apart"
				}
			} else {
				row.Data, row.Note = ui.When{}, "no data copy"
			}
			p.Rows = append(p.Rows, row)
		}
	}
}
