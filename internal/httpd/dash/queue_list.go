package dash

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// jobState is one of the states of a job, as people read it.
type jobState struct {
	name, explain string
	state         ui.State
}

var jobStates = []jobState{
	{"running", "being worked on now", ui.Running},
	{"available", "ready, waiting for a worker", ui.Waiting},
	{"scheduled", "not due yet", ui.Waiting},
	{"retryable", "failed, will be tried again", ui.Late},
	{"discarded", "failed for good", ui.Failed},
	{"cancelled", "stopped on purpose", ui.Cancelled},
	{"completed", "done in the last day", ui.Good},
}

func stateOfJob(name string) ui.State {
	for _, s := range jobStates {
		if s.name == name {
			return s.state
		}
	}
	return ui.Waiting
}

func (d *Door) queue(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	state := r.URL.Query().Get("state")
	v, err := d.app.ListJobs(r.Context(), p.Actor, state)
	if err != nil {
		return nil, err
	}
	props := dash.QueueProps{Page: d.page(r.Context(), p, dash.QueueSection), Showing: "the newest of every state"}
	if state != "" {
		props.Showing = "the newest that are " + state
	}
	for _, s := range jobStates {
		c := dash.QueueCount{Label: s.name, Count: words.Count(v.Counts[s.name]), Explain: s.explain, Selected: s.name == state}
		c.Href = dash.QueuePath + "?" + url.Values{"state": {s.name}}.Encode()
		if c.Selected {
			c.Href = dash.QueuePath // a second click shows all again
		}
		props.Counts = append(props.Counts, c)
	}
	props.State, props.Sentence = queueSentence(v.Counts)
	now := d.clock.Now()
	for _, j := range v.Jobs {
		props.Jobs = append(props.Jobs, dash.JobRow{
			ID: strconv.FormatInt(j.ID, 10), Kind: j.Kind, Queue: j.Queue, State: stateOfJob(j.State), Word: j.State,
			Attempt:   strconv.Itoa(j.Attempt) + " of " + strconv.Itoa(j.MaxAttempts),
			Scheduled: when(now, j.ScheduledAt, time.UTC), LastError: j.LastError,
		})
	}
	return dash.Queue(props), nil
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
