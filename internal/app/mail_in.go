package app

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/mailin"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// AboveMarker is the line of our mails over which an answer is written.
const AboveMarker = mailin.Marker

// UseReplies lets answers come in by mail at a domain. It is called before
// anything is served.
func (a *App) UseReplies(domain string) error {
	key, err := a.key.Derive("mail addresses")
	if err != nil {
		return err
	}
	addresses := mailin.NewAddresses(domain, key)
	a.addresses = &addresses
	return nil
}

// Addresses are those that answers come in by; false where none do.
func (a *App) Addresses() (mailin.Addresses, bool) {
	if a.addresses == nil {
		return mailin.Addresses{}, false
	}
	return *a.addresses, true
}

// What a sender is told whose answer is not taken.
const (
	strangerSentence = "Your answer was not taken: it came from another address than the one that we wrote to. Write from that one, or on the ticket's page."
	nothingSentence  = "Your answer was not taken: there is nothing in it but what we wrote. Write above the quotation, or on the ticket's page."
	closedSentence   = "Your answer was not taken: you may not write in this ticket any more. Sign in and open a new one."
)

// TakeMail takes what came in for one of our addresses: an answer goes into
// its ticket, a bounce to the mail that it is of. The same mail taken again
// changes nothing. A mailin.Refusal is final, and for the sender to read.
func (a *App) TakeMail(ctx context.Context, to mailin.To, in mailin.Incoming) error {
	if to.Bounced() {
		return a.takeBounce(ctx, to, in)
	}
	ref := fmt.Sprintf("%d:%s", to.Ticket, in.MessageID)
	var t dbq.TicketByNumberRow
	known, stranger := false, false
	err := a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		var err error
		if known, err = tx.MailInTaken(ctx, ref); err != nil || known {
			return err
		}
		if t, err = tx.TicketByNumber(ctx, to.Ticket); err != nil {
			return err
		}
		if in.Kind != mailin.Answer {
			return noteMail(ctx, tx, t, ref, "robot", in.Why)
		}
		stranger, err = isStranger(ctx, tx, to.Account, in.From)
		return err
	})
	switch {
	case isNoRows(err) || stranger:
		return a.refuseMail(ctx, t, ref, strangerSentence)
	case err != nil || known || in.Kind != mailin.Answer:
		return err
	case in.Text == "" && len(in.Files) == 0:
		return a.refuseMail(ctx, t, ref, nothingSentence)
	}
	_, err = a.ReplyByMail(ctx, mailedReply(t, ref, in))
	switch {
	case errs.Is(err, errs.Forbidden) || errs.Is(err, errs.NotFound):
		return a.refuseMail(ctx, t, ref, closedSentence)
	case errs.Is(err, errs.Conflict) || errs.Is(err, errs.Invalid) || errs.Is(err, errs.TooLarge):
		return a.refuseMail(ctx, t, ref, "Your answer was not taken: "+errs.Sentence(err))
	case err != nil:
		return err
	}
	return a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		return noteMail(ctx, tx, t, ref, "taken", "")
	})
}

// isStranger tells whether the sender's address is not that of the account
// that we wrote to.
func isStranger(ctx context.Context, tx *store.Tx, account uuid.UUID, from string) (bool, error) {
	ref, err := id.Parse[id.Account](account.String())
	if err != nil {
		return true, nil //nolint:nilerr // an address that names no account is a stranger's
	}
	acc, err := tx.AccountByID(ctx, ref)
	if isNoRows(err) {
		return true, nil
	}
	return acc.DisabledAt != nil || acc.Email != from, err
}

// mailedReply is what of a mail goes into its ticket.
func mailedReply(t dbq.TicketByNumberRow, ref string, in mailin.Incoming) MailedReply {
	m := MailedReply{Ticket: t.ID, From: in.From, Ref: ref, Body: in.Text}
	if m.Body == "" {
		m.Body = "(only files)"
	}
	for _, left := range in.Left {
		m.Body += "\n(left out: " + left + ")"
	}
	for _, f := range in.Files {
		m.Files = append(m.Files, Upload{Name: f.Name, Body: bytes.NewReader(f.Data)})
	}
	return m
}

func (a *App) refuseMail(ctx context.Context, t dbq.TicketByNumberRow, ref, sentence string) error {
	err := a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		return noteMail(ctx, tx, t, ref, "refused", sentence)
	})
	if err != nil {
		return err
	}
	return mailin.Refusal{Sentence: sentence}
}

func noteMail(ctx context.Context, tx *store.Tx, t dbq.TicketByNumberRow, ref, outcome, why string) error {
	_, err := tx.InsertMailIn(ctx, dbq.InsertMailInParams{
		ID: id.New[id.Mail](), TenantID: t.TenantID, TicketID: t.ID, MailRef: clip(ref, 300), Outcome: outcome, Why: clip(why, 300), ReceivedAt: tx.Now,
	})
	return err
}

// takeBounce marks a mail that came back, and an address that refuses for good.
func (a *App) takeBounce(ctx context.Context, to mailin.To, in mailin.Incoming) error {
	ref, err := id.Parse[id.Mail](to.Mail.String())
	if err != nil || in.Kind != mailin.Bounce {
		return nil //nolint:nilerr // an out-of-office note to the envelope's sender is not a bounce
	}
	return a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		if !in.Permanent {
			return nil
		}
		m, err := tx.MailBounced(ctx, dbq.MailBouncedParams{ID: ref, Bounce: clip(in.Status, 20), Now: tx.Now})
		if isNoRows(err) {
			return nil // known already, or long forgotten
		}
		if err != nil {
			return err
		}
		if _, err := tx.AccountBounced(ctx, dbq.AccountBouncedParams{Email: m.Recipient, Now: tx.Now}); err != nil {
			return err
		}
		return tx.Event(ctx, "mail.bounced", store.Subject{Kind: "mail", ID: ref.UUID(), Tenant: m.TenantID}, map[string]any{"kind": m.Kind, "status": clip(in.Status, 20)})
	})
}

// keepMailIn is how long it is known what came in: a mail server tries for
// five days at most.
const keepMailIn = 30 * 24 * time.Hour
