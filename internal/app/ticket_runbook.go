package app

import (
	"context"
	"errors"
	"fmt"

	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// The runbook carries a restore ticket from one station to the next: it asks
// for the fee, and once that and all approvals are there it starts the restore;
// it pays back, undoes and settles what the ticket says is to be. It reads what
// is to be done from the rows alone, so that it may be called at any time, any
// number of times, and goes on wherever it was cut off.

// MoveTicket lets the runbook of a ticket do what is to be done now.
func (a *App) MoveTicket(ctx context.Context, of id.Ticket) error {
	return a.system(ctx, "runbook", func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TicketByID(ctx, of)
		if isNoRows(err) {
			return nil // a draft that was swept
		}
		if err != nil {
			return err
		}
		w, err := a.systemWork(ctx, tx, t.TenantID, of)
		if err != nil {
			return err
		}
		return w.runbook(ctx)
	})
}

// moveTicketNow is MoveTicket for who has just committed and waits for its
// effect; what fails is left to the job.
func (a *App) moveTicketNow(ctx context.Context, of id.Ticket) {
	if err := a.MoveTicket(ctx, of); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "the runbook of a ticket did not go on; its job will", "ticket", of.String(), "error", err)
	}
}

// maxStations is more than there are between any two states.
const maxStations = 12

// runbook does what is to be done, station by station.
func (w *work) runbook(ctx context.Context) error {
	if w.t.Kind != ticket.Restore || w.t.SubmittedAt == nil {
		return nil
	}
	for range maxStations {
		went, err := w.station(ctx)
		if err != nil || !went {
			return err
		}
	}
	return fmt.Errorf("the runbook of ticket %s goes round in circles at %s", w.t.ID, w.t.State)
}

// station does one thing, and tells whether there was one to do.
func (w *work) station(ctx context.Context) (went bool, err error) {
	switch {
	case w.t.RefundWhy != "":
		return w.payBack(ctx)
	case w.t.Frozen != "":
		return false, nil
	case w.t.UndoAsked:
		return w.undo(ctx)
	}
	switch w.t.State {
	case ticket.Submitted:
		return true, w.askForFee(ctx)
	case ticket.AwaitingPayment:
		c, err := w.charge(ctx)
		if err != nil || c == nil || !c.State.Settles() {
			return false, err
		}
		return true, w.paid(ctx, *c)
	case ticket.Queued:
		if !w.approvals().Complete(w.wanted()) {
			return false, nil
		}
		return true, w.move(ctx, ticket.Approve, nil, nil)
	case ticket.Approved:
		if !w.req.What.Automatic() {
			return false, nil
		}
		return w.startRestore(ctx)
	case ticket.Closed, ticket.Declined:
		return w.settle(ctx)
	default:
		return false, nil
	}
}

// charge gives the ticket's charge, nil where it has none.
func (w *work) charge(ctx context.Context) (*dbq.Charge, error) {
	c, err := w.tx.TicketCharge(ctx, dbq.TicketChargeParams{TenantID: w.t.TenantID, TicketID: w.t.ID})
	if isNoRows(err) {
		return nil, nil
	}
	return &c, err
}

// askForFee makes the fee due and tells so. A fee that is settled already is
// not asked for.
func (w *work) askForFee(ctx context.Context) error {
	if err := w.keepPoint(ctx); err != nil {
		return err
	}
	c, err := w.a.openCharge(ctx, w.tx, w.t.TenantID, w.t.ID)
	if err != nil {
		return err
	}
	if err := w.reload(ctx); err != nil || w.t.State != ticket.Submitted {
		return err
	}
	if c.State.Settles() {
		return w.paid(ctx, c)
	}
	if err := w.move(ctx, ticket.RequestPayment, map[string]any{"cents": int64(c.AmountCents)}, nil); err != nil {
		return err
	}
	return w.mail(ctx, MailPaymentLink, ticketWords{})
}

// keepPoint protects the chosen copies, so that they are still there when the
// fee and the approvals are.
func (w *work) keepPoint(ctx context.Context) error {
	until := w.tx.Now.AddDate(0, 0, ProtectDays)
	why := fmt.Sprintf("Chosen in ticket #%d.", w.t.Number)
	for _, of := range []id.Copy{w.req.Point.Database, w.req.Point.Data} {
		if of.IsZero() {
			continue
		}
		c, err := w.tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: w.t.TenantID, ID: of})
		if isNoRows(err) || err == nil && c.ProtectedUntil != nil && !c.ProtectedUntil.Before(until) {
			continue
		}
		if err != nil {
			return err
		}
		n, err := w.tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: c.TenantID, ID: of, ProtectedUntil: &until, ProtectedWhy: why})
		if err != nil {
			return err
		}
		if n == 0 {
			continue // it is being deleted: the restore will say so
		}
		if _, err := w.tx.RetainSoon(ctx, dbq.RetainSoonParams{TenantID: c.TenantID, SiteID: c.SiteID, Kind: c.Kind, RetainAt: &w.tx.Now}); err != nil {
			return err
		}
		if err := w.tx.Event(ctx, "copy.protected", copySubject(c), map[string]any{"until": until, "why": why}); err != nil {
			return err
		}
	}
	return nil
}

// paid notes that the fee is settled.
func (w *work) paid(ctx context.Context, c dbq.Charge) error {
	if err := w.move(ctx, ticket.Pay, map[string]any{"charge": string(c.State)}, nil); err != nil {
		return err
	}
	if c.State == billing.Waived {
		return nil
	}
	return w.mail(ctx, MailPaid, ticketWords{})
}

// payBack ends the ticket's fee: what is paid goes back, what is due is not.
// While the payer's bank claims it, it waits: what the bank gives back to us
// goes back then.
func (w *work) payBack(ctx context.Context) (bool, error) {
	if c, err := w.charge(ctx); err != nil || c != nil && c.State.Freezes() {
		return false, err
	}
	why := w.t.RefundWhy
	w.t.RefundWhy = ""
	if err := w.note(ctx); err != nil {
		return false, err
	}
	if err := w.a.endCharge(ctx, w.tx, w.t.TenantID, w.t.ID, why); err != nil {
		return false, err
	}
	return true, w.reload(ctx)
}

// feeStands tells whether money lets a restore begin: the fee is settled, or
// this is another try, free of charge. Who learns of a payment may learn in the
// same moment that it went back.
func (w *work) feeStands(ctx context.Context) (bool, error) {
	if !w.t.RestoreID.IsZero() || w.req.Again {
		return true, nil
	}
	c, err := w.charge(ctx)
	return err == nil && c != nil && c.State.Settles(), err
}

// approvals are those that the ticket has.
func (w *work) approvals() ticket.Approvals { return approvalsOf(w.t) }

func approvalsOf(t dbq.Ticket) ticket.Approvals {
	return ticket.Approvals{Confirmed: t.ConfirmedAt != nil, First: t.ApprovedAt != nil, FirstBy: t.ApprovedBy, Second: t.SecondAt != nil}
}

// wanted is how many approvals of the staff it wants.
func (w *work) wanted() int { return ticket.Wanted(w.req, w.set.SecondApproval) }

// restoreWhat turns what was asked for into what a restore is of.
func restoreWhat(w ticket.What) restore.What {
	switch w {
	case ticket.Database, ticket.Courses:
		return restore.Database
	case ticket.Data:
		return restore.Data
	case ticket.Files:
		return restore.Files
	default:
		return restore.Everything
	}
}

// startRestore plans the restore that was approved. What stands in its way is
// told to the staff, and tried again when something changes and by the tick.
func (w *work) startRestore(ctx context.Context) (bool, error) {
	if ok, err := w.feeStands(ctx); err != nil || !ok {
		return false, err
	}
	if ready, err := w.endOlder(ctx); err != nil || !ready {
		return false, err
	}
	r, err := w.a.planRestore(ctx, w.tx, restorePlan{
		Tenant: w.t.TenantID, Site: w.t.SiteID, Ticket: w.t.ID, What: restoreWhat(w.req.What), Database: w.req.Point.Database, Data: w.req.Point.Data,
		Input: restore.Input{Root: w.req.Root, Paths: w.req.Paths, InPlace: w.req.InPlace}, Why: fmt.Sprintf("Ticket #%d", w.t.Number),
		WithoutSafety: w.t.WithoutSafety, WithoutBy: w.t.WithoutBy,
	})
	if err != nil {
		return false, w.standsBecause(ctx, err)
	}
	if err := w.reload(ctx); err != nil {
		return false, err
	}
	if err := w.move(ctx, ticket.Start, map[string]any{"restore": r.String()}, func(t *dbq.Ticket) { t.RestoreID = r }); err != nil {
		return false, err
	}
	return true, w.mail(ctx, MailStarted, ticketWords{})
}

// standsBecause notes for the staff why the runbook cannot go on. A failure of
// ours or of the database's is no reason, and goes up.
func (w *work) standsBecause(ctx context.Context, cause error) error {
	var e *errs.Error
	if !errors.As(cause, &e) || e.Cause != nil || e.Kind == errs.Unavailable || e.Kind == errs.Other {
		return cause
	}
	said := clip(errs.Sentence(cause), 500)
	if w.t.Stands == said {
		return nil
	}
	return w.quiet(ctx, "ticket.stands", map[string]any{"why": said}, func(t *dbq.Ticket) { t.Stands = said })
}

// endOlder sees to it that an earlier restore of the ticket has ended: what it
// brought back is taken as it is, and the next one's safety copy keeps it.
func (w *work) endOlder(ctx context.Context) (ready bool, err error) {
	if w.t.RestoreID.IsZero() {
		return true, nil
	}
	r, err := w.restore(ctx)
	if err != nil || r == nil || !r.State.Open() {
		return err == nil, err
	}
	if r.State == restore.Restored {
		return false, w.hand(ctx, func() error { return w.a.acceptRestore(ctx, w.tx, r.ID) })
	}
	return false, w.standsBecause(ctx, errs.New(errs.Conflict, "The restore before this one is still at its end (%s); this one begins after it.", r.State))
}

// restore gives the ticket's newest restore, nil where it has none.
func (w *work) restore(ctx context.Context) (*dbq.Restore, error) {
	if w.t.RestoreID.IsZero() {
		return nil, nil
	}
	r, err := w.tx.TicketRestore(ctx, dbq.TicketRestoreParams{TenantID: w.t.TenantID, ID: w.t.RestoreID})
	if isNoRows(err) {
		return nil, nil
	}
	return &r, err
}

// hand does something to the restore that may move the ticket in its turn.
func (w *work) hand(ctx context.Context, fn func() error) error {
	if err := fn(); err != nil {
		return w.standsBecause(ctx, err)
	}
	if err := w.reload(ctx); err != nil || w.t.Stands == "" {
		return err
	}
	w.t.Stands = ""
	return w.note(ctx)
}

// settle has the host remove what it kept aside, once the ticket has ended.
func (w *work) settle(ctx context.Context) (bool, error) {
	r, err := w.restore(ctx)
	if err != nil || r == nil || r.State != restore.Restored {
		return false, err
	}
	return false, w.hand(ctx, func() error { return w.a.acceptRestore(ctx, w.tx, r.ID) })
}

// undo has the host put back what was there before the restore.
func (w *work) undo(ctx context.Context) (bool, error) {
	r, err := w.restore(ctx)
	if err != nil {
		return false, err
	}
	if r == nil || r.State != restore.Restored {
		w.t.UndoAsked = false
		return true, w.note(ctx)
	}
	err = w.a.undoRestore(ctx, w.tx, r.ID, fmt.Sprintf("Ticket #%d: it was not what was needed", w.t.Number))
	if err != nil {
		return false, w.standsBecause(ctx, err)
	}
	if err := w.reload(ctx); err != nil {
		return false, err
	}
	w.t.UndoAsked, w.t.Stands = false, ""
	return true, w.note(ctx)
}
