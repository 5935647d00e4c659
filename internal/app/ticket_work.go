package app

import (
	"context"
	"fmt"
	"slices"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// AssignTicket gives a ticket to somebody of the staff; none takes it back.
func (a *App) AssignTicket(ctx context.Context, who authz.Actor, seen TicketSeen, to id.Account) error {
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error { return w.assign(ctx, to) })
}

func (w *work) assign(ctx context.Context, to id.Account) error {
	if w.t.State == ticket.Draft {
		return errs.New(errs.Conflict, "This request was not handed in yet.")
	}
	if w.t.Assignee == to {
		return nil
	}
	name := ""
	if !to.IsZero() {
		staff, err := w.tx.TicketStaff(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(staff, func(r dbq.TicketStaffRow) bool { return r.ID == to })
		if i < 0 {
			return errs.Field("to", "must be somebody of the staff who works on tickets: an owner, operator or support")
		}
		name = staff[i].Name
	}
	detail := map[string]any{"to": name, "account": to.String(), "from": w.t.Assignee.String()}
	return w.quiet(ctx, "ticket.assigned", detail, func(t *dbq.Ticket) { t.Assignee = to })
}

// TicketStaff are the people of the staff that a ticket can be given to.
func (a *App) TicketStaff(ctx context.Context, who authz.Actor) (out []TicketPerson, err error) {
	err = a.do(ctx, who, authz.WorkTickets, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		out = nil
		rows, err := tx.TicketStaff(ctx)
		for _, r := range rows {
			out = append(out, TicketPerson{Account: r.ID, Name: r.Name, Open: int(r.Open)})
		}
		return err
	})
	return out, err
}

// TicketPerson is somebody of the staff.
type TicketPerson struct {
	Account id.Account
	Name    string
	Open    int // tickets that they have
}

// PrioritiseTicket changes how urgent a ticket is, and when it is due.
func (a *App) PrioritiseTicket(ctx context.Context, who authz.Actor, seen TicketSeen, to ticket.Priority) error {
	if !slices.Contains(ticket.Priorities(), to) {
		return errs.Field("priority", "must be low, normal, high or urgent")
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error { return w.prioritise(ctx, to) })
}

func (w *work) prioritise(ctx context.Context, to ticket.Priority) error {
	from := w.t.Priority
	switch {
	case from == to:
		return nil
	case w.t.State == ticket.Draft || w.t.EndedAt != nil || w.t.SubmittedAt == nil:
		return errs.New(errs.Conflict, "A ticket that is %s has no priority any more.", w.t.State.Says())
	}
	return w.change(ctx, "ticket.prioritised", map[string]any{"from": from, "to": to}, func(t *dbq.Ticket) {
		t.Priority = to
		w.setClock(w.clock().Reprioritise(w.hours, *t.SubmittedAt, from, to))
		if t.ReplyDueAt != nil && t.ReplyDueAt.After(w.tx.Now) {
			t.ReplyLateAt = nil
		}
		if t.ResolveDueAt != nil && t.ResolveDueAt.After(w.tx.Now) {
			t.ResolveLateAt = nil
		}
	})
}

// words checks what is told to a customer with a decision.
func words(field, s string) (string, error) {
	s, err := ticket.CheckMessage(field, s)
	if err == nil && len([]rune(s)) < 3 {
		err = errs.Field(field, "say why, in a few words")
	}
	return s, err
}

// DeclineTicket ends a ticket by the staff's decision; why is told to the
// customer, and what was paid goes back.
func (a *App) DeclineTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	why, err := words("why", why)
	if err != nil {
		return err
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		err := w.move(ctx, ticket.Decline, nil, func(t *dbq.Ticket) {
			answered(w.tx.Now)(t)
			w.giveBack(t, "we declined the request")
		})
		if err != nil {
			return err
		}
		if _, err := w.write(ctx, newMessage{body: why, via: dbq.MessageViaPage}); err != nil {
			return err
		}
		if err := w.mail(ctx, MailDeclined, ticketWords{Text: why, By: w.set.HosterName}); err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// giveBack notes that the fee is to go back, of a ticket that may have one.
func (w *work) giveBack(t *dbq.Ticket, why string) {
	if t.Kind == ticket.Restore && t.SubmittedAt != nil {
		t.RefundWhy = why
	}
}

// WithdrawTicket ends a ticket by the customer's decision, before its restore
// runs; what was paid goes back. A draft is thrown away.
func (a *App) WithdrawTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return a.onSeen(ctx, who, authz.OpenTickets, seen, func(ctx context.Context, w *work) error {
		err := w.move(ctx, ticket.Withdraw, nil, func(t *dbq.Ticket) {
			w.giveBack(t, "the request was withdrawn")
			if t.SubmittedAt == nil { // its row waits for the sweep; its words do not
				t.Subject, t.Request = "", []byte("{}")
			}
		})
		if err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// CloseTicket ends a ticket that is done, by staff. Why may be empty; it is
// told to the customer.
func (a *App) CloseTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	if why != "" {
		var err error
		if why, err = words("why", why); err != nil {
			return err
		}
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error { return w.close(ctx, why) })
}

func (w *work) close(ctx context.Context, why string) error {
	if err := w.move(ctx, ticket.Close, nil, answered(w.tx.Now)); err != nil {
		return err
	}
	if why != "" {
		if _, err := w.write(ctx, newMessage{body: why, via: dbq.MessageViaPage}); err != nil {
			return err
		}
		if err := w.mail(ctx, MailReply, ticketWords{Text: why, By: w.set.HosterName}); err != nil {
			return err
		}
	}
	return w.goOn(ctx)
}

// FinishTicket tells, by staff, that work by hand (single courses) is done,
// with the evidence as the customer will read it.
func (a *App) FinishTicket(ctx context.Context, who authz.Actor, seen TicketSeen, evidence string) error {
	evidence, err := words("evidence", evidence)
	if err != nil {
		return err
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		if w.t.Kind != ticket.Restore || w.req.What.Automatic() {
			return errs.New(errs.Conflict, "This ticket's restore runs by itself; only work by hand, like single courses, is finished so.")
		}
		for _, verb := range []ticket.Verb{ticket.Start, ticket.Verify, ticket.Restored} {
			if err := w.move(ctx, verb, map[string]any{"by_hand": true}, answered(w.tx.Now)); err != nil {
				return err
			}
		}
		if _, err := w.write(ctx, newMessage{body: evidence, via: dbq.MessageViaPage}); err != nil {
			return err
		}
		return w.mail(ctx, MailFinished, ticketWords{Text: evidence, By: w.set.HosterName})
	})
}

// GiveUpTicket says, by staff, that what was needed cannot be brought back,
// after a restore that was not it: the site is put back to how it was, the fee
// goes back, and why is told.
func (a *App) GiveUpTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	why, err := words("why", why)
	if err != nil {
		return err
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		if w.t.State != ticket.Reopened && w.t.State != ticket.AwaitingAcceptance {
			return errs.New(errs.Conflict, "A ticket that is %s is declined or withdrawn, not given up.", w.t.State.Says())
		}
		if err := w.putBack(ctx); err != nil {
			return err
		}
		err := w.move(ctx, ticket.Fail, map[string]any{"by_hand": true}, func(t *dbq.Ticket) {
			answered(w.tx.Now)(t)
			w.giveBack(t, "we could not bring back what was needed")
		})
		if err != nil {
			return err
		}
		if _, err := w.write(ctx, newMessage{body: why, via: dbq.MessageViaPage}); err != nil {
			return err
		}
		if err := w.mail(ctx, MailReply, ticketWords{Text: why, By: w.set.HosterName}); err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// putBack has the host put back what was there before a restore that is still
// to be accepted.
func (w *work) putBack(ctx context.Context) error {
	r, err := w.restore(ctx)
	if err != nil || r == nil || r.State != restore.Restored {
		return err
	}
	if w.t.Frozen != "" {
		return errs.New(errs.Conflict, "This ticket stands still: %s", w.t.Frozen)
	}
	if err := w.a.undoRestore(ctx, w.tx, r.ID, fmt.Sprintf("Ticket #%d was given up", w.t.Number)); err != nil {
		return err
	}
	return w.reload(ctx)
}

// MergeTickets ends a ticket for the sake of another of the same tenant: its
// messages stay where they are, and it points to the other. A restore that was
// paid for is paid back.
func (a *App) MergeTickets(ctx context.Context, who authz.Actor, seen TicketSeen, into id.Ticket) error {
	if err := a.mayTalk(ctx, who, authz.WorkTickets, seen.ID); err != nil {
		return err
	}
	if into == seen.ID {
		return errs.Field("into", "is the same ticket")
	}
	other, err := a.findTicket(ctx, who, into)
	if errs.Is(err, errs.NotFound) {
		return errs.Field("into", "there is no such ticket")
	}
	if err != nil {
		return err
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		if other.TenantID != w.t.TenantID {
			return errs.Field("into", "#%d is another customer's ticket", other.Number)
		}
		// The other is locked after this one; two that merge into each other at
		// once are told apart by the database, which ends one and tries it again.
		o, err := w.tx.LockTicket(ctx, dbq.LockTicketParams{TenantID: other.TenantID, ID: into})
		if err != nil {
			return hideTicket(err)
		}
		if o.EndedAt != nil || o.State == ticket.Draft {
			return errs.Field("into", "#%d is %s; choose one that is open", o.Number, o.State.Says())
		}
		verb := ticket.Close
		if w.t.Kind == ticket.Restore {
			verb = ticket.Decline
		}
		err = w.move(ctx, verb, map[string]any{"merged_into": o.Number}, func(t *dbq.Ticket) {
			t.MergedInto = into
			answered(w.tx.Now)(t)
			w.giveBack(t, "the request was merged into another one")
		})
		if err != nil {
			return err
		}
		if err := w.say(ctx, fmt.Sprintf("This ticket goes on in #%d: %s", o.Number, o.Subject)); err != nil {
			return err
		}
		of := &work{a: a, tx: w.tx, t: o}
		if err := of.event(ctx, "ticket.took_in", map[string]any{"number": w.t.Number}); err != nil {
			return err
		}
		if err := w.watchAlong(ctx, o); err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// watchAlong has the people of a merged ticket told of the other one.
func (w *work) watchAlong(ctx context.Context, o dbq.Ticket) error {
	watch, err := w.tx.TicketWatchers(ctx, dbq.TicketWatchersParams{TenantID: w.t.TenantID, TicketID: w.t.ID})
	if err != nil {
		return err
	}
	people := []id.Account{w.t.AccountID}
	for _, p := range watch {
		people = append(people, p.AccountID)
	}
	for _, p := range people {
		if p.IsZero() || p == o.AccountID {
			continue
		}
		if _, err := w.tx.AddWatcher(ctx, dbq.AddWatcherParams{TenantID: o.TenantID, TicketID: o.ID, AccountID: p, Since: w.tx.Now}); err != nil {
			return err
		}
	}
	return nil
}

// WatchTicket makes the person told of what happens, or no longer.
func (a *App) WatchTicket(ctx context.Context, who authz.Actor, seen TicketSeen, watch bool) error {
	return a.onTicket(ctx, who, authz.ViewTickets, seen.ID, func(ctx context.Context, w *work) error {
		if who.Account.IsZero() {
			return errs.New(errs.Conflict, "Only people watch tickets.")
		}
		verb := "ticket.unwatched"
		var n int64
		var err error
		if watch {
			verb = "ticket.watched"
			n, err = w.tx.AddWatcher(ctx, dbq.AddWatcherParams{TenantID: w.t.TenantID, TicketID: w.t.ID, AccountID: who.Account, Since: w.tx.Now})
		} else {
			n, err = w.tx.DropWatcher(ctx, dbq.DropWatcherParams{TenantID: w.t.TenantID, TicketID: w.t.ID, AccountID: who.Account})
		}
		if err != nil || n == 0 {
			return err
		}
		if w.staff {
			return w.internal(ctx, verb, nil)
		}
		return w.event(ctx, verb, nil)
	})
}
