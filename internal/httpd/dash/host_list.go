package dash

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// skewMost is how far an agent's clock may be off before the page says so.
const skewMost = 5 * time.Second

func (d *Door) hosts(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	rows, err := d.app.ListHosts(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	props := dash.HostsProps{Page: d.page(r.Context(), p, dash.HostsSection)}
	if may(p, authz.ManageHosts, id.Tenant{}) {
		props.EnrolSentence = "This prints a token that works once, for one day, and the line to run on the host."
		props.EnrolCommand = "holdfast host add NAME"
	}
	now := d.clock.Now()
	for _, h := range rows {
		props.Hosts = append(props.Hosts, hostRow(h, d.version, now))
	}
	slices.SortStableFunc(props.Hosts, func(a, b dash.HostRow) int { return cmp.Compare(hostRank(a.State), hostRank(b.State)) })
	props.State, props.Sentence = hostsSentence(props.Hosts)
	if len(rows) > 0 {
		props.Pager = ui.Pager{Words: words.Many(int64(len(rows)), "host", "hosts"), What: "hosts"}
	}
	return dash.Hosts(props), nil
}

func hostRank(s ui.State) int {
	return map[ui.State]int{ui.Unreachable: 0, ui.Late: 1, ui.Waiting: 2, ui.None: 3, ui.Good: 4, ui.Cancelled: 5}[s]
}

func hostRow(h dbq.ListHostsRow, version string, now time.Time) dash.HostRow {
	row := dash.HostRow{
		Name: h.Name, Agent: h.AgentVersion, Sites: words.Count(h.Sites),
		Running: words.Count(h.Running) + " of " + strconv.Itoa(int(h.MaxRuns)),
	}
	if h.LastSeenAt != nil {
		row.LastSeen = when(now, *h.LastSeenAt, time.UTC)
	}
	if version != "" && h.AgentVersion != "" && h.AgentVersion != version {
		row.AgentNote = "this control plane is " + version
	}
	switch h.State {
	case dbq.HostStatePending:
		row.State, row.Word, row.Note = ui.None, "not enrolled", "Its token has not been used. It works for one day; make another with: holdfast host enrol "+h.Name
	case dbq.HostStateRevoked:
		row.State, row.Word, row.Note = ui.Cancelled, "revoked", "Its agent is refused. To take it back: holdfast host enrol "+h.Name
	case dbq.HostStateMaintenance:
		row.State, row.Word, row.Note = ui.Waiting, "in maintenance", "It is given no new runs."
	case dbq.HostStateActive:
		row.State, row.Word = ui.Good, "answers"
		if h.Waiting > 0 {
			row.Note = words.Many(h.Waiting, "run waits", "runs wait") + " for it."
		}
		hostQuiet(&row, h, now)
	}
	return row
}

// hostQuiet words a host that does not answer, or whose clock is wrong.
func hostQuiet(row *dash.HostRow, h dbq.ListHostsRow, now time.Time) {
	skew := time.Duration(h.ClockSkewMs) * time.Millisecond
	switch {
	case h.LastSeenAt == nil:
		row.State, row.Word, row.Note = ui.Unreachable, "silent", "Its agent is enrolled and was never heard of; see that it runs."
	case now.Sub(*h.LastSeenAt) > silence:
		row.State, row.Word = ui.Unreachable, "silent"
		row.Note = "Its " + words.Many(h.Sites, "site takes", "sites take") + " no new copies until it answers; see that its agent runs."
	case skew > skewMost:
		row.State, row.Word, row.Note = ui.Late, "clock is ahead", "Its clock is "+words.Span(skew)+" ahead; set it right, or copies carry wrong times."
	case skew < -skewMost:
		row.State, row.Word, row.Note = ui.Late, "clock is behind", "Its clock is "+words.Span(-skew)+" behind; set it right, or copies carry wrong times."
	}
}

func hostsSentence(hosts []dash.HostRow) (ui.State, []ui.Phrase) {
	var answer, counted int64
	var silent []string
	for _, h := range hosts {
		switch h.State {
		case ui.Unreachable:
			silent = append(silent, h.Name)
			counted++
		case ui.None, ui.Cancelled:
		default:
			answer++
			counted++
		}
	}
	switch {
	case counted == 0 && len(hosts) == 0:
		return ui.None, nil
	case counted == 0:
		return ui.None, ui.Say(ui.Text("No host is enrolled yet."))
	case len(silent) == 0 && counted == 1:
		return ui.Good, ui.Say(ui.Text("The one host answers."))
	case len(silent) == 0:
		return ui.Good, ui.Say(ui.Text("All "), ui.Strong(words.Many(counted, "host", "hosts")), ui.Text(" answer."))
	}
	if counted == 1 {
		return ui.Unreachable, ui.Say(ui.Text("The one host, "), ui.Strong(silent[0]), ui.Text(", is silent; nothing is lost yet."))
	}
	out := ui.Say(ui.Text(words.Count(answer) + " of " + words.Many(counted, "host", "hosts") + " answer. "))
	if len(silent) == 1 {
		return ui.Unreachable, append(out, ui.Strong(silent[0]), ui.Text(" is silent; nothing is lost yet."))
	}
	return ui.Unreachable, append(out, ui.Strong(words.Count(int64(len(silent)))), ui.Text(" are silent; nothing is lost yet."))
}
