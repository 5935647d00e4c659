package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"holdfast/internal/testdb"
)

// TestEveryPage goes through the demo with a fleet as a member of the staff
// and as a customer do: every page that a link leads to is opened once, and
// held to what every page must be. Pictures go to HOLDFAST_SHOTS.
func TestEveryPage(t *testing.T) { //nolint:paralleltest // it shares the machine with the other parts
	dir, err := testdb.Scratch("holdfast-e2e-pages-")
	if err != nil {
		t.Fatal(err)
	}
	web := freePort(t)
	env := environment("HOLDFAST_STATE_DIR="+dir, "HOLDFAST_LISTEN="+web, "HOLDFAST_AGENT_LISTEN="+freePort(t))
	p, _ := startDemo(t, dir, env, "--fleet", "400")
	t.Cleanup(func() { p.signal(t, syscall.SIGINT, 40*time.Second) })
	browser := startBrowser(t)
	r := &rig{web: web}
	for _, who := range []struct {
		name, email, password, from string
		atLeast                     int
	}{
		{"staff", "staff@hoster.example", "demo staff password", "/", 20},
		{"customer", "admin@riverside.example", "demo customer password", "/", 4},
	} {
		t.Run(who.name, func(t *testing.T) { //nolint:paralleltest // one demo
			page := openPageFor(t, browser, who.name, 12*time.Minute)
			r.signIn(t, page, who.email, who.password)
			seen := page.crawl(t, "http://"+web, who.from)
			if len(seen) < who.atLeast {
				t.Errorf("only %d pages were found: %v", len(seen), seen)
			}
			if heard := page.said(); len(heard) > 0 {
				t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
			}
			t.Logf("%d pages: %s", len(seen), strings.Join(seen, " "))
		})
	}
}

// maxPages bounds a walk through pages.
const maxPages = 60

// crawl opens one page of each form that links lead to, from the path on.
func (p *page) crawl(t *testing.T, base, from string) (seen []string) {
	t.Helper()
	todo := []string{from}
	for len(todo) > 0 && len(seen) < maxPages {
		path := todo[0]
		todo = todo[1:]
		form := formOf(path)
		if slices.Contains(seen, form) {
			continue
		}
		seen = append(seen, form)
		p.do(t, "open "+path, chromedp.Navigate(base+path))
		text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.title + " " + document.querySelector("h1")?.innerText`))
		if err != nil || strings.Contains(text, "not here") || strings.Contains(text, "failed on our side") || strings.Contains(text, "not yours") {
			t.Errorf("%s, which a page of the %s leads to, says %q (%v)", path, p.who, text, err)
			continue
		}
		p.holds(t, strings.Trim(strings.NewReplacer("/", "_", "?", "_", "=", "_", "*", "x").Replace(form), "_"))
		links, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("a[href]")].filter(a => a.origin === location.origin).map(a => a.pathname + a.search)`))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			if !slices.Contains(seen, formOf(l)) && !strings.HasPrefix(l, "/static") && !strings.Contains(l, "gallery") && !strings.Contains(l, ".csv") {
				todo = append(todo, l)
			}
		}
	}
	return seen
}

var thing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[a-z0-9-]+(\.[a-z0-9-]+)*\.example[^/?&]*`)

// formOf is an address without what names a single thing: the path's ids and
// names, and the values of its parameters.
func formOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	out := thing.ReplaceAllString(u.Path, "*")
	for _, group := range []string{"/policies/", "/hosts/", "/destinations/"} {
		if rest, ok := strings.CutPrefix(out, group); ok && rest != "new" {
			name, more, _ := strings.Cut(rest, "/")
			_ = name
			out = strings.TrimSuffix(group+"*/"+more, "/")
		}
	}
	var keys []string
	for k := range u.Query() {
		keys = append(keys, k)
	}
	if slices.Sort(keys); len(keys) > 0 {
		out += "?" + strings.Join(keys, "&")
	}
	return out
}

// way is a window to look through.
type way struct {
	width  int64
	scheme string
}

// ways are the windows that each page is looked at through: every width in
// light and in dark where pictures are kept, else each once.
func ways() []way {
	all := []way{{375, "light"}, {768, "dark"}, {1440, "light"}}
	if os.Getenv("HOLDFAST_SHOTS") != "" {
		all = append(all, way{375, "dark"}, way{768, "light"}, way{1440, "dark"})
	}
	return all
}

// holds holds a page to what every page must be: no wider than any window,
// nothing that axe finds, light and dark.
func (p *page) holds(t *testing.T, name string) {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "web", "dash", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, "load axe", chromedp.Evaluate[chromedp.Void](string(axe)+";0"))
	for _, as := range ways() {
		at := fmt.Sprintf("%s-%s-%d-%s", p.who, name, as.width, as.scheme)
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}, {Name: "prefers-color-scheme", Value: as.scheme}},
		}); err != nil {
			t.Fatal(err)
		}
		p.do(t, at, chromedp.EmulateViewport(as.width, 900))
		over, err := chromedp.Run(p.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth - innerWidth"))
		if err != nil || over > 0 {
			t.Errorf("%s: %d px wider than the window (%v)", at, over, err)
		}
		found, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: axe: %v", at, err)
		}
		for _, f := range found {
			t.Errorf("%s: %s", at, f)
		}
		p.shoot(t, at)
	}
}
