package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keys works a page by Tab, Enter and typing alone, and looks at each stop
// whether the reader sees where the focus is.
type keys struct {
	p    *page
	base string
}

// maxStops bounds the way to an element; no page has so many.
const maxStops = 400

// stop is where the focus is: whether it is what is meant, whether it can be
// seen, and what it is.
const stop = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "nowhere";
  const s = getComputedStyle(e), r = e.getBoundingClientRect();
  const ring = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 || s.boxShadow !== "none";
  const seen = ring && r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
  return ((%s) ? "there" : "on") + (seen ? "" : " unseen") + " " + e.outerHTML.slice(0, 160);
})()`

func (k keys) to(t *testing.T, what, element string) {
	t.Helper()
	begun := false
	for range maxStops {
		k.p.do(t, what, chromedp.KeyEvent(kb.Tab))
		at, err := chromedp.Run(k.p.ctx, chromedp.Evaluate[string](fmt.Sprintf(stop, element)))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if strings.HasPrefix(at, "there unseen") || strings.HasPrefix(at, "on unseen") {
			t.Errorf("%s: the focus cannot be seen: %s", what, at)
		}
		if strings.HasPrefix(at, "there") {
			return
		}
		if at == "nowhere" { // past the end of the page, and in again
			if begun {
				break
			}
			begun = true
		}
	}
	t.Fatalf("%s: Tab does not lead to %s on the page:\n%s", what, element, k.p.text(t))
}

func (k keys) press(t *testing.T, what, element string) {
	t.Helper()
	k.to(t, what, element)
	k.p.turn(t, what, chromedp.KeyEvent(kb.Enter))
}

func (k keys) open(t *testing.T, what, element string) {
	t.Helper()
	k.to(t, what, element)
	k.p.do(t, what, chromedp.KeyEvent(kb.Enter))
}

func (k keys) write(t *testing.T, field, text string) {
	t.Helper()
	k.to(t, "write "+field, fmt.Sprintf("e.matches(%q)", field))
	k.p.do(t, "write "+field, chromedp.Evaluate[chromedp.Void](`document.activeElement.select(); 0`), chromedp.KeyEvent(text))
}

func (k keys) read(t *testing.T) string {
	t.Helper()
	return k.p.text(t)
}

func (k keys) visit(t *testing.T, path string) {
	t.Helper()
	k.p.visitAt(t, k.base+path)
}

// Every flow of staff and customers works by keyboard alone, and the focus is
// seen wherever it goes.
func TestKeyboard_EveryFlowWorks(t *testing.T) { //nolint:paralleltest // it shares the machine with the other parts
	web := startFace(t, "keys")
	browser := startBrowser(t)
	for who, work := range map[string]func(*testing.T, hand){"staff": staffWork, "customer": customerWork} {
		t.Run(who, func(t *testing.T) { //nolint:paralleltest // one demo
			p := openPageFor(t, browser, who+"-keys", 6*time.Minute)
			work(t, keys{p: p, base: "http://" + web})
			heard := slices.DeleteFunc(p.said(), func(line string) bool {
				return strings.HasPrefix(line, "info: Autofocus processing was blocked") // we had tabbed on before the page was whole
			})
			if len(heard) > 0 {
				t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
			}
		})
	}
}
