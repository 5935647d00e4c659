package sitedb_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

func TestLoad_RefusesACutDumpAndLeavesNothing(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		fill(t, from)
		raw, _ := dump(t, from)
		for name, cut := range cuts(f, raw) {
			err := sitedb.Load(t.Context(), to, bytes.NewReader(cut), sitedb.LoadOptions{})
			if err == nil {
				t.Fatalf("cut %s: taken for whole", name)
			}
			if !errs.Is(err, errs.Incomplete) || !strings.Contains(err.Error(), "emptied again") && len(cut) > 8 {
				t.Errorf("cut %s: %v", name, err)
			}
			equal(t, "left after cut "+name, counts(t, to), nil)
		}
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{}); err != nil {
			t.Error("the whole dump after the cut ones:", err)
		}
	})
}

func cuts(f sitedb.Flavour, raw []byte) map[string][]byte {
	out := map[string][]byte{"in the middle": raw[:len(raw)/2], "empty": {}}
	if f == sitedb.PostgreSQL {
		out["last byte"] = raw[:len(raw)-1]
		out["last block"] = raw[:len(raw)-40]
		return out
	}
	at := bytes.LastIndex(raw, []byte("CREATE TABLE"))
	at = bytes.LastIndexByte(raw[:at], ';')
	out["between statements"] = raw[:at+2]
	out["before the trailer"] = raw[:bytes.LastIndex(raw, []byte("-- Dump completed"))]
	return out
}

func TestLoad_RefusesWhatIsNotEmptyUnlessReplacing(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		want := fill(t, from)
		raw, _ := dump(t, from)
		run(t, to, "CREATE TABLE other_thing (id int primary key)", "CREATE VIEW other_view AS SELECT id FROM other_thing", "CREATE TABLE mdl_config (id int)")
		err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{})
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("got %v", err)
		}
		equal(t, "untouched", counts(t, to), tables("mdl_config"))
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		to.Prefix = ""
		equal(t, "replaced", counts(t, to), want)
	})
}

func TestLoad_RefusesWhatIsNoDump(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		to := fresh(t, f)
		other := "PGDMP\x01\x0e\x00 and so on"
		if f == sitedb.PostgreSQL {
			other = "-- MariaDB dump 10.19\nCREATE TABLE a(id int);\n-- Dump completed\n"
		}
		for _, s := range []string{"DROP DATABASE mysql;", other} {
			if err := sitedb.Load(t.Context(), to, strings.NewReader(s), sitedb.LoadOptions{Replace: true}); !errs.Is(err, errs.Invalid) {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}

func TestLoad_ReportsItsReadersError(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		fill(t, from)
		raw, _ := dump(t, from)
		lost := errors.New("the store is gone")
		r := io.MultiReader(bytes.NewReader(raw[:len(raw)-100]), iotest.ErrReader(lost))
		if err := sitedb.Load(t.Context(), to, r, sitedb.LoadOptions{}); !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
		equal(t, "left", counts(t, to), nil)
	})
}

const head = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n"

func TestLoad_NamesTheRemedyForAnUnknownCollation(t *testing.T) {
	t.Parallel()
	to := fresh(t, sitedb.MariaDB)
	run(t, to, "CREATE TABLE mdl_kept (id int)")
	dump := head + "CREATE TABLE `mdl_a` (`id` int) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nosuch_0900_ai_ci;\n-- Dump completed\n"
	err := sitedb.Load(t.Context(), to, strings.NewReader(dump), sitedb.LoadOptions{Replace: true})
	if !errs.Is(err, errs.Unsupported) || !strings.Contains(err.Error(), "mysql_collation.php") {
		t.Errorf("got %v", err)
	}
	equal(t, "what was there", counts(t, to), tables("mdl_kept"))
}

func TestLoad_RefusesAnArchiveOfANewerServer(t *testing.T) {
	t.Parallel()
	to := fresh(t, sitedb.PostgreSQL)
	err := sitedb.Load(t.Context(), to, strings.NewReader("PGDMP\x01\x10\x00 of 17 or newer"), sitedb.LoadOptions{})
	if !errs.Is(err, errs.Unsupported) {
		t.Errorf("got %v", err)
	}
}

func TestLoad_ErrorsHoldNoRows(t *testing.T) {
	t.Parallel()
	to := fresh(t, sitedb.MariaDB)
	dump := head + "CREATE TABLE `mdl_a` (`id` int primary key, `mail` varchar(99) unique);\n" +
		"INSERT INTO `mdl_a` VALUES (1,'anna@example.org'),(2,'anna@example.org');\n-- Dump completed\n"
	err := sitedb.Load(t.Context(), to, strings.NewReader(dump), sitedb.LoadOptions{})
	if err == nil || strings.Contains(err.Error(), "anna") || !strings.Contains(err.Error(), "1062") {
		t.Errorf("got %v", err)
	}
}

func TestLoad_RunsNoCommandsOfTheClient(t *testing.T) {
	t.Parallel()
	to := fresh(t, sitedb.MariaDB)
	trace := filepath.Join(t.TempDir(), "ran")
	for _, command := range []string{"\\! touch " + trace, "system touch " + trace, "\\T " + trace} {
		dump := head + "CREATE TABLE `mdl_a` (`id` int);\n" + command + "\n;\n-- Dump completed\n"
		if err := sitedb.Load(t.Context(), to, strings.NewReader(dump), sitedb.LoadOptions{}); err == nil {
			t.Errorf("a dump with the command %q is loaded", command)
		}
		if _, err := os.Stat(trace); !os.IsNotExist(err) {
			t.Errorf("the command %q ran", command)
		}
	}
}
