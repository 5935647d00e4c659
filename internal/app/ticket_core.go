package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// work is one ticket, locked, in one transaction. Every change is saved at
// once, from the version and state that it leaves, with its event.
type work struct {
	a     *App
	tx    *store.Tx
	t     dbq.Ticket
	req   ticket.Request
	set   Settings
	hours ticket.Hours
	// by is who acts, none for the system; staff whether they act as staff.
	by    authz.Actor
	staff bool
	// system tells whether the transaction may do the runbook's work: money
	// and restores. A customer's own may not.
	system bool
	after  bool // the runbook is to be asked once this has committed
	// happened tells that what moves the ticket has happened at its restore
	// already: one that stands still hears of it all the same.
	happened bool
}

var errTicketMoved = errs.New(errs.Conflict, "Somebody else changed this ticket since you opened it. Nothing of yours was done; look at it again first.")

// hideTicket is hide for tickets.
func hideTicket(err error) error { return hide(err, "ticket") }

// findTicket tells whose a ticket is, and hides it from who may not see it. A
// draft is there for who writes it alone.
func (a *App) findTicket(ctx context.Context, who authz.Actor, of id.Ticket) (t dbq.Ticket, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		t, err = tx.TicketByID(ctx, of)
		return err
	})
	if err != nil {
		return dbq.Ticket{}, hideTicket(err)
	}
	if _, err := authz.Check(who, authz.ViewTickets, t.TenantID); err != nil {
		return dbq.Ticket{}, hideTicket(err)
	}
	if t.SubmittedAt == nil && t.AccountID != who.Account {
		return dbq.Ticket{}, hideTicket(errs.New(errs.NotFound, "another person's draft"))
	}
	return t, nil
}

// onTicket runs fn with the ticket locked, in a transaction of the action, and
// lets the runbook go on after it.
func (a *App) onTicket(ctx context.Context, who authz.Actor, action authz.Action, of id.Ticket, fn func(ctx context.Context, w *work) error) error {
	t, err := a.findTicket(ctx, who, of)
	if err != nil {
		return err
	}
	g, err := authz.Check(who, action, t.TenantID)
	if err != nil {
		return err
	}
	after := false
	err = a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) error {
		after = false
		w, err := a.openWork(ctx, tx, t.TenantID, of)
		if err != nil {
			return err
		}
		w.by, w.staff = who, g.Scope() == authz.StaffScope
		w.system = w.staff
		if err := fn(ctx, w); err != nil {
			return err
		}
		after = w.after
		return nil
	})
	if err == nil && after {
		a.moveTicketNow(ctx, of)
	}
	return err
}

// onSeen is onTicket for what is decided on the version that was seen.
func (a *App) onSeen(ctx context.Context, who authz.Actor, action authz.Action, seen TicketSeen, fn func(ctx context.Context, w *work) error) error {
	return a.onTicket(ctx, who, action, seen.ID, func(ctx context.Context, w *work) error {
		if !w.asSeen(seen.Version) {
			return errTicketMoved
		}
		return fn(ctx, w)
	})
}

// asSeen tells whether the ticket is still as somebody saw it. What the staff
// did among themselves does not disturb a customer.
func (w *work) asSeen(version int) bool {
	if w.staff {
		return int(w.t.Version) == version
	}
	return int(w.t.PublicVersion) <= version && version <= int(w.t.Version)
}

// openWork locks a ticket within a transaction.
func (a *App) openWork(ctx context.Context, tx *store.Tx, of id.Tenant, t id.Ticket) (*work, error) {
	w := &work{a: a, tx: tx}
	var err error
	if w.set, err = a.settingsIn(ctx, tx); err != nil {
		return nil, err
	}
	if w.hours, err = ticket.NewHours(w.set.BusinessHours, w.set.BusinessZone); err != nil {
		return nil, errs.Wrap(errs.Other, err, "The stored business hours cannot be read.")
	}
	w.t.TenantID, w.t.ID = of, t
	return w, w.reload(ctx)
}

// systemWork is openWork in a transaction of the system's or of staff's, for
// what no person asks.
func (a *App) systemWork(ctx context.Context, tx *store.Tx, of id.Tenant, t id.Ticket) (*work, error) {
	w, err := a.openWork(ctx, tx, of, t)
	if err == nil {
		w.system = true
	}
	return w, err
}

// reload reads the ticket anew, after something else of this transaction may
// have changed it.
func (w *work) reload(ctx context.Context) error {
	t, err := w.tx.LockTicket(ctx, dbq.LockTicketParams{TenantID: w.t.TenantID, ID: w.t.ID})
	if err != nil {
		return hideTicket(err)
	}
	w.t, w.req = t, ticket.Request{}
	if err := json.Unmarshal(t.Request, &w.req); err != nil {
		return errs.Wrap(errs.Other, err, "The stored request cannot be read.")
	}
	return nil
}

// save writes the ticket as w.t says, if it is still as it was read.
func (w *work) save(ctx context.Context, was ticket.State) error { return w.store(ctx, was, true) }

// note is save for what the customer does not see.
func (w *work) note(ctx context.Context) error { return w.store(ctx, w.t.State, false) }

func (w *work) store(ctx context.Context, was ticket.State, public bool) error {
	t := w.t
	saved, err := w.tx.SaveTicket(ctx, dbq.SaveTicketParams{
		State: t.State, ResumeState: t.ResumeState, Priority: t.Priority, Subject: t.Subject, SiteID: t.SiteID,
		Assignee: t.Assignee, MergedInto: t.MergedInto, Request: t.Request, Frozen: t.Frozen,
		ConfirmedBy: t.ConfirmedBy, ConfirmedAt: t.ConfirmedAt, ApprovedBy: t.ApprovedBy, ApprovedAt: t.ApprovedAt,
		SecondBy: t.SecondBy, SecondAt: t.SecondAt, RestoreID: t.RestoreID,
		ReplyDueAt: t.ReplyDueAt, ResolveDueAt: t.ResolveDueAt, ReplyLateAt: t.ReplyLateAt, ResolveLateAt: t.ResolveLateAt, RepliedAt: t.RepliedAt,
		WaitsSince: t.WaitsSince, RemindAt: t.RemindAt, CloseAt: t.CloseAt, UndoAsked: t.UndoAsked, WithoutSafety: t.WithoutSafety, WithoutBy: t.WithoutBy, RefundWhy: t.RefundWhy, Stands: t.Stands,
		SubmittedAt: t.SubmittedAt, EndedAt: t.EndedAt, Now: w.tx.Now, TenantID: t.TenantID, ID: t.ID, WasVersion: t.Version, WasState: was, Public: public,
	})
	if isNoRows(err) {
		return errTicketMoved
	}
	if err != nil {
		return err
	}
	w.t = saved
	return w.tx.Notify(ctx, store.ChannelRuns, w.t.ID.String())
}

// change saves a change of fields that is no move, with its event.
func (w *work) change(ctx context.Context, verb string, detail map[string]any, fn func(t *dbq.Ticket)) error {
	was := w.t.State
	waited := w.waits()
	fn(&w.t)
	w.runClocks(waited)
	if err := w.save(ctx, was); err != nil {
		return err
	}
	return w.event(ctx, verb, detail)
}

// quiet is change for what is the staff's own affair.
func (w *work) quiet(ctx context.Context, verb string, detail map[string]any, fn func(t *dbq.Ticket)) error {
	fn(&w.t)
	if err := w.note(ctx); err != nil {
		return err
	}
	return w.internal(ctx, verb, detail)
}

// event appends an event that the customer sees too.
func (w *work) event(ctx context.Context, verb string, detail map[string]any) error {
	return w.tx.Event(ctx, verb, store.Subject{Kind: "ticket", ID: w.t.ID.UUID(), Tenant: w.t.TenantID, Site: w.t.SiteID}, detail)
}

// internal appends an event of what is the staff's own affair. It belongs to
// no tenant, so that no customer's transaction can read it.
func (w *work) internal(ctx context.Context, verb string, detail map[string]any) error {
	return w.tx.Event(ctx, verb, store.Subject{Kind: "ticket", ID: w.t.ID.UUID()}, detail)
}

// ticketEvents name the moves of a ticket in the event log.
var ticketEvents = map[ticket.Verb]string{
	ticket.Submit: "ticket.submitted", ticket.RequestPayment: "ticket.payment_asked", ticket.Pay: "ticket.paid", ticket.Unpay: "ticket.unpaid",
	ticket.Approve: "ticket.approved", ticket.Start: "ticket.started", ticket.Verify: "ticket.verifying", ticket.Restored: "ticket.restored",
	ticket.Fail: "ticket.failed", ticket.Retry: "ticket.retried", ticket.Accept: "ticket.accepted", ticket.Close: "ticket.closed",
	ticket.Ask: "ticket.asked", ticket.Reply: "ticket.answered", ticket.Decline: "ticket.declined", ticket.Withdraw: "ticket.withdrawn",
	ticket.Reopen: "ticket.reopened", ticket.Change: "ticket.changed",
}

// move applies a verb: the state, the clocks, what is due by itself, the event.
// Fn may change more of the ticket in the same move; it may be nil.
func (w *work) move(ctx context.Context, verb ticket.Verb, detail map[string]any, fn func(t *dbq.Ticket)) error {
	if w.t.Frozen != "" && !w.happened && !verb.Fact() && !verb.Talk() {
		return errs.New(errs.Conflict, "This ticket stands still: %s", w.t.Frozen)
	}
	from := w.t.State
	var resume ticket.State
	if w.t.ResumeState != nil {
		resume = *w.t.ResumeState
	}
	to, next, err := ticket.Move(w.t.Kind, from, resume, verb)
	if err != nil {
		return err
	}
	waited := w.waits()
	w.t.State, w.t.ResumeState = to, nil
	if next != "" {
		w.t.ResumeState = &next
	}
	w.t.EndedAt = nil
	if !to.Open() {
		w.t.EndedAt = &w.tx.Now
	}
	if to != ticket.Reopened {
		w.t.UndoAsked = false
	}
	w.t.Stands = ""
	if fn != nil {
		fn(&w.t)
	}
	w.startClocks(from, verb)
	w.runClocks(waited)
	w.alarms(from)
	if err := w.save(ctx, from); err != nil {
		return err
	}
	if detail == nil {
		detail = map[string]any{}
	}
	detail["from"], detail["to"] = from, to
	return w.event(ctx, ticketEvents[verb], detail)
}

func (w *work) clock() ticket.Clock {
	return ticket.Clock{ReplyDue: orZero(w.t.ReplyDueAt), ResolveDue: orZero(w.t.ResolveDueAt), WaitsSince: orZero(w.t.WaitsSince)}
}

func (w *work) setClock(c ticket.Clock) {
	w.t.ReplyDueAt, w.t.ResolveDueAt, w.t.WaitsSince = optionalTime(c.ReplyDue), optionalTime(c.ResolveDue), optionalTime(c.WaitsSince)
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (w *work) waits() bool { return w.t.State.Waits(w.t.ConfirmedAt != nil) }

// startClocks begins the promises of a ticket that was handed in, or begins
// again.
func (w *work) startClocks(from ticket.State, verb ticket.Verb) {
	switch verb {
	case ticket.Submit:
		w.setClock(ticket.Begin(w.hours, w.t.Priority, w.tx.Now))
	case ticket.Reopen, ticket.Retry:
		if from == ticket.NeedsInformation {
			return
		}
		c := ticket.Begin(w.hours, w.t.Priority, w.tx.Now)
		if w.t.RepliedAt != nil && verb == ticket.Retry {
			c = c.Answered()
		}
		w.setClock(c)
		w.t.ReplyLateAt, w.t.ResolveLateAt = nil, nil
	default:
	}
}

// runClocks lets the clocks stand or run as the state now says.
func (w *work) runClocks(waited bool) {
	switch waits := w.waits(); {
	case w.t.EndedAt != nil:
		w.t.WaitsSince = nil
	case waits:
		w.setClock(w.clock().Wait(w.tx.Now))
	case waited || w.t.WaitsSince != nil:
		w.setClock(w.clock().GoOn(w.hours, w.tx.Now))
	}
}

// alarms sets when somebody is reminded, and when the ticket ends by itself.
func (w *work) alarms(from ticket.State) {
	if w.t.State == from {
		return
	}
	w.t.RemindAt, w.t.CloseAt = nil, nil
	remind, end := w.tx.Now.AddDate(0, 0, w.set.ReminderDays), w.tx.Now.AddDate(0, 0, w.set.AutoCloseDays)
	switch {
	case w.t.State == ticket.AwaitingAcceptance, w.t.State == ticket.NeedsInformation && w.t.Kind == ticket.Support:
		w.t.RemindAt, w.t.CloseAt = &remind, &end
	case w.t.State == ticket.NeedsInformation, w.t.State == ticket.AwaitingPayment:
		w.t.RemindAt = &remind
	}
}

// say adds a message of the system's own, which both sides read.
func (w *work) say(ctx context.Context, body string) error {
	_, err := w.tx.InsertTicketMessage(ctx, dbq.InsertTicketMessageParams{
		TenantID: w.t.TenantID, ID: id.New[id.Message](), TicketID: w.t.ID, Author: ticket.BySystem, Via: dbq.MessageViaPage, Body: body, CreatedAt: w.tx.Now,
	})
	return err
}

// mail queues a mail about the ticket.
func (w *work) mail(ctx context.Context, what TicketMail, words ticketWords) error {
	return w.a.ticketMail(ctx, w.tx, w.t, what, words)
}

// goOn lets the runbook do what is to be done now: at once where this
// transaction may, else after it has committed. The job is there in case this
// process does not come to it.
func (w *work) goOn(ctx context.Context) error {
	if w.system {
		return w.runbook(ctx)
	}
	w.after = true
	return w.tx.Enqueue(ctx, river.InsertManyParams{Args: job.MoveTicket{Ticket: w.t.ID}})
}

func (w *work) storeRequest(r ticket.Request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	w.req, w.t.Request = r, b
	return nil
}
