package portal

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"holdfast/web/ruler"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// hostile is a name as somebody could choose it to break a page.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&amp;{{7*7}}`

// Names that have broken layouts before: long without a place to break, and
// written from right to left.
var (
	longName = strings.Repeat("verylongsubdomain", 4) + ".example.org" // 80 characters
	rtlName  = "مدرسة الرياض الثانوية للبنين"
)

type sample struct {
	name string
	page templ.Component
}

var allPlaces = May{Ask: true, Receipts: true, People: true, Activity: true}

func frame(section Section) Page {
	return Page{Nav: Nav(section, allPlaces), Who: "Jo Okafor", Org: "Riverside Academy"}
}

func at(words string) ui.When {
	return ui.When{Words: words, Exact: "21 Nov 2026 16:00:04 CET", Machine: "2026-11-21T16:00:04+01:00"}
}

// samples are every page in every state.
func samples() []sample {
	wrongZone := PreferencesProps{Page: frame(Preferences), Zone: hostile, Zones: []string{"Europe/Berlin"}, Problem: "This is not a time zone that is known here; type one like Europe/Berlin, or leave it empty."}
	return append(requestSamples(), []sample{
		{"sites", Overview(sitesFull())},
		{"sites-empty", Overview(SitesProps{Page: frame(Sites)})},
		{"sites-nomatch", Overview(SitesProps{Page: frame(Sites), Search: true, Narrowed: true, Query: hostile, Hidden: []ui.Choice{{Label: "tenant", Value: "riverside"}}})},
		{"sites-many", Overview(sitesMany())},
		{"sites-hostile", Overview(sitesHostile())},
		{"site", Site(siteFull())},
		{"site-empty", Site(siteEmpty())},
		{"site-coming", Site(siteComing())},
		{"site-there", Site(siteThere())},
		{"site-trouble", Site(siteTrouble())},
		{"site-viewer", Site(siteViewer())},
		{"site-refused", Site(siteRefused())},
		{"site-hostile", Site(siteHostile())},
		{"preferences", PreferencesForm(PreferencesProps{Page: frame(Preferences), Zone: "Europe/Berlin", Zones: []string{"Europe/Berlin", "UTC"}, Now: "It is 16:00 there now, CET.", Mail: "Mails go to " + hostile, Digest: true, Bounced: true})},
		{"preferences-refused", PreferencesForm(wrongZone)},
	}...)
}

func sitesFull() SitesProps {
	return SitesProps{
		Page: frame(Sites), State: ui.Late, MayBring: true,
		Sentence: ui.Say(ui.Strong("1 site is"), ui.Text(" not as it should be. Our staff see it too; you need not do anything. What was copied before is safe.")),
		Choices:  []ui.Choice{{Label: "All", Href: Path, Selected: true}, {Label: "Riverside Academy", Href: Path + "?tenant=riverside"}, {Label: "Hillcrest", Href: Path + "?tenant=hillcrest"}},
		Rows: []SiteRow{
			{Href: SitesPath + "2", Name: "exams.riverside.example", Org: "Riverside Academy", State: ui.Late, Text: "The nightly copy is late; our staff see it too. Last copied 30 h ago."},
			{Href: SitesPath + "3", Name: "new.riverside.example", Org: "Hillcrest", State: ui.None, Word: "not whole yet", Text: "Its first copies are on their way."},
			{Href: SitesPath + "1", Name: "learn.riverside.example", Org: "Riverside Academy", State: ui.Good, Word: "safe", Text: "Files last copied 2 h 10 min ago, database 9 h ago."},
		},
	}
}

func sitesMany() SitesProps {
	p := SitesProps{Page: frame(Sites), State: ui.Good, Sentence: ui.Say(ui.Text("All "), ui.Strong("10,000 sites"), ui.Text(" are safe.")), Search: true, Pager: ui.Pager{Words: "Sites 51 to 100 of 10,000", What: "sites", PrevHref: Path, NextHref: Path + "?after=x"}}
	for i := range 50 {
		p.Rows = append(p.Rows, SiteRow{Href: SitesPath + "1", Name: fmt.Sprintf("school-%04d.example", i), State: ui.Good, Word: "safe", Text: "Last copied 2 h 10 min ago."})
	}
	return p
}

func sitesHostile() SitesProps {
	p := SitesProps{Page: frame(Sites)}
	p.Who, p.Org = hostile, rtlName
	p.Notice = &ui.Notice{State: ui.Failed, Text: hostile}
	for _, n := range []string{hostile, longName, rtlName} {
		p.Rows = append(p.Rows, SiteRow{Href: SitesPath + "1", Name: n, Org: n, State: ui.Incomplete, Text: "Something is missing in the newest copy; the site’s page names it."})
	}
	return p
}

func pastOf() *ruler.Props {
	p := &ruler.Props{
		Hint: "72 database and 20 data copies, back to 1 Nov 2021", Zone: "Times of Europe/Berlin.",
		Form:  &ruler.Form{Action: SitesPath + "1#how-far-back", Value: "4", Quick: []ui.Choice{{Label: "1 day ago", Href: "?noticed=1"}, {Label: "4 days", Href: "?noticed=4", Selected: true}}},
		State: ui.Good, Answer: ui.Say(ui.Text("The nearest database copy before it is of "), ui.Strong("Tue 17 Nov 00:00"), ui.Text(", 16 h earlier.")),
		Cursor: &ruler.Tick{At: 600, Label: "4 days ago"}, Ticks: []ui.Tick{{At: 1000, Label: "now"}, {At: 700, Label: "1 week"}, {At: 0, Label: "1 Nov 2021"}},
		Notes: []string{"Before Sat 1 Aug only monthly copies are left: going back to a moment late in a month loses up to 30 d."},
	}
	db, data := ruler.Lane{Kind: "Database copies"}, ruler.Lane{Kind: "Data copies", Cliff: &ruler.Stretch{From: 0, To: 300, Label: "no data copy of about the same time"}}
	for i := range 24 {
		db.Marks = append(db.Marks, ruler.Mark{At: 1000 - i*40, Label: "Fri 17 Oct 00:00, daily", Chosen: i == 10, Held: i == 3})
		if i < 14 {
			data.Marks = append(data.Marks, ruler.Mark{At: 995 - i*50, Label: "Fri 17 Oct 04:00, hourly", Short: i == 5})
		}
		p.Rows = append(p.Rows, ruler.Row{Database: at("21 Nov 00:04"), Serves: "daily", Data: at("21 Nov 00:09"), Apart: "5 min newer", Chosen: i == 10})
	}
	p.Lanes = []ruler.Lane{db, data}
	return p
}

func siteFull() SiteProps {
	p := SiteProps{
		Page: frame(Sites), Name: "learn.riverside.example", About: "Times by the clock of Europe/Berlin.", Crumbs: []ui.Crumb{{Label: "My sites", Href: Path}}, StreamPath: SitesPath + "1/stream",
		State: ui.Good, BringHref: RequestPath + "?site=1", TicketsHref: TicketsPath + "?q=learn",
		Sentence: ui.Say(ui.Text("If the server died now, your site would lose at most "), ui.Strong("2 h 10 min of files"), ui.Text(" and "), ui.Strong("9 h of grades"), ui.Text(". How long it takes to come back was not measured yet.")),
		Keep:     keepSample(),
		Protected: []ProtectedRow{
			{Taken: at("20 Nov 14:02"), What: "database and files", Until: at("20 Dec 2026"), Why: "Before an upgrade"},
			{Taken: at("2 Nov 09:30"), What: "database", Until: at("1 Dec 2026"), Why: "Before a change: Moodle went from 4.5.5 to 4.5.6"},
		},
		PointsHint: "72 moments, back to 1 Nov 2021", Ruler: pastOf(),
		LeftOutNote: "As of the copy of files of 21 Nov 04:00. Mostly what Moodle makes anew by itself; everything else of the site is in the copies.",
		LeftOut: []LeftOutRow{
			{Path: "moodledata/cache", Why: "Moodle makes it anew", Bytes: ui.Amount{Words: "212 MB", Exact: "212,000,000 bytes"}},
			{Path: "moodledata/backup", Why: "The policy leaves it out; automated course backups may lie here", Bytes: ui.Amount{Words: "8.2 GB"}},
		},
		Lacks: "Automated course backups may lie in moodledata/backup, which the policy leaves out. If yours do, let Moodle keep them in another folder, or ask us to include it.",
		Promise: []PromiseRow{
			{"Database", "daily", "Every day at 00:00", "the newest 7"},
			{"Database", "weekly", "Every Friday at 00:00", "the newest 5"},
			{"Files", "hourly", "Every day at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00", "the newest 6"},
		},
		PolicyName: "published",
	}
	days, months := PointGroup{ID: "points-days", Title: "Day by day"}, PointGroup{ID: "points-months", Title: "Month by month", Folded: "Show all 60"}
	for i := range 7 {
		days.Points = append(days.Points, Point{At: at(fmt.Sprintf("Sat %d Nov 00:04", 21-i)), Files: "with its files of the same time", State: ui.Good})
	}
	days.Points[2].Chips = []string{"kept until 20 Dec 2026"}
	for i := range 60 {
		months.Points = append(months.Points, Point{At: at(fmt.Sprintf("Sun 1 Nov %d 00:04", 2026-i/12)), Files: "the database alone: no copy of files is left from about then", State: ui.Incomplete})
	}
	days.Points[0].Whole = &truth.Files{ID: "p1", State: ui.Good, Words: "all 412,102 files"}
	days.Points[1].Whole = missingSample("p2")
	days.Points[3].Whole = &truth.Files{ID: "p3", State: ui.None, Words: "files not counted yet"}
	p.Points = []PointGroup{days, months}
	p.Advice = adviceSample()
	return p
}

func missingSample(id string) *truth.Files {
	return &truth.Files{
		ID: id, State: ui.Incomplete, Words: "99.98 % of files, 3 missing", Notes: []string{"The copy of the files that fits it best was taken 12 min after it."},
		Groups: []truth.Group{{Course: "Biology 9b", Area: "Assignment submissions", Files: ui.Amount{Words: "2", Exact: "2 files"}, Bytes: ui.Amount{Words: "4.1 MB"}}, {Course: "outside courses", Area: "People’s pictures", Files: ui.Amount{Words: "1"}, Bytes: ui.Amount{Words: "18 kB"}}},
		Names:  []truth.Name{{Name: "Photosynthese – Übung 3.pdf", Course: "Biology 9b", Area: "Assignment submissions", Size: ui.Amount{Words: "2.2 MB"}}}, More: "And 2 places more.",
	}
}

func adviceSample() *truth.Advice {
	return &truth.Advice{
		Title: "What would make your site safer", Hint: "as of the copies of 21 Nov 16:00",
		Findings: []truth.Finding{{ID: "autobackup-kept-once", State: ui.Late, Word: "to mend", Title: "Course backups keep one copy only", Says: "A teacher who notices after some days that something is gone finds only the backup of last night, in which it is gone already.", Remedy: "Set “Maximum number of backups kept” to 4 or more."}},
		Looked:   []string{"automated course backups", "background work of the site"}, Unjudged: []truth.Unjudged{{What: "Files that courses name", Why: "The copies that are there do not tell it yet; a later one does."}},
	}
}

func keepSample() *KeepForm {
	return &KeepForm{Action: SitesPath + "1/protection", Days: "30", Reason: "Before an upgrade", Choices: []ui.Choice{{Value: "7", Label: "7 days"}, {Value: "30", Label: "30 days", Selected: true}}}
}

func siteEmpty() SiteProps {
	return SiteProps{
		Page: frame(Sites), Name: "new.riverside.example", About: "Times by the clock of Europe/Berlin.", StreamPath: SitesPath + "1/stream", State: ui.None,
		Sentence:    ui.Say(ui.Text("There is no whole copy of this site yet, so it could not come back. The first is on its way.")),
		Keep:        keepSample(),
		PointsEmpty: "There is no whole copy yet, so there is nothing to go back to. The first appears here as soon as it is there.",
		Ruler:       &ruler.Props{Empty: "There is no copy yet, so there is nothing to go back to."}, LeftOutNote: "The first copy of the files says what it leaves out.",
		Promise: siteFull().Promise,
	}
}

func siteComing() SiteProps {
	p := siteFull()
	p.Notice = &ui.Notice{State: ui.Good, Text: "We take a copy now. This page says when it is there; begin after that."}
	p.Keep.Off, p.Keep.Why = true, "One is on its way already."
	p.Coming = &Coming{State: ui.Running, Title: "A copy is on its way: wait with your change", Text: "It stays for 30 days. You may close this page; it goes on without you.", Parts: []ComingPart{
		{Name: "Database", State: ui.Running, Text: "is being taken", Progress: &ui.Progress{Label: "Database of learn.riverside.example", Percent: 63, Known: true, Words: "311 of 494 tables", Rate: "41 MB/s", Left: "20 s left"}},
		{Name: "Files", State: ui.Waiting, Text: "waits for its turn"},
	}}
	return p
}

func siteThere() SiteProps {
	p := siteFull()
	p.Coming = &Coming{State: ui.Good, Title: "The copy is there: you can begin", Text: "It stays until Mon 21 Dec 2026. If something goes wrong, ask us, and your site comes back as it was.", Parts: []ComingPart{
		{Name: "Database", State: ui.Good, Text: "there since 16:02"}, {Name: "Files", State: ui.Good, Text: "there since 16:05"},
	}}
	return p
}

func siteTrouble() SiteProps {
	p := siteFull()
	p.State = ui.Late
	p.Attention = []Attention{
		{State: ui.Late, Title: "The copy of the database is late", Text: "It should have been there by 03:30. Our staff see it too, and it starts by itself as soon as it can; you need not do anything. The newest that is there is of 20 Nov 00:04."},
		{State: ui.Incomplete, Title: "2 files could not be read", Text: "The copy of 21 Nov 04:00 lacks these; everything else is in it. Most often the site’s account may not read them.", Names: []string{"moodledata/filedir/aa/bb/" + longName, "moodledata/" + rtlName}},
	}
	p.Coming = &Coming{State: ui.Failed, Title: "The copy could not be taken whole: wait with your change", Text: "Nothing on your site changed. Our staff see it too. Press the button to try once more, or ask us.", Parts: []ComingPart{
		{Name: "Database", State: ui.Failed, Text: "could not be taken"}, {Name: "Files", State: ui.Unreachable, Text: "no news for 3 min; it goes on by itself"},
	}}
	return p
}

func siteViewer() SiteProps {
	p := siteFull()
	p.Keep, p.Protected = nil, nil
	p.Nav = Nav(Sites, May{})
	return p
}

func siteRefused() SiteProps {
	p := siteFull()
	p.StreamPath = ""
	p.Notice = &ui.Notice{State: ui.Failed, Text: "Reason: is longer than 300 characters."}
	p.Keep.Open, p.Keep.Problem, p.Keep.Reason = true, "It is longer than 300 characters.", strings.Repeat(hostile, 6)
	return p
}

func siteHostile() SiteProps {
	p := siteTrouble()
	p.Name, p.Org, p.Who, p.PolicyName = hostile, longName, rtlName, longName
	p.Protected[0].Why, p.Protected[1].Why = hostile, rtlName+" "+longName
	p.LeftOut[0].Path, p.Attention[0].Title, p.Crumbs[0].Label = longName+hostile, longName, rtlName
	p.Keep.Off, p.Keep.Why = true, "Copies of this site are paused, so none can be taken. Ask us to go on with them."
	hurt := p.Points[0].Points[1].Whole
	hurt.Groups[0].Course, hurt.Groups[1].Area, hurt.Names[0].Name, hurt.Names[0].Course = rtlName, longName, hostile+longName, longName
	p.Advice.Findings[0].Title, p.Advice.Findings[0].Says, p.Advice.Findings[0].Remedy = longName, hostile, rtlName
	return p
}
