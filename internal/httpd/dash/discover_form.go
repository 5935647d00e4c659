package dash

import (
	"errors"
	"net/http"
	"slices"
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

// ownerChoices is how many choices of customers the rows may have in all; with
// more, a row's customer is typed with suggestions.
const ownerChoices = 3000

// foundTyped is what somebody typed into the form, or how it opens.
type foundTyped struct {
	all         bool // every row that can be is ticked
	sent        bool
	tenant      string
	zone        string
	destination string
	picked      map[string]bool
	order       []string // the rows that the choices are of
	rooted      map[string]bool
	names       map[string]string
	owners      map[string]string
	said        string // of all of it
	wrong       map[string]map[string]string
	tenantWrong string
	zoneWrong   string
}

// fill gives a row what was typed into it, and what was wrong with it.
func (f foundTyped) fill(i int, row dash.FoundRow, of app.FoundSite) dash.FoundRow {
	row.On = f.all && of.Problem == "" && row.Name.Value != ""
	if !f.sent {
		return row
	}
	n := strconv.Itoa(i)
	row.On, row.RootOn = f.picked[n], f.rooted[n] && row.Root != ""
	row.Name.Value, row.Owner.Value = f.names[n], f.owners[n]
	for field, text := range f.wrong[n] {
		switch field {
		case "name":
			row.Name.Problem = text
		case "tenant":
			row.Owner.Problem = text
		default:
			row.Wrong = strings.TrimSpace(row.Wrong + " " + text)
		}
	}
	return row
}

// form is the form with its rows.
func (f foundTyped) form(l app.Look, rows []dash.FoundRow, tenants []dbq.ListTenantsRow, places []string) *dash.FoundForm {
	path := discoveryPath(l.Host)
	out := &dash.FoundForm{
		Action: path + "/sites", Token: lookToken(l), Error: f.said, AllHref: path + "?tick=all", NoHref: path,
		Tenants: []ui.Choice{{Label: "Choose one"}}, Tenant: f.tenantWrong, Zone: dash.Field{Value: f.zone, Problem: f.zoneWrong}, Rows: rows,
	}
	ticked := 0
	for _, r := range rows {
		if r.On {
			ticked++
		}
	}
	out.Ticked = words.Count(int64(ticked)) + " of " + words.Count(int64(len(rows))) + " ticked"
	for _, t := range tenants {
		c := ui.Choice{Value: t.Slug, Label: t.Name}
		out.Each = append(out.Each, c)
		c.Selected = t.Slug == f.tenant
		out.Tenants = append(out.Tenants, c)
	}
	for _, name := range places {
		out.Places = append(out.Places, ui.Choice{Value: name, Label: name, Selected: name == f.destination || f.destination == "" && name == app.DefaultDestination})
	}
	if len(rows)*(len(tenants)+1) > ownerChoices {
		return out
	}
	for i := range rows {
		owners := []ui.Choice{{Label: "The same"}}
		for _, t := range tenants {
			owners = append(owners, ui.Choice{Value: t.Slug, Label: t.Name, Selected: t.Slug == rows[i].Owner.Value})
		}
		rows[i].Owners = owners
	}
	out.Each = nil
	return out
}

// lookToken names the look that a form shows: rows are sent by their number.
func lookToken(l app.Look) string { return strconv.FormatInt(l.FoundAt.UnixMicro(), 36) }

func (d *Door) discover(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	l, err := d.lookToChange(r, p)
	if err != nil {
		return nil, err
	}
	err = d.app.DiscoverSites(r.Context(), p.Actor, l.HostName)
	if errs.Is(err, errs.Conflict) {
		d.say(r.Context(), ui.Failed, sentence(err))
		see(w, r, discoveryPath(l.Host))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The agent of "+l.HostName+" is asked to look for sites.")
	see(w, r, discoveryPath(l.Host))
	return nil, nil
}

// lookToChange reads the look for whoever may do something about it.
func (d *Door) lookToChange(r *http.Request, p app.Person) (app.Look, error) {
	l, err := d.lookAt(r.Context(), r, p)
	if errs.Is(err, errs.Forbidden) { // whoever may not see hosts learns nothing of them
		return l, errs.Wrap(errs.NotFound, err, "There is no host of this name, or none that you may see.")
	}
	if err != nil {
		return l, err
	}
	_, err = authz.Check(p.Actor, authz.ManageSites, id.Tenant{})
	return l, err
}

func (d *Door) registerFound(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	l, err := d.lookToChange(r, p)
	if err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	typed, choices := readFound(r, l)
	if r.PostFormValue("look") != lookToken(l) {
		typed = foundTyped{zone: typed.zone, tenant: typed.tenant} // its rows were of another list
		err = errs.New(errs.Conflict, "The host was looked through anew meanwhile, so the list is another; tick again.")
	} else {
		err = typed.check(choices)
		if err == nil {
			_, err = d.app.RegisterFound(r.Context(), p.Actor, l.HostName, choices)
		}
	}
	if err == nil {
		d.say(r.Context(), ui.Good, words.Many(int64(len(choices)), "site is", "sites are")+" registered; the first copies are planned.")
		see(w, r, discoveryPath(l.Host))
		return nil, nil
	}
	if !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
		return nil, err
	}
	typed.blame(err)
	props, perr := d.discoveryProps(r.Context(), p, l, typed)
	if perr != nil {
		return nil, perr
	}
	if props.Form == nil {
		return nil, err
	}
	return dash.Discovery(props), err
}

// readFound reads the form: what was typed, and the choices that it makes.
func readFound(r *http.Request, l app.Look) (foundTyped, []app.Choice) {
	f := foundTyped{
		sent: true, tenant: clipped(r.PostFormValue("tenant"), 63), zone: clipped(strings.TrimSpace(r.PostFormValue("zone")), 60), destination: clipped(r.PostFormValue("destination"), 63),
		picked: map[string]bool{}, rooted: map[string]bool{}, names: map[string]string{}, owners: map[string]string{}, wrong: map[string]map[string]string{},
	}
	for _, n := range r.PostForm["root"] {
		f.rooted[n] = true
	}
	for _, n := range r.PostForm["pick"] {
		f.picked[n] = true
	}
	var choices []app.Choice
	for i, site := range l.Sites {
		n := strconv.Itoa(i)
		f.names[n] = clipped(strings.TrimSpace(r.PostFormValue("name-"+n)), 253)
		f.owners[n] = clipped(strings.TrimSpace(r.PostFormValue("owner-"+n)), 63)
		if !f.picked[n] {
			continue
		}
		c := app.Choice{CodeDir: site.CodeDir, Name: f.names[n], Tenant: f.owners[n], TimeZone: f.zone, Destination: f.destination}
		if c.Tenant == "" {
			c.Tenant = f.tenant
		}
		if f.rooted[n] {
			c.AccountRoot = site.AccountRoot
		}
		choices, f.order = append(choices, c), append(f.order, n)
	}
	return f, choices
}

// check refuses what concerns all rows at once.
func (f *foundTyped) check(choices []app.Choice) error {
	if len(choices) == 0 {
		return errs.New(errs.Invalid, "Nothing is ticked, so nothing was registered.")
	}
	if f.tenant == "" && slices.ContainsFunc(choices, func(c app.Choice) bool { return c.Tenant == "" }) {
		f.tenantWrong = "Choose the customer whose sites they are, or one in every ticked row."
		return errs.New(errs.Invalid, "The customer is missing, so nothing was registered.")
	}
	return nil
}

// blame puts what is wrong beside the rows that it is wrong with.
func (f *foundTyped) blame(err error) {
	f.said = sentence(err)
	var rows *app.RowsError
	if !errors.As(err, &rows) {
		return
	}
	for _, w := range rows.Rows {
		if w.Field == "tz" {
			f.zoneWrong = w.Text
			continue
		}
		if w.Row < len(f.order) {
			n := f.order[w.Row]
			if f.wrong[n] == nil {
				f.wrong[n] = map[string]string{}
			}
			f.wrong[n][w.Field] = strings.TrimSpace(f.wrong[n][w.Field] + " " + w.Text)
		}
	}
}
