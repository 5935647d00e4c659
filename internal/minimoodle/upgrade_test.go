package minimoodle_test

import (
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// seen is what a code tree and its database say of a site.
func seen(t *testing.T, s minimoodle.Site) (code, database string) {
	t.Helper()
	in := moodle.Install{CodeDir: s.CodeDir, Layout: moodle.LayoutClassic, DataRoot: s.DataRoot}
	if filepath.Base(s.WebRoot()) == "public" {
		in.Layout = moodle.LayoutPublic
	}
	list, err := moodle.Plugins(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	v, err := in.CodeVersion()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(list, s.Plugins) || v.Version != s.Version {
		t.Errorf("the code says version %s and %v;\nbuilt were %s and %v", v.Version, list, s.Version, s.Plugins)
	}
	c, err := sitedb.FromMoodle(s.DB)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sitedb.ReadVersions(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(db.Plugins, s.Plugins) || db.Version != s.Version || db.AllVersionsHash != s.AllVersionsHash {
		t.Errorf("the database says %+v;\nbuilt were %s, %s and %v", db, s.Version, s.AllVersionsHash, s.Plugins)
	}
	return moodle.CodeFingerprint(v.Version, list), db.Fingerprint()
}

func TestUpgrade_ChangesCodeAndDatabaseAsMoodleDoes(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{moodle.LayoutClassic, moodle.LayoutPublic} {
		for _, typ := range []string{"mariadb", "pgsql"} {
			t.Run(layout+" "+typ, func(t *testing.T) {
				t.Parallel()
				s := build(t, minimoodle.Spec{Layout: layout, DB: freshDB(t, typ), Seed: 3, CodeFiles: 100, Files: 5, UID: 4242, GID: 4242})
				password := s.DB.Password
				code, db := seen(t, s)
				if again, dbAgain := seen(t, s); again != code || dbAgain != db {
					t.Error("nothing changed, and the fingerprints did")
				}
				for name, change := range map[string]func(minimoodle.Site) (minimoodle.Site, error){
					"upgrade": func(s minimoodle.Site) (minimoodle.Site, error) { return s.Upgrade(t.Context()) },
					"plug-in": func(s minimoodle.Site) (minimoodle.Site, error) {
						return s.InstallPlugin(t.Context(), moodle.Plugin{Component: "local_new", Version: "2026010100"})
					},
					"newer plug-in": func(s minimoodle.Site) (minimoodle.Site, error) {
						return s.InstallPlugin(t.Context(), moodle.Plugin{Component: "mod_quiz", Version: "2027010100"})
					},
				} {
					changed, err := change(s)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					newCode, newDB := seen(t, changed)
					if newCode == code || newDB == db {
						t.Errorf("%s: code %s and database %s were the same before", name, newCode, newDB)
					}
					code, db = newCode, newDB
					if s, err = minimoodle.Open(filepath.Dir(s.CodeDir)); err != nil {
						t.Fatal(err)
					}
					s.DB.Password = password
					if s.AllVersionsHash != changed.AllVersionsHash {
						t.Errorf("%s: the mark was not written", name)
					}
				}
			})
		}
	}
}

func TestInstallPlugin_RefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	s := build(t, minimoodle.Spec{CodeFiles: 60, Files: 3})
	for _, p := range []moodle.Plugin{{}, {Component: "mod_../x", Version: "1"}, {Component: "quiz", Version: "1"}, {Component: "mod_x", Version: "1;"}} {
		if _, err := s.InstallPlugin(t.Context(), p); err == nil {
			t.Errorf("%+v was installed", p)
		}
	}
	if _, err := s.Upgrade(t.Context()); err != nil {
		t.Errorf("a site without a database: %v", err)
	}
}
