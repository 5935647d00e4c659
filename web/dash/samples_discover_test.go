package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

func discoverSamples() []sample {
	found := hostFull()
	found.Find = &HostFind{State: ui.Waiting, Word: "found", Text: "312 Moodles were found; 300 are not registered yet. Looked 3 min ago.", Href: "/hosts/1/discovery", HrefLabel: "Register 300 sites", Ask: &FindAsk{Action: "/x", Label: "Look again"}}
	working := hostFull()
	working.Find = &HostFind{State: ui.Running, Word: "looking", Text: "The host’s agent looks through the folders that it may read.", Href: "/hosts/1/discovery", HrefLabel: "Watch it", Bar: &ui.Progress{Label: "Looking for sites on host-b", Words: "41,204 folders looked into", Rate: "12 sites so far"}}
	offline := hostSilent()
	offline.Find = &HostFind{State: ui.None, Word: "not looked yet", Text: "The host’s agent can find every Moodle below the folders that it may read, and you register them here: tick, customer, done.", Ask: &FindAsk{Action: "/x", Label: "Find sites", Cannot: "The host is offline: its agent does not answer. Try again when it does."}}
	return []sample{
		{"host-find", Host(found)},
		{"host-find-looking", Host(working)},
		{"host-find-offline", Host(offline)},
		{"discovery", Discovery(discoveryFull())},
		{"discovery-wrong", Discovery(discoveryWrong())},
		{"discovery-many", Discovery(discoveryMany(300))},
		{"discovery-looking", Discovery(DiscoveryProps{
			Page: staff(HostsSection), Name: longName, About: "Every Moodle below the folders that its agent may read", Refresh: "/x", StreamPath: "/sites/1/stream", State: ui.Running,
			Sentence: ui.Say(ui.Text("The host’s agent looks through the folders that it may read.")),
			Bar:      &ui.Progress{Label: "Looking for sites", Words: "41,204 folders looked into", Rate: "reading config.php, 212 of 300", Known: true, Percent: 70},
		})},
		{"discovery-none", Discovery(DiscoveryProps{
			Page: staff(HostsSection), Name: "host-b", About: "Every Moodle below the folders that its agent may read", State: ui.Good, Ask: &FindAsk{Action: "/x", Label: "Look again"},
			Sentence: ui.Say(ui.Text("No Moodle was found in 1,204 folders. Looked 3 min ago.")), Truncated: "12 folders may not be looked into by this user. " + hostile,
		})},
		{"discovery-old-agent", Discovery(DiscoveryProps{
			Page: staff(HostsSection), Name: "host-b", About: "Every Moodle below the folders that its agent may read", State: ui.None,
			Sentence: ui.Say(ui.Text("The host’s agent can find every Moodle below the folders that it may read.")),
			Ask:      &FindAsk{Action: "/x", Label: "Find sites", Cannot: "Its agent is too old to look for sites; install the newer agent on the host, and ask again."},
		})},
		{"discovery-viewer", Discovery(discoveryViewer())},
	}
}

func discoveryFull() DiscoveryProps {
	owners := []ui.Choice{{Label: "The same"}, {Value: "riverside", Label: "Riverside Academy"}, {Value: "rtl", Label: rtlName}}
	p := DiscoveryProps{
		Page: staff(HostsSection), Crumbs: []ui.Crumb{{Label: "Hosts", Href: HostsPath}, {Label: "host-b", Href: "/hosts/1"}}, Name: "host-b", About: "Every Moodle below the folders that its agent may read",
		State: ui.Waiting, Sentence: ui.Say(ui.Text("4 Moodles were found; 3 are not registered yet. Looked 3 min ago.")),
		Figures: []ui.Figure{{Label: "Found", Value: "4"}, {Label: "Not registered", Value: "3"}, {Label: "Folders looked into", Value: "1,204", Note: "3 min ago"}},
		Ask:     &FindAsk{Action: "/x", Label: "Look again"},
		Form: &FoundForm{
			Action: "/x", Token: "1", Ticked: "2 of 3 ticked", AllHref: "?tick=all", NoHref: "?", Zone: Field{Value: "Europe/Berlin"},
			Tenants: []ui.Choice{{Label: "Choose one"}, {Value: "riverside", Label: "Riverside Academy", Selected: true}, {Value: "rtl", Label: rtlName}},
			Places:  []ui.Choice{{Value: "default", Label: "default", Selected: true}, {Value: "falkenstein-2", Label: "falkenstein-2"}},
			Rows: []FoundRow{
				{N: "0", Code: "/var/www/riverside/moodle", About: "Moodle 4.5.6 (Build: 20250811) · https://learn.riverside.example", Where: "mariadb riverside, prefix mdl_ · /var/www/riverside/moodledata", On: true, Name: Field{Value: "learn.riverside.example"}, Owners: owners, Root: "/var/www/riverside", RootOn: true},
				{N: "1", Code: "/var/www/hillcrest/code", About: "Moodle 5.1.5 · https://hillcrest.example/moodle", Where: "pgsql hillcrest, prefix m_ · /data/hillcrest", On: true, Name: Field{Value: "hillcrest.example/moodle"}, Owners: owners, Warnings: []string{"The Moodle in /var/www/hillcrest.bak has the same moodledata; one of the two may be an old copy of the code."}},
				{N: "2", Code: "/var/www/old/moodle", About: "Moodle 3.9.2", Problem: "dbname: config.php takes it from the environment variable MOODLE_DB. Set that variable for this process, or give the value as an override.", Owners: owners},
			},
		},
		Known: []FoundRow{{Code: "/var/www/brook/moodle", About: "Moodle 4.5.6 · https://brook.example", Href: "/sites/1", Site: "brook.example", Tenant: "Brook School"}},
	}
	return p
}

func discoveryWrong() DiscoveryProps {
	p := discoveryFull()
	f := p.Form
	f.Error = "2 of the 3 sites cannot be registered as they are, so none was."
	f.Tenant, f.Zone = "Choose the customer whose sites they are, or one in every ticked row.", Field{Value: hostile, Problem: "“" + hostile + "” is not a time zone."}
	f.Rows[0].Name = Field{Value: hostile, Problem: "“" + hostile + "” must be the site’s host name, like learn.school.example."}
	f.Rows[1].Owners, f.Rows[1].Owner = nil, Field{Value: "no-such", Problem: "There is no customer “no-such”."}
	f.Rows[1].Wrong = "/var/www/hillcrest/code is registered already, as hillcrest.example."
	f.Rows[2].Code, f.Rows[2].Root = "/srv/"+strings.Repeat("a-very-long-folder/", 12)+longName, "/srv/"+strings.Repeat("long", 40)
	f.Rows[2].About, f.Rows[2].Where = hostile, "mariadb "+strings.Repeat("db", 60)+", prefix "+rtlName
	f.Rows[2].Warnings = []string{hostile, strings.Repeat("x", 300)}
	f.Each = []ui.Choice{{Value: "riverside", Label: "Riverside Academy"}, {Value: "rtl", Label: rtlName}}
	p.Truncated = "More than 500,000 folders were looked into, and the rest were not; look into parts of the tree."
	return p
}

func discoveryMany(n int) DiscoveryProps {
	p := discoveryFull()
	p.Form.Rows, p.Known = nil, nil
	p.Form.Each = []ui.Choice{{Value: "riverside", Label: "Riverside Academy"}}
	for i := range n {
		at := strconv.Itoa(i)
		p.Form.Rows = append(p.Form.Rows, FoundRow{N: at, Code: "/srv/site" + at + "/moodle", About: "Moodle 4.5.6 · https://site" + at + ".example", Where: "mariadb site" + at + ", prefix mdl_", On: true, Name: Field{Value: "site" + at + ".example"}, Root: "/srv/site" + at, RootOn: true})
	}
	return p
}

func discoveryViewer() DiscoveryProps {
	p := discoveryFull()
	p.Free, p.Form, p.Ask = p.Form.Rows, nil, nil
	return p
}
