// Package reference is the list of contents that a database copy's files table
// names: its format, its writer and reader, and what of it is missing. It
// decides how a list is written and when it is whole. It never looks at a disk
// or a database, and holds no name of a file or a person.
//
// A list is a stream of one or more parts, each
//
//	"HFREFS1\n"  then blocks  then an end block
//
// so that lists written one after the other are a list. A block is a type byte,
// the length of its body as a uvarint (at most 1 MiB), and the body:
//
//	'R' rows:     uvarint areas,   then each as uvarint length and UTF-8
//	              uvarint courses, then each likewise
//	              uvarint n, then n hashes of 20 bytes, n sizes, n indexes of
//	              areas and n indexes of courses, the last three as uvarints
//	'X' external: n hashes of 20 bytes that an object store holds alone
//	'Z' end:      uvarint rows and uvarint external hashes of this part
//
// Every block stands alone, and where one ends is decided by the hashes that it
// holds, not by how many came before: so a row that comes or goes changes one
// block, and the list of the next day shares nearly all its bytes with this one.
package reference

import (
	"encoding/hex"
	"fmt"

	"holdfast/internal/errs"
)

// FileName is the name of a list in its snapshot.
const FileName = "references.bin"

// Bounds of the format. A reader refuses what is beyond them.
const (
	magic         = "HFREFS1\n"
	maxBlockBytes = 1 << 20
	maxBlockRows  = 8192
	maxNameBytes  = 255
)

const (
	blockRows     = 'R'
	blockExternal = 'X'
	blockEnd      = 'Z'
)

// Hash is the SHA-1 of a content, which is its name in filedir.
type Hash [20]byte

// Empty is the hash of the empty content, which needs no file.
var Empty = Hash{0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18, 0x90, 0xaf, 0xd8, 0x07, 0x09}

// ParseHash reads 40 hex digits, small ones only, as Moodle writes them.
func ParseHash(s string) (h Hash, ok bool) {
	if len(s) != 40 {
		return h, false
	}
	for i := range h {
		hi, ok1 := nibble(s[2*i])
		lo, ok2 := nibble(s[2*i+1])
		if !ok1 || !ok2 {
			return Hash{}, false
		}
		h[i] = hi<<4 | lo
	}
	return h, true
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// String gives the 40 hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Path gives where filedir keeps the content, like "ab/cd/abcd…".
func (h Hash) Path() string {
	s := h.String()
	return s[:2] + "/" + s[2:4] + "/" + s
}

// Entry is one reference: a content, and one place that names it. Each (Hash,
// Area, Course) stands in a list once, however many rows say it.
type Entry struct {
	Hash   Hash
	Bytes  int64
	Area   string // component and file area, like "mod_resource/content"
	Course string // the course's short name; "" outside courses
	// External marks a content that an object store holds alone; then the
	// other fields are empty, and it is an entry beside those that name it.
	External bool
}

func damaged(format string, args ...any) error {
	return errs.Wrap(errs.Incomplete, fmt.Errorf(format, args...), "The list of the files that the database names is damaged; it cannot be used.")
}
