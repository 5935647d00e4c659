package dash

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

func (d *Door) restore(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := askedRestore(r)
	if err != nil {
		return nil, err
	}
	props, err := d.restoreProps(r.Context(), p, of)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.RestoresSection)
	return dash.Restore(props), nil
}

// restoreLive is the part of the page that its stream sends.
func (d *Door) restoreLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := askedRestore(r)
	if err != nil {
		return nil, err
	}
	props, err := d.restoreProps(ctx, p, of)
	if err != nil {
		return nil, err
	}
	return dash.RestoreLive(props), nil
}

// restoreAgain is the page with what was wrong with a form on it.
func (d *Door) restoreAgain(r *http.Request, p app.Person, of id.Restore, form, reason string, wrong error) (templ.Component, error) {
	props, err := d.restoreProps(r.Context(), p, of)
	if err != nil {
		return nil, err
	}
	props.StreamPath, props.OpenForm = "", form // what was typed stays as it is
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	for name, f := range map[string]*dash.PinForm{"undo": props.Undo, "cancel": props.Cancel} {
		if f != nil && name == form {
			f.Reason = dash.Field{Value: reason, Problem: sentence(wrong)}
		}
	}
	return dash.Restore(props), wrong
}

func (d *Door) restoreProps(ctx context.Context, p app.Person, of id.Restore) (dash.RestoreProps, error) {
	v, err := d.app.Restore(ctx, p.Actor, of)
	if err != nil {
		return dash.RestoreProps{}, err
	}
	s := restorePage{RestoreView: v, person: p, now: later(d.clock.Now(), v.Now)}
	props := s.props()
	props.Page = d.frame(p, dash.RestoresSection)
	return props, nil
}

// restorePage words one restore.
type restorePage struct {
	app.RestoreView
	person app.Person
	now    time.Time
}

func (s restorePage) props() dash.RestoreProps {
	r, self := s.Row, restorePath(s.Row.ID)
	state, word, _ := restoreStands(r.State, r.Error)
	p := dash.RestoreProps{
		Name: "Restore of " + s.SiteName, State: state, Refresh: self, Facts: s.facts(), Log: s.log(), Evidence: s.proofs(), Stations: s.stations(),
		Crumbs:     []ui.Crumb{{Label: "Restores", Href: dash.RestoresPath}, {Label: s.SiteName, Href: sitePath(r.SiteID)}},
		NoEvidence: "What was checked, done and measured stands here once the host has verified it.",
	}
	if !isStaff(s.person) {
		p.Crumbs = p.Crumbs[1:]
	}
	p.About = words.Capital(whatWords(r.What))
	if by := actorWords(r.AskedBy, s.person, s.TenantName); by != "" {
		p.About += " · asked for " + by
	}
	if s.HostName != "" {
		p.About += " · " + s.HostName
	}
	p.Sentence = s.sentence(word)
	if s.Row.RestoredAt != nil && s.Row.StartedAt != nil {
		p.Figures = append(p.Figures, ui.Figure{Label: "took", Value: words.Took(s.Row.RestoredAt.Sub(*s.Row.StartedAt))})
	}
	if h := s.RestoreView.Evidence.Host; h != nil && h.ClosedFor > 0 {
		p.Figures = append(p.Figures, ui.Figure{Label: "closed", Value: words.Took(time.Duration(h.ClosedFor * float64(time.Second)))})
	}
	s.progress(&p)
	s.acts(&p, self)
	if h := s.RestoreView.Evidence.Host; h != nil && isStaff(s.person) && r.State == restore.Restored {
		for _, k := range h.Kept {
			p.Kept = append(p.Kept, ui.Fact{Label: words.Capital(k.What), Value: k.Where, Code: true})
		}
	}
	if r.State.Open() {
		p.StreamPath = self + "/stream"
	}
	return p
}

// progress is what the host does now, or why nothing goes on.
func (s restorePage) progress(p *dash.RestoreProps) {
	switch {
	case s.Stopping:
		p.Why = &dash.Problem{State: ui.Running, Word: "stops", Title: "It was cancelled", Detail: "Its host puts the site back as it was, and then it ends."}
	case s.Waits != "":
		p.Why = &dash.Problem{State: ui.Waiting, Title: "What it waits for", Detail: s.Waits}
	}
	if s.Step == 0 {
		return
	}
	p.Progress = &ui.Progress{
		Label: p.Name, Percent: max(0, s.Percent), Known: s.Percent >= 0,
		Words: "Step " + strconv.Itoa(s.Step) + " of " + strconv.Itoa(max(s.Step, s.StepsAll)) + ": " + cmp.Or(s.Detail, "at work"),
	}
	if s.BytesPerSecond > 0 {
		p.Progress.Rate = words.Bytes(s.BytesPerSecond) + "/s"
	}
	if s.SecondsLeft > 0 {
		p.Progress.Left = "about " + words.Span(time.Duration(s.SecondsLeft)*time.Second) + " left"
	}
}

func (s restorePage) acts(p *dash.RestoreProps, self string) {
	if s.MayAccept {
		p.Accept = &dash.Act{Action: self + "/acceptance", Label: "Accept the restore"}
		p.AcceptNote = "What was there before is removed from the host. The safety copies stay for 30 days."
	}
	if s.MayUndo {
		p.Undo = &dash.PinForm{Action: self + "/undoing"}
	}
	if s.MayCancel {
		p.Cancel, p.CancelNote = &dash.PinForm{Action: self + "/cancellation"}, "Nothing of the site was changed yet."
		if s.Row.State == restore.Running {
			p.CancelNote = "Its host puts the site back as it was first; that may take some minutes."
		}
	}
}

// sentence says how the restore stands.
func (s restorePage) sentence(word string) []ui.Phrase {
	switch s.Row.State {
	case restore.Planned, restore.Safeguarding, restore.Queued:
		return ui.Say(ui.Text("Nothing of the site was changed yet: "), ui.Strong(cmp.Or(s.Waits, word)))
	case restore.Running:
		if s.SecondsLeft > 0 {
			return ui.Say(ui.Text("The site is being restored, with about "), ui.Strong(words.Span(time.Duration(s.SecondsLeft)*time.Second)), ui.Text(" to go."))
		}
		return ui.Say(ui.Text("The site is being restored."))
	case restore.Restored:
		return ui.Say(ui.Text("The site is "), ui.Strong("restored, verified and open again"), ui.Text(". What was there before is kept until somebody accepts it."))
	case restore.Settling:
		return ui.Say(ui.Text("It is accepted; what was kept aside is being removed."))
	case restore.Undoing:
		return ui.Say(ui.Text("What was there before is being put back."))
	case restore.Settled:
		return ui.Say(ui.Text("The site was "), ui.Strong("restored and accepted"), ui.Text("."))
	case restore.Undone:
		return ui.Say(ui.Text("The restore was "), ui.Strong("undone"), ui.Text(": what was there before is back."))
	case restore.Failed:
		if s.Row.ErrorCode == "not-rolled-back" {
			return ui.Say(ui.Text("It did not succeed, and "), ui.Strong("somebody must look at the host"), ui.Text(": "+words.Stop(s.Row.Error)))
		}
		return ui.Say(ui.Text("It did not succeed, and the site is as it was. "), ui.Strong(words.Stop(words.Capital(s.Row.Error))))
	case restore.Cancelled:
		return ui.Say(ui.Text("It was cancelled, and the site is as it was."))
	}
	return nil
}

func (s restorePage) stations() (out []dash.Station) {
	for _, st := range s.Steps {
		row := dash.Station{State: ui.None, Word: "later", Text: st.Words}
		switch {
		case st.Current:
			row.State, row.Word = ui.Running, "now"
			if s.Row.State == restore.Restored {
				row.State, row.Word = ui.Good, "done"
			}
		case st.Done:
			row.State, row.Word = ui.Good, "done"
			if st.Name == "ended" && (s.Row.State == restore.Failed || s.Row.State == restore.Cancelled) {
				row.State, row.Word, _ = restoreStands(s.Row.State, "")
			}
		case !s.Row.State.Open():
			row.Word = "not done"
		}
		if !st.At.IsZero() {
			row.When = when(s.now, st.At, time.UTC)
		}
		out = append(out, row)
	}
	return out
}

func (s restorePage) facts() []ui.Fact {
	r := s.Row
	out := []ui.Fact{{Label: "Asked", Value: words.Exact(r.CreatedAt, time.UTC), Note: r.Why}}
	for _, c := range []*restore.Copy{s.Database, s.Data} {
		if c == nil {
			continue
		}
		out = append(out, ui.Fact{Label: words.Capital(string(c.Kind)) + " copy", Value: words.Exact(c.TakenAt, time.UTC), Note: words.Bytes(c.Bytes)})
	}
	if r.WithoutSafety != "" {
		out = append(out, ui.Fact{Label: "No safety copy", Value: r.WithoutSafety, Note: actorWords(r.WithoutBy, s.person, s.TenantName)})
	}
	if r.ErrorCode != "" && isStaff(s.person) {
		out = append(out, ui.Fact{Label: "Code of the error", Value: r.ErrorCode, Code: true})
	}
	return append(out, ui.Fact{Label: "Restore id", Value: r.ID.String(), Code: true})
}

// log is what happened, the oldest first.
func (s restorePage) log() (out []dash.LogRow) {
	var before time.Time
	for _, e := range s.Events {
		text, note, state := restoreEventWords(e.Verb, e.Detail)
		if text == "" {
			continue
		}
		row := dash.LogRow{State: state, Text: text, Note: note, Who: actorWords(e.Actor, s.person, s.TenantName), When: when(s.now, e.At, time.UTC)}
		if !before.IsZero() && e.At.Sub(before) >= time.Second {
			row.Since = "+ " + words.Took(e.At.Sub(before))
		}
		before = e.At
		out = append(out, row)
	}
	return out
}

// restoreDetail is what the detail of a restore's event may say.
type restoreDetail struct {
	Reason string `json:"reason"`
	Why    string `json:"why"`
	Error  string `json:"error"`
	State  string `json:"state"`
	Kind   string `json:"kind"`
}

func restoreEventWords(verb string, detail json.RawMessage) (text, note string, state ui.State) {
	var d restoreDetail
	_ = json.Unmarshal(detail, &d) // what cannot be read is not said
	note = cmp.Or(d.Error, d.Reason, d.Why)
	if verb == "restore.finished" {
		switch restore.State(d.State) {
		case restore.Settled:
			return "What was kept aside is removed.", "", ui.Good
		case restore.Undone:
			return "What was there before is back.", "", ui.Good
		default:
			return "The site is restored, verified and open again.", "", ui.Good
		}
	}
	if verb == "restore.failed" && restore.State(d.State) == restore.Restored {
		return "The undoing did not succeed; the restored state stays.", note, ui.Failed
	}
	w, known := restoreVerbs[verb]
	if !known {
		return "", "", ui.None
	}
	return w.text, note, w.state
}

var restoreVerbs = map[string]struct {
	text  string
	state ui.State
}{
	"restore.planned":       {"The restore was planned.", ui.Waiting},
	"restore.safeguarding":  {"Safety copies of how the site is now were asked for.", ui.Waiting},
	"restore.queued":        {"It was given to the host.", ui.Waiting},
	"restore.leased":        {"The host took it.", ui.Running},
	"restore.started":       {"The host began.", ui.Running},
	"restore.lost":          {"The host came back without it, and begins again.", ui.Late},
	"restore.failed":        {"It did not succeed.", ui.Failed},
	"restore.stopping":      {"It was cancelled; the host puts the site back as it was.", ui.Running},
	"restore.cancelled":     {"It was cancelled, and the site is as it was.", ui.Cancelled},
	"restore.accepted":      {"It was accepted.", ui.Good},
	"restore.undo_asked":    {"What was there before is to come back.", ui.Waiting},
	"restore.settle_leased": {"The host removes what was kept aside.", ui.Running},
	"restore.undo_leased":   {"The host puts back what was there before.", ui.Running},
	"restore.task_again":    {"The host tries again.", ui.Late},
	"restore.tidied":        {"What was kept aside is removed.", ui.Good},
	"restore.not_tidied":    {"What was kept aside could not be removed.", ui.Late},
}
