package sitedb

import (
	"slices"
	"strings"
	"testing"
)

const sample = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  it's a comment with a quote\n--\n/*!40101 SET NAMES utf8mb4 */;\n" +
	"DROP TABLE IF EXISTS `a`;\nCREATE TABLE `a` (\n  `id` int COMMENT 'x; ('' INSERT INTO `b` VALUES (1)',\n  `v` text COLLATE utf8mb4_bin\n) ENGINE=InnoDB COLLATE=utf8mb4_unicode_ci;\n" +
	"INSERT INTO `a` VALUES\n(1,'it''s; (odd)'),\n(2,'back\\\\'),(3,'\\'),(4,\\n-- Dump completed\\n'),(-4,NULL),(5,0xDEADBEEF),(6,_binary 'x(');\n" +
	"CREATE TABLE `odd``name` (`id` int);\nINSERT INTO `odd``name` (`id`, `values`) VALUES (1,f(2,(3))),(2,0);\n" +
	"CREATE TABLE `none` (`id` int);\nDELIMITER ;;\nCREATE PROCEDURE p() BEGIN\nINSERT INTO `a` VALUES (1);\nSELECT 'it''s\n-- Dump completed\n'; END ;;\nDELIMITER ;\n" +
	"INSERT INTO `a` VALUES (7,'" + "\n-- Dump completed\n" + "');\n-- Dump completed\n"

func scanIn(text string, pieces ...int) *sqlScan {
	s := newSQLScan()
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if len(pieces) > 0 {
			n = min(max(1, pieces[i%len(pieces)]), len(text))
		}
		_, _ = s.Write([]byte(text[:n]))
		text = text[n:]
	}
	return s
}

func TestSQLScan_CountsRowsWhateverThePieces(t *testing.T) {
	t.Parallel()
	for size := range 40 {
		s := scanIn(sample, size+1)
		if !s.whole() {
			t.Fatalf("pieces of %d: not whole", size+1)
		}
		got := map[string]int64{}
		for _, table := range s.tables {
			got[table.Name] = table.Rows
		}
		if got["a"] != 7 || got["odd`name"] != 2 || got["none"] != 0 || len(got) != 3 {
			t.Errorf("pieces of %d: %v", size+1, got)
		}
		if !slices.Equal(s.collations, []string{"utf8mb4_bin", "utf8mb4_unicode_ci"}) {
			t.Errorf("pieces of %d: collations %v", size+1, s.collations)
		}
	}
}

func TestSQLScan_TakesNoCutDumpForWhole(t *testing.T) {
	t.Parallel()
	body := strings.TrimSuffix(sample, "-- Dump completed\n")
	for n := range len(body) {
		if scanIn(body[:n]).whole() {
			t.Errorf("cut at %d (…%q): taken for whole", n, body[max(0, n-30):n])
		}
	}
	for _, more := range []string{"INSERT INTO `a` VALUES (1);\n", "x", "/* */"} {
		if scanIn(sample + more).whole() {
			t.Errorf("something after the trailer, %q: taken for whole", more)
		}
	}
	for _, end := range []string{"\n\n", " on 2026-01-01  1:02:03\n"} {
		if !scanIn(strings.TrimSuffix(sample, "\n") + end).whole() {
			t.Errorf("end %q: not whole", end)
		}
	}
}

func FuzzSQLScan_IsTheSameWhateverThePieces(f *testing.F) {
	f.Add(sample, 1, 7)
	f.Add("INSERT INTO `t` VALUES ('\\'", 2, 3)
	f.Fuzz(func(t *testing.T, text string, a, b int) {
		one, many := scanIn(text), scanIn(text, a%97, b%89)
		if !slices.Equal(one.tables, many.tables) || one.whole() != many.whole() || !slices.Equal(one.collations, many.collations) {
			t.Errorf("pieces change the result: %v %v, %v %v", one.tables, one.whole(), many.tables, many.whole())
		}
	})
}

func FuzzSQLScan_CountsWhatWasWritten(f *testing.F) {
	f.Add("it's", `\`, uint8(3))
	f.Add("\n-- Dump completed\n", "');INSERT INTO `x` VALUES ('", uint8(9))
	f.Fuzz(func(t *testing.T, a, b string, rows uint8) {
		esc := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		row := "('" + esc.Replace(a) + "',NULL,'" + esc.Replace(b) + "')"
		n := int(rows%20) + 1
		s := scanIn("CREATE TABLE `t` (`a` text);\nINSERT INTO `t` VALUES "+strings.Repeat(row+",", n-1)+row+";\n-- Dump completed\n", 3, 5)
		if !s.whole() || len(s.tables) != 1 || s.tables[0].Rows != int64(n) {
			t.Errorf("%v, whole %v, want %d rows", s.tables, s.whole(), n)
		}
	})
}

func TestCopyScan_CountsLines(t *testing.T) {
	t.Parallel()
	text := "SET x = 1;\nCOPY public.mdl_a (id, v) FROM stdin;\n1\t\\\\.\n2\tCOPY public.x (id) FROM stdin;\n\n\\.\n\n\nCOPY \"Odd\"\".S\".\"user\" (id) FROM stdin;\n\\.\n"
	for size := 1; size < 30; size++ {
		s := &copyScan{}
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			_, _ = s.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if !slices.Equal(s.tables, []Table{{"mdl_a", 3}, {"user", 0}}) || s.in {
			t.Errorf("pieces of %d: %v", size, s.tables)
		}
	}
}

func TestSayings_KeepTheReasonAndNoData(t *testing.T) {
	t.Parallel()
	s := &sayings{hide: "pw-pw"}
	for range 3 {
		_, _ = s.Write([]byte("--------------\nINSERT INTO `mdl_user` VALUES (1,'anna'" + strings.Repeat(",'anna'", 5000) + ")\n--------------\n"))
	}
	_, _ = s.Write([]byte("ERROR 1062 (23000) at line 3: Duplicate entry 'anna' for key 'x'\nERROR 1064 (42000): error near 'anna,anna' at line 1\n" +
		"pg_restore: error: COPY failed for table \"mdl_user\": ERROR:  invalid input syntax for type bigint: \"anna\"\nCONTEXT:  COPY mdl_user, line 1: \"anna\"\n" +
		"pg_restore: error: Key (email)=(anna) already exists\nmysqldump: Got error: 1045: \"Access denied for user 'u' (pw-pw)\"\n"))
	for range 1000 {
		_, _ = s.Write([]byte("ERROR 1146: Table doesn't exist\n"))
	}
	got := s.String()
	if strings.Contains(got, "anna") || strings.Contains(got, "pw-pw") || len(got) > maxSayings+1000*2 {
		t.Errorf("%d bytes: %.600s", len(got), got)
	}
	for _, want := range []string{"1062", "1064", "mdl_user", "Access denied", "1146"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is gone: %.600s", want, got)
		}
	}
}
