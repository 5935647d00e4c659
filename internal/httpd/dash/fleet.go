package dash

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
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
	fleetAtOnce = 500  // rows asked for at once, of a customer's sites
	fleetMost   = 2000 // rows by name that a customer's page looks over, besides those that are late
	fleetShown  = 100  // rows on one page
	fleetHosts  = 60   // hosts that are offered to choose from; more are typed
)

func (d *Door) fleet(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return d.customerFleet(r, p)
	}
	views, err := d.app.SavedViews(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	if r.URL.RawQuery == "" {
		for _, v := range views {
			if v.IsDefault && v.Query != "" {
				see(w, r, dash.SitesPath+"?"+viewQuery(v))
				return nil, nil //nolint:nilnil // it has answered by itself
			}
		}
	}
	props, err := d.staffFleet(r.Context(), p, r.URL.Query(), views)
	if err != nil {
		return nil, err
	}
	return dash.Fleet(props), nil
}

// The fields of the address that ask; everything else in it is passed over.
var fleetFields = []string{"q", "filter", "tenant", "host", "destination", "policy", "state", "sort", "dir"}

// fleetAsked are the fields that ask something, without the place in the list.
func fleetAsked(q url.Values) url.Values {
	out := url.Values{}
	for _, f := range fleetFields {
		if v := q.Get(f); v != "" {
			out.Set(f, v)
		}
	}
	return out
}

// fleetHref is the list with some fields changed, from its start; "" takes a
// field out. It always asks something, for an address that asks nothing opens
// with the reader's own view.
func fleetHref(q url.Values, changes ...string) string {
	out := fleetAsked(q)
	for i := 0; i+1 < len(changes); i += 2 {
		out.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			out.Del(changes[i])
		}
	}
	if len(out) == 0 {
		out.Set("sort", string(app.FleetOrders()[0]))
	}
	return dash.SitesPath + "?" + out.Encode()
}

// spot is a cursor: where in which order. It is opaque to who carries it, and
// believed only after a look.
type spot struct {
	Order app.FleetOrder `json:"o"`
	Keys  []string       `json:"k"`
}

func (p spot) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// spotOf reads a cursor of the order; an empty one is none.
func spotOf(field, s string, order app.FleetOrder) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var p spot
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > 4000 || json.Unmarshal(b, &p) != nil || p.Order != order || len(p.Keys) == 0 {
		return nil, errs.Field(field, "it leads to no place in this list; open the list anew from its start")
	}
	return p.Keys, nil
}

// lookOf reads the address.
func lookOf(q url.Values) (app.FleetLook, error) {
	l := app.FleetLook{
		Search: q.Get("q"), Tenant: q.Get("tenant"), Host: q.Get("host"), Destination: q.Get("destination"), Policy: q.Get("policy"),
		Risk: app.FleetRisk(q.Get("filter")), Order: app.FleetOrder(q.Get("sort")), Size: fleetShown,
	}
	if l.Order == "" {
		l.Order = app.FleetOrders()[0]
	}
	switch q.Get("state") {
	case "":
	case "active":
		l.Active = true
	default:
		return l, errs.Field("state", "%q is not one of the choices of the form", q.Get("state"))
	}
	switch q.Get("dir") {
	case "":
	case "reverse":
		l.Down = true
	default:
		return l, errs.Field("dir", "%q is no direction; it is reverse, or nothing", q.Get("dir"))
	}
	if l.Order == "bytes" { // the most first, unless reversed
		l.Down = !l.Down
	}
	var err error
	if l.After, err = spotOf("after", q.Get("after"), l.Order); err != nil {
		return l, err
	}
	l.Before, err = spotOf("before", q.Get("before"), l.Order)
	return l, err
}

// staffFleet is the list of every tenant's sites.
func (d *Door) staffFleet(ctx context.Context, p app.Person, q url.Values, views []dbq.SavedViewsRow) (dash.FleetProps, error) {
	var props dash.FleetProps
	l, err := lookOf(q)
	if err != nil {
		return props, err
	}
	v, err := d.app.LookAtFleet(ctx, p.Actor, l)
	if err != nil {
		return props, err
	}
	names, err := d.app.NamesOfFleet(ctx, p.Actor)
	if err != nil {
		return props, err
	}
	now := fleetAsked(q)
	narrow := len(now) > 0
	if narrow { // an order narrows nothing
		rest := fleetAsked(q)
		rest.Del("sort")
		rest.Del("dir")
		narrow = len(rest) > 0
	}
	props = dash.FleetProps{
		Page: d.page(ctx, p, dash.SitesSection), Query: q.Get("q"), Narrowed: narrow, ShowTenant: true, ShowHost: true, ShowStored: true,
		Filters: riskFilters(q, v), Orders: fleetOrders(q, l), Order: orderWords(l, q.Get("dir") == "reverse"), Closely: closely(q, names), Views: viewsProps(p, q, views),
		Kept: kept(now, "q"),
	}
	if may(p, authz.ManageSites, id.Tenant{}) {
		props.AddCommand = "holdfast site add learn.riverside.example --tenant riverside --host host-a --code /srv/riverside/moodle"
	}
	props.State, props.Sentence = riskSentence(v, l, narrow)
	for _, s := range v.Sites {
		props.Sites = append(props.Sites, staffRow(s, q, v.Now))
	}
	props.Pager = fleetPager(q, l, v)
	return props, nil
}

// kept are the fields that a form carries along.
func kept(q url.Values, but ...string) []ui.Choice {
	var out []ui.Choice
	for _, f := range fleetFields {
		skip := q.Get(f) == ""
		for _, b := range but {
			skip = skip || f == b
		}
		if !skip {
			out = append(out, ui.Choice{Label: f, Value: q.Get(f)})
		}
	}
	return out
}

func fleetPager(q url.Values, l app.FleetLook, v app.FleetView) ui.Pager {
	p := ui.Pager{ID: "sites-pager", What: "sites"}
	if !v.More && !v.Less {
		return p
	}
	p.Words = words.Many(int64(len(v.Sites)), "site", "sites") + " of " + counted(v.All, v.AllOver)
	if l.Risk != "" {
		p.Words = words.Many(int64(len(v.Sites)), "site", "sites") + " on this page"
	}
	if v.More {
		p.NextHref = fleetHref(q, "after", spot{l.Order, v.Last}.String())
	}
	if v.Less {
		p.PrevHref = fleetHref(q)
		if len(v.Sites) > 0 {
			p.PrevHref = fleetHref(q, "before", spot{l.Order, v.First}.String())
		}
	}
	return p
}

// staffRow words one site.
func staffRow(s dbq.FleetRowsRow, q url.Values, now time.Time) dash.SiteRow {
	row := dash.SiteRow{
		Href: sitePath(s.ID), Name: s.Name, Tenant: s.TenantName, TenantHref: fleetHref(q, "tenant", s.TenantSlug), Host: s.HostName, HostHref: fleetHref(q, "host", s.HostName),
		Release: release(readFacts(s.Facts)), Stored: ui.Amount{Words: words.Bytes(s.Bytes), Exact: words.ExactBytes(s.Bytes)},
	}
	suspended := s.State == dbq.SiteStateSuspended
	row.Database = standing(kindStanding{backup.Database, s.DatabaseAt, s.DatabaseShortAt, s.DatabaseLateAt, s.DatabaseFailures, s.DatabaseError, suspended}, s, now)
	row.Data = standing(kindStanding{backup.Data, s.DataAt, s.DataShortAt, s.DataLateAt, s.DataFailures, s.DataError, suspended}, s, now)
	row.Marks = marks(s)
	if s.PolicyName != app.PublishedPolicy {
		row.StoredWithin = "policy " + s.PolicyName
	}
	return row
}

// kindStanding is how one kind of a site stands.
type kindStanding struct {
	kind          backup.Kind
	at, short     time.Time // newest good copy, newest incomplete one
	late          time.Time
	failures      int32
	error         string
	siteSuspended bool
}

func standing(k kindStanding, s dbq.FleetRowsRow, now time.Time) dash.Freshness {
	f := dash.Freshness{State: ui.Good, Age: when(now, k.at, time.UTC)}
	short := k.short.After(k.at)
	switch {
	case k.failures > 0 && !short && !k.siteSuspended:
		f.State, f.Note = ui.Failed, words.Stop(words.Capital(k.error))
	case !k.late.After(now):
		f.State, f.Note = ui.Late, "late for "+words.Span(now.Sub(k.late))
	case short && !k.siteSuspended:
		f.State, f.Note = ui.Incomplete, "something is missing; the site's page names it"
	case k.at.Unix() <= 0:
		f.State = ui.None
	}
	if short {
		f.Age = when(now, k.short, time.UTC)
	}
	if s.OpenKind != string(k.kind) {
		return f
	}
	if s.OpenState == string(backup.Leased) {
		f.Running = progress(words.Capital(copyWord(k.kind))+" of "+s.Name, s.OpenProgress, nil, now)
	} else if f.Note == "" {
		f.Note = "the next one waits for its host"
	}
	return f
}

// marks are what sets a site apart.
func marks(s dbq.FleetRowsRow) []dash.Mark {
	var out []dash.Mark
	if s.Damaged > 0 {
		out = append(out, dash.Mark{State: ui.Failed, Word: words.Many(int64(s.Damaged), "damaged copy", "damaged copies")})
	}
	if s.TamperAlarm != "" {
		out = append(out, dash.Mark{State: ui.Unreachable, Word: "alarm: nothing is deleted"})
	}
	if s.LegalHold != "" {
		out = append(out, dash.Mark{State: ui.Waiting, Word: "legal hold: nothing is deleted"})
	}
	if s.State == dbq.SiteStateSuspended {
		out = append(out, dash.Mark{State: ui.Cancelled, Word: "suspended: no copy is taken"})
	}
	if s.HostState == dbq.HostStateMaintenance {
		out = append(out, dash.Mark{State: ui.Waiting, Word: "host in maintenance"})
	}
	return out
}
