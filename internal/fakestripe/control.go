package fakestripe

import (
	"net/http"
	"slices"
	"strconv"
)

const controlBody = `{{define "body"}}
<p>What banks and the network would do, by hand. Events: {{.Events}}; waiting to be sent: {{.Waiting}}.</p>
<h2>Payments</h2>
{{if .Rows}}<table><tr><th>Payment</th><th>For</th><th>State</th><th>Do</th></tr>
{{range .Rows}}<tr><td><code>{{.ID}}</code></td><td>{{.Name}}<br>{{.Amount}}</td><td>{{.State}}</td><td>
{{$id := .ID}}{{range .Acts}}<form class="inline" method="post" action="/control/{{index . 0}}"><input type="hidden" name="id" value="{{$id}}"><button class="quiet">{{index . 1}}</button></form> {{end}}</td></tr>{{end}}</table>
{{else}}<p>Nothing was paid yet.</p>{{end}}
{{if .Pages}}<h2>Pages of payment</h2>
<table><tr><th>Page</th><th>For</th><th>State</th><th>Do</th></tr>
{{range .Pages}}<tr><td><code>{{.ID}}</code></td><td>{{.Name}}<br>{{.Amount}}</td><td>{{.State}}</td><td>
{{$id := .ID}}{{range .Acts}}<form class="inline" method="post" action="/control/{{index . 0}}"><input type="hidden" name="id" value="{{$id}}"><button class="quiet">{{index . 1}}</button></form> {{end}}</td></tr>{{end}}</table>{{end}}
<h2>Webhooks</h2>
<form method="post" action="/control/switches">
<p><label>Lose so many of the next (-1: all) <input name="lose" inputmode="numeric" size="4" value="{{.Switches.Lose}}"></label></p>
<p><label><input type="checkbox" name="duplicate" value="true"{{if .Switches.Duplicate}} checked{{end}}> Send each one twice</label></p>
<p><label><input type="checkbox" name="disorder" value="true"{{if .Switches.Disorder}} checked{{end}}> Hold back every second one</label></p>
<p><label><input type="checkbox" name="next_refund" value="pending"{{if .Switches.NextRefund}} checked{{end}}> The next refund waits</label></p>
<button>Set</button></form>
<form method="post" action="/control/payout"><p><button class="quiet">Pay out what is available</button></p></form>{{end}}`

type controlRow struct {
	ID, Name, Amount, State string
	Acts                    [][2]string
}

func (s *Server) controlPage(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.pass()
	var rows []controlRow
	for _, p := range s.payments() {
		rows = append(rows, s.controlRow(p))
	}
	var pages []controlRow
	for _, k := range s.sessions() {
		act := map[string][2]string{"open": {"expire", "It expires"}, "expired": {"late", "A payment under way comes through"}}[k.Status]
		if act[0] != "" {
			pages = append(pages, controlRow{ID: k.ID, Name: k.Name, Amount: dollars(k.Amount, k.Currency), State: k.Status, Acts: [][2]string{act}})
		}
	}
	data := map[string]any{
		"Title": "Test payments", "Wide": true, "Rows": rows, "Pages": pages, "Switches": s.state.Switches, "Events": len(s.state.Events), "Waiting": len(s.state.Deliveries),
	}
	s.mu.Unlock()
	show(w, http.StatusOK, controlTemplate, data)
}

func (s *Server) controlRow(p *payment) controlRow {
	row := controlRow{ID: p.ID, Name: s.state.Sessions[p.Session].Name, Amount: dollars(p.Amount, p.Currency), State: p.Method + ", " + p.Status}
	disputed := slices.IndexFunc(s.state.Disputes, func(d *dispute) bool { return d.Intent == p.ID })
	back := slices.IndexFunc(s.state.Refunds, func(f *refund) bool { return f.Intent == p.ID && f.Status != "failed" })
	switch {
	case p.Status == "processing":
		row.Acts = [][2]string{{"settle", "It settles"}, {"bounce", "It bounces"}}
	case p.Status != "succeeded":
	case disputed >= 0:
		row.State += ", dispute " + s.state.Disputes[disputed].Status
		if s.state.Disputes[disputed].Status == "needs_response" {
			row.Acts = [][2]string{{"dispute-won", "Dispute is won"}, {"dispute-lost", "Dispute is lost"}}
		}
	default:
		row.Acts = [][2]string{{"dispute", "Payer disputes"}}
	}
	if back >= 0 {
		row.State += ", refund " + s.state.Refunds[back].Status
		row.Acts = append(row.Acts, [2]string{"refund-fails", "Refund fails"})
		if s.state.Refunds[back].Status == "pending" {
			row.Acts = append(row.Acts, [2]string{"refund-succeeds", "Refund succeeds"})
		}
	}
	return row
}

func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	id := r.PostForm.Get("id")
	done := false
	switch r.PathValue("what") {
	case "settle", "bounce":
		done = s.EndBank(s.sessionOf(id), r.PathValue("what") == "settle")
	case "dispute":
		done = s.Dispute(id)
	case "dispute-won", "dispute-lost":
		done = s.CloseDispute(id, r.PathValue("what") == "dispute-won")
	case "refund-succeeds", "refund-fails":
		done = s.EndRefund(id, r.PathValue("what") == "refund-succeeds")
	case "expire":
		done = s.Expire(id)
	case "late":
		done = s.PayLate(id)
	case "payout":
		done = s.Payout()
	case "switches":
		lose, err := strconv.Atoi(r.PostForm.Get("lose"))
		if done = err == nil && lose >= -1; done {
			s.Set(Switches{
				Lose: lose, Duplicate: r.PostForm.Get("duplicate") == "true", Disorder: r.PostForm.Get("disorder") == "true", NextRefund: r.PostForm.Get("next_refund"),
			})
		}
	}
	if !done {
		http.Error(w, "This cannot be done now.", http.StatusConflict)
		return
	}
	http.Redirect(w, r, "/control", http.StatusSeeOther)
}

// sessionOf gives the session of a payment, "" for none.
func (s *Server) sessionOf(intent string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.state.Payments[intent]; p != nil {
		return p.Session
	}
	return ""
}
