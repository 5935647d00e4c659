package sitedb_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/sitedb"
)

// nasty are values that dumps go wrong on.
var nasty = []string{
	"", `\N`, `\.`, `back\slash\\`, `quote ' and '' and "`, "tab\tnew\nline\r\n", "emoji 😀 𝔘 ñ ü", "semi; -- Dump completed\n-- Dump completed\n",
	"INSERT INTO `mdl_user` VALUES (1,'x'),(2,'y');", "COPY public.mdl_user (id) FROM stdin;\n1\n\\.\n", "`tick`", `{"json":"\"a\\u00e9\""}`,
	"ends with \\", "'", `\'`, "/* comment", "DELIMITER ;;\n",
}

func lit(f sitedb.Flavour, s string) string {
	if f == sitedb.PostgreSQL {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + "'"
}

// fill makes a small site's tables and gives the rows that each should have.
func fill(t *testing.T, c sitedb.Conn) []sitedb.Table {
	t.Helper()
	id, text, blob, engine := "bigint(10) NOT NULL AUTO_INCREMENT PRIMARY KEY", "longtext", "longblob", " ENGINE=InnoDB ROW_FORMAT=COMPRESSED DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='it''s (a) comment; of -- ours'"
	if c.Flavour == sitedb.PostgreSQL {
		id, text, blob, engine = "bigserial PRIMARY KEY", "text", "bytea", ""
	}
	p := c.Prefix
	run(t, c,
		fmt.Sprintf("CREATE TABLE %sconfig (id %s, name varchar(255) NOT NULL UNIQUE, value %s NOT NULL)%s", p, id, text, engine),
		fmt.Sprintf("CREATE TABLE %suser (id %s, username varchar(100) NOT NULL, description %s, score double precision)%s", p, id, text, engine),
		fmt.Sprintf("CREATE TABLE %sempty (id %s)%s", p, id, engine),
		fmt.Sprintf("CREATE TABLE %sbin (id %s, data %s)%s", p, id, blob, engine),
		fmt.Sprintf("CREATE TABLE %sbig (id %s, body %s)%s", p, id, text, engine),
		fmt.Sprintf("INSERT INTO %sconfig (name, value) VALUES ('version', '2024100700'), ('upgraderunning', '12345')", p),
	)
	users := int64(0)
	for i, s := range nasty {
		run(t, c, fmt.Sprintf("INSERT INTO %suser (username, description, score) VALUES ('u%d', %s, NULL), ('v%d', %s, -1.5e-3), ('w%d', NULL, 0)", p, i, lit(c.Flavour, s), i, lit(c.Flavour, strings.Repeat(s, 3)), i))
		users += 3
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	hex := fmt.Sprintf("x'%x'", bytes.Repeat(all, 300))
	if c.Flavour == sitedb.PostgreSQL {
		hex = fmt.Sprintf("'\\x%x'", bytes.Repeat(all, 300))
	}
	run(t, c, fmt.Sprintf("INSERT INTO %sbin (data) VALUES (%s), (NULL)", p, hex))
	for _, s := range []string{strings.Repeat("long 😀 '\\\" (),;\n", 9000), strings.Repeat("x", 3<<20)} {
		run(t, c, fmt.Sprintf("INSERT INTO %sbig (body) VALUES (%s)", p, lit(c.Flavour, s)))
	}
	return []sitedb.Table{
		{Name: p + "big", Rows: 2},
		{Name: p + "bin", Rows: 2},
		{Name: p + "config", Rows: 2},
		{Name: p + "empty", Rows: 0},
		{Name: p + "user", Rows: users},
	}
}

func dump(t *testing.T, c sitedb.Conn) ([]byte, sitedb.DumpReport) {
	t.Helper()
	var b bytes.Buffer
	r, err := sitedb.Dump(t.Context(), c, &b, sitedb.DumpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), r
}

func counts(t *testing.T, c sitedb.Conn) []sitedb.Table {
	t.Helper()
	got, err := sitedb.Counts(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func sums(t *testing.T, c sitedb.Conn) map[string]string {
	t.Helper()
	got, err := sitedb.Checksums(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func equal(t *testing.T, what string, got, want []sitedb.Table) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func tables(names ...string) []sitedb.Table {
	var out []sitedb.Table
	for _, n := range names {
		out = append(out, sitedb.Table{Name: n})
	}
	return out
}
