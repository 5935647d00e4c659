package figure

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	draw "holdfast/web/ruler"
	"holdfast/web/ui"
)

const (
	noticedMost = 36500 // days: a century is more than any policy keeps
	rulerRows   = 400   // of the table behind the ruler
	nightsDrawn = 24
	notesSaid   = 8
)

// Noticed is the moment that somebody asks about, as it was typed.
type Noticed struct {
	Typed  string
	Moment time.Time // zero: none was asked for
	Days   bool      // it was typed as a number of days
	Wrong  error
}

var momentForms = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"}

// ReadNoticed reads so many days ago, or a moment by the site's clock.
func ReadNoticed(typed string, zone *time.Location, now time.Time) Noticed {
	n := Noticed{Typed: strings.TrimSpace(typed)}
	if n.Typed == "" {
		return n
	}
	if days, err := strconv.ParseUint(n.Typed, 10, 32); err == nil {
		if days > noticedMost {
			n.Wrong = errs.Field("noticed", "%s days is longer ago than any copy; type at most %s", words.Count(int64(days)), words.Count(noticedMost)) //nolint:gosec // 32 bits
			return n
		}
		n.Moment, n.Days = now.AddDate(0, 0, -int(days)), true //nolint:gosec // 32 bits
		return n
	}
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, n.Typed, zone); err == nil {
			n.Moment = t
			if form == "2006-01-02" {
				n.Moment = t.AddDate(0, 0, 1).Add(-time.Second) // that day, to its end
			}
		}
	}
	if t, err := time.Parse(time.RFC3339, n.Typed); err == nil {
		n.Moment = t
	}
	switch {
	case n.Moment.IsZero():
		n.Wrong = errs.Field("noticed", "type how many days ago, like 4, or a moment, like 2026-10-17 12:00")
	case n.Moment.After(now) && n.Moment.Sub(now) > 24*time.Hour:
		n.Moment, n.Wrong = time.Time{}, errs.Field("noticed", "this lies in the future; type when it was still right")
	case n.Moment.Year() < 1970:
		n.Moment, n.Wrong = time.Time{}, errs.Field("noticed", "this is longer ago than any copy")
	case n.Moment.After(now):
		n.Moment = now
	}
	return n
}

// Past is the copies of one site, and what somebody asks about them.
type Past struct {
	app.SiteView
	At    time.Time // when it is looked at, by the door's clock
	Zone  *time.Location
	Asked Noticed
	Self  string // the page's own address, for the form
}

// Ruler answers how far back the site can go.
func (s Past) Ruler() *draw.Props {
	items := app.Items(s.Keeping)
	items = slices.DeleteFunc(items, func(c catalog.Item) bool { return c.At.After(s.Now) })
	p := &draw.Props{Zone: "Times of " + s.Zone.String() + "."}
	oldest := s.Now
	n := map[backup.Kind]int64{}
	for _, c := range items {
		n[c.Kind]++
		if c.At.Before(oldest) {
			oldest = c.At
		}
	}
	if len(items) == 0 {
		p.Empty = "There is no copy yet, so there is nothing to go back to."
		return p
	}
	p.Hint = words.Count(n[backup.Database]) + " database and " + words.Many(n[backup.Data], "data copy", "data copies") + ", back to " + oldest.In(s.Zone).Format("2 Jan 2006")
	r := ruler{Past: s, items: items, scale: ui.Scale{Oldest: s.Now.Sub(oldest)}}
	p.Ticks = r.scale.Ticks(oldest.In(s.Zone).Format("2 Jan 2006"))
	p.Form = s.form()
	if s.Asked.Wrong == nil && !s.Asked.Moment.IsZero() {
		r.answer(p)
	}
	p.Lanes = []draw.Lane{r.lane(backup.Database), r.lane(backup.Data)}
	r.stretches(p)
	r.table(p)
	return p
}

func (s Past) form() *draw.Form {
	self := s.Self
	f := &draw.Form{Action: self + "#how-far-back", Value: s.Asked.Typed}
	if s.Asked.Wrong != nil {
		f.Problem = Problem(s.Asked.Wrong)
	}
	for _, q := range []struct{ value, label string }{{"1", "1 day ago"}, {"4", "4 days"}, {"14", "2 weeks"}, {"60", "2 months"}} {
		href := self + "?" + url.Values{"noticed": {q.value}}.Encode() + "#how-far-back"
		f.Quick = append(f.Quick, ui.Choice{Label: q.label, Value: q.value, Href: href, Selected: s.Asked.Typed == q.value})
	}
	return f
}

// ruler draws the copies of one site.
type ruler struct {
	Past
	items  []catalog.Item
	scale  ui.Scale
	chosen map[string]bool
}

func (r *ruler) at(t time.Time) int { return r.scale.At(r.Now.Sub(t)) }

// answer says what the nearest copies to the moment are.
func (r *ruler) answer(p *draw.Props) {
	before, after := catalog.Reach(r.items, r.Asked.Moment)
	label := "asked for: " + r.Day(r.Asked.Moment)
	if r.Asked.Days {
		label = r.Asked.Typed + " days ago"
		if r.Asked.Typed == "1" {
			label = "1 day ago"
		}
	}
	p.Cursor = &draw.Tick{At: r.at(r.Asked.Moment), Label: label}
	r.chosen = map[string]bool{}
	switch {
	case before.Database == nil && after.Database == nil:
		p.State, p.Answer = ui.Failed, ui.Say(ui.Text("There is no good database copy at all, so nothing can come back yet."))
		return
	case before.Database == nil:
		p.State = ui.Failed
		p.Answer = ui.Say(ui.Text("No copy reaches back that far. The oldest is of "), ui.Strong(r.Day(after.Database.At)), ui.Text(", "+words.Span(-after.Lost)+" after the moment you named."))
		r.choose(after)
		return
	}
	r.choose(before)
	p.Answer = ui.Say(ui.Text("The nearest database copy before it is of "), ui.Strong(r.Day(before.Database.At)), ui.Text(", "+words.Span(before.Lost)+" earlier. "))
	if before.Data == nil {
		p.State = ui.Incomplete
		p.Answer = append(p.Answer, ui.Text("There is no data copy, so files could not come back with it."))
	} else {
		p.State = ui.Good
		if before.Skew.Abs() > 24*time.Hour {
			p.State = ui.Incomplete
		}
		p.Answer = append(p.Answer, ui.Text("The data copy that fits it best is of "), ui.Strong(r.Day(before.Data.At)), ui.Text(", "+Apart(before.Skew)+"."))
	}
	if after.Database != nil {
		p.Answer = append(p.Answer, ui.Text(" The next database copy is of "+r.Day(after.Database.At)+"."))
	}
}

func (r *ruler) choose(p catalog.Point) {
	r.chosen[p.Database.ID] = true
	if p.Data != nil {
		r.chosen[p.Data.ID] = true
	}
}

// Day writes a moment with its weekday.
func (s Past) Day(t time.Time) string {
	return t.In(s.Zone).Format("Mon ") + words.Day(s.At, t, s.Zone)
}

func (r *ruler) lane(kind backup.Kind) draw.Lane {
	l := draw.Lane{Kind: Kind(kind) + " copies"}
	for _, k := range r.Keeping {
		if k.Kind != kind {
			continue
		}
		for _, c := range k.Copies {
			if c.Copy.TakenAt.After(r.Now) {
				continue
			}
			label := r.Day(c.Copy.TakenAt)
			if t := Tiers(c); len(t) > 0 {
				label += ", " + words.List(t...)
			}
			held := c.Copy.ProtectedUntil.After(r.Now) || c.Copy.Pinned || c.Copy.LegalHold || c.Copy.InUse
			l.Marks = append(l.Marks, draw.Mark{At: r.at(c.Copy.TakenAt), Label: label, Held: held, Short: !c.Copy.Good, Chosen: r.chosen[c.Copy.ID]})
		}
	}
	return l
}

// Tiers are the rules that a copy serves.
func Tiers(c app.Judged) []string {
	var out []string
	for _, t := range c.Copy.Tiers {
		out = append(out, string(t.Tier))
	}
	return out
}
