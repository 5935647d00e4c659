package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/riverqueue/river"

	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/mail"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/text"
	"holdfast/internal/ticket"
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

// TicketMails are all of them.
func TicketMails() []TicketMail {
	return []TicketMail{
		MailSubmitted, MailPaymentLink, MailPaid, MailStarted, MailFinished, MailNeedsInfo, MailReply, MailRefund, MailFailed,
		MailReminder, MailDeclined, MailCustomerSaid,
	}
}

// ticketWords are what a ticket's mail says beside what its row knows.
type ticketWords struct {
	Text  string      // a message, a question, a reason: as it was written
	By    string      // who wrote it, as readers may know
	Facts [][2]string // evidence: label and value
	Not   id.Account  // who caused it, and so gets none
	// Between says of a restore that failed that the site is not as it was.
	Between bool
}

// sharedWords are what the row of a mail that is still to be shared out keeps.
type sharedWords struct {
	Letter mail.Letter `json:"letter"`
	Staff  bool        `json:"staff,omitempty"` // for the assignee, not for customers
	Not    id.Account  `json:"not"`
	Number int64       `json:"number"`
}

// everybody is the recipient of a mail that is still to be shared out.
const everybody = "*"

// How a ticket is found by those who may see it.
const (
	portalTicket = "/portal/tickets/"
	staffTicket  = "/tickets/"
)

// maxQuoted is how much of a message a mail repeats, in characters.
const maxQuoted = 4000

// ticketMail queues a mail of the ticket to everybody whom it concerns: who
// opened it and who watches it; of what a customer said, the assignee. Who
// that is, is found out when it is sent.
func (a *App) ticketMail(ctx context.Context, tx *store.Tx, t dbq.Ticket, what TicketMail, w ticketWords) error {
	if !a.CanMail() {
		return nil
	}
	words, err := json.Marshal(sharedWords{Letter: ticketLetter(t, what, w), Staff: what == MailCustomerSaid, Not: w.Not, Number: t.Number})
	if err != nil {
		return fmt.Errorf("words of a ticket's mail: %w", err)
	}
	return queueLetter(ctx, tx, dbq.InsertTicketMailParams{
		TenantID: t.TenantID, Kind: dbq.MailKindTicket, Recipient: everybody, Words: words, TicketID: t.ID,
	})
}

// queueLetter puts a finished letter in the outbox and its job in the queue.
func queueLetter(ctx context.Context, tx *store.Tx, p dbq.InsertTicketMailParams) error {
	p.ID, p.CreatedAt = id.New[id.Mail](), tx.Now
	if err := tx.InsertTicketMail(ctx, p); err != nil {
		return err
	}
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.SendMail{Mail: p.ID}})
}

// share makes one mail of each reader out of one for everybody, in the
// transaction that takes the one out of the outbox.
func share(ctx context.Context, tx *store.Tx, m dbq.MailOutbox) error {
	var w sharedWords
	if err := json.Unmarshal(m.Words, &w); err != nil {
		return fmt.Errorf("words of mail %s: %w", m.ID, err)
	}
	type reader struct {
		account id.Account
		email   string
	}
	var readers []reader
	if w.Staff {
		r, err := tx.TicketAssignee(ctx, dbq.TicketAssigneeParams{TenantID: m.TenantID, ID: m.TicketID})
		if err != nil && !isNoRows(err) {
			return err
		}
		if err == nil {
			readers = append(readers, reader{r.ID, r.Email})
		}
	} else {
		rows, err := tx.TicketReaders(ctx, dbq.TicketReadersParams{TenantID: m.TenantID, ID: m.TicketID})
		if err != nil {
			return err
		}
		for _, r := range rows {
			readers = append(readers, reader{r.ID, r.Email})
		}
	}
	for _, r := range readers {
		if r.account == w.Not {
			continue
		}
		err := queueLetter(ctx, tx, dbq.InsertTicketMailParams{
			TenantID: m.TenantID, Kind: m.Kind, Recipient: r.email, Words: m.Words, TicketID: m.TicketID, AccountID: r.account,
		})
		if err != nil {
			return err
		}
	}
	_, err := tx.MailShared(ctx, m.ID)
	return err
}

// writeTicket makes the message of one reader's mail.
func (a *App) writeTicket(ctx context.Context, m dbq.MailOutbox) mail.Message {
	var w sharedWords
	_ = json.Unmarshal(m.Words, &w) // written by ticketMail; what cannot be read is left out
	w.Letter.Link = portalTicket + strconv.FormatInt(w.Number, 10)
	if w.Staff {
		w.Letter.Link = staffTicket + m.TicketID.String()
	}
	out := a.writeLetter(ctx, m, w.Letter, a.addresses != nil)
	out.Thread = fmt.Sprintf("ticket-%d", w.Number)
	if a.addresses != nil && !m.AccountID.IsZero() {
		out.ReplyTo = a.addresses.Reply(w.Number, m.AccountID.UUID())
	}
	return out
}

// writeLetter makes a message of a letter whose link is a path of ours.
func (a *App) writeLetter(ctx context.Context, m dbq.MailOutbox, l mail.Letter, answerable bool) mail.Message {
	l.Hoster = a.hosterName(ctx)
	if l.Link != "" {
		l.Link = strings.TrimRight(a.people.URL, "/") + l.Link
	}
	if answerable {
		l.Above = AboveMarker
	}
	out := mail.Message{ID: m.ID.String(), To: m.Recipient, Subject: text.OneLine(l.Subject), Text: l.Text()}
	if a.people.HTML != nil {
		out.HTML = a.people.HTML(ctx, l)
	}
	if a.addresses != nil {
		out.Bounce = a.addresses.Bounce(m.ID.UUID())
	}
	return out
}

// hosterName is who writes to customers.
func (a *App) hosterName(ctx context.Context) string {
	return cmp.Or(a.Known(ctx).HosterName, a.Product())
}

// ticketLetter words a ticket's mail, for a customer who may be worried: what
// is, what comes next, what is safe.
func ticketLetter(t dbq.Ticket, what TicketMail, w ticketWords) mail.Letter {
	ref := fmt.Sprintf("[#%d] ", t.Number)
	l := mail.Letter{Button: "Open the ticket", Quote: clipText(w.Text, maxQuoted), QuoteBy: w.By, Facts: w.Facts}
	say := func(subject, title string, lines ...string) {
		l.Subject, l.Title, l.Lines = ref+subject, title, lines
	}
	restoring := t.Kind == ticket.Restore
	switch what {
	case MailSubmitted:
		if restoring {
			say("We have your request: "+t.Subject, "We have your request.", "Nothing on your site changes until everything is agreed and a copy of how it is now is kept.", "The ticket's page says what comes next.")
		} else {
			say("We have your question: "+t.Subject, "We have your question.", "We answer here and on the ticket's page.")
		}
	case MailPaymentLink:
		say("One step left: the fee of USD 100.00", "The fee of USD 100.00 is due.", "Once it is paid your request goes to our staff. If we cannot bring back what you asked for, the fee comes back to you.")
		l.Button = "Pay and go on"
	case MailPaid:
		say("Your payment has arrived", "Your payment has arrived. Thank you.", "Your request is with our staff now. You find the receipt on the ticket's page.")
	case MailStarted:
		say("Your restore has begun", "Your restore has begun.", "Your site is closed to visitors while it is exchanged. A copy of how it was is kept. You can watch each step.")
		l.Button = "Watch it"
	case MailFinished:
		say("Your site is back: please look at it", "Your site is back.", "We compared what came back with the copy. Please look at your site and tell us whether it is what you needed.", "What was there before is kept until then.")
		l.Button = "Look and accept"
	case MailNeedsInfo:
		say("We need to know something: "+t.Subject, "We need to know something before we go on.")
	case MailReply:
		say("An answer: "+t.Subject, "There is an answer to your ticket.")
	case MailRefund:
		say("Your fee goes back to you", "The fee of USD 100.00 goes back to you.", "Depending on your bank it takes five to ten days to arrive.")
	case MailFailed:
		if w.Between {
			say("Your restore did not succeed; we are putting your site right", "The restore did not succeed, and your site could not be put back by itself.", "It may be closed to visitors. Our staff have to put it right at the machine itself, and write to you. Nothing is lost: the copies of how it was are kept.")
			break
		}
		say("Your restore did not succeed; your site is as it was", "The restore did not succeed. Your site is as it was before.", "We are looking at what stopped it and will write to you.")
	case MailReminder:
		say("Is your site what you needed?", "Please tell us whether your site is what you needed.", "What was there before is kept until you have answered, or until the ticket closes by itself.")
		l.Button = "Look and accept"
	case MailDeclined:
		say("We cannot do this: "+t.Subject, "We cannot do what you asked for.", "A fee that was paid goes back to you.")
	case MailCustomerSaid:
		say("The customer wrote: "+t.Subject, "The customer wrote in a ticket that is yours.")
	}
	return l
}

// clipText cuts a text at most characters and says so.
func clipText(s string, most int) string {
	r := []rune(strings.TrimSpace(s))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + " … (the rest is on the ticket's page)"
}
