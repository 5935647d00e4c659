package dash

import (
	"time"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

// fleetSentence is what a customer came for: is anything at risk?
func fleetSentence(sites []ranked, found app.Fleet, n narrowing, now time.Time) (ui.State, []ui.Phrase) {
	all, total := int64(len(sites)), found.Total
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
		return ui.Good, wholeSentence(all, which, words.AtMost(now.Sub(oldest)))
	}
	if all == 1 {
		return worst, oneSentence(worst, which)
	}
	out := ui.Say(ui.Strong(words.Count(whole)+" of "+words.Many(all, "site", "sites")), ui.Text(which+" "+have(whole)+" good copies of both kinds. "))
	rest, are := all-whole, " still lack one: they are first in the list."
	if rest == 1 {
		are = " still lacks one: it is first in the list."
	}
	out = append(out, ui.Strong(words.Count(rest)), ui.Text(are))
	if all < total && n.search == "" {
		out = append(out, ui.Text(" Of "+words.Count(total)+" sites these are those that are late longest, and the first by name; search for the others."))
	}
	return worst, out
}

// oneSentence is about a single site that is not whole.
func oneSentence(worst ui.State, found string) []ui.Phrase {
	which := "Your site"
	if found != "" {
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

func wholeSentence(all int64, found, old string) []ui.Phrase {
	switch {
	case all == 1 && found == "":
		return ui.Say(ui.Text("Your site has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	case all == 1:
		return ui.Say(ui.Text("The one site"+found+" has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	}
	return ui.Say(ui.Text("All "), ui.Strong(words.Many(all, "site", "sites")), ui.Text(found+" have good copies of both kinds, the newest of none older than "), ui.Strong(old), ui.Text("."))
}
