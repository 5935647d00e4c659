package dash

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/errs"
)

// Limits of forms that bring files.
const (
	maxUpload     = 60 << 20 // a ticket's files, and what is around them
	uploadMemory  = 1 << 20  // beyond it a form's files wait on disk
	uploadTimeout = 5 * time.Minute
)

// uploader is a door for customers that takes files.
type uploader interface{ Uploads(chi.Router) }

// readUpload reads a form of several parts: its values as readForm does, and
// the files of one field. The caller calls done once they are read.
func readUpload(r *http.Request, field string) (files []app.Upload, done func(), err error) {
	done = func() {}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return nil, done, readForm(r)
	}
	err = r.ParseMultipartForm(uploadMemory) //nolint:gosec // its route bounds the body
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, done, errs.Wrap(errs.TooLarge, err, "These files are too large together; send at most 50 MB at once.")
	case errors.Is(err, multipart.ErrMessageTooLarge):
		return nil, done, errs.Wrap(errs.TooLarge, err, "This form is too large; shorten what you typed and send it again.")
	case err != nil:
		return nil, done, errs.Wrap(errs.Invalid, err, "This form arrived damaged; open its page again and send it anew.")
	}
	form := r.MultipartForm
	var open []io.Closer
	done = func() {
		for _, c := range open {
			_ = c.Close()
		}
		_ = form.RemoveAll() // what stays is in the system's own folder for such files
	}
	for _, values := range form.Value {
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, done, errs.New(errs.Invalid, "This form holds characters that no text has; type them anew.")
			}
		}
	}
	for _, h := range form.File[field] {
		if h.Filename == "" && h.Size == 0 {
			continue // nothing was chosen
		}
		f, err := h.Open()
		if err != nil {
			return nil, done, errs.Wrap(errs.Unavailable, err, "The files could not be taken; send them again.")
		}
		open = append(open, f)
		files = append(files, app.Upload{Name: h.Filename, Body: f})
	}
	return files, done, nil
}
