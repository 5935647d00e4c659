package dash

import (
	"time"

	"holdfast/web/ui"
)

func galleryRPO() []RPOLine {
	return []RPOLine{
		{Kind: "Database", State: ui.Good, Word: "on time", Age: galleryWhen(galleryNight(0), "20 h old"), Most: "at most 24 h, and 3 h grace", Next: galleryWhen(galleryNight(-1), "in 3 h 50 min")},
		{Kind: "Data", State: ui.Late, Word: "late since 20:00", Age: galleryWhen(galleryNow.Add(-4*time.Hour), "4 h 10 min old"), Most: "at most 4 h, and 10 min grace", Owed: "today’s 20:00 and Wednesday’s daily", Why: "host-b has been silent for 26 minutes. The copy starts by itself when it answers."},
	}
}

func galleryCopies() CopyGroup {
	pin := func(id string) *CopyActs {
		return &CopyActs{ID: id, Protect: &ProtectForm{Action: "/copies/" + id + "/protection", Days: Field{Value: "30"}}, Pin: &PinForm{Action: "/copies/" + id + "/pin"}, Hold: &PinForm{Action: "/copies/" + id + "/hold"}}
	}
	held := pin("c2")
	held.Protect = nil
	held.Pin, held.Hold = nil, nil
	held.Unpin, held.Release = &Act{Action: "/copies/c2/pin", Label: "Unpin", Do: "remove"}, &Act{Action: "/copies/c2/hold", Label: "Lift the legal hold", Do: "remove"}
	held.Unprotect = &Act{Action: "/copies/c2/protection", Label: "End its protection", Do: "remove", About: "of the copy of 20 Nov"}
	wrong := pin("c4")
	wrong.Protect = &ProtectForm{Action: "/copies/c4/protection", Days: Field{"4000", "4000 days is too long: a copy is protected for at most 3650 days."}, Reason: Field{Value: "audit"}, Open: true}
	return CopyGroup{ID: "database", Kind: "Database copies", Hint: "5 copies · 114 MB stored", Counted: "Rows", Copies: []CopyRow{
		{
			ID: "c1", Taken: galleryDay(galleryNight(0)), State: ui.Good, Tiers: []string{"daily"}, Why: []string{"One of the 7 newest daily copies."},
			Count: ui.Amount{Words: "40,615", Exact: "40,615 rows in 494 tables"}, Size: ui.Amount{Words: "1.9 GB"}, Stored: ui.Amount{Words: "23 MB"}, Acts: pin("c1"),
		},
		{
			ID: "c2", Taken: galleryDay(galleryNight(1)), State: ui.Good, Tiers: []string{"daily", "weekly"}, Why: []string{"One of the 7 newest daily and of the 5 newest weekly copies."}, Acts: held,
			Keep:  Keeping{Protected: galleryWhen(galleryNight(-29), "20 Dec"), ProtectedWhy: "Before the upgrade to Moodle 5.1", Pinned: "Auditors look at it until spring", Held: "Case 2026-114 of the school board", InUse: "a restore reads it since 19:58"},
			Count: ui.Amount{Words: "40,102"}, Size: ui.Amount{Words: "1.9 GB"}, Stored: ui.Amount{Words: "22 MB"},
		},
		{
			ID: "c3", Taken: galleryDay(galleryNight(20)), State: ui.Incomplete, Note: "1 part could not be read", Tiers: []string{"monthly"}, Why: []string{"One of the 60 newest monthly copies."}, Sealed: true,
			Count: ui.Amount{Words: "38,977"}, Size: ui.Amount{Words: "1.8 GB"}, Stored: ui.Amount{Words: "23 MB"},
		},
		{
			ID: "c4", Taken: galleryDay(galleryNight(51)), State: ui.Good, Why: []string{"The copy before a change that was found on 2 Oct: Moodle 4.5.5 became 4.5.6."}, Acts: wrong,
			Count: ui.Amount{Words: "38,204"}, Size: ui.Amount{Words: "1.8 GB"}, Stored: ui.Amount{Words: "23 MB"},
		},
	}}
}

func galleryBin() BinProps {
	return BinProps{Hint: "2 copies · 45 MB come free", Note: "What you take back is protected for 30 days.", Rows: []BinRow{
		{Kind: "Database", Taken: galleryDay(galleryNight(7)), Served: "daily of 14 Nov", Why: "7 newer copies serve the daily rule.", Since: galleryWhen(galleryNight(0), "20 h"), After: galleryWhen(galleryNight(-1), "in 4 h"), Stored: ui.Amount{Words: "22 MB", Exact: "22,118,400 bytes"}, Back: &Act{Action: "/copies/b1/return", Label: "Take back", About: "the database copy of 14 Nov"}},
		{Kind: "Data", Taken: galleryDay(galleryNight(8)), Served: "daily of 13 Nov", Why: "7 newer copies serve the daily rule.", Stopped: "It stays while the tamper alarm is on.", Since: galleryWhen(galleryNight(2), "2 d"), After: ui.When{}, Stored: ui.Amount{Words: "23 MB"}, Back: &Act{Action: "/copies/b2/return", Label: "Take back", About: "the data copy of 13 Nov", Off: true, Why: "Its storage is being freed already."}},
	}}
}

func galleryBrakes() []Brake {
	return []Brake{
		{State: ui.Failed, Title: "Nothing of this site is being deleted: tamper alarm", Detail: "On 20 Nov 14:02 half of its files changed within an hour. Look at them first; what is needed to undo it stays in storage.", Act: &Act{Action: "/sites/1/alarm", Label: "End the alarm", Do: "end"}},
		{State: ui.Late, Title: "Nothing is being deleted anywhere: the clock jumped", Detail: "This machine’s clock jumped by 3 h at 18:40. Deletion begins again when it has run steadily for a day."},
	}
}

func galleryProtect() *ProtectForm {
	return &ProtectForm{Action: "/sites/1/backups", Days: Field{Value: "30"}, Kinds: []ui.Choice{{Value: "all", Label: "Database and data", Selected: true}, {Value: "database", Label: "Database"}, {Value: "data", Label: "Data"}}, Why: "A copy is taken now and kept beside those of the policy."}
}

func galleryPolicies() PoliciesProps {
	return PoliciesProps{
		State: ui.Good, NewHref: PolicyNewPath,
		Sentence: ui.Say(ui.Strong("1,271 of 1,284 sites"), ui.Text(" follow the published policy; 13 follow one of two others.")),
		Policies: []PolicyRow{
			{Href: PoliciesPath + "/published", Name: "published", Version: "built in", Promised: true, Sites: "1,271", SitesHref: SitesPath + "?policy=published", Words: "Database: 7 daily, 5 weekly, 60 monthly. Data: 6 hourly, 7 daily, 4 weekly, 3 monthly."},
			{Href: PoliciesPath + "/gold", Name: "gold", Version: "version 3", Changed: galleryDay(galleryNight(4)), Sites: "12", SitesHref: SitesPath + "?policy=gold", Words: "Database: 24 hourly, 14 daily, 8 weekly, 60 monthly. Data: 12 hourly, 14 daily, 8 weekly, 12 monthly."},
			{Href: PoliciesPath + "/archive", Name: "archive", Version: "version 1", Changed: galleryDay(galleryNight(200)), Sites: "1", Words: "Database: 12 monthly. Data: 3 monthly."},
		},
	}
}

func galleryRules() []RuleRow {
	return []RuleRow{
		{"Database", "daily", "every day at 00:00", "7 copies", "7 days"},
		{"Database", "weekly", "every Friday at 00:00", "5 copies", "5 weeks"},
		{"Database", "monthly", "the 1st of every month at 00:00", "60 copies", "5 years"},
		{"Data", "hourly", "every day at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00", "6 copies", "1 day"},
		{"Data", "daily", "every day at 00:00", "7 copies", "7 days"},
		{"Data", "weekly", "the 1st, 8th, 15th and 22nd of every month at 00:00", "4 copies", "1 month"},
		{"Data", "monthly", "the 1st of every month at 00:00", "3 copies", "3 months"},
	}
}

func galleryPolicy() PolicyProps {
	return PolicyProps{
		Crumbs: []ui.Crumb{{Label: "Policies", Href: PoliciesPath}}, Name: "gold", About: "Version 3, followed by 12 sites", State: ui.Good,
		Sentence: ui.Say(ui.Text("Each of its sites keeps "), ui.Strong("72 database copies"), ui.Text(" and "), ui.Strong("20 data copies"), ui.Text(" in full swing, the oldest 5 years old.")),
		Rules:    galleryRules(), EditHref: PoliciesPath + "/gold/edit", CopyHref: PolicyNewPath + "?of=gold",
		Facts: []ui.Fact{{Label: "Night", Value: "00:00", Note: "when rules run that name no time"}, {Label: "Window", Value: "1 h 30 min", Note: "starts are spread over it"}, {Label: "Grace", Value: "2 h", Note: "after it, and the window, a copy is late"}},
		Versions: []VersionRow{
			{Version: "Version 3", Current: true, When: galleryDay(galleryNight(4)), Who: "Ada Brandt", Note: "Weekly database copies for two months, as Hillcrest asked"},
			{Version: "Version 2", Href: PoliciesPath + "/gold/2", When: galleryDay(galleryNight(90)), Who: "Ada Brandt", Note: "Data twice as often"},
			{Version: "Version 1", Href: PoliciesPath + "/gold/1", When: galleryDay(galleryNight(210)), Who: "Jo Okafor"},
		},
		Sites:    []PolicySite{{Href: "/sites/1", Name: "learn.riverside.example", Tenant: "Riverside Academy", Since: galleryDay(galleryNight(4))}, {Href: "/sites/2", Name: "campus.northgate.example", Tenant: "Northgate School", Since: galleryDay(galleryNight(40))}},
		SitesAll: ui.Pager{NextHref: "?after=x", Words: "2 of 12"},
		Assign:   &AssignForm{Action: PoliciesPath + "/gold/sites"},
	}
}

func galleryEdit() PolicyEditProps {
	p := PolicyEditProps{
		Crumbs: []ui.Crumb{{Label: "Policies", Href: PoliciesPath}, {Label: "gold", Href: PoliciesPath + "/gold"}}, Title: "Change gold", Action: PoliciesPath + "/gold/edit", Seen: "3",
		Name: Field{Value: "gold"}, NameOff: true, Night: Field{Value: "00:00"}, Window: Field{Value: "01:30"}, Grace: Field{Value: "02:00"},
		Rules: []RuleFields{
			{Kind: Field{Value: "database"}, Tier: Field{Value: "daily"}, Keep: Field{Value: "7"}},
			{Kind: Field{Value: "database"}, Tier: Field{Value: "weekly"}, Weekdays: Field{Value: "friday"}, Keep: Field{Value: "8"}},
			{Kind: Field{Value: "data"}, Tier: Field{Value: "hourly"}, At: Field{Value: "00:00, 04:00, 08:00, 12:00, 16:00, 20:00"}, Keep: Field{Value: "6"}},
		},
	}
	return p
}

func galleryEditWrong() PolicyEditProps {
	p := galleryEdit()
	p.Rules[1].Keep.Value, p.Rules[1].Days.Value, p.Rules[1].Months.Value = "0", "31", "2, 4"
	p.Mark("rules[1].keep", "0 must be from 1 to 10,000 copies.")
	p.Mark("rules[1].days[0]", "Day 31 is in none of the rule’s months, so it can never fire.")
	p.Mark("rules", "No rule is of kind data; a restore needs both kinds.")
	return p
}

func galleryPreview() *Preview {
	days := func(kind, total string, count, tall int) PreviewRuns {
		r := PreviewRuns{Kind: kind, Total: total}
		for i := range 30 {
			t := galleryNight(-1 - i)
			d := PreviewDay{Label: t.Format("Mon 2 Jan"), Count: "1", Height: 1000 / 6, Tiers: "daily"}
			if count > 1 {
				d.Count, d.Tiers = "6", "hourly, daily"
			}
			d.Height = tall
			if t.Weekday() == time.Monday {
				d.Tick = t.Format("2 Jan")
			}
			r.Days = append(r.Days, d)
		}
		return r
	}
	return &Preview{
		Digest: "5e0c", Save: "Save as version 4", State: ui.Late,
		Sentence: ui.Say(ui.Text("On 12 sites "), ui.Strong("24 data copies"), ui.Text(" would expire at once. They wait 24 hours in the bin, from where you can take them back.")),
		Expire: []PreviewExpire{
			{Kind: "Database", Count: "no copy", None: true},
			{Kind: "Data", Count: "24 copies", Copies: []string{"learn.riverside.example, 1 Sep 00:00", "learn.riverside.example, 1 Oct 00:00"}, More: "and 22 more"},
		},
		Full: []PreviewFull{
			{"Database", "daily", "every day at 00:00", "7", "7", "now"},
			{"Database", "weekly", "every Friday at 00:00", "5", "8", "in 3 weeks"},
			{"Data", "hourly", "every day at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00", "6", "6", "now"},
		},
		Runs:  []PreviewRuns{days("Database", "30 runs in 30 days, on each site", 1, 167), days("Data", "180 runs in 30 days, on each site", 6, 1000)},
		First: []PreviewRun{{galleryDay(galleryNight(-1)), "Database", "daily"}, {galleryDay(galleryNight(-1)), "Data", "hourly"}, {galleryDay(galleryNight(-1).Add(4 * time.Hour)), "Data", "hourly"}},
		Now:   ui.Amount{Words: "494 GB", Exact: "494,118,400,000 bytes"}, Then: ui.Amount{Words: "510 GB"}, Basis: "the last 30 copies of each of these sites",
	}
}

func galleryNav() []ui.NavItem {
	return []ui.NavItem{
		{Label: "The current page", Href: "/gallery", Current: true},
		{Label: "With a count", Href: "/gallery", Count: "4", CountWords: "need you"},
		{Label: "Of another group", Href: "/gallery", Break: true},
	}
}

func galleryChoices() []ui.Choice {
	return []ui.Choice{{Value: "all", Label: "Database and data", Selected: true}, {Value: "data", Label: "Data"}}
}

func galleryAllStates() []ui.State {
	return []ui.State{ui.Good, ui.None, ui.Late, ui.Incomplete, ui.Failed, ui.Running, ui.Waiting, ui.Unreachable, ui.Cancelled}
}

func galleryColours() []string {
	return []string{
		"bg", "surface", "sunken", "line", "line-strong", "edge", "muted", "ink",
		"accent", "accent-soft", "ok", "ok-soft", "warn", "warn-soft", "bad", "bad-soft", "info", "info-soft",
	}
}
