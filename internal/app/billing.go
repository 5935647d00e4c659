package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Stripe is the payment provider, as the use cases need it. Its errors have
// kinds: Unavailable where it may work later, NotFound, Forbidden where our key
// is not good, Conflict where the same key was used for something else or a
// checkout is not open any more, Invalid where it refuses.
type Stripe interface {
	CreateCheckout(context.Context, billing.CheckoutOrder) (billing.SessionReport, error)
	Checkout(ctx context.Context, stripeID string) (billing.SessionReport, error)
	CheckoutOf(ctx context.Context, intent string) (billing.SessionReport, error)
	ExpireCheckout(ctx context.Context, stripeID string) (billing.SessionReport, error)
	Refund(context.Context, billing.RefundOrder) (billing.RefundReport, error)
	Refunds(ctx context.Context, intent string) ([]billing.RefundReport, error)
	Disputes(ctx context.Context, intent string) ([]billing.DisputeReport, error)
	Events(ctx context.Context, since time.Time, after string) (page []billing.EventReport, more bool, err error)
	ReadEvent(body []byte, signature string) (billing.EventReport, error)
	Owed(context.Context) (billing.Owed, error)
	Live() bool          // real money
	Fake() bool          // a provider of demo and tests: pages say so
	HearsWebhooks() bool // events can be verified
	PageOrigin() string  // where its payment pages are, like https://checkout.stripe.com
}

// UseStripe sets the payment provider. Without one, fees are paid offline.
func (a *App) UseStripe(s Stripe) { a.stripe = s }

// Payments says what paying is like here, for pages.
type Payments struct {
	Online   bool   // by card and bank, on Stripe's page
	Test     bool   // no money moves: pages say "Test payments"
	Webhooks bool   // Stripe tells us at once; else we ask it every minute
	Page     string // the origin of the payment page
}

// FormsTo are the origins to which a form of ours may lead on: a browser that
// is not told refuses the way from "Pay" to the payment page.
func (p Payments) FormsTo() []string {
	if p.Page == "" {
		return nil
	}
	return []string{p.Page}
}

// Payments tells how fees can be paid.
func (a *App) Payments() Payments {
	if a.stripe == nil {
		return Payments{}
	}
	return Payments{Online: true, Test: a.stripe.Fake() || !a.stripe.Live(), Webhooks: a.stripe.HearsWebhooks(), Page: a.stripe.PageOrigin()}
}

var errNoStripe = errs.New(errs.Unsupported, "Payment by card is not set up here. Pay by bank transfer, and our billing staff will record it.")

// ChargeView is all of one charge.
type ChargeView struct {
	Charge    dbq.Charge
	Number    int64 // of its ticket
	Subject   string
	Tenant    string
	Checkouts []dbq.Checkout // the oldest first; addresses are not for pages
	Refunds   []dbq.Refund
	Disputes  []dbq.Dispute // staff's
	Payments  Payments
	May       ChargeMay
}

// ChargeMay is what the one who looks may do now.
type ChargeMay struct {
	Pay, Waive, Refund, Offline, HandRefund, Seen bool
}

// Charge gives the charge of a ticket.
func (a *App) Charge(ctx context.Context, who authz.Actor, ticket id.Ticket) (v ChargeView, err error) {
	t, err := a.billedTicket(ctx, ticket)
	if err != nil {
		return v, err
	}
	err = a.do(ctx, who, authz.ViewBilling, t.TenantID, func(ctx context.Context, tx *store.Tx) error {
		c, err := tx.ChargeOfTicket(ctx, dbq.ChargeOfTicketParams{TenantID: t.TenantID, TicketID: ticket})
		if err != nil {
			return err
		}
		v, err = a.chargeView(ctx, tx, who, c)
		v.Number, v.Subject = t.Number, t.Subject
		return err
	})
	return v, hide(err, "charge")
}

func (a *App) chargeView(ctx context.Context, tx *store.Tx, who authz.Actor, c dbq.Charge) (v ChargeView, err error) {
	v = ChargeView{Charge: c, Payments: a.Payments()}
	if v.Checkouts, err = tx.CheckoutsOfCharge(ctx, dbq.CheckoutsOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID}); err != nil {
		return v, err
	}
	if v.Refunds, err = tx.RefundsOfCharge(ctx, dbq.RefundsOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID}); err != nil {
		return v, err
	}
	if who.Staff != "" {
		if v.Disputes, err = tx.DisputesOfCharge(ctx, dbq.DisputesOfChargeParams{TenantID: c.TenantID, ChargeID: c.ID}); err != nil {
			return v, err
		}
	} else {
		v.Charge.Alarm, v.Charge.DecidedBy = "", ""
	}
	v.May = a.chargeMay(who, c, handRefund(v.Refunds) != nil)
	return v, nil
}

// chargeMay tells what somebody may do with a charge; byHand whether a payment
// back waits for a person.
func (a *App) chargeMay(who authz.Actor, c dbq.Charge, byHand bool) ChargeMay {
	may := func(action authz.Action) bool {
		_, err := authz.Check(who, action, c.TenantID)
		return err == nil
	}
	paid, wanted := c.State == billing.Paid || c.State == billing.Offline, c.State.Open() || c.State == billing.Lost
	return ChargeMay{
		Pay: c.State == billing.Due && a.Payments().Online && may(authz.PayFee), Waive: wanted && may(authz.WaiveFee),
		Offline: wanted && may(authz.OfflineFee), Refund: paid && may(authz.RefundFee), Seen: c.Alarm != "" && may(authz.RefundFee),
		HandRefund: byHand && may(authz.RefundFee),
	}
}

// handRefund is the payment back that waits for a person, nil for none.
func handRefund(all []dbq.Refund) *dbq.Refund {
	for i := range all {
		if all[i].State == billing.RefundAsked && billing.IsOffline(all[i].PaymentIntent) {
			return &all[i]
		}
	}
	return nil
}

// billedTicket finds a ticket, whoever's it is: a right is checked before
// anything of it is told.
func (a *App) billedTicket(ctx context.Context, ticket id.Ticket) (t dbq.BilledTicketRow, err error) {
	err = a.system(ctx, "billing", func(ctx context.Context, tx *store.Tx) error {
		t, err = tx.BilledTicket(ctx, ticket)
		return err
	})
	return t, hide(err, "ticket")
}

// ChargeQuery says which charges are looked for.
type ChargeQuery struct {
	Tenant id.Tenant           // none for all, which is staff's
	Ticket id.Ticket           // none for every one
	State  billing.ChargeState // "" for every one
	Alarms bool                // those that somebody must look at
	Since  time.Time
	After  ChargeCursor
	Size   int32 // 0 means 50; 500 at most
}

// ChargeCursor is a charge to go on after. The zero value is the newest end.
type ChargeCursor struct {
	At time.Time
	ID id.Charge
}

// ChargePage is a page of charges, the newest first.
type ChargePage struct {
	Charges []ChargeRow
	Next    ChargeCursor // zero at the end
}

// ChargeRow is a charge of a list, and what the one who looks may do with it.
type ChargeRow struct {
	dbq.ChargePageRow
	May ChargeMay
}

const maxChargeSize = 500

// ListCharges gives a page of charges.
func (a *App) ListCharges(ctx context.Context, who authz.Actor, q ChargeQuery) (page ChargePage, err error) {
	if q.Size == 0 {
		q.Size = 50
	}
	if q.Size < 1 || q.Size > maxChargeSize {
		return page, errs.Field("size", "%d must be from 1 to %d", q.Size, maxChargeSize)
	}
	if q.State != "" && !chargeState(q.State) {
		return page, errs.Field("state", "%q is no state of a charge", string(q.State))
	}
	p := dbq.ChargePageParams{TicketID: store.Optional(q.Ticket.UUID()), TenantID: store.Optional(q.Tenant.UUID()), State: string(q.State), Alarms: q.Alarms, Since: optionalTime(q.Since), PageSize: q.Size + 1}
	if !q.After.ID.IsZero() {
		p.BeforeAt, p.BeforeID = &q.After.At, store.Optional(q.After.ID.UUID())
	}
	err = a.do(ctx, who, authz.ViewBilling, q.Tenant, func(ctx context.Context, tx *store.Tx) error {
		page = ChargePage{}
		rows, err := tx.ChargePage(ctx, p)
		for _, r := range rows {
			page.Charges = append(page.Charges, ChargeRow{r, a.chargeMay(who, r.Charge, r.ByHand)})
		}
		return err
	})
	if err != nil {
		return page, err
	}
	if len(page.Charges) > int(q.Size) {
		page.Charges = page.Charges[:q.Size]
		last := page.Charges[q.Size-1].Charge
		page.Next = ChargeCursor{last.CreatedAt, last.ID}
	}
	if who.Staff == "" {
		for i := range page.Charges {
			page.Charges[i].Charge.Alarm, page.Charges[i].Charge.DecidedBy = "", ""
		}
	}
	return page, nil
}

func chargeState(s billing.ChargeState) bool {
	for _, k := range billing.ChargeStates() {
		if k == s {
			return true
		}
	}
	return false
}

// ofCharge names a charge in the event log.
func ofCharge(c dbq.Charge) store.Subject {
	return store.Subject{Kind: "charge", ID: c.ID.UUID(), Tenant: c.TenantID}
}
