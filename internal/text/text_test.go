package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/internal/text"
)

func TestOneLine_AddsNoLineToAHead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", " a  b ": "a b", "Hello\r\nBcc: x@evil.example": "Hello Bcc: x@evil.example", "a\u2028b\u2029c": "a b c", "a\x00b\x7fc\u0085d": "a b c d",
		"\tZeugnis\nMüller": "Zeugnis Müller", "\xff!": "\uFFFD!", "\r\n": "",
	} {
		if got := text.OneLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"a\nb", "\xf0\x28\x8c\x28", strings.Repeat(" ", 40), "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text.OneLine(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\u2028\u2029") || text.OneLine(got) != got {
			t.Fatalf("%q: %q", s, got)
		}
	})
}
