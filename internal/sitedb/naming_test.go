package sitedb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	hashC = "cccccccccccccccccccccccccccccccccccccccc"
)

// What both texts below say: two rows of A, one alias of B, one of C that an
// object store holds alone; a directory, an empty file and an odd row.
var wantNamed = []NamedFile{
	{Hash: hashA, Bytes: 7, Component: "mod_resource", Area: "content", Name: `it's a "tab\` + ` name, (odd); \N`, Course: "K2"},
	{Hash: hashA, Bytes: 7, Component: "user", Area: "private", Name: "ü 😀 next"},
	{Hash: hashB, Bytes: 8, Component: "mod_folder", Area: "content", Name: "alias", Course: "K2", Alias: true},
	{Hash: hashC, Bytes: 9, Component: "block_html", Area: "content", Name: "c", Course: "K2"},
}

const namedSQL = "CREATE TABLE `m_context` (\n `id` bigint(10) NOT NULL AUTO_INCREMENT,\n `contextlevel` bigint(10) DEFAULT 0,\n `instanceid` bigint(10),\n `path` varchar(255) DEFAULT NULL COMMENT 'a, `b` (',\n PRIMARY KEY (`id`),\n KEY `x` (`path`,`id`)\n) ENGINE=InnoDB;\n" +
	"INSERT INTO `m_context` VALUES (1,10,0,'/1'),(20,50,2,'/1/2/20'),(22,80,9,'/1/2/20/21/22'),(21,70,5,'/1/2/20/21'),(30,30,7,'/1/30'),(31,70,6,NULL);\n" +
	"CREATE TABLE `m_course` (`id` bigint, `category` bigint, `fullname` varchar(254), `shortname` varchar(255));\nINSERT INTO `m_course` VALUES (1,0,'Site','site'),(2,1,'It''s (a) course','K2');\n" +
	"CREATE TABLE `m_filesx` (`contenthash` varchar(40), `filesize` bigint);\nINSERT INTO `m_filesx` VALUES ('" + hashC + "',5);\n" +
	"CREATE TABLE `m_files` (`id` bigint(10),`contenthash` varchar(40) NOT NULL DEFAULT '',`contextid` bigint,`component` varchar(100),`filearea` varchar(50),`filename` varchar(255),`filesize` bigint,`source` longtext,`referencefileid` bigint, KEY `k` (`contenthash`));\n" +
	"INSERT INTO `m_files` VALUES (1,'da39a3ee5e6b4b0d3255bfef95601890afd80709',21,'mod_resource','content','.',0,NULL,NULL),\n" +
	"(2,'" + hashA + "',21,'mod_resource','content','it\\'s a \\\"tab\\\\ name, (odd); \\\\N',7,'a (long); ''source\\\\',NULL),(3,'" + hashA + "',30,'user','private',_binary 'ü 😀\\nnext',7,'',NULL);\n" +
	"INSERT INTO `m_files` (`contenthash`,`referencefileid`,`filesize`,`contextid`,`component`,`filearea`,`filename`) VALUES ('" + hashB + "',4,8,21,'mod_folder','content','alias'),('" + hashA + "',5,0,21,'mod_folder','content','fresh');\n" +
	"INSERT INTO `m_files` VALUES (6,'" + hashC + "',22,'block_html','content','c',9,NULL,NULL),(7,'short',1,'a','b','c',-4,NULL,NULL);\n" +
	"CREATE TABLE `m_tool_objectfs_objects` (`id` bigint,`contenthash` varchar(40),`location` smallint);\nINSERT INTO `m_tool_objectfs_objects` VALUES (1,'" + hashC + "',2),(2,'" + hashA + "',1);\n-- Dump completed\n"

const namedCopy = "COPY public.m_context (id, contextlevel, instanceid, path) FROM stdin;\n1\t10\t0\t/1\n20\t50\t2\t/1/2/20\n22\t80\t9\t/1/2/20/21/22\n21\t70\t5\t/1/2/20/21\n30\t30\t7\t/1/30\n31\t70\t6\t\\N\n\\.\n\n" +
	"COPY public.m_course (id, category, \"fullname\", shortname) FROM stdin;\n1\t0\tSite\tsite\n2\t1\tx\tK2\n\\.\n" +
	"COPY public.m_filesx (contenthash, filesize) FROM stdin;\n" + hashC + "\t5\n\\.\n" +
	"COPY public.m_files (id, contenthash, contextid, component, filearea, filename, filesize, source, referencefileid) FROM stdin;\n" +
	"1\tda39a3ee5e6b4b0d3255bfef95601890afd80709\t21\tmod_resource\tcontent\t.\t0\t\\N\t\\N\n" +
	"2\t" + hashA + "\t21\tmod_resource\tcontent\tit's a \"tab\\\\ name, (odd); \\\\N\t7\ta\\tb\\nc\t\\N\n3\t" + hashA + "\t30\tuser\tprivate\tü 😀\\nnext\t7\t\t\\N\n" +
	"4\t" + hashB + "\t21\tmod_folder\tcontent\talias\t8\t\\N\t4\n5\t" + hashA + "\t21\tmod_folder\tcontent\tfresh\t0\t\\N\t5\n" +
	"6\t" + hashC + "\t22\tblock_html\tcontent\tc\t9\t\\N\t\\N\n7\tshort\t1\ta\tb\tc\t-4\t\\N\t\\N\n\\.\n" +
	"COPY public.m_tool_objectfs_objects (id, contenthash, location) FROM stdin;\n1\t" + hashC + "\t2\n2\t" + hashA + "\t1\n\\.\n"

// readNamed reads a text in pieces, as SQL or as COPY's.
func readNamed(text string, asCopy bool, size int) (named []NamedFile, external []string, report NamedReport) {
	n := &naming{
		file: func(f NamedFile) { named = append(named, f) }, external: func(h string) { external = append(external, h) },
		courses: map[int64]string{}, ofCtx: map[int64]int64{},
	}
	write := newSQLScan().reading(n.tables("m_")).Write
	if asCopy {
		write = (&copyScan{wanted: n.tables("m_")}).Write
	}
	for len(text) > 0 {
		k := min(size, len(text))
		_, _ = write([]byte(text[:k]))
		text = text[k:]
	}
	return named, external, n.report
}

func TestNaming_ReadsTheRowsWhateverThePieces(t *testing.T) {
	t.Parallel()
	for _, asCopy := range []bool{false, true} {
		text := namedSQL
		if asCopy {
			text = namedCopy
		}
		for size := 1; size < 64; size++ {
			named, external, report := readNamed(text, asCopy, size)
			if !slices.Equal(named, wantNamed) {
				t.Fatalf("copy %v, pieces of %d: %+v", asCopy, size, named)
			}
			if !slices.Equal(external, []string{hashC}) || report.Rows != 4 || report.Odd != 1 {
				t.Errorf("copy %v, pieces of %d: external %v, %+v", asCopy, size, external, report)
			}
		}
	}
}

func TestNaming_HoldsNoMoreThanItsBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, asCopy := range []bool{false, true} {
		text := "CREATE TABLE `m_files` (`contenthash` varchar(40),`filesize` bigint,`filename` varchar(255));\nINSERT INTO `m_files` VALUES ('" + hashA + "',5,'" + long + "');\n"
		if asCopy {
			text = "COPY public.m_files (contenthash, filesize, filename) FROM stdin;\n" + hashA + "\t5\t" + long + "\n\\.\n"
		}
		named, _, _ := readNamed(text, asCopy, 4096)
		if len(named) != 1 || len(named[0].Name) != maxValueBytes || named[0].Course != "" {
			t.Errorf("copy %v: %d rows", asCopy, len(named))
		}
	}
}

func FuzzNaming_ReadsBackWhatWasWritten(f *testing.F) {
	f.Add("it's", `\N`, 3)
	f.Add("'),('\\", "\\.\n\tCOPY", 7)
	f.Fuzz(func(t *testing.T, name, area string, size int) {
		size = 1 + max(0, size)%50
		name, area = clean([]byte(name), 200), clean([]byte(area), 90)
		sql := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		text := fmt.Sprintf("CREATE TABLE `m_files` (`filename` text,`contenthash` text,`filearea` text,`filesize` bigint);\nINSERT INTO `m_files` VALUES ('%s','%s','%s',5);\n", sql.Replace(name), hashA, sql.Replace(area))
		esc := strings.NewReplacer(`\`, `\\`)
		lines := fmt.Sprintf("COPY m_files (filename, contenthash, filearea, filesize) FROM stdin;\n%s\t%s\t%s\t5\n\\.\n", esc.Replace(name), hashA, esc.Replace(area))
		for i, in := range []string{text, lines} {
			named, _, _ := readNamed(in, i == 1, size)
			if len(named) != 1 || named[0].Name != name || named[0].Area != area {
				t.Errorf("%q %q came back as %+v from %q", name, area, named, in)
			}
		}
	})
}

// One damaged or made-up row must not make the sums such as the control plane
// refuses: then no copy of the site would be taken at all.
func TestNaming_NoRowMakesASumThatNobodyTakes(t *testing.T) {
	t.Parallel()
	huge := "('" + hashA + "',9223372036854775807,'backup')"
	text := "CREATE TABLE `m_files` (`contenthash` varchar(40),`filesize` bigint,`component` varchar(100));\nINSERT INTO `m_files` VALUES " + strings.Repeat(huge+",", 2000) + huge + ";\n"
	named, _, report := readNamed(text, false, 4096)
	if len(named) != 2001 || named[0].Bytes != maxFileBytes || report.Rows != 2001 || report.Bytes != maxSumBytes || report.BackupBytes != maxSumBytes {
		t.Errorf("%d rows, %+v", len(named), report)
	}
}
