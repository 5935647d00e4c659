package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const receiptsAtOnce = 50

// receipts is what was paid, of one organisation.
func (d *Door) receipts(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	ctx := r.Context()
	props := portal.ReceiptsProps{Page: d.page(ctx, p, portal.Money), Test: d.moneyOf().test, Empty: "Nothing was paid yet. A receipt appears here as soon as a fee is paid."}
	asked := r.URL.Query().Get("tenant")
	var of id.Tenant
	var mine []string
	for _, t := range p.Tenants {
		if !may(p, authz.ViewBilling, t.TenantID) {
			continue
		}
		mine = append(mine, t.Slug)
		if of.IsZero() && (asked == "" || asked == t.Slug) {
			of, asked = t.TenantID, t.Slug
		}
	}
	if of.IsZero() {
		return nil, errs.New(errs.Forbidden, "Your role does not see what was paid. An administrator of your organisation can change that.")
	}
	if len(mine) > 1 {
		for _, t := range p.Tenants {
			if slices.Contains(mine, t.Slug) {
				props.Choices = append(props.Choices, ui.Choice{Label: t.Name, Href: portal.ReceiptsPath + "?" + url.Values{"tenant": {t.Slug}}.Encode(), Selected: t.TenantID == of})
			}
		}
	}
	q := app.ChargeQuery{Tenant: of, Size: receiptsAtOnce}
	if after := r.URL.Query().Get("after"); after != "" {
		c, err := readChargeCursor(after)
		if err != nil {
			return nil, err
		}
		q.After = c
		props.Pager.PrevHref = portal.ReceiptsPath + "?" + url.Values{"tenant": {asked}}.Encode()
	}
	page, err := d.app.ListCharges(ctx, p.Actor, q)
	if err != nil {
		return nil, err
	}
	now, zone := d.clock.Now(), zoneFor(p, "")
	for _, c := range page.Charges {
		props.Rows = append(props.Rows, receiptRow(now, zone, c.ChargePageRow))
	}
	props.Pager.What = "receipts"
	if page.Next != (app.ChargeCursor{}) {
		props.Pager.NextHref = portal.ReceiptsPath + "?" + url.Values{"tenant": {asked}, "after": {chargeCursor(page.Next)}}.Encode()
	}
	return portal.Receipts(props), nil
}

func receiptRow(now time.Time, zone *time.Location, x dbq.ChargePageRow) portal.ReceiptRow {
	c := x.Charge
	at := c.CreatedAt
	if c.PaidAt != nil {
		at = *c.PaidAt
	}
	row := portal.ReceiptRow{At: figure.Dated(now, at, zone), Href: ticketPath(x.Number), What: x.Subject, About: "No. " + strconv.FormatInt(x.Number, 10), Amount: c.AmountCents.String(), Links: papersOf(c.ReceiptUrl, c.InvoiceUrl)}
	row.At.Words = at.In(zone).Format("2 Jan 2006")
	row.State, row.Word = chargeWords(c.State)
	switch c.State {
	case billing.Refunded:
		row.Refund = c.AmountCents.String() + " came back by " + c.UpdatedAt.In(zone).Format("2 Jan 2006")
	case billing.Refunding:
		row.Refund = c.AmountCents.String() + " is on its way back, 5 to 10 days"
	default:
	}
	return row
}

// chargeCursor writes a cursor for an address.
func chargeCursor(c app.ChargeCursor) string {
	return strconv.FormatInt(c.At.UnixMicro(), 36) + "." + c.ID.String()
}

func readChargeCursor(s string) (app.ChargeCursor, error) {
	bad := errs.Field("after", "is no place in this list; begin at its start")
	at, of, ok := strings.Cut(s, ".")
	micros, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil {
		return app.ChargeCursor{}, bad
	}
	charge, err := id.Parse[id.Charge](of)
	if err != nil {
		return app.ChargeCursor{}, bad
	}
	return app.ChargeCursor{At: time.UnixMicro(micros).UTC(), ID: charge}, nil
}
