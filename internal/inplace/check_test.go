package inplace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
)

// outcome gives a check's outcome and words.
func outcome(all Checks, name string) (string, string) {
	for _, c := range all {
		if c.Name == name {
			return c.Outcome, c.Words
		}
	}
	return "", ""
}

func TestCheck_SaysInWordsWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	dump, err := os.ReadFile(filepath.Join(f.src.Dir, "dump"))
	ok(t, err)
	for _, c := range []struct {
		name, check, outcome, words string
		change                      func(o *Options)
	}{
		{"as it is", "switch", Pass, "old tables kept aside", func(*Options) {}},
		{"huge", "disk", Fail, "Make room first", func(o *Options) { o.Expect.Bytes = 1 << 60 }},
		{"many", "disk", Fail, "", func(o *Options) { o.Expect.Files = 1 << 50 }},
		{"other kind", "database", Fail, "the site's is mariadb", func(o *Options) { o.Expect.Flavour = sitedb.PostgreSQL }},
		{"other maker", "database", Warn, "what does not is refused", func(o *Options) { o.Expect.Flavour = sitedb.MySQL }},
		{"other prefix", "database", Fail, "another prefix", func(o *Options) { o.Expect.Tables = []sitedb.Table{{Name: "m_user"}} }},
		{"database onto newer code", "versions", Fail, "Bring back both", func(o *Options) { o.Parts = Parts{Database: true}; o.Expect.DBVersion = "2022112800" }},
		{"allowed", "versions", Warn, "will upgrade", func(o *Options) {
			o.Parts, o.AllowUpgrade, o.Expect.DBVersion = Parts{Database: true}, true, "2022112800"
		}},
		{"database onto older code", "versions", Fail, "does not start", func(o *Options) {
			o.Parts, o.AllowUpgrade, o.Expect.DBVersion = Parts{Database: true}, true, "2099010100"
		}},
		{"other plug-ins", "versions", Fail, "Plug-ins were", func(o *Options) { o.Parts = Parts{Database: true}; o.Expect.AllVersionsHash = "abc" }},
		{"code older than database", "versions", Fail, "does not start", func(o *Options) { o.Parts = Parts{Code: true}; o.Expect.CodeVersion = "2022112800" }},
		{"filedir apart", "folders", Fail, "holds filedir apart", func(o *Options) { o.Expect.Roots = []string{"code", "moodledata", "filedir"} }},
		{"no data", "folders", Fail, "does not hold it apart", func(o *Options) { o.Expect.Roots = []string{"code"} }},
		{"theme apart", "folders", Warn, "does not come back", func(o *Options) { o.Expect.Roots = []string{"code", "moodledata", "themedir"} }},
		{"unknown collation", "dump", Fail, "utf8mb4_0900_ai_ci", func(o *Options) {
			o.Source = f.src.with(t, strings.ReplaceAll(string(dump), "utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci"))
		}},
		{"newer collation", "dump", Fail, "MariaDB 10.10 or newer", func(o *Options) {
			o.Source = f.src.with(t, strings.ReplaceAll(string(dump), "utf8mb4_unicode_ci", "utf8mb4_uca1400_xx_ci"))
		}},
		{"no dump", "dump", Fail, "no dump", func(o *Options) { o.Source = f.src.with(t, "<html>") }},
	} {
		o := f.o
		c.change(&o)
		all, err := Check(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		found := false
		for _, r := range all {
			found = found || r.Name == c.check && r.Outcome == c.outcome && strings.Contains(r.Words, c.words)
		}
		if !found {
			t.Errorf("%s: want %s %s %q in %+v", c.name, c.check, c.outcome, c.words, all)
		}
		if c.outcome == Fail {
			o.ID = "refused-restore"
			if ev, err := Run(t.Context(), o); !errs.Is(err, errs.Conflict) || len(ev.Checks) == 0 {
				t.Errorf("%s: the restore began: %v", c.name, err)
			}
		}
	}
	f.isOld(t, "checked only")
	f.clean(t)
	if _, err := os.Stat(filepath.Join(f.o.Dir, f.o.ID)); err == nil {
		t.Error("a check left a journal")
	}
}

// with gives a source of another dump.
func (s *folder) with(t *testing.T, dump string) *folder {
	t.Helper()
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "dump"), []byte(dump), 0o600))
	return &folder{Dir: dir}
}

func TestCheck_WaitsForMoodlesOwnUpgrade(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"pgsql", false}, nil)
	ok(t, f.live.Exec(t.Context(), "INSERT INTO {config} (name, value) VALUES ('upgraderunning', ?)", fmt.Sprint(clock.System{}.Now().Unix()+600)))
	all, err := Check(t.Context(), f.o)
	ok(t, err)
	if got, words := outcome(all, "upgrade"); got != Fail || !strings.Contains(words, "being upgraded") {
		t.Errorf("%s %s", got, words)
	}
}

func TestCheck_RefusesFoldersThatCannotBeExchanged(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	mount := func(dir string) {
		ok(t, os.MkdirAll(dir, 0o755))
		ok(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	}
	sub := filepath.Join(f.site.DataRoot, "repository", "mounted")
	mount(sub)
	all, err := Check(t.Context(), f.o)
	ok(t, syscall.Unmount(sub, 0))
	ok(t, err)
	if got, words := outcome(all, "places"); got != Fail || !strings.Contains(words, "a mount of its own") {
		t.Errorf("a mount inside: %s %s", got, words)
	}
	inside := filepath.Join(f.site.CodeDir, "data")
	ok(t, os.Rename(f.site.DataRoot, inside))
	f.o.Override = map[string]string{"dataroot": inside}
	all, err = Check(t.Context(), f.o)
	ok(t, err)
	if got, words := outcome(all, "places"); got != Fail || !strings.Contains(words, "one in the other") {
		t.Errorf("moodledata in the code: %s %s", got, words)
	}
	f.o.Override = nil
	ok(t, os.Rename(inside, f.site.DataRoot))
	f.o.Allow = func(what, path string) (string, error) {
		if strings.Contains(path, "moodledata") {
			return "", errs.New(errs.Forbidden, "%s %s is not allowed", what, path)
		}
		return path, nil
	}
	if _, err := Check(t.Context(), f.o); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a folder that the agent may not touch: %v", err)
	}
}

func TestRun_FollowsLinksToTheSitesFolders(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	link := filepath.Join(filepath.Dir(f.site.CodeDir), "current")
	ok(t, os.Symlink("moodle", link))
	f.o.CodeDir = link
	f.restored(t)
	f.isNew(t, "restored through a link")
	if to, err := os.Readlink(link); err != nil || to != "moodle" {
		t.Errorf("the link is %q: %v", to, err)
	}
	_, err := Undo(t.Context(), f.o)
	ok(t, err)
	f.isOld(t, "undone")
}

func TestRun_MakesALostMoodledataAnew(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	ok(t, os.RemoveAll(f.site.DataRoot))
	f.restored(t)
	f.is(t, "restored", "new", f.new, func(name string) bool {
		for _, n := range append(carried, ".") { // nobody has them any more
			if name == "moodledata/"+n || strings.HasPrefix(name, "moodledata/"+n+"/") {
				return true
			}
		}
		return remade(name)
	})
	_, err := Undo(t.Context(), f.o)
	ok(t, err)
	if _, err := os.Lstat(f.site.DataRoot); err == nil {
		t.Error("the undo left a moodledata where there was none")
	}
	ok(t, Settle(t.Context(), f.o))
	f.clean(t)
}

func TestRun_FullDiskBringsTheOldSiteBack(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	ok(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=72m"))
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	f := build(t, situation{"mariadb", false}, func(spec *minimoodle.Spec) { spec.Dir = filepath.Join(dir, "www") })
	ok(t, os.WriteFile(filepath.Join(f.src.Dir, "moodledata", "lang", "large"), bytes.Repeat([]byte("x"), 75<<20), 0o666))
	f.o.Expect.Bytes = 0 // the record did not know
	ev, err := Run(t.Context(), f.o)
	if err == nil || !ev.RolledBack {
		t.Fatalf("a full disk: %v", err)
	}
	f.isOld(t, "the disk was full")
	f.clean(t)
}

func TestRun_DatabaseThatDiesLeavesAJournalThatRecoverEnds(t *testing.T) {
	t.Parallel()
	for _, s := range []situation{{"mariadb", false}, {"pgsql", false}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "holdfast-inplace-db-")
			ok(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			start := sitedb.StartMariaDB
			if s.typ == "pgsql" {
				start = sitedb.StartPostgres
			}
			srv, err := start(t.Context(), sitedb.ServerOptions{Dir: dir})
			ok(t, err)
			t.Cleanup(func() { _ = srv.Stop(context.Background()) })
			f := buildOn(t, srv, s, nil)
			f.o.Grace = 1
			loading := false
			f.o.at = func(point string) error { loading = loading || point == "load<"; return nil }
			f.src.during = func(what string) {
				if what == "dump" && loading {
					loading = false
					ok(t, syscall.Kill(srv.PID(), syscall.SIGKILL))
				}
			}
			_, err = Run(t.Context(), f.o)
			if err == nil {
				t.Fatal("a load into a dead server is a success")
			}
			// The server is started again by its owner; the agent's next try ends it.
			for tries := 0; ; tries++ {
				out, err := Recover(t.Context(), f.o.Dir, f.o)
				ok(t, err)
				if len(out) == 0 || out[0].Error == "" {
					break
				}
				if tries == 2000 {
					t.Fatalf("not recovered: %+v", out)
				}
			}
			f.isOld(t, "the database died")
			f.clean(t)
		})
	}
}

func TestRun_LetsMoodleUpgradeWhereThatWasAskedFor(t *testing.T) {
	t.Parallel()
	two(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		up, err := f.site.Upgrade(t.Context())
		ok(t, err)
		f.old = f.print(t)
		f.o.Parts = Parts{Database: true}
		if _, err := Run(t.Context(), f.o); !errs.Is(err, errs.Conflict) {
			t.Fatalf("an old database under new code: %v", err)
		}
		f.o.AllowUpgrade = true
		if _, err := Run(t.Context(), f.o); !errs.Is(err, errs.Unsupported) { // no PHP
			t.Fatalf("an upgrade without PHP: %v", err)
		}
		f.isOld(t, "no upgrade without PHP")
		f.o.PHP = ""
		f.restored(t)
		v, err := sitedb.ReadVersions(t.Context(), f.conn)
		ok(t, err)
		if compareVersions(v.Version, up.Version) != 0 {
			t.Errorf("the database is of %s, the code of %s", v.Version, up.Version)
		}
		_, err = Undo(t.Context(), f.o)
		ok(t, err)
		f.is(t, "undone", "old", f.old, remade)
	})
}
