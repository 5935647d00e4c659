package portal

import "holdfast/internal/billing"

// money is how the fee is paid here.
type money struct {
	price string // "USD 100.00"
	pays  string
	test  string // said while no real money moves; empty otherwise
	cards bool   // there is a page of payment
}

func (m money) sendLabel() string {
	if m.cards {
		return "Continue to payment"
	}
	return "Hand the request in"
}

// moneyOf says how the fee is paid here.
func (d *Door) moneyOf() money {
	m := money{price: billing.Fee.String()}
	p := d.app.Payments()
	switch {
	case p.Online && p.Test:
		m.cards, m.test = true, "No real money moves here: the page of payment is one to try out."
		m.pays = "You pay on the next page but one. Nothing begins before."
	case p.Online:
		m.cards, m.pays = true, "You pay by card or bank on Stripe’s page. Nothing begins before."
	default:
		m.pays = "You pay by invoice: we write to you. Nothing begins before it is paid."
	}
	return m
}
