package portal_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/internal/agentproto"
)

// phone is a browser of a phone's width; a missing one fails the test.
func phone(t *testing.T) context.Context {
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
	ctx, end := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(375, 740)); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// shoot keeps a picture if HOLDFAST_SHOTS names a folder for it.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HOLDFAST_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "flow-"+name+".png"), shot, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A customer signs in on a phone, keeps a copy before an upgrade by the
// keyboard's Enter, and sees it come without doing anything.
func TestFlow_ACustomerKeepsACopyOnAPhoneAndSeesItCome(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	h.addPerson("member")
	ctx := phone(t)
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for _, a := range actions {
			err := chromedp.Do(ctx, a)
			for err != nil && (strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "find context")) && ctx.Err() == nil {
				err = chromedp.Do(ctx, a) // it looked at the page that was left
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		over, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth - innerWidth"))
		if err != nil || over > 0 {
			t.Errorf("%s: %d px wider than the phone (%v)", what, over, err)
		}
		shoot(t, ctx, what)
	}
	says := func(words string) chromedp.Action[chromedp.Void] {
		return chromedp.Poll[chromedp.Void](`document.body?.innerText.includes("` + words + `")`)
	}
	do("1-sign-in", chromedp.Navigate(h.web.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#email")), says(hoster))
	do("2-my-site", chromedp.Evaluate[chromedp.Void](`document.querySelector("#email").focus()`), chromedp.KeyEvent("member@school.example"),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#password").focus()`), chromedp.KeyEvent(password+kb.Enter),
		says("If the server died now"), chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=on]")`))
	do("3-asked", chromedp.Evaluate[chromedp.Void](`document.querySelector("#keep-form button").focus()`), chromedp.KeyEvent(kb.Enter),
		says("A copy is on its way: wait with your change"), chromedp.Poll[chromedp.Void](`document.querySelector("[data-live=on]")`))
	const stays = "window.notLoadedAgain = true"
	do("4-waits", chromedp.Evaluate[chromedp.Void](stays), says("waits for its turn"))
	for n := range 2 {
		for _, l := range h.lease() {
			h.beat(l, agentproto.Progress{Phase: "storing", DoneFiles: 311204, TotalFiles: 412331, DoneBytes: 3, TotalBytes: 4})
			h.bell.ring()
			do([]string{"5-first-moves", "6-second-moves"}[n], chromedp.Poll[chromedp.Void](`document.querySelector(".coming progress")?.value === 75`))
			h.complete(l, agentproto.OutcomeGood)
			h.bell.ring()
		}
	}
	h.bell.ring()
	do("7-there", says("The copy is there: you can begin"), says("Copies that are kept for you"))
	if same, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("window.notLoadedAgain === true")); err != nil || !same {
		t.Errorf("the page was loaded again (%v)", err)
	}
}
