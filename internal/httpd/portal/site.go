package portal

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// usualReason stands beside a copy that was kept by the one button.
const usualReason = "Before an upgrade"

// site is the page of one site.
func (d *Door) site(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	s, err := d.look(r.Context(), r, p)
	if err != nil {
		return nil, err
	}
	props := s.props()
	props.Page = d.page(r.Context(), p, portal.Sites)
	return portal.Site(props), s.asked.Wrong
}

// siteLive is the part of the page that its stream sends.
func (d *Door) siteLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	if p.Actor.Staff != "" {
		return nil, none()
	}
	s, err := d.look(ctx, r, p)
	if err != nil {
		return nil, err
	}
	return portal.SiteLive(s.props()), nil
}

// keep asks for copies of both kinds, to be kept before a change.
func (d *Door) keep(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := d.inside.Form(r); err != nil {
		return nil, err
	}
	site := chi.URLParam(r, "id")
	wanted, err := readKeep(r)
	if err == nil {
		_, err = d.app.StartBackup(r.Context(), p.Actor, site, backup.Kinds(), wanted)
	}
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) {
		return d.again(r, p, err)
	}
	if err != nil {
		return nil, err
	}
	d.inside.Say(r.Context(), ui.Good, "We take a copy now. This page says when it is there; begin after that.")
	see(w, r, portal.SitesPath+site+"#keep")
	return nil, nil //nolint:nilnil // it has answered by itself
}

// readKeep reads for how long and why.
func readKeep(r *http.Request) (app.Protection, error) {
	keep := app.Protection{Days: app.ProtectDays, Reason: r.PostFormValue("reason")}
	if keep.Reason == "" {
		keep.Reason = usualReason
	}
	if typed := r.PostFormValue("days"); typed != "" {
		n, err := strconv.Atoi(typed)
		if err != nil || n < 1 {
			return keep, errs.Field("days", "choose for how many days the copy is to stay")
		}
		keep.Days = n
	}
	return keep, nil
}

// again is the page with what was wrong with its form, and what was typed.
// Whoever may not do it at all hears that first. It does not update itself:
// that would take away what was typed.
func (d *Door) again(r *http.Request, p app.Person, wrong error) (templ.Component, error) {
	s, err := d.look(r.Context(), r, p)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.StartBackup, s.Site.TenantID); err != nil {
		return nil, err
	}
	props := s.props()
	props.Page, props.StreamPath = d.frame(p, portal.Sites), ""
	props.Notice = &ui.Notice{State: ui.Failed, Text: figure.Sentence(wrong)}
	if props.Keep != nil && errs.Is(wrong, errs.Invalid) {
		props.Keep.Open, props.Keep.Problem = true, figure.Problem(wrong)
		if typed := r.PostFormValue("reason"); len(typed) <= 1000 {
			props.Keep.Reason = typed
		}
	}
	return portal.Site(props), wrong
}

// view words one site for a customer.
type view struct {
	app.SiteView
	person app.Person
	now    time.Time
	zone   *time.Location
	asked  figure.Noticed
	newest map[backup.Kind]*dbq.CopiesOfSiteRow // that could be restored, whole or not
	made   map[string]*dbq.CopiesOfSiteRow      // by the run
	whole  map[string]app.Completeness          // of database copies, by their id
	advice app.Advice
}

func (d *Door) look(ctx context.Context, r *http.Request, p app.Person) (view, error) {
	v, err := d.app.ViewSite(ctx, p.Actor, chi.URLParam(r, "id"))
	if err != nil {
		return view{}, err
	}
	s := view{SiteView: v, person: p, now: d.clock.Now(), zone: zoneFor(p, v.Site.TimeZone), newest: map[backup.Kind]*dbq.CopiesOfSiteRow{}, made: map[string]*dbq.CopiesOfSiteRow{}}
	s.asked = figure.ReadNoticed(r.URL.Query().Get("noticed"), s.zone, v.Now)
	for i := range v.Copies {
		c := &v.Copies[i]
		s.made[c.RunID.String()] = c
		if best := s.newest[c.Kind]; c.State.Usable() && (best == nil || c.TakenAt.After(best.TakenAt)) {
			s.newest[c.Kind] = c
		}
	}
	if s.whole, err = d.completeness(ctx, p, v.Site.ID); err != nil {
		return view{}, err
	}
	s.advice, err = d.app.Advice(ctx, p.Actor, v.Site.ID.String())
	return s, err
}

func (s view) props() portal.SiteProps {
	self := sitePath(s.Site.ID)
	p := portal.SiteProps{Name: s.Site.Name, Crumbs: []ui.Crumb{{Label: "My sites", Href: portal.Path}}, StreamPath: self + "/stream", PolicyName: s.Policy.Name}
	if may(s.person, authz.OpenTickets, s.Site.TenantID) {
		p.BringHref = portal.RequestPath + "?" + url.Values{portal.FieldSite: {s.Site.ID.String()}}.Encode()
	}
	its := url.Values{"show": {"all"}, "site": {s.Site.ID.String()}}
	for _, t := range s.person.Tenants {
		if t.TenantID == s.Site.TenantID && len(s.person.Tenants) > 1 {
			its.Set("tenant", t.Slug)
		}
	}
	p.TicketsHref = portal.TicketsPath + "?" + its.Encode()
	if s.asked.Typed != "" {
		p.StreamPath += "?" + url.Values{"noticed": {s.asked.Typed}}.Encode()
	}
	p.About = "Times by the clock of " + s.zone.String() + "."
	if h := s.Policy.Policy.Hours; !h.Always() {
		p.Window = "We take these backups " + h.Words() + ", so that they do not disturb your lessons; one that you ask for is taken at once."
	}
	p.Attention = s.attention()
	p.State, p.Sentence = s.sentence(p.Attention)
	p.Coming = s.coming()
	p.Protected = s.protected()
	p.Keep = s.keepForm(self, p.Coming != nil && p.Coming.State == ui.Running)
	s.points(&p)
	p.Ruler = figure.Past{SiteView: s.SiteView, At: s.now, Zone: s.zone, Asked: s.asked, Self: self}.Ruler()
	p.Advice = figure.Advice(s.advice, s.now, s.zone, figure.Customer)
	s.leftOut(&p)
	for _, kind := range backup.Kinds() {
		for _, r := range s.Policy.Policy.Of(kind) {
			p.Promise = append(p.Promise, portal.PromiseRow{What: what(kind), Tier: string(r.Tier), When: words.Capital(r.Schedule.Words(s.Policy.Policy.Night)), Kept: "the newest " + strconv.Itoa(r.Keep)})
		}
	}
	return p
}

// what a copy of the kind holds, to somebody who never read our words.
func what(kind backup.Kind) string {
	if kind == backup.Data {
		return "Files"
	}
	return "Database"
}

// keepForm is the one button, for those who may press it.
func (s view) keepForm(self string, coming bool) *portal.KeepForm {
	if !may(s.person, authz.StartBackup, s.Site.TenantID) {
		return nil
	}
	usual := strconv.Itoa(app.ProtectDays)
	f := &portal.KeepForm{Action: self + "/protection", Days: usual, Reason: usualReason}
	for _, days := range []string{"7", usual, "60", "90", "180"} {
		f.Choices = append(f.Choices, ui.Choice{Value: days, Label: days + " days", Selected: days == usual})
	}
	switch {
	case coming:
		f.Off, f.Why = true, "One is on its way already."
	case s.Site.State != dbq.SiteStateActive:
		f.Off, f.Why = true, "Copies of this site are paused, so none can be taken. Ask us to go on with them."
	}
	return f
}

// leftOut is what the newest data copy left out.
func (s view) leftOut(p *portal.SiteProps) {
	newest := s.newest[backup.Data]
	if newest == nil {
		p.LeftOutNote = "The first copy of the files says what it leaves out."
		return
	}
	p.LeftOutNote = "As of the copy of files of " + words.Day(s.now, newest.TakenAt, s.zone) + ". "
	for _, x := range figure.DetailsOf(newest).Excluded {
		p.LeftOut = append(p.LeftOut, portal.LeftOutRow{Path: x.Path, Why: words.Capital(figure.WhyLeftOut(x.Path)), Bytes: figure.Size(x.Bytes)})
		if figure.HoldsCourseBackups(x.Path) && x.Bytes > 0 {
			p.Lacks = "Automated course backups may lie in " + x.Path + ", which the policy leaves out. If yours do, let Moodle keep them in another folder, or ask us to include it."
		}
	}
	if len(p.LeftOut) == 0 {
		p.LeftOutNote += "Nothing was left out."
		return
	}
	p.LeftOutNote += "Mostly what Moodle makes anew by itself; everything else of the site is in the copies."
}
