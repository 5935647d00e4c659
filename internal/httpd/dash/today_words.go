package dash

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// When storage counts as filling, in hundredths; and when the planner, which
// looks every few seconds, counts as stopped.
const (
	storageLate   = 85
	storageFull   = 95
	plannerSilent = 5 * time.Minute
	manySilent    = 3 // hosts that are silent at once have one cause, most likely
)

// todayPage words what is at risk now.
type todayPage struct {
	app.Today
	now      time.Time
	mayTrust bool
	tickets  app.TicketCounts
}

// weighed is a risk with its place: how bad it is, and how many sites it
// touches.
type weighed struct {
	dash.Risk
	rank  int
	sites int64
}

// The ranks, worst first: what cannot come back, what is late, what will be.
const (
	rankLost = iota
	rankFailed
	rankSilent
	rankLate
	rankShort
	rankSoon
	rankNew
)

// risks are all that is wrong, worst first, and of what is equally bad that
// which touches most sites.
func (t todayPage) risks() []dash.Risk {
	var all []weighed
	for _, part := range [][]weighed{t.machine(), t.damaged(), t.failed(), t.silent(), t.late(), t.incomplete(), t.storage(), t.without(), t.desk()} {
		all = append(all, part...)
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.sites, a.sites)) })
	out := make([]dash.Risk, 0, len(all))
	for _, w := range all {
		out = append(out, w.Risk)
	}
	return out
}

// upTo writes a count that ends at a limit.
func (t todayPage) upTo(n int64) string {
	if n >= t.CountedAll {
		return "more than " + words.Count(t.CountedAll-1)
	}
	return words.Count(n)
}

func (t todayPage) sitesUpTo(n, counted int64) string {
	if counted >= t.CountedAll {
		return "More than " + words.Count(max(n-1, 1)) + " sites"
	}
	return words.Many(n, "site", "sites")
}

// machine is what is wrong with the control plane itself.
func (t todayPage) machine() (out []weighed) {
	if seen := t.Basis.PlannerAt; seen.Unix() > 0 && t.now.Sub(seen) > plannerSilent {
		out = append(out, weighed{rank: rankLost, sites: t.Basis.Sites, Risk: dash.Risk{
			State: ui.Failed, Word: "stopped", Title: "Nothing is planned since " + words.Span(t.now.Sub(seen)),
			Detail: "The planner looks every few seconds and did not. No copy starts by itself until a worker runs again; what runs goes on. See that the process holdfast serve is up, and its log.",
			Href:   dash.QueuePath, Action: "Open queue",
		}})
	}
	if t.ClockJumped() {
		jump := time.Duration(t.Basis.JumpSeconds) * time.Second
		way := "ahead"
		if jump < 0 {
			jump, way = -jump, "back"
		}
		r := dash.Risk{
			State: ui.Late, Word: "clock jumped", Title: "The clock went " + way + " by " + words.Span(jump) + " " + words.Ago(t.now, t.Basis.JumpedAt),
			Detail: "Nothing is deleted until it has run steadily for a day, so no copy is lost by it; storage may fill meanwhile. Look at the time service of this machine; if the time is right now, say so.",
		}
		if t.mayTrust {
			r.Act = &dash.Act{Action: dash.ClockTrustPath, Label: "The clock is right", About: "deletions go on"}
		}
		out = append(out, weighed{rank: rankSoon, Risk: r})
	}
	return out
}

func (t todayPage) damaged() (out []weighed) {
	for _, g := range t.Damaged {
		r := dash.Risk{
			State: ui.Failed, Word: "damaged", Detail: "Reading back found bytes that are not what was stored. A damaged copy is never used; others are not touched by this. A new copy is the remedy, and a look at the storage " + g.DestinationName + ".",
		}
		if g.Copies == 1 {
			r.Title = "A " + copyWord(g.Kind) + " of " + g.SiteName + " is damaged"
			r.Href, r.Action, r.About = siteRef(g.SiteRef), "Open site", g.SiteName
		} else {
			r.Title = words.Many(g.Copies, "copy", "copies") + " of " + words.Many(g.Sites, "site", "sites") + " are damaged at " + g.DestinationName
			r.Href, r.Action, r.About = destinationPath(g.DestinationID), "Open storage", g.DestinationName
			r.Detail += " The newest is of " + g.SiteName + "."
		}
		out = append(out, weighed{r, rankLost, g.Sites})
	}
	return out
}

func (t todayPage) failed() (out []weighed) {
	for _, g := range t.Failed {
		r := dash.Risk{State: ui.Failed, Detail: words.Stop(words.Capital(g.Error))}
		if g.Sites == 1 {
			what := copyWord(g.Kind)
			if g.Kinds > 1 {
				what = "copy of either kind"
			}
			r.Title = g.SiteName + " has no " + what + t.since(g.NewestGoodAt)
			if g.Failures > 1 {
				r.Detail += " " + words.Capital(words.Many(g.Failures, "run", "runs")) + " failed since."
			}
			r.Href, r.Action, r.About = dash.RunsPath+"/"+g.RunRef, "Open run", "of "+g.SiteName
		} else {
			r.Title = "Copies of " + words.Many(g.Sites, "site", "sites") + " of " + g.HostName + " fail"
			r.Detail = "All for one cause: " + r.Detail + " First seen at " + g.SiteName + "."
			r.Href, r.Action, r.About = runsHref("state", "failed", "host", g.HostName), "See runs", "that failed on "+g.HostName
		}
		switch {
		case g.WithoutCopy > 0 && g.Sites == 1:
			r.Detail += " Nothing of this kind could come back."
		case g.WithoutCopy > 0:
			r.Detail += " " + words.Capital(words.Many(g.WithoutCopy, "of these has", "of these have")) + " no copy at all."
		case g.Late == 0:
			r.Detail += " Nothing is late yet; it is tried again when the next copy is due."
		}
		rank := rankFailed
		if g.WithoutCopy > 0 {
			rank = rankLost
		}
		out = append(out, weighed{r, rank, g.Sites})
	}
	return out
}

func (t todayPage) since(good time.Time) string {
	if good.Unix() <= 0 {
		return " at all"
	}
	return " since " + words.Day(t.now, good, time.UTC) + " UTC"
}

// silent are hosts that do not answer. Many at once have one cause, and are
// one row.
func (t todayPage) silent() (out []weighed) {
	if n := int64(len(t.Silent)); n > manySilent {
		first := t.Silent[0]
		all := first.Silent
		which := words.Count(all) + " of " + words.Many(t.Basis.Hosts, "host", "hosts")
		if all >= t.Basis.Hosts {
			which = "All " + words.Many(all, "host", "hosts")
		}
		return []weighed{{rank: rankLost, sites: t.Basis.Sites, Risk: dash.Risk{
			State: ui.Unreachable, Word: "silent", Title: which + " are silent",
			Detail: "So many at once have one cause, most likely: our own network, name or certificate. Their sites take no new copies; nothing that is stored is touched. Silent the longest: " + first.HostName + ".",
			Href:   dash.HostsPath, Action: "Open hosts",
		}}}
	}
	for _, h := range t.Silent {
		r := dash.Risk{State: ui.Unreachable, Word: "silent", Href: hostPath(h.HostID), Action: "Open host", About: h.HostName}
		if h.LastSeenAt == nil {
			r.Title, r.Detail = h.HostName+" is enrolled and was never heard of", "See that its agent runs: systemctl status holdfast-agent."
		} else {
			r.Title = h.HostName + " has not answered for " + words.Span(t.now.Sub(*h.LastSeenAt))
			r.Detail = t.silentMeans(h)
		}
		rank := rankSilent
		if h.Late == 0 && h.Told {
			rank = rankLate
		}
		out = append(out, weighed{r, rank, h.Sites})
	}
	return out
}

func (t todayPage) silentMeans(h app.SilentHost) string {
	said := words.Capital(words.Many(h.Sites, "site", "sites")) + ". "
	switch {
	case h.Late > 0:
		said += words.Capital(words.Many(h.Late, "of them is", "of them are")) + " late with a copy already."
	case h.DueAt.After(t.now):
		said += "Nothing is lost yet: the next copies are due " + words.Ago(t.now, h.DueAt) + "."
	default:
		said += "Nothing is lost yet."
	}
	if h.Running > 0 {
		said += " " + words.Capital(words.Many(h.Running, "run is", "runs are")) + " held up there."
	}
	return said + " What is owed starts by itself when it answers."
}

// late is what is late though nothing failed and its host answers.
func (t todayPage) late() (out []weighed) {
	silent := map[string]bool{}
	for _, h := range t.Silent {
		silent[h.HostName] = true
	}
	for _, g := range t.Late {
		if silent[g.HostName] || len(t.Silent) > manySilent && t.quiet(g) {
			continue // its own row says so
		}
		r := dash.Risk{State: ui.Late, Href: hostPath(g.HostID), Action: "Open host", About: g.HostName}
		age := words.Span(t.now.Sub(g.OverdueAt))
		if g.Sites == 1 {
			r.Title = g.SiteName + " is late by " + age
			r.Detail = "Its newest copy is older than its policy promises. "
			r.Href, r.Action, r.About = siteRef(g.SiteRef), "Open site", g.SiteName
		} else {
			r.Title = t.sitesUpTo(g.Sites, g.Counted) + " of " + g.HostName + " are late, by up to " + age
			r.Detail = "Their newest copies are older than their policies promise. The longest: " + g.SiteName + ". "
		}
		r.Detail += t.lateBecause(g)
		if g.WithoutCopy > 0 {
			r.Detail += " " + words.Capital(words.Many(g.WithoutCopy, "kind of copy is", "kinds of copies are")) + " not there at all."
		}
		out = append(out, weighed{r, rankLate, g.Sites})
	}
	return out
}

func (t todayPage) quiet(g dbq.TodayLateRow) bool {
	return g.HostState == dbq.HostStateActive && (g.LastSeenAt == nil || t.now.Sub(*g.LastSeenAt) > app.HostSilence)
}

func (t todayPage) lateBecause(g dbq.TodayLateRow) string {
	switch g.HostState {
	case dbq.HostStateMaintenance:
		return g.HostName + " is in maintenance, so it is given no runs; end it when the work there is done."
	case dbq.HostStateRevoked:
		return "The agent of " + g.HostName + " is revoked, so nothing runs there; enrol it anew, or move the site."
	case dbq.HostStatePending:
		return g.HostName + " is not enrolled yet, so nothing runs there; enrol it."
	case dbq.HostStateActive:
	}
	return "The host answers, so copies wait in line or take long; see what runs there, and how many may at once."
}

func (t todayPage) incomplete() (out []weighed) {
	for _, g := range t.Incomplete {
		r := dash.Risk{State: ui.Incomplete, Detail: "It holds everything that could be read; what it lacks is listed on the site's page. Most often files whose rights changed: set them right, and the next copy is whole."}
		if g.Sites == 1 {
			r.Title = "The newest " + copyWord(g.Kind) + " of " + g.SiteName + " lacks something"
			r.Href, r.Action, r.About = siteRef(g.SiteRef), "Open site", g.SiteName
		} else {
			r.Title = "The newest copies of " + words.Many(g.Sites, "site", "sites") + " of " + g.HostName + " lack something"
			r.Href, r.Action, r.About = runsHref("state", "incomplete", "host", g.HostName), "See runs", "on "+g.HostName
		}
		out = append(out, weighed{r, rankShort, g.Sites})
	}
	return out
}

func siteCount(n int64) string { return words.Capital(words.Many(n, "site", "sites")) }

// without are sites whose first copies are still to come.
func (t todayPage) without() []weighed {
	n := t.Without.Sites
	if n == 0 {
		return nil
	}
	r := dash.Risk{State: ui.None, Word: "no copy yet", Title: siteCount(n) + " wait for a first copy", Href: dash.SitesPath, Action: "Open sites"}
	if n == 1 {
		r.Title = t.Without.SiteName + " waits for a first copy"
		r.Href, r.Action, r.About = siteRef(t.Without.SiteRef), "Open site", t.Without.SiteName
	}
	r.Detail = "Nothing of this kind could come back until then."
	if t.Without.UnderWay > 0 {
		r.Detail += " " + words.Capital(words.Many(t.Without.UnderWay, "copy is", "copies are")) + " on the way."
	}
	return []weighed{{r, rankNew, n}}
}

func runsHref(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return dash.RunsPath + "?" + q.Encode()
}

func siteRef(ref string) string { return dash.SitesPath + "/" + ref }
