package portal

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const (
	ticketsAtOnce = 25
	draftsShown   = 10
)

func ticketPath(number int64) string {
	return portal.TicketsPath + "/" + strconv.FormatInt(number, 10)
}

// toTicket leads to a ticket's page.
func (d *Door) toTicket(w http.ResponseWriter, r *http.Request, p app.Person, of id.Ticket) {
	v, err := d.app.Ticket(r.Context(), p.Actor, of)
	if err != nil {
		see(w, r, portal.TicketsPath) // it is there, and stands first
		return
	}
	see(w, r, ticketPath(v.Ticket.Number))
}

// asked reads which ticket an address is about.
func (d *Door) asked(r *http.Request, p app.Person) (id.Ticket, error) {
	n, err := strconv.ParseInt(chi.URLParam(r, "number"), 10, 64)
	if err != nil {
		return id.Ticket{}, none()
	}
	return d.app.TicketByNumber(r.Context(), p.Actor, n)
}

// listQuery is what the list's address asks for.
type listQuery struct{ show, search, after, tenant, site string }

func (q listQuery) href(change func(*listQuery)) string {
	change(&q)
	v := url.Values{}
	for _, x := range [][2]string{{"show", q.show}, {"q", q.search}, {"tenant", q.tenant}, {"site", q.site}, {"after", q.after}} {
		if x[1] != "" {
			v.Set(x[0], x[1])
		}
	}
	if len(v) == 0 {
		return portal.TicketsPath
	}
	return portal.TicketsPath + "?" + v.Encode()
}

var shows = []struct{ value, label string }{{"", "Open"}, {"mine", "Mine"}, {"ended", "Ended"}, {"all", "All"}}

// tickets is the list: of one organisation, for who belongs to several.
func (d *Door) tickets(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	v := r.URL.Query()
	q := listQuery{show: v.Get("show"), search: strings.TrimSpace(v.Get("q")), after: v.Get("after"), tenant: v.Get("tenant"), site: v.Get("site")}
	if len(q.search) > queryMost {
		return nil, errs.Field("q", "look for less, %d characters at most", queryMost)
	}
	props := portal.TicketsProps{Page: d.page(r.Context(), p, portal.Tickets), Search: true, Query: q.search}
	of, found := id.Tenant{}, false
	for _, t := range p.Tenants {
		props.MayAsk = props.MayAsk || may(p, authz.OpenTickets, t.TenantID)
		if !found && (q.tenant == "" || q.tenant == t.Slug) {
			of, found = t.TenantID, true
			if len(p.Tenants) > 1 {
				q.tenant = t.Slug
			}
		}
	}
	if !found {
		if len(p.Tenants) > 0 {
			return nil, none()
		}
		props.Empty = "You belong to no organisation yet, so there are no tickets."
		return portal.TicketList(props), nil
	}
	if err := d.fillTickets(r, p, of, q, &props); err != nil {
		return nil, err
	}
	return portal.TicketList(props), nil
}

func (d *Door) fillTickets(r *http.Request, p app.Person, of id.Tenant, q listQuery, props *portal.TicketsProps) error {
	ctx := r.Context()
	query := app.TicketQuery{Tenant: of, Text: q.search, Site: q.site, Size: ticketsAtOnce, Open: q.show == "" || q.show == "mine", Mine: q.show == "mine", Ended: q.show == "ended"}
	if q.after != "" {
		after, err := app.ParseTicketCursor(q.after)
		if err != nil {
			return err
		}
		query.After = after
	}
	page, err := d.app.ListTickets(ctx, p.Actor, query)
	if err != nil {
		return err
	}
	zone, now := zoneFor(p, ""), d.clock.Now()
	if q.after == "" && q.search == "" && q.site == "" && (q.show == "" || q.show == "mine") && may(p, authz.OpenTickets, of) {
		drafts, err := d.app.Drafts(ctx, p.Actor, of)
		if err != nil {
			return err
		}
		for _, x := range drafts[:min(len(drafts), draftsShown)] {
			props.Rows = append(props.Rows, draftRow(now, zone, x))
		}
	}
	var waits int64
	for _, t := range page.Tickets {
		row := portal.TicketRow{Href: ticketPath(t.Number), Title: t.Subject, About: "No. " + strconv.FormatInt(t.Number, 10), At: figure.When(now, t.UpdatedAt, zone)}
		if t.SiteName != "" {
			row.About += " · " + t.SiteName
		}
		row.State, row.Word, row.Text = listed(t)
		if row.State == ui.Late {
			waits++
		}
		props.Rows = append(props.Rows, row)
	}
	if q.after == "" && q.show == "" && q.site == "" && len(page.Tickets) > 0 {
		props.State, props.Sentence = ui.Good, ui.Say(ui.Text("Nothing waits for you; what is open goes on by itself."))
		if waits > 0 {
			props.State, props.Sentence = ui.Late, ui.Say(ui.Strong(words.Many(waits, "ticket waits", "tickets wait")), ui.Text(" for you."))
		}
	}
	props.Empty = emptyList(q)
	for _, x := range shows {
		props.Choices = append(props.Choices, ui.Choice{Label: x.label, Href: q.href(func(y *listQuery) { y.show, y.after = x.value, "" }), Selected: q.show == x.value})
	}
	for _, x := range [][2]string{{"show", q.show}, {"tenant", q.tenant}, {"site", q.site}} {
		if x[1] != "" {
			props.Hidden = append(props.Hidden, ui.Choice{Label: x[0], Value: x[1]})
		}
	}
	if len(p.Tenants) > 1 {
		for _, t := range p.Tenants {
			props.Orgs = append(props.Orgs, ui.Choice{Label: t.Name, Href: q.href(func(y *listQuery) { y.tenant, y.after = t.Slug, "" }), Selected: t.TenantID == of})
		}
	}
	props.Pager = ui.Pager{What: "tickets"}
	if page.Next != (app.TicketCursor{}) {
		props.Pager.NextHref = q.href(func(y *listQuery) { y.after = page.Next.String() })
	}
	if q.after != "" {
		props.Pager.PrevHref = q.href(func(y *listQuery) { y.after = "" })
	}
	return nil
}

func emptyList(q listQuery) string {
	switch {
	case q.site != "" && q.search == "":
		return "Nothing was asked about this site yet."
	case q.search != "":
		return "No ticket has these words. Search for fewer, or look among all."
	case q.show == "ended":
		return "No ticket has ended yet."
	case q.show == "all":
		return "Nothing was asked yet."
	}
	return "Nothing is open. If something went wrong on a site, bring it back; if you only wonder, ask us."
}

// draftRow is what somebody still writes.
func draftRow(now time.Time, zone *time.Location, x app.Draft) portal.TicketRow {
	row := portal.TicketRow{
		Href: portal.RequestPath, Title: x.Subject, About: "Draft", State: ui.None, Word: "draft", Text: "Nobody has seen it yet. Go on where you left off.", At: figure.When(now, x.SavedAt, zone),
	}
	if !x.Site.IsZero() {
		row.Href += "?" + url.Values{portal.FieldSite: {x.Site.String()}}.Encode()
	}
	if x.Kind == ticket.Support {
		row.Href = portal.QuestionPath
	}
	if row.Title == "" {
		row.Title = "A request that is being written"
	}
	return row
}

// listed says in one line how a ticket stands, for the list.
func listed(t app.TicketRow) (ui.State, string, string) {
	if t.Frozen && t.State.Open() {
		return ui.Waiting, "stands still", "It stands still for a moment; its page says why."
	}
	switch t.State {
	case ticket.AwaitingPayment:
		return ui.Late, "waits for you", "The fee is not paid yet."
	case ticket.NeedsInformation:
		return ui.Late, "waits for you", "We asked you something."
	case ticket.AwaitingAcceptance:
		return ui.Late, "waits for you", "Your site runs again. Is it what you needed?"
	case ticket.Queued:
		if t.Waits {
			return ui.Late, "waits for you", "An administrator must confirm by typing the site’s name."
		}
		return ui.Waiting, "next", "It waits for its turn."
	case ticket.Approved:
		return ui.Waiting, "next", "All have agreed; it begins by itself."
	case ticket.Running, ticket.Verifying:
		return ui.Running, "at work", "It is being brought back now."
	case ticket.Closed:
		return ui.Good, "done", "It has ended well."
	case ticket.Declined:
		return ui.Cancelled, "declined", "We could not do it; its page says why."
	case ticket.Withdrawn:
		return ui.Cancelled, "withdrawn", "It was taken back."
	case ticket.Failed:
		return ui.Failed, "not brought back", "Your site is as it was before. We look into it."
	case ticket.Reopened:
		return ui.Running, "with us", "We look into what is not right."
	case ticket.Draft:
		return ui.None, "draft", "Nobody has seen it yet."
	case ticket.Submitted:
	}
	return ui.Waiting, "with us", "We answer as soon as we can."
}
