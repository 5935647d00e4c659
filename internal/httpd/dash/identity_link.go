package dash

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/errs"
	"holdfast/internal/identity"
	"holdfast/web/dash"
)

// askPage is the form that asks for a mail with a link.
func (d *Door) askPage(reset bool) dash.AskLinkProps {
	p := dash.AskLinkProps{
		Product: d.app.Product(), Title: "A link by mail", Action: dash.SignInLinkPath, Button: "Send me a link",
		Lead: "We send you a link that signs you in. It works once, for 15 minutes. Staff sign in by password or passkey instead.",
	}
	if reset {
		p.Title, p.Action, p.Button = "A new password", dash.ResetPath, "Send me a link"
		p.Lead = "We send you a link that sets a new password. It works once, for an hour."
	}
	if !d.app.CanMail() {
		p.Off = "No mail is set up here, so no link can be sent. Ask whoever runs this installation: they can make one that sets a new password, with: holdfast user reset"
	}
	return p
}

func (d *Door) askForm(reset bool) page {
	return func(_ http.ResponseWriter, _ *http.Request) (templ.Component, error) {
		return dash.AskLink(d.askPage(reset)), nil
	}
}

// ask answers the same whether or not there is an account: which it is, nobody
// learns here.
func (d *Door) ask(reset bool) page {
	return func(_ http.ResponseWriter, r *http.Request) (templ.Component, error) {
		if err := readForm(r); err != nil {
			return nil, err
		}
		props := d.askPage(reset)
		email := strings.TrimSpace(r.PostFormValue("email"))
		again := func(err error) (templ.Component, error) {
			props.Error = sentence(err)
			if len(email) <= 254 {
				props.Email = email
			}
			return dash.AskLink(props), err
		}
		if props.Off != "" {
			return dash.AskLink(props), errs.New(errs.Unsupported, "No mail is set up here.")
		}
		if err := d.guard.mayMail(r, email); err != nil {
			return again(err)
		}
		err := d.app.AskLink(r.Context(), email, reset)
		if errs.Is(err, errs.Invalid) {
			return again(errs.Field("email", "this is not a mail address, like anna@school.example"))
		}
		if err != nil {
			return nil, err
		}
		props.Sent = "If there is an account with this address that may have one, a link is on its way. It works once, for 15 minutes."
		if reset {
			props.Sent = "If there is an account with this address, a link is on its way. It works once, for an hour."
		}
		return dash.AskLink(props), nil
	}
}

// ended is the page of a link that opens nothing.
func (d *Door) ended(err error) (templ.Component, error) {
	if !errs.Is(err, errs.Unsigned) && !errs.Is(err, errs.Conflict) {
		return nil, err
	}
	return dash.OpenLink(dash.OpenLinkProps{Product: d.app.Product(), Title: "This link opens nothing", Lead: sentence(err)}), errs.Wrap(errs.NotFound, err, "%s", sentence(err))
}

func (d *Door) linkProps(r *http.Request, email string) dash.OpenLinkProps {
	return dash.OpenLinkProps{
		Product: d.app.Product(), Title: "Sign in", Lead: "You sign in as " + email + ". The link works this once.", Action: r.URL.Path, Button: "Sign in", Email: email,
	}
}

func (d *Door) linkForm(_ http.ResponseWriter, r *http.Request) (templ.Component, error) {
	email, err := d.app.LookAtLink(r.Context(), chi.URLParam(r, "token"), false)
	if err != nil {
		return d.ended(err)
	}
	return dash.OpenLink(d.linkProps(r, email)), nil
}

func (d *Door) signInByLink(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	p, err := d.app.SignInByLink(r.Context(), d.from(r), chi.URLParam(r, "token"))
	if err != nil {
		return d.ended(err)
	}
	return nil, d.enter(w, r, p, []identity.Proof{identity.MailLink}, dash.SitesPath)
}

func (d *Door) resetProps(r *http.Request, email string) dash.OpenLinkProps {
	return dash.OpenLinkProps{
		Product: d.app.Product(), Title: "Set a new password", Lead: "For " + email + ". All your sessions end, and you sign in with the new password.",
		Action: r.URL.Path, Button: "Set the password", Email: email, AskPassword: true,
	}
}

func (d *Door) resetForm(_ http.ResponseWriter, r *http.Request) (templ.Component, error) {
	email, err := d.app.LookAtLink(r.Context(), chi.URLParam(r, "token"), true)
	if err != nil {
		return d.ended(err)
	}
	return dash.OpenLink(d.resetProps(r, email)), nil
}

func (d *Door) reset(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	token := chi.URLParam(r, "token")
	email, err := d.app.LookAtLink(r.Context(), token, true)
	if err != nil {
		return d.ended(err)
	}
	err = d.app.ResetPassword(r.Context(), d.from(r), token, r.PostFormValue("password"))
	if errs.Is(err, errs.Invalid) {
		props := d.resetProps(r, email)
		props.Error, props.Problem = sentence(err), "password"
		return dash.OpenLink(props), err
	}
	if err != nil {
		return d.ended(err)
	}
	see(w, r, dash.SignInPath+"?password-set=1")
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) invitationProps(r *http.Request) (dash.OpenLinkProps, error) {
	i, err := d.app.LookAtInvitation(r.Context(), chi.URLParam(r, "token"))
	if err != nil {
		return dash.OpenLinkProps{}, err
	}
	p := dash.OpenLinkProps{Product: d.app.Product(), Title: "Join " + i.Into, Action: r.URL.Path, Button: "Join", Email: i.Email}
	p.Lead = i.Email + " is invited as " + i.Role + "."
	if i.Into == "" {
		p.Title, p.Lead = "Join the staff", i.Email+" is invited to the staff of "+d.app.Product()+", as "+i.Role+"."
	}
	if i.Known {
		p.Lead += " You have an account already; you keep its password."
		return p, nil
	}
	p.AskName, p.AskPassword = true, true
	return p, nil
}

func (d *Door) invitationForm(_ http.ResponseWriter, r *http.Request) (templ.Component, error) {
	p, err := d.invitationProps(r)
	if err != nil {
		return d.ended(err)
	}
	return dash.OpenLink(p), nil
}

func (d *Door) acceptInvitation(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	props, err := d.invitationProps(r)
	if err != nil {
		return d.ended(err)
	}
	p, fresh, err := d.app.AcceptInvitation(r.Context(), chi.URLParam(r, "token"), r.PostFormValue("name"), r.PostFormValue("password"))
	if errs.Is(err, errs.Invalid) {
		props.Error, props.Problem = sentence(err), "password"
		if strings.HasPrefix(errs.Sentence(err), "name:") {
			props.Problem = "name"
		}
		if name := r.PostFormValue("name"); len(name) <= 500 {
			props.Name = name
		}
		return dash.OpenLink(props), err
	}
	if err != nil {
		return d.ended(err)
	}
	if !fresh {
		see(w, r, dash.SignInPath+"?joined=1")
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	return nil, d.enter(w, r, p, []identity.Proof{identity.Password}, dash.SitesPath)
}
