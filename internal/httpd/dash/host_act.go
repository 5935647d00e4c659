package dash

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/host"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// hostMoves are the forms that the host's state lets stand.
func hostMoves(v app.HostView) *dash.HostMoves {
	path, state := hostPath(v.Row.ID), host.State(v.Row.State)
	m := &dash.HostMoves{Limit: &dash.LimitForm{
		Action: path + "/limit", Max: dash.Field{Value: strconv.Itoa(int(v.Row.MaxRuns))},
		Note: "How many backups may run there at once. Fewer than run now: they finish, and none begins before enough have.",
	}}
	can := func(v host.Verb) bool { _, err := host.Apply(state, v); return err == nil }
	if can(host.Maintain) {
		m.Maintenance = &dash.ReasonedForm{
			Action: path + "/maintenance", Do: "on", Title: "Maintenance", Label: "Begin maintenance", Ask: "Because (optional)",
			Note: "It is given no new runs. " + words.Capital(runsFinish(v.Row.Running)) + " Copies that fall due meanwhile are taken when it comes back.",
		}
	}
	if can(host.Resume) {
		m.Maintenance = &dash.ReasonedForm{
			Action: path + "/maintenance", Do: "off", Title: "Maintenance", Label: "End maintenance", State: ui.Waiting, Word: "in maintenance",
			Note: "It is given runs again. What is owed starts at once, as many as may run together.",
		}
	}
	note := "Prints one line to paste on the host, shown once and good for a day."
	if state == host.Active || state == host.Maintenance {
		note += " The agent that is there works on until the line is used; then its old right ends."
	}
	m.Enrol = &dash.ReasonedForm{Action: path + "/enrolment", Title: "Enrol its agent anew", Note: note, Label: "Make a new line"}
	if can(host.Revoke) {
		m.Revoke = &dash.RevokeForm{
			Action: path + "/revocation", Name: v.Row.Name,
			Note: "Its agent is refused from then on: it can neither store nor report, and a run that it is at is not taken over. Its " +
				words.Many(v.Row.Sites, "site takes", "sites take") + " no new copies. Copies that were stored stay. A new line enrols it again.",
		}
	}
	return m
}

func runsFinish(n int64) string {
	switch n {
	case 0:
		return "nothing runs there now."
	case 1:
		return "the run that is there now finishes."
	}
	return "the " + words.Count(n) + " runs that are there now finish."
}

// hostAct is what a form of a host does: it answers by itself, or gives what
// was wrong with the form, for which change marks the field.
type hostAct func(w http.ResponseWriter, r *http.Request, p app.Person, h app.HostView) (c templ.Component, change func(*dash.HostMoves), err error)

// hostForm reads the host and its form, and shows the page again with what was
// wrong. Whoever may not change hosts is refused before anything is read.
func (d *Door) hostForm(act hostAct) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		of, err := hostOf(r)
		if err != nil {
			return nil, err
		}
		h, err := d.app.HostByID(r.Context(), p.Actor, of)
		if errs.Is(err, errs.Forbidden) { // whoever may not see hosts learns nothing of them
			return nil, errs.Wrap(errs.NotFound, err, "There is no host of this name, or none that you may see.")
		}
		if err != nil {
			return nil, err
		}
		if _, err := authz.Check(p.Actor, authz.ManageHosts, id.Tenant{}); err != nil {
			return nil, err
		}
		if err := readForm(r); err != nil {
			return nil, err
		}
		c, change, err := act(w, r, p, h)
		if err == nil || !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
			return c, err
		}
		props, perr := d.hostProps(r, p, of)
		if perr != nil {
			return nil, perr
		}
		props.Notice = &ui.Notice{State: ui.Failed, Text: sentence(err)}
		if change != nil && props.Moves != nil {
			change(props.Moves)
		}
		return dash.Host(props), err
	}
}

func (d *Door) limitHost(w http.ResponseWriter, r *http.Request, p app.Person, h app.HostView) (templ.Component, func(*dash.HostMoves), error) {
	typed := strings.TrimSpace(r.PostFormValue("max-runs"))
	n, err := readMaxRuns(typed)
	if err == nil {
		err = d.app.SetHostLimit(r.Context(), p.Actor, h.Row.Name, n)
	}
	if err != nil {
		return nil, func(m *dash.HostMoves) { m.Limit.Max = dash.Field{Value: clipped(typed, 20), Problem: sentence(err)} }, err
	}
	d.say(r.Context(), ui.Good, h.Row.Name+" may have "+words.Many(int64(n), "run", "runs")+" at once.")
	see(w, r, hostPath(h.Row.ID))
	return nil, nil, nil
}

func readMaxRuns(typed string) (int32, error) {
	n, err := strconv.ParseInt(typed, 10, 32)
	if err != nil || n < 1 || n > app.MaxHostRuns {
		return 0, errs.Field("max-runs", "type a number from 1 to %d", app.MaxHostRuns)
	}
	return int32(n), nil
}

// clipped cuts what somebody typed to what a field is given back.
func clipped(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), n)])
}

func (d *Door) maintainHost(w http.ResponseWriter, r *http.Request, p app.Person, h app.HostView) (templ.Component, func(*dash.HostMoves), error) {
	to, said := dbq.HostStateMaintenance, h.Row.Name+" is in maintenance: "+runsFinish(h.Row.Running)
	switch r.PostFormValue("do") {
	case "on":
	case "off":
		to, said = dbq.HostStateActive, h.Row.Name+" takes runs again."
	default:
		return nil, nil, errs.Field("do", "must be on or off")
	}
	reason := r.PostFormValue("reason")
	if err := d.app.MoveHost(r.Context(), p.Actor, h.Row.Name, to, reason); err != nil {
		return nil, func(m *dash.HostMoves) {
			if m.Maintenance != nil && errs.Is(err, errs.Invalid) {
				m.Maintenance.Reason = dash.Field{Value: clipped(reason, 400), Problem: sentence(err)}
			}
		}, err
	}
	d.say(r.Context(), ui.Good, said)
	see(w, r, hostPath(h.Row.ID))
	return nil, nil, nil
}

func (d *Door) revokeHost(w http.ResponseWriter, r *http.Request, p app.Person, h app.HostView) (templ.Component, func(*dash.HostMoves), error) {
	reason, typed := strings.TrimSpace(r.PostFormValue("reason")), strings.TrimSpace(r.PostFormValue("name"))
	again := func(field string, err error) (templ.Component, func(*dash.HostMoves), error) {
		return nil, func(m *dash.HostMoves) {
			if m.Revoke == nil {
				return
			}
			m.Revoke.Open = true
			m.Revoke.Reason.Value, m.Revoke.Typed.Value = clipped(reason, 400), clipped(typed, 80)
			switch field {
			case "reason":
				m.Revoke.Reason.Problem = sentence(err)
			case "name":
				m.Revoke.Typed.Problem = sentence(err)
			}
		}, err
	}
	if n := len([]rune(reason)); n < 1 || n > 300 {
		return again("reason", errs.Field("reason", "say in a few words why, 300 characters at most"))
	}
	if typed != h.Row.Name {
		return again("name", errs.Field("name", "type %s to revoke it; nothing was done", h.Row.Name))
	}
	if err := d.app.MoveHost(r.Context(), p.Actor, h.Row.Name, dbq.HostStateRevoked, reason); err != nil {
		return again("", err)
	}
	d.say(r.Context(), ui.Good, h.Row.Name+" is revoked: its agent is refused from now on. What was stored stays.")
	see(w, r, hostPath(h.Row.ID))
	return nil, nil, nil
}

func (d *Door) enrolHost(_ http.ResponseWriter, r *http.Request, p app.Person, h app.HostView) (templ.Component, func(*dash.HostMoves), error) {
	token, err := d.app.NewEnrolment(r.Context(), p.Actor, h.Row.Name)
	if err != nil {
		return nil, nil, err
	}
	return d.enrolment(p, h.Row.ID, h.Row.Name, token), nil, nil
}

// enrolment is the page with the one line. It is made from the answer to a
// form and kept nowhere: the token is known to nobody else.
func (d *Door) enrolment(p app.Person, of id.Host, name, token string) templ.Component {
	until := d.clock.Now().Add(app.EnrolmentLife)
	server, pin := d.agents()
	notes := []string{
		"Name the folders that hold its sites in place of /var/www: the agent reads nothing outside of them, whoever asks.",
		"Whoever has this line can enrol as " + name + ". If it got out, make a new one, or revoke the host.",
	}
	if server == "" {
		server = "https://CONTROL-PLANE:8443"
		notes = append(notes, "Put the address of your agents' door in place of "+server+".")
	}
	return dash.Enrolment(dash.EnrolmentProps{
		Page: d.frame(p, dash.HostsSection), Crumbs: []ui.Crumb{{Label: "Hosts", Href: dash.HostsPath}, {Label: name, Href: hostPath(of)}}, Name: name,
		Command: app.EnrolCommand(token, server, pin), Notes: notes, Back: hostPath(of),
		Until: ui.When{Words: words.Exact(until, zoneOf(p.TimeZone)), Exact: words.Exact(until, time.UTC), Machine: until.UTC().Format(time.RFC3339)},
	})
}

func (d *Door) newHost(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if _, err := authz.Check(p.Actor, authz.ManageHosts, id.Tenant{}); err != nil {
		return nil, err
	}
	return dash.NewHost(dash.NewHostProps{Page: d.page(r.Context(), p, dash.HostsSection), Crumbs: newHostCrumbs(), Max: dash.Field{Value: "2"}}), nil
}

func newHostCrumbs() []ui.Crumb { return []ui.Crumb{{Label: "Hosts", Href: dash.HostsPath}} }

func (d *Door) addHost(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if _, err := authz.Check(p.Actor, authz.ManageHosts, id.Tenant{}); err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	name, typed := strings.ToLower(strings.TrimSpace(r.PostFormValue("name"))), strings.TrimSpace(r.PostFormValue("max-runs"))
	props := dash.NewHostProps{Page: d.frame(p, dash.HostsSection), Crumbs: newHostCrumbs(), Name: dash.Field{Value: clipped(name, 80)}, Max: dash.Field{Value: clipped(typed, 20)}}
	n, err := readMaxRuns(typed)
	if err != nil {
		props.Max.Problem = sentence(err)
		return dash.NewHost(props), err
	}
	made, token, err := d.app.AddHost(r.Context(), p.Actor, name, n)
	if errs.Is(err, errs.Invalid) {
		props.Name.Problem = sentence(err)
		return dash.NewHost(props), err
	}
	if err != nil {
		return nil, err
	}
	return d.enrolment(p, made, name, token), nil
}

// agents says where agents reach us, and the pin of the certificate there.
func (d *Door) agents() (server, pin string) { return d.agentURL, d.agentPin }
