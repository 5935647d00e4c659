package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// allFiles is how a site's page says that a restore point lacks nothing.
var allFiles = regexp.MustCompile(`all [0-9,]+ files`)

// findSites has a host's agent look for sites and registers the one that
// nobody knew, in a browser that runs no script: tick, customer, done.
func findSites(t *testing.T, m mouse) {
	t.Helper()
	const unknown = "archive.hillcrest.example"
	m.visit(t, "/")
	m.write(t, "#email", "staff@hoster.example")
	m.write(t, "#password", "demo staff password")
	m.press(t, "sign in", submit)
	m.visit(t, "/sites")
	if strings.Contains(m.read(t), unknown) {
		t.Fatalf("%s is known already", unknown)
	}
	m.visit(t, "/hosts")
	m.press(t, "the host", named("host-b"))
	if strings.Contains(m.read(t), "End maintenance") {
		m.press(t, "end maintenance", button("/maintenance"))
	}
	m.press(t, "find sites", button("/discovery"))
	eventually(t, time.Minute, "the host's sites are found", func() (bool, string) {
		m.p.turn(t, "look again", chromedp.Reload())
		text := m.read(t)
		return strings.Contains(text, "Register what is ticked"), text
	})
	mustSay(t, m, "what was found", "moodle.hillcrest.example", "Registered already")
	found, err := chromedp.Run(m.p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
	  const named = [...document.querySelectorAll("form.found input[name^=name-]")].find(e => e.value === %q);
	  if (named) document.getElementById(named.id.replace("name-", "pick-")).checked = true;
	  const who = document.querySelector("form.found select[name=tenant]");
	  const one = who && [...who.options].find(o => o.textContent.includes("Hillcrest"));
	  if (one) who.value = one.value;
	  return !!named && !!one;
	})()`, unknown)))
	if err != nil || !found {
		t.Fatalf("the form does not offer %s and its customer (%v):\n%s", unknown, err, m.read(t))
	}
	m.press(t, "register", `e.matches("form.found button[type=submit]")`)
	m.visit(t, "/sites?q=archive")
	mustSay(t, m, "the site is registered", unknown)
	m.press(t, "the site", named(unknown))
	eventually(t, 2*time.Minute, "its first copies tell what they hold", func() (bool, string) {
		m.p.turn(t, "look again", chromedp.Reload())
		text := m.read(t)
		return allFiles.MatchString(text), text
	})
}
