package moodle_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// farm is a root with sites made by hand: small, so that many fit a test.
type farm struct {
	t    testing.TB
	root string
}

func newFarm(t testing.TB) farm {
	t.Helper()
	root := t.TempDir()
	for d := root; len(d) > len(os.TempDir())+1; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return farm{t, root}
}

func (f farm) write(path, text string) {
	f.t.Helper()
	full := filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

const versionFile = "<?php\n$version  = 2024100706.00;\n$release  = '4.5.6 (Build: 20250811)';\n$branch   = '405';\n"

// site makes a Moodle at code whose moodledata is at data; public puts its
// code into the layout of 5.1.
func (f farm) site(code, data string, public bool) {
	f.t.Helper()
	web := code
	if public {
		web = code + "/public"
		f.write(web+"/config.php", "<?php require '../config.php';\n")
	}
	f.write(web+"/version.php", versionFile)
	f.write(web+"/mod/quiz/version.php", "<?php\n$plugin->version = 2024100700;\n")
	f.write(code+"/lib/setup.php", "<?php\nif (defined('ABORT_AFTER_CONFIG')) { return; }\n")
	f.write(code+"/config.php", configOf(filepath.Join(f.root, data), strings.NewReplacer("/", "_", "-", "_").Replace(code)))
	f.write(data+"/filedir/ab/cd/warning.txt", "x")
	f.write(data+"/lang/de/langconfig.php", "<?php")
}

func configOf(data, name string) string {
	return fmt.Sprintf("<?php\nunset($CFG);\nglobal $CFG;\n$CFG = new stdClass();\n$CFG->dbtype = 'mariadb';\n$CFG->dbhost = 'localhost';\n$CFG->dbname = '%s';\n$CFG->dbuser = 'u';\n$CFG->dbpass = 's3cret';\n$CFG->prefix = 'mdl_';\n$CFG->wwwroot = 'https://%s.example';\n$CFG->dataroot = '%s';\nrequire_once(__DIR__ . '/lib/setup.php');\n", name, strings.ReplaceAll(name, "_", "-"), data)
}

func (f farm) scan(opt moodle.ScanOptions) moodle.ScanReport {
	f.t.Helper()
	if opt.Read.PHP == "" {
		opt.Read.PHP = "none"
	}
	r, err := moodle.Scan(f.t.Context(), []string{f.root}, opt)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f farm) codes(r moodle.ScanReport) []string {
	var out []string
	for _, s := range r.Sites {
		rel, err := filepath.Rel(f.root, s.CodeDir)
		if err != nil {
			f.t.Fatal(err)
		}
		out = append(out, rel)
	}
	return out
}

// TestScan_FindsEverySiteAndNothingElse: both layouts, sites within sites and
// beside them, and none of what only looks like one.
func TestScan_FindsEverySiteAndNothingElse(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.site("a/moodle", "a/moodledata", false)
	f.site("b/code", "b/data", true)
	f.site("a/moodle/old", "old-data", false)         // within another's web root
	f.site("b/code/public/school2", "b2-data", false) // and within a public one
	f.site("deep/x/y/z/moodle", "deep/x/y/z/md", true)
	f.site("in-data/filedir-home/moodle", "in-data", false)         // its moodledata holds its code's folder
	f.site("c/node_modules/moodle", "c1-data", false)               // a giant
	f.site("a/moodle/mod/moodle", "c2-data", false)                 // within Moodle's own folders
	f.site("a/moodledata/temp/moodle", "c3-data", false)            // in moodledata
	f.site("d/.holdfast-aside-1/moodle", "c4-data", false)          // what a restore has replaced
	f.write("e/plugin/version.php", "<?php\n$plugin->version = 1;") // every plug-in has one
	f.write("e/app/public/version.php", "<?php\n$v = 1;")
	if err := os.Symlink(filepath.Join(f.root, "a"), filepath.Join(f.root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(f.root, "e", "app", "version.php"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := f.scan(moodle.ScanOptions{})
	want := []string{"a/moodle", "a/moodle/old", "b/code", "b/code/public/school2", "deep/x/y/z/moodle"}
	if got := f.codes(r); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	for _, s := range r.Sites {
		if s.Problem != "" || s.Release != "4.5.6 (Build: 20250811)" || s.DB.Name == "" || s.ReadBy != moodle.ReadByStatic || strings.Contains(fmt.Sprint(s), "s3cret") {
			t.Errorf("%+v", s)
		}
		if public := strings.Contains(s.CodeDir, "/code") && !strings.Contains(s.CodeDir, "school2") || strings.Contains(s.CodeDir, "deep"); public != (s.Layout == moodle.LayoutPublic) {
			t.Errorf("%s has layout %s", s.CodeDir, s.Layout)
		}
	}
	if r.Truncated != "" {
		t.Errorf("truncated: %s", r.Truncated)
	}
}

// TestScan_GuessesTheAccountRoot only where a folder is one site's alone.
func TestScan_GuessesTheAccountRoot(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.site("own/moodle", "own/moodledata", false)
	f.write("own/backup/x.txt", "x")
	f.write("own/.bashrc", "x")
	f.write("own/notes.txt", "x")
	f.site("two/a", "two/adata", false)
	f.site("two/b", "two/bdata", false)
	f.site("busy/moodle", "busy/moodledata", false)
	f.write("busy/wordpress/index.php", "x")
	f.site("inner/moodle", "inner/moodle/data", false)
	roots := map[string]string{}
	for _, s := range f.scan(moodle.ScanOptions{}).Sites {
		roots[strings.TrimPrefix(s.CodeDir, f.root+"/")] = strings.TrimPrefix(s.AccountRoot, f.root+"/")
	}
	for code, want := range map[string]string{"own/moodle": "own", "two/a": "", "two/b": "", "busy/moodle": "", "inner/moodle": ""} {
		if got, found := roots[code]; !found || got != want {
			t.Errorf("the account root of %s is %q, want %q", code, got, want)
		}
	}
}

// TestScan_ListsASiteThatCannotBeRead, with the reason, and the rest of it.
func TestScan_ListsASiteThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	for _, name := range []string{"good", "absent", "broken", "unknown", "outside", "link"} {
		f.site(name+"/moodle", name+"/data", false)
	}
	if err := os.Remove(filepath.Join(f.root, "absent/moodle/config.php")); err != nil {
		t.Fatal(err)
	}
	f.write("broken/moodle/config.php", "<?php $CFG->dbname = ;")
	f.write("unknown/moodle/config.php", strings.Replace(configOf(f.root+"/unknown/data", "x"), "'x'", "file_get_contents('http://x/')", 1))
	f.write("outside/moodle/config.php", configOf("/etc", "outside"))
	if err := os.Rename(filepath.Join(f.root, "link/moodle/config.php"), filepath.Join(t.TempDir(), "config.php")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(f.root, "link/moodle/config.php")); err != nil {
		t.Fatal(err)
	}
	may := func(path string) bool {
		real, err := filepath.EvalSymlinks(path)
		return err != nil || strings.HasPrefix(real, f.root)
	}
	r := f.scan(moodle.ScanOptions{May: may})
	words := map[string]string{"good": "", "absent": "not installed yet", "broken": "not valid PHP", "unknown": "dbname", "outside": "outside the folders", "link": "a link to a file outside"}
	if len(r.Sites) != len(words) {
		t.Fatalf("found %v", f.codes(r))
	}
	for _, s := range r.Sites {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.CodeDir, f.root+"/"), "/")
		if want := words[name]; want == "" != (s.Problem == "") || !strings.Contains(s.Problem, want) || s.Release == "" || s.Layout == "" {
			t.Errorf("%s: %q (%s)", name, s.Problem, s.Release)
		}
	}
}

// TestScan_IsBounded in folders, sites, depth and time, and says so.
func TestScan_IsBounded(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	for i := range 12 {
		f.site(fmt.Sprintf("s%02d/moodle", i), fmt.Sprintf("s%02d/data", i), false)
	}
	f.site("1/2/3/4/5/6/7/8/9/moodle", "deep-data", false)
	if r := f.scan(moodle.ScanOptions{}); len(r.Sites) != 12 || r.Truncated != "" {
		t.Errorf("deeper than it may: %d, %q", len(r.Sites), r.Truncated)
	}
	if r := f.scan(moodle.ScanOptions{Depth: 12}); len(r.Sites) != 13 {
		t.Errorf("with more depth: %d", len(r.Sites))
	}
	if r := f.scan(moodle.ScanOptions{Sites: 5}); len(r.Sites) != 5 || !strings.Contains(r.Truncated, "More than 5 sites") {
		t.Errorf("sites: %d, %q", len(r.Sites), r.Truncated)
	}
	if r := f.scan(moodle.ScanOptions{Folders: 20}); r.Folders != 20 || !strings.Contains(r.Truncated, "More than 20 folders") {
		t.Errorf("folders: %d, %q", r.Folders, r.Truncated)
	}
	if r := f.scan(moodle.ScanOptions{For: time.Nanosecond}); !strings.Contains(r.Truncated, "time") {
		t.Errorf("time: %q", r.Truncated)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := moodle.Scan(ctx, []string{f.root}, moodle.ScanOptions{}); err == nil {
		t.Error("a scan that was stopped gives a report")
	}
	if _, err := moodle.Scan(t.Context(), []string{f.root + "/none"}, moodle.ScanOptions{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a root that is not there: %v", err)
	}
	r, err := moodle.Scan(t.Context(), []string{f.root + "/none", f.root, f.root}, moodle.ScanOptions{Read: moodle.Options{PHP: "none"}})
	if err != nil || len(r.Sites) != 12 || !strings.Contains(r.Truncated, "none is not there") {
		t.Errorf("one of two roots: %d, %q, %v", len(r.Sites), r.Truncated, err)
	}
}

// TestScan_BoundsAHostileConfig: one that loops, floods or forks costs its own
// time and no more; the others are read.
func TestScan_BoundsAHostileConfig(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	hostile := map[string]string{
		"loop":    "while (true) {}",
		"sleep":   "sleep(3600);",
		"flood":   "while (true) { echo str_repeat('x', 1 << 20); }",
		"garbage": "echo \"\\n\\0{\\\"dbname\\\":\\\"evil\\\"}\\n\";",
		"child":   "exec('sleep 3600 > /dev/null 2>&1 &');",
		"memory":  "$x = []; while (true) { $x[] = str_repeat('x', 1 << 20); }",
		"killer":  "posix_kill(posix_getppid(), SIGTERM);",
	}
	for name, line := range hostile {
		f.site(name+"/moodle", name+"/data", false)
		text := configOf(f.root+"/"+name+"/data", name)
		f.write(name+"/moodle/config.php", strings.Replace(text, "require_once", line+"\nrequire_once", 1))
	}
	f.site("good/moodle", "good/data", false)
	began := time.Now() //nolint:forbidigo // how long it takes is what is tested
	r, err := moodle.Scan(t.Context(), []string{f.root}, moodle.ScanOptions{Read: moodle.Options{Timeout: 2 * time.Second}})
	if err != nil || len(r.Sites) != len(hostile)+1 {
		t.Fatalf("%v, %v", f.codes(r), err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	for _, s := range r.Sites {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.CodeDir, f.root+"/"), "/")
		if s.Problem == "" && s.DB.Name != name+"_moodle" && s.DB.Name != name {
			t.Errorf("%s: database %q by %s", name, s.DB.Name, s.ReadBy)
		}
		if name == "good" && s.ReadBy != moodle.ReadByPHP {
			t.Errorf("the good one is read by %s: %s", s.ReadBy, s.Problem)
		}
	}
}

// TestScan_TellsOfTwins: two codes on one moodledata are seldom both alive.
func TestScan_TellsOfTwins(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.site("moodle", "data", false)
	f.site("moodle.bak", "data", false)
	r := f.scan(moodle.ScanOptions{})
	for _, s := range r.Sites {
		if !strings.Contains(strings.Join(s.Warnings, " "), "the same moodledata") {
			t.Errorf("%s: %v", s.CodeDir, s.Warnings)
		}
	}
	if len(r.Sites) != 2 {
		t.Errorf("found %v", f.codes(r))
	}
}

// BenchmarkScan300 is a host with 300 sites, each of some 80 folders, below one
// root, read by PHP and without it.
func BenchmarkScan300(b *testing.B) {
	f := newFarm(b)
	for i := range 300 {
		at := fmt.Sprintf("s%03d", i)
		f.site(at+"/moodle", at+"/moodledata", i%3 == 0)
		for j := range 40 {
			f.write(fmt.Sprintf("%s/moodle/mod/m%d/lib/x.php", at, j), "")
			f.write(fmt.Sprintf("%s/moodledata/filedir/%02x/00/x", at, j), "")
		}
	}
	for name, php := range map[string]string{"php": "", "static": "none"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := moodle.Scan(b.Context(), []string{f.root}, moodle.ScanOptions{Read: moodle.Options{PHP: php, Timeout: time.Minute}})
				if err != nil || len(r.Sites) != 300 {
					b.Fatalf("%d, %v", len(r.Sites), err)
				}
				b.ReportMetric(float64(r.Folders), "folders")
			}
		})
	}
}
