package dash

import (
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// hostPages are the routes of hosts.
func (d *Door) hostPages(r chi.Router) {
	const one = "/hosts/{id:[0-9a-f-]{36}}"
	r.Get(dash.HostsPath, d.signed(d.hosts))
	r.Get(dash.NewHostPath, d.fresh(dash.HostsPath, d.newHost))
	r.Post(dash.HostsPath, d.fresh(dash.NewHostPath, d.addHost))
	r.Get(one, d.signed(d.host))
	r.Post(one+"/limit", d.signed(d.hostForm(d.limitHost)))
	r.Post(one+"/maintenance", d.signed(d.hostForm(d.maintainHost)))
	r.Post(one+"/enrolment", d.freshHere("/enrolment", d.hostForm(d.enrolHost)))
	r.Post(one+"/revocation", d.freshHere("/revocation", d.hostForm(d.revokeHost)))
}

// freshHere is fresh for a form that stands on the page above its own address.
func (d *Door) freshHere(suffix string, h signedPage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		d.fresh(path[:max(len(path)-len(suffix), 0)], h)(w, r)
	}
}

func hostOf(r *http.Request) (id.Host, error) {
	of, err := id.Parse[id.Host](chi.URLParam(r, "id"))
	if err != nil {
		return of, errs.Wrap(errs.NotFound, err, "There is no host of this name, or none that you may see.")
	}
	return of, nil
}

func (d *Door) host(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := hostOf(r)
	if err != nil {
		return nil, err
	}
	props, err := d.hostProps(r, p, of)
	if err != nil {
		return nil, err
	}
	return dash.Host(props), nil
}

func (d *Door) hostProps(r *http.Request, p app.Person, of id.Host) (dash.HostProps, error) {
	v, err := d.app.HostByID(r.Context(), p.Actor, of)
	if err != nil {
		return dash.HostProps{}, err
	}
	now := d.clock.Now()
	h := v.Row
	props := dash.HostProps{
		Page: d.page(r.Context(), p, dash.HostsSection), Name: h.Name, Crumbs: []ui.Crumb{{Label: "Hosts", Href: dash.HostsPath}},
		About: hostAbout(v, now), Basis: "Its agent was heard of " + seenWord(h.LastSeenAt, now) + ", its clock is right, and its version is known.",
		Figures: []ui.Figure{
			{Label: "Running", Value: words.Count(h.Running) + " of " + strconv.Itoa(int(h.MaxRuns)), Note: "at most"},
			{Label: "Waiting", Value: words.Count(h.Waiting), Note: "for a place"},
			{Label: "Sites", Value: words.Count(h.Sites)},
		},
		Facts: hostFacts(v, d.version, now),
	}
	props.State, props.Sentence = hostSentence(v, now)
	props.Problems = hostProblems(v, d.version, now)
	for _, s := range v.Sites {
		row := dash.HostSite{Href: sitePath(s.ID), Name: s.Name, Tenant: s.TenantName, State: ui.Good, Word: "in time"}
		switch {
		case s.State != "active":
			row.State, row.Word = ui.Waiting, string(s.State)
		case s.OverdueAt.Unix() > 0 && !s.OverdueAt.After(now):
			row.State, row.Word = ui.Late, "late"
		case s.OverdueAt.Unix() <= 0:
			row.State, row.Word = ui.None, "not planned yet"
		}
		row.Due = when(now, s.DueAt, zoneOf(p.TimeZone))
		props.Sites = append(props.Sites, row)
	}
	if h.Sites > 0 {
		props.SitesHref, props.SitesHint = sitesOfHost(h.Name), "All "+words.Many(h.Sites, "site", "sites")
		if h.Sites == 1 {
			props.SitesHint = "Its one site"
		}
	}
	for _, run := range v.Runs {
		row := runRow(run.Run, place{site: run.SiteName, host: h.Name, zone: zoneOf(p.TimeZone)}, nil, now)
		row.Tenant = run.TenantName
		props.Runs = append(props.Runs, row)
	}
	look, err := d.app.Discovery(r.Context(), p.Actor, h.Name)
	if err != nil {
		return props, err
	}
	props.Find = d.hostFind(p, look, now)
	if may(p, authz.ManageHosts, id.Tenant{}) {
		props.Moves = hostMoves(v)
	}
	return props, nil
}

func seenWord(at *time.Time, now time.Time) string {
	if at == nil {
		return "never"
	}
	return words.Ago(now, *at)
}

func hostAbout(v app.HostView, now time.Time) string {
	h := v.Row
	out := host.Word(host.State(h.State))
	if h.AgentVersion != "" {
		out += " · agent " + h.AgentVersion
	}
	if h.LastSeenAt != nil {
		out += " · last seen " + words.Ago(now, *h.LastSeenAt)
	}
	return words.Capital(out)
}

func hostFacts(v app.HostView, version string, now time.Time) []ui.Fact {
	h := v.Row
	seen := ui.Fact{Label: "Last seen", Value: "never"}
	if h.LastSeenAt != nil {
		seen = ui.Fact{Label: "Last seen", Value: words.Ago(now, *h.LastSeenAt), Note: words.Exact(*h.LastSeenAt, time.UTC)}
	}
	skew := time.Duration(h.ClockSkewMs) * time.Millisecond
	clock := ui.Fact{Label: "Clock", Value: "not known yet"}
	if h.Protocol > 0 {
		clock.Value, clock.Note = "right", "off by "+skew.Abs().Round(time.Millisecond).String()+" when its agent began"
		if skew.Abs() > host.SkewMost {
			clock.Value = "wrong"
		}
	}
	facts := []ui.Fact{
		{Label: "State", Value: words.Capital(host.Word(host.State(h.State)))},
		{Label: "Calls itself", Value: h.Hostname, Code: true},
		{Label: "Agent", Value: h.AgentVersion, Note: agentAge(h.AgentVersion, version), Code: true},
		{Label: "Protocol", Value: protocolWord(h.Protocol)},
		seen, clock,
		{Label: "Runs at once", Value: "at most " + strconv.Itoa(int(h.MaxRuns))},
		{Label: "Added", Value: words.Exact(h.CreatedAt, time.UTC)},
	}
	if !v.EnrolsUntil.IsZero() {
		facts = append(facts, ui.Fact{Label: "Enrolment", Value: "a token is about", Note: "until " + words.Exact(v.EnrolsUntil, time.UTC)})
	}
	return facts
}

func protocolWord(n int32) string {
	if n == 0 {
		return "not known yet"
	}
	return strconv.Itoa(int(n))
}

func hostSentence(v app.HostView, now time.Time) (ui.State, []ui.Phrase) {
	name := ui.Strong(v.Row.Name)
	state, _, note := hostStanding(v.Host, now)
	switch v.Reach {
	case host.Unenrolled:
		return state, ui.Say(name, ui.Text(" waits for its agent to enrol. Nothing runs there before."))
	case host.Refused:
		return state, ui.Say(name, ui.Text(" is revoked: its agent is refused, and its sites take no new copies. What was stored is safe."))
	case host.Unheard, host.Silent:
		return state, ui.Say(name, ui.Text(" is silent. "+note+" What was stored is safe."))
	case host.Skewed:
		return state, ui.Say(name, ui.Text(" answers, and its clock is wrong. "+note))
	default:
	}
	if host.State(v.Row.State) == host.Maintenance {
		left := "Nothing runs there."
		if v.Row.Running > 0 {
			left = words.Many(v.Row.Running, "run", "runs") + " there " + verb(v.Row.Running, "goes", "go") + " on to the end."
		}
		return state, ui.Say(name, ui.Text(" is in maintenance: it is given no new runs. "), ui.Text(left))
	}
	if v.Row.Running == 0 && v.Row.Waiting == 0 {
		return ui.Good, ui.Say(name, ui.Text(" answers, and nothing is to be done there now."))
	}
	out := ui.Say(name, ui.Text(" answers and works on "), ui.Strong(words.Many(v.Row.Running, "run", "runs")), ui.Text("."))
	if v.Row.Waiting > 0 {
		out = append(out, ui.Text(" "+words.Count(v.Row.Waiting)+" more "+verb(v.Row.Waiting, "waits", "wait")+" for a place."))
	}
	return ui.Good, out
}

func hostProblems(v app.HostView, version string, now time.Time) []dash.Problem {
	var out []dash.Problem
	state, word, note := hostStanding(v.Host, now)
	switch v.Reach {
	case host.Silent, host.Unheard:
		out = append(out, dash.Problem{State: state, Word: word, Title: "Its agent does not answer", Detail: note + " On the host run: holdfast-agent doctor"})
	case host.Skewed:
		out = append(out, dash.Problem{State: state, Word: word, Title: "Its clock is wrong", Detail: note})
	case host.Unenrolled:
		detail := "Make a new token below: the last one was used, or its day is over."
		if !v.EnrolsUntil.IsZero() {
			detail = "A token waits for its use until " + words.Exact(v.EnrolsUntil, time.UTC) + ". It was shown once; a new one can be made below."
		}
		out = append(out, dash.Problem{State: state, Word: word, Title: "Its agent has not enrolled", Detail: detail})
	case host.Refused:
		out = append(out, dash.Problem{State: state, Word: word, Title: "Its agent is refused", Detail: "Its sites take no new copies. Make a new token below to take it back."})
	case host.Answers:
	}
	if v.Row.Busy != "" && v.Row.BusySince != nil {
		out = append(out, dash.Problem{
			State: ui.Waiting, Word: "busy", Title: "It takes no backups for now: it is busy since " + words.Exact(*v.Row.BusySince, time.UTC),
			Detail: words.Stop(words.Capital(v.Row.Busy)) + " Those at work pause; restores run. They go on when it is calm, or slowly when they have given way for long enough.",
		})
	}
	if age := host.Compare(v.Row.AgentVersion, version); age == host.Older {
		out = append(out, dash.Problem{State: ui.Late, Word: "older", Title: "Its agent is older than this control plane", Detail: v.Row.AgentVersion + " against " + version + ". It works on; install the new one when it suits."})
	}
	return out
}
