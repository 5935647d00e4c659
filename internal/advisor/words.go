package advisor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// many is a count with its noun.
func many(n int64, one, more string) string {
	if n == 1 {
		return "One " + one
	}
	return count(n) + " " + more
}

// count writes a number with commas.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// days is a duration in whole days, at least one.
func days(d time.Duration) string {
	n := int64(d / (24 * time.Hour))
	if n <= 1 {
		return "one day"
	}
	return count(n) + " days"
}

// span is a duration in the unit that fits it.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return days(d)
	case d >= 2*time.Hour:
		return count(int64(d/time.Hour)) + " hours"
	case d >= time.Hour:
		return "an hour"
	}
	return count(max(int64(d/time.Minute), 1)) + " minutes"
}

// percent is a share in whole per cent, "100 %" only where nothing is left.
func percent(part, whole int64) string {
	if whole <= 0 {
		return "all"
	}
	n := int(float64(part) / float64(whole) * 100)
	return strconv.Itoa(min(n, 100)) + " %"
}

// size is bytes for people.
func size(n int64) string {
	const step = 1000
	if n < step {
		return count(n) + " B"
	}
	v, unit := float64(n), ""
	for _, u := range []string{"kB", "MB", "GB", "TB", "PB"} {
		if v < step {
			break
		}
		v, unit = v/step, u
	}
	if v < 10 {
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}
