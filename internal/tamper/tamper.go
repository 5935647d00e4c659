// Package tamper tells from what successive data copies of a site saw whether
// somebody destroys it: files of filedir are named by the SHA-1 of their
// content and never change, Moodle deletes by way of trashdir, and code changes
// with its version. It weighs counts alone, knows no file and keeps nothing.
// It never stops a copy: what an alarm means for retention is the caller's
// business.
package tamper

import "time"

// Signals are what one data run counted; the fields are those of the agents'
// protocol, so that one converts to the other.
type Signals struct {
	Reading       string // "" where only folders that changed were looked into
	Checked       int64  // contents of filedir that were read and held against their names
	Mismatched    int64  // whose SHA-1 is not their name
	Contents      int64  // files of filedir
	New           int64  // contents that the copy before had not
	Gone          int64  // contents that the copy before had
	GoneUntrashed int64  // of these, not seen in trashdir
	Foreign       int64  // files in filedir with names that Moodle does not give
	PHPFiles      int64  // *.php of the code tree
	PHPChanged    int64  // new or other than in the copy before
	PHPStrange    int64  // changed ones that hold no PHP at all
	First         bool   // there was no copy before
	Examples      []string
}

// Look is what one data run saw.
type Look struct {
	At          time.Time
	Signals     Signals
	Fingerprint string // of Moodle's version and plug-ins; "" if unknown
	Restored    bool   // a restore of ours changed the site's files since the copy before
	Alarm       bool   // it was judged to be one
	Cleared     bool   // a person looked and said that all is well
}

// Counts tells whether later looks may be measured against this one.
func (l Look) Counts() bool { return !l.Alarm || l.Cleared }

// Verdict is what is to be thought of a look.
type Verdict struct {
	Alarm    bool
	Why      string   // in a sentence; "" without an alarm
	Evidence []string // what speaks for it, a sentence or a path each
}
