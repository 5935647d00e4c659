package portal

import (
	"strconv"
	"time"

	"holdfast/internal/billing"
	"holdfast/internal/httpd/words"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// news is the part of the page that is sent again while it is open.
func (a *affair) news() portal.TicketNews {
	n := portal.TicketNews{Version: a.version(), Steps: a.steps(), Pay: a.pay(), Confirm: a.confirm(), Doing: a.doing(), Accept: a.accept(), Evidence: a.evidence(), Thread: a.thread()}
	n.State, n.Sentence, n.Next = a.sentence()
	return n
}

// sentence is where it stands, and what happens next.
func (a *affair) sentence() (ui.State, []ui.Phrase, string) {
	if a.MayStill != "" && a.Ticket.State.Open() {
		return ui.Waiting, ui.Say(ui.Text("It stands still: "), ui.Text(a.MayStill)), "Nothing on your site changes meanwhile. Write to us below if that is unexpected."
	}
	if a.Ticket.Kind == ticket.Support {
		return a.supportSentence()
	}
	switch a.Ticket.State {
	case ticket.Submitted:
		return ui.Waiting, ui.Say(ui.Text("Your request is in.")), "Next we ask for the fee. Nothing on your site changes yet."
	case ticket.AwaitingPayment:
		return a.unpaidSentence()
	case ticket.Queued:
		return a.queuedSentence()
	case ticket.Approved:
		if a.Request.What == ticket.Courses {
			return ui.Running, ui.Say(ui.Text("Our staff are at it: they take the courses out of a copy by hand.")), a.byWhen("They tell you here as soon as it is done")
		}
		return ui.Waiting, ui.Say(ui.Text("All have agreed; it begins "), ui.Strong("by itself"), ui.Text(".")), "First we take a copy of how your site is now. You need not do anything."
	case ticket.Running, ticket.Verifying:
		return a.runningSentence()
	case ticket.AwaitingAcceptance:
		return a.acceptSentence()
	case ticket.NeedsInformation:
		return ui.Late, ui.Say(ui.Text("We asked you something, and wait for "), ui.Strong("your answer"), ui.Text(".")), "Write below; it goes on from where it was."
	case ticket.Failed:
		if a.between() {
			return ui.Failed, ui.Say(ui.Text("It could not be brought back, and "), ui.Strong("your site is not as it was yet"), ui.Text(".")), a.moneyBack("It may be closed to visitors. Our staff put it right, and write to you here.")
		}
		return ui.Failed, ui.Say(ui.Text("It could not be brought back. "), ui.Strong("Your site is as it was before"), ui.Text(".")), a.moneyBack("We look into it, and write to you here.")
	case ticket.Reopened:
		return ui.Running, ui.Say(ui.Text("It is not what you needed yet; "), ui.Strong("we look into it"), ui.Text(".")), a.byWhen("There is no second fee. We answer here")
	case ticket.Closed, ticket.Declined, ticket.Withdrawn, ticket.Draft:
	}
	return a.endSentence()
}

// between tells whether a restore that failed left the site as it should not be.
func (a *affair) between() bool {
	return a.restore != nil && a.restore.Between
}

func (a *affair) endSentence() (ui.State, []ui.Phrase, string) {
	on := ""
	if a.Ticket.EndedAt != nil {
		on = a.day(*a.Ticket.EndedAt)
	}
	switch a.Ticket.State {
	case ticket.Declined:
		return ui.Cancelled, ui.Say(ui.Text("We could not do this, and said why below, on "), ui.Strong(on), ui.Text(".")), a.moneyBack("Nothing on your site was changed.")
	case ticket.Withdrawn:
		return ui.Cancelled, ui.Say(ui.Text("It was taken back on "), ui.Strong(on), ui.Text(".")), a.moneyBack("Nothing on your site was changed.")
	default:
	}
	return ui.Good, ui.Say(ui.Text("Done. It was closed on "), ui.Strong(on), ui.Text(".")), ""
}

func (a *affair) supportSentence() (ui.State, []ui.Phrase, string) {
	switch a.Ticket.State {
	case ticket.NeedsInformation:
		return ui.Late, ui.Say(ui.Text("We answered, and wait for "), ui.Strong("your word"), ui.Text(".")), "Write below; it goes on from there."
	case ticket.Submitted, ticket.Reopened:
		if a.Ticket.RepliedAt != nil {
			return ui.Running, ui.Say(ui.Text("Our staff are at it.")), "They write here as soon as there is news."
		}
		return ui.Waiting, ui.Say(ui.Text("Your question is with our staff.")), a.byWhen("They answer here")
	default:
	}
	return a.endSentence()
}

// byWhen adds by when it is promised, where something is.
func (a *affair) byWhen(what string) string {
	due := a.Clocks.ReplyDue
	if due.IsZero() {
		due = a.Clocks.ResolveDue
	}
	if due.IsZero() || due.Before(a.now) {
		return what + " as soon as they can."
	}
	return what + " by " + a.day(due) + "."
}

func (a *affair) unpaidSentence() (ui.State, []ui.Phrase, string) {
	if a.Charge != nil && a.Charge.State == billing.Pending {
		return ui.Running, ui.Say(ui.Text("Your payment is "), ui.Strong("on its way"), ui.Text(".")), "Your bank may take a few days. We begin when it is here; you need not do anything."
	}
	next := "Next: you pay"
	if !a.money.cards {
		next = "Next: we send you an invoice, and you pay it"
	}
	switch {
	case !a.Approvals.Confirmed && a.May.Confirm:
		next += "; then you, or another administrator, confirm by typing the site’s name"
	case !a.Approvals.Confirmed:
		next += "; then an administrator of " + a.TenantName + " confirms by typing the site’s name"
	}
	return ui.Late, ui.Say(ui.Text("Your request is in, and waits for the fee of "), ui.Strong(a.price()), ui.Text(".")), next + "; then our staff agree, and it begins. Nothing on your site changes before."
}

func (a *affair) queuedSentence() (ui.State, []ui.Phrase, string) {
	safe := " Nothing on your site changes before."
	switch {
	case !a.Approvals.Confirmed && a.May.Confirm:
		return ui.Late, ui.Say(ui.Text("It is paid, and waits for "), ui.Strong("you"), ui.Text(": type the site’s name to confirm.")), "Then our staff agree, and it begins." + safe
	case !a.Approvals.Confirmed:
		return ui.Waiting, ui.Say(ui.Text("It is paid, and waits for "), ui.Strong("an administrator of "+a.TenantName), ui.Text(" to confirm.")), "They can do it on this page, by typing the site’s name." + safe
	case a.Approvals.Approvals > 1:
		return ui.Waiting, ui.Say(ui.Text("It is paid and confirmed, and waits for "), ui.Strong("two of our staff"), ui.Text(" to agree.")), a.byWhen("Two look at it, because your site itself changes. They do") + safe
	}
	return ui.Waiting, ui.Say(ui.Text("It is paid and confirmed, and waits for "), ui.Strong("our staff"), ui.Text(" to agree.")), a.byWhen("They do") + safe
}

func (a *affair) runningSentence() (ui.State, []ui.Phrase, string) {
	next := "You need not do anything. If anything fails, your site comes back as it is now by itself."
	if a.restore == nil {
		return ui.Running, ui.Say(ui.Text("It is being brought back now.")), next
	}
	now := a.restore.Detail
	if now == "" {
		now = a.stepNow()
	}
	if a.restore.Waits != "" {
		return ui.Waiting, ui.Say(ui.Text(words.Stop(a.restore.Waits))), next
	}
	say := ui.Say(ui.Strong(trimStop(now)))
	if a.restore.SecondsLeft > 0 {
		say = append(say, ui.Text(", about "+words.Span(seconds(int64(a.restore.SecondsLeft)))+" left"))
	}
	return ui.Running, append(say, ui.Text(".")), next
}

func trimStop(s string) string {
	if n := len(s); n > 0 && s[n-1] == '.' {
		return s[:n-1]
	}
	return s
}

// stepNow is the step of the restore that is current.
func (a *affair) stepNow() string {
	for _, s := range a.restore.Steps {
		if s.Current {
			return words.Capital(s.Words)
		}
	}
	return "It is being brought back now"
}

func (a *affair) acceptSentence() (ui.State, []ui.Phrase, string) {
	say := ui.Say(ui.Text("What you asked for "), ui.Strong("is back"))
	if at := pointAt(a.Request.Point); !at.IsZero() && a.Request.What == ticket.Everything {
		say = ui.Say(ui.Text("Your site runs again, "), ui.Strong("as it was "+a.day(at)))
	}
	if closed := a.closedFor(); closed > 0 {
		say = append(say, ui.Text(". It was closed for "+words.Took(closed)))
	}
	next := "Look at it, and say below whether it is what you needed."
	if !a.Clocks.AutoClose.IsZero() {
		next = "Look at it, and say by " + a.day(a.Clocks.AutoClose) + " whether it is what you needed. Without a word from you the ticket closes then, and what was kept aside goes."
	}
	return ui.Good, append(say, ui.Text(".")), next
}

func (a *affair) closedFor() time.Duration {
	if a.restore == nil || a.restore.Evidence.Host == nil {
		return 0
	}
	return time.Duration(a.restore.Evidence.Host.ClosedFor * float64(time.Second))
}

// moneyBack adds what happens to the fee of what was not done.
func (a *affair) moneyBack(text string) string {
	if a.Charge == nil {
		return text
	}
	switch a.Charge.State {
	case billing.Refunding:
		return text + " The fee of " + a.price() + " is on its way back to you; that can take 5 to 10 days."
	case billing.Refunded:
		return text + " The fee of " + a.price() + " went back to you."
	case billing.Void:
		return text + " Nothing is to be paid."
	default:
	}
	return text
}

// steps is the strip of a request.
func (a *affair) steps() []portal.Step {
	if a.Ticket.Kind == ticket.Support {
		return nil
	}
	all := []portal.Step{{Name: "Request"}, {Name: "Payment", Text: a.price()}, {Name: "Agreement", Text: "yours and ours"}, {Name: "Restore"}, {Name: "Your check"}}
	if a.Ticket.SubmittedAt != nil {
		all[0].Text = a.day(*a.Ticket.SubmittedAt)
	}
	if a.Charge != nil {
		_, all[1].Text = chargeWords(a.Charge.State)
	}
	if a.Request.Promise.HighSeconds > 0 {
		all[3].Text = between(seconds(a.Request.Promise.LowSeconds), seconds(a.Request.Promise.HighSeconds))
	}
	if n := a.Approvals.Approvals; n > 0 && !a.Approvals.Complete {
		all[2].Text = strconv.Itoa(a.given()) + " of " + strconv.Itoa(n+1) + " have agreed"
	}
	state := a.Ticket.State
	if state == ticket.NeedsInformation && a.Ticket.ResumeState != nil {
		state = *a.Ticket.ResumeState
	}
	now, how := stepOf(state)
	for i := range all {
		switch {
		case i < now:
			all[i].State = ui.Good
		case i == now:
			all[i].State, all[i].Current = how, true
		default:
			all[i].State = ui.None
		}
	}
	return all
}

func (a *affair) given() int {
	n := 0
	for _, yes := range []bool{a.Approvals.Confirmed, a.Approvals.First, a.Approvals.Second} {
		if yes {
			n++
		}
	}
	return n
}

// stepOf is the step of the strip at which a ticket stands, and how.
func stepOf(s ticket.State) (int, ui.State) {
	switch s {
	case ticket.Draft, ticket.Submitted:
		return 0, ui.Waiting
	case ticket.AwaitingPayment, ticket.NeedsInformation:
		return 1, ui.Waiting
	case ticket.Queued:
		return 2, ui.Waiting
	case ticket.Approved:
		return 3, ui.Waiting
	case ticket.Running, ticket.Verifying:
		return 3, ui.Running
	case ticket.AwaitingAcceptance:
		return 4, ui.Waiting
	case ticket.Failed:
		return 3, ui.Failed
	case ticket.Reopened:
		return 4, ui.Late
	case ticket.Declined, ticket.Withdrawn:
		return 0, ui.Cancelled
	case ticket.Closed:
	}
	return 5, ui.Good
}
