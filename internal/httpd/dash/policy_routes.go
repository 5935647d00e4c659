package dash

import (
	"github.com/go-chi/chi/v5"

	"holdfast/web/dash"
)

// policyPages are the routes of policies and of what they keep.
func (d *Door) policyPages(r chi.Router) {
	for _, form := range []string{formHold, formRelease, formSuspend, formResume, formAllClear, formLost} {
		r.Post("/sites/{id:[0-9a-f-]{36}}/"+form, d.siteForm(form))
	}
	for _, act := range []string{actProtect, actUnprotect, actPin, actUnpin, actHold, actRelease, actTakeBack} {
		r.Post("/copies/{id:[0-9a-f-]{36}}/"+act, d.copyForm(act))
	}
	r.Get(dash.PoliciesPath, d.signed(d.policies))
	r.Get(dash.PolicyNewPath, d.signed(d.newPolicy))
	r.Post(dash.PolicyNewPath, d.signed(d.makePolicy))
	r.Get("/policies/{name}", d.signed(d.policy))
	r.Get("/policies/{name}/edit", d.signed(d.editPolicy))
	r.Post("/policies/{name}/edit", d.signed(d.changePolicy))
	r.Post("/policies/{name}/sites", d.signed(d.assignPolicy))
	r.Post("/sites/{id:[0-9a-f-]{36}}/policy", d.signed(d.assignPolicy))
	r.Post("/sites/{id:[0-9a-f-]{36}}/"+formExclude, d.signed(d.changeExclusions))
}
