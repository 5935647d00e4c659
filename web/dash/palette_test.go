package dash

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/web/static"
	"holdfast/web/ui"
)

// finding serves a page with the palette. The answer for "slow" comes when
// release is closed; "gone" leads to sign in; "broken" fails.
func finding(t *testing.T, release chan struct{}) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	page := func(c templ.Component) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			nonce := rand.Text()
			w.Header().Set("Content-Security-Policy", ui.Policy(nonce))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := c.Render(templ.WithNonce(r.Context(), nonce), w); err != nil && r.Context().Err() == nil {
				t.Errorf("render: %v", err)
			}
		}
	}
	mux.HandleFunc("/start", page(Queue(QueueProps{Page: staff(QueueSection), State: ui.Good, Sentence: ui.Say(ui.Text("Nothing waits.")), Counts: queueCounts("0")})))
	mux.HandleFunc("/runs", page(Runs(RunsProps{Page: staff(RunsSection)})))
	mux.HandleFunc("/sites/2", page(Find(FindProps{Page: staff(NoSection), Found: foundFull()})))
	mux.HandleFunc(FindPath, page(Find(FindProps{Page: staff(NoSection), Found: foundFull()})))
	mux.HandleFunc("/sign-in", page(SignIn(SignInProps{})))
	mux.HandleFunc(FindOptionsPath, func(w http.ResponseWriter, r *http.Request) {
		found := foundFull()
		switch r.URL.Query().Get("q") {
		case "slow":
			<-release
			found = FoundProps{Words: "stale", Hint: "a stale answer"}
		case "gone":
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		case "broken":
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		page(FindOptions(found))(w, r)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

const (
	paletteOpen = `document.querySelector("#palette")?.open === true`
	chosenText  = `(document.getElementById(document.querySelector("#palette-q").getAttribute("aria-activedescendant"))?.textContent ?? "")`
)

// TestPalette_IsWalkedByKeyboardAlone opens the palette, walks what it lists,
// leads on, and closes it again, and axe finds nothing in it.
func TestPalette_IsWalkedByKeyboardAlone(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	srv := finding(t, release)
	t.Cleanup(func() { close(release) })
	for _, scheme := range []string{"light", "dark"} {
		ctx, said := tab(t, browser(t))
		if err := theme(ctx, scheme); err != nil {
			t.Fatal(err)
		}
		open := chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true, cancelable: true}))`)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(srv.URL+"/start"), chromedp.Evaluate[chromedp.Void](string(axe)+";0"),
			chromedp.Focus(chromedp.CSS(`.counts a`)), open, chromedp.Poll[chromedp.Void](paletteOpen),
			chromedp.Poll[chromedp.Void](`document.querySelectorAll('#palette [role="option"]').length === 6 && document.activeElement.id === "palette-q"`),
			chromedp.KeyEvent("school"), chromedp.Poll[chromedp.Void](chosenText+`.includes("a.school.example") && document.querySelector("#palette-q").getAttribute("aria-expanded") === "true"`),
			chromedp.Poll[chromedp.Void](`document.querySelector("#palette-list").dataset.of === "school"`)); err != nil {
			t.Fatalf("the palette did not open and list: %v", err)
		}
		for _, width := range []int64{1440, 768, 375} {
			checkAt(t, ctx, "palette-"+scheme+"-"+map[int64]string{1440: "1440", 768: "768", 375: "375"}[width], width)
		}
		if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.ArrowUp), chromedp.Poll[chromedp.Void](chosenText+`.includes("Sites")`),
			chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.Poll[chromedp.Void](chosenText+`.includes("verylong")`),
			chromedp.Poll[chromedp.Void](`document.querySelectorAll('#palette [aria-selected="true"]').length === 1`),
			chromedp.KeyEvent(kb.Escape), chromedp.Poll[chromedp.Void](`!(`+paletteOpen+`) && document.activeElement.closest(".counts") !== null`),
			open, chromedp.Poll[chromedp.Void](paletteOpen), chromedp.Poll[chromedp.Void](chosenText+`.includes("a.school.example")`),
			chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS("#find-q"))); err != nil {
			t.Fatalf("%s: the keyboard does not walk it: %v", scheme, err)
		}
		if heard := said(); len(heard) > 0 {
			t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
		}
	}
}

// TestPalette_OpenedAgainAtOnceAsksAnew closes and opens the palette in one
// breath. The browser tells of the closing only afterwards, which must not take
// away what was asked since.
func TestPalette_OpenedAgainAtOnceAsksAnew(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := finding(t, release)
	t.Cleanup(func() { close(release) })
	ctx, _ := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/start"), chromedp.Click(chromedp.CSS("[data-find]")), chromedp.Poll[chromedp.Void](paletteOpen),
		chromedp.KeyEvent("school"), chromedp.Poll[chromedp.Void](`document.querySelector("#palette-list").dataset.of === "school"`),
		chromedp.KeyEvent(kb.ArrowDown), chromedp.Poll[chromedp.Void](chosenText+`.includes("verylong")`),
		chromedp.Evaluate[chromedp.Void](`{
			const press = (at, key, ctrlKey) => at.dispatchEvent(new KeyboardEvent("keydown", {key, ctrlKey, bubbles: true, cancelable: true}));
			document.querySelector("#palette").addEventListener("close", () => { window.told = true; });
			press(document.querySelector("#palette-q"), "Escape", false);
			press(document, "k", true);
		}`),
		chromedp.Poll[chromedp.Void](`window.told && `+paletteOpen+` && document.activeElement.id === "palette-q"`),
		chromedp.Poll[chromedp.Void](chosenText+`.includes("a.school.example")`)); err != nil {
		t.Fatalf("the palette does not ask anew: %v", err)
	}
}

// TestPalette_DropsStaleAnswersAndSaysWhenNoneCame asks for something slow, and
// types on: the late answer is not shown. A failure is said, and a session that
// ended leads to sign in.
func TestPalette_DropsStaleAnswersAndSaysWhenNoneCame(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := finding(t, release)
	ctx, _ := tab(t, browser(t))
	typed := func(q string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`{ const f = document.querySelector("#palette-q"); f.value = "` + q + `"; f.dispatchEvent(new Event("input")); }`)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/start"), chromedp.Click(chromedp.CSS("[data-find]")), chromedp.Poll[chromedp.Void](paletteOpen),
		chromedp.Evaluate[chromedp.Void](`window.asked = []; const real = window.fetch; window.fetch = (u, o) => { window.asked.push(u); return real(u, o); }; 0`),
		typed("slow"), chromedp.Poll[chromedp.Void](`window.asked.some(u => u.includes("slow"))`), typed("fast"),
		chromedp.Poll[chromedp.Void](`document.querySelector("#palette-list").dataset.of === "fast"`)); err != nil {
		t.Fatalf("the palette does not go on: %v", err)
	}
	close(release)
	if err := chromedp.Do(ctx, typed("broken"), chromedp.Poll[chromedp.Void](`document.querySelector("#palette-list").textContent.includes("No answer came")`)); err != nil {
		t.Fatalf("a failure is not said: %v", err)
	}
	if stale, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector("#palette").textContent.includes("stale")`)); err != nil || stale {
		t.Errorf("a stale answer is shown (%v)", err)
	}
	if err := chromedp.Do(ctx, typed("gone"), chromedp.WaitVisible(chromedp.CSS("#find-q"))); err != nil {
		t.Fatalf("a session that ended does not lead on: %v", err)
	}
}

// TestPalette_IsALinkWithoutScript follows the entry where no script runs.
func TestPalette_IsALinkWithoutScript(t *testing.T) {
	t.Parallel()
	page := render(t, Queue(QueueProps{Page: staff(QueueSection)}))
	if !strings.Contains(page, `href="/find" data-find`) {
		t.Error("the entry is no link")
	}
	if page := render(t, SignIn(SignInProps{})); strings.Contains(page, "data-find") || strings.Contains(page, "palette.js") {
		t.Error("who is not signed in is offered to find")
	}
}
