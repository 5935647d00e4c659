package agentproto_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// messages is one of each type, every field filled in.
func messages() map[string]any {
	taken := time.Date(2026, 4, 24, 0, 0, 3, 0, time.UTC)
	const (
		run      = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"
		site     = "0190b3a0-7c1e-7d2a-9c3b-0123456789ac"
		restore  = "0190b3a0-7c1e-7d2a-9c3b-0123456789ad"
		instance = "7b0c0b5e-7f51-4b63-8f0a-52f1d1f5c1aa"
	)
	held := agentproto.Held{Run: run, Fence: 41}
	return map[string]any{
		"enrol_request": &agentproto.EnrolRequest{Token: "one-time-token", Hostname: "web1", AgentVersion: "1.0.0"},
		"enrol_answer":  &agentproto.EnrolAnswer{HostID: site, HostName: "web1", Credential: "credential"},
		"hello_request": &agentproto.HelloRequest{
			Instance: instance, AgentVersion: "1.0.0", Hostname: "web1", OS: "linux", Arch: "amd64",
			Now: "2026-04-24T00:00:00Z", AllowRoots: []string{"/var/www"},
		},
		"hello_answer": &agentproto.HelloAnswer{Epoch: 7, HeartbeatSeconds: 10, PollWaitSeconds: 25},
		"poll_request": &agentproto.PollRequest{Instance: instance, Epoch: 7, PollSeq: 12, Held: []agentproto.Held{held}, WaitSeconds: 25, Busy: "its load is 9.1 per processor, and backups give way above 4.0"},
		"poll_answer": &agentproto.PollAnswer{
			Leases: []agentproto.Lease{{
				Run: run, Fence: 41, Kind: agentproto.KindData, Attempt: 1,
				Site:       agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle", AccountRoot: "/var/www/north"},
				Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/data", Token: "token", Pin: "sha256:" + strings.Repeat("ab", 32)},
			}},
			Stop: []agentproto.Stop{{Run: run, Fence: 40, Reason: "cancelled"}},
		},
		"poll_answer_restore": &agentproto.PollAnswer{
			Leases: []agentproto.Lease{{
				Run: run, Fence: 42, Kind: agentproto.KindRestore, Attempt: 1,
				Site: agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle", AccountRoot: "/var/www/north"},
				Restore: &agentproto.Restore{
					ID: restore, AllowUpgrade: true,
					Database: &agentproto.RestoreFrom{
						Copy: run, Snapshot: "k1", TakenAt: taken, Files: 1, Bytes: 4, SHA256: strings.Repeat("0", 64),
						Tables: []agentproto.Table{{Name: "mdl_user", Rows: 3}}, Facts: agentproto.Facts{DBType: "mariadb", Prefix: "mdl_", Warnings: []string{}},
						Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/database", Token: "token that reads", Pin: "sha256:" + strings.Repeat("ab", 32)},
					},
					Data: &agentproto.RestoreFrom{
						Copy: run, Snapshot: "k2", TakenAt: taken, Files: 3, Bytes: 4, Facts: agentproto.Facts{Version: "2024100706.00", Warnings: []string{}},
						Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/data", Token: "token that reads"},
					},
				},
			}},
			Stop: []agentproto.Stop{},
		},
		"poll_answer_files": &agentproto.PollAnswer{
			Leases: []agentproto.Lease{{
				Run: run, Fence: 43, Kind: agentproto.KindFiles, Attempt: 1, Site: agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle"},
				Restore: &agentproto.Restore{
					ID: restore,
					Data: &agentproto.RestoreFrom{
						Copy: run, Snapshot: "k2", TakenAt: taken, Files: 3, Bytes: 4, Facts: agentproto.Facts{Warnings: []string{}},
						Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/data", Token: "token that reads"},
					},
					Files: &agentproto.RestoreFiles{Root: "moodledata", Paths: []string{"lang/de_local", "geoip/city.mmdb"}, InPlace: true},
				},
			}},
			Stop: []agentproto.Stop{},
		},
		"poll_answer_settle": &agentproto.PollAnswer{
			Leases: []agentproto.Lease{{
				Run: run, Fence: 44, Kind: agentproto.KindSettle, Attempt: 1, Site: agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle"},
				Restore: &agentproto.Restore{ID: restore},
			}},
			Stop: []agentproto.Stop{},
		},
		"started_request": &agentproto.StartedRequest{Instance: instance, Epoch: 7, Run: run, Fence: 41},
		"heartbeat_request": &agentproto.HeartbeatRequest{Instance: instance, Epoch: 7, Runs: []agentproto.RunBeat{{Run: run, Fence: 41, Progress: agentproto.Progress{
			Phase: "storing", Detail: "filedir", DoneFiles: 10, TotalFiles: 20, DoneBytes: 1000, TotalBytes: 2000, DoneTables: 1, AllTables: 2,
		}}}},
		"heartbeat_request_restore": &agentproto.HeartbeatRequest{Instance: instance, Epoch: 7, Runs: []agentproto.RunBeat{{Run: run, Fence: 42, Progress: agentproto.Progress{
			Phase: "loading", Detail: "Loading the database: 312 of 494 tables, about 2 minutes left", DoneTables: 312, AllTables: 494, Step: 5, Steps: 9, SecondsLeft: 120,
		}}}},
		"heartbeat_answer_restore": &agentproto.HeartbeatAnswer{Keep: []agentproto.Held{held}, Tokens: []agentproto.Token{
			{Run: run, Token: "fresh-token", Repository: site + "/database"}, {Run: run, Token: "another-token", Repository: site + "/data"},
		}},
		"heartbeat_answer": &agentproto.HeartbeatAnswer{Keep: []agentproto.Held{held}, Tokens: []agentproto.Token{{Run: run, Token: "fresh-token"}}},
		"complete_request_good": &agentproto.CompleteRequest{
			Instance: instance, Epoch: 7, Run: run, Fence: 41, Outcome: agentproto.OutcomeIncomplete,
			Error: "Some files could not be read.", ErrorCode: "unreadable-files", NotBefore: "2026-04-24T01:00:00Z",
			Copy: &agentproto.Copy{
				Snapshot: "k1", Manifest: json.RawMessage(`{"id":"k1"}`), TakenAt: taken, Seconds: 12.5, Files: 3, Bytes: 4, StoredBytes: 5,
				SHA256: strings.Repeat("0", 64), Excluded: []agentproto.Excluded{{Path: "moodledata/cache", Files: 1, Bytes: 2}},
				Problems: []agentproto.Problem{{Path: "moodledata/x", Reason: "permission denied"}}, Vanished: 1,
				Tables: []agentproto.Table{{Name: "mdl_user", Rows: 3}},
				Facts: agentproto.Facts{
					Layout: "classic", Release: "4.5.6", Version: "2024100706.00", Branch: "405", WWWRoot: "https://north.example.org",
					DataRoot: "/var/www/north/moodledata", DBType: "mariadb", DBHost: "localhost", DBName: "north", Prefix: "mdl_", ReadBy: "php",
					ServerVersion: "10.11.14-MariaDB", ClientVersion: "10.11.14", Warnings: []string{"a warning"},
					Plugins:   []agentproto.Plugin{{Component: "mod_forum", Version: "2024100700"}, {Component: "mod_quiz", Version: "2024100701"}},
					DBVersion: "2024100706.00", AllVersionsHash: strings.Repeat("cd", 20),
					DBPlugins: []agentproto.Plugin{{Component: "mod_quiz", Version: "2024100701"}}, Fingerprint: "db1:" + strings.Repeat("ef", 32),
				},
			},
		},
		"complete_request_refused": &agentproto.CompleteRequest{
			Instance: instance, Epoch: 7, Run: run, Fence: 41, Outcome: agentproto.OutcomeRefused,
			Error: "The code folder /etc is outside the folders that this host's agent may touch.", ErrorCode: "outside-allowed-roots",
		},
		"complete_request_restore": &agentproto.CompleteRequest{
			Instance: instance, Epoch: 7, Run: run, Fence: 42, Outcome: agentproto.OutcomeGood,
			Evidence: json.RawMessage(`{"tables":{"compared":494}}`),
		},
		"poll_answer_version4": &agentproto.PollAnswer{
			Leases: []agentproto.Lease{
				{
					Run: run, Fence: 45, Kind: agentproto.KindDatabase, Attempt: 1,
					Site: agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle", Exclusions: &agentproto.Exclusions{
						Keep: []string{"moodledata/backup"}, Drop: []agentproto.Exclusion{{Root: "moodledata", Path: "repository/old"}},
					}},
					Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/database", Token: "token"},
					Files:      &agentproto.Repository{ID: restore, Password: "password", URL: "https://vault:8443", Name: site + "/data", Token: "token", Pin: "sha256:" + strings.Repeat("ab", 32)},
					Reading:    agentproto.ReadingWalk, Discover: &agentproto.Discover{Roots: []string{"/var/www"}},
				},
				{
					Run: run, Fence: 46, Kind: agentproto.KindRestore, Attempt: 1, Site: agentproto.Site{ID: site, Name: "north-school", CodeDir: "/var/www/north/moodle"},
					Restore: &agentproto.Restore{
						ID: restore,
						Database: &agentproto.RestoreFrom{
							Copy: run, Snapshot: "k1", TakenAt: taken, Files: 1, Bytes: 4, Facts: agentproto.Facts{Warnings: []string{}}, References: "k3",
							Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/database", Token: "token that reads"},
						},
						Named: &agentproto.RestoreFrom{
							Copy: run, Snapshot: "k4", TakenAt: taken, Files: 3, Bytes: 4, Facts: agentproto.Facts{Warnings: []string{}},
							Repository: agentproto.Repository{ID: site, Password: "password", URL: "https://vault:8443", Name: site + "/data", Token: "token that reads"},
						},
					},
				},
			},
			Stop: []agentproto.Stop{},
		},
		"complete_request_version4": &agentproto.CompleteRequest{
			Instance: instance, Epoch: 7, Run: run, Fence: 45, Outcome: agentproto.OutcomeGood,
			Copy: &agentproto.Copy{
				Snapshot: "k1", Manifest: json.RawMessage(`{"id":"k1"}`), TakenAt: taken, Excluded: []agentproto.Excluded{{Path: "moodledata/backup", Files: 3, Bytes: 9, CourseBackups: 2, Unusual: []string{"moodledata/backup holds 2 course backups"}}}, Problems: []agentproto.Problem{},
				Facts: agentproto.Facts{Warnings: []string{}, Moodle: moodleFacts(taken)},
				References: &agentproto.References{
					Snapshot: "k3", Manifest: json.RawMessage(`{"id":"k3"}`), Bytes: 9, StoredBytes: 8, Rows: 7, Hashes: 6, HashBytes: 5, FromTrash: 1, External: 2, Missing: 3,
					MissingList: []agentproto.MissingFile{{Hash: strings.Repeat("ab", 20), Bytes: 4, Rows: 2, Name: "lecture.pdf", Area: "mod_resource/content", Course: "BIO1"}},
					Files:       &agentproto.NamedFiles{Snapshot: "k4", Manifest: json.RawMessage(`{"id":"k4"}`), Files: 6, Bytes: 5, StoredBytes: 4},
				},
				Signals: &agentproto.Signals{
					Reading: agentproto.ReadingWalk, Checked: 1, Mismatched: 2, Contents: 3, New: 4, Gone: 5, GoneUntrashed: 6, Foreign: 7,
					PHPFiles: 8, PHPChanged: 9, PHPStrange: 10, First: true, Examples: []string{"filedir/ab/cd/" + strings.Repeat("ab", 20)},
				},
			},
		},
		"complete_request_discover": &agentproto.CompleteRequest{
			Instance: instance, Epoch: 7, Run: run, Fence: 47, Outcome: agentproto.OutcomeGood,
			Evidence: discovery(),
		},
		"error_answer": &agentproto.ErrorAnswer{Code: "stale", Message: "This run is not held with this fence any more; drop it."},
	}
}

// moodleFacts are facts of a database run with every field filled in.
func moodleFacts(at time.Time) *agentproto.MoodleFacts {
	return &agentproto.MoodleFacts{
		SiteHash: strings.Repeat("12", 32), Theme: "boost", Lang: "de", Auth: []string{"manual", "ldap"}, MaintenanceEnabled: true,
		UpgradeRunning: at, CronEnabled: true, LastCron: at, FilesLastCleanup: at, Courses: 1, Users: 2, Admins: 3, FileRows: 4, FileBytes: 5,
		BackupRows: 6, BackupBytes: 7, TasksFailing: 8, AdhocWaiting: 9, LastTask: at,
		AutoBackup: agentproto.AutoBackup{
			Active: 1, Storage: 2, Destination: "/srv/mbz", MaxKept: 3, DeleteDays: 30, WithFiles: true,
			OK: 1, Failed: 2, Unfinished: 3, Skipped: 4, Warned: 5, NotYet: 6, LastEnd: at,
		},
		DatabaseRights: []string{"SUPER"}, ServerFlavour: "mariadb", PHPVersion: "8.2.29",
	}
}

// discovery is what a lease of KindDiscover sends as evidence.
func discovery() json.RawMessage {
	b, err := json.Marshal(agentproto.Discovery{
		Sites: []agentproto.FoundSite{{
			CodeDir: "/var/www/north/moodle", AccountRoot: "/var/www/north", Layout: "public", Release: "5.1.5", Branch: "501", WWWRoot: "https://north.example.org",
			DataRoot: "/var/www/north/moodledata", DBType: "pgsql", DBName: "north", Prefix: "mdl_", ReadBy: "php", Warnings: []string{"a warning"}, Problem: "config.php cannot be read.",
		}},
		Folders: 12, Truncated: "There are more than 100,000 folders.",
	})
	if err != nil {
		panic(err)
	}
	return b
}

func TestMessages_AreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for name, m := range messages() {
		got, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path) //nolint:gosec // testdata
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the message changed; an agent of the version before reads\n%s\nand would now get\n%s", name, want, got)
		}
		back := reflect.New(reflect.TypeOf(m).Elem()).Interface()
		d := json.NewDecoder(bytes.NewReader(want))
		d.DisallowUnknownFields()
		if err := d.Decode(back); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Raw JSON is kept with the indentation of the file.
		again, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		first, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, first) {
			t.Errorf("%s does not come back as it went: %s", name, again)
		}
	}
}

func TestMessages_EachTypeAndFieldHasAGoldenValue(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(messages()) {
		t.Errorf("%d golden files for %d messages", len(files), len(messages()))
	}
	for name, m := range messages() {
		if oneOfSeveral[name] {
			continue
		}
		filled(t, name, reflect.ValueOf(m).Elem())
	}
}

// oneOfSeveral are messages of a type that has several: each shows what its
// kind leaves out. TestRestore_EachFieldHasAGoldenValue looks at theirs.
var oneOfSeveral = map[string]bool{
	"complete_request_good": true, "complete_request_refused": true, "complete_request_restore": true, "heartbeat_request": true, "heartbeat_request_restore": true,
	"heartbeat_answer": true, "poll_answer": true, "poll_answer_restore": true, "poll_answer_files": true, "poll_answer_settle": true,
	"poll_answer_version4": true, "complete_request_version4": true, "complete_request_discover": true,
}

func TestRestore_EachFieldHasAGoldenValue(t *testing.T) {
	t.Parallel()
	all := messages()
	get := func(name string) *agentproto.Lease { return &all[name].(*agentproto.PollAnswer).Leases[0] } //nolint:forcetypeassert // see messages
	backup, restore, files := get("poll_answer"), *get("poll_answer_restore"), get("poll_answer_files")
	backup.Restore, restore.Restore.Files = restore.Restore, files.Restore.Files
	restore.Restore.Data.SHA256, restore.Restore.Data.Tables = "only of a dump", restore.Restore.Database.Tables
	restore.Restore.Data.Repository.Pin = restore.Restore.Database.Repository.Pin
	four := all["poll_answer_version4"].(*agentproto.PollAnswer).Leases //nolint:forcetypeassert // see messages
	backup.Site.Exclusions, backup.Files, backup.Reading, backup.Discover = four[0].Site.Exclusions, four[0].Files, four[0].Reading, four[0].Discover
	restore.Restore.Database.References, restore.Restore.Data.References = four[1].Restore.Database.References, "only of a dump"
	restore.Restore.Named = restore.Restore.Data
	// What facts hold is in complete_request_good, and of version 4 in its own.
	facts := all["complete_request_good"].(*agentproto.CompleteRequest).Copy.Facts //nolint:forcetypeassert // see messages
	last := all["complete_request_version4"].(*agentproto.CompleteRequest).Copy    //nolint:forcetypeassert // see messages
	facts.Moodle = last.Facts.Moodle
	restore.Restore.Data.Facts, restore.Restore.Database.Facts = facts, facts
	filled(t, "lease", reflect.ValueOf(backup).Elem())
	beat := all["heartbeat_request"].(*agentproto.HeartbeatRequest).Runs[0].Progress         //nolint:forcetypeassert // see messages
	live := all["heartbeat_request_restore"].(*agentproto.HeartbeatRequest).Runs[0].Progress //nolint:forcetypeassert // see messages
	beat.Step, beat.Steps, beat.SecondsLeft = live.Step, live.Steps, live.SecondsLeft
	filled(t, "progress", reflect.ValueOf(beat))
	filled(t, "heartbeat_answer", reflect.ValueOf(all["heartbeat_answer_restore"]).Elem())
	good, restored := all["complete_request_good"].(*agentproto.CompleteRequest), all["complete_request_restore"].(*agentproto.CompleteRequest) //nolint:forcetypeassert // see messages
	good.Evidence, good.Copy.Facts, good.Copy.References, good.Copy.Signals, good.Copy.Excluded = restored.Evidence, facts, last.References, last.Signals, last.Excluded
	filled(t, "complete", reflect.ValueOf(good).Elem())
}

// What version 3 added is absent where it has nothing to say: older agents get
// the messages that they know.
func TestVersion2_SeesNoNewField(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"poll_answer", "heartbeat_request", "heartbeat_answer", "complete_request_good"} {
		b, err := json.Marshal(messages()[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{`"restore"`, `"step"`, `"steps"`, `"seconds_left"`, `"evidence"`, `"repository":"`} {
			if strings.Contains(string(b), field) {
				t.Errorf("%s has the field %s: %s", name, field, b)
			}
		}
	}
}

// What version 4 added is absent where it has nothing to say.
func TestVersion3_SeesNoNewField(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"poll_answer", "poll_answer_restore", "poll_answer_files", "poll_answer_settle", "complete_request_good", "complete_request_restore"} {
		b, err := json.Marshal(messages()[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{`"files":{"id"`, `"reading"`, `"discover"`, `"named"`, `"references"`, `"exclusions"`, `"signals"`, `"moodle":{`} {
			if strings.Contains(string(b), field) {
				t.Errorf("%s has the field %s: %s", name, field, b)
			}
		}
	}
}

// filled fails where a field has no value: it would be missing in the golden file.
func filled(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() { //nolint:exhaustive // the rest is a leaf
	case reflect.Pointer:
		if !v.IsNil() {
			filled(t, path, v.Elem())
			return
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			filled(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
		return
	case reflect.Slice:
		if v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct {
			filled(t, path+"[0]", v.Index(0))
		}
	default:
	}
	if v.IsZero() {
		t.Errorf("%s has no value in its golden message", path)
	}
}

func TestVersion1_KnowsNoTokens(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(agentproto.HeartbeatAnswer{Keep: []agentproto.Held{}})
	if err != nil || strings.Contains(string(b), "tokens") {
		t.Errorf("an answer without tokens is %s, %v; version 1 knows no such field", b, err)
	}
}
