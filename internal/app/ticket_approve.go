package app

import (
	"context"
	"strings"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// mayBeAgreed refuses an agreement to what is no restore, or not any more.
func (w *work) mayBeAgreed() error {
	if w.t.Kind != ticket.Restore {
		return errs.New(errs.Conflict, "Only a restore wants an agreement.")
	}
	if w.t.Frozen != "" {
		return errs.New(errs.Conflict, "This ticket stands still: %s", w.t.Frozen)
	}
	switch w.t.State {
	case ticket.Submitted, ticket.AwaitingPayment, ticket.Queued, ticket.NeedsInformation:
		return nil
	case ticket.Draft:
		return errs.New(errs.Conflict, "This request was not handed in yet.")
	default:
		return errs.New(errs.Conflict, "A ticket that is %s wants no agreement any more.", w.t.State.Says())
	}
}

// ConfirmTicket is the tenant's admin's yes to the restore: the site's name,
// typed, and exactly it. Errs.Invalid of the field "site" where it differs.
func (a *App) ConfirmTicket(ctx context.Context, who authz.Actor, seen TicketSeen, siteName string) error {
	return a.onSeen(ctx, who, authz.ConfirmRestore, seen, func(ctx context.Context, w *work) error {
		if err := w.mayBeAgreed(); err != nil {
			return err
		}
		if w.t.ConfirmedAt != nil {
			return errs.New(errs.Conflict, "This restore was confirmed already.")
		}
		p, err := w.tx.TicketPlace(ctx, dbq.TicketPlaceParams{TenantID: w.t.TenantID, SiteID: w.t.SiteID})
		if err != nil {
			return err
		}
		if strings.TrimSpace(siteName) != p.SiteName {
			return errs.Field("site", "that is not the site's name; type %s, exactly so", p.SiteName)
		}
		err = w.change(ctx, "ticket.confirmed", nil, func(t *dbq.Ticket) { t.ConfirmedBy, t.ConfirmedAt = who.Account, &w.tx.Now })
		if err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// ApproveTicket is an operator's yes. Where two are wanted, the second must be
// another person. When nothing is missing any more, the restore begins.
func (a *App) ApproveTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return a.onSeen(ctx, who, authz.ApproveRestore, seen, func(ctx context.Context, w *work) error {
		if err := w.mayBeAgreed(); err != nil {
			return err
		}
		wanted := w.wanted()
		if _, err := w.approvals().Approve(who.Account, wanted); err != nil {
			return err
		}
		second := w.t.ApprovedAt != nil
		err := w.change(ctx, "ticket.approval_given", map[string]any{"second": second, "wanted": wanted}, func(t *dbq.Ticket) {
			if second {
				t.SecondBy, t.SecondAt = who.Account, &w.tx.Now
				return
			}
			t.ApprovedBy, t.ApprovedAt = who.Account, &w.tx.Now
		})
		if err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// forget takes the staff's approvals off, for they were of something else, and
// the customer's too where the point is another one.
func forget(t *dbq.Ticket, customersToo bool) {
	t.ApprovedBy, t.ApprovedAt, t.SecondBy, t.SecondAt = dbq.Ticket{}.ApprovedBy, nil, dbq.Ticket{}.SecondBy, nil
	if customersToo {
		t.ConfirmedBy, t.ConfirmedAt = dbq.Ticket{}.ConfirmedBy, nil
	}
}

// ChangePoint has a restore go to another restore point, by staff, while it has
// not begun. Why is told to the customer, who confirms anew; what was promised
// stays on record.
func (a *App) ChangePoint(ctx context.Context, who authz.Actor, seen TicketSeen, to ticket.Point, why string) error {
	why, err := words("why", why)
	if err != nil {
		return err
	}
	t, err := a.findTicket(ctx, who, seen.ID)
	if err != nil {
		return err
	}
	if _, err := authz.Check(who, authz.WorkTickets, t.TenantID); err != nil {
		return err
	}
	d, err := draftOf(t)
	if err != nil {
		return err
	}
	d.Request.Point = ticket.Point{Database: to.Database, Data: to.Data}
	r := d.Request.Tidy()
	if err := a.chosenCopies(ctx, d, &r); err != nil {
		return err
	}
	if r, err = checkPoint(r); err != nil {
		return err
	}
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		if w.t.Kind != ticket.Restore {
			return errs.New(errs.Conflict, "Only a restore has a restore point.")
		}
		was := w.req.Point
		if err := w.storeRequest(r); err != nil {
			return err
		}
		detail := map[string]any{"was": was, "point": r.Point, "why": why}
		if err := w.move(ctx, ticket.Change, detail, func(t *dbq.Ticket) { forget(t, true); answered(w.tx.Now)(t) }); err != nil {
			return err
		}
		if err := w.keepPoint(ctx); err != nil {
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

// checkPoint refuses a point that lacks what the request needs.
func checkPoint(r ticket.Request) (ticket.Request, error) {
	needs := restoreWhat(r.What).Reads()
	for _, kind := range needs {
		p := restorePlan{Database: r.Point.Database, Data: r.Point.Data}
		if p.copyOf(kind).IsZero() {
			return r, errs.Field("point", "choose a %s copy", kind)
		}
	}
	return r, nil
}

// RetryTicket has a restore that failed, or was not what was needed, done
// again, free of charge. Approvals of the staff are asked for anew.
func (a *App) RetryTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string) error {
	return a.RetryWithoutSafety(ctx, who, seen, why, "")
}

// RetryWithoutSafety is RetryTicket for a site that is so broken that no safety
// copy can be had of it: without says why the restore may begin all the same,
// in 10 characters or more, and stays with its evidence. It wants the right to
// start restores. "" keeps the rule. What is there is kept aside on the host
// in any case.
func (a *App) RetryWithoutSafety(ctx context.Context, who authz.Actor, seen TicketSeen, why, without string) error {
	why, err := words("why", why)
	if err != nil {
		return err
	}
	if without, err = restore.CheckWithoutSafety(without); err != nil {
		return err
	}
	action := authz.WorkTickets
	if without != "" {
		action = authz.StartRestore // whoever has it may work on tickets too
	}
	return a.onSeen(ctx, who, action, seen, func(ctx context.Context, w *work) error {
		r, err := w.restore(ctx)
		if err != nil {
			return err
		}
		if r != nil && r.State == restore.Restored && r.WithoutSafety != "" {
			return errs.New(errs.Conflict, "The restore before this one has no safety copy: accept it or have it undone first, so that nothing is lost.")
		}
		again := w.req
		again.Again = true
		if err := w.storeRequest(again); err != nil {
			return err
		}
		if err := w.move(ctx, ticket.Retry, map[string]any{"why": why}, func(t *dbq.Ticket) {
			forget(t, false)
			t.WithoutSafety, t.WithoutBy = without, ""
			if without != "" {
				t.WithoutBy = who.Name
			}
		}); err != nil {
			return err
		}
		if err := w.keepPoint(ctx); err != nil {
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

// AcceptTicket says that what came back is what was wanted.
func (a *App) AcceptTicket(ctx context.Context, who authz.Actor, seen TicketSeen) error {
	return a.onSeen(ctx, who, authz.AcceptRestore, seen, func(ctx context.Context, w *work) error {
		if err := w.move(ctx, ticket.Accept, nil, nil); err != nil {
			return err
		}
		return w.goOn(ctx)
	})
}

// ReopenTicket says that it is not, and why; undo has the site put back to
// how it was before the restore, while that is kept. A question is reopened
// so too.
func (a *App) ReopenTicket(ctx context.Context, who authz.Actor, seen TicketSeen, why string, undo bool) error {
	why, err := words("why", why)
	if err != nil {
		return err
	}
	action := authz.AcceptRestore
	if t, err := a.findTicket(ctx, who, seen.ID); err == nil && t.Kind == ticket.Support {
		action = authz.OpenTickets
	}
	return a.onSeen(ctx, who, action, seen, func(ctx context.Context, w *work) error {
		if !w.t.MergedInto.IsZero() {
			return errs.New(errs.Conflict, "This ticket was merged into another one; write there.")
		}
		if undo {
			r, err := w.restore(ctx)
			if err != nil {
				return err
			}
			if r == nil || r.State != restore.Restored {
				return errs.New(errs.Conflict, "What was there before the restore is no longer kept on the site, so it cannot be undone this way. Reopen the ticket without that; the safety copy is still there.")
			}
		}
		if !w.staff {
			if err := limitReply(ctx, w.tx, w.t.TenantID); err != nil {
				return err
			}
		}
		if err := w.move(ctx, ticket.Reopen, map[string]any{"undo": undo}, func(t *dbq.Ticket) { t.UndoAsked = undo }); err != nil {
			return err
		}
		if _, err := w.write(ctx, newMessage{body: why, via: dbq.MessageViaPage}); err != nil {
			return err
		}
		if !w.staff {
			by, err := w.nameOf(ctx, who.Account)
			if err != nil {
				return err
			}
			if err := w.mail(ctx, MailCustomerSaid, ticketWords{Text: why, By: by, Not: who.Account}); err != nil {
				return err
			}
		}
		return w.goOn(ctx)
	})
}
