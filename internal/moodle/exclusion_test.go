package moodle_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

// planOf is the plan of a miniature in an account root.
func planOf(t *testing.T, more ...string) (minimoodle.Site, moodle.Plan) {
	t.Helper()
	s, in := site(t, minimoodle.Spec{AccountRoot: true, Files: 3, CodeFiles: 5})
	for _, path := range more {
		if err := os.MkdirAll(filepath.Join(s.AccountRoot, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p, err := in.Plan(s.AccountRoot)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// TestApply_LeavesOutExactlyWhatIsNamed.
func TestApply_LeavesOutExactlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	_, p := planOf(t, "videos/2019", "moodledata/old/2019")
	got, refused := p.Apply(moodle.Exclusions{
		Keep: []string{"moodledata/backup", "root/private"},
		Drop: []moodle.Exclusion{{Root: "moodledata", Path: "old/2019"}, {Root: "moodledata", Path: "backup/tmp"}, {Root: "root", Path: "videos"}, {Root: "root", Path: "not-there-yet"}},
	})
	if len(refused) > 0 {
		t.Fatalf("refused %+v", refused)
	}
	for _, r := range got.Roots {
		switch r.Name {
		case moodle.RootData:
			if slices.Contains(r.ExcludeDirs, "backup") || !slices.Contains(r.ExcludeDirs, "cache") || !slices.Contains(r.ExcludePaths, "old/2019") || !slices.Contains(r.ExcludePaths, "backup/tmp") {
				t.Errorf("moodledata leaves out %v and %v", r.ExcludeDirs, r.ExcludePaths)
			}
		case moodle.RootOthers:
			if slices.Contains(r.ExcludeDirs, "private") || !slices.Equal(r.ExcludePaths, []string{"videos", "not-there-yet"}) {
				t.Errorf("the account root leaves out %v and %v", r.ExcludeDirs, r.ExcludePaths)
			}
		case moodle.RootCode:
			if len(r.ExcludeDirs)+len(r.ExcludePaths)+len(r.ExcludeSuffixIn) > 0 {
				t.Errorf("the code is cut: %+v", r)
			}
		}
	}
	for _, r := range p.Roots {
		if slices.Contains(r.ExcludePaths, "videos") || r.Name == moodle.RootData && !slices.Contains(r.ExcludeDirs, "backup") {
			t.Error("the plan that was given is changed too")
		}
	}
}

// TestApply_RefusesWhatARestoreNeeds, and what is no folder's exact path.
func TestApply_RefusesWhatARestoreNeeds(t *testing.T) {
	t.Parallel()
	s, p := planOf(t, "elsewhere/filedir", "files")
	if err := os.Symlink(s.DataRoot, filepath.Join(s.AccountRoot, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.AccountRoot, "notes.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := func(path string) moodle.Exclusion { return moodle.Exclusion{Root: "moodledata", Path: path} }
	root := func(path string) moodle.Exclusion { return moodle.Exclusion{Root: "root", Path: path} }
	for _, d := range []moodle.Exclusion{
		data("filedir"), data("filedir/ab"), data("secret"), data("secret/key"), data("lang"), data("lang/de"), data("muc"), data("repository"), data("repository/private"), data("x/filedir"), data("x/filedir/y"),
		root("elsewhere/filedir"), root(filepath.Base(s.DataRoot)), root(filepath.Base(s.DataRoot) + "/filedir"), root(filepath.Base(s.CodeDir)), root(filepath.Base(s.CodeDir) + "/backup"),
		root("link"), root("notes.txt"), root("link/filedir"), root("link/lang"),
		{Root: "code", Path: "mod"},
		{Root: "", Path: "x"},
		{Root: "filedir", Path: "ab"},
		data(""), data("."), data(".."), data("../x"), data("a/../b"), data("/etc"), data("a//b"), data("a/"), data("*.mbz"), data("a?"), data(`a\b`), data("a\nb"), data(strings.Repeat("a", 2000)),
	} {
		got, refused := p.Apply(moodle.Exclusions{Drop: []moodle.Exclusion{d}})
		if len(refused) != 1 || refused[0].Why == "" || strings.Contains(refused[0].Why, "%!") {
			t.Errorf("%+v is not refused: %+v", d, refused)
		}
		for i, r := range got.Roots {
			if !slices.Equal(r.ExcludePaths, p.Roots[i].ExcludePaths) {
				t.Errorf("%+v is left out: %v", d, r.ExcludePaths)
			}
		}
	}
	_, refused := p.Apply(moodle.Exclusions{Keep: []string{"moodledata/nothing", "code/backup", "moodledata/backup"}, Drop: []moodle.Exclusion{data("backup")}})
	if len(refused) != 3 {
		t.Errorf("refused %+v", refused)
	}
}

// TestApply_KeepsAMovedFiledir, whatever its name.
func TestApply_KeepsAMovedFiledir(t *testing.T) {
	t.Parallel()
	s, in := site(t, minimoodle.Spec{AccountRoot: true, Files: 3, CodeFiles: 5})
	in.FileDir = filepath.Join(s.AccountRoot, "store", "content")
	in.Moved = map[string]string{"filedir": in.FileDir}
	if err := os.MkdirAll(in.FileDir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := in.Plan(s.AccountRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"store", "store/content", "store/content/ab"} {
		if _, refused := p.Apply(moodle.Exclusions{Drop: []moodle.Exclusion{{Root: "root", Path: path}}}); len(refused) != 1 {
			t.Errorf("%s may be left out", path)
		}
	}
	if _, refused := p.Apply(moodle.Exclusions{Drop: []moodle.Exclusion{{Root: "root", Path: "store/other"}}}); len(refused) != 0 {
		t.Errorf("what lies beside it may not: %+v", refused)
	}
}

// TestAudit_TellsWhatIsUnusual of what a real plan leaves out.
func TestAudit_TellsWhatIsUnusual(t *testing.T) {
	t.Parallel()
	s, _ := planOf(t)
	for path, text := range map[string]string{
		"moodledata/backup/course-1.mbz": "x", "moodledata/backup/course-2.MBZ": "x", "moodledata/temp/backup/half.mbz": "x", "moodledata/cache/pic.png": "x",
		"private/plans.pdf": "x", "logs/access.log": "x", "site.sql.gz": "x", ".bashrc": "x",
	} {
		full := filepath.Join(s.AccountRoot, path)
		if strings.HasPrefix(path, "moodledata/") {
			full = filepath.Join(s.DataRoot, strings.TrimPrefix(path, "moodledata/"))
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{PHP: "none", Env: formEnv})
	if err != nil {
		t.Fatal(err)
	}
	p, err := in.Plan(s.AccountRoot)
	if err != nil {
		t.Fatal(err)
	}
	excluded, err := p.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, u := range moodle.Audit(excluded, 1<<30) {
		said[u.Path] += u.Why
	}
	for path, word := range map[string]string{"moodledata/backup": "course backups", "root/private": "somebody's own", "root/*": "somebody's own"} {
		if !strings.Contains(said[path], word) {
			t.Errorf("%s: %q, without %q", path, said[path], word)
		}
	}
	for _, path := range []string{"moodledata/temp", "moodledata/cache", "root/logs"} {
		if said[path] != "" {
			t.Errorf("%s is usual: %q", path, said[path])
		}
	}
	big := []moodle.Excluded{{Path: "moodledata/cache", Bytes: 3 << 30}, {Path: "moodledata/trashdir", Bytes: 1 << 30}, {Path: "root/logs", Bytes: 800 << 20}, {Path: "root/backup", Bytes: 1 << 20}}
	got := moodle.Audit(big, 2<<30)
	if len(got) != 2 || got[0].Path != "moodledata/cache" || got[1].Path != "root/logs" {
		t.Errorf("by share: %+v", got)
	}
	if got := moodle.Audit(big, -1); len(got) != 0 {
		t.Errorf("without knowing the whole: %+v", got)
	}
}
