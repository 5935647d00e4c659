package dash

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/mw"
	"holdfast/web/dash"
)

// page is a handler for everybody. It gives what to show, or nil where it has
// answered by itself; an error decides the status, and is shown on a page of
// its own unless there is a component too, which then says it.
type page func(w http.ResponseWriter, r *http.Request) (templ.Component, error)

// signedPage is a page for people who are signed in.
type signedPage func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error)

// tooMany is an error of somebody who tries too often.
type tooMany struct {
	wait time.Duration
	err  *errs.Error
}

func (t *tooMany) Error() string { return t.err.Error() }
func (t *tooMany) Unwrap() error { return t.err }

var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusUnprocessableEntity, errs.NotFound: http.StatusNotFound, errs.Forbidden: http.StatusForbidden,
	errs.Unsigned: http.StatusUnauthorized, errs.Conflict: http.StatusConflict, errs.Stale: http.StatusConflict,
	errs.Unavailable: http.StatusServiceUnavailable, errs.TooLarge: http.StatusRequestEntityTooLarge,
	errs.Incomplete: http.StatusInternalServerError, errs.Unsupported: http.StatusBadRequest,
}

// status maps an error's kind. A forbidden read is "not found": nobody learns
// what exists from what is refused.
func status(method string, err error) int {
	var t *tooMany
	if errors.As(err, &t) {
		return http.StatusTooManyRequests
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable
	}
	kind := errs.KindOf(err)
	if kind == errs.Forbidden && (method == http.MethodGet || method == http.MethodHead) {
		return http.StatusNotFound
	}
	if code, ok := statuses[kind]; ok {
		return code
	}
	return http.StatusInternalServerError
}

// open adapts a page for everybody.
func (d *Door) open(h page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := h(w, r)
		d.answer(w, r, c, err)
	}
}

// signed adapts a page for people who are signed in; others are led to sign in.
func (d *Door) signed(h signedPage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, ok := visitor(r.Context())
		if _, half := enrollee(r.Context()); half {
			see(w, r, dash.SecondFactorPath)
			return
		}
		if !ok {
			see(w, r, signInFirst(r))
			return
		}
		c, err := h(w, r, p)
		d.answer(w, r, c, err)
	}
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, c templ.Component, err error) {
	if err == nil && c == nil {
		return
	}
	code := http.StatusOK
	if err != nil {
		if r.Context().Err() != nil && !errors.Is(r.Context().Err(), context.DeadlineExceeded) {
			return // the browser went away
		}
		code = status(r.Method, err)
		d.note(r, code, err)
		if t := (*tooMany)(nil); errors.As(err, &t) {
			w.Header().Set("Retry-After", strconv.Itoa(int(t.wait.Seconds())+1))
		}
		if c == nil {
			c = d.errorPage(r, code, err)
		}
	}
	d.render(w, r, code, c)
}

// note logs an error once.
func (d *Door) note(r *http.Request, code int, err error) {
	if code >= http.StatusInternalServerError {
		d.log.ErrorContext(r.Context(), "a page failed", "status", code, "error", err)
		return
	}
	d.log.DebugContext(r.Context(), "a page was refused", "status", code, "kind", errs.KindOf(err))
}

// render writes the whole page or none of it: it is made before it is sent.
func (d *Door) render(w http.ResponseWriter, r *http.Request, code int, c templ.Component) {
	var b bytes.Buffer
	// A page is made of what is loaded already; a deadline that has passed
	// must not keep the page that says so from being made.
	if err := c.Render(context.WithoutCancel(r.Context()), &b); err != nil {
		d.log.ErrorContext(r.Context(), "a page could not be made", "error", err)
		b.Reset()
		b.WriteString("Something failed on our side. Try again; if it stays so, tell us this request's id: " + mw.ID(r.Context()) + "\n")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		code = http.StatusInternalServerError
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	body := zip(w, r, b.Bytes())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone; nobody is left to be told
	}
}

// see leads the browser on to a path of this site.
func see(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a path of ours, or one that local let pass
}

// errorPage says what went wrong and what to do next.
func (d *Door) errorPage(r *http.Request, code int, err error) templ.Component {
	p := dash.ErrorProps{Status: code, RequestID: mw.ID(r.Context()), BackHref: "/", BackLabel: "Go to the start"}
	if who, ok := visitor(r.Context()); ok {
		p.Page = d.frame(who, dash.NoSection)
		p.BackHref, p.BackLabel = d.landing(who), "All sites"
	}
	p.Sentence = sentence(err)
	switch code {
	case http.StatusNotFound:
		if errs.Is(err, errs.Forbidden) {
			p.Sentence = "There is no such page, or it belongs to somebody else."
		}
	case http.StatusForbidden:
		p.Sentence = "Your account may not do this. Ask the owner of your organisation's account for a role that may."
	case http.StatusServiceUnavailable:
		p.Sentence += " Your sites and their copies are not touched by this."
		p.BackHref, p.BackLabel = "/", "Try again"
	case http.StatusInternalServerError:
		p.Sentence = "Nothing of yours was lost. Try again; if it stays so, tell us."
	case http.StatusTooManyRequests:
		p.Title = "One moment"
	}
	return dash.Error(p)
}

// What a person is told of an error.
var (
	sentence  = figure.Sentence
	problemOf = figure.Problem
)

func (d *Door) noPage(_ http.ResponseWriter, _ *http.Request) (templ.Component, error) {
	return nil, notHere()
}

func (d *Door) noMethod(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	err := errs.New(errs.Unsupported, "This address does not take %s; open it from the page that leads to it.", r.Method)
	d.render(w, r, http.StatusMethodNotAllowed, d.errorPage(r, http.StatusMethodNotAllowed, err))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// foreignPost answers a form that another site's page sent.
func (d *Door) foreignPost(w http.ResponseWriter, r *http.Request) {
	p := dash.ErrorProps{
		Status: http.StatusForbidden, Title: "That came from another site", RequestID: mw.ID(r.Context()), BackHref: "/", BackLabel: "Go to the start",
		Sentence: "Another web site sent this form in your name, so nothing was done. If it was you, do it again from our own page.",
	}
	d.log.WarnContext(r.Context(), "a cross-site form was refused")
	d.render(w, r, http.StatusForbidden, dash.Error(p))
}

// panicked answers a page that broke.
func (d *Door) panicked(w http.ResponseWriter, r *http.Request) {
	d.render(w, r, http.StatusInternalServerError, d.errorPage(r, http.StatusInternalServerError, errs.New(errs.Other, "Something failed on our side.")))
}

// readForm reads a form, and tells what is wrong with the whole of it.
func readForm(r *http.Request) error {
	err := r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errs.Wrap(errs.TooLarge, err, "This form is too large; shorten what you typed and send it again.")
	case err != nil:
		return errs.Wrap(errs.Invalid, err, "This form arrived damaged; open its page again and send it anew.")
	}
	for _, values := range r.Form {
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return errs.New(errs.Invalid, "This form holds characters that no text has; type them anew.")
			}
		}
	}
	return nil
}

// notHere is the answer about a page that is not there, or not for whoever asks.
func notHere() error {
	return errs.New(errs.NotFound, "There is no such page, or it belongs to somebody else.")
}
