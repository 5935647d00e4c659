package reference

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"unicode/utf8"
)

// Read gives the entries of a list in the order in which they were written. An
// error ends it: errs.Incomplete where the list is cut or damaged, else in's
// own. It holds one block at a time.
func Read(in io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := &reader{in: bufio.NewReaderSize(in, 64<<10)}
		if err := r.parts(func(e Entry) bool { return yield(e, nil) }); err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
	}
}

// errEnough ends the reading where nobody wants more.
var errEnough = errors.New("enough")

type reader struct {
	in   *bufio.Reader
	body []byte
}

func (r *reader) parts(give func(Entry) bool) error {
	for first := true; ; first = false {
		head := make([]byte, len(magic))
		if _, err := io.ReadFull(r.in, head); errors.Is(err, io.EOF) && !first {
			return nil
		} else if err != nil {
			return broken(err, "its head")
		}
		if string(head) != magic {
			return damaged("it begins with %q", head)
		}
		if err := r.part(give); err != nil {
			return err
		}
	}
}

// part reads one part to its end block.
func (r *reader) part(give func(Entry) bool) error {
	var rows, externs uint64
	for {
		kind, err := r.next()
		if err != nil {
			return err
		}
		switch kind {
		case blockRows:
			n, err := r.rows(give)
			if rows += n; err != nil {
				return err
			}
		case blockExternal:
			n, err := r.external(give)
			if externs += n; err != nil {
				return err
			}
		case blockEnd:
			c := cursor{b: r.body}
			if a, b := c.number(), c.number(); c.bad || len(c.b) > 0 || a != rows || b != externs {
				return damaged("it ends with %d and %d entries, and has %d and %d", a, b, rows, externs)
			}
			return nil
		default:
			return damaged("it has a block of the unknown type %q", kind)
		}
	}
}

// next reads a block's head and body.
func (r *reader) next() (byte, error) {
	kind, err := r.in.ReadByte()
	if err != nil {
		return 0, broken(err, "a block")
	}
	size, err := r.length()
	if err != nil {
		return 0, err
	}
	if uint64(cap(r.body)) < size {
		r.body = make([]byte, size)
	}
	r.body = r.body[:size]
	if _, err := io.ReadFull(r.in, r.body); err != nil {
		return 0, broken(err, "a block's body")
	}
	return kind, nil
}

// length reads the length of a block's body.
func (r *reader) length() (uint64, error) {
	var size uint64
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.in.ReadByte()
		if err != nil {
			return 0, broken(err, "a block's length")
		}
		if size |= uint64(b&0x7f) << shift; b < 0x80 && size <= maxBlockBytes {
			return size, nil
		}
	}
	return 0, damaged("a block is too long")
}

func (r *reader) rows(give func(Entry) bool) (uint64, error) {
	c := cursor{b: r.body}
	areas, courses := c.names(), c.names()
	n := c.number()
	if c.bad || n > maxBlockRows || n*20 > uint64(len(c.b)) {
		return 0, damaged("the head of a block of rows is wrong")
	}
	hashes := c.b[:n*20]
	c.b = c.b[n*20:]
	sizes := make([]uint64, n)
	for i := range sizes {
		sizes[i] = c.number()
	}
	areaOf := cursor{b: c.b}
	for range n { // the courses begin where the areas end
		c.number()
	}
	for i := range n {
		e := Entry{Hash: Hash(hashes[i*20 : i*20+20]), Bytes: int64(sizes[i])} //nolint:gosec // checked next
		a, b := areaOf.number(), c.number()
		if c.bad || e.Bytes < 0 || a >= uint64(len(areas)) || b >= uint64(len(courses)) {
			return 0, damaged("a block of rows is wrong")
		}
		e.Area, e.Course, e.Bytes = areas[a], courses[b], min(e.Bytes, maxFileBytes)
		if !give(e) {
			return 0, errEnough
		}
	}
	if len(c.b) > 0 {
		return 0, damaged("a block of rows has %d bytes more than its rows", len(c.b))
	}
	return n, nil
}

func (r *reader) external(give func(Entry) bool) (uint64, error) {
	if len(r.body)%20 != 0 {
		return 0, damaged("a block of hashes has %d bytes", len(r.body))
	}
	for b := r.body; len(b) > 0; b = b[20:] {
		if !give(Entry{Hash: Hash(b[:20]), External: true}) {
			return 0, errEnough
		}
	}
	return uint64(len(r.body) / 20), nil
}

// cursor takes numbers and names from the front of a body; bad is set by the
// first that is not there.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) number() uint64 {
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[size:]
	return n
}

func (c *cursor) names() []string {
	n := c.number()
	if c.bad || n > maxBlockRows {
		c.bad = true
		return nil
	}
	out := make([]string, 0, min(n, 256))
	for range n {
		size := c.number()
		if c.bad || size > maxNameBytes || size > uint64(len(c.b)) || !utf8.Valid(c.b[:size]) {
			c.bad = true
			return nil
		}
		out = append(out, string(c.b[:size]))
		c.b = c.b[size:]
	}
	return out
}

// broken tells an end that came too early from a failure to read.
func broken(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends in %s", what)
	}
	return err
}
