package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/testdb"
)

// desk is a demo with its people: a customer, and two of the staff.
type desk struct {
	dir, web, pay            string
	door                     string   // where answers come in by mail
	control                  []string // the environment of commands
	customer, staff, another *page
	site                     minimoodle.Site
}

const anotherMail, anotherPassword = "olga@hoster.example", "what Olga alone knows"

var paymentsAt = regexp.MustCompile(`Payments\s+(http://\S+)`)

// openDesk starts a demo and opens a window for each of its people.
func openDesk(t *testing.T) *desk {
	t.Helper()
	dir, err := testdb.Scratch("holdfast-e2e-desk-")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{dir: dir, web: "http://" + freePort(t)}
	d.door = freePort(t)
	env := environment("HOLDFAST_STATE_DIR="+dir, "HOLDFAST_LISTEN="+strings.TrimPrefix(d.web, "http://"), "HOLDFAST_AGENT_LISTEN="+freePort(t),
		"HOLDFAST_SMTP_URL=file://"+filepath.Join(dir, "mail"), "HOLDFAST_MAIL_FROM=backup@hoster.example",
		"HOLDFAST_REPLY_DOMAIN=replies.hoster.example", "HOLDFAST_MAIL_LISTEN="+d.door)
	p, run := startDemo(t, dir, env)
	t.Cleanup(func() { p.signal(t, syscall.SIGINT, 40*time.Second) })
	found := paymentsAt.FindStringSubmatch(run.said)
	if found == nil {
		t.Fatalf("the demo does not say where payments are:\n%s", run.said)
	}
	d.pay = found[1]
	d.control = append(append([]string(nil), env...), "HOLDFAST_STATE_DIR="+filepath.Join(dir, "control"))
	if out, complaints, code := call(t, d.control, anotherPassword+"\n", shared.holdfast, "user", "add", anotherMail, "--name", "Olga Operator", "--staff", "operator"); code != 0 {
		t.Fatalf("user add: %d: %s%s", code, out, complaints)
	}
	if d.site, err = minimoodle.Open(filepath.Join(dir, "sites", "host-a", "learn.riverside.example")); err != nil {
		t.Fatal(err)
	}
	browser := startBrowser(t)
	for _, who := range []struct {
		page           **page
		name, password string
	}{{&d.customer, "admin@riverside.example", "demo customer password"}, {&d.staff, "staff@hoster.example", "demo staff password"}, {&d.another, anotherMail, anotherPassword}} {
		*who.page = openPageFor(t, browser, who.name, 12*time.Minute)
		h := d.hand(*who.page)
		h.visit(t, "/sign-in")
		h.write(t, "#email", who.name)
		h.write(t, "#password", who.password)
		h.press(t, "sign in", submit)
	}
	return d
}

func (d *desk) hand(p *page) mouse { return mouse{p: p, base: d.web} }

// fill puts a value where it cannot be typed as text: a choice, a mark.
func (d *desk) fill(t *testing.T, p *page, css, value string) {
	t.Helper()
	const set = `(() => { const e = document.querySelector(%q); if (!e) return false;
  if (e.type === "radio" || e.type === "checkbox") { e.checked = true } else { e.value = %q }
  e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(set, css, value)))
	if err != nil || !found {
		t.Fatalf("%s: nothing to fill at %s (%v):\n%s", p.who, css, err, p.text(t))
	}
}

// sees waits until the page says some words, without being touched.
func (d *desk) sees(t *testing.T, p *page, within time.Duration, words ...string) {
	t.Helper()
	eventually(t, within, p.who+" sees "+strings.Join(words, ", "), func() (bool, string) {
		text := p.text(t)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false, text
			}
		}
		return true, ""
	})
}

// ask is a customer's request for a whole site as it was, up to the button
// that leads to the page of payment. It gives the ticket's path.
func (d *desk) ask(t *testing.T, site, story string) string {
	t.Helper()
	return d.askFor(t, site, story, "everything", nil)
}

// askFor is ask for one of the things that can come back; more fills in what
// else the form then wants, if anything.
func (d *desk) askFor(t *testing.T, site, story, want string, more func()) string {
	t.Helper()
	p, h := d.customer, d.hand(d.customer)
	h.visit(t, "/portal/bring-back")
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`[...document.querySelectorAll("#site option")].find(o => o.textContent.includes(%q)).value`, site)))
	if err != nil {
		t.Fatal(err)
	}
	d.fill(t, p, "#site", value)
	d.fill(t, p, "#story", story)
	h.press(t, "a time", `e.matches("button[value^='pick-']")`)
	p.do(t, "see the copies", chromedp.Poll[chromedp.Void](`document.readyState === "complete" && document.querySelector("#reach-live input[name=point]") !== null`))
	d.fill(t, p, "#want-"+want, "")
	if more != nil {
		more()
	}
	d.fill(t, p, "#terms", "")
	h.press(t, "send", `e.matches("main button[value=send]")`)
	path, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.pathname"))
	if err != nil || !strings.HasPrefix(path, "/portal/tickets/") {
		t.Fatalf("the request leads to %s (%v):\n%s", path, err, p.text(t))
	}
	return path
}

// payBy goes to the page of payment and pays there.
func (d *desk) payBy(t *testing.T, method string) {
	t.Helper()
	p, h := d.customer, d.hand(d.customer)
	d.submit(t, p, "/payment")
	if text := p.text(t); !strings.Contains(text, "Test payments") || !strings.Contains(text, "100.00") {
		t.Fatalf("this is no page of payment:\n%s", text)
	}
	d.fill(t, p, "input[name=method][value="+method+"]", "")
	h.press(t, "pay there", `e.matches("main form button") && e.textContent.includes("Pay")`)
}

// control turns the switches of the fake provider.
func (d *desk) bank(t *testing.T, what string, form url.Values) {
	t.Helper()
	resp, err := http.PostForm(d.pay+"/control/"+what, form) //nolint:noctx // a test's, on this machine
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 400 {
		t.Fatalf("%s: %s", what, resp.Status)
	}
}

// staffTicket opens the staff's page of a ticket by its subject. The list is
// live: what is marked there for a click may be drawn anew before it.
func (d *desk) staffTicket(t *testing.T, p *page, subject string) {
	t.Helper()
	h := d.hand(p)
	h.visit(t, "/tickets?look=all")
	const href = `(() => { const a = [...document.querySelectorAll("main a")].find(a => /^.tickets.[0-9a-f-]{36}$/.test(a.getAttribute("href")) && a.closest("tr").innerText.includes(%q)); return a ? a.getAttribute("href") : "" })()`
	to, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(href, subject)))
	if err != nil || to == "" {
		t.Fatalf("%s: there is no ticket about %s (%v):\n%s", p.who, subject, err, p.text(t))
	}
	h.visit(t, to)
}

func (d *desk) live(t *testing.T) *minimoodle.Live {
	t.Helper()
	in, err := moodle.Inspect(t.Context(), d.site.CodeDir, moodle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site := d.site
	site.DB.Password = in.DB.Password
	live, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() })
	return live
}

func (d *desk) courses(t *testing.T) int64 {
	t.Helper()
	n, err := d.live(t).Count(t.Context(), "SELECT COUNT(*) FROM {course}")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A customer's site is broken at night. It comes back: asked for, paid,
// confirmed, approved by two, restored, verified, accepted; and the receipt is
// there. Then a request is declined, and the fee goes back though every webhook
// is lost; and a question costs nothing.
func TestDesk_FromTheRequestToTheReceipt(t *testing.T) { //nolint:paralleltest // it shares the machine with the other parts
	d := openDesk(t)
	whole := d.courses(t)
	if err := d.live(t).Exec(t.Context(), "DELETE FROM {course} WHERE id > 1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(d.site.CodeDir, "backup", "util", "includes", "backup_includes.php")); err != nil {
		t.Fatal(err)
	}

	d.bank(t, "switches", url.Values{"lose": {"0"}, "duplicate": {"true"}, "disorder": {"true"}})
	ticket := d.ask(t, "learn.riverside.example", "All courses are gone since the upgrade of last night. <b>Please</b> help.")
	d.payBy(t, "card")
	d.sees(t, d.customer, 30*time.Second, "paid")
	d.fill(t, d.customer, "#typed", "learn.riverside.example")
	d.submit(t, d.customer, "/confirmation")
	d.customer.look(t, "ticket-confirmed")

	// Two of the staff agree; whoever approves twice is refused.
	d.staffTicket(t, d.staff, "learn.riverside.example")
	d.staff.look(t, "desk-ticket")
	d.approve(t, d.staff, "demo staff password")
	d.sees(t, d.staff, 20*time.Second, "You approved the restore", "second person")
	d.hand(d.customer).visit(t, ticket)
	d.customer.do(t, "note that the page is not loaded again", chromedp.Evaluate[chromedp.Void](`window.unmoved = true; 0`))
	d.staffTicket(t, d.another, "learn.riverside.example")
	d.approve(t, d.another, anotherPassword)

	d.sees(t, d.customer, 4*time.Minute, "Yes, all is well")
	if still, err := chromedp.Run(d.customer.ctx, chromedp.Evaluate[bool]("window.unmoved === true")); err != nil || !still {
		t.Errorf("the customer's page was loaded again (%v)", err)
	}
	d.customer.look(t, "ticket-restored")
	if n := d.courses(t); n != whole {
		t.Errorf("%d courses came back, want %d", n, whole)
	}
	if _, err := os.Stat(filepath.Join(d.site.CodeDir, "backup", "util", "includes", "backup_includes.php")); err != nil {
		t.Error(err)
	}
	d.hand(d.staff).visit(t, "/restores")
	d.staff.look(t, "restores")
	d.submit(t, d.customer, "/acceptance")
	d.hand(d.customer).visit(t, "/portal/receipts")
	d.sees(t, d.customer, 10*time.Second, "USD 100.00", "paid")
	d.customer.look(t, "receipts")

	t.Run("Disputed", d.disputed)
	t.Run("PaidLate", d.paidLate)
	t.Run("FailsOnItsHost", d.failsOnItsHost)
	t.Run("OnPostgreSQL", d.onPostgreSQL)
	t.Run("Declined", d.declined)
	t.Run("Question", d.question)
	t.Run("AnswerByMail", d.answerByMail)
	t.Run("TwoStaffAtOnce", d.twoAtOnce)
	for _, p := range []*page{d.customer, d.staff, d.another} {
		heard := slices.DeleteFunc(p.said(), func(line string) bool {
			return strings.Contains(line, "status of 409") // twoAtOnce asks for it
		})
		if len(heard) > 0 {
			t.Errorf("the console of %s says:\n%s", p.who, strings.Join(heard, "\n"))
		}
	}
	d.lettersCame(t)
}

// submit presses the button of a form on a page that updates itself.
func (d *desk) submit(t *testing.T, p *page, form string) {
	t.Helper()
	const press = `(() => { const b = document.querySelector("main form[action$='%s'] button[type=submit]"); setTimeout(() => b.click()); return b !== null })()`
	p.turn(t, "submit "+form, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(press, form)+" ? 0 : 1"))
}

// approve presses the button, and signs in again where that is asked for.
func (d *desk) approve(t *testing.T, p *page, password string) {
	t.Helper()
	h := d.hand(p)
	d.submit(t, p, "/approval")
	if at, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.pathname")); err != nil || !strings.HasPrefix(at, "/sign-in/again") {
		return
	}
	h.write(t, "#password", password)
	h.press(t, "sign in again", submit)
	d.submit(t, p, "/approval")
}

// twoAtOnce has two of the staff change a ticket that both have open: the
// second is told, and nothing is overwritten.
func (d *desk) twoAtOnce(t *testing.T) {
	d.staffTicket(t, d.staff, "How many copies do we have?")
	d.staffTicket(t, d.another, "How many copies do we have?")
	d.fill(t, d.staff, "#priority", "high")
	d.submit(t, d.staff, "/priority")
	d.sees(t, d.staff, 10*time.Second, "The priority is set")
	d.fill(t, d.another, "#priority", "low")
	const press = `(() => { const b = document.querySelector("main form[action$='/priority'] button[type=submit]"); setTimeout(() => b.click()); return 0 })()`
	resp, err := chromedp.RunResponse(d.another.ctx, chromedp.Evaluate[chromedp.Void](press))
	if err != nil || resp.Status != http.StatusConflict {
		t.Fatalf("the second change: %+v, %v", resp, err)
	}
	d.staffTicket(t, d.another, "How many copies do we have?")
	if v, err := chromedp.Run(d.another.ctx, chromedp.Evaluate[string](`document.querySelector("#priority").value`)); err != nil || v != "high" {
		t.Errorf("the priority is %q (%v)", v, err)
	}
}

var intent = regexp.MustCompile(`name="id" value="(pi_[A-Za-z0-9_]+)"`)

// disputed has the payer's bank take the money back: the staff see it at once.
func (d *desk) disputed(t *testing.T) {
	resp, err := http.Get(d.pay + "/control") //nolint:noctx // a test's, on this machine
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	found := intent.FindSubmatch(page)
	if err != nil || found == nil {
		t.Fatalf("no payment at the bank (%v):\n%s", err, page)
	}
	d.bank(t, "dispute", url.Values{"id": {string(found[1])}})
	eventually(t, 90*time.Second, "the staff see the dispute", func() (bool, string) {
		d.hand(d.staff).visit(t, "/money")
		text := d.staff.text(t)
		return strings.Contains(text, "disputed"), text
	})
}

func (d *desk) declined(t *testing.T) {
	d.bank(t, "switches", url.Values{"lose": {"-1"}})
	d.ask(t, "campus.riverside.example", "A forum was deleted by mistake this morning.")
	d.payBy(t, "card")
	d.sees(t, d.customer, 90*time.Second, "paid") // every webhook is lost: we ask
	d.staffTicket(t, d.staff, "campus.riverside.example")
	h := d.hand(d.staff)
	h.open(t, "decline", `e.matches("#decline > summary")`)
	d.fill(t, d.staff, "#decline-field", "A forum alone cannot be brought back this way; we wrote you how.")
	d.submit(t, d.staff, "/decline")
	d.sees(t, d.staff, 20*time.Second, "declined")
	d.hand(d.customer).visit(t, "/portal/receipts")
	eventually(t, 90*time.Second, "the fee goes back", func() (bool, string) {
		d.hand(d.customer).visit(t, "/portal/receipts")
		text := d.customer.text(t)
		return strings.Contains(strings.ToLower(text), "paid back"), text
	})
	d.hand(d.staff).visit(t, "/money")
	d.sees(t, d.staff, 10*time.Second, "Refunded", "paid")
	d.staff.look(t, "money")
}

// lettersCame holds that the customer was written to at each station.
func (d *desk) lettersCame(t *testing.T) {
	t.Helper()
	for _, want := range []string{"We have your request", "Your payment has arrived", "Your restore has begun", "Your site is back", "The fee of USD 100.00 goes back", "There is an answer to your ticket"} {
		d.wasWritten(t, want)
	}
}

// wasWritten waits for a letter that says all of some words.
func (d *desk) wasWritten(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, 30*time.Second, "a letter that says "+strings.Join(words, ", "), func() (bool, string) {
		files, err := filepath.Glob(filepath.Join(d.dir, "mail", "*.eml"))
		if err != nil {
			return false, err.Error()
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err == nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(raw), w) }) {
				return true, ""
			}
		}
		return false, fmt.Sprint(len(files), " letters")
	})
}
