package fakestripe

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

// frame is every page. It says what it is, works without scripts, and reads
// well on a phone and by keyboard.
const frame = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} – Test payments</title>
<style>
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:#f6f6f4;color:#1c1c1a}
.banner{background:#7a4b00;color:#fff;padding:.6rem 1rem;text-align:center;font-weight:600}
main{max-width:34rem;margin:2rem auto;padding:1.5rem;background:#fff;border:1px solid #d8d8d2;border-radius:.5rem}
main.wide{max-width:72rem;overflow-x:auto}
h1{font-size:1.3rem;margin:0 0 1rem}
.amount{font-size:2rem;font-weight:600;margin:0}
fieldset{border:1px solid #b9b9b2;border-radius:.4rem;margin:1.5rem 0;padding:.5rem 1rem}
label.choice{display:block;padding:.6rem 0}
label.choice small{display:block;margin-left:1.7rem;color:#5a5a55}
button,.button{font:inherit;padding:.6rem 1rem;border:1px solid #1f4f8f;border-radius:.4rem;background:#1f4f8f;color:#fff;cursor:pointer;min-height:2.75rem}
button.quiet{background:transparent;color:#1f4f8f;min-height:2.2rem;padding:.3rem .6rem}
:focus-visible{outline:3px solid #c77700;outline-offset:2px}
.problem{border-left:4px solid #a3260f;padding:.5rem 1rem;background:#fdf1ee;color:#6b1708}
a{color:#1f4f8f}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #d8d8d2;vertical-align:top}
code{font-size:.85em;overflow-wrap:anywhere}
form.inline{display:inline}
@media (prefers-color-scheme:dark){body{background:#161615;color:#eee}main{background:#20201f;border-color:#444}a,button.quiet{color:#9cc3f5}button.quiet{border-color:#9cc3f5}label.choice small{color:#b5b5ae}th,td{border-color:#444}.problem{background:#3a1a14;color:#ffd9d0}}
</style></head><body>
<p class="banner" role="note" style="margin:0">Test payments: no money moves, no bank is asked.</p>
<main{{if .Wide}} class="wide"{{end}}><h1>{{.Title}}</h1>{{template "body" .}}</main></body></html>`

const payBody = `{{define "body"}}
<p>{{.Merchant}}</p><p>{{.Name}}</p><p class="amount">{{.Amount}}</p>
{{if .Problem}}<p class="problem" role="alert" id="problem">{{.Problem}}</p>{{end}}
{{if .Open}}<form method="post">
<fieldset><legend>How to pay</legend>
{{range .Ways}}<label class="choice"><input type="radio" name="method" value="{{.Value}}" required{{if .Chosen}} checked{{end}}> {{.Label}}<small>{{.Says}}</small></label>{{end}}
</fieldset>
<button type="submit">Pay {{.Amount}}</button></form>
<p><a href="{{.Cancel}}">Cancel and go back</a></p>
{{else}}<p><a href="{{.Cancel}}">Go back</a></p>{{end}}{{end}}`

const paperBody = `{{define "body"}}<table>
{{range .Lines}}<tr><th scope="row">{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</table>
<p>This is a paper of test payments. It is worth nothing.</p>{{end}}`

var (
	payTemplate     = document(payBody)
	paperTemplate   = document(paperBody)
	controlTemplate = document(controlBody)
)

func document(body string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(frame)).Parse(body))
}

func show(w http.ResponseWriter, status int, t *template.Template, data any) {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}

func dollars(cents int64, currency string) string {
	return fmt.Sprintf("%s %d.%02d", strings.ToUpper(currency), cents/100, cents%100)
}

type way struct {
	Value       Method
	Label, Says string
	Chosen      bool
}

func ways(chosen Method) []way {
	all := []way{
		{Card, "Card that works", "Pays at once.", false},
		{Declined, "Card that is declined", "The bank says no; you can try again.", false},
		{Bank, "Bank debit that settles", "Pays after a while.", false},
		{BankBounces, "Bank debit that bounces", "Looks well at first, and fails after a while.", false},
	}
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

func (s *Server) payPage(w http.ResponseWriter, r *http.Request) { s.showPay(w, r, "", Card) }

func (s *Server) showPay(w http.ResponseWriter, r *http.Request, problem string, chosen Method) {
	s.mu.Lock()
	s.pass()
	k := s.state.Sessions[r.PathValue("id")]
	if k == nil {
		s.mu.Unlock()
		notFound(w)
		return
	}
	data := map[string]any{
		"Title": "Pay", "Merchant": s.o.Merchant, "Name": k.Name, "Amount": dollars(k.Amount+k.Tax, k.Currency), "Cancel": k.CancelURL, "Problem": problem,
		"Open": k.Status == "open", "Ways": ways(chosen), "Wide": false,
	}
	status := http.StatusOK
	switch k.Status {
	case "complete":
		data["Title"], data["Problem"], data["Cancel"] = "Paid already", "This was paid already. You need not do anything more.", returnTo(k)
	case "expired":
		data["Title"], data["Problem"], status = "This page has expired", "This page has expired and nothing was taken. Go back to start again.", http.StatusGone
	}
	s.mu.Unlock()
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	show(w, status, payTemplate, data)
}

func returnTo(k *session) string {
	return strings.ReplaceAll(k.SuccessURL, "{CHECKOUT_SESSION_ID}", k.ID)
}

func (s *Server) pay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	m := Method(r.PostForm.Get("method"))
	switch {
	case !slices.Contains(Methods(), m):
		s.showPay(w, r, "Choose how to pay.", Card)
		return
	case m == Declined:
		s.showPay(w, r, "Your card was declined. Nothing was taken; try another way to pay.", Declined)
		return
	case !s.Pay(r.PathValue("id"), m):
		s.showPay(w, r, "", Card)
		return
	}
	s.mu.Lock()
	to := returnTo(s.state.Sessions[r.PathValue("id")])
	s.mu.Unlock()
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func day(at int64) string { return time.Unix(at, 0).UTC().Format("2 January 2006, 15:04 UTC") }

// paper shows the receipt or the invoice of the payment that fits.
func (s *Server) paper(w http.ResponseWriter, title, number string, fits func(*payment) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.payments() {
		if !fits(p) {
			continue
		}
		k := s.state.Sessions[p.Session]
		lines := [][2]string{{"From", s.o.Merchant}, {"Number", number}, {"For", k.Name}, {"Price", dollars(k.Amount, k.Currency)}}
		if k.Tax > 0 {
			lines = append(lines, [2]string{"Tax", dollars(k.Tax, k.Currency)})
		}
		lines = append(lines, [2]string{"Paid", dollars(p.Amount, p.Currency)}, [2]string{"On", day(p.Created)}, [2]string{"By", p.Method})
		if back := s.refunded(p.ID); back > 0 {
			lines = append(lines, [2]string{"Paid back", dollars(back, p.Currency)})
		}
		show(w, http.StatusOK, paperTemplate, map[string]any{"Title": title, "Lines": lines, "Wide": false})
		return
	}
	notFound(w)
}

func (s *Server) receiptPage(w http.ResponseWriter, r *http.Request) {
	s.paper(w, "Receipt", r.PathValue("id"), func(p *payment) bool { return p.Charge == r.PathValue("id") })
}

func (s *Server) invoicePage(w http.ResponseWriter, r *http.Request) {
	s.paper(w, "Invoice", r.PathValue("id"), func(p *payment) bool { return p.Invoice == r.PathValue("id") })
}
