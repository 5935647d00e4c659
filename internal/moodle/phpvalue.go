package moodle

import (
	"math"
	"strconv"
	"strings"
)

// kindOf names the PHP types that config.php files use.
type valueKind uint8

const (
	isNull valueKind = iota
	isBool
	isInt
	isFloat
	isString
	isArray
	isUnknown
)

// value is a PHP value. An unknown value has the reason in why; a known one
// has a reason there if a command sees it differently from the web server
// (an unset environment variable, a header of the request).
type value struct {
	kind valueKind
	b    bool
	i    int64
	f    float64
	s    string
	arr  *phpArray
	why  string
}

// phpArray is an ordered map. Integer keys are kept in their decimal form,
// as PHP itself makes "1" and 1 the same key.
type phpArray struct {
	keys []string
	m    map[string]value
	next int64
}

func unknown(why string) value { return value{kind: isUnknown, why: why} }
func strValue(s string) value  { return value{kind: isString, s: s} }
func boolValue(b bool) value   { return value{kind: isBool, b: b} }
func intValue(i int64) value   { return value{kind: isInt, i: i} }
func newArray() *phpArray      { return &phpArray{m: map[string]value{}} }
func (v value) tint(why string) value {
	if v.why == "" {
		v.why = why
	}
	return v
}

func (a *phpArray) set(key string, v value) {
	if _, ok := a.m[key]; !ok {
		a.keys = append(a.keys, key)
	}
	a.m[key] = v
	if n, err := strconv.ParseInt(key, 10, 64); err == nil && n >= a.next && n < math.MaxInt64 {
		a.next = n + 1
	}
}

func (a *phpArray) add(v value) { a.set(strconv.FormatInt(a.next, 10), v) }

// copyOf gives a copy that shares nothing that may change: PHP's arrays are
// values, and a merge of two branches needs both.
func (a *phpArray) copyOf() *phpArray {
	c := &phpArray{keys: append([]string(nil), a.keys...), m: make(map[string]value, len(a.m)), next: a.next}
	for k, v := range a.m {
		c.m[k] = v.copyOf()
	}
	return c
}

func (v value) copyOf() value {
	if v.kind == isArray {
		v.arr = v.arr.copyOf()
	}
	return v
}

// text is (string)$v.
func (v value) text() string {
	switch v.kind { //nolint:exhaustive // every other kind is below
	case isBool:
		if v.b {
			return "1"
		}
	case isInt:
		return strconv.FormatInt(v.i, 10)
	case isFloat:
		return strconv.FormatFloat(v.f, 'G', 14, 64)
	case isString:
		return v.s
	case isArray:
		return "Array"
	}
	return ""
}

// truth is (bool)$v.
func (v value) truth() bool {
	switch v.kind { //nolint:exhaustive // every other kind is below
	case isBool:
		return v.b
	case isInt:
		return v.i != 0
	case isFloat:
		return v.f != 0
	case isString:
		return v.s != "" && v.s != "0"
	case isArray:
		return len(v.arr.keys) > 0
	}
	return false
}

// integer is (int)$v.
func (v value) integer() int64 {
	switch v.kind { //nolint:exhaustive // every other kind is below
	case isInt:
		return v.i
	case isFloat:
		return int64(v.f)
	case isString:
		return leadingInt(v.s)
	}
	if v.truth() {
		return 1
	}
	return 0
}

func leadingInt(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\r\v\f")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64)
	return n
}

func (v value) number() (float64, bool) {
	switch v.kind { //nolint:exhaustive // every other kind is below
	case isInt:
		return float64(v.i), true
	case isFloat:
		return v.f, true
	case isString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.s), 64)
		return f, err == nil
	}
	return 0, false
}

// identical is ===.
func identical(a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind { //nolint:exhaustive // every other kind is below
	case isArray:
		if len(a.arr.keys) != len(b.arr.keys) {
			return false
		}
		for i, k := range a.arr.keys {
			if b.arr.keys[i] != k || !identical(a.arr.m[k], b.arr.m[k]) {
				return false
			}
		}
		return true
	case isUnknown:
		return false
	case isFloat:
		return a.f == b.f
	}
	return a.text() == b.text()
}

// loose is == as PHP 8 has it.
func loose(a, b value) bool {
	if a.kind == isNull || b.kind == isNull || a.kind == isBool || b.kind == isBool {
		if a.kind == isString || b.kind == isString {
			if a.kind == isNull || b.kind == isNull {
				return a.text() == b.text()
			}
		}
		return a.truth() == b.truth()
	}
	if a.kind == isArray || b.kind == isArray {
		return identical(a, b)
	}
	x, okx := a.number()
	y, oky := b.number()
	if okx && oky {
		return x == y
	}
	return a.text() == b.text()
}

// singleQuoted gives what a literal in single quotes means.
func singleQuoted(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) && (raw[i+1] == '\\' || raw[i+1] == '\'') {
			i++
		}
		b.WriteByte(raw[i])
	}
	return b.String()
}

var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'e': 27, 'f': '\f', '\\': '\\', '$': '$', '"': '"'}

// doubleQuoted gives what the literal part of a double-quoted string means.
func doubleQuoted(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		if c, ok := simpleEscapes[raw[i+1]]; ok {
			b.WriteByte(c)
			i++
			continue
		}
		n := numericEscape(raw[i+1:], &b)
		if n == 0 {
			b.WriteByte('\\')
		}
		i += n
	}
	return b.String()
}

// numericEscape reads x41, 101 or u{1F600} at the start of s, writes what it
// means and gives its length, 0 if there is none.
func numericEscape(s string, b *strings.Builder) int {
	digits := func(from, most int, set string) int {
		n := from
		for n < len(s) && n-from < most && strings.IndexByte(set, s[n]) >= 0 {
			n++
		}
		return n
	}
	const hexDigits = "0123456789abcdefABCDEF"
	switch {
	case s[0] >= '0' && s[0] <= '7':
		n := digits(0, 3, "01234567")
		c, _ := strconv.ParseUint(s[:n], 8, 16)
		b.WriteByte(byte(c))
		return n
	case s[0] == 'x':
		n := digits(1, 2, hexDigits)
		if n == 1 {
			return 0
		}
		c, _ := strconv.ParseUint(s[1:n], 16, 8)
		b.WriteByte(byte(c))
		return n
	case strings.HasPrefix(s, "u{"):
		n := digits(2, 6, hexDigits)
		if n == 2 || n >= len(s) || s[n] != '}' {
			return 0
		}
		c, _ := strconv.ParseUint(s[2:n], 16, 32)
		b.WriteRune(rune(c))
		return n + 1
	}
	return 0
}
