package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// TakeWebhook verifies the raw body of a webhook, keeps the event once and
// queues a look at what it hints at, in one transaction. An event that is known
// is taken again with no effect. The error is errs.Forbidden where Stripe did
// not sign it for us, errs.Invalid where it is no event, errs.Unsupported where
// no Stripe or no webhook secret is set up.
func (a *App) TakeWebhook(ctx context.Context, body []byte, signature string) error {
	if a.stripe == nil || !a.stripe.HearsWebhooks() {
		return errs.New(errs.Unsupported, "No webhook of Stripe is set up here.")
	}
	e, err := a.stripe.ReadEvent(body, signature)
	if err != nil {
		return err
	}
	return a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
		return a.keepEvent(ctx, tx, e, "webhook")
	})
}

// keepEvent keeps an event that is not known yet and queues its job.
func (a *App) keepEvent(ctx context.Context, tx *store.Tx, e billing.EventReport, via string) error {
	state, why := dbq.StripeEventStateReceived, ""
	switch {
	case e.Live != a.stripe.Live():
		state, why = dbq.StripeEventStateIgnored, "of another mode, test or live, than our key"
	case !matters(e.Kind) || e.Object == "":
		state, why = dbq.StripeEventStateIgnored, "says nothing that we need"
	}
	n, err := tx.InsertStripeEvent(ctx, dbq.InsertStripeEventParams{
		ID: e.ID, Kind: e.Kind, ObjectID: e.Object, ApiVersion: e.APIVersion, Live: e.Live, Via: via, State: state, Error: why, HappenedAt: e.At, Now: tx.Now,
	})
	if err != nil || n == 0 || state != dbq.StripeEventStateReceived {
		return err
	}
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.StripeEvent{Event: e.ID}})
}

// matters tells whether events of this kind hint at a fee.
func matters(kind string) bool {
	for _, start := range []string{"checkout.session.", "charge.refund", "refund.", "charge.dispute."} {
		if strings.HasPrefix(kind, start) {
			return true
		}
	}
	return false
}

// errNotOurs is of a payment that no checkout of ours led to: the hoster's
// account may have others.
var errNotOurs = errs.New(errs.NotFound, "This payment is none of ours.")

// HandleStripeEvent looks at what an event hints at: it asks Stripe what is so
// now of the checkout in question and applies that. It is safe to run twice.
func (a *App) HandleStripeEvent(ctx context.Context, event string) error {
	if a.stripe == nil {
		return errNoStripe
	}
	var e dbq.StripeEvent
	if err := a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) (err error) {
		e, err = tx.StripeEventByID(ctx, event)
		return err
	}); err != nil {
		return err
	}
	if e.State == dbq.StripeEventStateDone || e.State == dbq.StripeEventStateIgnored {
		return nil
	}
	checkout, err := a.checkoutOf(ctx, e.ObjectID)
	if err == nil {
		err = a.SyncCheckout(ctx, checkout)
	}
	state, said := dbq.StripeEventStateDone, ""
	switch {
	case errors.Is(err, errNotOurs):
		state, said, err = dbq.StripeEventStateIgnored, errs.Sentence(err), nil
	case err != nil:
		state, said = dbq.StripeEventStateFailed, clip(err.Error(), 300)
	}
	return errors.Join(err, a.system(context.WithoutCancel(ctx), "stripe", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.StripeEventDone(ctx, dbq.StripeEventDoneParams{ID: event, State: state, Error: said, Now: tx.Now})
		return err
	}))
}

// checkoutOf finds our checkout of a session or a payment at Stripe. One whose
// name we never learnt, because the answer was lost, is known by the name that
// Stripe carries for us.
func (a *App) checkoutOf(ctx context.Context, object string) (found id.Checkout, err error) {
	session := strings.HasPrefix(object, "cs_")
	err = a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
		var row dbq.Checkout
		if session {
			row, err = tx.CheckoutByStripeID(ctx, &object)
		} else {
			row, err = tx.CheckoutByIntent(ctx, object)
		}
		found = row.ID
		return err
	})
	if err == nil || !errs.Is(err, errs.NotFound) {
		return found, err
	}
	var report billing.SessionReport
	if session {
		report, err = a.stripe.Checkout(ctx, object)
	} else {
		report, err = a.stripe.CheckoutOf(ctx, object)
	}
	if errs.Is(err, errs.NotFound) {
		return found, errNotOurs
	}
	if err != nil {
		return found, err
	}
	ours, err := id.Parse[id.Checkout](report.Checkout)
	if err != nil {
		return found, errNotOurs
	}
	err = a.system(ctx, "stripe", func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.CheckoutByID(ctx, ours)
		if isNoRows(err) {
			return errNotOurs
		}
		if err != nil {
			return err
		}
		if row.StripeID != nil && *row.StripeID != report.ID {
			return errNotOurs // somebody else's session bears our name: it is not believed
		}
		return a.applyTold(ctx, tx, row, told{session: report})
	})
	return ours, err
}

// EventQuery says which of Stripe's events are looked for.
type EventQuery struct {
	State  dbq.StripeEventState // "" for every one
	Before time.Time            // with BeforeID: go on after this one
	ID     string
	Size   int32 // 0 means 50; 500 at most
}

// StripeEvents gives a page of what Stripe told us, the newest first.
func (a *App) StripeEvents(ctx context.Context, who authz.Actor, q EventQuery) (rows []dbq.StripeEvent, err error) {
	if q.Size == 0 {
		q.Size = 50
	}
	if q.Size < 1 || q.Size > maxChargeSize {
		return nil, errs.Field("size", "%d must be from 1 to %d", q.Size, maxChargeSize)
	}
	switch q.State {
	case "", dbq.StripeEventStateReceived, dbq.StripeEventStateDone, dbq.StripeEventStateIgnored, dbq.StripeEventStateFailed:
	default:
		return nil, errs.Field("state", "%q is no state of an event", string(q.State))
	}
	err = a.do(ctx, who, authz.ViewBilling, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.StripeEventPage(ctx, dbq.StripeEventPageParams{State: string(q.State), BeforeAt: optionalTime(q.Before), BeforeID: q.ID, PageSize: q.Size})
		return err
	})
	return rows, err
}

// ReplayStripeEvent looks again at what an event hints at. What it did before
// is not done twice.
func (a *App) ReplayStripeEvent(ctx context.Context, who authz.Actor, event string) error {
	return a.do(ctx, who, authz.RefundFee, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.ReopenStripeEvent(ctx, event)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.NotFound, "There is no such event.")
		}
		if err := tx.Event(ctx, "stripe.replayed", store.Subject{Kind: "stripe"}, map[string]any{"event": event}); err != nil {
			return err
		}
		return tx.Enqueue(ctx, river.InsertManyParams{Args: job.StripeEvent{Event: event}})
	})
}
