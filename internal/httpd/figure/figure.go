// Package figure words and draws what staff and customers see alike: moments,
// sizes, how far a run is, how far back a site can go, what a copy leaves out.
// It decides roundings and sentences; it never decides who sees what, and
// knows no pages and no addresses.
package figure

import (
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

// When writes a moment as how long ago it is.
func When(now, t time.Time, zone *time.Location) ui.When {
	if t.IsZero() || t.Unix() <= 0 {
		return ui.When{}
	}
	return ui.When{Words: words.Ago(now, t), Exact: words.Exact(t, zone), Machine: t.In(zone).Format(time.RFC3339)}
}

// Dated writes a moment as its date and time of day.
func Dated(now, t time.Time, zone *time.Location) ui.When {
	w := When(now, t, zone)
	if w.Words != "" {
		w.Words = words.Day(now, t, zone)
	}
	return w
}

// Size writes bytes.
func Size(n int64) ui.Amount { return ui.Amount{Words: words.Bytes(n), Exact: words.ExactBytes(n)} }

// Number writes a count with its noun on hover.
func Number(n int64, one, more string) ui.Amount {
	return ui.Amount{Words: words.Count(n), Exact: words.Many(n, one, more)}
}

// Zone is the zone of this name, UTC where it is not known.
func Zone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	return zone
}

// Kind is the kind's name: "Database".
func Kind(k backup.Kind) string {
	if k == backup.Data {
		return "Data"
	}
	return "Database"
}

// CopyWord is the kind's copy in the middle of a sentence: "database copy".
func CopyWord(k backup.Kind) string { return strings.ToLower(Kind(k)) + " copy" }

// Apart says how a data copy lies to its database copy.
func Apart(skew time.Duration) string {
	switch {
	case skew.Abs() < time.Minute:
		return "at the same time"
	case skew < 0:
		return words.Span(-skew) + " older"
	}
	return words.Span(skew) + " newer"
}
