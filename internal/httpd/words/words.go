// Package words turns times, sizes and counts into what people read: "9 min
// ago", "41.2 MB", "412,331". It decides how figures are rounded and written,
// and nothing else; it is pure and knows no pages.
package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Count writes a whole number with a comma between thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// Many writes a count with its noun: "1 site", "2 sites".
func Many(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + more
}

// Bytes writes a size in units of 1000, three digits at most: "0 bytes",
// "812 bytes", "41.2 MB". A negative size is nobody's and written as "".
func Bytes(n int64) string {
	if n < 0 {
		return ""
	}
	if n < 1000 {
		return Many(n, "byte", "bytes")
	}
	size, unit := float64(n), -1
	for size >= 999.5 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	form := "%.0f %s"
	if size < 99.95 {
		form = "%.1f %s"
	}
	return strings.Replace(fmt.Sprintf(form, size, units[unit]), ".0 ", " ", 1)
}

var units = []string{"kB", "MB", "GB", "TB", "PB", "EB"}

// ExactBytes writes a size to the byte: "44,238,912,311 bytes".
func ExactBytes(n int64) string {
	if n < 0 {
		return ""
	}
	return Many(n, "byte", "bytes")
}

// Span writes how long something is, in its two largest units at most: "41 s",
// "9 min", "2 h 10 min", "43 h", "12 d". A negative span counts as none.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 10*time.Hour && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 72*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// AtMost is Span rounded up, for promises: 2 h 9 min 1 s is at most 2 h 10 min.
func AtMost(d time.Duration) string {
	unit := time.Second
	switch {
	case d > 72*time.Hour:
		unit = 24 * time.Hour
	case d > 10*time.Hour:
		unit = time.Hour
	case d > time.Minute:
		unit = time.Minute
	}
	if rest := d % unit; rest > 0 {
		d += unit - rest
	}
	return Span(d)
}

// Took writes how long something took, to the second below an hour: "0.4 s",
// "41 s", "2 min 06 s", "1 h 02 min".
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", float64(d/(100*time.Millisecond))/10), ".0 ", " ", 1)
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// Ago writes how t lies to now: "just now", "9 min ago", "in 4 min". A time
// less than five seconds off is now, so that clocks may differ a little.
func Ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d > -5*time.Second && d < 5*time.Second:
		return "just now"
	case d < 0:
		return "in " + Span(-d)
	}
	return Span(d) + " ago"
}

// Exact writes a moment to the second with its zone: "21 Nov 2026 16:00:04 CET".
func Exact(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2 Jan 2006 15:04:05 ") + Zone(t, zone)
}

// Day writes a moment for a list of copies: "21 Nov 16:00", with the year
// where it is not now's: "21 Nov 2025 16:00".
func Day(now, t time.Time, zone *time.Location) string {
	t = t.In(zone)
	if t.Year() == now.In(zone).Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

// Zone names the zone at t as people know it ("CET"), or by its offset where
// it has no letters ("UTC+05:45").
func Zone(t time.Time, zone *time.Location) string {
	name, offset := t.In(zone).Zone()
	if name != "" && unicode.IsLetter(rune(name[0])) {
		return name
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("UTC%c%02d:%02d", sign, offset/3600, offset%3600/60)
}

// List writes a list as a sentence has it: "a", "a and b", "a, b and c".
func List(items ...string) string {
	switch n := len(items); n {
	case 0:
		return ""
	case 1:
		return items[0]
	default:
		return strings.Join(items[:n-1], ", ") + " and " + items[n-1]
	}
}

// Capital makes a sentence begin with a capital letter.
func Capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// Stop ends a sentence with a full stop where it has no end yet.
func Stop(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	if s == "" || strings.ContainsRune(".!?…", lastRune(s)) {
		return s
	}
	return s + "."
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}
