package portal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/id"
)

// attachment hands a file out, as a download alone: no browser shows it as a
// page of ours, whatever it holds.
func (d *Door) attachment(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	of, err := d.asked(r, p)
	if err != nil {
		return nil, err
	}
	file, err := id.Parse[id.Attachment](chi.URLParam(r, "file"))
	if err != nil {
		return nil, none()
	}
	v, err := d.app.Ticket(ctx, p.Actor, of)
	if err != nil {
		return nil, err
	}
	if !holds(v, file) {
		return nil, none()
	}
	a, err := d.app.OpenAttachment(ctx, p.Actor, file)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close() //nolint:errcheck // it was read
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Content-Type", a.MediaType)
	h.Set("Content-Length", strconv.FormatInt(a.Bytes, 10))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	h.Set("ETag", `"`+a.SHA256+`"`)
	if r.Method == http.MethodHead {
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	if n, err := io.Copy(w, a.Body); err != nil && n == 0 && !errors.Is(err, http.ErrBodyNotAllowed) {
		return nil, err
	}
	return nil, nil //nolint:nilnil // it has answered by itself
}

// holds tells whether the ticket shows such a file to whoever looks.
func holds(v app.TicketView, file id.Attachment) bool {
	for _, m := range v.Messages {
		for _, f := range m.Files {
			if f.ID == file && !f.Internal {
				return true
			}
		}
	}
	return v.Earlier > 0 // an older message may; the use case decides by its own right
}
