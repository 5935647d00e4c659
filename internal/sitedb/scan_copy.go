package sitedb

import (
	"bytes"
	"strings"
)

// copyScan reads what pg_restore prints of an archive, and learns which tables
// hold data and how many rows each has: in COPY's text format a row is a line.
type copyScan struct {
	tables []Table
	in     bool   // between a COPY line and its \.
	line   []byte // the beginning of the present line (capped)

	wanted  map[string]wantedTable
	row     *rowReader // of the present table, if its rows are wanted
	escaped bool       // the byte before was a backslash
}

const maxCopyHead = 64 << 10 // COPY's line names all columns

// Write takes the next piece of the text. It never fails.
func (s *copyScan) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		piece := p
		if end >= 0 {
			piece = p[:end]
		}
		if s.row != nil {
			s.escaped = s.row.copyText(piece, s.escaped)
		}
		limit := maxCopyHead
		if s.in {
			limit = 3 // enough to know \. from data
		}
		if room := limit - len(s.line); room > 0 {
			s.line = append(s.line, piece[:min(room, len(piece))]...)
		}
		if end < 0 {
			break
		}
		s.endLine()
		p = p[end+1:]
	}
	return n, nil
}

func (s *copyScan) endLine() {
	line := s.line
	s.line = s.line[:0]
	if s.in {
		if string(line) == `\.` {
			s.in, s.row = false, nil
			return
		}
		s.tables[len(s.tables)-1].Rows++
		if s.row != nil {
			s.row.end()
			s.row.begin()
		}
		return
	}
	if bytes.HasPrefix(line, []byte("COPY ")) && bytes.HasSuffix(line, []byte(" FROM stdin;")) {
		s.in, s.escaped = true, false
		name, columns := copyTarget(string(line[len("COPY "):]))
		s.tables = append(s.tables, Table{Name: name})
		if t, wanted := s.wanted[name]; wanted {
			s.row = newRowReader(t)
			s.row.setColumns(copyColumns(columns))
			s.row.begin()
		}
	}
}

// copyColumns gives the columns of " (a, "b") FROM stdin;".
func copyColumns(s string) []string {
	s, ok := strings.CutPrefix(s, " (")
	var names []string
	for ok {
		var name string
		if strings.HasPrefix(s, `"`) {
			name, s = unquote(s)
		} else {
			i := strings.IndexAny(s, ",)")
			if i < 0 {
				return nil
			}
			name, s = s[:i], s[i:]
		}
		names = append(names, name)
		s, ok = strings.CutPrefix(s, ", ")
	}
	return names
}

// copyTarget gives the table of "schema.table (columns) FROM stdin;", unquoted,
// and what follows it.
func copyTarget(s string) (name, rest string) {
	var parts []string
	for {
		var part string
		if strings.HasPrefix(s, `"`) {
			part, s = unquote(s)
		} else {
			i := strings.IndexAny(s, ". (")
			if i < 0 {
				i = len(s)
			}
			part, s = s[:i], s[i:]
		}
		parts = append(parts, part)
		if !strings.HasPrefix(s, ".") {
			return parts[len(parts)-1], s
		}
		s = s[1:]
	}
}

// unquote takes a double-quoted identifier from the front of s.
func unquote(s string) (name, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), s[i+1:]
	}
	return b.String(), ""
}
