package dash

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"holdfast/web/dash"
)

// identityPages are the routes of signing in and of one's own account. Those
// marked fresh ask for the password or passkey again after a while.
func (d *Door) identityPages(r chi.Router) {
	r.Get(dash.SignInCodePath, d.open(d.codeForm))
	r.Post(dash.SignInCodePath, d.open(d.signInCode))
	r.Get(dash.SignInAgainPath, d.signed(d.againForm))
	r.Post(dash.SignInAgainPath, d.signed(d.signInAgain))
	r.Get(dash.SignInLinkPath, d.open(d.askForm(false)))
	r.Post(dash.SignInLinkPath, d.open(d.ask(false)))
	r.Get(dash.SignInLinkPath+"/{token}", d.open(d.linkForm))
	r.Post(dash.SignInLinkPath+"/{token}", d.open(d.signInByLink))
	r.Get(dash.ResetPath, d.open(d.askForm(true)))
	r.Post(dash.ResetPath, d.open(d.ask(true)))
	r.Get(dash.ResetPath+"/{token}", d.open(d.resetForm))
	r.Post(dash.ResetPath+"/{token}", d.open(d.reset))
	r.Get(dash.InvitationPath+"{token}", d.open(d.invitationForm))
	r.Post(dash.InvitationPath+"{token}", d.open(d.acceptInvitation))
	d.peoplePages(r)
	r.Get(dash.AccountPath, d.signed(d.account))
	r.Get(dash.PasswordPath, d.fresh(dash.PasswordPath, d.passwordForm))
	r.Post(dash.PasswordPath, d.fresh(dash.PasswordPath, d.changePassword))
	r.Post("/account/sessions/{id:[0-9a-f-]{36}}/end", d.signed(d.endSession))
	r.Post("/account/sessions/end-others", d.signed(d.endOtherSessions))
	r.Get(dash.SecondFactorPath, d.enrolling(d.enrolForm))
	r.Post(dash.SecondFactorPath, d.enrolling(d.enrol))
	r.Post(dash.SecondFactorPath+"/removal", d.fresh(dash.AccountPath, d.removeTOTP))
	r.Get(dash.ProviderPath, d.open(d.toProvider))
	r.Get(dash.ProviderPath+"/callback", d.open(d.fromProvider))
	r.Post(dash.PasskeySignIn+"/options", d.open(d.askPasskey))
	r.Post(dash.PasskeySignIn, d.open(d.signInByPasskey))
	r.Post(dash.SignInAgainPath+"/passkey", d.signed(d.againByPasskey))
	r.Post(dash.PasskeysPath+"/options", d.enrolling(d.askNewPasskey))
	r.Post(dash.PasskeysPath, d.enrolling(d.addPasskey))
	r.Post(dash.PasskeysPath+"/{id:[0-9a-f-]{36}}/removal", d.fresh(dash.AccountPath, d.removePasskey))
	r.Post(dash.RecoveryPath, d.fresh(dash.AccountPath, d.newCodes))
}

// enrolling adapts a page for setting up a second factor: for people who must,
// and for people who are signed in and have shown that it is them.
func (d *Door) enrolling(h signedPage) http.HandlerFunc {
	usual := d.fresh(dash.SecondFactorPath, h)
	return func(w http.ResponseWriter, r *http.Request) {
		p, must := enrollee(r.Context())
		if !must {
			usual(w, r)
			return
		}
		c, err := h(w, r, p)
		d.answer(w, r, c, err)
	}
}
