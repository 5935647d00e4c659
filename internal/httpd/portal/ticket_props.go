package portal

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/billing"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/ticket"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

func dayWords(now, t time.Time, zone *time.Location) string { return words.Day(now, t, zone) }

func (a *affair) version() string { return strconv.Itoa(int(a.Ticket.Version)) }

func (a *affair) number() string { return strconv.FormatInt(a.Ticket.Number, 10) }

// filesRule says what may be attached before anything is chosen.
func filesRule() string {
	return "Up to " + strconv.Itoa(ticket.MaxFiles) + " files of " + strconv.Itoa(ticket.MaxFileBytes>>20) + " MB each: pictures, PDF, text, office documents, course backups, or a zip of these."
}

func filesAccept() string { return "." + strings.Join(ticket.FileTypes(), ",.") }

// asked is what was asked for, and what was promised.
func (a *affair) asked() []ui.Fact {
	var out []ui.Fact
	if a.SiteName != "" {
		out = append(out, ui.Fact{Label: "Site", Value: a.SiteName})
	}
	q := a.Request
	if a.Ticket.Kind == ticket.Support {
		return append(out, ui.Fact{Label: "Fee", Value: "none"})
	}
	what := ui.Fact{Label: "What", Value: words.Capital(whatWords(q))}
	switch q.What {
	case ticket.Courses:
		what.Note = strings.Join(q.Courses, "; ")
	case ticket.Files:
		what.Note = strings.Join(q.Paths, "; ")
	default:
	}
	out = append(out, what)
	if at := pointAt(q.Point); !at.IsZero() {
		out = append(out, ui.Fact{Label: "As it was", Value: a.day(at)})
	}
	if !q.At.IsZero() {
		out = append(out, ui.Fact{Label: "Still right", Value: a.day(q.At)})
	}
	if q.Promise.HighSeconds > 0 {
		out = append(out, ui.Fact{Label: "Ready in", Value: between(seconds(q.Promise.LowSeconds), seconds(q.Promise.HighSeconds)), Note: q.Promise.Basis})
	}
	if q.Urgent {
		out = append(out, ui.Fact{Label: "Urgent", Value: "yes", Note: q.Why})
	}
	fee := ui.Fact{Label: "Fee", Value: a.price()}
	if a.Charge != nil {
		_, fee.Note = chargeWords(a.Charge.State)
	}
	return append(out, fee)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func pointAt(p ticket.Point) time.Time {
	if !p.DatabaseAt.IsZero() {
		return p.DatabaseAt
	}
	return p.DataAt
}

func (a *affair) price() string {
	if a.Charge != nil {
		return a.Charge.AmountCents.String()
	}
	return a.money.price
}

// papers are the receipt and the invoice.
func (a *affair) papers() []ui.Choice {
	if a.Charge == nil || a.charge == nil {
		return nil
	}
	return papersOf(a.Charge.ReceiptUrl, a.Charge.InvoiceUrl)
}

func papersOf(receipt, invoice string) []ui.Choice {
	var out []ui.Choice
	for _, x := range []struct{ label, href string }{{"Receipt", receipt}, {"Invoice", invoice}} {
		if strings.HasPrefix(x.href, "https://") || strings.HasPrefix(x.href, "http://") {
			out = append(out, ui.Choice{Label: x.label, Href: x.href})
		}
	}
	return out
}

// chargeWords is how a charge stands, in a word or two.
func chargeWords(s billing.ChargeState) (ui.State, string) {
	switch s {
	case billing.Due:
		return ui.Waiting, "due"
	case billing.Pending:
		return ui.Running, "on its way"
	case billing.Paid:
		return ui.Good, "paid"
	case billing.Waived:
		return ui.Good, "waived"
	case billing.Offline:
		return ui.Good, "paid by invoice"
	case billing.Refunding:
		return ui.Running, "on its way back"
	case billing.Refunded:
		return ui.Cancelled, "paid back"
	case billing.Disputed:
		return ui.Late, "disputed"
	case billing.Lost:
		return ui.Cancelled, "taken back by the bank"
	case billing.Void:
		return ui.Cancelled, "not taken"
	}
	return ui.Waiting, string(s)
}

// paidWords answers who comes back from the page of payment.
func paidWords(c app.ChargeView) (ui.State, string) {
	switch c.Charge.State {
	case billing.Paid, billing.Offline, billing.Waived:
		return ui.Good, "Thank you, the fee is paid."
	case billing.Pending:
		return ui.Good, "Your payment is on its way; your bank may take a few days. You need not pay again."
	default:
	}
	return ui.Late, "Your payment is on its way to us. This page says when it is here; you need not pay again."
}

func (a *affair) withdrawWords() string {
	if a.Ticket.Kind == ticket.Support {
		return "We stop looking into it."
	}
	if a.Charge != nil && (a.Charge.State == billing.Paid || a.Charge.State == billing.Offline) {
		return "Nothing on your site was changed. You get the fee of " + a.price() + " back."
	}
	return "Nothing on your site was changed, and nothing is to be paid."
}

// access is the leave of the staff to look into the site.
func (a *affair) access() *portal.Access {
	if a.Ticket.SiteID.IsZero() || !a.May.GrantAccess && len(a.Accesses) == 0 {
		return nil
	}
	out := &portal.Access{Text: "Not unless you say so. Leave ends by itself, and you can take it back at any time.", Version: a.version(), Problem: a.said.hoursProblem}
	for _, x := range slices.Backward(a.Accesses) {
		g := portal.Given{State: ui.Cancelled, Text: "Ended " + a.day(x.ExpiresAt)}
		switch {
		case x.RevokedAt != nil:
			g.Text = "Taken back " + a.day(*x.RevokedAt)
		case x.Open:
			g.State, g.Text = ui.Good, "Until "+a.day(x.ExpiresAt)
			if x.By != "" {
				g.Text += ", given by " + x.By
			}
			if a.May.GrantAccess {
				g.Revoke = a.self + "/access/" + x.ID.String() + "/revocation"
			}
		}
		out.Given = append(out.Given, g)
	}
	if a.May.GrantAccess {
		out.Action = a.self + "/access"
		for _, x := range []struct {
			hours int
			label string
		}{{app.MinAccessHours, "3 hours"}, {8, "8 hours"}, {24, "1 day"}, {72, "3 days"}, {app.MaxAccessHours, "1 week"}} {
			out.Choices = append(out.Choices, ui.Choice{Value: strconv.Itoa(x.hours), Label: x.label, Selected: x.hours == 24})
		}
	}
	return out
}

// thread is what was said and done, the oldest first.
func (a *affair) thread() []portal.Entry {
	var out []portal.Entry
	for i, m := range a.Timeline {
		e := portal.Entry{ID: "entry-" + strconv.Itoa(i), At: figure.Dated(a.now, m.At, a.zone)}
		e.At.Words = m.At.In(a.zone).Format("Mon ") + e.At.Words
		if m.Message == nil {
			state, text := happened(m, a)
			if text == "" {
				continue
			}
			e.Side, e.State, e.Text = "event", state, text
			out = append(out, e)
			continue
		}
		if m.Message.Internal {
			continue // it is never given to a customer; this is a second lock
		}
		e.ID = "message-" + m.Message.ID.String()
		e.Text, e.Side, e.Who = m.Message.Body, "theirs", a.hoster
		switch m.Message.Author {
		case ticket.ByCustomer:
			e.Side, e.Who = "mine", m.Message.By
			if e.Who == "" {
				e.Who = "By mail"
			}
		case ticket.ByStaff:
			if m.Message.By != "" {
				e.Who = m.Message.By + ", " + a.hoster
			}
		case ticket.BySystem:
		}
		for _, f := range m.Message.Files {
			e.Files = append(e.Files, portal.File{Href: a.self + "/attachments/" + f.ID.String(), Name: f.Name, Note: words.Bytes(f.Bytes)})
		}
		out = append(out, e)
	}
	return out
}
