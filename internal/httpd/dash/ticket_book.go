package dash

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// book is the runbook of a restore: what was done, what is next, by whom.
func (s ticketPage) book(self string) []dash.BookStep {
	if s.Ticket.Kind != ticket.Restore || s.Ticket.State == ticket.Draft {
		return nil
	}
	steps := []dash.BookStep{s.paid(), s.confirmed()}
	steps = append(steps, s.approvals(self)...)
	if s.Request.What.Automatic() {
		steps = append(steps, s.restoring()...)
	} else {
		steps = append(steps, s.byHand())
	}
	return append(steps, s.accepted())
}

func step(state ui.State, word, title, text string) dash.BookStep {
	return dash.BookStep{State: state, Word: word, Title: title, Text: text}
}

func (s ticketPage) paid() dash.BookStep {
	if s.Charge == nil {
		return step(ui.None, "later", "Paid", "")
	}
	state, word := chargeWords(s.Charge.State)
	b := step(state, word, "Paid", s.Charge.AmountCents.String())
	if s.Charge.PaidAt != nil {
		b.Text += " on " + words.Exact(*s.Charge.PaidAt, s.zone)
	}
	if s.Charge.State == billing.Waived || s.Charge.State == billing.Offline {
		b.Text += ": " + s.Charge.Reason
	}
	b.Href, b.Link = dash.MoneyPath+"?ticket="+s.Ticket.ID.String(), "Money"
	return b
}

func (s ticketPage) confirmed() dash.BookStep {
	if !s.Approvals.Confirmed {
		return step(ui.Waiting, "wanted", "Confirmed by the customer", "An administrator of "+s.TenantName+" types the site’s name.")
	}
	return step(ui.Good, "done", "Confirmed by the customer", agreed(s.Approvals.ConfirmedBy, s.Approvals.ConfirmedAt, s.zone))
}

func agreed(by string, at time.Time, zone *time.Location) string {
	return cmp.Or(by, "at the command line") + ", " + words.Exact(at, zone)
}

func (s ticketPage) approvals(self string) []dash.BookStep {
	a := s.Approvals
	one := step(ui.Waiting, "wanted", "Approved by us", "")
	if a.First {
		one = step(ui.Good, "done", "Approved by us", agreed(a.FirstBy, a.FirstAt, s.zone))
	}
	steps := []dash.BookStep{one}
	if a.Approvals > 1 {
		two := step(ui.Waiting, "wanted", "Approved by a second person", "Because it changes the site in place.")
		if a.Second {
			two = step(ui.Good, "done", "Approved by a second person", agreed(a.SecondBy, a.SecondAt, s.zone))
		}
		steps = append(steps, two)
	}
	if s.May.Approve {
		next := &steps[len(steps)-1]
		if !a.First {
			next = &steps[0]
		}
		next.Act = &dash.Act{Action: self + "/approval", Label: "Approve", Do: s.version(), About: s.Ticket.Subject}
	}
	return steps
}

// restoring are the stations of the restore itself.
func (s ticketPage) restoring() []dash.BookStep {
	if s.live == nil {
		return []dash.BookStep{step(ui.None, "later", "Safety copy, restore, verification", "They run by themselves once everything is agreed.")}
	}
	r := s.live.Row
	b := step(ui.Running, "running", "Safety copy, restore, verification", s.live.Detail)
	switch r.State {
	case restore.Restored, restore.Settling, restore.Settled:
		b.State, b.Word, b.Text = ui.Good, "verified", "What was there before is kept until it is accepted."
		if r.State != restore.Restored {
			b.Text = ""
		}
	case restore.Failed:
		b.State, b.Word, b.Text = ui.Failed, "failed", r.Error
	case restore.Cancelled:
		b.State, b.Word, b.Text = ui.Cancelled, "cancelled", r.Error
	case restore.Undoing, restore.Undone:
		b.State, b.Word, b.Text = ui.Late, string(r.State), "The site is put back to how it was before."
	case restore.Planned, restore.Safeguarding, restore.Queued, restore.Running:
		if s.live.Waits != "" {
			b.State, b.Word, b.Text = ui.Waiting, "waits", s.live.Waits
		}
	}
	b.Href, b.Link = "/restores/"+r.ID.String(), "See each step"
	return []dash.BookStep{b}
}

func (s ticketPage) byHand() dash.BookStep {
	if s.May.Finish {
		return step(ui.Waiting, "ours", "Courses brought back by hand", "Through a copy of the site; say below when it is done.")
	}
	return step(ui.None, "by hand", "Courses brought back by hand", "")
}

func (s ticketPage) accepted() dash.BookStep {
	switch s.Ticket.State { //nolint:exhaustive // every other state comes before
	case ticket.Closed:
		return step(ui.Good, "done", "Accepted", "")
	case ticket.Reopened:
		return step(ui.Late, "not accepted", "Accepted", "The customer says that it is not what was needed.")
	case ticket.AwaitingAcceptance:
		return step(ui.Waiting, "asked", "Accepted", "The customer was asked to look.")
	}
	return step(ui.None, "later", "Accepted", "")
}

// noSafetyCopy is why a restore failed before anything was changed.
const noSafetyCopy = "no-safety-copy"

// forms are the acts that ask for a word first.
func (s ticketPage) forms(self string) []dash.DeskForm {
	var out []dash.DeskForm
	add := func(may bool, f dash.DeskForm) {
		if !may {
			return
		}
		f.Action, f.Version = self+"/"+f.ID, s.version()
		if s.typed.form == f.ID {
			f.Value, f.Problem, f.Open = s.typed.body, s.typed.problem, true
		}
		out = append(out, f)
	}
	add(s.May.Finish, dash.DeskForm{ID: "completion", Summary: "The courses are back", Field: "text", Label: "What was brought back, as the customer reads it", Long: true, Button: "Tell the customer"})
	again := dash.DeskForm{ID: "retry", Summary: "Try the restore again", Field: "text", Label: "Why it will go better now, as the customer reads it", Text: "Free of charge; our approvals are asked for anew.", Button: "Try again"}
	if s.Restore != nil && s.Restore.ErrorCode == noSafetyCopy && may(s.person, authz.StartRestore, id.Tenant{}) {
		again.Also, again.AlsoLabel = "without", "Begin without a safety copy, because"
		again.AlsoHint = "Only where the site is too broken for one, in 10 characters or more. What is there is kept aside on its host all the same. Empty keeps the rule."
	}
	add(s.May.Retry, again)
	add(s.May.Accept && may(s.person, authz.AcceptRestore, id.Tenant{}), dash.DeskForm{ID: "acceptance", Summary: "Accept for the customer", Text: "Because the customer said so. What was there before is removed.", Button: "Accept"})
	add(s.May.Reopen, dash.DeskForm{ID: "reopening", Summary: "Reopen", Field: "text", Label: "Why", Button: "Reopen"})
	add(s.May.Close, dash.DeskForm{ID: "closure", Summary: "Close", Field: "text", Label: "What became of it, as the customer reads it", Long: true, Button: "Close the ticket"})
	add(s.May.Decline, dash.DeskForm{ID: "decline", Summary: "Decline", Field: "text", Label: "Why, as the customer reads it", Long: true, Text: "What was paid goes back by itself.", Button: "Decline", Danger: true})
	add(s.May.Merge, dash.DeskForm{ID: "merge", Summary: "Merge into another ticket", Field: "number", Label: "The other ticket’s number", Hint: "Of the same customer; the conversation stays here, and this one ends.", Button: "Merge"})
	return out
}

// thread is what was said and done, the oldest first.
func (s ticketPage) thread() []dash.ThreadRow {
	out := make([]dash.ThreadRow, 0, len(s.Timeline))
	for i, m := range s.Timeline {
		row := dash.ThreadRow{ID: strconv.Itoa(i), At: s.when(m.At), Who: m.By, Side: "event"}
		if m.Message == nil {
			row.State, row.Text = ticketEvent(m.Verb, m.Detail)
			if row.Text == "" {
				continue
			}
			if row.Who == "" {
				row.Who = "by itself"
			}
			out = append(out, row)
			continue
		}
		row.ID, row.Text, row.Internal = m.Message.ID.String(), m.Message.Body, m.Message.Internal
		row.Who, row.Side = m.Message.By, "theirs"
		switch {
		case m.Message.Internal:
			row.Side = "note"
		case m.Message.Author == ticket.ByStaff:
			row.Side = "mine"
		case m.Message.Author == ticket.BySystem:
			row.Side, row.Who = "mine", "Holdfast"
		}
		for _, f := range m.Message.Files {
			row.Files = append(row.Files, ui.Choice{Label: f.Name, Href: "/attachments/" + f.ID.String(), Count: words.Bytes(f.Bytes)})
		}
		out = append(out, row)
	}
	return out
}

// ticketEvents words what happens to a ticket; its messages speak for
// themselves.
var ticketEvents = map[string]struct {
	state ui.State
	text  string
}{
	"ticket.submitted": {ui.Waiting, "It was sent to us."}, "ticket.payment_asked": {ui.Waiting, "The fee was asked for."}, "ticket.paid": {ui.Good, "The fee is settled."},
	"ticket.unpaid": {ui.Late, "The payment went back."}, "ticket.confirmed": {ui.Good, "The customer confirmed by the site’s name."}, "ticket.approval_given": {ui.Good, "It was approved by one of us."},
	"ticket.approved": {ui.Good, "Every approval is there."}, "ticket.started": {ui.Running, "The restore was begun."}, "ticket.verifying": {ui.Running, "The host is done; what came back is compared."},
	"ticket.restored": {ui.Good, "The site is back and verified."}, "ticket.failed": {ui.Failed, "The restore failed; its own page says how the site is."}, "ticket.retried": {ui.Waiting, "It is tried again, free of charge."},
	"ticket.accepted": {ui.Good, "It was accepted."}, "ticket.closed": {ui.Good, "It was closed."}, "ticket.asked": {ui.Waiting, "The customer was asked for information."}, "ticket.answered": {ui.Waiting, "The customer answered."},
	"ticket.declined": {ui.Cancelled, "It was declined."}, "ticket.withdrawn": {ui.Cancelled, "The customer withdrew it."}, "ticket.reopened": {ui.Late, "It was reopened."},
	"ticket.assigned": {ui.None, "It was assigned."}, "ticket.prioritised": {ui.None, "Its priority was changed."}, "ticket.took_in": {ui.None, "Another ticket was merged into this one."},
	"ticket.changed": {ui.Waiting, "Another restore point was chosen; approvals are asked for anew."}, "ticket.macro": {ui.None, "A macro was run."}, "ticket.watched": {}, "ticket.unwatched": {},
	"ticket.frozen": {ui.Failed, "It is frozen: the payment is disputed."}, "ticket.thawed": {ui.Good, "It moves again: the dispute is over."}, "ticket.stands": {ui.Late, "It stands still."},
	"ticket.late": {ui.Late, "A promise was missed."}, "ticket.reminded": {ui.None, "The customer was reminded."}, "ticket.undo_failed": {ui.Failed, "What was there before could not be brought back."},
	"charge.due": {ui.Waiting, "The fee is due."}, "charge.pending": {ui.Running, "A payment is on its way."}, "charge.paid": {ui.Good, "The fee was paid."}, "charge.waived": {ui.None, "The fee was waived."},
	"charge.offline": {ui.Good, "A payment that came another way was recorded."}, "charge.refunding": {ui.Running, "The fee goes back."}, "charge.refunded": {ui.None, "The fee went back."},
	"charge.disputed": {ui.Failed, "The payer’s bank disputes the payment."}, "charge.lost": {ui.Failed, "The bank decided against us."}, "charge.void": {ui.Cancelled, "Nothing is owed any more."},
	"charge.alarm": {ui.Late, "Something about the fee must be looked at, on the page of money."}, "charge.alarm_seen": {ui.None, "Somebody has looked at it."},
	"charge.decided": {}, "charge.refund": {}, "refund.asked": {}, "dispute.opened": {}, "dispute.moved": {}, "charge.checkout_begun": {ui.None, "The customer went to the page of payment."},
	"refund.by_hand":        {ui.None, "What was paid another way was paid back by hand."},
	"ticket.access_granted": {ui.Good, "The customer gave leave to look into the site."}, "ticket.access_revoked": {ui.None, "The leave to look into the site was taken back."},
}

func ticketEvent(verb string, detail map[string]any) (ui.State, string) {
	if strings.HasPrefix(verb, "restore.") {
		raw, err := json.Marshal(detail)
		if err != nil {
			raw = nil
		}
		text, _, state := restoreEventWords(verb, raw)
		return state, text
	}
	e, known := ticketEvents[verb]
	if !known {
		return ui.None, words.Stop(words.Capital(eventPlain.Replace(verb)))
	}
	if e.text == "" {
		return e.state, "" // what follows it says it
	}
	for _, key := range []string{"why", "reason"} {
		if v, ok := detail[key]; ok && v != "" && v != nil {
			if say, ok := v.(string); ok && len(say) < 200 {
				return e.state, e.text + " " + words.Stop(words.Capital(fmt.Sprint(say)))
			}
		}
	}
	return e.state, e.text
}
