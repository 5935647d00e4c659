package dash

import (
	"math"
	"strings"

	"holdfast/web/ui"
)

func hostSamples() []sample {
	return []sample{
		{"host", Host(hostFull())},
		{"host-silent", Host(hostSilent())},
		{"host-new", NewHost(NewHostProps{Page: staff(HostsSection), Crumbs: []ui.Crumb{{Label: "Hosts", Href: HostsPath}}, Name: Field{Value: hostile, Problem: "“" + hostile + "” must be letters, digits, dots and hyphens."}, Max: Field{Value: "2"}})},
		{"host-enrolment", Enrolment(EnrolmentProps{
			Page: staff(HostsSection), Crumbs: []ui.Crumb{{Label: "Hosts", Href: HostsPath}, {Label: longName, Href: "/hosts/1"}}, Name: longName, Until: at("23 Nov 2026 14:02:11 CET", "23 Nov 2026 13:02:11 UTC"),
			Command: "printf %s hfe_8Qb0t7mXH2kWfYp1nV5sZr3uCcLdEaGiJoTqBxNwMhA | holdfast-agent enrol --token-file - --server https://plane.hoster.example:8443 --pin sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= --allow-root /var/www",
			Notes:   []string{"Name the folders that hold its sites in place of /var/www: the agent reads nothing outside of them, whoever asks."}, Back: "/hosts/1",
		})},
		{"destinations", Destinations(destinationsFull())},
		{"destination", Destination(destinationFull())},
		{"destination-new", Destination(DestinationProps{Page: staff(DestinationsSection), Name: "default", About: "File system · 0 sites", State: ui.None, Sentence: ui.Say(ui.Strong("default"), ui.Text(" was not measured yet.")), Empty: "The keeper measures it every few minutes; a line needs two days.", Calm: "All of it is done.", Facts: []ui.Fact{{Label: "Storage", Value: "File system"}}})},
		{"audit", Audit(auditFull())},
		{"audit-wrong", Audit(auditWrong())},
		{"audit-customer", Audit(AuditProps{Page: customer(AuditSection), Title: "Activity", State: ui.None, Sentence: ui.Say(ui.Text("There is no such event.")), Quick: auditFull().Quick, Form: AuditForm{Verbs: []ui.Choice{{Label: "Any kind of event"}}, Tenants: []ui.Choice{{Value: "1", Label: "Riverside Academy"}, {Value: "2", Label: "مدرسة النهر"}}}, Narrowed: true})},
	}
}

func hostFull() HostProps {
	p := HostProps{
		Page: staff(HostsSection), Crumbs: []ui.Crumb{{Label: "Hosts", Href: HostsPath}}, Name: "host-b", About: "Active · agent 1.4.0 · last seen just now",
		State: ui.Good, Sentence: ui.Say(ui.Strong("host-b"), ui.Text(" answers and works on "), ui.Strong("2 runs"), ui.Text(". 3 more wait for a place.")),
		Figures:   []ui.Figure{{Label: "Running", Value: "2 of 4", Note: "at most"}, {Label: "Waiting", Value: "3", Note: "for a place"}, {Label: "Sites", Value: "41"}},
		Basis:     "Its agent was heard of just now, its clock is right, and its version is known.",
		Runs:      runsFull().Recent,
		SitesHref: "/sites?host=host-b", SitesHint: "All 41 sites",
		Sites: []HostSite{
			{Href: "/sites/1", Name: "learn.riverside.example", Tenant: "Riverside Academy", State: ui.Late, Word: "late", Due: at("2 h 10 min ago", "21 Nov 2026 16:00:04 CET")},
			{Href: "/sites/2", Name: strings.Repeat("a-long-name-of-a-site.", 4) + "example", Tenant: "מכללת הנהר", State: ui.Good, Word: "in time", Due: at("in 50 min", "21 Nov 2026 20:00:00 CET")},
		},
		Facts: []ui.Fact{{Label: "Calls itself", Value: hostile, Code: true}, {Label: "Agent", Value: "1.4.0", Code: true}, {Label: "Clock", Value: "right", Note: "off by 3ms when its agent began"}},
		Moves: &HostMoves{
			Limit:       &LimitForm{Action: "/hosts/1/limit", Max: Field{Value: "4"}, Note: "How many backups may run there at once."},
			Maintenance: &ReasonedForm{Action: "/hosts/1/maintenance", Do: "on", Title: "Maintenance", Label: "Begin maintenance", Ask: "Because (optional)", Note: "It is given no new runs. The 2 runs that are there now finish."},
			Enrol:       &ReasonedForm{Action: "/hosts/1/enrolment", Title: "Enrol its agent anew", Label: "Make a new line", Note: "Prints one line to paste on the host, shown once and good for a day."},
			Revoke:      &RevokeForm{Action: "/hosts/1/revocation", Name: "host-b", Note: "Its agent is refused from then on."},
		},
	}
	return p
}

func hostSilent() HostProps {
	p := hostFull()
	p.Name, p.State = longName, ui.Unreachable
	p.Sentence = ui.Say(ui.Strong(longName), ui.Text(" is silent. Not heard of for 26 min. Its 41 sites take no new copies until it answers; the next is due in 14 min. What was stored is safe."))
	p.Problems = []Problem{{State: ui.Unreachable, Word: "silent", Title: "Its agent does not answer", Detail: "On the host run: holdfast-agent doctor"}, {State: ui.Late, Word: "older", Title: "Its agent is older than this control plane", Detail: "1.3.0 against 1.4.0."}}
	p.Runs, p.Sites, p.SitesHref = nil, nil, ""
	p.Moves.Maintenance = &ReasonedForm{Action: "/x", Do: "off", Title: "Maintenance", Label: "End maintenance", Note: "It is given runs again.", State: ui.Waiting, Word: "in maintenance"}
	p.Moves.Revoke = &RevokeForm{Action: "/x", Name: longName, Note: "Its agent is refused from then on.", Open: true, Reason: Field{Value: hostile}, Typed: Field{Value: "host", Problem: "Name: type it in full; nothing was done."}}
	p.Moves.Limit.Max = Field{Value: "700", Problem: "Max-runs: type a number from 1 to 64."}
	return p
}

func destinationsFull() DestinationsProps {
	return DestinationsProps{
		Page: staff(DestinationsSection), State: ui.Late, Sentence: ui.Say(ui.Text("4 destinations hold "), ui.Strong("61.2 TB"), ui.Text(". "), ui.Strong("falkenstein-2"), ui.Text(" is full "), ui.Strong("in about 9 days"), ui.Text(".")),
		Destinations: []DestinationRow{
			{Href: "/destinations/1", Name: "falkenstein-2", Kind: "file system", State: ui.Late, Word: "filling", Note: "Plan for more room.", Stored: ui.Amount{Words: "17.6 TB"}, Free: ui.Amount{Words: "2.4 TB"}, FreeNote: "12 % of 20 TB", Copies: "41,204", Full: "in about 9 days", FullNote: "between 8 and 11 days", Queue: "12 tasks wait"},
			{Href: "/destinations/2", Name: "bucket", Kind: "S3", State: ui.Failed, Word: "tasks failed", Note: "3 tasks of the keeper failed and are not tried again.", Stored: ui.Amount{Words: "43.1 TB"}, FullNote: "it does not say how large it is", Copies: "98,112", Queue: "nothing waits"},
			{Href: "/destinations/3", Name: strings.Repeat("a-long-name-", 5) + "x", Kind: "SFTP", State: ui.Waiting, Word: "read-only", Note: "Nothing is written or deleted; copies can be read.", Stored: ui.Amount{Words: "500 GB"}, Copies: "2,100", Queue: "nothing waits"},
			{Href: "/destinations/4", Name: "default", Kind: "file system", State: ui.None, Word: "not measured yet", Full: "not known yet", FullNote: "needs 7 days of samples, has 0", Queue: "nothing waits"},
		},
		AddCommand: "holdfast destination add NAME --kind s3 --backend-file s3.json",
	}
}

func destinationFull() DestinationProps {
	t := &Trend{Title: "Bytes over the last 60 days", Text: "From 9 TB stored to 17.6 TB.", Sizes: true, Limit: &ui.Tick{At: 952, Label: "full at 20 TB"}}
	stored, used := TrendLine{Name: "stored by us"}, TrendLine{Name: "used of the file system"}
	for i := range 60 {
		x := i * 1000 / 59
		y := 420 + i*7 + int(20*math.Sin(float64(i)))
		stored.Points, used.Points = append(stored.Points, TrendPoint{x, y - 60}), append(used.Points, TrendPoint{x, y})
		t.Rows = append(t.Rows, TrendRow{Day: "Sat 21 Nov 2026", Stored: ui.Amount{Words: "17.6 TB", Exact: "17,600,000,000,000 bytes"}, Used: ui.Amount{Words: "18 TB"}, Free: ui.Amount{Words: "2.4 TB"}, Total: ui.Amount{Words: "20 TB"}, Copies: "41,204"})
	}
	t.Lines = []TrendLine{stored, used}
	t.YTicks = []ui.Tick{{At: 0, Label: "0 bytes"}, {At: 250, Label: "5.2 TB"}, {At: 500, Label: "10.5 TB"}, {At: 750, Label: "15.7 TB"}}
	t.XTicks = []ui.Tick{{At: 0, Label: "23 Sep"}, {At: 250, Label: "8 Oct"}, {At: 500, Label: "23 Oct"}, {At: 750, Label: "6 Nov"}, {At: 1000, Label: "21 Nov"}}
	return DestinationProps{
		Page: staff(DestinationsSection), Crumbs: []ui.Crumb{{Label: "Destinations", Href: DestinationsPath}}, Name: "falkenstein-2", About: "File system · 1,284 sites · 3 runs write now",
		State: ui.Late, Sentence: ui.Say(ui.Strong("falkenstein-2"), ui.Text(" is full "), ui.Strong("in about 9 days"), ui.Text(" if it goes on as it did: between 8 and 11 days. Plan for more room.")),
		Figures: []ui.Figure{{Label: "Stored", Value: "17.6 TB", Note: "in 2,568 repositories"}, {Label: "Free", Value: "2.4 TB", Note: "12 % of 20 TB"}, {Label: "Grows", Value: "261 GB", Note: "a day"}},
		Trend:   t, Growth: "What is used of the file system, by us and by others, grows by 261 GB a day: the median over 60 days, which a single odd day does not move. Four times in five it lies between 240 GB and 290 GB.",
		Queue: []TaskKindRow{{Kind: "Reading a copy back", Waiting: "9", Since: at("4 min ago", "21 Nov 2026 16:00:04 CET")}, {Kind: "Maintenance", Waiting: "3", Note: "1 failed once and is tried again", Since: at("2 h ago", "21 Nov 2026 14:00:04 CET")}},
		Failed: []FailedTaskRow{
			{Kind: "Deleting a copy", Site: "learn.riverside.example", SiteHref: "/sites/1", Reason: "The storage does not answer: " + hostile, Ended: at("2 h ago", "21 Nov 2026 14:00:04 CET"), Attempts: "after 8 tries", Retry: &Act{Action: "/x", Label: "Retry", About: "deleting a copy of learn.riverside.example"}},
		},
		Facts:    []ui.Fact{{Label: "Storage", Value: "File system"}, {Label: "Maintained last", Value: "2 h ago", Note: "21 Nov 2026 14:00:04 UTC"}},
		ReadOnly: &ReasonedForm{Action: "/x", Do: "on", Title: "Read-only", Label: "Make it read-only", Ask: "Because", Must: true, Note: "No new run writes there."},
		Limit:    &LimitForm{Action: "/x", Max: Field{Value: "0"}, Note: "Over all hosts; 0 is no limit.", Zero: true},
	}
}

func auditFull() AuditProps {
	verbs := []ui.Choice{{Label: "Any kind of event", Selected: true}, {Value: "account.signed_in", Label: "Signed in"}}
	return AuditProps{
		Page: staff(AuditSection), Title: "Audit", State: ui.Good, Sentence: ui.Say(ui.Text("What people did, the newest first. What is on record "), ui.Strong("can be neither changed nor removed"), ui.Text(".")),
		Quick: []ui.Choice{{Label: "By people", Href: AuditPath, Selected: true}, {Label: "Everything", Href: AuditPath + "?view=all"}}, ShowTenant: true,
		Form: AuditForm{Verbs: verbs, AskTenant: true}, FileHref: AuditFilePath, FileNote: "What is looked for, at most 1,000,000 events",
		Days: []AuditDay{
			{Day: "Saturday 21 November 2026", Events: []AuditRow{
				{When: at("16:00:04", "21 Nov 2026 16:00:04 CET"), Text: "The agent of the host host-q was revoked.", Note: "stolen " + hostile, Who: "Sam " + hostile, WhoNote: "sam@hoster.example", From: "2001:db8:12:34::/64", Subject: "host-q", SubjectHref: "/hosts/1"},
				{When: at("15:59:12", "21 Nov 2026 15:59:12 CET"), Text: "A copy is protected until 21 Dec 16:00.", Note: "قبل الترقية", Who: "عمر خالد", WhoNote: "omar@riverside.example", From: "192.0.2.7", Site: strings.Repeat("a-long-name-of-a-site.", 4) + "example", SiteHref: "/sites/1", Tenant: "Riverside Academy"},
			}},
			{Day: "Friday 20 November 2026", Events: []AuditRow{{When: at("09:00:00", "20 Nov 2026 09:00:00 CET"), Text: "Signed in with a passkey.", Note: "Firefox on Linux", Who: "Ada", WhoNote: "ada@riverside.example", From: "198.51.100.7"}}},
		},
		Pager: ui.Pager{What: "events", Words: "The newest 100", NextHref: AuditPath + "?after=1"},
	}
}

func auditWrong() AuditProps {
	p := auditFull()
	p.Days, p.Narrowed, p.State = nil, true, ui.Failed
	p.Sentence = ui.Say(ui.Text("Who: nobody with the address is known."))
	p.Form.Open, p.Form.Who, p.Form.From = true, Field{hostile, "Who: nobody with this address is known."}, Field{Value: "2026-11-21"}
	p.Pager = ui.Pager{}
	return p
}
