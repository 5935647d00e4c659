package engine

import (
	"strings"
	"unicode/utf8"
)

// Kopia keeps names as JSON strings, in which bytes that are not UTF-8 become
// U+FFFD: two such files would be one, under a wrong name. File systems allow
// any bytes, and old sites have Latin-1 names. So a byte b that is not part of
// valid UTF-8 is kept as the private-use rune U+10FF00+b, and a rune of that
// very range is kept byte by byte, which makes the mapping reversible.
const (
	escapeBase  = 0x10FF00
	escapeFirst = escapeBase + 0x80
	escapeLast  = escapeBase + 0xFF
)

// toStored gives the name under which a file called name is kept.
func toStored(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, escaped) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if (r == utf8.RuneError && n == 1) || escaped(r) {
			for i := range n {
				b.WriteRune(escapeBase + rune(name[i]))
			}
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}

// fromStored is the inverse of toStored.
func fromStored(name string) string {
	if !strings.ContainsFunc(name, escaped) {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if escaped(r) {
			b.WriteByte(byte(r - escapeBase))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escaped(r rune) bool { return r >= escapeFirst && r <= escapeLast }
