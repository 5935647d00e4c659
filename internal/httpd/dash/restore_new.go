package dash

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// newRestore is the form: GET /restores/new, with site.
func (d *Door) newRestore(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.restoreFormOf(r.Context(), p, r.URL.Query().Get("site"), url.Values{}, nil)
}

// restoreFormOf is the form with what was typed, and what was wrong with it.
func (d *Door) restoreFormOf(ctx context.Context, p app.Person, ref string, typed url.Values, wrong error) (templ.Component, error) {
	v, err := d.app.ViewSite(ctx, p.Actor, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.StartRestore, v.Site.TenantID); err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such page, or none that you may see.")
	}
	props := dash.NewRestoreProps{
		Page: d.page(ctx, p, dash.SitesSection), Site: v.Site.Name, SiteID: v.Site.ID.String(), Action: dash.RestoresPath,
		Crumbs:  []ui.Crumb{{Label: "Sites", Href: dash.SitesPath}, {Label: v.Site.Name, Href: sitePath(v.Site.ID)}},
		Problem: map[string]string{}, Value: map[string]string{},
	}
	for _, f := range []string{"paths", "why", "without", "name"} {
		props.Value[f] = typed.Get(f)
	}
	zone := zoneOf(v.Site.TimeZone)
	now := d.clock.Now()
	if err := d.restoreChoices(ctx, p, v.Site.ID, &props, typed, now, zone); err != nil {
		return nil, err
	}
	switch {
	case v.Site.State != dbq.SiteStateActive:
		props.Off = "The site is " + string(v.Site.State) + "; it can be restored once it is active again."
	case len(props.Point) == 0:
		props.Off = "There is no whole copy of this site to restore from."
	}
	if wrong == nil {
		return dash.NewRestore(props), nil
	}
	var e *errs.Error
	if errors.As(wrong, &e) && e.Field != "" {
		field := map[string]string{"database": "point", "data": "point", "root": "paths"}[e.Field]
		if field == "" {
			field = e.Field
		}
		props.Problem[field] = words.Stop(words.Capital(sentence(wrong)))
	}
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	return dash.NewRestore(props), wrong
}

// restoreChoices are what may come back, and from when.
func (d *Door) restoreChoices(ctx context.Context, p app.Person, site id.Site, props *dash.NewRestoreProps, typed url.Values, now time.Time, zone *time.Location) error {
	o, err := d.app.RestoreOffer(ctx, p.Actor, site, restore.Ask{What: restore.Everything})
	if err != nil {
		return err
	}
	for i, c := range o.Choices {
		props.Offer = append(props.Offer, offerRow(c, i == o.Best, now, zone))
	}
	for _, w := range restore.Whats() {
		label := words.Capital(whatWords(w))
		if w == restore.Files {
			label = "Files, into a new folder beside the site"
		}
		props.What = append(props.What, ui.Choice{Value: string(w), Label: label, Selected: typed.Get("what") == string(w)})
	}
	for _, kind := range []restore.What{restore.Database, restore.Data} {
		o, err := d.app.RestoreOffer(ctx, p.Actor, site, restore.Ask{What: kind})
		if err != nil {
			return err
		}
		if len(o.Choices) > 0 && len(props.Point) == 0 {
			props.Point = append(props.Point, ui.Choice{Value: "", Label: "the newest copies there are"})
		}
		for i := len(o.Choices) - 1; i >= 0; i-- {
			c := o.Choices[i].Database
			if c == nil {
				c = o.Choices[i].Data
			}
			props.Point = append(props.Point, ui.Choice{
				Value: c.ID.String(), Label: string(c.Kind) + " of " + words.Exact(c.TakenAt, zone), Selected: typed.Get("point") == c.ID.String(),
			})
		}
	}
	return nil
}

func offerRow(c restore.Choice, best bool, now time.Time, zone *time.Location) dash.OfferRow {
	row := dash.OfferRow{
		Best: best, When: when(now, c.Database.TakenAt, zone), Lost: "What was done since then is lost from the site: " + words.Span(c.LostDatabase) + ".",
		Estimate: "It takes about " + words.Span(c.Estimate.Low) + " to " + words.Span(c.Estimate.High) + ". " + c.Estimate.Basis.Words(),
	}
	switch {
	case c.Skew.Abs() < time.Minute:
		row.Data = "with data of the same moment"
	case c.Skew < 0:
		row.Data = "with data taken " + words.Span(-c.Skew) + " before"
	default:
		row.Data = "with data taken " + words.Span(c.Skew) + " after"
	}
	if c.Fit != nil && c.Fit.Present >= c.Fit.Referenced {
		row.Data += ", and every file that the database names"
	}
	for _, n := range c.Notes {
		switch n {
		case restore.NoteSkewed:
			row.Notes = append(row.Notes, "Database and data are more than a day apart.")
		case restore.NoteDataOlder:
			row.Notes = append(row.Notes, "Files that were added between the two are missing from the data.")
		case restore.NoteFilesShort:
			row.Notes = append(row.Notes, filesShort(c))
		case restore.NoteUnverified:
			row.Notes = append(row.Notes, "Not every copy of it was read back since it was stored.")
		case restore.NoteAfter, restore.NoteNoData, restore.NoteIncomplete:
		}
	}
	return row
}

// filesShort says how many of the files that the database names would not come back.
func filesShort(c restore.Choice) string {
	lost := c.Fit.Referenced - c.Fit.Present
	return "Of the " + words.Many(c.Fit.Referenced, "file", "files") + " that the database names, " + words.Count(lost) + " come back from no copy."
}

// startRestore begins one: POST /restores.
func (d *Door) startRestore(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	ref := r.PostFormValue("site")
	v, err := d.app.ViewSite(r.Context(), p.Actor, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.StartRestore, v.Site.TenantID); err != nil {
		return nil, err
	}
	n, err := readNewRestore(r.PostForm, v.Site.Name)
	if err == nil {
		n.Site = ref
		var of id.Restore
		if of, err = d.app.StartRestore(r.Context(), p.Actor, n); err == nil {
			d.say(r.Context(), ui.Good, "The restore is planned. A safety copy is taken first.")
			see(w, r, restorePath(of))
			return nil, nil //nolint:nilnil // it has answered by itself
		}
	}
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) {
		return d.restoreFormOf(r.Context(), p, ref, r.PostForm, err)
	}
	return nil, err
}

// readNewRestore reads the form.
func readNewRestore(f url.Values, name string) (app.NewRestore, error) {
	n := app.NewRestore{What: restore.What(f.Get("what")), WithoutSafety: f.Get("without"), Why: f.Get("why")}
	if strings.TrimSpace(n.Why) == "" {
		return n, errs.Field("why", "say why, in a few words")
	}
	if strings.TrimSpace(f.Get("name")) != name {
		return n, errs.Field("name", "type %s to go on", name)
	}
	for p := range strings.SplitSeq(f.Get("paths"), ",") {
		if p = strings.TrimSpace(p); p != "" {
			n.Input.Paths = append(n.Input.Paths, p)
		}
	}
	if said := f.Get("point"); said != "" {
		of, err := id.Parse[id.Copy](said)
		if err != nil {
			return n, errs.Field("point", "choose one of the moments")
		}
		n.Point = of
	}
	return n, nil
}
