package app

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Money is what the money page begins with.
type Money struct {
	Sums     []dbq.ChargeSumsRow // by state, in the order of a charge's life; states without a charge are left out
	Alarms   int64               // charges that somebody must look at
	Payments Payments
	Owed     *billing.Owed // what Stripe holds for us; nil where there is none, or it does not answer
	OwedNote string        // why Owed is nil, one sentence
	LookedAt *time.Time    // when the reconciler had all events; nil: never
}

// MoneySums gives the sums of all charges, and asks nobody else.
func (a *App) MoneySums(ctx context.Context, who authz.Actor) (m Money, err error) {
	m.Payments = a.Payments()
	err = a.do(ctx, who, authz.ViewBilling, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if m.Sums, err = tx.ChargeSums(ctx); err != nil {
			return err
		}
		at, err := tx.StripeCursor(ctx)
		if isNoRows(err) {
			return nil
		}
		m.LookedAt = &at
		return err
	})
	for _, s := range m.Sums {
		m.Alarms += s.Alarms
	}
	return m, err
}

// Money gives the sums of all charges and what Stripe owes.
func (a *App) Money(ctx context.Context, who authz.Actor) (m Money, err error) {
	if m, err = a.MoneySums(ctx, who); err != nil {
		return m, err
	}
	if a.stripe == nil {
		m.OwedNote = "Stripe is not set up here; fees are paid offline."
		return m, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	owed, err := a.stripe.Owed(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "billing: cannot read the balance", "error", err)
		m.OwedNote = "Stripe does not tell the balance just now."
		return m, nil
	}
	m.Owed = &owed
	return m, nil
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if trimmed := strings.TrimLeft(s, " \u00a0\u3000\ufeff"); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠|%", []rune(trimmed)[0]) {
		return "'" + s
	}
	return s
}

// ExportCharges writes all charges since then, the newest first, as CSV with a
// header: amounts as plain decimals, instants as RFC 3339 in UTC, and no text
// that a spreadsheet would run. It gives how many it wrote.
func (a *App) ExportCharges(ctx context.Context, who authz.Actor, of id.Tenant, since time.Time, w io.Writer) (n int, err error) {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"charge", "ticket", "customer", "subject", "amount", "currency", "state", "created", "paid", "payment", "reason", "decided by", "needs a look"}); err != nil {
		return 0, fmt.Errorf("write the export: %w", err)
	}
	q := ChargeQuery{Tenant: of, Since: since, Size: maxChargeSize}
	for {
		page, err := a.ListCharges(ctx, who, q)
		if err != nil {
			return n, err
		}
		for _, r := range page.Charges {
			c, paid := r.Charge, ""
			if c.PaidAt != nil {
				paid = c.PaidAt.UTC().Format(time.RFC3339)
			}
			if err := out.Write([]string{
				c.ID.String(), fmt.Sprint(r.Number), cell(r.TenantName), cell(r.Subject), c.AmountCents.Decimal(), strings.ToUpper(c.Currency), string(c.State),
				c.CreatedAt.UTC().Format(time.RFC3339), paid, cell(c.PaymentIntent), cell(c.Reason), cell(c.DecidedBy), cell(c.Alarm),
			}); err != nil {
				return n, fmt.Errorf("write the export: %w", err)
			}
			n++
		}
		if page.Next.ID.IsZero() {
			break
		}
		q.After = page.Next
	}
	out.Flush()
	return n, out.Error()
}

// BilledTicketOf gives the ticket of a number, for whoever may see its fee.
func (a *App) BilledTicketOf(ctx context.Context, who authz.Actor, number int64) (ticket id.Ticket, err error) {
	var t dbq.BilledTicketByNumberRow
	if err := a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) (err error) {
		t, err = tx.BilledTicketByNumber(ctx, number)
		return err
	}); err != nil {
		return ticket, hide(err, "ticket")
	}
	if _, err := authz.Check(who, authz.ViewBilling, t.TenantID); err != nil {
		return ticket, hide(err, "ticket")
	}
	return t.ID, nil
}

// AskReconcile has the reconciler look at once, in whichever process serves.
func (a *App) AskReconcile(ctx context.Context, who authz.Actor) error {
	return a.do(ctx, who, authz.RefundFee, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		return tx.Enqueue(ctx, river.InsertManyParams{Args: job.ReconcileBilling{}})
	})
}
