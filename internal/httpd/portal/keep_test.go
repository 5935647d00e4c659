package portal_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
)

func (h *house) open() []string {
	h.t.Helper()
	runs, err := h.app.ListRuns(h.t.Context(), authz.Console(), app.RunQuery{Site: h.site.String(), OnlyOpen: true})
	h.must(err)
	var out []string
	for _, r := range runs {
		out = append(out, string(r.Kind))
	}
	return out
}

// One press, without scripts: both copies are asked for, are followed, and are
// there and kept at last. A second press meanwhile asks for nothing more.
func TestKeep_FollowsACopyUntilItIsThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	b, path := h.signIn("member"), "/portal/sites/"+h.site.String()
	says(t, b.get(path), "I am about to upgrade: keep a copy", "keeps it for 30 days", "There is no fee.")
	for range 2 {
		if got := b.post(path+"/protection", "reason", "Before an upgrade", "days", "30"); got.status != http.StatusSeeOther || got.to() != path+"#keep" {
			t.Fatalf("%d %q\n%s", got.status, got.to(), got.body)
		}
	}
	if got := h.open(); len(got) != 2 {
		t.Fatalf("open are %v", got)
	}
	says(t, b.get(path), "We take a copy now.", "A copy is on its way: wait with your change", "It stays for 30 days", "Database waits for its turn", "Files waits for its turn", "One is on its way already.")
	if got := b.get(path); strings.Contains(text(got), "We take a copy now.") {
		t.Error("it is said twice")
	}
	for n := range 2 {
		l := h.lease()
		if len(l) != 1 {
			t.Fatalf("%d leases", len(l))
		}
		h.beat(l[0], agentproto.Progress{Phase: "storing", DoneFiles: 3, TotalFiles: 4, DoneBytes: 3, TotalBytes: 4})
		says(t, b.get(path), "3 of 4 files", "is being taken", "wait with your change")
		h.complete(l[0], agentproto.OutcomeGood)
		if n == 0 {
			says(t, b.get(path), "there since", "wait with your change")
		}
	}
	h.clock.Add(time.Second)
	until := h.clock.Now().AddDate(0, 0, 30).In(berlin(t)).Format("2 Jan 2006")
	says(t, b.get(path), "The copy is there: you can begin", "It stays until", until, "Copies that are kept for you", "database and files", "Before an upgrade", "kept until "+until)
	h.clock.Add(2 * time.Hour)
	if got := text(b.get(path)); strings.Contains(got, "you can begin") || !strings.Contains(got, "Copies that are kept for you") {
		t.Error("old news are still said, or the copy is not listed")
	}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestKeep_SaysWhenItCouldNotBeTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	b, path := h.signIn("admin"), "/portal/sites/"+h.site.String()
	b.post(path + "/protection")
	for _, l := range h.lease() {
		h.complete(l, agentproto.OutcomeRefused)
	}
	got := b.get(path)
	says(t, got, "wait with your change", "could not be taken", "Nothing on your site changed. Our staff see it too.")
	if strings.Contains(got.body, host) {
		t.Error("what a machine said of itself is repeated to a customer")
	}
}

func TestKeep_RefusesWhatIsWrongAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	b, path := h.signIn("member"), "/portal/sites/"+h.site.String()+"/protection"
	for _, form := range [][]string{{"days", "0"}, {"days", "-1"}, {"days", "999999999999999999999"}, {"days", "3651"}, {"days", "1e3"}, {"reason", strings.Repeat("ü", 200)}, {"reason", "a\x00b"}, {"reason", "\xff"}} {
		if got := b.post(path, form...); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", form, got.status)
		}
	}
	got := b.post(path, "reason", strings.Repeat("long & ", 60))
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "long &amp; long") || !strings.Contains(got.body, `aria-invalid="true"`) || !strings.Contains(got.body, `id="keep-more" open`) || strings.Contains(got.body, "hx-sse") {
		t.Errorf("what was typed is gone, or may go: %d", got.status)
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if got := b.do(http.MethodPost, path, url.Values{}, header...); got.status != http.StatusForbidden {
			t.Errorf("%v: %d", header, got.status)
		}
	}
	if got := h.open(); len(got) != 0 {
		t.Errorf("a refused form started %v", got)
	}
	h.must(h.app.SuspendSite(t.Context(), authz.Console(), h.site.String(), true, "moving"))
	if got := b.post(path); got.status != http.StatusConflict || !strings.Contains(got.body, "Copies of this site are paused") {
		t.Errorf("a site that is paused: %d", got.status)
	}
}

func TestStream_BringsNewsAndEndsWithTheSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	b, path := h.signIn("member"), "/portal/sites/"+h.site.String()
	b.post(path + "/protection")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.web.URL+path+"/stream", nil)
	h.must(err)
	res, err := b.web.Do(r)
	h.must(err)
	defer res.Body.Close() //nolint:errcheck // it ends with the test
	in := bufio.NewReader(res.Body)
	if got := next(in); !strings.Contains(got, "waits for its turn") || strings.Contains(got, "<html") {
		t.Fatalf("the stream begins with %q", got)
	}
	l := h.lease()
	h.beat(l[0], agentproto.Progress{Phase: "storing", DoneFiles: 42, TotalFiles: 100})
	h.bell.ring()
	for got := ""; !strings.Contains(got, "42 of 100 files"); {
		if got = next(in); got == "" {
			t.Fatal("the news did not come")
		}
	}
	if got := b.post("/sign-out"); got.status != http.StatusSeeOther {
		t.Fatalf("sign out: %d", got.status)
	}
	h.bell.ring()
	if got := next(in); got != "" {
		t.Errorf("the stream went on after sign-out: %s", got)
	}
}
