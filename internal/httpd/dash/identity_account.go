package dash

import (
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// fewCodes is when somebody is told to make new recovery codes.
const fewCodes = 3

func (d *Door) account(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	now := d.clock.Now()
	sessions, err := d.app.ListSessions(r.Context(), p, d.sessions.Token(r.Context()))
	if err != nil {
		return nil, err
	}
	props := dash.AccountProps{
		Page: d.page(r.Context(), p, dash.NoSection), Name: p.Name, Email: p.Email, Authenticator: p.Holder.TOTP, Required: d.app.StaffSecondFactor(r.Context()) && isStaff(p),
	}
	if p.Holder.HasSecond() {
		props.CodesLeft, props.FewCodes = words.Many(int64(p.CodesLeft), "code is left.", "codes are left."), p.CodesLeft < fewCodes
	}
	for _, s := range sessions {
		props.Sessions = append(props.Sessions, dash.SessionRow{
			Device: s.Device, Address: s.Address, Here: s.Here, SignedIn: when(now, s.SignedIn, time.UTC), Seen: when(now, s.LastSeen, time.UTC),
			End: dash.SessionsPath + "/" + s.ID.String() + "/end",
		})
		props.Others = props.Others || !s.Here
	}
	if err := d.passkeys(r, p, &props); err != nil {
		return nil, err
	}
	return dash.Account(props), nil
}

// codesLeft says that a recovery code was used up.
func codesLeft(n int) string {
	s := "You used a recovery code; it works no more. " + words.Many(int64(max(n, 0)), "code is left", "codes are left") + "."
	if n < fewCodes {
		s += " Make new ones on your account page."
	}
	return s
}

func (d *Door) endSession(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	session, err := id.Parse[id.Session](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such session.")
	}
	if err := d.app.EndSession(r.Context(), p, session); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "That session has ended.")
	see(w, r, dash.AccountPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) endOtherSessions(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	n, err := d.app.EndOtherSessions(r.Context(), p, d.sessions.Token(r.Context()))
	if err != nil {
		return nil, err
	}
	said := "You are signed in nowhere else."
	if n > 0 {
		said = words.Many(n, "other session has ended.", "other sessions have ended.")
	}
	d.say(r.Context(), ui.Good, said)
	see(w, r, dash.AccountPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) passwordForm(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return dash.ChangePassword(dash.PasswordProps{Page: d.page(r.Context(), p, dash.NoSection), Email: p.Email}), nil
}

func (d *Door) changePassword(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	err := d.app.ChangePassword(r.Context(), p, d.sessions.Token(r.Context()), r.PostFormValue("password"))
	if errs.Is(err, errs.Invalid) {
		return dash.ChangePassword(dash.PasswordProps{Page: d.frame(p, dash.NoSection), Email: p.Email, Error: sentence(err)}), err
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "Your password is changed, and your other sessions have ended.")
	see(w, r, dash.AccountPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) enrolForm(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.enrolProps(r, p)
	if errs.Is(err, errs.Conflict) {
		d.say(r.Context(), ui.Late, sentence(err))
		see(w, r, dash.AccountPath)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	if err != nil {
		return nil, err
	}
	return dash.Enrol(props), nil
}

func (d *Door) enrolProps(r *http.Request, p app.Person) (dash.EnrolProps, error) {
	e, err := d.app.BeginTOTP(r.Context(), p)
	if err != nil {
		return dash.EnrolProps{}, err
	}
	path, width, err := qrPath(e.URI)
	if err != nil {
		return dash.EnrolProps{}, err
	}
	props := dash.EnrolProps{Page: d.frame(p, dash.NoSection), Product: d.app.Product(), Must: p.MustEnrol, QR: path, QRSize: width, Secret: e.Secret, Account: p.Email}
	if p.MustEnrol {
		props.AddKey = d.addKey()
	}
	return props, nil
}

func (d *Door) enrol(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	again := func(err error) (templ.Component, error) {
		props, second := d.enrolProps(r, p)
		if second != nil {
			return nil, second
		}
		props.Error = sentence(err)
		return dash.Enrol(props), err
	}
	done, err := d.guard.enter(r, "code of "+p.Actor.Account.String())
	if err != nil {
		return again(err)
	}
	codes, err := d.app.ConfirmTOTP(r.Context(), p, r.PostFormValue("code"))
	done(err == nil)
	if errs.Is(err, errs.Invalid) {
		return again(err)
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "Your authenticator is set up. You are asked for its code the next time you sign in.")
	return d.showCodes(p, codes), nil
}

func (d *Door) showCodes(p app.Person, codes []string) templ.Component {
	onward := dash.AccountPath
	if p.MustEnrol {
		onward = dash.SitesPath
	}
	return dash.RecoveryCodes(dash.CodesProps{Product: d.app.Product(), Codes: codes, Onward: onward})
}

func (d *Door) newCodes(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	codes, err := d.app.NewRecoveryCodes(r.Context(), p)
	if err != nil {
		return nil, err
	}
	return d.showCodes(p, codes), nil
}

func (d *Door) removeTOTP(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := d.app.RemoveTOTP(r.Context(), p); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The authenticator is removed.")
	if d.app.StaffSecondFactor(r.Context()) && isStaff(p) && p.Holder.Passkeys == 0 {
		see(w, r, dash.SecondFactorPath)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	see(w, r, dash.AccountPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
