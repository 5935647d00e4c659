package catalog

import (
	"slices"
	"time"

	"holdfast/internal/backup"
)

// Seen is what a copy tells of the site's code: the fingerprint of Moodle's
// version, allversionshash and plug-in list. Fingerprints compare within one
// kind only. Empty: unknown.
type Seen struct {
	ID          string
	Kind        backup.Kind
	At          time.Time
	Fingerprint string
	Good        bool
}

// BeforeChange tells whether the newest copy is the first of its kind that saw
// a changed site, and which copies are the nearest ones before the change: the
// good copy of its kind before it, and of the other kind the newest good one
// that is not known to be after the change. All copies are of one site; newest
// may be among them. The first copy ever, and one whose fingerprint is
// unknown, is no change; copies before it whose fingerprint is unknown are
// passed over.
func BeforeChange(all []Seen, newest Seen) (protect []string, changed bool) {
	if newest.Fingerprint == "" {
		return nil, false
	}
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b Seen) int { return a.At.Compare(b.At) })
	earlier := func(c Seen) bool { return c.ID != newest.ID && !c.At.After(newest.At) }
	known := last(sorted, func(c Seen) bool { return earlier(c) && c.Kind == newest.Kind && c.Fingerprint != "" })
	if known == nil || known.Fingerprint == newest.Fingerprint {
		return nil, false
	}
	same := last(sorted, func(c Seen) bool {
		return earlier(c) && c.Kind == newest.Kind && c.Good && !c.At.After(known.At)
	})
	if same != nil {
		protect = append(protect, same.ID)
	}
	others := slices.DeleteFunc(slices.Clone(sorted), func(c Seen) bool { return c.Kind == newest.Kind || c.At.After(newest.At) })
	if other := beforeOther(others, known.At); other != nil {
		protect = append(protect, other.ID)
	}
	return protect, true
}

// beforeOther gives the copy of the other kind to protect, given that kind's
// copies up to the one that saw the change, oldest first, and when the last
// copy without the change was taken.
func beforeOther(others []Seen, unchanged time.Time) *Seen {
	then := last(others, func(c Seen) bool { return !c.At.After(unchanged) && c.Fingerprint != "" })
	best := last(others, func(c Seen) bool { return !c.At.After(unchanged) && c.Good })
	if then == nil {
		return best
	}
	for i := range others {
		c := &others[i]
		if !c.At.After(unchanged) || c.Fingerprint == "" {
			continue
		}
		if c.Fingerprint != then.Fingerprint {
			break // this one has seen the change
		}
		if c.Good {
			best = c
		}
	}
	return best
}

func last(all []Seen, fits func(Seen) bool) *Seen {
	for i := len(all) - 1; i >= 0; i-- {
		if fits(all[i]) {
			return &all[i]
		}
	}
	return nil
}
