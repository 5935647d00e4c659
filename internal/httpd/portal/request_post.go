package portal

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// soonAgain is how soon the same words about the same site are the same
// request.
const soonAgain = 2 * time.Minute

// draftTries is how often a draft is kept again that something else has kept
// in the same moment.
const draftTries = 4

// typedWish is a wish as its form was sent.
func (d *Door) typedWish(ctx context.Context, r *http.Request, p app.Person) (*wish, error) {
	if err := d.inside.Form(r); err != nil {
		return nil, err
	}
	t := readTyped(r)
	w, err := d.wish(ctx, p, t.site)
	if err != nil {
		return nil, err
	}
	w.typed = t
	if at, ok := picked(t.do, w.zone, w.now); ok {
		w.typed.day, w.typed.clock = at.Format(dayForm), at.Format(clockForm)
	}
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	w.draft.Request = w.typed.request(w.zone, w.now, w.wrong)
	w.draft.Site, w.draft.Tenant, w.draft.Kind = w.siteID(), w.tenant, ticket.Restore
	w.look(ctx)
	return w, nil
}

// handedIn finds the ticket that the form's draft has become: the form came
// twice, or from an old page. It is none for a draft.
func (w *wish) handedIn(ctx context.Context) (id.Ticket, error) {
	made, err := id.Parse[id.Ticket](w.typed.draft)
	if err == nil && made != w.draft.ID {
		if became, err := w.became(ctx, made); err != nil || !became.IsZero() {
			return became, err
		}
	}
	if w.typed.do != portal.DoSend || err == nil {
		return id.Ticket{}, nil
	}
	return w.sameWords(ctx)
}

// became is a draft once it was handed in; none for one that was not.
func (w *wish) became(ctx context.Context, of id.Ticket) (id.Ticket, error) {
	v, err := w.door.app.Ticket(ctx, w.person.Actor, of)
	if err == nil && v.Ticket.State != ticket.Draft {
		return of, nil
	}
	if errs.Is(err, errs.NotFound) {
		err = nil
	}
	return id.Ticket{}, err
}

// sameWords finds what the person handed in a moment ago about the same site
// in the same words.
func (w *wish) sameWords(ctx context.Context) (id.Ticket, error) {
	if w.site == nil {
		return id.Ticket{}, nil
	}
	page, err := w.door.app.ListTickets(ctx, w.person.Actor, app.TicketQuery{Tenant: w.tenant, Site: w.siteID().String(), Kind: ticket.Restore, Mine: true, Open: true, Size: 1})
	if err != nil || len(page.Tickets) == 0 || w.now.Sub(page.Tickets[0].CreatedAt) > soonAgain {
		return id.Ticket{}, err
	}
	v, err := w.door.app.Ticket(ctx, w.person.Actor, page.Tickets[0].ID)
	if err != nil || v.Request.Happened != w.draft.Request.Happened || v.Request.What != w.draft.Request.What {
		return id.Ticket{}, err
	}
	return v.Ticket.ID, nil
}

// keepDraft stores what was typed. A draft of another site, from which it was
// moved, goes.
func (w *wish) keepDraft(ctx context.Context) error {
	before := w.draft.ID
	saved, err := w.door.app.SaveDraft(ctx, w.person.Actor, w.draft)
	for range draftTries { // two windows of one person, or the script that keeps the draft: what was sent last stays
		if !errs.Is(err, errs.Conflict) {
			break
		}
		fresh, again := w.door.app.DraftTicket(ctx, w.person.Actor, w.tenant, ticket.Restore, w.siteID())
		if again != nil || fresh.ID.IsZero() && !before.IsZero() { // it was handed in meanwhile, and is no draft any more
			break
		}
		w.draft.ID, w.draft.Version = fresh.ID, fresh.Version
		saved, err = w.door.app.SaveDraft(ctx, w.person.Actor, w.draft)
	}
	if err != nil {
		return err
	}
	request := w.draft.Request
	w.draft = saved
	w.draft.Request = request
	if old, err := id.Parse[id.Ticket](w.typed.draft); err == nil && old != saved.ID && old != before {
		w.discard(ctx, old)
	}
	w.typed.draft = saved.ID.String()
	return nil
}

// discard throws a draft away. One that is gone, or was handed in, stays as
// it is.
func (w *wish) discard(ctx context.Context, old id.Ticket) {
	v, err := w.door.app.Ticket(ctx, w.person.Actor, old)
	if err != nil || v.Ticket.State != ticket.Draft {
		return
	}
	_ = w.door.app.WithdrawTicket(ctx, w.person.Actor, app.TicketSeen{ID: old, Version: int(v.Ticket.Version)}) // it waits in the list then
}

// self is the page's own address, with the site that it is about.
func (w *wish) self(anchor string) string {
	to := portal.RequestPath
	if w.site != nil {
		to += "?" + url.Values{portal.FieldSite: {w.siteID().String()}}.Encode()
	}
	return to + anchor
}

// draftKept keeps the draft for a script, and answers with what follows from
// it. The header tells the script that it was kept.
func (d *Door) draftKept(rw http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	w, err := d.typedWish(ctx, r, p)
	if err != nil {
		return nil, err
	}
	made, err := w.handedIn(ctx)
	if err != nil {
		return nil, err
	}
	if !made.IsZero() {
		return nil, errs.New(errs.Conflict, "This request was handed in already.")
	}
	if err := w.keepDraft(ctx); err != nil {
		return nil, err
	}
	rw.Header().Set("X-Draft", "kept")
	return portal.RequestNews(w.props()), nil
}

// ask does what the pressed button of the request's form says.
func (d *Door) ask(rw http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	w, err := d.typedWish(ctx, r, p)
	if err != nil {
		return nil, err
	}
	made, err := w.handedIn(ctx)
	if err != nil {
		return nil, err
	}
	if !made.IsZero() {
		d.inside.Say(ctx, ui.Good, "This request was handed in already. Here it is.")
		d.toTicket(rw, r, w.person, made)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	switch {
	case w.typed.do == portal.DoDiscard:
		if !w.draft.ID.IsZero() {
			w.discard(ctx, w.draft.ID)
		}
		d.inside.Say(ctx, ui.Good, "The draft is gone. Nothing on your site was changed.")
		see(rw, r, portal.TicketsPath)
		return nil, nil //nolint:nilnil // it has answered by itself
	case w.typed.do == portal.DoSend:
		return d.send(rw, r, w)
	}
	if err := w.keepDraft(ctx); err != nil {
		return w.again(err)
	}
	if len(w.wrong) > 0 || w.typed.do == portal.DoRow { // an empty line is in no draft
		return w.again(nil)
	}
	anchor := ""
	if w.typed.do != portal.DoKeep {
		anchor = "#when"
	} else {
		d.inside.Say(ctx, ui.Good, "We kept what you wrote. Come back here whenever you like.")
	}
	see(rw, r, w.self(anchor))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// send hands the request in, once nothing is missing.
func (d *Door) send(rw http.ResponseWriter, r *http.Request, w *wish) (templ.Component, error) {
	ctx := r.Context()
	w.check()
	if len(w.wrong) > 0 {
		if err := w.keepDraft(ctx); err != nil && !errs.Is(err, errs.Invalid) {
			return w.again(err)
		}
		return w.again(errs.New(errs.Invalid, "%s", w.missing()))
	}
	before := w.draft.ID
	if err := w.keepDraft(ctx); err != nil {
		return d.pressedBefore(rw, r, w, before, err)
	}
	if made, err := w.sameWords(ctx); err != nil || !made.IsZero() { // a draft may be that of a second press, for the first one's was handed in
		w.discard(ctx, w.draft.ID)
		return d.pressedBefore(rw, r, w, made, err)
	}
	made, err := w.handIn(ctx)
	if err != nil {
		return d.pressedBefore(rw, r, w, w.draft.ID, err)
	}
	d.inside.Say(ctx, ui.Good, "Your request is in. Nothing on your site changes yet.")
	if w.typed.name != "" {
		w.confirmAtOnce(ctx, made)
	}
	d.toTicket(rw, r, w.person, made)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// handIn hands the draft in. The form's script may keep the draft in the same
// moment: what was pressed counts, and is kept once more then.
func (w *wish) handIn(ctx context.Context) (made id.Ticket, err error) {
	for range draftTries {
		made, err = w.door.app.SubmitTicket(ctx, w.person.Actor, w.draft, ticket.TermsVersion, nil)
		if !errs.Is(err, errs.Conflict) {
			return made, err
		}
		if became, unknown := w.became(ctx, w.draft.ID); unknown != nil || !became.IsZero() {
			return made, err
		}
		if again := w.keepDraft(ctx); again != nil {
			return made, err
		}
	}
	return made, err
}

// pressedBefore leads to what a press before this one made of the draft, or
// shows the form with what is wrong.
func (d *Door) pressedBefore(rw http.ResponseWriter, r *http.Request, w *wish, of id.Ticket, wrong error) (templ.Component, error) {
	if of.IsZero() || wrong != nil && !errs.Is(wrong, errs.Conflict) {
		return w.again(wrong)
	}
	made, err := w.became(r.Context(), of)
	if err != nil || made.IsZero() {
		return w.again(errors.Join(err, wrong))
	}
	d.inside.Say(r.Context(), ui.Good, "This request was handed in already. Here it is.")
	d.toTicket(rw, r, w.person, made)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// confirmAtOnce confirms what was just handed in. Where that fails the page of
// the ticket asks again.
func (w *wish) confirmAtOnce(ctx context.Context, made id.Ticket) {
	v, err := w.door.app.Ticket(ctx, w.person.Actor, made)
	if err == nil {
		err = w.door.app.ConfirmTicket(ctx, w.person.Actor, app.TicketSeen{ID: made, Version: int(v.Ticket.Version)}, w.typed.name)
	}
	if err != nil {
		w.door.inside.Say(ctx, ui.Late, "Your request is in. It could not be confirmed yet: "+figure.Sentence(err)+" The site’s name can be typed below.")
	}
}

// again is the form with what is wrong, and all that was typed.
func (w *wish) again(err error) (templ.Component, error) {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind == errs.Invalid && e.Field != "" {
		if field, ok := fieldOf[e.Field]; ok {
			w.wrong[field] = cmp.Or(w.wrong[field], figure.Problem(err))
		}
	} else if err != nil && !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.TooLarge) && !errs.Is(err, errs.Unavailable) {
		return nil, err
	}
	props := w.props()
	props.Page = w.door.frame(w.person, portal.Asking)
	props.Focus = w.first()
	switch {
	case len(w.wrong) > 0:
		props.Notice = &ui.Notice{State: ui.Failed, Text: w.missing()}
	case err != nil:
		props.Notice = &ui.Notice{State: ui.Failed, Text: figure.Sentence(err) + " Nothing you wrote is lost."}
	}
	return portal.Request(props), err
}
