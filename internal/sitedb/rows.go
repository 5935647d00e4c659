package sitedb

import "slices"

// maxValueBytes is how much of one value is kept: more than any column that is
// wanted can hold.
const maxValueBytes = 1100

// wantedTable is a table whose rows are read while a dump streams by, and who
// hears of them. A row's values are those of columns, in their order, each cut
// to maxValueBytes; nil stands for NULL and for a column that the table lacks.
// They are valid only during the call.
type wantedTable struct {
	columns []string
	row     func(values [][]byte)
}

// rowReader takes one table's rows apart, value by value, as a scanner comes
// across them. It holds one row.
type rowReader struct {
	table  wantedTable
	at     []int // for each column of the dump, its place among the wanted, else -1
	usual  []int // the same where a statement does not list its own columns
	col    int
	now    int // the wanted column that is being read, else -1
	quoted bool
	values [][]byte
	given  []bool
}

func newRowReader(t wantedTable) *rowReader {
	return &rowReader{table: t, now: -1, values: make([][]byte, len(t.columns)), given: make([]bool, len(t.columns))}
}

// setColumns says which columns the rows have, in order.
func (r *rowReader) setColumns(names []string) {
	r.at = r.at[:0]
	for _, n := range names {
		r.at = append(r.at, slices.Index(r.table.columns, n))
	}
}

// settle makes the columns those of every statement that does not list its own.
func (r *rowReader) settle() { r.usual = slices.Clone(r.at) }

// again goes back to the usual columns.
func (r *rowReader) again() { r.at = append(r.at[:0], r.usual...) }

// addColumn says the next of them.
func (r *rowReader) addColumn(name string) {
	r.at = append(r.at, slices.Index(r.table.columns, name))
}

func (r *rowReader) begin() {
	for i := range r.given {
		r.given[i] = false
		r.values[i] = r.values[i][:0]
	}
	r.col = -1
	r.next()
}

// next goes on to the next column.
func (r *rowReader) next() {
	r.col++
	r.now, r.quoted = -1, false
	if r.col < len(r.at) {
		r.now = r.at[r.col]
	}
	if r.now >= 0 {
		r.given[r.now] = true
	}
}

// null says that the value is NULL.
func (r *rowReader) null() {
	if r.now >= 0 {
		r.given[r.now] = false
	}
}

// open begins a quoted text; one that follows another at once is its
// continuation, after a quote that was doubled.
func (r *rowReader) open(quote byte) {
	if r.now < 0 {
		return
	}
	if r.quoted {
		r.put(quote)
	} else {
		r.quoted, r.values[r.now] = true, r.values[r.now][:0] // what stood before is a word like _binary
	}
}

// word takes an unquoted value.
func (r *rowReader) word(w string) {
	switch {
	case r.now < 0 || r.quoted:
	case w == "NULL":
		r.null()
	default:
		r.values[r.now] = append(r.values[r.now][:0], w...)
	}
}

func (r *rowReader) put(c byte) {
	if v := r.values[r.now]; len(v) < maxValueBytes {
		r.values[r.now] = append(v, c)
	}
}

// end gives the row to who wants it.
func (r *rowReader) end() {
	give := make([][]byte, len(r.values))
	for i, v := range r.values {
		if r.given[i] {
			if v == nil {
				v = []byte{}
			}
			give[i] = v
		}
	}
	r.now = -1
	r.table.row(give)
}

// sqlText takes a piece of a quoted text of the MySQL family, still escaped;
// escaped says that its first byte follows a backslash.
func (r *rowReader) sqlText(p []byte, escaped bool) {
	if r.now < 0 {
		return
	}
	for _, c := range p {
		switch {
		case escaped:
			escaped = false
			r.put(unescapeSQL(c))
		case c == '\\':
			escaped = true
		default:
			r.put(c)
		}
	}
}

func unescapeSQL(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'Z':
		return 0x1a
	}
	return c
}

// copyText takes a piece of a line of COPY's text format and tells whether it
// ended after a backslash.
func (r *rowReader) copyText(p []byte, escaped bool) bool {
	for _, c := range p {
		switch {
		case escaped:
			escaped = false
			switch {
			case r.now < 0:
			case c == 'N' && len(r.values[r.now]) == 0:
				r.null()
			default:
				r.put(unescapeCopy(c))
			}
		case c == '\\':
			escaped = true
		case c == '\t':
			r.next()
		case r.now >= 0:
			r.put(c)
		}
	}
	return escaped
}

func unescapeCopy(c byte) byte {
	switch c {
	case 'v':
		return '\v'
	case 'f':
		return '\f'
	case 'n', 'r', 't', 'b':
		return unescapeSQL(c)
	}
	return c
}
