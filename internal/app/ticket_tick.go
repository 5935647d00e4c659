package app

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// tickMost is how many tickets of each sort one tick looks at; the next one
// goes on.
const tickMost = 200

// stuckAfter is how long nobody touched a ticket before the tick asks its
// runbook again: the jobs of what people did have had their time.
const stuckAfter = 20 * time.Second

// TickTickets does what is due by itself: reminders, ends, promises that were
// broken, and whatever the runbook was cut off from. One ticket that fails
// holds up no other.
func (a *App) TickTickets(ctx context.Context) error {
	var due, late, stuck []dbq.TicketsToMoveRow
	err := a.system(ctx, "tickets", func(ctx context.Context, tx *store.Tx) error {
		remind, err := tx.TicketsToRemind(ctx, dbq.TicketsToRemindParams{Now: tx.Now, Most: tickMost})
		if err != nil {
			return err
		}
		broken, err := tx.TicketsLate(ctx, dbq.TicketsLateParams{Now: tx.Now, Most: tickMost})
		if err != nil {
			return err
		}
		due, late = due[:0], late[:0]
		for _, r := range remind {
			due = append(due, dbq.TicketsToMoveRow(r))
		}
		for _, r := range broken {
			late = append(late, dbq.TicketsToMoveRow(r))
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := []error{a.each(ctx, due, (*work).dueByItself), a.each(ctx, late, (*work).noteLate)}
	after := id.Ticket{}
	for ctx.Err() == nil {
		err := a.system(ctx, "tickets", func(ctx context.Context, tx *store.Tx) (err error) {
			stuck, err = tx.TicketsToMove(ctx, dbq.TicketsToMoveParams{Before: tx.Now.Add(-stuckAfter), After: pgtype.UUID{Bytes: after.UUID(), Valid: true}, Most: tickMost})
			return err
		})
		if err != nil {
			return err
		}
		all = append(all, a.each(ctx, stuck, (*work).runbook))
		if len(stuck) < tickMost {
			break
		}
		after = stuck[len(stuck)-1].ID
	}
	return errors.Join(all...)
}

// each does something to each ticket in a transaction of its own.
func (a *App) each(ctx context.Context, rows []dbq.TicketsToMoveRow, fn func(*work, context.Context) error) error {
	var all []error
	for _, r := range rows {
		if ctx.Err() != nil {
			return errors.Join(append(all, ctx.Err())...)
		}
		err := a.system(ctx, "tickets", func(ctx context.Context, tx *store.Tx) error {
			w, err := a.systemWork(ctx, tx, r.TenantID, r.ID)
			if err != nil {
				return err
			}
			return fn(w, ctx)
		})
		if err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func past(at *time.Time, now time.Time) bool { return at != nil && !at.After(now) }

// dueByItself reminds the customer once, and ends what nobody answered.
func (w *work) dueByItself(ctx context.Context) error {
	if w.t.Frozen != "" || w.t.EndedAt != nil {
		return nil
	}
	if past(w.t.CloseAt, w.tx.Now) {
		return w.endByItself(ctx)
	}
	if !past(w.t.RemindAt, w.tx.Now) {
		return nil
	}
	what, mail := "acceptance", MailReminder
	switch w.t.State {
	case ticket.AwaitingPayment:
		what, mail = "payment", MailPaymentLink
	case ticket.NeedsInformation:
		what, mail = "information", MailNeedsInfo
	default:
	}
	w.t.RemindAt = nil
	if err := w.note(ctx); err != nil {
		return err
	}
	if err := w.event(ctx, "ticket.reminded", map[string]any{"of": what}); err != nil {
		return err
	}
	return w.mail(ctx, mail, ticketWords{})
}

func (w *work) endByItself(ctx context.Context) error {
	switch w.t.State {
	case ticket.AwaitingAcceptance:
		if err := w.move(ctx, ticket.Accept, map[string]any{"by_itself": true}, nil); err != nil {
			return err
		}
		if err := w.say(ctx, "The ticket closed by itself, for we heard nothing more. If the site is not what you needed, reopen it: the safety copies are still kept."); err != nil {
			return err
		}
	case ticket.NeedsInformation:
		if err := w.move(ctx, ticket.Close, map[string]any{"by_itself": true}, nil); err != nil {
			return err
		}
		if err := w.say(ctx, "The ticket closed by itself, for we heard nothing more. Answer in it whenever you like, and it goes on."); err != nil {
			return err
		}
	default:
		w.t.CloseAt = nil
		return w.note(ctx)
	}
	return w.runbook(ctx)
}

// noteLate puts on record, once each, that a promise of time was broken.
func (w *work) noteLate(ctx context.Context) error {
	if w.t.EndedAt != nil || w.t.WaitsSince != nil {
		return nil
	}
	now := w.tx.Now
	var broke []string
	if past(w.t.ReplyDueAt, now) && w.t.ReplyLateAt == nil {
		w.t.ReplyLateAt = &now
		broke = append(broke, "reply")
	}
	if past(w.t.ResolveDueAt, now) && w.t.ResolveLateAt == nil {
		w.t.ResolveLateAt = &now
		broke = append(broke, "resolve")
	}
	if len(broke) == 0 {
		return nil
	}
	return w.quiet(ctx, "ticket.late", map[string]any{"promise": broke}, func(*dbq.Ticket) {})
}

// SweepTickets removes old drafts, and files of attachments that no row names.
func (a *App) SweepTickets(ctx context.Context) error {
	n, err := a.sweepFiles(ctx)
	if n > 0 {
		a.log.InfoContext(ctx, "files of attachments that no ticket names were removed", "count", n)
	}
	return errors.Join(err, a.sweepDrafts(ctx))
}
