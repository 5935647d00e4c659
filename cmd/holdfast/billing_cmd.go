package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/money"
	"holdfast/internal/store/dbq"
)

func newBilling(s *settings) *cobra.Command {
	list := newBillingList(s)
	return listing(group("billing", "Fees of restores: what is due, paid, refunded, disputed",
		list, newBillingShow(s), newBillingRefund(s), newBillingWaive(s), newBillingOffline(s), newBillingReconcile(s), newBillingEvents(s), newBillingReplay(s), newBillingExport(s)), list)
}

// chargeRow is a charge as commands print it.
type chargeRow struct {
	Ticket   int64      `json:"ticket"`
	Customer string     `json:"customer,omitempty"`
	Cents    int64      `json:"amount_cents"`
	Currency string     `json:"currency"`
	State    string     `json:"state"`
	Created  time.Time  `json:"created"`
	Paid     *time.Time `json:"paid"`
	Reason   string     `json:"reason"`
	By       string     `json:"decided_by"`
	Alarm    string     `json:"needs_a_look"`
	ID       string     `json:"id"`
}

func chargeRowOf(number int64, customer string, c dbq.Charge) chargeRow {
	return chargeRow{number, customer, c.AmountCents.Cents(), c.Currency, string(c.State), c.CreatedAt.UTC(), c.PaidAt, c.Reason, c.DecidedBy, c.Alarm, c.ID.String()}
}

// printable keeps what others wrote from commanding the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func newBillingList(s *settings) *cobra.Command {
	var state string
	var alarms bool
	var most int32
	c := leaf("list", "List the charges, the newest first", "holdfast billing list --state paid\nholdfast billing list --alarms --json", 0, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&state, "state", "", "only those in this state: due, pending, paid, waived, offline, refunding, refunded, disputed, lost or void")
	c.Flags().BoolVar(&alarms, "alarms", false, "only those that somebody must look at")
	c.Flags().Int32Var(&most, "most", 50, "how many at most, up to 500")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			page, err := a.ListCharges(ctx, authz.Console(), app.ChargeQuery{State: billing.ChargeState(state), Alarms: alarms, Size: most})
			if err != nil {
				return err
			}
			out, cells := []chargeRow{}, [][]string{{"TICKET", "CUSTOMER", "AMOUNT", "STATE", "CREATED", "PAID", "NEEDS A LOOK"}}
			for _, r := range page.Charges {
				out = append(out, chargeRowOf(r.Number, r.TenantName, r.Charge))
				cells = append(cells, []string{
					strconv.FormatInt(r.Number, 10), printable(r.TenantName), r.Charge.AmountCents.String(), string(r.Charge.State), instant(&r.Charge.CreatedAt, ""), instant(r.Charge.PaidAt, ""), printable(r.Charge.Alarm),
				})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

// ticketOf reads a ticket's number and finds it.
func ticketOf(ctx context.Context, a *app.App, arg string) (ticket id.Ticket, number int64, err error) {
	number, err = strconv.ParseInt(strings.TrimPrefix(arg, "#"), 10, 64)
	if err != nil || number < 1 {
		return ticket, 0, errs.Field("TICKET", "%q must be a ticket's number, like 1001", arg)
	}
	ticket, err = a.BilledTicketOf(ctx, authz.Console(), number)
	return ticket, number, err
}

func newBillingShow(s *settings) *cobra.Command {
	c := leaf("show TICKET", "Show a ticket's charge, its checkouts, refunds and disputes", "holdfast billing show 1001", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			ticket, number, err := ticketOf(ctx, a, args[0])
			if err != nil {
				return err
			}
			v, err := a.Charge(ctx, authz.Console(), ticket)
			if err != nil {
				return err
			}
			return printCharge(c, number, v, *asJSON)
		})
	}
	return c
}

// part is one checkout, refund or dispute as commands print it.
type part struct {
	What    string    `json:"what"`
	State   string    `json:"state"`
	At      time.Time `json:"at"`
	Stripe  string    `json:"stripe"`
	Payment string    `json:"payment"`
	Note    string    `json:"note"`
}

func printCharge(c *cobra.Command, number int64, v app.ChargeView, asJSON bool) error {
	named := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	parts := []part{}
	for _, k := range v.Checkouts {
		parts = append(parts, part{fmt.Sprintf("checkout %d", k.Try), string(k.State), k.CreatedAt.UTC(), named(k.StripeID), k.PaymentIntent, k.Refused})
	}
	for _, r := range v.Refunds {
		parts = append(parts, part{"refund", string(r.State), r.CreatedAt.UTC(), named(r.StripeID), r.PaymentIntent, strings.Join(strings.Fields(r.Why+" "+r.Reference+" "+r.Error), " ")})
	}
	for _, d := range v.Disputes {
		parts = append(parts, part{"dispute", d.Status, d.OpenedAt.UTC(), d.StripeID, d.PaymentIntent, d.Reason})
	}
	row := chargeRowOf(number, v.Tenant, v.Charge)
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string]any{"charge": row, "parts": parts})
	}
	out := c.OutOrStdout()
	_, _ = fmt.Fprintf(out, "Ticket %d: %s, %s\n", number, v.Charge.AmountCents, v.Charge.State)
	for _, line := range [][2]string{{"reason", row.Reason}, {"decided by", row.By}, {"needs a look", row.Alarm}, {"receipt", v.Charge.ReceiptUrl}, {"invoice", v.Charge.InvoiceUrl}} {
		if line[1] != "" {
			_, _ = fmt.Fprintf(out, "  %s: %s\n", line[0], printable(line[1]))
		}
	}
	cells := [][]string{{"WHAT", "STATE", "AT", "STRIPE", "NOTE"}}
	for _, p := range parts {
		cells = append(cells, []string{p.What, p.State, p.At.Format(time.RFC3339), printable(p.Stripe), printable(p.Note)})
	}
	if len(parts) == 0 {
		return nil
	}
	return table(out, cells)
}

// decision is a command that decides something about a ticket's charge.
func decision(s *settings, c *cobra.Command, do func(ctx context.Context, a *app.App, ticket id.Ticket) error) *cobra.Command {
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			ticket, number, err := ticketOf(ctx, a, args[0])
			if err != nil {
				return err
			}
			if err := do(ctx, a, ticket); err != nil {
				return err
			}
			v, err := a.Charge(ctx, authz.Console(), ticket)
			if err != nil {
				return err
			}
			return printCharge(c, number, v, *asJSON)
		})
	}
	return c
}

func newBillingRefund(s *settings) *cobra.Command {
	var reason, amount, byHand string
	c := leaf("refund TICKET", "Pay a fee back, whole", "holdfast billing refund 1001 --reason 'the copy was too old'\nholdfast billing refund 1001 --by-hand 'transfer 2026-18'", 1, nil)
	c.Flags().StringVar(&reason, "reason", "", "why; it stays with the charge")
	c.Flags().StringVar(&amount, "amount", billing.Fee.Decimal(), "in US dollars; a part is refused")
	c.Flags().StringVar(&byHand, "by-hand", "", "note that an offline payment was paid back, by this reference")
	return decision(s, c, func(ctx context.Context, a *app.App, ticket id.Ticket) error {
		if byHand != "" {
			return a.RecordHandRefund(ctx, authz.Console(), ticket, byHand)
		}
		cents, err := money.Parse(amount)
		if err != nil {
			return errs.Wrap(errs.Invalid, err, "amount: %q is no amount in US dollars, like 100.00", amount)
		}
		return a.RefundFee(ctx, authz.Console(), ticket, cents, reason)
	})
}

func newBillingWaive(s *settings) *cobra.Command {
	var reason string
	c := leaf("waive TICKET", "Take no fee for a ticket", "holdfast billing waive 1001 --reason 'our own fault'", 1, nil)
	c.Flags().StringVar(&reason, "reason", "", "why; it stays with the charge")
	return decision(s, c, func(ctx context.Context, a *app.App, ticket id.Ticket) error {
		return a.WaiveFee(ctx, authz.Console(), ticket, reason)
	})
}

func newBillingOffline(s *settings) *cobra.Command {
	var reference string
	c := leaf("offline TICKET", "Record that a fee came another way", "holdfast billing offline 1001 --reference 'transfer 2026-17'", 1, nil)
	c.Flags().StringVar(&reference, "reference", "", "by which the payment is found, like a bank transfer's")
	return decision(s, c, func(ctx context.Context, a *app.App, ticket id.Ticket) error {
		return a.RecordOffline(ctx, authz.Console(), ticket, reference)
	})
}

func newBillingReconcile(s *settings) *cobra.Command {
	c := leaf("reconcile", "Have the reconciler ask Stripe now, and not at its next minute", "holdfast billing reconcile", 0, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.AskReconcile(ctx, authz.Console()); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"queued": true})
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "The reconciler looks as soon as a process serves.")
			return err
		})
	}
	return c
}

func newBillingEvents(s *settings) *cobra.Command {
	var state string
	var most int32
	c := leaf("events", "List what Stripe told us, the newest first", "holdfast billing events --state failed", 0, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&state, "state", "", "only those that are received, done, ignored or failed")
	c.Flags().Int32Var(&most, "most", 50, "how many at most, up to 500")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.StripeEvents(ctx, authz.Console(), app.EventQuery{State: dbq.StripeEventState(state), Size: most})
			if err != nil {
				return err
			}
			type eventRow struct {
				ID       string    `json:"id"`
				Kind     string    `json:"kind"`
				Object   string    `json:"object"`
				State    string    `json:"state"`
				Via      string    `json:"via"`
				Live     bool      `json:"live"`
				Tries    int32     `json:"tries"`
				Error    string    `json:"error"`
				Happened time.Time `json:"happened"`
				Received time.Time `json:"received"`
			}
			out, cells := []eventRow{}, [][]string{{"RECEIVED", "EVENT", "KIND", "VIA", "STATE", "NOTE"}}
			for _, r := range rows {
				out = append(out, eventRow{r.ID, r.Kind, r.ObjectID, string(r.State), r.Via, r.Live, r.Tries, r.Error, r.HappenedAt.UTC(), r.ReceivedAt.UTC()})
				cells = append(cells, []string{r.ReceivedAt.UTC().Format(time.RFC3339), printable(r.ID), printable(r.Kind), r.Via, string(r.State), printable(r.Error)})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

func newBillingReplay(s *settings) *cobra.Command {
	c := leaf("replay EVENT", "Look again at what an event of Stripe's hints at; nothing is done twice", "holdfast billing replay evt_1QXyZ", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.ReplayStripeEvent(ctx, authz.Console(), args[0]); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"event": args[0], "queued": true})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s is looked at again as soon as a process serves.\n", printable(args[0]))
			return err
		})
	}
	return c
}

func newBillingExport(s *settings) *cobra.Command {
	var since string
	c := leaf("export", "Write all charges as CSV, which a spreadsheet may open safely", "holdfast billing export --since 2026-01-01 > charges.csv", 0, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&since, "since", "", "only those made from this day on, like 2026-01-01 (UTC)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var from time.Time
		if since != "" {
			day, err := time.Parse(time.DateOnly, since)
			if err != nil {
				return errs.Field("since", "%q must be a day, like 2026-01-01", since)
			}
			from = day
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if !*asJSON {
				_, err := a.ExportCharges(ctx, authz.Console(), id.Tenant{}, from, c.OutOrStdout())
				return err
			}
			out := []chargeRow{}
			q := app.ChargeQuery{Since: from, Size: 500}
			for {
				page, err := a.ListCharges(ctx, authz.Console(), q)
				if err != nil {
					return err
				}
				for _, r := range page.Charges {
					out = append(out, chargeRowOf(r.Number, r.TenantName, r.Charge))
				}
				if q.After = page.Next; q.After.ID.IsZero() {
					return printJSON(c.OutOrStdout(), out)
				}
			}
		})
	}
	return c
}
