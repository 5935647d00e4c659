package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

func TestLocal_FactsTellWhetherMoodleChanged(t *testing.T) {
	t.Parallel()
	for flavour, layout := range map[sitedb.Flavour]string{sitedb.MariaDB: moodle.LayoutClassic, sitedb.PostgreSQL: moodle.LayoutPublic} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			site := siteOf(t, flavour, func(s *minimoodle.Spec) { s.Layout = layout })
			repo, pw := filepath.Join(t.TempDir(), "repo"), passwordFile(t)
			take := func() map[string]agentproto.Facts {
				out := map[string]agentproto.Facts{}
				for _, kind := range []string{"data", "database"} {
					var made agent.LocalCopy
					good(t, &made, "local", "backup", "--code", site.CodeDir, "--kind", kind, "--repo", repo, "--password-file", pw, "--json")
					out[kind] = *made.Facts
				}
				holdsVersions(t, site, out)
				return out
			}
			first, second := take(), take()
			var err error
			if site, err = site.Upgrade(t.Context()); err != nil {
				t.Fatal(err)
			}
			upgraded := take()
			if site, err = site.InstallPlugin(t.Context(), moodle.Plugin{Component: "local_new", Version: "2026010100"}); err != nil {
				t.Fatal(err)
			}
			installed := take()
			for _, kind := range []string{"data", "database"} {
				a, b, c, d := first[kind].Fingerprint, second[kind].Fingerprint, upgraded[kind].Fingerprint, installed[kind].Fingerprint
				if a != b || b == c || c == d || a == d {
					t.Errorf("%s: fingerprints %s, %s with nothing changed, %s after an upgrade, %s after a new plug-in", kind, a, b, c, d)
				}
			}
		})
	}
}

// holdsVersions compares the facts of both kinds with what was built.
func holdsVersions(t *testing.T, site minimoodle.Site, facts map[string]agentproto.Facts) {
	t.Helper()
	want := make([]agentproto.Plugin, 0, len(site.Plugins))
	for _, p := range site.Plugins {
		want = append(want, agentproto.Plugin(p))
	}
	data, db := facts["data"], facts["database"]
	if data.Version != site.Version || !slices.Equal(data.Plugins, want) || !strings.HasPrefix(data.Fingerprint, "code1:") {
		t.Errorf("a data copy says version %s, plug-ins %v, fingerprint %q", data.Version, data.Plugins, data.Fingerprint)
	}
	if data.DBVersion != "" || data.DBPlugins != nil || data.AllVersionsHash != "" {
		t.Errorf("a data copy speaks of the database: %+v", data)
	}
	if db.DBVersion != site.Version || db.AllVersionsHash != site.AllVersionsHash || !slices.Equal(db.DBPlugins, want) || !strings.HasPrefix(db.Fingerprint, "db1:") || db.Plugins != nil {
		t.Errorf("a database copy says %+v", db)
	}
}

func TestInspect_GivesThePlugInsAndTheirFingerprint(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	var in agent.Inspected
	good(t, &in, "inspect", "--code", site.CodeDir, "--json")
	if in.Plugins != len(site.Plugins) || in.Fingerprint != moodle.CodeFingerprint(site.Version, site.Plugins) {
		t.Errorf("%d plug-ins, fingerprint %s", in.Plugins, in.Fingerprint)
	}
	o := agentRun(t, "inspect", "--code", site.CodeDir)
	if !strings.Contains(o.out, in.Fingerprint) || !strings.Contains(o.out, "plug-ins") {
		t.Errorf("printed\n%s", o.out)
	}
}

// TestLocal_PlugInsThatMayNotBeReadAreAWarning holds that half a list is never
// taken for the whole, and that no backup fails for it.
func TestLocal_PlugInsThatMayNotBeReadAreAWarning(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	dir := openDir(t)
	binary := filepath.Join(dir, "holdfast-agent")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil { //nolint:gosec // another user runs it
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(site.CodeDir, "mod/quiz"), 0o700); err != nil { //nolint:gosec // a folder
		t.Fatal(err)
	}
	o := runAs(t, binary, "inspect", "--code", site.CodeDir, "--json")
	var in agent.Inspected
	if err := json.Unmarshal([]byte(o.out), &in); err != nil {
		t.Fatalf("%d %v: %s", o.code, err, o.errors)
	}
	named := slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, "mod/quiz may not be read") })
	if o.code != 0 || in.Fingerprint != "" || in.Plugins != len(site.Plugins)-1 || !named {
		t.Errorf("ended with %d: %d of %d plug-ins, fingerprint %q, warnings %q", o.code, in.Plugins, len(site.Plugins), in.Fingerprint, in.Warnings)
	}
}
