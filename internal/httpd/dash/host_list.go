package dash

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
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
	q := hostsAsked(r.URL.Query())
	l, err := hostsLookOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	v, err := d.app.LookAtHosts(r.Context(), p.Actor, l)
	if err != nil {
		return nil, err
	}
	props := dash.HostsProps{
		Page: d.page(r.Context(), p, dash.HostsSection), Query: q.Get("q"), Narrowed: len(q) > 0, Filters: hostFilters(q, v), Pager: hostPager(q, v),
		All: hostsHref(nil), Total: hostsCount(v.All),
	}
	if f := q.Get("filter"); f != "" {
		props.Kept = []ui.Choice{{Label: "filter", Value: f}}
	}
	if may(p, authz.ManageHosts, id.Tenant{}) {
		props.NewHref = dash.NewHostPath
	}
	now := d.clock.Now()
	for _, h := range v.Hosts {
		props.Hosts = append(props.Hosts, hostRow(h, d.version, now))
	}
	props.State, props.Sentence = hostsSentence(v)
	return dash.Hosts(props), nil
}

// hostsAsked are the fields of the address that ask something, without the
// place in the list.
func hostsAsked(q url.Values) url.Values {
	out := url.Values{}
	for _, f := range []string{"q", "filter"} {
		if v := q.Get(f); v != "" {
			out.Set(f, v)
		}
	}
	return out
}

// hostsHref is the list with a field changed, from its start; "" takes it out.
func hostsHref(q url.Values, changes ...string) string {
	out := hostsAsked(q)
	for i := 0; i+1 < len(changes); i += 2 {
		out.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			out.Del(changes[i])
		}
	}
	if len(out) == 0 {
		return dash.HostsPath
	}
	return dash.HostsPath + "?" + out.Encode()
}

func hostsLookOf(q url.Values) (app.HostsLook, error) {
	l := app.HostsLook{Search: q.Get("q"), Standing: app.HostStanding(q.Get("filter"))}
	var err error
	if l.After, err = hostPlaceOf("after", q.Get("after")); err != nil {
		return l, err
	}
	l.Before, err = hostPlaceOf("before", q.Get("before"))
	return l, err
}

// hostPlaceOf reads a cursor: a standing and a name. It is believed only after
// a look.
func hostPlaceOf(field, s string) (*app.HostPlace, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // from the start
	}
	standing, name, ok := strings.Cut(s, ".")
	if !ok || len(s) > 300 || !utf8.ValidString(s) {
		return nil, errs.Field(field, "it leads to no place in this list; open the list anew from its start")
	}
	return &app.HostPlace{Standing: app.HostStanding(standing), Name: name}, nil
}

func hostCursor(p app.HostPlace) string { return string(p.Standing) + "." + p.Name }

func hostsCount(by map[app.HostStanding]int64) (n int64) {
	for _, x := range by {
		n += x
	}
	return n
}

// hostFilterWords are the choices above the list. Those that are not always
// there are offered where a host stands so.
var hostFilterWords = []struct {
	standing app.HostStanding
	label    string
	always   bool
}{
	{app.HostSilent, "Silent", true},
	{app.HostSkewed, "Clock is wrong", false},
	{app.HostMaintained, "In maintenance", false},
	{app.HostUnenrolled, "Not enrolled", false},
	{app.HostWell, "Answers", true},
	{app.HostRevoked, "Revoked", false},
}

func hostFilters(q url.Values, v app.HostsView) []ui.Choice {
	on := q.Get("filter")
	out := []ui.Choice{{Label: "All", Href: hostsHref(q, "filter", ""), Count: words.Count(hostsCount(v.Standings)), Selected: on == ""}}
	for _, w := range hostFilterWords {
		n := v.Standings[w.standing]
		if n == 0 && !w.always && on != string(w.standing) {
			continue
		}
		out = append(out, ui.Choice{Label: w.label, Href: hostsHref(q, "filter", string(w.standing)), Count: words.Count(n), Selected: on == string(w.standing)})
	}
	return out
}

func hostPager(q url.Values, v app.HostsView) ui.Pager {
	p := ui.Pager{ID: "hosts-pager", What: "hosts", Words: words.Many(v.Found, "host", "hosts")}
	if v.Found == 0 {
		return ui.Pager{}
	}
	if v.More || v.Less {
		p.Words = words.Count(int64(len(v.Hosts))) + " of " + p.Words
	}
	if v.More {
		p.NextHref = hostsHref(q, "after", hostCursor(v.Last))
	}
	if v.Less {
		p.PrevHref = hostsHref(q)
		if len(v.Hosts) > 0 {
			p.PrevHref = hostsHref(q, "before", hostCursor(v.First))
		}
	}
	return p
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

// hostsSentence tells how all hosts stand, whichever of them are listed.
func hostsSentence(v app.HostsView) (ui.State, []ui.Phrase) {
	all := hostsCount(v.All)
	counted, n := all-v.All[app.HostUnenrolled]-v.All[app.HostRevoked], v.All[app.HostSilent]
	switch {
	case all == 0:
		return ui.None, nil
	case counted == 0:
		return ui.None, ui.Say(ui.Text("No host is enrolled yet."))
	case n == 0 && counted == 1:
		return ui.Good, ui.Say(ui.Text("The one host answers."))
	case n == 0:
		return ui.Good, ui.Say(ui.Text("All "), ui.Strong(words.Many(counted, "host", "hosts")), ui.Text(" answer."))
	}
	var out []ui.Phrase
	switch {
	case counted == 1:
		out = ui.Say(ui.Text("The one host, "), ui.Strong(v.SilentName), ui.Text(", is silent"))
	case n == counted:
		out = ui.Say(ui.Text("All "), ui.Strong(words.Many(n, "host", "hosts")), ui.Text(" are silent"))
	case n == 1:
		out = ui.Say(ui.Text(words.Count(counted-1)+" of "+words.Many(counted, "host", "hosts")+" answer. "), ui.Strong(v.SilentName), ui.Text(" is silent"))
	default:
		out = ui.Say(ui.Text(words.Count(counted-n)+" of "+words.Many(counted, "host", "hosts")+" answer. "), ui.Strong(words.Count(n)), ui.Text(" are silent"))
	}
	if sites := v.SilentSites; sites > 0 {
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
