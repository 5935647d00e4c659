package sitedb

import (
	"slices"
	"strconv"
	"strings"
)

// NamedFile is one row of a site's files table that names content, as it passed
// in a dump.
type NamedFile struct {
	Hash      string // the content's SHA-1, 40 hex digits
	Bytes     int64
	Component string // like "mod_resource"
	Area      string // like "content"
	Name      string
	Course    string // the short name of the course it belongs to; "" for none or unknown
	// Alias says that the row stands for a file of a repository elsewhere,
	// whose content need not be here.
	Alias bool
}

// NamedReport says how the reading of the files table went.
type NamedReport struct {
	Seen bool  `json:"seen"` // the dump has a files table
	Rows int64 `json:"rows"` // that name content
	Odd  int64 `json:"odd"`  // that could not be understood
	// Bytes are those of Rows; Backups are Rows of component "backup", the
	// course backups that lie in filedir.
	Bytes       int64 `json:"bytes"`
	Backups     int64 `json:"backups"`
	BackupBytes int64 `json:"backup_bytes"`
}

// Bounds of what is kept of a site's courses while its dump streams by; where
// a site has more, the courses of some files are not known.
const (
	maxCourses      = 500_000
	maxLinks        = 4 << 20
	maxCourseBytes  = 100
	contextOfCourse = "50"
	contextOfModule = "70"
	contextOfBlock  = "80"
	emptyHash       = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
)

// naming turns the rows of a dump's tables into NamedFiles. The tables of
// courses come before that of files: both clients write them by name.
type naming struct {
	file     func(NamedFile)
	external func(hash string)
	report   NamedReport
	heard    int64 // rows of the files table

	courses map[int64]string // short names
	ofCtx   map[int64]int64  // the course of a course's context
	links   []link           // from contexts of modules and blocks to those above
	sorted  bool
}

type link struct{ id, parent int64 }

// A row can say any size, and one that is damaged or was made up must not make
// a sum that nobody takes: no file is larger than the first, no site than the
// second.
const (
	maxFileBytes = 1 << 42
	maxSumBytes  = 1 << 50
)

// wanted are the tables that are read where a caller wants named files.
func (d *dump) wanted() (map[string]wantedTable, *naming) {
	if d.Files == nil {
		return nil, nil
	}
	n := &naming{file: d.Files, external: d.External, courses: map[int64]string{}, ofCtx: map[int64]int64{}}
	return n.tables(d.Prefix), n
}

// note keeps how the reading went.
func (d *dump) note(n *naming) {
	if n == nil {
		return
	}
	_, n.report.Seen = slices.BinarySearch(d.inv.tables, d.Prefix+"files")
	for _, t := range d.report.Tables {
		if t.Name == d.Prefix+"files" {
			n.report.Odd += max(0, t.Rows-n.heard) // none is passed over unsaid
		}
	}
	d.report.Named = n.report
}

func (n *naming) tables(prefix string) map[string]wantedTable {
	all := map[string]wantedTable{
		prefix + "course":  {[]string{"id", "shortname"}, n.course},
		prefix + "context": {[]string{"id", "contextlevel", "instanceid", "path"}, n.context},
		prefix + "files":   {[]string{"contenthash", "filesize", "component", "filearea", "filename", "contextid", "referencefileid"}, n.row},
	}
	if n.external != nil {
		all[prefix+"tool_objectfs_objects"] = wantedTable{[]string{"contenthash", "location"}, n.object}
	}
	return all
}

func (n *naming) course(v [][]byte) {
	if id, ok := number(v[0]); ok && len(n.courses) < maxCourses {
		n.courses[id] = clean(v[1], maxCourseBytes)
	}
}

func (n *naming) context(v [][]byte) {
	id, ok := number(v[0])
	if !ok {
		return
	}
	switch string(v[1]) {
	case contextOfCourse:
		if course, ok := number(v[2]); ok && len(n.ofCtx) < maxCourses {
			n.ofCtx[id] = course
		}
	case contextOfModule, contextOfBlock:
		// The path is like /1/2/30/99, its last number this very context.
		path := strings.Split(string(v[3]), "/")
		if len(path) < 3 || len(n.links) >= maxLinks {
			return
		}
		if parent, ok := number([]byte(path[len(path)-2])); ok {
			n.links, n.sorted = append(n.links, link{id, parent}), false
		}
	}
}

// maxBetween is how many contexts can lie between a block's and its course's.
const maxBetween = 3

// courseOf gives the short name of the course that a context belongs to.
func (n *naming) courseOf(context int64) string {
	if !n.sorted {
		slices.SortFunc(n.links, func(a, b link) int { return int(min(1, max(-1, a.id-b.id))) })
		n.sorted = true
	}
	for range maxBetween {
		if course, ok := n.ofCtx[context]; ok {
			return n.courses[course]
		}
		i, ok := slices.BinarySearchFunc(n.links, context, func(l link, id int64) int { return int(min(1, max(-1, l.id-id))) })
		if !ok {
			return ""
		}
		context = n.links[i].parent
	}
	return ""
}

func (n *naming) row(v [][]byte) {
	n.heard++
	hash := string(v[0])
	bytes, ok := number(v[1])
	if len(hash) != 40 || !ok || bytes < 0 {
		n.report.Odd++
		return
	}
	if hash == emptyHash || bytes == 0 {
		return // directories, empty files and fresh aliases
	}
	bytes = min(bytes, maxFileBytes)
	n.report.Rows++
	n.report.Bytes = min(n.report.Bytes+bytes, maxSumBytes)
	if string(v[2]) == "backup" {
		n.report.Backups++
		n.report.BackupBytes = min(n.report.BackupBytes+bytes, maxSumBytes)
	}
	f := NamedFile{
		Hash: hash, Bytes: bytes, Component: clean(v[2], maxCourseBytes), Area: clean(v[3], maxCourseBytes), Name: clean(v[4], maxValueBytes), Alias: v[6] != nil,
	}
	if context, ok := number(v[5]); ok {
		f.Course = n.courseOf(context)
	}
	n.file(f)
}

// object hears of one content of tool_objectfs; at location 2 the object store
// holds it alone.
func (n *naming) object(v [][]byte) {
	if string(v[1]) == "2" && len(v[0]) == 40 {
		n.external(string(v[0]))
	}
}

func number(v []byte) (int64, bool) {
	x, err := strconv.ParseInt(string(v), 10, 64)
	return x, err == nil
}

// clean gives a value as whole text of one line.
func clean(v []byte, limit int) string {
	s := strings.ToValidUTF8(string(v[:min(len(v), limit)]), "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
