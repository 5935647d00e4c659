package app

import (
	"context"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// newMessage is a message to write.
type newMessage struct {
	body     string
	via      dbq.MessageVia
	ref      string // of a mail
	internal bool
	files    []stagedFile
}

// write adds a message of the one who acts; none where a mail was taken before.
func (w *work) write(ctx context.Context, m newMessage) (made id.Message, err error) {
	made = id.New[id.Message]()
	author := ticket.ByCustomer
	if w.staff {
		author = ticket.ByStaff
	}
	n, err := w.tx.InsertTicketMessage(ctx, dbq.InsertTicketMessageParams{
		TenantID: w.t.TenantID, ID: made, TicketID: w.t.ID, Author: author, AccountID: w.by.Account, Internal: m.internal, Via: m.via, MailRef: m.ref,
		Body: m.body, CreatedAt: w.tx.Now,
	})
	if err != nil {
		return made, err
	}
	if n == 0 {
		return id.Message{}, nil
	}
	return made, w.attach(ctx, made, m.files, m.internal)
}

// readyToSay checks words and takes files in; the caller unstages them where
// nothing comes of it.
func (a *App) readyToSay(ctx context.Context, who authz.Actor, say *Said) (staged []stagedFile, err error) {
	if say.Body, err = ticket.CheckMessage("body", say.Body); err != nil {
		return nil, err
	}
	if who.Staff == "" {
		if err := a.limitAddress(ctx, a.desk.limits.Reply, "messages"); err != nil {
			return nil, err
		}
		if len(say.Files) > 0 {
			if err := a.limitAddress(ctx, a.desk.limits.Attach, "files"); err != nil {
				return nil, err
			}
		}
	}
	return a.stage(say.Files)
}

// talkAction is what somebody needs to be allowed to write in a ticket.
func talkAction(who authz.Actor) authz.Action {
	if who.Staff != "" {
		return authz.WorkTickets
	}
	return authz.OpenTickets
}

// mayTalk checks, before any file is taken in, that somebody may write there.
func (a *App) mayTalk(ctx context.Context, who authz.Actor, action authz.Action, of id.Ticket) error {
	t, err := a.findTicket(ctx, who, of)
	if err == nil {
		_, err = authz.Check(who, action, t.TenantID)
	}
	return err
}

// ReplyTicket adds a message that both sides read. A customer's answer is
// added whatever happened since, and leads a ticket that waits for information
// on; staff's is refused where somebody else changed the ticket first.
func (a *App) ReplyTicket(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (id.Message, error) {
	return a.reply(ctx, who, seen, say, dbq.MessageViaPage, "")
}

func (a *App) reply(ctx context.Context, who authz.Actor, seen TicketSeen, say Said, via dbq.MessageVia, ref string) (made id.Message, err error) {
	action := talkAction(who)
	if err := a.mayTalk(ctx, who, action, seen.ID); err != nil {
		return made, err
	}
	staged, err := a.readyToSay(ctx, who, &say)
	if err != nil {
		return made, err
	}
	err = a.onTicket(ctx, who, action, seen.ID, func(ctx context.Context, w *work) error {
		if err := w.mayBeAnswered(); err != nil {
			return err
		}
		m := newMessage{body: say.Body, via: via, ref: ref, files: staged}
		if w.staff {
			if via != dbq.MessageViaMail && !w.asSeen(seen.Version) { // a mail cannot be looked at again and sent anew
				return errTicketMoved
			}
			made, err = w.staffSays(ctx, m, MailReply, say)
			return err
		}
		made, err = w.customerSays(ctx, m)
		return err
	})
	if err != nil || made.IsZero() {
		a.unstage(staged)
	}
	return made, err
}

// mayBeAnswered refuses words where nobody would read them.
func (w *work) mayBeAnswered() error {
	switch {
	case w.t.State == ticket.Draft:
		return errs.New(errs.Conflict, "This request was not handed in yet.")
	case !w.t.MergedInto.IsZero():
		return errs.New(errs.Conflict, "This ticket was merged into another one; write there.")
	case !w.staff && (w.t.State == ticket.Declined || w.t.State == ticket.Withdrawn):
		return errs.New(errs.Conflict, "This ticket is %s; open a new one, and name this one (#%d) in it.", w.t.State.Says(), w.t.Number)
	}
	return nil
}

// customerSays adds a customer's words, and does what they lead to.
func (w *work) customerSays(ctx context.Context, m newMessage) (made id.Message, err error) {
	if err := limitReply(ctx, w.tx, w.t.TenantID); err != nil {
		return made, err
	}
	if err := limitFiles(ctx, w.tx, w.t, m.files, true); err != nil {
		return made, err
	}
	if made, err = w.write(ctx, m); err != nil || made.IsZero() {
		return made, err
	}
	detail := map[string]any{"message": made.String(), "via": m.via}
	switch {
	case w.t.State == ticket.NeedsInformation:
		err = w.move(ctx, ticket.Reply, detail, nil)
	case w.t.State == ticket.Closed && w.t.Kind == ticket.Support && w.t.Frozen == "":
		err = w.move(ctx, ticket.Reopen, detail, nil)
	default:
		err = w.change(ctx, "ticket.replied", detail, func(t *dbq.Ticket) {
			if t.State == ticket.AwaitingAcceptance && t.CloseAt != nil { // somebody is there: it does not close over their words
				end := w.tx.Now.AddDate(0, 0, w.set.AutoCloseDays)
				t.CloseAt = &end
			}
		})
	}
	if err != nil {
		return made, err
	}
	by, err := w.nameOf(ctx, w.by.Account)
	if err != nil {
		return made, err
	}
	if err := w.mail(ctx, MailCustomerSaid, ticketWords{Text: m.body, By: by, Not: w.by.Account}); err != nil {
		return made, err
	}
	if err := w.mail(ctx, MailReply, ticketWords{Text: m.body, By: by, Not: w.by.Account}); err != nil {
		return made, err
	}
	return made, w.goOn(ctx)
}

// nameOf gives an account's name, as far as the transaction may read it.
func (w *work) nameOf(ctx context.Context, account id.Account) (string, error) {
	if account.IsZero() {
		return "", nil
	}
	known, _, err := readNames(ctx, w.tx, false, onlyIDs("account", account.UUID()))
	return known[account.UUID()], err
}

// staffSays adds the staff's words to the customer.
func (w *work) staffSays(ctx context.Context, m newMessage, mail TicketMail, say Said) (made id.Message, err error) {
	if err := limitFiles(ctx, w.tx, w.t, m.files, false); err != nil {
		return made, err
	}
	if made, err = w.write(ctx, m); err != nil || made.IsZero() {
		return made, err
	}
	detail := map[string]any{"message": made.String(), "via": m.via}
	if !say.Canned.IsZero() {
		detail["canned"] = say.Canned.String()
	}
	if mail == MailNeedsInfo {
		err = w.move(ctx, ticket.Ask, detail, answered(w.tx.Now))
	} else {
		err = w.change(ctx, "ticket.replied", detail, answered(w.tx.Now))
	}
	if err != nil {
		return made, err
	}
	return made, w.mail(ctx, mail, ticketWords{Text: m.body, By: w.set.HosterName, Not: w.by.Account})
}

// answered notes the staff's first answer.
func answered(now time.Time) func(t *dbq.Ticket) {
	return func(t *dbq.Ticket) {
		t.ReplyDueAt = nil
		if t.RepliedAt == nil {
			t.RepliedAt = &now
		}
	}
}

// NoteTicket adds a note that no customer ever sees. It disturbs nobody, so it
// is added whatever happened since.
func (a *App) NoteTicket(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (made id.Message, err error) {
	if err := a.mayTalk(ctx, who, authz.WorkTickets, seen.ID); err != nil {
		return made, err
	}
	staged, err := a.readyToSay(ctx, who, &say)
	if err != nil {
		return made, err
	}
	err = a.onTicket(ctx, who, authz.WorkTickets, seen.ID, func(ctx context.Context, w *work) error {
		if err := limitFiles(ctx, w.tx, w.t, staged, false); err != nil {
			return err
		}
		if made, err = w.write(ctx, newMessage{body: say.Body, via: dbq.MessageViaPage, internal: true, files: staged}); err != nil {
			return err
		}
		if err := w.tx.Notify(ctx, store.ChannelRuns, w.t.ID.String()); err != nil {
			return err
		}
		return w.internal(ctx, "ticket.noted", map[string]any{"message": made.String()})
	})
	if err != nil {
		a.unstage(staged)
	}
	return made, err
}

// AskCustomer asks for information; the ticket waits and its clocks stand.
func (a *App) AskCustomer(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (made id.Message, err error) {
	if err := a.mayTalk(ctx, who, authz.WorkTickets, seen.ID); err != nil {
		return made, err
	}
	staged, err := a.readyToSay(ctx, who, &say)
	if err != nil {
		return made, err
	}
	err = a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		made, err = w.staffSays(ctx, newMessage{body: say.Body, via: dbq.MessageViaPage, files: staged}, MailNeedsInfo, say)
		return err
	})
	if err != nil {
		a.unstage(staged)
	}
	return made, err
}

// MailedReply is a mail that came as an answer.
type MailedReply struct {
	Ticket id.Ticket
	From   string // the address, proved by the signed address that it was sent to
	Ref    string // its Message-ID: the same mail twice is one message
	Body   string // the quoted text cut
	Files  []Upload
}

// ReplyByMail adds a mail to its ticket as its sender's message; one to a
// ticket that was merged goes to the other. Somebody who may not write in the
// ticket is errs.Forbidden; a mail that was taken before changes nothing. Files
// that are refused are named in the message, and the rest is taken.
func (a *App) ReplyByMail(ctx context.Context, m MailedReply) (id.Message, error) {
	var account id.Account
	var t dbq.Ticket
	err := a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		acc, err := tx.AccountByEmail(ctx, strings.ToLower(strings.TrimSpace(m.From)))
		if err != nil {
			return err
		}
		account = acc.ID
		for range 10 {
			if t, err = tx.TicketByID(ctx, m.Ticket); err != nil || t.MergedInto.IsZero() {
				return err
			}
			m.Ticket = t.MergedInto
		}
		return nil
	})
	if errs.Is(err, errs.NotFound) {
		return id.Message{}, errs.Wrap(errs.Forbidden, err, "You may not write in this ticket.")
	}
	if err != nil {
		return id.Message{}, err
	}
	p, err := a.PersonByID(ctx, account)
	if err != nil {
		return id.Message{}, errs.Wrap(errs.Forbidden, err, "You may not write in this ticket.")
	}
	body := ticket.CleanText(m.Body)
	if r := []rune(body); len(r) > ticket.MaxMessage-1000 {
		body = string(r[:ticket.MaxMessage-1000]) + "\n(the rest of the mail was too long)"
	}
	files, left := a.mailedFiles(m.Files)
	for _, l := range left {
		body += "\n(left out: " + l + ")"
	}
	made, err := a.reply(ctx, p.Actor, TicketSeen{ID: t.ID, Version: int(t.Version)}, Said{Body: body, Files: files}, dbq.MessageViaMail, m.Ref)
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(errs.Forbidden, err, "You may not write in this ticket.")
	}
	return made, err
}
