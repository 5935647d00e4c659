package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
)

// ReplyTicket adds a message that both sides read. A customer's answer is
// added whatever happened since, and leads a ticket that waits for information
// on; staff's is refused where somebody else answered first.
func (a *App) ReplyTicket(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (id.Message, error) {
	return id.Message{}, errTicketNotYet
}

// MailedReply is a mail that came as an answer.
type MailedReply struct {
	Ticket id.Ticket
	From   string // the address, proved by the signed address that it was sent to
	Ref    string // its Message-ID: the same mail twice is one message
	Body   string // the quoted text cut
	Files  []Upload
}

// ReplyByMail adds a mail to its ticket as its sender's message. Somebody who
// may not write in the ticket is errs.Forbidden; a mail that was taken before
// changes nothing. Files that are refused are named in the message.
func (a *App) ReplyByMail(ctx context.Context, m MailedReply) (id.Message, error) {
	return id.Message{}, errTicketNotYet
}

// NoteTicket adds a note that no customer ever sees.
func (a *App) NoteTicket(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (id.Message, error) {
	return id.Message{}, errTicketNotYet
}

// AskCustomer asks for information; the ticket waits and its clocks stand.
func (a *App) AskCustomer(ctx context.Context, who authz.Actor, seen TicketSeen, say Said) (id.Message, error) {
	return id.Message{}, errTicketNotYet
}
