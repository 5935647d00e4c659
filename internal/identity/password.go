package identity

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the list of common passwords
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/errs"
)

// The length of a password, in characters.
const (
	PasswordLeast = 12
	PasswordMost  = 256
)

//go:embed common.txt.gz
var packed []byte

// common is the list of passwords that are tried first by whoever guesses. Its
// origin is told in COMMON.md.
var common = sync.OnceValue(func() map[string]bool {
	list := map[string]bool{}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("the list of common passwords is broken: " + err.Error()) // can only be a broken build
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("the list of common passwords is broken: " + err.Error())
	}
	for w := range strings.Lines(string(text)) {
		list[strings.TrimSpace(w)] = true
	}
	for _, w := range []string{"administrator", "holdfast", "moodle", "moodleadmin", "changeme", "letmein", "welcome", "correcthorsebatterystaple"} {
		list[w] = true
	}
	return list
})

// CheckPassword refuses a password that is too short or too long, that is
// among the first that are guessed, or that is made of what is known of its
// owner (their address and name). The error names the field and the remedy.
func CheckPassword(password string, about ...string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return errs.Field("password", "has characters that cannot be read; type it anew")
	case n < PasswordLeast:
		return errs.Field("password", "needs at least %d characters; a few words that do not belong together are easy to remember", PasswordLeast)
	case n > PasswordMost:
		return errs.Field("password", "has at most %d characters", PasswordMost)
	}
	low := strings.ToLower(password)
	switch {
	case simple(low):
		return errs.Field("password", "repeats or counts, which is guessed at once; take a few words that do not belong together")
	case isCommon(low):
		return errs.Field("password", "is among those that are guessed first; take a few words that do not belong together")
	case personal(low, about):
		return errs.Field("password", "is made of your own name or address; take a few words that do not belong together")
	}
	return nil
}

// simple tells whether a password is one short piece over and over, or runs
// along the alphabet, the digits or a row of the keyboard.
func simple(s string) bool {
	r := []rune(s)
	for size := 1; size <= 4; size++ {
		same := true
		for i := size; i < len(r) && same; i++ {
			same = r[i] == r[i-size]
		}
		if same {
			return true
		}
	}
	steps := 0
	for i := 1; i < len(r); i++ {
		if d := r[i] - r[i-1]; d >= -1 && d <= 1 || neighbours(r[i-1], r[i]) {
			steps++
		}
	}
	return steps >= (len(r)-1)*9/10
}

var rows = []string{"1234567890", "0123456789", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"}

func neighbours(a, b rune) bool {
	for _, row := range rows {
		i, j := strings.IndexRune(row, a), strings.IndexRune(row, b)
		if i >= 0 && j >= 0 && (i-j == 1 || j-i == 1) {
			return true
		}
	}
	return false
}

// unleet undoes the usual exchanges of letters.
var unleet = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// extra is how many digits and signs around a common word do not make it a
// good password.
const extra = 8

func isCommon(low string) bool {
	list := common()
	core := strings.TrimFunc(low, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, w := range []string{low, core, strings.ReplaceAll(low, " ", ""), unleet.Replace(low), unleet.Replace(core)} {
		w = strings.TrimFunc(w, unicode.IsSpace)
		if w == "" || utf8.RuneCountInString(low)-utf8.RuneCountInString(w) > extra {
			continue
		}
		if list[w] {
			return true
		}
		if half := len(w) / 2; len(w)%2 == 0 && w[:half] == w[half:] && list[w[:half]] {
			return true
		}
	}
	return false
}

// personal tells whether little remains of a password once what is known of
// its owner is taken out.
func personal(low string, about []string) bool {
	rest := low
	for _, a := range about {
		for _, w := range strings.FieldsFunc(strings.ToLower(a), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(w) >= 3 {
				rest = strings.ReplaceAll(rest, w, "")
			}
		}
	}
	left := 0
	for _, r := range rest {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			left++
		}
	}
	return rest != low && left < 6
}
