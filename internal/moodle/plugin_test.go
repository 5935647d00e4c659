package moodle_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// pluginTree writes a code tree with the given version.php files, by folder.
func pluginTree(t *testing.T, layout string, plugins map[string]string) moodle.Install {
	t.Helper()
	in := moodle.Install{CodeDir: t.TempDir(), Layout: layout, DataRoot: "/nowhere"}
	web := webOf(in)
	putFile(t, filepath.Join(web, "version.php"), "<?php\n$version = 2024100706.00;\n$release = '4.5.6 (Build: 1)';\n$branch = '405';\n")
	for dir, text := range plugins {
		putFile(t, filepath.Join(web, dir, "version.php"), text)
	}
	return in
}

func webOf(in moodle.Install) string {
	if in.Layout == moodle.LayoutPublic {
		return filepath.Join(in.CodeDir, "public")
	}
	return in.CodeDir
}

func putFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ver(component, version string) string {
	return fmt.Sprintf("<?php\n// A comment.\n$plugin->version   = %s; // YYYYMMDDXX\n$plugin->component = '%s';\n", version, component)
}

func names(list []moodle.Plugin) string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, p.Component+"="+p.Version)
	}
	return strings.Join(out, " ")
}

func TestPlugins_AreReadInBothLayouts(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{moodle.LayoutClassic, moodle.LayoutPublic} {
		in := pluginTree(t, layout, map[string]string{
			"mod/quiz":                          ver("mod_quiz", "2024100701"),
			"auth/db":                           ver("auth_db", "2024100700"),
			"mod/quiz/db":                       ver("mod_db", "1"),
			"mod/quiz/accessrule/seb":           ver("quizaccess_seb", "2024100700"),
			"admin/tool/log/store/standard":     ver("logstore_standard", "2024100700.02"),
			"lib/editor/tiny/plugins/media":     "<?php $plugin->component=\"tiny_media\"; $plugin->version = '2024100700';",
			"local/a_b":                         "<?php\r\n$plugin = new stdClass();\r\n  $plugin->component = 'local_a_b';\r\n$plugin -> version = 2024010100;\r\n",
			"mod/quiz/tests/fixtures/mod/fake":  ver("mod_fake", "1"),
			"lib/vendor/x/y":                    ver("x_y", "1"),
			"theme/boost/node_modules/mod/nope": ver("mod_nope", "1"),
			".git/mod/hidden":                   ver("mod_hidden", "1"),
			"mod/quiz.bak":                      ver("mod_quiz", "2019010100"),
			"old/mod/quiz":                      ver("mod_quiz", "2018010100"),
			"mod/nocomponent":                   "<?php\n$plugin->version = 5;\n",
			"mod/noversion":                     "<?php\n$plugin->component = 'mod_noversion';\n",
			"mod/commented":                     "<?php\n// $plugin->component = 'mod_commented';\n$plugin->version = 3;\n",
			"mod/code":                          "<?php\n$plugin->component = 'mod_code';\n$plugin->version = time();\n",
			"staging":                           "<?php\n$version = 2020010100;\n$release = '3.8';\n",
			"staging/mod/onlythere":             ver("mod_onlythere", "1"),
			"1/2/3/4/5/6/7/8/mod/deep":          ver("mod_deep", "1"),
		})
		got, err := moodle.Plugins(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		want := "auth_db=2024100700 local_a_b=2024010100 logstore_standard=2024100700.02 mod_quiz=2024100701 quizaccess_seb=2024100700 tiny_media=2024100700"
		if names(got) != want {
			t.Errorf("%s: got %s\nwant %s", layout, names(got), want)
		}
	}
}

func TestPlugins_OfAMoodledataInTheCodeAreNotThere(t *testing.T) {
	t.Parallel()
	in := pluginTree(t, moodle.LayoutClassic, map[string]string{
		"mod/quiz": ver("mod_quiz", "1"), "data/temp/mod/fresh": ver("mod_fresh", "1"), "cached/mod/kept": ver("mod_kept", "1"),
	})
	in.DataRoot = filepath.Join(in.CodeDir, "data")
	in.Moved = map[string]string{"cachedir": filepath.Join(in.CodeDir, "cached")}
	got, err := moodle.Plugins(t.Context(), in)
	if err != nil || names(got) != "mod_quiz=1" {
		t.Errorf("got %s, %v", names(got), err)
	}
}

func TestPlugins_PassOverAHostileTree(t *testing.T) {
	t.Parallel()
	in := pluginTree(t, moodle.LayoutClassic, map[string]string{
		"mod/quiz":                          ver("mod_quiz", "1"),
		"mod/\xff\xfe":                      ver("mod_\xff\xfe", "1"),
		"mod/upper":                         ver("mod_Upper", "1"),
		"mod/many":                          ver("mod_many", strings.Repeat("1", 500)),
		"mod/sql":                           ver("mod_sql' OR 1=1", "1"),
		"mod/nul":                           ver("mod_nul\x00", "1"),
		"mod/" + strings.Repeat("x", 120):   ver("mod_"+strings.Repeat("x", 120), "1"),
		"mod/huge":                          ver("mod_huge", "1"),
		"mod/real":                          ver("mod_real", "1"),
		"mod/folder/version.php/mod/inside": ver("mod_inside", "7"),
	})
	if err := os.Truncate(filepath.Join(in.CodeDir, "mod/huge/version.php"), 1<<30); err != nil {
		t.Fatal(err)
	}
	mod := func(name string) string { return filepath.Join(in.CodeDir, "mod", name) }
	for _, dir := range []string{"pipe", "socket", "linked", "dangling"} {
		if err := os.Mkdir(mod(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		syscall.Mkfifo(mod("pipe/version.php"), 0o666),
		syscall.Mknod(mod("socket/version.php"), syscall.S_IFSOCK|0o666, 0),
		os.Symlink("../real/version.php", mod("linked/version.php")),
		os.Symlink("/nowhere", mod("dangling/version.php")),
		os.Symlink("..", mod("loop")),
		os.Symlink(".", mod("self")),
		os.Symlink("/", filepath.Join(in.CodeDir, "everything")),
		os.Symlink("real", mod("alias")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, err := moodle.Plugins(ctx, in)
	if err != nil || names(got) != "mod_inside=7 mod_quiz=1 mod_real=1" {
		t.Errorf("got %s, %v", names(got), err)
	}
}

func TestPlugins_SayWhatMayNotBeRead(t *testing.T) {
	t.Parallel()
	in := pluginTree(t, moodle.LayoutClassic, map[string]string{
		"mod/quiz": ver("mod_quiz", "1"), "mod/shut": ver("mod_shut", "1"), "mod/closed": ver("mod_closed", "1"),
	})
	for _, path := range []string{"mod/shut", "mod/closed/version.php"} {
		if err := os.Chmod(filepath.Join(in.CodeDir, path), 0); err != nil {
			t.Fatal(err)
		}
	}
	for dir := in.CodeDir; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user walks it
			t.Fatal(err)
		}
	}
	type result struct {
		list []moodle.Plugin
		err  error
	}
	answer := make(chan result)
	go func() {
		// Root reads everything: this thread becomes somebody else for files,
		// and ends with its goroutine.
		runtime.LockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			answer <- result{err: err}
			return
		}
		list, err := moodle.Plugins(t.Context(), in)
		answer <- result{list, err}
	}()
	got := <-answer
	if names(got.list) != "mod_quiz=1" || !errs.Is(got.err, errs.Forbidden) {
		t.Fatalf("got %s, %v", names(got.list), got.err)
	}
	if said := errs.Sentence(got.err); !strings.Contains(said, "(and 1 more)") || !strings.Contains(said, "mod/closed/version.php") {
		t.Errorf("says %q", said)
	}
}

func TestPlugins_RefuseTooManyAndNone(t *testing.T) {
	t.Parallel()
	in := pluginTree(t, moodle.LayoutClassic, nil)
	if list, err := moodle.Plugins(t.Context(), in); list != nil || !errs.Is(err, errs.Invalid) {
		t.Errorf("no plug-in at all gives %v, %v", list, err)
	}
	for i := range moodle.MaxPlugins + 1 {
		name := fmt.Sprintf("p%d", i)
		putFile(t, filepath.Join(in.CodeDir, "local", name, "version.php"), ver("local_"+name, "1"))
	}
	if list, err := moodle.Plugins(t.Context(), in); list != nil || !errs.Is(err, errs.Invalid) {
		t.Errorf("too many give %d, %v", len(list), err)
	}
	if err := os.RemoveAll(filepath.Join(in.CodeDir, "local", "p0")); err != nil {
		t.Fatal(err)
	}
	if list, err := moodle.Plugins(t.Context(), in); len(list) != moodle.MaxPlugins || err != nil {
		t.Errorf("the most that may be give %d, %v", len(list), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := moodle.Plugins(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled walk gives %v", err)
	}
}

func TestFingerprints_ChangeWithEachVersionAndWithNothingElse(t *testing.T) {
	t.Parallel()
	list := []moodle.Plugin{{Component: "mod_forum", Version: "1"}, {Component: "mod_quiz", Version: "2"}}
	seen := []string{
		moodle.CodeFingerprint("5", list), moodle.CodeFingerprint("6", list), moodle.CodeFingerprint("5", list[:1]),
		moodle.CodeFingerprint("5", []moodle.Plugin{list[0], {Component: "mod_quiz", Version: "3"}}),
		moodle.DatabaseFingerprint("5", "", list), moodle.DatabaseFingerprint("5", "ab", list), moodle.DatabaseFingerprint("6", "ab", list),
		moodle.DatabaseFingerprint("5", "ab", nil),
	}
	slices.Sort(seen)
	if len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Errorf("two of different versions are equal: %v", seen)
	}
	if moodle.CodeFingerprint("5", list) != moodle.CodeFingerprint("5", slices.Clone(list)) {
		t.Error("the same versions have two fingerprints")
	}
	// The form is kept with copies for years.
	if got := moodle.CodeFingerprint("5", list); got != "code1:ff7458c60530126bd32f4018ea5b152fe10d29c8e1d27ed95369be1594ab6bb8" {
		t.Errorf("the form changed: %s", got)
	}
	if moodle.CodeFingerprint("", list) != "" || moodle.DatabaseFingerprint("", "ab", list) != "" {
		t.Error("nothing known has a fingerprint")
	}
}
