package portal_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
)

// lives gives the database copy of own facts of its life, and a list of what it
// names, measured with the data copy.
func (h *house) lives() {
	h.t.Helper()
	moodle, err := json.Marshal(agentproto.MoodleFacts{
		CronEnabled: true, LastCron: time.Now().Add(-72 * time.Hour), Courses: 5, Users: 50, Admins: 14, DatabaseRights: []string{"SUPER"}, PHPVersion: "7.4.33",
		AutoBackup: agentproto.AutoBackup{Active: 1, MaxKept: 1, WithFiles: true, OK: 5, LastEnd: time.Now()},
	})
	h.must(err)
	h.exec(`UPDATE copy SET details = jsonb_set(details, '{facts,moodle}', $2) WHERE site_id = $1 AND kind = 'database'`, h.site.UUID(), moodle)
	h.exec(`INSERT INTO reference_list (tenant_id, copy_id, site_id, snapshot, manifest, bytes, stored_bytes, row_total, hashes, hash_bytes, from_trash, external, missing, missing_list)
		SELECT tenant_id, id, site_id, 's', '{}', 1, 1, 15000, 15000, 9, 0, 0, 1, $2 FROM copy WHERE site_id = $1 AND kind = 'database'`,
		h.site.UUID(), `[{"hash":"x","bytes":7,"rows":1,"name":"Übung `+"`<b>`"+`.pdf","area":"mod_resource/content","course":"Bio 9"}]`)
	h.exec(`INSERT INTO pair (tenant_id, database_copy_id, data_copy_id, site_id, state, referenced, present, with_named, missing, created_at, measured_at)
		SELECT d.tenant_id, d.id, f.id, d.site_id, 'measured', 15000, 14997, 14997, $2, now(), now()
		FROM copy d JOIN copy f ON f.site_id = d.site_id AND f.kind = 'data' WHERE d.site_id = $1 AND d.kind = 'database'`,
		h.site.UUID(), `{"files":3,"bytes":21,"by":[{"course":"Bio 9","area":"mod_resource/content","files":3,"bytes":21}],"more":0}`)
}

var jargon = regexp.MustCompile(`(?i)\b(cron|php|filedir|SUPER|database user|mod_resource|trashdir|snapshot|keeper)\b`)

func TestSite_AdvisesInTheCustomersWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	h.lives()
	got := h.signIn("viewer").get("/portal/sites/" + h.site.String())
	says(t, got, "What would make your site safer", "Background work of the site has stopped", "Course backups keep one copy only", "14 people are administrators", "One file that courses name is missing", "99.98 % of files, 3 missing", "Files in courses", "Bio 9")
	if word := jargon.FindString(text(got)); word != "" {
		t.Errorf("a customer reads %q", word)
	}
	if strings.Contains(got.body, "<b>`.pdf") {
		t.Error("a file's name is markup")
	}
}

func TestRequest_SaysHowManyFilesComeBackBeforeAnythingIsPaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(agentproto.OutcomeGood)
	h.lives()
	now := h.clock.Now().UTC()
	b := h.signIn("admin")
	got := b.post("/portal/bring-back", "site", h.site.String(), "day", now.Format("2006-01-02"), "clock", now.Format("15:04"), "want", "everything", "do", "look")
	for got.status == 303 {
		got = b.get(got.to())
	}
	says(t, got, "99.98 % of files, 3 missing", "Bio 9")
	if word := jargon.FindString(text(got)); word != "" {
		t.Errorf("a customer reads %q", word)
	}
}
