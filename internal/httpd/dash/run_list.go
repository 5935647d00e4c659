package dash

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// How many runs a page shows: at work or waiting, and ended.
const (
	openShown = 60
	runsShown = 50
)

func (d *Door) runList(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	q, err := d.readRunQuery(r.Context(), r.URL.Query(), p)
	if err != nil {
		return nil, err
	}
	props, err := d.runsProps(r.Context(), p, q)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.RunsSection)
	return dash.Runs(props), nil
}

// runsLive is the part of the page that its stream sends.
func (d *Door) runsLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	q, err := d.readRunQuery(ctx, r.URL.Query(), p)
	if err != nil {
		return nil, err
	}
	props, err := d.runsProps(ctx, p, q)
	if err != nil {
		return nil, err
	}
	return dash.RunsLive(props), nil
}

// runsProps loads the runs that are asked for.
func (d *Door) runsProps(ctx context.Context, p app.Person, q runQuery) (dash.RunsProps, error) {
	props := dash.RunsProps{
		Page: d.frame(p, dash.RunsSection), ShowTenant: isStaff(p) || len(p.Tenants) > 1, Refresh: q.href(dash.RunsPath, nil),
		StreamPath: q.href(dash.RunsStreamPath, nil), Narrowed: q.narrowed(), HideOpen: q.ended(), HideEnded: q.onlyOpen(),
	}
	if q.before.ID != (id.Run{}) {
		props.StreamPath = "" // what lies behind does not change
	}
	hosts, err := d.hostNames(ctx, p)
	if err != nil {
		return props, err
	}
	props.Filter = runsFilter(p, q, hosts)
	open, ended, more, err := d.runsOf(ctx, q)
	if err != nil {
		return props, err
	}
	now := d.clock.Now()
	var rate int64
	for i, row := range append(open, ended...) {
		at := place{site: row.SiteName, zone: time.UTC}
		at.host = cmp.Or(hosts[row.HostID], "its host")
		out := runRow(runOf(row), at, madeBy(row), now)
		out.Tenant, out.Href = row.TenantName, runPath(row.ID)
		if !isStaff(p) {
			out.Host = "" // it would say "its host" a hundred times
		}
		if i < len(open) {
			props.Running = append(props.Running, out)
			rate += speed(row, out, now)
		} else {
			props.Recent = append(props.Recent, out)
		}
	}
	if !props.HideOpen {
		props.State, props.Sentence = runsSentence(props.Running, rate)
	}
	if more {
		last := ended[len(ended)-1]
		props.Pager = ui.Pager{What: "runs", NextHref: q.href(dash.RunsPath, &app.RunCursor{At: last.CreatedAt, ID: last.ID})}
	}
	if q.before.ID != (id.Run{}) {
		props.Pager.What, props.Pager.PrevHref = "runs", q.href(dash.RunsPath, nil)
	}
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

// runsOf gives the runs that a person may see: open ones, those that ended, and
// whether there are more of these.
func (d *Door) runsOf(ctx context.Context, q runQuery) (open, ended []dbq.ListRunsRow, more bool, err error) {
	for _, ask := range q.asked() {
		if !q.ended() {
			ask.OnlyOpen, ask.OnlyEnded, ask.Size = true, false, openShown
			some, err := d.app.ListRuns(ctx, q.person.Actor, ask)
			if err != nil {
				return nil, nil, false, err
			}
			open = append(open, some...)
		}
		if q.onlyOpen() {
			continue
		}
		ask.OnlyOpen, ask.OnlyEnded, ask.Size = false, true, runsShown+1
		some, err := d.app.ListRuns(ctx, q.person.Actor, ask)
		if err != nil {
			return nil, nil, false, err
		}
		ended = append(ended, some...)
	}
	slices.SortStableFunc(open, func(a, b dbq.ListRunsRow) int {
		atWork := func(r dbq.ListRunsRow) int { return map[bool]int{true: 0, false: 1}[r.State == backup.Leased] }
		return cmp.Or(cmp.Compare(atWork(a), atWork(b)), b.CreatedAt.Compare(a.CreatedAt))
	})
	slices.SortStableFunc(ended, func(a, b dbq.ListRunsRow) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID.String(), a.ID.String()))
	})
	return open[:min(len(open), openShown)], ended[:min(len(ended), runsShown)], len(ended) > runsShown, nil
}

// speed is the bytes a second that a run has moved so far, 0 where unknown.
func speed(row dbq.ListRunsRow, out dash.RunRow, now time.Time) int64 {
	if out.State != ui.Running || row.StartedAt == nil || out.Progress == nil || out.Progress.Rate == "" {
		return 0
	}
	return int64(float64(figure.ReadProgress(row.Progress).DoneBytes) / now.Sub(*row.StartedAt).Seconds())
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
