// Package text is what every layer does to words that somebody else wrote: it
// decides what one line of them is. It knows no limits and refuses nothing.
package text

import (
	"strings"
	"unicode"
)

// OneLine gives a text as one line: what ends a line or steers a terminal is a
// blank, blanks are single, and what is not UTF-8 is replaced. So nothing that
// somebody typed adds a line to the head of a mail, or to a log.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}
