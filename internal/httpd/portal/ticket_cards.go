package portal

import (
	"holdfast/internal/app"
	"holdfast/internal/billing"
	"holdfast/internal/httpd/words"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// pay is the button to the page of payment.
func (a *affair) pay() *portal.PayForm {
	if a.charge == nil || !a.Ticket.State.Open() || !a.charge.Charge.State.Open() {
		return nil
	}
	f := &portal.PayForm{Action: a.self + "/payment", Text: "If what comes back does not pass our checks, you get the money back without asking."}
	switch {
	case a.charge.Charge.State == billing.Pending:
		f.Pending = "Your payment is on its way. Your bank may take a few days; you need not pay again."
	case !a.charge.Payments.Online:
		f.Text = "You pay by invoice: we write to you. " + f.Text
	default:
		f.Label = "Pay " + a.price()
		f.Text = "You pay by card or bank on Stripe’s page, and come back here. " + f.Text
		if a.money.test != "" {
			f.Text = "You pay on a page to try out, and come back here. No real money moves."
		}
		if !a.charge.May.Pay {
			f.Off, f.Why = true, "Your role does not pay; a member or an administrator of your organisation can."
		}
	}
	return f
}

// confirm is the site's name, typed by an administrator.
func (a *affair) confirm() *portal.ConfirmForm {
	if a.Ticket.Kind != ticket.Restore || a.Approvals.Confirmed || !waitsForYes(a.Ticket.State) {
		return nil
	}
	f := &portal.ConfirmForm{Action: a.self + "/confirmation", Version: a.version(), Name: a.SiteName, Typed: a.said.name, Problem: a.said.nameProblem, May: a.May.Confirm}
	f.Text = "Nothing that is there now is touched."
	if a.Request.Replaces() {
		f.Text = "What is on " + a.SiteName + " now makes room for what was there before. We keep a copy of how it is now."
		if from := a.Request.Promise.LostFrom; !from.IsZero() {
			f.Text = "What was done on " + a.SiteName + " since " + a.day(from) + " will be gone from it. We keep a copy of how it is now."
		}
	}
	if !f.May {
		f.Who = "An administrator of " + a.TenantName + " can confirm, here on this page."
	}
	return f
}

func waitsForYes(s ticket.State) bool {
	return s == ticket.Submitted || s == ticket.AwaitingPayment || s == ticket.Queued
}

// doing is the restore at work.
func (a *affair) doing() *portal.Doing {
	if a.restore == nil || a.Ticket.State != ticket.Running && a.Ticket.State != ticket.Verifying && a.Ticket.State != ticket.Approved {
		return nil
	}
	d := &portal.Doing{Title: "What we do now", Safe: "A copy of how it was before is kept. If anything fails, it comes back by itself."}
	if a.restore.Step > 0 {
		d.Progress = &ui.Progress{Label: "The restore of " + a.SiteName, Percent: a.restore.Percent, Known: a.restore.Percent >= 0, Words: a.restore.Detail}
		if a.restore.SecondsLeft > 0 {
			d.Progress.Left = "about " + words.Span(seconds(int64(a.restore.SecondsLeft))) + " left"
		}
		if a.restore.BytesPerSecond > 0 {
			d.Progress.Rate = words.Bytes(a.restore.BytesPerSecond) + "/s"
		}
	}
	for _, s := range a.restore.Steps {
		d.Done = append(d.Done, a.stepDone(s))
	}
	return d
}

func (a *affair) stepDone(s app.RestoreStep) portal.DoneStep {
	out := portal.DoneStep{State: ui.Waiting, Name: words.Capital(s.Words)}
	switch {
	case s.Done:
		out.State = ui.Good
	case s.Current:
		out.State = ui.Running
	}
	if !s.At.IsZero() {
		out.Text = s.At.In(a.zone).Format("15:04")
	}
	return out
}

// accept asks whether what came back is what was needed.
func (a *affair) accept() *portal.AcceptForm {
	if a.Ticket.Kind != ticket.Restore || a.Ticket.State != ticket.AwaitingAcceptance && (a.Ticket.State != ticket.Closed || !a.May.Reopen) {
		return nil
	}
	f := &portal.AcceptForm{
		Action: a.self + "/acceptance", ReopenAction: a.self + "/reopening", Version: a.version(), May: a.May.Accept || a.May.Reopen, Accepted: !a.May.Accept,
		Undo: a.May.Undo, Reason: a.said.reason, Problem: a.said.reasonProblem, Open: a.said.reasonProblem != "",
	}
	f.Text = "How it was before is kept until you answer."
	if !a.Clocks.AutoClose.IsZero() {
		f.Text = "How it was before is kept until you answer, at the longest until " + a.day(a.Clocks.AutoClose) + "."
	}
	if f.Accepted {
		f.Text = "If something is not right after all, tell us."
	}
	return f
}

// evidence is what was checked, in plain words.
func (a *affair) evidence() *portal.Evidence {
	if a.restore == nil || a.restore.Evidence.Host == nil || a.Ticket.State == ticket.Running {
		return nil
	}
	p := a.restore.Evidence.Host
	e := &portal.Evidence{State: ui.Good, Text: "All checks passed."}
	if p.RolledBack {
		e.State, e.Text = ui.Failed, "A check did not pass, so your site was put back as it was before."
	}
	row := func(state ui.State, name, text string) {
		e.Rows = append(e.Rows, portal.EvidenceRow{State: state, Name: name, Text: text})
		if state != ui.Good && e.State == ui.Good {
			e.State, e.Text = ui.Incomplete, "It is back. Something is worth a look."
		}
	}
	if p.Tables > 0 {
		row(ui.Good, "Database", words.Many(int64(p.Tables), "table", "tables")+" and "+words.Many(p.Rows, "row", "rows")+" compared with the copy")
	}
	if p.Files > 0 {
		row(ui.Good, "Files", words.Many(p.Files, "file", "files")+", "+words.Bytes(p.Bytes))
	}
	if p.Written > 0 || p.Replaced > 0 {
		row(ui.Good, "Files", words.Many(p.Written, "file", "files")+" written, "+words.Count(p.Replaced)+" of them in the place of others")
	}
	if p.Into != "" {
		row(ui.Good, "Where they are", p.Into)
	}
	if g := p.Agreement; g != nil {
		state, text := agreement(g)
		row(state, "Moodle and its files", text)
	}
	if len(p.Refused) > 0 {
		row(ui.Incomplete, "Left out", words.Many(int64(len(p.Refused)), "file", "files")+" would have left the site’s folder")
	}
	for _, w := range p.Warnings {
		row(ui.Incomplete, "To know", w)
	}
	if n := len(a.restore.Evidence.Safety); n > 0 {
		row(ui.Good, "Kept from before", words.Many(int64(n), "copy", "copies")+" of how it was")
	}
	if !p.Ended.IsZero() {
		e.Note = "Checked " + a.day(p.Ended) + "."
		if closed := a.closedFor(); closed > 0 {
			e.Note = "The site was closed for " + words.Took(closed) + ". " + e.Note
		}
	}
	return e
}

// agreement is how the files that Moodle knows agree with those that are there.
func agreement(g *restore.Agreement) (ui.State, string) {
	if g.Missing == 0 && g.BadSize == 0 {
		return ui.Good, "all " + words.Many(g.Contents, "file that Moodle knows is", "files that Moodle knows are") + " there"
	}
	return ui.Incomplete, words.Count(g.Missing+g.BadSize) + " of " + words.Many(g.Contents, "file that Moodle knows is", "files that Moodle knows are") + " missing or not whole; they were so in the copy"
}
