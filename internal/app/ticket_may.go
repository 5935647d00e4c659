package app

import (
	"holdfast/internal/authz"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// may tells what the one who looks may do now: by their role, and by what the
// ticket's table and rows allow. Each use case decides again.
func (r *viewer) may(v *TicketView) {
	t := v.Ticket
	role := func(action authz.Action) bool {
		_, err := authz.Check(r.who, action, t.TenantID)
		return err == nil
	}
	can := func(verb ticket.Verb) bool {
		resume := ticket.State("")
		if t.ResumeState != nil {
			resume = *t.ResumeState
		}
		_, err := ticket.Apply(t.Kind, t.State, resume, verb)
		return err == nil && (t.Frozen == "" || verb.Talk())
	}
	opens, works := role(authz.OpenTickets), role(authz.WorkTickets)
	open, merged := t.EndedAt == nil && t.State != ticket.Draft, !t.MergedInto.IsZero()
	agree := t.Kind == ticket.Restore && t.Frozen == "" &&
		(t.State == ticket.Submitted || t.State == ticket.AwaitingPayment || t.State == ticket.Queued || t.State == ticket.NeedsInformation)
	again := r.who.Account.IsZero() && t.ApprovedBy.IsZero() || r.who.Account == t.ApprovedBy
	m := &v.May
	m.Reply = !merged && t.State != ticket.Draft && (works || opens && t.State != ticket.Declined && t.State != ticket.Withdrawn)
	m.Note, m.Assign = works && t.State != ticket.Draft, works && t.State != ticket.Draft
	m.Prioritise = works && open
	m.Ask, m.Decline, m.Close = works && can(ticket.Ask), works && can(ticket.Decline), works && can(ticket.Close)
	m.Withdraw = opens && can(ticket.Withdraw)
	m.Confirm = agree && t.ConfirmedAt == nil && role(authz.ConfirmRestore)
	m.Approve = agree && role(authz.ApproveRestore) && (t.ApprovedAt == nil || v.Approvals.Approvals > 1 && t.SecondAt == nil && !again)
	m.Retry, m.Change = works && can(ticket.Retry), works && can(ticket.Change)
	m.Accept = role(authz.AcceptRestore) && can(ticket.Accept)
	m.Reopen = can(ticket.Reopen) && !merged && (t.Kind == ticket.Restore && role(authz.AcceptRestore) || t.Kind == ticket.Support && opens)
	m.Undo = m.Reopen && v.Restore != nil && v.Restore.State == restore.Restored
	m.GiveUp = works && can(ticket.Fail) && (t.State == ticket.Reopened || t.State == ticket.AwaitingAcceptance)
	m.Finish = works && t.State == ticket.Approved && !v.Request.What.Automatic() && t.Frozen == ""
	m.Merge = works && (t.Kind == ticket.Support && can(ticket.Close) || t.Kind == ticket.Restore && can(ticket.Decline))
	m.Watch = !r.who.Account.IsZero() && t.State != ticket.Draft
	m.GrantAccess = !r.staff && role(authz.GrantAccess) && open && !t.SiteID.IsZero() && !r.who.Account.IsZero()
	m.Pay = role(authz.PayFee) && v.Charge != nil && v.Charge.State.Open() && t.EndedAt == nil
}
