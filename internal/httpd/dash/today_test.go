package dash_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
)

const aRun = "/runs/{id:[0-9a-f-]{36}}"

// todayTable are the routes of the first page, of runs and of finding.
func todayTable() []row {
	run := func(h *house) string { return "/runs/" + h.endedRun().String() }
	all := []int{303, 200, 200, 200, 200, 200, 200, 200, 200, 200}
	staff := []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}
	return []row{
		{"GET /today", at("/today"), nil, staff, true},
		{"GET /today/stream", at("/today/stream"), nil, []int{401, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"POST /today/clock-trust", at("/today/clock-trust"), nil, []int{303, 404, 404, 404, 404, 303, 303, 403, 403, 403}, true},
		{"GET /find", at("/find?q=own"), nil, all, true},
		{"GET /find/options", at("/find/options?q=school"), nil, all, true},
		{"GET " + aRun, run, nil, []int{303, 404, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"GET " + aRun + "/stream", func(h *house) string { return run(h) + "/stream" }, nil, []int{401, 404, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"POST " + aRun + "/retry", func(h *house) string { return run(h) + "/retry" }, nil, []int{303, 404, 403, 303, 303, 303, 303, 303, 403, 403}, true},
	}
}

// endedRun gives a run of own that was cancelled, cancelling one if there is
// none.
func (h *house) endedRun() id.Run {
	h.t.Helper()
	rows, err := h.app.ListRuns(h.t.Context(), authz.Console(), app.RunQuery{Site: h.site.String(), State: backup.Cancelled})
	h.must(err)
	if len(rows) > 0 {
		return rows[0].ID
	}
	run := h.openRun()
	h.must(h.app.CancelRun(h.t.Context(), authz.Console(), run, "a test"))
	return run
}

// wantAll checks that the page says all of it.
func (h *house) wantAll(got answer, wants ...string) {
	h.t.Helper()
	for _, want := range wants {
		if !strings.Contains(got.body, want) {
			h.t.Errorf("%d, without %q:\n%s", got.status, want, got.body)
		}
	}
}

func (h *house) wantNone(got answer, bad ...string) {
	h.t.Helper()
	for _, b := range bad {
		if strings.Contains(got.body, b) {
			h.t.Errorf("%d, with %q:\n%s", got.status, b, got.body)
		}
	}
}

func TestToday_IsWhereStaffBeginAndCustomersDoNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.wantTo(h.signIn("auditor").get("/"), http.StatusSeeOther, "/today")
	h.wantTo(h.signIn("viewer").get("/"), http.StatusSeeOther, "/sites")
}

func TestToday_WithNothingWrongSaysSoAndOnWhatItRests(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hello()
	b := h.signIn("operator")
	h.wantAll(b.get("/today"), "Nothing is wrong.", "2 sites wait for a first copy")
	h.exec(`UPDATE schedule SET newest_good_at = now() - interval '1 hour'`)
	h.exec(`INSERT INTO clock_watch (one, seen_at) VALUES (true, now())`)
	h.wantAll(b.get("/today"), "Nothing needs you.", "2 sites have", "Every kind of copy of 2 sites is as new as its policy promises", "1 host answers", "The planner looked just now.")
}

// Each thing that can be wrong is a row with one way on, and the worst stands
// first.
func TestToday_NamesWhatIsWrongWorstFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("operator")
	got := b.get("/today")
	h.wantAll(got, "other.school.example/moodle", "is outside the allowed roots", "Nothing of this kind could come back",
		"The newest data copy of own.school.example lacks something", "things need you")
	h.wantNone(got, "<script>alert")
	h.exec(`UPDATE copy SET state = 'damaged' WHERE kind = 'database'`)
	h.exec(`UPDATE schedule SET overdue_at = now() - interval '2 hours' WHERE failures = 0`)
	h.exec(`UPDATE site SET legal_hold = 'a dispute', tamper_alarm = 'files changed in place' WHERE name = 'own.school.example'`)
	h.exec(`UPDATE destination SET quota_bytes = 1000`)
	h.exec(`INSERT INTO usage_sample (destination_id, daily, slot, at, stored_bytes, repositories, measured, copies) SELECT id, false, now(), now(), 970, 1, 1, 1 FROM destination`)
	h.exec(`INSERT INTO clock_watch (one, seen_at, jumped_at, jump_seconds) VALUES (true, now() - interval '1 hour', now() - interval '1 hour', -7200)`)
	got = b.get("/today")
	h.wantAll(got, "A database copy of own.school.example is damaged", "own.school.example is late by 2 h", "is 97 % full", "under a legal hold", "under a tamper alarm",
		"The clock went back by 2 h", `action="/today/clock-trust"`, "Nothing is planned since 1 h")
	for _, way := range regexp.MustCompile(`<a class="btn" href="([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
		if to := b.get(strings.ReplaceAll(way[1], "&amp;", "&")); to.status != http.StatusOK {
			t.Errorf("a way to a remedy, %s, answers %d", way[1], to.status)
		}
	}
	if strings.Index(got.body, "is damaged") > strings.Index(got.body, "is late by") {
		t.Error("what is late stands before what is damaged")
	}
	h.wantNone(h.signIn("support").get("/today"), `action="/today/clock-trust"`)
	h.wantTo(b.post("/today/clock-trust"), http.StatusSeeOther, "/today")
	h.wantNone(b.get("/today"), "The clock went back")
}

// A host that is silent is one row, and the sites that are late for it are in
// that row alone; many silent hosts are one row together.
func TestToday_GroupsWhatHasOneCause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.hello()
	h.exec(`UPDATE schedule SET overdue_at = now() - interval '2 hours', newest_good_at = now() - interval '1 day'`)
	b := h.signIn("operator")
	h.wantAll(b.get("/today"), "2 sites of host-a are late", "The host answers", `href="/hosts/`+h.host.ID.String()+`"`)
	h.exec(`UPDATE host SET last_seen_at = now() - interval '26 minutes'`)
	got := b.get("/today")
	h.wantAll(got, "host-a has not answered for 26 min", "2 sites. 2 of them are late with a copy already.")
	h.wantNone(got, "2 sites of host-a are late")
	h.exec(`INSERT INTO host (id, name, state, credential_hash, last_seen_at, created_at) SELECT gen_random_uuid(), 'h' || i, 'active', int8send(i), now() - interval '1 hour', now() FROM generate_series(1::bigint, 200) i`)
	got = b.get("/today")
	h.wantAll(got, "All 201 hosts are silent", "1 thing needs you")
	h.wantNone(got, "host-a has not answered")
}

// What the run does, why it waits and what it says of itself.
func TestRun_SaysWhyItWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, customer := h.signIn("operator"), h.signIn("member")
	run := h.openRun()
	path := "/runs/" + run.String()
	h.wantAll(b.get(path), "Its place in storage is being made", "Cancel this run", "The run was planned.")
	h.hello()
	h.dispatch()
	h.wantAll(b.get(path), "It waits in line") // its site's database copy is before it
	h.exec(`UPDATE host SET state = 'maintenance'`)
	h.wantAll(b.get(path), "Host-a is in maintenance")
	got := customer.get(path)
	h.wantAll(got, "Its host is in maintenance")
	h.wantNone(got, "host-a", "Host-a", "Cancel this run")
	h.exec(`UPDATE host SET state = 'active', last_seen_at = now() - interval '5 minutes'`)
	h.wantAll(b.get(path), "Host-a has not answered for 5 min")
	h.exec(`UPDATE host SET last_seen_at = now(), max_runs = 1`)
	h.exec(`UPDATE run SET state = 'leased', fence = nextval('run_fence'), host_epoch = 1, leased_at = now() WHERE site_id = $1 AND kind = 'database'`, h.other.UUID())
	h.wantAll(b.get(path), "Host-a is full: 1 of 1 at once", "before it in line")
	h.exec(`UPDATE host SET max_runs = 4`)
	h.exec(`UPDATE destination SET max_runs = 1`)
	h.wantAll(b.get(path), "The storage is full: 1 of 1 copies at once go to default")
	h.exec(`UPDATE destination SET max_runs = 0`)
	h.exec(`UPDATE site SET state = 'suspended' WHERE id = $1`, h.site.UUID())
	h.wantAll(b.get(path), "The site is suspended")
	h.exec(`UPDATE site SET state = 'active' WHERE id = $1`, h.site.UUID())
	h.exec(`UPDATE run SET state = 'planned', not_before = now() + interval '4 minutes', error = 'the line broke' WHERE id = $1`, run.UUID())
	h.wantAll(b.get(path), "Planned for", "The attempt before: The line broke.")
}

// An agent that beats and says the same again and again is told apart from one
// that works, and from one that is silent.
func TestRun_IsMarkedAsStalledThoughItsAgentBeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	l := h.lease()[0]
	path := "/runs/" + l.Run
	h.beat(l, agentproto.Progress{Phase: "storing", DoneFiles: 10, TotalFiles: 100, DoneBytes: 1000, TotalBytes: 10000})
	h.wantNone(b.get(path), "Nothing moved")
	h.exec(`UPDATE run SET moved_at = now() - interval '3 minutes' WHERE id = $1`, l.Run)
	h.beat(l, agentproto.Progress{Phase: "storing", DoneFiles: 10, TotalFiles: 100, DoneBytes: 1000, TotalBytes: 10000})
	h.wantAll(b.get(path), "Nothing moved for 3 min", "stalled", "10 of 100 files")
	h.wantAll(b.get("/runs"), "stalled")
	h.beat(l, agentproto.Progress{Phase: "storing", DoneFiles: 11, TotalFiles: 100, DoneBytes: 1100, TotalBytes: 10000})
	h.wantNone(b.get(path), "Nothing moved")
	h.clock.Add(5*time.Minute + 40*time.Second)
	h.wantAll(b.get(path), "Host-a has not answered for 5 min")
}

func TestRun_ShowsItsCopyAndItsLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b, customer := h.signIn("operator"), h.signIn("viewer")
	find := func(site id.Site, state backup.State) string {
		rows, err := h.app.ListRuns(t.Context(), authz.Console(), app.RunQuery{Site: site.String(), State: state})
		h.must(err)
		return "/runs/" + rows[0].ID.String()
	}
	good := find(h.site, backup.Good)
	got := b.get(good)
	h.wantAll(got, "The copy is whole", "The copy was stored, whole.", "1 table · 40,615 rows", "Attempt 1 began.", "It serves no slot of the policy", "Host-a took it.")
	h.wantNone(got, "Try again now", "hx-sse")
	got = customer.get(good)
	h.wantAll(got, "The copy is whole", "Its host took it.")
	h.wantNone(got, "host-a", "Host-a")
	h.wantAll(b.get(find(h.site, backup.Incomplete)), "it lacks something", "2 files could not be read", "Try again now")
	got = b.get(find(h.other, backup.Failed))
	h.wantAll(got, "It failed and made no copy.", "is outside the allowed roots", "It failed for good.", "Try again now")
	h.wantNone(got, "<script>alert")
	if got := customer.get(find(h.other, backup.Failed)); got.status != http.StatusNotFound {
		t.Errorf("another tenant's run: %d", got.status)
	}
}

func TestRetry_PlansANewRunAndJoinsAnOpenOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("member")
	old := h.endedRun()
	got := b.post("/runs/" + old.String() + "/retry")
	to := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(to, "/runs/") || strings.HasSuffix(to, old.String()) {
		t.Fatalf("%d %q", got.status, to)
	}
	h.wantAll(b.get(to), "A new data copy was asked for")
	if again := b.post("/runs/" + old.String() + "/retry").header.Get("Location"); again != to {
		t.Errorf("a second time leads to %q, want %q", again, to)
	}
	h.wantAll(b.get("/runs/"+old.String()), "A new run was asked for in its place.")
	if got := b.post(to + "/retry"); got.status != http.StatusConflict {
		t.Errorf("an open run is tried anew: %d", got.status)
	}
}

func TestRuns_AreChosenAndPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	h.exec(`INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, state, priority, not_before, created_at, started_at, finished_at)
		SELECT s.tenant_id, gen_random_uuid(), s.id, s.host_id, 'data', 'scheduled', 'good', 3, now(), now() - interval '3 days', now(), now() FROM site s CROSS JOIN generate_series(1, 120) WHERE s.id = $1`, h.site.UUID())
	b := h.signIn("operator")
	h.wantAll(b.get("/runs?state=failed"), "is outside the allowed roots")
	h.wantNone(b.get("/runs?state=failed"), ">own.school.example<", `id="now"`)
	h.wantNone(b.get("/runs?state=open"), `id="recent"`)
	h.wantAll(b.get("/runs?kind=database&reason=initial&host=host-a"), ">own.school.example<")
	h.wantAll(b.get("/runs?day=2001-01-01"), "none of these", "Show all runs")
	seen := 0
	next := "/runs?state=good&kind=data"
	for page := 0; next != "" && page < 9; page++ {
		got := b.get(next)
		seen += strings.Count(got.body, `<tr role="row">`) - 1
		_, rest, more := strings.Cut(got.body, `rel="next" href="`)
		next = ""
		if more {
			href, _, _ := strings.Cut(rest, `"`)
			next = strings.ReplaceAll(href, "&amp;", "&")
		}
	}
	if seen != 120 {
		t.Errorf("paging showed %d of 120 runs", seen)
	}
	for path, want := range map[string]string{
		"/runs?state=lost": "State: ", "/runs?kind=x": "Kind: ", "/runs?reason=x": "Reason: ", "/runs?day=yesterday": "Day: ", "/runs?before=x": "Before: ",
	} {
		if got := b.get(path); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, without %q", path, got.status, want)
		}
	}
	for _, path := range []string{"/runs?host=nowhere", "/runs?tenant=nobody", "/runs?site=no.such.example"} {
		if got := b.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := h.signIn("viewer").get("/runs?host=host-a"); got.status != http.StatusNotFound {
		t.Errorf("a customer chooses by host: %d", got.status)
	}
}

// Where it is known when storage is full, the first page says so, before there
// is little room left.
func TestToday_SaysWhenStorageIsFull(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	h.wantNone(b.get("/today"), "full in about")
	h.feed(20, 1_000_000_000, 41_500_000_000)
	h.wantAll(b.get("/today"), "default is full in about 20 days", "are free. When it is full, no copy", "Open storage")
	h.exec(`DELETE FROM usage_sample`)
	h.feed(20, 1_000_000_000, 23_000_000_000)
	h.wantAll(b.get("/today"), "default is 92 % full, and full in about ")
}
