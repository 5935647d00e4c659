package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// restoreMoved tells a restore's ticket that the restore moved, in the
// transaction of the move. What the ticket knows already changes nothing.
func (a *App) restoreMoved(ctx context.Context, tx *store.Tx, r dbq.Restore, verb restore.Verb) error {
	if r.TicketID.IsZero() {
		return nil
	}
	if verb == restore.Safeguard || verb == restore.Queue || verb == restore.Lease || verb == restore.Lose {
		return nil
	}
	w, err := a.systemWork(ctx, tx, r.TenantID, r.TicketID)
	if err != nil {
		return err
	}
	if w.t.RestoreID != r.ID {
		return nil // of an earlier try
	}
	w.happened = true
	switch verb {
	case restore.Finish:
		return w.restoreFinished(ctx, r)
	case restore.Fail, restore.Cancel:
		if r.State == restore.Restored {
			return w.undoFailed(ctx, r)
		}
		return w.restoreFailed(ctx, r, verb)
	case restore.Accept:
		if w.t.State != ticket.AwaitingAcceptance {
			return nil
		}
		return w.move(ctx, ticket.Accept, map[string]any{"by": "restore"}, nil)
	case restore.Undo:
		if w.t.State != ticket.AwaitingAcceptance {
			return nil
		}
		return w.move(ctx, ticket.Reopen, map[string]any{"why": "the restore is undone"}, nil)
	default:
		return nil
	}
}

// restoreFinished is for a host that is done: with the restore itself, with
// its settling, or with its undoing.
func (w *work) restoreFinished(ctx context.Context, r dbq.Restore) error {
	switch r.State {
	case restore.Restored:
		if w.t.State == ticket.Running {
			if err := w.move(ctx, ticket.Verify, nil, nil); err != nil {
				return err
			}
		}
		if w.t.State != ticket.Verifying {
			return nil
		}
		facts := evidenceFacts(r, w.req)
		if err := w.move(ctx, ticket.Restored, nil, nil); err != nil {
			return err
		}
		if err := w.say(ctx, evidenceText(facts, w.set)); err != nil {
			return err
		}
		return w.mail(ctx, MailFinished, ticketWords{Facts: facts})
	case restore.Undone:
		if err := w.say(ctx, "The site is as it was before the restore."); err != nil {
			return err
		}
		return w.runbook(ctx)
	case restore.Settled:
		return w.runbook(ctx)
	default:
		return nil
	}
}

// undoFailed is for an undoing that did not succeed: what the restore brought
// back is still there.
func (w *work) undoFailed(ctx context.Context, r dbq.Restore) error {
	said, stands := "The site could not be put back to how it was before the restore; it is as the restore left it, and open. Our staff look into it.", ""
	if r.ErrorCode == notRolledBack {
		said, stands = "The site could not be put back to how it was before the restore, and may be closed to visitors. Our staff have to put it right at the machine itself. The copies of how it was are kept.", leftBetween(r)
	}
	if err := w.say(ctx, said); err != nil {
		return err
	}
	return w.quiet(ctx, "ticket.undo_failed", nil, func(t *dbq.Ticket) { t.UndoAsked, t.Stands = false, stands })
}

// leftBetween tells the staff that a site is neither as it was nor restored.
func leftBetween(r dbq.Restore) string {
	return clip("Look at the host at once: the site is not as it was, and may be closed. "+r.Error, 500)
}

// restoreFailed is for a restore that was refused, rolled back or stopped: the
// site is as it was, the fee goes back by itself, the staff decide what next. A
// host that could not put the site back is the one of which that is not said.
func (w *work) restoreFailed(ctx context.Context, r dbq.Restore, verb restore.Verb) error {
	if w.t.State != ticket.Running && w.t.State != ticket.Verifying {
		return nil
	}
	why := "the restore did not succeed"
	said := "The restore did not succeed. Your site is as it was before, and open. The fee goes back to you by itself; you need not do anything. Our staff look into what stopped it."
	if verb == restore.Cancel {
		why = "the restore was stopped"
		said = "The restore was stopped before it was done. Your site is as it was before, and open. The fee goes back to you by itself; you need not do anything."
	}
	between, err := leftSiteBetween(ctx, w.tx, r)
	if err != nil {
		return err
	}
	if between {
		said = "The restore did not succeed, and your site could not be put back to how it was by itself: it may be closed to visitors. Our staff have to put it right at the machine itself. Nothing is lost: the copies of how it was are kept. The fee goes back to you by itself; you need not do anything."
	}
	if c, err := w.charge(ctx); err != nil {
		return err
	} else if c == nil || !c.State.Settles() || string(c.State) == "waived" {
		said = strings.Replace(said, " The fee goes back to you by itself; you need not do anything.", "", 1)
	}
	err = w.move(ctx, ticket.Fail, map[string]any{"restore": r.ID.String()}, func(t *dbq.Ticket) {
		t.RefundWhy = why
		if between {
			t.Stands = leftBetween(r)
		}
	})
	if err != nil {
		return err
	}
	if err := w.say(ctx, said); err != nil {
		return err
	}
	if err := w.mail(ctx, MailFailed, ticketWords{Between: between}); err != nil {
		return err
	}
	return w.runbook(ctx)
}

// evidenceFacts are what is proved of a restore, as labels and values for the
// customer.
func evidenceFacts(r dbq.Restore, req ticket.Request) [][2]string {
	e := evidenceOf(r)
	var out [][2]string
	add := func(label, format string, args ...any) {
		out = append(out, [2]string{label, fmt.Sprintf(format, args...)})
	}
	if at := req.Point.DatabaseAt; !at.IsZero() && (req.What == ticket.Everything || req.What == ticket.Database) {
		add("Database from", "%s", dateIn(at, req.Zone))
	}
	if at := req.Point.DataAt; !at.IsZero() && req.What != ticket.Database {
		add("Files from", "%s", dateIn(at, req.Zone))
	}
	if p := e.Host; p != nil {
		if p.Tables > 0 {
			add("Tables compared", "%d, with %d rows", p.Tables, p.Rows)
		}
		switch {
		case p.Written > 0 || p.Replaced > 0:
			add("Files brought back", "%d (%d in place of others)", p.Written, p.Replaced)
			if p.Into != "" {
				add("They lie in", "%s", p.Into)
			}
		case p.Files > 0:
			add("Files brought back", "%d", p.Files)
		}
		if p.ClosedFor > 0 {
			add("Your site was closed for", "%s", lasted(time.Duration(p.ClosedFor*float64(time.Second))))
		}
		for _, warning := range p.Warnings {
			add("Please note", "%s", warning)
		}
	}
	for _, s := range e.Safety {
		add("Kept from before ("+s.Kind+")", "%s", dateIn(s.TakenAt, req.Zone))
	}
	return out
}

// evidenceText is the message that goes with what is proved.
func evidenceText(facts [][2]string, set Settings) string {
	var b strings.Builder
	b.WriteString("Your site is back. We compared what came back with the copy:\n")
	for _, f := range facts {
		fmt.Fprintf(&b, "\n%s: %s", f[0], f[1])
	}
	fmt.Fprintf(&b, "\n\nPlease look at your site and tell us whether it is what you needed. What was there before is kept until then. Without an answer the ticket closes by itself after %d days.", set.AutoCloseDays)
	return b.String()
}

func dateIn(at time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		loc = time.UTC
	}
	return at.In(loc).Format("2 January 2006, 15:04 MST")
}

// lasted says a duration as people do.
func lasted(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second)/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
	}
	return fmt.Sprintf("%.1f hours", d.Hours())
}
