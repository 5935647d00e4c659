package ticket

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/errs"
)

// MaxMessage is how long a message may be, in characters.
const MaxMessage = 20_000

// unseen tells whether a character changes how others are read without being
// seen: what turns text around, and what separates nothing.
func unseen(r rune) bool {
	switch {
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // embeddings, overrides, isolates
		return true
	case r == 0xfeff, r == 0x2028, r == 0x2029, r == 0x00ad:
		return true
	case r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// CleanText gives text as it is kept: lines end in one way, nothing that steers
// a terminal or turns text around, no blanks at its ends. What is not UTF-8 is
// replaced.
func CleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unseen(r) {
			return -1
		}
		return r
	}, s)
	rows := strings.Split(s, "\n")
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " \t")
	}
	return strings.Trim(strings.Join(rows, "\n"), "\n\t ")
}

// CleanLine is CleanText in one line.
func CleanLine(s string) string {
	return strings.Join(strings.FieldsFunc(CleanText(s), func(r rune) bool { return r == '\n' || r == '\t' }), " ")
}

// CheckMessage gives a message as it is kept.
func CheckMessage(field, s string) (string, error) {
	s = CleanText(s)
	if s == "" {
		return s, errs.Field(field, "write something first")
	}
	if n := utf8.RuneCountInString(s); n > MaxMessage {
		return s, errs.Field(field, "has %d characters; %d at most (attach a file for the rest)", n, MaxMessage)
	}
	return s, nil
}

// CheckSubject gives a subject as it is kept.
func CheckSubject(s string) (string, error) {
	s = strings.TrimSpace(CleanLine(s))
	if s == "" {
		return s, errs.Field("subject", "say in a few words what it is about")
	}
	if n := utf8.RuneCountInString(s); n > MaxSubject {
		return s, errs.Field("subject", "has %d characters; %d at most", n, MaxSubject)
	}
	return s, nil
}

// Search is what a typed text looks for.
type Search struct {
	Words  string // plain words
	Begins string // a tsquery of the words' beginnings; "" where there are none
	Number int64  // of a ticket, where the text is one; else -1
}

// maxSearch is how much of a typed text is looked for, in characters, and
// maxSearchWords in words.
const (
	maxSearch      = 200
	maxSearchWords = 12
)

// ParseSearch reads what somebody typed into a search box. It never fails: what
// means nothing looks for nothing. The query it makes holds letters and digits
// alone, so no character of the text steers it.
func ParseSearch(s string) Search {
	s = CleanLine(s)
	if r := []rune(s); len(r) > maxSearch {
		s = string(r[:maxSearch])
	}
	out := Search{Words: s, Number: -1}
	if digits := strings.TrimPrefix(s, "#"); digits != "" && len(digits) <= 15 && strings.Trim(digits, "0123456789") == "" {
		out.Number = 0
		for _, d := range digits {
			out.Number = out.Number*10 + int64(d-'0')
		}
	}
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) > maxSearchWords {
		words = words[:maxSearchWords]
	}
	for i := range words {
		words[i] += ":*"
	}
	out.Begins = strings.Join(words, " & ")
	return out
}
