// Package policy decides which copies of a site are owed, which slot each copy
// serves, and which copies are still kept. It is pure: instants, zones and
// facts come in, decisions go out. It never reads a clock, a database or a
// file (the time zone table of the Go runtime aside), and it deletes nothing.
package policy

import (
	"time"

	"holdfast/internal/backup"
)

// Tier is the name of a rule within its kind, like "daily".
type Tier string

// The tiers of the published policy. A policy may name others.
const (
	Hourly  Tier = "hourly"
	Daily   Tier = "daily"
	Weekly  Tier = "weekly"
	Monthly Tier = "monthly"
)

// TimeOfDay is a wall-clock time in minutes after 00:00.
type TimeOfDay int

// Schedule names wall-clock moments. An empty list restricts nothing: no
// months means every month, and so on. All lists must agree for a slot.
type Schedule struct {
	Months   []time.Month
	Days     []int // of the month, 1 to 31
	Weekdays []time.Weekday
	At       []TimeOfDay // empty: the policy's night
}

// Rule is what one tier of one kind keeps.
type Rule struct {
	Kind     backup.Kind
	Tier     Tier
	Schedule Schedule
	Keep     int // copies, at least 1
}

// Key names a rule within its policy.
type Key struct {
	Kind backup.Kind
	Tier Tier
}

// Key gives the rule's name.
func (r Rule) Key() Key { return Key{r.Kind, r.Tier} }

// Policy is a set of rules. Make one with Default or Parse, or call Validate.
type Policy struct {
	Name  string
	Night TimeOfDay // when rules run that name no time

	// Window is the time after a due instant over which the starts of all
	// sites are spread. It never changes which slots a copy serves.
	Window time.Duration
	// Grace is how long after the window a slot may still be owed before it
	// is late.
	Grace time.Duration

	// KeepReferencedFiles keeps the files that a database copy names for as
	// long as the copy is kept, outside the counts of the data copies.
	KeepReferencedFiles bool

	Rules []Rule

	// Hours are when scheduled runs of the site in question may start: the
	// site's own, and no part of a policy's file. The zero value is at any hour.
	Hours Hours
}

// The window and the grace of a policy that names none.
const (
	DefaultWindow = 90 * time.Minute
	DefaultGrace  = 2 * time.Hour
)

// Of gives the rules of one kind, in the policy's order, with the night
// written into those that name no time.
func (p Policy) Of(kind backup.Kind) []Rule {
	var out []Rule
	for _, r := range p.Rules {
		if r.Kind != kind {
			continue
		}
		if len(r.Schedule.At) == 0 {
			r.Schedule.At = []TimeOfDay{p.Night}
		}
		out = append(out, r)
	}
	return out
}

// Default is the published policy, which every customer is promised.
func Default() Policy {
	first := Schedule{Days: []int{1}}
	return Policy{
		Name:   "published",
		Window: DefaultWindow,
		Grace:  DefaultGrace,

		KeepReferencedFiles: true,
		Rules: []Rule{
			{Kind: backup.Database, Tier: Daily, Keep: 7},
			{Kind: backup.Database, Tier: Weekly, Keep: 5, Schedule: Schedule{Weekdays: []time.Weekday{time.Friday}}},
			{Kind: backup.Database, Tier: Monthly, Keep: 60, Schedule: first},
			{Kind: backup.Data, Tier: Hourly, Keep: 6, Schedule: Schedule{At: []TimeOfDay{0, 4 * 60, 8 * 60, 12 * 60, 16 * 60, 20 * 60}}},
			{Kind: backup.Data, Tier: Daily, Keep: 7},
			{Kind: backup.Data, Tier: Weekly, Keep: 4, Schedule: Schedule{Days: []int{1, 8, 15, 22}}},
			{Kind: backup.Data, Tier: Monthly, Keep: 3, Schedule: first},
		},
	}
}
