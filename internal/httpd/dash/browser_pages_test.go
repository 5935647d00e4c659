package dash_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/site"
)

// chromium starts one headless Chromium; a missing one fails the test.
func chromium(t *testing.T) context.Context {
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
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

const axeRun = `(async () => {
  const r = await axe.run(document, {resultTypes: ["violations"]});
  return r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary.replaceAll("\n", " ")));
})()`

// lived is a house with sites in several zones that have a past.
func lived(t *testing.T) (h *house, sites map[string]id.Site) {
	t.Helper()
	h = newHouse(t)
	sites = map[string]id.Site{"own": h.site}
	for name, zone := range map[string]string{"kathmandu": "Asia/Kathmandu", "newyork": "America/New_York"} {
		made, err := h.app.AddSite(t.Context(), authz.Console(), app.NewSite{Tenant: "own", Host: "host-a", Entry: site.Entry{Name: name + ".school.example", CodeDir: "/srv/" + name, TimeZone: zone}})
		h.must(err)
		sites[name] = made
	}
	h.history(h.site, past{zone: "Europe/Berlin", days: 61, down: 50 * time.Hour})
	h.history(sites["kathmandu"], past{zone: "Asia/Kathmandu", days: 61})
	h.history(sites["newyork"], past{zone: "America/New_York", days: 400, down: 9 * 24 * time.Hour})
	copies := `(SELECT id FROM copy WHERE site_id = $1 AND kind = 'database' AND binned_at IS NULL ORDER BY taken_at DESC OFFSET `
	h.exec(`UPDATE copy SET protected_until = now() + interval '20 days', protected_why = 'Before a change: Moodle went from 4.5.5 to 4.5.6' WHERE id = `+copies+`2 LIMIT 1)`, h.site.UUID())
	h.exec(`UPDATE copy SET pinned = 'The auditors look at it until spring' WHERE id = `+copies+`4 LIMIT 1)`, h.site.UUID())
	h.exec(`UPDATE copy SET state = 'incomplete', details = '{"problems":[{"path":"mdl_big","reason":"gone away"}]}' WHERE id = `+copies+`1 LIMIT 1)`, h.site.UUID())
	h.must(h.app.HoldSite(t.Context(), authz.Console(), sites["newyork"].String(), true, "Case 2026-114 of the school board"))
	h.policy()
	h.must(h.app.AssignPolicy(t.Context(), authz.Console(), "gold", []string{"kathmandu.school.example"}))
	return h, sites
}

// TestPolicyPages_HoldInABrowser opens the pages of a site with a past and of
// policies, at three widths in both themes: nothing wider than the window,
// nothing that axe finds.
func TestPolicyPages_HoldInABrowser(t *testing.T) {
	t.Parallel()
	h, sites := lived(t)
	axe, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "dash", "testdata", "axe.min.js"))
	h.must(err)
	token := h.signIn("owner").cookie().Value
	ctx := chromium(t)
	h.must(chromedp.Do(ctx, chromedp.Navigate(h.web.URL+"/healthz"), chromedp.Evaluate[chromedp.Void](`document.cookie = "holdfast=`+token+`; path=/";0`)))
	pages := map[string]string{
		"site": "/sites/" + sites["own"].String() + "?noticed=20", "site-far": "/sites/" + sites["newyork"].String() + "?noticed=2025-11-15+12:00",
		"site-wrong": "/sites/" + sites["kathmandu"].String() + "?noticed=yesterday", "policies": "/policies", "policy": "/policies/gold", "published": "/policies/published",
		"policy-new": "/policies/new", "policy-edit": "/policies/gold/edit", "fleet": "/sites", "fleet-late": "/sites?filter=late",
	}
	for name, path := range pages {
		for scheme, widths := range map[string][]int64{"light": {1440, 375}, "dark": {768}} {
			if os.Getenv("HOLDFAST_SHOTS") != "" {
				widths = []int64{1440, 768, 375}
			}
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			h.must(err)
			h.must(chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(h.web.URL+path), chromedp.Evaluate[chromedp.Void](string(axe)+";0")))
			for _, width := range widths {
				lookAt(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, scheme), width)
			}
		}
	}
	// The editor's preview, as a person reaches it.
	h.must(chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(h.web.URL+"/policies/gold/edit"), chromedp.SetValue(chromedp.CSS(`input[name="rules[0].keep"]`), "2"),
		chromedp.Click(chromedp.CSS(`.submit-bar button`)), chromedp.WaitVisible(chromedp.CSS("#previewed")), chromedp.Evaluate[chromedp.Void](string(axe)+";0")))
	for _, width := range []int64{1440, 768, 375} {
		lookAt(t, ctx, fmt.Sprintf("policy-preview-%d-dark", width), width)
	}
}

func lookAt(t *testing.T, ctx context.Context, at string, width int64) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
	over, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth - innerWidth"))
	if err != nil || over > 0 {
		t.Errorf("%s: %d px wider than the window (%v)", at, over, err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil || len(found) > 0 {
		t.Errorf("%s: %v %s", at, err, strings.Join(found, "\n"))
	}
	if dir := os.Getenv("HOLDFAST_SHOTS"); dir != "" {
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, at+".png"), shot, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
