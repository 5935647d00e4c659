package portal

import (
	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const namesSaid = 5 // paths that could not be read

// standing is how the copies of a kind stand.
func (s view) standing(kind backup.Kind) app.Keeping {
	for _, k := range s.Keeping {
		if k.Kind == kind {
			return k
		}
	}
	return app.Keeping{Kind: kind}
}

// sentence says how much would be lost now, as far as that was measured.
func (s view) sentence(attention []portal.Attention) (ui.State, []ui.Phrase) {
	db, data := s.standing(backup.Database).Standing.NewestGood, s.standing(backup.Data).Standing.NewestGood
	state := ui.Good
	for _, x := range attention {
		if ranks[x.State] < ranks[state] {
			state = x.State
		}
	}
	missing := state
	if missing == ui.Good {
		missing = ui.None
	}
	switch {
	case db.IsZero() && data.IsZero():
		next := "The first is on its way."
		if s.Site.State != dbq.SiteStateActive {
			next = "Copies of it are paused."
		}
		return missing, ui.Say(ui.Text("There is no whole copy of this site yet, so it could not come back. " + next))
	case db.IsZero():
		return missing, ui.Say(ui.Text("There is no whole copy of its database yet, so courses and grades could not come back. Its files were copied "), ui.Strong(words.Ago(s.now, data)), ui.Text("."))
	case data.IsZero():
		return missing, ui.Say(ui.Text("There is no whole copy of its files yet, so they could not come back. Its database was copied "), ui.Strong(words.Ago(s.now, db)), ui.Text("."))
	}
	return state, ui.Say(ui.Text("If the server died now, your site would lose at most "), ui.Strong(words.AtMost(s.now.Sub(data))+" of files"), ui.Text(" and "),
		ui.Strong(words.AtMost(s.now.Sub(db))+" of grades"), ui.Text(". How long it takes to come back was not measured yet."))
}

// attention is what a customer should know, worst first. What a machine said
// of itself is not repeated to them: it names what is ours.
func (s view) attention() []portal.Attention {
	var out []portal.Attention
	if s.Site.State != dbq.SiteStateActive {
		out = append(out, portal.Attention{State: ui.None, Word: "paused", Title: "Copies of this site are paused", Text: "No new copy is taken until we go on with them. Those that are there stay as promised. Ask us if you did not expect this."})
	}
	if s.Policy.Alarms.Tamper {
		out = append(out, portal.Attention{State: ui.Late, Word: "being looked at", Title: "We look at something unusual in this site’s copies", Text: "Until that is clear none of them is deleted, so that all can be undone. You need not do anything."})
	}
	for _, kind := range backup.Kinds() {
		out = append(out, s.attentionOf(kind)...)
	}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.State == catalog.Damaged {
			out = append(out, portal.Attention{
				State: ui.Incomplete, Word: "not used", Title: "One copy of the " + lower(c.Kind) + " cannot be used",
				Text: "Reading back the one of " + s.day(c) + " found a fault, so nothing will be brought back from it. The others are not touched by this.",
			})
		}
	}
	return out
}

func lower(kind backup.Kind) string {
	if kind == backup.Data {
		return "files"
	}
	return "database"
}

func (s view) day(c *dbq.CopiesOfSiteRow) string { return words.Day(s.now, c.TakenAt, s.zone) }

// attentionOf is what there is to know of one kind.
func (s view) attentionOf(kind backup.Kind) []portal.Attention {
	newest := s.newest[kind]
	last := "There is none before it yet."
	if newest != nil {
		last = "The newest that is there is of " + s.day(newest) + "."
	}
	var out []portal.Attention
	st := s.standing(kind).Standing
	ended := s.lastEnded(kind)
	switch {
	case s.Site.State != dbq.SiteStateActive:
	case st.Late:
		out = append(out, portal.Attention{
			State: ui.Late, Title: "The copy of the " + lower(kind) + " is late",
			Text: "It should have been there by " + words.Day(s.now, st.LateAt, s.zone) + ". Our staff see it too, and it starts by itself as soon as it can; you need not do anything. " + last,
		})
	case ended != nil && ended.State == backup.Failed:
		out = append(out, portal.Attention{
			State: ui.Late, Word: "tried again", Title: "The last copy of the " + lower(kind) + " did not succeed",
			Text: "Our staff see it too, and it is tried again by itself; you need not do anything. " + last,
		})
	}
	if newest != nil && newest.State == catalog.Incomplete {
		out = append(out, s.incomplete(newest))
	}
	return out
}

// incomplete names what the newest copy lacks.
func (s view) incomplete(c *dbq.CopiesOfSiteRow) portal.Attention {
	found := figure.DetailsOf(c).Problems
	x := portal.Attention{State: ui.Incomplete, Title: "The newest copy of the " + lower(c.Kind) + " lacks something", Text: "Our staff see what. Everything else is in it."}
	if len(found) == 0 {
		return x
	}
	one, many := "file", "files"
	if c.Kind == backup.Database {
		one, many = "part of the database", "parts of the database"
	}
	n := int64(len(found))
	x.Title = words.Capital(words.Many(n, one, many)) + " could not be read"
	x.Text = "The copy of " + s.day(c) + " lacks these; everything else is in it. Most often the site’s account may not read them."
	for _, f := range found[:min(len(found), namesSaid)] {
		x.Names = append(x.Names, f.Path)
	}
	if more := n - namesSaid; more > 0 {
		x.Names = append(x.Names, "and "+words.Count(more)+" more")
	}
	return x
}

// lastEnded is the newest run of the kind that ended by itself.
func (s view) lastEnded(kind backup.Kind) *dbq.Run {
	for i := range s.Runs { // newest first
		if r := &s.Runs[i]; r.Kind == kind && !r.State.Open() && r.State != backup.Cancelled {
			return r
		}
	}
	return nil
}
