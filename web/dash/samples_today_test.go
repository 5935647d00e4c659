package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// todaySamples are the first page, one run and finding, full and empty.
func todaySamples() []sample {
	return []sample{
		{"today", Today(todayFull())},
		{"today-calm", Today(TodayProps{
			Page: staff(TodaySection), Date: "Sunday 22 November 2026 · 1,284 sites on 37 hosts", State: ui.Good,
			Sentence: ui.Say(ui.Text("Nothing needs you. "), ui.Strong("1,284 sites have"), ui.Text(" copies as new as promised, the last from "), ui.Strong("2 min ago"), ui.Text(".")),
			Basis:    "Every kind of copy of 1,284 sites is as new as its policy promises, no run failed since, and 37 hosts answer. The planner looked just now.",
		})},
		{"today-empty", Today(TodayProps{Page: staff(TodaySection), Date: "Sunday 22 November 2026", State: ui.None, Sentence: ui.Say(ui.Text("There is no site yet, so nothing is watched.")), Basis: "There is no site yet. Add a host, then a site; this page watches them from then on."})},
		{"run", Run(runWaiting())},
		{"run-made", Run(runMade())},
		{"run-failed", Run(runBroken())},
		{"runs-chosen", Runs(runsChosen())},
		{"runs-many", Runs(runsMany(200))},
		{"find", Find(FindProps{Page: staff(NoSection), Query: "school", Found: foundFull()})},
		{"find-none", Find(FindProps{Page: customer(NoSection), Query: hostile, Found: FoundProps{Words: "Nothing found.", Hint: "Nothing that you may see is called so."}})},
		{"find-wrong", Find(FindProps{Page: staff(NoSection), Problem: "Look for less, 100 characters at most."})},
	}
}

func todayFull() TodayProps {
	p := TodayProps{
		Page: staff(TodaySection), Date: "Sunday 22 November 2026 · 1,284 sites on 37 hosts", State: ui.Failed, StreamPath: "/sites/1/stream", Runs: "18 at work, more than 1,999 wait",
		Sentence: ui.Say(ui.Strong("7 things need you. "), ui.Text("The worst: "), ui.Strong("moodle.hillcrest.example has no database copy since 19 Nov 00:00 UTC"), ui.Text(".")),
		Risks: []Risk{
			{State: ui.Failed, Title: "moodle.hillcrest.example has no database copy since 19 Nov 00:00 UTC", Detail: "Mariadb-dump: table mdl_logstore_standard_log is marked as crashed. 3 runs failed since.", Href: "/runs/1", Action: "Open run", About: "of moodle.hillcrest.example"},
			{State: ui.Failed, Word: "damaged", Title: "2 copies of 2 sites are damaged at falkenstein-2", Detail: "Reading back found bytes that are not what was stored.", Href: "/destinations/1", Action: "Open storage", About: "falkenstein-2"},
			{State: ui.Unreachable, Word: "silent", Title: "host-q has not answered for 26 min", Detail: "41 sites. Nothing is lost yet: the next copies are due in 34 min.", Href: "/hosts/host-q", Action: "Open host", About: "host-q"},
			{State: ui.Late, Title: "41 sites of host-b are late, by up to 2 h", Detail: "Their newest copies are older than their policies promise.", Href: "/hosts/host-b", Action: "Open host", About: "host-b"},
			{State: ui.Incomplete, Title: "The newest data copy of " + longName + " lacks something", Detail: "It holds everything that could be read.", Href: "/sites/1", Action: "Open site", About: longName},
			{State: ui.Late, Word: "clock jumped", Title: "The clock went back by 2 h", Detail: "Nothing is deleted until it has run steadily for a day.", Act: &Act{Action: ClockTrustPath, Label: "The clock is right", About: "deletions go on"}},
			{State: ui.Failed, Title: hostile + " fails", Detail: hostile + rtlName, Href: "/sites/2", Action: "Open site", About: hostile},
		},
		More:  "And 8 more hosts have late sites.",
		Apart: []Risk{{State: ui.Cancelled, Word: "suspended", Title: rtlName + " is suspended", Detail: "No copy is taken until it is resumed.", Href: "/sites/3", Action: "Open site", About: rtlName}},
	}
	p.Running = runsFull().Running
	return p
}

func runBase(name string, state ui.State) RunProps {
	return RunProps{
		Page: staff(RunsSection), Name: name, Crumbs: []ui.Crumb{{Label: "Runs", Href: RunsPath}, {Label: name, Href: "/sites/1"}}, About: "Planned by the schedule · host-b · Riverside Academy", State: state,
		Refresh: "/runs/1", Facts: []ui.Fact{{Label: "Attempts", Value: "1 of 3"}, {Label: "Run id", Value: "01939c5e-7c1a-7b5e-8d0a-1f2e3d4c5b6a", Code: true}},
		Log: []LogRow{
			{When: at("22 Nov 16:00:04", "22 Nov 2026 16:00:04 CET"), State: ui.Waiting, Text: "The run was planned.", Note: "Its copy will be protected for 30 days: " + hostile, Who: "by you"},
			{When: at("16:00:09", "22 Nov 2026 16:00:09 CET"), Since: "+ 5 s", State: ui.Running, Text: "Host-b took it."},
			{When: at("16:02:15", "22 Nov 2026 16:02:15 CET"), Since: "+ 2 min 06 s", State: ui.Late, Text: "The attempt failed.", Note: "Mariadb-dump: " + longName},
		},
	}
}

func runWaiting() RunProps {
	p := runBase("Data copy of "+longName, ui.Waiting)
	p.Sentence = ui.Say(ui.Text("This copy has not begun: "), ui.Strong("host-b is full: 4 of 4 at once"), ui.Text("."))
	p.Why = &Problem{State: ui.Waiting, Title: "Host-b is full: 4 of 4 at once", Detail: "12 runs are before it in line; it begins by itself."}
	p.Progress, p.StreamPath = bar("Data copy"), "/sites/1/stream"
	p.Cancel, p.CancelOpen = &PinForm{Action: "/runs/1/cancellation", Reason: Field{Value: "", Problem: "Say in a few words why, 300 characters at most."}}, true
	return p
}

func runMade() RunProps {
	p := runBase("Data copy of "+rtlName, ui.Good)
	p.Page = customer(RunsSection)
	p.Sentence = ui.Say(ui.Text("The copy is whole, taken in "), ui.Strong("2 min 06 s"), ui.Text("."))
	p.Figures = []ui.Figure{{Label: "took", Value: "2 min 06 s"}, {Label: "read", Value: "41.2 GB"}, {Label: "stored anew", Value: "112 MB"}}
	p.Copy = &RunCopy{State: ui.Good, Word: "whole", Text: "412,331 files", Href: "/sites/1#copy", Serves: []string{"daily of 2026-11-22 00:00", "weekly of 2026-11-20 00:00"}, Facts: []ui.Fact{{Label: "Taken", Value: "22 Nov 2026 16:00:09 CET"}}}
	return p
}

func runBroken() RunProps {
	p := runBase("Database copy of "+hostile, ui.Failed)
	p.Sentence = ui.Say(ui.Text("It failed and made no copy. "), ui.Strong("Mariadb-dump: "+longName+"."), ui.Text(" Copies from before are not touched by it."))
	p.Retry, p.RetryNote = &Act{Action: "/runs/1/retry", Label: "Try again now", About: "the database copy"}, "A new run is planned, before those of the schedule."
	return p
}

func runsChosen() RunsProps {
	p := runsFull()
	one := []ui.Choice{{Value: "", Label: "every one"}, {Value: "failed", Label: longName, Selected: true}}
	p.Narrowed, p.HideOpen, p.Pager = true, true, ui.Pager{What: "runs", NextHref: "/runs?before=1", PrevHref: "/runs"}
	p.Filter = RunsFilter{
		Quick: []ui.Choice{{Label: "All", Href: RunsPath}, {Label: "Failed", Href: RunsPath + "?state=failed", Selected: true}}, States: one, Kinds: one, Reasons: one, Hosts: one, Tenants: one,
		Site: hostile, Day: "2026-11-22", Open: true, Clear: RunsPath,
	}
	return p
}

func runsMany(n int) RunsProps {
	p := runsFull()
	row := p.Recent[0]
	p.Recent = nil
	for i := range n {
		row.Site, row.Href = "site-"+strconv.Itoa(i)+".example", "/runs/"+strconv.Itoa(i)
		p.Recent = append(p.Recent, row)
	}
	return p
}

func foundFull() FoundProps {
	return FoundProps{Query: "school", Words: "6 found.", Groups: []FoundGroup{
		{ID: "sites", Label: "Sites", Items: []FoundItem{{Href: "/sites/1", Label: "a.school.example", Note: "Riverside Academy"}, {Href: "/sites/2", Label: longName, Note: strings.Repeat("Wirtschaftsgymnasium ", 4)}, {Href: "/sites/3", Label: rtlName, Note: hostile}}},
		{ID: "acts", Label: "Do", Items: []FoundItem{{Href: "/sites/1#kind", Label: "Back up a.school.example now", Note: "opens its form"}}},
		{ID: "pages", Label: "Go to", Items: []FoundItem{{Href: "/runs", Label: "Runs"}, {Href: "/sites", Label: "Sites"}}},
	}}
}
