package dash

import (
	"context"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// todayRuns is how many runs at work the first page shows.
const todayRuns = 5

// start leads staff to what is at risk, and customers to their sites.
func (d *Door) start(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return d.home(w, r, p)
	}
	see(w, r, dash.TodayPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) today(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.todayProps(r.Context(), p)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.TodaySection)
	return dash.Today(props), nil
}

// todayLive is the part of the page that its stream sends.
func (d *Door) todayLive(ctx context.Context, _ *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.todayProps(ctx, p)
	if err != nil {
		return nil, err
	}
	return dash.TodayLive(props), nil
}

func (d *Door) todayProps(ctx context.Context, p app.Person) (dash.TodayProps, error) {
	look, err := d.app.LookAtToday(ctx, p.Actor)
	if err != nil {
		return dash.TodayProps{}, err
	}
	t := todayPage{Today: look, now: later(d.clock.Now(), look.Now), mayTrust: may(p, authz.HoldCopies, id.Tenant{})}
	if t.tickets, err = d.app.CountTickets(ctx, p.Actor, id.Tenant{}); err != nil {
		return dash.TodayProps{}, err
	}
	props := t.props()
	props.StreamPath = dash.TodayStreamPath
	runs, err := d.app.ListRuns(ctx, p.Actor, app.RunQuery{State: "leased", Size: todayRuns})
	if err != nil {
		return props, err
	}
	hosts, err := d.hostNames(ctx, p)
	if err != nil {
		return props, err
	}
	for _, row := range runs {
		props.Running = append(props.Running, runRow(runOf(row), place{site: row.SiteName, host: hosts[row.HostID], zone: time.UTC}, nil, t.now))
	}
	return props, nil
}

// later is the later of two clocks' times: what was just noted by one must not
// lie ahead of the other.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// trustClock ends the stop of deletions after the clock jumped.
func (d *Door) trustClock(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return nil, notHere()
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	if err := d.app.TrustClock(r.Context(), p.Actor); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The clock is trusted again: what expired is deleted as before.")
	see(w, r, dash.TodayPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// props puts the day into words.
func (t todayPage) props() dash.TodayProps {
	p := dash.TodayProps{Date: t.now.UTC().Format("Monday 2 January 2006"), Risks: t.risks(), Apart: t.apart(), Basis: t.basis(), More: t.more()}
	if t.Basis.Sites > 0 {
		p.Date += " · " + words.Many(t.Basis.Sites, "site", "sites") + " on " + words.Many(t.Basis.Hosts, "host", "hosts")
	}
	p.State, p.Sentence = t.sentence(p.Risks)
	if t.Basis.Open > 0 {
		p.Runs = words.Count(t.Basis.Running) + " at work, " + t.upTo(max(t.Basis.Open-t.Basis.Running, 0)) + " wait"
	}
	return p
}
