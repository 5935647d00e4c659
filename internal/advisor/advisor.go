// Package advisor holds what is known of a Moodle against what keeps its
// courses safe, and says what is not right yet: what it means for a teacher,
// and the one thing to do. It is pure: facts and the time go in, findings come
// out. It never measures anything, and never calls fine what it was not told:
// what cannot be judged is named, with the reason.
//
// How long releases are supported is a dated table (see support.go) with its
// public sources: moodledev.io/general/releases and
// moodledev.io/general/development/policies/php for Moodle,
// www.php.net/supported-versions.php for PHP, mariadb.org/about/#maintenance-policy
// for MariaDB, www.postgresql.org/support/versioning for PostgreSQL, and
// endoflife.date/mysql for MySQL.
package advisor

import (
	"slices"
	"time"
)

// Severity is how much a finding matters.
type Severity string

// The severities, worst first.
const (
	Urgent  Severity = "urgent"  // something is lost, or open to anybody, while it stays so
	Warning Severity = "warning" // something would be missed on the day it is needed
	Note    Severity = "note"    // worth knowing
)

// Severities are all severities, worst first.
func Severities() []Severity { return []Severity{Urgent, Warning, Note} }

// Rule names a rule, for events, links and tests; it never changes.
type Rule string

// Finding is one thing that is not right yet.
type Finding struct {
	Rule     Rule
	Severity Severity
	Title    string // a few words, as a title
	Says     string // what it means for a teacher, in one or two sentences
	Remedy   string // the one thing to do, a sentence
	// Customer is the same in the words of those whose site it is; nil where it
	// is the hoster's alone to know and to mend.
	Customer *Plain
}

// Plain is a finding without the words of the trade.
type Plain struct{ Title, Says, Remedy string }

// Topic is what a group of rules looks at.
type Topic string

// The topics, in the order in which they are told.
const (
	CourseBackups Topic = "automated course backups"
	Background    Topic = "background tasks"
	Upgrades      Topic = "upgrades and maintenance mode"
	Support       Topic = "how long Moodle, PHP and the database are supported"
	Places        Topic = "where files lie and what copies leave out"
	Content       Topic = "files that courses name"
	Access        Topic = "administrators and the database user"
)

// Topics are all topics, in order.
func Topics() []Topic {
	return []Topic{CourseBackups, Background, Upgrades, Support, Places, Content, Access}
}

// Unjudged is a topic, or a part of one, that the facts do not carry.
type Unjudged struct {
	Topic Topic
	Why   string // a sentence
}

// Report is what was looked at, what was found, and what could not be told.
type Report struct {
	Findings []Finding // worst first
	Looked   []Topic   // that were judged, wholly or in part
	Unjudged []Unjudged
	Rules    int // how many rules were held against the facts
}

// Facts are what is known of a site. Times are zero where nothing is known.
type Facts struct {
	At            time.Time // when the newest copy with facts was taken; zero for none
	Release       string    // of the code, like "4.5.6 (Build: 20250811)"
	Version       string    // of the code, like "2024100706.00"
	DBVersion     string    // that the database says is installed
	Layout        string    // "classic" or "public"
	ReadBy        string    // what read config.php: "php" or "static"
	CodeDir       string    // absolute
	DataRoot      string    // absolute
	AccountRoot   string    // absolute; "" for none
	Flavour       string    // "mariadb", "mysql" or "postgres"
	ServerVersion string
	PHP           string // "" where it is not known

	Moodle     *Moodle     // nil: the agent is too old to say, or has not said yet
	References *References // nil: likewise
	Excluded   []Folder    // of the newest data copy
	DataAt     time.Time   // of the newest data copy; zero for none
	Keep       []string    // exclusions of the policy that this site lifts, like "moodledata/backup"
	Drop       []string    // further folders that it leaves out, like "moodledata/videos"
	// MaintenanceSince is when the oldest of the copies was taken that found
	// the site closed without a break since; zero while it is open.
	MaintenanceSince time.Time
}

// Moodle is what the site's database says of its life.
type Moodle struct {
	Auto           AutoBackup
	CronEnabled    bool
	LastCron       time.Time
	LastTask       time.Time
	UpgradeRunning time.Time // until which Moodle holds the site closed for an upgrade
	TasksFailing   int64
	AdhocWaiting   int64
	Courses        int64
	Users          int64
	Admins         int64
	FileBytes      int64
	BackupBytes    int64
	Rights         []string // of the database user beyond its own database
}

// AutoBackup is how Moodle's own automated course backups are set, and how
// they went.
type AutoBackup struct {
	Active      int // 0 off, 1 on, 2 by hand
	Storage     int // 0 in the course, 1 in a folder, 2 both
	Destination string
	MaxKept     int // 0 means all
	WithFiles   bool
	OK          int64 // courses by their last status
	Failed      int64
	Unfinished  int64
	LastEnd     time.Time
}

// References are the contents that the newest database copy names.
type References struct {
	Hashes   int64
	Missing  int64 // nowhere on the site
	External int64 // in an object store alone
}

// Folder is what a copy left out.
type Folder struct {
	Path         string // like "moodledata/cache"
	Files, Bytes int64
}

// rule is one rule. It is asked only where its facts are known.
type rule struct {
	name  Rule
	topic Topic
	needs needs
	check func(f Facts, now time.Time) *Finding
}

// Look says what is not right yet, worst first.
func Look(f Facts, now time.Time) []Finding { return Examine(f, now).Findings }

// Examine says what was looked at, found, and not to be told.
func Examine(f Facts, now time.Time) Report {
	var r Report
	judged := map[Topic]bool{}
	why := map[Unjudged]bool{}
	for _, x := range rules() {
		if missing := x.needs.missing(f); missing != "" {
			why[Unjudged{x.topic, missing}] = true
			continue
		}
		r.Rules++
		judged[x.topic] = true
		if found := x.check(f, now); found != nil {
			found.Rule = x.name
			r.Findings = append(r.Findings, *found)
		}
	}
	r.unsupported(f, why)
	for _, t := range Topics() {
		if judged[t] {
			r.Looked = append(r.Looked, t)
		}
		var of []Unjudged
		for u := range why {
			if u.Topic == t {
				of = append(of, u)
			}
		}
		slices.SortFunc(of, func(a, b Unjudged) int { return len(a.Why) - len(b.Why) })
		r.Unjudged = append(r.Unjudged, of...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(Severities(), a.Severity) - slices.Index(Severities(), b.Severity)
	})
	return r
}

// needs is which facts a rule stands on.
type needs int

const (
	anything needs = iota // of any copy
	life                  // what the database says of the site's life
	contents              // the references of a database copy
	files                 // a data copy
)

// missing says why a rule cannot be asked; "" where it can.
func (n needs) missing(f Facts) string {
	switch {
	case f.At.IsZero() && f.DataAt.IsZero():
		return "No copy has been taken yet; the first one tells."
	case n == life && f.Moodle == nil:
		return "The newest database copy does not say: it was taken before the host's agent could tell. The next one does, once the agent is up to date."
	case n == contents && f.References == nil:
		return "The newest database copy has no list of the files that it names. The next one has, once the host's agent is up to date."
	case n == files && f.DataAt.IsZero():
		return "No copy of the files has been taken yet; the first one tells."
	}
	return ""
}
