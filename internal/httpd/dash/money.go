package dash

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/money"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// moneyDo is one decision of billing staff on a ticket's fee.
type moneyDo func(d *Door, r *http.Request, p app.Person, t id.Ticket, text string) (said string, err error)

var moneyActs = map[string]moneyDo{
	"waiver": func(d *Door, r *http.Request, p app.Person, t id.Ticket, text string) (string, error) {
		return "The fee is waived.", d.app.WaiveFee(r.Context(), p.Actor, t, text)
	},
	"offline": func(d *Door, r *http.Request, p app.Person, t id.Ticket, text string) (string, error) {
		return "The payment is recorded.", d.app.RecordOffline(r.Context(), p.Actor, t, text)
	},
	"refund": func(d *Door, r *http.Request, p app.Person, t id.Ticket, text string) (string, error) {
		return "The fee goes back.", d.app.RefundFee(r.Context(), p.Actor, t, billing.Fee, text)
	},
	"hand-refund": func(d *Door, r *http.Request, p app.Person, t id.Ticket, text string) (string, error) {
		return "The refund by hand is recorded.", d.app.RecordHandRefund(r.Context(), p.Actor, t, text)
	},
	"alarm": func(d *Door, r *http.Request, p app.Person, t id.Ticket, _ string) (string, error) {
		return "Noted as seen.", d.app.SeenAlarm(r.Context(), p.Actor, t)
	},
}

func (d *Door) moneyPages(r chi.Router) {
	r.Get(dash.MoneyPath, d.desk(d.money))
	r.Get(dash.MoneyFilePath, d.desk(d.moneyFile))
	r.Get(dash.StripeEventsPath, d.desk(d.stripeEvents))
	r.Post(dash.StripeEventsPath+"/{event}/replay", d.desk(d.replayEvent))
	for verb, do := range moneyActs {
		r.Post(dash.MoneyPath+"/{id:[0-9a-f-]{36}}/"+verb, d.fresh(dash.MoneyPath, d.staffOnly(d.moneyAct(do))))
	}
}

var chargeStates = []billing.ChargeState{
	billing.Due, billing.Pending, billing.Paid, billing.Offline, billing.Waived, billing.Refunding, billing.Refunded, billing.Disputed, billing.Lost, billing.Void,
}

func (d *Door) money(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	return d.moneyPage(r, p, typedMoney{}, nil)
}

// typedMoney is what was typed into one of the forms.
type typedMoney struct {
	ticket     id.Ticket
	form, text string
}

func (d *Door) moneyPage(r *http.Request, p app.Person, typed typedMoney, wrong error) (templ.Component, error) {
	m, err := d.app.Money(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	props, err := d.moneyProps(r.Context(), r, p, m, typed, wrong)
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.MoneySection)
	if wrong != nil { // what was typed stays as it is
		props.Page.Notice, props.StreamPath = &ui.Notice{State: ui.Failed, Text: sentence(wrong)}, ""
	}
	return dash.Money(props), wrong
}

// moneyLive is the part of the page that its stream sends. What lies at Stripe
// is asked for when the page is loaded alone.
func (d *Door) moneyLive(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) {
		return nil, notHere()
	}
	m, err := d.app.MoneySums(ctx, p.Actor)
	if err != nil {
		return nil, err
	}
	props, err := d.moneyProps(ctx, r, p, m, typedMoney{}, nil)
	if err != nil {
		return nil, err
	}
	return dash.MoneyLive(props), nil
}

func (d *Door) moneyProps(ctx context.Context, r *http.Request, p app.Person, m app.Money, typed typedMoney, wrong error) (dash.MoneyProps, error) {
	v := r.URL.Query()
	props := dash.MoneyProps{Page: d.frame(p, dash.MoneySection), Events: dash.StripeEventsPath, CSV: dash.MoneyFilePath, Test: d.testPayments()}
	props.Refresh, props.StreamPath = withQuery(dash.MoneyPath, v), withQuery(dash.MoneyStreamPath, v)
	if v.Get("after") != "" {
		props.StreamPath = "" // what lies behind does not change much
	}
	if !m.Payments.Online {
		props.Off = "No Stripe key is set: customers pay another way, and billing staff record it here."
	}
	sumUp(&props, m)
	states(&props, m, v.Get("state"))
	q := app.ChargeQuery{State: billing.ChargeState(v.Get("state")), Alarms: v.Get("alarms") != ""}
	var err error
	if q.After, err = chargeCursor(v.Get("after")); err != nil {
		return props, err
	}
	if one := v.Get("ticket"); one != "" {
		if q.Ticket, err = id.Parse[id.Ticket](one); err != nil {
			return props, errs.Wrap(errs.NotFound, err, "There is no ticket of this name, or none that you may see.")
		}
	}
	page, err := d.app.ListCharges(ctx, p.Actor, q)
	if err != nil {
		return props, err
	}
	if !page.Next.ID.IsZero() {
		onward := url.Values{"state": {v.Get("state")}, "after": {page.Next.At.Format(time.RFC3339Nano) + "," + page.Next.ID.String()}}
		props.Pager = ui.Pager{NextHref: dash.MoneyPath + "?" + onward.Encode(), What: "charges"}
	}
	for _, c := range page.Charges {
		props.Rows = append(props.Rows, d.chargeRow(p, c, typed, wrong))
	}
	return props, nil
}

// withQuery is a path with a page's own query.
func withQuery(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

func chargeCursor(s string) (c app.ChargeCursor, err error) {
	if s == "" {
		return c, nil
	}
	at, ref, _ := strings.Cut(s, ",")
	if c.At, err = time.Parse(time.RFC3339Nano, at); err == nil {
		c.ID, err = id.Parse[id.Charge](ref)
	}
	if err != nil {
		return c, errs.Wrap(errs.Invalid, err, "after: this is no place in the list; begin at its first page")
	}
	return c, nil
}

func sumUp(p *dash.MoneyProps, m app.Money) {
	sums := map[billing.ChargeState]dbq.ChargeSumsRow{}
	for _, s := range m.Sums {
		sums[s.State] = s
	}
	usd := func(states ...billing.ChargeState) money.USD {
		var n money.USD
		for _, s := range states {
			n += money.USD(sums[s].Cents)
		}
		return n
	}
	kept := usd(billing.Paid, billing.Offline)
	p.State, p.Sentence = ui.Good, ui.Say(ui.Strong(kept.String()), ui.Text(" of fees are paid; "), ui.Strong(usd(billing.Due, billing.Pending).String()), ui.Text(" are due."))
	if len(m.Sums) == 0 {
		p.State, p.Sentence = ui.None, ui.Say(ui.Text("No fee was charged yet."))
	}
	if m.Alarms > 0 {
		p.State = ui.Late
		p.Sentence = append(p.Sentence, ui.Text(" "), ui.Strong(words.Many(m.Alarms, "charge", "charges")), ui.Text(" must be looked at."))
	}
	for _, f := range []struct {
		label  string
		states []billing.ChargeState
	}{{"Going back", []billing.ChargeState{billing.Refunding}}, {"Refunded", []billing.ChargeState{billing.Refunded}}, {"Disputed", []billing.ChargeState{billing.Disputed, billing.Lost}}} {
		p.Figures = append(p.Figures, ui.Figure{Label: f.label, Value: usd(f.states...).String()})
	}
	switch {
	case m.Owed != nil:
		p.Payouts = []ui.Fact{{Label: "Ready to be paid out", Value: m.Owed.Available.String()}, {Label: "Not yet", Value: m.Owed.Waiting.String()}}
		for _, out := range m.Owed.Payouts[:min(len(m.Owed.Payouts), 5)] {
			p.Payouts = append(p.Payouts, ui.Fact{Label: "Payout, " + out.Status, Value: out.Amount.String(), Note: "arrives " + out.Arrives.UTC().Format("2 Jan 2006")})
		}
	case m.OwedNote != "":
		p.Payouts = []ui.Fact{{Label: "Owed to us", Value: "not known", Note: m.OwedNote}}
	}
}

func states(p *dash.MoneyProps, m app.Money, at string) {
	counts := map[billing.ChargeState]int64{}
	for _, s := range m.Sums {
		counts[s.State] = s.Charges
	}
	p.States = []ui.Choice{{Label: "All", Href: dash.MoneyPath, Selected: at == ""}}
	for _, s := range chargeStates {
		if counts[s] == 0 && at != string(s) {
			continue
		}
		_, word := chargeWords(s)
		p.States = append(p.States, ui.Choice{Label: words.Capital(word), Href: dash.MoneyPath + "?state=" + string(s), Selected: at == string(s), Count: words.Count(counts[s])})
	}
}

func (d *Door) chargeRow(p app.Person, c app.ChargeRow, typed typedMoney, wrong error) dash.MoneyRow {
	state, word := chargeWords(c.Charge.State)
	row := dash.MoneyRow{
		Ticket: "#" + strconv.FormatInt(c.Number, 10), Href: ticketPath(c.Charge.TicketID), Who: c.TenantName, State: state, Word: word,
		Amount: c.Charge.AmountCents.String(), When: d.on(p, c.Charge.UpdatedAt), Note: c.Charge.Reason, Alarm: c.Charge.Alarm, Receipt: c.Charge.ReceiptUrl,
	}
	if c.Charge.InvoiceUrl != "" {
		row.Receipt = c.Charge.InvoiceUrl
	}
	add := func(may bool, verb, summary, label, button string) {
		if !may {
			return
		}
		f := dash.DeskForm{ID: verb + "-" + c.Charge.TicketID.String(), Summary: summary, Action: dash.MoneyPath + "/" + c.Charge.TicketID.String() + "/" + verb, Field: "text", Label: label, Button: button}
		if label == "" {
			f.Field = ""
		}
		if typed.ticket == c.Charge.TicketID && typed.form == verb && wrong != nil {
			f.Value, f.Open, f.Problem = typed.text, true, words.Stop(words.Capital(fieldSentence(wrong)))
		}
		row.Forms = append(row.Forms, f)
	}
	v := c.May
	add(v.Offline, "offline", "Record a payment", "Its reference, like the bank’s", "Record USD 100.00")
	add(v.Waive, "waiver", "Waive", "Why", "Waive the fee")
	add(v.Refund, "refund", "Refund", "Why", "Refund USD 100.00")
	add(v.HandRefund, "hand-refund", "Paid back by hand", "Its reference, like the bank’s", "Record it")
	add(v.Seen, "alarm", "Seen", "", "I have looked at it")
	return row
}

func (d *Door) moneyAct(do moneyDo) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		t, err := askedTicket(r)
		if err != nil {
			return nil, err
		}
		if err := readForm(r); err != nil {
			return nil, err
		}
		text := strings.TrimSpace(r.PostFormValue("text"))
		said, err := do(d, r, p, t, text)
		if err == nil {
			d.say(r.Context(), ui.Good, said)
			see(w, r, dash.MoneyPath)
			return nil, nil //nolint:nilnil // it has answered by itself
		}
		if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) || errs.Is(err, errs.Unavailable) {
			return d.moneyPage(r, p, typedMoney{ticket: t, form: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], text: text}, err)
		}
		return nil, err
	}
}

// moneyFile is every charge as CSV. It is written whole before it is sent, so
// that what fails fails with words.
func (d *Door) moneyFile(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	var b bytes.Buffer
	if _, err := d.app.ExportCharges(r.Context(), p.Actor, id.Tenant{}, time.Time{}, &b); err != nil {
		return nil, err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="charges-`+d.clock.Now().UTC().Format("2006-01-02")+`.csv"`)
	_, err := w.Write(b.Bytes())
	return nil, err
}

func (d *Door) stripeEvents(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	v := r.URL.Query()
	q := app.EventQuery{State: dbq.StripeEventState(v.Get("state"))}
	if after := v.Get("after"); after != "" {
		at, ref, _ := strings.Cut(after, ",")
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil || ref == "" {
			return nil, errs.Field("after", "this is no place in the list; begin at its first page")
		}
		q.Before, q.ID = t, ref
	}
	rows, err := d.app.StripeEvents(r.Context(), p.Actor, q)
	if err != nil {
		return nil, err
	}
	props := dash.StripeEventsProps{Page: d.page(r.Context(), p, dash.MoneySection), Crumbs: []ui.Crumb{{Label: "Money", Href: dash.MoneyPath}}}
	for _, s := range []dbq.StripeEventState{"", dbq.StripeEventStateReceived, dbq.StripeEventStateDone, dbq.StripeEventStateIgnored, dbq.StripeEventStateFailed} {
		c := ui.Choice{Label: words.Capital(string(s)), Href: dash.StripeEventsPath + "?state=" + string(s), Selected: s == q.State}
		if s == "" {
			c.Label, c.Href = "All", dash.StripeEventsPath
		}
		props.States = append(props.States, c)
	}
	replays := may(p, authz.RefundFee, id.Tenant{})
	for _, e := range rows {
		row := dash.StripeEventRow{ID: e.ID, Kind: e.Kind, Object: e.ObjectID, Via: "by webhook", State: ui.Good, Word: string(e.State), Error: e.Error, When: d.on(p, e.ReceivedAt)}
		if e.Via == "reconcile" {
			row.Via = "asked for"
		}
		if e.Tries > 1 {
			row.Tries = words.Many(int64(e.Tries), "try", "tries")
		}
		switch e.State {
		case dbq.StripeEventStateFailed:
			row.State = ui.Failed
		case dbq.StripeEventStateReceived:
			row.State = ui.Waiting
		case dbq.StripeEventStateIgnored:
			row.State = ui.None
		case dbq.StripeEventStateDone:
		}
		if replays {
			row.Replay = &dash.Act{Action: dash.StripeEventsPath + "/" + url.PathEscape(e.ID) + "/replay", Label: "Look again", About: e.ID}
		}
		props.Rows = append(props.Rows, row)
	}
	if len(rows) == 50 {
		last := rows[len(rows)-1]
		onward := url.Values{"state": {string(q.State)}, "after": {last.ReceivedAt.Format(time.RFC3339Nano) + "," + last.ID}}
		props.Pager = ui.Pager{NextHref: dash.StripeEventsPath + "?" + onward.Encode(), What: "events"}
	}
	return dash.StripeEvents(props), nil
}

func (d *Door) replayEvent(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	event, err := url.PathUnescape(chi.URLParam(r, "event"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such event.")
	}
	if err := d.app.ReplayStripeEvent(r.Context(), p.Actor, event); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The event is looked at again; what it did before is not done twice.")
	see(w, r, dash.StripeEventsPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
