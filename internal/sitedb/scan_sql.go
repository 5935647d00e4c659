package sitedb

import (
	"bytes"
	"slices"
)

// sqlScan reads the text of mariadb-dump or mysqldump as it streams by, in
// pieces of any size, and learns which tables it holds, how many rows each has,
// which collations they need and whether the dump has its trailer. It knows
// just enough SQL for that: quotes, comments, nesting and the end of statements.
// Comments in /* */ are read as text: the server executes most of them.
type sqlScan struct {
	tables     []Table
	index      map[string]int
	collations []string

	mode   scanMode
	escape bool // the byte before was a backslash inside quotes
	depth  int  // of parentheses

	line  []byte // the beginning of the present line, outside quotes (capped)
	word  []byte // the present unquoted word (capped)
	first string // the first word of the statement
	last  string // the word before
	name  []byte // the present quoted identifier (capped)

	kind      stmtKind
	current   int  // index of the table an INSERT fills
	named     bool // the statement's table is known
	values    bool // VALUES has been seen
	routine   bool // between DELIMITER ;; and DELIMITER ;
	completed bool // the last line with anything on it was the trailer

	wanted  map[string]wantedTable
	readers map[string]*rowReader
	row     *rowReader // of the table that an INSERT or CREATE is about, if it is wanted
	column  bool       // a CREATE may name its next column here
	listed  bool       // the INSERT lists its columns
}

type scanMode uint8

const (
	inText scanMode = iota
	inString
	inDouble
	inName
	afterName // the quote may be doubled
	inLine    // a comment to the end of the line
)

type stmtKind uint8

const (
	stmtOther stmtKind = iota
	stmtInsert
	stmtCreate
)

const (
	maxLine = 64
	maxName = 256
)

var trailer = []byte("-- Dump completed")

func newSQLScan() *sqlScan { return &sqlScan{index: map[string]int{}, current: -1} }

// reading makes the scan give the rows of some tables to who wants them.
func (s *sqlScan) reading(tables map[string]wantedTable) *sqlScan {
	s.wanted, s.readers = tables, map[string]*rowReader{}
	return s
}

// Write takes the next piece of the dump. It never fails.
func (s *sqlScan) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.mode == inString || s.mode == inDouble {
			escaped := s.escape
			n := s.inQuotes(p)
			if s.row != nil && s.values {
				text := p[:n]
				if s.mode == inText {
					text = p[:n-1]
				}
				s.row.sqlText(text, escaped)
			}
			p = p[n:]
			continue
		}
		if n := s.plain(p); n > 0 {
			p = p[n:]
			continue
		}
		s.step(p[0])
		p = p[1:]
	}
	return n, nil
}

// inQuotes goes through quoted text, and gives how many bytes it took.
func (s *sqlScan) inQuotes(p []byte) int {
	quote := byte('\'')
	if s.mode == inDouble {
		quote = '"'
	}
	end := -1 // the next quote at or after i
	for i := 0; i < len(p); {
		if s.escape {
			s.escape = false
			i++
			continue
		}
		if end < i {
			if end = bytes.IndexByte(p[i:], quote); end < 0 {
				end = len(p)
			} else {
				end += i
			}
		}
		back := bytes.IndexByte(p[i:end], '\\')
		switch {
		case back >= 0:
			s.escape = true
			i += back + 1
		case end < len(p):
			s.mode = inText // a doubled quote opens the next string at once: the same for us
			return end + 1
		default:
			return len(p)
		}
	}
	return len(p)
}

// dull are the bytes that say nothing among the values of a row.
var dull = func() (t [256]bool) {
	for c := range t {
		t[c] = true
	}
	for _, c := range "'\"`()\n" {
		t[c] = false
	}
	return t
}()

// plain passes over what says nothing among the values of a row that nobody
// wants, and gives how many bytes that is.
func (s *sqlScan) plain(p []byte) int {
	if s.mode != inText || s.kind != stmtInsert || !s.values || s.depth == 0 || s.row != nil || s.routine {
		return 0
	}
	n := 0
	for n < len(p) && dull[p[n]] {
		n++
	}
	if room := maxLine - len(s.line); room > 0 {
		s.line = append(s.line, p[:min(n, room)]...)
	}
	return n
}

func (s *sqlScan) step(c byte) {
	switch s.mode {
	case inName:
		if c == '`' {
			s.mode = afterName
		} else if len(s.name) < maxName {
			s.name = append(s.name, c)
		}
	case afterName:
		if c == '`' {
			s.mode, s.name = inName, append(s.name, c)
			return
		}
		s.mode = inText
		s.identifier()
		s.text(c)
	case inLine:
		if c == '\n' {
			s.endLine()
			s.mode = inText
		} else if len(s.line) < maxLine {
			s.line = append(s.line, c)
		}
	case inText, inString, inDouble:
		s.text(c)
	}
}

// text takes a byte that is in no quotes and no comment.
func (s *sqlScan) text(c byte) {
	if c == '\n' {
		s.endWord()
		s.endLine()
		return
	}
	if len(s.line) < maxLine {
		s.line = append(s.line, c)
	}
	if isWord(c) {
		if len(s.word) < maxLine {
			s.word = append(s.word, c)
		}
		return
	}
	if s.routine {
		return
	}
	if c == '-' && s.depth == 0 && string(s.line) == "--" {
		s.mode = inLine
		return
	}
	s.endWord()
	s.punctuation(c)
}

func (s *sqlScan) punctuation(c byte) {
	switch c {
	case '\'', '"':
		if s.mode = inString; c == '"' {
			s.mode = inDouble
		}
		if s.row != nil && s.values {
			s.row.open(c)
		}
	case '`':
		s.mode, s.name = inName, s.name[:0]
	case '(':
		if s.depth == 0 && s.kind == stmtInsert && s.values && s.current >= 0 {
			s.tables[s.current].Rows++
			if s.row != nil {
				s.row.begin()
			}
		}
		s.column = s.depth == 0 && s.kind == stmtCreate
		s.depth++
	case ')':
		s.depth = max(0, s.depth-1)
		if s.depth == 0 && s.row != nil && s.values {
			s.row.end()
		}
	case ',':
		s.column = s.depth == 1 && s.kind == stmtCreate
		if s.depth == 1 && s.row != nil && s.values {
			s.row.next()
		}
	case '/':
		if n := len(s.line); n > 1 && s.line[n-2] == '*' && s.kind == stmtOther {
			s.first, s.last = "", "" // a comment begins no statement
		}
	case ';':
		if s.depth == 0 {
			s.endStatement()
		}
	}
}

// endWord acts on the unquoted word that has just ended.
func (s *sqlScan) endWord() {
	if len(s.word) == 0 {
		return
	}
	w := string(s.word)
	s.word = s.word[:0]
	s.column = false
	switch {
	case s.row != nil && s.values && s.depth == 1:
		s.row.word(w)
	case s.kind == stmtInsert && s.depth == 0 && w == "VALUES":
		s.values = true
	case s.kind == stmtOther && s.first == "INSERT" && w == "INTO":
		s.kind, s.named = stmtInsert, false
	case s.kind == stmtOther && s.first == "CREATE" && w == "TABLE":
		s.kind, s.named = stmtCreate, false
	case s.last == "COLLATE" && s.kind == stmtCreate:
		if !slices.Contains(s.collations, w) && len(s.collations) < 256 {
			s.collations = append(s.collations, w)
		}
	}
	if s.first == "" {
		s.first = w
	}
	s.last = w
}

// identifier acts on the quoted name that has just ended.
func (s *sqlScan) identifier() {
	if s.kind != stmtInsert && s.kind != stmtCreate {
		return
	}
	name := string(s.name)
	if s.named {
		s.columnNamed(name)
		return
	}
	s.named = true
	s.find(name)
	i, known := s.index[name]
	if !known {
		i = len(s.tables)
		s.tables = append(s.tables, Table{Name: name})
		s.index[name] = i
	}
	s.current = i
}

// find takes up the reader of a table whose rows are wanted.
func (s *sqlScan) find(name string) {
	t, wanted := s.wanted[name]
	if !wanted {
		return
	}
	if s.row = s.readers[name]; s.row == nil || s.kind == stmtCreate {
		s.row = newRowReader(t)
		s.readers[name] = s.row
	}
}

// columnNamed learns the columns of a wanted table, from its CREATE or from an
// INSERT that lists them.
func (s *sqlScan) columnNamed(name string) {
	if s.row == nil || s.depth != 1 {
		return
	}
	switch {
	case s.kind == stmtCreate && s.column:
		s.row.addColumn(name)
		s.column = false
	case s.kind == stmtInsert && !s.values && !s.listed:
		s.listed = true
		s.row.setColumns([]string{name})
	case s.kind == stmtInsert && !s.values:
		s.row.addColumn(name)
	}
}

func (s *sqlScan) endStatement() {
	if s.row != nil && s.kind == stmtCreate {
		s.row.settle()
	} else if s.row != nil && s.listed {
		s.row.again()
	}
	s.row, s.column, s.listed = nil, false, false
	s.kind, s.named, s.values, s.current, s.first, s.last = stmtOther, false, false, -1, "", ""
}

func (s *sqlScan) endLine() {
	line := bytes.TrimSpace(s.line)
	switch {
	case len(line) == 0:
	case bytes.HasPrefix(line, []byte("DELIMITER ")):
		s.routine = string(line) != "DELIMITER ;"
		s.endStatement()
		s.depth, s.completed = 0, false
	default:
		s.completed = s.mode == inLine && bytes.HasPrefix(line, trailer)
	}
	s.line = s.line[:0]
	if s.routine {
		s.word = s.word[:0]
	}
}

// whole tells whether the dump ends with its trailer, with nothing open.
func (s *sqlScan) whole() bool {
	if len(bytes.TrimSpace(s.line)) > 0 {
		last := bytes.TrimSpace(s.line)
		return s.mode == inLine && bytes.HasPrefix(last, trailer) && s.kind == stmtOther
	}
	return s.completed && s.mode == inText && s.depth == 0 && s.kind == stmtOther
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
