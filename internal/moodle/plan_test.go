package moodle_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

func site(t *testing.T, spec minimoodle.Spec) (minimoodle.Site, moodle.Install) {
	t.Helper()
	spec.Dir = t.TempDir()
	if spec.CodeFiles == 0 {
		spec.CodeFiles = 1
	}
	s, err := minimoodle.Build(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s, inspect(t, s.CodeDir)
}

func inspect(t *testing.T, dir string) moodle.Install {
	t.Helper()
	in, err := moodle.Inspect(t.Context(), dir, moodle.Options{PHP: "none", Env: formEnv})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func plan(t *testing.T, in moodle.Install, accountRoot string) moodle.Plan {
	t.Helper()
	p, err := in.Plan(accountRoot)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stored gives the files that a plan keeps, as root name and path, by a
// second reading of the plan's rules.
func stored(t *testing.T, p moodle.Plan) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, r := range p.Roots {
		err := filepath.WalkDir(r.Path, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(r.Path, path)
			top := !strings.Contains(rel, "/")
			switch {
			case rel == ".":
				return nil
			case d.IsDir() && (slices.Contains(r.Skip, path) || top && slices.Contains(r.ExcludeDirs, rel)):
				return filepath.SkipDir
			case d.IsDir(), top && r.ExcludeTopFiles, slices.Contains(r.ExcludePaths, rel):
				return nil
			}
			for dir, suffix := range r.ExcludeSuffixIn {
				if (dir == "." || strings.HasPrefix(rel, dir+"/")) && strings.HasSuffix(rel, suffix) {
					return nil
				}
			}
			out[r.Name+"/"+rel] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestPlan_DropsOnlyWhatThePolicyNames holds the anchors: eight names at the
// first level of moodledata and of the account root, nowhere else, and never
// in the code.
func TestPlan_DropsOnlyWhatThePolicyNames(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{moodle.LayoutClassic, moodle.LayoutPublic} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			s, in := site(t, minimoodle.Spec{Layout: layout, AccountRoot: true, Maintenance: true})
			kept := stored(t, plan(t, in, s.AccountRoot))
			web := "code/"
			if layout == moodle.LayoutPublic {
				web = "code/public/"
			}
			for _, name := range []string{
				"code/config.php", "code/composer.json", web + "version.php", web + "index.php", web + "backup/util/includes/backup_includes.php", web + "cache/classes/cache.php",
				web + "lib/aws-sdk/src/data/logs/2014-03-28/api-2.json.php", web + "local/demo/private/keep.php", web + "local/demo/sessions/keep.php",
				"moodledata/.htaccess", "moodledata/climaintenance.template.html", "moodledata/repository/teachers/private/x.txt",
				"moodledata/repository/teachers/backup/y.txt", "moodledata/secret/key/sodium.key", "moodledata/filedir/warning.txt",
				"moodledata/diag/last.txt", "moodledata/muc/config.php", "root/mail/inbox.mbox", "root/scripts/backup/keep.sh",
			} {
				if !kept[name] {
					t.Errorf("%s is dropped", name)
				}
			}
			for name := range kept {
				_, rel, _ := strings.Cut(name, "/")
				first, _, nested := strings.Cut(rel, "/")
				bad := strings.HasPrefix(name, "root/") && (!nested || first == "moodle" || first == "moodledata") ||
					name == "moodledata/climaintenance.html" || strings.HasPrefix(name, "moodledata/filedir/") && strings.HasSuffix(name, ".tmp") ||
					!strings.HasPrefix(name, "code/") && nested && slices.Contains([]string{"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs", "localcache", "lock"}, first)
				if bad {
					t.Errorf("%s is kept", name)
				}
			}
		})
	}
}

func TestPlan_StoresANestedRootOnce(t *testing.T) {
	t.Parallel()
	s, in := site(t, minimoodle.Spec{})
	inner := filepath.Join(s.CodeDir, "moodledata")
	if err := os.Rename(s.DataRoot, inner); err != nil {
		t.Fatal(err)
	}
	in.DataRoot, in.FileDir = inner, filepath.Join(inner, "filedir")
	p := plan(t, in, filepath.Dir(s.CodeDir))
	for name := range stored(t, p) {
		if strings.HasPrefix(name, "code/moodledata/") || strings.HasPrefix(name, "root/moodle/") {
			t.Fatalf("%s is stored twice", name)
		}
	}
}

func TestPlan_AddsAFiledirThatLiesElsewhere(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"config", "link"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s, _ := site(t, minimoodle.Spec{})
			far := filepath.Join(t.TempDir(), "far")
			if err := os.Rename(s.FileDir, far); err != nil {
				t.Fatal(err)
			}
			if how == "link" {
				if err := os.Symlink(far, s.FileDir); err != nil {
					t.Fatal(err)
				}
			} else {
				raw, _ := os.ReadFile(filepath.Join(s.CodeDir, "config.php"))
				text := strings.Replace(string(raw), "require_once", "$CFG->filedir = '"+far+"';\nrequire_once", 1)
				if err := os.WriteFile(filepath.Join(s.CodeDir, "config.php"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := plan(t, inspect(t, s.CodeDir), "")
			kept := stored(t, p)
			if !kept["filedir/warning.txt"] || len(p.Warnings) != 1 {
				t.Errorf("the moved filedir is not stored: %v", p.Warnings)
			}
			for name := range kept {
				if strings.HasSuffix(name, ".tmp") {
					t.Errorf("%s is kept", name)
				}
			}
		})
	}
}

func TestPlan_RefusesAnAccountRootThatCannotBe(t *testing.T) {
	t.Parallel()
	s, in := site(t, minimoodle.Spec{})
	for _, root := range []string{"/", filepath.Join(s.CodeDir, "lib"), filepath.Join(s.DataRoot, "filedir"), "/no/such/folder", filepath.Join(s.CodeDir, "version.php")} {
		if _, err := in.Plan(root); !errs.Is(err, errs.Invalid) {
			t.Errorf("Plan(%s) says %v", root, err)
		}
	}
	if p := plan(t, in, s.CodeDir); len(p.Roots) != 2 || len(p.Warnings) != 1 {
		t.Errorf("the code as account root gives %+v", p)
	}
}

func TestLift_KeepsCourseBackups(t *testing.T) {
	t.Parallel()
	_, in := site(t, minimoodle.Spec{})
	if !slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, ".mbz") }) {
		t.Errorf("no warning of course backups: %v", in.Warnings)
	}
	p, err := plan(t, in, "").Lift("moodledata/backup")
	if err != nil {
		t.Fatal(err)
	}
	kept := stored(t, p)
	if !kept["moodledata/backup/backup-moodle2-course-2-20250301.mbz"] || kept["moodledata/logs/old.log"] {
		t.Error("lifting one exclusion did not lift just that")
	}
	if _, err := p.Lift("code/cache"); !errs.Is(err, errs.Invalid) {
		t.Errorf("lifting what is not excluded says %v", err)
	}
}

// TestMeasure_CountsAllThatIsDropped: kept and dropped together are all files.
func TestMeasure_CountsAllThatIsDropped(t *testing.T) {
	t.Parallel()
	s, in := site(t, minimoodle.Spec{AccountRoot: true, Maintenance: true})
	if err := os.Symlink(s.FileDir, filepath.Join(s.DataRoot, "cache", "loop")); err != nil {
		t.Fatal(err)
	}
	p := plan(t, in, s.AccountRoot)
	list, err := p.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var files int64
	got := map[string]moodle.Excluded{}
	for _, x := range list {
		files += x.Files
		got[x.Path] = x
	}
	var all int64
	_ = filepath.WalkDir(s.AccountRoot, func(_ string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			all++
		}
		return nil
	})
	if kept := int64(len(stored(t, p))); kept+files != all {
		t.Errorf("%d kept and %d dropped are not %d", kept, files, all)
	}
	if x := got["moodledata/backup"]; x.Files != 1 || x.Bytes != int64(len("a course backup, as the automated ones lie here")) {
		t.Errorf("moodledata/backup is %+v", x)
	}
	if x := got["moodledata/cache"]; x.Files != 3 || x.Bytes > 1000 {
		t.Errorf("moodledata/cache is %+v: a link was followed", x)
	}
	if got["moodledata/filedir/*.tmp"].Files != 1 || got["moodledata/climaintenance.html"].Files != 1 || got["root/*"].Files < 2 || got["root/backup"].Files != 1 {
		t.Errorf("Measure gives %+v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Measure(ctx); err == nil {
		t.Error("a cancelled Measure ends well")
	}
}

func TestPlan_LeavesOutWhatARestoreKeepsAside(t *testing.T) {
	t.Parallel()
	s, in := site(t, minimoodle.Spec{AccountRoot: true})
	for _, dir := range []string{filepath.Join(s.AccountRoot, ".holdfast-0001/moodledata"), filepath.Join(s.DataRoot, ".holdfast-0002/moodledata.old")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t, in, s.AccountRoot)
	for name := range stored(t, p) {
		if strings.Contains(name, ".holdfast-") {
			t.Errorf("%s is stored", name)
		}
	}
	if n := strings.Count(strings.Join(p.Warnings, " "), "what a restore has replaced"); n != 2 {
		t.Errorf("%d words of it: %v", n, p.Warnings)
	}
}
