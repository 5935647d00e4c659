package dash

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/site"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const formExclude = "exclusions"

// excludeTyped is the form of what a site leaves out, as it was sent.
type excludeTyped struct {
	want    site.Exclusions // with the further folder
	version int
	root    string
	path    string
	preview *app.ExclusionPreview
	field   string // at fault
	problem string
}

func readExclude(r *http.Request) excludeTyped {
	v := r.PostForm
	t := excludeTyped{root: v.Get("root"), path: v.Get("path")}
	var err error
	if t.version, err = strconv.Atoi(v.Get("version")); err != nil {
		t.version = -1 // none that there ever is
	}
	t.want.Keep = slices.Clone(v["keep"])
	for _, d := range v["drop"] {
		if f, err := site.ParseFolder(d); err == nil {
			t.want.Drop = append(t.want.Drop, f)
		} else {
			t.want.Drop = append(t.want.Drop, site.Folder{Path: d}) // refused with its name
		}
	}
	if t.path != "" {
		t.want.Drop = append(t.want.Drop, site.Folder{Root: t.root, Path: t.path})
	}
	return t
}

// changeExclusions answers the form of what a site leaves out: POST
// /sites/{id}/exclusions. Nothing is saved unless do says so.
func (d *Door) changeExclusions(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ref := chi.URLParam(r, "id")
	if err := readForm(r); err != nil {
		return nil, err
	}
	v, err := d.app.ViewSite(r.Context(), p.Actor, ref) // a stranger hears that there is no such site
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.ManageSites, v.Site.TenantID); err != nil {
		return nil, err
	}
	t := readExclude(r)
	var seen app.ExclusionPreview
	save := r.PostFormValue("do") == "save"
	if save {
		seen, err = d.app.ChangeExclusions(r.Context(), p.Actor, ref, t.version, t.want)
	} else {
		seen, err = d.app.PreviewExclusions(r.Context(), p.Actor, ref, t.want)
	}
	switch {
	case errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict):
		t.problem = sentence(err)
		if e := (*errs.Error)(nil); errors.As(err, &e) && e.Field != "" {
			t.field, t.problem = e.Field, problemOf(err)
		}
	case err != nil:
		return nil, err
	case save:
		d.say(r.Context(), ui.Good, savedExclusions(seen))
		see(w, r, sitePath(v.Site.ID)+"#excluded")
		return nil, nil //nolint:nilnil // it has answered by itself
	default:
		t.preview = &seen
	}
	s := d.newSitePage(p, v, "")
	if ferr := d.furnish(r.Context(), &s); ferr != nil {
		return nil, ferr
	}
	if errs.Is(err, errs.Conflict) { // what is in force by now stands beside what was typed
		t.version = s.truths.exclusions.Version
	}
	s.truths.typed = &t
	props := s.props()
	props.Page, props.StreamPath = d.frame(p, dash.SitesSection), ""
	if err != nil {
		props.Page.Notice = &ui.Notice{State: ui.Failed, Text: words.Capital(t.problem)}
	}
	return dash.Site(props), err
}

func savedExclusions(p app.ExclusionPreview) string {
	if len(p.Changes) == 0 {
		return "Nothing was changed: this site leaves out what it left out before."
	}
	return "Saved. The next data copy follows it; copies that are there stay as they are."
}

// excludeForm is the form, with what is in force or what was typed.
func (s sitePage) excludeForm(self string) *dash.ExcludeForm {
	x := s.truths.exclusions
	f := &dash.ExcludeForm{Action: self + "/" + formExclude, Version: strconv.Itoa(x.Version)}
	want, root := x.Exact, site.InData
	if t := s.truths.typed; t != nil {
		f.Open, f.Version = true, strconv.Itoa(t.version)
		want, root = t.want, t.root
		switch {
		case t.preview != nil: // the folder that was typed is one of the list now
			want = t.preview.Exact
			f.Preview = s.excludePreview(*t.preview)
		case t.field == "keep":
			f.Keep = t.problem
		case t.field == "drop":
			f.Path.Problem = t.problem
		}
		if t.preview == nil && t.path != "" {
			f.Path.Value = t.path
			want.Drop = want.Drop[:len(want.Drop)-1]
		}
	}
	for _, name := range x.Liftable {
		tick := dash.Tick{Value: name, Label: name, Note: words.Capital(figure.WhyLeftOut(name)), On: slices.Contains(want.Keep, name)}
		if m, ok := x.Newest.Folder(name); ok && m.Files > 0 {
			tick.Note += "; " + words.Many(m.Files, "file", "files") + ", " + words.Bytes(m.Bytes)
		}
		f.Lifts = append(f.Lifts, tick)
	}
	all := slices.Clone(x.Exact.Drop)
	for _, d := range want.Drop {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	for _, d := range all {
		f.Drops = append(f.Drops, dash.Tick{Value: d.Root + ":" + d.Path, Label: d.String(), On: slices.Contains(want.Drop, d)})
	}
	f.Roots = []ui.Choice{{Value: site.InData, Label: "moodledata", Selected: root == site.InData}}
	if x.Account {
		f.Roots = append(f.Roots, ui.Choice{Value: site.InAccount, Label: "the account’s folder, beside code and moodledata", Selected: root == site.InAccount})
	}
	return f
}

func (s sitePage) excludePreview(p app.ExclusionPreview) *dash.ExcludePreview {
	out := &dash.ExcludePreview{Note: "The next data copy follows it. Copies that are there stay as they are, and nothing on the site changes."}
	if len(p.Changes) == 0 {
		out.Nothing = "This is what is in force already."
	}
	for _, c := range p.Changes {
		row := dash.ExcludeChange{Path: c.Path, State: ui.Late, Word: "left out from now on"}
		if c.Kept {
			row.State, row.Word = ui.Good, "in copies from now on"
		}
		switch {
		case c.Measured:
			row.Size = words.Capital(words.Many(c.Files, "file", "files")) + ", " + words.Bytes(c.Bytes) + ", as of the newest copy."
		default:
			row.Size = "How much that is was not measured: the next copy tells."
		}
		out.Rows = append(out.Rows, row)
	}
	for _, f := range p.Raised {
		out.Warns = append(out.Warns, figure.Finding(f))
	}
	for _, f := range p.Settled {
		out.Settles = append(out.Settles, "That settles: "+f.Title)
	}
	return out
}

// toldOfExclusions words a change of what a site leaves out.
func toldOfExclusions(h happening) string {
	var parts []string
	if len(h.Kept) > 0 {
		parts = append(parts, "hold "+words.List(h.Kept...))
	}
	if len(h.LeftOut) > 0 {
		parts = append(parts, "leave out "+words.List(h.LeftOut...))
	}
	if len(parts) == 0 {
		return "What the site leaves out was changed."
	}
	return words.Stop("Data copies " + strings.Join(parts, ", and ") + " from here on")
}
