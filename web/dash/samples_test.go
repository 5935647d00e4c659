package dash

import (
	"strings"

	"github.com/a-h/templ"

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

func staff(current Section) Page {
	return Page{Nav: StaffNav(current), Who: "Ada Brandt", Org: "Staff"}
}

func customer(current Section) Page {
	return Page{Product: "Brightside Hosting", Nav: CustomerNav(current), Who: "Jo Okafor", Org: "Riverside Academy", Top: true}
}

func at(words, exact string) ui.When {
	return ui.When{Words: words, Exact: exact, Machine: "2026-11-21T16:00:04+01:00"}
}

func amount(words, exact string) ui.Amount { return ui.Amount{Words: words, Exact: exact} }

func bar(label string) *ui.Progress {
	return &ui.Progress{Label: label, Percent: 75, Known: true, Words: "311,204 of 412,331 files", Rate: "212 MB/s", Left: "14 s left"}
}

// samples are every page, full and empty, for staff and for customers.
func samples() []sample {
	return append(append(append(append(restoreSamples(), append(policySamples(), truthSamples()...)...), append(identitySamples(), append(append(settingsSamples(), deskSamples()...), append(hostSamples(), discoverSamples()...)...)...)...), todaySamples()...), []sample{
		{"signin", SignIn(SignInProps{Next: "/sites"})},
		{"signin-error", SignIn(SignInProps{Product: "Brightside Hosting", Email: "ada@brightside.example", Next: hostile, Error: "That email and password do not belong together. Nothing is locked; try again."})},
		{"fleet", Fleet(fleetFull())},
		{"fleet-empty", Fleet(FleetProps{Page: staff(SitesSection), State: ui.None, AddCommand: "holdfast site add --tenant riverside --host host-b --name learn.riverside.example --code /srv/riverside/moodle"})},
		{"fleet-nomatch", Fleet(FleetProps{Page: staff(SitesSection), Narrowed: true, Query: "hillcrest " + hostile, Kept: []ui.Choice{{Label: "filter", Value: "late"}}, Filters: filters("late")})},
		{"fleet-customer", Fleet(fleetCustomer())},
		{"fleet-customer-empty", Fleet(FleetProps{Page: customer(SitesSection)})},
		{"site", Site(siteFull())},
		{"site-empty", Site(siteEmpty())},
		{"site-hostile", Site(siteHostile())},
		{"runs", Runs(runsFull())},
		{"runs-empty", Runs(RunsProps{Page: staff(RunsSection)})},
		{"queue", Queue(queueFull())},
		{"queue-empty", Queue(QueueProps{Page: staff(QueueSection), State: ui.Good, Sentence: ui.Say(ui.Text("Nothing waits and nothing failed.")), Counts: queueCounts("0"), Showing: "that run now"})},
		{"hosts", Hosts(hostsFull())},
		{"hosts-no-match", Hosts(HostsProps{Page: staff(HostsSection), Query: hostile, Narrowed: true, Total: 37, All: HostsPath, Filters: hostsFull().Filters})},
		{"hosts-empty", Hosts(HostsProps{Page: staff(HostsSection), NewHref: NewHostPath})},
		{"error-404", Error(ErrorProps{Page: staff(NoSection), Status: 404, Sentence: "There is no such page, or it belongs to somebody else.", RequestID: "01939c5e-7c1a-7b5e-8d0a-1f2e3d4c5b6a", BackHref: SitesPath, BackLabel: "All sites"})},
		{"error-500", Error(ErrorProps{Status: 500, Sentence: "We could not reach our database. Your sites and their copies are not touched by this; try again in a minute.", RequestID: "01939c5e-7c1a-7b5e-8d0a-1f2e3d4c5b6a", BackHref: "/", BackLabel: "Try again"})},
		{"error-403", Error(ErrorProps{Page: customer(NoSection), Status: 403, Sentence: "Your account may look at this site, but not ask for backups.", BackHref: SitesPath, BackLabel: "All sites"})},
	}...)
}

func filters(on string) []ui.Choice {
	c := []ui.Choice{
		{Value: "", Label: "All", Href: SitesPath, Count: "1,284"},
		{Value: "late", Label: "Not good", Href: SitesPath + "?filter=late", Count: "5"},
		{Value: "running", Label: "Running now", Href: SitesPath + "?filter=running", Count: "2"},
	}
	for i := range c {
		c[i].Selected = c[i].Value == on
	}
	return c
}

func fleetFull() FleetProps {
	good := Freshness{State: ui.Good, Age: at("9 h ago", "21 Nov 2026 00:04:12 CET")}
	data := Freshness{State: ui.Good, Age: at("2 h 10 min ago", "21 Nov 2026 16:00:04 CET")}
	return FleetProps{
		Page: staff(SitesSection), ShowTenant: true, ShowHost: true, ShowStored: true, State: ui.Failed, Closely: fleetCloselySample(), Views: fleetViewsSample(),
		Orders:   []ui.Choice{{Label: "Worst, reversed", Href: SitesPath + "?sort=risk", Selected: true}, {Label: "Name", Href: SitesPath + "?sort=name"}, {Label: "Most stored", Href: SitesPath + "?sort=bytes"}},
		Sentence: ui.Say(ui.Strong("1,279 of 1,284 sites"), ui.Text(" have good copies of both kinds. "), ui.Strong("5 need you"), ui.Text(": they are first in the list.")),
		Filters:  filters(""), Order: "worst first",
		Sites: []SiteRow{
			{
				Href: "/sites/1", Name: "moodle.hillcrest.example", Tenant: "Hillcrest College", TenantHref: SitesPath + "?tenant=hillcrest", Host: "host-q", HostHref: SitesPath + "?host=host-q", Release: "Moodle 4.1.2",
				Marks: []Mark{{State: ui.Failed, Word: "2 damaged copies"}, {State: ui.Waiting, Word: "legal hold: nothing is deleted"}}, Stored: amount("41.2 GB", "44,238,912,311 bytes"), StoredWithin: "policy gold",
				Database: Freshness{State: ui.Failed, Age: at("43 h ago", "19 Nov 2026 23:00:00 CET"), Note: "Table mdl_logstore_standard_log is marked as crashed."}, Data: data,
			},
			{
				Href: "/sites/2", Name: "campus.northgate.example", Tenant: "Northgate School", Host: "host-b", Release: "Moodle 5.1.1",
				Database: Freshness{State: ui.Late, Age: at("27 h ago", "20 Nov 2026 15:10:00 CET"), Note: "due since 21 Nov 15:10"},
				Data:     Freshness{State: ui.Incomplete, Age: at("2 h ago", "21 Nov 2026 16:00:04 CET"), Note: "3 files could not be read"},
			},
			{
				Href: "/sites/3", Name: "new.oak.example", Tenant: "Oak Primary", Host: "host-b", Release: "Moodle 4.5.6",
				Database: Freshness{State: ui.None, Running: &ui.Progress{Label: "Database copy of new.oak.example", Words: "mdl_grade_grades_history"}}, Data: Freshness{State: ui.None},
			},
			{Href: "/sites/4", Name: longName, Tenant: strings.Repeat("Wirtschaftsgymnasium ", 4), Host: "host-with-a-rather-long-name-07.fsn1.example", Release: "Moodle 4.5.6+ (Build: 20260918)", Database: good, Data: data},
			{
				Href: "/sites/5", Name: rtlName, Tenant: "وزارة التعليم", Host: "host-b", Release: "Moodle 4.5.6", Database: good,
				Data: Freshness{State: ui.Good, Age: at("4 h ago", "21 Nov 2026 14:00:00 CET"), Running: bar("Data copy")},
			},
			{Href: "/sites/6", Name: "learn.riverside.example", Tenant: "Riverside Academy", Host: "host-a", Release: "Moodle 4.5.6", Database: good, Data: data},
			{Href: "/sites/7", Name: hostile, Tenant: hostile, Host: hostile, Release: hostile, Database: good, Data: data},
		},
		Pager: ui.Pager{NextHref: SitesPath + "?after=abc", Words: "Sites 1 to 7 of 1,284", What: "sites"},
	}
}

func fleetCloselySample() *FleetClosely {
	return &FleetClosely{
		Tenant: hostile, Hosts: []ui.Choice{{Label: "every host"}, {Value: "host-q", Label: "host-q", Selected: true}, {Value: hostile, Label: hostile}},
		Destinations: []ui.Choice{{Label: "every destination"}, {Value: "default", Label: "default"}}, Policies: []ui.Choice{{Label: "every policy"}, {Value: "published", Label: "published"}},
		Standing: []ui.Choice{{Label: "any"}, {Value: "active", Label: "not suspended"}}, Kept: []ui.Choice{{Label: "sort", Value: "name"}}, Open: true, Clear: SitesPath + "?sort=risk",
	}
}

func fleetViewsSample() *FleetViews {
	v := &FleetViews{Query: "filter=late&q=" + hostile, Share: true, Save: true, Name: hostile, Problem: "There is a view of this name already; choose another name, or delete that one first."}
	for i, name := range []string{"Late at Hillcrest", longName, rtlName, hostile} {
		v.Links = append(v.Links, ui.Choice{Label: name, Href: SitesPath + "?filter=late", Selected: i == 0})
		v.Mine = append(v.Mine, SavedView{Name: name, Note: "shared by " + name, Href: SitesPath + "?filter=late", Default: i == 1, OpenAction: ViewsPath + "/1/opening", DropAction: ViewsPath + "/1/deletion"})
	}
	return v
}

func fleetCustomer() FleetProps {
	p := fleetFull()
	p.Closely, p.Views, p.Orders, p.ShowStored = nil, nil, nil, false
	p.Page, p.ShowTenant, p.ShowHost, p.Filters = customer(SitesSection), false, false, nil
	p.Sites = p.Sites[5:6]
	p.State, p.Sentence = ui.Good, ui.Say(ui.Text("Your site has good copies of both kinds, the newest "), ui.Strong("2 h 10 min"), ui.Text(" old."))
	p.Pager = ui.Pager{}
	return p
}

func siteFull() SiteProps {
	p := SiteProps{
		Page: staff(SitesSection), Crumbs: []ui.Crumb{{Label: "Sites", Href: SitesPath}, {Label: "Riverside Academy", Href: SitesPath + "?q=Riverside"}},
		Name: "learn.riverside.example", About: "Moodle 4.5.6 on host-b · MariaDB 10.11 · Europe/Berlin", State: ui.Late,
		Sentence:   ui.Say(ui.Text("If this server died now, the site would lose at most "), ui.Strong("2 h 10 min of files"), ui.Text(" and "), ui.Strong("9 h of grades"), ui.Text(". How long it takes to come back was not measured yet.")),
		Figures:    []ui.Figure{{Label: "last drill", Value: "none yet", Note: "nothing was measured"}, {Label: "newest data copy", Value: "412,331", Note: "files"}},
		Problems:   []Problem{{State: ui.Incomplete, Title: "3 files could not be read", Detail: "The data copy of 21 Nov 16:00 lacks them: the agent may not read moodledata/lang/de_old. Nothing else is missing.", Href: "#excluded", Action: "See folders"}, {State: ui.Late, Title: "The weekly database copy of Friday was a day late", Detail: "host-b was silent from 00:00 to 06:40. Saturday's copy serves instead."}},
		Backup:     &BackupForm{Action: "/sites/1/runs", Kinds: []ui.Choice{{Value: "both", Label: "Database and data", Selected: true}, {Value: "database", Label: "Database"}, {Value: "data", Label: "Data"}}},
		StreamPath: "/sites/1/stream", RunsHref: RunsPath + "?site=1", ExcludedAs: "as of the data copy of 21 Nov 16:00",
		Copies: []CopyGroup{
			{ID: "database", Kind: "Database copies", Hint: "3 copies · 68 MB stored", Counted: "Rows", Copies: []CopyRow{
				{Taken: at("21 Nov 00:04", "21 Nov 2026 00:04:12 CET"), State: ui.Good, Count: amount("40,615", "40,615 rows in 494 tables"), Size: amount("1.9 GB", "2,040,109,465 bytes"), Stored: amount("23 MB", "24,117,248 bytes")},
				{Taken: at("20 Nov 00:03", "20 Nov 2026 00:03:55 CET"), State: ui.Good, Count: amount("40,102", ""), Size: amount("1.9 GB", ""), Stored: amount("22 MB", "")},
				{Taken: at("1 Nov 00:04", "1 Nov 2026 00:04:01 CET"), State: ui.Good, Count: amount("38,977", ""), Size: amount("1.8 GB", ""), Stored: amount("23 MB", ""), Sealed: true},
			}},
			{ID: "data", Kind: "Data copies", Hint: "2 copies · 41.2 GB stored of 82 GB", Counted: "Files", Copies: []CopyRow{
				{Taken: at("21 Nov 16:00", "21 Nov 2026 16:00:04 CET"), State: ui.Incomplete, Note: "3 files could not be read", Count: amount("412,331", ""), Size: amount("41.2 GB", "44,238,912,311 bytes"), Stored: amount("112 MB", "")},
				{Taken: at("21 Nov 12:00", "21 Nov 2026 12:00:02 CET"), State: ui.Good, Count: amount("412,102", ""), Size: amount("41.1 GB", ""), Stored: amount("41.1 GB", "")},
			}},
		},
		Facts:    []ui.Fact{{Label: "Code", Value: "/srv/riverside/moodle", Code: true}, {Label: "moodledata", Value: "/srv/riverside/moodledata", Code: true}, {Label: "Layout", Value: "classic"}, {Label: "Database", Value: "MariaDB 10.11.14", Note: "prefix mdl_"}, {Label: "config.php", Value: "read by php", Note: "checked 2 h 10 min ago"}, {Label: "Site id", Value: "01939c5e-7c1a-7b5e-8d0a-1f2e3d4c5b6a", Code: true}},
		Excluded: []ExcludedRow{{Path: "moodledata/cache", Why: "Moodle rebuilds it", Files: amount("18,402", ""), Bytes: amount("212 MB", "222,298,112 bytes")}, {Path: "moodledata/localcache", Files: amount("2,110", ""), Bytes: amount("31 MB", "")}, {Path: "moodledata/temp", Files: amount("0", ""), Bytes: amount("0 bytes", "")}, {Path: "moodledata/trashdir", Why: "deleted in Moodle, kept for four days", Files: amount("77", ""), Bytes: amount("1.1 GB", "")}},
	}
	p.Runs = []RunRow{
		{Kind: "Data", Serves: "every 4 h", State: ui.Running, Started: at("21 Nov 20:00", "21 Nov 2026 20:00:00 CET"), Took: "41 s", Read: amount("31.0 GB", ""), Stored: amount("84 MB", ""), Progress: bar("Data copy of learn.riverside.example")},
		{Kind: "Data", Serves: "every 4 h", State: ui.Incomplete, Started: at("21 Nov 16:00", ""), Note: "3 files could not be read", Took: "58 s", Read: amount("41.2 GB", ""), Stored: amount("112 MB", "")},
		{Kind: "Database", Serves: "daily", State: ui.Good, Word: "complete", Started: at("21 Nov 00:04", ""), Note: "494 tables · 40,615 rows", Took: "2 min 06 s", Read: amount("1.9 GB", ""), Stored: amount("23 MB", "")},
		{Kind: "Database", Serves: "asked for by Ada", State: ui.Failed, Started: at("20 Nov 17:31", ""), Error: "Moodle is being upgraded until 18:00; a dump now would be of no use. It is tried again after that.", Took: "1 s"},
	}
	return p
}

func siteEmpty() SiteProps {
	return SiteProps{
		Page: customer(SitesSection), Name: "new.oak.example", About: "Moodle 4.5.6", State: ui.None,
		Sentence: ui.Say(ui.Text("There is no copy of this site yet, so nothing of it could come back. Its first copies are queued.")),
		Basis:    "Nothing was measured yet; the first copies are on their way.",
		Backup:   &BackupForm{Action: "/sites/2/runs", Kinds: []ui.Choice{{Value: "both", Label: "Database and data"}}, Off: true, Why: "Both kinds are queued already."},
		Copies: []CopyGroup{
			{ID: "database", Kind: "Database copies", Counted: "Rows", Empty: "The first one is queued. It appears here once it is complete in storage."},
			{ID: "data", Kind: "Data copies", Counted: "Files", Empty: "The first one is queued. It appears here once it is complete in storage."},
		},
	}
}

func siteHostile() SiteProps {
	p := siteFull()
	p.Name, p.About = longName, hostile
	p.Crumbs = []ui.Crumb{{Label: "Sites", Href: SitesPath}, {Label: rtlName + " " + longName, Href: "javascript:alert(3)"}}
	p.Sentence = ui.Say(ui.Strong(hostile), ui.Text(strings.Repeat("unbroken", 30)))
	p.Notice = &ui.Notice{State: ui.Failed, Text: hostile + longName}
	p.Problems[0].Title, p.Problems[0].Detail = longName+longName, hostile
	p.Problems[0].Href = "javascript:alert(4)"
	p.Copies[0].Copies[0].Note = longName
	p.Runs[3].Error = "mariadb-dump: " + longName + longName
	p.Runs[3].Serves = longName
	p.Facts[0].Value = "/srv/" + longName + "/" + longName
	p.Excluded[0].Path = "moodledata/" + longName + "/" + rtlName
	p.Who, p.Org = longName, rtlName
	return p
}

func runsFull() RunsProps {
	r := siteFull().Runs
	run := func(n int, site, tenant, host string) RunRow {
		x := r[n]
		x.Site, x.SiteHref, x.Tenant, x.Host = site, "/sites/1", tenant, host
		return x
	}
	restore := run(0, longName, rtlName, "host-b")
	restore.Progress = &ui.Progress{Label: "Database copy", Words: "mdl_grade_grades_history", Rate: "18 MB/s"}
	lost := run(0, "campus.oak.example", "Oak Primary", "host-q")
	lost.State, lost.Word, lost.Progress, lost.Kind = ui.Unreachable, "", nil, "Database"
	lost.Error = "host-q has not answered for 26 minutes. The run goes on there if the host is alive, and is taken up again when it answers."
	return RunsProps{
		Page: staff(RunsSection), ShowTenant: true, StreamPath: RunsStreamPath, State: ui.Running,
		Sentence: ui.Say(ui.Strong("2 runs"), ui.Text(" move "), ui.Strong("230 MB/s"), ui.Text(" together. 1 run is on a host that does not answer.")),
		Running:  []RunRow{run(0, "learn.riverside.example", "Riverside Academy", "host-b"), restore, lost},
		Recent:   []RunRow{run(1, "learn.riverside.example", "Riverside Academy", "host-b"), run(2, rtlName, "وزارة التعليم", "host-a"), run(3, hostile, hostile, "host-q")},
		Pager:    ui.Pager{PrevHref: RunsPath + "?before=x", NextHref: RunsPath + "?after=y", Words: "Runs of 21 November", What: "runs"},
	}
}

func queueCounts(n string) []QueueCount {
	return []QueueCount{
		{Label: "running", Count: n, Explain: "being worked on now", Href: QueuePath + "?state=running", Selected: true},
		{Label: "available", Count: n, Explain: "ready, waiting for a worker", Href: QueuePath + "?state=available"},
		{Label: "scheduled", Count: n, Explain: "not due yet", Href: QueuePath + "?state=scheduled"},
		{Label: "retryable", Count: n, Explain: "failed, will be tried again", Href: QueuePath + "?state=retryable"},
		{Label: "discarded", Count: n, Explain: "failed for good", Href: QueuePath + "?state=discarded"},
		{Label: "completed", Count: n, Explain: "done in the last day", Href: QueuePath + "?state=completed"},
	}
}

func queueFull() QueueProps {
	return QueueProps{
		Page: staff(QueueSection), State: ui.Late, Counts: queueCounts("1,204"), Showing: "running",
		Sentence: ui.Say(ui.Strong("1 job"), ui.Text(" failed and will be tried again; nothing failed for good.")),
		Jobs: []JobRow{
			{ID: "48211", Title: "Hand due runs to a host", Kind: "dispatch_host", About: "host-b", AboutHref: "/hosts/1", State: ui.Running, Attempt: "1 of 25", Scheduled: at("12 s ago", "21 Nov 2026 20:00:00 CET")},
			{ID: "48102", Title: "Send a mail", Kind: "send_mail", State: ui.Late, Word: "tried again", Failed: at("1 min ago", "21 Nov 2026 19:59:00 CET"), Retry: QueuePath + "/48102/retry", Cancel: QueuePath + "/48102/cancellation", Back: QueuePath, Attempt: "3 of 25", Scheduled: at("in 4 min", "21 Nov 2026 20:04:00 CET"), LastError: "read blob p1f00: connection reset by peer " + longName + hostile},
			{ID: "48000", Title: "A very long kind of job that nobody would choose " + longName, Kind: "a_very_long_kind_of_job_that_nobody_would_choose_" + longName, State: ui.Failed, Word: "failed", Retry: QueuePath + "/48000/retry", Back: QueuePath, Scheduled: at("2 d ago", "")},
		},
		Pager: ui.Pager{NextHref: QueuePath + "?after=1", Words: "Jobs 1 to 3", What: "jobs"},
	}
}

func hostsFull() HostsProps {
	return HostsProps{
		Page: staff(HostsSection), State: ui.Unreachable, NewHref: NewHostPath,
		Sentence: ui.Say(ui.Text("36 of 37 hosts answer. "), ui.Strong("host-q"), ui.Text(" has been silent for "), ui.Strong("26 min"), ui.Text("; nothing is lost yet.")),
		Hosts: []HostRow{
			{Name: "host-q", Href: "/hosts/1", State: ui.Unreachable, Word: "silent", Note: "41 sites. Their next copies are due at 20:00.", Agent: "0.3.1", AgentNote: "older than this control plane", LastSeen: at("26 min ago", "21 Nov 2026 19:34:00 CET"), Running: "1 of 2", Sites: "41", SitesHref: SitesPath + "?q=host-q"},
			{Name: "host-b", State: ui.Good, Word: "answers", Agent: "0.4.0", LastSeen: at("3 s ago", "21 Nov 2026 20:00:00 CET"), Running: "2 of 4", Sites: "388", SitesHref: SitesPath + "?q=host-b"},
			{Name: longName, State: ui.None, Word: "not enrolled", Note: "Its token was made 12 min ago and has not been used."},
			{Name: rtlName, State: ui.Cancelled, Word: "revoked", Agent: "0.2.0", LastSeen: at("41 d ago", "11 Oct 2026"), Running: "0 of 2", Sites: "0"},
		},
		Query: "host", Narrowed: true, Total: 37, All: HostsPath,
		Filters: []ui.Choice{{Label: "All", Href: HostsPath, Count: "37", Selected: true}, {Label: "Silent", Href: HostsPath + "?filter=silent", Count: "1"}, {Label: "Answers", Href: HostsPath + "?filter=answers", Count: "34"}},
		Pager:   ui.Pager{Words: "4 of 37 hosts", What: "hosts", NextHref: HostsPath + "?after=x", PrevHref: HostsPath + "?before=x"},
	}
}
