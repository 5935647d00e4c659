package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/agent"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
)

// urlOf writes a database's address as a person would.
func urlOf(c sitedb.Conn) string {
	u := url.URL{Scheme: "mariadb", User: url.User(c.User), Host: fmt.Sprintf("%s:%d", c.Host, c.Port), Path: "/" + c.Name}
	if c.Flavour == sitedb.PostgreSQL {
		u.Scheme = "postgres"
	}
	return u.String()
}

// relative writes a path as a person in this folder would.
func relative(t *testing.T, path string) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(here, path)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestLocal_ADatabaseComesBackWithEveryRow(t *testing.T) {
	t.Parallel()
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			site := siteOf(t, flavour, nil)
			pw, repo := passwordFile(t), filepath.Join(t.TempDir(), "repo")
			args := []string{"--repo", repo, "--password-file", pw, "--json"}

			var made agent.LocalCopy
			good(t, &made, append([]string{"local", "backup", "--code", site.CodeDir, "--kind", "database"}, args...)...)
			if made.Copy == "" || made.Kind != "database" || made.Bytes == 0 || made.StoredBytes == 0 || len(made.Tables) == 0 || len(made.SHA256) != 64 {
				t.Fatalf("the copy is %+v", made)
			}
			var list struct{ Copies []agent.LocalCopy }
			good(t, &list, append([]string{"local", "list"}, args...)...)
			if len(list.Copies) != 1 || list.Copies[0].Copy != made.Copy {
				t.Fatalf("the list is %+v", list)
			}
			var verified agent.Verified
			good(t, &verified, "local", "verify", "--copy", made.Copy, "--repo", relative(t, repo), "--password-file", relative(t, pw), "--json")
			if !verified.Good {
				t.Fatalf("verify says %+v", verified)
			}

			empty := database(t, flavour)
			empty.Prefix = site.DB.Prefix
			dbpw := filepath.Join(t.TempDir(), "dbpw")
			if err := os.WriteFile(dbpw, []byte(dbPassword), 0o600); err != nil {
				t.Fatal(err)
			}
			restore := append([]string{"local", "restore", "--copy", made.Copy, "--database", urlOf(empty), "--database-password-file", dbpw}, args...)
			good(t, nil, restore...)
			source, err := sitedb.FromMoodle(site.DB)
			if err != nil {
				t.Fatal(err)
			}
			sameDatabase(ctx, t, source, empty)

			// What is there stays, unless it is said that it may go.
			if o := agentRun(t, restore...); o.code != 1 {
				t.Errorf("a restore into a full database ended with %d: %s", o.code, o.errors)
			}
			good(t, nil, append(restore, "--replace")...)
			sameDatabase(ctx, t, source, empty)

			file := filepath.Join(t.TempDir(), "dump")
			good(t, nil, append([]string{"local", "restore", "--copy", made.Copy[:8], "--to-file", file}, args...)...)
			if fi, err := os.Stat(file); err != nil || fi.Size() != made.Bytes || fi.Mode().Perm() != 0o600 {
				t.Errorf("the dump is %v, %v", fi, err)
			}
			if o := agentRun(t, append([]string{"local", "restore", "--copy", made.Copy, "--to-file", file}, args...)...); o.code != 1 {
				t.Errorf("a restore over a file ended with %d", o.code)
			}
			if o := agentRun(t, append([]string{"local", "restore", "--copy", made.Copy, "--to", t.TempDir()}, args...)...); o.code != 2 {
				t.Errorf("a dump restored to a folder ended with %d: %s", o.code, o.errors)
			}
		})
	}
}

func sameDatabase(ctx context.Context, t *testing.T, want, got sitedb.Conn) {
	t.Helper()
	a, err := sitedb.Counts(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sitedb.Counts(ctx, got)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("tables and rows differ: %d tables before, %d after", len(a), len(b))
	}
	sa, err := sitedb.Checksums(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	sb, err := sitedb.Checksums(ctx, got)
	if err != nil {
		t.Fatal(err)
	}
	for table, sum := range sa {
		if sb[table] != sum {
			t.Errorf("%s has checksum %s, had %s", table, sb[table], sum)
		}
	}
}

// leftOut are the names that a data copy drops at the top of moodledata.
var leftOut = []string{"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs", "localcache", "lock"}

func TestLocal_ATreeComesBackEqual(t *testing.T) {
	t.Parallel()
	for _, account := range []bool{false, true} {
		t.Run(fmt.Sprintf("account root %v", account), func(t *testing.T) {
			t.Parallel()
			site := siteOf(t, sitedb.MariaDB, func(s *minimoodle.Spec) {
				s.AccountRoot = account
				if account {
					s.Layout = "public"
				}
			})
			pw, repo, to := passwordFile(t), filepath.Join(t.TempDir(), "repo"), filepath.Join(t.TempDir(), "back")
			args := []string{"--repo", repo, "--password-file", pw, "--json"}
			backup := append([]string{"local", "backup", "--code", site.CodeDir, "--kind", "data"}, args...)
			if account {
				backup = append(backup, "--root", site.AccountRoot)
			}
			var made agent.LocalCopy
			good(t, &made, backup...)
			if made.Copy == "" || made.Files == 0 || len(made.Excluded) == 0 || made.Seconds <= 0 {
				t.Fatalf("the copy is %+v", made)
			}
			good(t, nil, append([]string{"local", "restore", "--copy", made.Copy, "--to", to}, args...)...)
			sameTree(t, tree(t, site.CodeDir, nil), tree(t, filepath.Join(to, "code"), nil))
			sameTree(t, tree(t, site.DataRoot, dropped), tree(t, filepath.Join(to, "moodledata"), nil))
			if account {
				if _, err := os.Stat(filepath.Join(to, "root")); err != nil {
					t.Errorf("the account root is not restored: %v", err)
				}
			}

			// A second copy reads nothing twice, and a full folder stays as it is.
			var again agent.LocalCopy
			good(t, &again, backup...)
			if again.StoredBytes > made.StoredBytes/4 {
				t.Errorf("the second copy stored %d bytes, the first %d", again.StoredBytes, made.StoredBytes)
			}
			restore := append([]string{"local", "restore", "--copy", again.Copy, "--to", to}, args...)
			if o := agentRun(t, restore...); o.code != 1 || !strings.Contains(o.errors, "not empty") {
				t.Errorf("a restore into a full folder ended with %d: %s", o.code, o.errors)
			}
			if err := os.WriteFile(filepath.Join(to, "stray"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			good(t, nil, append(restore, "--replace")...)
			if _, err := os.Stat(filepath.Join(to, "stray")); err == nil {
				t.Error("what was there before is still there after --replace")
			}
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(to), ".*"))
			if len(left) > 0 {
				t.Errorf("the restore left %v", left)
			}
			// One repository of the pair, used directly.
			var list struct{ Copies []agent.LocalCopy }
			good(t, &list, "local", "list", "--repo", filepath.Join(repo, "data"), "--password-file", pw, "--json")
			if len(list.Copies) != 2 {
				t.Errorf("the repository itself lists %d copies", len(list.Copies))
			}
		})
	}
}

func dropped(rel string, d fs.DirEntry) bool {
	return (d.IsDir() && slices.Contains(leftOut, rel)) || rel == "climaintenance.html" ||
		(strings.HasPrefix(rel, "filedir/") && strings.HasSuffix(rel, ".tmp"))
}

func TestLocal_AFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	pw, repo := passwordFile(t), filepath.Join(t.TempDir(), "repo")
	args := []string{"--repo", repo, "--password-file", pw, "--json"}
	good(t, nil, append([]string{"local", "backup", "--code", site.CodeDir, "--kind", "data"}, args...)...)
	var pack string
	var size int64
	err := filepath.WalkDir(filepath.Join(repo, "data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasPrefix(strings.TrimPrefix(path, filepath.Join(repo, "data")+"/"), "p") {
			if fi, err := d.Info(); err == nil && fi.Size() > size {
				pack, size = path, fi.Size()
			}
		}
		return err
	})
	if err != nil || pack == "" {
		t.Fatalf("no pack in %s: %v", repo, err)
	}
	b, err := os.ReadFile(pack) //nolint:gosec // a test's repository
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 1
	if err := os.Chmod(pack, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pack, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o := agentRun(t, append([]string{"local", "verify"}, args...)...)
	var v agent.Verified
	if o.code != 1 || json.Unmarshal([]byte(o.out), &v) != nil || v.Good || len(v.Damaged) == 0 {
		t.Errorf("verify ended with %d and %+v: %s", o.code, v, o.errors)
	}
}

func TestLocal_AnUnreadableFileMakesTheCopyIncomplete(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	// Root reads everything, so that the command runs as somebody else.
	dir := openDir(t)
	binary := filepath.Join(dir, "holdfast-agent")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil { //nolint:gosec // another user runs it
		t.Fatal(err)
	}
	secret := filepath.Join(site.DataRoot, "lang", "closed.txt")
	if err := os.MkdirAll(filepath.Dir(secret), 0o755); err != nil { //nolint:gosec // readable but for the one
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(secret, 0); err != nil {
			t.Fatal(err)
		}
	}
	pw := filepath.Join(dir, "password")
	if err := os.WriteFile(pw, []byte(password), 0o644); err != nil { //nolint:gosec // the warning is part of the test
		t.Fatal(err)
	}
	repo := filepath.Join(dir, "repo")
	if err := os.Mkdir(repo, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(repo, 0o777); err != nil { //nolint:gosec // another user writes there
		t.Fatal(err)
	}
	o := runAs(t, binary, "local", "backup", "--code", site.CodeDir, "--kind", "data", "--repo", repo, "--password-file", pw, "--json")
	var made agent.LocalCopy
	if err := json.Unmarshal([]byte(o.out), &made); err != nil {
		t.Fatalf("%d %v: %s", o.code, err, o.errors)
	}
	named := slices.ContainsFunc(made.Problems, func(p agentProblem) bool { return strings.Contains(p.Path, "closed.txt") })
	if o.code != 1 || made.Outcome != "incomplete" || !named {
		t.Errorf("ended with %d and outcome %s, problems %v", o.code, made.Outcome, made.Problems)
	}
	if !strings.Contains(o.errors, "others on this host may read") {
		t.Errorf("no warning about the password file: %s", o.errors)
	}
}

func TestLocal_WrongUseEndsWithTwoAndOneLine(t *testing.T) {
	t.Parallel()
	pw := passwordFile(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"nonsense"},
		{"local"},
		{"inspect"},
		{"inspect", "--code"},
		{"inspect", "--code", "/x", "--no-such-flag"},
		{"inspect", "--code", "/x", "extra"},
		{"local", "backup", "--code", "/x", "--kind", "both", "--repo", "/y", "--password-file", pw},
		{"local", "backup", "--code", "/x", "--kind", "data", "--repo", "/y"},
		{"local", "backup", "--code", "/x", "--kind", "data", "--repo", "/y", "--password-file", empty},
		{"local", "list", "--repo", "/y", "--password-file", "/does/not/exist"},
		{"local", "restore", "--copy", "abcdef", "--repo", "/y", "--password-file", pw},
		{"local", "restore", "--copy", "abcdef", "--repo", "/y", "--password-file", pw, "--to", "/a", "--to-file", "/b"},
		{"local", "restore", "--copy", "abcdef", "--repo", "/y", "--password-file", pw, "--database", "oracle://x"},
		{"enrol", "--server", "ftp://x", "--token", "t", "--allow-root", "/srv"},
		{"enrol", "--server", "https://x", "--token", "t", "--allow-root", "relative"},
		{"enrol", "--server", "https://x", "--token", "t"},
	} {
		o := agentRun(t, args...)
		if o.code != 2 || strings.Count(o.errors, "\n") != 1 || o.out != "" {
			t.Errorf("%v ended with %d:\n%s%s", args, o.code, o.out, o.errors)
		}
	}
}

func TestLocal_WhatIsNotThereEndsWithOne(t *testing.T) {
	t.Parallel()
	pw := passwordFile(t)
	for _, args := range [][]string{
		{"inspect", "--code", t.TempDir()},
		{"local", "list", "--repo", filepath.Join(t.TempDir(), "none"), "--password-file", pw},
		{"local", "backup", "--code", t.TempDir(), "--kind", "data", "--repo", filepath.Join(t.TempDir(), "r"), "--password-file", pw},
	} {
		if o := agentRun(t, args...); o.code != 1 || o.errors == "" {
			t.Errorf("%v ended with %d: %s", args, o.code, o.errors)
		}
	}
}

func TestInspect_SaysEverythingButThePassword(t *testing.T) {
	t.Parallel()
	for _, php := range []string{"", "none"} {
		site := siteOf(t, sitedb.PostgreSQL, func(s *minimoodle.Spec) { s.Layout, s.Prefix = "public", "m_" })
		args := []string{"inspect", "--code", site.CodeDir, "--json"}
		if php != "" {
			args = append(args, "--php", php)
		}
		var in map[string]any
		good(t, &in, args...)
		want := map[string]any{
			"layout": "public", "dbtype": "pgsql", "dbname": site.DB.Name, "prefix": "m_", "dataroot": site.DataRoot,
			"config_read_by": word(php == "", "php", "static"), "dbport": float64(site.DB.Port),
		}
		for k, v := range want {
			if in[k] != v {
				t.Errorf("%s is %v, not %v", k, in[k], v)
			}
		}
		for _, k := range []string{"release", "version", "branch", "wwwroot", "dbhost", "excluded", "warnings"} {
			if in[k] == nil || in[k] == "" {
				t.Errorf("%s is missing", k)
			}
		}
	}
}

func TestCheck_FindsWhatFiledirLacks(t *testing.T) {
	t.Parallel()
	whole := siteOf(t, sitedb.MariaDB, nil)
	var c map[string]any
	good(t, &c, "local", "check", "--code", whole.CodeDir, "--deep", "--json")
	if c["good"] != true || c["hashes"] == nil {
		t.Errorf("a whole site is %v", c)
	}
	broken := siteOf(t, sitedb.PostgreSQL, func(s *minimoodle.Spec) { s.Faults.Missing = 2 })
	o := agentRun(t, "local", "check", "--code", broken.CodeDir, "--json")
	if err := json.Unmarshal([]byte(o.out), &c); err != nil || o.code != 1 || c["good"] != false || c["missing_count"] != 2.0 {
		t.Errorf("a site that lacks two contents ended with %d: %v %s", o.code, c["missing_count"], o.errors)
	}
}

func TestLocal_ARepositoryInTheSiteIsNotCopiedIntoItself(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	pw, repo, to := passwordFile(t), filepath.Join(site.DataRoot, "kept", "repo"), filepath.Join(t.TempDir(), "back")
	args := []string{"--repo", repo, "--password-file", pw, "--json"}
	backup := append([]string{"local", "backup", "--code", site.CodeDir, "--kind", "data"}, args...)
	var made agent.LocalCopy
	good(t, nil, backup...)
	good(t, &made, backup...)
	if !slices.ContainsFunc(made.Facts.Warnings, func(w string) bool { return strings.Contains(w, "site's own moodledata folder") }) {
		t.Errorf("no warning: %v", made.Facts.Warnings)
	}
	good(t, nil, append([]string{"local", "restore", "--copy", made.Copy, "--to", to}, args...)...)
	if _, err := os.Stat(filepath.Join(to, "moodledata", "kept", "repo", "data")); err == nil {
		t.Error("the repository is in its own copy")
	}
	if o := agentRun(t, append([]string{"local", "restore", "--copy", made.Copy, "--to", site.DataRoot, "--replace"}, args...)...); o.code != 1 || !strings.Contains(o.errors, "holds the repository") {
		t.Errorf("a restore over the repository itself ended with %d: %s", o.code, o.errors)
	}
}
