package dash

import (
	"strings"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

func (s sitePage) about() string {
	first := release(s.facts)
	if first == "" {
		first = "Moodle"
	}
	parts := []string{first + " on " + s.HostName}
	if db := databaseOf(s.facts); db != "" {
		parts = append(parts, db)
	}
	return strings.Join(append(parts, s.zone.String()), " · ")
}

// sentence says what would be lost, as far as that was measured.
func (s sitePage) sentence(problems []dash.Problem) (ui.State, []ui.Phrase) {
	db, data := s.usable[backup.Database], s.usable[backup.Data]
	state := ui.Good
	if len(problems) > 0 {
		state = problems[0].State
	}
	if db == nil && data == nil {
		next := " None is on its way: ask for one."
		if len(s.open) > 0 {
			next = " The first is on its way."
		}
		if state == ui.Good {
			state = ui.None
		}
		return state, ui.Say(ui.Text("There is no copy of this site yet, so nothing of it could come back." + next))
	}
	if db == nil || data == nil {
		missing, means, has := backup.Database, "its courses and grades could not come back", data
		if data == nil {
			missing, means, has = backup.Data, "its files could not come back", db
		}
		if state == ui.Good {
			state = ui.None
		}
		return state, ui.Say(ui.Text("There is no "+copyWord(missing)+" yet, so "+means+". The newest "+copyWord(has.Kind)+" is "),
			ui.Strong(words.Span(s.now.Sub(has.TakenAt))), ui.Text(" old."))
	}
	return state, ui.Say(ui.Text("If this server died now, the site would lose at most "), ui.Strong(words.AtMost(s.now.Sub(data.TakenAt))+" of files"),
		ui.Text(" and "), ui.Strong(words.AtMost(s.now.Sub(db.TakenAt))+" of grades"), ui.Text(". How long it takes to come back was not measured yet."))
}

func (s sitePage) figures() []ui.Figure {
	var out []ui.Figure
	if c := s.usable[backup.Database]; c != nil {
		out = append(out, ui.Figure{Label: "newest database copy", Value: words.Count(c.RowTotal), Note: "rows in " + words.Many(int64(c.TableTotal), "table", "tables")})
	}
	if c := s.usable[backup.Data]; c != nil {
		out = append(out, ui.Figure{Label: "newest data copy", Value: words.Count(c.Files), Note: "files, " + words.Bytes(c.Bytes)})
	}
	if len(out) > 0 {
		out = append(out, ui.Figure{Label: "last test restore", Value: "none yet", Note: "nothing was measured"})
	}
	return out
}

// problems are what needs attention, worst first.
func (s sitePage) problems() []dash.Problem {
	var failed, late, short []dash.Problem
	for _, kind := range backup.Kinds() {
		if r := s.ended[kind]; r != nil && r.State == backup.Failed {
			failed = append(failed, dash.Problem{
				State: ui.Failed, Title: "The last " + copyWord(kind) + " failed",
				Detail: words.Stop(words.Capital(r.Error)) + " " + s.instead(kind), Href: "#runs", Action: "See runs",
			})
		}
		if r := s.open[kind]; r != nil {
			row := runRow(*r, place{host: s.HostName, zone: s.zone}, nil, s.now)
			if row.Error != "" {
				late = append(late, dash.Problem{State: row.State, Title: "The " + copyWord(kind) + " under way is held up", Detail: row.Error})
			}
		}
		if c := s.usable[kind]; c != nil && c.State == catalog.Incomplete {
			short = append(short, s.incomplete(*c))
		}
	}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.State == catalog.Damaged {
			failed = append(failed, dash.Problem{
				State: ui.Failed, Title: "The " + copyWord(c.Kind) + " of " + words.Day(s.now, c.TakenAt, s.zone) + " is damaged",
				Detail: "Reading it back found bytes that are not what was stored. It will not be used; other copies are not touched by this.",
			})
		}
	}
	for _, w := range s.facts.Warnings {
		if s.aboutLeftOut(w) {
			short = append(short, dash.Problem{State: ui.Late, Word: "to look at", Title: "What copies leave out needs a look", Detail: words.Stop(words.Capital(w)), Href: "#excluded", Action: "See what is left out"})
			continue
		}
		short = append(short, dash.Problem{State: ui.Late, Word: "to look at", Title: "The site's settings need a look", Detail: words.Stop(words.Capital(w))})
	}
	return append(append(failed, late...), short...)
}

// instead says what there is while the newest run of a kind failed.
func (s sitePage) instead(kind backup.Kind) string {
	c := s.usable[kind]
	if c == nil {
		return "There is no other " + copyWord(kind) + "."
	}
	return "The newest that can be used is of " + words.Day(s.now, c.TakenAt, s.zone) + "."
}

func (s sitePage) incomplete(c dbq.CopiesOfSiteRow) dash.Problem {
	found := figure.DetailsOf(&c).Problems
	p := dash.Problem{State: ui.Incomplete, Title: "The newest " + copyWord(c.Kind) + " lacks something", Detail: "The agent did not say what; look at the host's log."}
	if len(found) == 0 {
		return p
	}
	what := "files"
	if c.Kind == backup.Database {
		what = "parts"
	}
	p.Title = words.Many(int64(len(found)), strings.TrimSuffix(what, "s"), what) + " could not be read"
	p.Detail = "The " + copyWord(c.Kind) + " of " + words.Day(s.now, c.TakenAt, s.zone) + " lacks " + found[0].Path + " (" + strings.TrimRight(found[0].Reason, ". ") + ")"
	if more := int64(len(found) - 1); more > 0 {
		p.Detail += " and " + words.Count(more) + " more"
	}
	p.Detail += ". Everything else is in it."
	return p
}

// basis says what "nothing needs attention" rests on.
func (s sitePage) basis() string {
	db, data := s.usable[backup.Database], s.usable[backup.Data]
	switch {
	case db == nil && data == nil:
		return "Nothing was measured yet; the first copies tell."
	case db == nil || data == nil:
		return "One kind was copied whole; the other has no copy yet."
	case db.VerifiedAt != nil && data.VerifiedAt != nil:
		return "The newest copies of both kinds are whole and were read back from storage. A test restore was not made yet."
	}
	return "The newest copies of both kinds were whole when they were taken. A test restore was not made yet."
}

// copyNote says in few words what a copy holds, or lacks.
func copyNote(c dbq.CopiesOfSiteRow) string {
	if n := int64(len(figure.DetailsOf(&c).Problems)); c.State == catalog.Incomplete && n > 0 {
		if c.Kind == backup.Database {
			return words.Many(n, "part", "parts") + " could not be read"
		}
		return words.Many(n, "file", "files") + " could not be read"
	}
	if c.Kind == backup.Database {
		return words.Many(int64(c.TableTotal), "table", "tables") + " · " + words.Many(c.RowTotal, "row", "rows")
	}
	return words.Many(c.Files, "file", "files")
}

func (s sitePage) factList() []ui.Fact {
	f := s.facts
	out := []ui.Fact{{Label: "Code", Value: s.Site.CodeDir, Code: true}}
	add := func(label, value, note string, code bool) {
		if value != "" {
			out = append(out, ui.Fact{Label: label, Value: value, Note: note, Code: code})
		}
	}
	add("moodledata", f.DataRoot, "", true)
	add("Account folder", s.Site.AccountRoot, "", true)
	add("Address", f.WWWRoot, "", true)
	add("Layout", f.Layout, "", false)
	prefix := ""
	if f.Prefix != "" {
		prefix = "prefix " + f.Prefix
	}
	add("Database", databaseOf(f), prefix, false)
	if f.ReadBy != "" {
		add("config.php", "read by "+map[string]string{"php": "PHP", "static": "our own reader"}[f.ReadBy], "", false)
	}
	add("Time zone", s.Site.TimeZone, "", false)
	add("Site id", s.Site.ID.String(), "", true)
	return out
}
