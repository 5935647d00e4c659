package figure

import (
	"time"

	"holdfast/internal/advisor"
	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// Reader is who reads what is true of a site.
type Reader int

// The readers.
const (
	Staff Reader = iota
	Customer
)

// severities are how findings stand on pages.
var severities = map[advisor.Severity]struct {
	state ui.State
	word  string
}{
	advisor.Urgent: {ui.Failed, "urgent"}, advisor.Warning: {ui.Late, "to mend"}, advisor.Note: {ui.None, "good to know"},
}

// Finding words one finding for staff.
func Finding(f advisor.Finding) truth.Finding {
	s := severities[f.Severity]
	return truth.Finding{ID: string(f.Rule), State: s.state, Word: s.word, Title: f.Title, Says: f.Says, Remedy: f.Remedy}
}

// Advice words what is not right yet at a site; nil where nothing is known of
// it at all and staff would only read so again.
func Advice(a app.Advice, now time.Time, zone *time.Location, who Reader) *truth.Advice {
	r := a.Report
	out := &truth.Advice{Title: "Advice"}
	if who == Customer {
		out.Title = "What would make your site safer"
	}
	for _, f := range r.Findings {
		x := Finding(f)
		if who == Customer {
			if f.Customer == nil {
				continue
			}
			x.Title, x.Says, x.Remedy = f.Customer.Title, f.Customer.Says, f.Customer.Remedy
		}
		out.Findings = append(out.Findings, x)
	}
	newest := a.Facts.At
	if a.Facts.DataAt.After(newest) {
		newest = a.Facts.DataAt
	}
	if newest.IsZero() {
		out.State, out.Word, out.Calm = ui.None, "not known yet", "The first copies tell how the site is set up."
		return out
	}
	asOf := "the copies of " + words.Day(now, newest, zone)
	out.Hint = words.Many(int64(len(out.Findings)), "finding", "findings") + " of " + words.Many(int64(r.Rules), "check", "checks") + ", as of " + asOf
	if who == Customer {
		out.Hint = "as of " + asOf
	}
	out.Looked, out.Unjudged = looked(r, who), unjudged(r, who)
	out.State, out.Word = ui.Good, "nothing"
	switch {
	case len(r.Looked) < len(advisor.Topics()):
		out.State, out.Word, out.Calm = ui.None, "nothing so far", "In what could be looked at, all is as it should be. Some things could not be told yet; see below."
	case who == Customer:
		out.Calm = "We looked at " + words.List(out.Looked...) + ", and found nothing to mend."
	default:
		out.Calm = words.Capital(words.Many(int64(r.Rules), "check", "checks")) + " found nothing: " + words.List(out.Looked...) + "."
	}
	return out
}

// topics are what customers call what was looked at; what is missing is ours.
var topics = map[advisor.Topic]string{
	advisor.CourseBackups: "automated course backups", advisor.Background: "background work of the site", advisor.Upgrades: "upgrades and maintenance mode",
	advisor.Support: "how long your Moodle gets security fixes", advisor.Places: "what copies leave out", advisor.Content: "files that courses name", advisor.Access: "administrators",
}

func looked(r advisor.Report, who Reader) []string {
	var out []string
	for _, t := range r.Looked {
		word := string(t)
		if who == Customer {
			word = topics[t]
		}
		out = append(out, word)
	}
	return out
}

func unjudged(r advisor.Report, who Reader) []truth.Unjudged {
	var out []truth.Unjudged
	seen := map[advisor.Topic]bool{}
	for _, u := range r.Unjudged {
		x := truth.Unjudged{What: words.Capital(string(u.Topic)), Why: u.Why}
		if who == Customer {
			if u.Topic == advisor.Support || seen[u.Topic] {
				continue
			}
			x.What, x.Why = words.Capital(topics[u.Topic]), "The copies that are there do not tell it yet; a later one does."
		}
		seen[u.Topic] = true
		out = append(out, x)
	}
	return out
}
