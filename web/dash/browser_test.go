package dash

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

// serve gives every sample at /NAME under the policy that the pages are
// written for, and what stream sends at the runs' stream.
func serve(t *testing.T, stream http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc(RunsStreamPath, stream)
	mux.HandleFunc("/sites/1/stream", stream)
	for _, s := range samples() {
		mux.HandleFunc("/"+s.name, func(w http.ResponseWriter, r *http.Request) {
			nonce := rand.Text()
			w.Header().Set("Content-Security-Policy", ui.Policy(nonce))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := s.page.Render(templ.WithNonce(r.Context(), nonce), w); err != nil {
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

// tab opens a tab whose console is collected until said is called, which gives
// what was written to it that is worse than a note.
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
			if m.Type == chromedp.ConsoleLog || m.Type == chromedp.ConsoleDebug {
				continue
			}
			mu.Lock()
			heard = append(heard, m.String())
			mu.Unlock()
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

// wide finds what sticks out of the page, to name it in the failure.
const wide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".frame, .command, .sr"))
  .map(e => e.tagName + "." + e.className).slice(0, 5).join(" | ")`

// TestPages_HoldInABrowser opens every page at three widths in both themes: no
// word on the console, nothing that the policy blocks, nothing wider than the
// window, nothing that axe finds.
func TestPages_HoldInABrowser(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
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
					at := fmt.Sprintf("%s-%d-%s", s.name, width, scheme)
					checkAt(t, ctx, at, width)
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

// TestMenu_OpensWithoutScript opens the menu of a small window, which works by
// the browser's own means, and closes it by Escape.
func TestMenu_OpensWithoutScript(t *testing.T) {
	t.Parallel()
	srv := serve(t, idle)
	ctx, said := tab(t, browser(t))
	const open = `document.querySelector("#menu").matches(":popover-open")`
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(375, 700), chromedp.Navigate(srv.URL+"/fleet"),
		chromedp.Click(chromedp.CSS(".menu-button")), chromedp.Poll[chromedp.Void](open),
		chromedp.WaitVisible(chromedp.CSS(`#menu a[aria-current="page"]`)), chromedp.WaitVisible(chromedp.CSS(`#menu form button`))); err != nil {
		t.Fatalf("the menu did not open: %v", err)
	}
	shoot(t, ctx, "menu-375-light")
	if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.Escape), chromedp.Poll[chromedp.Void]("!"+open)); err != nil {
		t.Fatalf("the menu did not close: %v", err)
	}
	if heard := said(); len(heard) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
	}
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
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRuns_UpdatesItself sends one message on the stream and waits until the
// page shows it, under the policy.
func TestRuns_UpdatesItself(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		next := runsFull()
		next.Running = next.Running[:1]
		next.Running[0].Progress = &ui.Progress{Label: "Data copy", Percent: 91, Known: true, Words: "375,221 of 412,331 files", Rate: "208 MB/s", Left: "5 s left"}
		var page strings.Builder
		if err := RunsLive(next).Render(r.Context(), &page); err != nil {
			t.Errorf("render: %v", err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for line := range strings.SplitSeq(page.String(), "\n") {
			fmt.Fprintf(w, "data: %s\n", line)
		}
		fmt.Fprint(w, "\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, said := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/runs"),
		chromedp.Poll[chromedp.Void](`document.querySelectorAll("#live progress").length === 1 && document.querySelector("#live progress").value === 91 && document.querySelector("[data-live=on] [data-live-words]").textContent === "Updating by itself"`)); err != nil {
		t.Fatalf("the page did not show what the stream sent: %v", err)
	}
	if heard := said(); len(heard) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
	}
}

// TestRuns_KeepsWhatItShowsWhenStreamIsRefused answers the stream with a page:
// what was shown stays, and the page says that it is not live.
func TestRuns_KeepsWhatItShowsWhenStreamIsRefused(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "<h1>Sign in</h1>")
	})
	ctx, _ := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/runs"),
		chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=off] [data-live-words]")?.textContent === "No longer updating"`)); err != nil {
		t.Fatalf("the page does not say that it is not live: %v", err)
	}
	if n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll("#live .row").length + 10 * document.querySelectorAll("h1").length`)); err != nil || n != 13 {
		t.Errorf("rows and headings: %d (%v), want 3 rows and one heading", n, err)
	}
}
