package dash

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// The modes of a window's form.
const (
	modeHours    = "hours"
	modeAnyHour  = "any"
	modeCustomer = "customer"
)

func (d *Door) windowPages(r chi.Router) {
	r.Get(dash.CustomersPath+"/{slug}/window", d.signed(d.window))
	r.Post(dash.CustomersPath+"/{slug}/window", d.signed(d.setWindow))
}

// window shows when a customer's scheduled backups may start.
func (d *Door) window(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, v, err := d.windowProps(r, p)
	if err != nil {
		return nil, err
	}
	if props.Form != nil {
		fillWindow(props.Form, v.Hours, modeHours)
		props.Form.Site.Value = clipped(r.URL.Query().Get("site"), 253)
	}
	return dash.Window(props), nil
}

func (d *Door) windowProps(r *http.Request, p app.Person) (dash.WindowProps, app.HoursView, error) {
	v, err := d.app.ViewHours(r.Context(), p.Actor, chi.URLParam(r, "slug"))
	if err != nil {
		return dash.WindowProps{}, v, err
	}
	props := dash.WindowProps{
		Page: d.page(r.Context(), p, dash.SitesSection), Customer: v.Name, State: ui.Good,
		Crumbs:   []ui.Crumb{{Label: "Sites", Href: dash.SitesPath}},
		Sentence: ui.Say(ui.Text("Scheduled backups start "), ui.Strong(v.Hours.Words()), ui.Text(".")),
	}
	for _, own := range v.Own {
		props.Own = append(props.Own, dash.WindowOwn{Site: own.Name, Href: sitePath(own.Site), Words: words.Stop(words.Capital(own.Hours.Words()))})
	}
	if may(p, authz.ManageTenant, id.Tenant{}) {
		props.Form = &dash.WindowForm{Action: dash.WindowPath(v.Slug)}
	}
	return props, v, nil
}

// fillWindow puts hours into the form.
func fillWindow(f *dash.WindowForm, h policy.Hours, mode string) {
	if h.Always() && mode == modeHours {
		mode = modeAnyHour
	} else if !h.Always() {
		f.From.Value, f.To.Value = h.From.String(), h.To.String()
	}
	f.Modes = windowModes(mode)
	f.Days = windowDays(h.Days)
}

func windowModes(mode string) []ui.Choice {
	out := []ui.Choice{
		{Value: modeHours, Label: "between these hours"},
		{Value: modeAnyHour, Label: "at any hour"},
		{Value: modeCustomer, Label: "as the customer's others (of one site)"},
	}
	for i := range out {
		out[i].Selected = out[i].Value == mode
	}
	return out
}

func windowDays(days []time.Weekday) []ui.Choice {
	out := make([]ui.Choice, 0, 7)
	for i := range 7 {
		day := time.Weekday((i + 1) % 7) // Monday first
		out = append(out, ui.Choice{Value: strings.ToLower(day.String()[:3]), Label: day.String(), Selected: slices.Contains(days, day)})
	}
	return out
}

// windowText is the form's window as the use cases read it.
func windowText(r *http.Request, ofSite bool) (string, error) {
	switch mode := r.PostFormValue("mode"); {
	case mode == modeAnyHour && ofSite:
		return "always", nil
	case mode == modeAnyHour, mode == modeCustomer && ofSite:
		return "", nil
	case mode == modeCustomer:
		return "", errs.Field("site", "name the site that is to be as the customer's others")
	case mode != modeHours:
		return "", errs.Field("mode", "choose when scheduled backups start")
	}
	for _, name := range []string{"from", "to"} {
		if _, err := policy.ParseTimeOfDay(name, r.PostFormValue(name)); err != nil {
			return "", errs.Field(name, "type a time of day, like 22:00")
		}
	}
	text := r.PostFormValue("from") + "-" + r.PostFormValue("to")
	if days := r.PostForm["day"]; len(days) > 0 && len(days) < 7 {
		text += " " + strings.Join(days, ",")
	}
	return text, nil
}

// setWindow changes it, for all sites of the customer or for one. What it costs
// of the policy is shown first, to be accepted.
func (d *Door) setWindow(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, v, err := d.windowProps(r, p)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.ManageTenant, id.Tenant{}); err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	site := strings.TrimSpace(r.PostFormValue("site"))
	if err := d.applyWindow(r, p, v, site); err != nil {
		return windowRefused(r, props, err)
	}
	what := v.Name
	if site != "" {
		what = site
	}
	d.say(r.Context(), ui.Good, "The backup window of "+clipped(what, 253)+" is saved. What waits follows it from now on; what is at work goes on to its end.")
	see(w, r, dash.WindowPath(v.Slug))
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) applyWindow(r *http.Request, p app.Person, v app.HoursView, site string) error {
	text, err := windowText(r, site != "")
	if err != nil {
		return err
	}
	accept := r.PostFormValue("accept") == "yes"
	if site == "" {
		_, err = d.app.SetTenantHours(r.Context(), p.Actor, v.Slug, text, accept)
		return err
	}
	found, err := d.app.ViewSite(r.Context(), p.Actor, site)
	if errs.Is(err, errs.NotFound) || err == nil && found.Site.TenantID != v.Tenant {
		return errs.Field("site", "%s has no site %s", v.Name, clipped(site, 253))
	}
	if err != nil {
		return err
	}
	_, err = d.app.SetSiteHours(r.Context(), p.Actor, found.Site.ID.String(), text, accept)
	return err
}

// windowRefused is the page again with what was typed and what is wrong, or
// what it costs.
func windowRefused(r *http.Request, props dash.WindowProps, err error) (templ.Component, error) {
	var cost *app.HoursWarning
	if !errs.Is(err, errs.Invalid) && !errors.As(err, &cost) {
		return nil, err
	}
	f := props.Form
	f.Modes = windowModes(r.PostFormValue("mode"))
	f.From.Value, f.To.Value = clipped(r.PostFormValue("from"), 10), clipped(r.PostFormValue("to"), 10)
	f.Site.Value = clipped(r.PostFormValue("site"), 253)
	var days []time.Weekday
	for i := range 7 {
		if slices.Contains(r.PostForm["day"], strings.ToLower(time.Weekday(i).String()[:3])) {
			days = append(days, time.Weekday(i))
		}
	}
	f.Days = windowDays(days)
	if cost != nil {
		f.Costs, f.CostsHeading = cost.Sentences, "Within this window the policy cannot be kept in full"
		return dash.Window(props), err
	}
	var e *errs.Error
	said := sentence(err)
	switch errors.As(err, &e); e.Field {
	case "from", "hours":
		f.From.Problem = said
	case "to":
		f.To.Problem = said
	case "site":
		f.Site.Problem = said
	default:
		props.Error = said
	}
	return dash.Window(props), err
}

// hoursWords says hours that an event tells of; none is what "" means.
func hoursWords(text, none string) string {
	if text == "" {
		return none
	}
	h, err := policy.ParseHours("hours", text)
	if err != nil { // "always"
		return policy.Hours{}.Words()
	}
	return h.Words()
}
