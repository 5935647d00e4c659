package portal_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/fakestripe"
	"holdfast/internal/stripeapi"
)

// newShop is a house that takes payments by a provider of tests. What it
// serves comes through lost, which cuts the line when it is set.
func newShop(t *testing.T) (h *house, lost *atomic.Bool) {
	t.Helper()
	const key = "sk_test_51HoldfastOfThePortal"
	fake, err := fakestripe.New(fakestripe.Options{Key: key, Merchant: hoster})
	if err != nil {
		t.Fatal(err)
	}
	bank := httptest.NewServer(fake)
	t.Cleanup(bank.Close)
	fake.SetURL(bank.URL, "")
	h = newHouse(t, func(h *house) {
		c, err := stripeapi.New(stripeapi.Config{Key: key, URL: bank.URL})
		h.must(err)
		h.app.UseStripe(c)
	})
	h.app.UsePeople(app.People{URL: h.web.URL, Hoster: hoster})
	lost = &atomic.Bool{}
	inner := h.handler
	h.web.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lost.Load() {
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	})
	return h, lost
}

// hand drives a browser as a person's hand does.
type hand struct {
	t   *testing.T
	ctx context.Context
}

func (p hand) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, a := range actions {
		err := chromedp.Do(p.ctx, a)
		for err != nil && (strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "find context")) && p.ctx.Err() == nil {
			err = chromedp.Do(p.ctx, a) // it looked at the page that was left
		}
		if err != nil {
			p.t.Fatalf("%s: %v\n%s", what, err, p.read(`document.body?.innerText ?? ""`))
		}
	}
	over, err := chromedp.Run(p.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth - innerWidth"))
	if err != nil || over > 0 {
		p.t.Errorf("%s: %d px wider than the phone (%v)", what, over, err)
	}
	shoot(p.t, p.ctx, what)
}

func (p hand) read(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Errorf("%s: %v", expression, err)
	}
	return s
}

// tab goes to a control by the keyboard alone.
func (p hand) tab(to string) {
	p.t.Helper()
	q, _ := json.Marshal(to)
	for range 120 {
		if err := chromedp.Do(p.ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
			p.t.Fatal(err)
		}
		if p.read(`String(document.activeElement?.matches(`+string(q)+`) ?? false)`) == "true" {
			return
		}
	}
	p.t.Fatalf("%s cannot be reached by the keyboard:\n%s", to, p.read("document.body.innerText"))
}

func keys(s string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(s) }

func sees(words string) chromedp.Action[chromedp.Void] {
	q, _ := json.Marshal(words)
	return chromedp.Poll[chromedp.Void](`document.body?.innerText.includes(` + string(q) + `)`)
}

// An administrator asks for their site on a phone, by the keyboard alone and
// without any script, up to the page of payment and back.
func TestRequest_ByKeyboardWithoutScriptsUpToThePayment(t *testing.T) {
	t.Parallel()
	h, _ := newShop(t)
	h.fill(agentproto.OutcomeGood)
	h.addPerson("admin")
	ctx := phone(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p := hand{t, ctx}
	p.do("r1-sign-in", chromedp.Navigate(h.web.URL+"/sign-in?next=/portal/bring-back"), chromedp.WaitVisible(chromedp.CSS("#email")))
	p.tab("#email")
	p.do("r1-email", keys("admin@school.example"))
	p.tab("#password")
	p.do("r2-empty", keys(password+kb.Enter), sees("Bring something back"), sees("own.school.example"))
	if p.read(`document.querySelector("[data-device] script")?.src ?? "none"`) != "none" {
		t.Error("the form holds a script")
	}
	p.tab("#story")
	p.do("r3-story", keys("I deleted the wrong course (Biology 9b)."))
	p.tab(`button[value="pick-hour"]`)
	p.do("r4-copies", keys(kb.Enter), sees("best for you"), sees("Kept at"))
	if got := p.read(`document.querySelector("#story").value`); !strings.Contains(got, "Biology 9b") {
		t.Errorf("what was written is %q", got)
	}
	// Sent too early: each thing that lacks is named beside its field, and the
	// first has the focus.
	p.tab(`button[value="send"]`)
	p.do("r5-refused", keys(kb.Enter), sees("2 things need another look"), sees("Choose what should come back."), sees("tick the box"))
	if got := p.read(`document.activeElement?.id`); got != "want-courses" {
		t.Errorf("the focus is at %q", got)
	}
	p.do("r6-want", keys(" "), keys(kb.ArrowDown), keys(kb.ArrowDown), keys(kb.ArrowDown), keys(kb.ArrowDown))
	if got := p.read(`document.querySelector("[name=want]:checked")?.value`); got != "everything" {
		t.Errorf("wanted is %q", got)
	}
	p.tab("#typed")
	p.do("r7-typed", keys("own.school.example"))
	p.tab("#terms")
	p.do("r8-terms", keys(" "))
	p.tab(`button[value="send"]`)
	p.do("r9-ticket", keys(kb.Enter), sees("waits for the fee of USD 100.00"), sees("Test payments"), sees("Confirmed by the site’s name"))
	p.tab(`form[action$="/payment"] button`)
	p.do("r10-pay", keys(kb.Enter), sees("Card that works"))
	p.tab(`button[type=submit], form button`)
	p.do("r11-paid", keys(kb.Enter), sees("Thank you, the fee is paid."), sees("two of our staff"))
	if got := p.read("location.pathname + location.search"); !strings.HasPrefix(got, "/portal/tickets/") || strings.Contains(got, "payment=") {
		t.Errorf("it ended at %q", got)
	}
	p.do("r12-receipts", chromedp.Navigate(h.web.URL+"/portal/receipts"), sees("USD 100.00"), sees("paid"), sees("Receipt"))
}

// With scripts the draft keeps itself, the ruler and the copies follow the
// moment; a lost line loses nothing, not even over a closed window.
func TestRequest_KeepsItselfAndSurvivesALostLine(t *testing.T) {
	t.Parallel()
	h, lost := newShop(t)
	h.fill(agentproto.OutcomeGood)
	h.addPerson("member")
	p := hand{t, phone(t)}
	p.do("k1-sign-in", chromedp.Navigate(h.web.URL+"/sign-in?next=/portal/bring-back"), chromedp.WaitVisible(chromedp.CSS("#email")),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#email").focus()`), keys("member@school.example"),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#password").focus()`), keys(password+kb.Enter), sees("Bring something back"))
	const focus, end = `document.querySelector("#story").focus()`, `document.querySelector("#story").setSelectionRange(9999, 9999)`
	p.do("k2-kept", chromedp.Evaluate[chromedp.Void]("window.notLoadedAgain = true;"+focus), keys("The wrong course"), sees("Kept at"),
		chromedp.Poll[chromedp.Void](`document.querySelector("[name=ticket]").value !== ""`))
	// The moment: the ruler moves, the copies come, and the best is chosen.
	p.do("k3-moment", chromedp.Evaluate[chromedp.Void](`(() => {
		const at = new Date(Date.now() - 3600e3), pad = n => String(n).padStart(2, "0");
		const local = new Date(at.toLocaleString("en-US", {timeZone: "Europe/Berlin"}));
		document.querySelector("#day").value = local.getFullYear() + "-" + pad(local.getMonth() + 1) + "-" + pad(local.getDate());
		document.querySelector("#clock").value = pad(local.getHours()) + ":" + pad(local.getMinutes());
		document.querySelector("#clock").dispatchEvent(new Event("input", {bubbles: true}));
	})()`), sees("best for you"), chromedp.Poll[chromedp.Void](`document.querySelector("#reach-live .cursor") && document.querySelector("[name=point]:checked") !== null`))
	p.do("k4-summary", chromedp.Evaluate[chromedp.Void](`document.querySelector("#want-everything").click()`), sees("What will be gone"), sees("Ready in"))
	if got := p.read(`document.querySelector("#story").value + "|" + window.notLoadedAgain`); got != "The wrong course|true" {
		t.Errorf("after the news there is %q", got)
	}
	// The line is lost: what is typed stays on the device.
	lost.Store(true)
	p.do("k5-lost", chromedp.Evaluate[chromedp.Void](focus+";"+end), keys(" of Biology"), sees("kept on this device"))
	lost.Store(false)
	p.do("k6-again", chromedp.Navigate(h.web.URL+"/portal/bring-back"), chromedp.Poll[chromedp.Void](`document.querySelector("#story")?.value === "The wrong course of Biology"`), sees("Kept at"),
		chromedp.Poll[chromedp.Void](`Object.keys(localStorage).filter(k => k.startsWith("request:")).length === 0`))
	// And the server has it: another browser shows it too.
	if got := h.visitor("member").get("/portal/bring-back"); !strings.Contains(got.body, "The wrong course of Biology") {
		t.Errorf("the draft was not kept:\n%s", text(got))
	}
}
