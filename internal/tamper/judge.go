package tamper

import (
	"fmt"
	"regexp"
)

// The thresholds, each with its reason. They are low enough for an attack that
// is cut off by the next copy, and high enough that a week of a large site's
// ordinary life raises none of them; the tests hold both.
const (
	// A content never changes. One or two that do are a broken disk, or an
	// upload that was cut off; more between two looks is somebody's work.
	mismatchedRise = 3
	// The first time that everything is read, what went bad over the years is
	// found at once: then only a share of it is an alarm, in percent.
	mismatchedShare = 1
	// Moodle deletes by way of trashdir, but empties that at any moment, so what
	// vanished may have gone the usual way. A quarter of a site within one
	// interval has not: whole years of courses are not purged like that.
	goneLeast = 50
	goneShare = 25 // percent of what was there
	// Nothing but Moodle writes into filedir. A few files are somebody's
	// backups; this many are not.
	foreignRise = 20
	// Of names that are a content's with something added, as an encryptor leaves
	// them, few are enough.
	sealedRise = 5
	// Code changes with its version. A quarter of it without is a deployment of
	// the same version at the best, and worth a look.
	phpLeast = 100
	phpShare = 25 // percent of all PHP files
	// A file named .php without PHP in it: a few come with any release. So many
	// of what changed at once were overwritten with something else.
	strangeLeast = 10
	strangeShare = 10 // percent of what changed
)

// maxEvidence bounds what a verdict lists.
const maxEvidence = 25

// sealedName is a content's name with an ending, the mark of an encryptor.
var sealedName = regexp.MustCompile(`(^|/)[0-9a-f]{40}\.[^/]{1,60}$`)

// Judge holds what a data run saw against what the runs before it saw, the
// oldest first. It raises no alarm over a site's first copy, and measures only
// against looks that raised none, or that a person said are well. After a
// restore of ours files that went and code that changed say nothing; what no
// restore brings, such as wrong contents and foreign names, still does.
func Judge(history []Look, now Look) Verdict {
	if now.Signals.First {
		return Verdict{}
	}
	b := measure(history)
	var v Verdict
	for _, rule := range []func(base, Look) string{wrongContents, vanished, foreign, code, strange} {
		if said := rule(b, now); said != "" {
			v.Alarm = true
			v.Evidence = append(v.Evidence, said)
		}
	}
	if !v.Alarm {
		return Verdict{}
	}
	v.Why = v.Evidence[0]
	for _, e := range now.Signals.Examples {
		if len(v.Evidence) >= maxEvidence {
			break
		}
		v.Evidence = append(v.Evidence, e)
	}
	return v
}

// base is what is usual for the site.
type base struct {
	mismatched  int64 // at the most
	foreign     int64 // at the most
	walked      bool  // one look saw every file
	fingerprint string
}

func measure(history []Look) base {
	var b base
	for _, l := range history {
		b.fingerprint = l.Fingerprint // of the copy before, whatever was thought of it
		if !l.Counts() {
			continue
		}
		b.mismatched = max(b.mismatched, l.Signals.Mismatched)
		b.foreign = max(b.foreign, l.Signals.Foreign)
		b.walked = b.walked || l.Signals.whole()
	}
	return b
}

// whole tells whether every file was looked at.
func (s Signals) whole() bool { return s.First || s.Reading != "" }

func wrongContents(b base, now Look) string {
	s := now.Signals
	rise := s.Mismatched - b.mismatched
	if rise < mismatchedRise || s.whole() && !b.walked && s.Mismatched*100 < s.Checked*mismatchedShare {
		return ""
	}
	return fmt.Sprintf("%d files in filedir hold something else than their names say, of %d that were read; before it were %d at the most.", s.Mismatched, s.Checked, b.mismatched)
}

func vanished(_ base, now Look) string {
	s := now.Signals
	before := s.Contents - s.New + s.Gone
	if now.Restored || s.GoneUntrashed < goneLeast || s.GoneUntrashed*100 < before*goneShare {
		return ""
	}
	return fmt.Sprintf("%d of the %d files in filedir vanished since the copy before, and are not in trashdir.", s.GoneUntrashed, before)
}

func foreign(b base, now Look) string {
	s := now.Signals
	rise := s.Foreign - b.foreign
	sealed := 0
	for _, e := range s.Examples {
		if sealedName.MatchString(e) {
			sealed++
		}
	}
	known := b.walked || !s.whole()     // else all that lay there for years is new to us
	replaced := s.Gone*2 >= rise        // contents went as these came
	looksSealed := sealed >= sealedRise // their names tell
	switch {
	case rise >= sealedRise && looksSealed && (known || replaced):
		return fmt.Sprintf("%d files in filedir have names that Moodle never gives, like those that an encryptor leaves; before it were %d at the most.", s.Foreign, b.foreign)
	case rise >= foreignRise && (known || replaced):
		return fmt.Sprintf("%d files in filedir have names that Moodle never gives; before it were %d at the most.", s.Foreign, b.foreign)
	}
	return ""
}

func code(b base, now Look) string {
	s := now.Signals
	if now.Restored || s.PHPChanged < phpLeast || s.PHPChanged*100 < s.PHPFiles*phpShare {
		return ""
	}
	if b.fingerprint == "" || now.Fingerprint != "" && now.Fingerprint != b.fingerprint {
		return "" // an upgrade, or nothing to tell one by
	}
	return fmt.Sprintf("%d of %d PHP files of the code changed, and neither Moodle's version nor that of a plug-in did.", s.PHPChanged, s.PHPFiles)
}

func strange(_ base, now Look) string {
	s := now.Signals
	if s.PHPStrange < strangeLeast || s.PHPStrange*100 < s.PHPChanged*strangeShare {
		return ""
	}
	return fmt.Sprintf("%d PHP files of the code that changed hold no PHP at all any more.", s.PHPStrange)
}
