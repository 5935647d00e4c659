package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/testdb"
)

// hand is how a person works a page. What it is given is an expression of an
// element e: true of the one that is meant.
type hand interface {
	// press presses what leads to another page.
	press(t *testing.T, what, element string)
	// open opens what opens on the page itself.
	open(t *testing.T, what, element string)
	// write puts text in a field, in place of what stands there.
	write(t *testing.T, field, text string)
	// read gives what the page says.
	read(t *testing.T) string
	// visit types an address.
	visit(t *testing.T, path string)
}

// startFace starts the demo for people who look at it.
func startFace(t *testing.T, name string) (web string) {
	t.Helper()
	dir, err := testdb.Scratch("holdfast-e2e-" + name + "-")
	if err != nil {
		t.Fatal(err)
	}
	web = freePort(t)
	env := environment("HOLDFAST_STATE_DIR="+dir, "HOLDFAST_LISTEN="+web, "HOLDFAST_AGENT_LISTEN="+freePort(t))
	p, _ := startDemo(t, dir, env)
	t.Cleanup(func() { p.signal(t, syscall.SIGINT, 40*time.Second) })
	return web
}

// Expressions of elements.
func button(form string) string {
	return fmt.Sprintf(`e.matches('main form[action*=%q] button[type=submit]')`, form)
}

func linked(rest string) string {
	return fmt.Sprintf(`e.matches('main a') && e.getAttribute("href").includes(%q)`, rest)
}

func named(text string) string {
	return fmt.Sprintf(`e.matches("main a") && e.textContent.includes(%q)`, text)
}

// previewButton is the one that is seen; another takes Enter in a field.
const previewButton = `e.matches('main button[name=do][value=preview]:not([tabindex="-1"])')`

const submit = `e.matches("main form button[type=submit]")`

// mustSay waits until the page says some words: what is narrowed in its place
// is not there at once.
func mustSay(t *testing.T, h hand, flow string, words ...string) {
	t.Helper()
	for _, w := range words {
		eventually(t, 20*time.Second, flow+": the page says "+w, func() (bool, string) {
			text := h.read(t)
			return strings.Contains(text, w), text
		})
	}
}

// staffWork is a morning of the staff: each flow of their pages once.
func staffWork(t *testing.T, h hand) {
	t.Helper()
	says := func(flow string, words ...string) {
		t.Helper()
		mustSay(t, h, flow, words...)
	}
	h.visit(t, "/")
	h.write(t, "#email", "staff@hoster.example")
	h.write(t, "#password", "demo staff password")
	h.press(t, "sign in", submit)
	says("sign in", "learn.riverside.example")

	h.write(t, "#q", "campus")
	h.press(t, "search", `e.matches("main form.search button")`)
	says("find a site", "campus.riverside.example")
	eventually(t, 20*time.Second, "find a site: the search leaves only what was searched for", func() (bool, string) {
		text := h.read(t)
		return !strings.Contains(text, "moodle.hillcrest.example"), text
	})
	h.visit(t, "/sites")
	h.press(t, "filter", linked("filter=late"))
	says("filter", "No site matches")
	h.visit(t, "/sites")
	h.press(t, "a host", linked("host=host-b"))
	says("filter", "moodle.hillcrest.example")

	// A host in maintenance takes no run, so that there is one to cancel.
	h.visit(t, "/hosts")
	h.press(t, "the host", named("host-b"))
	h.write(t, "#maintenance-reason", "a test of the pages")
	h.press(t, "maintenance", button("/maintenance"))
	says("maintenance", "host-b is in maintenance")
	h.visit(t, "/sites")
	h.press(t, "the site", named("moodle.hillcrest.example"))
	h.press(t, "back up now", `e.matches('main form[action$="/backups"] button.btn-main')`)
	says("back up now", "moodle.hillcrest.example")
	h.visit(t, "/runs")
	h.press(t, "the run", `e.matches('main a[href^="/runs/"]') && /^.runs.[0-9a-f-]{36}$/.test(e.getAttribute("href"))`)
	h.open(t, "cancel", `e.matches("#run-cancel > summary")`)
	h.write(t, "#run-cancel-reason", "a test of the pages")
	h.press(t, "cancel", button("/cancellation"))
	says("cancel", "cancelled")

	h.visit(t, "/sites")
	h.press(t, "the site", named("learn.riverside.example"))
	h.open(t, "protect", `e.matches('main details[id^="acts-"] > summary')`)
	h.write(t, `details[open] form[action$="/protection"] input[name=reason]`, "exam week")
	h.press(t, "protect a copy", `e.matches('details[open] form[action$="/protection"] button[type=submit]')`)
	says("protect a copy", "exam week", "protected until")

	h.visit(t, "/policies")
	h.press(t, "the policy", named("published"))
	h.press(t, "copy it", linked("/policies/new"))
	h.write(t, "#name", "ours")
	h.press(t, "preview", previewButton)
	says("preview", "It does exactly what is shown here")
	h.press(t, "make it", `e.matches("#previewed button.btn-main")`)
	h.visit(t, "/policies")
	h.press(t, "the policy", named("ours"))
	h.press(t, "edit it", linked("/edit"))
	h.write(t, "#grace", "03:00")
	h.write(t, "#note", "a test of the pages")
	h.press(t, "preview", previewButton)
	says("preview", "It does exactly what is shown here")
	h.press(t, "save", `e.matches("#previewed button.btn-main")`)
	says("save", "a test of the pages")

	h.press(t, "sign out", `e.matches('form[action="/sign-out"] button')`)
	says("sign out", "signed out")
}

// customerWork is what a school's administrator does before an upgrade.
func customerWork(t *testing.T, h hand) {
	t.Helper()
	says := func(flow string, words ...string) {
		t.Helper()
		mustSay(t, h, flow, words...)
	}
	h.visit(t, "/")
	h.write(t, "#email", "admin@riverside.example")
	h.write(t, "#password", "demo customer password")
	h.press(t, "sign in", submit)
	says("sites", "learn.riverside.example", "campus.riverside.example")
	h.press(t, "the site", named("learn.riverside.example"))
	says("points", "What it can go back to", "I am about to upgrade")
	h.press(t, "how far back", linked("noticed=1"))
	says("how far back", "learn.riverside.example")
	h.visit(t, "/portal")
	h.press(t, "the other site", named("campus.riverside.example"))
	h.press(t, "keep a copy", `e.matches("#keep-form button[type=submit]")`)
	says("keep a copy", "copy")
	if !strings.Contains(h.read(t), "under way") && !strings.Contains(h.read(t), "kept") && !strings.Contains(h.read(t), "keep") {
		t.Errorf("keep a copy: the page does not say what comes:\n%s", h.read(t))
	}
	h.press(t, "sign out", `e.matches('form[action="/sign-out"] button')`)
	says("sign out", "signed out")
}

// mark finds the element that is meant and marks it, for what works a page
// from outside; tools see a page whose own scripts are off.
const mark = `(() => {
  document.querySelectorAll("[data-meant]").forEach(e => e.removeAttribute("data-meant"));
  const all = [...document.querySelectorAll("a, button, summary, input, select, textarea")].filter(e => (%s) && e.checkVisibility());
  if (all.length > 0) all[0].setAttribute("data-meant", "");
  return all.length > 0;
})()`

const meant = "[data-meant]"

func (p *page) visitAt(t *testing.T, url string) {
	t.Helper()
	p.turn(t, "open "+url, chromedp.Navigate(url))
}

func (p *page) text(t *testing.T) string {
	t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		t.Fatalf("read the page: %v", err)
	}
	return text
}
