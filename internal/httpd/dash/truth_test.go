package dash_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
)

// tell gives the copies of own facts of a version 4 agent, and things left out.
func (h *house) tell() {
	h.t.Helper()
	moodle, err := json.Marshal(agentproto.MoodleFacts{
		CronEnabled: true, Courses: 214, Users: 1902, Admins: 3, ServerFlavour: "mariadb", DatabaseRights: []string{"SUPER"},
		AutoBackup: agentproto.AutoBackup{Active: 1, MaxKept: 1, WithFiles: true, OK: 5, Failed: 2},
	})
	h.must(err)
	h.exec(`UPDATE copy SET details = jsonb_set(jsonb_set(details, '{facts,moodle}', $2), '{facts,release}', '"4.5.6"') WHERE site_id = $1 AND kind = 'database'`, h.site.UUID(), moodle)
	h.exec(`UPDATE copy SET details = jsonb_set(jsonb_set(details, '{excluded}', '[{"path":"moodledata/backup","files":212,"bytes":18200000000},{"path":"moodledata/cache","files":5,"bytes":100}]'),
		'{facts,warnings}', '["moodledata/backup holds 212 course backups (.mbz files) that no copy has; keep that folder if teachers rely on them."]') WHERE site_id = $1 AND kind = 'data'`, h.site.UUID())
}

func TestSite_ShowsAdviceFactsAndWhatIsUnusual(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	h.tell()
	got := h.signIn("auditor").get("/sites/own.school.example")
	for _, want := range []string{
		"Course backups keep one copy only", "2 courses’ automated backups fail", "SUPER", "What to do:", "files not counted", "1,902", "214", "on, 1 kept",
		"moodledata/backup holds 212 course backups", "Read again from storage", "18.2 GB", "What was looked at",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("missing %q", want)
		}
	}
	if strings.Contains(got.body, "Change what is left out") {
		t.Error("an auditor may change what is left out")
	}
	for _, of := range []string{"viewer", "admin"} {
		if got := h.signIn(of).get("/sites/" + h.site.String()); strings.Contains(got.body, "SUPER") {
			t.Errorf("a customer (%s) reads what is staff's", of)
		}
	}
}

func TestExclusions_AreShownBeforeTheyAreSaved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	h.tell()
	b := h.signIn("operator")
	path := "/sites/" + h.site.String() + "/exclusions"
	look := b.post(path, "do", "look", "version", "0", "keep", "moodledata/backup", "root", "moodledata", "path", "old-videos/2019")
	if look.status != http.StatusOK || !strings.Contains(look.body, "in copies from now on") || !strings.Contains(look.body, "212 files, 18.2 GB") || !strings.Contains(look.body, `value="moodledata:old-videos/2019" checked`) || !strings.Contains(look.body, `value="save"`) {
		t.Errorf("%d\n%s", look.status, look.body)
	}
	if v, err := h.app.Exclusions(t.Context(), authz.Console(), h.site.String()); err != nil || !v.Exact.Empty() {
		t.Errorf("a look saved: %+v %v", v.Exact, err)
	}
	for _, bad := range []struct{ root, path, want string }{
		{"moodledata", "../etc", "without . and .."},
		{"moodledata", "filedir", "it holds the files of every course"},
		{"moodledata", "a*", "there are no patterns"},
		{"code", "x", "ode is never cut"},
		{"root", "x", "no account folder"},
		{"moodledata", hostile, "old-videos"},
	} {
		got := b.post(path, "do", "save", "version", "0", "root", bad.root, "path", bad.path)
		if bad.path == hostile { // it is a name like any other, and is shown as one
			if got.status != http.StatusSeeOther {
				t.Errorf("%q: %d", bad.path, got.status)
			}
			continue
		}
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, bad.want) || !strings.Contains(got.body, `aria-invalid="true"`) {
			t.Errorf("%+v: %d\n%s", bad, got.status, got.body)
		}
	}
	page := b.get("/sites/" + h.site.String())
	if strings.Contains(page.body, "<script>alert") {
		t.Error("the page runs what was typed")
	}
	if got := b.post(path, "do", "save", "version", "0", "keep", "moodledata/backup"); got.status != http.StatusConflict || !strings.Contains(got.body, "Somebody else changed") {
		t.Errorf("an old page saved: %d", got.status)
	}
	if got := b.post(path, "do", "save", "version", "1", "keep", "moodledata/backup", "drop", "rubbish"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("rubbish: %d", got.status)
	}
	if got := b.post(path, "do", "save", "version", "1", "keep", "moodledata/backup"); got.status != http.StatusSeeOther {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	v, err := h.app.Exclusions(t.Context(), authz.Console(), h.site.String())
	h.must(err)
	if v.Version != 2 || len(v.Exact.Drop) != 0 || len(v.Exact.Keep) != 1 {
		t.Errorf("%+v", v)
	}
	if got := b.get("/sites/" + h.site.String()); !strings.Contains(got.body, "Data copies hold moodledata/backup") {
		t.Error("the timeline does not tell of it")
	}
}

func TestAlarm_ShowsItsEvidenceAndIsClearedWithAReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	h.alarm()
	h.exec(`INSERT INTO tamper_look (tenant_id, run_id, site_id, at, signals, alarm, why, evidence)
		SELECT tenant_id, run_id, site_id, now(), '{}', true, 'x', $2 FROM copy WHERE site_id = $1 AND kind = 'data' LIMIT 1`, h.site.UUID(), `["code/lib/setup.php holds no PHP `+"<script>alert(3)</script>"+`"]`)
	b, page := h.signIn("operator"), "/sites/"+h.site.String()
	got := b.get(page)
	for _, want := range []string{"412 files are not what their names say", "code/lib/setup.php holds no PHP", "Clear the alarm", "It was raised"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("missing %q", want)
		}
	}
	if strings.Contains(got.body, "<script>alert(3)") || strings.Contains(h.signIn("auditor").get(page).body, "Clear the alarm") {
		t.Error("the evidence runs, or an auditor may clear the alarm")
	}
	if got := b.post(page+"/alarm/end", "reason", ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="clear-alarm" open`) {
		t.Errorf("without a reason: %d", got.status)
	}
	if got := b.post(page+"/alarm/end", "reason", "we rebuilt the theme"); got.status != http.StatusSeeOther {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	if got := b.get(page); strings.Contains(got.body, "Clear the alarm") || !strings.Contains(got.body, "The tamper alarm was cleared.") || !strings.Contains(got.body, "we rebuilt the theme") {
		t.Error("the alarm stands still, or the timeline does not tell of its end")
	}
}
