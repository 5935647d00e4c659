package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// mouse works a page whose scripts are off.
type mouse struct {
	p    *page
	base string
}

func (m mouse) find(t *testing.T, what, element string) {
	t.Helper()
	found, err := chromedp.Run(m.p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(mark, element)))
	if err != nil || !found {
		t.Fatalf("%s: there is nothing like %s (%v) on the page:\n%s", what, element, err, m.p.text(t))
	}
}

func (m mouse) press(t *testing.T, what, element string) {
	t.Helper()
	m.find(t, what, element)
	m.p.turn(t, what, chromedp.Click(chromedp.CSS(meant)))
}

func (m mouse) open(t *testing.T, what, element string) {
	t.Helper()
	m.find(t, what, element)
	m.p.do(t, what, chromedp.Click(chromedp.CSS(meant)))
}

func (m mouse) write(t *testing.T, field, text string) {
	t.Helper()
	m.find(t, "write "+field, fmt.Sprintf("e.matches(%q)", field))
	m.p.do(t, "write "+field, chromedp.Click(chromedp.CSS(meant)),
		chromedp.Evaluate[chromedp.Void](`document.activeElement.select(); 0`), chromedp.KeyEvent(text))
}

func (m mouse) read(t *testing.T) string {
	t.Helper()
	return m.p.text(t)
}

func (m mouse) visit(t *testing.T, path string) {
	t.Helper()
	m.p.visitAt(t, m.base+path)
}

// Every flow of staff and customers works in a browser that runs no script.
func TestNoScripts_EveryFlowWorks(t *testing.T) { //nolint:paralleltest // it shares the machine with the other parts
	web := startFace(t, "nojs")
	browser := startBrowser(t)
	for who, work := range map[string]func(*testing.T, hand){"staff": staffWork, "customer": customerWork} {
		t.Run(who, func(t *testing.T) { //nolint:paralleltest // one demo
			work(t, mouseWithoutScripts(t, browser, who, web))
		})
	}
	t.Run("sites of a host", func(t *testing.T) { //nolint:paralleltest // one demo
		findSites(t, mouseWithoutScripts(t, browser, "found", web))
	})
}

func mouseWithoutScripts(t *testing.T, browser context.Context, who, web string) mouse {
	t.Helper()
	p := openPageFor(t, browser, who+"-no-scripts", 4*time.Minute)
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p.do(t, "open a page that is all script", chromedp.Navigate(`data:text/html,<title>off</title><script>document.title = "on"</script>`))
	if title, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.title")); err != nil || title != "off" {
		t.Fatalf("scripts are %q (%v)", title, err)
	}
	return mouse{p: p, base: "http://" + web}
}
