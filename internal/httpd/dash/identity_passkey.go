package dash

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// passkeys fills in the person's passkeys, and how to add one.
func (d *Door) passkeys(r *http.Request, p app.Person, props *dash.AccountProps) error {
	rows, err := d.app.Passkeys(r.Context(), p)
	if err != nil {
		return err
	}
	now := d.clock.Now()
	for _, k := range rows {
		row := dash.PasskeyRow{Name: k.Name, Made: when(now, k.CreatedAt, time.UTC), Used: ui.When{Words: "never"}, Removal: dash.PasskeysPath + "/" + k.ID.String() + "/removal"}
		if k.LastUsedAt != nil {
			row.Used = when(now, *k.LastUsedAt, time.UTC)
		}
		props.Keys = append(props.Keys, row)
	}
	props.AddKey = d.addKey()
	return nil
}

// addKey is how a page asks for a new passkey.
func (d *Door) addKey() dash.Passkeys {
	if !d.app.CanPasskeys() {
		return dash.Passkeys{}
	}
	return dash.Passkeys{Options: dash.PasskeysPath + "/options", Submit: dash.PasskeysPath}
}

// askKey is how a page asks for a passkey that is there; submit takes it.
func (d *Door) askKey(submit string) dash.Passkeys {
	if !d.app.CanPasskeys() {
		return dash.Passkeys{}
	}
	return dash.Passkeys{Options: dash.PasskeySignIn + "/options", Submit: submit}
}

// askKeyOf is askKey for somebody who is known to have one, or not.
func (d *Door) askKeyOf(p app.Person, submit string) dash.Passkeys {
	if p.Holder.Passkeys == 0 {
		return dash.Passkeys{}
	}
	return d.askKey(submit)
}

// said is what a page's script is answered: what to ask the browser, where to
// go, or what went wrong.
func (d *Door) said(w http.ResponseWriter, r *http.Request, v any, err error) (templ.Component, error) {
	code := http.StatusOK
	if err != nil {
		code = status(r.Method, err)
		d.note(r, code, err)
		v = map[string]string{"error": sentence(err)}
	}
	return nil, answerJSON(w, code, v)
}

func answerJSON(w http.ResponseWriter, code int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(b) // the reader is gone; nobody is left to be told
	return nil
}

func (d *Door) goTo(w http.ResponseWriter, r *http.Request, to string, err error) (templ.Component, error) {
	return d.said(w, r, map[string]string{"next": to}, err)
}

// keyAnswer is what a page's script sends.
type keyAnswer struct {
	Answer json.RawMessage `json:"answer"`
	Name   string          `json:"name"`
	Next   string          `json:"next"`
}

// heard reads what the script sent, and what it was asked, which works once.
func (d *Door) heard(r *http.Request) (a keyAnswer, state string, err error) {
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return a, "", errs.Wrap(errs.TooLarge, err, "This is too large for a passkey's answer.")
		}
		return a, "", errs.Wrap(errs.Invalid, err, "This is no passkey's answer. Load the page and try again.")
	}
	state = d.sessions.PopString(r.Context(), keyCeremony)
	if state == "" || len(a.Answer) == 0 {
		return a, "", errs.New(errs.Invalid, "This took too long, or was answered already. Load the page and try again.")
	}
	return a, state, nil
}

func (d *Door) question(w http.ResponseWriter, r *http.Request, c app.Ceremony, err error) (templ.Component, error) {
	if err == nil {
		d.sessions.Put(r.Context(), keyCeremony, c.State)
	}
	return d.said(w, r, c.Options, err)
}

func (d *Door) askPasskey(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if wait := d.guard.asks.Take(mw.Address(r, d.guard.proxies)); wait > 0 {
		return d.said(w, r, nil, &tooMany{wait, errs.New(errs.Unavailable, "There were too many tries. Wait some minutes, then try again.")})
	}
	c, err := d.app.BeginPasskeySignIn()
	return d.question(w, r, c, err)
}

func (d *Door) signInByPasskey(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	p, next, err := d.byPasskey(r)
	if err != nil {
		return d.said(w, r, nil, err)
	}
	to, err := d.admit(r, p, []identity.Proof{identity.Passkey}, next)
	return d.goTo(w, r, to, err)
}

// byPasskey tells who has answered with a passkey, and where they want to go.
func (d *Door) byPasskey(r *http.Request) (p app.Person, next string, err error) {
	a, state, err := d.heard(r)
	if err != nil {
		return p, "", err
	}
	done, err := d.guard.enter(r, "passkey from "+mw.Address(r, d.guard.proxies))
	if err != nil {
		return p, "", err
	}
	p, err = d.app.SignInByPasskey(r.Context(), d.from(r), state, a.Answer)
	done(err == nil)
	return p, local(a.Next), err
}

func (d *Door) againByPasskey(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	got, next, err := d.byPasskey(r)
	if err == nil && got.Actor.Account != p.Actor.Account {
		err = errs.New(errs.Unsigned, "This passkey is somebody else's. Use your own, or your password.")
	}
	if err == nil {
		d.fresher(r)
	}
	return d.goTo(w, r, next, err)
}

func (d *Door) askNewPasskey(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	c, err := d.app.BeginPasskey(r.Context(), p)
	return d.question(w, r, c, err)
}

func (d *Door) addPasskey(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	a, state, err := d.heard(r)
	if err == nil {
		err = d.app.AddPasskey(r.Context(), p, state, a.Answer, a.Name)
	}
	if err == nil {
		text := "The passkey is added."
		if p.CodesLeft == 0 {
			text += " Make recovery codes too, for the day when it is lost."
		}
		d.say(r.Context(), ui.Good, text)
	}
	return d.goTo(w, r, dash.AccountPath, err)
}

func (d *Door) removePasskey(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	key, err := id.Parse[id.Passkey](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such passkey.")
	}
	if err := d.app.RemovePasskey(r.Context(), p, key); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The passkey is removed here. Your device may still offer it; it opens nothing.")
	if d.app.StaffSecondFactor(r.Context()) && isStaff(p) && p.Holder.Passkeys == 1 && !p.Holder.TOTP {
		see(w, r, dash.SecondFactorPath)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	see(w, r, dash.AccountPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// wantsJSON tells a page's script from a person's form.
func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}
