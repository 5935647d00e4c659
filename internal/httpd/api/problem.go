package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
)

const (
	nothingHere = "There is no such thing, or none that this token may see."
	notAllowed  = "This token may not do this; ask for one with a role that may."
	ourFault    = "Something failed on our side; nothing was changed. Try again; if it stays so, tell us this request's id: "
)

var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusUnprocessableEntity, errs.NotFound: http.StatusNotFound, errs.Forbidden: http.StatusForbidden,
	errs.Unsigned: http.StatusUnauthorized, errs.Conflict: http.StatusConflict, errs.Stale: http.StatusConflict,
	errs.Unavailable: http.StatusServiceUnavailable, errs.TooLarge: http.StatusRequestEntityTooLarge, errs.Unsupported: http.StatusBadRequest,
}

// problem is the body of every refusal.
func problem(status int, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}
}

// read turns the error of a read into a problem: what may not be read is not
// told apart from what is not there.
func (d *Door) read(ctx context.Context, err error) error {
	if errs.Is(err, errs.Forbidden) {
		err = errs.Wrap(errs.NotFound, err, "%s", nothingHere)
	}
	return d.fail(ctx, err)
}

// fail turns an error into a problem, and logs what is our own fault. Every
// "not found" reads the same, so that no answer tells what exists.
func (d *Door) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	status, known := statuses[errs.KindOf(err)]
	if errors.Is(err, context.DeadlineExceeded) {
		status, known = http.StatusServiceUnavailable, true
		err = errs.Wrap(errs.Unavailable, err, "This took longer than we let it. Try again in a minute.")
	}
	if !known {
		status = http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		d.log.ErrorContext(ctx, "a request of the API failed", "status", status, "error", err)
	} else {
		d.log.DebugContext(ctx, "a request of the API was refused", "status", status, "kind", errs.KindOf(err))
	}
	p := problem(status, errs.Sentence(err))
	switch status {
	case http.StatusInternalServerError:
		p.Detail = ourFault + mw.ID(ctx)
	case http.StatusNotFound:
		p.Detail = nothingHere
	case http.StatusForbidden:
		p.Detail = notAllowed
	}
	var e *errs.Error
	if errors.As(err, &e) && e.Field != "" && status == http.StatusUnprocessableEntity {
		p.Errors = []*huma.ErrorDetail{{Message: e.Public, Location: e.Field}}
	}
	return p
}

// refuse answers outside of huma's operations.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p *huma.ErrorModel
	if !errors.As(d.fail(r.Context(), err), &p) {
		p = problem(http.StatusInternalServerError, ourFault+mw.ID(r.Context()))
	}
	write(w, p)
}

func write(w http.ResponseWriter, p *huma.ErrorModel) {
	body, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the reader is gone; nobody is left to be told
}

// say puts what huma found wrong into the one sentence, with where to look it
// up, and takes out what was sent: it may be long, or not for logs.
func say(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	said := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		if e.Value == nil && len(p.Errors) == 1 && strings.Contains(p.Detail, e.Message) {
			return p, nil // worded by fail already
		}
		e.Value = nil
		said = append(said, strings.TrimPrefix(e.Location+": "+e.Message, ": "))
	}
	if len(said) > 0 {
		p.Detail = strings.Join(said, "; ") + ". What is taken here stands in " + Prefix + "/openapi.json."
	}
	return p, nil
}
