package figure_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/advisor"
	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// ours are words that no customer is shown.
var ours = regexp.MustCompile(`(?i)\b(cron|php|filedir|moodledata|trashdir|object store|mod_\w+|snapshot|agent|host|repository|keeper|database server)\b`)

func said(f *truth.Files) string {
	if f == nil {
		return ""
	}
	all := append([]string{f.Words, f.More, f.Others}, f.Notes...)
	for _, g := range f.Groups {
		all = append(all, g.Course, g.Area)
	}
	for _, n := range f.Names {
		all = append(all, n.Course, n.Area)
	}
	return strings.Join(all, " ")
}

// pair is a copy of whose files some are missing.
func pair(referenced, withNamed, present int64) app.Completeness {
	c := app.Completeness{Copy: id.New[id.Copy](), Listed: true, Referenced: referenced, Kept: true, KeptFiles: 9, KeptBytes: 9e6, KeptStoredBytes: 1e6, FromTrash: 2}
	c.Best = &app.PairView{Measured: true, Skew: 12 * time.Minute, Referenced: referenced, WithNamed: withNamed, Present: present}
	return c
}

func TestFiles_SayHowManyComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of    app.Completeness
		state ui.State
		words string
	}{
		{pair(412_102, 412_102, 412_000), ui.Good, "all 412,102 files"},
		{pair(1, 1, 1), ui.Good, "all 1 file"},
		{pair(0, 0, 0), ui.Good, "it names no files"},
		{pair(412_334, 412_331, 412_331), ui.Incomplete, "99.99 % of files, 3 missing"},
		{pair(15_000, 14_997, 14_997), ui.Incomplete, "99.98 % of files, 3 missing"},
		{pair(100_000_000, 99_999_999, 1), ui.Incomplete, "99.99 % of files, 1 missing"},
		{pair(3, 0, 0), ui.Incomplete, "0.00 % of files, 3 missing"},
		{app.Completeness{}, ui.None, "files not counted"},
		{app.Completeness{Listed: true}, ui.None, "no copy of files goes with it"},
		{app.Completeness{Listed: true, Best: &app.PairView{}, MeasuresWaiting: 1}, ui.None, "files not counted yet"},
		{app.Completeness{Listed: true, Best: &app.PairView{}, MeasuresFailed: 1}, ui.None, "files not counted"},
	} {
		for _, who := range []figure.Reader{figure.Staff, figure.Customer} {
			if got := figure.Files(c.of, who); got.State != c.state || got.Words != c.words {
				t.Errorf("got %s %q, want %s %q", got.State, got.Words, c.state, c.words)
			}
		}
	}
}

func TestFiles_NameWhatIsMissingInTheReadersWords(t *testing.T) {
	t.Parallel()
	c := pair(100, 97, 90)
	c.External, c.MissingAtSource = 4, 40
	c.MissingList = []agentproto.MissingFile{{Name: "a.pdf", Area: "mod_strange/content", Bytes: 5}}
	c.Best.Missing = app.Missing{Files: 3, More: 2}
	for i := range 25 {
		c.Best.Missing.By = append(c.Best.Missing.By, app.MissingGroup{Course: fmt.Sprintf("C%d", i), Area: "assignsubmission_file/submission_files", Files: 1})
	}
	staff, customer := figure.Files(c, figure.Staff), figure.Files(c, figure.Customer)
	if len(staff.Groups) != 20 || staff.More != "And 7 places more." || staff.Groups[0].Area != "Assignment submissions" || staff.Names[0].Area != "mod_strange/content" || staff.Others != "And 39 more." {
		t.Errorf("%+v", staff)
	}
	if customer.Names[0].Area != "Other places" || customer.Names[0].Course != "outside courses" {
		t.Errorf("%+v", customer.Names)
	}
	for _, want := range []string{"12 min after it", "7 files of them came too late", "object store alone", "trashdir"} {
		if !strings.Contains(said(staff), want) {
			t.Errorf("staff are not told %q in %s", want, said(staff))
		}
	}
	if word := ours.FindString(said(customer)); word != "" {
		t.Errorf("customers read %q in %s", word, said(customer))
	}
	c.Best.WithNamed, c.External, c.MissingList, c.MissingAtSource = 100, 0, nil, 0
	if got := figure.Files(c, figure.Customer); len(got.Notes) > 0 {
		t.Errorf("a customer whose files are all there reads %v", got.Notes)
	}
}

func TestAdvice_TellsEachReaderWhatIsTheirs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := advisor.Facts{At: now.Add(-time.Hour), DataAt: now.Add(-time.Hour), ReadBy: "static", Release: "4.5.6", PHP: "8.3.1"}
	f.Moodle = &advisor.Moodle{CronEnabled: true, LastCron: now.Add(-time.Hour), Courses: 1, Users: 5, Admins: 1, Auto: advisor.AutoBackup{}}
	a := app.Advice{Facts: f, Report: advisor.Examine(f, now)}
	staff, customer := figure.Advice(a, now, time.UTC, figure.Staff), figure.Advice(a, now, time.UTC, figure.Customer)
	if len(staff.Findings) != 2 || len(customer.Findings) != 1 || customer.Findings[0].ID != "autobackup-off" {
		t.Errorf("%+v\n%+v", staff.Findings, customer.Findings)
	}
	if staff.Hint != "2 findings of 33 checks, as of the copies of 22 Nov 11:00" || customer.Hint != "as of the copies of 22 Nov 11:00" {
		t.Errorf("%q %q", staff.Hint, customer.Hint)
	}
	for _, u := range customer.Unjudged {
		if word := ours.FindString(u.What + u.Why); word != "" {
			t.Errorf("customers read %q in %+v", word, u)
		}
	}
	if word := ours.FindString(strings.Join(customer.Looked, " ") + customer.Calm); word != "" {
		t.Errorf("customers read %q", word)
	}
	for _, who := range []figure.Reader{figure.Staff, figure.Customer} {
		if got := figure.Advice(app.Advice{Report: advisor.Examine(advisor.Facts{}, now)}, now, time.UTC, who); got.State != ui.None || got.Word != "not known yet" {
			t.Errorf("of nothing: %+v", got)
		}
	}
	f.Moodle.Auto = advisor.AutoBackup{Active: 1, MaxKept: 4, WithFiles: true, OK: 1, LastEnd: now}
	f.ReadBy = "php"
	a = app.Advice{Facts: f, Report: advisor.Examine(f, now)}
	if got := figure.Advice(a, now, time.UTC, figure.Customer); got.State != ui.None || got.Word != "nothing so far" {
		t.Errorf("not all could be looked at, and it says %s %q", got.State, got.Word)
	}
	f.References = &advisor.References{Hashes: 5}
	a = app.Advice{Facts: f, Report: advisor.Examine(f, now)}
	if got := figure.Advice(a, now, time.UTC, figure.Customer); got.State != ui.Good || !strings.Contains(got.Calm, "automated course backups") {
		t.Errorf("%+v", got)
	}
}

func TestCopyFacts_SayHowTheSiteWas(t *testing.T) {
	t.Parallel()
	taken := time.Date(2026, 11, 22, 0, 4, 0, 0, time.UTC)
	c := app.CopyFacts{Kind: backup.Database, TakenAt: taken, Plugins: 448, Facts: agentproto.Facts{Release: "4.5.6", ServerVersion: "10.11", ClientVersion: "mariadb-dump 10.11", Moodle: &agentproto.MoodleFacts{
		Courses: 2, Users: 1902, Admins: 1, CronEnabled: true, LastCron: taken.Add(-3 * time.Hour), TasksFailing: 1, AdhocWaiting: 2, MaintenanceEnabled: true,
		AutoBackup: agentproto.AutoBackup{Active: 1, MaxKept: 4, OK: 2, Failed: 1},
	}}}
	got := map[string]string{}
	for _, f := range figure.CopyFacts(c) {
		got[f.Label] = f.Value + " | " + f.Note
	}
	for label, want := range map[string]string{
		"Plug-ins": "448 | in the database", "Courses": "2 | ", "People": "1,902 | 1 administrator", "Course backups": "on, 4 kept | courses: 2 fine and 1 failed",
		"Cron": "ran 3 h before the copy | 1 task fails, 2 wait", "Database server": "10.11 | dumped with mariadb-dump 10.11", "Maintenance mode": "on | ",
	} {
		if got[label] != want {
			t.Errorf("%s: %q, want %q", label, got[label], want)
		}
	}
	if len(figure.CopyFacts(app.CopyFacts{})) > 0 {
		t.Error("facts of nothing")
	}
}
