package dash

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const (
	copiesShown = 120 // of each kind
	runsOfSite  = 15
)

// site is the page of one site, by its id or its name, which may hold slashes.
func (d *Door) site(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ref := chi.URLParam(r, "*")
	if r.URL.RawPath != "" {
		plain, err := url.PathUnescape(ref)
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "There is no site of this name, or none that you may see.")
		}
		ref = plain
	}
	props, err := d.siteProps(r.Context(), p, ref, r.URL.Query().Get("noticed"))
	if err != nil && props.Name == "" {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.SitesSection)
	return dash.Site(props), err
}

// siteLive is the part of the page that its stream sends.
func (d *Door) siteLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.siteProps(ctx, p, chi.URLParam(r, "id"), r.URL.Query().Get("noticed"))
	if err != nil && props.Name == "" {
		return nil, err
	}
	return dash.SiteLive(props), nil
}

// startBackup asks for copies: POST /sites/{id}/backups, with kind; and with
// days and reason where they are to be protected before a change.
func (d *Door) startBackup(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ref := chi.URLParam(r, "id")
	if err := readForm(r); err != nil {
		return nil, err
	}
	form := formBackup
	if r.PostForm.Has("days") || r.PostForm.Has("reason") {
		form = formProtect
	}
	kinds, err := backup.ParseKinds("kind", r.PostFormValue("kind"))
	var keep app.Protection
	if err == nil {
		keep, err = readProtection(r)
	}
	var asked []app.Started
	if err == nil {
		asked, err = d.app.StartBackup(r.Context(), p.Actor, ref, kinds, keep)
	}
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.Invalid) {
		return d.siteAgain(r, p, ref, authz.StartBackup, refused(form, r, err), err)
	}
	if err != nil {
		return nil, err
	}
	said := startedSentence(asked)
	if form == formProtect {
		said += " What is taken stays for " + words.Many(int64(cmp.Or(keep.Days, app.ProtectDays)), "day", "days") + ", beside the copies of the policy."
	}
	d.say(r.Context(), ui.Good, said)
	see(w, r, dash.SitesPath+"/"+ref)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// siteAgain is the page with what was wrong with a form on it, and what was
// typed. Whoever may not do it at all hears that first. It does not update
// itself: that would take away what was typed.
func (d *Door) siteAgain(r *http.Request, p app.Person, ref string, action authz.Action, x refusal, wrong error) (templ.Component, error) {
	v, err := d.app.ViewSite(r.Context(), p.Actor, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, action, v.Site.TenantID); err != nil {
		return nil, err
	}
	s := d.newSitePage(p, v, "")
	s.refused = x
	if err := d.furnish(r.Context(), &s); err != nil {
		return nil, err
	}
	props := s.props()
	props.Page = d.frame(p, dash.SitesSection)
	props.StreamPath = ""
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: x.said()}
	return dash.Site(props), wrong
}

func startedSentence(asked []app.Started) string {
	var fresh, joined []string
	for _, s := range asked {
		if s.Joined {
			joined = append(joined, copyWord(s.Kind))
		} else {
			fresh = append(fresh, copyWord(s.Kind))
		}
	}
	out := ""
	switch len(fresh) {
	case 0:
	case 1:
		out = "A " + fresh[0] + " was asked for. It is taken as soon as the host is free."
	default:
		out = "A " + words.List(fresh...) + " were asked for. They are taken as soon as the host is free."
	}
	if len(joined) > 0 {
		if out != "" {
			out += " "
		}
		out += "A " + words.List(joined...)
		if len(joined) == 1 {
			return out + " was on its way already, so no second one is needed."
		}
		return out + " were on their way already, so no others are needed."
	}
	return out
}

// siteProps gives the page, and an error besides where only what was asked of
// it is wrong.
func (d *Door) siteProps(ctx context.Context, p app.Person, ref, asked string) (dash.SiteProps, error) {
	v, err := d.app.ViewSite(ctx, p.Actor, ref)
	if err != nil {
		return dash.SiteProps{}, err
	}
	s := d.newSitePage(p, v, asked)
	if err := d.furnish(ctx, &s); err != nil {
		return dash.SiteProps{}, err
	}
	return s.props(), s.asked.Wrong
}

// sitePage words one site.
type sitePage struct {
	app.SiteView
	person app.Person
	frame  dash.Page
	now    time.Time
	zone   *time.Location
	facts  agentproto.Facts
	usable map[backup.Kind]*dbq.CopiesOfSiteRow // the newest that could be restored
	ended  map[backup.Kind]*dbq.Run             // the newest run that ended by itself
	open   map[backup.Kind]*dbq.Run
	made   map[id.Run]*dbq.CopiesOfSiteRow

	names    map[string]string // of those who did what happened, for staff
	policies []string          // that the site may be given, for who may

	judged  map[string]*app.Judged // by the copy's id
	asked   figure.Noticed
	refused refusal
	truths  truths
}

func (d *Door) newSitePage(p app.Person, v app.SiteView, asked string) sitePage {
	s := sitePage{
		SiteView: v, person: p, frame: d.frame(p, dash.SitesSection), now: d.clock.Now(), zone: zoneOf(v.Site.TimeZone), facts: readFacts(v.Site.Facts),
		usable: map[backup.Kind]*dbq.CopiesOfSiteRow{}, ended: map[backup.Kind]*dbq.Run{}, open: map[backup.Kind]*dbq.Run{},
		made: map[id.Run]*dbq.CopiesOfSiteRow{}, judged: judgedOf(v.Keeping),
	}
	s.asked = figure.ReadNoticed(asked, s.zone, v.Now)
	for i := range v.Copies {
		c := &v.Copies[i]
		s.made[c.RunID] = c
		if best := s.usable[c.Kind]; (c.State == catalog.Good || c.State == catalog.Incomplete) && (best == nil || c.TakenAt.After(best.TakenAt)) {
			s.usable[c.Kind] = c
		}
	}
	for i := range v.Runs { // newest first
		r := &v.Runs[i]
		if r.State.Open() {
			s.open[r.Kind] = r
		} else if s.ended[r.Kind] == nil && r.State != backup.Cancelled {
			s.ended[r.Kind] = r
		}
	}
	return s
}

func (s sitePage) props() dash.SiteProps {
	self := sitePath(s.Site.ID)
	p := dash.SiteProps{
		Page: s.frame, Name: s.Site.Name, About: s.about(), Crumbs: []ui.Crumb{{Label: "Sites", Href: dash.SitesPath}},
		Figures: s.figures(), Problems: s.problems(), Basis: s.basis(), Backup: s.form(self), RestoreHref: s.restoreHref(), StreamPath: self + "/stream",
		RunsHref: dash.RunsPath + "?site=" + s.Site.ID.String(), Facts: s.factList(),
	}
	if isStaff(s.person) || len(s.person.Tenants) > 1 {
		p.Crumbs = append(p.Crumbs, ui.Crumb{Label: s.Site.TenantName, Href: dash.SitesPath + "?" + url.Values{"q": {s.Site.TenantName}}.Encode()})
	}
	if s.asked.Typed != "" {
		p.StreamPath += "?" + url.Values{"noticed": {s.asked.Typed}}.Encode()
	}
	p.State, p.Sentence = s.sentence(p.Problems)
	s.promise(&p)
	for _, kind := range backup.Kinds() {
		p.Copies = append(p.Copies, s.copies(kind))
	}
	at := place{host: s.HostName, zone: s.zone}
	for _, r := range s.Runs[:min(len(s.Runs), runsOfSite)] {
		p.Runs = append(p.Runs, runRow(r, at, s.made[r.ID], s.now))
	}
	s.truth(&p, self)
	return p
}

// form is the form behind "Back up now", for those who may use it.
func (s sitePage) form(self string) *dash.BackupForm {
	if !may(s.person, authz.StartBackup, s.Site.TenantID) {
		return nil
	}
	f := &dash.BackupForm{Action: self + "/" + formBackup, Kinds: backupKinds()}
	switch {
	case s.Site.State != dbq.SiteStateActive:
		f.Off, f.Why = true, s.offBecause()
	case len(s.open) == len(backup.Kinds()):
		f.Off, f.Why = true, "Copies of both kinds are on their way already."
	}
	return f
}

// restoreHref leads to the form that restores the site, for those who may.
func (s sitePage) restoreHref() string {
	if !may(s.person, authz.StartRestore, s.Site.TenantID) || s.Site.State != dbq.SiteStateActive {
		return ""
	}
	return dash.NewRestorePath + "?site=" + s.Site.ID.String()
}

// backupKinds are the choices of what to back up.
func backupKinds() []ui.Choice {
	return []ui.Choice{
		{Value: "all", Label: "Database and data", Selected: true},
		{Value: string(backup.Database), Label: "Database"},
		{Value: string(backup.Data), Label: "Data"},
	}
}
