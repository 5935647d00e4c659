package sitedb_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// plugins makes mdl_config_plugins with odd rows among good ones.
func plugins(t *testing.T, c sitedb.Conn) {
	t.Helper()
	text := "longtext"
	if c.Flavour == sitedb.PostgreSQL {
		text = "text"
	}
	p := c.Prefix
	run(t, c,
		fmt.Sprintf("CREATE TABLE %sconfig_plugins (plugin varchar(100) NOT NULL, name varchar(100) NOT NULL, value %s NOT NULL, UNIQUE (plugin, name))", p, text),
		fmt.Sprintf("INSERT INTO %sconfig (name, value) VALUES ('allversionshash', '0123456789abcdef0123456789abcdef01234567')", p))
	for _, r := range [][3]string{
		{"mod_quiz", "version", "2024100701"},
		{"mod_forum", "version", "2024100700.01"},
		{"mod_forum", "versions", "7"},
		{"core", "version", "1"},
		{"mod_ünicode", "version", "1"},
		{"mod_own", "version", "v2 of our own"},
		{"mod_long", "version", strings.Repeat("1", 1<<20)},
		{"mod_inject", "version", "1', 'x"},
		{strings.Repeat("m", 40) + "_" + strings.Repeat("x", 59), "version", "3"},
	} {
		run(t, c, fmt.Sprintf("INSERT INTO %sconfig_plugins (plugin, name, value) VALUES (%s, %s, %s)", p, lit(c.Flavour, r[0]), lit(c.Flavour, r[1]), lit(c.Flavour, r[2])))
	}
}

func TestReadVersions_TakesWhatIsAVersionAndNothingElse(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		plugins(t, c)
		got, err := sitedb.ReadVersions(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint([]moodle.Plugin{
			{Component: strings.Repeat("m", 40) + "_" + strings.Repeat("x", 59), Version: "3"},
			{Component: "mod_forum", Version: "2024100700.01"},
			{Component: "mod_quiz", Version: "2024100701"},
		})
		if got.Version != "2024100700" || got.AllVersionsHash != "0123456789abcdef0123456789abcdef01234567" || fmt.Sprint(got.Plugins) != want {
			t.Errorf("got %+v", got)
		}
		if !strings.HasPrefix(got.Fingerprint(), "db1:") || len(got.Fingerprint()) != 68 {
			t.Errorf("fingerprint %s", got.Fingerprint())
		}
	})
}

func TestDump_ReportsTheVersionsOfItsOwnMoment(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		plugins(t, c)
		before, err := sitedb.ReadVersions(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		w := &hookWriter{do: func() { run(t, c, "UPDATE mdl_config SET value = '2099010100' WHERE name = 'version'") }}
		report, err := sitedb.Dump(t.Context(), c, w, sitedb.DumpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if report.VersionsErr != nil || report.Versions.Fingerprint() != before.Fingerprint() {
			t.Errorf("the report says %+v, %v; before the dump it was %+v", report.Versions, report.VersionsErr, before)
		}
		after, err := sitedb.ReadVersions(t.Context(), c)
		if err != nil || after.Version != "2099010100" || after.Fingerprint() == before.Fingerprint() {
			t.Errorf("after the change: %+v, %v", after, err)
		}
	})
}

func TestDump_IsWholeWithoutVersions(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		for name, spoil := range map[string][]string{
			"no table":   {"DROP TABLE mdl_config_plugins"},
			"no column":  {"ALTER TABLE mdl_config_plugins DROP COLUMN value"},
			"no version": {"DELETE FROM mdl_config WHERE name = 'version'"},
			"no number":  {"UPDATE mdl_config SET value = 'unknown' WHERE name = 'version'"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := fresh(t, f)
				fill(t, c)
				plugins(t, c)
				run(t, c, spoil...)
				report, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{})
				if err != nil {
					t.Fatalf("the dump fails: %v", err)
				}
				if report.VersionsErr == nil || report.Versions.Fingerprint() != "" || len(report.Tables) < 5 {
					t.Errorf("got %+v", report)
				}
				if name != "no column" && !errs.Is(report.VersionsErr, errs.NotFound) {
					t.Errorf("got %v", report.VersionsErr)
				}
			})
		}
	})
}
