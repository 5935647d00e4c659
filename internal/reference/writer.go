package reference

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// maxKnown is how many distinct contents a writer knows again. Beyond, each row
// is taken for a new content: the list stays right, and longer than it need be.
const maxKnown = 4 << 20

// maxPairs is how many (area, course) a writer tells apart for leaving out
// what it has written already.
const maxPairs = 1 << 20

// Totals are what a writer was given.
type Totals struct {
	Rows      int64 // as counted by the caller's calls of Add
	Entries   int64 // written
	Hashes    int64 // distinct contents
	HashBytes int64 // of these, each once; no more than maxSumBytes
	External  int64
}

// What a row of a files table says of a size may be damaged or made up. No file
// is taken to be larger than the first, and no site than the second.
const (
	maxFileBytes = 1 << 42
	maxSumBytes  = 1 << 50
)

// Writer writes a list. It holds one block and the contents it has seen: some
// 40 bytes for each, at most some 200 MB. It is for one goroutine.
type Writer struct {
	out    io.Writer
	err    error
	begun  bool
	totals Totals
	known  map[Hash]uint32 // the first pair that named it
	again  map[naming]struct{}
	pairs  map[[2]string]uint32

	block    block
	external []byte
	rows     uint64
	externs  uint64
}

type naming struct {
	hash Hash
	pair uint32
}

// block is the rows of one block, in columns.
type block struct {
	areas, courses names
	hashes         []byte
	sizes          []byte
	areaOf         []byte
	courseOf       []byte
	n              int
}

// names numbers strings in the order in which they come.
type names struct {
	index map[string]int
	text  []byte
}

func (n *names) of(s string) int {
	if i, ok := n.index[s]; ok {
		return i
	}
	if n.index == nil {
		n.index = map[string]int{}
	}
	i := len(n.index)
	n.index[s] = i
	n.text = binary.AppendUvarint(n.text, uint64(len(s)))
	n.text = append(n.text, s...)
	return i
}

func (n *names) reset() {
	clear(n.index)
	n.text = n.text[:0]
}

// NewWriter writes to out, in pieces of up to a block.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: out, known: map[Hash]uint32{}, again: map[naming]struct{}{}, pairs: map[[2]string]uint32{}}
}

// Add takes one row that names content, and tells whether its content is new to
// this list. Names are cut to 255 bytes and made whole UTF-8. Errors of out are
// kept for Close.
func (w *Writer) Add(e Entry) (first bool) {
	e.Area, e.Course, e.Bytes = cleanName(e.Area), cleanName(e.Course), min(max(0, e.Bytes), maxFileBytes)
	w.totals.Rows++
	first, again := w.meet(e)
	if first {
		w.totals.Hashes++
		w.totals.HashBytes = min(w.totals.HashBytes+e.Bytes, maxSumBytes)
	}
	if again {
		return first
	}
	w.totals.Entries++
	b := &w.block
	b.hashes = append(b.hashes, e.Hash[:]...)
	b.sizes = binary.AppendUvarint(b.sizes, uint64(e.Bytes)) //nolint:gosec // not negative
	b.areaOf = binary.AppendUvarint(b.areaOf, uint64(b.areas.of(e.Area)))
	b.courseOf = binary.AppendUvarint(b.courseOf, uint64(b.courses.of(e.Course)))
	b.n++
	// One hash in 2,048 ends its block, whatever came before it.
	if e.Hash[18] == 0 && e.Hash[19] < 32 || b.n == maxBlockRows || len(b.areas.text)+len(b.courses.text) > maxBlockBytes/4 {
		w.flush()
	}
	return first
}

// meet tells whether the content was never met, and whether it was met at the
// same place already.
func (w *Writer) meet(e Entry) (first, again bool) {
	pair, ok := w.pairs[[2]string{e.Area, e.Course}]
	if !ok {
		pair = uint32(len(w.pairs)) //nolint:gosec // bounded by maxPairs
		if ok = len(w.pairs) < maxPairs; ok {
			w.pairs[[2]string{strings.Clone(e.Area), strings.Clone(e.Course)}] = pair
		}
	}
	had, met := w.known[e.Hash]
	switch {
	case !met:
		if len(w.known) < maxKnown {
			w.known[e.Hash] = pair
		}
		return true, false
	case had == pair && ok:
		return false, true
	}
	n := naming{e.Hash, pair}
	if _, again = w.again[n]; !again && ok && len(w.again) < maxKnown {
		w.again[n] = struct{}{}
	}
	return false, again && ok
}

// Has tells whether a row named the content. Beyond some millions it may not
// know of one.
func (w *Writer) Has(h Hash) bool {
	_, ok := w.known[h]
	return ok
}

// AddExternal says that an object store holds a content alone.
func (w *Writer) AddExternal(h Hash) {
	w.totals.External++
	w.externs++
	w.external = append(w.external, h[:]...)
	if h[18] == 0 && h[19] < 32 || len(w.external) >= 20*maxBlockRows {
		w.flushExternal()
	}
}

// Totals are what was added so far.
func (w *Writer) Totals() Totals { return w.totals }

// Close ends the list. Without it the list is not whole. It does not close out.
func (w *Writer) Close() error {
	w.flush()
	w.flushExternal()
	end := binary.AppendUvarint(nil, w.rows)
	w.put(blockEnd, binary.AppendUvarint(end, w.externs))
	return w.err
}

func (w *Writer) flush() {
	b := &w.block
	if b.n == 0 {
		return
	}
	body := make([]byte, 0, len(b.areas.text)+len(b.courses.text)+len(b.hashes)+len(b.sizes)+len(b.areaOf)+len(b.courseOf)+32)
	for _, names := range []*names{&b.areas, &b.courses} {
		body = binary.AppendUvarint(body, uint64(len(names.index)))
		body = append(body, names.text...)
		names.reset()
	}
	body = binary.AppendUvarint(body, uint64(b.n)) //nolint:gosec // not negative
	w.rows += uint64(b.n)                          //nolint:gosec // not negative
	for _, column := range []*[]byte{&b.hashes, &b.sizes, &b.areaOf, &b.courseOf} {
		body = append(body, *column...)
		*column = (*column)[:0]
	}
	b.n = 0
	w.put(blockRows, body)
}

func (w *Writer) flushExternal() {
	if len(w.external) > 0 {
		w.put(blockExternal, w.external)
		w.external = w.external[:0]
	}
}

func (w *Writer) put(kind byte, body []byte) {
	head := []byte{}
	if !w.begun {
		head, w.begun = append(head, magic...), true
	}
	head = binary.AppendUvarint(append(head, kind), uint64(len(body)))
	for _, p := range [][]byte{head, body} {
		if w.err != nil {
			return
		}
		if _, err := w.out.Write(p); err != nil {
			w.err = fmt.Errorf("write the list of references: %w", err)
		}
	}
}

func cleanName(s string) string {
	if len(s) > maxNameBytes {
		s = s[:maxNameBytes]
	}
	return strings.ToValidUTF8(s, "")
}
