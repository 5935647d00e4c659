package dash

import (
	"net/url"
	"slices"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// riskWord is how a risk is called: above the list, and of how many sites.
type riskWord struct {
	risk      app.FleetRisk
	label     string
	one, many string // what is said of one site, and of several
	state     ui.State
	always    bool // it is offered while there is none
}

var riskWords = []riskWord{
	{"damaged", "Damaged", "has a damaged copy", "have damaged copies", ui.Failed, true},
	{"failed", "Failed", "fails", "fail", ui.Failed, true},
	{"late", "Late", "is late", "are late", ui.Late, true},
	{"incomplete", "Incomplete", "has an incomplete copy", "have incomplete copies", ui.Incomplete, true},
	{"none", "No copy yet", "lacks a good copy of a kind", "lack a good copy of a kind", ui.None, true},
	{"alarm", "Alarm", "has raised an alarm", "have raised an alarm", ui.Unreachable, false},
	{"held", "Held", "", "", ui.Good, false},
	{"suspended", "Suspended", "", "", ui.Good, false},
}

// counted writes a number that may not have been counted to its end.
func counted(n int64, over bool) string {
	if over {
		return words.Count(n) + "+"
	}
	return words.Count(n)
}

// riskCount is one risk's number, as far as it was counted.
func riskCount(v app.FleetView, r app.FleetRisk) string {
	if v.Risks == nil {
		return ""
	}
	n := v.Risks[r]
	return counted(min(n, app.FleetCounted), n > app.FleetCounted)
}

// riskFilters are the choices above the list: how sites stand.
func riskFilters(q url.Values, v app.FleetView) []ui.Choice {
	on := q.Get("filter")
	out := []ui.Choice{{Label: "All", Href: fleetHref(q, "filter", ""), Count: counted(v.All, v.AllOver), Selected: on == ""}}
	for _, w := range riskWords {
		if !w.always && on != string(w.risk) && v.Risks[w.risk] == 0 {
			continue
		}
		out = append(out, ui.Choice{Value: string(w.risk), Label: w.label, Href: fleetHref(q, "filter", string(w.risk)), Count: riskCount(v, w.risk), Selected: on == string(w.risk)})
	}
	return out
}

// riskSentence is what staff came for: is anything at risk?
func riskSentence(v app.FleetView, l app.FleetLook, narrow bool) (ui.State, []ui.Phrase) {
	if l.Risk == "late" && len(v.Sites) == 0 && l.After == nil && l.Before == nil {
		return ui.Good, ui.Say(ui.Text("No site is late: each has the copies that its policy owes it by now."))
	}
	if v.All == 0 {
		return ui.None, nil
	}
	which := ""
	if narrow {
		which = " found"
	}
	if v.Risks == nil {
		return ui.None, ui.Say(ui.Text("The search finds "), ui.Strong("more than "+words.Count(v.All)+" sites"), ui.Text(". Search for more of a name to see how they stand together."))
	}
	worst := ui.State("")
	var parts [][]ui.Phrase
	for _, w := range riskWords {
		n := v.Risks[w.risk]
		if n == 0 || w.many == "" {
			continue
		}
		if worst == "" {
			worst = w.state
		}
		said := w.many
		if n == 1 {
			said = w.one
		}
		parts = append(parts, ui.Say(ui.Strong(riskCount(v, w.risk)), ui.Text(" "+said)))
	}
	if worst == "" {
		return ui.Good, wholeFleet(v, which)
	}
	out := ui.Say(ui.Text("Of "), ui.Strong(counted(v.All, v.AllOver)+plural(v.All, " site", " sites")+which), ui.Text(", "))
	for i, p := range parts {
		switch {
		case i > 0 && i == len(parts)-1:
			out = append(out, ui.Text(" and "))
		case i > 0:
			out = append(out, ui.Text(", "))
		}
		out = append(out, p...)
	}
	return worst, append(out, ui.Text("."))
}

func plural(n int64, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func wholeFleet(v app.FleetView, which string) []ui.Phrase {
	if v.All == 1 {
		return ui.Say(ui.Text("The one site" + which + " has good copies of both kinds, and none of them is late."))
	}
	return ui.Say(ui.Text("All "), ui.Strong(counted(v.All, v.AllOver)+" sites"), ui.Text(which+" have good copies of both kinds, and none is late."))
}

// orderWord is an order as a link, and as the list's hint both ways.
type orderWord struct {
	order          app.FleetOrder
	label          string
	said, reversed string
}

var fleetOrderWords = []orderWord{
	{"risk", "Worst", "damaged, failed, then the latest first", "what is safe for longest first"},
	{"name", "Name", "by name", "by name, from the end"},
	{"tenant", "Organisation", "by organisation", "by organisation, from the end"},
	{"host", "Host", "by host", "by host, from the end"},
	{"database", "Database copy", "oldest database copy first", "newest database copy first"},
	{"data", "Data copy", "oldest data copy first", "newest data copy first"},
	{"bytes", "Stored", "most stored first", "least stored first"},
}

// orderWords says how the list is ordered.
func orderWords(l app.FleetLook, reversed bool) string {
	for _, w := range fleetOrderWords {
		if w.order == l.Order && reversed {
			return w.reversed
		} else if w.order == l.Order {
			return w.said
		}
	}
	return ""
}

// fleetOrders are links to the orders; the one in force leads to its reverse.
func fleetOrders(q url.Values, l app.FleetLook) []ui.Choice {
	out := make([]ui.Choice, 0, len(fleetOrderWords))
	for _, w := range fleetOrderWords {
		c := ui.Choice{Value: string(w.order), Label: w.label, Href: fleetHref(q, "sort", string(w.order), "dir", ""), Selected: w.order == l.Order}
		if c.Selected && q.Get("dir") == "" {
			c.Href = fleetHref(q, "sort", string(w.order), "dir", "reverse")
		} else if c.Selected {
			c.Label += ", reversed"
		}
		out = append(out, c)
	}
	return out
}

// closely is the form that chooses by more than the risk.
func closely(q url.Values, names app.FleetNames) *dash.FleetClosely {
	f := &dash.FleetClosely{
		Tenant: q.Get("tenant"), Host: q.Get("host"), Kept: kept(q, "tenant", "host", "destination", "policy", "state"),
		Destinations: options(q.Get("destination"), "every destination", names.Destinations), Policies: options(q.Get("policy"), "every policy", append([]string{app.PublishedPolicy}, names.Policies...)),
		Standing: []ui.Choice{{Label: "any"}, {Value: "active", Label: "not suspended", Selected: q.Get("state") == "active"}},
	}
	if len(names.Hosts) <= fleetHosts {
		f.Hosts = options(q.Get("host"), "every host", names.Hosts)
	}
	for _, field := range []string{"tenant", "host", "destination", "policy", "state"} {
		f.Open = f.Open || q.Get(field) != ""
	}
	if len(fleetAsked(q)) > 0 {
		f.Clear = fleetHref(nil)
	}
	return f
}

// options are the choices of a field; what is chosen is among them even if the
// list was cut before it.
func options(chosen, all string, names []string) []ui.Choice {
	out := []ui.Choice{{Label: all}}
	if chosen != "" && !slices.Contains(names, chosen) {
		names = append([]string{chosen}, names...)
	}
	for _, n := range names {
		out = append(out, ui.Choice{Value: n, Label: n, Selected: n == chosen})
	}
	return out
}
