package advisor_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/advisor"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// well is a site of which nothing is to be said.
func well() advisor.Facts {
	at := now.Add(-2 * time.Hour)
	return advisor.Facts{
		At: at, DataAt: at, Release: "4.5.6+ (Build: 20250811)", Version: "2024100706.01", DBVersion: "2024100706.01", Layout: "classic", ReadBy: "php",
		CodeDir: "/srv/a/moodle", DataRoot: "/srv/a/moodledata", AccountRoot: "/srv/a", Flavour: "mariadb", ServerVersion: "5.5.5-10.11.14-MariaDB-0+deb12u2", PHP: "8.3.14",
		References: &advisor.References{Hashes: 40_000},
		Excluded:   []advisor.Folder{{Path: "moodledata/cache", Files: 900, Bytes: 1 << 30}, {Path: "moodledata/backup"}},
		Moodle: &advisor.Moodle{
			CronEnabled: true, LastCron: at.Add(-time.Minute), LastTask: at.Add(-time.Minute), Courses: 40, Users: 900, Admins: 2, FileBytes: 90 << 30, BackupBytes: 5 << 30,
			Auto: advisor.AutoBackup{Active: 1, MaxKept: 4, WithFiles: true, OK: 40, LastEnd: at.Add(-8 * time.Hour)},
		},
	}
}

// cases are, for each rule, a change that makes it speak, and changes near to
// it that do not.
var cases = map[advisor.Rule]struct {
	fires []func(*advisor.Facts)
	not   []func(*advisor.Facts)
}{
	advisor.AutoBackupOff:    {fires: auto(func(a *advisor.AutoBackup) { a.Active = 0 })},
	advisor.AutoBackupByHand: {fires: auto(func(a *advisor.AutoBackup) { a.Active = 2 })},
	advisor.AutoBackupOnce: {
		fires: auto(func(a *advisor.AutoBackup) { a.MaxKept = 1 }),
		not:   auto(func(a *advisor.AutoBackup) { a.MaxKept = 0 }, func(a *advisor.AutoBackup) { a.MaxKept = 2 }, func(a *advisor.AutoBackup) { a.MaxKept, a.Active = 1, 0 }),
	},
	advisor.AutoBackupDropped: {
		fires: append(auto(
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/moodledata/backup/auto" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 2, "/srv/a/moodledata/temp" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/backup/" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/var/elsewhere" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/moodledata/../../b" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "" },
		), func(f *advisor.Facts) {
			f.Moodle.Auto.Storage, f.Moodle.Auto.Destination, f.Drop = 1, "/srv/a/moodledata/kept/auto", []string{"moodledata/kept"}
		}),
		not: append(auto(
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 0, "/srv/a/moodledata/backup" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/moodledata/autobackups" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/courses/backup" },
			func(a *advisor.AutoBackup) { a.Storage, a.Destination = 1, "/srv/a/moodle/backup/x" }, // within the code, which is never cut
		), func(f *advisor.Facts) {
			f.Moodle.Auto.Storage, f.Moodle.Auto.Destination, f.Keep = 1, "/srv/a/moodledata/backup", []string{"moodledata/backup"}
		}),
	},
	advisor.AutoBackupDoubles: {
		fires: life(func(m *advisor.Moodle) { m.BackupBytes = 30 << 30 }, func(m *advisor.Moodle) { m.BackupBytes = 60 << 30 }),
		not:   life(func(m *advisor.Moodle) { m.BackupBytes, m.Auto.Storage, m.Auto.Destination = 60<<30, 1, "/srv/a/x" }, func(m *advisor.Moodle) { m.BackupBytes, m.FileBytes = 600<<20, 700<<20 }),
	},
	advisor.AutoBackupFailing: {
		fires: auto(func(a *advisor.AutoBackup) { a.Failed = 1 }, func(a *advisor.AutoBackup) { a.Failed, a.OK = 1200, 0 }),
		not:   auto(func(a *advisor.AutoBackup) { a.Failed, a.Active = 3, 0 }),
	},
	advisor.AutoBackupCutShort: {fires: auto(func(a *advisor.AutoBackup) { a.Unfinished = 2 }), not: auto(func(a *advisor.AutoBackup) { a.Unfinished, a.Active = 3, 0 })},
	advisor.AutoBackupStale: {
		fires: auto(func(a *advisor.AutoBackup) { a.LastEnd = now.Add(-9 * 24 * time.Hour) }),
		not: auto(func(a *advisor.AutoBackup) { a.LastEnd = now.Add(-7 * 24 * time.Hour) },
			func(a *advisor.AutoBackup) { a.LastEnd, a.Active = now.Add(-90*24*time.Hour), 2 }),
	},
	advisor.AutoBackupNever: {
		fires: auto(func(a *advisor.AutoBackup) { a.LastEnd = time.Time{} }),
		not:   life(func(m *advisor.Moodle) { m.Auto.LastEnd, m.Courses = time.Time{}, 0 }),
	},
	advisor.AutoBackupNoFiles: {fires: auto(func(a *advisor.AutoBackup) { a.WithFiles = false }), not: auto(func(a *advisor.AutoBackup) { a.WithFiles, a.Active = false, 0 })},
	advisor.CourseFilesDropped: {
		fires: facts(func(f *advisor.Facts) { f.Excluded[1].Files = 12 }),
		not: facts(func(f *advisor.Facts) { f.Excluded = []advisor.Folder{{Path: "moodledata/cache/backup", Files: 5}} },
			func(f *advisor.Facts) { f.Excluded[1].Files, f.Keep = 12, []string{"moodledata/backup"} }),
	},
	advisor.CronDisabled: {fires: life(func(m *advisor.Moodle) { m.CronEnabled = false })},
	advisor.CronStopped: {
		fires: life(func(m *advisor.Moodle) { m.LastCron, m.LastTask = now.Add(-50*time.Hour), time.Time{} }, func(m *advisor.Moodle) { m.LastCron, m.LastTask = time.Time{}, time.Time{} }),
		not:   life(func(m *advisor.Moodle) { m.LastCron = time.Time{} }, func(m *advisor.Moodle) { m.LastCron, m.LastTask, m.CronEnabled = time.Time{}, time.Time{}, false }),
	},
	advisor.CronLate: {
		fires: life(func(m *advisor.Moodle) { m.LastCron, m.LastTask = now.Add(-5*time.Hour), time.Time{} }),
		not:   life(func(m *advisor.Moodle) { m.LastCron, m.LastTask = now.Add(-2*time.Hour-50*time.Minute), time.Time{} }),
	},
	advisor.TasksFailing:  {fires: life(func(m *advisor.Moodle) { m.TasksFailing = 1 })},
	advisor.TasksPilingUp: {fires: life(func(m *advisor.Moodle) { m.AdhocWaiting = 500 }), not: life(func(m *advisor.Moodle) { m.AdhocWaiting = 499 })},
	advisor.UpgradePending: {
		fires: facts(func(f *advisor.Facts) { f.Version = "2024100707.00" }, func(f *advisor.Facts) { f.Version = "2024100705" }),
		not:   facts(func(f *advisor.Facts) { f.Version, f.DBVersion = "2024100706", "2024100706.00" }, func(f *advisor.Facts) { f.DBVersion = "" }),
	},
	advisor.UpgradeUnfinished: {
		fires: life(func(m *advisor.Moodle) { m.UpgradeRunning = now.Add(-4 * time.Hour) }),
		not:   life(func(m *advisor.Moodle) { m.UpgradeRunning = now.Add(-2*time.Hour - 5*time.Minute) }),
	},
	advisor.MaintenanceLong: {
		fires: facts(func(f *advisor.Facts) { f.MaintenanceSince = now.Add(-25 * time.Hour) }),
		not:   facts(func(f *advisor.Facts) { f.MaintenanceSince = now.Add(-3 * time.Hour) }),
	},
	advisor.MoodleUnsupported: {
		fires: facts(func(f *advisor.Facts) { f.Release = "5.0.8 (Build: 20261001)" }, func(f *advisor.Facts) { f.Release, f.PHP = "3.3.1", "" }),
	},
	advisor.MoodleEnding: {fires: facts(func(f *advisor.Facts) { f.Release = "5.1.5" })},
	advisor.PHPUnsupported: {
		fires: facts(func(f *advisor.Facts) { f.PHP = "8.1.33" }, func(f *advisor.Facts) { f.PHP, f.Release = "5.6.40", "3.3.1" }),
	},
	advisor.PHPEnding: {fires: facts(func(f *advisor.Facts) { f.PHP = "8.2.29-1~deb12u1" })},
	advisor.PHPUnfit: {
		fires: facts(func(f *advisor.Facts) { f.PHP = "8.4.1" }, func(f *advisor.Facts) { f.Release, f.PHP = "5.1.5", "8.1.2" }),
		not:   facts(func(f *advisor.Facts) { f.Release, f.PHP = "5.1.5", "8.4.2" }, func(f *advisor.Facts) { f.PHP = "" }),
	},
	advisor.ServerUnsupported: {
		fires: facts(func(f *advisor.Facts) { f.ServerVersion = "10.6.22-MariaDB" }, func(f *advisor.Facts) { f.Flavour, f.ServerVersion = "postgres", "14.20 (Debian 14.20-1)" }, func(f *advisor.Facts) { f.ServerVersion = "5.5.68-MariaDB" }),
		not:   facts(func(f *advisor.Facts) { f.Flavour, f.ServerVersion = "postgres", "15.18" }, func(f *advisor.Facts) { f.ServerVersion = "10.11.2" }),
	},
	advisor.ServerEnding: {fires: nil},
	advisor.TableOld:     {fires: nil},
	advisor.DataInWeb: {
		fires: facts(func(f *advisor.Facts) { f.DataRoot = "/srv/a/moodle/moodledata" }, func(f *advisor.Facts) { f.Layout, f.DataRoot = "public", "/srv/a/moodle/public/data" }),
		not:   facts(func(f *advisor.Facts) { f.Layout, f.DataRoot = "public", "/srv/a/moodle/moodledata" }, func(f *advisor.Facts) { f.DataRoot = "/srv/a/moodle-data" }, func(f *advisor.Facts) { f.DataRoot = "" }),
	},
	advisor.ConfigStatic: {fires: facts(func(f *advisor.Facts) { f.ReadBy = "static" }), not: facts(func(f *advisor.Facts) { f.ReadBy = "" })},
	advisor.StoreLeftovers: {
		fires: facts(func(f *advisor.Facts) {
			f.Excluded = []advisor.Folder{{Path: "moodledata/filedir/*.tmp", Files: 3, Bytes: 2 << 30}}
		}),
		not: facts(func(f *advisor.Facts) {
			f.Excluded = []advisor.Folder{{Path: "moodledata/filedir/*.tmp", Files: 3, Bytes: 2 << 20}}
		},
			func(f *advisor.Facts) {
				f.Excluded = []advisor.Folder{{Path: "moodledata/temp", Files: 9000, Bytes: 2 << 30}}
			}),
	},
	advisor.ContentMissing: {fires: facts(func(f *advisor.Facts) { f.References.Missing = 1 })},
	advisor.ObjectStore:    {fires: facts(func(f *advisor.Facts) { f.References.External = 900 })},
	advisor.NoAdmins:       {fires: life(func(m *advisor.Moodle) { m.Admins = 0 }), not: life(func(m *advisor.Moodle) { m.Admins, m.Users = 0, 0 })},
	advisor.ManyAdmins:     {fires: life(func(m *advisor.Moodle) { m.Admins = 11 }), not: life(func(m *advisor.Moodle) { m.Admins = 10 })},
	advisor.DatabaseRights: {fires: life(func(m *advisor.Moodle) { m.Rights = []string{"SUPER", "FILE", "a", "b", "c", "d"} })},
}

func facts(all ...func(*advisor.Facts)) []func(*advisor.Facts) { return all }

func life(all ...func(*advisor.Moodle)) (out []func(*advisor.Facts)) {
	for _, c := range all {
		out = append(out, func(f *advisor.Facts) { c(f.Moodle) })
	}
	return out
}

func auto(all ...func(*advisor.AutoBackup)) (out []func(*advisor.Facts)) {
	for _, c := range all {
		out = append(out, func(f *advisor.Facts) { c(&f.Moodle.Auto) })
	}
	return out
}

func find(all []advisor.Finding, of advisor.Rule) *advisor.Finding {
	if at := slices.IndexFunc(all, func(f advisor.Finding) bool { return f.Rule == of }); at >= 0 {
		return &all[at]
	}
	return nil
}

// ours are words that no customer is shown.
var ours = regexp.MustCompile(`(?i)\b(cron|php|filedir|moodledata|database|ad-hoc|adhoc|config|host|agent|bucket|cli)\b|\.php|\.tmp`)

func TestLook_EachRuleFiresAndDoesNotFire(t *testing.T) {
	t.Parallel()
	for _, name := range advisor.RuleNames() {
		c, known := cases[name]
		if !known {
			t.Errorf("%s has no case", name)
		}
		for i, change := range c.fires {
			f := well()
			change(&f)
			x := find(advisor.Look(f, now), name)
			if x == nil {
				t.Errorf("%s does not speak of its case %d", name, i)
				continue
			}
			checkWords(t, *x)
		}
		for i, change := range c.not {
			f := well()
			change(&f)
			if x := find(advisor.Look(f, now), name); x != nil {
				t.Errorf("%s speaks where it should not (%d): %+v", name, i, x)
			}
		}
	}
	if len(cases) != len(advisor.RuleNames()) {
		t.Errorf("%d cases for %d rules", len(cases), len(advisor.RuleNames()))
	}
}

// checkWords holds a finding to how we write.
func checkWords(t *testing.T, x advisor.Finding) {
	t.Helper()
	if x.Title == "" || strings.HasSuffix(x.Title, ".") || !strings.HasSuffix(x.Says, ".") || !strings.HasSuffix(x.Remedy, ".") || !slices.Contains(advisor.Severities(), x.Severity) {
		t.Errorf("%s is not worded: %+v", x.Rule, x)
	}
	if c := x.Customer; c != nil {
		all := c.Title + " " + c.Says + " " + c.Remedy
		if c.Title == "" || c.Says == "" || c.Remedy == "" || ours.MatchString(all) {
			t.Errorf("%s tells customers %q (%q)", x.Rule, all, ours.FindString(all))
		}
	}
	if strings.ContainsAny(x.Title+x.Says+x.Remedy, "!") {
		t.Errorf("%s shouts", x.Rule)
	}
}

func TestLook_SaysNothingOfASiteThatIsWell(t *testing.T) {
	t.Parallel()
	r := advisor.Examine(well(), now)
	if len(r.Findings) > 0 || len(r.Unjudged) > 0 {
		t.Errorf("%+v %+v", r.Findings, r.Unjudged)
	}
	if !slices.Equal(r.Looked, advisor.Topics()) || r.Rules != len(advisor.RuleNames()) {
		t.Errorf("looked at %v with %d rules", r.Looked, r.Rules)
	}
}

func TestExamine_NeverCallsFineWhatItWasNotTold(t *testing.T) {
	t.Parallel()
	r := advisor.Examine(advisor.Facts{}, now)
	if len(r.Findings)+len(r.Looked)+r.Rules != 0 || len(r.Unjudged) != len(advisor.Topics()) {
		t.Errorf("of nothing: %+v", r)
	}
	f := well()
	f.Moodle, f.References, f.PHP, f.ServerVersion = nil, nil, "", "12.9.1-MariaDB"
	r = advisor.Examine(f, now)
	for _, topic := range []advisor.Topic{advisor.CourseBackups, advisor.Background, advisor.Content, advisor.Access} {
		if slices.Contains(r.Looked, topic) {
			t.Errorf("%s was not looked at", topic)
		}
	}
	var why []string
	for _, u := range r.Unjudged {
		why = append(why, string(u.Topic)+": "+u.Why)
	}
	all := strings.Join(why, "\n")
	for _, want := range []string{"automated course backups: ", "agent could tell", "files that courses name: ", "MariaDB 12.9.1-MariaDB is not in our table", "Which PHP"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is said of %q in\n%s", want, all)
		}
	}
	if len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
}

func TestLook_TheWorstStandsFirst(t *testing.T) {
	t.Parallel()
	f := well()
	f.ReadBy, f.DataRoot = "static", "/srv/a/moodle/data"
	f.Moodle.Auto.MaxKept, f.Moodle.Auto.Storage, f.Moodle.Auto.Destination = 1, 1, "/elsewhere"
	var got []advisor.Severity
	for _, x := range advisor.Look(f, now) {
		got = append(got, x.Severity)
	}
	if want := []advisor.Severity{advisor.Urgent, advisor.Urgent, advisor.Warning, advisor.Note}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestLook_SupportEndsOnItsLastDayAndTheTableSaysThatItIsOld(t *testing.T) {
	t.Parallel()
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 9, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		now  time.Time
		want []advisor.Rule
		not  []advisor.Rule
	}{
		{at(2027, 10, 4), []advisor.Rule{advisor.MoodleEnding, advisor.TableOld}, []advisor.Rule{advisor.MoodleUnsupported}},
		{at(2027, 10, 6), []advisor.Rule{advisor.MoodleUnsupported, advisor.ServerEnding, advisor.PHPEnding}, []advisor.Rule{advisor.MoodleEnding, advisor.ServerUnsupported}},
		{at(2027, 3, 1), nil, []advisor.Rule{advisor.MoodleEnding, advisor.MoodleUnsupported, advisor.TableOld, advisor.ServerEnding}},
		{at(2028, 2, 18), []advisor.Rule{advisor.ServerUnsupported, advisor.PHPUnsupported}, []advisor.Rule{advisor.ServerEnding, advisor.PHPEnding}},
	} {
		got := advisor.Look(well(), c.now)
		for _, want := range c.want {
			x := find(got, want)
			if x == nil {
				t.Errorf("on %s %s does not speak", c.now, want)
				continue
			}
			checkWords(t, *x)
		}
		for _, not := range c.not {
			if find(got, not) != nil {
				t.Errorf("on %s %s speaks", c.now, not)
			}
		}
	}
}

func TestLook_AnOlderCodeThanItsDatabaseIsUrgent(t *testing.T) {
	t.Parallel()
	f := well()
	f.Version = "2022112800"
	if x := find(advisor.Look(f, now), advisor.UpgradePending); x == nil || x.Severity != advisor.Urgent {
		t.Errorf("%+v", x)
	}
	f.Moodle.Auto.Failed, f.Moodle.Auto.OK = 3, 0
	if x := find(advisor.Look(f, now), advisor.AutoBackupFailing); x == nil || x.Severity != advisor.Urgent || x.Title != "3 courses’ automated backups fail" {
		t.Errorf("%+v", x)
	}
}
