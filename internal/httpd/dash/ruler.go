package dash

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
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const (
	noticedMost = 36500 // days: a century is more than any policy keeps
	rulerRows   = 400   // of the table behind the ruler
	nightsDrawn = 24
)

// noticed is the moment that somebody asks about, as it was typed.
type noticed struct {
	typed  string
	moment time.Time // zero: none was asked for
	days   bool      // it was typed as a number of days
	wrong  error
}

var momentForms = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"}

// readNoticed reads so many days ago, or a moment by the site's clock.
func readNoticed(typed string, zone *time.Location, now time.Time) noticed {
	n := noticed{typed: strings.TrimSpace(typed)}
	if n.typed == "" {
		return n
	}
	if days, err := strconv.ParseUint(n.typed, 10, 32); err == nil {
		if days > noticedMost {
			n.wrong = errs.Field("noticed", "%s days is longer ago than any copy; type at most %s", words.Count(int64(days)), words.Count(noticedMost)) //nolint:gosec // 32 bits
			return n
		}
		n.moment, n.days = now.AddDate(0, 0, -int(days)), true //nolint:gosec // 32 bits
		return n
	}
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, n.typed, zone); err == nil {
			n.moment = t
			if form == "2006-01-02" {
				n.moment = t.AddDate(0, 0, 1).Add(-time.Second) // that day, to its end
			}
		}
	}
	if t, err := time.Parse(time.RFC3339, n.typed); err == nil {
		n.moment = t
	}
	switch {
	case n.moment.IsZero():
		n.wrong = errs.Field("noticed", "type how many days ago, like 4, or a moment, like 2026-10-17 12:00")
	case n.moment.After(now) && n.moment.Sub(now) > 24*time.Hour:
		n.moment, n.wrong = time.Time{}, errs.Field("noticed", "this lies in the future; type when it was still right")
	case n.moment.Year() < 1970:
		n.moment, n.wrong = time.Time{}, errs.Field("noticed", "this is longer ago than any copy")
	case n.moment.After(now):
		n.moment = now
	}
	return n
}

// rulerProps answer how far back the site can go.
func (s sitePage) rulerProps() *dash.RulerProps {
	items := app.Items(s.Keeping)
	items = slices.DeleteFunc(items, func(c catalog.Item) bool { return c.At.After(s.Now) })
	p := &dash.RulerProps{Zone: "Times of " + s.zone.String() + "."}
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
	p.Hint = words.Count(n[backup.Database]) + " database and " + words.Many(n[backup.Data], "data copy", "data copies") + ", back to " + oldest.In(s.zone).Format("2 Jan 2006")
	r := ruler{sitePage: s, items: items, scale: ui.Scale{Oldest: s.Now.Sub(oldest)}}
	p.Ticks = r.scale.Ticks(oldest.In(s.zone).Format("2 Jan 2006"))
	p.Form = s.noticedForm()
	if s.asked.wrong == nil && !s.asked.moment.IsZero() {
		r.answer(p)
	}
	p.Lanes = []dash.RulerLane{r.lane(backup.Database), r.lane(backup.Data)}
	r.stretches(p)
	r.table(p)
	return p
}

func (s sitePage) noticedForm() *dash.NoticedForm {
	self := sitePath(s.Site.ID)
	f := &dash.NoticedForm{Action: self + "#how-far-back", Noticed: dash.Field{Value: s.asked.typed}}
	if s.asked.wrong != nil {
		f.Noticed.Problem = problemOf(s.asked.wrong)
	}
	for _, q := range []struct{ value, label string }{{"1", "1 day ago"}, {"4", "4 days"}, {"14", "2 weeks"}, {"60", "2 months"}} {
		href := self + "?" + url.Values{"noticed": {q.value}}.Encode() + "#how-far-back"
		f.Quick = append(f.Quick, ui.Choice{Label: q.label, Value: q.value, Href: href, Selected: s.asked.typed == q.value})
	}
	return f
}

// ruler draws the copies of one site.
type ruler struct {
	sitePage
	items  []catalog.Item
	scale  ui.Scale
	chosen map[string]bool
}

func (r *ruler) at(t time.Time) int { return r.scale.At(r.Now.Sub(t)) }

// answer says what the nearest copies to the moment are.
func (r *ruler) answer(p *dash.RulerProps) {
	before, after := catalog.Reach(r.items, r.asked.moment)
	label := "asked for: " + r.day(r.asked.moment)
	if r.asked.days {
		label = r.asked.typed + " days ago"
		if r.asked.typed == "1" {
			label = "1 day ago"
		}
	}
	p.Cursor = &dash.RulerTick{At: r.at(r.asked.moment), Label: label}
	r.chosen = map[string]bool{}
	switch {
	case before.Database == nil && after.Database == nil:
		p.State, p.Answer = ui.Failed, ui.Say(ui.Text("There is no good database copy at all, so nothing can come back yet."))
		return
	case before.Database == nil:
		p.State = ui.Failed
		p.Answer = ui.Say(ui.Text("No copy reaches back that far. The oldest is of "), ui.Strong(r.day(after.Database.At)), ui.Text(", "+words.Span(-after.Lost)+" after the moment you named."))
		r.choose(after)
		return
	}
	r.choose(before)
	p.Answer = ui.Say(ui.Text("The nearest database copy before it is of "), ui.Strong(r.day(before.Database.At)), ui.Text(", "+words.Span(before.Lost)+" earlier. "))
	if before.Data == nil {
		p.State = ui.Incomplete
		p.Answer = append(p.Answer, ui.Text("There is no data copy, so files could not come back with it."))
	} else {
		p.State = ui.Good
		if before.Skew.Abs() > 24*time.Hour {
			p.State = ui.Incomplete
		}
		p.Answer = append(p.Answer, ui.Text("The data copy that fits it best is of "), ui.Strong(r.day(before.Data.At)), ui.Text(", "+apart(before.Skew)+"."))
	}
	if after.Database != nil {
		p.Answer = append(p.Answer, ui.Text(" The next database copy is of "+r.day(after.Database.At)+"."))
	}
}

func (r *ruler) choose(p catalog.Point) {
	r.chosen[p.Database.ID] = true
	if p.Data != nil {
		r.chosen[p.Data.ID] = true
	}
}

// apart says how a data copy lies to its database copy.
func apart(skew time.Duration) string {
	switch {
	case skew.Abs() < time.Minute:
		return "at the same time"
	case skew < 0:
		return words.Span(-skew) + " older"
	}
	return words.Span(skew) + " newer"
}

// day writes a moment with its weekday.
func (s sitePage) day(t time.Time) string {
	return t.In(s.zone).Format("Mon ") + words.Day(s.now, t, s.zone)
}

func (r *ruler) lane(kind backup.Kind) dash.RulerLane {
	l := dash.RulerLane{Kind: kindWord(kind) + " copies"}
	for _, k := range r.Keeping {
		if k.Kind != kind {
			continue
		}
		for _, c := range k.Copies {
			if c.Copy.TakenAt.After(r.Now) {
				continue
			}
			label := r.day(c.Copy.TakenAt)
			if t := tiersOf(c); len(t) > 0 {
				label += ", " + words.List(t...)
			}
			held := c.Copy.ProtectedUntil.After(r.Now) || c.Copy.Pinned || c.Copy.LegalHold || c.Copy.InUse
			l.Marks = append(l.Marks, dash.RulerMark{At: r.at(c.Copy.TakenAt), Label: label, Held: held, Short: !c.Copy.Good, Chosen: r.chosen[c.Copy.ID]})
		}
	}
	return l
}

func tiersOf(c app.Judged) []string {
	var out []string
	for _, t := range c.Copy.Tiers {
		out = append(out, string(t.Tier))
	}
	return out
}
