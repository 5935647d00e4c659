package dash

import (
	"time"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

// fleetSentence is what the reader came for: is anything at risk?
func fleetSentence(sites []ranked, found app.Fleet, n narrowing, staff bool, now time.Time) (ui.State, []ui.Phrase) {
	all, total := int64(len(sites)), found.Total
	if n.filter == filterLate {
		return lateSentence(all, found)
	}
	if all == 0 {
		return ui.None, nil
	}
	var whole int64
	oldest := now
	worst := ui.Good
	for _, s := range sites {
		if s.whole {
			whole++
		}
		if s.newest.Before(oldest) {
			oldest = s.newest
		}
		for state, r := range ranks {
			if r == s.rank && r < ranks[worst] {
				worst = state
			}
		}
	}
	which := ""
	if n.search != "" {
		which = " found"
	}
	if whole == all {
		return ui.Good, wholeSentence(all, which, words.AtMost(now.Sub(oldest)), staff)
	}
	if all == 1 {
		return worst, oneSentence(worst, which, staff)
	}
	out := ui.Say(ui.Strong(words.Count(whole)+" of "+words.Many(all, "site", "sites")), ui.Text(which+" "+have(whole)+" good copies of both kinds. "))
	rest, are := all-whole, " need you: they are first in the list."
	if rest == 1 {
		are = " needs you: it is first in the list."
	}
	if !staff || worst == ui.None {
		are = " still lack one: they are first in the list."
		if rest == 1 {
			are = " still lacks one: it is first in the list."
		}
	}
	out = append(out, ui.Strong(words.Count(rest)), ui.Text(are))
	if all < total && n.search == "" {
		out = append(out, ui.Text(" Of "+words.Count(total)+" sites these are those that are late longest, and the first by name; search for the others."))
	}
	return worst, out
}

// lateSentence says how many sites are late.
func lateSentence(shown int64, found app.Fleet) (ui.State, []ui.Phrase) {
	if shown == 0 {
		return ui.Good, ui.Say(ui.Text("No site is late: each has the copies that its policy owes it by now."))
	}
	out := ui.Say(ui.Strong(words.Many(found.Late, "site", "sites")), ui.Text(" "+have(found.Late)+" a copy that is late, by the policy and its grace."))
	if shown < found.Late {
		out = append(out, ui.Text(" The "+words.Count(shown)+" that wait longest are looked at here."))
	}
	return ui.Late, out
}

// oneSentence is about a single site that is not whole.
func oneSentence(worst ui.State, found string, staff bool) []ui.Phrase {
	which := "Your site"
	if staff || found != "" {
		which = "The one site" + found
	}
	if worst == ui.None {
		return ui.Say(ui.Text(which + " does not have good copies of both kinds yet."))
	}
	return ui.Say(ui.Text(which + " needs a look: it does not have good copies of both kinds."))
}

func have(n int64) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func wholeSentence(all int64, found, old string, staff bool) []ui.Phrase {
	switch {
	case all == 1 && !staff:
		return ui.Say(ui.Text("Your site has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	case all == 1:
		return ui.Say(ui.Text("The one site"+found+" has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	}
	return ui.Say(ui.Text("All "), ui.Strong(words.Many(all, "site", "sites")), ui.Text(found+" have good copies of both kinds, the newest of none older than "), ui.Strong(old), ui.Text("."))
}
