package dash

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/host"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

func hostPath(of id.Host) string { return dash.HostsPath + "/" + of.String() }

// sitesOfHost leads to the list of sites, narrowed to the host's.
func sitesOfHost(name string) string {
	return dash.SitesPath + "?" + url.Values{"host": {name}}.Encode()
}

func (d *Door) hosts(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	all, err := d.app.Hosts(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	props := dash.HostsProps{Page: d.page(r.Context(), p, dash.HostsSection)}
	if may(p, authz.ManageHosts, id.Tenant{}) {
		props.NewHref = dash.NewHostPath
	}
	now := d.clock.Now()
	for _, h := range all {
		props.Hosts = append(props.Hosts, hostRow(h, d.version, now))
	}
	slices.SortStableFunc(props.Hosts, func(a, b dash.HostRow) int { return cmp.Compare(hostRank(a.State), hostRank(b.State)) })
	props.State, props.Sentence = hostsSentence(all)
	if len(all) > 0 {
		props.Pager = ui.Pager{Words: words.Many(int64(len(all)), "host", "hosts"), What: "hosts"}
	}
	return dash.Hosts(props), nil
}

func hostRank(s ui.State) int {
	return map[ui.State]int{ui.Unreachable: 0, ui.Late: 1, ui.Waiting: 2, ui.None: 3, ui.Good: 4, ui.Cancelled: 5}[s]
}

func hostRow(h app.Host, version string, now time.Time) dash.HostRow {
	r := h.Row
	row := dash.HostRow{
		Href: hostPath(r.ID), Name: r.Name, Agent: r.AgentVersion, AgentNote: agentAge(r.AgentVersion, version),
		Running: words.Count(r.Running) + " of " + strconv.Itoa(int(r.MaxRuns)), Sites: words.Count(r.Sites),
	}
	if r.Sites > 0 {
		row.SitesHref = sitesOfHost(r.Name)
	}
	if r.LastSeenAt != nil {
		row.LastSeen = when(now, *r.LastSeenAt, time.UTC)
	}
	if r.Waiting > 0 {
		row.Waiting = words.Count(r.Waiting) + " more wait"
		if r.Waiting == 1 {
			row.Waiting = "1 more waits"
		}
	}
	row.State, row.Word, row.Note = hostStanding(h, now)
	return row
}

// agentAge says how an agent's version stands to this build's, where that is
// worth a word.
func agentAge(agent, build string) string {
	switch host.Compare(agent, build) {
	case host.Older:
		return "older than this control plane, which is " + build
	case host.Newer:
		return "newer than this control plane, which is " + build
	case host.Different:
		return "this control plane is " + build
	default:
		return ""
	}
}

// hostStanding words how a host stands, and what that means.
func hostStanding(h app.Host, now time.Time) (state ui.State, word, note string) {
	switch h.Reach {
	case host.Unenrolled:
		return ui.None, "not enrolled", "Its agent has not enrolled yet."
	case host.Refused:
		return ui.Cancelled, "revoked", "Its agent is refused. A new token enrols it again."
	case host.Unheard:
		return ui.Unreachable, "silent", "Its agent is enrolled and was never heard of; see that it runs."
	case host.Silent:
		return ui.Unreachable, "silent", silentNote(h, now)
	case host.Skewed:
		return ui.Late, "clock is wrong", skewNote(h.Row.ClockSkewMs)
	default:
	}
	if host.State(h.Row.State) == host.Maintenance {
		return ui.Waiting, "in maintenance", "What runs there finishes; nothing new begins."
	}
	return ui.Good, "answers", ""
}

// silentNote says since when, and what that means for the host's sites.
func silentNote(h app.Host, now time.Time) string {
	out := "Not heard of for " + words.Span(h.Silent) + ". "
	switch {
	case h.Row.Sites == 0:
		return out + "It has no site."
	case h.Late > 0:
		return out + "Its " + words.Many(h.Row.Sites, "site takes", "sites take") + " no new copies until it answers; " + words.Count(h.Late) + lateWord(h.Late)
	case !h.DueAt.IsZero() && h.DueAt.After(now):
		return out + "Its " + words.Many(h.Row.Sites, "site takes", "sites take") + " no new copies until it answers; the next is due " + words.Ago(now, h.DueAt) + "."
	}
	return out + "Its " + words.Many(h.Row.Sites, "site takes", "sites take") + " no new copies until it answers."
}

func lateWord(n int64) string {
	if n == 1 {
		return " is late already."
	}
	return " are late already."
}

func skewNote(ms int64) string {
	skew, way := time.Duration(ms)*time.Millisecond, "ahead"
	if skew < 0 {
		skew, way = -skew, "behind"
	}
	return "Its clock is " + words.Span(skew) + " " + way + "; set it right by NTP, or copies carry wrong times."
}

func hostsSentence(all []app.Host) (ui.State, []ui.Phrase) {
	var counted, sites int64
	var silent []string
	for _, h := range all {
		switch h.Reach {
		case host.Unenrolled, host.Refused:
		case host.Silent, host.Unheard:
			silent = append(silent, h.Row.Name)
			sites += h.Row.Sites
			counted++
		default:
			counted++
		}
	}
	switch {
	case len(all) == 0:
		return ui.None, nil
	case counted == 0:
		return ui.None, ui.Say(ui.Text("No host is enrolled yet."))
	case len(silent) == 0 && counted == 1:
		return ui.Good, ui.Say(ui.Text("The one host answers."))
	case len(silent) == 0:
		return ui.Good, ui.Say(ui.Text("All "), ui.Strong(words.Many(counted, "host", "hosts")), ui.Text(" answer."))
	}
	var out []ui.Phrase
	if counted == 1 {
		out = ui.Say(ui.Text("The one host, "), ui.Strong(silent[0]), ui.Text(", is silent"))
	} else if len(silent) == 1 {
		out = ui.Say(ui.Text(words.Count(counted-1)+" of "+words.Many(counted, "host", "hosts")+" answer. "), ui.Strong(silent[0]), ui.Text(" is silent"))
	} else {
		n := int64(len(silent))
		out = ui.Say(ui.Text(words.Count(counted-n)+" of "+words.Many(counted, "host", "hosts")+" answer. "), ui.Strong(words.Count(n)), ui.Text(" are silent"))
	}
	if sites > 0 {
		return ui.Unreachable, append(out, ui.Text("; "), ui.Strong(words.Many(sites, "site", "sites")), ui.Text(" "+verb(sites, "takes", "take")+" no new copies. What was stored is safe."))
	}
	return ui.Unreachable, append(out, ui.Text("; no site is touched by that."))
}

func verb(n int64, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
