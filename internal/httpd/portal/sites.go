package portal

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
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const (
	atOnce    = 500  // rows asked for at once
	most      = 2000 // rows by name of one organisation that are looked over, besides those that are late
	shown     = 50   // rows on one page
	searchFor = 10   // sites from which on a search is offered
	queryMost = 200  // characters
)

func sitePath(site id.Site) string { return portal.SitesPath + site.String() }

// question is what the list's address asks for.
type question struct{ search, tenant, after string }

func (q question) href(change func(*question)) string {
	change(&q)
	v := url.Values{}
	for _, x := range [][2]string{{"q", q.search}, {"tenant", q.tenant}, {"after", q.after}} {
		if x[1] != "" {
			v.Set(x[0], x[1])
		}
	}
	if len(v) == 0 {
		return portal.Path
	}
	return portal.Path + "?" + v.Encode()
}

// ask reads the address, and gives the organisations that it is about.
func ask(r *http.Request, p app.Person) (question, []id.Tenant, error) {
	v := r.URL.Query()
	q := question{search: strings.TrimSpace(v.Get("q")), tenant: v.Get("tenant"), after: v.Get("after")}
	if len(q.search) > queryMost {
		return q, nil, errs.Field("q", "look for less, %d characters at most", queryMost)
	}
	var of []id.Tenant
	for _, t := range p.Tenants {
		if q.tenant == "" || t.Slug == q.tenant {
			of = append(of, t.TenantID)
		}
	}
	if q.tenant != "" && len(of) == 0 {
		return q, nil, none()
	}
	return q, of, nil
}

// sites is the list of a person's sites; who has a single one comes to it.
func (d *Door) sites(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	q, of, err := ask(r, p)
	if err != nil {
		return nil, err
	}
	rows, total, err := d.rows(r.Context(), p, of, q.search)
	if err != nil {
		return nil, err
	}
	if total == 1 && len(rows) == 1 && q == (question{}) {
		see(w, r, sitePath(rows[0].ID))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	now := d.clock.Now()
	props := portal.SitesProps{Page: d.page(r.Context(), p, portal.Sites), Search: total > searchFor, Query: q.search, Narrowed: q.search != ""}
	all := make([]ranked, 0, len(rows))
	for _, row := range rows {
		all = append(all, rank(row, now, len(p.Tenants) > 1))
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(ranks[a.row.State], ranks[b.row.State]) })
	props.State, props.Sentence = sentenceOf(all, now)
	for _, t := range of {
		props.MayBring = props.MayBring || total > 0 && may(p, authz.OpenTickets, t)
	}
	props.Rows, props.Pager = cut(all, q)
	if len(p.Tenants) > 1 {
		props.Choices = choices(p, q)
		if q.tenant != "" {
			props.Hidden = []ui.Choice{{Label: "tenant", Value: q.tenant}}
		}
	}
	return portal.Overview(props), nil
}

func choices(p app.Person, q question) []ui.Choice {
	out := []ui.Choice{{Label: "All", Href: q.href(func(x *question) { x.tenant, x.after = "", "" }), Selected: q.tenant == ""}}
	for _, t := range p.Tenants {
		out = append(out, ui.Choice{Label: t.Name, Href: q.href(func(x *question) { x.tenant, x.after = t.Slug, "" }), Selected: q.tenant == t.Slug})
	}
	return out
}

// rows gives the sites in question by name, those that are late among them
// however many there are, and how many there are in all.
func (d *Door) rows(ctx context.Context, p app.Person, of []id.Tenant, search string) ([]dbq.FleetPageRow, int64, error) {
	var out []dbq.FleetPageRow
	var total int64
	there := map[id.Site]bool{}
	for _, t := range of {
		for _, late := range []bool{true, false} {
			query := app.FleetQuery{Tenant: t, Search: search, Size: atOnce, Late: late}
			for looked := 0; looked < most; looked += atOnce {
				f, err := d.app.ListFleet(ctx, p.Actor, query)
				if err != nil {
					return nil, 0, err
				}
				for _, s := range f.Sites {
					if !there[s.ID] {
						there[s.ID] = true
						out = append(out, s)
					}
				}
				if query.After = f.Next; f.Next == "" {
					if !late {
						total += f.Total
					}
					break
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b dbq.FleetPageRow) int { return strings.Compare(a.Name, b.Name) })
	return out, max(total, int64(len(out))), nil
}

// ranked is a site's row with what the sentence above the list needs.
type ranked struct {
	row    portal.SiteRow
	id     string
	oldest time.Time // the older of the newest copies of both kinds
}

var ranks = map[ui.State]int{ui.Failed: 0, ui.Late: 1, ui.Incomplete: 2, ui.None: 3, ui.Good: 4}

func isLate(at *time.Time, now time.Time) bool { return at != nil && !at.After(now) }

// rank says in one sentence how a site stands.
func rank(s dbq.FleetPageRow, now time.Time, several bool) ranked {
	out := ranked{id: s.ID.String(), oldest: s.DatabaseAt, row: portal.SiteRow{Href: sitePath(s.ID), Name: s.Name, State: ui.Good}}
	if s.DataAt.Before(s.DatabaseAt) {
		out.oldest = s.DataAt
	}
	if several {
		out.row.Org = s.TenantName
	}
	row, last := &out.row, lastCopied(s, now)
	switch {
	case s.State != dbq.SiteStateActive:
		row.State, row.Word, row.Text = ui.None, "paused", "No new copies are taken; those that are there stay. "+last
	case isLate(s.DatabaseLateAt, now) && s.DatabaseState != "":
		row.State, row.Text = ui.Late, "The nightly copy is late; our staff see it too. "+last
	case isLate(s.DataLateAt, now) && s.DataState != "":
		row.State, row.Text = ui.Late, "The copy of its files is late; our staff see it too. "+last
	case isLate(s.DatabaseLateAt, now) || isLate(s.DataLateAt, now):
		row.State, row.Text = ui.Late, "Its first copy is late; our staff see it too. "+last
	case s.FailedKind != "":
		row.State, row.Word, row.Text = ui.Late, "tried again", "The last copy did not succeed; our staff see it too. "+last
	case s.DatabaseState == "" || s.DataState == "":
		row.State, row.Word, row.Text = ui.None, "not whole yet", "Its first copies are on their way. "+last
	case s.DatabaseState == "incomplete" || s.DataState == "incomplete":
		row.State, row.Text = ui.Incomplete, "Something is missing in the newest copy; the site's page names it. "+last
	default:
		row.Word, row.Text = "safe", last
	}
	row.Text = strings.TrimSpace(row.Text)
	return out
}

// lastCopied says when: of both kinds where they lie apart.
func lastCopied(s dbq.FleetPageRow, now time.Time) string {
	const same = 10 * time.Minute
	switch {
	case s.DatabaseState == "" && s.DataState == "":
		return ""
	case s.DatabaseState == "":
		return "Files last copied " + words.Ago(now, s.DataAt) + "."
	case s.DataState == "":
		return "Database last copied " + words.Ago(now, s.DatabaseAt) + "."
	case s.DatabaseAt.Sub(s.DataAt).Abs() < same:
		return "Last copied " + words.Ago(now, s.DatabaseAt) + "."
	}
	return "Files last copied " + words.Ago(now, s.DataAt) + ", database " + words.Ago(now, s.DatabaseAt) + "."
}

// sentenceOf says in one sentence how all of them stand.
func sentenceOf(all []ranked, now time.Time) (ui.State, []ui.Phrase) {
	var safe int64
	worst, oldest := ui.Good, now
	for _, s := range all {
		if ranks[s.row.State] < ranks[worst] {
			worst = s.row.State
		}
		if s.row.State == ui.Good {
			safe++
		}
		if s.oldest.Before(oldest) {
			oldest = s.oldest
		}
	}
	n := int64(len(all))
	switch {
	case n == 0:
		return ui.None, nil
	case safe == n && n == 1:
		return ui.Good, ui.Say(ui.Text("This site is safe: nothing of it is older in our copies than "), ui.Strong(words.AtMost(now.Sub(oldest))), ui.Text("."))
	case safe == n:
		return ui.Good, ui.Say(ui.Text("All "), ui.Strong(words.Count(n)+" sites"), ui.Text(" are safe: the newest copies of none are older than "), ui.Strong(words.AtMost(now.Sub(oldest))), ui.Text("."))
	case worst == ui.None:
		return worst, ui.Say(ui.Strong(words.Count(safe)+" of "+words.Many(n, "site", "sites")), ui.Text(" have whole copies. The others are not there yet, or are paused."))
	}
	are := " sites are"
	if n-safe == 1 {
		are = " site is"
	}
	return worst, ui.Say(ui.Strong(words.Count(n-safe)+are), ui.Text(" not as it should be. Our staff see it too; you need not do anything. What was copied before is safe."))
}

// cut gives the part of the list that is shown, and the way to the rest.
func cut(all []ranked, q question) ([]portal.SiteRow, ui.Pager) {
	start := 0
	if q.after != "" {
		start = 1 + slices.IndexFunc(all, func(s ranked) bool { return s.id == q.after }) // the start, if it is gone
	}
	end := min(start+shown, len(all))
	rows := make([]portal.SiteRow, 0, end-start)
	for _, s := range all[start:end] {
		rows = append(rows, s.row)
	}
	p := ui.Pager{What: "sites"}
	if start == 0 && end == len(all) {
		return rows, p
	}
	p.Words = "Sites " + words.Count(int64(start+1)) + " to " + words.Count(int64(end)) + " of " + words.Count(int64(len(all)))
	if end < len(all) {
		p.NextHref = q.href(func(x *question) { x.after = all[end-1].id })
	}
	if start > 0 {
		p.PrevHref = q.href(func(x *question) {
			x.after = ""
			if start > shown {
				x.after = all[start-shown-1].id
			}
		})
	}
	return rows, p
}
