package portal

import (
	"holdfast/internal/app"
	"holdfast/web/ui"
)

// told are the events that a customer is told of, in words. What is not here
// is the staff's own business, or stands in the page anyway.
var told = map[string]struct {
	state ui.State
	text  string
}{
	"ticket.submitted":      {ui.Good, "The request was handed in."},
	"ticket.payment_asked":  {ui.Waiting, "The fee was asked for."},
	"ticket.paid":           {ui.Good, "The fee is settled."},
	"ticket.unpaid":         {ui.Late, "The payment went back; the fee is due again."},
	"ticket.confirmed":      {ui.Good, "Confirmed by the site’s name."},
	"ticket.approval_given": {ui.Good, "One of our staff agreed."},
	"ticket.approved":       {ui.Good, "All have agreed."},
	"ticket.started":        {ui.Running, "The restore began."},
	"ticket.verifying":      {ui.Running, "What came back is being checked."},
	"ticket.restored":       {ui.Good, "It came back, and passed our checks."},
	"ticket.failed":         {ui.Failed, "It could not be brought back."},
	"ticket.undo_failed":    {ui.Late, "How it was before could not be put back by itself; our staff look into it."},
	"ticket.retried":        {ui.Running, "We try again, free of charge."},
	"ticket.accepted":       {ui.Good, "Accepted: it is what was needed."},
	"ticket.closed":         {ui.Good, "The ticket was closed."},
	"ticket.asked":          {ui.Late, "We asked for something."},
	"ticket.answered":       {ui.Good, "Answered; it goes on."},
	"ticket.changed":        {ui.Good, "What is asked for was changed."},
	"ticket.declined":       {ui.Cancelled, "We declined the request."},
	"ticket.withdrawn":      {ui.Cancelled, "The request was taken back."},
	"ticket.reopened":       {ui.Late, "The ticket was opened again."},
	"ticket.frozen":         {ui.Waiting, "The ticket stands still."},
	"ticket.thawed":         {ui.Good, "The ticket goes on."},
	"ticket.reminded":       {ui.Waiting, "We reminded of it by mail."},
	"ticket.access_granted": {ui.Good, "Our staff were given leave to look into the site."},
	"ticket.access_revoked": {ui.Cancelled, "The leave to look into the site was taken back."},
	"restore.safeguarding":  {ui.Running, "A copy of how the site is now is being taken first."},
	"restore.undo_asked":    {ui.Running, "How it was before is being put back."},
}

// happened words an event; "" for one that is not told.
func happened(m app.TicketMoment, _ *affair) (ui.State, string) {
	t, ok := told[m.Verb]
	if !ok {
		return ui.None, ""
	}
	if m.By != "" && !m.Staff {
		t.text = t.text[:len(t.text)-1] + ", by " + m.By + "."
	}
	return t.state, t.text
}
