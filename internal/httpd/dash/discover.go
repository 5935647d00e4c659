package dash

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// discoverPattern is where what was found on a host lies.
const discoverPattern = "/hosts/{id:[0-9a-f-]{36}}/discovery"

// discoverPages are the routes of looking for sites.
func (d *Door) discoverPages(r chi.Router) {
	r.Get(discoverPattern, d.signed(d.discovery))
	r.Post(discoverPattern, d.signed(d.discover))
	r.Post(discoverPattern+"/sites", d.signed(d.registerFound))
}

func discoveryPath(of id.Host) string { return hostPath(of) + "/discovery" }

// lookAt reads the newest look for the sites of the host of a request.
func (d *Door) lookAt(ctx context.Context, r *http.Request, p app.Person) (app.Look, error) {
	of, err := hostOf(r)
	if err != nil {
		return app.Look{}, err
	}
	h, err := d.app.HostByID(ctx, p.Actor, of)
	if err != nil {
		return app.Look{}, err
	}
	return d.app.Discovery(ctx, p.Actor, h.Row.Name)
}

// hostFind is the part of a host's page that looks for its sites.
func (d *Door) hostFind(p app.Person, l app.Look, now time.Time) *dash.HostFind {
	f := &dash.HostFind{Ask: findAsk(p, l)}
	f.State, f.Word, f.Text = lookWords(l, now)
	f.Bar = lookBar(l)
	switch {
	case l.Open():
		f.Href, f.HrefLabel = discoveryPath(l.Host), "Watch it"
	case l.Free() > 0:
		f.Href, f.HrefLabel = discoveryPath(l.Host), "Register "+words.Many(int64(l.Free()), "site", "sites")
	case !l.FoundAt.IsZero():
		f.Href, f.HrefLabel = discoveryPath(l.Host), "What was found"
	}
	return f
}

// findAsk is the button, for whoever may press it and while nothing is at work.
func findAsk(p app.Person, l app.Look) *dash.FindAsk {
	if l.Open() || !may(p, authz.ManageSites, id.Tenant{}) {
		return nil
	}
	a := &dash.FindAsk{Action: discoveryPath(l.Host), Label: "Find sites", Cannot: l.Cannot}
	if !l.FoundAt.IsZero() {
		a.Label = "Look again"
	}
	return a
}

// lookWords says how the newest look stands.
func lookWords(l app.Look, now time.Time) (ui.State, string, string) {
	switch l.State {
	case dbq.DiscoveryStateQueued:
		if l.Cannot != "" {
			return ui.Waiting, "waits", l.Cannot
		}
		return ui.Waiting, "waits", "The host’s agent is asked to look for sites; it begins in a moment."
	case dbq.DiscoveryStateLeased:
		return ui.Running, "looking", "The host’s agent looks through the folders that it may read."
	case dbq.DiscoveryStateFailed, dbq.DiscoveryStateCancelled:
		return ui.Failed, "failed", l.Error + foundBefore(l, now)
	case dbq.DiscoveryStateDone:
		return foundState(l), "found", foundWords(l) + " Looked " + words.Ago(now, l.FoundAt) + "."
	}
	return ui.None, "not looked yet", "The host’s agent can find every Moodle below the folders that it may read, and you register them here: tick, customer, done."
}

func foundBefore(l app.Look, now time.Time) string {
	if l.FoundAt.IsZero() {
		return ""
	}
	return " What was found " + words.Ago(now, l.FoundAt) + " is still here."
}

func foundState(l app.Look) ui.State {
	if l.Free() > 0 {
		return ui.Waiting
	}
	return ui.Good
}

func foundWords(l app.Look) string {
	n, free := len(l.Sites), l.Free()
	switch {
	case n == 0:
		return "No Moodle was found in " + words.Many(l.Folders, "folder", "folders") + "."
	case free == 0 && n == 1:
		return "One Moodle was found, and it is registered."
	case free == 0:
		return words.Count(int64(n)) + " Moodles were found, and all are registered."
	}
	return words.Many(int64(n), "Moodle was", "Moodles were") + " found; " + words.Many(int64(free), "is", "are") + " not registered yet."
}

// lookBar is the true progress of a look: how many of the sites it found it
// has read.
func lookBar(l app.Look) *ui.Progress {
	if l.State != dbq.DiscoveryStateLeased {
		return nil
	}
	p := l.Progress
	b := &ui.Progress{Label: "Looking for sites on " + l.HostName, Words: words.Many(p.DoneFiles, "folder", "folders") + " looked into", Rate: p.Detail}
	if p.AllTables > 0 && strings.HasPrefix(p.Detail, "reading") {
		b.Known, b.Percent = true, 100*p.DoneTables/p.AllTables
	}
	return b
}

func (d *Door) discovery(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	l, err := d.lookAt(r.Context(), r, p)
	if err != nil {
		return nil, err
	}
	typed := foundTyped{all: r.URL.Query().Get("tick") == "all", zone: "UTC"}
	props, err := d.discoveryProps(r.Context(), p, l, typed)
	if err != nil {
		return nil, err
	}
	return dash.Discovery(props), nil
}

// discoveryLive makes the part of the page that its stream sends.
func (d *Door) discoveryLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	l, err := d.lookAt(ctx, r, p)
	if err != nil {
		return nil, err
	}
	props := d.lookProps(p, l)
	if !l.Open() {
		props.Ended, props.Ask = "Show what was found", nil
	}
	return dash.DiscoveryLive(props), nil
}

// lookProps are those of the page without what was found.
func (d *Door) lookProps(p app.Person, l app.Look) dash.DiscoveryProps {
	now := d.clock.Now()
	props := dash.DiscoveryProps{
		Name: l.HostName, Crumbs: []ui.Crumb{{Label: "Hosts", Href: dash.HostsPath}, {Label: l.HostName, Href: hostPath(l.Host)}},
		About: "Every Moodle below the folders that its agent may read", Refresh: discoveryPath(l.Host), Bar: lookBar(l), Ask: findAsk(p, l), Truncated: l.Truncated,
	}
	state, _, text := lookWords(l, now)
	props.State, props.Sentence = state, ui.Say(ui.Text(text))
	if !l.FoundAt.IsZero() {
		props.Figures = []ui.Figure{
			{Label: "Found", Value: words.Count(int64(len(l.Sites)))},
			{Label: "Not registered", Value: words.Count(int64(l.Free()))},
			{Label: "Folders looked into", Value: words.Count(l.Folders), Note: words.Ago(now, l.FoundAt)},
		}
	}
	if l.Open() {
		props.StreamPath = discoveryPath(l.Host) + "/stream"
	}
	return props
}

// discoveryProps are those of the whole page, with what was typed.
func (d *Door) discoveryProps(ctx context.Context, p app.Person, l app.Look, typed foundTyped) (dash.DiscoveryProps, error) {
	props := d.lookProps(p, l)
	props.Page = d.page(ctx, p, dash.HostsSection)
	manages := may(p, authz.ManageSites, id.Tenant{})
	var free []dash.FoundRow
	for i, f := range l.Sites {
		row := foundRow(i, f)
		if f.Site.IsZero() {
			free = append(free, typed.fill(i, row, f))
			continue
		}
		row.Name, row.Root = dash.Field{}, ""
		props.Known = append(props.Known, row)
	}
	if len(free) == 0 {
		return props, nil
	}
	if !manages {
		props.Free = free
		return props, nil
	}
	tenants, err := d.app.ListTenants(ctx, p.Actor)
	if err != nil {
		return props, err
	}
	places, err := d.app.DestinationNames(ctx, p.Actor)
	if err != nil {
		return props, err
	}
	props.Form = typed.form(l, free, tenants, places)
	return props, nil
}

// foundRow words one Moodle that was found.
func foundRow(i int, f app.FoundSite) dash.FoundRow {
	row := dash.FoundRow{
		N: strconv.Itoa(i), Code: f.CodeDir, Problem: f.Problem, Warnings: f.Warnings, Name: dash.Field{Value: f.Name}, Root: f.AccountRoot, RootOn: f.AccountRoot != "",
		Tenant: f.TenantName,
	}
	about := []string{}
	if f.Release != "" {
		about = append(about, "Moodle "+f.Release)
	}
	if f.WWWRoot != "" {
		about = append(about, f.WWWRoot)
	}
	row.About = strings.Join(about, " · ")
	if f.DBName != "" {
		prefix := "prefix " + f.Prefix
		if f.Prefix == "" {
			prefix = "no prefix"
		}
		row.Where = f.DBType + " " + f.DBName + ", " + prefix + " · " + f.DataRoot
	}
	if !f.Site.IsZero() {
		row.Site, row.Href = f.SiteName, sitePath(f.Site)
		if f.SameData {
			row.Warnings = append([]string{"It has the moodledata of this site, whose code is registered in another folder: a link, or an old copy."}, row.Warnings...)
		}
	}
	return row
}
