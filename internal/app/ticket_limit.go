package app

import (
	"context"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// Limiter counts tries by key in windows of time. Take counts one, and tells
// how long to wait where there were too many.
type Limiter interface {
	Take(key string) time.Duration
}

// TicketLimits are the limits of one address, in this process. Nil is none.
type TicketLimits struct{ Open, Reply, Attach Limiter }

// How much an address may do in an hour, for who makes the limiters.
const (
	OpenPerAddress   = 20
	ReplyPerAddress  = 120
	AttachPerAddress = 100
)

// How much all people of a tenant may do together, counted in the database.
const (
	openPerHour   = 30
	draftPerHour  = 120 // made, be they thrown away or not
	replyPerHour  = 240
	attachPerHour = 200
	attachPerDay  = 1 << 30 // bytes
)

// desk is what tickets need of this process.
type desk struct {
	dir    string // of attachments, "" where none can be taken
	limits TicketLimits
}

// UseTicketLimits sets the limits of addresses. It is called before anything
// is served.
func (a *App) UseTicketLimits(l TicketLimits) { a.desk.limits = l }

// TooOften is an error of somebody who asks for too much at once.
type TooOften struct {
	Wait time.Duration // until it may be tried again
	Err  *errs.Error
}

// Error gives the sentence.
func (t *TooOften) Error() string { return t.Err.Error() }

// Unwrap gives the error of the kind.
func (t *TooOften) Unwrap() error { return t.Err }

func tooOften(what string, wait time.Duration) error {
	return &TooOften{Wait: wait, Err: errs.New(errs.TooLarge, "That are too many %s in a short time. Wait %s and try again; what you wrote is not lost while this page is open. If it is urgent, call us.", what, lasted(wait))}
}

// limitAddress counts what a customer does from an address.
func (a *App) limitAddress(ctx context.Context, l Limiter, what string) error {
	at := store.Address(ctx)
	if l == nil || at == "" {
		return nil
	}
	if wait := l.Take(at); wait > 0 {
		return tooOften(what, wait)
	}
	return nil
}

// limitOpening refuses a ticket too many of a tenant.
func limitOpening(ctx context.Context, tx *store.Tx, of id.Tenant) error {
	n, err := tx.TicketsOpenedSince(ctx, dbq.TicketsOpenedSinceParams{TenantID: of, Since: tx.Now.Add(-time.Hour)})
	if err == nil && n >= openPerHour {
		err = tooOften("tickets", time.Hour)
	}
	return err
}

// limitDrafts refuses a draft too many of a tenant: each is a row, also once it
// was thrown away.
func limitDrafts(ctx context.Context, tx *store.Tx, of id.Tenant) error {
	n, err := tx.DraftsMadeSince(ctx, dbq.DraftsMadeSinceParams{TenantID: of, Since: tx.Now.Add(-time.Hour)})
	if err == nil && n >= draftPerHour {
		err = tooOften("drafts", time.Hour)
	}
	return err
}

// limitReply refuses a message too many of a tenant.
func limitReply(ctx context.Context, tx *store.Tx, of id.Tenant) error {
	n, err := tx.MessagesSaidSince(ctx, dbq.MessagesSaidSinceParams{TenantID: of, Since: tx.Now.Add(-time.Hour)})
	if err == nil && n >= replyPerHour {
		err = tooOften("messages", time.Hour)
	}
	return err
}

// limitFiles refuses files that are too many for a ticket or, from customers,
// for a tenant.
func limitFiles(ctx context.Context, tx *store.Tx, t dbq.Ticket, files []stagedFile, customer bool) error {
	if len(files) == 0 {
		return nil
	}
	var more int64
	for _, f := range files {
		more += f.bytes
	}
	has, err := tx.TicketAttachmentBytes(ctx, dbq.TicketAttachmentBytesParams{TenantID: t.TenantID, TicketID: t.ID})
	if err != nil {
		return err
	}
	if has+more > ticket.MaxTicketBytes {
		return errs.Field("files", "would make more than %d MB in this ticket, which has %d MB; send a link to the larger ones", ticket.MaxTicketBytes>>20, has>>20)
	}
	if !customer {
		return nil
	}
	hour, err := tx.AttachedSince(ctx, dbq.AttachedSinceParams{TenantID: t.TenantID, Since: tx.Now.Add(-time.Hour)})
	if err != nil {
		return err
	}
	day, err := tx.AttachedSince(ctx, dbq.AttachedSinceParams{TenantID: t.TenantID, Since: tx.Now.Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	switch {
	case hour.Files+int64(len(files)) > attachPerHour:
		return tooOften("files", time.Hour)
	case day.Bytes+more > attachPerDay:
		return tooOften("files", 24*time.Hour)
	}
	return nil
}
