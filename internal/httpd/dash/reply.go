package dash

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

var actWords = []struct {
	act   ticket.ActKind
	label string
}{{ticket.ActAssignMe, "assign it to whoever sends this"}, {ticket.ActPrioritise, "set its priority"}, {ticket.ActAsk, "wait for the customer’s answer"}, {ticket.ActClose, "close the ticket"}}

func (d *Door) replies(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.repliesPage(r, p, app.Reply{}, nil)
}

func (d *Door) repliesPage(r *http.Request, p app.Person, typed app.Reply, wrong error) (templ.Component, error) {
	all, err := d.app.ListReplies(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	props := dash.RepliesProps{Page: d.page(r.Context(), p, dash.TicketsSection), Crumbs: []ui.Crumb{{Label: "Tickets", Href: dash.TicketsPath}}}
	works := may(p, authz.WorkTickets, id.Tenant{})
	edit := r.URL.Query().Get("edit")
	for _, c := range all {
		row := dash.ReplyRow{Name: c.Name, Body: c.Body, Acts: actsWords(c.Acts), Changed: d.on(p, c.UpdatedAt)}
		if works {
			row.EditHref = dash.RepliesPath + "?edit=" + c.ID.String() + "#edit"
			row.Delete = &dash.Act{Action: dash.RepliesPath + "/" + c.ID.String() + "/deletion", Label: "Delete", About: c.Name}
		}
		props.Rows = append(props.Rows, row)
		if edit == c.ID.String() && wrong == nil {
			typed = c
		}
	}
	if works {
		props.Form = replyForm(typed, wrong)
	}
	if wrong != nil {
		props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	}
	return dash.Replies(props), wrong
}

func replyForm(c app.Reply, wrong error) *dash.ReplyEdit {
	f := &dash.ReplyEdit{ID: c.ID.String(), Name: dash.Field{Value: c.Name}, Body: dash.Field{Value: c.Body}, Title: "A new reply"}
	if !c.ID.IsZero() {
		f.Title, f.Seen = "Edit a reply", c.UpdatedAt.Format(time.RFC3339Nano)
	}
	if errs.Is(wrong, errs.Invalid) {
		say := words.Stop(words.Capital(fieldSentence(wrong)))
		if strings.HasPrefix(errs.Sentence(wrong), "body") {
			f.Body.Problem = say
		} else {
			f.Name.Problem = say
		}
	}
	priority := ""
	for _, w := range actWords {
		choice := ui.Choice{Value: string(w.act), Label: w.label}
		for _, a := range c.Acts {
			if a.Do == w.act {
				choice.Selected = true
				if a.Do == ticket.ActPrioritise {
					priority = a.To
				}
			}
		}
		f.Acts = append(f.Acts, choice)
	}
	f.Priorities = []ui.Choice{{Value: "", Label: "as it is", Selected: priority == ""}}
	for _, x := range ticket.Priorities() {
		f.Priorities = append(f.Priorities, ui.Choice{Value: string(x), Label: string(x), Selected: priority == string(x)})
	}
	return f
}

func actsWords(acts []ticket.Act) string {
	var say []string
	for _, a := range acts {
		for _, w := range actWords {
			if w.act != a.Do {
				continue
			}
			if a.To != "" {
				say = append(say, w.label+" to "+a.To)
			} else {
				say = append(say, w.label)
			}
		}
	}
	return words.List(say...)
}

func (d *Door) saveReply(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	c := app.Reply{Name: r.PostFormValue("name"), Body: r.PostFormValue("body")}
	if v := r.PostFormValue("id"); v != "" {
		var err error
		if c.ID, err = id.Parse[id.Reply](v); err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "There is no such reply.")
		}
		if c.UpdatedAt, err = time.Parse(time.RFC3339Nano, r.PostFormValue("seen")); err != nil {
			return nil, errs.New(errs.Invalid, "This form is not one of the page; open the page again.")
		}
	}
	for _, v := range r.PostForm["act"] {
		a := ticket.Act{Do: ticket.ActKind(v)}
		if a.Do == ticket.ActPrioritise {
			a.To = r.PostFormValue("priority")
		}
		c.Acts = append(c.Acts, a)
	}
	if _, err := d.app.SaveReply(r.Context(), p.Actor, c); err != nil {
		if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) {
			return d.repliesPage(r, p, c, err)
		}
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The reply is saved.")
	see(w, r, dash.RepliesPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) deleteReply(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := id.Parse[id.Reply](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such reply.")
	}
	if err := d.app.DeleteReply(r.Context(), p.Actor, of); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The reply is deleted.")
	see(w, r, dash.RepliesPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
