package dash

import (
	"context"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"holdfast/web/ui"
)

const testNonce = "TESTNONCE"

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(templ.WithNonce(context.Background(), testNonce), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tag is a start tag as a browser would read it.
type tag struct {
	name  string
	attrs map[string]string
}

var (
	startTag  = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[^\s=>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?)*)\s*/?>`)
	attribute = regexp.MustCompile(`([^\s=>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?`)
)

func tags(page string) []tag {
	var out []tag
	for _, m := range startTag.FindAllStringSubmatch(page, -1) {
		x := tag{strings.ToLower(m[1]), map[string]string{}}
		for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
			x.attrs[strings.ToLower(a[1])] = html.UnescapeString(a[2] + a[3] + a[4])
		}
		out = append(out, x)
	}
	return out
}

func count(all []tag, match func(tag) bool) int {
	n := 0
	for _, x := range all {
		if match(x) {
			n++
		}
	}
	return n
}

// TestPages_AreSafe holds every page, hostile names included, to the policy.
func TestPages_AreSafe(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		page := render(t, s.page)
		if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.Contains(page, "<style") {
			t.Errorf("%s: a name became markup, or something is inline", s.name)
		}
		for _, x := range tags(page) {
			if x.name == "script" && (x.attrs["nonce"] != testNonce || !strings.HasPrefix(x.attrs["src"], "/static/")) {
				t.Errorf("%s: a script is not ours or has no nonce: %v", s.name, x.attrs)
			}
			for name, value := range x.attrs {
				if strings.HasPrefix(name, "on") || name == "style" || strings.HasPrefix(name, "hx-on") {
					t.Errorf("%s: <%s> has the inline attribute %s", s.name, x.name, name)
				}
				if slices.Contains([]string{"href", "src", "action"}, name) && strings.Contains(strings.ToLower(value), "script:") {
					t.Errorf("%s: <%s %s=%q> would run a script", s.name, x.name, name, value)
				}
			}
		}
	}
}

// TestPages_AreAccessible holds every page to what assistive tools rely on.
func TestPages_AreAccessible(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		page := render(t, s.page)
		all := tags(page)
		ids := map[string]int{}
		for _, x := range all {
			if id, ok := x.attrs["id"]; ok {
				ids[id]++
			}
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("%s: id %q is there %d times", s.name, id, n)
			}
		}
		for _, rule := range []struct {
			what string
			want int
			got  int
		}{
			{"h1", 1, count(all, func(x tag) bool { return x.name == "h1" })},
			{"main", 1, count(all, func(x tag) bool { return x.name == "main" && x.attrs["id"] == "main" })},
			{"html with a language", 1, count(all, func(x tag) bool { return x.name == "html" && x.attrs["lang"] == "en" })},
			{"th without scope", 0, count(all, func(x tag) bool { return x.name == "th" && x.attrs["scope"] == "" })},
			{"button without type", 0, count(all, func(x tag) bool { return x.name == "button" && x.attrs["type"] == "" })},
			{"progress without name", 0, count(all, func(x tag) bool { return x.name == "progress" && x.attrs["aria-label"] == "" })},
			{"form by GET that is no search", 0, count(all, func(x tag) bool {
				return x.name == "form" && x.attrs["method"] != "post" && x.attrs["role"] != "search"
			})},
		} {
			if rule.got != rule.want {
				t.Errorf("%s: %d × %s, want %d", s.name, rule.got, rule.what, rule.want)
			}
		}
		for _, x := range all {
			for _, ref := range []string{"for", "aria-labelledby", "aria-describedby", "popovertarget"} {
				for _, to := range strings.Fields(x.attrs[ref]) {
					if ids[to] == 0 {
						t.Errorf("%s: <%s %s=%q> leads nowhere", s.name, x.name, ref, to)
					}
				}
			}
			if (x.name == "input" && x.attrs["type"] != "hidden") || x.name == "select" {
				if !strings.Contains(page, `for="`+x.attrs["id"]+`"`) {
					t.Errorf("%s: <%s name=%q> has no label", s.name, x.name, x.attrs["name"])
				}
			}
		}
	}
}

func TestLayout_MarksCurrentPageOnce(t *testing.T) {
	t.Parallel()
	for section, path := range map[Section]string{TodaySection: TodayPath, SitesSection: SitesPath, RunsSection: RunsPath, HostsSection: HostsPath, PoliciesSection: PoliciesPath, QueueSection: QueuePath} {
		var current []string
		for _, x := range tags(render(t, Error(ErrorProps{Page: staff(section), Status: 404}))) {
			if x.attrs["aria-current"] == "page" {
				current = append(current, x.attrs["href"])
			}
		}
		if len(current) != 1 || current[0] != path {
			t.Errorf("%s: current are %v", section, current)
		}
	}
	for _, hidden := range []string{TodayPath, HostsPath, PoliciesPath, QueuePath} {
		if strings.Contains(render(t, Fleet(FleetProps{Page: customer(SitesSection)})), `href="`+hidden+`"`) {
			t.Errorf("a customer is shown %s", hidden)
		}
	}
}

func TestLayout_HasSkipLinkAndSignsOutByPost(t *testing.T) {
	t.Parallel()
	page := render(t, Fleet(fleetFull()))
	for _, want := range []string{
		`<a class="skip" href="#main">Skip to the content</a>`,
		`<form method="post" action="/sign-out">`,
		`<meta name="color-scheme" content="light dark">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %s", want)
		}
	}
	if strings.Contains(render(t, Error(ErrorProps{Status: 500})), SignOutPath) {
		t.Error("a page for nobody offers to sign out")
	}
}

func TestSignIn_KeepsEmailAndNextNeverPassword(t *testing.T) {
	t.Parallel()
	page := render(t, SignIn(SignInProps{Email: "a@b.example", Next: `/sites?q="x`, Error: "No."}))
	for _, x := range tags(page) {
		switch x.attrs["name"] {
		case "email":
			if x.attrs["value"] != "a@b.example" || x.attrs["autocomplete"] != "username" || x.attrs["type"] != "email" {
				t.Errorf("email field: %v", x.attrs)
			}
		case "password":
			if x.attrs["value"] != "" || x.attrs["autocomplete"] != "current-password" || x.attrs["type"] != "password" {
				t.Errorf("password field: %v", x.attrs)
			}
		case "next":
			if x.attrs["value"] != `/sites?q="x` || x.attrs["type"] != "hidden" {
				t.Errorf("next: %v", x.attrs)
			}
		}
	}
	if !strings.Contains(page, `role="alert"`) {
		t.Error("the error is not announced")
	}
}

func TestFleet_SaysHowToAddSiteOnlyToWhoMay(t *testing.T) {
	t.Parallel()
	if page := render(t, Fleet(FleetProps{AddCommand: "holdfast site add"})); !strings.Contains(page, "<code>holdfast site add</code>") {
		t.Error("staff are not told the command")
	}
	if page := render(t, Fleet(FleetProps{})); strings.Contains(page, "<code>") || !strings.Contains(page, "Your hoster adds your sites here") {
		t.Error("a customer is told a command, or not what happens")
	}
	if page := render(t, Fleet(FleetProps{Narrowed: true, AddCommand: "holdfast site add"})); strings.Contains(page, "holdfast site add") || !strings.Contains(page, "No site matches") {
		t.Error("a search without a match looks like a fleet without sites")
	}
}

func TestFleet_SearchKeepsFilter(t *testing.T) {
	t.Parallel()
	page := render(t, Fleet(FleetProps{Narrowed: true, Query: "x", Kept: []ui.Choice{{Label: "filter", Value: "late"}}}))
	if !strings.Contains(page, `<input type="hidden" name="filter" value="late">`) {
		t.Error("the search drops the filter in force")
	}
}

func TestSite_NeverCallsUnmeasuredFine(t *testing.T) {
	t.Parallel()
	if page := render(t, SiteLive(siteEmpty())); strings.Contains(page, "tone-ok") {
		t.Error("a site of which nothing is known shows something good")
	}
	fine := siteFull()
	fine.Problems, fine.Basis = nil, "5 copies of the last 7 days, all complete."
	if page := render(t, SiteLive(fine)); !strings.Contains(page, "<span>nothing</span>") || !strings.Contains(page, fine.Basis) {
		t.Error("a site without problems does not say so and why")
	}
}

func TestSite_BackupFormPostsKind(t *testing.T) {
	t.Parallel()
	page := render(t, Site(siteFull()))
	for _, want := range []string{`<form class="act" method="post" action="/sites/1/runs">`, `<select id="kind" name="kind">`, `<option value="database">Database</option>`} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %s", want)
		}
	}
	off := render(t, Site(siteEmpty()))
	if !strings.Contains(off, `<button type="submit" class="btn btn-main" disabled>`) || !strings.Contains(off, "Both kinds are queued already.") {
		t.Error("a form that is off is not, or does not say why")
	}
}

func TestRuns_StreamsOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	on, off := render(t, Runs(runsFull())), render(t, Runs(RunsProps{Page: staff(RunsSection)}))
	if !strings.Contains(on, `hx-sse:connect="/runs/stream"`) || strings.Contains(off, "hx-") || strings.Contains(off, "htmx") {
		t.Error("the stream or its scripts are where they should not be, or are not where they should")
	}
	for _, page := range []string{on, off} {
		if !strings.Contains(page, `<a href="/runs">Refresh</a>`) {
			t.Error("no way to refresh without scripts")
		}
	}
}

func TestProgress_HasTrueLengthOrNone(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]ui.Progress{
		`value="100"`: {Percent: 240, Known: true, Label: "a"},
		`value="0"`:   {Percent: -3, Known: true, Label: "a"},
		`unknown`:     {Percent: 50, Label: "a"},
	} {
		page := render(t, ui.Bar(p))
		if !strings.Contains(page, want) || (!p.Known && strings.Contains(page, "value=")) {
			t.Errorf("%+v: %s", p, page)
		}
	}
}

func TestError_SaysSentenceAndRequestOnly(t *testing.T) {
	t.Parallel()
	page := render(t, Error(ErrorProps{Status: 404, Sentence: "There is no such page.", RequestID: "req-1"}))
	for _, want := range []string{"Error 404", "This page is not here", "There is no such page.", "<code>req-1</code>"} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %q", want)
		}
	}
}
