package dash

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const runsShown = 100

func (d *Door) runList(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.runsProps(r.Context(), p, r.URL.Query().Get("site"))
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.RunsSection)
	return dash.Runs(props), nil
}

// runsLive is the part of the page that its stream sends.
func (d *Door) runsLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.runsProps(ctx, p, r.URL.Query().Get("site"))
	if err != nil {
		return nil, err
	}
	return dash.RunsLive(props), nil
}

// runsProps loads the runs, all or of one site.
func (d *Door) runsProps(ctx context.Context, p app.Person, site string) (dash.RunsProps, error) {
	props := dash.RunsProps{Page: d.frame(p, dash.RunsSection), ShowTenant: isStaff(p) || len(p.Tenants) > 1, StreamPath: dash.RunsStreamPath}
	if site != "" {
		props.StreamPath += "?" + url.Values{"site": {site}}.Encode()
	}
	rows, err := d.runsOf(ctx, p, site)
	if err != nil {
		return props, err
	}
	hosts, err := d.hostNames(ctx, p)
	if err != nil {
		return props, err
	}
	now := d.clock.Now()
	var rate int64
	for _, row := range rows {
		at := place{site: row.SiteName, zone: time.UTC}
		at.host = cmp.Or(hosts[row.HostID], "its host")
		out := runRow(runOf(row), at, madeBy(row), now)
		out.Tenant = row.TenantName
		if row.State.Open() {
			props.Running = append(props.Running, out)
			rate += speed(row, out, now)
			continue
		}
		if !isStaff(p) {
			out.Host = "" // it would say "its host" a hundred times
		}
		props.Recent = append(props.Recent, out)
	}
	props.State, props.Sentence = runsSentence(props.Running, rate)
	return props, nil
}

// madeBy gives the figures of the copy that a run made whole. One that lacks
// something keeps the run's own sentence, which the list has no details for.
func madeBy(r dbq.ListRunsRow) *dbq.CopiesOfSiteRow {
	if r.State != backup.Good {
		return nil
	}
	return &dbq.CopiesOfSiteRow{
		Kind: r.Kind, State: catalog.Good, Files: r.CopyFiles, Bytes: r.CopyBytes, StoredBytes: r.CopyStoredBytes, RowTotal: r.CopyRows, TableTotal: r.CopyTables,
	}
}

// runsOf gives the runs that a person may see: open ones first, then the
// newest.
func (d *Door) runsOf(ctx context.Context, p app.Person, site string) ([]dbq.ListRunsRow, error) {
	if site != "" {
		return d.app.ListRuns(ctx, p.Actor, app.RunQuery{Site: site, Size: runsShown})
	}
	var rows []dbq.ListRunsRow
	for _, t := range scopes(p) {
		some, err := d.app.ListRuns(ctx, p.Actor, app.RunQuery{Tenant: t, Size: runsShown})
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	slices.SortStableFunc(rows, func(a, b dbq.ListRunsRow) int {
		if a.State.Open() != b.State.Open() {
			if a.State.Open() {
				return -1
			}
			return 1
		}
		return b.CreatedAt.Compare(a.CreatedAt)
	})
	return rows[:min(len(rows), runsShown)], nil
}

// speed is the bytes a second that a run has moved so far, 0 where unknown.
func speed(row dbq.ListRunsRow, out dash.RunRow, now time.Time) int64 {
	if out.State != ui.Running || row.StartedAt == nil || out.Progress == nil || out.Progress.Rate == "" {
		return 0
	}
	return int64(float64(readProgress(row.Progress).DoneBytes) / now.Sub(*row.StartedAt).Seconds())
}

func runsSentence(open []dash.RunRow, rate int64) (ui.State, []ui.Phrase) {
	count := map[ui.State]int64{}
	for _, r := range open {
		count[r.State]++
	}
	var out []ui.Phrase
	state := ui.Good
	if n := count[ui.Running]; n > 0 {
		state = ui.Running
		out = append(out, ui.Strong(words.Many(n, "run", "runs")))
		switch {
		case rate > 0 && n > 1:
			out = append(out, ui.Text(" move "), ui.Strong(words.Bytes(rate)+"/s"), ui.Text(" together. "))
		case rate > 0:
			out = append(out, ui.Text(" moves "), ui.Strong(words.Bytes(rate)+"/s"), ui.Text(". "))
		default:
			out = append(out, ui.Text(are(n)+"under way. "))
		}
	}
	if n := count[ui.Waiting] + count[ui.Late]; n > 0 {
		if state == ui.Good {
			state = ui.Waiting
		}
		out = append(out, ui.Strong(words.Many(n, "run", "runs")), ui.Text(waitWords(n)))
	}
	if n := count[ui.Unreachable]; n > 0 {
		state = ui.Unreachable
		out = append(out, ui.Strong(words.Many(n, "run", "runs")), ui.Text(are(n)+"out of reach: the host does not answer. Nothing is lost by that."))
	}
	if len(out) == 0 {
		return ui.None, ui.Say(ui.Text("Nothing runs and nothing waits."))
	}
	return state, out
}

func are(n int64) string {
	if n == 1 {
		return " is "
	}
	return " are "
}

func waitWords(n int64) string {
	if n == 1 {
		return " waits for its host. "
	}
	return " wait for their hosts. "
}

// cancelRun stops a run: POST /runs/{id}/cancellation, with a reason.
func (d *Door) cancelRun(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	run, err := id.Parse[id.Run](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no run of this name, or none that you may see.")
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	if _, err := d.app.ViewRun(r.Context(), p.Actor, run); err != nil {
		return nil, err
	}
	if _, err := authz.Check(p.Actor, authz.CancelRun, id.Tenant{}); err != nil {
		return nil, err
	}
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	if n := len([]rune(reason)); n < 1 || n > 300 {
		return d.runsAgain(r, p, errs.Field("reason", "say in a few words why, 300 characters at most"))
	}
	if err := d.app.CancelRun(r.Context(), p.Actor, run, reason); err != nil {
		if errs.Is(err, errs.Conflict) {
			return d.runsAgain(r, p, err)
		}
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The run is cancelled. Its host is told at once; whatever it had stored is taken out again by itself.")
	see(w, r, dash.RunsPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// runsAgain is the page with what was wrong with a form on it.
func (d *Door) runsAgain(r *http.Request, p app.Person, wrong error) (templ.Component, error) {
	props, err := d.runsProps(r.Context(), p, "")
	if err != nil {
		return nil, err
	}
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	return dash.Runs(props), wrong
}
