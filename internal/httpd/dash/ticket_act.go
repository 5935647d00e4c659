package dash

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

var eventPlain = strings.NewReplacer(".", ": ", "_", " ")

// ticketDo is one act on a ticket; said is what to say once it is done.
type ticketDo func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (said string, err error)

// ticketActs are the acts, by the last part of their address.
var ticketActs = map[string]ticketDo{
	"assignee": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		var to id.Account
		if v := r.PostFormValue("assignee"); v != "" {
			var err error
			if to, err = id.Parse[id.Account](v); err != nil {
				return "", errs.Field("assignee", "choose somebody of the list")
			}
		}
		return "The ticket has a new owner.", d.app.AssignTicket(r.Context(), p.Actor, seen, to)
	},
	"priority": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "The priority is set, and the promises with it.", d.app.PrioritiseTicket(r.Context(), p.Actor, seen, ticket.Priority(r.PostFormValue("priority")))
	},
	"watch": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		if r.PostFormValue("do") == "on" {
			return "You are told of what happens here.", d.app.WatchTicket(r.Context(), p.Actor, seen, true)
		}
		return "You are not told of what happens here any more.", d.app.WatchTicket(r.Context(), p.Actor, seen, false)
	},
	"macro": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		macro, err := id.Parse[id.Reply](r.PostFormValue("macro"))
		if err != nil {
			return "", errs.Field("macro", "choose one of the list")
		}
		return "The macro was run.", d.app.RunMacro(r.Context(), p.Actor, seen, macro)
	},
	"completion": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "The customer was told, and is asked to look.", d.app.FinishTicket(r.Context(), p.Actor, seen, r.PostFormValue("text"))
	},
	"retry": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "It is tried again once it is approved.", d.app.RetryWithoutSafety(r.Context(), p.Actor, seen, r.PostFormValue("text"), r.PostFormValue("without"))
	},
	"reopening": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "The ticket is open again.", d.app.ReopenTicket(r.Context(), p.Actor, seen, r.PostFormValue("text"), false)
	},
	"closure": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "The ticket is closed.", d.app.CloseTicket(r.Context(), p.Actor, seen, r.PostFormValue("text"))
	},
	"merge": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		n, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(r.PostFormValue("number")), "#"), 10, 64)
		if err != nil || n < 1 {
			return "", errs.Field("number", "type the other ticket’s number, like 1042")
		}
		into, err := d.app.TicketByNumber(r.Context(), p.Actor, n)
		if err != nil {
			return "", err
		}
		return "The ticket is merged into #" + strconv.FormatInt(n, 10) + ".", d.app.MergeTickets(r.Context(), p.Actor, seen, into)
	},
}

// ticketFreshActs are those that let something happen to a site or to money.
var ticketFreshActs = map[string]ticketDo{
	"approval": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "You approved the restore.", d.app.ApproveTicket(r.Context(), p.Actor, seen)
	},
	"acceptance": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "It is accepted; what was kept aside goes.", d.app.AcceptTicket(r.Context(), p.Actor, seen)
	},
	"decline": func(d *Door, r *http.Request, p app.Person, seen app.TicketSeen) (string, error) {
		return "The ticket is declined, and the customer was told why.", d.app.DeclineTicket(r.Context(), p.Actor, seen, r.PostFormValue("text"))
	},
}

// ticketAct adapts an act: POST with the version that was seen. What was wrong
// stands on the page, with what was typed.
func (d *Door) ticketAct(do ticketDo) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		of, err := askedTicket(r)
		if err != nil {
			return nil, err
		}
		if err := readForm(r); err != nil {
			return nil, err
		}
		seen, err := seenTicket(r, of)
		if err != nil {
			return nil, err
		}
		said, err := do(d, r, p, seen)
		if err == nil {
			d.say(r.Context(), ui.Good, said)
			see(w, r, ticketPath(of))
			return nil, nil //nolint:nilnil // it has answered by itself
		}
		form := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		typed := typedTicket{form: form, body: r.PostFormValue("text") + r.PostFormValue("number"), problem: words.Stop(words.Capital(fieldSentence(err)))}
		return d.ticketAgain(r, p, of, typed, err)
	}
}

// seenTicket is the ticket in the version that the form was made from; a
// button without fields of its own sends it as do.
func seenTicket(r *http.Request, of id.Ticket) (app.TicketSeen, error) {
	v := r.PostFormValue("version")
	if v == "" {
		v = r.PostFormValue("do")
	}
	n, err := strconv.Atoi(v)
	if err != nil && (v == "on" || v == "off") {
		return app.TicketSeen{ID: of}, nil // watching does not change a ticket
	}
	if err != nil || n < 1 {
		return app.TicketSeen{}, errs.New(errs.Invalid, "This form is not one of the ticket’s page; open the page again.")
	}
	return app.TicketSeen{ID: of, Version: n}, nil
}

// ticketAgain is the page with what was wrong on it. Errors that say that the
// page is out of date, or not for this person, go on as they are.
func (d *Door) ticketAgain(r *http.Request, p app.Person, of id.Ticket, typed typedTicket, wrong error) (templ.Component, error) {
	if errs.Is(wrong, errs.NotFound) && typed.form != "merge" || errs.Is(wrong, errs.Forbidden) {
		return nil, wrong
	}
	props, err := d.ticketProps(r.Context(), p, of, typed)
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	props.StreamPath = ""
	props.Page.Notice = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}
	return dash.Ticket(props), wrong
}

// writeTicket is a reply, a note or a question, with files.
func (d *Door) writeTicket(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := askedTicket(r)
	if err != nil {
		return nil, err
	}
	files, done, err := readUpload(r, "files")
	defer done()
	if err != nil {
		return nil, err
	}
	seen, err := seenTicket(r, of)
	if err != nil {
		return nil, err
	}
	say := app.Said{Body: r.PostFormValue("body"), Files: files}
	as := r.PostFormValue("as")
	switch as {
	case "reply":
		_, err = d.app.ReplyTicket(r.Context(), p.Actor, seen, say)
	case "note":
		_, err = d.app.NoteTicket(r.Context(), p.Actor, seen, say)
	case "ask":
		_, err = d.app.AskCustomer(r.Context(), p.Actor, seen, say)
	default:
		err = errs.Field("as", "choose who reads it")
	}
	if err != nil {
		typed := typedTicket{form: "write", body: say.Body, as: as, problem: words.Stop(words.Capital(fieldSentence(err)))}
		return d.ticketAgain(r, p, of, typed, err)
	}
	d.say(r.Context(), ui.Good, map[string]string{"reply": "Your answer is sent.", "note": "Your note is kept; no customer sees it.", "ask": "The customer is asked; the clocks stand."}[as])
	see(w, r, ticketPath(of)+"#thread")
	return nil, nil //nolint:nilnil // it has answered by itself
}

// attachment hands a file out, as a download and nothing else.
func (d *Door) attachment(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	of, err := id.Parse[id.Attachment](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such file, or none that you may see.")
	}
	f, err := d.app.OpenAttachment(r.Context(), p.Actor, of)
	if err != nil {
		return nil, err
	}
	defer f.Body.Close() //nolint:errcheck // it was only read
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", d.clock.Now(), f.Body)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// fieldSentence is an error's sentence without the name of its field.
func fieldSentence(err error) string {
	_, after, found := strings.Cut(errs.Sentence(err), ": ")
	if errs.Is(err, errs.Invalid) && found {
		return after
	}
	return errs.Sentence(err)
}
