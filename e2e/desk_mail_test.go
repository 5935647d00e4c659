package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const aboutCopies = "How many copies do we have?"

// answerByMail has the customer answer the letter about their question, by the
// real protocol at the door of the running program, while somebody of the staff
// writes on the ticket's page: the answer appears there, and takes away neither
// what is typed nor where.
func (d *desk) answerByMail(t *testing.T) {
	d.staffTicket(t, d.staff, aboutCopies)
	h := d.hand(d.staff)
	h.write(t, "#body", "I was about to say that")
	h.open(t, "close", `e.matches("#closure > summary")`)
	h.write(t, "#closure-field", "closed, for")
	h.write(t, "#body", "I am just writing this")
	d.staff.do(t, "note that the page is not loaded again", chromedp.Evaluate[chromedp.Void](`window.unmoved = true; 0`))

	to := d.replyAddress(t, "admin@riverside.example", "All that your policy names")
	c, err := smtp.Dial(d.door)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // quit, or failed
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Hello("mx.riverside.example"))
	must(c.Mail("admin@riverside.example"))
	if err := c.Rcpt("somebody@else.example"); err == nil {
		t.Error("the door takes mail for others")
	}
	must(c.Rcpt(to))
	var busy *textproto.Error
	if err := c.Rcpt(to); !errors.As(err, &busy) || busy.Code != 452 {
		t.Errorf("a second recipient of one mail: %v, want 452, so that each has its own answer", err)
	}
	w, err := c.Data()
	must(err)
	_, err = fmt.Fprintf(w, "From: Ana Admin <admin@riverside.example>\r\nTo: <%s>\r\nSubject: Re: %s\r\nMessage-ID: <1@mx.riverside.example>\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n\r\nThank you, that is what we looked for.\r\n\r\n> All that your policy names\r\n", to, aboutCopies)
	must(err)
	must(w.Close())
	must(c.Quit())

	d.sees(t, d.staff, 20*time.Second, "that is what we looked for")
	type typed struct {
		Body, Field, Focus string
		Open, Still        bool
	}
	got, err := chromedp.Run(d.staff.ctx, chromedp.Evaluate[typed](`({Body: document.querySelector("#body").value, Field: document.querySelector("#closure-field").value,
		Focus: document.activeElement.id, Open: document.querySelector("#closure").open, Still: window.unmoved === true})`))
	want := typed{"I am just writing this", "closed, for", "body", true, true}
	if err != nil || got != want {
		t.Errorf("after the answer came the page holds %+v (%v), want %+v", got, err, want)
	}
}

// typedStays holds that what a customer types on the page of a ticket, within
// the part that updates itself, stays when another process changes the ticket.
func (d *desk) typedStays(t *testing.T, ticket string) {
	t.Helper()
	h := d.hand(d.customer)
	h.visit(t, ticket)
	d.customer.do(t, "wait for the line", chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=on]") !== null`))
	h.write(t, "#typed", "learn.riv")
	out, complaints, code := call(t, d.control, "", shared.holdfast, "ticket", "reply", ticket[strings.LastIndexByte(ticket, '/')+1:], "--text", "We have seen your request.")
	if code != 0 {
		t.Fatalf("ticket reply: %d: %s%s", code, out, complaints)
	}
	d.sees(t, d.customer, 20*time.Second, "We have seen your request.")
	got, err := chromedp.Run(d.customer.ctx, chromedp.Evaluate[string](`document.querySelector("#typed").value + " " + document.activeElement.id`))
	if err != nil || got != "learn.riv typed" {
		t.Errorf("what was typed is %q after the ticket changed (%v)", got, err)
	}
}

// replyAddress is where a letter to somebody is to be answered to.
func (d *desk) replyAddress(t *testing.T, reader, words string) (address string) {
	t.Helper()
	eventually(t, 30*time.Second, "a letter to "+reader+" that says "+words, func() (bool, string) {
		files, err := filepath.Glob(filepath.Join(d.dir, "mail", "*.eml"))
		if err != nil {
			return false, err.Error()
		}
		for _, f := range files {
			raw, err := os.ReadFile(f) //nolint:gosec // a test's
			if err != nil || !bytes.Contains(raw, []byte(words)) {
				continue
			}
			m, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				return false, err.Error()
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if list, err := m.Header.AddressList("Reply-To"); err == nil && strings.Contains(m.Header.Get("To"), reader) && subject != "" {
				address = list[0].Address
				return true, ""
			}
		}
		return false, fmt.Sprint(len(files), " letters")
	})
	return address
}

func (d *desk) question(t *testing.T) {
	h := d.hand(d.customer)
	h.visit(t, "/portal/tickets/new")
	h.write(t, "#subject", "How many copies do we have?")
	d.fill(t, d.customer, "#body", "We would like to know how many copies are kept of each site.")
	h.press(t, "ask", `e.matches("main form button.btn-main")`)
	d.staffTicket(t, d.another, "How many copies do we have?")
	d.fill(t, d.another, "#body", "All that your policy names; the page of each site shows them.")
	d.submit(t, d.another, "/messages")
	d.sees(t, d.another, 10*time.Second, "Your answer is sent.")
	d.fill(t, d.another, "#body", "Internal: they ask this each year.")
	d.fill(t, d.another, "#as-note", "")
	d.submit(t, d.another, "/messages")
	d.sees(t, d.another, 10*time.Second, "they ask this each year")
	h.visit(t, "/portal/tickets")
	h.press(t, "the question", named("How many copies do we have?"))
	d.sees(t, d.customer, 10*time.Second, "the page of each site shows them")
	if strings.Contains(d.customer.text(t), "they ask this each year") {
		t.Error("the customer reads a note of the staff")
	}
	d.customer.look(t, "question")
}
