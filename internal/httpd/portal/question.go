package portal

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// inquiry is a question that is being written.
type inquiry struct {
	door    *Door
	person  app.Person
	tenant  id.Tenant
	sites   []ui.Choice
	of      map[string]id.Tenant // of the sites, by id
	site    string
	subject string
	body    string
	urgent  bool
	wrong   map[string]string
}

func (d *Door) inquiry(ctx context.Context, p app.Person) (*inquiry, error) {
	q := &inquiry{door: d, person: p, of: map[string]id.Tenant{}, wrong: map[string]string{}}
	var of []id.Tenant
	for _, t := range p.Tenants {
		if may(p, authz.OpenTickets, t.TenantID) {
			of = append(of, t.TenantID)
		}
	}
	if len(of) == 0 {
		return q, nil
	}
	q.tenant = of[0]
	rows, _, err := d.rows(ctx, p, of, "")
	if err != nil {
		return nil, err
	}
	for _, s := range rows[:min(len(rows), sitesToChoose)] {
		q.sites = append(q.sites, ui.Choice{Value: s.ID.String(), Label: s.Name})
		q.of[s.ID.String()] = s.TenantID
	}
	return q, nil
}

func (q *inquiry) props() portal.QuestionProps {
	p := portal.QuestionProps{
		Subject: q.subject, SubjectProblem: q.wrong["subject"], SiteProblem: q.wrong["site"], Urgent: q.urgent,
		Form: portal.ReplyForm{Label: "Your question", Body: q.body, Problem: q.wrong["body"], FilesProblem: q.wrong["files"], Rule: filesRule(), Accept: filesAccept(), Most: ticket.MaxMessage},
	}
	if q.tenant.IsZero() {
		p.Off = "Your role may look, but not ask. An administrator of your organisation can change that."
		return p
	}
	p.Sites = append(p.Sites, ui.Choice{Label: "None in particular", Selected: q.site == ""})
	for _, s := range q.sites {
		s.Selected = s.Value == q.site
		p.Sites = append(p.Sites, s)
	}
	if p.SubjectProblem != "" {
		p.Focus = portal.FieldSubject
	}
	return p
}

// question is the form.
func (d *Door) question(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	q, err := d.inquiry(r.Context(), p)
	if err != nil {
		return nil, err
	}
	if _, known := q.of[r.URL.Query().Get(portal.FieldSite)]; known {
		q.site = r.URL.Query().Get(portal.FieldSite)
	}
	if !q.tenant.IsZero() && q.site == "" {
		draft, err := d.app.DraftTicket(r.Context(), p.Actor, q.tenant, ticket.Support, id.Site{})
		if err != nil {
			return nil, err
		}
		q.subject, q.body = draft.Subject, draft.Body
	}
	props := q.props()
	props.Page = d.page(r.Context(), p, portal.Tickets)
	return portal.Question(props), nil
}

// inquire hands a question in.
func (d *Door) inquire(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	files, done, err := d.inside.Upload(r, portal.FieldFiles)
	defer done()
	if err != nil {
		return nil, err
	}
	q, err := d.inquiry(ctx, p)
	if err != nil {
		return nil, err
	}
	if q.tenant.IsZero() {
		return nil, errs.New(errs.Forbidden, "Your role may look, but not ask. An administrator of your organisation can change that.")
	}
	q.subject, q.body, q.site, q.urgent = short(r.PostFormValue(portal.FieldSubject)), lines(r.PostFormValue(portal.FieldBody)), r.PostFormValue(portal.FieldSite), r.PostFormValue(portal.FieldUrgent) != ""
	draft := app.Draft{Tenant: q.tenant, Kind: ticket.Support}
	if q.site != "" {
		of, known := q.of[q.site]
		if !known {
			return nil, none()
		}
		draft.Tenant = of
		if draft.Site, err = id.Parse[id.Site](q.site); err != nil {
			return nil, none()
		}
	}
	if kept, err := d.app.DraftTicket(ctx, p.Actor, draft.Tenant, ticket.Support, draft.Site); err == nil {
		draft.ID, draft.Version = kept.ID, kept.Version
	}
	draft.Subject, draft.Body = q.subject, q.body
	draft.Request.Urgent = q.urgent
	if q.urgent {
		draft.Request.Why = q.subject
	}
	made, err := d.app.SubmitTicket(ctx, p.Actor, draft, "", files)
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) || errs.Is(err, errs.TooLarge) || errs.Is(err, errs.Unavailable) {
		return q.again(err)
	}
	if err != nil {
		return nil, err
	}
	d.inside.Say(ctx, ui.Good, "Your question is with our staff. The answer comes here, and by mail.")
	d.toTicket(w, r, p, made)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// again is the form with what was wrong.
func (q *inquiry) again(wrong error) (templ.Component, error) {
	if f := field(wrong); f != "" {
		q.wrong[f] = figure.Problem(wrong)
	}
	props := q.props()
	props.Page = q.door.frame(q.person, portal.Tickets)
	text := figure.Sentence(wrong)
	if errs.Is(wrong, errs.Invalid) {
		text = "One thing needs another look. Nothing you wrote is lost; choose files again, if you chose some."
	}
	props.Notice = &ui.Notice{State: ui.Failed, Text: text}
	return portal.Question(props), wrong
}
