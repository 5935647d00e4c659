package dash

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// halfFor is how long somebody may take between the first proof and the second.
const halfFor = 10 * time.Minute

// from tells where the request came from, for the event log and for the person.
func (d *Door) from(r *http.Request) app.From {
	return app.From{Address: mw.Address(r, d.guard.proxies), Device: identity.Device(r.UserAgent())}
}

// onward is the address of a page with the way on from it.
func onward(path, next string) string {
	if next == "" || next == dash.SitesPath {
		return path
	}
	return path + "?" + url.Values{"next": {next}}.Encode()
}

func (d *Door) signInForm(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	q := r.URL.Query()
	if d.isIn(r.Context()) {
		see(w, r, local(q.Get("next")))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	p := d.signInProps(local(q.Get("next")))
	switch {
	case q.Has("signed-out"):
		p.Note = "You are signed out."
	case q.Has("password-set"):
		p.Note = "Your new password is set. Sign in with it."
	case q.Has("joined"):
		p.Note = "You have joined. Sign in as you are used to."
	}
	return dash.SignIn(p), nil
}

func (d *Door) isIn(ctx context.Context) bool {
	_, in := visitor(ctx)
	_, half := enrollee(ctx)
	return in || half
}

// signInProps are what the sign-in page always has.
func (d *Door) signInProps(next string) dash.SignInProps {
	p := dash.SignInProps{Product: d.app.Product(), Next: next, MailWays: d.app.CanMail(), Passkeys: d.askKey(dash.PasskeySignIn)}
	if d.provider != nil {
		p.ProviderLabel, p.ProviderHref = "Staff: sign in with your organisation", onward(dash.ProviderPath, next)
	}
	return p
}

func (d *Door) signIn(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	email, password, next := strings.TrimSpace(r.PostFormValue("email")), r.PostFormValue("password"), local(r.PostFormValue("next"))
	again := func(err error) (templ.Component, error) {
		props := d.signInProps(next)
		props.Error = sentence(err)
		if len(email) <= 254 {
			props.Email = email
		}
		return dash.SignIn(props), err
	}
	switch {
	case email == "" || len(email) > 254:
		return again(errs.Field("email", "type the address that you sign in with"))
	case password == "" || len([]rune(password)) > identity.PasswordMost:
		return again(errs.Field("password", "type your password"))
	}
	done, err := d.guard.enter(r, email)
	if err != nil {
		return again(err)
	}
	p, err := d.app.SignIn(r.Context(), d.from(r), email, password)
	done(err == nil)
	if errs.Is(err, errs.Unsigned) {
		return again(errs.Wrap(errs.Invalid, err, "This address and password do not belong together. Try again, or ask your hoster for a new password."))
	}
	if err != nil {
		return nil, err
	}
	return nil, d.enter(w, r, p, []identity.Proof{identity.Password}, next)
}

// enter lets a person in who has shown these proofs, or leads them to show what
// they still owe. What is said stands on the page that they come to.
func (d *Door) enter(w http.ResponseWriter, r *http.Request, p app.Person, shown []identity.Proof, next string, said ...string) error {
	to, err := d.admit(r, p, shown, next, said...)
	if err == nil {
		see(w, r, to)
	}
	return err
}

// admit is enter without leading anywhere: it tells where to.
func (d *Door) admit(r *http.Request, p app.Person, shown []identity.Proof, next string, said ...string) (to string, err error) {
	// A fresh token for a fresh right: one that was known before is worth
	// nothing after.
	ctx, account := r.Context(), p.Actor.Account.String()
	if err := d.sessions.Clear(ctx); err != nil {
		return "", err
	}
	if err := d.sessions.RenewToken(ctx); err != nil {
		return "", err
	}
	step := d.app.Next(shown, p)
	if step == identity.WantFirst {
		return "", errs.New(errs.Forbidden, "This way in is not for this account. Sign in with its address and password.")
	}
	if step == identity.WantSecond {
		d.sessions.Put(ctx, keyHalf, account)
		d.sessions.Put(ctx, keyHalfAt, d.clock.Now().Unix())
		d.sessions.Put(ctx, keyShown, string(shown[0]))
		return onward(dash.SignInCodePath, next), nil
	}
	lasts := time.Duration(d.app.Known(ctx).SessionHours) * time.Hour
	deadline := clock.System{}.Now().Add(lasts) // scs reads the system's clock too
	d.sessions.SetDeadline(ctx, deadline)
	if slices.Contains(shown, identity.Password) || slices.Contains(shown, identity.Passkey) {
		d.sessions.Put(ctx, keyFresh, d.clock.Now().Unix())
	}
	if err := d.app.OpenSession(ctx, p, d.sessions.Token(ctx), deadline, d.from(r), shown); err != nil {
		return "", err
	}
	if slices.Contains(shown, identity.Provider) {
		d.sessions.Put(ctx, keyProvider, true)
	}
	d.sessions.Put(ctx, keyAccount, account) // only now, so that no session is open that is not on record
	d.log.InfoContext(ctx, "signed in", "account", account)
	for _, s := range said {
		d.say(ctx, ui.Late, s)
	}
	if step == identity.WantEnrol {
		next = dash.SecondFactorPath
	} else if next == dash.SitesPath {
		next = d.landing(p)
	}
	return next, nil
}

func (d *Door) signOut(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	p, in := visitor(r.Context())
	if err := d.sessions.Destroy(r.Context()); err != nil {
		return nil, err
	}
	if in {
		if err := d.app.SignedOut(r.Context(), p, d.from(r)); err != nil {
			return nil, err
		}
	}
	see(w, r, dash.SignInPath+"?signed-out=1")
	return nil, nil //nolint:nilnil // it has answered by itself
}

// half gives who has shown a first proof a short while ago and owes the second.
func (d *Door) half(ctx context.Context) (app.Person, identity.Proof, error) {
	account, err := id.Parse[id.Account](d.sessions.GetString(ctx, keyHalf))
	if err != nil || d.clock.Now().Sub(time.Unix(d.sessions.GetInt64(ctx, keyHalfAt), 0)) > halfFor {
		return app.Person{}, "", errs.New(errs.Unsigned, "Sign in to go on.")
	}
	p, err := d.app.PersonByID(ctx, account)
	return p, identity.Proof(d.sessions.GetString(ctx, keyShown)), err
}

func (d *Door) codeForm(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	next := local(r.URL.Query().Get("next"))
	p, _, err := d.half(r.Context())
	if err != nil {
		if !errs.Is(err, errs.Unsigned) {
			return nil, err
		}
		see(w, r, onward(dash.SignInPath, next))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	return dash.SignInCode(dash.SignInCodeProps{Product: d.app.Product(), Next: next, Authenticator: p.Holder.TOTP, Passkeys: d.askKeyOf(p, dash.PasskeySignIn)}), nil
}

func (d *Door) signInCode(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	next := local(r.PostFormValue("next"))
	p, shown, err := d.half(r.Context())
	if errs.Is(err, errs.Unsigned) {
		see(w, r, onward(dash.SignInPath, next))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	if err != nil {
		return nil, err
	}
	again := func(err error) (templ.Component, error) {
		return dash.SignInCode(dash.SignInCodeProps{Product: d.app.Product(), Next: next, Authenticator: p.Holder.TOTP, Passkeys: d.askKeyOf(p, dash.PasskeySignIn), Error: sentence(err)}), err
	}
	done, err := d.guard.enter(r, "code of "+p.Actor.Account.String())
	if err != nil {
		return again(err)
	}
	how, err := d.app.UseCode(r.Context(), p, d.from(r), r.PostFormValue("code"))
	done(err == nil)
	if errs.Is(err, errs.Unsigned) || errs.Is(err, errs.Invalid) {
		return again(errs.Wrap(errs.Invalid, err, "%s", sentence(err)))
	}
	if err != nil {
		return nil, err
	}
	var said []string
	if how == identity.Recovery {
		said = append(said, codesLeft(p.CodesLeft-1))
	}
	return nil, d.enter(w, r, p, []identity.Proof{shown, how}, next, said...)
}

// fresh marks a page that only somebody may use who has shown their password
// or passkey a short while ago; others are asked for it, and come back: to the
// page itself, or for a form to back, the page that it stands on.
func (d *Door) fresh(back string, h signedPage) http.HandlerFunc {
	return d.signed(func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if d.isFresh(r.Context()) {
			return h(w, r, p)
		}
		to := back
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			to = r.URL.RequestURI()
		}
		to = onward(dash.SignInAgainPath, local(to))
		if wantsJSON(r) {
			return nil, answerJSON(w, http.StatusUnauthorized, map[string]string{"next": to})
		}
		see(w, r, to)
		return nil, nil //nolint:nilnil // it has answered by itself
	})
}

func (d *Door) isFresh(ctx context.Context) bool {
	at := d.sessions.GetInt64(ctx, keyFresh)
	return at != 0 && identity.Fresh(time.Unix(at, 0), d.clock.Now())
}

func (d *Door) againForm(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return dash.SignInAgain(d.againProps(p, local(r.URL.Query().Get("next")))), nil
}

func (d *Door) againProps(p app.Person, next string) dash.SignInAgainProps {
	return dash.SignInAgainProps{Product: d.app.Product(), Who: p.Name, Email: p.Email, Next: next, Passkeys: d.askKeyOf(p, dash.SignInAgainPath+"/passkey")}
}

func (d *Door) signInAgain(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	props := d.againProps(p, local(r.PostFormValue("next")))
	again := func(err error) (templ.Component, error) {
		props.Error = sentence(err)
		return dash.SignInAgain(props), err
	}
	password := r.PostFormValue("password")
	if password == "" || len([]rune(password)) > identity.PasswordMost {
		return again(errs.Field("password", "type your password"))
	}
	done, err := d.guard.enter(r, p.Email)
	if err != nil {
		return again(err)
	}
	err = d.app.CheckOwnPassword(r.Context(), p, d.from(r), password)
	done(err == nil)
	if errs.Is(err, errs.Unsigned) {
		return again(errs.Wrap(errs.Invalid, err, "This is not your password. Try again."))
	}
	if err != nil {
		return nil, err
	}
	d.fresher(r)
	see(w, r, props.Next)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// fresher makes the session fresh.
func (d *Door) fresher(r *http.Request) {
	d.sessions.Put(r.Context(), keyFresh, d.clock.Now().Unix())
	d.say(r.Context(), ui.Good, "Thank you, it is you. Go on with what you wanted to do; we ask again after 15 minutes.")
}
