package dash

import "holdfast/web/ui"

func galleryFinds() []*HostFind {
	return []*HostFind{
		{State: ui.None, Word: "not looked yet", Text: "The host’s agent can find every Moodle below the folders that it may read.", Ask: &FindAsk{Action: "/gallery", Label: "Find sites", Cannot: "Its agent is too old to look for sites; install the newer agent on the host, and ask again."}},
		{State: ui.Running, Word: "looking", Text: "The host’s agent looks through the folders that it may read.", Href: "/gallery", HrefLabel: "Watch it", Bar: &ui.Progress{Label: "Looking for sites", Words: "41,204 folders looked into", Rate: "12 sites so far"}},
		{State: ui.Failed, Word: "failed", Text: "The agent ended in the middle of every attempt; see the host’s log for what stopped it.", Ask: &FindAsk{Action: "/gallery", Label: "Look again"}},
	}
}

func galleryFound() FoundForm {
	return FoundForm{
		Action: "/gallery", Ticked: "1 of 2 ticked", AllHref: "/gallery", NoHref: "/gallery", Zone: Field{Value: "Europe/Berlin"},
		Error:   "One of the sites cannot be registered as it is, so none was.",
		Tenants: []ui.Choice{{Label: "Choose one"}, {Value: "riverside", Label: "Riverside Academy", Selected: true}},
		Each:    []ui.Choice{{Value: "riverside", Label: "Riverside Academy"}},
		Rows: []FoundRow{
			{N: "0", Code: "/var/www/riverside/moodle", About: "Moodle 4.5.6 · https://learn.riverside.example", Where: "mariadb riverside, prefix mdl_", On: true, Name: Field{Value: "learn.riverside.example", Problem: "learn.riverside.example is registered already."}, Root: "/var/www/riverside", RootOn: true},
			{N: "1", Code: "/var/www/old/moodle", About: "Moodle 3.9.2", Problem: "There is no readable config.php in /var/www/old/moodle, so this Moodle is not installed yet, or this process may not read it.", Owner: Field{Value: "no-such", Problem: "There is no customer “no-such”."}, Warnings: []string{"The Moodle in /var/www/new/moodle has the same moodledata."}},
		},
	}
}
