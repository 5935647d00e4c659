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

// Write takes the next piece of the dump. It never fails.
func (s *sqlScan) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.mode == inString || s.mode == inDouble {
			p = p[s.inQuotes(p):]
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
	for i, c := range p {
		switch {
		case s.escape:
			s.escape = false
		case c == '\\':
			s.escape = true
		case c == quote:
			s.mode = inText // a doubled quote opens the next string at once: the same for us
			return i + 1
		}
	}
	return len(p)
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
	case '\'':
		s.mode = inString
	case '"':
		s.mode = inDouble
	case '`':
		s.mode, s.name = inName, s.name[:0]
	case '(':
		if s.depth == 0 && s.kind == stmtInsert && s.values && s.current >= 0 {
			s.tables[s.current].Rows++
		}
		s.depth++
	case ')':
		s.depth = max(0, s.depth-1)
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
	switch {
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
	if s.named || (s.kind != stmtInsert && s.kind != stmtCreate) {
		return
	}
	s.named = true
	name := string(s.name)
	i, known := s.index[name]
	if !known {
		i = len(s.tables)
		s.tables = append(s.tables, Table{Name: name})
		s.index[name] = i
	}
	s.current = i
}

func (s *sqlScan) endStatement() {
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
