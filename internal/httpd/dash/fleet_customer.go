package dash

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// home leads to the sites.
func (d *Door) home(w http.ResponseWriter, r *http.Request, _ app.Person) (templ.Component, error) {
	to := dash.SitesPath
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	see(w, r, to)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// narrowing is what a fleet's address asks for.
type narrowing struct {
	search, filter, tenant, after string
}

func (n narrowing) any() bool { return n.search != "" || n.filter != "" || n.tenant != "" }

// href is the address of the same question with one thing changed.
func (n narrowing) href(change func(*narrowing)) string {
	change(&n)
	q := url.Values{}
	for k, v := range map[string]string{"q": n.search, "filter": n.filter, "tenant": n.tenant, "after": n.after} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return dash.SitesPath
	}
	return dash.SitesPath + "?" + q.Encode()
}

// narrow reads the address. The filter is an organisation's short name, so that
// a search keeps it.
func narrow(r *http.Request, p app.Person) (narrowing, []id.Tenant, error) {
	q := r.URL.Query()
	n := narrowing{search: strings.TrimSpace(q.Get("q")), filter: q.Get("filter"), tenant: q.Get("tenant"), after: q.Get("after")}
	if len(n.search) > 200 {
		return n, nil, errs.Field("q", "look for less, 200 characters at most")
	}
	if n.tenant == "" {
		n.tenant = n.filter
	}
	n.filter = ""
	if n.tenant == "" {
		return n, scopes(p), nil
	}
	for _, t := range p.Tenants {
		if t.Slug == n.tenant {
			return n, []id.Tenant{t.TenantID}, nil
		}
	}
	return n, nil, errs.New(errs.NotFound, "There is no organisation of this name, or none that you may see.")
}

// customerFleet is the list of a customer's own sites, the worst first.
func (d *Door) customerFleet(r *http.Request, p app.Person) (templ.Component, error) {
	n, of, err := narrow(r, p)
	if err != nil {
		return nil, err
	}
	found, err := d.fleetRows(r.Context(), p, of, n)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	sites := make([]ranked, 0, len(found.Sites))
	for _, row := range found.Sites {
		sites = append(sites, rank(row, now))
	}
	slices.SortStableFunc(sites, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	props := dash.FleetProps{
		Page: d.page(r.Context(), p, dash.SitesSection), Query: n.search, Narrowed: n.any(), ShowTenant: len(p.Tenants) > 1,
		Filters: fleetFilters(n, p),
	}
	if n.tenant != "" {
		props.Kept = []ui.Choice{{Label: "tenant", Value: n.tenant}}
	}
	props.State, props.Sentence = fleetSentence(sites, found, n, now)
	props.Sites, props.Pager = cut(sites, n)
	return dash.Fleet(props), nil
}

// fleetRows gives the sites in question: those that are late, the latest
// first, and then the others by name, so that the worst can stand first.
func (d *Door) fleetRows(ctx context.Context, p app.Person, of []id.Tenant, n narrowing) (app.Fleet, error) {
	var out app.Fleet
	there := map[id.Site]bool{}
	add := func(rows []dbq.FleetPageRow) {
		for _, s := range rows {
			if !there[s.ID] {
				there[s.ID] = true
				out.Sites = append(out.Sites, s)
			}
		}
	}
	for _, t := range of {
		late, err := d.app.ListFleet(ctx, p.Actor, app.FleetQuery{Tenant: t, Search: n.search, Size: fleetAtOnce, Late: true})
		if err != nil {
			return out, err
		}
		out.Late, out.Total = out.Late+late.Late, out.Total+late.Total
		add(late.Sites)
	}
	for _, t := range of {
		q := app.FleetQuery{Tenant: t, Search: n.search, Size: fleetAtOnce}
		for looked := 0; looked < fleetMost; looked += fleetAtOnce {
			f, err := d.app.ListFleet(ctx, p.Actor, q)
			if err != nil {
				return out, err
			}
			add(f.Sites)
			if f.Next == "" {
				break
			}
			q.After = f.Next
		}
	}
	slices.SortStableFunc(out.Sites, func(a, b dbq.FleetPageRow) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// ranked is a site's row with its place among the others.
type ranked struct {
	row    dash.SiteRow
	id     string
	rank   int // 0 is the worst
	whole  bool
	newest time.Time
}

var ranks = map[ui.State]int{ui.Failed: 0, ui.Unreachable: 1, ui.Late: 2, ui.Incomplete: 3, ui.None: 4, ui.Good: 5}

func rank(s dbq.FleetPageRow, now time.Time) ranked {
	row := dash.SiteRow{Href: sitePath(s.ID), Name: s.Name, Tenant: s.TenantName, Release: release(readFacts(s.Facts))}
	row.Database = freshness(s, backup.Database, s.DatabaseAt, s.DatabaseState, now)
	row.Data = freshness(s, backup.Data, s.DataAt, s.DataState, now)
	stopped(s, &row)
	out := ranked{row: row, id: s.ID.String(), rank: min(ranks[row.Database.State], ranks[row.Data.State])}
	out.whole = out.rank == ranks[ui.Good]
	out.newest = s.DataAt
	if s.DatabaseAt.Before(s.DataAt) {
		out.newest = s.DatabaseAt // the older of the two kinds is what is at stake
	}
	return out
}

func freshness(s dbq.FleetPageRow, kind backup.Kind, at time.Time, state string, now time.Time) dash.Freshness {
	f := dash.Freshness{State: ui.Good, Age: when(now, at, time.UTC)}
	lateAt := s.DatabaseLateAt
	if kind == backup.Data {
		lateAt = s.DataLateAt
	}
	switch {
	case s.FailedKind == string(kind):
		f.State, f.Note = ui.Failed, words.Stop(words.Capital(s.FailedError))
	case lateSince(lateAt, now):
		f.State, f.Note = ui.Late, "late for "+words.Span(now.Sub(*lateAt))
	case state == "":
		f.State = ui.None
	case state == "incomplete":
		f.State, f.Note = ui.Incomplete, "something is missing; the site's page names it"
	}
	if s.OpenKind != string(kind) {
		return f
	}
	if s.OpenState == string(backup.Leased) {
		f.Running = progress(words.Capital(copyWord(kind))+" of "+s.Name, s.OpenProgress, nil, now)
	} else if f.Note == "" {
		f.Note = "the next one waits for its host"
	}
	return f
}

// lateSince tells whether a kind is late, by its schedule.
func lateSince(at *time.Time, now time.Time) bool { return at != nil && !at.After(now) }

// stopped says what a person stopped at the site.
func stopped(s dbq.FleetPageRow, row *dash.SiteRow) {
	var said []string
	if s.State == dbq.SiteStateSuspended {
		said = append(said, "suspended: no copy is taken")
	}
	if s.Held {
		said = append(said, "legal hold: nothing is deleted")
	}
	if len(said) > 0 {
		row.Database.Note = strings.TrimPrefix(row.Database.Note+"; "+strings.Join(said, "; "), "; ")
	}
}

func sitePath(site id.Site) string { return dash.SitesPath + "/" + site.String() }

// cut gives the part of the list that is shown, and the way to the rest.
func cut(sites []ranked, n narrowing) ([]dash.SiteRow, ui.Pager) {
	start := 0
	if n.after != "" {
		start = 1 + slices.IndexFunc(sites, func(s ranked) bool { return s.id == n.after }) // the start, if it is gone
	}
	end := min(start+fleetShown, len(sites))
	rows := make([]dash.SiteRow, 0, end-start)
	for _, s := range sites[start:end] {
		rows = append(rows, s.row)
	}
	p := ui.Pager{What: "sites"}
	if start == 0 && end == len(sites) {
		return rows, p
	}
	p.Words = "Sites " + words.Count(int64(start+1)) + " to " + words.Count(int64(end)) + " of " + words.Count(int64(len(sites)))
	if end < len(sites) {
		p.NextHref = n.href(func(x *narrowing) { x.after = sites[end-1].id })
	}
	if start > 0 {
		p.PrevHref = n.href(func(x *narrowing) {
			x.after = ""
			if start > fleetShown {
				x.after = sites[start-fleetShown-1].id
			}
		})
	}
	return rows, p
}

// fleetFilters are the organisations, for a customer of several.
func fleetFilters(n narrowing, p app.Person) []ui.Choice {
	if len(p.Tenants) < 2 {
		return nil
	}
	out := []ui.Choice{{Label: "All", Href: n.href(func(x *narrowing) { x.tenant, x.after = "", "" }), Selected: n.tenant == ""}}
	for _, t := range p.Tenants {
		href := n.href(func(x *narrowing) { x.tenant, x.after = t.Slug, "" })
		out = append(out, ui.Choice{Value: t.Slug, Label: t.Name, Href: href, Selected: n.tenant == t.Slug})
	}
	return out
}
