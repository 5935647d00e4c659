package dash

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const dateForm = "2006-01-02"

// noteAddress makes what people do from here on note from where: the network
// alone where it is an IPv6 address.
func (d *Door) noteAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(app.WithAddress(r.Context(), mw.Address(r, d.proxies))))
	})
}

// auditAsked is what somebody asks of the audit, as they typed it.
type auditAsked struct {
	who, verb, site, tenant, from, to, view, after, before string
}

func readAsked(q url.Values) auditAsked {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return auditAsked{get("who"), get("verb"), get("site"), get("tenant"), get("from"), get("to"), get("view"), get("after"), get("before")}
}

func (a auditAsked) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"who": a.who, "verb": a.verb, "site": a.site, "tenant": a.tenant, "from": a.from, "to": a.to, "view": a.view} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func (a auditAsked) href(path string, change func(url.Values)) string {
	v := a.values()
	if change != nil {
		change(v)
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// narrowed is true where somebody looks for something.
func (a auditAsked) narrowed() bool {
	return a.who != "" || a.verb != "" || a.site != "" || a.tenant != "" || a.from != "" || a.to != ""
}

const viewAll = "all"

// auditors are the tenants of which a customer may see the audit.
func auditors(p app.Person) []id.Tenant {
	var out []id.Tenant
	for _, t := range p.Tenants {
		if may(p, authz.ViewAudit, t.TenantID) {
			out = append(out, t.TenantID)
		}
	}
	return out
}

// query turns what was asked into a query, for whoever asks. The error names
// the field.
func (a auditAsked) query(p app.Person, zone *time.Location) (app.AuditQuery, error) {
	q := app.AuditQuery{Who: a.who, Site: a.site, Verb: a.verb, Everything: a.view == viewAll || a.verb != ""}
	if a.view != "" && a.view != viewAll {
		return q, errs.Field("view", "is not one of the choices; take one of those above the list")
	}
	for _, f := range []struct{ name, value string }{{"who", a.who}, {"site", a.site}, {"tenant", a.tenant}, {"verb", a.verb}} {
		if len([]rune(f.value)) > 254 || strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
			return q, errs.Field(f.name, "is too long, or holds characters that no name has")
		}
	}
	if !knownVerb(a.verb) {
		return q, errs.Field("verb", "is not a kind of event; choose one from the list")
	}
	var err error
	if q.Since, err = day("from", a.from, zone); err != nil {
		return q, err
	}
	if q.Until, err = day("to", a.to, zone); err != nil {
		return q, err
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
		if !q.Since.IsZero() && !q.Since.Before(q.Until) {
			return q, errs.Field("to", "is before the day that the list begins with")
		}
	}
	if q.After, err = app.ParseAuditCursor(a.after); err != nil {
		return q, err
	}
	if q.Before, err = app.ParseAuditCursor(a.before); err != nil {
		return q, errs.Field("before", "is not a place in this list; begin at the newest")
	}
	if isStaff(p) {
		q.TenantSlug = a.tenant
		return q, nil
	}
	own := auditors(p)
	if len(own) == 0 {
		return q, errs.New(errs.Forbidden, "You may not do this.")
	}
	q.Tenant = own[0]
	if a.tenant != "" {
		i := slices.IndexFunc(own, func(t id.Tenant) bool { return t.String() == a.tenant })
		if i < 0 {
			return q, errs.Field("tenant", "is not one of your organisations")
		}
		q.Tenant = own[i]
	}
	return q, nil
}

func knownVerb(v string) bool {
	if v == "" {
		return true
	}
	for _, g := range verbGroups {
		if g.verb == v {
			return true
		}
	}
	return false
}

func day(field, typed string, zone *time.Location) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(dateForm, typed, zone)
	if err != nil || t.Year() < 2000 || t.Year() > 2200 {
		return time.Time{}, errs.Field(field, "%q is not a day like 2026-11-21", clipped(typed, 30))
	}
	return t, nil
}

func (d *Door) audit(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) && len(auditors(p)) == 0 {
		return nil, errs.New(errs.Forbidden, "You may not do this.")
	}
	a, zone := readAsked(r.URL.Query()), zoneOf(p.TimeZone)
	props := d.auditProps(r, p, a)
	q, err := a.query(p, zone)
	var page app.AuditPage
	if err == nil {
		page, err = d.app.Audit(r.Context(), p.Actor, q)
	}
	if f := new(errs.Error); errs.Is(err, errs.Invalid) && asField(err, &f) {
		markField(&props.Form, f)
		props.State, props.Sentence = ui.Failed, ui.Say(ui.Text(sentence(err)))
		return dash.Audit(props), err
	}
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	props.Days = auditDays(p, page.Events, now, zone)
	if next := page.Next.String(); next != "" {
		props.Pager = ui.Pager{What: "events", Words: "The newest " + words.Count(int64(len(page.Events))), NextHref: a.href(dash.AuditPath, func(v url.Values) { v.Set("after", next) })}
		if !page.Prev.ID.IsZero() {
			props.Pager.Words = words.Many(int64(len(page.Events)), "event", "events") + ", in the order of time"
		}
	}
	if a.after != "" || a.before != "" {
		props.Pager.What, props.Pager.PrevHref = "events", a.href(dash.AuditPath, nil)
		if prev := page.Prev.String(); prev != "" {
			props.Pager.PrevHref = a.href(dash.AuditPath, func(v url.Values) { v.Set("before", prev) })
		} else if a.before != "" {
			props.Pager.PrevHref = ""
		}
	}
	props.State, props.Sentence = auditSentence(p, page, q)
	return dash.Audit(props), nil
}

func auditSentence(p app.Person, page app.AuditPage, q app.AuditQuery) (ui.State, []ui.Phrase) {
	n := int64(len(page.Events))
	if n == 0 {
		return ui.None, ui.Say(ui.Text("There is no such event. What is on record can be neither changed nor removed."))
	}
	whose := "people"
	if q.Everything {
		whose = "people and the system"
	}
	if !isStaff(p) {
		whose += " did for your organisation"
	} else {
		whose += " did"
	}
	return ui.Good, ui.Say(ui.Text("What "+whose+", the newest first. What is on record "), ui.Strong("can be neither changed nor removed"), ui.Text("."))
}

// auditProps is the page without its events.
func (d *Door) auditProps(r *http.Request, p app.Person, a auditAsked) dash.AuditProps {
	props := dash.AuditProps{
		Page: d.page(r.Context(), p, dash.AuditSection), Title: "Audit", Narrowed: a.narrowed(), ShowTenant: isStaff(p) || len(auditors(p)) > 1,
		FileHref: a.href(dash.AuditFilePath, nil), FileNote: "What is looked for, at most " + words.Count(exportRows) + " events",
	}
	if !isStaff(p) {
		props.Title = "Activity"
	}
	props.Quick = []ui.Choice{
		{Label: "By people", Href: a.href(dash.AuditPath, func(v url.Values) { v.Del("view") }), Selected: a.view != viewAll},
		{Label: "Everything", Href: a.href(dash.AuditPath, func(v url.Values) { v.Set("view", viewAll) }), Selected: a.view == viewAll},
	}
	f := dash.AuditForm{
		Who: dash.Field{Value: clipped(a.who, 254)}, Site: dash.Field{Value: clipped(a.site, 253)}, Tenant: dash.Field{Value: clipped(a.tenant, 63)},
		From: dash.Field{Value: clipped(a.from, 30)}, To: dash.Field{Value: clipped(a.to, 30)}, AskTenant: isStaff(p), Open: a.narrowed(),
	}
	if a.view == viewAll {
		f.Hidden = []ui.Choice{{Label: "view", Value: viewAll}}
	}
	f.Verbs = []ui.Choice{{Value: "", Label: "Any kind of event", Selected: a.verb == ""}}
	for _, g := range verbGroups {
		if isStaff(p) || !staffVerb(g.verb) {
			f.Verbs = append(f.Verbs, ui.Choice{Value: g.verb, Label: g.label, Selected: g.verb == a.verb})
		}
	}
	if !isStaff(p) {
		for _, t := range p.Tenants {
			if may(p, authz.ViewAudit, t.TenantID) {
				f.Tenants = append(f.Tenants, ui.Choice{Value: t.TenantID.String(), Label: t.Name, Selected: t.TenantID.String() == a.tenant})
			}
		}
	}
	props.Form = f
	return props
}

func markField(f *dash.AuditForm, e *errs.Error) {
	f.Open = true
	fields := map[string]*dash.Field{"who": &f.Who, "site": &f.Site, "tenant": &f.Tenant, "from": &f.From, "to": &f.To}
	if at, ok := fields[e.Field]; ok {
		at.Problem = sentence(e)
	}
}

// auditDays puts events under their days.
func auditDays(p app.Person, all []app.AuditEvent, now time.Time, zone *time.Location) []dash.AuditDay {
	var out []dash.AuditDay
	t := teller{now, zone}
	for _, e := range all {
		name := e.At.In(zone).Format("Monday 2 January 2006")
		if len(out) == 0 || out[len(out)-1].Day != name {
			out = append(out, dash.AuditDay{Day: name})
		}
		at := &out[len(out)-1]
		at.Events = append(at.Events, auditRow(p, e, t))
	}
	return out
}

func auditRow(p app.Person, e app.AuditEvent, t teller) dash.AuditRow {
	row := dash.AuditRow{Verb: e.Verb, From: e.Address, Site: e.Site, Tenant: e.Tenant, Subject: e.Subject}
	row.Text, row.Note = t.tells(e.Verb, e.Detail)
	row.When = when(t.now, e.At, t.zone)
	row.When.Words = e.At.In(t.zone).Format("15:04:05")
	if e.Site != "" {
		row.SiteHref = sitePath(e.SiteID)
	}
	if e.SubjectID != nil && isStaff(p) {
		switch e.SubjectKind {
		case "host":
			row.SubjectHref = dash.HostsPath + "/" + e.SubjectID.String()
		case "destination":
			row.SubjectHref = dash.DestinationsPath + "/" + e.SubjectID.String()
		}
	}
	row.Who, row.WhoNote = auditWho(p, e)
	if row.From == "" && isStaff(p) {
		row.From = fromOf(e.Detail)
	}
	return row
}

// auditWho says who acted, as far as whoever looks may know: customers are
// told that it was staff, not who of them.
func auditWho(p app.Person, e app.AuditEvent) (who, note string) {
	kind, rest, _ := strings.Cut(e.Actor, ":")
	switch kind {
	case "system":
		return "by itself", strings.ReplaceAll(rest, "-", " ")
	case "cli":
		if !isStaff(p) {
			return "our staff", ""
		}
		return "command line", "whoever is at the machine itself"
	case "token":
		return cmp.Or(e.Who, "a token"), "API token"
	case "staff":
		if !isStaff(p) {
			return "our staff", ""
		}
		return cmp.Or(e.Who, "somebody of the staff"), e.WhoMail
	case "customer":
		if e.Actor == p.Actor.Name {
			return "you", e.WhoMail
		}
		return cmp.Or(e.Who, "somebody who is no longer there"), e.WhoMail
	}
	return e.Actor, ""
}
