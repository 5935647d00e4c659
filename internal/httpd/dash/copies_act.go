package dash

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// refusal is a form that was refused, so that its page keeps what was typed
// and says what is wrong at the field. The zero value refuses nothing.
type refusal struct {
	form      string // which one: of a copy, its id and the act
	days, why string // as they were typed
	field     string // the field at fault; "" for the whole
	problem   string
}

func refused(form string, r *http.Request, err error) refusal {
	x := refusal{form: form, days: r.PostFormValue("days"), why: r.PostFormValue("reason"), problem: sentence(err)}
	var e *errs.Error
	if errors.As(err, &e) && e.Field != "" {
		x.field, x.problem = e.Field, problemOf(err)
	}
	return x
}

// protect gives back what was typed into the form, if it is the refused one.
func (x refusal) protect(form string, f *dash.ProtectForm) {
	if x.form != form {
		return
	}
	f.Open = true
	f.Days.Value, f.Reason.Value = x.days, x.why
	switch x.field {
	case "protect", "days":
		f.Days.Problem = x.problem
	case "reason":
		f.Reason.Problem = x.problem
	}
}

func (x refusal) reason(form string, f *dash.PinForm) {
	if x.form != form {
		return
	}
	f.Open = true
	f.Reason.Value = x.why
	if x.field == "reason" {
		f.Reason.Problem = x.problem
	}
}

// said is the same at the top of the page, where it is seen at once.
func (x refusal) said() string {
	switch x.field {
	case "":
		return x.problem
	case "protect", "days":
		return "Days: " + x.problem
	}
	return words.Capital(x.field) + ": " + x.problem
}

// readProtection reads days and reason. Empty days are the usual ones.
func readProtection(r *http.Request) (app.Protection, error) {
	p := app.Protection{Reason: r.PostFormValue("reason")}
	typed := strings.TrimSpace(r.PostFormValue("days"))
	if typed == "" {
		return p, nil
	}
	n, err := strconv.Atoi(typed)
	if err != nil || n == 0 {
		return p, errs.Field("days", "type a whole number of days, like 30")
	}
	p.Days = n
	return p, nil
}

// copyAct is one thing that is done with a copy: who may, and what is said
// once it is done.
type copyAct struct {
	may  authz.Action
	do   func(ctx context.Context, p app.Person, of id.Copy, r *http.Request) error
	done string
}

func (d *Door) copyActs() map[string]copyAct {
	reason := func(r *http.Request) string { return r.PostFormValue("reason") }
	return map[string]copyAct{
		actProtect: {authz.ProtectCopy, func(ctx context.Context, p app.Person, of id.Copy, r *http.Request) error {
			keep, err := readProtection(r)
			if err != nil {
				return err
			}
			return d.app.ProtectCopy(ctx, p.Actor, of, keep)
		}, "The copy is protected. It stays beside those of the policy until its date."},
		actUnprotect: {authz.KeepCopy, func(ctx context.Context, p app.Person, of id.Copy, _ *http.Request) error {
			return d.app.UnprotectCopy(ctx, p.Actor, of)
		}, "The copy's protection has ended. Where no rule keeps it, it waits in the bin for 24 hours."},
		actPin: {authz.KeepCopy, func(ctx context.Context, p app.Person, of id.Copy, r *http.Request) error {
			return d.app.PinCopy(ctx, p.Actor, of, true, reason(r))
		}, "The copy is pinned. It stays until somebody unpins it."},
		actUnpin: {authz.KeepCopy, func(ctx context.Context, p app.Person, of id.Copy, _ *http.Request) error {
			return d.app.PinCopy(ctx, p.Actor, of, false, "")
		}, "The copy is not pinned any more. Where no rule keeps it, it waits in the bin for 24 hours."},
		actHold: {authz.HoldCopies, func(ctx context.Context, p app.Person, of id.Copy, r *http.Request) error {
			return d.app.HoldCopy(ctx, p.Actor, of, true, reason(r))
		}, "A legal hold is on the copy. It stays until the hold is lifted."},
		actRelease: {authz.HoldCopies, func(ctx context.Context, p app.Person, of id.Copy, _ *http.Request) error {
			return d.app.HoldCopy(ctx, p.Actor, of, false, "")
		}, "The copy's legal hold is lifted."},
		actTakeBack: {authz.KeepCopy, func(ctx context.Context, p app.Person, of id.Copy, r *http.Request) error {
			keep, err := readProtection(r)
			if err != nil {
				return err
			}
			return d.app.TakeBack(ctx, p.Actor, of, keep)
		}, "The copy is back. It is protected for now, for no rule keeps it."},
	}
}

// copyForm answers one of the forms of a copy: POST /copies/{id}/ACT.
func (d *Door) copyForm(act string) http.HandlerFunc {
	what := d.copyActs()[act]
	return d.signed(func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if err := readForm(r); err != nil {
			return nil, err
		}
		of, err := id.Parse[id.Copy](chi.URLParam(r, "id"))
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "There is no copy of this name, or none that you may see.")
		}
		c, err := d.app.ViewCopy(r.Context(), p.Actor, of)
		if err != nil {
			return nil, err
		}
		err = what.do(r.Context(), p, of, r)
		if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) {
			return d.siteAgain(r, p, c.SiteID.String(), what.may, refused(of.String()+act, r, err), err)
		}
		if err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, what.done)
		see(w, r, sitePath(c.SiteID))
		return nil, nil //nolint:nilnil // it has answered by itself
	})
}

// Forms of a site, as they are told apart.
const (
	formBackup  = "backups"
	formProtect = "protected backup"
	formHold    = "hold"
	formRelease = "hold/end"
	formSuspend = "suspension"
	formResume  = "suspension/end"

	formAllClear = "alarm/end"
	formLost     = "damage/acknowledgement"
)

// siteForm answers one of staff's forms of a site: POST /sites/{id}/FORM.
func (d *Door) siteForm(form string) http.HandlerFunc {
	action, done := authz.HoldCopies, "A legal hold is on this site: nothing of it is deleted until it is lifted."
	switch form {
	case formRelease:
		done = "The legal hold is lifted. What no rule keeps goes to the bin first."
	case formSuspend:
		action, done = authz.ManageSites, "The site is suspended: no copy is taken until it is resumed. Those that are there stay as the policy says."
	case formResume:
		action, done = authz.ManageSites, "The site is resumed. What is owed starts at once."
	case formAllClear:
		action, done = authz.ClearAlarms, "The tamper alarm is cleared. What was seen counts as usual from here on; the copies from before stay protected for now."
	case formLost:
		action, done = authz.RepairCopies, "What is lost is acknowledged. Copies are deleted as the policy says again, the damaged ones too."
	}
	return d.signed(func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		ref := chi.URLParam(r, "id")
		if err := readForm(r); err != nil {
			return nil, err
		}
		reason := r.PostFormValue("reason")
		var err error
		switch form {
		case formHold, formRelease:
			err = d.app.HoldSite(r.Context(), p.Actor, ref, form == formHold, reason)
		case formAllClear:
			err = d.app.ClearTamper(r.Context(), p.Actor, ref, reason)
		case formLost:
			err = d.app.AcknowledgeDamage(r.Context(), p.Actor, ref, reason)
		default:
			err = d.app.SuspendSite(r.Context(), p.Actor, ref, form == formSuspend, reason)
		}
		if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) || errs.Is(err, errs.Forbidden) {
			return d.siteAgain(r, p, ref, action, refused(form, r, err), err) // a stranger hears that there is no such site
		}
		if err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, done)
		see(w, r, dash.SitesPath+"/"+ref)
		return nil, nil //nolint:nilnil // it has answered by itself
	})
}
