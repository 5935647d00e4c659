package app

import (
	"context"
	"io"

	"holdfast/internal/authz"
	"holdfast/internal/id"
)

// Attached is an attachment to be handed out: as a download only, with nosniff
// and a Content-Security-Policy of "sandbox", whatever it holds.
type Attached struct {
	Name      string
	MediaType string
	Bytes     int64
	SHA256    string
	Body      io.ReadSeekCloser
}

// UseAttachments sets the folder in which attachments are kept, and makes it.
// It is called before anything is served. Processes that share a database
// share the folder too.
func (a *App) UseAttachments(dir string) error {
	return nil
}

// OpenAttachment opens an attachment; the caller closes its body.
func (a *App) OpenAttachment(ctx context.Context, who authz.Actor, of id.Attachment) (Attached, error) {
	return Attached{}, errTicketNotYet
}
