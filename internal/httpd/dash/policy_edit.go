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
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// editor is the form of one policy: a new one, or one that is there.
type editor struct {
	d    *Door
	p    app.Person
	name string // "" for a new one
}

func (d *Door) editor(r *http.Request, p app.Person) (editor, error) {
	_, err := authz.Check(p.Actor, authz.EditPolicies, id.Tenant{})
	return editor{d, p, chi.URLParam(r, "name")}, err
}

// newPolicy is the empty editor, or with of=NAME one filled with a policy.
func (d *Door) newPolicy(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	e, err := d.editor(r, p)
	if err != nil {
		return nil, err
	}
	of := r.URL.Query().Get("of")
	if of == "" {
		of = app.PublishedPolicy
	}
	v, err := d.app.ViewPolicy(r.Context(), p.Actor, of)
	if err != nil {
		return nil, err
	}
	return e.show(fillEdit("", v.Policy), nil)
}

// editPolicy is the editor of a policy that is there.
func (d *Door) editPolicy(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	e, err := d.editor(r, p)
	if err != nil {
		return nil, err
	}
	v, err := d.app.ViewPolicy(r.Context(), p.Actor, e.name)
	if err != nil {
		return nil, err
	}
	if v.BuiltIn() {
		return nil, errs.New(errs.NotFound, "The published policy is part of the program, so it has no editor. Copy it to change it.")
	}
	props := fillEdit(v.Name, v.Policy)
	props.Seen = strconv.Itoa(int(v.Version))
	return e.show(props, nil)
}

// show is the editor's page. Wrong is put at the field that it is about.
func (e editor) show(props dash.PolicyEditProps, wrong error) (templ.Component, error) {
	props.Page = e.d.frame(e.p, dash.PoliciesSection)
	props.Crumbs = []ui.Crumb{{Label: "Policies", Href: dash.PoliciesPath}}
	props.Title, props.Action = "New policy", dash.PolicyNewPath
	if e.name != "" {
		props.Crumbs = append(props.Crumbs, ui.Crumb{Label: e.name, Href: policyPath(e.name)})
		props.Title, props.Action = "Change "+e.name, policyPath(e.name)+"/edit"
		props.Name.Value, props.NameOff = e.name, true
	}
	var field *errs.Error
	if errors.As(wrong, &field) {
		if field.Field == "" {
			props.Problem = problemOf(wrong)
		} else {
			props.Mark(field.Field, problemOf(wrong))
		}
	}
	return dash.PolicyEdit(props), wrong
}

// makePolicy and changePolicy answer the editor's buttons.
func (d *Door) makePolicy(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.edited(w, r, p)
}

func (d *Door) changePolicy(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.edited(w, r, p)
}

func (d *Door) edited(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	e, err := d.editor(r, p)
	if err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	if e.name != "" { // that it is there, before anything of it is shown
		if _, err := d.app.ViewPolicy(r.Context(), p.Actor, e.name); err != nil {
			return nil, err
		}
	}
	props := readEdit(r.PostForm)
	do, number, _ := strings.Cut(r.PostFormValue("do"), " ")
	switch do {
	case dash.DoAdd:
		if len(props.Rules) < formRules {
			props.Rules = append(props.Rules, newRule(props.Rules))
		}
		return e.show(props, nil)
	case dash.DoRemove:
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(props.Rules) {
			props.Rules = slices.Delete(props.Rules, n, n+1)
		}
		return e.show(props, nil)
	case dash.DoPreview, dash.DoSave:
		return e.look(w, r, props, do == dash.DoSave)
	}
	return e.show(props, errs.New(errs.Invalid, "Press one of the buttons: nothing was done."))
}

// look previews what was typed, and saves it if exactly that was previewed.
func (e editor) look(w http.ResponseWriter, r *http.Request, props dash.PolicyEditProps, save bool) (templ.Component, error) {
	if e.name != "" {
		props.Name.Value = e.name
	}
	typed, err := parseEdit(props)
	if err != nil {
		return e.show(props, err)
	}
	if typed.Name == "" {
		return e.show(props, errs.Field("name", "give it a short lower-case name, like two-months"))
	}
	seen, err := strconv.ParseInt("0"+props.Seen, 10, 32)
	if err != nil {
		return e.show(props, errs.New(errs.Conflict, "It is not known from which version this edit was made; open the policy again."))
	}
	digest := digestOf(e.name+typed.Name, int32(seen), typed)
	switch {
	case !save:
	case r.PostFormValue("digest") != digest:
		props.Problem = "Something changed since the preview, so nothing was saved. This is the preview of what stands here now."
	default:
		done, err := e.save(w, r, typed, int32(seen), props.Note.Value)
		if done || !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
			return nil, err
		}
		return e.show(props, err)
	}
	found, err := e.d.app.PreviewPolicy(r.Context(), e.p.Actor, typed, e.name, nil)
	if err != nil {
		return nil, err
	}
	label := "Save as version " + strconv.FormatInt(seen+1, 10)
	if e.name == "" {
		label = "Make this policy"
	}
	props.Preview = e.d.preview(typed, found, digest, label)
	return e.show(props, nil)
}

// save tells whether it was done, and has answered then.
func (e editor) save(w http.ResponseWriter, r *http.Request, p policy.Policy, seen int32, note string) (bool, error) {
	name := e.name
	said := "The policy " + name + " is at version " + strconv.Itoa(int(seen)+1) + " now. Its sites follow it from here on."
	var err error
	if name == "" {
		name = p.Name
		said = "The policy " + name + " is there. Give it to the sites that should follow it."
		_, err = e.d.app.CreatePolicy(r.Context(), e.p.Actor, name, p, note)
	} else {
		err = e.d.app.EditPolicy(r.Context(), e.p.Actor, name, seen, p, note)
	}
	if err != nil {
		return false, err
	}
	e.d.say(r.Context(), ui.Good, words.Capital(said))
	see(w, r, policyPath(name))
	return true, nil
}
