package inplace

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

// serve lets PHP's own web server show the site, as the site's user.
func (f *fixture) serve(t *testing.T) (get func() (int, string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	addr := l.Addr().String()
	ok(t, l.Close())
	cmd := exec.Command("php", "-S", addr, "-t", f.site.WebRoot())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: webUID, Gid: webGID}, Pdeathsig: syscall.SIGKILL}
	cmd.Dir = "/"
	ok(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	get = func() (int, string) {
		res, err := http.Get("http://" + addr + "/index.php")
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		code, text := get()
		if code != 0 {
			return get
		}
		if time.Now().After(deadline) {
			t.Fatalf("the web server does not answer: %s", text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestRun_SiteIsClosedFromTheSwitchToTheEndAndNeverHalf(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	get := f.serve(t)
	if code, text := get(); code != 200 {
		t.Fatalf("before: %d %s", code, text)
	}
	f.o.PHP = ""
	closed := false
	f.o.at = func(point string) error {
		code, text := get()
		switch {
		case point == "close<" || point == "begin>" || strings.HasPrefix(point, "build") || strings.HasPrefix(point, "load"):
			if code != 200 {
				t.Errorf("at %s: %d, the site is closed too early", point, code)
			}
		case point == "close>":
			closed = true
		case point == "open>" || point == "keep<" || point == "keep>":
			closed = false
			if code != 200 {
				t.Errorf("at %s: %d %s, the site is not open", point, code, text)
			}
		}
		if closed && (code != 503 || !strings.Contains(text, "Wir sind gleich")) {
			t.Errorf("at %s: %d %s, visitors see the site", point, code, text)
		}
		return nil
	}
	f.restored(t)
	if code, _ := get(); code != 200 {
		t.Errorf("after: %d", code)
	}
}

func TestRun_RunsMoodlesOwnScriptsAsTheSitesUser(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{moodle.LayoutClassic, moodle.LayoutPublic} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			s := situation{"pgsql", false}
			if layout == moodle.LayoutPublic {
				s = situation{"mariadb", false}
			}
			f := build(t, s, func(spec *minimoodle.Spec) { spec.Layout = layout })
			f.o.PHP = ""
			ev := f.restored(t)
			delete(f.new, "table "+f.conn.Prefix+"sessions")
			f.is(t, "restored", "new", f.new, func(name string) bool { return remade(name) || name == "table "+f.conn.Prefix+"sessions" })
			_, _ = f.live.Count(t.Context(), "SELECT 1") // its session was ended
			if n, err := f.live.Count(t.Context(), "SELECT COUNT(*) FROM {sessions}"); err != nil || n != 0 {
				t.Errorf("%d sessions outlived the restore: %v", n, err)
			}
			for _, w := range ev.Warnings {
				if strings.Contains(w, "ended with code") || strings.Contains(w, "critical") {
					t.Errorf("a script failed: %s", w)
				}
			}
		})
	}
}

// The copy holds stale caches' opposite: a site whose database alone comes
// back keeps its moodledata, and with it the caches that speak of the other
// database.
func TestRun_DatabaseAloneEmptiesCachesAndTakesThemBackWhenUndone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		f.o.Parts = Parts{Database: true}
		ev := f.restored(t)
		for _, name := range cleared {
			if _, err := os.Lstat(filepath.Join(f.site.DataRoot, name)); err == nil {
				t.Errorf("%s outlived the restore of the database", name)
			}
		}
		if ev.Agreement.Missing != 0 || ev.Agreement.InTrash != 1 {
			t.Errorf("agreement %+v", ev.Agreement)
		}
		if !strings.Contains(strings.Join(ev.Warnings, " "), "will run again") {
			t.Errorf("no word of the tasks: %v", ev.Warnings)
		}
		f.is(t, "restored", "new in its tables", f.new, func(name string) bool { return !strings.HasPrefix(name, "table ") })
		put(t, f.site.DataRoot, map[string]string{"localcache/bootstrap.php": "of the new database"})
		_, err := Undo(t.Context(), f.o)
		ok(t, err)
		f.isOld(t, "undone")
	})
}

func TestRun_FilesAloneKeepWhatWasUploadedSinceAndCourseBackups(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	put(t, f.site.DataRoot, map[string]string{"backup/of-today.mbz": "a course"})
	f.o.Parts = Parts{Code: true, Data: true}
	ev := f.restored(t)
	if !ev.Agreement.Good || ev.Agreement.Healed != 1 {
		t.Errorf("agreement %+v", ev.Agreement)
	}
	if raw, err := os.ReadFile(filepath.Join(f.site.DataRoot, "backup/of-today.mbz")); err != nil || string(raw) != "a course" {
		t.Errorf("a course backup, which no copy holds, is lost: %v", err)
	}
	f.is(t, "restored", "old in its tables", f.old, func(name string) bool { return !strings.HasPrefix(name, "table ") })
	ok(t, Settle(t.Context(), f.o))
	if _, err := os.Stat(filepath.Join(f.site.DataRoot, "backup/of-today.mbz")); err != nil {
		t.Error("settling took the course backup away")
	}
}

func TestRun_LiveConfigStaysAndTheCopysIsNotOnTheWeb(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	copied := filepath.Join(f.src.Dir, "code/config.php")
	ok(t, os.WriteFile(copied, []byte("<?php // an old password: abc123"), 0o644))
	put(t, filepath.Join(f.src.Dir, "moodledata"), map[string]string{"climaintenance.html": "taken in maintenance"})
	live, err := os.ReadFile(filepath.Join(f.site.CodeDir, "config.php"))
	ok(t, err)
	ev := f.restored(t)
	now, err := os.ReadFile(filepath.Join(f.site.CodeDir, "config.php"))
	ok(t, err)
	if string(now) != string(live) || !ev.ConfigDiffer {
		t.Error("the live config.php did not stay")
	}
	aside := filepath.Join(f.o.Dir, f.o.ID, configAside)
	if fi, err := os.Stat(aside); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the copy's config.php lies aside as %v: %v", fi, err)
	}
	if _, err := os.Stat(filepath.Join(f.site.DataRoot, pageName)); err == nil {
		t.Error("the copy's maintenance page keeps the site closed")
	}
	for _, k := range ev.Kept[:2] {
		if fi, err := os.Stat(filepath.Dir(k.Where)); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("what is kept in %s can be entered: %v", k.Where, err)
		}
	}
	ok(t, Settle(t.Context(), f.o))
	if _, err := os.Stat(aside); err == nil {
		t.Error("the old password outlived the settling")
	}
}

func TestRun_OwnersModesAndSetUserIDBits(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	// The copy was taken when the site's user had another number.
	run(t, "chown", "-R", "4711:4712", filepath.Join(f.src.Dir, "code"), filepath.Join(f.src.Dir, "moodledata"))
	evil := filepath.Join(f.src.Dir, "code/local/rootshell")
	put(t, filepath.Join(f.src.Dir, "code"), map[string]string{"local/rootshell": "#!"})
	ok(t, os.Chown(evil, 0, 0))
	ok(t, os.Chmod(evil, 0o755|os.ModeSetuid))
	f.restored(t)
	fi, err := os.Stat(filepath.Join(f.site.CodeDir, "local/rootshell"))
	ok(t, err)
	if fi.Mode()&os.ModeSetuid != 0 {
		t.Error("the copy planted a program that runs as root")
	}
	ok(t, os.Remove(filepath.Join(f.site.CodeDir, "local/rootshell")))
	f.is(t, "restored", "new", f.new, func(name string) bool {
		return remade(name) || name == "code/local"
	})
}

func TestRun_DamagedCopiesBringNothingBack(t *testing.T) {
	t.Parallel()
	two(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		for name, damage := range map[string]func(e *Expect){
			"checksum": func(e *Expect) { e.DumpSHA256 = strings.Repeat("0", 64) },
			"length":   func(e *Expect) { e.DumpBytes++ },
			"rows":     func(e *Expect) { e.Tables = slices.Clone(e.Tables); e.Tables[2].Rows++ },
			"table": func(e *Expect) {
				e.Tables = append(slices.Clone(e.Tables), e.Tables[0])
				e.Tables[0].Name = f.conn.Prefix + "not_there"
			},
			"version": func(e *Expect) { e.DBVersion, e.CodeVersion = "2024100707", "2024100707" },
		} {
			f.o.Expect = f.src.Expect
			damage(&f.o.Expect)
			if ev, err := Run(t.Context(), f.o); !errs.Is(err, errs.Incomplete) || !ev.RolledBack {
				t.Errorf("%s: %v, rolled back %v", name, err, ev.RolledBack)
			}
			f.isOld(t, name)
		}
		f.o.Expect = f.src.Expect
		f.src.breakDump = f.src.Expect.DumpBytes / 2
		if _, err := Run(t.Context(), f.o); err == nil {
			t.Error("half a dump was taken for whole")
		}
		f.isOld(t, "half a dump")
		f.src.breakDump = 0
		ctx, cancel := context.WithCancel(t.Context())
		loading := false
		f.o.at = func(point string) error { loading = loading || point == "load<"; return nil }
		f.src.during = func(what string) {
			if what == "dump" && loading {
				cancel()
			}
		}
		if ev, err := Run(ctx, f.o); !errors.Is(err, context.Canceled) || !ev.RolledBack {
			t.Errorf("stopped: %v", err)
		}
		f.src.during = nil
		f.isOld(t, "stopped")
		f.clean(t)
	})
}

func TestRun_EmptiesCachesThatLieElsewhere(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	dir := filepath.Dir(f.site.DataRoot)
	elsewhere, linked, outside := filepath.Join(dir, "localcache"), filepath.Join(dir, "volume"), filepath.Join(dir, "precious")
	put(t, elsewhere, map[string]string{"bootstrap.php": "stale"})
	put(t, outside, map[string]string{"keep": "keep"})
	ok(t, os.Chown(elsewhere, webUID, webGID))
	ok(t, os.Rename(filepath.Join(f.site.DataRoot, "cache"), linked))
	ok(t, os.Symlink(linked, filepath.Join(f.site.DataRoot, "cache")))
	ok(t, os.Symlink(outside, filepath.Join(linked, "out")))
	f.o.Override = map[string]string{"localcachedir": elsewhere, "tempdir": "/tmp"}
	f.o.Parts = Parts{Database: true}
	f.old = f.print(t)
	f.restored(t)
	for _, path := range []string{filepath.Join(elsewhere, "bootstrap.php"), filepath.Join(linked, "core_component.php"), filepath.Join(linked, "out")} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s outlived the restore", path)
		}
	}
	if fi, err := os.Stat(elsewhere); err != nil || fi.Sys().(*syscall.Stat_t).Uid != webUID {
		t.Errorf("the folder that config.php names is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "keep")); err != nil {
		t.Error("a link in the cache was followed")
	}
	_, err := Undo(t.Context(), f.o)
	ok(t, err)
	f.isOld(t, "undone")
	if raw, err := os.ReadFile(filepath.Join(elsewhere, "bootstrap.php")); err != nil || string(raw) != "stale" {
		t.Errorf("the old cache is not back: %v", err)
	}
}

func TestRun_KilledInTheMiddleStaysClosedUntilRecovered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		get := f.serve(t)
		for _, point := range []string{"switch code>", "switch moodledata>"} {
			if killed, _ := f.spawn(t, child{Verb: "run", KillIn: point}); !killed {
				t.Fatalf("not killed at %s", point)
			}
			if code, _ := get(); code != 503 {
				t.Errorf("%s: visitors get %d", point, code)
			}
			f.recovered(t, point)
			if code, text := get(); code != 200 {
				t.Fatalf("%s and recovered: %d %s", point, code, text)
			}
		}
	})
}

func TestRun_WarnsOfCachesInServersThatOnlyMoodleEmpties(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	put(t, f.site.DataRoot, map[string]string{"muc/config.php": "<?php $configuration['stores']['r']['plugin'] = 'redis';"})
	f.o.Parts = Parts{Database: true}
	if ev := f.restored(t); !strings.Contains(strings.Join(ev.Warnings, " "), "Redis") {
		t.Errorf("no word of Redis: %v", ev.Warnings)
	}
}

func TestRun_HolderThatIsSwappedIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", false}, nil)
	f.o.Parts = Parts{Code: true}
	holder := filepath.Join(filepath.Dir(f.site.CodeDir), ".holdfast-"+f.o.ID)
	f.src.during = func(string) {
		ok(t, os.Rename(holder, holder+".theirs"))
		ok(t, os.MkdirAll(filepath.Join(holder, "code"), 0o777))
	}
	if _, err := Run(t.Context(), f.o); !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Incomplete) {
		t.Errorf("another's tree was taken for ours: %v", err)
	}
	f.isOld(t, "swapped")
}

func TestRun_ConfigThatIsALinkStaysOneAndIsNotRead(t *testing.T) {
	t.Parallel()
	f := build(t, situation{"mariadb", true}, nil)
	real := filepath.Join(filepath.Dir(f.site.CodeDir), "moodle-config.php")
	ok(t, os.Rename(filepath.Join(f.site.CodeDir, "config.php"), real))
	text, err := os.ReadFile(real)
	ok(t, err)
	ok(t, os.WriteFile(real, []byte(strings.ReplaceAll(string(text), "__DIR__ . '/lib", "'"+f.site.CodeDir+"' . '/lib")), 0o640))
	ok(t, os.Symlink(real, filepath.Join(f.site.CodeDir, "config.php")))
	f.restored(t)
	if to, err := os.Readlink(filepath.Join(f.site.CodeDir, "config.php")); err != nil || to != real {
		t.Errorf("config.php is no link any more: %q %v", to, err)
	}
}
