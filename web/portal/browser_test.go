package portal

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/web/static"
	"holdfast/web/ui"
)

const hosterMark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle cx="12" cy="12" r="10" fill="#7a3ea8"/></svg>`

// serve gives every sample at /NAME under the policy that the pages are
// written for, with a hoster's name and mark.
func serve(t *testing.T, stream http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc(SitesPath+"1/stream", stream)
	mux.HandleFunc(MarkPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprint(w, hosterMark)
	})
	for _, s := range samples() {
		mux.HandleFunc("/"+s.name, func(w http.ResponseWriter, r *http.Request) {
			nonce := rand.Text()
			w.Header().Set("Content-Security-Policy", ui.Policy(nonce))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			ctx := ui.WithBrand(templ.WithNonce(r.Context(), nonce), ui.Brand{Name: "Brightside Hosting", Mark: MarkPath})
			if err := s.page.Render(ctx, w); err != nil {
				t.Errorf("render %s: %v", s.name, err)
			}
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// idle is a stream on which nothing happens.
func idle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// browser starts one headless Chromium; a missing one fails the test.
func browser(t *testing.T) context.Context {
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
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found))
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

// tab opens a tab whose console is collected until said is called.
func tab(t *testing.T, parent context.Context) (ctx context.Context, said func() []string) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
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
			if m.Type != chromedp.ConsoleLog && m.Type != chromedp.ConsoleDebug {
				mu.Lock()
				heard = append(heard, m.String())
				mu.Unlock()
			}
		}
	}()
	return ctx, func() []string {
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+end+`")`)); err != nil {
			t.Errorf("read the console: %v", err)
		}
		<-ended
		mu.Lock()
		defer mu.Unlock()
		return heard
	}
}

func theme(ctx context.Context, name string) error {
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	return err
}

const axeRun = `(async () => {
  const r = await axe.run(document, {resultTypes: ["violations"]});
  return r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary.replaceAll("\n", " ")));
})()`

const wide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".frame, .chart, .sr"))
  .map(e => e.tagName + "." + e.className).slice(0, 5).join(" | ")`

// TestPages_HoldInABrowser opens every page at three widths in both themes: no
// word on the console, nothing that the policy blocks, nothing wider than the
// window, nothing that axe finds.
func TestPages_HoldInABrowser(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("..", "dash", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	srv, parent := serve(t, idle), browser(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, scheme := range []string{"light", "dark"} {
				ctx, said := tab(t, parent)
				if err := theme(ctx, scheme); err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(srv.URL+"/"+s.name), chromedp.Evaluate[chromedp.Void](string(axe)+";0")); err != nil {
					t.Fatal(err)
				}
				for _, width := range []int64{1440, 768, 375} {
					checkAt(t, ctx, fmt.Sprintf("%s-%d-%s", s.name, width, scheme), width)
				}
				if heard := said(); len(heard) > 0 {
					t.Errorf("%s %s: the console says:\n%s", s.name, scheme, strings.Join(heard, "\n"))
				}
			}
		})
	}
}

func checkAt(t *testing.T, ctx context.Context, at string, width int64) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
	over, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth - innerWidth"))
	if err != nil {
		t.Fatal(err)
	}
	if over > 0 {
		culprits, _ := chromedp.Run(ctx, chromedp.Evaluate[string](wide))
		t.Errorf("%s: %d px wider than the window: %s", at, over, culprits)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: axe: %v", at, err)
	}
	for _, f := range found {
		t.Errorf("%s: %s", at, f)
	}
	shoot(t, ctx, at)
}

// shoot keeps a picture if HOLDFAST_SHOTS names a folder for it.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HOLDFAST_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "portal-"+name+".png"), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSite_KeepsWhatIsTypedWhileItUpdates opens what can be changed, by the
// keyboard, types, and lets the stream bring news: both stand there after it.
func TestSite_KeepsWhatIsTypedWhileItUpdates(t *testing.T) {
	t.Parallel()
	news := make(chan struct{})
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
		var page strings.Builder
		if err := SiteLive(siteComing()).Render(r.Context(), &page); err != nil {
			t.Errorf("render: %v", err)
		}
		for line := range strings.SplitSeq(page.String(), "\n") {
			fmt.Fprintf(w, "data: %s\n", line)
		}
		fmt.Fprint(w, "\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, said := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(375, 700), chromedp.Navigate(srv.URL+"/site"),
		chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=on]")`),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#keep-more summary").focus()`), chromedp.KeyEvent(kb.Enter),
		chromedp.Poll[chromedp.Void](`document.querySelector("#keep-more").open`), chromedp.KeyEvent(kb.Tab),
		chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent("Before exams")); err != nil {
		t.Fatalf("the form cannot be changed by the keyboard: %v", err)
	}
	close(news)
	if err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](`document.querySelector(".coming progress")?.value === 63`)); err != nil {
		t.Fatalf("the news did not come: %v", err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("#keep-reason").value + "|" + document.querySelector("#keep-more").open + "|" + document.activeElement.id`))
	if err != nil || got != "Before exams|true|keep-reason" {
		t.Errorf("after the news there is %q (%v)", got, err)
	}
	if heard := said(); len(heard) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
	}
}
