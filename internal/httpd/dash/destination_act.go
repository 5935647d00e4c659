package dash

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// destinationAct is what a form of a destination does; what it gives is said
// on the page that follows. change marks the field that was wrong.
type destinationAct func(r *http.Request, p app.Person, v app.DestinationView) (done string, change func(*dash.DestinationProps), err error)

// destinationForm reads the destination and its form. Whoever may not see
// destinations learns nothing of them; whoever may only see them is refused.
func (d *Door) destinationForm(act destinationAct) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		of, err := destinationOf(r)
		if err != nil {
			return nil, err
		}
		v, err := d.app.ViewDestination(r.Context(), p.Actor, of)
		if err != nil {
			return nil, err
		}
		if _, err := authz.Check(p.Actor, authz.ManageVault, id.Tenant{}); err != nil {
			return nil, err
		}
		if err := readForm(r); err != nil {
			return nil, err
		}
		done, change, err := act(r, p, v)
		if err == nil {
			d.say(r.Context(), ui.Good, done)
			see(w, r, destinationPath(of))
			return nil, nil //nolint:nilnil // it has answered by itself
		}
		if !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
			return nil, err
		}
		props, perr := d.destinationProps(r, p, of)
		if perr != nil {
			return nil, perr
		}
		props.Notice = &ui.Notice{State: ui.Failed, Text: sentence(err)}
		if change != nil {
			change(&props)
		}
		return dash.Destination(props), err
	}
}

func (d *Door) readOnly(r *http.Request, p app.Person, v app.DestinationView) (string, func(*dash.DestinationProps), error) {
	do, reason := r.PostFormValue("do"), r.PostFormValue("reason")
	if do != "on" && do != "off" {
		return "", nil, errs.Field("do", "must be on or off")
	}
	if err := d.app.SetReadOnly(r.Context(), p.Actor, v.ID, do == "on", reason); err != nil {
		return "", func(props *dash.DestinationProps) {
			if errs.Is(err, errs.Invalid) && props.ReadOnly != nil {
				props.ReadOnly.Reason = dash.Field{Value: clipped(reason, 400), Problem: sentence(err)}
			}
		}, err
	}
	if do == "on" {
		return v.Name + " is read-only: nothing is written or deleted there, and its copies can be read.", nil, nil
	}
	return v.Name + " takes copies again. What is owed starts by itself.", nil, nil
}

func (d *Door) limitDestination(r *http.Request, p app.Person, v app.DestinationView) (string, func(*dash.DestinationProps), error) {
	typed := strings.TrimSpace(r.PostFormValue("max-runs"))
	n, err := strconv.Atoi(typed)
	if err != nil || n < 0 || n > app.MaxDestinationRuns {
		err = errs.Field("max-runs", "type a number from 0, which is no limit, to %d", app.MaxDestinationRuns)
	} else {
		err = d.app.SetDestinationLimit(r.Context(), p.Actor, v.Name, n)
	}
	if err != nil {
		return "", func(props *dash.DestinationProps) {
			if props.Limit != nil {
				props.Limit.Max = dash.Field{Value: clipped(typed, 20), Problem: sentence(err)}
			}
		}, err
	}
	if n == 0 {
		return "Any number of runs may write to " + v.Name + " at once.", nil, nil
	}
	return "At most " + strconv.Itoa(n) + " may write to " + v.Name + " at once.", nil, nil
}

func (d *Door) retryTask(r *http.Request, p app.Person, v app.DestinationView) (string, func(*dash.DestinationProps), error) {
	task, err := id.Parse[id.Task](chi.URLParam(r, "task"))
	if err != nil {
		return "", nil, errs.Wrap(errs.NotFound, err, "There is no such task, or none that you may see.")
	}
	if err := d.app.RetryTask(r.Context(), p.Actor, v.ID, task); err != nil {
		return "", nil, err
	}
	return "The keeper tries it again.", nil, nil
}
