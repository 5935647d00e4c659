package dash

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/capacity"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// destinationPages are the routes of destinations.
func (d *Door) destinationPages(r chi.Router) {
	const one = "/destinations/{id:[0-9a-f-]{36}}"
	r.Get(dash.DestinationsPath, d.signed(d.destinations))
	r.Get(one, d.signed(d.destination))
	r.Post(one+"/read-only", d.signed(d.destinationForm(d.readOnly)))
	r.Post(one+"/limit", d.signed(d.destinationForm(d.limitDestination)))
	r.Post(one+"/tasks/{task:[0-9a-f-]{36}}/retry", d.signed(d.destinationForm(d.retryTask)))
}

func destinationOf(r *http.Request) (id.Destination, error) {
	of, err := id.Parse[id.Destination](chi.URLParam(r, "id"))
	if err != nil {
		return of, errs.Wrap(errs.NotFound, err, "There is no destination of this name, or none that you may see.")
	}
	return of, nil
}

func (d *Door) destination(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := destinationOf(r)
	if err != nil {
		return nil, err
	}
	props, err := d.destinationProps(r, p, of)
	if err != nil {
		return nil, err
	}
	return dash.Destination(props), nil
}

func (d *Door) destinationProps(r *http.Request, p app.Person, of id.Destination) (dash.DestinationProps, error) {
	v, err := d.app.ViewDestination(r.Context(), p.Actor, of)
	if err != nil {
		return dash.DestinationProps{}, err
	}
	now, path := d.clock.Now(), destinationPath(of)
	manages := may(p, authz.ManageVault, id.Tenant{})
	props := dash.DestinationProps{
		Page: d.page(r.Context(), p, dash.DestinationsSection), Name: v.Name, Crumbs: []ui.Crumb{{Label: "Destinations", Href: dash.DestinationsPath}},
		About: words.Capital(storageKinds[v.Kind]) + " · " + words.Many(v.Sites, "site", "sites") + " · " + words.Many(v.Queue.Writing, "run writes", "runs write") + " now",
		Trend: trendOf(v), Growth: growthWords(v.Forecast), Facts: destinationFacts(v, now),
		Empty: "The keeper measures it every few minutes; a line needs two days.",
		Calm:  "The keeper verifies, seals, deletes and maintains as copies come and go; all of it is done.",
	}
	props.State, props.Sentence = destinationSentence(v, now)
	props.Figures = destinationFigures(v)
	for _, k := range v.Kinds {
		row := dash.TaskKindRow{Kind: taskWord(string(k.Kind)), Waiting: words.Count(k.Waiting), Since: when(now, k.Oldest, zoneOf(p.TimeZone))}
		if k.Tried > 0 {
			row.Note = words.Many(k.Tried, "failed once and is tried again", "failed once and are tried again")
		}
		if v.ReadOnly && k.Kind != dbq.TaskKindVerifyCopy {
			row.Note = "waits for the destination to take copies again"
		}
		props.Queue = append(props.Queue, row)
	}
	for _, t := range v.Failed {
		row := dash.FailedTaskRow{
			Kind: taskWord(string(t.Kind)), Site: t.SiteName, SiteHref: sitePath(t.SiteID), Reason: words.Stop(words.Capital(t.Error)), Attempts: "after " + words.Many(int64(t.Attempt), "try", "tries"),
		}
		if t.FinishedAt != nil {
			row.Ended = when(now, *t.FinishedAt, zoneOf(p.TimeZone))
		}
		if manages {
			row.Retry = &dash.Act{Action: path + "/tasks/" + t.ID.String() + "/retry", Label: "Retry", About: strings.ToLower(row.Kind) + " of " + t.SiteName}
		}
		props.Failed = append(props.Failed, row)
	}
	if manages {
		props.ReadOnly = readOnlyForm(v, path)
		props.Limit = &dash.LimitForm{Action: path + "/limit", Max: dash.Field{Value: strconv.Itoa(max(v.MaxRuns, 0))}, Zero: true, Note: "Over all hosts; 0 is no limit. Runs that are at work go on."}
	}
	return props, nil
}

func readOnlyForm(v app.DestinationView, path string) *dash.ReasonedForm {
	if v.ReadOnly {
		return &dash.ReasonedForm{
			Action: path + "/read-only", Do: "off", Title: "Read-only", State: ui.Waiting, Word: "read-only", Label: "Let it take copies again",
			Note: "Nothing is written or deleted there. What is owed starts at once when it takes copies again.",
		}
	}
	writing := "No run writes there now."
	if v.Queue.Writing > 0 {
		writing = words.Capital(words.Many(v.Queue.Writing, "run that writes there now finishes", "runs that write there now finish")) + "."
	}
	return &dash.ReasonedForm{
		Action: path + "/read-only", Do: "on", Title: "Read-only", Label: "Make it read-only", Ask: "Because", Must: true,
		Note: "No new run writes there, and the keeper deletes and maintains nothing; copies can be read, restored and verified. " + writing,
	}
}

var taskWords = map[string]string{
	"create_repository": "Making a place for copies", "verify_copy": "Reading a copy back", "seal_copy": "Writing a sealed file",
	"maintain": "Maintenance", "delete_copy": "Deleting a copy",
}

func taskWord(kind string) string {
	if w, ok := taskWords[kind]; ok {
		return w
	}
	return kind
}

func destinationSentence(v app.DestinationView, now time.Time) (ui.State, []ui.Phrase) {
	state, _, note := destinationStanding(v.DestinationInfo, now)
	name := ui.Strong(v.Name)
	full, span := fullWords(v.Forecast)
	var out []ui.Phrase
	switch v.Forecast.Outlook {
	case capacity.Fills, capacity.Distant:
		out = ui.Say(name, ui.Text(" is full "), ui.Strong(full), ui.Text(" if it goes on as it did"))
		if span != "" {
			out = append(out, ui.Text(": "+span))
		}
		out = append(out, ui.Text(". "))
	case capacity.Full:
		return state, ui.Say(name, ui.Text(" is full. "+note))
	case capacity.Steady:
		out = ui.Say(name, ui.Text(" does not grow: nothing says that it will be full. "))
	case capacity.Unknown:
		out = ui.Say(name, ui.Text(" was not measured for long enough to say when it is full. "))
		if v.Newest == nil {
			out = ui.Say(name, ui.Text(" was not measured yet. "))
		}
	case capacity.Unbounded:
		out = ui.Say(name, ui.Text(" does not say how large it is, so nobody can say when it is full. "))
		if v.Newest == nil {
			out = ui.Say(name, ui.Text(" was not measured yet. "))
		}
	}
	if note != "" && v.Newest != nil {
		out = append(out, ui.Text(note))
	}
	return state, out
}

func destinationFigures(v app.DestinationView) []ui.Figure {
	if v.Newest == nil {
		return nil
	}
	stored := ui.Figure{Label: "Stored", Value: words.Bytes(v.Newest.StoredBytes), Note: "in " + words.Many(v.Newest.Repositories, "repository", "repositories")}
	out := []ui.Figure{stored}
	if v.Newest.FreeBytes != nil {
		out = append(out, ui.Figure{Label: "Free", Value: words.Bytes(*v.Newest.FreeBytes), Note: share(*v.Newest.FreeBytes, *v.Newest.TotalBytes) + " of " + words.Bytes(*v.Newest.TotalBytes)})
	}
	if g := v.Forecast.Growth; g.Known {
		out = append(out, ui.Figure{Label: "Grows", Value: perDay(g.PerDay), Note: "a day"})
	}
	return out
}

func perDay(bytes float64) string {
	if math.Abs(bytes) >= math.MaxInt64/2 {
		return "–"
	}
	if bytes < 0 {
		return "−" + words.Bytes(int64(-bytes))
	}
	return words.Bytes(int64(bytes))
}

// growthWords says what the forecast rests on.
func growthWords(f capacity.Forecast) string {
	g := f.Growth
	if !g.Known {
		return ""
	}
	what := "What we stored"
	if f.Space != nil {
		what = "What is used of the file system, by us and by others,"
	}
	return fmt.Sprintf("%s grows by %s a day: the median over %d days, which a single odd day does not move. Four times in five it lies between %s and %s.",
		what, perDay(g.PerDay), int(math.Round(g.Days)), perDay(g.PerDayLow), perDay(g.PerDayHigh))
}

func destinationFacts(v app.DestinationView, now time.Time) []ui.Fact {
	limit, quota, vault := "no limit", "no limit", "inside this control plane"
	if v.MaxRuns > 0 {
		limit = words.Many(int64(v.MaxRuns), "run", "runs") + " at once"
	}
	if v.QuotaBytes > 0 {
		quota = words.Bytes(v.QuotaBytes)
	}
	if v.VaultURL != "" {
		vault = v.VaultURL
	}
	moment := func(at time.Time, none string) (value, note string) {
		if at.IsZero() {
			return none, ""
		}
		return words.Ago(now, at), words.Exact(at, time.UTC)
	}
	last, lastExact := moment(v.Maintenance.Last, "never yet")
	next, nextExact := moment(v.Maintenance.Next, "nothing is planned")
	facts := []ui.Fact{
		{Label: "Storage", Value: words.Capital(storageKinds[v.Kind])},
		{Label: "Vault", Value: vault, Code: v.VaultURL != ""},
		{Label: "Sites", Value: words.Count(v.Sites)},
	}
	if n := v.Newest; n != nil {
		counted := "all counted at the storage"
		if n.Measured < n.Repositories {
			counted = words.Count(n.Measured) + " of " + words.Count(n.Repositories) + " repositories were counted at the storage; of the rest we know what their copies added"
		}
		facts = append(facts,
			ui.Fact{Label: "Copies", Value: words.Count(n.Copies), Note: "in " + words.Many(n.Repositories, "repository", "repositories")},
			ui.Fact{Label: "Stored", Value: words.Bytes(n.StoredBytes), Note: counted},
			ui.Fact{Label: "Measured", Value: words.Ago(now, n.At), Note: words.Exact(n.At, time.UTC)})
	}
	return append(facts,
		ui.Fact{Label: "Runs that write", Value: limit},
		ui.Fact{Label: "A run may add", Value: quota},
		ui.Fact{Label: "Maintained last", Value: last, Note: lastExact},
		ui.Fact{Label: "Maintained next", Value: next, Note: nextExact},
		ui.Fact{Label: "Damaged", Value: words.Many(v.Maintenance.Damaged, "repository", "repositories")},
		ui.Fact{Label: "Added", Value: words.Exact(v.AddedAt, time.UTC)})
}
