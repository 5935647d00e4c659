package dash

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// policies is the list: GET /policies.
func (d *Door) policies(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	all, err := d.app.ListPolicies(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	props := dash.PoliciesProps{Page: d.page(r.Context(), p, dash.PoliciesSection), State: ui.Good}
	if mayEditPolicies(p) {
		props.NewHref = dash.PolicyNewPath
	}
	var total, published int64
	for _, x := range all {
		total += x.Sites
		if x.BuiltIn() {
			published = x.Sites
		}
		props.Policies = append(props.Policies, dash.PolicyRow{
			Href: policyPath(x.Name), Name: x.Name, Version: versionWord(x.Version), Changed: dated(now, x.EditedAt, time.UTC),
			Sites: words.Count(x.Sites), SitesHref: policyPath(x.Name) + "#policy-sites", Words: policyLine(x.Policy), Promised: x.BuiltIn(),
		})
	}
	props.State, props.Sentence = policiesSentence(total, published, int64(len(all)-1))
	return dash.Policies(props), nil
}

func mayEditPolicies(p app.Person) bool { return may(p, authz.EditPolicies, id.Tenant{}) }

func policiesSentence(total, published, others int64) (ui.State, []ui.Phrase) {
	switch {
	case total == 0:
		return ui.None, ui.Say(ui.Text("There is no site yet; a new one follows the published policy."))
	case total == published && total == 1:
		return ui.Good, ui.Say(ui.Text("The one site follows the published policy."))
	case total == published:
		return ui.Good, ui.Say(ui.Text("All "), ui.Strong(words.Many(total, "site", "sites")), ui.Text(" follow the published policy."))
	}
	verb := " follow the published policy; "
	if published == 1 {
		verb = " follows the published policy; "
	}
	rest := words.Count(total-published) + " follow"
	if total-published == 1 {
		rest = "1 follows"
	}
	return ui.Good, ui.Say(ui.Strong(words.Count(published)+" of "+words.Many(total, "site", "sites")), ui.Text(verb+rest+" "+words.Many(others, "other.", "others.")))
}

// policy is one policy: GET /policies/{name}.
func (d *Door) policy(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.policyPage(r.Context(), p, chi.URLParam(r, "name"), nil, true)
}

// policyPage words a policy; assign is the form as it is to be shown, nil for
// an empty one.
func (d *Door) policyPage(ctx context.Context, p app.Person, name string, assign *dash.AssignForm, notice bool) (templ.Component, error) {
	v, err := d.app.ViewPolicy(ctx, p.Actor, name)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	props := dash.PolicyProps{
		Page: d.frame(p, dash.PoliciesSection), Crumbs: []ui.Crumb{{Label: "Policies", Href: dash.PoliciesPath}}, Name: v.Name, About: policyAbout(v, now),
		Rules: ruleRows(v.Policy), Facts: policyFacts(v.Policy), NoSites: "No site follows it, so it changes nothing yet.",
	}
	if notice {
		props.Page = d.page(ctx, p, dash.PoliciesSection)
	}
	props.State, props.Sentence = policySentence(v.Policy, now)
	for i, x := range v.Versions {
		props.Versions = append(props.Versions, dash.VersionRow{
			Version: words.Capital(versionWord(x.Version)), Current: i == 0, When: dated(now, x.CreatedAt, time.UTC), Who: actorWord(x.Actor, p), Note: x.Note,
		})
	}
	for _, m := range v.Members {
		props.Sites = append(props.Sites, dash.PolicySite{Href: sitePath(m.ID), Name: m.Name, Tenant: m.TenantName, Since: ui.When{Words: "registered " + words.Day(now, m.CreatedAt, zoneOf(m.TimeZone))}})
	}
	if more := v.Sites - int64(len(v.Members)); more > 0 {
		props.SitesAll.Words = "the first " + words.Count(int64(len(v.Members))) + " of " + words.Count(v.Sites) + " by name"
	}
	if mayEditPolicies(p) {
		props.CopyHref = dash.PolicyNewPath + "?of=" + v.Name
		props.EditHref = policyPath(v.Name) + "/edit"
		if v.BuiltIn() {
			props.EditHref, props.EditWhy = "", "The published policy is part of the program and is promised to every customer. Copy it to change it."
		}
		props.Assign = assign
		if assign == nil {
			props.Assign = &dash.AssignForm{Action: policyPath(v.Name) + "/sites"}
		}
	}
	return dash.Policy(props), nil
}

func policyAbout(v app.PolicyView, now time.Time) string {
	said := "Built in"
	if !v.BuiltIn() {
		said = words.Capital(versionWord(v.Version)) + " of " + words.Day(now, v.EditedAt, time.UTC)
	}
	switch v.Sites {
	case 0:
		return said + ", followed by no site"
	case 1:
		return said + ", followed by 1 site"
	}
	return said + ", followed by " + words.Count(v.Sites) + " sites"
}

// actorWord says who changed a policy. Names of staff are not kept with it.
func actorWord(actor string, p app.Person) string {
	switch {
	case actor == p.Actor.Name:
		return "you"
	case actor == "cli":
		return "the command line"
	case strings.HasPrefix(actor, "staff:"):
		return "a colleague"
	}
	return ""
}

func policyFacts(p policy.Policy) []ui.Fact {
	return []ui.Fact{
		{Label: "Night", Value: p.Night.String(), Note: "when rules run that name no time"},
		{Label: "Window", Value: words.Span(p.Window), Note: "starts are spread over it"},
		{Label: "Grace", Value: words.Span(p.Grace), Note: "after it, and the window, a copy is late"},
		{Label: "Named files", Value: map[bool]string{true: "kept", false: "not kept"}[p.KeepReferencedFiles], Note: "those that a database copy names, for as long as the copy is kept"},
	}
}

// policySentence says what a site keeps under the policy in full swing.
func policySentence(p policy.Policy, now time.Time) (ui.State, []ui.Phrase) {
	db, data := policy.Steady(p, backup.Database, time.UTC, now).Copies, policy.Steady(p, backup.Data, time.UTC, now).Copies
	oldest := time.Duration(0)
	for _, r := range p.Of(backup.Database) {
		oldest = max(oldest, time.Duration(r.Keep)*average(r))
	}
	return ui.Good, ui.Say(ui.Text("In full swing each of its sites keeps "), ui.Strong(words.Many(int64(db), "database copy", "database copies")),
		ui.Text(" and "), ui.Strong(words.Many(int64(data), "data copy", "data copies")), ui.Text(", the oldest about "+reach(oldest)+" old."))
}

// assignPolicy gives the policy to sites, after a look at what that does:
// POST /policies/{name}/sites with site, do, and digest once it was previewed.
func (d *Door) assignPolicy(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	name := cmp.Or(chi.URLParam(r, "name"), r.PostFormValue("policy")) // the latter from a site's page
	if _, err := authz.Check(p.Actor, authz.EditPolicies, id.Tenant{}); err != nil {
		return nil, err
	}
	v, err := d.app.ViewPolicy(r.Context(), p.Actor, name)
	if err != nil {
		return nil, err
	}
	f := &dash.AssignForm{Action: policyPath(name) + "/sites", Site: dash.Field{Value: r.PostFormValue("site")}}
	sites := strings.FieldsFunc(f.Site.Value, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	digest := digestOf(v.Name, v.Version, v.Policy, sites...)
	again := func(ctx context.Context, wrong error) (templ.Component, error) {
		if wrong != nil {
			f.Site.Problem = problemOf(wrong)
		}
		c, err := d.policyPage(ctx, p, name, f, false)
		if err != nil {
			return nil, err
		}
		return c, wrong
	}
	if len(sites) == 0 || len(sites) > 200 {
		return again(r.Context(), errs.Field("site", "type the name of a site, or of up to 200 with commas between them"))
	}
	if r.PostFormValue("do") == dash.DoSave && r.PostFormValue("digest") == digest {
		err := d.app.AssignPolicy(r.Context(), p.Actor, name, sites)
		if errs.Is(err, errs.Invalid) {
			return again(r.Context(), err)
		}
		if err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, words.Many(int64(len(sites)), "site follows", "sites follow")+" the policy "+name+" from now on.")
		see(w, r, policyPath(name))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	seen, err := d.app.PreviewPolicy(r.Context(), p.Actor, v.Policy, "", sites)
	if errs.Is(err, errs.Invalid) {
		return again(r.Context(), err)
	}
	if err != nil {
		return nil, err
	}
	save := "Give " + f.Site.Value + " this policy"
	if len(sites) > 1 {
		save = "Give " + strconv.Itoa(len(sites)) + " sites this policy"
	}
	f.Preview = d.preview(v.Policy, seen, digest, save)
	return again(r.Context(), nil)
}
