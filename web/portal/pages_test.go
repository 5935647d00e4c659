package portal

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"holdfast/web/ui"
)

const testNonce = "TESTNONCE"

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(ui.WithBrand(templ.WithNonce(context.Background(), testNonce), ui.Brand{Name: "Brightside Hosting", Mark: MarkPath}), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	idOf      = regexp.MustCompile(`\sid="([^"]+)"`)
	refersTo  = regexp.MustCompile(`\s(?:for|aria-labelledby|aria-describedby|popovertarget|list)="([^"]+)"`)
	quoted    = regexp.MustCompile(`"[^"]*"`)
	inline    = regexp.MustCompile(`(?i)<style|<[a-z][^>]*\s(?:style|on[a-z]+)\s*=`)
	scripts   = regexp.MustCompile(`<script[^>]*>`)
	images    = regexp.MustCompile(`<img[^>]*>`)
	nameField = regexp.MustCompile(`<(?:input|select)[^>]*>`)
)

// TestPages_AreSafeAndAccessible holds every page, hostile names included, to
// the policy and to what assistive tools rely on.
func TestPages_AreSafeAndAccessible(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		page := render(t, s.page)
		if m := inline.FindString(quoted.ReplaceAllString(page, `""`)); m != "" || strings.Contains(page, "<script>") {
			t.Errorf("%s: something is inline: %s", s.name, m)
		}
		for _, x := range scripts.FindAllString(page, -1) {
			if !strings.Contains(x, `nonce="`+testNonce+`"`) || !strings.Contains(x, `src="/static/`) {
				t.Errorf("%s: %s", s.name, x)
			}
		}
		for _, x := range images.FindAllString(page, -1) {
			if x != `<img class="mark" src="`+MarkPath+`" alt="">` {
				t.Errorf("%s: a name became an image: %s", s.name, x)
			}
		}
		ids := map[string]int{}
		for _, m := range idOf.FindAllStringSubmatch(page, -1) {
			if ids[m[1]]++; ids[m[1]] == 2 {
				t.Errorf("%s: id %q is there twice", s.name, m[1])
			}
		}
		for _, m := range refersTo.FindAllStringSubmatch(page, -1) {
			for to := range strings.FieldsSeq(m[1]) {
				if ids[to] == 0 {
					t.Errorf("%s: %s leads nowhere", s.name, m[0])
				}
			}
		}
		for _, x := range nameField.FindAllString(page, -1) {
			if m := idOf.FindStringSubmatch(x); !strings.Contains(x, `type="hidden"`) && (m == nil || !strings.Contains(page, `for="`+m[1]+`"`)) {
				t.Errorf("%s: %s has no label", s.name, x)
			}
		}
		if n := strings.Count(page, "<h1"); n != 1 {
			t.Errorf("%s: %d × h1", s.name, n)
		}
		if !strings.Contains(page, "<bdi>Brightside Hosting</bdi>") || strings.Contains(page, "Holdfast") {
			t.Errorf("%s does not carry the hoster's name alone", s.name)
		}
	}
}

// TestNav_HasOnlyWhatOneMaySee looks for each place and marks the current once.
func TestNav_HasOnlyWhatOneMaySee(t *testing.T) {
	t.Parallel()
	if all := Nav(Sites, May{}); len(all) != 3 {
		t.Errorf("a viewer is shown %v", all)
	}
	for _, section := range []Section{Sites, Asking, Tickets, Money, People, Activity, Preferences} {
		current := 0
		for _, x := range Nav(section, allPlaces) {
			if x.Current {
				current++
			}
		}
		if current != 1 {
			t.Errorf("%s: %d are current", section, current)
		}
	}
}

// TestSite_NeverCallsUnmeasuredFine looks at a site of which nothing is known.
func TestSite_NeverCallsUnmeasuredFine(t *testing.T) {
	t.Parallel()
	if page := render(t, SiteLive(siteEmpty())); strings.Contains(page, "tone-ok") {
		t.Error("a site of which nothing is known shows something good")
	}
	if page := render(t, Site(siteViewer())); strings.Contains(page, `method="post" action="`+SitesPath) {
		t.Error("who may not is offered the button")
	}
}

// TestSite_IsLightOnAFirstVisit weighs the fullest page as it is sent, with all
// that a first visit loads besides, a mark of the largest size among it.
func TestSite_IsLightOnAFirstVisit(t *testing.T) {
	t.Parallel()
	zipped := func(b []byte) int {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Len()
	}
	p := siteTrouble()
	for range 400 {
		p.Points[1].Points = append(p.Points[1].Points, p.Points[1].Points[0])
	}
	total := zipped([]byte(render(t, Site(p))))
	for _, name := range []string{"app.css", "charts.css", "app.js", "htmx.min.js", "hx-sse.min.js", "mark.svg", "inter-latin.woff2"} {
		b, err := os.ReadFile("../static/assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".woff2") {
			total += len(b)
		} else {
			total += zipped(b)
		}
	}
	t.Logf("a first visit loads %d bytes, and the hoster's mark", total)
	if total > 150_000 {
		t.Errorf("a first visit loads %d bytes, more than 150,000", total)
	}
}
