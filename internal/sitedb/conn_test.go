package sitedb_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

func TestParseURL_ReadsBothKinds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]sitedb.Conn{
		"mariadb://u:p%40w@db.example:3307/moodle?prefix=m_": {Flavour: sitedb.MariaDB, Host: "db.example", Port: 3307, Name: "moodle", User: "u", Password: "p@w", Prefix: "m_"},
		"mysql://u:x@h/moodle?socket=/run/s.sock":            {Flavour: sitedb.MySQL, Host: "h", Port: 3306, Socket: "/run/s.sock", Name: "moodle", User: "u", Password: "x"},
		"postgres://u:x@h/moodle":                            {Flavour: sitedb.PostgreSQL, Host: "h", Port: 5432, Name: "moodle", User: "u", Password: "x"},
		"postgres://u@/moodle?host=%2Frun%2Fpg&port=5433":    {Flavour: sitedb.PostgreSQL, Port: 5433, Socket: "/run/pg", Name: "moodle", User: "u"},
	} {
		if got, err := sitedb.ParseURL(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func TestParseURL_ErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"mariadb://u:geheim%zz@h/x", "mariadb://u:geheim#@h:x/y", "redis://u:geheim@h/x", "mariadb://u:geheim@h", "postgres://u:geheim@h:99999/x", ":geheim"} {
		_, err := sitedb.ParseURL(in)
		if !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConn_PrintsNoPassword(t *testing.T) {
	t.Parallel()
	c := sitedb.Conn{Flavour: sitedb.MariaDB, Password: "geheim"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "geheim") {
			t.Errorf("%s: %s", verb, s)
		}
	}
}

func TestFromMoodle_RefusesOtherServers(t *testing.T) {
	t.Parallel()
	if _, err := sitedb.FromMoodle(moodle.Database{Type: "sqlsrv", Name: "x"}); !errs.Is(err, errs.Unsupported) {
		t.Error(err)
	}
	if _, err := sitedb.FromMoodle(moodle.Database{Type: "mariadb"}); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	c, err := sitedb.FromMoodle(moodle.Database{Type: "pgsql", Name: "x", Socket: "/run/pg/.s.PGSQL.5434"})
	if err != nil || c.Socket != "/run/pg" || c.Port != 5434 {
		t.Errorf("%+v %v", c, err)
	}
}

func TestFileRows_GroupsByContent(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		run(t, c, "CREATE TABLE mdl_files (id int, contenthash varchar(40), filesize bigint, referencefileid bigint)",
			"INSERT INTO mdl_files VALUES (1,'aa',5,NULL),(2,'aa',7,3),(3,'bb',1,NULL),(4,'da39',0,NULL)",
			"CREATE TABLE mdl_tool_objectfs_objects (contenthash varchar(40), location int)", "INSERT INTO mdl_tool_objectfs_objects VALUES ('bb',2),('aa',1)")
		var got []moodle.FileRow
		for row, err := range sitedb.FileRows(t.Context(), c) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row)
		}
		want := []moodle.FileRow{{ContentHash: "aa", Size: 7, MinSize: 5, Rows: 2, References: 1}, {ContentHash: "bb", Size: 1, MinSize: 1, Rows: 1, External: true}}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v", got)
		}
		c.Prefix = "no_"
		for _, err := range sitedb.FileRows(t.Context(), c) {
			if !errs.Is(err, errs.NotFound) {
				t.Error(err)
			}
		}
	})
}
