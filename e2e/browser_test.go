package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The people of the browser's test.
const (
	staffMail, staffPassword       = "sam@hoster.example", "what Sam alone knows"
	customerMail, customerPassword = "ana@riverside.example", "what Ana alone knows" //nolint:gosec // a test's
)

// peopleLookAndAsk signs two people in, each in a browser of their own. The
// customer asks for a backup, the staff member sees it come, run and end
// without touching the page, and both sign out.
func peopleLookAndAsk(t *testing.T, r *rig, s *moodleSite) {
	for _, p := range [][]string{
		{staffPassword, staffMail, "--name", "Sam Staff", "--staff", "owner"},
		{customerPassword, customerMail, "--name", "Ana Admin", "--tenant", "riverside", "--role", "admin"},
	} {
		if out, complaints, code := r.run(t, p[0]+"\n", append([]string{"user", "add"}, p[1:]...)...); code != 0 {
			t.Fatalf("user add: %d: %s%s", code, out, complaints)
		}
		keepSecret(p[0])
	}
	r.say(t, "tenant", "add", "Hillcrest College", "--slug", "hillcrest")
	s.grow(t, heavy)
	r.vault[s.host].hold(1 << 20)
	parent := startBrowser(t)
	staff, customer := openPage(t, parent, "staff"), openPage(t, parent, "customer")
	r.signIn(t, staff, staffMail, staffPassword)
	r.signIn(t, customer, customerMail, customerPassword)
	staff.look(t, "sites")
	customer.look(t, "sites")

	r.mayOpen(t, customerMail, customerPassword, map[string]int{"/hosts": 404, "/queue": 404, "/sites": 200, "/portal": 200, "/runs": 404})
	r.mayOpen(t, staffMail, staffPassword, map[string]int{"/hosts": 200, "/queue": 200, "/sites": 200, "/runs": 200})

	// The staff member waits on the page of runs; a mark on the window shows
	// that it is never loaded again.
	staff.do(t, "wait on the runs", chromedp.Navigate("http://"+r.web+"/runs"),
		chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=on]") !== null`),
		chromedp.Evaluate[chromedp.Void](`window.unmoved = true; 0`))

	if several, err := chromedp.Run(customer.ctx, chromedp.Evaluate[bool](`location.pathname === "/portal"`)); err != nil {
		t.Fatal(err)
	} else if several { // who has a single site has come to it already
		customer.turn(t, "open the site", chromedp.Click(chromedp.Search(`//main//a[contains(., "`+s.name+`")]`)))
	}
	customer.look(t, "site")
	customer.do(t, "choose", chromedp.EmulateViewport(1440, 900), chromedp.WaitVisible(chromedp.CSS(`#keep-form button`)))
	customer.turn(t, "keep a copy", chromedp.Click(chromedp.CSS(`#keep-form button`)))
	customer.do(t, "be told", chromedp.WaitVisible(chromedp.CSS(`.notice`)))

	const row = `[...document.querySelectorAll("#live .row-block")].some(e => e.innerText.includes(%q) && e.innerText.toLowerCase().includes(%q))`
	staff.do(t, "see the run come by itself", chromedp.Poll[chromedp.Void](fmt.Sprintf(row, s.name, "running")))
	staff.look(t, "runs-live")
	r.vault[s.host].held(t, time.Minute)
	r.vault[s.host].release()
	staff.do(t, "see it end by itself", chromedp.Poll[chromedp.Void](fmt.Sprintf(
		`window.unmoved && ![...document.querySelectorAll("#live .row-block")].some(e => e.innerText.includes(%q)) && [...document.querySelectorAll("#live tbody tr")].some(e => e.innerText.includes(%q) && e.innerText.includes("complete"))`, s.name, s.name)))
	staff.look(t, "runs")
	staff.do(t, "look at the hosts", chromedp.Navigate("http://"+r.web+"/hosts"))
	staff.look(t, "hosts")
	staff.do(t, "look at the queue", chromedp.Navigate("http://"+r.web+"/queue"))
	staff.look(t, "queue")

	for _, p := range []*page{staff, customer} {
		p.turn(t, "sign out", chromedp.Click(chromedp.CSS(`form[action="/sign-out"] button`)))
		p.do(t, "find the door closed", chromedp.Navigate("http://"+r.web+"/sites"), chromedp.WaitVisible(chromedp.CSS(`#password`)))
		if heard := p.said(); len(heard) > 0 {
			t.Errorf("the console of the %s says:\n%s", p.who, strings.Join(heard, "\n"))
		}
	}
}

// page is one person's browser window.
type page struct {
	who  string
	ctx  context.Context //nolint:containedctx // chromedp's way
	said func() []string
}

// startBrowser starts one headless Chromium; a missing one fails the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var found string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			found = path
			break
		}
	}
	if found == "" {
		t.Fatal("no chromium on this machine: install the package chromium")
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(found))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// openPage opens a window with cookies of its own. What its console says that
// is worse than a note is kept.
func openPage(t *testing.T, parent context.Context, who string) *page {
	t.Helper()
	return openPageFor(t, parent, who, 3*time.Minute)
}

// openPageFor is openPage for as long as life.
func openPageFor(t *testing.T, parent context.Context, who string, life time.Duration) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, life)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		t.Fatalf("open a window: %v", err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
	}); err != nil {
		t.Fatal(err)
	}
	const end = "that was all"
	var mu sync.Mutex
	var heard []string
	ended := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(ended)
		for m, err := range messages {
			if err != nil || m.Text == end {
				return
			}
			if m.Type == chromedp.ConsoleLog || m.Type == chromedp.ConsoleDebug {
				continue
			}
			mu.Lock()
			heard = append(heard, m.String())
			mu.Unlock()
		}
	}()
	return &page{who: who, ctx: ctx, said: func() []string {
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+end+`")`)); err != nil {
			t.Errorf("read the console: %v", err)
		}
		<-ended
		mu.Lock()
		defer mu.Unlock()
		return heard
	}}
}

func (r *rig) signIn(t *testing.T, p *page, email, password string) {
	t.Helper()
	p.do(t, "sign in", chromedp.Navigate("http://"+r.web+"/"), chromedp.WaitVisible(chromedp.CSS(`#email`)))
	p.look(t, "sign-in")
	p.do(t, "sign in", chromedp.SendKeys(chromedp.CSS(`#email`), email), chromedp.SendKeys(chromedp.CSS(`#password`), password))
	p.turn(t, "sign in", chromedp.Click(chromedp.CSS(`main form button[type=submit]`)))
	p.do(t, "be signed in", chromedp.Poll[chromedp.Void](`document.querySelector(".who") !== null`))
}

// do takes steps in the window, each within half a minute.
func (p *page) do(t *testing.T, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 40*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
		t.Fatalf("%s: %s: %v; the page:\n%s", p.who, what, err, text)
	}
}

// turn takes a step that leads to another page, and waits for it.
func (p *page) turn(t *testing.T, what string, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 40*time.Second)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, step)
	if err == nil && resp == nil {
		return // the page changed in its place
	}
	if err != nil || resp.Status != http.StatusOK {
		t.Fatalf("%s: %s: %+v, %v", p.who, what, resp, err)
	}
}

// mayOpen signs a person in without a browser and asks for pages.
func (r *rig) mayOpen(t *testing.T, email, password string, want map[string]int) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	resp, err := c.PostForm("http://"+r.web+"/sign-in", url.Values{"email": {email}, "password": {password}}) //nolint:noctx // bounded above
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for path, status := range want {
		resp, err := c.Get("http://" + r.web + path) //nolint:noctx // bounded above
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s gets %d for %s, want %d", email, resp.StatusCode, path, status)
		}
	}
}

const axeRun = `(async () => {
  const r = await axe.run(document, {resultTypes: ["violations"]});
  return r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary.replaceAll("\n", " ")));
})()`

// look holds the page as it is now to what every page must be, at three
// widths, and keeps a picture of each where HOLDFAST_SHOTS names a folder.
func (p *page) look(t *testing.T, name string) {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "web", "dash", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, "load axe", chromedp.Evaluate[chromedp.Void](string(axe)+";0"))
	for _, width := range []int64{375, 768, 1440} {
		at := fmt.Sprintf("%s-%s-%d", p.who, name, width)
		p.do(t, at, chromedp.EmulateViewport(width, 900))
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

func (p *page) shoot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("HOLDFAST_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // pictures for everyone
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o644); err != nil { //nolint:gosec // pictures for everyone
		t.Fatal(err)
	}
}
