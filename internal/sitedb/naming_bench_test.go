package sitedb

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkSQLScan_FilesTable tells what reading the files table costs beside
// scanning it.
func BenchmarkSQLScan_FilesTable(b *testing.B) {
	var text strings.Builder
	text.WriteString("CREATE TABLE `m_files` (`id` bigint,`contenthash` varchar(40),`pathnamehash` varchar(40),`contextid` bigint,`component` varchar(100),`filearea` varchar(50),`itemid` bigint,`filepath` varchar(255),`filename` varchar(255),`userid` bigint,`filesize` bigint,`mimetype` varchar(100),`status` bigint,`source` longtext,`author` varchar(255),`license` varchar(255),`timecreated` bigint,`timemodified` bigint,`sortorder` bigint,`referencefileid` bigint);\nINSERT INTO `m_files` VALUES\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "(%d,'%040x','%040x',%d,'mod_resource','content',0,'/','Lecture %d, chapter.pdf',2,%d,'application/pdf',0,'Lecture.pdf','Someone O\\'Brien','allrightsreserved',1600000000,1600000000,0,NULL),\n", i, i, i*7, i%900, i, i*31)
	}
	dump := []byte(text.String())
	for _, reading := range []bool{false, true} {
		b.Run(fmt.Sprintf("reading %v", reading), func(b *testing.B) {
			b.SetBytes(int64(len(dump)))
			for b.Loop() {
				s, n := newSQLScan(), &naming{file: func(NamedFile) {}, courses: map[int64]string{}, ofCtx: map[int64]int64{}}
				if reading {
					s.reading(n.tables("m_"))
				}
				_, _ = s.Write(dump)
			}
		})
	}
}
