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
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const (
	fleetAtOnce = 500  // rows asked for at once
	fleetMost   = 5000 // rows that one page looks over to find the worst
	fleetShown  = 100  // rows on one page
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

const (
	filterBad     = "attention"
	filterRunning = "running"
)

// narrow reads the address. A customer's filter is an organisation's short
// name, so that a search keeps it.
func narrow(r *http.Request, p app.Person) (narrowing, []id.Tenant, error) {
	q := r.URL.Query()
	n := narrowing{search: strings.TrimSpace(q.Get("q")), filter: q.Get("filter"), tenant: q.Get("tenant"), after: q.Get("after")}
	if len(n.search) > 200 {
		return n, nil, errs.Field("q", "look for less, 200 characters at most")
	}
	if isStaff(p) {
		n.tenant = ""
		if n.filter != "" && n.filter != filterBad && n.filter != filterRunning {
			return n, nil, errs.Field("filter", "%q is not one of the choices above the list", n.filter)
		}
		return n, scopes(p), nil
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

func (d *Door) fleet(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	n, of, err := narrow(r, p)
	if err != nil {
		return nil, err
	}
	rows, total, err := d.fleetRows(r.Context(), p, of, n.search)
	if err != nil {
		return nil, err
	}
	hosts, err := d.hostNames(r.Context(), p)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	sites := make([]ranked, 0, len(rows))
	for _, row := range rows {
		sites = append(sites, rank(row, hosts, now))
	}
	slices.SortStableFunc(sites, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	props := dash.FleetProps{
		Page: d.page(r.Context(), p, dash.SitesSection), Query: n.search, Filter: n.filter, Narrowed: n.any(),
		ShowTenant: isStaff(p) || len(p.Tenants) > 1, ShowHost: isStaff(p),
	}
	if may(p, authz.ManageSites, id.Tenant{}) {
		props.AddCommand = "holdfast site add learn.riverside.example --tenant riverside --host host-a --code /srv/riverside/moodle"
	}
	props.State, props.Sentence = fleetSentence(sites, total, n, isStaff(p), now)
	props.Filters = fleetFilters(sites, n, p)
	if n.filter == "" && !isStaff(p) {
		props.Filter = n.tenant
	}
	sites = slices.DeleteFunc(sites, func(s ranked) bool {
		return n.filter == filterBad && s.whole || n.filter == filterRunning && !s.running
	})
	props.Sites, props.Pager = cut(sites, n)
	return dash.Fleet(props), nil
}

// fleetRows gives every site in question, so that the worst can stand first.
func (d *Door) fleetRows(ctx context.Context, p app.Person, of []id.Tenant, search string) (rows []dbq.FleetPageRow, total int64, err error) {
	for _, t := range of {
		q := app.FleetQuery{Tenant: t, Search: search, Size: fleetAtOnce}
		for {
			f, err := d.app.ListFleet(ctx, p.Actor, q)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows, f.Sites...)
			if f.Next == "" || len(rows) >= fleetMost {
				total += f.Total
				break
			}
			q.After = f.Next
		}
	}
	slices.SortStableFunc(rows, func(a, b dbq.FleetPageRow) int { return strings.Compare(a.Name, b.Name) })
	return rows, total, nil
}

// ranked is a site's row with its place among the others.
type ranked struct {
	row     dash.SiteRow
	id      string
	rank    int // 0 is the worst
	whole   bool
	running bool
	newest  time.Time
}

var ranks = map[ui.State]int{ui.Failed: 0, ui.Unreachable: 1, ui.Late: 2, ui.Incomplete: 3, ui.None: 4, ui.Good: 5}

func rank(s dbq.FleetPageRow, hosts map[id.Host]string, now time.Time) ranked {
	host, ok := hosts[s.HostID]
	if !ok {
		host = "–"
	}
	row := dash.SiteRow{Href: sitePath(s.ID), Name: s.Name, Tenant: s.TenantName, Host: host, Release: release(readFacts(s.Facts))}
	row.Database = freshness(s, backup.Database, s.DatabaseAt, s.DatabaseState, now)
	row.Data = freshness(s, backup.Data, s.DataAt, s.DataState, now)
	out := ranked{row: row, id: s.ID.String(), rank: min(ranks[row.Database.State], ranks[row.Data.State]), running: s.OpenKind != ""}
	out.whole = out.rank == ranks[ui.Good]
	out.newest = s.DataAt
	if s.DatabaseAt.Before(s.DataAt) {
		out.newest = s.DatabaseAt // the older of the two kinds is what is at stake
	}
	return out
}

func freshness(s dbq.FleetPageRow, kind backup.Kind, at time.Time, state string, now time.Time) dash.Freshness {
	f := dash.Freshness{State: ui.Good, Age: when(now, at, time.UTC)}
	switch {
	case s.FailedKind == string(kind):
		f.State, f.Note = ui.Failed, words.Stop(words.Capital(s.FailedError))
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

// fleetFilters are the choices above the list: how sites stand, for staff; the
// organisations, for a customer of several.
func fleetFilters(sites []ranked, n narrowing, p app.Person) []ui.Choice {
	if !isStaff(p) {
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
	var bad, running int64
	for _, s := range sites {
		if !s.whole {
			bad++
		}
		if s.running {
			running++
		}
	}
	choice := func(value, label string, count int64) ui.Choice {
		href := n.href(func(x *narrowing) { x.filter, x.after = value, "" })
		return ui.Choice{Value: value, Label: label, Href: href, Count: words.Count(count), Selected: n.filter == value}
	}
	return []ui.Choice{choice("", "All", int64(len(sites))), choice(filterBad, "Not good", bad), choice(filterRunning, "Running now", running)}
}

// fleetSentence is what the reader came for: is anything at risk?
func fleetSentence(sites []ranked, total int64, n narrowing, staff bool, now time.Time) (ui.State, []ui.Phrase) {
	all := int64(len(sites))
	if all == 0 {
		return ui.None, nil
	}
	var whole int64
	oldest := now
	worst := ui.Good
	for _, s := range sites {
		if s.whole {
			whole++
		}
		if s.newest.Before(oldest) {
			oldest = s.newest
		}
		for state, r := range ranks {
			if r == s.rank && r < ranks[worst] {
				worst = state
			}
		}
	}
	found := ""
	if n.search != "" {
		found = " found"
	}
	if whole == all {
		return ui.Good, wholeSentence(all, found, words.AtMost(now.Sub(oldest)), staff)
	}
	if all == 1 {
		return worst, oneSentence(worst, found, staff)
	}
	out := ui.Say(ui.Strong(words.Count(whole)+" of "+words.Many(all, "site", "sites")), ui.Text(found+" "+have(whole)+" good copies of both kinds. "))
	rest, are := all-whole, " need you: they are first in the list."
	if rest == 1 {
		are = " needs you: it is first in the list."
	}
	if !staff || worst == ui.None {
		are = " still lack one: they are first in the list."
		if rest == 1 {
			are = " still lacks one: it is first in the list."
		}
	}
	out = append(out, ui.Strong(words.Count(rest)), ui.Text(are))
	if all < total && n.search == "" {
		out = append(out, ui.Text(" These are the first "+words.Count(all)+" of "+words.Count(total)+" by name; search for the others."))
	}
	return worst, out
}

// oneSentence is about a single site that is not whole.
func oneSentence(worst ui.State, found string, staff bool) []ui.Phrase {
	which := "Your site"
	if staff || found != "" {
		which = "The one site" + found
	}
	if worst == ui.None {
		return ui.Say(ui.Text(which + " does not have good copies of both kinds yet."))
	}
	return ui.Say(ui.Text(which + " needs a look: it does not have good copies of both kinds."))
}

func have(n int64) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func wholeSentence(all int64, found, old string, staff bool) []ui.Phrase {
	switch {
	case all == 1 && !staff:
		return ui.Say(ui.Text("Your site has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	case all == 1:
		return ui.Say(ui.Text("The one site"+found+" has good copies of both kinds, none older than "), ui.Strong(old), ui.Text("."))
	}
	return ui.Say(ui.Text("All "), ui.Strong(words.Many(all, "site", "sites")), ui.Text(found+" have good copies of both kinds, the newest of none older than "), ui.Strong(old), ui.Text("."))
}
