package dash_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// manySites gives a tenant n more sites, which stand in each way.
func (h *house) manySites(tenant string, n int) {
	h.t.Helper()
	h.exec(`INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, time_zone, state, facts, created_at)
		SELECT t.id, gen_random_uuid(), h.id, d.id, 'many-' || lpad(i::text, 5, '0') || '.school.example', '/srv/many/' || i, 'UTC', CASE WHEN i % 50 = 7 THEN 'suspended' ELSE 'active' END::site_state, '{"release":"4.5.6+ (Build: 20260918)"}', now()
		FROM tenant t CROSS JOIN generate_series(1, $2::int) i CROSS JOIN LATERAL (SELECT id FROM host LIMIT 1) h CROSS JOIN LATERAL (SELECT id FROM destination LIMIT 1) d WHERE t.slug = $1`, tenant, n)
	h.exec(`INSERT INTO schedule (tenant_id, site_id, kind, state, begun, registered_at, newest_good_at, failures, due_at, start_at, overdue_at)
		SELECT s.tenant_id, s.id, k, '{}', '{}', now(), CASE WHEN n % 9 = 0 THEN NULL ELSE now() - n * interval '1 minute' END, CASE WHEN n % 40 = 1 THEN 2 ELSE 0 END, now() + interval '1 day', now() + interval '1 day', now() + (n % 30 - 3) * interval '1 hour'
		FROM (SELECT s.*, row_number() OVER (ORDER BY s.name) AS n FROM site s WHERE s.code_dir LIKE '/srv/many/%') s CROSS JOIN unnest('{database,data}'::backup_kind[]) k`)
	h.exec(`VACUUM ANALYZE`)
}

// asBrowser gives a tab of a real browser that is signed in.
func (h *house) asBrowser(b *browser) context.Context {
	h.t.Helper()
	token := b.cookie().Value
	ctx := chromium(h.t)
	h.must(chromedp.Do(ctx, chromedp.Navigate(h.web.URL+"/healthz"), chromedp.Evaluate[chromedp.Void](`document.cookie = "holdfast=`+token+`; path=/";0`)))
	return ctx
}

const (
	marked = `window.marked = true;0`
	kept   = `window.marked === true`
	names  = `[...document.querySelectorAll("section[aria-labelledby=sites] .name")].map(e => e.textContent)`
)

// The list is narrowed, ordered and paged in place: the page stays, the address
// follows, what has the focus keeps it, and back and forward lead where they
// should.
func TestFleet_IsNarrowedInPlaceWithTheFocusKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.manySites("own", 250)
	ctx := h.asBrowser(h.signIn("operator"))
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			at, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + " " + document.activeElement.outerHTML.slice(0, 200) + " " + (document.querySelector("main")?.textContent ?? "").slice(0, 300)`))
			t.Fatalf("%s: %v, at %s", what, err, at)
		}
	}
	do("open", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(h.web.URL+"/sites?sort=name"), chromedp.Poll[chromedp.Void](`document.querySelector("#q[data-htmx-powered], form.search[data-htmx-powered]") !== null`), chromedp.Evaluate[chromedp.Void](marked))
	do("search by Enter", chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("many-0"), chromedp.KeyEvent(kb.Enter),
		chromedp.Poll[chromedp.Void](`location.search.includes("q=many-0") && location.search.includes("sort=name") && document.querySelector(".sr[role=status]").textContent.includes("100 sites of 250")`),
		chromedp.Poll[chromedp.Void](kept+` && document.activeElement.id === "q" && document.activeElement.value === "many-0" && document.querySelector("h2#sites").textContent === "Sites found"`))
	do("go on by keyboard", chromedp.Focus(chromedp.CSS(`a[rel="next"]`)), chromedp.KeyEvent(kb.Enter),
		chromedp.Poll[chromedp.Void](`location.search.includes("after=") && `+names+`[0] === "many-00101.school.example"`),
		chromedp.Poll[chromedp.Void](kept+` && document.activeElement.id === "sites-pager-next" && document.querySelector("#sites").getBoundingClientRect().top < innerHeight && document.querySelector("#sites").getBoundingClientRect().top > -40`))
	do("and once more", chromedp.KeyEvent(kb.Enter), chromedp.Poll[chromedp.Void](names+`[0] === "many-00201.school.example" && document.querySelector('a[rel="next"]') === null && document.activeElement.id === "sites-pager-prev"`))
	do("narrow by a link", chromedp.Focus(chromedp.CSS(`nav[aria-label="Which sites"] li:nth-child(4) a`)), chromedp.KeyEvent(kb.Enter),
		chromedp.Poll[chromedp.Void](`location.search.includes("filter=late") && location.search.includes("q=many-0") && !location.search.includes("after=")`),
		chromedp.Poll[chromedp.Void](kept+` && document.activeElement.getAttribute("aria-current") === "true" && document.activeElement.textContent.includes("Late")`))
	do("choose more closely", chromedp.Click(chromedp.CSS("#fleet-filter > summary")), chromedp.Focus(chromedp.CSS("#fleet-tenant")), chromedp.KeyEvent("own"), chromedp.KeyEvent(kb.Enter),
		chromedp.Poll[chromedp.Void](`location.search.includes("tenant=own") && location.search.includes("filter=late")`),
		chromedp.Poll[chromedp.Void](kept+` && document.querySelector("#fleet-filter").open && document.activeElement.id === "fleet-tenant"`))
	do("back loads the page before", chromedp.Evaluate[chromedp.Void](`history.back();0`), chromedp.WaitVisible(chromedp.CSS(`form.search:has(input[value="late"]):not(:has(input[name="tenant"]))`)),
		chromedp.Poll[chromedp.Void](`!location.search.includes("tenant=") && location.search.includes("filter=late")`))
	do("a refusal is a page of its own", chromedp.Evaluate[chromedp.Void](`{ const f = document.querySelector("#q"); f.value = "a".repeat(101); f.form.requestSubmit(); }`),
		chromedp.WaitVisible(chromedp.CSS(`body:not(:has([data-list])) h1`)))
	do("a session that ended leads to sign in", chromedp.Navigate(h.web.URL+"/sites?sort=name"), chromedp.Poll[chromedp.Void](`document.querySelector("form.search[data-htmx-powered]") !== null`),
		chromedp.Evaluate[chromedp.Void](marked))
	h.exec(`DELETE FROM web_session`)
	do("to sign in", chromedp.Click(chromedp.CSS(`a[rel="next"]`)), chromedp.WaitVisible(chromedp.CSS("#password")))
}

// Without scripts the same links and forms lead to the same pages; and a click
// that asks for another tab is left to the browser.
func TestFleet_LeadsOnWithoutScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.manySites("own", 250)
	ctx := h.asBrowser(h.signIn("operator"))
	h.must(chromedp.Do(ctx, chromedp.Navigate(h.web.URL+"/sites?sort=name"), chromedp.Poll[chromedp.Void](`document.querySelector("form.search[data-htmx-powered]") !== null`)))
	left, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector('a[rel="next"]').dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, ctrlKey: true, button: 0}))`))
	if err != nil || !left {
		t.Errorf("another tab is not opened by the browser (%v)", err)
	}
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	h.must(err)
	h.must(chromedp.Do(ctx, chromedp.Navigate(h.web.URL+"/sites?sort=name"), chromedp.Click(chromedp.CSS(`a[rel="next"]`)), chromedp.WaitVisible(chromedp.CSS(`a[rel="prev"]`))))
	h.must(chromedp.Do(ctx, chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("many-0024"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS(`input#q[value="many-0024"]`))))
}

// The list of ten thousand sites of one tenant, of none, and of names of 80
// letters and from right to left, at three widths in both themes.
func TestFleet_HoldsManyNoneAndHostileNamesInABrowser(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "dash", "testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	many, none := newHouse(t), newHouse(t)
	owner := many.signIn("owner")
	tabs := map[*house]context.Context{many: many.asBrowser(owner), none: none.asBrowser(none.signIn("owner"))}
	many.manySites("own", 10_000)
	many.exec(`UPDATE tenant SET name = 'מכללת הנהר הירוק' WHERE slug = 'own'`)
	many.exec(`UPDATE site SET name = rpad('a', 57, 'long-') || '-' || rpad('b', 14, 'x') || '.example' WHERE name = 'many-00001.school.example'`)
	many.exec(`UPDATE site SET name = 'مدرسة-النهر.example' WHERE name = 'many-00002.school.example'`)
	if got := owner.get("/sites?sort=name&tenant=own"); !strings.Contains(got.body, "10,00") || !strings.Contains(got.body, "100 sites of") {
		t.Errorf("%d\n%.3000s", got.status, got.body)
	}
	none.exec(`UPDATE site SET state = 'removed'`)
	for name, open := range map[string]struct {
		h    *house
		path string
	}{
		"sites-10000": {many, "/sites?tenant=own&sort=name"}, "sites-10000-worst": {many, "/sites?tenant=own"}, "sites-rtl": {many, "/sites?q=%D9%85%D8%AF%D8%B1%D8%B3%D8%A9"}, "sites-long": {many, "/sites?q=long-long"},
		"sites-closely": {many, "/sites?tenant=own&state=active&policy=published&filter=late&q=many"}, "sites-none": {none, "/sites?sort=name"}, "sites-no-match": {many, "/sites?q=nothing+called+so"}, "hosts-one": {many, "/hosts"}, "hosts-no-match": {many, "/hosts?q=zzz&filter=silent"},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // one tab
			ctx := tabs[open.h]
			for _, scheme := range []string{"light", "dark"} {
				_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				open.h.must(err)
				open.h.must(chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(open.h.web.URL+open.path), chromedp.Evaluate[chromedp.Void](string(axe)+";0")))
				for _, width := range []int64{1440, 768, 375} {
					lookAt(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, scheme), width)
				}
			}
		})
	}
}
