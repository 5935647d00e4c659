package catalog

import (
	"time"

	"holdfast/internal/backup"
)

// Seen is what a copy tells of the site's code: the fingerprint of Moodle's
// version, allversionshash and plug-in list. Empty: unknown.
type Seen struct {
	ID          string
	Kind        backup.Kind
	At          time.Time
	Fingerprint string
	Good        bool
}

// BeforeChange tells whether the newest copy is the first of its kind that saw
// a changed site, and which copies are the nearest ones before the change.
func BeforeChange(all []Seen, newest Seen) (protect []string, changed bool) {
	return nil, false
}
