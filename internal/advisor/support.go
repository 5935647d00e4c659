package advisor

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// SupportAsOf is when the dates below were last held against their sources. A
// year later the table says of itself that it is old.
var SupportAsOf = day(2026, 6, 30)

// SupportSource names the pages that the dates come from.
const SupportSource = "moodledev.io/general/releases, php.net/supported-versions, mariadb.org/about, postgresql.org/support/versioning and endoflife.date/mysql"

const (
	tableLife = 365 * 24 * time.Hour
	soon      = 183 * 24 * time.Hour // before its end, a release is named
)

// Release is a line of releases, and the last day of its security support.
type release struct {
	major, minor int
	until        time.Time
	php          [2]float64 // of Moodle: the oldest and the newest PHP that it runs on
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// moodles are the branches of Moodle, the newest first.
var moodles = []release{
	{5, 2, day(2027, 10, 4), [2]float64{8.3, 8.4}},
	{5, 1, day(2027, 4, 19), [2]float64{8.2, 8.4}},
	{5, 0, day(2026, 10, 5), [2]float64{8.2, 8.4}},
	{4, 5, day(2027, 10, 4), [2]float64{8.1, 8.3}},
	{4, 4, day(2025, 12, 8), [2]float64{8.1, 8.3}},
	{4, 3, day(2025, 4, 21), [2]float64{8.0, 8.2}},
	{4, 2, day(2024, 10, 7), [2]float64{8.0, 8.2}},
	{4, 1, day(2025, 12, 8), [2]float64{7.4, 8.1}},
	{4, 0, day(2023, 12, 11), [2]float64{7.3, 8.0}},
	{3, 11, day(2023, 12, 11), [2]float64{7.3, 8.0}},
	{3, 10, day(2022, 5, 9), [2]float64{7.2, 7.4}},
	{3, 9, day(2023, 12, 11), [2]float64{7.2, 7.4}},
}

var phps = []release{
	{major: 8, minor: 5, until: day(2029, 12, 31)},
	{major: 8, minor: 4, until: day(2028, 12, 31)},
	{major: 8, minor: 3, until: day(2027, 12, 31)},
	{major: 8, minor: 2, until: day(2026, 12, 31)},
	{major: 8, minor: 1, until: day(2025, 12, 31)},
	{major: 8, minor: 0, until: day(2023, 11, 26)},
	{major: 7, minor: 4, until: day(2022, 11, 28)},
	{major: 7, minor: 3, until: day(2021, 12, 6)},
	{major: 7, minor: 2, until: day(2020, 11, 30)},
}

// databases are the servers by flavour. Of MariaDB's short-lived lines only
// those are here that hosts have been seen with; MySQL's end is that of its
// extended support.
var databases = map[string][]release{
	"mariadb": {
		{major: 11, minor: 8, until: day(2028, 6, 4)},
		{major: 11, minor: 4, until: day(2029, 5, 29)},
		{major: 11, minor: 2, until: day(2024, 11, 21)},
		{major: 11, minor: 1, until: day(2024, 8, 21)},
		{major: 11, minor: 0, until: day(2024, 6, 6)},
		{major: 10, minor: 11, until: day(2028, 2, 16)},
		{major: 10, minor: 10, until: day(2023, 11, 17)},
		{major: 10, minor: 9, until: day(2023, 8, 22)},
		{major: 10, minor: 8, until: day(2023, 5, 20)},
		{major: 10, minor: 7, until: day(2023, 2, 14)},
		{major: 10, minor: 6, until: day(2026, 7, 6)},
		{major: 10, minor: 5, until: day(2025, 6, 24)},
		{major: 10, minor: 4, until: day(2024, 6, 18)},
		{major: 10, minor: 3, until: day(2023, 5, 25)},
		{major: 10, minor: 2, until: day(2022, 5, 23)},
	},
	"postgres": {
		{major: 18, until: day(2030, 11, 14)},
		{major: 17, until: day(2029, 11, 8)},
		{major: 16, until: day(2028, 11, 9)},
		{major: 15, until: day(2027, 11, 11)},
		{major: 14, until: day(2026, 11, 12)},
		{major: 13, until: day(2025, 11, 13)},
		{major: 12, until: day(2024, 11, 14)},
		{major: 11, until: day(2023, 11, 9)},
		{major: 10, until: day(2022, 11, 10)},
	},
	"mysql": {
		{major: 8, minor: 4, until: day(2032, 4, 30)}, {major: 8, minor: 0, until: day(2026, 4, 30)}, {major: 5, minor: 7, until: day(2023, 10, 31)},
	},
}

// firstNumbers reads the first two numbers of a version: "10.11.6-MariaDB" is
// 10 and 11. A replication prefix that MariaDB sends, "5.5.5-", is not one.
func firstNumbers(version string) (major, minor int, ok bool) {
	at := strings.IndexFunc(version, func(r rune) bool { return r >= '0' && r <= '9' })
	if at < 0 {
		return 0, 0, false
	}
	version = version[at:]
	if rest, cut := strings.CutPrefix(version, "5.5.5-"); cut {
		version = rest
	}
	parts := strings.SplitN(version, ".", 3)
	major, err := strconv.Atoi(leadingDigits(parts[0]))
	if err != nil {
		return 0, 0, false
	}
	if len(parts) > 1 {
		minor, _ = strconv.Atoi(leadingDigits(parts[1])) // none is 0
	}
	return major, minor, true
}

func leadingDigits(s string) string {
	if at := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); at >= 0 {
		return s[:at]
	}
	return s
}

// find gives the line that a version belongs to. older tells that it is older
// than every line of the table, so that its support ended long ago.
func find(table []release, version string) (line release, known, older bool) {
	major, minor, ok := firstNumbers(version)
	if !ok || len(table) == 0 {
		return release{}, false, false
	}
	at := slices.IndexFunc(table, func(r release) bool {
		return r.major == major && (r.minor == minor || major >= 10 && r.minor == 0 && table[0].minor == 0)
	})
	if at >= 0 {
		return table[at], true, false
	}
	last := table[len(table)-1]
	if major < last.major || major == last.major && minor < last.minor {
		return release{major: major, minor: minor}, true, true
	}
	return release{}, false, false
}

// standing is how long a line is still supported at now.
type standing int

const (
	supported standing = iota
	ending
	ended
)

func (r release) at(now time.Time, older bool) standing {
	last := r.until.AddDate(0, 0, 1) // its last day counts
	switch {
	case older, now.After(last):
		return ended
	case last.Sub(now) < soon:
		return ending
	}
	return supported
}

// database is the table of a server's flavour.
func database(flavour string) []release { return databases[flavour] }

// unsupported names what the table does not know.
func (r *Report) unsupported(f Facts, why map[Unjudged]bool) {
	if f.At.IsZero() && f.DataAt.IsZero() {
		return
	}
	say := func(what, version string) {
		why[Unjudged{Support, what + " " + version + " is not in our table of " + SupportAsOf.Format("2 January 2006") + ", so we do not know how long it is supported."}] = true
	}
	if _, known, _ := find(moodles, f.Release); f.Release != "" && !known {
		say("Moodle", short(f.Release))
	}
	if _, known, _ := find(phps, f.PHP); f.PHP != "" && !known {
		say("PHP", short(f.PHP))
	}
	if f.PHP == "" {
		why[Unjudged{Support, "Which PHP the site runs on was not seen."}] = true
	}
	if f.ServerVersion != "" && f.Flavour != "" {
		if _, known, _ := find(database(f.Flavour), f.ServerVersion); !known {
			say(flavourName(f.Flavour), short(f.ServerVersion))
		}
	}
}

// short is the version without its build.
func short(version string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(version), " ")
	if len(word) > 24 {
		word = word[:24]
	}
	return word
}

func flavourName(f string) string {
	return map[string]string{"mariadb": "MariaDB", "mysql": "MySQL", "postgres": "PostgreSQL"}[f]
}
