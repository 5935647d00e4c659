package dash

import (
	"cmp"
	"context"
	"encoding/json"
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
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const maxReason = 300 // characters of a reason to cancel

func runPath(run id.Run) string { return dash.RunsPath + "/" + run.String() }

// askedRun is the run that an address names.
func askedRun(r *http.Request) (id.Run, error) {
	run, err := id.Parse[id.Run](chi.URLParam(r, "id"))
	if err != nil {
		return run, errs.Wrap(errs.NotFound, err, "There is no run of this name, or none that you may see.")
	}
	return run, nil
}

func (d *Door) run(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	run, err := askedRun(r)
	if err != nil {
		return nil, err
	}
	props, err := d.runProps(r.Context(), p, run)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.RunsSection)
	return dash.Run(props), nil
}

// runLive is the part of the page that its stream sends.
func (d *Door) runLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	run, err := askedRun(r)
	if err != nil {
		return nil, err
	}
	props, err := d.runProps(ctx, p, run)
	if err != nil {
		return nil, err
	}
	return dash.RunLive(props), nil
}

func (d *Door) runProps(ctx context.Context, p app.Person, run id.Run) (dash.RunProps, error) {
	v, err := d.app.LookAtRun(ctx, p.Actor, run)
	if err != nil {
		return dash.RunProps{}, err
	}
	s := runPage{RunView: v, person: p, now: later(d.clock.Now(), v.Now), zone: zoneOf(v.Wait.TimeZone), staff: may(p, authz.ViewHosts, id.Tenant{})}
	s.host = v.Wait.HostName
	if !s.staff {
		s.host = "its host"
	}
	if s.names, err = d.namesOf(ctx, p, v.Events, v.Run.AskedBy); err != nil {
		return dash.RunProps{}, err
	}
	props := s.props()
	props.Page = d.frame(p, dash.RunsSection)
	return props, nil
}

// retryRun plans a new run in place of one that failed: POST /runs/{id}/retry.
func (d *Door) retryRun(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	run, err := askedRun(r)
	if err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	s, err := d.app.RetryRun(r.Context(), p.Actor, run)
	if errs.Is(err, errs.Conflict) {
		return d.runAgain(r, p, run, err, nil)
	}
	if err != nil {
		return nil, err
	}
	said := "A new " + copyWord(s.Kind) + " was asked for; this is its run."
	if s.Joined {
		said = "A " + copyWord(s.Kind) + " was on its way already; this is its run."
	}
	d.say(r.Context(), ui.Good, said)
	see(w, r, runPath(s.Run))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// cancelRun stops a run: POST /runs/{id}/cancellation, with a reason.
func (d *Door) cancelRun(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	run, err := askedRun(r)
	if err != nil {
		return nil, err
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
	if n := len([]rune(reason)); n < 1 || n > maxReason {
		const say = "say in a few words why, 300 characters at most"
		return d.runAgain(r, p, run, errs.Field("reason", say), &dash.Field{Value: reason, Problem: words.Stop(words.Capital(say))})
	}
	if err := d.app.CancelRun(r.Context(), p.Actor, run, reason); err != nil {
		if errs.Is(err, errs.Conflict) {
			return d.runAgain(r, p, run, err, nil)
		}
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The run is cancelled. Its host is told at once; whatever it had stored is taken out again by itself.")
	see(w, r, runPath(run))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// runAgain is the page with what was wrong with a form on it.
func (d *Door) runAgain(r *http.Request, p app.Person, run id.Run, wrong error, reason *dash.Field) (templ.Component, error) {
	props, err := d.runProps(r.Context(), p, run)
	if err != nil {
		return nil, err
	}
	props.StreamPath = "" // what was typed stays as it is
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	if reason != nil && props.Cancel != nil {
		props.Cancel.Reason, props.CancelOpen = *reason, true
	}
	return dash.Run(props), wrong
}

// runPage words one run.
type runPage struct {
	app.RunView
	person app.Person
	now    time.Time
	zone   *time.Location
	staff  bool              // hosts and storage are named
	host   string            // "its host" for those who see none
	names  map[string]string // of those who did what happened, for staff
}

func (s runPage) props() dash.RunProps {
	self := runPath(s.Run.ID)
	row := runRow(s.Run, place{site: s.Wait.SiteName, host: s.host, zone: s.zone}, nil, s.now)
	p := dash.RunProps{
		Name:   kindWord(s.Run.Kind) + " copy of " + s.Wait.SiteName,
		Crumbs: []ui.Crumb{{Label: "Runs", Href: dash.RunsPath}, {Label: s.Wait.SiteName, Href: sitePath(s.Run.SiteID)}},
		State:  row.State, Progress: row.Progress, Figures: s.figures(), Log: s.log(), Facts: s.facts(), Copy: s.copy(),
		Refresh: self,
	}
	p.About = s.asked()
	if s.staff {
		p.About += " · " + s.host
	}
	if s.staff || len(s.person.Tenants) > 1 {
		p.About += " · " + s.Wait.TenantName
	}
	if len(s.Events) >= 200 {
		p.LogNote = "the first 200 entries"
	}
	if s.Run.State.Open() {
		p.StreamPath = self + "/stream"
		p.Why = s.why(row)
	}
	p.Sentence = s.sentence(row, p.Why)
	s.acts(&p, self)
	return p
}

// acts are what whoever looks may do with the run.
func (s runPage) acts(p *dash.RunProps, self string) {
	if s.Run.State.Open() {
		if may(s.person, authz.CancelRun, id.Tenant{}) {
			p.Cancel = &dash.PinForm{Action: self + "/cancellation"}
		}
		return
	}
	if s.Run.State == backup.Good || !may(s.person, authz.StartBackup, s.Run.TenantID) {
		return
	}
	p.Retry = &dash.Act{Action: self + "/retry", Label: "Try again now", About: strings.ToLower(p.Name[:1]) + p.Name[1:]}
	p.RetryNote = "A new run is planned, before those of the schedule. This one stays as it is."
	if s.Wait.SiteState != dbq.SiteStateActive {
		p.Retry.Off, p.Retry.Why = true, "The site is "+string(s.Wait.SiteState)+": no copy is taken until it is resumed."
		p.RetryNote = ""
	}
}

// asked says why the run is there.
func (s runPage) asked() string {
	said := words.Capital(serves(s.Run.Reason))
	if s.Run.Reason == backup.Scheduled {
		said = "Planned by the schedule"
	}
	if s.Run.Reason == backup.Manual {
		if by := whoWords(s.Run.AskedBy, s.person, s.Wait.TenantName, s.names); by != "" {
			said = "Asked for " + by
		}
	}
	return said
}

// sentence says how the run stands, and what that means.
func (s runPage) sentence(row dash.RunRow, why *dash.Problem) []ui.Phrase {
	switch s.Run.State {
	case backup.Planned, backup.Queued:
		return ui.Say(ui.Text("This copy has not begun: "), ui.Strong(lowerTitle(why.Title)), ui.Text("."))
	case backup.Leased:
		return s.atWork(row, why)
	case backup.Good:
		return ui.Say(ui.Text("The copy is whole, taken in "), ui.Strong(cmp.Or(row.Took, "no time")), ui.Text("."))
	case backup.Incomplete:
		return ui.Say(ui.Text("There is a copy, and it lacks something: "), ui.Strong(words.Stop(strings.TrimRight(cmp.Or(s.Run.Error, "the agent did not say what"), ". "))))
	case backup.Failed:
		return ui.Say(ui.Text("It failed and made no copy. "), ui.Strong(words.Stop(words.Capital(s.Run.Error))), ui.Text(" Copies from before are not touched by it."))
	case backup.Cancelled:
		return ui.Say(ui.Text("It was cancelled and made no copy: "), ui.Strong(words.Stop(s.Run.Error)))
	}
	return nil
}

func (s runPage) atWork(row dash.RunRow, why *dash.Problem) []ui.Phrase {
	switch {
	case why != nil:
		return ui.Say(ui.Text("The copy is held up: "), ui.Strong(lowerTitle(why.Title)), ui.Text(". Copies from before are not touched by it."))
	case row.Progress == nil || s.Run.StartedAt == nil:
		return ui.Say(ui.Text(words.Capital(s.host) + " has it and begins."))
	case row.Progress.Left != "":
		return ui.Say(ui.Text("The copy is being taken, with about "), ui.Strong(strings.TrimSuffix(row.Progress.Left, " left")), ui.Text(" to go at the pace so far."))
	}
	return ui.Say(ui.Text("The copy is being taken since "), ui.Strong(cmp.Or(row.Took, "now")), ui.Text("; how long it takes is not known yet."))
}

// lowerTitle sets a title within a sentence. What begins with a name stays.
func lowerTitle(t string) string {
	for _, head := range []string{"It ", "Its ", "The ", "Nothing ", "Waiting ", "Planned ", "Another "} {
		if strings.HasPrefix(t, head) {
			return strings.ToLower(t[:1]) + t[1:]
		}
	}
	return t
}

func (s runPage) figures() (out []ui.Figure) {
	if s.Run.StartedAt != nil && s.Run.FinishedAt != nil {
		out = append(out, ui.Figure{Label: "took", Value: words.Took(s.Run.FinishedAt.Sub(*s.Run.StartedAt))})
	}
	if s.Copy != nil {
		out = append(out, ui.Figure{Label: "read", Value: words.Bytes(s.Copy.Bytes)}, ui.Figure{Label: "stored anew", Value: words.Bytes(s.Copy.StoredBytes)})
	}
	return out
}

// copy is what the run made.
func (s runPage) copy() *dash.RunCopy {
	c := s.RunView.Copy
	if c == nil {
		return nil
	}
	about := dbq.CopiesOfSiteRow{Kind: c.Kind, State: c.State, Files: c.Files, RowTotal: c.RowTotal, TableTotal: c.TableTotal, Details: c.Details}
	out := &dash.RunCopy{State: ui.Good, Word: "whole", Text: copyNote(about), Href: sitePath(s.Run.SiteID) + "#copy-" + c.ID.String()}
	switch c.State {
	case catalog.Good:
	case catalog.Incomplete:
		out.State, out.Word = ui.Incomplete, ""
	case catalog.Damaged:
		out.State, out.Word = ui.Failed, "damaged"
	case catalog.Deleting, catalog.Gone:
		out.State, out.Word, out.Href = ui.Cancelled, "deleted", ""
		out.Text = "It expired by the policy and was deleted from storage."
	}
	if c.BinnedAt != nil && c.State.Usable() {
		out.Word = "in the bin"
	}
	var tiers map[string]string
	_ = json.Unmarshal(c.Tiers, &tiers) // what cannot be read is shown as none
	for tier, slot := range tiers {
		out.Serves = append(out.Serves, tier+" of "+slotWords(slot))
	}
	slices.Sort(out.Serves)
	out.None = "It serves no slot of the policy: no rule owed one when it was taken."
	out.Facts = []ui.Fact{
		{Label: "Taken", Value: words.Exact(c.TakenAt, s.zone)},
		{Label: "Read", Value: words.Bytes(c.Bytes), Note: words.ExactBytes(c.Bytes)},
		{Label: "Stored anew", Value: words.Bytes(c.StoredBytes), Note: words.ExactBytes(c.StoredBytes)},
	}
	if c.VerifiedAt != nil {
		out.Facts = append(out.Facts, ui.Fact{Label: "Read back", Value: words.Exact(*c.VerifiedAt, s.zone)})
	}
	return out
}

func slotWords(slot string) string {
	at, err := policy.ParseSlot(slot)
	if err != nil {
		return slot
	}
	return strings.Replace(at.String(), "T", " ", 1)
}

func (s runPage) facts() []ui.Fact {
	r := s.Run
	out := []ui.Fact{{Label: "Asked", Value: s.asked(), Note: words.Exact(r.CreatedAt, s.zone)}}
	out = append(out, ui.Fact{Label: "Attempts", Value: words.Count(int64(r.Attempt)) + " of " + words.Count(int64(r.MaxAttempts))})
	if r.StartedAt != nil {
		out = append(out, ui.Fact{Label: "Began", Value: words.Exact(*r.StartedAt, s.zone)})
	}
	if r.FinishedAt != nil {
		out = append(out, ui.Fact{Label: "Ended", Value: words.Exact(*r.FinishedAt, s.zone)})
	}
	if r.ProtectDays > 0 {
		out = append(out, ui.Fact{Label: "Its copy is protected", Value: "for " + words.Many(int64(r.ProtectDays), "day", "days"), Note: r.ProtectWhy})
	}
	if s.staff && r.ErrorCode != "" {
		out = append(out, ui.Fact{Label: "Code of the error", Value: r.ErrorCode, Code: true})
	}
	return append(out, ui.Fact{Label: "Run id", Value: r.ID.String(), Code: true})
}

// runsOfSiteHref lists the runs of the same site.
func runsOfSiteHref(site id.Site) string {
	return dash.RunsPath + "?" + url.Values{"site": {site.String()}}.Encode()
}
