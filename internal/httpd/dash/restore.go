package dash

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const (
	oneRestore     = "/restores/{id:[0-9a-f-]{36}}"
	restoresOfPage = 50
)

// restorePages are the routes of restores.
func (d *Door) restorePages(r chi.Router) {
	r.Get(dash.RestoresPath, d.signed(d.restores))
	r.Get(dash.NewRestorePath, d.fresh(dash.SitesPath, d.newRestore))
	r.Post(dash.RestoresPath, d.fresh(dash.SitesPath, d.startRestore))
	r.Get(oneRestore, d.signed(d.restore))
	r.Post(oneRestore+"/cancellation", d.freshHere("/cancellation", d.restoreForm("cancel", d.cancelRestore)))
	r.Post(oneRestore+"/acceptance", d.freshHere("/acceptance", d.restoreForm("", d.acceptRestore)))
	r.Post(oneRestore+"/undoing", d.freshHere("/undoing", d.restoreForm("undo", d.undoRestore)))
}

func restorePath(of id.Restore) string { return dash.RestoresPath + "/" + of.String() }

func askedRestore(r *http.Request) (id.Restore, error) {
	of, err := id.Parse[id.Restore](chi.URLParam(r, "id"))
	if err != nil {
		return of, errs.Wrap(errs.NotFound, err, "There is no restore of this name, or none that you may see.")
	}
	return of, nil
}

// restores is the list, which is staff's; a customer's are on the tickets.
func (d *Door) restores(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.restoresProps(r.Context(), r, p)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.RestoresSection)
	return dash.Restores(props), nil
}

// restoresLive is the part of the list that its stream sends.
func (d *Door) restoresLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.restoresProps(ctx, r, p)
	if err != nil {
		return nil, err
	}
	return dash.RestoresLive(props), nil
}

func (d *Door) restoresProps(ctx context.Context, r *http.Request, p app.Person) (dash.RestoresProps, error) {
	props := dash.RestoresProps{
		Page: d.frame(p, dash.RestoresSection), Refresh: withQuery(dash.RestoresPath, r.URL.Query()), StreamPath: withQuery(dash.RestoresStreamPath, r.URL.Query()),
	}
	q := app.RestoreQuery{Size: restoresOfPage + 1, OnlyOpen: r.URL.Query().Get("state") == stateOpen}
	if at, of, ok := strings.Cut(r.URL.Query().Get("before"), "_"); ok {
		micros, err := strconv.ParseInt(at, 10, 64)
		rid, perr := id.Parse[id.Restore](of)
		if err != nil || perr != nil || micros < 0 || micros > 1<<53 {
			return props, errs.Field("before", "this address is damaged; begin at the first page again")
		}
		q.Before, props.StreamPath = app.RestoreCursor{At: time.UnixMicro(micros).UTC(), ID: rid}, "" // what lies behind does not change much
	}
	rows, err := d.app.ListRestores(ctx, p.Actor, q)
	if err != nil {
		return props, err
	}
	props.Quick = []ui.Choice{
		{Label: "All", Href: dash.RestoresPath, Selected: !q.OnlyOpen},
		{Label: "Not ended", Href: dash.RestoresPath + "?state=" + stateOpen, Selected: q.OnlyOpen},
	}
	if len(rows) > restoresOfPage {
		rows = rows[:restoresOfPage]
		last := rows[len(rows)-1]
		v := url.Values{"before": {strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + "_" + last.ID.String()}}
		if q.OnlyOpen {
			v.Set("state", stateOpen)
		}
		props.Pager.NextHref = dash.RestoresPath + "?" + v.Encode()
	}
	now, wait := d.clock.Now(), int64(0)
	for _, row := range rows {
		state, word, note := restoreStands(row.State, row.Error)
		if row.State == restore.Restored {
			wait++
		}
		props.Rows = append(props.Rows, dash.RestoreRow{
			Href: restorePath(row.ID), Site: row.SiteName, SiteHref: sitePath(row.SiteID), Tenant: row.TenantName, What: whatWords(row.What),
			State: state, Word: word, Note: note, Asked: when(now, row.CreatedAt, time.UTC), By: actorWords(row.AskedBy, p, row.TenantName),
		})
	}
	props.State, props.Sentence = ui.Good, ui.Say(ui.Text("No restore here waits for anybody."))
	if wait > 0 {
		props.State, props.Sentence = ui.Waiting, ui.Say(ui.Strong(words.Many(wait, "restore waits", "restores wait")), ui.Text(" to be accepted or undone."))
	}
	return props, nil
}

// restoreStands words a restore's state.
func restoreStands(s restore.State, failure string) (state ui.State, word, note string) {
	switch s {
	case restore.Planned, restore.Queued:
		return ui.Waiting, "waits", ""
	case restore.Safeguarding:
		return ui.Running, "safety copy", ""
	case restore.Running:
		return ui.Running, "at work", ""
	case restore.Restored:
		return ui.Waiting, "to be accepted", ""
	case restore.Settling:
		return ui.Running, "tidies up", ""
	case restore.Undoing:
		return ui.Running, "goes back", ""
	case restore.Settled:
		return ui.Good, "accepted", ""
	case restore.Undone:
		return ui.Cancelled, "undone", ""
	case restore.Failed:
		return ui.Failed, "failed", words.Stop(words.Capital(failure))
	case restore.Cancelled:
		return ui.Cancelled, "cancelled", words.Capital(failure)
	}
	return ui.None, string(s), ""
}

func whatWords(w restore.What) string {
	switch w {
	case restore.Everything:
		return "everything"
	case restore.Database:
		return "the database"
	case restore.Data:
		return "code and data"
	case restore.Files:
		return "files"
	}
	return string(w)
}

// restoreForm reads a form of a restore's page; what was wrong with it is shown
// on the page.
func (d *Door) restoreForm(form string, act func(ctx context.Context, p app.Person, of id.Restore, reason string) (said string, err error)) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		of, err := askedRestore(r)
		if err != nil {
			return nil, err
		}
		if err := readForm(r); err != nil {
			return nil, err
		}
		reason := strings.TrimSpace(r.PostFormValue("reason"))
		said, err := act(r.Context(), p, of, reason)
		if errs.Is(err, errs.Conflict) || errs.Is(err, errs.Invalid) {
			return d.restoreAgain(r, p, of, form, reason, err)
		}
		if err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, said)
		see(w, r, restorePath(of))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
}

// needReason refuses a form without one, after the right to send it was seen.
func needReason(p app.Person, action authz.Action, v app.RestoreView, reason string) error {
	if _, err := authz.Check(p.Actor, action, v.Row.TenantID); err != nil {
		return err
	}
	if n := len([]rune(reason)); n < 1 || n > maxReason {
		return errs.Field("reason", "say in a few words why, 300 characters at most")
	}
	return nil
}

func (d *Door) cancelRestore(ctx context.Context, p app.Person, of id.Restore, reason string) (string, error) {
	v, err := d.app.Restore(ctx, p.Actor, of)
	if err == nil {
		err = needReason(p, authz.StartRestore, v, reason)
	}
	if err != nil {
		return "", err
	}
	said := "The restore is cancelled. Nothing of the site was changed."
	if v.Row.State == restore.Running {
		said = "The host is told, and puts the site back as it was. That may take some minutes."
	}
	return said, d.app.CancelRestore(ctx, p.Actor, of, reason)
}

func (d *Door) acceptRestore(ctx context.Context, p app.Person, of id.Restore, _ string) (string, error) {
	return "The restore is accepted. What was there before is removed from the host now; the safety copies stay.", d.app.AcceptRestore(ctx, p.Actor, of)
}

func (d *Door) undoRestore(ctx context.Context, p app.Person, of id.Restore, reason string) (string, error) {
	v, err := d.app.Restore(ctx, p.Actor, of)
	if err == nil {
		err = needReason(p, authz.AcceptRestore, v, reason)
	}
	if err != nil {
		return "", err
	}
	return "The host puts back what was there before.", d.app.UndoRestore(ctx, p.Actor, of, reason)
}
