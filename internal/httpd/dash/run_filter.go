package dash

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// The choices of the list's state that are no state of a run.
const (
	stateOpen   = "open"
	stateUnwell = "unwell" // ended, and not well
)

const dayForm = "2006-01-02"

// runQuery is what the list's address asks for.
type runQuery struct {
	person app.Person
	values url.Values // of the filter's fields, only those that say something
	ask    app.RunQuery
	of     []id.Tenant
	before app.RunCursor
}

var filterFields = []string{"state", "kind", "reason", "site", "host", "tenant", "day"}

// readRunQuery reads the address. What it cannot mean is refused by the name of
// its field.
func (d *Door) readRunQuery(ctx context.Context, v url.Values, p app.Person) (runQuery, error) {
	q := runQuery{person: p, values: url.Values{}, of: scopes(p)}
	for _, f := range filterFields {
		said := strings.TrimSpace(v.Get(f))
		if len(said) > 300 {
			return q, errs.Field(f, "this is too long to be one")
		}
		if said != "" {
			q.values.Set(f, said)
		}
	}
	q.ask.Site, q.ask.Kind, q.ask.Reason = q.values.Get("site"), backup.Kind(q.values.Get("kind")), backup.Reason(q.values.Get("reason"))
	switch s := q.values.Get("state"); s {
	case stateOpen:
	case stateUnwell:
		q.ask.Unwell = true
	default:
		q.ask.State = backup.State(s)
	}
	if err := q.readDay(); err != nil {
		return q, err
	}
	if err := d.readHost(ctx, &q); err != nil {
		return q, err
	}
	if err := q.readTenant(); err != nil {
		return q, err
	}
	return q, q.readCursor(v.Get("before"))
}

func (q *runQuery) readDay() error {
	said := q.values.Get("day")
	if said == "" {
		return nil
	}
	day, err := time.Parse(dayForm, said)
	if err != nil || day.Year() < 2000 || day.Year() > 2200 {
		return errs.Field("day", "%q is not a day like 2026-11-22", said)
	}
	q.ask.Since, q.ask.Until = day, day.AddDate(0, 0, 1)
	return nil
}

// readHost takes a host's name or id, for those who may see hosts.
func (d *Door) readHost(ctx context.Context, q *runQuery) error {
	said := q.values.Get("host")
	if said == "" {
		return nil
	}
	if !may(q.person, authz.ViewHosts, id.Tenant{}) {
		return errs.New(errs.NotFound, "There is no host of this name, or none that you may see.")
	}
	names, err := d.hostNames(ctx, q.person)
	if err != nil {
		return err
	}
	for h, name := range names {
		if name == said || h.String() == said {
			q.ask.Host = h
			return nil
		}
	}
	return errs.New(errs.NotFound, "There is no host of this name, or none that you may see.")
}

// readTenant takes an organisation's short name; a customer's own only.
func (q *runQuery) readTenant() error {
	said := q.values.Get("tenant")
	if said == "" {
		return nil
	}
	if isStaff(q.person) {
		of, err := id.Parse[id.Tenant](said)
		if err != nil {
			return errs.New(errs.NotFound, "There is no organisation of this name, or none that you may see.")
		}
		q.of = []id.Tenant{of}
		return nil
	}
	for _, t := range q.person.Tenants {
		if t.Slug == said {
			q.of = []id.Tenant{t.TenantID}
			return nil
		}
	}
	return errs.New(errs.NotFound, "There is no organisation of this name, or none that you may see.")
}

// readCursor reads where the page begins: the run's instant in microseconds and
// its id.
func (q *runQuery) readCursor(said string) error {
	if said == "" {
		return nil
	}
	at, of, ok := strings.Cut(said, "_")
	micros, err := strconv.ParseInt(at, 10, 64)
	run, perr := id.Parse[id.Run](of)
	if !ok || err != nil || perr != nil || micros < 0 || micros > 1<<53 {
		return errs.Field("before", "this address is damaged; begin at the first page again")
	}
	q.before = app.RunCursor{At: time.UnixMicro(micros).UTC(), ID: run}
	return nil
}

func (q runQuery) narrowed() bool { return len(q.values) > 0 }

func (q runQuery) onlyOpen() bool {
	s := q.values.Get("state")
	return s == stateOpen || s != "" && backup.State(s).Open()
}

// ended tells whether only runs that have ended are asked for.
func (q runQuery) ended() bool {
	return q.before.ID != (id.Run{}) || q.ask.Unwell || q.ask.State != "" && !q.ask.State.Open()
}

// asked are the questions for each tenant whose runs are shown; a site's runs
// are asked for once.
func (q runQuery) asked() []app.RunQuery {
	ask := q.ask
	ask.Before = q.before
	if ask.Site != "" {
		return []app.RunQuery{ask}
	}
	out := make([]app.RunQuery, 0, len(q.of))
	for _, t := range q.of {
		ask.Tenant = t
		out = append(out, ask)
	}
	return out
}

// href is the address of the same question, from a cursor on.
func (q runQuery) href(path string, from *app.RunCursor) string {
	v := url.Values{}
	for f, said := range q.values {
		v[f] = said
	}
	if from != nil {
		v.Set("before", strconv.FormatInt(from.At.UnixMicro(), 10)+"_"+from.ID.String())
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// runsFilter is the form above the list, as it is filled in.
func runsFilter(p app.Person, q runQuery, hosts map[id.Host]string) dash.RunsFilter {
	now := q.values
	f := dash.RunsFilter{Site: now.Get("site"), Day: now.Get("day")}
	pick := func(field string, pairs ...string) []ui.Choice {
		var out []ui.Choice
		for i := 0; i+1 < len(pairs); i += 2 {
			out = append(out, ui.Choice{Value: pairs[i], Label: pairs[i+1], Selected: now.Get(field) == pairs[i]})
		}
		return out
	}
	f.States = pick("state", "", "every state", stateOpen, "not ended", "leased", "at work", "queued", "in line for its host", "planned", "planned",
		"good", "complete", stateUnwell, "ended, not well", "incomplete", "incomplete", "failed", "failed", "cancelled", "cancelled")
	f.Kinds = pick("kind", "", "both kinds", "database", "database", "data", "data")
	f.Reasons = pick("reason", "", "any reason", "scheduled", "the schedule", "manual", "asked for by hand", "initial", "a site's first copy")
	if len(hosts) > 0 {
		pairs := []string{}
		for _, name := range hosts {
			pairs = append(pairs, name)
		}
		slices.Sort(pairs)
		f.Hosts = pick("host", "", "every host")
		for _, name := range pairs {
			f.Hosts = append(f.Hosts, ui.Choice{Value: name, Label: name, Selected: now.Get("host") == name || hosts[q.ask.Host] == name})
		}
	}
	if !isStaff(p) && len(p.Tenants) > 1 {
		f.Tenants = pick("tenant", "", "all of them")
		for _, t := range p.Tenants {
			f.Tenants = append(f.Tenants, ui.Choice{Value: t.Slug, Label: t.Name, Selected: now.Get("tenant") == t.Slug})
		}
	}
	for _, c := range []struct{ state, label string }{{"", "All"}, {stateOpen, "Not ended"}, {stateUnwell, "Ended, not well"}, {"failed", "Failed"}} {
		only := len(now) == 0 || len(now) == 1 && now.Get("state") != ""
		f.Quick = append(f.Quick, ui.Choice{Label: c.label, Href: runsHrefOf(c.state), Selected: only && now.Get("state") == c.state})
	}
	quick := slices.ContainsFunc(f.Quick, func(c ui.Choice) bool { return c.Selected })
	f.Open = !quick
	if len(now) > 0 {
		f.Clear = dash.RunsPath
	}
	return f
}

func runsHrefOf(state string) string {
	return cmp.Or(map[bool]string{true: dash.RunsPath + "?state=" + url.QueryEscape(state)}[state != ""], dash.RunsPath)
}
