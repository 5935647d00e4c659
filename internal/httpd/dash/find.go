package dash

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// foundActions is how many of the sites found are offered to be backed up.
const foundActions = 3

// mostTickets is how many tickets are found at most.
const mostTickets = 5

// find is the page of finding; it works without scripts.
func (d *Door) find(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	props := dash.FindProps{Query: q}
	found, err := d.found(r.Context(), p, q)
	if err != nil && !errs.Is(err, errs.Invalid) {
		return nil, err
	}
	props.Page, props.Found = d.page(r.Context(), p, dash.NoSection), found
	if err != nil {
		props.Query, props.Problem = "", sentence(err)
	}
	return dash.Find(props), err
}

// findOptions is what the palette lists.
func (d *Door) findOptions(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	found, err := d.found(r.Context(), p, strings.TrimSpace(r.URL.Query().Get("q")))
	if err != nil {
		return nil, err
	}
	w.Header().Set("Cache-Control", "no-store")
	return dash.FindOptions(found), nil
}

// found looks in whatever the person may see.
func (d *Door) found(ctx context.Context, p app.Person, q string) (dash.FoundProps, error) {
	out := dash.FoundProps{Query: q}
	if q == "" {
		out.Groups = grouped("pages", "Go to", d.placesFor(p, ""))
		out.Hint = "Type a part of a name: of a site, " + map[bool]string{true: "a customer, a host, a policy, a ticket, ", false: ""}[isStaff(p)] + "or the first eight digits of a run's id."
		return out, nil
	}
	var all app.Found
	for _, of := range scopes(p) {
		f, err := d.app.Find(ctx, p.Actor, of, q)
		if err != nil {
			return out, err
		}
		all.Sites, all.Runs = append(all.Sites, f.Sites...), append(all.Runs, f.Runs...)
		all.Tenants, all.Hosts, all.Policies = append(all.Tenants, f.Tenants...), append(all.Hosts, f.Hosts...), append(all.Policies, f.Policies...)
	}
	out.Groups = append(out.Groups, foundSites(p, all.Sites)...)
	out.Groups = append(out.Groups, foundOthers(all)...)
	tickets, err := d.foundTickets(ctx, p, q)
	if err != nil {
		return out, err
	}
	out.Groups = append(out.Groups, tickets...)
	out.Groups = append(out.Groups, grouped("pages", "Go to", d.placesFor(p, q))...)
	n := 0
	for _, g := range out.Groups {
		n += len(g.Items)
	}
	if n == 0 {
		out.Words = "Nothing found."
		out.Hint = "Nothing that you may see is called so. Try fewer letters; from three on, they are found anywhere in a name."
		return out, nil
	}
	out.Words = words.Count(int64(n)) + " found."
	return out, nil
}

// foundTickets are the staff's: by number, or by words of the subject or of
// what was said.
func (d *Door) foundTickets(ctx context.Context, p app.Person, q string) ([]dash.FoundGroup, error) {
	if !isStaff(p) {
		return nil, nil
	}
	page, err := d.app.ListTickets(ctx, p.Actor, app.TicketQuery{Text: q, Size: mostTickets})
	if err != nil {
		return nil, err
	}
	var items []dash.FoundItem
	for _, t := range page.Tickets {
		_, word := ticketWords(t.State)
		items = append(items, dash.FoundItem{Href: ticketPath(t.ID), Label: "#" + strconv.FormatInt(t.Number, 10) + " " + t.Subject, Note: t.TenantName + ", " + word})
	}
	return grouped("tickets", "Tickets", items), nil
}

func grouped(key, label string, items []dash.FoundItem) []dash.FoundGroup {
	if len(items) == 0 {
		return nil
	}
	return []dash.FoundGroup{{ID: key, Label: label, Items: items}}
}

// foundSites are the sites, and what can be done with the first of them.
func foundSites(p app.Person, sites []dbq.FindSitesBeginningRow) (out []dash.FoundGroup) {
	var items, acts []dash.FoundItem
	tenants := isStaff(p) || len(p.Tenants) > 1
	for _, s := range sites {
		i := dash.FoundItem{Href: sitePath(s.ID), Label: s.Name}
		if tenants {
			i.Note = s.TenantName
		}
		if s.State != dbq.SiteStateActive {
			i.Note = strings.Trim(i.Note+", "+string(s.State), ", ")
		}
		items = append(items, i)
		if len(acts) < foundActions && s.State == dbq.SiteStateActive && may(p, authz.StartBackup, s.TenantID) {
			acts = append(acts, dash.FoundItem{Href: sitePath(s.ID) + "#kind", Label: "Back up " + s.Name + " now", Note: "opens its form"})
		}
		if len(sites) == 1 {
			items = append(items, dash.FoundItem{Href: runsOfSiteHref(s.ID), Label: "Runs of " + s.Name})
		}
	}
	return append(grouped("sites", "Sites", items), grouped("acts", "Do", acts)...)
}

func foundOthers(f app.Found) (out []dash.FoundGroup) {
	var runs, tenants, hosts, policies []dash.FoundItem
	for _, r := range f.Runs {
		zone := zoneOf(r.TimeZone)
		runs = append(runs, dash.FoundItem{
			Href: runPath(r.ID), Label: kindWord(r.Kind) + " copy of " + r.SiteName, Note: string(r.State) + ", planned " + words.Exact(r.CreatedAt, zone),
		})
	}
	for _, t := range f.Tenants {
		tenants = append(tenants, dash.FoundItem{Href: dash.SitesPath + "?" + url.Values{"q": {t.Name}}.Encode(), Label: t.Name, Note: t.Slug + ": its sites"})
	}
	for _, h := range f.Hosts {
		hosts = append(hosts, dash.FoundItem{Href: hostPath(h.ID), Label: h.Name, Note: string(h.State)})
	}
	for _, name := range f.Policies {
		policies = append(policies, dash.FoundItem{Href: dash.PoliciesPath + "/" + url.PathEscape(name), Label: name})
	}
	for _, g := range [][]dash.FoundGroup{grouped("runs", "Runs", runs), grouped("tenants", "Customers", tenants), grouped("hosts", "Hosts", hosts), grouped("policies", "Policies", policies)} {
		out = append(out, g...)
	}
	return out
}

// placesFor are the pages of the navigation, and one's own, whose names begin
// with the text.
func (d *Door) placesFor(p app.Person, q string) (out []dash.FoundItem) {
	nav := append(d.frame(p, dash.NoSection).Nav, ui.NavItem{Label: "Your account", Href: dash.AccountPath})
	if may(p, authz.ViewQueue, id.Tenant{}) {
		nav = append(nav, ui.NavItem{Label: "Runs that failed", Href: runsHref("state", "failed")})
	}
	for _, n := range nav {
		for _, word := range append([]string{n.Label}, strings.Fields(n.Label)...) {
			if strings.HasPrefix(strings.ToLower(word), strings.ToLower(q)) {
				out = append(out, dash.FoundItem{Href: n.Href, Label: n.Label})
				break
			}
		}
	}
	return out
}
