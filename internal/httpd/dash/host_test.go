package dash_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/capacity"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/dash"
)

func TestHost_IsAddedAndItsLineIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *dash.Config) { c.AgentURL, c.AgentPin = "https://plane.example:8443", "sha256:abc" })
	b := h.signIn("operator")
	got := b.post("/hosts", "name", " Host-B ", "max-runs", "3")
	line := regexp.MustCompile(`printf %s (hfe_[\w-]+) \| holdfast-agent enrol --token-file - --server https://plane\.example:8443 --pin sha256:abc --allow-root /var/www`).FindStringSubmatch(got.body)
	if got.status != http.StatusOK || line == nil {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	page := b.get("/hosts")
	if !strings.Contains(page.body, "host-b") || strings.Contains(page.body, line[1]) {
		t.Errorf("the list lacks it, or shows the token:\n%s", page.body)
	}
	at := regexp.MustCompile(`href="(/hosts/[0-9a-f-]{36})"[^>]*><bdi>host-b`).FindStringSubmatch(page.body)
	if at == nil {
		t.Fatal("nothing leads to it")
	}
	if one := b.get(at[1]); strings.Contains(one.body, line[1]) || !strings.Contains(one.body, "has not enrolled") {
		t.Errorf("its page:\n%s", one.body)
	}
	if strings.Contains(h.log.String(), line[1]) {
		t.Error("the log holds the token")
	}
	for _, c := range []struct{ name, runs, want string }{
		{"host-b", "2", "is taken"},
		{hostile, "2", "must be letters"},
		{"", "2", "must be letters"},
		{strings.Repeat("x", 64), "2", "must be letters"},
		{"host-c", "0", "type a number from 1 to 64"},
		{"host-c", "65", "type a number"},
		{"host-c", "two", "type a number"},
		{"host-c", "99999999999999999999", "type a number"},
		{"host-c", hostile, "type a number"},
	} {
		if got := b.post("/hosts", "name", c.name, "max-runs", c.runs); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.want) || strings.Contains(got.body, "<script>alert") {
			t.Errorf("%q, %q: %d, without %q", c.name, c.runs, got.status, c.want)
		}
	}
}

func TestHost_RevocationWantsAReasonAndTheName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	path := "/hosts/" + h.host.ID.String()
	for _, c := range []struct{ reason, name, want string }{
		{"", "host-a", "say in a few words why"},
		{strings.Repeat("ü", 301), "host-a", "say in a few words why"},
		{"stolen", "host-b", "nothing was done"},
		{hostile, hostile, "nothing was done"},
		{"stolen", "", "nothing was done"},
	} {
		got := b.post(path+"/revocation", "reason", c.reason, "name", c.name)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.want) || strings.Contains(got.body, "<script>alert") {
			t.Errorf("%+v: %d\n%s", c, got.status, got.body)
		}
	}
	if got := b.post(path+"/revocation", "reason", "stolen", "name", "host-a"); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got := b.get(path); !strings.Contains(got.body, "is revoked: its agent is refused") || strings.Contains(got.body, path+"/revocation") || strings.Contains(got.body, path+"/maintenance") {
		t.Errorf("the page offers what cannot be done:\n%s", got.body)
	}
	if got := b.post(path+"/maintenance", "do", "on"); got.status != http.StatusConflict {
		t.Errorf("maintenance of a revoked host: %d", got.status)
	}
	if got := b.get("/audit"); !strings.Contains(got.body, "The agent of the host host-a was revoked.") || !strings.Contains(got.body, "127.0.0.1") {
		t.Errorf("the audit does not tell it, or not from where:\n%s", got.body)
	}
}

func TestHost_MaintenanceSaysWhatBecomesOfRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.lease()
	b := h.signIn("operator")
	path := "/hosts/" + h.host.ID.String()
	if got := b.get(path); !strings.Contains(got.body, "runs that are there now finish.") {
		t.Errorf("nothing says so before:\n%s", got.body)
	}
	b.post(path+"/maintenance", "do", "on", "reason", hostile)
	got := b.get(path)
	if !strings.Contains(got.body, "is in maintenance") || !strings.Contains(got.body, "go on to the end") || !strings.Contains(got.body, "End maintenance") {
		t.Errorf("%s", got.body)
	}
	b.post(path+"/maintenance", "do", "off")
	b.post(path+"/limit", "max-runs", "7")
	if got := b.get(path); !strings.Contains(got.body, "at most 7") {
		t.Errorf("the limit:\n%s", got.body)
	}
	if got := b.post(path+"/limit", "max-runs", "700"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `value="700"`) {
		t.Errorf("a wrong limit: %d", got.status)
	}
	if got := b.post(path+"/maintenance", "do", "on", "reason", strings.Repeat("a", 301)); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a long reason: %d", got.status)
	}
}

func TestHosts_SilentOnesComeFirstAndNameWhatIsAtRisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hello()
	b := h.signIn("auditor")
	h.exec(`INSERT INTO host (id, name, state, created_at) VALUES (gen_random_uuid(), 'aaa', 'pending', now())`)
	h.exec(`UPDATE host SET last_seen_at = now() - interval '26 minutes' WHERE name = 'host-a'`)
	got := b.get("/hosts")
	for _, want := range []string{"Not heard of for 26 min.", "2 sites take no new copies until it answers", "/sites?host=host-a", "older than this control plane, which is 1.0.0"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("without %q:\n%s", want, got.body)
		}
	}
	if strings.Index(got.body, "<bdi>host-a") > strings.Index(got.body, "<bdi>aaa") {
		t.Error("the silent host is not the first")
	}
	if one := b.get("/hosts/" + h.host.ID.String()); !strings.Contains(one.body, "holdfast-agent doctor") || strings.Contains(one.body, "<form class=\"fields\"") {
		t.Errorf("an auditor's page of it:\n%s", one.body)
	}
}

// feed gives the default destination so many days of samples.
func (h *house) feed(days int, perDay, total int64) {
	h.t.Helper()
	now := clock.System{}.Now()
	h.exec(`INSERT INTO usage_sample (destination_id, daily, slot, at, stored_bytes, repositories, measured, copies, free_bytes, total_bytes)
		SELECT d.id, true, date_trunc('day', $1::timestamptz) - make_interval(days => i), $1::timestamptz - make_interval(days => i), 1e9 + ($2::int - i) * $3::bigint, 4, 3, 100, $4::bigint - 1e9 - ($2::int - i) * $3::bigint, $4::bigint
		FROM destination d, generate_series(1, $2::int) i`, now, days, perDay, total)
	all, err := h.app.Destinations(h.t.Context())
	h.must(err)
	h.must(h.app.SampleUsage(h.t.Context(), all[0].ID, &capacity.Space{FreeBytes: total - 1_000_000_000 - int64(days)*perDay, TotalBytes: total}))
}

func TestDestination_SaysWhenItIsFullAndWhenThatIsNotKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("support")
	path := destinationAt("")(h)
	if got := b.get(path); !strings.Contains(got.body, "was not measured yet") || !strings.Contains(got.body, "not known yet") {
		t.Errorf("before any sample:\n%s", got.body)
	}
	h.feed(3, 1_000_000_000, 100_000_000_000)
	if got := b.get(path); !strings.Contains(got.body, "was not measured for long enough") {
		t.Errorf("after three days:\n%s", got.body)
	}
	h.exec("DELETE FROM usage_sample")
	h.feed(40, 1_000_000_000, 82_000_000_000) // 41 GB are free
	got := b.get(path)
	for _, want := range []string{"about 41 days", "<svg class=\"trend\"", "The same as a table", "full at 82 GB", "grows by 1 GB a day"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("without %q:\n%s", want, got.body)
		}
	}
	if got := b.get("/destinations"); !strings.Contains(got.body, "in about 41 days") {
		t.Errorf("the list:\n%s", got.body)
	}
	h.clock.Add(time.Hour)
	if got := b.get("/destinations"); !strings.Contains(got.body, "not measured") || !strings.Contains(got.body, "see that its keeper runs") {
		t.Errorf("a keeper that stopped:\n%s", got.body)
	}
}

func TestDestination_IsMadeReadOnlyWithAReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	path := destinationAt("")(h)
	if got := b.post(path+"/read-only", "do", "on", "reason", " "); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "say in a few words why") {
		t.Errorf("without a reason: %d", got.status)
	}
	if got := b.post(path+"/read-only", "do", "on", "reason", hostile); got.status != http.StatusSeeOther {
		t.Fatalf("%d", got.status)
	}
	if got := b.get(path); !strings.Contains(got.body, "is read-only: nothing is written or deleted") || !strings.Contains(got.body, "Let it take copies again") {
		t.Errorf("%s", got.body)
	}
	if got := b.get("/audit"); !strings.Contains(got.body, "The destination default was made read-only.") || strings.Contains(got.body, "<script>alert") {
		t.Errorf("%s", got.body)
	}
	for _, c := range []string{"-1", "10001", "x", ""} {
		if got := b.post(path+"/limit", "max-runs", c); got.status != http.StatusUnprocessableEntity {
			t.Errorf("a limit of %q: %d", c, got.status)
		}
	}
}

// Hosts are searched, narrowed by how they stand, and walked by pages whose
// addresses keep both.
func TestHosts_AreSearchedNarrowedAndPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("auditor")
	h.exec(`INSERT INTO host (id, name, state, created_at) SELECT gen_random_uuid(), 'many-' || lpad(i::text, 3, '0'), 'pending', now() FROM generate_series(1, 120) i`)
	h.exec(`INSERT INTO host (id, name, state, last_seen_at, credential_hash, created_at) VALUES (gen_random_uuid(), 'many-silent', 'active', now() - interval '1 hour', sha256('x'), now())`)
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`)
	seen := map[string]bool{}
	path, pages := "/hosts?q=many&filter=unenrolled", 0
	for ; path != ""; pages++ {
		got := b.get(path)
		for _, m := range regexp.MustCompile(`<bdi>(many-\d+)</bdi></a>`).FindAllStringSubmatch(got.body, -1) {
			seen[m[1]] = true
		}
		h.wantAll(got, "Not enrolled", `value="many"`, `name="filter" value="unenrolled"`, "120 hosts")
		h.wantNone(got, "<bdi>many-silent</bdi></a>")
		path = ""
		if m := next.FindStringSubmatch(got.body); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if pages != 3 || len(seen) != 120 {
		t.Errorf("%d hosts on %d pages", len(seen), pages)
	}
	h.wantAll(b.get("/hosts?q=many&filter=silent"), "many-silent", "1 host")
	h.wantAll(b.get("/hosts?q=nothing+called+so"), "No host matches", "Show all hosts")
	for path, want := range map[string]string{
		"/hosts?filter=lost": "is not one of the choices", "/hosts?after=x": "it leads to no place", "/hosts?before=lost.a": "it leads to no place", "/hosts?after=" + strings.Repeat("a", 400): "it leads to no place", "/hosts?q=" + strings.Repeat("a", 101): "look for less",
	} {
		if got := b.get(path); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, without %q", path, got.status, want)
		}
	}
}
