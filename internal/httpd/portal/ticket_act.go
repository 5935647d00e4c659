package portal

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// act is a form of the ticket's page: it says what to leave for the next page,
// and where a refusal of a field belongs.
type act struct {
	do   func(ctx context.Context, s sent) (said string, err error)
	back string // an anchor
	bad  func(r *http.Request, err error) affairForm
}

// sent is a form of the ticket's page as it came.
type sent struct {
	*http.Request
	who   authz.Actor
	seen  app.TicketSeen
	files []app.Upload
}

// acting adapts a form of the ticket's page. What was refused is shown again
// with what was typed; a ticket that moved on meanwhile is shown as it is now.
func (d *Door) acting(x act) page {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		ctx := r.Context()
		files, done, err := d.inside.Upload(r, portal.FieldFiles)
		defer done()
		if err != nil {
			return nil, err
		}
		of, err := d.asked(r, p)
		if err != nil {
			return nil, err
		}
		seen := app.TicketSeen{ID: of}
		if n, err := strconv.ParseInt(r.PostFormValue(portal.FieldVersion), 10, 32); err == nil {
			seen.Version = int(n)
		}
		said, err := x.do(ctx, sent{r, p.Actor, seen, files})
		if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) || errs.Is(err, errs.TooLarge) || errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Unsupported) {
			return d.actAgain(r, p, of, x, err)
		}
		if err != nil {
			return nil, err
		}
		if said != "" {
			d.inside.Say(ctx, ui.Good, said)
		}
		see(w, r, portal.TicketsPath+"/"+chi.URLParam(r, "number")+x.back)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
}

// actAgain is the page with what was wrong. It does not update itself: that
// would take away what was typed.
func (d *Door) actAgain(r *http.Request, p app.Person, of id.Ticket, x act, wrong error) (templ.Component, error) {
	a, err := d.affair(r.Context(), p, of)
	if err != nil {
		return nil, err
	}
	if x.bad != nil {
		a.said = x.bad(r, wrong)
	}
	props := a.props()
	props.Page, props.StreamPath = d.frame(p, portal.Tickets), ""
	text := figure.Sentence(wrong)
	if errs.Is(wrong, errs.Invalid) {
		text = figure.Problem(wrong)
	}
	props.Notice = &ui.Notice{State: ui.Failed, Text: text}
	return portal.Ticket(props), wrong
}

// field is the field that an error names.
func field(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}

func (d *Door) confirmation() act {
	return act{
		do: func(ctx context.Context, s sent) (string, error) {
			return "Confirmed. It goes on by itself now.", d.app.ConfirmTicket(ctx, s.who, s.seen, s.PostFormValue(portal.FieldTyped))
		},
		bad: func(r *http.Request, err error) affairForm {
			f := affairForm{name: short(r.PostFormValue(portal.FieldTyped))}
			if errs.Is(err, errs.Invalid) {
				f.nameProblem = figure.Problem(err)
			}
			return f
		},
	}
}

// short keeps what was typed, unless it is absurd.
func short(s string) string {
	if len(s) > 1000 {
		return ""
	}
	return s
}

func (d *Door) acceptance() act {
	return act{do: func(ctx context.Context, s sent) (string, error) {
		return "Thank you. The ticket is closed.", d.app.AcceptTicket(ctx, s.who, s.seen)
	}}
}

func (d *Door) reopening() act {
	return act{
		do: func(ctx context.Context, s sent) (string, error) {
			why := lines(s.PostFormValue(portal.FieldReason))
			if why == "" {
				return "", errs.Field("why", "say in a few words what is not right, so that we do the right thing")
			}
			return "We look into it at once.", d.app.ReopenTicket(ctx, s.who, s.seen, why, s.PostFormValue(portal.FieldUndo) != "")
		},
		bad: func(r *http.Request, err error) affairForm {
			f := affairForm{reason: r.PostFormValue(portal.FieldReason)}
			if errs.Is(err, errs.Invalid) {
				f.reasonProblem = figure.Problem(err)
			}
			return f
		},
	}
}

func (d *Door) withdrawal() act {
	return act{do: func(ctx context.Context, s sent) (string, error) {
		return "It is taken back. Nothing on your site was changed.", d.app.WithdrawTicket(ctx, s.who, s.seen)
	}}
}

func (d *Door) watching() act {
	return act{do: func(ctx context.Context, s sent) (string, error) {
		watch := s.PostFormValue("watch") == "yes"
		said := "You are told of every step by mail."
		if !watch {
			said = "You are no longer told by mail. This page has everything."
		}
		return said, d.app.WatchTicket(ctx, s.who, s.seen, watch)
	}}
}

func (d *Door) accessGrant() act {
	return act{
		do: func(ctx context.Context, s sent) (string, error) {
			hours, err := strconv.Atoi(s.PostFormValue(portal.FieldHours))
			if err != nil {
				return "", errs.Field("hours", "choose for how long our staff may look into the site")
			}
			_, err = d.app.GrantAccess(ctx, s.who, s.seen, hours)
			return "Our staff may look into your site now. It ends by itself, and you can take it back here.", err
		},
		bad: func(_ *http.Request, err error) affairForm {
			if !errs.Is(err, errs.Invalid) {
				return affairForm{}
			}
			return affairForm{hoursProblem: figure.Problem(err)}
		},
	}
}

func (d *Door) accessRevocation() act {
	return act{do: func(ctx context.Context, s sent) (string, error) {
		of, err := id.Parse[id.Access](chi.URLParam(s.Request, "access"))
		if err != nil {
			return "", none()
		}
		return "Taken back. Our staff may no longer look into your site.", d.app.RevokeAccess(ctx, s.who, s.seen, of)
	}}
}

func (d *Door) message() act {
	return act{
		back: "#thread",
		do: func(ctx context.Context, s sent) (string, error) {
			_, err := d.app.ReplyTicket(ctx, s.who, s.seen, app.Said{Body: lines(s.PostFormValue(portal.FieldBody)), Files: s.files})
			return "Sent.", err
		},
		bad: func(r *http.Request, err error) affairForm {
			f := affairForm{body: r.PostFormValue(portal.FieldBody)}
			if field(err) == "files" {
				f.filesProblem = figure.Problem(err)
			} else if errs.Is(err, errs.Invalid) {
				f.bodyProblem = figure.Problem(err)
			}
			return f
		},
	}
}

// payment leads to the page of payment: at once where the policy of our pages
// lets a form lead there, else by a link.
func (d *Door) payment(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	if err := d.inside.Form(r); err != nil {
		return nil, err
	}
	of, err := d.asked(r, p)
	if err != nil {
		return nil, err
	}
	address, err := d.app.Pay(ctx, p.Actor, of)
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Unsupported) || errs.Is(err, errs.Invalid) {
		return d.actAgain(r, p, of, act{}, err)
	}
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errs.Wrap(errs.Unavailable, cmp.Or(err, errors.New("the page of payment has no address")), "The page of payment cannot be opened just now; try again in a moment.")
	}
	if slices.Contains(d.app.Payments().FormsTo(), u.Scheme+"://"+u.Host) {
		http.Redirect(w, r, address, http.StatusSeeOther)
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	return portal.Leave(portal.LeaveProps{Page: d.frame(p, portal.Tickets), Test: d.moneyOf().test, Href: address, Back: portal.TicketsPath + "/" + chi.URLParam(r, "number")}), nil
}
