package dash

import (
	"context"
	"net/http"
	"net/url"
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

// jobState is one of the states of a job, as people read it.
type jobState struct {
	name, label, explain string
	state                ui.State
}

var jobStates = []jobState{
	{"running", "running", "being worked on now", ui.Running},
	{"available", "waiting", "ready, waiting for a worker", ui.Waiting},
	{"scheduled", "later", "not due yet", ui.Waiting},
	{"retryable", "tried again", "failed, will be tried again", ui.Late},
	{"discarded", "failed", "failed for good", ui.Failed},
	{"cancelled", "cancelled", "stopped on purpose", ui.Cancelled},
	{"completed", "done", "done in the last day", ui.Good},
}

func wordsOfJob(name string) jobState {
	for _, s := range jobStates {
		if s.name == name {
			return s
		}
	}
	return jobState{name, name, "", ui.Waiting}
}

// jobKinds say what a kind of job does.
var jobKinds = map[string]string{
	"plan": "Plan what is due", "dispatch_host": "Hand due runs to a host", "dispatch_run": "Hand a run to its host", "move_restore": "Move a restore on", "follow_copy": "Ask for the checks of a new copy",
	"adopt_policy": "Bring sites under a policy’s newest version", "retain": "Look for copies that no rule keeps", "sweep": "Look for work that was lost", "send_mail": "Send a mail",
}

// jobWords says what a job does; of a kind that nobody worded, its name.
func jobWords(kind string) string {
	if w := jobKinds[kind]; w != "" {
		return w
	}
	return words.Capital(strings.NewReplacer("_", " ", ".", ": ").Replace(kind))
}

func (d *Door) queuePages(r chi.Router) {
	r.Get(dash.QueuePath, d.signed(d.queue))
	r.Post(dash.QueuePath+"/{job:[0-9]{1,18}}/retry", d.signed(d.moveJob("is tried again at once", d.app.RetryJob)))
	r.Post(dash.QueuePath+"/{job:[0-9]{1,18}}/cancellation", d.signed(d.moveJob("is cancelled", d.app.CancelJob)))
}

func (d *Door) queue(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ask := app.QueueQuery{State: r.URL.Query().Get("state")}
	if b := r.URL.Query().Get("before"); b != "" {
		before, err := strconv.ParseInt(b, 10, 64)
		if err != nil || before < 1 {
			return nil, errs.Field("before", "is not a place in this list; begin at the newest")
		}
		ask.Before = before
	}
	v, err := d.app.ListJobs(r.Context(), p.Actor, ask)
	if err != nil {
		return nil, err
	}
	hosts, err := d.hostNames(r.Context(), p)
	if err != nil {
		return nil, err
	}
	props := dash.QueueProps{Page: d.page(r.Context(), p, dash.QueueSection), Showing: "the newest first"}
	if ask.State != "" {
		props.Showing = "only those " + wordsOfJob(ask.State).explain + ", the newest first"
	}
	for _, s := range jobStates {
		c := dash.QueueCount{Label: s.label, Count: words.Count(v.Counts[s.name]), Explain: s.explain, Selected: s.name == ask.State}
		c.Href = queueHref(s.name, 0)
		if c.Selected {
			c.Href = dash.QueuePath // a second click shows all again
		}
		props.Counts = append(props.Counts, c)
	}
	props.State, props.Sentence = queueSentence(v.Counts)
	operates := may(p, authz.ManageQueue, id.Tenant{})
	for _, j := range v.Jobs {
		props.Jobs = append(props.Jobs, d.jobRow(p, j, hosts, operates, ask))
	}
	props.Pager = ui.Pager{What: "jobs", Words: words.Many(int64(len(v.Jobs)), "job", "jobs")}
	if v.Next > 0 {
		props.Pager.NextHref = queueHref(ask.State, v.Next)
	}
	if ask.Before > 0 {
		props.Pager.PrevHref, props.Pager.What = queueHref(ask.State, 0), "jobs; the previous link leads to the newest"
	}
	return dash.Queue(props), nil
}

func queueHref(state string, before int64) string {
	q := url.Values{}
	if state != "" {
		q.Set("state", state)
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return dash.QueuePath
	}
	return dash.QueuePath + "?" + q.Encode()
}

func (d *Door) jobRow(p app.Person, j app.Job, hosts map[id.Host]string, operates bool, ask app.QueueQuery) dash.JobRow {
	now, s := d.clock.Now(), wordsOfJob(j.State)
	row := dash.JobRow{
		ID: strconv.FormatInt(j.ID, 10), Title: jobWords(j.Kind), Kind: j.Kind, State: s.state, Word: s.label,
		Attempt: strconv.Itoa(j.Attempt) + " of " + strconv.Itoa(j.MaxAttempts), Scheduled: when(now, j.ScheduledAt, zoneOf(p.TimeZone)), LastError: jobError(j.LastError),
		Back: queueHref(ask.State, ask.Before),
	}
	if !j.FailedAt.IsZero() {
		row.Failed = when(now, j.FailedAt, zoneOf(p.TimeZone))
	}
	if h, err := id.Parse[id.Host](j.Host); err == nil && hosts[h] != "" {
		row.About, row.AboutHref = hosts[h], hostPath(h)
	} else if run, err := id.Parse[id.Run](j.Run); err == nil {
		row.About, row.AboutHref = "the run", dash.RunsPath+"/"+run.String()
	}
	path := dash.QueuePath + "/" + row.ID
	if operates && j.MayRetry() {
		row.Retry = path + "/retry"
	}
	if operates && j.MayCancel() {
		row.Cancel = path + "/cancellation"
	}
	return row
}

// jobError makes a sentence of what a job's last try said.
func jobError(said string) string {
	if said == "" {
		return ""
	}
	return words.Stop(words.Capital(said))
}

// moveJob adapts what is done to one job.
func (d *Door) moveJob(said string, move func(ctx context.Context, who authz.Actor, of int64) (app.Job, error)) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if err := readForm(r); err != nil {
			return nil, err
		}
		of, err := strconv.ParseInt(chi.URLParam(r, "job"), 10, 64)
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "There is no such job.")
		}
		j, err := move(r.Context(), p.Actor, of)
		switch {
		case errs.Is(err, errs.Conflict):
			d.say(r.Context(), ui.Late, sentence(err))
		case err != nil:
			return nil, err
		default:
			d.say(r.Context(), ui.Good, "Job "+strconv.FormatInt(j.ID, 10)+", “"+jobWords(j.Kind)+"”, "+said+".")
		}
		back, _ := url.Parse(r.PostFormValue("back"))
		to := dash.QueuePath
		if back != nil && back.Path == dash.QueuePath && back.Host == "" && back.Scheme == "" {
			before, _ := strconv.ParseInt(back.Query().Get("before"), 10, 64)
			to = queueHref(back.Query().Get("state"), max(before, 0))
		}
		see(w, r, to)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
}

func queueSentence(counts map[string]int64) (ui.State, []ui.Phrase) {
	bad, again := counts["discarded"], counts["retryable"]
	switch {
	case bad > 0:
		return ui.Failed, ui.Say(ui.Strong(words.Many(bad, "job", "jobs")), ui.Text(" failed for good; "),
			ui.Text(words.Many(again, "other is", "others are")+" tried again by themselves."))
	case again > 0:
		return ui.Late, ui.Say(ui.Strong(words.Many(again, "job", "jobs")), ui.Text(" failed and will be tried again; nothing failed for good."))
	}
	waiting := counts["available"]
	if waiting > 0 {
		return ui.Good, ui.Say(ui.Strong(words.Many(waiting, "job", "jobs")), ui.Text(" ready for a worker; nothing failed."))
	}
	return ui.Good, ui.Say(ui.Text("Nothing waits for a worker and nothing failed."))
}
