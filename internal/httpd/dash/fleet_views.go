package dash

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// viewQuery is the question of a view; one that asks nothing asks for all
// sites, so that it never leads back to itself.
func viewQuery(v dbq.SavedViewsRow) string {
	q, err := url.ParseQuery(v.Query)
	if err != nil || len(fleetAsked(q)) == 0 {
		q = url.Values{"sort": {string(app.FleetOrders()[0])}}
	}
	return fleetAsked(q).Encode()
}

// viewsProps are the views, as links and as a list of what can be done to them.
func viewsProps(p app.Person, q url.Values, views []dbq.SavedViewsRow) *dash.FleetViews {
	now := fleetAsked(q).Encode()
	out := &dash.FleetViews{Query: now, Share: may(p, authz.ShareViews, id.Tenant{}), Save: now != ""}
	for _, v := range views {
		query, path := viewQuery(v), dash.ViewsPath+"/"+v.ID.String()
		out.Save = out.Save && query != now
		out.Links = append(out.Links, ui.Choice{Label: v.Name, Href: dash.SitesPath + "?" + query, Selected: query == now})
		s := dash.SavedView{Name: v.Name, Href: dash.SitesPath + "?" + query, Default: v.IsDefault, OpenAction: path + "/opening", Note: "yours"}
		if v.Shared {
			s.Note = "shared by " + v.OwnerName
		}
		if v.IsDefault {
			s.Note += "; Sites opens with it"
		}
		if v.AccountID == p.Actor.Account || v.Shared && out.Share {
			s.DropAction = path + "/deletion"
		}
		out.Mine = append(out.Mine, s)
	}
	if len(out.Links) > 0 {
		all := ui.Choice{Label: "All sites", Href: fleetHref(nil), Selected: len(fleetAsked(q)) == 0 || now == fleetAsked(url.Values{"sort": {string(app.FleetOrders()[0])}}).Encode()}
		out.Links = append([]ui.Choice{all}, out.Links...)
	}
	return out
}

// saveView keeps the list that the form came from.
func (d *Door) saveView(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	query, err := url.ParseQuery(r.PostFormValue("query"))
	if err != nil {
		return nil, errs.Field("query", "it is not a list of sites; save the view from the list itself")
	}
	n := app.NewView{Name: r.PostFormValue("name"), Query: fleetAsked(query).Encode(), Shared: r.PostFormValue("shared") == "yes", Default: r.PostFormValue("default") == "yes"}
	_, err = d.app.SaveView(r.Context(), p.Actor, n)
	if errs.Is(err, errs.Invalid) && isStaff(p) {
		views, verr := d.app.SavedViews(r.Context(), p.Actor)
		if verr != nil {
			return nil, verr
		}
		props, perr := d.staffFleet(r.Context(), p, query, views)
		if perr != nil {
			return nil, perr
		}
		props.Views.Name, props.Views.Problem, props.Views.Save = n.Name, problemOf(err), true
		return dash.Fleet(props), err
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The view is kept, and stands above the list.")
	to := dash.SitesPath + "?" + n.Query
	if n.Query == "" {
		to = fleetHref(nil)
	}
	see(w, r, to)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// changeView deletes a view, or makes the list open with it or without it.
func (d *Door) changeView(do func(*http.Request, app.Person, id.View) (string, error)) http.HandlerFunc {
	return d.signed(func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		view, err := id.Parse[id.View](chi.URLParam(r, "id"))
		if err != nil {
			return nil, errs.New(errs.NotFound, "This view is not there any more.")
		}
		said, err := do(r, p, view)
		if err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, said)
		see(w, r, fleetHref(nil))
		return nil, nil //nolint:nilnil // it has answered by itself
	})
}

func (d *Door) dropView(r *http.Request, p app.Person, view id.View) (string, error) {
	return "The view is deleted; the sites are as they were.", d.app.DeleteView(r.Context(), p.Actor, view)
}

func (d *Door) openView(r *http.Request, p app.Person, view id.View) (string, error) {
	on := r.PostFormValue("on") == "yes"
	said := "Sites opens with all sites again."
	if on {
		said = "Sites opens with this view from now on."
	}
	return said, d.app.OpenWithView(r.Context(), p.Actor, view, on)
}

// viewRoutes are those of saved views.
func (d *Door) viewRoutes(r chi.Router) {
	r.Post(dash.ViewsPath, d.signed(d.saveView))
	r.Post(dash.ViewsPath+"/{id:[0-9a-f-]{36}}/deletion", d.changeView(d.dropView))
	r.Post(dash.ViewsPath+"/{id:[0-9a-f-]{36}}/opening", d.changeView(d.openView))
}
