package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// A dump of a Moodle database: one large log that only grows, and tables of
// which a day changes the newest rows and a few others. From one generation to
// the next the log grows by 0.8 %, and of the other tables 4 % of the newest
// rows and 0.1 % scattered ones are written anew. A row of the log has about
// 165 bytes, one of the others 75 (numbers) or 270 (answers and posts).
type table struct {
	name string
	rows int64
	log  bool
}

const meanRowBytes = 185

func tables(dumpBytes int64) []table {
	rows := dumpBytes / meanRowBytes
	all := []table{{"mdl_logstore_standard_log", rows * 45 / 100, true}}
	for i, share := range []int64{15, 12, 9, 8, 6, 5} {
		all = append(all, table{name: fmt.Sprintf("mdl_table_%d", i), rows: rows * share / 100})
	}
	return all
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// version gives the generation in which a row was written last.
func (t table) version(row int64, generation int) int {
	if t.log {
		return 0
	}
	for g := generation; g > 0; g-- {
		newest := row >= t.rows-t.rows*4/100 && row%25 < 24
		if newest || mix(uint64(row)*31+uint64(g)*1_000_003+uint64(len(t.name)))%1000 == 0 {
			return g
		}
	}
	return 0
}

// writeDump writes one generation to path.
func writeDump(path string, bytes int64, generation int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	for n, t := range tables(bytes) {
		rows := t.rows
		if t.log {
			rows += rows * 8 * int64(generation) / 1000
		}
		if err := t.write(w, uint64(n), rows, generation); err != nil {
			return err
		}
	}
	return w.Flush()
}

// write writes the table's rows as mysqldump does: many in one statement of
// about a megabyte.
func (t table) write(w io.Writer, n uint64, rows int64, generation int) error {
	if _, err := fmt.Fprintf(w, "CREATE TABLE `%s` (id bigint, a bigint, b varchar(255), c bigint, d text);\n", t.name); err != nil {
		return err
	}
	line := make([]byte, 0, 2<<20)
	for row := range rows {
		if len(line) == 0 {
			line = append(line, "INSERT INTO `"+t.name+"` VALUES "...)
		} else {
			line = append(line, ',')
		}
		line = t.row(line, row, mix(uint64(row)<<8^n^uint64(t.version(row, generation))<<56))
		if len(line) > 1<<20 || row == rows-1 {
			line = append(line, ";\n"...)
			if _, err := w.Write(line); err != nil {
				return err
			}
			line = line[:0]
		}
	}
	return nil
}

// events are what a Moodle log says again and again.
var events = [...][4]string{
	{`\\mod_quiz\\event\\course_module_viewed`, "mod_quiz", "viewed", "course_module"},
	{`\\core\\event\\course_viewed`, "core", "viewed", "course"},
	{`\\core\\event\\user_loggedin`, "core", "loggedin", "user"},
	{`\\mod_forum\\event\\discussion_viewed`, "mod_forum", "viewed", "discussion"},
	{`\\mod_assign\\event\\submission_status_viewed`, "mod_assign", "viewed", "submission_status"},
	{`\\core\\event\\grade_item_updated`, "core", "updated", "grade_item"},
	{`\\mod_resource\\event\\course_module_viewed`, "mod_resource", "viewed", "course_module"},
	{`\\core\\event\\dashboard_viewed`, "core", "viewed", "dashboard"},
}

// row adds a row, whose free parts x decides.
func (t table) row(line []byte, row int64, x uint64) []byte {
	at := 1_600_000_000 + row*7
	switch {
	case t.log:
		e := events[min(x&7, x>>3&7)]
		return fmt.Appendf(line, "(%d,'%s','%s','%s','%s',%d,'r',2,%d,50,%d,%d,%d,NULL,0,'N;',%d,'web','10.%d.%d.%d',NULL)",
			row+1, e[0], e[1], e[2], e[3], x>>6&0x3ff, x>>16&0xfff, x>>28&0xfff, x>>40&0x7ff, x>>30&0x3f, at, x>>51&3, x>>53&0xff, x>>44&0xff)
	case row%3 == 0:
		return fmt.Appendf(line, "(%d,%d,%d,%d.%05d,NULL,NULL,%d,%d,'%s',0)", row+1, x&0xfff, row/20, x>>12%100, x>>20%100_000, at, at+int64(x>>50), phrases[x>>40&0x3f])
	}
	line = fmt.Appendf(line, "(%d,%d,%d,'", row+1, x&0xfff, at)
	for range 35 {
		x = mix(x)
		line = append(line, words[min(x%3000, x>>16%3000, x>>32%3000)]...)
		line = append(line, ' ')
	}
	return append(line, "',1,0)"...)
}
