package minimoodle

import (
	"context"
	"fmt"
	"strings"
)

// Texts that have broken dumps and loads.
var oddTexts = []string{
	"Grüße 🎓 und 𝔘𝔫𝔦𝔠𝔬𝔡𝔢, vier Bytes je Zeichen",
	`{"path":"C:\\Moodle\\data","quote":"He said \"it's fine\"","nl":"a\nb"}`,
	`\N`,
	"Zeile\r\nmit\tTab und ; Strichpunkt; -- und ' Quote /* kein Kommentar */",
	`O'Reilly \' \\ "`,
	"",
	"\\.",
	"-- Dump completed on 2020-01-01  0:00:00",
	"COPY public.mdl_x FROM stdin;",
}

func (b *builder) now() int64 { return Epoch.Unix() }

func (b *builder) rowsOfSite(ctx context.Context, s *store) error {
	v := branches[b.Release[:3]]
	config := [][]any{
		{"version", b.Version},
		{"release", b.Release + " (Build: 20250811)"},
		{"branch", v.branch},
		{"siteidentifier", fmt.Sprintf("minimoodle%022dmoodle.example.org", b.Seed)},
		{"siteadmins", "2"},
		{"theme", "boost"},
		{"lang", "de"},
		{"auth", "email"},
		{"enrol_plugins_enabled", "manual,guest,self,cohort"},
		{"maintenance_enabled", "0"},
		{"cron_enabled", "1"},
		{"fileslastcleanup", fmt.Sprint(b.now() - 3600)},
		{"allversionshash", b.AllVersionsHash},
		{"supportemail", "hilfe@example.org"},
		{"customscripts", ""},
	}
	for i, t := range oddTexts {
		config = append(config, []any{fmt.Sprintf("odd%d", i), t})
	}
	if err := s.insert(ctx, "config", []string{"name", "value"}, config); err != nil {
		return err
	}
	var plugins [][]any
	for _, p := range b.Plugins {
		plugins = append(plugins, []any{p.Component, "version", p.Version})
	}
	plugins = append(plugins, []any{"tool_task", "lastcronstart", fmt.Sprint(b.now() - 60)})
	for k, val := range map[string]string{
		"active": "1", "storage": "1", "destination": b.DataRoot + "/backup", "max_kept": "1", "delete_days": "0", "weekdays": "1111111", "files": "1",
	} {
		plugins = append(plugins, []any{"backup", "backup_auto_" + k, val})
	}
	if err := s.insert(ctx, "config_plugins", []string{"plugin", "name", "value"}, plugins); err != nil {
		return err
	}
	// The files' rows stand in contexts from 10 on: the site's own course, a
	// module of the first course, and the courses.
	contexts := [][]any{{1, 10, 0, "/1", 1}, {2, 40, 1, "/1/2", 2}, {10, 50, 1, "/1/10", 2}, {11, 70, 5, "/1/2/12/11", 4}}
	courses := [][]any{{0, 1, "Die Schule", "schule", "site", strings.Repeat("Willkommen 🎓 ", 8), b.now() - 1e6}}
	results := [][]any{}
	for i := range b.Courses {
		id := i + 2
		summary := oddTexts[i%len(oddTexts)]
		if i == 0 {
			summary = strings.Repeat("Ein langer Text mit 'Anführung' und 🎓. ", 2500) // 110 KB
		}
		courses = append(courses, []any{1, 10000 + i, fmt.Sprintf("Kurs %d – Mathematik", id), fmt.Sprintf("K%d", id), "topics", summary, b.now() - int64(i)*1000})
		contexts = append(contexts, []any{id + 10, 50, id, fmt.Sprintf("/1/2/%d", id+10), 3})
		results = append(results, []any{id, b.now() - 7200, b.now() - 7100, fmt.Sprint(i % 6), b.now() + 80000})
	}
	for _, in := range []struct {
		table   string
		columns string
		rows    [][]any
	}{
		{"context", "id contextlevel instanceid path depth", contexts},
		{"course_categories", "name sortorder coursecount depth path timemodified", [][]any{{"Allgemein", 10000, b.Courses, 1, "/1", b.now()}}},
		{"course", "category sortorder fullname shortname format summary timecreated", courses},
		{"backup_courses", "courseid laststarttime lastendtime laststatus nextstarttime", results},
		{"registration_hubs", "token hubname huburl confirmed secret", [][]any{{"t0ken", "moodle.net", "https://hub.example.org", 1, "s"}}},
		{"upgrade_log", "type plugin version targetversion info details userid timemodified", [][]any{{0, "core", nil, v.version, "Starting core installation", nil, 0, b.now() - 1e6}}},
	} {
		if err := s.insert(ctx, in.table, strings.Fields(in.columns), in.rows); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) rowsOfPeople(ctx context.Context, s *store) error {
	users := [][]any{
		{"manual", 1, 0, 1, "guest", "", "Guest user", " ", "root@localhost", nil, b.now() - 1e6},
		{"manual", 1, 0, 1, "admin", "$6$rounds=10000$x$y", "Admin", "User", "admin@example.org", "", b.now() - 1e6},
	}
	var sessions, tokens [][]any
	for i := range b.Users {
		deleted := 0
		if i%10 == 9 {
			deleted = 1
		}
		users = append(users, []any{
			"manual", 1, deleted, 1, fmt.Sprintf("user%d", i), fmt.Sprintf("$2y$10$%053d", i), fmt.Sprintf("Žofie %d", i), "O'Brien 😀",
			fmt.Sprintf("user%d@example.org", i), oddTexts[i%len(oddTexts)], b.now() - int64(i)*500,
		})
		if i%5 == 0 {
			sessions = append(sessions, []any{0, hashOf([]byte(fmt.Sprint("sid", i)))[:32], i + 3, "", b.now() - 600, b.now() - 10, "192.0.2.1"})
			tokens = append(tokens, []any{hashOf([]byte(fmt.Sprint("token", b.Seed, i)))[:32], 0, i + 3, 1, 1, b.now() - 9000})
		}
	}
	if err := s.insert(ctx, "user", strings.Fields("auth confirmed deleted mnethostid username password firstname lastname email description timecreated"), users); err != nil {
		return err
	}
	if err := s.insert(ctx, "sessions", strings.Fields("state sid userid sessdata timecreated timemodified firstip"), sessions); err != nil {
		return err
	}
	return s.insert(ctx, "external_tokens", strings.Fields("token tokentype userid externalserviceid contextid timecreated"), tokens)
}

const fileColumns = "contenthash pathnamehash contextid component filearea itemid filepath filename userid filesize mimetype author timecreated timemodified referencefileid"

// fileRow is a row of the files table; Moodle makes pathnamehash so.
func (b *builder) fileRow(hash string, size int64, contextID int, component, area string, item int, name string, reference any) []any {
	return []any{
		hash, pathHash(contextID, component, area, item, name), contextID, component, area, item, "/", name, 2, size,
		"application/octet-stream", "Žofie O'Brien", b.now(), b.now(), reference,
	}
}

func pathHash(contextID int, component, area string, item int, name string) string {
	return hashOf([]byte(fmt.Sprintf("/%d/%s/%s/%d/%s", contextID, component, area, item, name)))
}

// areas are file areas of every sort, the private one among them: no folder
// of that name is behind it.
var areas = []struct{ component, area string }{
	{"mod_resource", "content"}, {"user", "private"}, {"assignsubmission_file", "submission_files"}, {"backup", "automated"}, {"course", "summary"}, {"user", "draft"},
}

func (b *builder) rowsOfFiles(ctx context.Context, s *store) error {
	empty := hashOf(nil)
	rows := [][]any{}
	for i, c := range b.Contents {
		area := areas[i%len(areas)]
		ctxID := 10 + i%(b.Courses+2)
		name := fmt.Sprintf("datei-%d ü.pdf", i)
		if area.component == "backup" {
			name = fmt.Sprintf("backup-moodle2-course-%d.mbz", i)
		}
		rows = append(rows,
			b.fileRow(empty, 0, ctxID, area.component, area.area, i, ".", nil),
			b.fileRow(c.Hash, c.Size, ctxID, area.component, area.area, i, name, nil))
		for k := range i % 3 { // the same content in further places
			rows = append(rows, b.fileRow(c.Hash, c.Size, ctxID, "mod_folder", "content", i, fmt.Sprintf("kopie-%d-%d", i, k), nil))
		}
	}
	remote := fmt.Sprintf("synced from a repository, %d", b.Seed)
	rows = append(rows,
		b.fileRow(empty, 0, 10, "mod_resource", "content", 9001, "leer.txt", nil),
		b.fileRow(empty, 0, 10, "mod_resource", "content", 9002, "alias.txt", 1),
		b.fileRow(hashOf([]byte(remote)), int64(len(remote)), 10, "mod_resource", "content", 9003, "synced-alias.txt", 2))
	if err := s.insert(ctx, "files", strings.Fields(fileColumns), rows); err != nil {
		return err
	}
	for _, in := range []struct {
		table   string
		columns string
		rows    [][]any
	}{
		{"repository", "type visible sortorder", [][]any{{"filesystem", 1, 1}, {"dropbox", 1, 2}}},
		{"repository_instances", "name typeid contextid timecreated", [][]any{{"Lehrkräfte", 1, 1, b.now()}, {"Dropbox", 2, 1, b.now()}}},
		{"files_reference", "repositoryid lastsync reference referencehash", [][]any{
			{1, b.now(), "teachers/private/x.txt", hashOf([]byte("teachers/private/x.txt"))}, {2, nil, `O:8:"stdClass":1:{s:4:"path";s:2:"/x";}`, hashOf([]byte("/x"))},
		}},
	} {
		if err := s.insert(ctx, in.table, strings.Fields(in.columns), in.rows); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) rowsOfTasks(ctx context.Context, s *store) error {
	var scheduled [][]any
	for i, c := range []string{`\core\task\file_trash_cleanup_task`, `\core\task\session_cleanup_task`, `\core\task\automated_backup_task`, `\mod_forum\task\cron_task`, `\enrol_flatfile\task\flatfile_sync_task`} {
		scheduled = append(scheduled, []any{"moodle", c, b.now() - 60, b.now() + 600, "*", "*", "*", "*", "*", i % 2 * 60})
	}
	if err := s.insert(ctx, "task_scheduled", strings.Fields("component classname lastruntime nextruntime minute hour day month dayofweek faildelay"), scheduled); err != nil {
		return err
	}
	adhoc := [][]any{{"moodle", `\core\task\course_backup_task`, b.now() + 10, `{"courseid":"2","adminid":"2"}`, 2, b.now(), 12}}
	if err := s.insert(ctx, "task_adhoc", strings.Fields("component classname nextruntime customdata userid timecreated attemptsavailable"), adhoc); err != nil {
		return err
	}
	log := [][]any{{0, "moodle", `core\task\session_cleanup_task`, 0, b.now() - 60, b.now() - 59, 3, 1, 0, oddTexts[3]}}
	return s.insert(ctx, "task_log", strings.Fields("type component classname userid timestart timeend dbreads dbwrites result output"), log)
}

func (b *builder) rowsOfLog(ctx context.Context, s *store) error {
	var rows [][]any
	for i := range b.Users * 10 {
		rows = append(rows, []any{
			`\core\event\course_viewed`, "core", "viewed", "course", nil, nil, "r", 2, 12, 50, 2, 3 + i%b.Users, 2, 0,
			oddTexts[i%len(oddTexts)], b.now() - int64(i), "web", "192.0.2.7",
		})
	}
	return s.insert(ctx, "logstore_standard_log", strings.Fields("eventname component action target objecttable objectid crud edulevel contextid contextlevel contextinstanceid userid courseid anonymous other timecreated origin ip"), rows)
}
