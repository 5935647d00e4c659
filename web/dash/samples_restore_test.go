package dash

import "holdfast/web/ui"

// restoreSamples are the pages of restores, full, empty and hostile.
func restoreSamples() []sample {
	full := RestoreProps{
		Page: staff(RestoresSection), Crumbs: []ui.Crumb{{Label: "Restores", Href: RestoresPath}, {Label: "learn.riverside.example", Href: "/sites/1"}},
		Name: "Restore of learn.riverside.example", About: "Everything · asked for by you · host-b", State: ui.Running,
		Sentence: ui.Say(ui.Text("The site is being restored, with about "), ui.Strong("2 minutes"), ui.Text(" to go.")),
		Stations: []Station{
			{State: ui.Good, Word: "done", Text: "Asked for", When: at("21:14", "21 Nov 2026 21:14:02 CET")},
			{State: ui.Good, Word: "done", Text: "Safety copy of how the site is now"},
			{State: ui.Running, Word: "now", Text: "Restored beside the site, and switched"},
			{State: ui.None, Word: "later", Text: "Verified and open again"},
		},
		Progress: &ui.Progress{Label: "Restore of learn.riverside.example", Percent: 63, Known: true, Words: "Step 3 of 9: Loading the database: 312 of 494 tables, about 2 minutes left", Rate: "12.4 MB/s", Left: "about 2 minutes left"},
		Why:      &Problem{State: ui.Waiting, Title: "What it waits for", Detail: "All places of host-b are taken; it is the next to begin."},
		Evidence: []Proof{{State: ui.Good, Word: "taken", What: "Safety copy of the database", Value: "21 Nov 2026 21:15:00 CET"}, {State: ui.Late, Word: "noted", What: "Before: " + hostile, Value: hostile}},
		Log:      []LogRow{{When: at("21:14", "21 Nov 2026 21:14:02 CET"), State: ui.Waiting, Text: "The restore was planned.", Note: hostile, Who: "by you"}},
		Facts:    []ui.Fact{{Label: "Restore id", Value: "01939c5e-7c1a-7b5e-8d0a-1f2e3d4c5b6a", Code: true}},
		Cancel:   &PinForm{Action: "/restores/1/cancellation"}, CancelNote: "Its host puts the site back as it was first.", StreamPath: RunsStreamPath, Refresh: "/restores/1",
	}
	done := full
	done.State, done.Progress, done.Why, done.Cancel, done.StreamPath = ui.Waiting, nil, nil, nil, ""
	done.Accept, done.AcceptNote = &Act{Action: "/restores/1/acceptance", Label: "Accept the restore"}, "What was there before is removed from the host."
	done.Undo, done.OpenForm = &PinForm{Action: "/restores/1/undoing", Reason: Field{Value: hostile, Problem: "Say in a few words why."}}, "undo"
	done.Kept = []ui.Fact{{Label: "Code", Value: "/srv/riverside/" + hostile, Code: true}}
	return []sample{
		{"restores", Restores(RestoresProps{
			Page: staff(RestoresSection), State: ui.Waiting, Sentence: ui.Say(ui.Strong("1 restore waits"), ui.Text(" to be accepted or undone.")),
			Quick: []ui.Choice{{Label: "All", Href: RestoresPath, Selected: true}, {Label: "Not ended", Href: RestoresPath + "?state=open"}},
			Rows: []RestoreRow{
				{Href: "/restores/1", Site: "learn.riverside.example", SiteHref: "/sites/1", Tenant: "Riverside Academy", What: "everything", State: ui.Waiting, Word: "to be accepted", Asked: at("2 h ago", "21 Nov 2026 16:00:04 CET"), By: "by you"},
				{Href: "/restores/2", Site: hostile, SiteHref: "/sites/2", Tenant: hostile, What: "files", State: ui.Failed, Word: "failed", Note: hostile, Asked: at("3 h ago", "21 Nov 2026 15:00:04 CET")},
			},
		})},
		{"restores-empty", Restores(RestoresProps{Page: staff(RestoresSection), State: ui.Good, Sentence: ui.Say(ui.Text("No restore here waits for anybody."))})},
		{"restore", Restore(full)},
		{"restore-done", Restore(done)},
		{"restore-begins", Restore(RestoreProps{Page: customer(RestoresSection), Name: "Restore of learn.riverside.example", State: ui.Waiting, Sentence: ui.Say(ui.Text("Nothing of the site was changed yet.")), NoEvidence: "What was checked stands here.", Refresh: "/restores/1"})},
		{"restore-new", NewRestore(NewRestoreProps{
			Page: staff(SitesSection), Site: "learn.riverside.example", SiteID: "1", Action: RestoresPath, Crumbs: []ui.Crumb{{Label: "Sites", Href: SitesPath}},
			What:  []ui.Choice{{Value: "everything", Label: "Everything", Selected: true}, {Value: "files", Label: "Files"}},
			Point: []ui.Choice{{Value: "", Label: "the newest copies there are"}, {Value: "1", Label: "database of 21 Nov 2026 00:04 CET"}},
			Offer: []OfferRow{{Best: true, When: at("9 h ago", "21 Nov 2026 00:04:12 CET"), Data: "with data of the same moment", Lost: "What was done since then is lost from the site: 9 h.", Estimate: "It takes about 5 min to 20 min.", Notes: []string{hostile}}},
			Value: map[string]string{"why": hostile}, Problem: map[string]string{"name": "Type learn.riverside.example to go on."},
		})},
		{"restore-new-off", NewRestore(NewRestoreProps{Page: staff(SitesSection), Site: hostile, Off: "There is no whole copy of this site to restore from."})},
	}
}
